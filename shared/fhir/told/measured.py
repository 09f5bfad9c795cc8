"""What was measured or answered, in a nurse's words: "172/96 mmHg", "82,50 kg", "Ja". Every digit stands as it was sent."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from shared.domain.vocabulary import QUANTITIES, Quantity
from shared.fhir.terminology import measurements
from shared.fhir.told.bokmal import told, within
from shared.fhir.told.loose import Node, node, nodes, text

LOINC = "http://loinc.org"
PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC)
UNITS = {  # UCUM -> as a journal writes it
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "/min": "per minutt",
    "{score}": "poeng",
    "kg/m2": "kg/m²",
    "1": "",
}
UNTOLD = "verdi som ikke kan vises her"  # a kind of value that no nurse could read, as a curve
MISSING = "uten verdi"
MOST_PARTS = 30


@cache
def _names() -> Mapping[tuple[str, str], str]:
    return {(coding["system"], coding["code"]): name for name, row in measurements().items() for coding in row["coding"]}


def quantity_of(coded: Node) -> str:
    """Which of the measured quantities (`measurements.json`) a concept is; "" for none."""
    known = (_names().get((text(coding, "system"), text(coding, "code"))) for coding in nodes(coded, "coding"))
    return next(filter(None, known), "")


def name_of(coded: Node) -> str:
    """Within a sentence: "blodtrykk"."""
    if known := quantity_of(coded):
        return within(measurements()[known]["display"])
    said = (text(coding, "display") for coding in nodes(coded, "coding") if text(coding, "display"))
    return text(coded, "text") or next(said, "") or "måling"


def value_of(holder: Node) -> str:
    """The value of an Observation, a part of one, or an answer; "" if it has none."""
    if pressure := _pressure(holder):
        return pressure
    parts = "; ".join(f"{name_of(node(part, 'code'))} {value_of(part) or MISSING}" for part in nodes(holder, "component")[:MOST_PARTS])
    key = next((key for key in holder if key.startswith("value") and holder[key] is not None), "")
    if not key:
        return parts or _absent(holder)
    value = (_VALUES[key](holder, key) if key in _VALUES else "") or UNTOLD
    return f"{value} ({parts})" if parts else value


def _absent(holder: Node) -> str:
    """Why there is none, if that is said."""
    reason = node(holder, "dataAbsentReason")
    why = text(reason, "text") or text(reason, "coding", "display")
    return f"{MISSING} ({why})" if why else ""


def quantity(holder: Node, key: str) -> str:
    """A number with its unit, as our own tables write it where it is one of theirs; "" if there is no number."""
    found = node(holder, key)
    value, code, ucum = number(found.get("value")), text(found, "code"), quantity_of(node(holder, "code"))
    unit = UNITS.get(code) or text(found, "unit") or code
    if ucum in list(Quantity) and QUANTITIES[Quantity(ucum)].ucum == code:
        unit = QUANTITIES[Quantity(ucum)].unit
    elif not unit and ucum:
        unit = measurements()[ucum].get("unit", "")
    return " ".join(filter(None, (text(found, "comparator"), value, unit))) if value else ""


def number(value: Any) -> str:
    """A number, or what stands for one, with a comma; "" for what is none."""
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        return f"{value:f}".replace(".", ",") if isinstance(value, Decimal) else str(value)
    return text({"value": value}, "value").replace(".", ",")


def _plain(holder: Node, key: str) -> str:
    return text(holder, key)


def _time(holder: Node, key: str) -> str:
    return told(text(holder, key))


def _yes(holder: Node, key: str) -> str:
    return {True: "Ja", False: "Nei"}.get(holder[key], "") if isinstance(holder[key], bool) else ""


def _coded(holder: Node, key: str) -> str:
    coded = node(holder, key)
    inner = node(coded, "coding") or coded
    return text(coded, "text") or text(inner, "display") or text(inner, "code")


def _range(holder: Node, key: str) -> str:
    ends = [quantity(node(holder, key), end) for end in ("low", "high")]
    return " til ".join(filter(None, ends))


def _ratio(holder: Node, key: str) -> str:
    parts = [quantity(node(holder, key), part) for part in ("numerator", "denominator")]
    return "/".join(parts) if all(parts) else ""


_VALUES: Mapping[str, Callable[[Node, str], str]] = {
    "valueQuantity": quantity,
    "valueString": _plain,
    "valueCodeableConcept": _coded,
    "valueCoding": _coded,
    "valueBoolean": _yes,
    "valueInteger": lambda holder, key: number(holder[key]),
    "valueDecimal": lambda holder, key: number(holder[key]),
    "valueDateTime": _time,
    "valueDate": _time,
    "valueTime": _plain,
    "valueRange": _range,
    "valueRatio": _ratio,
}


def _pressure(measured: Node) -> str:
    """172/96 mmHg, however the panel orders its parts; "" where it is no plain blood pressure in mmHg."""
    parts = {quantity_of(node(part, "code")): node(part, "valueQuantity") for part in nodes(measured, "component")}
    found = [parts.get(quantity.value, {}) for quantity in PRESSURES]
    values = [number(each.get("value")) for each in found]
    plain = parts.keys() <= {quantity.value for quantity in PRESSURES} and not any(text(each, "comparator") for each in found)
    ours = all(text(each, "code") in ("mm[Hg]", "") and text(each, "unit") in ("mmHg", "mm[Hg]", "") for each in found)
    return f"{'/'.join(values)} mmHg" if all(values) and plain and ours else ""
