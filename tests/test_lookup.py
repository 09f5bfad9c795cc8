"""Look-ups over HTTP: known clients' spellings, the need for a service, what is never shown, and journals that fail, lie and stall."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from local.vkp_client import NAMES, Client, alarm, calls
from shared.domain import person
from shared.domain.national import IDENTIFIERS, LOOKUPS
from shared.lookup.ask import _once
from shared.lookup.question import named
from tests.running import BLID, RUND, STILLE, Running, Town, wire
from tests.test_national import code_of, issue

PROTECTED = "12853910005"
FNR = person.SYSTEMS[person.Kind.FNR]
DATED = [name for name, row in LOOKUPS.items() if row.dated]


def types(answer: requests.Response) -> dict[str, int]:
    """How many matches of each type a searchset has."""
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["resourceType"], found["type"]) == ("Bundle", "searchset")
    matches = [entry["resource"]["resourceType"] for entry in found.get("entry", ()) if entry["search"]["mode"] == "match"]
    assert found["total"] == len(matches)
    return {name: matches.count(name) for name in matches}


def resources(answer: requests.Response, kind: str) -> list[Any]:
    return [entry["resource"] for entry in answer.json().get("entry", ()) if entry["resource"]["resourceType"] == kind]


@pytest.fixture
def told(town: Town) -> Iterator[Town]:
    """A municipality whose journal may be told to misbehave."""
    yield town
    town.make_journal_honest()


# what known clients send


def test_a_client_of_the_national_contract_runs_unchanged(running: Running, town: Town) -> None:
    client = Client(running.url, running.issuer.url, "national", running.private)
    results = calls(client, town.orgnr, STILLE, alarm(STILLE, datetime.now(UTC)))
    assert [(one.name, one.ok, one.said) for one in results] == [(name, True, "") for name in NAMES]
    assert all(one.resources for one in results)


def test_the_same_client_lists_patients_and_services_without_a_number(running: Running, town: Town) -> None:
    client = Client(running.url, running.issuer.url, "national", running.private)
    results = {one.name: one for one in calls(client, town.orgnr, "", b"")}
    assert results["patient"].ok and results["patient"].resources["Patient"] > 2
    assert results["episodeofcare"].ok and results["episodeofcare"].resources["EpisodeOfCare"] > 2
    assert not results["careplan"].ok and "patient.identifier" in results["careplan"].said


@pytest.mark.parametrize("resource", LOOKUPS)
@pytest.mark.parametrize("spelling", IDENTIFIERS)
def test_every_spelling_of_the_identifier_is_understood(home: Town, resource: str, spelling: str) -> None:
    assert types(home.search(resource, {spelling: STILLE}))[LOOKUPS[resource].resource_type]


@pytest.mark.parametrize("value", [STILLE, f"|{STILLE}", f"{FNR}|{STILLE}", f"http://hl7.no/fhir/NamingSystem/FNR|{STILLE}"])
def test_an_identifier_may_be_bare_or_have_its_system(home: Town, value: str) -> None:
    assert types(home.search("patient", {"identifier": value})) == {"Patient": 1}


def test_a_journal_s_own_number_passes_through(home: Town) -> None:
    answer = home.search("patient", {"identifier": "http://cosdoc.dips.no/lopenummer|1302"}, codes="rt")
    assert types(answer) == {"Patient": 1}


@pytest.mark.parametrize("resource", DATED)
def test_a_date_may_come_twice_and_narrows(home: Town, resource: str) -> None:
    everything = types(home.search(resource, {"patient.identifier": STILLE}))
    nothing = home.search(resource, [("patient.identifier", STILLE), ("date", "ge1990-01-01"), ("date", "le1990-12-31T23:59:59+01:00")])
    assert everything and not types(nothing)


def test_a_plus_that_was_not_escaped_is_still_an_offset(home: Town) -> None:
    raw = f"patient.identifier={STILLE}&date=ge2020-01-01T00:00:00+01:00"
    headers = {**home.bearer(), "Content-Type": "application/x-www-form-urlencoded"}
    assert home.search("careplan", raw, headers=headers).status_code == 200


@pytest.mark.parametrize("codes", ["ta", "TA", "ta , gps", "gps,ta"])
def test_service_codes_are_read_in_any_case(home: Town, codes: str) -> None:
    assert home.search("patient", {"identifier": STILLE}, codes=codes).status_code == 200


def test_the_resource_may_be_written_in_any_case(home: Town) -> None:
    assert home.search("EpisodeOfCare", {"identifier": STILLE}).status_code == 200


# what is refused

BAD: list[tuple[str, Any, str]] = [
    ("patient", {"identifier": "14834812098"}, "2.1"),
    ("patient", {"identifier": "1302"}, "2.1"),
    ("patient", {"identifier": ""}, "2.1"),
    ("patient", {"identifier": " "}, "2.1"),
    ("patient", {"identifier": "URN:OID:2.16.578.1.12.4.1.4.1|13116900216"}, "2.1"),
    ("patient", {"identifier": f"urn:oid:2.16.578.1.12.4.1.4.2|{STILLE}"}, "2.1"),
    ("patient", {"identifier": "١٤٨٣٤٨١٢٠٩٧"}, "2.1"),
    ("patient", {"identifier": "13116900216"}, "2.1"),  # a real person's kind of number, in a test environment
    ("patient", [("identifier", STILLE), ("identifier", RUND)], "2.3"),
    ("patient", [("identifier", STILLE), ("patient", RUND)], "2.3"),
    ("patient", {"name": "Fjellbekk"}, "2.3"),
    ("patient", {STILLE: "x"}, "2.3"),
    ("condition", {"identifier": STILLE, "date": "ge2026-01-01"}, "2.3"),
    ("careplan", {}, "2.3"),
    ("careplan", {"date": "ge2026-01-01"}, "2.3"),
    ("careplan", {"identifier": STILLE, "date": "i går"}, "2.4"),
    ("careplan", {"identifier": STILLE, "date": "ne2026-01-01"}, "2.4"),
    ("careplan", {"identifier": STILLE, "date": "ge2026-02-30"}, "2.4"),
    ("patient", b'{"identifier": "14834812097"}', "2.4"),
    ("patient", b"\xff\xfe", "2.4"),
    ("patient", b"identifier", "2.4"),
    ("patient", b"identifier=" + b"1" * 9000, "2"),
]


@pytest.mark.parametrize(("resource", "form", "code"), BAD)
def test_a_question_that_cannot_be_is_refused_with_its_code_and_without_its_values(home: Town, resource: str, form: Any, code: str) -> None:
    answer = home.search(resource, form)
    assert answer.status_code in (400, 413) and code_of(answer) == code
    told = issue(answer)
    assert (
        told["details"]["text"]
        and told["diagnostics"]
        and not any(word in answer.text for word in (STILLE, RUND, "Fjellbekk", "13116900216"))
    )


def test_a_citizen_without_such_a_service_is_not_shown(home: Town) -> None:
    answer = home.search("patient", {"identifier": RUND}, codes="ta")
    assert (answer.status_code, code_of(answer)) == (403, "1.3")
    assert home.search("patient", {"identifier": RUND}, codes="gps").status_code == 200


def test_somebody_unknown_to_the_journal_looks_like_somebody_without_a_service(home: Town) -> None:
    unknown, without = (home.search("patient", {"identifier": number}, codes="ta") for number in ("08814070019", RUND))
    assert unknown.status_code == without.status_code == 403
    assert issue(unknown)["details"] == issue(without)["details"]


def test_without_service_codes_there_is_no_need_to_know(home: Town) -> None:
    for codes in (None, "", ","):
        answer = home.search("patient", {"identifier": STILLE}, codes=codes)
        assert (answer.status_code, code_of(answer)) == (403, "1.3")


def test_a_signature_opens_no_look_up(home: Town) -> None:
    answer = home.search("patient", {"identifier": STILLE}, headers=dict(home.proof("centre", b"")))
    assert (answer.status_code, code_of(answer)) == (401, "1.5")


def test_parameters_in_the_address_are_refused_and_not_passed_over(home: Town) -> None:
    url = f"{home.hub.url}/epj/r4/{home.orgnr}/patient/_search?identifier={STILLE}"
    answer = requests.post(url, headers={**home.bearer(), "ServiceCodes": "rt"}, timeout=30)
    assert (answer.status_code, code_of(answer)) == (400, "2.3") and STILLE not in answer.text


# what is shown, and what never is


def test_the_list_holds_those_with_the_service_and_nobody_else(home: Town) -> None:
    whom = {one["identifier"][0]["value"] for one in resources(home.search("patient", codes="gps"), "Patient")}
    assert RUND in whom and STILLE not in whom


def test_a_protected_address_is_never_shown(home: Town) -> None:
    one = home.search("patient", {"identifier": PROTECTED}, codes="rt")
    everybody = home.search("patient", codes="rt")
    services = home.search("episodeofcare", {"identifier": PROTECTED}, codes="rt")
    assert types(one) == {"Patient": 1}
    for answer in (one, everybody, services):
        [patient] = [each for each in resources(answer, "Patient") if each["identifier"][0]["value"] == PROTECTED]
        told = json.dumps(patient).lower()
        assert not any(
            word in told for word in ("address", "line", "postalcode", "sone", "household", "elock", "generalpractitioner", "div")
        )
    other = next(each for each in resources(everybody, "Patient") if each["identifier"][0]["value"] == STILLE)
    assert other["address"][0]["line"]


def test_patients_stand_beside_services_for_those_who_may_read_patients(home: Town) -> None:
    both = home.search("episodeofcare", {"identifier": STILLE})
    only = home.search("episodeofcare", {"identifier": STILLE}, headers=home.bearer("episodeofcare.read"))
    assert resources(both, "Patient") and not resources(only, "Patient") and types(only) == types(both)


def test_a_journal_that_answers_in_parts_gives_nobody_twice(told: Town) -> None:
    whole = {
        resource: types(told.search(resource, form, "rt")) for resource, form in (("patient", None), ("careplan", {"identifier": STILLE}))
    }
    told.tell_journal("pages", size=1)
    for resource, form in (("patient", None), ("careplan", {"identifier": STILLE})):
        answer = told.search(resource, form, "rt")
        names = [entry["fullUrl"] for entry in answer.json()["entry"]]
        assert types(answer) == whole[resource] and len(set(names)) == len(names)


def test_what_comes_again_with_every_part_is_told_once_and_what_differs_is_not_taken_for_it() -> None:
    one, other = ("u/1", {"id": "1", "note": "a"}), ("u/1", {"id": "1", "note": "b"})
    assert _once([one, ("u/1", {**one[1]}), other, ("", one[1])]) == [one, other, ("", one[1])]


def test_a_journal_s_own_addresses_stay_inside_and_references_still_lead_to_their_entries(home: Town) -> None:
    answer = home.search("episodeofcare", {"identifier": STILLE})
    names = {entry["fullUrl"] for entry in answer.json()["entry"]}
    references = {one["patient"]["reference"] for one in resources(answer, "EpisodeOfCare")}
    assert references <= names and home.hub.journal not in answer.text
    assert answer.json() == home.search("episodeofcare", {"identifier": STILLE}).json()


def test_digits_stay_as_the_journal_wrote_them(home: Town) -> None:
    assert home.search("medicationstatement", {"identifier": STILLE}).headers["Content-Type"] == "application/fhir+json"


# journals

LIES: list[tuple[str, Mapping[str, float], int, str]] = [
    ("wrong-patient", {}, 502, "3"),
    ("mixed", {}, 502, "3"),
    ("huge", {}, 502, "3"),
    ("not-a-bundle", {}, 502, "3"),
    ("endless", {}, 502, "3"),
    ("foreign-next", {}, 502, "3"),
    ("garbage", {}, 502, "3"),
    ("outcome", {}, 502, "3"),
    ("refuse", {"status": 403}, 502, "3"),
    ("fail", {"status": 500}, 503, "3"),
    ("fail", {"status": 503, "retry_after": 30}, 503, "3"),
    ("cut", {}, 503, "3"),
]


@pytest.mark.parametrize(("mode", "how", "status", "code"), LIES, ids=[f"{mode} {how}" for mode, how, *_ in LIES])
def test_a_journal_that_fails_or_lies_becomes_the_right_outcome(
    told: Town, mode: str, how: Mapping[str, float], status: int, code: str
) -> None:
    told.tell_journal(mode, **how)
    for number in (STILLE, BLID):
        answer = told.search("condition", {"identifier": number}, codes="rt")
        assert (answer.status_code, code_of(answer)) == (status, code)
        assert not any(word in answer.text for word in (STILLE, RUND, BLID, "Fjellbekk", "127.0.0.1"))
    told.make_journal_honest()
    assert told.search("condition", {"identifier": STILLE}).status_code == 200


def test_a_journal_that_stalls_becomes_a_time_out(told: Town) -> None:
    told.tell_journal("stall", delay=30.0)
    began = time.monotonic()
    answer = told.search("condition", {"identifier": STILLE})
    assert (answer.status_code, code_of(answer)) == (504, "3.1") and time.monotonic() - began < 15


def test_a_journal_that_is_not_there_makes_a_sender_wait(running: Running) -> None:
    town = running.town(lookup="http://127.0.0.1:9/fhir")
    answer = town.search("patient", {"identifier": STILLE})
    assert (answer.status_code, code_of(answer)) == (503, "3") and answer.headers["Retry-After"]


def test_the_time_that_the_journal_took_is_told(home: Town) -> None:
    assert home.search("patient", {"identifier": STILLE}).headers["Server-Timing"].startswith("journal;dur=")


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        (f"identifier={STILLE}&hvem=alle", [STILLE]),
        (f"identifier={STILLE}&patient={RUND}", [STILLE, RUND]),
        (f"IDENTIFIER=urn:oid:2.16.578.1.12.4.1.4.2|{STILLE}", [STILLE]),
        (f"patient=Patient/{STILLE}", [STILLE]),
        (f"identifier={STILLE[:6]}%20{STILLE[6:]}&x", [STILLE]),
        ("identifier=https://epj.example/no|1302", ["1302"]),
        (f"note={'a' * 8165}&identifier=urn:x|1234567890", []),
        ("identifier=1302&identifier=%00%ff", []),
        ("", []),
        ('{"identifier": 1}', []),
    ],
)
def test_whom_a_refused_form_names_is_told_for_the_log_as_well_as_can_be(body: str, numbers: list[str]) -> None:
    assert [citizen.value for citizen in named(body.encode())] == numbers


def test_no_number_stands_in_an_address(running: Running, town: Town) -> None:
    town.search("patient", {"identifier": STILLE})
    asked = wire().get(f"{running.journal}/_sandbox/{town.orgnr}-journal/asked", timeout=30).text
    assert "identifier" in asked and STILLE not in asked and STILLE not in running.log()
