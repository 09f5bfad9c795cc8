"""Both strengths on the same documents: valid ones pass, and each rule of vkp.md 3.2 and of base R4 is broken once, one at a time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.devices.vkp.adapter import ADAPTER
from shared import fhir
from shared.domain.adapter import Demands, Finding
from shared.domain.event import Event, Measurement, Person
from shared.domain.vocabulary import Quantity
from shared.errors import PayloadError
from shared.fhir.reach import step

EXAMPLES = Path(__file__).parent.parent / "adapters/devices/vkp/examples"
SHAPES = {  # of the national contract (vkp.md 2.7), each with an example of ours
    "a": "dispense",
    "b": "not-dispensed-followed-up",
    "c": "safety-alarm-closed",
    "d": "supervision",
    "e": "readings-followed-up",
    "f": "questionnaire-answered",
    "g": "reading-missing",
    "note": "note",
    "supervision alone": "supervision-without-note",
    "message": "message-to-the-journal",
    "fall": "fall-unanswered",
}
AT = datetime(2026, 3, 2, 7, 3, 11, tzinfo=UTC)
CITIZEN = Person("urn:oid:2.16.578.1.12.4.1.4.1", "14834812097", "Stille Fjellbekk")
VITAL = {
    "heart": Measurement({Quantity.HEART_RATE: Decimal("64")}),
    "oxygen": Measurement({Quantity.OXYGEN_SATURATION: Decimal("94")}),
    "temperature": Measurement({Quantity.BODY_TEMPERATURE: Decimal("37.1")}),
    "weight": Measurement({Quantity.BODY_WEIGHT: Decimal("82.50")}),
    "pressure": Measurement({Quantity.SYSTOLIC: Decimal("132"), Quantity.DIASTOLIC: Decimal("81")}),
}
VKP = "http://ehelse.no/fhir"
PATIENT = {
    "resourceType": "Patient",
    "meta": {"profile": [f"{VKP}/StructureDefinition/vkp-Patient-v090"]},
    "extension": [{"url": f"{VKP}/StructureDefinition/vkp-sone-v090", "valueString": "Eksempel|Nord"}],
    "identifier": [{"system": CITIZEN.system, "value": CITIZEN.value}],
    "name": [
        {
            "family": "Fjellbekk",
            "given": ["Stille", "Mild"],
            "_given": [None, {"extension": [{"url": "https://e.example", "valueBoolean": True}]}],
        }
    ],
    "birthDate": "1948-03-14",
    "address": [
        {
            "extension": [{"url": f"{VKP}/StructureDefinition/vkp-elock-v090", "valueString": "Lås L"}],
            "line": ["Lia 3"],
            "_line": [
                {
                    "extension": [
                        {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-additionalLocator", "valueString": "Oppgang B"}
                    ]
                }
            ],
        }
    ],
    "contact": [{"relationship": [{"text": "datter"}], "name": {"text": "Rund Myrstein"}}],
}
PLAN = {
    "resourceType": "CarePlan",
    "meta": {"profile": [f"{VKP}/StructureDefinition/vkp-CarePlan-v090"]},
    "status": "active",
    "intent": "plan",
    "category": [{"coding": [{"system": f"{VKP}/CodeSystem/vkp-careplan-category-v090", "code": "3", "display": "besoksplan"}]}],
    "subject": {"identifier": {"system": CITIZEN.system, "value": CITIZEN.value}},
    "period": {"start": "2026-03-02", "end": "2026-03-08"},
    "activity": [
        {
            "detail": {
                "extension": [{"url": f"{VKP}/StructureDefinition/vkp-detailheader-v090", "valueString": "Tiltak"}],
                "status": "scheduled",
                "scheduledPeriod": {"start": "2026-03-02T09:00:00+01:00", "end": "2026-03-02T09:20:00+01:00"},
            }
        }
    ],
}
GONE = object()


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{SHAPES[name]}.json").read_text(), parse_float=Decimal)


def document(name: str) -> Any:
    if name in SHAPES:
        return example(name)
    if name in VITAL:
        return json.loads(fhir.serialise(fhir.document(Event(AT, VITAL[name], person=CITIZEN, id="r/0"), "E", "S")[1]), parse_float=Decimal)
    made = document("d")
    made["entry"][0]["resource"]["subject"] = made["entry"][1]["resource"]["subject"] = {
        "identifier": {"system": CITIZEN.system, "value": CITIZEN.value}
    }
    made["entry"].append(
        {
            "fullUrl": "urn:uuid:82b95f68-7d1f-4f5b-8a10-0000000000aa",
            "resource": json.loads(json.dumps({"patient": PATIENT, "plan": PLAN}[name])),
        }
    )
    return made


def told(resource: Any, strict: bool, numbers: str = "any") -> list[Finding]:
    items = ADAPTER.split(fhir.serialise(resource))
    assert ADAPTER.inspect
    return list(ADAPTER.inspect(items, Demands(strict, numbers)))


def errors(resource: Any, numbers: str = "any") -> list[str]:
    return [finding.path for finding in told(resource, True, numbers) if finding.severity == "error"]


def put(tree: Any, path: str, value: Any) -> Any:
    """The tree with another value at `a.0.b`; a function is given the old one; GONE takes the place away."""
    *above, last = _steps(path)
    for part in above:
        tree = tree[part]
    if value is GONE:
        del tree[last]
    else:
        tree[last] = value(tree[last]) if callable(value) else value
    return tree


def place(path: str) -> str:
    return "$" + "".join(map(step, _steps(path)))


def _steps(path: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in path.split(".")]


EVERYTHING = [*SHAPES, *VITAL, "patient", "plan"]


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "repair"])
def test_a_document_of_each_national_shape_is_taken_in_both_strengths(name: str, strict: bool) -> None:
    assert told(document(name), strict) == []


# ---------------------------------------------------------------- one fault at a time

NOTE, ISSUE, VISIT, THIRD = "entry.0.resource", "entry.1.resource", "entry.1.resource", "entry.2.resource"
Row = tuple[str, str, Any] | tuple[str, str, Any, str]  # document, where, what stands there then; and where it is told, if elsewhere


def twice(value: Any) -> Any:
    return [*value, *value]


def concept(table: str, code: Any) -> Any:
    return {"coding": [{"system": f"{VKP}/CodeSystem/vkp-{table}-v090", "code": code}]}


HL7 = "http://hl7.no/fhir/StructureDefinition"
PARTS = {
    "identifier": {"valueString": "D-1"},
    "displayName": {"valueString": "Dispenser D"},
    "type": {"valueCode": "x"},
    "location": {"valueString": "Kjøkken"},
}
WRONG_DEVICES: list[dict[str, Any]] = [
    {"identifier": None},
    {"displayName": None},
    {"type": None},
    {"identifier": {"valueInteger": 1}},
    {"displayName": {"valueBoolean": True}},
    {"location": {"valueCode": "x"}},
    {"colour": {"valueString": "x"}},
]


def device(name: str, **parts: Any) -> Any:
    made = {**PARTS, **parts}
    return {"url": f"{VKP}/StructureDefinition/{name}", "extension": [{"url": each, **value} for each, value in made.items() if value]}


def severity(code: str, system: str = f"{VKP}/CodeSystem/vkp-severity-level-v090") -> Any:
    concept = {"coding": [{"system": system, "code": code}]}
    return {"url": f"{VKP}/StructureDefinition/vkp-severity-level-v090", "valueCodeableConcept": concept}


def hospital(**parts: Any) -> Any:
    """An H-nummer as no-basis-Patient has it (vkp.md 3.4)."""
    made = {
        "type": {"coding": [{"system": "urn:oid:2.16.578.1.12.4.1.1.8327", "code": "HNR"}]},
        "system": "HNR",
        "value": "80000000001",
        "assigner": {"display": "Eksempel sykehus"},
    }
    return {key: value for key, value in (made | parts).items() if value}


PROFILE: list[Row] = [
    # MedicationDispense
    ("a", "status", GONE),
    ("a", "status", "delivered"),
    ("a", "medicationCodeableConcept", GONE, ""),
    ("a", "identifier.0.system", "https://dispenser.example/id"),
    ("a", "category", GONE),
    ("a", "category", lambda value: [value]),
    ("a", "category.coding", GONE),
    ("a", "category", {"text": "utlevert"}, "category.coding"),
    ("a", "category.coding.0.code", "4", "category"),
    ("a", "category.coding.0.code", "1.10", "category"),
    ("a", "category.coding.0.system", "https://dispenser.example/codes", "category"),
    ("a", "category", concept("alert-code", "1.1")),
    ("a", "subject.identifier.system", "https://journal.example/lopenummer"),
    ("a", "subject.identifier.system", GONE, "subject.identifier.system"),
    ("a", "performer", GONE),
    ("a", "performer.0.actor.reference", "Device/1"),
    ("a", "performer.0.actor.identifier", GONE),
    ("a", "performer.0.actor.identifier.system", GONE),
    ("a", "performer.0.actor.identifier.value", GONE),
    ("a", "performer.0.actor", GONE, "performer.0"),
    ("a", "whenHandedOver", "2026-03-02T08:03:11"),
    ("a", "whenPrepared", "2026-03-02T09:03:11+01:00", ""),
    *(("a", "extension", [device("VkpMedicationDispenseDevice-v090", **parts)], "extension.0") for parts in WRONG_DEVICES),
    # DetectedIssue
    ("fall", f"{ISSUE}.status", GONE),
    ("fall", f"{ISSUE}.status", "closed"),
    ("fall", f"{ISSUE}.code", GONE),
    ("fall", f"{ISSUE}.code.coding.0.code", "4.99", f"{ISSUE}.code"),
    ("fall", f"{ISSUE}.code.coding.0.code", "1.100", f"{ISSUE}.code"),
    ("fall", f"{ISSUE}.code.coding.0.system", "https://vft.example/codes", f"{ISSUE}.code"),
    ("fall", f"{ISSUE}.code", {"text": "Fall"}),
    ("fall", f"{ISSUE}.code.coding.0.code", Decimal("4.1")),
    ("fall", f"{ISSUE}.patient", GONE),
    ("fall", f"{ISSUE}.patient", lambda value: [value]),
    ("fall", f"{ISSUE}.severity", "red"),
    ("fall", f"{ISSUE}.author", {"reference": "Patient/1"}),
    ("fall", f"{ISSUE}.author.reference", "urn:uuid:00000000-7d1f-4f5b-8a10-000000000011"),
    ("fall", f"{ISSUE}.identifiedPeriod", {"start": "2026-03-04"}, ISSUE),
    # Composition
    ("fall", f"{NOTE}.status", GONE),
    ("fall", f"{NOTE}.status", "registered"),
    ("fall", f"{NOTE}.type", GONE),
    ("fall", f"{NOTE}.date", GONE),
    ("fall", f"{NOTE}.date", "4. mars 2026"),
    ("fall", f"{NOTE}.author", GONE),
    ("fall", f"{NOTE}.author", []),
    ("fall", f"{NOTE}.title", GONE),
    ("fall", f"{NOTE}.category", GONE),
    ("fall", f"{NOTE}.category.0", concept("composition-category", "3")),
    ("fall", f"{NOTE}.category.0", {"text": "Trygghet og mestring"}),
    ("fall", f"{NOTE}.event.0.code.0.coding.0.code", "2", f"{NOTE}.event.0.code.0"),
    ("fall", f"{NOTE}.event.0.code.0.coding.0.code", 0),
    ("fall", f"{NOTE}.event.0.code.0", concept("alert-code", "1")),
    ("fall", f"{NOTE}.event.0.period.start", "2026-03-04T25:12:05+01:00"),
    ("fall", f"{NOTE}.event.0.period.end", "2026-03-04T03:12:04+01:00", f"{NOTE}.event.0.period"),
    ("fall", f"{NOTE}.section.0", {"title": "Hendelse"}),
    ("fall", f"{NOTE}.section.0.text.status", "final"),
    ("fall", f"{NOTE}.section.0.text.status", GONE),
    ("fall", f"{NOTE}.section.0.text.div", "<div xmlns='http://www.w3.org/1999/xhtml'><script>1</script>a</div>"),
    ("fall", f"{NOTE}.section.0.text.div", "Fall registrert"),
    ("fall", f"{NOTE}.section.0.text.div", "<div xmlns='http://www.w3.org/1999/xhtml'>&#160;</div>"),
    ("fall", f"{NOTE}.section.0.text.div", "<div xmlns='http://www.w3.org/1999/xhtml'><a href='javascript:1'>a</a></div>"),
    ("fall", f"{NOTE}.section.0.entry.0.reference", "#nobody"),
    ("fall", f"{NOTE}.section.0.entry.0.reference", "urn:uuid:00000000-7d1f-4f5b-8a10-000000000011"),
    ("fall", f"{NOTE}.section.0.emptyReason", {"text": "x"}, f"{NOTE}.section.0"),
    ("fall", f"{NOTE}.subject", lambda value: value | {"type": 5}, f"{NOTE}.subject.type"),
    # Encounter
    ("d", f"{VISIT}.status", GONE),
    ("d", f"{VISIT}.status", "completed"),
    ("d", f"{VISIT}.class", GONE),
    ("d", f"{VISIT}.class", {"coding": [{"code": "VR"}]}, f"{VISIT}.class.coding"),
    ("d", f"{VISIT}.identifier.0.system", "https://tilsyn.example/id"),
    ("d", f"{VISIT}.subject", GONE),
    ("d", f"{VISIT}.participant", GONE),
    ("d", f"{VISIT}.participant.0.type", GONE),
    ("d", f"{VISIT}.participant.0.type", twice),
    ("d", f"{VISIT}.participant.1.type", GONE),
    ("d", f"{VISIT}.participant.0.type.0", concept("encounter-mode", "5")),
    ("d", f"{VISIT}.participant.0.type.0", concept("encounter-class", "0")),
    ("d", f"{VISIT}.participant.1.individual", {"reference": "Patient/1"}),
    ("d", f"{VISIT}.participant.1.individual", {"reference": "PractitionerRole/1"}),
    ("d", f"{VISIT}.participant.1.individual", {"type": "PractitionerRole", "display": "x"}),
    *(("d", f"{VISIT}.extension", [device("vkp-encounterDevice-v090", **parts)], f"{VISIT}.extension.0") for parts in WRONG_DEVICES),
    ("d", f"{VISIT}.extension", [severity("35")], f"{VISIT}.extension.0"),
    ("d", f"{VISIT}.extension", [severity("30", "https://e.example")], f"{VISIT}.extension.0"),
    ("d", f"{VISIT}.period", GONE),
    ("d", f"{VISIT}.period", lambda value: [value]),
    ("d", f"{VISIT}.period.end", "2026-03-01T00:00:00+01:00", f"{VISIT}.period"),
    ("d", f"{VISIT}.reasonCode", twice),
    ("d", f"{VISIT}.reasonCode.0", concept("encounter-reason", "3")),
    ("d", f"{VISIT}.reasonCode.0", {"text": "planlagt"}),
    ("d", f"{VISIT}.location.0.location", GONE, f"{VISIT}.location.0"),
    ("supervision alone", "participant.0.type", GONE),
    ("supervision alone", "period", GONE),
    # Observation
    ("f", "entry.3.resource.status", GONE),
    ("f", "entry.3.resource.code", GONE),
    ("f", "entry.3.resource.subject", GONE),
    ("f", "entry.3.resource.subject.identifier.value", "31929950082"),
    ("f", "entry.3.resource.valueString", "7", "entry.3.resource"),
    ("f", "entry.3.resource.valueQuantity.value", "7"),
    ("f", "entry.3.resource.valueQuantity.code", "1", "entry.3.resource.valueQuantity"),
    ("f", "entry.3.resource.dataAbsentReason", {"text": "x"}, "entry.3.resource"),
    ("f", "entry.3.resource.effectiveDateTime", "2026-04-31"),
    # QuestionnaireResponse
    ("f", f"{THIRD}.status", GONE),
    ("f", f"{THIRD}.status", "final"),
    ("f", f"{THIRD}.subject", GONE),
    ("f", f"{THIRD}.item.0.linkId", GONE),
    ("f", f"{THIRD}.item.0.answer.0.valueBoolean", True, f"{THIRD}.item.0.answer.0"),
    ("f", f"{THIRD}.item.0.item", [{"linkId": "1.1"}], f"{THIRD}.item.0"),
    ("f", f"{THIRD}.questionnaire", "to ord"),
    # a list where an object is due
    ("fall", f"{NOTE}.category", lambda value: [value], f"{NOTE}.category.0"),
    ("fall", f"{NOTE}.event.0.code", lambda value: [value], f"{NOTE}.event.0.code.0"),
    ("fall", f"{NOTE}.section.0.code", lambda value: [[value]]),
    ("fall", f"{ISSUE}.code", lambda value: [[value]]),
    ("d", f"{VISIT}.participant.0.type.0", lambda value: [value]),
    # a profile of another type
    ("fall", f"{ISSUE}.meta.profile.0", f"{VKP}/StructureDefinition/vkp-Composition-v090"),
    # Bundle
    ("fall", "identifier", GONE),
    ("fall", "identifier.system", GONE, "identifier"),
    ("fall", "identifier.value", GONE, "identifier"),
    ("fall", "identifier", lambda value: [value]),
    ("fall", "timestamp", GONE),
    ("fall", "timestamp", "2026-03-04"),
    ("fall", "total", 3, ""),
    ("fall", "entry.1.fullUrl", "urn:uuid:2c53e902-7d1f-4f5b-8a10-000000000010", "entry"),
    ("fall", "entry.1.fullUrl", "urn:uuid:2c53e902", "entry.1.fullUrl"),
    ("fall", "entry.1.fullUrl", "DetectedIssue/1"),
    ("fall", "entry.2.fullUrl", "#device"),
    ("fall", "entry.1.fullUrl", "https://e.example/DetectedIssue/1/_history/2", "entry.1"),
    ("fall", "entry.1.resource", GONE, "entry.1"),
    ("fall", "entry.1.request", {"method": "POST", "url": "DetectedIssue"}, ""),
    ("fall", "entry.1.search", {"mode": "match"}, ""),
    ("fall", "entry.2.resource.resourceType", "Dings"),
    ("fall", "entry.2.resource.resourceType", GONE),
    ("fall", "entry", lambda value: [*value, *({"resource": {"resourceType": "Device", "status": "active"}} for _ in range(500))]),
    # Device, plain R4
    ("fall", f"{THIRD}.deviceName.0.type", GONE),
    ("fall", f"{THIRD}.deviceName.0.type", "brand"),
    ("fall", f"{THIRD}.identifier.0.value", ""),
    ("fall", f"{THIRD}.identifier.0.value", " \u00a0", f"{THIRD}.identifier.0"),
    ("fall", f"{THIRD}.identifier", lambda value: value[0]),
    ("fall", f"{THIRD}.owner", {"reference": "Patient/1"}),
    ("fall", f"{THIRD}.serial", "S-1"),
    # Communication, plain R4
    ("message", "status", GONE),
    ("message", "status", "sent"),
    ("message", "payload.0", {}),
    ("message", "payload.0.contentReference", {"display": "x"}, "payload.0"),
    ("message", "priority", "high"),
    ("message", "sent", "i går"),
    # CarePlan
    ("plan", f"{THIRD}.status", GONE),
    ("plan", f"{THIRD}.intent", GONE),
    ("plan", f"{THIRD}.intent", "besøk"),
    ("plan", f"{THIRD}.category", GONE),
    ("plan", f"{THIRD}.category.0", concept("careplan-category", "4")),
    ("plan", f"{THIRD}.category.0.coding", lambda value: [*value, {"system": "https://e.example", "code": "1"}], f"{THIRD}.category.0"),
    ("plan", f"{THIRD}.subject", GONE),
    ("plan", f"{THIRD}.context", {"display": "STU3"}),
    ("plan", f"{THIRD}.activity.0.detail.status", GONE),
    ("plan", f"{THIRD}.activity.0.detail.extension", twice),
    ("plan", f"{THIRD}.activity.0.detail.extension.0", lambda value: {"url": value["url"], "valueCode": "x"}),
    ("plan", f"{THIRD}.activity.0.reference", {"display": "x"}, f"{THIRD}.activity.0"),
    # Patient and Address
    ("patient", f"{THIRD}.identifier.0.value", "14834812098"),
    ("patient", f"{THIRD}.extension", twice),
    ("patient", f"{THIRD}.extension.0", lambda value: {"url": value["url"], "valueBoolean": True}),
    ("patient", f"{THIRD}.extension.0", lambda value: {"url": value["url"]}),
    ("patient", f"{THIRD}.birthDate", "14.03.1948"),
    ("patient", f"{THIRD}.gender", "K"),
    ("patient", f"{THIRD}.address.0.extension.0", lambda value: {"url": value["url"], "valueBoolean": True}),
    ("patient", f"{THIRD}.address.0._line.0.extension.0.url", "https://e.example/hint", f"{THIRD}.address.0._line.0.extension.0"),
    ("patient", f"{THIRD}.address.0._line", twice),
    ("patient", f"{THIRD}.contact.0", {"relationship": [{"text": "datter"}]}),
    ("patient", f"{THIRD}.address.0.extension", twice),
    ("patient", f"{THIRD}.name.0.extension", [{"url": f"{HL7}/no-basis-middlename", "valueCode": "x"}], f"{THIRD}.name.0.extension.0"),
    (
        "patient",
        f"{THIRD}.address.0.extension.0",
        {"url": f"{HL7}/no-basis-address-official", "valueString": "ja"},
    ),
    ("patient", f"{THIRD}.identifier.0", hospital(type=None), f"{THIRD}.identifier.0.type"),
    ("patient", f"{THIRD}.identifier.0", hospital(type={"coding": [{"code": "HNR"}]}), f"{THIRD}.identifier.0.type"),
    ("patient", f"{THIRD}.identifier.0", hospital(assigner=None), f"{THIRD}.identifier.0.assigner"),
]


def without(resource: Any, name: str) -> Any:
    return {key: value for key, value in resource.items() if key != name}


def same_url(entries: Any) -> Any:
    """bdl-7: the same resource in two versions."""
    versions = [{**entries[2], "resource": {**entries[2]["resource"], "meta": {"versionId": number}}} for number in "12"]
    return [*entries[:2], *versions]


def named(code: str, **names: str) -> Any:
    coding = {"system": f"{VKP}/CodeSystem/vkp-alert-code-v090", "code": code}
    text = {key: value for key, value in names.items() if key == "text"}
    return {"coding": [coding | {key: value for key, value in names.items() if key != "text"}], **text}


ABSENT = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]


def another_snomed(codings: Any) -> Any:
    return [coding | {"code": "72098002"} if "snomed" in coding["system"] else coding for coding in codings]


def without_snomed(codings: Any) -> Any:
    return [coding for coding in codings if "snomed" not in coding["system"]]


def _vital() -> Iterator[Row]:
    """The rules that all five vital-sign profiles share, and those of the blood pressure's own parts."""
    where = "entry.2.resource"
    for name in VITAL:
        yield name, f"{where}.status", GONE
        yield name, f"{where}.subject", GONE
        yield name, f"{where}.category", GONE
        yield name, f"{where}.category.0.coding.0.code", "laboratory", f"{where}.category"
        yield name, f"{where}.category.0.coding.0.system", "https://e.example", f"{where}.category"
        yield name, f"{where}.category", twice
        yield name, f"{where}.effectiveDateTime", GONE
        yield name, f"{where}.effectiveDateTime", "2026-03"
        yield name, f"{where}.code.coding.0.code", "1-8", f"{where}.code"
        yield name, f"{where}.code.coding", lambda value: [coding for coding in value if "loinc" not in coding["system"]], f"{where}.code"
        yield name, f"{where}.code.coding", another_snomed, f"{where}.code"
        yield name, f"{where}.subject", {"reference": "Device/1"}
        yield name, f"{where}.subject", lambda value: value | {"type": "Device"}
        yield name, f"{where}._valueString", {"extension": ABSENT}
        if name != "pressure":
            yield name, f"{where}.valueQuantity", GONE
            for part in ("value", "unit", "system", "code"):
                yield name, f"{where}.valueQuantity.{part}", GONE
            yield name, f"{where}.valueQuantity.code", "kPa"
            yield name, f"{where}.valueQuantity.system", "https://e.example/units"
    for number in (0, 1):
        half = f"{where}.component.{number}"
        yield "pressure", half, GONE, f"{where}.component"
        yield "pressure", f"{half}.code", GONE
        yield "pressure", f"{half}.code.coding.0.code", "8867-4", f"{where}.component"
        yield "pressure", f"{half}.code.coding", another_snomed, f"{half}.code"
        yield "pressure", half, lambda value: {"code": value["code"], "valueString": "høyt"}, f"{half}.valueString"
        yield (
            "pressure",
            half,
            lambda value: {"code": value["code"], "valueString": "x", "dataAbsentReason": {"text": "x"}},
            f"{half}.valueString",
        )
        yield "pressure", f"{half}.valueQuantity", GONE
        yield "pressure", f"{half}.valueQuantity.code", "kPa"
        yield "pressure", f"{half}.valueQuantity.unit", GONE
    yield "pressure", f"{where}.component", lambda value: [*value, {"code": {"text": "puls"}}], f"{where}.component.2.valueQuantity"
    yield "heart", f"{where}.component", [{"code": {"text": "uro"}}], f"{where}.component.0.valueQuantity"
    yield "pressure", f"{where}.valueString", "172/96"
    yield "pressure", f"{where}.component", twice
    yield "pressure", f"{where}.component", GONE
    yield "pressure", f"{where}.valueQuantity", {"value": 1, "unit": "x", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    yield "pressure", f"{where}.bodySite", {"coding": [{"system": "http://snomed.info/sct", "code": "72098002"}]}
    yield "pressure", f"{where}.method", {"text": "lytting"}


VIOLATIONS: list[Row] = [*PROFILE, *_vital()]
IDS = [f"{number}-{row[0]}-{row[1]}" for number, row in enumerate(VIOLATIONS)]


def broken(row: Row) -> tuple[Any, str]:
    """The document with one fault, and where that is told."""
    resource = document(row[0])
    put(resource, row[1], row[2])
    where = row[3] if len(row) == 4 else row[1]
    return resource, place(where) if where else "$"


def _near(found: list[Finding], path: str) -> list[Finding]:
    if path == "$":
        return found
    return [finding for finding in found if finding.path == path]


def test_there_are_enough_of_them() -> None:
    assert len(VIOLATIONS) >= 200


@pytest.mark.parametrize("row", VIOLATIONS, ids=IDS)
def test_strict_refuses_a_fault_and_names_its_place(row: Row) -> None:
    resource, path = broken(row)
    assert "error" in [finding.severity for finding in _near(told(resource, True), path)], told(resource, True)


@pytest.mark.parametrize("row", VIOLATIONS, ids=IDS)
def test_repair_takes_the_same_fault_and_tells_of_it(row: Row) -> None:
    resource, _path = broken(row)
    found = told(resource, False)
    assert found and "error" not in [finding.severity for finding in found]


REFUSED: list[Row] = [  # what nobody could journal is told at once, in either strength
    ("fall", "type", "collection"),
    ("fall", "type", "message"),
    ("fall", "entry", lambda value: value[::-1]),
    ("fall", "entry", []),
    ("fall", "resourceType", "Patient"),
    ("fall", f"{NOTE}.subject", GONE),
    ("fall", f"{NOTE}.subject.identifier", GONE),
    ("fall", f"{NOTE}.subject.identifier.value", GONE),
    ("a", "subject", GONE),
    ("a", "subject.identifier.value", ""),
    ("message", "subject", GONE),
]


@pytest.mark.parametrize("row", REFUSED, ids=[f"{row[0]}-{row[1]}" for row in REFUSED])
def test_what_is_about_nobody_or_no_document_is_refused_before_it_is_judged(row: Row) -> None:
    resource, _path = broken(row)
    with pytest.raises(PayloadError):
        told(resource, False)


DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
ALLOWED: list[Row] = [  # FHIR and the national profiles have nothing against these
    *((name, "entry.2.resource.code.coding", without_snomed) for name in VITAL),
    *((name, "entry.2.resource.code.coding", twice) for name in VITAL),
    ("pressure", "entry.2.resource.component.0.code.coding", without_snomed),
    ("heart", "entry.2.resource", lambda value: {**without(value, "valueQuantity"), "hasMember": [{"display": "målinger"}]}),
    ("heart", "entry.2.resource", lambda value: {**without(value, "valueQuantity"), "dataAbsentReason": {"text": "utstyr defekt"}}),
    ("heart", "entry.2.resource", lambda value: {**without(value, "effectiveDateTime"), "_effectiveDateTime": {"extension": ABSENT}}),
    ("patient", f"{THIRD}.extension.0", lambda value: {"url": value["url"], "_valueString": {"extension": ABSENT}}),
    ("patient", f"{THIRD}.extension.0", {"url": "https://e.example", "_valueCode": {"extension": ABSENT}}),
    ("patient", f"{THIRD}.identifier.0", hospital()),
    ("patient", f"{THIRD}.name.0.extension", [{"url": f"{HL7}/no-basis-middlename", "valueString": "Lun"}]),
    ("fall", NOTE, lambda value: {**without(value, "title"), "_title": {"extension": ABSENT}}),
    ("note", "", lambda value: {**without(value, "date"), "_date": {"extension": ABSENT}}),
    ("fall", f"{NOTE}.section.0.text.div", f"\n <!-- <x> fra & til --> {DIV}Fall<!-- y --></div>\n"),
    (
        "fall",
        f"{NOTE}.section.0.text.div",
        f'{DIV}<ol start="3" style="list-style-position:inside;font-family:Segoe Script"><li>a</li></ol></div>',
    ),
    ("fall", f"{NOTE}.date", "2016-12-31T23:59:60Z"),
    ("fall", "entry", same_url),
    ("d", f"{VISIT}.participant.1.individual", {"reference": "RelatedPerson/1"}),
    ("d", f"{VISIT}.extension", [device("vkp-encounterDevice-v090", typeName={"valueString": "x"})]),
    ("d", f"{VISIT}.extension", [severity("30")]),
    ("d", f"{VISIT}.extension", [severity("30", f"{VKP}/ValueSet/vkp-severity-level-v090")]),
    ("a", "extension", [device("VkpMedicationDispenseDevice-v090")]),
]  # fmt: skip


@pytest.mark.parametrize("row", ALLOWED, ids=[f"{number}-{row[0]}-{row[1]}" for number, row in enumerate(ALLOWED)])
def test_strict_takes_what_is_legal_without_a_word(row: Row) -> None:
    resource = document(row[0])
    if row[1]:
        put(resource, row[1], row[2])
    else:
        resource = row[2](resource)
    assert [finding for finding in told(resource, True) if finding.code != "security"] == []


@pytest.mark.parametrize(
    "words",
    [
        '<img src="https://e.example/kart.png" alt="Kart"/>a',
        '<a href="Patient/1">a</a>',
        '<p style="position: fixed">a</p>',
        "<![CDATA[a < b]]>",
        "<!-- <b> -->a",
    ],
)
def test_what_fhir_allows_and_the_hub_does_not_pass_on_is_a_warning_that_says_so(words: str) -> None:
    resource = document("fall")
    path = put(resource, f"{NOTE}.section.0.text.div", f"{DIV}{words}</div>") and place(f"{NOTE}.section.0.text.div")
    found = told(resource, True)
    assert [(each.severity, each.path) for each in found] == [("warning", path)] and "the hub takes it out" in found[0].text
    assert [each.severity for each in told(resource, False)] == ["information"]


WARNED: list[Row] = [  # taken in both strengths, with a word of warning
    ("fall", f"{ISSUE}.code", named("1.10", display="Ingen kontakt")),
    ("fall", f"{ISSUE}.code", named("1.4", text="Teknisk feil")),
    ("fall", f"{ISSUE}.code", named("1.7", text="1.5 - Feil rull.")),
    ("fall", f"{ISSUE}.code", named("3", text="Medisindispenserhendelse")),
    ("fall", f"{ISSUE}.code", {"coding": [*named("4.1")["coding"], *named("3", display="Fall")["coding"]]}),
    ("fall", f"{NOTE}.type", named("7", text="300 - Trygghetsalarm")),
    ("fall", f"{NOTE}.type", named("1.17", display="Batteri tomt")),
    ("fall", f"{ISSUE}.code.coding.0.display", "Brannalarm", f"{ISSUE}.code"),
    ("fall", f"{ISSUE}.code.text", "Brannalarm", f"{ISSUE}.code"),
    ("fall", f"{NOTE}.section.0.code", concept("composition-section", "9")),
    ("fall", f"{NOTE}.status", "preliminary"),
    ("fall", f"{NOTE}.meta.profile.0", "https://e.example/StructureDefinition/notat"),
    ("fall", "entry", lambda value: [*value, {"resource": {"resourceType": "Flag", "dings": 1}}], "entry.3.resource.resourceType"),
    ("a", "status", "stopped"),
    ("f", "entry.3.resource.code.coding.0.system", "https://e.example/codes", "entry.3.resource.code"),
    (
        "f",
        "entry.3.resource.performer",
        [{"identifier": {"system": "https://e.example/ansatt", "value": "7"}}],
        "entry.3.resource.performer.0.identifier.system",
    ),
    (
        "patient",
        f"{THIRD}.address.0.extension.0",
        {"url": "http://hl7.no/fhir/StructureDefinition/no-basis-address-official", "valueBoolean": True},
    ),
    (
        "plan",
        f"{THIRD}.author",
        {"identifier": {"system": "https://e.example/legekontor", "value": "7"}},
        f"{THIRD}.author.identifier.system",
    ),
]


@pytest.mark.parametrize("row", WARNED, ids=[f"{row[0]}-{row[1]}" for row in WARNED])
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "repair"])
def test_what_may_be_meant_is_warned_of_in_both_strengths(row: Row, strict: bool) -> None:
    resource, path = broken(row)
    assert [(finding.severity, finding.path) for finding in told(resource, strict)] == [("warning", path)]


