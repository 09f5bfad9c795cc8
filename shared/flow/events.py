"""What a receipt's documents tell, in a few words by which an operator finds it: kinds and codes, never what stands in them."""

import re
from collections.abc import Iterable, Iterator, Sequence

import orjson

from shared.domain.event import Alert, Dispensed, Document, Event, Measurement, Note, Supervision
from shared.flow.translate import Outgoing, kind

_MOST = 12  # words of one receipt
_CODE = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2}){0,3}|[0-9]{3,5}-[0-9]")  # a national code, or LOINC's: nobody's name or number
_CODES = (("code", "coding", "code"), ("entry", "resource", "code", "coding", "code"))


def events(documents: Sequence[Outgoing]) -> list[str]:
    """Such as `alert:4.1`, `measurement:body_weight`, `document:bundle`, each once."""
    words = (f"{kind(document.event)}:{code}" for document in documents for code in _codes(document.event))
    return list(dict.fromkeys(words))[:_MOST]


def _codes(event: Event) -> Iterable[str]:
    match event.what:
        case Alert(code=code) | Dispensed(code=code) | Supervision(reason=code) | Note(category=code):
            return (code,)
        case Measurement(values=values):
            return values
        case Document(resource=resource, body=body):
            return (resource, *_coded(body))


def _coded(body: bytes) -> Iterator[str]:
    """The codes of a national document's resources: of alerts, dispenses and measurements."""
    from shared.fhir.reach import reach  # as in translate

    resource = orjson.loads(body)
    return (code for path in _CODES for code in reach(resource, path) if isinstance(code, str) and _CODE.fullmatch(code))
