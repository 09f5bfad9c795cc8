"""What an adapter is: a few pure functions and a name. The folder under `adapters/` is the adapter; nothing else knows of it."""

from collections.abc import Callable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call to a journal."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class JournalAdapter:
    """A way to reach a journal.

    request  (base URL, lower-case resource, idempotency key, document) -> the call to make
    verdict  (status, headers in lower case, body) -> the journal's own name for what it stored ("" if it gave none);
             Refused: it will say no again; Unavailable: it may say yes later
    """

    name: str
    request: Callable[[str, str, str, bytes], Call]
    verdict: Callable[[int, Mapping[str, str], bytes], str]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a journal on a sender's behalf.

    `resource`: lower-case FHIR type (patient, episodeofcare, careplan, composition, condition, medicationstatement, allergyintolerance).
    `citizen`: whom it is about; None: everybody (patient and episodeofcare only). `dates`: (prefix, FHIR time) as ("ge", "2026-03-01"),
    prefix one of eq ge le gt lt, all of which must hold. `patients`: with the Patient resources of whom it is about beside them.
    """

    resource: str
    citizen: Person | None = None
    dates: tuple[tuple[str, str], ...] = ()
    patients: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a journal's answer: resources as plain JSON with Decimals, each with its fullUrl ("" if it had none). `next`: where the
    next part is, "" for the last."""

    resources: Sequence[tuple[str, Mapping[str, Any]]]
    next: str = ""


@dataclass(frozen=True, slots=True)
class LookupAdapter:
    """A way to ask a journal.

    request  (base URL, question) -> the call to make; a person's number is in its body or headers, never in its URL
    more     (base URL, Page.next) -> the call for the next part; Refused if it leads away from the base
    answer   (status, headers in lower case, body) -> a part of the answer; Refused: the journal says no; Unavailable: not now;
             PayloadError: it says something that is no answer
    """

    name: str
    request: Callable[[str, Question], Call]
    more: Callable[[str, str], Call]
    answer: Callable[[int, Mapping[str, str], bytes], Page]
