"""Encounter: someone looked in (vkp.md 2.4)."""

from shared.domain import clock
from shared.domain.event import Event, Supervision
from shared.fhir.elements import Json, concept, profile, said, subject, thing, uri_identifier, when
from shared.fhir.terminology import MODE, REASON

VIRTUAL = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR", "display": "virtual"}


def encounter(event: Event, what: Supervision) -> Json:
    period = {"start": when(event), **said(end=clock.written(what.ended_at) if what.ended_at else "")}
    # base R4 allows no reference to a Device here, the national profile wants one: a logical reference with a type suits both
    individual = {"type": "Device", **thing(event.device)} if event.device else {}
    return {
        "resourceType": "Encounter",
        "meta": profile("Encounter"),
        "identifier": [uri_identifier(event, "encounter")],
        "status": "finished",
        "class": VIRTUAL,
        "subject": subject(event.person),
        "participant": [{"type": [concept(MODE, what.mode)], "period": period, **said(individual=individual)}],
        "period": period,
        "reasonCode": [concept(REASON, what.reason)],
        **said(location=[{"location": {"display": what.place}}] if what.place else []),
    }
