"""Third step: a worker takes one of an endpoint's lines and sends its parcels, in order per patient: one parcel, one verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shared import log
from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.errors import Refused, Unavailable
from shared.flow.attend import attend, come_back, fallen, holding, waiting
from shared.flow.deliver import deliver, pace
from shared.flow.names import owner_of
from shared.flow.schedule import GIVE_UP, MIDDLE, delay
from shared.hub import Hub
from shared.storage.head import Head
from shared.storage.lines import PAGE, Look, Outcome, position
from shared.storage.packs import Entry, Pack
from shared.storage.queues import lane_of

_COMMIT = 1_500_000  # bytes of packs in one turn: their commit is one transaction of at most 4 MiB, in base64
_PAGES = 20  # read in one turn at most
_SLOW_LINES = 4  # lines of a slow endpoint that one worker works on at a time: its calls last long, and the host has few slots
_SLOW_WAIT = 2.0  # seconds until the next of them is asked for
_STOPPED = 30.0  # seconds until a stopped endpoint's line is looked at again
_DOWN = 2  # different patients in a row whose parcels found no answer: then the endpoint is taken to be down, and its line waits
_LINE_WAIT = {Lane.ALARM: 15.0, Lane.ROUTINE: 60.0}  # seconds at most between two tries of a line whose endpoint is down


Place = tuple[Pack, int]  # a parcel: its pack and its place in it


@dataclass(slots=True)
class Round:
    """One turn at a line.

    `blocked`: patients with a parcel that must go first; `next_due`: when the first of those may be tried. `tried`: when the first
    waiting parcel of a patient was tried last, 0 = never. `streak`: how many different patients' parcels in a row found no answer,
    over all turns; `last`: the latest of them, `wish`: its journal's Retry-After. One patient alone never stops a line.
    """

    hub: Hub
    line: str
    endpoint: Endpoint
    head: Head
    now: float
    failed: bool = False
    sent: int = 0
    delivered: int = 0
    out_of_time: bool = False
    unread: bool = False
    next_due: float = float("inf")
    streak: int = 0
    last: str = ""
    wish: float | None = None
    tried: dict[str, float] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    packs: list[Pack] = field(default_factory=list)

    @property
    def lane(self) -> Lane:
        return lane_of(self.line)

    @property
    def down(self) -> bool:
        return self.failed and self.streak >= _DOWN

    @property
    def over(self) -> bool:
        full = len(self.packs) >= PAGE or sum(len(pack.blob) for pack in self.packs) > _COMMIT
        return self.out_of_time or self.down or full or (self.head.careful and self.sent > 0)


async def forward(hub: Hub, lines: Sequence[str]) -> None:
    """Works the lines that a queue message names."""
    await attend(hub, hub.parcels, lines, _turn)


async def _turn(hub: Hub, line: str, look: Look) -> bool:
    endpoint = await _endpoint(hub, line)
    if endpoint is None:
        await come_back(hub, hub.parcels, line, hub.clock() + _STOPPED, early=_STOPPED)
        return False
    known = pace(hub, endpoint)
    if known.lines >= _SLOW_LINES and known.slow(hub.clock()):
        await come_back(hub, hub.parcels, line, hub.clock() + _SLOW_WAIT, early=_SLOW_WAIT)
        return False
    known.lines += 1
    try:
        return await _work(hub, endpoint, line, look)
    finally:
        known.lines -= 1


async def _work(hub: Hub, endpoint: Endpoint, line: str, look: Look) -> bool:
    assert look.head  # noqa: S101 -- attend looks first
    turn = Round(hub, line, endpoint, look.head, hub.clock(), streak=look.head.failures, last=look.head.failing)
    first, later = _plan(turn, look.packs)
    if not (first or later or look.more):
        return await _again(turn, Outcome())
    hold_at = _position([*first, *_longest_ago(turn, later)][:1]) if look.head.careful else _position(_last(look.packs))
    hold = await hub.parcels.lines.take(line, look.head, hold_at, turn.now + hub.settings.hold_seconds)
    if hold is None:
        return True
    async with holding(hub.parcels, hold):
        await _send_all(turn, first, later, look)
        outcome = _outcome(turn)
        await hub.parcels.lines.commit(hold, outcome)
    log.step("forwarded", line=line, delivered=turn.delivered, sent=turn.sent, failures=outcome.failures)
    return await _again(turn, outcome)


async def _endpoint(hub: Hub, line: str) -> Endpoint | None:
    """Where the line leads; None while the endpoint or its municipality is stopped, or is not in the register."""
    orgnr, name = owner_of(line)
    register = await hub.registers.current()
    tenant, endpoint = register.tenant(orgnr), register.endpoint(orgnr, name)
    return endpoint if tenant and tenant.active and endpoint and endpoint.active else None


def _plan(turn: Round, packs: Sequence[Pack]) -> tuple[list[Place], list[Place]]:
    """What may be sent now, in order per patient: first those of patients with nothing untold, then those that were tried before."""
    first: list[Place] = []
    later: list[Place] = []
    for pack in packs:
        for place in waiting(pack):
            patient, state = pack.entries[place]["patient"], pack.states[place] or {}
            if patient not in turn.blocked and state.get("not_before", 0.0) > turn.now:
                turn.blocked.add(patient)
                turn.next_due = min(turn.next_due, state["not_before"])
            if patient not in turn.blocked:
                tried = turn.tried.setdefault(patient, state.get("tried", 0.0))
                (later if tried else first).append((pack, place))
    return first, later


def _longest_ago(turn: Round, later: list[Place]) -> list[Place]:
    """Those that were tried before, the patients tried longest ago first; a patient's own order stays."""
    return sorted(later, key=lambda one: turn.tried[one[0].entries[one[1]]["patient"]])


