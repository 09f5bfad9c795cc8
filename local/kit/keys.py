"""Sections 4 and 5 of docs/journals.md: the same key, the same document, and corrections."""

import string
import time
from collections.abc import Iterator, Sequence

from local.kit.checks import Check
from local.kit.documents import Document
from local.kit.endpoint import Endpoint, Sight, new_key
from local.kit.mending import LATER
from local.kit.seen import Seen, bad, ok, untried
from local.kit.wire import Answer

HUNDRED, TEN = 100, 10
MINUTE = 60.0  # seconds
BUSY = LATER | {503}
TRIES, PAUSE = 10, 0.5  # seconds between two
LONGEST = 128
SIGNS = "".join(sign for sign in string.printable if " " < sign <= "~")  # 94
ONCE = "Look the key up and store in one transaction: a unique index on the key, and the first call's answer for the second."


def hundred(endpoint: Endpoint) -> Iterator[Seen]:
    """As many as a minute allows, at a journal that is slow."""
    document, key, enough = endpoint.desk.note("samme nøkkel hundre ganger"), new_key(), time.monotonic() + MINUTE
    first = endpoint.push(document, key)
    if wrong := endpoint.no_delivery(first):
        yield wrong
        return
    yield from _one(endpoint, document, [first, *(endpoint.push(document, key) for _ in range(HUNDRED - 1) if time.monotonic() < enough)])


def ten_at_once(endpoint: Endpoint) -> Iterator[Seen]:
    """Who is at work on the first may say so to the others (503, 429), or to all: the hub comes back with the same key."""
    document, key = endpoint.desk.note("samme nøkkel ti på en gang"), new_key()
    answers = endpoint.push_at_once([(document, key)] * TEN)
    told = [answer for answer in answers if not busy(answer)]
    yield from _one(endpoint, document, told or [_patiently(endpoint, document, key)])


def _one(endpoint: Endpoint, document: Document, answers: Sequence[Answer]) -> Iterator[Seen]:
    """Without a Location, answers do not tell: then it is for a human to look."""
    wrong = next(filter(None, (endpoint.no_delivery(answer, known=True) for answer in answers)), None)
    if wrong:
        yield bad(f"one of the copies: {wrong.saw}", "Answer a copy as you answered the first, or with 409.")
    places = {place for answer in answers if (place := endpoint.place(answer))}
    if len(places) > 1:
        yield bad(f"{len(answers)} copies of one document have {len(places)} different Locations", ONCE)
    elif places and not wrong:
        yield ok(f"{len(answers)} answered {', '.join(sorted({str(answer.status) for answer in answers}))}, one Location")
    yield endpoint.stands(document, ONCE)


def signs(endpoint: Endpoint) -> Iterator[Seen]:
    """128 signs, every one that may be; then pairs that differ as little as two keys can."""
    start = (SIGNS + new_key())[: LONGEST - 1]
    plain = new_key()[: LONGEST - 1]
    yield from _two(endpoint, "128 tegn", (f"{start}1", f"{start}2"), "keys of 128 signs that differ in the last")
    yield from _two(endpoint, "store og små bokstaver", (f"{plain}a", f"{plain}A"), "keys that differ by a capital")


def _two(endpoint: Endpoint, words: str, keys: tuple[str, str], told: str) -> Iterator[Seen]:
    """Two documents under two keys are two notes."""
    documents = [endpoint.desk.note(f"{words}, {number} av 2") for number in (1, 2)]
    answers = [endpoint.push(document, key) for document, key in zip(documents, keys, strict=True)]
    mend = "Keep the whole key, at least 128 signs, and compare it byte by byte."
    wrong = next(filter(None, map(endpoint.no_delivery, answers)), None)
    places = [endpoint.place(answer) for answer in answers]
    if wrong or (places[0] and places[0] == places[1]):
        yield bad(f"{told}: {wrong.saw if wrong else 'the second document is taken for the first'}", mend)
    elif all(places):
        yield ok(f"{told} are two")
    yield endpoint.all_stand(documents, mend)


def thirty_days(_endpoint: Endpoint) -> Iterator[Seen]:
    yield untried("the kit does not wait so long: look at what deletes keys, and when")


def refused_key(endpoint: Endpoint) -> Iterator[Seen]:
    """The same bytes with the same key are refused again; what comes whole at last has its chance."""
    whole, key = endpoint.desk.note("samme nøkkel etter en avvisning"), new_key()
    mend = "Forget the key when you refuse its document: keep keys in the transaction that stores."
    answers = [endpoint.push(whole, key, cut_in_half) for _ in range(2)]
    if taken := next((answer for answer in answers if endpoint.no_delivery(answer, known=True) is None), None):
        yield bad(
            f"half a document is answered {taken.status} the {'first' if taken is answers[0] else 'second'} time, as if it were stored",
            mend,
        )
        return
    wrong = endpoint.no_delivery(endpoint.push(whole, key))
    yield bad(f"the mended document under the same key: {wrong.saw}", mend) if wrong else ok("the mended document was taken")
    yield endpoint.stands(whole, mend)


def cut_off(endpoint: Endpoint) -> Iterator[Seen]:
    document, key = endpoint.desk.note("forbindelsen brutt før svaret"), new_key()
    endpoint.push_and_go(document, key)
    yield from _one(endpoint, document, [_patiently(endpoint, document, key) for _ in range(2)])


def cut_in_half(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _patiently(endpoint: Endpoint, document: Document, key: str) -> Answer:
    """The journal may be at work on the call that nobody waits for."""
    for _ in range(TRIES):
        answer = endpoint.push(document, key)
        if not busy(answer):
            break
        time.sleep(PAUSE)
    return answer


def busy(answer: Answer) -> bool:
    return answer.status in BUSY


CORRECT = "Take a known identifier under a new key as a correction: store it, and mark the earlier note as replaced."


def correction(endpoint: Endpoint) -> Iterator[Seen]:
    """Then the first comes again, late: it is known, and must not come back."""
    name, keys = new_key(), (new_key(), new_key())
    first = endpoint.desk.note("rettes", "Feil tekst.", name)
    second = endpoint.desk.note("er rettet", "Riktig tekst.", name)
    for words, document, key in (("the first", first, keys[0]), ("the correction", second, keys[1]), ("the first again", first, keys[0])):
        if wrong := endpoint.no_delivery(endpoint.push(document, key), known=words == "the first again"):
            yield bad(f"{words}: {wrong.saw}", CORRECT)
            return

    def left(sight: Sight) -> str:
        old, new = sight.notes(first.title), sight.notes(second.title)
        if (len(old), len(new)) != (1, 1):
            return f"{len(old)} and {len(new)} notes of first and correction, where one of each is due"
        return "" if old[0]["replaced"] and not new[0]["replaced"] else "the first is not marked as replaced by its correction"

    yield endpoint.looked(f'that the note titled "{second.words}" stands, and the one titled "{first.words}" is its history', left, CORRECT)


AGAIN = (
    Check("4.6", "a correction replaces the first", correction),
    Check("5.4", "cut off after sending, then sent again", cut_off),
)
KEYS = (
    Check("4.1", "keys are compared whole, byte by byte", signs),
    Check("4.3", "the same key a hundred times", hundred),
    Check("4.3", "the same key ten at once", ten_at_once),
    Check("4.4", "keys are kept for 30 days", thirty_days),
    Check("4.5", "a key is forgotten with what was refused", refused_key),
    *AGAIN,
)
IDS = (  # where a document is known by ids of ours
    Check("T", "the same transaction a hundred times", hundred),
    Check("T", "the same transaction ten at once", ten_at_once),
    *AGAIN,
)
