"""Observation: one measured quantity, or the two of a blood pressure (vkp.md 3.2, 6.2)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.domain.event import Event
from shared.domain.vocabulary import QUANTITIES, Quantity
from shared.fhir.elements import Json, said, subject, uri_identifier, when
from shared.fhir.terminology import measurements

PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC)
CATEGORY_SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"


def observations(event: Event, values: Mapping[Quantity, Decimal], device_url: str) -> list[tuple[str, Json]]:
    """(role, Observation) for each quantity; pressures share one. `device_url`: fullUrl of the device, empty if it is not known."""
    made = []
    if pressures := [quantity for quantity in PRESSURES if quantity in values]:
        components = [_component(quantity, values[quantity]) for quantity in pressures]
        made.append(("blood_pressure", {**_head(event, "blood_pressure", "Blodtrykk", device_url), "component": components}))
    for quantity, value in values.items():
        if quantity not in PRESSURES:
            head = _head(event, quantity, QUANTITIES[quantity].name, device_url)
            made.append((quantity.value, {**head, "valueQuantity": _quantity(quantity, value)}))
    return made


def sentence(values: Mapping[Quantity, Decimal]) -> str:
    """What was measured, as a nurse would write it: "Blodtrykk målt til 172/96 mmHg." """
    rest = dict(values)
    said_of = []
    if all(quantity in rest for quantity in PRESSURES):
        said_of.append(f"Blodtrykk målt til {'/'.join(_spoken(rest.pop(quantity)) for quantity in PRESSURES)} mmHg.")
    said_of += [f"{QUANTITIES[quantity].name} målt til {_spoken(value)} {QUANTITIES[quantity].unit}." for quantity, value in rest.items()]
    return " ".join(said_of)


def headline(values: Mapping[Quantity, Decimal]) -> str:
    """What was measured, for a title: "Måling: blodtrykk, puls"."""
    pressure = ["blodtrykk"] if any(quantity in values for quantity in PRESSURES) else []
    others: Sequence[str] = [QUANTITIES[quantity].name.lower() for quantity in values if quantity not in PRESSURES]
    return f"Måling: {', '.join([*pressure, *others])}"


def _head(event: Event, role: str, text: str, device_url: str) -> Json:
    row = measurements()[role]
    return {
        "resourceType": "Observation",
        "meta": {"profile": [row["profile"]]},
        "identifier": [uri_identifier(event, f"{role}/identifier")],
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": row["category"]}]}],
        "code": {"coding": row["coding"], "text": text},
        "subject": subject(event.person),
        "effectiveDateTime": when(event),
        **said(device={"reference": device_url} if device_url else {}),
    }


def _component(quantity: Quantity, value: Decimal) -> Json:
    code = {"coding": measurements()[quantity]["coding"], "text": QUANTITIES[quantity].name}
    return {"code": code, "valueQuantity": _quantity(quantity, value)}


def _quantity(quantity: Quantity, value: Decimal) -> Json:
    row = QUANTITIES[quantity]
    return {"value": value, "unit": row.unit, "system": "http://unitsofmeasure.org", "code": row.ucum}


def _spoken(value: Decimal) -> str:
    return f"{value:f}".replace(".", ",")