# ---------------------------------------------------------------- defects of the published profiles (vkp.md 3.5)


@pytest.mark.parametrize(
    "profile",
    [
        "http://ehelse.no/fhir/StructureDefinition/vkp-Observation-Heartrate-v090",
        "http://hl7.no/fhir/StructureDefinition/vkp-Observation-Heartrate-v090",
        "http://hl7.no/fhir/StructureDefinition/vkp-Observation-Heartrate-v090|0.9.0",
        "http://hl7.no/fhir/vkpobservation/StructureDefinition/VkpObservationHeartrate",
    ],
)
def test_all_families_of_profile_urls_mean_the_same_rules(profile: str) -> None:
    resource = document("heart")
    resource["entry"][2]["resource"]["meta"]["profile"] = [profile]
    assert told(resource, True) == []
    del resource["entry"][2]["resource"]["category"]
    assert errors(resource) == ["$.entry[2].resource.category"]


def test_a_vital_sign_of_an_entry_that_is_a_device_is_nobody_s() -> None:
    resource = document("heart")
    url = "urn:uuid:60973d46-7d1f-4f5b-8a10-0000000000ab"
    resource["entry"].append({"fullUrl": url, "resource": {"resourceType": "Device", "serialNumber": "1"}})
    resource["entry"][2]["resource"]["subject"] = {"reference": url}
    assert errors(resource) == ["$.entry[2].resource.subject"]


