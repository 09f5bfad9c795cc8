"""What of a journal's answers goes on, over HTTP: a journal on loopback that answers exactly what a test has it say."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from tests.running import Running, Town
from tests.test_found import ADDRESS, FNR, HIDDEN, HOUSEHOLD, MINE, NUMBER, RUND, STILLE, condition, patient, protected
from tests.test_national import code_of

BASE = "https://epj.example/fhir"
OWN = {"system": "https://epj.example/no", "value": "7"}
ASKED = f"{OWN['system']}|{OWN['value']}"
THEIRS = {"system": FNR, "value": RUND.value}
PLACE = {"resourceType": "Location", "id": "l", "name": "Hemmeligveien 9", "address": ADDRESS}


@dataclass(slots=True)
class Says:
    """A municipality, and what its journal answers to each search: [(fullUrl, resource)] by resourceType."""

    town: Town
    answers: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)

    def asked(self, resource: str, number: str = STILLE.value, **answers: list[tuple[str, Any]]) -> requests.Response:
        self.answers.clear()
        self.answers.update(answers)
        return self.town.search(resource, {"identifier": number} if number else None, codes="rt")


@pytest.fixture(scope="module")
def journal(running: Running) -> Iterator[Says]:
    answers: dict[str, list[tuple[str, Any]]] = {}

    class Journal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            found = answers.get(self.path.split("/")[-2], [])
            entries = [{**({"fullUrl": url} if url else {}), "resource": resource} for url, resource in found]
            body = json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Journal)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Says(running.town(lookup=f"http://127.0.0.1:{server.server_port}/fhir"), answers)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def service(name: str = "1", **whom: Any) -> tuple[str, Any]:
    episode = {"resourceType": "EpisodeOfCare", "id": name, "status": "active", "type": [{"coding": [{"code": "6"}]}]}
    return f"{BASE}/EpisodeOfCare/{name}", {**episode, "patient": whom or {"reference": f"Patient/{name}"}}


def record(resource: Any) -> tuple[str, Any]:
    return f"{BASE}/Patient/{resource['id']}", resource


def told(answer: requests.Response, kind: str) -> list[Any]:
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", ()) if entry["resource"]["resourceType"] == kind]


def test_a_patient_who_was_changed_between_two_answers_stays_protected_and_named(journal: Says) -> None:
    first, second = ({**protected(valueBoolean=True), "meta": {"lastUpdated": f"2026-11-25T10:00:0{time}Z"}} for time in (1, 2))
    plan = {**condition(reference="Patient/1"), "contained": [PLACE]}
    answer = journal.asked("condition", EpisodeOfCare=[service(), record(first)], Condition=[("", plan), record(second)])
    assert told(answer, "Condition")[0]["subject"] == {"type": "Patient", "identifier": NUMBER}
    assert not [word for word in HIDDEN if word in answer.text]


def test_the_mark_in_one_answer_holds_for_the_other(journal: Says) -> None:
    plan = {**condition(reference="Patient/1"), "contained": [PLACE]}
    for copy in (patient(), {**patient(), "identifier": [NUMBER, OWN]}):
        answer = journal.asked(
            "condition", EpisodeOfCare=[service(), record(protected(valueBoolean=True))], Condition=[("", plan), record(copy)]
        )
        assert told(answer, "Condition") and not [word for word in HIDDEN if word in answer.text]


def test_without_a_patient_in_any_answer_nothing_tells_where_they_live(journal: Says) -> None:
    plan = {**MINE, "contained": [PLACE], "code": {"text": "Hypertensjon"}}
    answer = journal.asked("condition", EpisodeOfCare=[service(identifier=NUMBER)], Condition=[("", plan)])
    assert told(answer, "Condition")[0]["code"] == {"text": "Hypertensjon"} and "Hemmeligveien" not in answer.text
    beside = journal.asked("condition", EpisodeOfCare=[service(identifier=NUMBER), record(patient())], Condition=[("", plan)])
    assert "Hemmeligveien" in beside.text


def test_of_everybody_a_service_leads_to_no_patient_but_its_own(journal: Says) -> None:
    foreign = service(identifier=NUMBER, reference="https://elsewhere.example/fhir/Patient/2")
    answer = journal.asked("episodeofcare", "", EpisodeOfCare=[foreign, service("2"), record(patient(RUND.value, "2"))])
    mine, other = told(answer, "EpisodeOfCare")
    assert mine["patient"] == {"type": "Patient", "identifier": NUMBER}
    names = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in answer.json()["entry"]}
    assert names[other["patient"]["reference"]] == "Patient"


def test_of_everybody_two_bases_with_one_id_are_two_patients(journal: Says) -> None:
    bases = [(f"https://{name}.example/fhir/Patient/1", patient(number)) for name, number in (("a", STILLE.value), ("b", RUND.value))]
    services = [service(name, reference=url) for name, (url, _) in zip("12", bases, strict=True)]
    answer = journal.asked("episodeofcare", "", EpisodeOfCare=[*services, *bases])
    numbers = {entry["fullUrl"]: entry["resource"].get("identifier", [{}])[0].get("value") for entry in answer.json()["entry"]}
    assert [numbers[one["patient"]["reference"]] for one in told(answer, "EpisodeOfCare")] == [STILLE.value, RUND.value]


def test_of_everybody_nobody_is_named_in_another_s_service(journal: Says) -> None:
    urn = "urn:uuid:11111111-1111-1111-1111-111111111111"
    url, mine = service(identifier=NUMBER)
    answer = journal.asked(
        "episodeofcare", "", EpisodeOfCare=[(url, {**mine, "careManager": {"reference": urn}}), (urn, patient(RUND.value))]
    )
    assert told(answer, "EpisodeOfCare") == [] and RUND.value not in answer.text


@pytest.mark.parametrize("number", [HOUSEHOLD, {"value": "7"}])
def test_of_everybody_who_shares_a_number_with_a_citizen_is_not_handed_out(journal: Says, number: dict[str, str]) -> None:
    mine, theirs = {**patient(), "identifier": [NUMBER, number]}, {**patient(), "id": "2", "identifier": [THEIRS, number]}
    unnumbered = {**patient(), "id": "3", "identifier": [number]}
    answer = journal.asked("patient", "", EpisodeOfCare=[service(), *map(record, (mine, theirs, unnumbered))])
    assert [one["id"] for one in told(answer, "Patient")] == ["1"] and RUND.value not in answer.text


def test_of_everybody_who_has_no_national_number_is_handed_out_by_the_journal_s_own(journal: Says) -> None:
    own = {**patient(), "identifier": [OWN]}
    for whom in ({"identifier": OWN}, {"reference": "Patient/1"}):
        assert told(journal.asked("patient", "", EpisodeOfCare=[service(**whom), record(own)]), "Patient")


def test_a_journal_s_own_number_that_two_citizens_have_answers_for_neither(journal: Says) -> None:
    mine, theirs = {**patient(), "identifier": [OWN, NUMBER]}, {**patient(), "identifier": [OWN, THEIRS]}
    other = {**theirs, "id": "2"}
    both = journal.asked("patient", ASKED, EpisodeOfCare=[service(), record(mine)], Patient=[record(mine), record(other)])
    each = journal.asked("patient", ASKED, EpisodeOfCare=[service(), record(mine)], Patient=[record(other)])
    assert [(answer.status_code, code_of(answer)) for answer in (both, each)] == [(502, "3")] * 2
    assert told(journal.asked("patient", ASKED, EpisodeOfCare=[service(), record(mine)], Patient=[record(mine)]), "Patient")


def test_two_parts_with_two_states_of_a_patient_are_one_honest_answer(journal: Says) -> None:
    copies = [record({**patient(), "meta": {"versionId": version}}) for version in "12"]
    answer = journal.asked("condition", EpisodeOfCare=[service(), *copies], Condition=[("", condition(reference="Patient/1")), *copies])
    assert told(answer, "Condition")[0]["subject"] == {"type": "Patient", "identifier": NUMBER}
