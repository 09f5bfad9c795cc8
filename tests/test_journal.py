"""The sandbox journal, from outside: what it answers to pushes, what its pages say, how it misbehaves when told to."""

import asyncio
import copy
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.journal import SandboxJournal
from local.journal.behaviour import MODES
from local.journal.store import tree
from shared.fhir.told.bokmal import told
from shared.fhir.told.codes import Codes, Concept, national
from shared.fhir.told.prose import Block, blocks
from shared.fhir.told.telling import note

ROOT = Path(__file__).parents[1]
EHELSE = "http://ehelse.no/fhir/CodeSystem"
FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
STILLE = {"identifier": {"system": FNR, "value": "14834812097"}, "display": "Stille Fjellbekk"}
RUND = {"identifier": {"system": FNR, "value": "01815050130"}, "display": "Rund Myrstein"}
RASK = {"identifier": {"system": FNR, "value": "03918521002"}, "display": "Rask Granskog"}

CODES = Codes(
    {
        (f"{EHELSE}/vkp-alert-code-v090", "1.1"): Concept(
            "1.1", "Ikke utlevert", "Medisin ikke utlevert: Medisinen ble ikke utlevert til planlagt tid"
        ),
        (f"{EHELSE}/vkp-alert-code-v090", "3"): Concept("3", "Trygghetsalarm", "Varsler fra trygghetsalarm"),
        (f"{EHELSE}/vkp-medicationdispense-events-v090", "1.1"): Concept("1.1", "medisin utlevert uassistert", ""),
        (f"{EHELSE}/vkp-encounter-mode-v090", "0"): Concept("0", "bildetilsyn anonymisert", ""),
        (f"{EHELSE}/vkp-encounter-reason-v090", "1"): Concept("1", "planlagt tilsyn", ""),
        (f"{EHELSE}/vkp-composition-event-v090", "0"): Concept("0", "hendelse meldt", ""),
        (f"{EHELSE}/vkp-composition-event-v090", "3"): Concept("3", "hendelse kvittert", ""),
    }
)


def coded(table: str, code: str, **more: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{EHELSE}/vkp-{table}-v090", "code": code}], **more}


def dispense(patient: Any = STILLE) -> dict[str, Any]:
    return {
        "resourceType": "MedicationDispense",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:5e0c1a52-7d1f-4f5b-8a10-000000000001"}],
        "status": "completed",
        "category": coded("medicationdispense-events", "1.1"),
        "medicationCodeableConcept": {"text": "Multidose, kl. 08"},
        "subject": patient,
        "performer": [{"actor": {"identifier": {"system": "https://d.example/serial", "value": "DX-000117"}, "display": "Model X"}}],
        "whenHandedOver": "2026-03-02T08:03:11+01:00",
        "dosageInstruction": [{"text": "Dose kl. 08.00 hentet ut."}],
    }


def document(identifier: str, *resources: dict[str, Any]) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": resource} for number, resource in enumerate(resources)]
    return {"resourceType": "Bundle", "identifier": {"system": "https://vft.example.no", "value": identifier}, "entry": entries}


def composition(div: str = "<div>Falt på badet.</div>") -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "status": "final",
        "subject": STILLE,
        "date": "2026-03-02T22:18:15+01:00",
        "author": [RASK],
        "title": "Journalnotat for respons på hendelse",
        "event": [
            {"code": [coded("composition-event", "0")], "period": {"start": "2026-03-02T22:04:10+01:00"}},
            {"code": [coded("composition-event", "3", text="op-17")], "period": {"start": "2026-03-03T00:18:00+01:00"}},
        ],
        "section": [{"title": "Oppfølging", "text": {"status": "additional", "div": div}}],
    }


def alarm(alert: str = "3", /, **more: Any) -> dict[str, Any]:
    issue = {
        "resourceType": "DetectedIssue",
        "code": coded("alert-code", alert, text="Trygghetsalarm utløst"),
        "patient": STILLE,
        "identifiedDateTime": "2026-03-02T22:04:10+01:00",
        "severity": "high",
        "author": {"reference": "urn:uuid:2"},
        **more,
    }
    device = {"resourceType": "Device", "identifier": [{"value": ""}, {"value": "TX-88-0042"}], "deviceName": [{"name": "Pendant P2"}]}
    return document("alarm-1", composition(), issue, device)


