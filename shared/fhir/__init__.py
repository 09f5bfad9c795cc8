"""FHIR words live in this package only: events in, national documents (VKP, R4) out. Nothing here knows a sender or a journal."""

from decimal import Decimal
from typing import Any

import orjson

from shared.domain.event import Alert, Dispensed, Event, Measurement, Note, Supervision
from shared.fhir import notes
from shared.fhir.elements import Json
from shared.fhir.medication_dispense import medication_dispense


def document(event: Event, tenant_name: str, source: str) -> tuple[str, Json]:
    """(lower-case resource type, resource) of an event that has its id, time and person.

    `tenant_name`: the municipality, owner of the device; `source`: the sending solution, author of the note. The same event gives
    the same document on every run.
    """
    match event.what:
        case Dispensed() as what:
            return "medicationdispense", medication_dispense(event, what)
        case Alert() as what:
            return "bundle", notes.alert(event, what, tenant_name, source)
        case Supervision() as what:
            return "bundle", notes.supervision(event, what, tenant_name, source)
        case Measurement() as what:
            return "bundle", notes.measurement(event, what, tenant_name, source)
        case Note() as what:
            return "bundle", notes.note(event, what, tenant_name, source)
    raise TypeError("a Document is sent on as it came, not built again")


def serialise(resource: Any) -> bytes:
    """JSON in UTF-8. Decimals keep their digits: 82.50 stays 82.50."""
    return orjson.dumps(resource, default=_digits)


def _digits(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value).encode())
    raise TypeError(f"{type(value).__name__} is not JSON")
