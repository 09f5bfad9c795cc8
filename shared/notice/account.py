"""The account of one day: what became of each receipt, by the receipts' line, held against what stands in the parcels' lines.

Nothing of the flow is asked: packs are counted by their sequences, which the line's end gives out without gaps; a receipt's end is what its
parcels' rows say; and each parcel must be some receipt's, once. What does not fit is named, by ids.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from shared.domain.clock import OSLO
from shared.domain.message import Lane
from shared.flow.names import owner_of, receipt_name
from shared.storage.append import Appender
from shared.storage.lines import Lines, place_of, position
from shared.storage.overdue import Overdue
from shared.storage.packs import Pack, State
from shared.storage.queues import lane_of
from shared.storage.records import Records
from shared.storage.survey import reached, states

ENDS = ("delivered", "parked", "set aside", "waiting", "duplicate", "deleted", "empty")
UNKNOWN = "unaccounted"
_CHUNK = 1000  # packs in one read
_BACK = 5  # chunks of older receipts that are looked through for whose parcel one is
_NAMED = 50  # findings that are kept; all are counted

Span = tuple[int, int]  # sequences: from, and up to but not including
Parcel = tuple[str, int]  # line, position


@dataclass(frozen=True, slots=True)
class Books:
    """The rows that are looked at. `appender`: of the receipts."""

    receipts: Lines
    parcels: Lines
    appender: Appender
    days: Records


@dataclass(slots=True)
class Account:
    """A sender's day. `received`: entries of its packs; `ends`: how many came to which; `spans`: by lane, where it stands in a line."""

    tenant: str
    sender: str
    day: date
    received: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    spans: dict[str, Span] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings and self.received == sum(self.ends[end] for end in ENDS)

    def to_data(self) -> dict[str, Any]:
        told = {"received": self.received, "ends": dict(self.ends), "spans": self.spans}
        return {**told, "found": len(self.findings), "findings": self.findings[:_NAMED]}


@dataclass(slots=True)
class _Work:
    """`packs`: of each receipts' line, by sequence, None where there is none; `named`: which receipts name each parcel; `seconds`: where
    those stand that went by a second route too."""

    accounts: dict[str, Account]
    packs: dict[str, dict[int, Pack | None]] = field(default_factory=dict)
    named: dict[Parcel, list[str]] = field(default_factory=lambda: defaultdict(list))
    seconds: dict[Parcel, Parcel] = field(default_factory=dict)


async def account(books: Books, tenant: str, day: date, starts: Mapping[str, int]) -> list[Account]:
    """Of each sender that has ever sent. `starts`: for lines of receipts, the sequence from which the day is known to begin."""
    lines = [line for line in await books.appender.lines() if owner_of(line)[0] == tenant]
    work = _Work({owner_of(line)[1]: Account(tenant, owner_of(line)[1], day) for line in lines})
    for line in lines:
        await _read(books, work, line, starts.get(line))
    await _follow_second_routes(books, work)
    found = await _parcels(books, work.named)
    for line in work.packs:
        _count(work, line, found)
    await _check(books, work, day, found)
    return [work.accounts[name] for name in sorted(work.accounts)]


def _bounds(day: date) -> tuple[float, float]:
    """Of a day in Norway, in seconds since 1970."""
    first, then = (datetime.combine(one, time(), OSLO).astimezone(UTC).timestamp() for one in (day, day + timedelta(days=1)))
    return first, then


async def _read(books: Books, work: _Work, line: str, start: int | None) -> None:
    """The day's packs of one line, chunk by chunk until it is over."""
    mine = work.accounts[owner_of(line)[1]]
    begin, end = _bounds(mine.day)
    first, at, last = start, start or 0, await reached(books.receipts, line)
    packs: dict[int, Pack | None] = {}
    over = last
    while at < over:
        some = await states(books.receipts, line, at, at + _CHUNK - 1)
        for sequence in range(at, min(at + _CHUNK, last)):
            pack = some.get(sequence)
            if pack and pack.since >= end:
                over = sequence
                break
            if first is None and pack and pack.since >= begin:
                first = sequence
            if first is not None:
                packs[sequence] = pack
        at += _CHUNK
    mine.spans[lane_of(line).value] = (over if first is None else first, over)
    work.packs[line] = packs
    _name(work.named, line, packs)


def _name(named: dict[Parcel, list[str]], line: str, packs: Mapping[int, Pack | None]) -> None:
    for sequence, pack in packs.items():
        for place, state in enumerate(pack.states if pack else ()):
            for parcel in _sent(state):
                named[parcel].append(receipt_name(line, position(sequence, place)))


def _sent(state: State) -> list[Parcel]:
    return [(line, at) for line, positions in (state or {}).get("parcels", {}).items() for at in positions]


