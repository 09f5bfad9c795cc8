"""Bundle: a document, Composition first (vkp.md 2.1). Its time is the event's, so that a second run makes the same bytes."""

from collections.abc import Sequence

from shared.domain.event import Event
from shared.fhir.elements import Json, uri_identifier, urn, when


def bundle(event: Event, entries: Sequence[tuple[str, Json]]) -> Json:
    """`entries`: (role, resource); an entry's fullUrl is `urn(event, role)`."""
    return {
        "resourceType": "Bundle",
        "identifier": uri_identifier(event),
        "type": "document",
        "timestamp": when(event),
        "entry": [{"fullUrl": urn(event, role), "resource": resource} for role, resource in entries],
    }
