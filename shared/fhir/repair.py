"""Lenient in, strict out: the mistakes that are known to be common and that can be put right without guessing (vkp.md 1.12, 3.5).

Everything else stays as it came. Each repair is said in words with its path, never with a value.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from shared.domain import person, wild
from shared.fhir import narrative, serialise, terminology
from shared.fhir.elements import URI
from shared.fhir.profiles import SPELT
from shared.fhir.r4 import Element, table
from shared.fhir.reach import step

NATIONAL = (
    *(terminology.ALERT, terminology.DISPENSE, terminology.MODE, terminology.REASON, terminology.CATEGORY, terminology.STEP),
    *(terminology.SECTION, terminology.PLAN),
)
PUBLISHED = {  # system -> how else it is written
    "http://loinc.org": ("https://loinc.org", "https://loinc.org/", "http://loinc.org/", "urn:oid:2.16.840.1.113883.6.1"),
    "http://snomed.info/sct": ("https://snomed.info/sct", "http://snomed.info/sct/", "urn:oid:2.16.840.1.113883.6.96"),
    "http://unitsofmeasure.org": ("https://unitsofmeasure.org", "http://unitsofmeasure.org/", "urn:oid:2.16.840.1.113883.6.8"),
    "http://terminology.hl7.org/CodeSystem/observation-category": ("http://hl7.org/fhir/observation-category",),  # STU3
    **{
        terminology.system(name): (
            f"http://ehelse.no/fhir/ValueSet/vkp-{name}-v090",
            *(f"{base}/fhir/CodeSystem/vkp-{name}-v090" for base in ("https://ehelse.no", "http://hl7.no")),
        )
        for name in NATIONAL
    },
}
SYSTEMS = {alias: system for system, aliases in PUBLISHED.items() for alias in aliases}
COMMON = (
    "DomainResource",
    "BackboneElement",
    "Meta",
    "Narrative",
    "CodeableConcept",
    "Coding",
    "Identifier",
    "Reference",
    "HumanName",
    "Period",
)
TEXT = 200_000  # a narrative may be long; the whole payload is capped before
_LONG_FRACTION = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})\d+(Z|[+-]\d\d:\d\d)", re.ASCII)  # .NET writes seven digits
_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.ASCII | re.IGNORECASE)
_SPELLING = "another spelling of the same URL was replaced by the published one"

Elements = Mapping[str, Element]
_GONE = object()


def repair(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The body to send on and what was done to it: the very same bytes if nothing was. PayloadError if it is not strict JSON."""
    mended, repairs = mend(wild.parse(body, TEXT).raw)
    return (serialise(mended), repairs) if repairs else (body, ())


def mend(tree: Any) -> tuple[Any, tuple[str, ...]]:
    """The same on a parsed resource, which is left as it is."""
    said: list[str] = []
    mended = _object(tree, _shared(), "$", said) if type(tree) is dict else tree
    return ({} if mended is _GONE else mended), tuple(said)


@cache
def _shared() -> Elements:
    """For what stands in a resource that the table does not have: the names that mean the same in all common types that have them."""
    found: dict[str, list[Element]] = {}
    for kind in COMMON:
        for key, element in table().types[kind].elements.items():
            found.setdefault(key, []).append(element)
    return {key: each[0] for key, each in found.items() if len({(element.type, element.many) for element in each}) == 1}


def _object(value: dict[str, Any], elements: Elements, path: str, said: list[str]) -> Any:
    kind = value.get("resourceType")
    if type(kind) is str and kind in table().types:
        elements = table().types[kind].elements
    made: dict[str, Any] = {}
    for key, part in value.items():
        where, element = path + step(key), elements.get(key)
        due = element or elements.get(key.removeprefix("_"))
        if due and due.many and type(part) is not list and part not in (None, ""):
            what = "an object" if type(part) is dict else "a single value"
            said.append(f"{where}: {what} stood where a list is due; it was put in a list")
            part = [part]
        beside = key.startswith("_") or f"_{key}" in value
        mended = _list(part, element, beside, where, said) if type(part) is list else _value(part, key, element, where, said)
        if mended is not _GONE:
            made[key] = mended
    if "div" in value and "div" not in made:  # what is left of a narrative is its status, and no words
        said.extend(f"{path}{step(key)}: was left out with the narrative that has no words" for key in made)
        return _GONE
    if value and not made:
        return _GONE
    _close(made, path, said)
    return _identifier(made, path, said) if type(made.get("system")) is str and type(made.get("value")) is str else made


