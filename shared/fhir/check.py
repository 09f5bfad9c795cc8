"""The profile tables of the national contract (vkp.md 3.2), with what base R4 demands and partners forget. Each row is one rule."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from shared.domain import person
from shared.domain.adapter import Finding
from shared.fhir.elements import URI
from shared.fhir.extensions import ELOCK, HEADER, ZONE
from shared.fhir.judges import address, general, hospital_number, modes, old_encounter
from shared.fhir.profiles import claims
from shared.fhir.reach import located
from shared.fhir.rules import Judge, Rule, absent, absolute, at_most_one, bound, moment, need, need_any, number, one_of
from shared.fhir.terminology import ALERT, CATEGORY, DISPENSE, PLAN, REASON, SECTION, STEP
from shared.fhir.vital_signs import vital_sign, whose
from shared.fhir.walk import MOST, scope_of

CLINICAL = ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown")

PERSONS = tuple(person.SYSTEMS.values())
HER = "urn:oid:2.16.578.1.12.4.1.2"  # HER-id
STAFF = (*PERSONS, HER, *(f"urn:oid:2.16.578.1.12.4.1.4.{number}" for number in (4, 101, 102)))  # HPR, organisation number, RESH


def _is(url: str) -> Callable[[Any], bool]:
    return lambda extension: type(extension) is dict and extension.get("url") == url


RULES: Mapping[str, tuple[Rule | Judge, ...]] = {
    "Composition": (
        need("status"),
        one_of("status", "preliminary", "final", "amended", "entered-in-error"),
        one_of("status", "final", "amended", severity="warning"),  # the guide fixes final; a correction is amended
        need("type"),
        bound("type", ALERT, required=False),  # some say there which alert it is about
        need("date"),
        moment("date"),
        need("author"),
        need("title"),
        need("category"),
        bound("category", CATEGORY),
        need("subject", 1, 1),
        number("subject.identifier"),
        bound("event.code", STEP),
        moment("event.period.start"),
        bound("section.code", SECTION, required=False),
        one_of("section.text.status", "additional", "generated", severity="warning"),  # the guide fixes the first, its sample has the other
    ),
    "DetectedIssue": (
        need("status"),
        one_of("status", *CLINICAL),
        need("code", 1, 1),
        bound("code", ALERT),
        need("patient", 1, 1),
        number("patient.identifier"),
        one_of("severity", "high", "moderate", "low"),
        moment("identifiedDateTime"),
    ),
    "MedicationDispense": (
        need("status"),
        one_of(
            "status",
            *("preparation", "in-progress", "cancelled", "on-hold", "completed", "entered-in-error", "stopped", "declined", "unknown"),
        ),
        one_of("status", "in-progress", "completed", severity="warning"),  # said in words by the profile, bound by nothing
        need_any("medicationCodeableConcept", "medicationReference"),
        one_of("identifier.system", URI),
        need("category", 1, 1),
        need("category.coding"),
        bound("category", DISPENSE),
        need("subject", 1, 1),
        need("subject.identifier", 1, 1),
        need("subject.identifier.system", 1, 1),
        one_of("subject.identifier.system", *PERSONS),  # closed slices: FNR, DNR, FHN
        need("subject.identifier.value", 1, 1),
        number("subject.identifier"),
        need("performer"),
        absent("performer.actor.reference"),
        need("performer.actor.identifier", 1, 1),
        need("performer.actor.identifier.system", 1, 1),
        need("performer.actor.identifier.value", 1, 1),
        moment("whenHandedOver"),
    ),
    "Encounter": (
        need("status"),
        one_of(
            "status",
            *("planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown"),
        ),
        need("class", 1, 1),
        one_of("identifier.system", URI),
        need("subject", 1, 1),
        number("subject.identifier"),
        need("participant"),
        need("participant.type", 1, 1),
        Judge(modes),
        Judge(old_encounter),
        need("period", 1, 1),
        moment("period.start"),
        moment("period.end"),
        need("reasonCode", 0, 1),
        bound("reasonCode", REASON),
    ),
    "Observation": (
        need("status"),
        one_of("status", *CLINICAL),
        need("code", 1, 1),
        need("subject", 1, 1),
        number("subject.identifier"),
        moment("effectiveDateTime"),
        one_of("performer.identifier.system", *STAFF, severity="warning"),  # bound to a value set that nobody has published
        Judge(general),
        Judge(vital_sign),
    ),
    "QuestionnaireResponse": (
        need("status"),
        one_of("status", "in-progress", "completed", "amended", "entered-in-error", "stopped"),
        need("subject", 1, 1),
        number("subject.identifier"),
    ),
    "Device": (),
    "Communication": (  # the national contract takes it and has published no profile: base R4 alone
        need("status"),
        number("subject.identifier"),
        moment("sent"),
        moment("received"),
    ),
    "Patient": (
        number("identifier"),
        Judge(hospital_number),
        at_most_one("extension", _is(ZONE), "the zone stands once at most"),
        at_most_one("address.extension", _is(ELOCK), "the e-lock stands once at most"),
        Judge(address),
        one_of("generalPractitioner.identifier.system", HER, severity="warning"),
    ),
    "CarePlan": (
        need("status"),
        need("intent"),
        need("category"),
        bound("category", PLAN, closed=True),
        need("subject", 1, 1),
        number("subject.identifier"),
        one_of("author.identifier.system", HER, severity="warning"),
        at_most_one("activity.detail.extension", _is(HEADER), "the header stands once at most"),
    ),
    "Bundle": (
        one_of("type", "document"),
        need("type"),
        need("identifier.system"),  # bdl-9
        need("identifier.value"),
        need("identifier"),
        need("timestamp"),  # bdl-10
        moment("timestamp", instant=True),
        need("entry"),
        need("entry.resource"),
        absolute("entry.fullUrl"),
    ),
}

REFERENCES = {  # where entries name each other
    "Composition": (("section", "entry", "reference"), ("section", "section", "entry", "reference")),
    "DetectedIssue": (("author", "reference"), ("implicated", "reference")),
    "Observation": (("device", "reference"),),
}


def check(resource: Mapping[str, Any], where: str = "$") -> list[Finding]:
    """What is wrong with a resource, in the order of the tables, 1000 findings at most; empty if nothing is. Texts name paths, never
    values."""
    return list(islice(_everything(resource, where), MOST))


def _everything(resource: Mapping[str, Any], where: str) -> Iterator[Finding]:
    yield from _resource(resource, where, None)
    if resource.get("resourceType") == "Bundle":
        yield from _entries(resource, where)


def _resource(resource: Any, where: str, kinds: Mapping[str, str] | None) -> Iterator[Finding]:
    """`kinds`: fullUrl -> type of the entries around it, None outside a Bundle."""
    kind = resource.get("resourceType") if type(resource) is dict else None
    if type(kind) is not str:
        yield Finding("error", f"{where}.resourceType", "structure", "is missing")
    elif kind not in RULES:
        yield Finding("warning", f"{where}.resourceType", "not-supported", "is no type that the national profiles have")
    else:
        yield from claims(resource, where)
        for rule in RULES[kind]:
            yield from rule.findings(resource, where)
        if kind == "Observation":
            yield from whose(resource, kinds or {}, where)
        if kinds is not None:
            yield from _dangling(resource, where, kinds)


def _entries(bundle: Mapping[str, Any], where: str) -> Iterator[Finding]:
    resources = list(located(bundle, ("entry", "resource"), where))
    if resources and (type(resources[0][1]) is not dict or resources[0][1].get("resourceType") != "Composition"):
        yield Finding("error", f"{where}.entry[0].resource", "invariant", "bdl-11: the first entry of a document is a Composition")
    kinds = scope_of(bundle, None).kinds
    for path, resource in resources:
        yield from _resource(resource, path, kinds)


def _dangling(resource: Mapping[str, Any], where: str, kinds: Mapping[str, str]) -> Iterator[Finding]:
    for steps in REFERENCES.get(resource["resourceType"], ()):
        for path, reference in located(resource, steps, where):
            if type(reference) is str and reference.startswith("urn:uuid:") and reference not in kinds:
                yield Finding("warning", path, "not-found", "no entry of the Bundle has this fullUrl")
