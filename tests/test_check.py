"""The national profile tables: each rule broken once."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared import fhir
from shared.domain.event import Alert, Device, Dispensed, Event, Measurement, Person, Supervision, What
from shared.domain.vocabulary import Quantity
from shared.fhir.check import RULES, check
from shared.fhir.rules import Rule

CITIZEN = Person("urn:oid:2.16.578.1.12.4.1.4.1", "14834812097", "Stille Fjellbekk")
AT = datetime(2026, 3, 2, 7, 3, 11, tzinfo=UTC)
PRESSURE = {Quantity.SYSTOLIC: Decimal("172"), Quantity.DIASTOLIC: Decimal("96")}
NONSENSE: list[Any] = [None, True, 1, "x", "", [], {}, [[]], [None], {"a": []}]


def document(what: What) -> Any:
    made = fhir.document(Event(AT, what, Device("https://d.example", "D-1", "D"), CITIZEN, "r/0.0"), "Eksempel kommune", "Skyen")[1]
    return copy.deepcopy(made)


def issue(bundle: Any) -> Any:
    return bundle["entry"][1]["resource"]


def note(bundle: Any) -> Any:
    return bundle["entry"][0]["resource"]


def reading(bundle: Any) -> Any:
    return bundle["entry"][2]["resource"]


Break = Callable[[Any], Any]
BROKEN: list[tuple[What, Break, str, str]] = [
    (Alert("4.1"), lambda b: b.update(type="collection"), "error", "$.type"),
    (Alert("4.1"), lambda b: b.pop("identifier"), "error", "$.identifier"),
    (Alert("4.1"), lambda b: b["identifier"].pop("system"), "error", "$.identifier.system"),
    (Alert("4.1"), lambda b: b.pop("timestamp"), "error", "$.timestamp"),
    (Alert("4.1"), lambda b: b.update(timestamp="2026-03-02"), "error", "$.timestamp"),
    (Alert("4.1"), lambda b: b["entry"].reverse(), "error", "$.entry[0].resource"),
    (Alert("4.1"), lambda b: b["entry"][1].pop("resource"), "error", "$.entry[1].resource"),
    (Alert("4.1"), lambda b: b["entry"].pop(), "warning", "$.entry[1].resource.author.reference"),
    (Alert("4.1"), lambda b: b["entry"][2]["resource"].update(resourceType="Slide"), "warning", "$.entry[2].resource.resourceType"),
    (Alert("4.1"), lambda b: b["entry"][2]["resource"].pop("resourceType"), "error", "$.entry[2].resource.resourceType"),
    (Alert("4.1"), lambda b: note(b).pop("title"), "error", "$.entry[0].resource.title"),
    (Alert("4.1"), lambda b: note(b).pop("author"), "error", "$.entry[0].resource.author"),
    (Alert("4.1"), lambda b: note(b).update(author=[]), "error", "$.entry[0].resource.author"),
    (Alert("4.1"), lambda b: note(b).update(date="2026-03-02T08:03:11"), "error", "$.entry[0].resource.date"),
    (Alert("4.1"), lambda b: note(b)["category"][0]["coding"][0].update(code="3"), "error", "$.entry[0].resource.category[0]"),
    (Alert("4.1"), lambda b: note(b)["event"][0]["code"][0]["coding"][0].update(code="2"), "error", "$.entry[0].resource.event[0].code[0]"),
    (Alert("4.1"), lambda b: note(b)["section"][0]["code"]["coding"][0].update(code="9"), "warning", "$.entry[0].resource.section[0].code"),
    (Alert("4.1"), lambda b: issue(b).update(status="closed"), "error", "$.entry[1].resource.status"),
    (Alert("4.1"), lambda b: issue(b).pop("patient"), "error", "$.entry[1].resource.patient"),
    (Alert("4.1"), lambda b: issue(b).update(severity="red"), "error", "$.entry[1].resource.severity"),
    (Alert("4.1"), lambda b: issue(b)["patient"]["identifier"].update(value="1"), "error", "$.entry[1].resource.patient.identifier.value"),
    (Alert("4.1"), lambda b: issue(b)["code"]["coding"][0].update(code="4.99"), "error", "$.entry[1].resource.code"),
    (Alert("4.1"), lambda b: issue(b)["code"]["coding"][0].update(code=4), "error", "$.entry[1].resource.code"),
    (Alert("4.1"), lambda b: issue(b)["code"]["coding"][0].update(system="urn:x"), "error", "$.entry[1].resource.code"),
    (Alert("4.1"), lambda b: issue(b)["code"]["coding"][0].update(display="Brann"), "warning", "$.entry[1].resource.code"),
    (Alert("7"), lambda b: issue(b)["code"].update(text="300 - Trygghetsalarm"), "warning", "$.entry[1].resource.code"),
    (Dispensed("1"), lambda r: r.update(status="gone"), "error", "$.status"),
    (Dispensed("1"), lambda r: r.update(status="stopped"), "warning", "$.status"),
    (Dispensed("1"), lambda r: r.pop("medicationCodeableConcept"), "error", "$"),
    (Dispensed("1"), lambda r: r["identifier"][0].update(system="urn:x"), "error", "$.identifier[0].system"),
    (Dispensed("1"), lambda r: r["category"].pop("coding"), "error", "$.category.coding"),
    (Dispensed("1"), lambda r: r["subject"].pop("identifier"), "error", "$.subject.identifier"),
    (Dispensed("1"), lambda r: r["subject"]["identifier"].update(system="https://journal.example"), "error", "$.subject.identifier.system"),
    (Dispensed("1"), lambda r: r.pop("performer"), "error", "$.performer"),
    (Dispensed("1"), lambda r: r["performer"][0]["actor"].update(reference="Device/1"), "error", "$.performer[0].actor.reference"),
    (Dispensed("1"), lambda r: r["performer"][0]["actor"].pop("identifier"), "error", "$.performer[0].actor.identifier"),
    (Dispensed("1"), lambda r: r["performer"][0]["actor"]["identifier"].pop("value"), "error", "$.performer[0].actor.identifier.value"),
    (Supervision("0", "1"), lambda b: issue(b).pop("class"), "error", "$.entry[1].resource.class"),
    (Supervision("0", "1"), lambda b: issue(b).pop("participant"), "error", "$.entry[1].resource.participant"),
    (Supervision("0", "1"), lambda b: issue(b)["participant"][0].pop("type"), "error", "$.entry[1].resource.participant[0].type"),
    (
        Supervision("0", "1"),
        lambda b: issue(b)["participant"][0]["type"][0]["coding"][0].update(code="9"),
        "error",
        "$.entry[1].resource.participant[0].type[0]",
    ),
    (Supervision("0", "1"), lambda b: issue(b).pop("period"), "error", "$.entry[1].resource.period"),
    (Supervision("0", "1"), lambda b: issue(b).update(reasonCode=issue(b)["reasonCode"] * 2), "error", "$.entry[1].resource.reasonCode"),
    (Measurement(PRESSURE), lambda b: reading(b).pop("category"), "error", "$.entry[2].resource.category"),
    (Measurement(PRESSURE), lambda b: reading(b).pop("effectiveDateTime"), "error", "$.entry[2].resource.effectiveDateTime"),
    (Measurement(PRESSURE), lambda b: reading(b)["code"]["coding"].pop(0), "error", "$.entry[2].resource.code"),
    (
        Measurement(PRESSURE),
        lambda b: reading(b)["component"][1]["valueQuantity"].update(code="kPa"),
        "error",
        "$.entry[2].resource.component[1].valueQuantity.code",
    ),
    (
        Measurement({Quantity.BODY_WEIGHT: Decimal("80")}),
        lambda b: reading(b).pop("valueQuantity"),
        "error",
        "$.entry[2].resource.valueQuantity",
    ),
]


@pytest.mark.parametrize(("what", "spoil", "severity", "path"), BROKEN, ids=[f"{row[3]}-{place}" for place, row in enumerate(BROKEN)])
def test_a_broken_rule_is_found_at_its_place(what: What, spoil: Break, severity: str, path: str) -> None:
    resource = document(what)
    spoil(resource)
    assert (severity, path) in [(finding.severity, finding.path) for finding in check(resource)]


def test_a_weight_in_grams_is_one_that_the_profile_allows() -> None:
    bundle = document(Measurement({Quantity.BODY_WEIGHT: Decimal("80000")}))
    bundle["entry"][2]["resource"]["valueQuantity"]["code"] = "g"
    assert check(bundle) == []


@pytest.mark.parametrize("reason", [{"text": "utstyr defekt"}])
def test_a_vital_sign_that_could_not_be_taken_says_why(reason: Any) -> None:
    bundle = document(Measurement(PRESSURE))
    del reading(bundle)["component"][0]["valueQuantity"]
    reading(bundle)["component"][0]["dataAbsentReason"] = reason
    assert check(bundle) == []


def test_a_third_component_of_a_blood_pressure_is_let_be() -> None:
    bundle = document(Measurement(PRESSURE))
    mean = {"code": {"coding": [{"system": "http://loinc.org", "code": "8478-0"}]}, "valueQuantity": {"value": 121}}
    reading(bundle)["component"].append(mean)
    assert check(bundle) == []


def test_a_free_name_of_the_sender_s_own_is_not_complained_of() -> None:
    bundle = document(Alert("3"))
    issue(bundle)["code"]["text"] = "Alarm utløst på badet"
    assert check(bundle) == []


def test_findings_never_repeat_what_was_sent() -> None:
    bundle = document(Alert("4.1"))
    secret = "14834812098"
    for place in (issue(bundle)["patient"]["identifier"], issue(bundle)["code"]["coding"][0], issue(bundle), note(bundle)):
        place.update(value=secret, code=secret, status=secret, date=secret, severity=secret)
    assert check(bundle) and secret not in str(check(bundle))


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("nonsense", NONSENSE, ids=str)
def test_nonsense_anywhere_is_found_and_never_a_crash(kind: str, nonsense: Any) -> None:
    names = {step for rule in RULES[kind] if isinstance(rule, Rule) for step in (*rule.steps, rule.tail.strip("."))}
    names |= {"component", "meta", "code", "valueQuantity", "extension", "url", "address", "_line", "class", "bodySite", "performer"}
    check({"resourceType": kind, **{name: nonsense for name in names if name}})
    check({"resourceType": kind, **{name: {inner: nonsense for inner in names if inner} for name in names if name}})