def supervision() -> dict[str, Any]:
    camera = {"type": "Device", "identifier": {"value": "RC-0098"}, "display": "Romsensor RC"}
    mode = [coded("encounter-mode", "0")]
    return {
        "resourceType": "Encounter",
        "class": {"code": "VR"},
        "subject": STILLE,
        "participant": [{"type": mode, "individual": camera}, {"type": mode, "individual": RASK}],
        "period": {"start": "2026-03-03T02:30:00+01:00", "end": "2026-03-03T02:31:00+01:00"},
        "reasonCode": [coded("encounter-reason", "1")],
        "location": [{"location": {"display": "rom 24 @ Eksempelheimen"}}],
    }


def observation(loinc: str, **value: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": loinc}]}
    return {"resourceType": "Observation", "code": code, "subject": STILLE, "effectiveDateTime": "2026-03-02T06:55:00Z", **value}


def blood_pressure() -> dict[str, Any]:
    parts = [observation("8462-4", valueQuantity={"value": 96}), observation("8480-6", valueQuantity={"value": 172})]
    return observation("85354-9", component=[{"code": part["code"], "valueQuantity": part["valueQuantity"]} for part in parts])


def answers() -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "_questionnaire": {"extension": [{"valueString": "Daglige spørsmål, kols"}]},
        "subject": STILLE,
        "authored": "2026-03-02T07:50:00+01:00",
        "item": [
            {"text": "Er du mer tungpustet?", "answer": [{"valueString": "Ja, litt"}]},
            {"text": "Feber?", "answer": [{"valueBoolean": False}]},
        ],
    }


def message() -> dict[str, Any]:
    return {
        "resourceType": "Communication",
        "status": "completed",
        "topic": {"text": "nytt batteri"},
        "subject": STILLE,
        "sent": "2026-03-02T10:00:00+01:00",
        "sender": RASK,
        "payload": [{"contentString": "Batteriet i alarmen er byttet."}, {"contentString": "Prøvd, virker."}],
        "note": [{"text": "Ring ved spørsmål."}],
    }


def everything() -> dict[str, Any]:
    parts = (dispense(), supervision(), blood_pressure(), answers(), message())
    return document("alt", composition(), *(each["resource"] for each in alarm()["entry"][1:]), *parts)


class Play:
    """A running journal and someone who calls it."""

    def __init__(self, journal: SandboxJournal, http: aiohttp.ClientSession) -> None:
        self.journal = journal
        self.http = http

    async def push(self, document: Any, key: str | None = "k1", endpoint: str = "gerica", resource: str = "") -> aiohttp.ClientResponse:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        path = resource or (document["resourceType"].lower() if isinstance(document, dict) else "bundle")
        headers = {"Content-Type": "application/fhir+json"} | ({"Idempotency-Key": key} if key is not None else {})
        async with self.http.post(f"{self.journal.url}/{endpoint}/{path}", data=body, headers=headers) as answer:
            await answer.read()
            return answer

    async def page(self, path: str) -> str:
        async with self.http.get(self.journal.url + path) as answer:
            return await answer.text()

    async def json(self, path: str, method: str = "GET", body: Any = None) -> Any:
        async with self.http.request(method, f"{self.journal.url}/_sandbox/{path}", json=body) as answer:
            return await answer.json() if answer.content_length else None

    async def tell(self, endpoint: str = "gerica", **command: Any) -> Any:
        return await self.json(f"{endpoint}/behaviour", "PUT", command)

    async def stored(self, endpoint: str = "gerica") -> int:
        return len(await self.json(f"{endpoint}/arrivals"))


Story = Callable[[Play], Awaitable[None]]


def played(story: Story) -> Callable[[], None]:
    """A test that has a journal of its own."""

    def test() -> None:
        asyncio.run(_play(story))

    test.__name__ = story.__name__
    return test


async def _play(story: Story) -> None:
    journal = SandboxJournal(CODES)
    await journal.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            await story(Play(journal, http))
    finally:
        await journal.stop()


# --- pushes


@played
async def test_a_new_document_is_created_and_has_an_address(play: Play) -> None:
    answer = await play.push(dispense())
    assert (answer.status, answer.headers["Location"], answer.content_length) == (201, "/gerica/notes/1", 0)


@played
async def test_the_same_key_again_answers_as_the_first_and_stores_nothing(play: Play) -> None:
    first, again = await play.push(dispense()), await play.push(dispense())
    assert (again.status, again.headers["Location"]) == (200, first.headers["Location"])
    assert await play.stored() == 1


@played
async def test_every_copy_is_counted(play: Play) -> None:
    for _ in range(3):
        await play.push(dispense())
    assert [each["copies"] for each in await play.json("gerica/notes")] == [3]


@played
async def test_two_endpoints_know_nothing_of_each_other(play: Play) -> None:
    await play.push(dispense(), endpoint="gerica")
    assert (await play.push(dispense(), endpoint="profil")).status == 201


