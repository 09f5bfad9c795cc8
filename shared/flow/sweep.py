"""Last step, by timer: what stands still is rung again, what is old is purged.

A killed worker's message stays hidden for ten minutes (`domain/runtime.md` 2d), so it is the sweep that brings its line back: the hold of
20 s runs out, the alarm lane is swept every 10 s, so an alarm is on its way again within 60 s with room to spare.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from shared import log
from shared.domain.message import Lane
from shared.flow.names import owner_of
from shared.flow.status import deliveries_of
from shared.hub import Half, Hub
from shared.storage.packs import Pack
from shared.storage.queues import lane_of

_AT_ONCE = 8  # lines looked at side by side
_STILL = 3.0  # seconds; what waits for less is just on its way
_MEMORY = 35 * 24 * 3600.0  # seconds for which ids are kept
_PAGE = 50  # packs in one read while purging


async def sweep(hub: Hub, lane: Lane) -> int:
    """Rings every line of this lane that has something waiting, is not held and is due. Returns how many."""
    rung = 0
    for half in (hub.receipts, hub.parcels):
        still = await _each(half, lane, partial(_stands_still, hub, half))
        rung += len(still)
        if still:
            await hub.queues.put(half.name, still)
    log.step("swept", lane=lane, rung=rung)
    return rung


async def _each(half: Half, lane: Lane, wanted: Callable[[str], Awaitable[bool]]) -> list[str]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(line: str) -> bool:
        async with gate:
            return await wanted(line)

    lines = [line for line in await half.appender.lines() if lane_of(line) is lane]
    answers = await asyncio.gather(*(ask(line) for line in lines))
    return [line for line, answer in zip(lines, answers, strict=True) if answer]


async def _stands_still(hub: Hub, half: Half, line: str) -> bool:
    look, now = await half.lines.look(line, 1), hub.clock()
    if look.head is None or not look.packs or look.head.held(now):
        return False
    return look.head.not_before <= now and now - look.packs[0].since > _STILL


async def purge(hub: Hub, lane: Lane) -> int:
    """Empties packs whose retention has passed and that nobody needs any more. Returns how many."""
    purged = 0
    register = await hub.registers.current()
    for half in (hub.receipts, hub.parcels):
        for line in [one for one in await half.appender.lines() if lane_of(one) is lane]:
            tenant = register.tenant(owner_of(line)[0])
            if tenant:
                purged += await _purge_line(hub, half, line, hub.clock() - tenant.retention_hours * 3600)
    log.step("purged", lane=lane, packs=purged)
    return purged


async def forget(hub: Hub) -> int:
    """Drops ids so old that no sender's repeat can mean them (the longest window is 30 days). Returns how many."""
    forgotten = 0
    for line in await hub.receipts.appender.lines():
        forgotten += await hub.receipts.lines.forget(line, hub.clock() - _MEMORY)
    log.step("forgot", ids=forgotten)
    return forgotten


async def _purge_line(hub: Hub, half: Half, line: str, before: float) -> int:
    purged, first = 0, 0
    while found := await half.lines.done(line, first, _PAGE):
        first = found[-1].sequence + 1
        for pack in found:
            if pack.blob and pack.since < before and await _finished(hub, half, pack, before):
                await half.lines.empty(line, pack)
                purged += 1
        if found[-1].since >= before:
            return purged
    return purged


async def _finished(hub: Hub, half: Half, pack: Pack, before: float) -> bool:
    """True once everything that came of the pack stands in a journal for long enough; what was set aside or parked keeps its bytes."""
    states = [state or {} for state in pack.states]
    if half is hub.parcels:
        return all(state.get("end") == "delivered" and state["at"] < before for state in states)
    if any(state.get("problems") for state in states):
        return False
    parcels: dict[str, list[int]] = {}
    for state in states:
        for line, positions in state.get("parcels", {}).items():
            parcels.setdefault(line, []).extend(positions)
    return all(delivery["status"] == "delivered" for delivery in await deliveries_of(hub, parcels))
