"""A journal that is a FHIR R4 server: each document is one transaction, an alarm's one batch, to the server's base address."""

from collections.abc import Mapping, Sequence
from math import inf

import orjson

from adapters.epj.transaction.answers import READABLE, Said, counted, said
from adapters.epj.transaction.parts import Json, parts
from shared.domain.answer import NOT_TO_BE_ASKED, heed, wish
from shared.domain.journal import Call, JournalAdapter, Sending
from shared.domain.message import Lane
from shared.errors import Refused, Unavailable

HEADERS = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
BRIEF = {"Prefer": "return=minimal"}
FRESH = {"Cache-Control": "no-cache"}  # HAPI answers a search of the last minute from memory
LATER = frozenset({408, 409, 425, 429})  # of a part; and every 5xx: the same call may succeed later


def request(sending: Sending) -> Call:
    """All or nothing in the lane routine; in the lane alarm each part by itself, the note first."""
    kind = "batch" if sending.lane is Lane.ALARM else "transaction"
    return _call(sending.base, BRIEF, kind, [part.entry for part in parts(sending)])


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """`Composition/{id}`, or what the single resource is called. Delivered is what stands whole."""
    _heard(status, headers)
    answers = said(body, READABLE)
    _all_stand(answers)
    first = answers[0]
    if first.name and not first.place:
        raise Refused("the journal stored the note under another id than it was given", first.status)
    if (first.place, first.count) != (1, len(answers)):
        raise Unavailable("the journal did not answer for every part", unsure=True)
    return first.name


def ask(sending: Sending) -> Call:
    """How many there are of each part: one batch of searches, which fetches nothing about anybody."""
    found = (f"{part.search}&_summary=count" for part in parts(sending))
    return _call(sending.base, FRESH, "batch", [{"request": {"method": "GET", "url": search}} for search in found])


def has(sending: Sending, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """A document of which a part is missing is one that the journal does not have. One that is not to be asked is sent it again: it meets
    its own ids. Of an id of ours there is one at most; a journal that counts more did not look for it. Of a device it may have several."""
    if status in NOT_TO_BE_ASKED:
        return None
    _heard(status, headers)
    expected, answers = parts(sending), said(body, {"batch-response"})
    if any(each.code in NOT_TO_BE_ASKED for each in answers):
        return None
    _all_stand(answers)
    if len(answers) != len(expected):
        raise Unavailable("the journal did not answer for every part", unsure=True)
    found = [counted(each, 1 if part.id else inf) for part, each in zip(expected, answers, strict=True)]
    return None if 0 in found else f"{expected[0].type}/{expected[0].id}"


def _call(base: str, wishes: Mapping[str, str], kind: str, entries: Sequence[Json]) -> Call:
    return Call("POST", base.rstrip("/"), {**HEADERS, **wishes}, orjson.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}))


def _heard(status: int, headers: Mapping[str, str]) -> None:
    """What the status alone says. 409 is no "I have it" here: another call was at the same resources."""
    heed(status, headers)
    if status == 409:
        raise Unavailable("the journal answered 409", wish(headers), unsure=True)
    if status == 412:
        raise Refused("several of the journal's records have one of the document's identifiers (412)", "412")
    if not 200 <= status < 300:
        raise Refused(f"the journal answered {status}", str(status))


def _all_stand(answers: Sequence[Said]) -> None:
    """One that may come later weighs more than one that is refused: all are sent again, and those that stand are not changed by it."""
    bad = [each for each in answers if not each.good]
    if later := [each for each in bad if each.code in LATER or each.code >= 500]:
        raise Unavailable(f"the journal answered {later[0].status} for {len(later)} of {len(answers)} parts", unsure=True)
    if bad:
        raise Refused(f"the journal refused {len(bad)} of {len(answers)} parts ({bad[0].status}); the others may stand", bad[0].status)


ADAPTER = JournalAdapter(name="transaction", request=request, verdict=verdict, ask=ask, has=has)
