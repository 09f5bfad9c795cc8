"""Lenient in, strict out: the few mistakes that are known to be common and that can be put right without guessing (vkp.md 1.12, 3.5).

Everything else stays as it came. Each repair is said in words with its path, never with a value.
"""

import re
from collections.abc import Mapping
from typing import Any

from shared.domain import person, wild
from shared.fhir import serialise
from shared.fhir.elements import URI

EVERYWHERE = frozenset({"coding", "extension"})
# parent (resource type or element) -> its list elements, as R4 has them
LISTS: Mapping[str, frozenset[str]] = {
    parent: frozenset(names.split()) | EVERYWHERE
    for parent, names in {
        "Bundle": "entry link",
        "Composition": "category author attester relatesTo event section",
        "event": "code detail",  # Composition.event
        "section": "author entry section",
        "DetectedIssue": "identifier implicated evidence mitigation",
        "MedicationDispense": "identifier partOf supportingInformation performer authorizingPrescription note dosageInstruction receiver",
        "Encounter": "identifier statusHistory classHistory type episodeOfCare basedOn participant appointment reasonCode reasonReference"
        " diagnosis account location",
        "participant": "type",  # Encounter.participant
        "Observation": "identifier basedOn partOf category focus performer interpretation note referenceRange hasMember derivedFrom"
        " component",
        "component": "interpretation referenceRange",  # Observation.component
        "Device": "identifier udiCarrier deviceName specialization version property contact note safety",
        "QuestionnaireResponse": "basedOn partOf item",
        "item": "answer item",
        "answer": "item",
        "meta": "profile security tag",
    }.items()
}
TIMES = frozenset(
    {"timestamp", "date", "start", "end", "authored", "issued", "lastUpdated"}
    | {"whenPrepared", "whenHandedOver", "identifiedDateTime", "effectiveDateTime"}
)
SYSTEMS = {
    "https://loinc.org": "http://loinc.org",  # Norsk helsenett's own example
    "https://loinc.org/": "http://loinc.org",
    "http://loinc.org/": "http://loinc.org",
    "https://snomed.info/sct": "http://snomed.info/sct",
    **{alias: person.SYSTEMS[kind] for alias, kind in person.KINDS.items() if alias != person.SYSTEMS[kind]},
}
_DEFINITION = "fhir/StructureDefinition/vkp-"
PROFILES = {
    f"http://ehelse.no/{_DEFINITION}QuestionnaireResponse-v090": f"http://ehelse.no/{_DEFINITION}QuestionnaireReponse-v090",  # as published
    f"http://hl7.no/{_DEFINITION}Observation-Bloodpressure-v090": f"http://ehelse.no/{_DEFINITION}Observation-Bloodpressure-v090",
    **{
        f"http://ehelse.no/{_DEFINITION}Observation-{name}-v090": f"http://hl7.no/{_DEFINITION}Observation-{name}-v090"
        for name in ("Bodytemp", "Bodyweight", "Heartrate", "Oxygensat")
    },
}
TEXT = 200_000  # a narrative may be long; the whole payload is capped before
_LONG_FRACTION = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})\d+(Z|[+-]\d\d:\d\d)", re.ASCII)  # .NET writes seven digits
_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"_?[A-Za-z]{1,40}", re.ASCII)

_GONE = object()


def repair(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The body to send on and what was done to it: the very same bytes if nothing was. PayloadError if it is not strict JSON."""
    mended, repairs = mend(wild.parse(body, TEXT).raw)
    return (serialise(mended), repairs) if repairs else (body, ())


def mend(tree: Any) -> tuple[Any, tuple[str, ...]]:
    """The same on a parsed resource, which is left as it is."""
    said: list[str] = []
    mended = _mend(tree, "", "$", said)
    return ({} if mended is _GONE else mended), tuple(said)


def _mend(value: Any, name: str, path: str, said: list[str]) -> Any:
    kind = type(value)
    if kind is str:
        return _text(value, name, path, said)
    if kind is dict:
        return _object(value, name, path, said)
    if kind is list:
        return _kept([_mend(part, name, f"{path}[{place}]", said) for place, part in enumerate(value)], value)
    return value


def _object(value: dict[str, Any], name: str, path: str, said: list[str]) -> Any:
    own = value.get("resourceType", name)
    lists = LISTS.get(own, EVERYWHERE) if type(own) is str else EVERYWHERE
    made = {}
    for key, part in value.items():
        where = f"{path}.{key if _NAME.fullmatch(key) else '?'}"
        if key in lists and type(part) is dict:
            said.append(f"{where}: an object stood where a list is due; it was put in a list")
            part = [part]
        mended = _mend(part, key, where, said)
        if mended is not _GONE:
            made[key] = mended
    if value and not made:
        return _GONE
    return _identifier(made, path, said) if made.get("system") == URI else made


def _kept(parts: list[Any], value: list[Any]) -> Any:
    kept = [part for part in parts if part is not _GONE]
    return kept if kept or not value else _GONE


def _text(value: str, name: str, path: str, said: list[str]) -> Any:
    if value == "":
        said.append(f"{path}: an empty text was left out")
        return _GONE
    if name in TIMES and (trimmed := _LONG_FRACTION.fullmatch(value)):
        said.append(f"{path}: fractions of a second were cut to six digits")
        return trimmed[1] + trimmed[2]
    known = SYSTEMS if name == "system" else PROFILES if name == "profile" else {}
    if value in known:
        said.append(f"{path}: another spelling of the same URL was replaced by the published one")
        return known[value]
    return value


def _identifier(made: dict[str, Any], path: str, said: list[str]) -> dict[str, Any]:
    value = made.get("value")
    if type(value) is not str or not (found := _UUID.fullmatch(value)) or value == (urn := f"urn:uuid:{found[1].lower()}"):
        return made
    said.append(f"{path}.value: a UUID was written as urn:uuid in lower case")
    return {**made, "value": urn}
