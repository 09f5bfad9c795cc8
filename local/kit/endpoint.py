"""The endpoint on trial: pushes to it, look-ups at it, and what its answers mean to the hub."""

import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from adapters.epj.bundle.adapter import ADAPTER
from adapters.epj.fhir.adapter import LARGEST, LOOKUP
from local.kit.documents import Desk, Document
from local.kit.seen import Seen, bad, look, ok
from local.kit.wire import Answer, Credential, call, hang_up
from shared.domain.event import Person
from shared.domain.journal import Call, Question, Sending
from shared.domain.message import Lane
from shared.errors import PayloadError, Refused, Unavailable

PARTS = 50  # of one answer to a look-up (8.9)
MOST = 8 * 1024 * 1024  # bytes of all its parts (8.10)
LIMIT = 10.0  # seconds for an answer (2.3)
LATER = frozenset({408, 425, 429})

Found = Sequence[tuple[str, Mapping[str, Any]]]


class Sight(Protocol):
    """Looks into the journal: the notes whose text holds these words, as JSON; and a note's page."""

    def notes(self, words: str) -> Sequence[Mapping[str, Any]]: ...

    def page(self, number: int) -> str: ...


@dataclass(slots=True)
class Endpoint:
    """`base`, `lookups`: without a slash at the end, `lookups` "" for none. `absent`: a patient whom it does not know, `others`: more
    whom it does. `protected`: one with a protected address, `ended`: one whose services have all ended. `sight`: None for a real one."""

    base: str
    desk: Desk
    absent: Person
    lookups: str = ""
    credential: Credential | None = None
    others: Sequence[Person] = ()
    protected: Person | None = None
    ended: Person | None = None
    sight: Sight | None = None
    limit: float = LIMIT
    slowest: float = 0.0
    parts: int = 0  # of the longest answer to a look-up
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def push(self, document: Document, key: str = "") -> Answer:
        return self.heard(call(self._pushing(document, key or new_key()), self.credential, self.limit))

    def push_as(self, document: Document, credential: Credential | None) -> Answer:
        return self.heard(call(self._pushing(document, new_key()), credential, self.limit))

    def push_and_go(self, document: Document, key: str) -> None:
        """Hangs up before the answer."""
        hang_up(self._pushing(document, key), self.credential, self.limit)

    def push_at_once(self, pushes: Sequence[tuple[Document, str]]) -> list[Answer]:
        together = threading.Barrier(len(pushes))

        def one(push: tuple[Document, str]) -> Answer:
            together.wait()
            return self.push(*push)

        with ThreadPoolExecutor(len(pushes)) as crowd:
            return list(crowd.map(one, pushes))

    def ask(self, question: Question) -> "Found | Seen":
        """All parts of the answer, or what is wrong with it."""
        return self.follow(LOOKUP.request(self.lookups, question))

    def follow(self, request: Call) -> "Found | Seen":
        found: list[tuple[str, Mapping[str, Any]]] = []
        size = 0
        for part in range(1, PARTS + 1):
            answer = self.heard(call(request, self.credential, self.limit))
            size += len(answer.body)
            try:
                page = _page(answer, size)
                found += page.resources
                self.parts = max(self.parts, part)
                if not page.next:
                    return found
                request = LOOKUP.more(self.lookups, page.next)
            except (Refused, Unavailable, PayloadError, TooLong) as error:
                return _no_answer(answer, error)
        return bad(f"its next links lead on after {PARTS} parts", "End the chain: the last part has no next link.", "8.9")

    def ask_as(self, question: Question, credential: Credential | None) -> Answer:
        return self.heard(call(LOOKUP.request(self.lookups, question), credential, self.limit))

    def heard(self, answer: Answer) -> Answer:
        with self._lock:
            self.slowest = max(self.slowest, answer.seconds)
        return answer

    def stands(self, document: Document, mend: str, number: int = 1) -> Seen:
        """That there are so many notes of a document; where the kit cannot look, what to look for."""
        return self.all_stand([document], mend, number)

    def all_stand(self, documents: Sequence[Document], mend: str, number: int = 1) -> Seen:
        due = ("one note is" if number else "no note is") + (" titled each of" if len(documents) > 1 else " titled")
        titles = ", ".join(f'"{document.words}"' for document in documents)

        def wrong(sight: Sight) -> str:
            found = [len(sight.notes(document.title)) for document in documents]
            return "" if found == [number] * len(found) else f"{sum(found)} in the journal, {number * len(found)} due"

        return self.looked(f"that {due} {titles}", wrong, mend)

    def looked(self, words: str, wrong: Callable[[Sight], str], mend: str) -> Seen:
        if self.sight is None:
            return look(words)
        found = wrong(self.sight)
        return bad(found, mend) if found else ok("seen in the journal")

    def _pushing(self, document: Document, key: str) -> Call:
        return ADAPTER.request(Sending(self.base, document.path, key, document.body, Lane.ROUTINE))