@pytest.mark.parametrize("name", ["QuestionnaireReponse", "QuestionnaireResponse"])
def test_the_misspelt_profile_and_the_right_spelling_are_both_taken(name: str) -> None:
    resource = document("f")
    resource["entry"][2]["resource"]["meta"]["profile"] = [f"{VKP}/StructureDefinition/vkp-{name}-v090"]
    assert told(resource, True) == []


def test_a_device_may_take_part_in_an_encounter() -> None:
    resource = document("d")
    resource["entry"].append(
        {"fullUrl": "urn:uuid:82b95f68-7d1f-4f5b-8a10-0000000000ab", "resource": {"resourceType": "Device", "serialNumber": "1"}}
    )
    resource["entry"][1]["resource"]["participant"][0]["individual"] = {"reference": "urn:uuid:82b95f68-7d1f-4f5b-8a10-0000000000ab"}
    assert told(resource, True) == []


def test_the_older_encounter_is_virtual_and_its_modes_are_only_warned_of() -> None:
    resource = document("supervision alone")
    resource["meta"]["profile"] = [f"{VKP}/StructureDefinition/vkp-digital-Encounter-v090"]
    assert told(resource, True) == []
    resource["participant"][0]["type"] = [{"coding": [{"system": f"{VKP}/CodeSystem/vkp-encounter-type-v090", "code": "1"}]}]
    assert {finding.severity for finding in told(resource, True)} == {"warning"}
    resource["class"]["code"] = "HH"
    assert errors(resource) == ["$.class"]