@played
async def test_a_push_without_a_key_is_refused(play: Play) -> None:
    answer = await play.push(dispense(), key=None)
    assert (answer.status, answer.content_type) == (400, "application/fhir+json")


@played
async def test_a_key_of_more_than_128_characters_is_refused(play: Play) -> None:
    assert (await play.push(dispense(), key="k" * 129)).status == 400


@played
async def test_what_is_not_fhir_is_refused_and_nothing_of_it_is_read_back(play: Play) -> None:
    for body in (b"secret", b"[]", b'{"resourceType":"Secret"}', b'{"resourceType":["Bundle"]}', b"\xff", b"", b"[" * 5000):
        async with play.http.post(f"{play.journal.url}/gerica/bundle", data=body, headers={"Idempotency-Key": "k"}) as answer:
            outcome = await answer.json(content_type=None)
            assert (answer.status, outcome["resourceType"]) == (400, "OperationOutcome")
            assert "ecret" not in json.dumps(outcome)
    assert await play.stored() == 0


@played
async def test_a_resource_that_the_contract_does_not_know_is_not_found(play: Play) -> None:
    assert (await play.push(dispense(), resource="patient")).status == 404


@played
async def test_arrivals_stand_in_the_order_in_which_they_came(play: Play) -> None:
    for number, patient in enumerate([STILLE, RUND, STILLE]):
        await play.push(dispense(patient), key=f"k{number}")
    arrivals = await play.json("gerica/arrivals")
    assert [(each["number"], each["key"], each["patient"]) for each in arrivals] == [
        (1, "k0", "14834812097"),
        (2, "k1", "01815050130"),
        (3, "k2", "14834812097"),
    ]


@played
async def test_a_note_for_scripts_says_all_that_a_test_asks(play: Play) -> None:
    await play.push(alarm(), key="k7")
    [told] = await play.json("gerica/notes")
    assert {**told, "arrived_at": 0, "text": ""} == {
        "number": 1,
        "key": "k7",
        "patient": "14834812097",
        "patient_name": "Stille Fjellbekk",
        "arrived_at": 0,
        "resource": "bundle",
        "copies": 1,
        "identifier": "https://vft.example.no|alarm-1",
        "replaced": False,
        "text": "",
    }
    assert time.time() - told["arrived_at"] < 60
    assert "Falt på badet." in told["text"]


@played
async def test_notes_can_be_read_from_a_number_on(play: Play) -> None:
    for number in range(3):
        await play.push(dispense(), key=f"k{number}")
    assert [each["key"] for each in await play.json("gerica/notes?after=2")] == ["k2"]


@played
async def test_a_note_that_a_later_one_corrects_says_so(play: Play) -> None:
    for key in ("k1", "k2"):
        await play.push(alarm(), key=key)
    assert [told["replaced"] for told in await play.json("gerica/notes")] == [True, False]


def test_with_a_credential_only_who_shows_it_may_push_and_look_up() -> None:
    async def story() -> None:
        journal = SandboxJournal(CODES, credential=("X-Key", "right"))
        await journal.start()
        try:
            for key, statuses in (("", [401, 401, 401, 200]), ("wrong", [401, 401, 401, 200]), ("right", [400, 400, 410, 200])):
                async with aiohttp.ClientSession(headers={"X-Key": key}) as http:
                    paths = (("POST", "/gerica/bundle"), ("POST", "/gerica/fhir/Slide/_search"), ("GET", "/gerica/fhir"), ("GET", "/"))
                    assert [(await http.request(method, f"{journal.url}{path}")).status for method, path in paths] == statuses
        finally:
            await journal.stop()

    asyncio.run(story())


@played
async def test_emptying_forgets_notes_and_keys(play: Play) -> None:
    await play.push(dispense())
    await play.json("gerica", "DELETE")
    assert await play.stored() == 0
    assert (await play.push(dispense())).status == 201


@played
async def test_statistics_count_what_became_of_each_push(play: Play) -> None:
    await play.push(dispense())
    await play.push(dispense())
    await play.push(dispense(), key=None)
    await play.tell(mode="refuse", calls=1)
    await play.push(dispense(), key="k2")
    counts = (await play.json("stats"))["gerica"]
    assert {name: counts[name] for name in ("received", "stored", "duplicates", "invalid", "refused", "in_flight")} == {
        "received": 4,
        "stored": 1,
        "duplicates": 1,
        "invalid": 1,
        "refused": 1,
        "in_flight": 0,
    }


