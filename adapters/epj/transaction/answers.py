"""What a FHIR server says to a transaction or batch, entry by entry. Nothing of it is believed that is not said."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.wild import parse
from shared.errors import PayloadError, Refused, Unavailable
from shared.fhir.refusal import says_no

READABLE = frozenset({"transaction-response", "batch-response"})
UNCHANGED = 304  # Medplum's word for a PUT that brings what it has

_STATUS = re.compile(r"([1-5]\d\d)(?!\d)", re.ASCII)  # "201", "201 Created"
_NAME = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?", re.ASCII)
_PLACE = re.compile(r".+-(\d{1,5})of(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Said:
    """An entry of the answer. `code` is 0 for one without a status; `name`: as Observation/17, "" if it gave none; `good`: it stands.
    `place` of `count`: as our own ids say, 0 for an id that is not ours."""

    code: int
    good: bool
    name: str
    place: int
    count: int
    resource: Any

    @property
    def status(self) -> str:
        return str(self.code)


def said(body: bytes, types: Collection[str]) -> Sequence[Said]:
    """At least one. Refused: an OperationOutcome that says error; Unavailable, unsure: anything that is no such Bundle."""
    try:
        answer = parse(body).raw
    except PayloadError:
        answer = None
    if says_no(answer):
        raise Refused("the journal answered with an OperationOutcome that says error", "200")
    if not isinstance(answer, dict) or answer.get("resourceType") != "Bundle" or _text(answer, "type") not in types:
        raise Unavailable("the journal answered with something else than it was asked for", unsure=True)
    found = [_said(entry) for entry in _listed(answer.get("entry"))]
    if not found or not all(each.code for each in found):
        raise Unavailable("the journal did not say what became of every part", unsure=True)
    return found


def counted(answer: Said, most: float) -> int:
    """How many a search found. Unavailable: it is no searchset that says so, or says what cannot be: less than none, more than `most`."""
    found = answer.resource
    total = found.get("total") if isinstance(found, dict) and found.get("type") == "searchset" else None
    if not isinstance(total, int) or isinstance(total, bool):
        raise Unavailable("the journal answered a search with something else than a searchset", unsure=True)
    if not 0 <= total <= most:
        raise Unavailable("the journal answered with something else than it was asked for", unsure=True)
    return total


def _said(entry: Any) -> Said:
    held = entry if isinstance(entry, dict) else {}
    response = held["response"] if isinstance(held.get("response"), dict) else {}
    status = _STATUS.match(_text(response, "status"))
    code = int(status[1]) if status else 0
    name = _name(_text(response, "location"), held.get("resource"))
    place = _PLACE.fullmatch(name)
    first, count = (int(place[1]), int(place[2])) if place else (0, 0)
    good = (200 <= code < 300 or code == UNCHANGED) and not says_no(response.get("outcome")) and not says_no(held.get("resource"))
    return Said(code, good, name, first, count, held.get("resource"))


def _name(location: str, resource: Any) -> str:
    """Type and id without the server's address; some servers give the resource instead of a location."""
    found = _NAME.fullmatch(location)
    if found:
        return found[1]
    held = resource if isinstance(resource, dict) else {}
    found = _NAME.fullmatch(f"{_text(held, 'resourceType')}/{_text(held, 'id')}")
    return found[1] if found else ""


def _text(held: Any, key: str) -> str:
    value = held.get(key)
    return value if isinstance(value, str) else ""


def _listed(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [] if value is None else [value]