def test_a_code_that_ends_in_zero_is_another_code() -> None:
    resource = document("fall")
    resource["entry"][1]["resource"]["code"]["coding"] = [
        {"system": f"{VKP}/CodeSystem/vkp-alert-code-v090", "code": "1.10", "display": "Medisin venter"}
    ]
    assert told(resource, True) == []
    resource["entry"][1]["resource"]["code"]["coding"][0]["display"] = "Ikke utlevert"
    assert [finding.severity for finding in told(resource, True)] == ["warning"]


# ---------------------------------------------------------------- people


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "repair"])
@pytest.mark.parametrize(
    "path", [f"{NOTE}.subject.identifier.value", f"{NOTE}.author.0.identifier.value", f"{ISSUE}.patient.identifier.value"]
)
def test_production_takes_no_invented_person_wherever_one_stands(strict: bool, path: str) -> None:
    resource = document("b")
    found = [finding for finding in told(resource, strict, "production") if finding.path == place(path)]
    assert [(finding.severity, finding.national) for finding in found] == [("error", "2.1")]


@pytest.mark.parametrize("numbers", ["test", "any"])
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "repair"])
def test_test_takes_invented_people(strict: bool, numbers: str) -> None:
    assert told(document("b"), strict, numbers) == []


def test_a_number_that_cannot_be_is_refused_in_strict_and_set_aside_in_repair() -> None:
    resource = document("a")
    resource["subject"]["identifier"]["value"] = "14834812098"
    assert [(each.path, each.national) for each in told(resource, True) if each.severity == "error"] == [
        ("$.subject.identifier.value", "2.1")
    ]
    assert "error" not in [finding.severity for finding in told(resource, False)]
    with pytest.raises(PayloadError, match=r"VKP 2\.1"):
        ADAPTER.decode(ADAPTER.split(fhir.serialise(resource))[0])