async def _send_all(turn: Round, first: list[Place], later: list[Place], look: Look) -> None:
    """Page by page what was never tried, then, longest ago first, what was: no patient's failure keeps the others from their turn."""
    packs, more = look.packs, look.more
    for _ in range(_PAGES):
        await _send(turn, first)
        if turn.over or not more:
            break
        packs, more = await turn.hub.parcels.lines.waiting(turn.line, packs[-1].sequence + 1)
        first, tried = _plan(turn, packs)
        later += tried
    await _send(turn, _longest_ago(turn, later))
    turn.unread = more


async def _send(turn: Round, places: Sequence[Place]) -> None:
    """Sends these until the turn is over; a patient whose parcel found no answer is stepped over."""
    settings = turn.hub.settings
    deadline = turn.now + settings.hold_seconds - settings.call_timeout - 1.0
    for pack, place in places:
        turn.out_of_time = turn.out_of_time or turn.hub.clock() > deadline
        if turn.over:
            return
        if pack.entries[place]["patient"] not in turn.blocked:
            pack.states[place] = await _send_one(turn, pack, place, pack.states[place] or {})
            if pack not in turn.packs:
                turn.packs.append(pack)


def _position(places: Sequence[Place]) -> int:
    """The position of the only one of these; -1 of none."""
    return position(places[0][0].sequence, places[0][1]) if places else -1


def _last(packs: Sequence[Pack]) -> list[Place]:
    return [(packs[-1], len(packs[-1].entries) - 1)]


async def _send_one(turn: Round, pack: Pack, place: int, state: dict[str, Any]) -> dict[str, Any]:
    """One parcel, one verdict: the state that is written about it."""
    entry, now, attempt = pack.entries[place], turn.hub.clock(), state.get("attempt", 0) + 1
    turn.sent += 1
    if fallen(turn.head, position(pack.sequence, place)):
        return _parked(turn, attempt, now, "the worker fell three times over this parcel")
    try:
        name, answer = await deliver(turn.hub, turn.endpoint, turn.lane, entry, pack.bodies[place])
    except Refused as error:
        turn.streak, turn.last = 0, ""
        return _parked(turn, attempt, now, error.reason)
    except Unavailable as error:
        if now - pack.since > GIVE_UP:
            return _parked(turn, attempt, now, f"{error.reason}; given up after seven days")
        return _later(turn, entry, state, error)
    turn.streak, turn.last = 0, ""
    turn.delivered += 1
    return {"end": "delivered", "attempt": attempt, "at": turn.hub.clock(), "answer": answer, "name": name}


def _later(turn: Round, entry: Entry, state: dict[str, Any], error: Unavailable) -> dict[str, Any]:
    """While the endpoint is down a parcel waits as long as its line, and its own schedule rests."""
    turn.failed, turn.wish = True, error.retry_after
    if entry["patient"] != turn.last:
        turn.streak, turn.last = turn.streak + 1, entry["patient"]
    alone = state.get("alone", 0) + (0 if turn.down else 1)
    now = turn.hub.clock()
    wait = _line_wait(turn) if turn.down else delay(turn.lane, alone, entry["id"], error.retry_after) * turn.hub.settings.retry_scale
    turn.blocked.add(entry["patient"])
    turn.next_due = min(turn.next_due, now + wait)
    return {"attempt": state.get("attempt", 0) + 1, "alone": alone, "tried": now, "not_before": now + wait, "reason": error.reason}


def _line_wait(turn: Round) -> float:
    return delay(turn.lane, turn.streak - 1, MIDDLE, turn.wish, _LINE_WAIT[turn.lane]) * turn.hub.settings.retry_scale


def _parked(turn: Round, attempt: int, now: float, reason: str) -> dict[str, Any]:
    say = log.alarm if turn.lane is Lane.ALARM else log.step
    say("parked", line=turn.line, reason=reason)
    return {"end": "parked", "attempt": attempt, "at": now, "reason": reason}


def _outcome(turn: Round) -> Outcome:
    return Outcome(
        ended=[pack for pack in turn.packs if pack.ended],
        changed=[pack for pack in turn.packs if not pack.ended],
        marked=[pack for pack in turn.packs if any(state and state.get("end") == "parked" for state in pack.states)],
        not_before=turn.hub.clock() + _line_wait(turn) if turn.down else 0.0,
        failures=turn.streak,
        failing=turn.last,
    )


async def _again(turn: Round, outcome: Outcome) -> bool:
    """What is left: at once if only time or room ran out, else when the line or the first blocked patient is due."""
    if (turn.over and not turn.down) or (turn.unread and turn.sent):
        return True
    due = outcome.not_before or turn.next_due
    if due < float("inf"):
        await come_back(turn.hub, turn.hub.parcels, turn.line, due)
    return False
