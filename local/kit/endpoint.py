"""The endpoint on trial: pushes to it, look-ups at it, and what its answers mean to the hub."""

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from adapters.epj.bundle.adapter import ADAPTER as BUNDLE
from adapters.epj.fhir.adapter import LARGEST, LOOKUP
from local.kit.documents import Desk, Document
from local.kit.mending import PAGE, TooLong, cut, is_page, no_answer, of_verdict, words_of
from local.kit.proof import Proof, trusted
from local.kit.seen import Seen, bad, look, ok
from local.kit.wire import Answer, call, hang_up
from shared.domain.event import Person
from shared.domain.journal import Call, JournalAdapter, Page, Question, Sending
from shared.door.credentials import Shown
from shared.errors import PayloadError, Refused, Unavailable

PARTS = 50  # of one answer to a look-up (8.9)
MOST = 8 * 1024 * 1024  # bytes of all its parts (8.10)
LIMIT = 10.0  # seconds for an answer (2.3)
LINES = 4  # unless agreed otherwise (1.6)

Found = Sequence[tuple[str, Mapping[str, Any]]]
Spoil = Callable[[bytes], bytes]


class Sight(Protocol):
    """Looks into the journal: the notes whose text holds these words, as JSON; and a note's page."""

    def notes(self, words: str) -> Sequence[Mapping[str, Any]]: ...

    def page(self, number: int) -> str: ...


@dataclass(slots=True)
class Slowest:
    """Of the answers so far, and the check that it was given to."""

    seconds: float = 0.0
    check: str = ""

    def __str__(self) -> str:
        return f"the slowest answer took {f'{self.seconds:.1f} s' if self.seconds > 1 else f'{self.seconds * 1000:.0f} ms'}"


@dataclass(slots=True)
class Endpoint:
    """`base`, `lookups`: without a slash at the end, "" for none. `absent`: a patient whom it does not know, `others`: more whom it does.
    `protected`: one with a protected address, `ended`: one whose services have all ended. `sight`: None for a real one. `way`: how
    documents reach it; `lines`, `rate`: as many calls at once and a second as were agreed, 0 = any number."""

    base: str
    desk: Desk
    absent: Person
    proof: Proof
    lookups: str = ""
    way: JournalAdapter = BUNDLE
    lines: int = LINES
    rate: int = 0
    others: Sequence[Person] = ()
    protected: Person | None = None
    ended: Person | None = None
    sight: Sight | None = None
    limit: float = LIMIT
    check: str = ""  # that is under way
    slowest: Slowest = field(default_factory=Slowest)
    parts: int = 0  # of the longest answer to a look-up
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _free: float = 0.0  # when the next call may be made

    def push(self, document: Document, key: str = "", spoil: Spoil | None = None) -> Answer:
        """`spoil`: what becomes of the call's body on the way."""
        pushing = self.pushing(document, key)
        return self.send(replace(pushing, body=spoil(pushing.body)) if spoil else pushing)

    def push_and_go(self, document: Document, key: str) -> None:
        """Hangs up before the answer."""
        pushing = self.pushing(document, key)
        with suppress(Unavailable):
            shown = self.proof.shown(pushing, self.limit)
            hang_up(_dressed(pushing, shown), trusted(shown), self.limit)

    def push_at_once(self, pushes: Sequence[tuple[Document, str]]) -> list[Answer]:
        together = threading.Barrier(len(pushes))

        def one(push: tuple[Document, str]) -> Answer:
            together.wait()
            return self.push(*push)

        with ThreadPoolExecutor(len(pushes)) as crowd:
            return list(crowd.map(one, pushes))

    def pushing(self, document: Document, key: str = "") -> Call:
        return self.way.request(self.sending(document, key))

    def sending(self, document: Document, key: str = "") -> Sending:
        return Sending(self.base, document.path, key or new_key(), document.body, document.lane)

    def send(self, request: Call) -> Answer:
        """As the hub does: with what was agreed, once more with a fresh token or the nonce that the journal wants."""
        repeated: set[str] = set()
        while True:
            try:
                shown = self.proof.shown(request, self.limit)
            except Unavailable as error:
                return Answer(0, trouble=error.reason)
            answer = self.send_as(request, shown)
            reason = self.proof.renewed(request, shown, answer)
            if not reason or reason in repeated:
                return answer
            repeated.add(reason)

    def send_as(self, request: Call, shown: Shown) -> Answer:
        self._wait()
        answer = call(_dressed(request, shown), trusted(shown), self.limit)
        with self._lock:
            if answer.seconds > self.slowest.seconds:
                self.slowest = Slowest(answer.seconds, self.check)
        return answer

    def _wait(self) -> None:
        if self.rate:
            with self._lock:
                now = time.monotonic()
                self._free = max(self._free, now) + 1 / self.rate
                wait = self._free - 1 / self.rate - now
            time.sleep(wait)

    def ask(self, question: Question) -> "Found | Seen":
        """All parts of the answer, or what is wrong with it."""
        return self.follow(LOOKUP.request(self.lookups, question))

    def follow(self, request: Call) -> "Found | Seen":
        found: list[tuple[str, Mapping[str, Any]]] = []
        size = 0
        for part in range(1, PARTS + 1):
            answer = self.send(request)
            size += len(answer.body)
            try:
                page = _page(answer, size)
                found += page.resources
                self.parts = max(self.parts, part)
                if not page.next:
                    return found
                request = LOOKUP.more(self.lookups, page.next)
            except (Refused, Unavailable, PayloadError, TooLong) as error:
                return no_answer(answer, error)
        return bad(f"its next links lead on after {PARTS} parts", "End the chain: the last part has no next link.", "8.9")

    def no_delivery(self, answer: Answer, known: bool = False) -> Seen | None:
        """What is wrong with the answer to a document that ought to be taken; None if it was delivered. `known`: it may be there."""
        if answer.status == 409 and not known and self.way.name != "transaction":
            mend = "Answer 409 for a key that you have stored, and for nothing else."
            return bad("answered 409, which says that it is stored already", mend, "2.6")
        if answer.trouble:
            return cut(answer, "2.3" if answer.late else "2.5")
        if is_page(answer) and answer.status < 300:
            return bad(f"answered {answer.status} with a web page", PAGE, "2.5")
        try:
            self.way.verdict(answer.status, answer.headers, answer.body)
        except (Refused, Unavailable) as error:
            section, mend = of_verdict(answer.status, error, self.way.name)
            return bad(f"{error.reason.replace('the journal ', '')}{words_of(answer)}", mend, section)
        return None

    def place(self, answer: Answer) -> str:
        """Where the journal says that it stored a document; "" if it does not say, or did not store."""
        return answer.headers.get("location", "") or self._name(answer)

    def _name(self, answer: Answer) -> str:
        try:
            return self.way.verdict(answer.status, answer.headers, answer.body)
        except (Refused, Unavailable):
            return ""

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


def new_key() -> str:
    return secrets.token_hex(32)


def _dressed(request: Call, shown: Shown) -> Call:
    return replace(request, headers={**request.headers, **shown.headers})


def _page(answer: Answer, size: int) -> Page:
    """Raises what LOOKUP.answer raises, and TooLong."""
    if answer.trouble:
        raise Unavailable(answer.trouble)
    if len(answer.body) > LARGEST or size > MOST:
        raise TooLong
    return LOOKUP.answer(answer.status, answer.headers, answer.body)