@pytest.mark.parametrize(
    ("system", "value"),
    [("urn:oid:2.16.578.1.12.4.1.4.4", "123"), ("urn:oid:2.16.578.1.12.4.1.2", "A-1"), ("urn:oid:2.16.578.1.12.4.1.4.101", "31012345")],
)
def test_a_number_of_staff_or_of_an_organisation_has_its_shape(system: str, value: str) -> None:
    resource = document("b")
    resource["entry"][0]["resource"]["author"][0]["identifier"] = {"system": system, "value": value}
    path = "$.entry[0].resource.author[0].identifier.value"
    assert errors(resource) == [path]
    assert [(each.severity, each.path) for each in told(resource, False)] == [("warning", path)]


def test_an_organisation_s_number_is_never_refused_for_its_check_digit() -> None:
    resource = document("b")
    resource["entry"][0]["resource"]["author"][0]["identifier"] = {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "314159265"}
    assert told(resource, True) == []


@pytest.mark.parametrize("target", ["a b", "x", "URN:UUID:5E0C1A52-7D1F-4F5B-8A10-000000000012", "/Device/1", "device/1", "Device/1 "])
def test_a_reference_that_can_lead_nowhere_is_refused(target: str) -> None:
    resource = document("b")
    resource["entry"][1]["resource"]["author"] = {"reference": target}
    assert "$.entry[1].resource.author.reference" in errors(resource)


