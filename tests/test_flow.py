"""The flow through all doors: payloads go in over HTTP, and stand in a journal, once, in order, for the right citizen."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.errors import PayloadError
from tests.examples_plugin import Example, examples, folders, outcome
from tests.running import (
    ALARM_BUTTON,
    BLID,
    CONTROLLER,
    HWI_DEVICE,
    LUN,
    NAMES,
    RUND,
    SCALE,
    SENSOR,
    STILLE,
    Running,
    Town,
    bound,
    example,
    receipt_of,
    until,
    witness,
)

pytestmark = pytest.mark.usefixtures("faultless")

WEIGHT = example("tenovi", "weight-in-pounds.json")  # of SCALE, which is Rund's
ALARM = example("scaip", "alarm-button-pressed.xml")  # of ALARM_BUTTON, which is Stille's
DOOR = example("ttn", "door-open.json")  # of SENSOR, which is Blid's
DISPENSE = example("vkp", "dispense.json")  # Stille's
FALL = example("vkp", "fall-unanswered.json")


def weight(pounds: str, device: str = SCALE, at: str = "2026-11-20T06:31:15+0000") -> bytes:
    reading = json.loads(WEIGHT) | {"value_1": pounds, "hwi_device_id": device, "timestamp": at, "created": at}
    return json.dumps(reading).encode()


def dispense(number: int, text: str = "Dose hentet ut.", citizen: str = STILLE) -> bytes:
    """A dispense with an id of its own."""
    tree = json.loads(DISPENSE)
    tree["identifier"][0]["value"] = f"urn:uuid:0a31c7e0-7d1f-4f5b-8a10-{number:012}"
    tree["dosageInstruction"][0]["text"] = text
    tree["subject"] = tree["subject"] | {"identifier": tree["subject"]["identifier"] | {"value": citizen}, "display": NAMES[citizen]}
    return json.dumps(tree, ensure_ascii=False).encode()


def fall(number: int) -> bytes:
    return FALL.replace(b"evt-2026-000913", b"evt-2026-%06d" % number)


def pressed(reference: str, controller: str = ALARM_BUTTON) -> bytes:
    return ALARM.replace(b"E0000001", reference.encode()).replace(f"<cid>{ALARM_BUTTON}".encode(), f"<cid>{controller}".encode())


def patients(notes: list[dict[str, Any]]) -> list[str]:
    return [note["patient"] for note in notes]


def marks(notes: list[dict[str, Any]], pattern: str) -> list[str]:
    """What the notes say where the pattern looks, in their order."""
    return [found[1] for note in notes if (found := re.search(pattern, note["text"]))]


# Each format, to the end


def test_a_reading_becomes_one_note_of_the_citizen_in_each_journal_that_a_route_names(town: Town) -> None:
    town.settled("tenovi", WEIGHT)
    assert patients(town.notes("journal")) == patients(town.notes("doctor")) == [RUND]
    assert "80,01 kg" in town.notes()[0]["text"]


def test_a_safety_alarm_becomes_one_note_of_the_citizen_in_the_journal_that_takes_alarms(town: Town) -> None:
    town.settled("scaip", ALARM)
    assert patients(town.notes("journal")) == [STILLE]
    assert town.notes("doctor") == []


def test_an_open_door_becomes_one_note_of_the_citizen(town: Town) -> None:
    town.settled("ttn", DOOR)
    assert patients(town.notes()) == [BLID]


def test_a_dispense_becomes_one_note_of_the_citizen(town: Town) -> None:
    town.settled("vkp", DISPENSE, resource="medicationdispense")
    assert [(note["patient"], note["resource"]) for note in town.notes()] == [(STILLE, "medicationdispense")]


def test_the_national_path_is_read_in_any_case(town: Town) -> None:
    answers = [town.post("vkp", fall(number), resource=resource) for number, resource in enumerate(("bundle", "Bundle", "BUNDLE"))]
    assert {told["status"] for told in town.all_settled(map(receipt_of, answers))} == {"delivered"}
    assert [note["resource"] for note in town.notes()] == ["bundle"] * 3


def test_the_national_path_takes_any_content_type_and_none(town: Town) -> None:
    media = ("text/plain", "text/plain; charset=iso-8859-1", "application/json", None)
    answers = [town.post("vkp", fall(number), content_type=each) for number, each in enumerate(media)]
    assert {told["status"] for told in town.all_settled(map(receipt_of, answers))} == {"delivered"}


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_every_example_ends_as_its_expected_file_says(running: Running, folder: Any) -> None:
    """Receipts tell what was set aside, and the journal holds as many notes as there are documents."""
    found = examples(folder)
    town = running.town(devices_of(found))
    receipts = {one: town.post(folder.name, one.file.read_bytes(), resource=resource_of(one)) for one in found}
    accepted = {one: answer for one, answer in receipts.items() if answer.status_code == 202}
    assert {one for one in found if "refused" not in outcome(one)} == set(accepted)
    told = {one: town.until_settled(receipt_of(answer)) for one, answer in accepted.items()}
    firsts = {one: said for one, said in told.items() if said["status"] != "duplicate"}
    for one, said in firsts.items():
        expected = outcome(one)
        assert [(each["item"], each["reason"], each["remedy"]) for each in said["set_aside"]] == [
            (each["item"], each["reason"], each["remedy"]) for each in expected["problems"]
        ], one
        assert said["counts"]["documents"] == len(expected["documents"]), one
        assert said["receipt"].split(".")[2] == expected["lane"], one
        assert said["counts"]["waiting"] == said["counts"]["parked"] == 0, one
    assert len(town.notes()) == sum(said["counts"]["documents"] for said in firsts.values())


def devices_of(found: list[Example]) -> str:
    """Every device that an example names, bound to one citizen."""
    devices = {event.device for one in found for event in events_of(one) if event.device}
    return "".join(bound(system, value, STILLE) for system, value in sorted({(each.system, each.value) for each in devices}))


def events_of(one: Example) -> Iterator[Any]:
    try:
        items = one.adapter.split(one.file.read_bytes())
    except PayloadError:
        return
    for item in items:
        try:
            yield from one.adapter.decode(item)
        except PayloadError:
            continue


def resource_of(one: Example) -> str:
    """What the national path must name."""
    try:
        return one.adapter.resource(one.adapter.split(one.file.read_bytes())) if one.adapter.resource else "bundle"
    except PayloadError:
        return "bundle"


# What a journal sees


def test_a_national_document_reaches_the_journal_byte_for_byte(running: Running) -> None:
    body = FALL.replace(b'"title": "Journalnotat', '"title": "  \\u00e6 82.50 — Journalnotat'.encode())
    with witness() as (url, seen):
        running.town(journal=url).settled("vkp", body)
    [call] = seen
    assert call.body == body
    assert call.path == "/base/bundle"
    assert call.headers["Content-Type"] == "application/fhir+json"
    assert re.fullmatch("[0-9a-f]{64}", call.headers["Idempotency-Key"])


def test_nothing_about_the_citizen_stands_in_the_address_or_the_headers_of_a_call_to_a_journal(running: Running) -> None:
    with witness() as (url, seen):
        running.town(journal=url).settled("vkp", dispense(1), resource="medicationdispense")
    told = f"{seen[0].path} {seen[0].headers}"
    assert STILLE not in told and "Fjellbekk" not in told


# What a sender is told


def test_the_answer_names_the_receipt_in_body_and_location(home: Town) -> None:
    answer = home.post("tenovi", weight("150.1"))
    assert answer.json() == {"receipt": receipt_of(answer), "status": "received", "location": answer.headers["Location"]}
    assert home.ask(receipt_of(answer), "scales").status_code == 200


def test_the_national_path_answers_with_an_outcome_of_severity_information(home: Town) -> None:
    told = home.post("vkp", dispense(2), resource="medicationdispense")
    [issue] = told.json()["issue"]
    assert told.headers["Content-Type"] == "application/fhir+json"
    assert issue["severity"] == "information" and receipt_of(told) in issue["diagnostics"]


def test_a_receipt_tells_where_each_note_stands_and_counts(town: Town) -> None:
    told = town.settled("tenovi", WEIGHT)
    assert told["status"] == "delivered"
    assert told["counts"] == {"items": 1, "documents": 1, "set_aside": 0, "delivered": 2, "waiting": 0, "parked": 0}
    assert {each["endpoint"]: (each["status"], each["attempts"], each["answer"]) for each in told["parcels"]} == {
        "journal": ("delivered", 1, 201),
        "doctor": ("delivered", 1, 201),
    }


def test_a_receipt_says_received_or_transformed_until_the_journal_has_the_note(town: Town) -> None:
    town.tell_journal("fail")
    receipt = town.sent("scaip", ALARM)
    assert town.told(receipt)["status"] in ("received", "transformed")
    waiting = until(lambda: [one for one in town.told(receipt).get("parcels", []) if one["attempts"]], "a first attempt")
    assert waiting[0]["status"] == "waiting" and "503" in waiting[0]["reason"] and waiting[0]["not_before"]
    town.make_journal_honest()
    assert town.until_settled(receipt)["status"] == "delivered"


def test_a_heartbeat_that_leaves_no_note_is_delivered_too(town: Town) -> None:
    told = town.settled("scaip", example("scaip", "heartbeat.xml"))
    assert (told["status"], told["counts"]["documents"], town.notes()) == ("delivered", 0, [])


def test_a_receipt_is_told_to_its_sender_only(home: Town, neighbour: Town) -> None:
    receipt = home.sent("tenovi", weight("150.2"))
    assert home.ask(receipt, "scales").status_code == 200
    assert home.ask(receipt, "sensors").status_code == 404  # another sender of the same municipality
    assert home.ask(receipt).status_code == 401
    assert neighbour.ask(receipt, "scales").status_code == 401  # the same supplier, in another municipality
    assert home.hub.get(f"/api/v1/receipts/{receipt}", {"X-Scales-Secret": "guessed"}).status_code == 401


@pytest.mark.parametrize(
    "name", ["{orgnr}.scales.routine.999999.0", "{orgnr}.scales.routine.0.999", "{orgnr}.scales.alarm.0.0", "nonsense"]
)
def test_a_receipt_that_never_was_is_not_found(home: Town, name: str) -> None:
    home.sent("tenovi", weight("150.3"))
    assert home.ask(name.format(orgnr=home.orgnr), "scales").status_code == 404


# Duplicates and corrections


def test_the_same_payload_again_is_accepted_and_recognised(town: Town) -> None:
    first = town.sent("vkp", dispense(3), resource="medicationdispense")
    town.until_settled(first)
    again = town.settled("vkp", dispense(3), resource="medicationdispense")
    assert (again["status"], again["first"]) == ("duplicate", first)
    assert len(town.notes()) == 1


def test_a_payload_without_an_id_is_known_by_its_bytes(town: Town) -> None:
    assert town.settled("tenovi", WEIGHT)["status"] == "delivered"
    assert town.settled("tenovi", WEIGHT)["status"] == "duplicate"
    assert town.settled("tenovi", WEIGHT + b" ")["status"] == "delivered"


def test_the_same_id_with_another_body_is_delivered_and_told_as_a_correction(town: Town) -> None:
    first = town.sent("vkp", dispense(4, "Dose kl. 08"), resource="medicationdispense")
    town.until_settled(first)
    second = town.settled("vkp", dispense(4, "Dose kl. 20"), resource="medicationdispense")
    assert (second["status"], second["corrects"]) == ("delivered", first)
    assert marks(town.notes(), r"Dose kl\. (\d+)") == ["08", "20"]


def test_a_correction_that_comes_twice_is_a_duplicate_of_the_correction(town: Town) -> None:
    town.settled("vkp", dispense(5, "Dose kl. 08"), resource="medicationdispense")
    second = town.settled("vkp", dispense(5, "Dose kl. 20"), resource="medicationdispense")
    third = town.settled("vkp", dispense(5, "Dose kl. 20"), resource="medicationdispense")
    assert (third["status"], third["first"]) == ("duplicate", second["receipt"])
    assert len(town.notes()) == 2


def test_the_same_id_from_another_sender_or_in_another_municipality_is_another_message(town: Town, running: Running) -> None:
    other = running.town()
    ends = [town.settled("vkp", dispense(6), sender, "medicationdispense")["status"] for sender in ("dispensers", "centre")]
    ends.append(other.settled("vkp", dispense(6), resource="medicationdispense")["status"])
    assert ends == ["delivered", "delivered", "delivered"]


def test_three_hundred_copies_at_once_are_one_note(town: Town) -> None:
    body = dispense(7)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: town.post("vkp", body, resource="medicationdispense"), range(300)))
    assert {answer.status_code for answer in answers} == {202}
    told = town.all_settled(map(receipt_of, answers))
    firsts = [each["receipt"] for each in told if each["status"] == "delivered"]
    assert len(firsts) == 1 and {each["first"] for each in told if each["status"] == "duplicate"} == set(firsts)
    assert [note["copies"] for note in town.notes()] == [1]


# What is not understood


def test_a_bad_item_is_set_aside_and_its_neighbours_are_delivered(town: Town) -> None:
    readings = [json.loads(weight(pounds)) for pounds in ("151.0", "152.0", "153.0")]
    readings[1]["metric"] = "steps"
    told = town.settled("tenovi", json.dumps(readings).encode())
    assert told["status"] == "set aside"
    assert [(each["item"], each["reason"].split(":")[0]) for each in told["set_aside"]] == [(1, "$[1].metric")]
    assert told["counts"] == {"items": 3, "documents": 2, "set_aside": 1, "delivered": 4, "waiting": 0, "parked": 0}
    assert marks(town.notes(), r"som (\d+) lb") == ["151", "153"]


def test_a_device_that_nobody_has_is_set_aside_with_a_remedy(town: Town) -> None:
    told = town.settled("tenovi", weight("154.0", device="nobody-has-it"))
    [problem] = told["set_aside"]
    assert told["status"] == "set aside" and "no citizen" in problem["reason"] and "register" in problem["remedy"]
    assert town.notes() == []


def test_an_alarm_of_a_device_that_nobody_has_is_raised_to_a_human(town: Town) -> None:
    receipt = town.settled("scaip", pressed("E0000002", "4799999999"))["receipt"]
    raised = until(lambda: [line for line in town.hub.log().splitlines() if receipt in line and "set aside" in line], "the alarm's line")
    assert len(raised) == 1 and " ERROR " in raised[0]


def test_a_reading_goes_to_whoever_had_the_device_then(running: Running) -> None:
    noon = "2026-06-15T12:00:00+02:00"
    town = running.town(bound(HWI_DEVICE, SCALE, RUND, until=noon) + bound(HWI_DEVICE, SCALE, BLID, since=noon))
    stream = [weight("161.0", at="2026-06-15T11:59:59+0200"), weight("162.0", at="2026-06-15T10:00:00+0000")]
    stream += [weight("163.0", at="2026-06-15T09:59:59+0000"), weight("164.0", at="2023-12-31T00:00:00+0100")]
    told = [town.settled("tenovi", body)["status"] for body in stream]
    assert told == ["delivered", "delivered", "delivered", "set aside"]  # the last: nobody had it then
    assert patients(town.notes()) == [RUND, BLID, RUND]


def test_one_payload_with_readings_of_two_citizens_reaches_both(running: Running) -> None:
    town = running.town(bound(HWI_DEVICE, "one", RUND) + bound(HWI_DEVICE, "two", LUN))
    town.settled("tenovi", json.dumps([json.loads(weight("165.0", "one")), json.loads(weight("166.0", "two"))]).encode())
    assert {note["patient"]: marks([note], r"som (\d+) lb") for note in town.notes()} == {RUND: ["165"], LUN: ["166"]}


# Lanes and order


def test_an_alarm_and_a_reading_go_by_lanes_of_their_own(home: Town) -> None:
    alarm, reading = home.settled("scaip", pressed("E0000003")), home.settled("tenovi", weight("167.0"))
    assert [each["receipt"].split(".")[2] for each in (alarm, reading)] == ["alarm", "routine"]
    assert {one["parcel"].split("~")[2] for each in (alarm, reading) for one in each["parcels"]} == {"alarm", "routine"}


def test_an_alarm_overtakes_the_same_citizens_routine_message_that_the_journal_keeps_waiting(running: Running) -> None:
    town = running.town(bound(CONTROLLER, ALARM_BUTTON, STILLE) + bound(HWI_DEVICE, SCALE, STILLE))
    town.tell_journal("stall", delay=15.0, calls=1)  # the hub waits 10 s for an answer
    reading = town.sent("tenovi", weight("168.0"))
    until(lambda: town.told(reading).get("parcels"), "the reading is on its way to the journal")
    until(lambda: sum(one["status"] == "delivered" for one in town.told(reading)["parcels"]) == 1, "the doctor has the reading")
    town.settled("scaip", pressed("E0000004"))
    assert town.told(reading)["counts"]["waiting"] == 1
    assert ["Trygghetsalarm" in note["text"] for note in town.notes()] == [True]


def test_thirty_readings_sent_one_after_another_arrive_in_that_order(town: Town) -> None:
    sent = [str(200 + number) for number in range(30)]
    town.all_settled([town.sent("tenovi", weight(f"{pounds}.0")) for pounds in sent])
    assert marks(town.notes("journal"), r"som (\d+) lb") == sent
    assert marks(town.notes("doctor"), r"som (\d+) lb") == sent


def test_a_reading_that_waits_to_be_tried_again_is_not_overtaken_by_the_citizens_next_ones(town: Town) -> None:
    town.tell_journal("fail", retry_after=600, calls=1)  # the hub makes that a second here
    first = town.sent("tenovi", b"[" + weight("240.0") + b"," + weight("241.0") + b"]")
    until(lambda: any(one.get("not_before") for one in town.told(first).get("parcels", [])), "the first has failed once")
    rest = [town.sent("tenovi", weight(f"{pounds}.0")) for pounds in (242, 243)]
    told = town.all_settled([first, *rest])
    assert [each["status"] for each in told] == ["delivered"] * 3
    assert marks(town.notes(), r"som (\d+) lb") == ["240", "241", "242", "243"]


# Journals that misbehave


def test_a_journal_that_fails_and_recovers_gets_the_note_once(town: Town) -> None:
    town.tell_journal("fail", status=503, calls=3)
    told = town.settled("scaip", ALARM)
    assert told["status"] == "delivered" and told["parcels"][0]["attempts"] == 4
    assert [note["copies"] for note in town.notes()] == [1]


def test_a_journal_that_refuses_parks_the_note_and_the_citizens_next_one_goes(town: Town) -> None:
    town.tell_journal("refuse", status=422, calls=1)
    refused, taken = (town.sent("scaip", pressed(reference)) for reference in ("E0000005", "E0000006"))
    told = town.until_settled(refused)
    assert told["status"] == "parked" and told["counts"]["parked"] == 1
    assert "422" in told["parcels"][0]["reason"]
    assert town.until_settled(taken)["status"] == "delivered" and len(town.notes()) == 1


def test_a_parked_alarm_is_raised_to_a_human(town: Town) -> None:
    town.tell_journal("refuse", calls=1)
    line = town.settled("scaip", ALARM)["parcels"][0]["parcel"].rpartition(".")[0]
    assert [one for one in town.hub.log().splitlines() if " ERROR " in one and '"parked"' in one and line in one]


def test_a_journal_that_stores_and_cuts_the_connection_has_the_note_once(town: Town) -> None:
    town.tell_journal("cut-after", calls=2)
    told = town.settled("scaip", ALARM)
    assert told["status"] == "delivered" and told["parcels"][0]["attempts"] == 3
    assert [note["copies"] for note in town.notes()] == [3]


def test_a_journal_that_says_200_and_means_no_parks_the_note(town: Town) -> None:
    town.tell_journal("outcome", calls=1)
    told = town.settled("scaip", ALARM)
    assert told["status"] == "parked" and "OperationOutcome" in told["parcels"][0]["reason"]
    assert town.notes() == []


def test_one_journal_that_fails_does_not_keep_the_other_from_its_note(town: Town) -> None:
    town.tell_journal("fail")
    receipt = town.sent("tenovi", WEIGHT)
    until(lambda: town.notes("doctor"), "the doctor's note")
    assert town.notes("journal") == []
    town.make_journal_honest()
    assert town.until_settled(receipt)["status"] == "delivered"


# How senders prove themselves, and what they expect to hear


def test_scaip_is_answered_with_status_0_and_its_own_reference(home: Town) -> None:
    answer = home.post("scaip", pressed("E0000007"))
    assert answer.status_code == 202 and answer.headers["Content-Type"].startswith("application/scaip+xml")
    assert "<ref>E0000007</ref><snu>0</snu>" in answer.text
    assert home.ask(receipt_of(answer), "bridge").status_code == 200


def test_a_repeated_scaip_request_is_answered_like_the_first(home: Town) -> None:
    first, again = (home.post("scaip", pressed("E0000008")) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)


@pytest.mark.parametrize("secret", ["TEST_DISPENSERS", "TEST_DISPENSERS_NEXT"])
def test_both_secrets_count_while_one_is_being_changed(home: Town, secret: str) -> None:
    body = dispense(8)
    headers = {name.replace("-", "_"): value for name, value in home.proof("dispensers", body, secret).items()}
    receipt = receipt_of(home.post("vkp", body, resource="medicationdispense", **headers))
    path = f"/api/v1/receipts/{receipt}"
    assert home.hub.get(path, home.proof("dispensers", path.encode(), secret)).status_code == 200


def test_every_scheme_opens_the_door(home: Town) -> None:
    posts = [home.post("scaip", pressed("E0000009")), home.post("tenovi", weight("169.0")), home.post("vkp", FALL, "centre")]
    posts.append(home.post("ttn", DOOR.replace(b'"f_cnt": 12', b'"f_cnt": 13').replace(b"dor-1", SENSOR.lower().encode())))
    assert [answer.status_code for answer in posts] == [202, 202, 202, 202]


# Is it there at all


def test_the_hub_says_that_it_is_alive_and_ready(running: Running, home: Town) -> None:
    assert running.get("/api/health").json() == {"status": "alive"}
    ready = running.get("/api/health/ready")
    assert ready.status_code == 200 and ready.json()["status"] == "ready" and ready.json()["municipalities"] >= 1
