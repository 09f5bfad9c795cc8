"""What a receipt's documents tell, in a few words by which an operator finds it: kinds and codes, never what stands in them."""

import re
from collections.abc import Iterable, Iterator, Sequence

import orjson

from shared.domain.event import Alert, Dispensed, Document, Event, Measurement, Note, Supervision
from shared.flow.translate import Outgoing, kind

_MOST = 12  # words of one receipt
_CODE = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2}){0,3}|[0-9]{3,5}-[0-9]")  # a national code, or LOINC's: nobody's name or number
_READINGS = "5.2.1"  # vkp-alert-code: readings were reported, which is no alert
_NATIONAL = {  # what a national document's resources tell, and where their code stands
    "DetectedIssue": ("alert", ("code", "coding", "code")),
    "MedicationDispense": ("dispensed", ("category", "coding", "code")),
    "Encounter": ("supervision", ("reasonCode", "coding", "code")),
    "Observation": ("measurement", ("code", "coding", "code")),
}


def events(documents: Sequence[Outgoing]) -> list[str]:
    """Such as `alert:4.1`, `measurement:body_weight`, `document:bundle`, each once."""
    return list(dict.fromkeys(word for document in documents for word in _words(document.event)))[:_MOST]


def _words(event: Event) -> Iterable[str]:
    match event.what:
        case Alert(code=code) | Dispensed(code=code) | Supervision(reason=code) | Note(category=code):
            return (f"{kind(event)}:{code}",)
        case Measurement(values=values):
            return (f"{kind(event)}:{quantity}" for quantity in values)
        case Document(resource=resource, body=body):
            return (f"{kind(event)}:{resource}", *_told(body))


def _told(body: bytes) -> Iterator[str]:
    """What a national document tells, as if it had come in a format of ours; without a national code the kind alone."""
    from shared.fhir.reach import reach  # as in translate

    document = orjson.loads(body)
    for resource in (document, *reach(document, ("entry", "resource"))):
        name, path = _NATIONAL.get(str(resource.get("resourceType")), ("", ())) if isinstance(resource, dict) else ("", ())
        codes = [code for code in reach(resource, path) if isinstance(code, str) and _CODE.fullmatch(code)] if name else []
        yield from (f"{'measurement' if code == _READINGS else name}:{code}" for code in codes)
        yield from [name] if name and not codes else ()
