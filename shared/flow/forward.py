"""Third step: a worker takes one of an endpoint's lines and sends its parcels, in order per patient: one parcel, one verdict."""

from collections.abc import Sequence

from shared import log
from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.flow import breaker
from shared.flow.ahead import ahead
from shared.flow.attempt import attempt
from shared.flow.attend import STOPPED, attend, come_back, holding
from shared.flow.deliver import longest
from shared.flow.escalate import refused
from shared.flow.names import owner_of
from shared.flow.round import Place, Round, last_of, longest_ago, neglected, plan, position_of
from shared.hub import Hub
from shared.storage.lines import Look, Outcome
from shared.storage.packs import Pack
from shared.storage.queues import lane_of

_PAGES = 500  # read in one turn at most, while there is time
_SLOW_LINES = 4  # lines of a slow endpoint that one worker works on at a time: its calls last long, and the host has few slots
_SLOW_WAIT = 2.0  # seconds until the next of them is asked for
_NO_LIMIT = 1_000_000  # calls in one turn


async def forward(hub: Hub, lines: Sequence[str]) -> None:
    """Works the lines that a queue message names."""
    await attend(hub, hub.parcels, lines, _turn)


async def _turn(hub: Hub, line: str, look: Look) -> bool:
    endpoint = await _endpoint(hub, line)
    if endpoint is None:
        await come_back(hub, hub.parcels, line, hub.clock() + STOPPED, early=STOPPED)
        return False
    known, lane = breaker.pace(hub, endpoint), lane_of(line)
    if known.lines[lane] >= _SLOW_LINES and known.slow(hub.clock()):
        await come_back(hub, hub.parcels, line, hub.clock() + _SLOW_WAIT, early=_SLOW_WAIT)
        return False
    known.lines[lane] += 1
    try:
        return await _work(hub, endpoint, line, look)
    finally:
        known.lines[lane] -= 1


async def _work(hub: Hub, endpoint: Endpoint, line: str, look: Look) -> bool:
    turn = await _begun(hub, endpoint, line, look)
    first, later = plan(turn, look.packs)
    if not (first or later or look.more):
        return await _again(turn, Outcome())
    hold_at = (
        position_of([*neglected(turn, later), *first, *longest_ago(turn, later)]) if turn.head.careful else position_of(last_of(look.packs))
    )
    turn.hold = await hub.parcels.lines.take(line, turn.head, hold_at, turn.now + hub.settings.hold_seconds)
    if turn.hold is None:
        return True
    async with holding(hub.parcels, turn.hold, lambda: turn.sent > 0):
        await _send_all(turn, first, later, look)
        if turn.lane is Lane.ALARM:
            await refused(hub, line, endpoint, turn.parked)
        outcome = _outcome(turn)
        await hub.parcels.lines.commit(turn.hold, outcome)
    log.step("forwarded", line=line, delivered=turn.delivered, sent=turn.sent, failures=outcome.failures)
    return await _again(turn, outcome)


async def _begun(hub: Hub, endpoint: Endpoint, line: str, look: Look) -> Round:
    assert look.head  # noqa: S101 -- attend looks first
    down = await breaker.is_open(hub, endpoint, troubled=look.head.failures > 0 or bool(look.head.holder))
    before, now = await ahead(hub, endpoint, line), hub.clock()
    return Round(
        hub,
        line,
        endpoint,
        look.head,
        now,
        time=hub.settings.hold_seconds - longest(hub, endpoint) - 1.0,
        open=down,
        streak=look.head.failures if down else 0,
        allowed=_allowance(endpoint)[0],
        ahead=before,
    )


def _allowance(endpoint: Endpoint) -> tuple[int, float]:
    """How many calls a line may make in how many seconds: its share of the endpoint's rate, in a second or for a single call."""
    if not endpoint.rate:
        return _NO_LIMIT, 0.0
    return max(1, endpoint.rate // endpoint.lines), max(1.0, endpoint.lines / endpoint.rate)


async def _endpoint(hub: Hub, line: str) -> Endpoint | None:
    """Where the line leads; None while the endpoint or its municipality is stopped, or is not in the register."""
    orgnr, name = owner_of(line)
    register = await hub.registers.current()
    tenant, endpoint = register.tenant(orgnr), register.endpoint(orgnr, name)
    if register.stopped(orgnr, endpoint=name):
        return None
    return endpoint if tenant and tenant.active and endpoint and endpoint.active else None


async def _send_all(turn: Round, first: list[Place], later: list[Place], look: Look) -> None:
    """Page by page what was never tried, then, longest ago first, what was: no patient's failure keeps the others from their turn. One that
    has been due for long goes before all, or it would never go while others keep coming."""
    packs, more = look.packs, look.more
    late = neglected(turn, later)
    await _send(turn, late)
    later = [one for one in later if one not in late]
    for _ in range(_PAGES):
        await _send(turn, first)
        if turn.late() or turn.over or not more or turn.half_gone():
            break
        packs, more = await turn.hub.parcels.lines.waiting(turn.line, packs[-1].sequence + 1)
        first, tried = plan(turn, packs)
        later += tried
        if first or tried:
            await _reach(turn, packs, [*first, *longest_ago(turn, later)])
    await _send(turn, longest_ago(turn, later))
    turn.unread = more


async def _reach(turn: Round, packs: Sequence[Pack], next_ones: Sequence[Place]) -> None:
    """The head says how far a worker may have come, for whoever finds the line after its loss: said again before going further."""
    hub, at = turn.hub, position_of(next_ones if turn.head.careful else last_of(packs))
    assert turn.hold  # noqa: S101 -- taken before anything is sent
    await hub.parcels.lines.reach(turn.hold, at)


async def _send(turn: Round, places: Sequence[Place]) -> None:
    """Sends these until the turn is over; a patient whose parcel found no answer is stepped over."""
    for pack, place in places:
        if turn.late() or turn.over:
            return
        if pack.entries[place]["patient"] not in turn.blocked:
            pack.states[place] = state = await attempt(turn, (pack, place))
            if state.get("end") == "parked":
                turn.parked.append((pack, place))
            if pack not in turn.packs:
                turn.packs.append(pack)


def _outcome(turn: Round) -> Outcome:
    return Outcome(
        ended=[pack for pack in turn.packs if pack.ended],
        changed=[pack for pack in turn.packs if not pack.ended],
        marked=[pack for pack in turn.packs if any(state and state.get("end") == "parked" for state in pack.states)],
        not_before=_not_before(turn),
        failures=turn.streak,
    )


def _not_before(turn: Round) -> float:
    """While the endpoint is down, the line waits; else for as long as its part of the rate is used up by what was sent."""
    if turn.down:
        return turn.hub.clock() + turn.wait()
    seconds = _allowance(turn.endpoint)[1] * turn.sent / turn.allowed
    return turn.now + seconds if seconds else 0.0


async def _again(turn: Round, outcome: Outcome) -> bool:
    """What is left: at once if only time or room ran out, else when the line or the first blocked patient is due."""
    if not outcome.not_before and (turn.over or (turn.unread and turn.sent)):
        return True
    due = outcome.not_before or turn.next_due
    if due < float("inf"):
        await come_back(turn.hub, turn.hub.parcels, turn.line, due)
    return False
