"""What a sender's adapter is: a few pure functions and a name. The folder under `adapters/` is the adapter; nothing else knows of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from shared.domain.event import Event, Person
from shared.domain.message import Lane

Item = Any  # whatever split makes and decode takes: a Wild, a parsed SCAIP request


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told: status, media type and bytes."""

    status: int
    media: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an item (counted from 0; -1 the whole payload) was set aside. Names fields, never values."""

    item: int
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is odd or wrong in a document: `path` as `$.entry[1].resource.code`, `code` a FHIR issue type, `text` what was expected there
    and never what stood there. `national`: the code of vkp-operation-outcome that says it."""

    severity: Literal["error", "warning", "information"]
    path: str
    code: str
    text: str
    national: str = "2.4"


@dataclass(frozen=True, slots=True)
class Demands:
    """What a municipality and its hub demand of a national document. `numbers`: whose person numbers are let in (domain.person.GUARDS)."""

    strict: bool = False
    numbers: str = "any"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A sender's format.

    split       bytes -> items; PayloadError if the payload as a whole cannot be read (told at the door: 400)
    decode      item -> events, none if there is nothing to journal; PayloadError sets this item aside, its neighbours go on
    lane        items -> the lane of the whole payload: the most urgent of its items; never raises; in doubt alarm
    message_id  items -> the sender's own id of the payload, None if it has none (then the body is the id)
    answer      (items or None, HTTP status, receipt id or "") -> what the sender's protocol expects to hear; None = the hub's own
    resource    items -> the lower-case resource type that the national path must name; None = not a national format
    subject     items -> whom they are about, as they say it, unchecked; None if they do not say (for the audit log)
    inspect     (items, demands) -> what the sender is told about them at the door; one error refuses the payload, and nothing is stored
    limit       bytes; more is refused with 413 before anything is parsed
    window      how long the same id means the same message
    """

    name: str
    split: Callable[[bytes], Sequence[Item]]
    decode: Callable[[Item], Sequence[Event]]
    lane: Callable[[Sequence[Item]], Lane]
    message_id: Callable[[Sequence[Item]], str | None]
    answer: Callable[[Sequence[Item] | None, int, str], Answer] | None = None
    resource: Callable[[Sequence[Item]], str] | None = None
    subject: Callable[[Sequence[Item]], Person | None] | None = None
    inspect: Callable[[Sequence[Item], Demands], Sequence[Finding]] | None = None
    limit: int = 256 * 1024
    window: timedelta = timedelta(days=30)
