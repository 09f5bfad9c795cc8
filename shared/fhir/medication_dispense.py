"""MedicationDispense: medicine was handed out (vkp.md 2.5). One that was not is a DetectedIssue."""

from shared.domain.event import Dispensed, Event
from shared.fhir.elements import Json, concept, profile, said, subject, thing, uri_identifier, when
from shared.fhir.terminology import DISPENSE


def medication_dispense(event: Event, what: Dispensed) -> Json:
    if event.device is None:
        raise ValueError("a dispense names the device that handed out")
    return {
        "resourceType": "MedicationDispense",
        "meta": profile("MedicationDispense"),
        "identifier": [uri_identifier(event)],
        "status": "completed",
        "category": concept(DISPENSE, what.code),
        "medicationCodeableConcept": {"text": "Ukjent medisin"},  # dispensers know doses, not drugs; the element is mandatory
        "subject": subject(event.person),
        "performer": [{"actor": thing(event.device)}],
        "whenHandedOver": when(event),
        **said(dosageInstruction=[{"text": what.text}] if what.text else []),
    }