class TooLong(Exception):
    """A part, or all of them."""


def new_key() -> str:
    return secrets.token_hex(32)


def no_delivery(answer: Answer, known: bool = False) -> Seen | None:
    """What is wrong with the answer to a document that ought to be taken; None if it was delivered. `known`: it may be there already."""
    if answer.status == 409 and not known:
        return bad(
            "answered 409, which says that it is stored already", "Answer 409 for a key that you have stored, and for nothing else.", "2.6"
        )
    if answer.trouble:
        return _cut(answer, "2.3" if answer.late else "2.5")
    if is_page(answer) and answer.status < 300:
        return bad(f"answered {answer.status} with a web page", PAGE, "2.5")
    try:
        ADAPTER.verdict(answer.status, answer.headers, answer.body)
    except (Refused, Unavailable) as error:
        section, mend = _mend(answer.status)
        return bad(f"{error.reason.replace('the journal ', '')}{words_of(answer)}", mend, section)
    return None


PAGE = (
    "A page of a proxy, a login or maintenance is no journal's yes. Let the path lead to the journal itself, and answer 503 in maintenance."
)


def is_page(answer: Answer) -> bool:
    beginning = answer.body.lstrip()[:9].lower()
    return "text/html" in answer.headers.get("content-type", "").lower() or beginning.startswith((b"<html", b"<!doctype"))


def words_of(answer: Answer) -> str:
    """What an OperationOutcome says, as much as fits on a line, without anybody's number."""
    said = outcome_words(answer)
    plain = "".join(sign if sign.isprintable() else " " for sign in re.sub(r"\d{11}", "...", said))
    return f': "{plain[:160]}"' if plain else ""


def outcome_words(answer: Answer) -> str:
    """`issue.details.text` of an OperationOutcome; "" if the body is none, or says nothing."""
    try:
        issues = orjson.loads(answer.body)["issue"]
        return " ".join(str(issue["details"]["text"]) for issue in issues)
    except (ValueError, KeyError, TypeError):
        return ""


def _mend(status: int) -> tuple[str, str]:
    """The section, and what to do."""
    for statuses, section, mend in MENDING:
        if status in statuses:
            return section, mend
    return "2.5", "Name a test patient whom the journal knows (--patient); else take the document: it is as the hub builds it."


MENDING: tuple[tuple[range | frozenset[int], str, str], ...] = (  # the first that fits
    (range(200, 300), "2.5", "Answer 4xx when you mean no: a 2xx says that the document is stored."),
    (
        range(300, 400),
        "2.5",
        "Answer at the registered address, or have the one that it leads to registered: the hub follows no redirects.",
    ),
    (frozenset({401, 403}), "1.2", "Show the kit the credential that was agreed: --basic or --header, with --secret."),
    (frozenset({404, 405}), "1.1", "Take POST at this path: the resource's name in lower case behind the agreed address."),
    (frozenset({413}), "1.4", "Raise the limit for bodies, at proxies too: 1 MiB must be taken."),
    (LATER, "2.5", "The hub would wait and send again. Try the kit when the endpoint takes documents."),
    (
        range(500, 600),
        "2.5",
        "The hub would send it again and again. Find the failure in the journal's own log; answer 4xx if it will never take it.",
    ),
)


def _cut(answer: Answer, section: str) -> Seen:
    mend = "Store first, do the rest afterwards: the answer must be whole in 10 s." if answer.late else "Answer every call, whole."
    return bad(answer.trouble, mend, section)


def _page(answer: Answer, size: int) -> Any:
    """Raises what LOOKUP.answer raises, and TooLong."""
    if answer.trouble:
        raise Unavailable(answer.trouble)
    if len(answer.body) > LARGEST or size > MOST:
        raise TooLong
    return LOOKUP.answer(answer.status, answer.headers, answer.body)


def _no_answer(answer: Answer, error: Exception) -> Seen:
    if answer.trouble:
        return _cut(answer, "8.10" if answer.late else "8.11")
    if isinstance(error, TooLong):
        return bad("a part is larger than 4 MB, or all parts than 8 MB", "Give a long answer in parts, with next links.", "8.10")
    if isinstance(error, Refused) and "next link" in error.reason:
        return bad(error.reason.replace("the journal's", "its"), error.remedy, "8.9")
    if isinstance(error, PayloadError):
        return bad(f"no answer that can be read: {error.reason}", error.remedy or "Answer with a Bundle of type searchset, in JSON.", "8.6")
    section, mend = _mend(answer.status)
    return bad(f"answered {answer.status}{words_of(answer)}", mend, section if section == "1.2" else "8.11")