@played
async def test_statistics_know_how_many_calls_were_in_flight_at_once(play: Play) -> None:
    await play.tell(mode="stall", delay=0.1)
    await asyncio.gather(*(play.push(dispense(), key=f"k{number}") for number in range(3)))
    assert (await play.json("stats"))["gerica"]["in_flight_most"] == 3


# --- misbehaviour


@played
async def test_told_to_fail_it_fails_as_often_as_told_and_stores_nothing(play: Play) -> None:
    await play.tell(mode="fail", status=502, retry_after=7, calls=2)
    answers = [await play.push(dispense()) for _ in range(3)]
    assert [answer.status for answer in answers] == [502, 502, 201]
    assert answers[0].headers["Retry-After"] == "7"
    assert (await play.json("gerica/notes"))[0]["copies"] == 1


@played
async def test_a_behaviour_in_seconds_ends_by_itself(play: Play) -> None:
    await play.tell(mode="fail", seconds=0.1)
    assert (await play.push(dispense())).status == 503
    await asyncio.sleep(0.12)
    assert (await play.push(dispense())).status == 201


@played
async def test_without_calls_or_seconds_it_lasts_until_told_otherwise(play: Play) -> None:
    await play.tell(mode="fail")
    assert [(await play.push(dispense())).status for _ in range(3)] == [503] * 3
    await play.json("gerica/behaviour", "DELETE")
    assert (await play.push(dispense())).status == 201


@played
async def test_a_star_means_every_endpoint_but_its_own_word_comes_first(play: Play) -> None:
    await play.tell("*", mode="fail", status=500)
    await play.tell("gerica", mode="refuse", calls=1)
    assert [(await play.push(dispense(), endpoint=name)).status for name in ("gerica", "gerica", "profil")] == [422, 500, 500]


@played
async def test_what_is_left_of_a_behaviour_is_shown(play: Play) -> None:
    await play.tell(mode="fail", calls=2)
    await play.push(dispense())
    shown = await play.json("gerica/behaviour")
    assert (shown["mode"], shown["status"], shown["calls_left"]) == ("fail", 503, 1)
    await play.push(dispense())
    assert await play.json("gerica/behaviour") == {"mode": "honest"}


