"""Who must wait because parcels of the same patient still stand in a line that was replaced (storage.shapes)."""

import asyncio
from dataclasses import dataclass, replace

from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.flow.attend import waiting
from shared.flow.follow_up import BACK, SOUGHT, acknowledges
from shared.flow.names import owner_of
from shared.flow.round import stuck
from shared.hub import Hub
from shared.storage.index import DONE, Index, Span
from shared.storage.queues import lane_of
from shared.storage.shapes import Generation, Shape

_FRESH = 2.0  # seconds that an answer is good for
_PAGE = 100  # packs in one read
_SETTLED = 3600.0  # seconds until old lines are forgotten: by then no worker is in the middle of a turn that began before


@dataclass(frozen=True, slots=True)
class Seen:
    """Who waits in an old line, as asked at that time; while its head is the same, that is so. One that was empty may have something again:
    an operator sends it again at its own place."""

    at: float
    head: str
    patients: frozenset[str]


async def ahead(hub: Hub, endpoint: Endpoint, line: str) -> frozenset[str]:
    """Patients (keyed hashes) with parcels in lines that were replaced by this one. Nothing is asked while there are no such lines."""
    found = await asyncio.gather(*(_patients(hub, endpoint, one) for one in await replaced(hub, endpoint, line)))
    return frozenset[str]().union(*found)


async def replaced(hub: Hub, endpoint: Endpoint, line: str) -> list[str]:
    """The lines of this one's lane that were replaced before it began, the oldest first, as long as something may wait in them."""
    shape = await hub.shapes.of(endpoint)
    if not shape.holds(line):
        shape = await hub.shapes.read(endpoint)
    return [one for generation in reversed(shape.before(line)) for one in shape.of(lane_of(line), generation)]


async def _patients(hub: Hub, endpoint: Endpoint, line: str) -> frozenset[str]:
    seen = hub.ahead.get(line)
    if seen is None or hub.clock() - seen.at > _FRESH:
        seen = hub.ahead[line] = await _seen(hub, endpoint, line, seen)
    return seen.patients


async def _seen(hub: Hub, endpoint: Endpoint, line: str, before: Seen | None) -> Seen:
    """Whole packs are read only if something was done in the line since: what waits is heavy, and may wait for days."""
    now, head = hub.clock(), await hub.parcels.lines.head(line)
    etag = head.etag if head else ""
    if before and before.head == etag:
        return replace(before, at=now)
    return Seen(now, etag, await _read(hub, endpoint, line))


async def _read(hub: Hub, endpoint: Endpoint, line: str) -> frozenset[str]:
    found: set[str] = set()
    first, more = 0, True
    while more:
        packs, more = await hub.parcels.lines.waiting(line, first, _PAGE)
        for pack in packs:
            first = pack.sequence + 1
            held = (place for place in waiting(pack) if not stuck(endpoint, lane_of(line), pack.states[place] or {}))
            found |= {pack.entries[place]["patient"] for place in held}
    return frozenset(found)


async def forget_drained(hub: Hub, endpoint: Endpoint) -> int:
    """Forgets old lines in which nothing waits or could be sent again. Returns how many generations of them."""
    shape = await hub.shapes.read(endpoint)
    old = [one for one in shape.older if hub.clock() - one.until > _SETTLED]
    drained = [one for one in old if not any([await _left(hub, line) for line in _all(shape, one)])]
    if drained:
        await hub.shapes.drop(shape, drained)
    return len(drained)


async def forget_emptied(hub: Hub, line: str) -> None:
    """Forgets a line that was replaced once nothing in it waits or could be sent again: the bodies are purged, and no alert in it can be
    followed up any more. Who reads all lines reads it no more; what became of its parcels is found by their receipts."""
    endpoint = (await hub.registers.current()).endpoint(*owner_of(line))
    if endpoint is None or not (await hub.shapes.of(endpoint)).dropped(line):
        return
    if not await _looked_for(hub, endpoint, line) and not await _left(hub, line):
        await hub.parcels.appender.forget(line)


async def _left(hub: Hub, line: str) -> bool:
    """Whether something waits, or has its body still and could be sent again."""
    if await _any(hub, line):
        return True
    full, _ = await hub.parcels.lines.done(line, 0, 1, full=True)
    return bool(full) or await _any(hub, line)  # a hand may have put one back among the waiting between the two


async def _looked_for(hub: Hub, endpoint: Endpoint, line: str) -> bool:
    """Whether a response centre may still say what it did about an alert there."""
    if not acknowledges(endpoint):
        return False
    late = Index(hub.parcels.lines.table).packs(line, DONE, Span(hub.clock() - BACK - SOUGHT))
    return await anext(late, None) is not None


async def _any(hub: Hub, line: str) -> bool:
    packs, _ = await hub.parcels.lines.waiting(line, 0, 1)
    return bool(packs)


def _all(shape: Shape, generation: Generation) -> list[str]:
    return [line for lane in Lane for line in shape.of(lane, generation)]
