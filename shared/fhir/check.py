"""The profile tables of the national contract (vkp.md 3.2), with what base R4 demands and partners forget. Each row is one rule."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain import person
from shared.domain.adapter import Finding
from shared.fhir.elements import URI
from shared.fhir.reach import located, reach
from shared.fhir.rules import Rule, absent, bound, moment, need, need_any, number, one_of
from shared.fhir.terminology import ALERT, CATEGORY, DISPENSE, MODE, REASON, SECTION, STEP
from shared.fhir.vital_signs import vital_sign

CLINICAL = ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown")

RULES: Mapping[str, tuple[Rule, ...]] = {
    "Composition": (
        need("status"),
        one_of("status", "preliminary", "final", "amended", "entered-in-error"),
        need("type"),
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
        one_of("subject.identifier.system", *person.SYSTEMS.values()),  # closed slices: FNR, DNR, FHN
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
        bound("participant.type", MODE),
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
        Rule((), vital_sign),
    ),
    "QuestionnaireResponse": (
        need("status"),
        one_of("status", "in-progress", "completed", "amended", "entered-in-error", "stopped"),
        need("subject", 1, 1),
        number("subject.identifier"),
    ),
    "Device": (),
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
    ),
}

REFERENCES = {  # where entries name each other
    "Composition": (("section", "entry", "reference"), ("section", "section", "entry", "reference")),
    "DetectedIssue": (("author", "reference"), ("implicated", "reference")),
    "Observation": (("device", "reference"),),
}


def check(resource: Mapping[str, Any], where: str = "$") -> list[Finding]:
    """What is wrong with a resource, in the order of the tables; empty if nothing is. Texts name paths, never values."""
    found = list(_resource(resource, where))
    if resource.get("resourceType") == "Bundle":
        found += _entries(resource, where)
    return found


def _resource(resource: Any, where: str) -> Iterator[Finding]:
    kind = resource.get("resourceType") if type(resource) is dict else None
    if type(kind) is not str:
        yield Finding("error", f"{where}.resourceType", "structure", "is missing")
    elif kind not in RULES:
        yield Finding("warning", f"{where}.resourceType", "not-supported", "is no type that the national profiles have")
    else:
        for rule in RULES[kind]:
            yield from rule.findings(resource, where)


def _entries(bundle: Mapping[str, Any], where: str) -> Iterator[Finding]:
    resources = list(located(bundle, ("entry", "resource"), where))
    if resources and (type(resources[0][1]) is not dict or resources[0][1].get("resourceType") != "Composition"):
        yield Finding("error", f"{where}.entry[0].resource", "invariant", "bdl-11: the first entry of a document is a Composition")
    urls = reach(bundle, ("entry", "fullUrl"))
    known = {url for url in urls if type(url) is str}
    if len(known) != len(urls):
        yield Finding("error", f"{where}.entry", "invariant", "bdl-7: every fullUrl is a text and stands once")
    for path, resource in resources:
        yield from _resource(resource, path)
        yield from _dangling(resource, path, known)


def _dangling(resource: Any, where: str, known: set[str]) -> Iterator[Finding]:
    kind = resource.get("resourceType") if type(resource) is dict else None
    for steps in REFERENCES.get(kind, ()) if type(kind) is str else ():
        for path, reference in located(resource, steps, where):
            if type(reference) is str and reference.startswith("urn:uuid:") and reference not in known:
                yield Finding("warning", path, "not-found", "no entry of the Bundle has this fullUrl")