@played
async def test_cut_off_before_storing_the_caller_hears_nothing_and_nothing_is_kept(play: Play) -> None:
    await play.tell(mode="cut", calls=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await play.push(dispense())
    assert await play.stored() == 0


@played
async def test_cut_off_after_storing_the_caller_hears_nothing_and_the_retry_is_a_copy(play: Play) -> None:
    await play.tell(mode="cut-after", calls=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await play.push(dispense())
    assert (await play.push(dispense())).status == 200
    assert await play.stored() == 1


@played
async def test_failing_after_storing_leaves_one_effect_after_the_retry(play: Play) -> None:
    await play.tell(mode="fail-after", calls=1)
    assert [(await play.push(dispense())).status for _ in range(2)] == [500, 200]
    assert await play.stored() == 1


@played
async def test_stalling_answers_normally_in_the_end(play: Play) -> None:
    await play.tell(mode="stall", delay=0.1, calls=1)
    began = time.monotonic()
    assert (await play.push(dispense())).status == 201
    assert time.monotonic() - began >= 0.1


@played
async def test_answering_late_it_has_stored_at_once(play: Play) -> None:
    await play.tell(mode="late", delay=0.2)
    push = asyncio.create_task(play.push(dispense()))
    while not await play.stored():
        assert not push.done()
        await asyncio.sleep(0.01)
    assert (await push).status == 201


@played
async def test_dripping_it_answers_a_byte_at_a_time(play: Play) -> None:
    await play.tell(mode="drip", delay=0.002)
    answer = await play.push(dispense())
    assert (answer.status, answer.headers["Location"]) == (201, "/gerica/notes/1")


@played
async def test_garbage_is_a_web_page_where_an_answer_is_due(play: Play) -> None:
    await play.tell(mode="garbage")
    answer = await play.push(dispense())
    assert (answer.status, answer.content_type) == (200, "text/html")


@played
async def test_an_outcome_is_a_no_with_status_200(play: Play) -> None:
    await play.tell(mode="outcome")
    async with play.http.post(f"{play.journal.url}/gerica/bundle", json=alarm(), headers={"Idempotency-Key": "k"}) as answer:
        said = await answer.json(content_type=None)
        assert (answer.status, said["issue"][0]["severity"]) == (200, "error")
    assert await play.stored() == 0


@played
async def test_a_forgetful_journal_stores_every_copy(play: Play) -> None:
    await play.tell(mode="forget")
    assert [(await play.push(dispense())).status for _ in range(2)] == [201, 201]
    assert await play.stored() == 2


BAD_COMMANDS = [
    ([], "object"),
    ({}, "mode must be one of"),
    ({"mode": "sulk"}, "mode must be one of"),
    ({"mode": "fail", "status": 200}, "status must be a whole number from 300 to 599"),
    ({"mode": "fail", "status": "503"}, "status must be"),
    ({"mode": "fail", "calls": 0}, "calls must be"),
    ({"mode": "fail", "calls": True}, "calls must be"),
    ({"mode": "stall", "delay": -1}, "delay must be a number from 0 to 600"),
    ({"mode": "cut", "delay": 1}, "does not take 'delay'"),
]


@pytest.mark.parametrize(("command", "sentence"), BAD_COMMANDS)
def test_a_bad_command_is_told_what_would_be_right(command: Any, sentence: str) -> None:
    async def story(play: Play) -> None:
        async with play.http.put(f"{play.journal.url}/_sandbox/gerica/behaviour", json=command) as answer:
            assert answer.status == 400
            assert sentence in (await answer.json())["error"]

    asyncio.run(_play(story))


def test_a_misbehaving_journal_logs_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def story(play: Play) -> None:
        for mode in ("cut", "cut-after"):
            await play.tell(mode=mode)
            with pytest.raises(aiohttp.ClientConnectionError):
                await play.push(dispense())
        await play.tell(mode="drip", delay=0.001)
        await play.push(dispense())

    asyncio.run(_play(story))
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


def test_stopping_does_not_wait_for_a_stalled_push() -> None:
    async def story(play: Play) -> None:
        await play.tell(mode="stall", delay=60)
        push = asyncio.create_task(play.push(dispense()))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await play.journal.stop()
        assert time.monotonic() - began < 2
        with pytest.raises(aiohttp.ClientError):
            await push

    asyncio.run(_play(story))


# --- what a nurse reads


def read(document: dict[str, Any]) -> Any:
    return note(tree(json.dumps(document).encode()), CODES)


HEADINGS = [
    (dispense(), "Medisin utlevert uassistert"),
    (alarm(), "Trygghetsalarm"),
    (alarm("1.1"), "Medisindispenser: ikke utlevert"),
    (supervision(), "Planlagt digitalt tilsyn"),
    (document("m", blood_pressure()), "Måling: blodtrykk 172/96 mmHg"),
    (document("n", composition()), "Journalnotat for respons på hendelse"),
    (document("q", answers()), "Skjema besvart: Daglige spørsmål, kols"),
    (document("empty"), "Dokument uten innhold som kan vises"),
]


@pytest.mark.parametrize(("document", "heading"), HEADINGS)
def test_a_heading_says_what_happened(document: dict[str, Any], heading: str) -> None:
    assert read(document).heading == heading


def test_an_alarm_says_when_how_grave_what_happened_then_and_on_which_device() -> None:
    told = read(alarm())
    assert (told.happened, told.badge, told.lead) == ("2026-03-02T22:04:10+01:00", "Høy alvorlighet", "Trygghetsalarm utløst")
    assert [(step.what, step.remark) for step in told.steps] == [("Hendelse meldt", ""), ("Hendelse kvittert", "op-17")]
    assert (told.devices, told.staff) == (["Pendant P2, nr. TX-88-0042"], ["Rask Granskog"])


def test_a_code_is_explained_where_the_sender_said_no_more() -> None:
    issue = alarm("1.1", code=coded("alert-code", "1.1"))
    assert read(issue).lead == "Medisinen ble ikke utlevert til planlagt tid"


def test_a_code_that_no_table_knows_is_told_in_the_senders_words() -> None:
    code = {"coding": [{"system": "https://other.example", "code": "9", "display": "Noe nytt"}]}
    assert read(alarm(code=code)).heading == "Noe nytt"


def test_what_did_not_arrive_is_named() -> None:
    missing = alarm(implicated=[{"identifier": {"system": "http://loinc.org", "value": "85354-9"}}])
    assert ("Gjelder", "Blodtrykk") in read(missing).rows


def test_a_dispense_says_medicine_message_and_dispenser() -> None:
    told = read(dispense())
    assert told.rows == [("Medisin", "Multidose, kl. 08"), ("Beskjed", "Dose kl. 08.00 hentet ut.")]
    assert told.devices == ["Model X, nr. DX-000117"]


def test_a_supervision_says_how_where_and_by_whom() -> None:
    told = read(supervision())
    assert ("Tilsynsform", "Bildetilsyn anonymisert") in told.rows
    assert ("Sted", "rom 24 @ Eksempelheimen") in told.rows
    assert (told.devices, told.staff) == (["Romsensor RC, nr. RC-0098"], ["Rask Granskog"])


def test_a_decimal_stands_as_it_was_sent_with_a_norwegian_comma() -> None:
    body = json.dumps(document("w", observation("29463-7", valueQuantity={"value": 0.5, "code": "kg"}))).replace("0.5", "82.50").encode()
    assert note(tree(body), CODES).heading == "Måling: vekt 82,50 kg"


def test_measurements_that_came_together_stand_in_one_heading() -> None:
    both = document(
        "b",
        observation("59408-5", valueQuantity={"value": 96, "code": "%"}),
        observation("8867-4", valueQuantity={"value": 71, "code": "/min"}),
    )
    assert read(both).heading == "Måling: oksygenmetning 96 %, puls 71 slag/min"


def test_a_measurement_under_an_alarm_is_a_line() -> None:
    assert [(each.name, each.value) for each in read(everything()).readings] == [("Blodtrykk", "172/96 mmHg")]


def test_that_a_value_was_reported_weighs_less_than_the_value() -> None:
    told = read(document("e", *(each["resource"] for each in alarm("5.2.1")["entry"]), blood_pressure()))
    assert (told.kind, told.heading, told.badge) == ("Måling", "Måling: blodtrykk 172/96 mmHg", "Høy alvorlighet")


def test_answers_stand_beside_their_questions() -> None:
    assert read(document("q", answers())).rows == [("Er du mer tungpustet?", "Ja, litt"), ("Feber?", "Nei")]


def test_a_message_is_told_with_its_topic_sender_and_every_line() -> None:
    told = read(message())
    assert (told.kind, told.heading, told.staff, told.happened) == ("Beskjed", "Nytt batteri", ["Rask Granskog"], message()["sent"])
    assert [block.text for block in told.sections[0].blocks] == ["Batteriet i alarmen er byttet.", "Prøvd, virker."]
    assert told.rows == [("Merknad", "Ring ved spørsmål.")]


def test_a_message_of_no_words_is_a_message_still() -> None:
    assert read({"resourceType": "Communication", "status": "entered-in-error"}).text() == "Beskjed\nFeilført"


@played
async def test_a_message_is_pushed_and_shown_like_any_note(play: Play) -> None:
    assert (await play.push(message())).status == 201
    page = await play.page("/gerica/")
    assert all(words in page for words in ("Nytt batteri", "Batteriet i alarmen er byttet.", "Stille Fjellbekk", ">Beskjed<"))


def test_sections_follow_the_suppliers_timestamps() -> None:
    def section(title: str, at: str) -> dict[str, Any]:
        return {"title": title, "text": {"div": f"<div>{title}</div>"}, "orderedBy": {"coding": [{"code": at}]}}

    letter = {**composition(), "section": [section("sist", "2024-07-03T08:35:36"), section("først", "2024-07-03T08:35:32")]}
    assert [each.title for each in read(letter).sections] == ["først", "sist"]


def test_of_a_narrative_only_words_paragraphs_and_lists_are_kept() -> None:
    list_and_script = "<ul><li>fire</li></ul><script>alert(1)</script><style>p{}</style>"
    div = f'<div><p onclick="x()">En<br/>to &amp; tre</p>{list_and_script}<b>fem</b> &lt;seks&gt;</div>'
    assert blocks(div) == [Block("En\nto & tre"), Block("fire", item=True), Block("fem <seks>")]


@pytest.mark.parametrize(
    "div", ["<![", "<!", "<", "<p", "</", "&", "<li><li", "<script>", "<!--", "<![CDATA[x]]>", "<?xml", "]]>", "<div " * 50]
)
def test_a_broken_narrative_harms_nobody(div: str) -> None:
    assert isinstance(blocks(div), list)


WRONG: list[Any] = [None, [], {}, 1, "x", [None, {}]]


def mangled(value: Any) -> Iterator[Any]:
    """Copies of a document, each with something else at one place."""
    for path in list(_paths(value)):
        for wrong in WRONG:
            whole = copy.deepcopy(value)
            here = whole
            for step in path[:-1]:
                here = here[step]
            here[path[-1]] = wrong
            yield whole


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def test_no_document_is_so_strange_that_it_cannot_be_read() -> None:
    for strange in mangled(everything()):
        assert read(strange).heading


# --- pages


class Outline(HTMLParser):
    """Headings, landmarks, times and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.times: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "time":
            self.times.append(dict(attrs).get("datetime") or "")


@played
async def test_the_front_page_shows_journals_and_their_patients(play: Play) -> None:
    await play.push(dispense())
    await play.push(dispense(RUND), key="k2")
    front = await play.page("/")
    for words in ("Gerica", "2 notater om 2 personer", "Stille Fjellbekk", "148348 12097", "Rund Myrstein"):
        assert words in front


@played
async def test_the_newest_note_stands_first(play: Play) -> None:
    await play.push(dispense())
    await play.push(alarm(), key="k2")
    page = await play.page("/gerica/")
    assert page.index("Trygghetsalarm") < page.index("Medisin utlevert uassistert")


@played
async def test_times_are_norwegian_on_the_page_and_exact_for_machines(play: Play) -> None:
    await play.push({**dispense(), "whenHandedOver": "2026-07-02T07:12:00.1234567Z"})
    page = await play.page("/gerica/")
    assert '<time datetime="2026-07-02T09:12:00+02:00">2. juli 2026 kl. 09.12</time>' in page


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-10-25T02:30:00+02:00", "25. oktober 2026 kl. 02.30 (sommertid)"),
        ("2026-10-25T02:30:00+01:00", "25. oktober 2026 kl. 02.30 (vintertid)"),
        ("2026-10-25T03:00:00+01:00", "25. oktober 2026 kl. 03.00"),
        ("2026-10-25T01:59:59+02:00", "25. oktober 2026 kl. 01.59"),
        ("2026-03-29T01:30:00Z", "29. mars 2026 kl. 03.30"),
    ],
)
def test_an_hour_that_comes_twice_says_which_of_the_two_it_is(at: str, words: str) -> None:
    assert told(at) == words


@played
async def test_the_course_of_events_says_the_day_when_it_changes(play: Play) -> None:
    await play.push(alarm())
    page = await play.page("/gerica/notes/1")
    assert [page.count(words) for words in (">2. mars 2026<", ">22.04<", ">3. mars 2026<", ">00.18<")] == [1, 1, 1, 1]


@played
async def test_a_patients_page_shows_that_patient_only(play: Play) -> None:
    await play.push(dispense())
    await play.push(alarm(patient=RUND), key="k2")
    await play.push(dispense(RUND), key="k3")
    page = await play.page("/gerica/patients/2")
    assert "Rund Myrstein" in page
    assert "018150 50130</span> · 1 notat, sist mottatte øverst<" in page
    assert "Stille Fjellbekk" not in page


@played
async def test_no_address_on_any_page_holds_an_identity_number(play: Play) -> None:
    await play.push(dispense())
    for path in ("/", "/gerica/", "/gerica/patients/1", "/gerica/notes/1"):
        assert not [link for link in re.findall(r'href="([^"]*)"', await play.page(path)) if "14834812097" in link]


@played
async def test_the_newest_document_with_the_same_identifier_corrects_the_others(play: Play) -> None:
    await play.push(alarm())
    await play.push(alarm(), key="k2")
    assert "Rettet: gjelder ikke lenger" in await play.page("/gerica/notes/1")
    assert "Rettelse: erstatter et tidligere notat." in await play.page("/gerica/notes/2")


@played
async def test_older_notes_stand_on_the_next_side(play: Play) -> None:
    for number in range(26):
        await play.push(dispense(), key=f"k{number}")
    first, second = await play.page("/gerica/"), await play.page("/gerica/?side=2")
    assert (first.count("<article"), second.count("<article")) == (25, 1)
    assert ("Eldre notater" in first, "Nyere notater" in second) == (True, True)


@played
async def test_one_note_shows_the_document_with_every_digit(play: Play) -> None:
    body = json.dumps(document("w", observation("29463-7", valueQuantity={"value": 0.5}))).replace("0.5", "82.50").encode()
    await play.push(body)
    assert '"value": 82.50' in (await play.page("/gerica/notes/1")).replace("&quot;", '"')


@played
async def test_what_is_no_webhook_is_refused_there(play: Play) -> None:
    for body in (b"", b"{}", b'{"type":"alert.patient","data":{}}', json.dumps(dispense()).encode()):
        assert (await play.push(body, resource="webhook")).status == 400


@played
async def test_a_response_centre_keeps_the_document_of_a_webhook_with_every_digit(play: Play) -> None:
    body = json.dumps(document("w", observation("29463-7", valueQuantity={"value": 0.5}))).replace("0.5", "82.50").encode()
    for key in ("k1", "k1", "k2"):
        await play.push(b'{"type":"alert.bundle","data":%b}' % body, key, resource="webhook")
    assert (await play.stored(), '"value": 82.50' in (await play.page("/gerica/notes/1")).replace("&quot;", '"')) == (2, True)


@played
async def test_nothing_that_came_from_outside_becomes_markup(play: Play) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    hostile = json.loads(
        json.dumps(everything()).replace("Stille Fjellbekk", "EVIL").replace("Multidose, kl. 08", "EVIL").replace("op-17", "EVIL")
    )
    body = json.dumps(hostile).replace("EVIL", json.dumps(evil)[1:-1]).replace("Falt på badet.", json.dumps(evil)[1:-1]).encode()
    await play.push(body)
    for path in ("/", "/gerica/", "/gerica/patients/1", "/gerica/notes/1"):
        outline = Outline(await play.page(path))
        assert not {"script", "img"} & set(outline.tags)


@played
async def test_pages_forbid_scripts_and_are_not_kept(play: Play) -> None:
    async with play.http.get(play.journal.url + "/") as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


@played
async def test_every_page_is_norwegian_with_landmarks_and_headings_in_order(play: Play) -> None:
    await play.push(everything())
    await play.tell(mode="fail", calls=1)
    for path in ("/", "/gerica/", "/gerica/patients/1", "/gerica/notes/1", "/nowhere/"):
        page = await play.page(path)
        tags = Outline(page).tags
        levels = [int(tag[1]) for tag in tags if tag in {"h1", "h2", "h3"}]
        assert '<html lang="nb">' in page
        assert (tags.count("main"), tags.count("h1"), tags.count("footer")) == (1, 1, 1)
        assert all(after - before <= 1 for before, after in zip([0, *levels], levels, strict=False)), path


@played
async def test_a_page_says_that_its_journal_was_told_to_misbehave(play: Play) -> None:
    await play.push(dispense())
    await play.tell(mode="fail")
    assert "journalen svarer med feil" in await play.page("/gerica/")


@played
async def test_pages_that_do_not_exist_say_so(play: Play) -> None:
    await play.push(dispense())
    for path in ("/profil/", "/profil", "/gerica/notes/2", "/gerica/notes/0", "/gerica/notes/x", "/gerica/patients/9"):
        async with play.http.get(play.journal.url + path) as answer:
            assert (answer.status, "Ikke funnet" in await answer.text()) == (404, True)


@played
async def test_a_document_without_a_patient_is_kept_under_nobody(play: Play) -> None:
    await play.push(document("x", observation("8867-4", subject={})))
    assert "Ukjent person" in await play.page("/gerica/")


@played
async def test_a_strange_document_never_breaks_a_page(play: Play) -> None:
    deep = b'{"resourceType":"Bundle","entry":' + b"[" * 1000 + b"]" * 1000 + b"}"
    await play.push(deep, key="deep")
    for number, strange in enumerate(list(mangled(everything()))[::90]):
        if isinstance(strange.get("resourceType"), str):
            await play.push(strange, key=str(number), resource="bundle")
    last = await play.stored()
    for path in ("/", "/gerica/", *(f"/gerica/notes/{number}" for number in range(1, last + 1))):
        async with play.http.get(play.journal.url + path) as answer:
            assert answer.status == 200


# --- the national tables, the contract page, the process


def test_the_contract_page_names_every_mode_and_its_settings() -> None:
    page = (ROOT / "docs" / "journals.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `") and row.count("|") == 5}
    assert {
        name: {field for field in ("status", "retry_after", "delay", "size") if f"`{field}`" in rows.get(name, "")} for name in MODES
    } == {name: set(mode.settings) for name, mode in MODES.items()}


def test_the_national_tables_give_the_words() -> None:
    concept = national().concept(coded("alert-code", "4.1"))
    assert concept.display == "Fall"


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.journal", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_the_program_prints_where_it_is_and_ends_cleanly(name: signal.Signals) -> None:
    with started() as program:
        assert program.stdout
        assert re.fullmatch(r"Sandbox journal at http://127\.0\.0\.1:\d+/\n", program.stdout.readline())
        program.send_signal(name)
        _, errors = program.communicate(timeout=10)
    assert (program.returncode, errors) == (0, "")


def test_a_taken_port_is_one_clear_sentence() -> None:
    async def story(play: Play) -> None:
        port = play.journal.url.rpartition(":")[2]
        program = await asyncio.to_thread(started, "--port", port)
        _, errors = await asyncio.to_thread(program.communicate, timeout=10)
        assert (program.returncode, errors.count("\n")) == (1, 1)
        assert f"cannot listen on port {port}" in errors

    asyncio.run(_play(story))
