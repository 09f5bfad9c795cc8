"""By timer: looks at every line, publishes how many wait and since when, and says what of it needs a human.

One range read for each line, and one more where something was done in a line since the last look: its marks. Nothing is handed over by the
flow itself, so nothing is missed by a crash, and no delivery pays for it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from shared import log
from shared.access.register import Alarms, Endpoint, Register, Stop, Tenant
from shared.domain.answer import is_unasked
from shared.domain.message import Lane
from shared.flow.names import owner_of
from shared.flow.schedule import DAY
from shared.hub import Half, Hub
from shared.notice.ledger import Notice
from shared.notice.send import send
from shared.notice.tell import settle
from shared.storage.queues import PARCELS, lane_of
from shared.storage.survey import Mark, Survey, marks, survey

WATCHED = (
    *("alarm-late", "endpoint-failing", "waiting", "poison"),
    *("parked", "alarm-parked", "set-aside", "alarm-set-aside", "unknown-device"),
)
_AT_ONCE = 8  # lines looked at side by side
_LATE = Alarms().page_after  # seconds until a human is told of an alarm that was not even transformed
_LEVELS = (90, 70, 50)  # per cent of the time after which a parcel is given up
_KEPT = 7 * 24 * 3600.0  # seconds for which what was marked is told again
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A line as it was found. `name`: the sender or endpoint that it belongs to."""

    tenant: str
    half: str
    name: str
    lane: Lane
    survey: Survey
    marks: Sequence[Mark]


@dataclass(slots=True)
class Sum:
    """What waits in several lines. `down`: their endpoint is taken to be, for this `reason`; `unasked`: why it may not be asked whether it
    has something of it, "" = nothing; `more`: there is more than was counted."""

    waiting: int = 0
    oldest: float = 0.0
    down: bool = False
    reason: str = ""
    unasked: str = ""
    more: bool = False
    marks: list[Mark] = field(default_factory=list)


Sums = dict[tuple[str, str, str, Lane], Sum]  # by tenant, half, name and lane


async def watch(hub: Hub) -> None:
    """Looks, says and sends."""
    register = await hub.registers.current()
    found = await asyncio.gather(*(_look(hub, half) for half in (hub.receipts, hub.parcels)))
    lines = [one for some, _ in found for one in some]
    sums = _added(lines, hub.clock())
    await _ask_breakers(hub, sums)
    _publish(sums, len(lines))
    so = [notice for tenant in register.tenants.values() for notice in _notices(tenant, sums, register.stops)]
    await settle(hub, WATCHED, so, {*found[0][1], *found[1][1], *_strangers(register, lines)})
    await send(hub)


def _strangers(register: Register, lines: Iterable[Seen]) -> set[str]:
    """Municipalities that left the register: what was open stays so until they are back, or somebody empties their lines."""
    return {one.tenant for one in lines} - register.tenants.keys()


async def _look(hub: Hub, half: Half) -> tuple[list[Seen], set[str]]:
    """The lines of a half, and the municipalities of which one could not be read."""
    gate, blind = asyncio.Semaphore(_AT_ONCE), set[str]()

    async def look(line: str) -> Seen | None:
        tenant, name = owner_of(line)
        async with gate:
            try:
                seen = await survey(half.lines, line)
                return Seen(tenant, half.name, name, lane_of(line), seen, await _marks(hub, half, line, seen))
            except Exception as error:  # one line that cannot be read must not keep the others from being watched
                log.alarm("line not watched", line=line, error=type(error).__name__)
                blind.add(tenant)
                return None

    found = await asyncio.gather(*map(look, await half.appender.lines()))
    return [one for one in found if one], blind


