"""The five vital-sign profiles: which category, codes, times and units they ask for (vkp.md 3.2, and HL7's own that they stand on)."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain.adapter import Finding
from shared.domain.vocabulary import QUANTITIES, Quantity
from shared.fhir.holding import said, there
from shared.fhir.profiles import VITAL, claimed
from shared.fhir.r4 import table
from shared.fhir.reach import reach, step
from shared.fhir.terminology import METHOD, SITE, displays, measurements
from shared.fhir.walk import shown

CATEGORY = ("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
ALSO = {Quantity.BODY_WEIGHT: ("g", "[lb_av]"), Quantity.BODY_TEMPERATURE: ("[degF]",)}  # units the profiles allow besides ours
PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC)
_DAY = len("2026-03-02")


def vital_sign(observation: Any, where: str) -> Iterator[Finding]:
    """What an Observation lacks of the vital-sign profiles that it claims."""
    if type(observation) is dict:
        for profile in sorted(claimed(observation) & VITAL.keys()):
            yield from _head(observation, where)
            yield from _coded(observation, VITAL[profile], where)
            yield from (_pressure if VITAL[profile] == "blood_pressure" else _single)(observation, VITAL[profile], where)
            yield from _halves(observation, where)


def whose(observation: Mapping[str, Any], kinds: Mapping[str, str], where: str) -> Iterator[Finding]:
    """A vital sign is a patient's. `kinds`: fullUrl -> type of the entries around it."""
    subject = observation.get("subject")
    if type(subject) is not dict or not claimed(observation) & VITAL.keys():
        return
    text = subject.get("reference")
    kind = (kinds.get(text) or shown(text) if type(text) is str else "") or subject.get("type")
    if type(kind) is str and kind in table().resources and kind != "Patient":
        yield _wrong(f"{where}.subject", "structure", "a vital sign is a Patient's")


def _wrong(path: str, code: str, text: str) -> Finding:
    return Finding("error", path, code, text)


def _head(observation: Mapping[str, Any], where: str) -> Iterator[Finding]:
    categories = [each for each in reach(observation, ("category",)) if CATEGORY in _codings(each)]
    if len(categories) != 1:
        yield _wrong(f"{where}.category", "required", "a vital sign has the category vital-signs, once")
    moment = observation.get("effectiveDateTime")
    if not any(observation.get(name) for name in ("effectiveDateTime", "_effectiveDateTime", "effectivePeriod")):
        yield _wrong(f"{where}.effectiveDateTime", "required", "a vital sign has effectiveDateTime or effectivePeriod")
    elif type(moment) is str and len(moment) < _DAY:
        yield _wrong(f"{where}.effectiveDateTime", "invariant", "vs-1: says at least the day")


def _coded(holder: Any, name: str, where: str) -> Iterator[Finding]:
    """LOINC's code of the quantity, and SNOMED CT's if any of theirs stands there; others may stand beside them."""
    codings = _codings(holder.get("code"))
    for system, code in _wanted(name).items():
        due = system == LOINC or any(given == system for given, _ in codings)
        if due and (system, code) not in codings:
            yield _wrong(f"{where}.code", "code-invalid", f"has not {code} of {system} that the profile asks for")


def _single(observation: Mapping[str, Any], name: str, where: str) -> Iterator[Finding]:
    yield from _measured(observation, Quantity(name), where)
    if not any(name in observation for name in ("component", "hasMember", "dataAbsentReason")) and not said(observation, "value"):
        yield _wrong(f"{where}.valueQuantity", "required", "vs-2: has neither valueQuantity nor dataAbsentReason")


def _pressure(observation: Mapping[str, Any], _name: str, where: str) -> Iterator[Finding]:
    for key in observation:
        if key.removeprefix("_").startswith("value"):
            yield _wrong(where + step(key), "structure", "a blood pressure has its values in its components")
    parts = [(place, part) for place, part in enumerate(reach(observation, ("component",))) if type(part) is dict]
    for quantity in PRESSURES:
        found = [(place, part) for place, part in parts if (LOINC, _wanted(quantity)[LOINC]) in _codings(part.get("code"))]
        if len(found) != 1:
            yield _wrong(f"{where}.component", "required", f"a blood pressure has one {quantity} component")
        for place, part in found:
            yield from _coded(part, quantity, f"{where}.component[{place}]")
            yield from _measured(part, quantity, f"{where}.component[{place}]")
    for name, codes in (("bodySite", displays(SITE)), ("method", displays(METHOD))):
        concept = observation.get(name)
        if concept is not None and not any(system == SNOMED and code in list(codes) for system, code in _codings(concept)):
            yield _wrong(f"{where}.{name}", "code-invalid", f"expected one of: {', '.join(sorted(codes))}")


def _halves(observation: Mapping[str, Any], where: str) -> Iterator[Finding]:
    for place, part in enumerate(reach(observation, ("component",))):
        if type(part) is dict and not said(part, "value") and not part.get("dataAbsentReason"):
            yield _wrong(f"{where}.component[{place}].valueQuantity", "required", "vs-3: has neither a value nor dataAbsentReason")


def _measured(holder: Mapping[str, Any], quantity: Quantity, where: str) -> Iterator[Finding]:
    """A value, where there is one, is a valueQuantity in the unit of the profile."""
    for key in holder:
        if key.removeprefix("_").startswith("value") and key != "valueQuantity":
            yield _wrong(where + step(key), "structure", "the profile has a valueQuantity")
    value = holder.get("valueQuantity")
    if type(value) is not dict:
        return
    for part in ("value", "unit"):
        if not there(value, part):
            yield _wrong(f"{where}.valueQuantity.{part}", "required", "is missing")
    ucum = (QUANTITIES[quantity].ucum, *ALSO.get(quantity, ()))
    if value.get("system") != UCUM:
        yield _wrong(f"{where}.valueQuantity.system", "code-invalid", f"expected {UCUM}")
    if value.get("code") not in ucum:
        yield _wrong(f"{where}.valueQuantity.code", "code-invalid", f"the unit is not {' or '.join(ucum)} in UCUM")


def _wanted(name: str) -> dict[str, str]:
    """system -> code, the first of each system: LOINC's own for this vital sign, and the national profile's SNOMED CT."""
    codings = {coding["system"]: coding["code"] for coding in reversed(measurements()[name]["coding"])}
    return {system: codings[system] for system in (LOINC, SNOMED)}


def _codings(concept: Any) -> list[tuple[Any, Any]]:
    return [(coding.get("system"), coding.get("code")) for coding in reach(concept, ("coding",)) if type(coding) is dict]
