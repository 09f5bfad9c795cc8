"""Last step, by timer: what stands still is rung again, what is old is purged.

A killed worker's message stays hidden for ten minutes (`domain/runtime.md` 2d), so it is the sweep that brings its line back: the hold of
20 s runs out, the alarm lane is swept every 10 s, so an alarm is on its way again within 60 s with room to spare.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from itertools import groupby
from typing import Any

from shared import log
from shared.domain.message import Lane
from shared.flow.ahead import forget_drained, forget_emptied
from shared.flow.escalate import escalate
from shared.flow.names import owner_of
from shared.flow.status import deliveries_of, written
from shared.hub import Half, Hub
from shared.storage.lines import Look
from shared.storage.packs import Pack
from shared.storage.queues import lane_of
from shared.storage.shapes import generation_of

_AT_ONCE = 8  # lines looked at side by side
_STILL = 3.0  # seconds; what waits for less is just on its way
_MEMORY = 35 * 24 * 3600.0  # seconds for which ids are kept
_PROOFS = 3600.0  # seconds for which DPoP proofs are kept; they are good for a quarter of a minute
_OVER = ("delivered", "deleted")
_PAGE = 50  # packs in one read while purging


async def sweep(hub: Hub, lane: Lane) -> int:
    """Rings every line of this lane that has something waiting, is not held and is due. Returns how many."""
    rung = 0
    for half in (hub.receipts, hub.parcels):
        still = await _each(half, lane, partial(_looked_after, hub, half))
        rung += len(still)
        if still:
            await hub.queues.put(half.name, still)
    log.step("swept", lane=lane, rung=rung)
    return rung


async def _each(half: Half, lane: Lane, wanted: Callable[[str], Awaitable[bool]]) -> list[str]:
    """Those of which it is so, asked once each: lines that were replaced before those that came after them."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ask(line: str) -> bool:
        async with gate:
            try:
                return await wanted(line)
            except Exception as error:  # one line that cannot be read must not keep the others from being swept
                log.alarm("line not swept", line=line, error=type(error).__name__)
                return False

    lines = [line for line in await half.appender.lines() if lane_of(line) is lane]
    found: list[str] = []
    for _, some in groupby(sorted(lines, key=generation_of), generation_of):
        together = list(some)
        answers = await asyncio.gather(*(ask(line) for line in together))
        found += [line for line, answer in zip(together, answers, strict=True) if answer]
    return found


async def _looked_after(hub: Hub, half: Half, line: str) -> bool:
    """Whether the line is to be rung; alarms that are overdue are seen to."""
    look = await half.lines.look(line, 1)
    if half is hub.parcels and lane_of(line) is Lane.ALARM:
        try:
            await escalate(hub, line, look)
        except Exception as error:  # the line must be rung all the same
            log.alarm("alarms not escalated", line=line, error=type(error).__name__)
    return _stands_still(look, hub.clock())


def _stands_still(look: Look, now: float) -> bool:
    if not look.packs:
        return False
    if look.head is None:
        return True  # whoever attends to it gives it one
    return not look.head.held(now) and look.head.not_before <= now and now - look.packs[0].since > _STILL


async def purge(hub: Hub, lane: Lane) -> int:
    """Empties packs whose retention has passed and that nobody needs any more. Returns how many."""
    purged = 0
    register = await hub.registers.current()
    for half in (hub.receipts, hub.parcels):
        for line in [one for one in await half.appender.lines() if lane_of(one) is lane]:
            tenant = register.tenant(owner_of(line)[0])
            if tenant:
                purged += await _purged(hub, half, line, hub.clock() - tenant.retention_hours * 3600)
    log.step("purged", lane=lane, packs=purged)
    return purged


async def forget(hub: Hub) -> int:
    """Drops ids so old that no sender's repeat can mean them (the longest window is 30 days), and DPoP proofs. Returns how many."""
    forgotten = await hub.replays.forget(hub.clock() - _PROOFS)
    for line in await hub.receipts.appender.lines():
        forgotten += await hub.receipts.lines.forget(line, hub.clock() - _MEMORY)
    log.step("forgot", ids=forgotten)
    return forgotten


async def settle(hub: Hub) -> int:
    """Forgets lines that were replaced when an endpoint's number of lines changed, once they are empty. Returns how many generations."""
    register = await hub.registers.current()
    drained = sum([await forget_drained(hub, endpoint) for tenant in register.tenants.values() for endpoint in tenant.endpoints])
    for line in await hub.parcels.appender.lines():
        await forget_emptied(hub, line)
    return drained


async def anchor(hub: Hub) -> int:
    """Says where each audit log ends, in a log that is kept elsewhere: whoever cuts one off later cannot take that back."""
    heads = await hub.audit.heads()
    for head in heads:
        log.step("audit anchored", tenant=head.tenant, rows=head.rows, hash=head.hash)
    return len(heads)


async def _purged(hub: Hub, half: Half, line: str, before: float) -> int:
    try:
        return await _purge_line(hub, half, line, before)
    except Exception as error:  # as in a sweep
        log.alarm("line not purged", line=line, error=type(error).__name__)
        return 0


async def _purge_line(hub: Hub, half: Half, line: str, before: float) -> int:
    purged, first, more = 0, 0, True
    while more:
        found, more = await half.lines.done(line, first, _PAGE, full=True)
        for pack in found:
            first = pack.sequence + 1
            if pack.since < before and await _finished(hub, half, pack, before):
                await half.lines.empty(line, pack)
                purged += 1
    return purged


async def _finished(hub: Hub, half: Half, pack: Pack, before: float) -> bool:
    """True once everything that came of the pack has stood in a journal, or been deleted, for long enough, and so has a receipt that was
    deleted itself; what was set aside or parked keeps its bytes."""
    states = [state or {} for state in pack.states]
    if half is hub.parcels:
        return all(state.get("end") in _OVER and state["at"] < before and not state.get("follow") for state in states)
    if any((state.get("problems") and state["end"] != "deleted") or _just_deleted(state, before) for state in states):
        return False
    parcels: dict[str, list[int]] = {}
    for state in states:
        for line, positions in state.get("parcels", {}).items():
            parcels.setdefault(line, []).extend(positions)
    deliveries = await deliveries_of(hub, parcels)
    return all(delivery["status"] in _OVER and delivery["at"] < written(before) for delivery in deliveries)


def _just_deleted(state: Mapping[str, Any], before: float) -> bool:
    """Whether a receipt can still be restored: being deleted is the last act on it that there was."""
    return "was" in state and any(at >= before for at, *_ in state.get("acts", ()))
