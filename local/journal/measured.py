"""Observations in a nurse's words: "blodtrykk 172/96 mmHg"."""

from local.journal.bokmal import number
from local.journal.loose import Node, node, nodes, text

SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
# LOINC -> the word in a Norwegian journal (domain/vkp.md 6.2)
NAMES = {
    "85354-9": "blodtrykk",
    SYSTOLIC: "overtrykk",
    DIASTOLIC: "undertrykk",
    "8867-4": "puls",
    "2708-6": "oksygenmetning",
    "59408-5": "oksygenmetning",
    "15074-8": "blodsukker",
    "8310-5": "temperatur",
    "29463-7": "vekt",
    "9279-1": "respirasjonsfrekvens",
    "8302-2": "høyde",
    "39156-5": "KMI",
    "74465-6": "poengsum skjema",
}
# UCUM -> as written in a journal
UNITS = {"mm[Hg]": "mmHg", "Cel": "°C", "/min": "per minutt", "{score}": "poeng", "kg/m2": "kg/m²", "1": ""}


def name_of(coded: Node) -> str:
    codings = nodes(coded, "coding")
    known = (NAMES[text(coding, "code")] for coding in codings if text(coding, "code") in NAMES)
    said = (text(coding, "display") for coding in codings if text(coding, "display"))
    return next(known, "") or text(coded, "text") or next(said, "") or "måling"


def value_of(measured: Node) -> str:
    pressure = _pressure(measured)
    if pressure:
        return pressure
    components = ", ".join(f"{name_of(node(part, 'code'))} {value_of(part)}" for part in nodes(measured, "component")[:20])
    return _quantity(node(measured, "valueQuantity")) or text(measured, "valueString") or _coded(measured) or components


def _coded(measured: Node) -> str:
    coded = node(measured, "valueCodeableConcept")
    return text(coded, "text") or text(coded, "coding", "display")


def _quantity(quantity: Node) -> str:
    value = text(quantity, "value")
    unit = UNITS.get(text(quantity, "code")) or text(quantity, "unit") or text(quantity, "code")
    comparator = text(quantity, "comparator")
    return f"{comparator and comparator + ' '}{number(value)} {unit}".strip() if value else ""


def _pressure(measured: Node) -> str:
    """172/96 mmHg, however the panel orders its parts; "" where it is no complete blood pressure."""
    parts = {
        text(coding, "code"): node(part, "valueQuantity")
        for part in nodes(measured, "component")
        for coding in nodes(node(part, "code"), "coding")
    }
    high, low = (text(parts.get(code, {}), "value") for code in (SYSTOLIC, DIASTOLIC))
    return f"{number(high)}/{number(low)} mmHg" if high and low else ""