def _close(made: dict[str, Any], path: str, said: list[str]) -> None:
    """A list that kept its places for what is said beside it, when nothing is."""
    for key, part in made.items():
        if type(part) is list and not key.startswith("_") and f"_{key}" not in made and any(each is None for each in part):
            said.append(f"{path}{step(key)}: null was left out, since nothing is said beside it")
            made[key] = _told([each for each in part if each is not None], part, path + step(key), said)


def _told(kept: list[Any], came: list[Any], path: str, said: list[str]) -> list[Any]:
    """What is left of a list, and that its places are others now, where they are."""
    if any(each is not kept[place] for place, each in enumerate(came[: len(kept)])):
        said.append(f"{path}: the rest of the list moved up, and warnings count its places anew")
    return kept


def _list(value: list[Any], element: Element | None, beside: bool, path: str, said: list[str]) -> Any:
    """`beside`: two lists tell of the same parts, with null where one has nothing to tell, so that every part keeps its place."""
    told = len(said)
    parts = [None if beside and each is None else _value(each, "", element, f"{path}[{i}]", said) for i, each in enumerate(value)]
    kept = [None if each is _GONE else each for each in parts] if beside else [each for each in parts if each is not _GONE]
    if any(each is not None for each in kept):
        return kept if beside else _told(kept, parts, path, said)
    if len(said) == told:
        said.append(f"{path}: an empty list was left out")
    return _GONE


def _value(value: Any, key: str, element: Element | None, path: str, said: list[str]) -> Any:
    if value is None:
        said.append(f"{path}: null was left out")
        return _GONE
    if type(value) is dict:
        return _inner(value, element, path, said)
    if type(value) is list:
        return _list(value, None, False, path, said)
    return _text(value, element, key, path, said) if type(value) is str else value


def _inner(value: dict[str, Any], element: Element | None, path: str, said: list[str]) -> Any:
    if not value:
        said.append(f"{path}: an empty object was left out")
        return _GONE
    kind = table().types.get(element.type) if element else None
    return _object(value, kind.elements if kind else _shared(), path, said)


def _text(value: str, element: Element | None, key: str, path: str, said: list[str]) -> Any:
    if value == "":
        said.append(f"{path}: an empty text was left out")
        return _GONE
    kind = element.type if element else ""
    if kind in ("dateTime", "instant") and (trimmed := _LONG_FRACTION.fullmatch(value)):
        said.append(f"{path}: fractions of a second were cut to six digits")
        return trimmed[1] + trimmed[2]
    if kind == "xhtml":
        return _narrative(value, path, said)
    if (key == "fullUrl" or key == "reference") and (urn := _urn(value)):
        said.append(f"{path}: a UUID was written as urn:uuid in lower case")
        return urn
    known = _published(value) if key == "system" else _canonical(value) if kind == "canonical" else value
    if known != value:
        said.append(f"{path}: {_SPELLING}")
    return known


def _published(system: str) -> str:
    return SYSTEMS.get(system) or person.canonical(system) or system


def _canonical(url: str) -> str:
    name, bar, version = url.partition("|")
    return f"{SPELT.get(name, name)}{bar}{version}"


def _narrative(value: str, path: str, said: list[str]) -> Any:
    cleaned, done = narrative.clean(value)
    if cleaned != value:
        said.append(f"{path}: {done if cleaned else 'a narrative without words was left out'}")
    return cleaned or _GONE


def _urn(value: str) -> str | None:
    """The one spelling of a UUID that came in another."""
    found = _UUID.fullmatch(value)
    urn = f"urn:uuid:{found[1].lower()}" if found else value
    return urn if urn != value else None


def _identifier(made: dict[str, Any], path: str, said: list[str]) -> dict[str, Any]:
    """A UUID under its URI, and a person's number, in their one spelling."""
    system, value = made["system"], made["value"]
    if system == URI:
        known, told = _urn(value) or value, "a UUID was written as urn:uuid in lower case"
    else:
        known, told = person.identified(system, value)[1], "gaps in a person's number were left out"
    if known == value:
        return made
    said.append(f"{path}.value: {told}")
    return {**made, "value": known}
