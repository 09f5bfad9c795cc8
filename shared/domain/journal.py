"""What a journal's adapter is: a few pure functions and a name, for putting documents into a journal or for asking it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.event import Person
from shared.domain.message import Lane


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call to a journal."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Sending:
    """A document on its way to a journal, the same on every attempt.

    `base`: the endpoint's address. `resource`: lower-case FHIR type. `key`: names this document and no other (Idempotency-Key).
    `words`: what the municipality has to say about how notes read there (register: endpoint.note), {} if nothing.
    `source`: the sender's name in the register, "" where it is not known.
    """

    base: str
    resource: str
    key: str
    document: bytes
    lane: Lane
    words: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of a document that a journal took. Seconds since 1970, 0 = not (yet)."""

    read: float = 0.0
    journaled: float = 0.0
    failed: float = 0.0


@dataclass(frozen=True, slots=True)
class JournalAdapter:
    """A way to reach a journal.

    request  sending -> the call to make
    verdict  (status, headers in lower case, body) -> the journal's own name for what it stored ("" if it gave none);
             Refused: it will say no again; Unavailable: it may say yes later, and `unsure` if it may have stored it all the same
    ask      sending -> the call that asks whether the journal has this very document; None: this journal cannot be asked, and the
             hub relies on its key alone
    has      (sending, status, headers in lower case, body) -> the journal's own name for the document ("" if it gave none), None if it
             does not have it; Refused or Unavailable: it did not say
    follow   (base URL, the journal's own name for a document) -> the call that asks what has become of it since it was taken; None:
             what it takes is journaled. Refused if it leads away from the base
    followed (status, headers in lower case, body) -> what has; Unavailable: it did not say; Refused: it does not have the document
    shelved  the call goes nowhere: `PUT {type}/{id}` lays the document on the endpoint's shelf, from which the journal fetches it;
             the shelf answers 201, or 200 if it lies there already, and `location`
    acknowledges  who gets alerts there posts, as a sender of national FHIR, what was done about them and when
    """

    name: str
    request: Callable[[Sending], Call]
    verdict: Callable[[int, Mapping[str, str], bytes], str]
    ask: Callable[[Sending], Call] | None = None
    has: Callable[[Sending, int, Mapping[str, str], bytes], str | None] | None = None
    follow: Callable[[str, str], Call] | None = None
    followed: Callable[[int, Mapping[str, str], bytes], Fate] | None = None
    shelved: bool = False
    acknowledges: bool = False


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