@pytest.mark.parametrize("target", ["Device/1", "https://vft.example.no/fhir/Device/1", "Device/1/_history/2"])
def test_a_reference_out_of_the_document_may_stand(target: str) -> None:
    resource = document("b")
    resource["entry"][1]["resource"]["author"] = {"reference": target}
    assert errors(resource) == []


def test_strict_refuses_what_would_be_set_aside_later() -> None:
    resource = document("b")
    resource["entry"][1]["resource"]["patient"]["identifier"]["value"] = "15861050014"
    assert errors(resource) == ["$.entry[1].resource.patient.identifier"]


def test_many_faults_are_cut_short_and_counted() -> None:
    resource = document("fall")
    resource["entry"] += [
        {"fullUrl": f"urn:uuid:2c53e902-7d1f-4f5b-8a10-{number:012d}", "resource": {"resourceType": "Device", "x": 1}}
        for number in range(100, 220)
    ]
    found = told(resource, False)
    assert len(found) == 21 and found[-1].text == "100 more are not told"
    assert len(told(resource, True)) == 101


def test_many_repairs_are_cut_short_and_counted() -> None:
    resource = document("a") | {"note": [""] * 130}
    found = told(resource, False)
    assert [each.severity for each in found] == ["information"] * 101 and found[-1].text == "30 more are not told"
