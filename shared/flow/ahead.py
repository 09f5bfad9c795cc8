"""Who must wait because parcels of the same patient still stand in a line that was replaced (storage.shapes)."""

import asyncio
from dataclasses import dataclass

from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.flow.attend import waiting
from shared.flow.round import stuck
from shared.hub import Hub
from shared.storage.queues import lane_of
from shared.storage.shapes import Generation, Shape

_FRESH = 2.0  # seconds that an answer is good for
_PAGE = 100  # packs in one read
_SETTLED = 3600.0  # seconds until old lines are forgotten: by then no worker is in the middle of a turn that began before


@dataclass(frozen=True, slots=True)
class Seen:
    """Who waits in an old line, as asked at that time; a closed line that is empty stays so."""

    at: float
    patients: frozenset[str]


async def ahead(hub: Hub, endpoint: Endpoint, line: str) -> frozenset[str]:
    """Patients (keyed hashes) with parcels in lines that were replaced by this one. Nothing is asked while there are no such lines."""
    shape = await hub.shapes.of(endpoint)
    if not shape.holds(line):
        shape = await hub.shapes.read(endpoint)
    old = [one for generation in shape.before(line) for one in shape.of(lane_of(line), generation)]
    found = await asyncio.gather(*(_patients(hub, endpoint, one) for one in old))
    return frozenset[str]().union(*found)


async def _patients(hub: Hub, endpoint: Endpoint, line: str) -> frozenset[str]:
    seen = hub.ahead.get(line)
    if seen is None or (seen.patients and hub.clock() - seen.at > _FRESH):
        seen = hub.ahead[line] = Seen(hub.clock(), await _read(hub, endpoint, line))
    return seen.patients


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
    """Forgets old lines in which nothing waits any more. Returns how many generations of them."""
    shape = await hub.shapes.read(endpoint)
    old = [one for one in shape.older if hub.clock() - one.until > _SETTLED]
    drained = [one for one in old if not any([await _any(hub, line) for line in _all(shape, one)])]
    if drained:
        await hub.shapes.drop(shape, drained)
    return len(drained)


async def _any(hub: Hub, line: str) -> bool:
    packs, _ = await hub.parcels.lines.waiting(line, 0, 1)
    return bool(packs)


def _all(shape: Shape, generation: Generation) -> list[str]:
    return [line for lane in Lane for line in shape.of(lane, generation)]
