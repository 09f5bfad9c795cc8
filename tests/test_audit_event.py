"""Entries of the audit log as FHIR: what an auditor or a citizen's log is told, and that others can read it."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from shared import fhir
from shared.access.entry import Entry
from shared.fhir.audit_event import PATIENT_KEY, audit_events
from shared.fhir.elements import Json

ONE, TWO = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
READ = Entry(
    at=1_795_000_000.25,
    correlation="0b0e4f5c-8a51-4f2c-9d1c-6a51f2a4f1aa",
    tenant="310123455",
    sender="dispensers",
    vkp_id="Leverandør_System_Kommune",
    client="6a1f7b9e-0000-4000-8000-00000000c11e",
    action="careplan.read",
    patients=(ONE,),
    service_codes=("md", "ta"),
    status=200,
    code="",
    count=3,
)
WRITE = replace(READ, action="bundle.write", service_codes=(), status=202, count=1, message="310123455.dispensers.alarm.4.0")
REFUSED = replace(READ, status=403, code="1.3", count=0)
EVERYBODY = replace(READ, action="patient.read", patients=(ONE, TWO), count=2)
LOG_READ = replace(
    READ, action="audit.read", sender="", vkp_id="", client="", patients=(), service_codes=(), who="k.nattugle", message="show"
)
RESENT = replace(
    READ,
    action="messages.resend",
    sender="",
    vkp_id="",
    client="",
    service_codes=(),
    who="k.nattugle",
    message="310123455~gerica~alarm~01.4000",
)
ALL = [READ, WRITE, REFUSED, EVERYBODY, LOG_READ, RESENT, replace(REFUSED, status=504, code="3.1"), replace(WRITE, message="", patients=())]


def event(entry: Entry) -> Json:
    [found] = audit_events(entry, 7, 2)
    return found


def entity(found: Json, role: str) -> Any:
    return next(one for one in found["entity"] if one.get("role", {}).get("display") == role)


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: f"{entry.action}-{entry.status}")
def test_every_event_parses_with_someone_elses_model(entry: Entry) -> None:
    for found in audit_events(entry, 7, 2):
        get_fhir_model_class("AuditEvent").model_validate_json(fhir.serialise(found))


@pytest.mark.parametrize("known", list(product((True, False), repeat=3)), ids=str)
def test_an_event_parses_whatever_is_known_of_the_caller(known: tuple[bool, ...]) -> None:
    blank: Any = {name: "" for name, there in zip(("sender", "vkp_id", "client"), known, strict=True) if not there}
    get_fhir_model_class("AuditEvent").model_validate_json(fhir.serialise(event(replace(READ, **blank))))


def test_a_look_up_is_a_search() -> None:
    found = event(READ)
    assert (found["type"]["code"], found["subtype"][0]["code"], found["action"]) == ("rest", "search-type", "R")


def test_a_write_is_a_create() -> None:
    found = event(WRITE)
    assert (found["type"]["code"], found["subtype"][0]["code"], found["action"]) == ("rest", "create", "C")


def test_an_operators_act_on_messages_is_told_with_whom_it_is_about() -> None:
    found = event(RESENT)
    assert (found["type"]["code"], found["subtype"][0]["code"], found["action"]) == ("110100", "resend", "E")
    assert found["agent"][0]["who"]["identifier"]["value"] == "k.nattugle"
    assert entity(found, "Patient")["what"]["identifier"]["value"] == ONE
    assert entity(found, "Domain Resource")["description"] == RESENT.message


def test_reading_the_log_is_the_use_of_an_audit_log() -> None:
    found = event(LOG_READ)
    assert (found["type"]["code"], found["action"]) == ("110101", "R") and "subtype" not in found
    assert found["agent"][0]["who"]["identifier"] == {"system": "https://knutepunkt.example/reader", "value": "k.nattugle"}


@pytest.mark.parametrize(("status", "outcome"), [(200, "0"), (202, "0"), (400, "4"), (403, "4"), (422, "4"), (500, "8"), (504, "8")])
def test_the_outcome_says_who_could_not(status: int, outcome: str) -> None:
    assert event(replace(READ, status=status))["outcome"] == outcome


def test_a_refusal_has_the_national_code_and_its_words() -> None:
    assert event(REFUSED)["outcomeDesc"] == "1.3 ikke oppfylt tjenstlig behov (HTTP 403)"


def test_what_went_well_needs_no_words() -> None:
    assert "outcomeDesc" not in event(READ)


def test_the_moment_is_told_by_the_clock_on_the_wall() -> None:
    assert event(READ)["recorded"] == "2026-11-18T12:06:40.250000+01:00"


def test_the_caller_is_who_the_token_named() -> None:
    caller = event(READ)["agent"][0]
    assert caller["requestor"] is True and caller["name"] == "dispensers" and caller["altId"] == READ.client
    assert caller["who"]["identifier"] == {"system": "https://knutepunkt.example/vkp-id", "value": "Leverandør_System_Kommune"}


def test_a_caller_without_a_token_is_who_the_register_named() -> None:
    caller = event(replace(WRITE, vkp_id="", client=""))["agent"][0]
    assert caller["who"]["identifier"] == {"system": "https://knutepunkt.example/sender", "value": "dispensers"} and "altId" not in caller


def test_the_municipality_is_the_other_party() -> None:
    other = event(READ)["agent"][1]
    assert other["who"]["identifier"] == {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "310123455"} and not other["requestor"]


def test_the_purpose_is_the_service_codes() -> None:
    assert [purpose["coding"][0]["code"] for purpose in event(READ)["purposeOfEvent"]] == ["md", "ta"]


def test_a_citizen_is_a_keyed_hash() -> None:
    assert entity(event(READ), "Patient")["what"] == {"identifier": {"system": PATIENT_KEY, "value": ONE}}


def test_each_citizen_has_an_event_without_the_others() -> None:
    first, second = audit_events(EVERYBODY, 7, 2)
    assert ONE in str(first) and TWO not in str(first) and TWO in str(second) and ONE not in str(second)


def test_an_entry_about_nobody_is_one_event() -> None:
    assert not [one for one in event(replace(READ, patients=()))["entity"] if one.get("role", {}).get("display") == "Patient"]


def test_a_query_says_what_and_how_much() -> None:
    found = entity(event(READ), "Query")
    assert (found["name"], found["detail"]) == ("careplan", [{"type": "count", "valueString": "3"}])


def test_a_write_leads_to_its_receipt() -> None:
    found = entity(event(WRITE), "Domain Resource")
    assert (found["name"], found["what"]["identifier"]["value"]) == ("bundle", "310123455.dispensers.alarm.4.0")


def test_the_correlation_id_is_the_one_of_the_answer() -> None:
    assert any(one.get("what", {}).get("identifier", {}).get("value") == f"urn:uuid:{READ.correlation}" for one in event(READ)["entity"])


def test_a_second_export_gives_the_same_bytes() -> None:
    assert fhir.serialise(audit_events(EVERYBODY, 7, 2)) == fhir.serialise(audit_events(EVERYBODY, 7, 2))


def test_every_event_has_a_name_of_its_own() -> None:
    entries = (EVERYBODY, replace(EVERYBODY, tenant="310999991"))
    names = [found["id"] for entry, row, place in product(entries, (0, 1), (0, 1)) for found in audit_events(entry, row, place)]
    assert len(set(names)) == len(names) == 16
