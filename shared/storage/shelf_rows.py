"""Documents as they lie on a shelf: the rows of storage.shelf."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.message import Lane
from shared.storage.packs import columns, joined, squeeze, unsqueeze

FOREVER = 10**15 - 1  # milliseconds: later than any time
_BYTES = 4 * 1024 * 1024  # of documents in one answer, the first one excepted


@dataclass(frozen=True, slots=True)
class Document:
    """On its way to a shelf. `type` as FHIR spells it; `patient`: a keyed hash; `source`: the sender's name in the register; `message`: of
    an alarm that may go by a second route (domain.message)."""

    id: str
    type: str
    patient: str
    source: str
    lane: Lane
    body: bytes = field(repr=False)
    message: str = ""


@dataclass(frozen=True, slots=True)
class Lying:
    """A document on its shelf. `at`: its time in milliseconds; `read`, `acknowledged`: seconds, 0 = never. `body` empty: not asked for."""

    id: str
    type: str
    patient: str
    source: str
    at: int
    read: float
    acknowledged: float
    body: bytes = field(default=b"", repr=False)
    message: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents: of a type, from one time to another, both included; acknowledged or not (None: either)."""

    type: str
    first: int = 0
    last: int = FOREVER
    acknowledged: bool | None = None

    @property
    def letters(self) -> str:
        """In the order that they must be read in: a document goes from n to a, never back, so that none is missed."""
        return {None: "na", True: "a", False: "n"}[self.acknowledged]


def shelf_of(tenant: str, endpoint: str) -> str:
    return f"{tenant}~{endpoint}"


def row_name(letter: str, kind: str, at: int) -> str:
    return f"{letter}~{kind}~{max(at, 0):015}"


def told(document: Document, at: int) -> dict[str, Any]:
    """What is known of a document beside its body."""
    return {"type": document.type, "at": str(at), "patient": document.patient, "source": document.source, "read": 0.0}


def whole(document: Document, at: int) -> dict[str, Any]:
    """And the document. Its columns without keys."""
    body = columns(squeeze([], [document.body]))
    return {**told(document, at), "id": document.id, "lane": str(document.lane), "message": document.message, **body}


def lying(row: Mapping[str, Any]) -> Lying:
    blob = joined(row)
    body = unsqueeze(blob)[1][0] if blob else b""
    known = {name: row[name] for name in ("id", "type", "patient", "source", "read")}
    return Lying(**known, at=int(row["at"]), acknowledged=row.get("acknowledged", 0.0), body=body, message=row.get("message", ""))


def fitting(documents: Sequence[Lying]) -> int:
    """How many of the first ones an answer may hold; at least one."""
    size = 0
    for number, one in enumerate(documents):
        size += len(one.body)
        if number and size > _BYTES:
            return number
    return len(documents)