async def _marks(hub: Hub, half: Half, line: str, seen: Survey) -> list[Mark]:
    """Read anew where something was done in the line since, and once an hour: a mark may be taken away by hand."""
    now = hub.clock()
    state = (seen.head.etag if seen.head else "", now // 3600)
    known = hub.marks.get(f"{half.name}~{line}")
    if known is None or known[0] != state:
        known = hub.marks[f"{half.name}~{line}"] = (state, await marks(half.lines, line))
    return [mark for mark in known[1] if now - mark.at < _KEPT]


def _added(lines: Iterable[Seen], now: float) -> Sums:
    sums: Sums = defaultdict(Sum)
    for one in lines:
        total = sums[one.tenant, one.half, one.name, one.lane]
        total.waiting += one.survey.waiting
        total.oldest = max(total.oldest, one.survey.age(now))
        total.more = total.more or one.survey.more
        total.unasked = total.unasked or next(filter(is_unasked, one.survey.reasons), "")
        total.marks += one.marks
    return sums


async def _ask_breakers(hub: Hub, sums: Sums) -> None:
    """Which endpoints are taken to be down (flow.breaker): a read for each lane of those for which something waits."""
    for (tenant, half, name, _), one in sums.items():
        if half == PARCELS and one.waiting:
            breaker = await hub.breakers.read(tenant, name)
            one.down, one.reason = breaker.open, breaker.reason


def _publish(sums: Sums, lines: int) -> None:
    """Metrics, as lines of the log: of what waits. One more says that the watch is alive, and how much it saw."""
    for (tenant, half, name, lane), one in sums.items():
        if one.waiting:
            told = {"waiting": one.waiting, "oldest": round(one.oldest), "more": one.more}
            log.step("waits", tenant=tenant, half=half, owner=name, lane=lane, **told)
    waiting, oldest = sum(one.waiting for one in sums.values()), max((one.oldest for one in sums.values()), default=0.0)
    log.step("watched", lines=lines, waiting=waiting, oldest=round(oldest))


def _notices(tenant: Tenant, sums: Sums, held: Sequence[Stop]) -> Iterator[Notice]:
    mine = {(half, name, lane): one for (orgnr, half, name, lane), one in sums.items() if orgnr == tenant.orgnr}
    failing = [notice for endpoint in tenant.endpoints if (notice := _failing(endpoint, mine))]
    yield from failing
    yield from _late(tenant, mine, held)
    yield from _waiting(tenant, mine, {notice.subject for notice in failing})
    for (half, name, lane), one in mine.items():
        yield from _marked(tenant, half, name, lane, one.marks)


Mine = dict[tuple[str, str, Lane], Sum]


def _failing(endpoint: Endpoint, mine: Mine) -> Notice | None:
    """It is down, will not say whether it has what may have arrived, or something has waited for half of the time after which it is given
    up."""
    both = [one for lane in Lane if (one := mine.get((PARCELS, endpoint.name, lane)))]
    oldest = max((one.oldest for one in both), default=0.0)
    limit = endpoint.retry.days * DAY
    level = next((level for level in _LEVELS if oldest >= limit * level / 100), 0)
    reason = next((found for one in both if (found := one.reason or one.unasked)), "")
    if not level and not is_unasked(reason) and not any(one.down for one in both):
        return None
    facts = {
        "oldest": round(oldest),
        "limit": limit,
        "down": any(one.down for one in both),
        "stopped": not endpoint.active,
        "reason": reason,
    }
    return Notice(endpoint.tenant, "endpoint-failing", endpoint.name, sum(one.waiting for one in both), level, facts)


def _late(tenant: Tenant, mine: Mine, held: Sequence[Stop]) -> Iterator[Notice]:
    """An alarm that has not reached its journal in time, wherever it waits. `held`: what is stopped by hand."""
    late: dict[str, list[Sum]] = defaultdict(list)
    patience = {endpoint.name: endpoint.alarms.page_after for endpoint in tenant.endpoints}
    second = {endpoint.name: endpoint.alarms.second for endpoint in tenant.endpoints}
    for (half, name, lane), one in mine.items():
        if lane is Lane.ALARM and one.oldest > (patience.get(name, _LATE) if half == PARCELS else _LATE):
            late[name].append(one)
    for name, some in late.items():
        by_hand = any(stop.tenant == tenant.orgnr and (stop.sender or stop.endpoint) in ("", name) for stop in held)
        facts = {"oldest": round(max(one.oldest for one in some)), "second": second.get(name, "")}
        facts |= {"sender": name not in patience, "stopped": by_hand}
        yield Notice(tenant.orgnr, "alarm-late", name, sum(one.waiting for one in some), 0, facts)


def _waiting(tenant: Tenant, mine: Mine, failing: set[str]) -> Iterator[Notice]:
    """Per lane; what waits for an endpoint that is known to fail is told of already."""
    for lane, minutes in ((Lane.ALARM, tenant.watch.alarm), (Lane.ROUTINE, tenant.watch.routine)):
        some = [one for (half, name, where), one in mine.items() if where is lane and not (half == PARCELS and name in failing)]
        oldest = max((one.oldest for one in some), default=0.0)
        if oldest > minutes * _MINUTE:
            facts = {"oldest": round(oldest), "limit": minutes * 60}
            yield Notice(tenant.orgnr, "waiting", lane.value, sum(one.waiting for one in some), 0, facts)


def _marked(tenant: Tenant, half: str, name: str, lane: Lane, found: Sequence[Mark]) -> Iterator[Notice]:
    counts = {
        "parked": sum(mark.parked for mark in found),
        "set-aside": sum(mark.set_aside - mark.unknown for mark in found),
        "unknown-device": sum(mark.unknown for mark in found),
    }
    unknown = counts["unknown-device"]
    if lane is Lane.ALARM:
        counts = {"alarm-parked": counts["parked"], "alarm-set-aside": counts["set-aside"] + unknown}
    second = next((one.alarms.second for one in tenant.endpoints if half == PARCELS and one.name == name), "")
    facts = {"unknown": unknown, "second": second}
    yield from (Notice(tenant.orgnr, kind, name, count, 0, facts) for kind, count in counts.items() if count)