async def _follow_second_routes(books: Books, work: _Work) -> None:
    """What went by a second route as well is another parcel of the same receipt."""
    for line, chunk in sorted({(line, place_of(at)[0] // _CHUNK) for line, at in work.named if lane_of(line) is Lane.ALARM}):
        bounds = (position(each * _CHUNK, 0) for each in (chunk, chunk + 1))
        some = await Overdue(books.parcels.table).seconds(line, *bounds)
        work.seconds |= {(line, at): there for at, there in some.items() if (line, at) in work.named}
    for parcel, there in work.seconds.items():
        work.named[there] += work.named[parcel]


async def _parcels(books: Books, named: Mapping[Parcel, Sequence[str]]) -> dict[str, dict[int, Pack]]:
    """The packs of parcels that receipts name, and their neighbours: chunk by chunk."""
    chunks = sorted({(line, place_of(at)[0] // _CHUNK) for line, at in named})
    found: dict[str, dict[int, Pack]] = defaultdict(dict)
    for line, chunk in chunks:
        found[line] |= await states(books.parcels, line, chunk * _CHUNK, (chunk + 1) * _CHUNK - 1)
    return found


def _count(work: _Work, line: str, found: Mapping[str, Mapping[int, Pack]]) -> None:
    mine = work.accounts[owner_of(line)[1]]
    for sequence, pack in work.packs[line].items():
        if pack is None:
            mine.findings.append(f"pack {line}.{sequence} is not in its line")
            continue
        mine.received += len(pack.states)
        for place, state in enumerate(pack.states):
            end, wrong = _end(state, work.seconds, found)
            mine.ends[end] += 1
            mine.findings += [f"receipt {receipt_name(line, position(sequence, place))}: {what}" for what in wrong]


def _end(state: State, seconds: Mapping[Parcel, Parcel], found: Mapping[str, Mapping[int, Pack]]) -> tuple[str, list[str]]:
    """The worst end of what came of a receipt, and what is wrong with it."""
    if not state or "end" not in state:
        return "waiting", []
    if state["end"] in ("duplicate", "deleted"):
        return state["end"], []
    sent = _sent(state)
    ends = {parcel: _parcel(parcel, found) for parcel in (*sent, *(seconds[one] for one in sent if one in seconds))}
    wrong = [f"parcel {line}.{at} is not in its line" for (line, at), end in ends.items() if end == UNKNOWN]
    if len(sent) < state["documents"] - state["set_aside"]:
        wrong.append(f"{state['documents']} documents became {len(sent)} parcels")
    worst = next((end for end in (UNKNOWN, "parked", "waiting", "deleted") if end in ends.values()), "delivered" if sent else "empty")
    return (UNKNOWN if wrong else "set aside" if worst in ("delivered", "deleted", "empty") and state.get("problems") else worst), wrong


def _parcel(parcel: Parcel, found: Mapping[str, Mapping[int, Pack]]) -> str:
    sequence, place = place_of(parcel[1])
    pack = found.get(parcel[0], {}).get(sequence)
    if pack is None or place >= len(pack.states):
        return UNKNOWN
    end = (pack.states[place] or {}).get("end", "waiting")
    return end if end in ENDS else UNKNOWN


async def _check(books: Books, work: _Work, day: date, found: Mapping[str, Mapping[int, Pack]]) -> None:
    """From the parcels' side: each that was put in line that day is some receipt's, and no two receipts' at once."""
    begin, end = _bounds(day)
    strange = {
        (line, position(sequence, place))
        for line, packs in found.items()
        for sequence, pack in packs.items()
        if begin <= pack.since < end
        for place in range(len(pack.states))
    } - work.named.keys()
    for line, at in sorted(strange and await _unowned(books, work, strange)):
        if not await _by_second_route(books, line, at):
            _of(work, line).findings.append(f"parcel {line}.{at} is no receipt's")
    for (line, at), receipts in work.named.items():
        if len(receipts) > 1:
            _of(work, line).findings.append(f"parcel {line}.{at} is named by {' and '.join(receipts)}")


async def _unowned(books: Books, work: _Work, strange: set[Parcel]) -> set[Parcel]:
    """Those that no other day's receipts name either: later ones first, then some before."""
    for line in work.packs:
        mine = work.accounts[owner_of(line)[1]]
        first, over = mine.spans[lane_of(line).value]
        later = range(over, await reached(books.receipts, line), _CHUNK)
        for at in (*later, *(first - _CHUNK * back for back in range(1, _BACK + 1))):
            if strange and at > -_CHUNK:
                others: dict[Parcel, list[str]] = defaultdict(list)
                _name(others, line, await states(books.receipts, line, max(at, 0), at + _CHUNK - 1))
                strange = strange - others.keys()
    return strange


async def _by_second_route(books: Books, line: str, at: int) -> bool:
    """An alarm that another endpoint got too (flow.escalate) names no message; of a purged one that is not known any more. Its receipt may
    be another day's, or its journal may have taken it in the very moment."""
    sequence, place = place_of(at)
    pack = await books.parcels.read(line, sequence) if lane_of(line) is Lane.ALARM else None
    return pack is not None and (not pack.entries or "message" not in pack.entries[place])


def _of(work: _Work, line: str) -> Account:
    """Of the first sender that has parcels in this line: whose these are is not known."""
    return work.accounts[min(receipts[0].split(".")[1] for (where, _), receipts in work.named.items() if where == line)]
