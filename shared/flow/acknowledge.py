"""By timer: what response centres did about alerts is written down with the alerts. A document that follows one up waits in a row of its
own until the alert is found, by a name and the citizen, in the lines of the endpoints that acknowledge. It is looked for a day; then it is
said that there is none, or that it could not be looked for.

of the alert's parcel     followed   original receipt -> {by: the receipt whose word it is, a correction's in the end; steps: [code, when]}
of the word's receipts    noted      {by: position of the one that counts, parcels: names of those that it is noted with}
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from time import monotonic
from typing import Any

from shared import log
from shared.access.register import Tenant
from shared.domain.message import Lane
from shared.flow.follow_up import ANSWERS, BACK, SOUGHT, acknowledges
from shared.flow.names import owner_of, parcel_at, parcel_name, receipt_at, receipt_name
from shared.hub import Hub
from shared.storage.amend import amend
from shared.storage.followups import Followup
from shared.storage.index import DONE, WAITING, Index, Span
from shared.storage.lines import place_of, position
from shared.storage.overdue import Place
from shared.storage.packs import Pack

_STEPS = (30, 300, 1800, 7200)  # seconds until an alert that was not found is looked for again; the last one repeats
_BESIDE = 3600.0  # seconds in which the same alert may have come by two routes
_AT_ONCE = 100  # follow-ups of one municipality in one round
_MOST = 20  # follow-ups of one alert
_PATIENCE = 30.0  # seconds for one follow-up, should others work on its line
_ROUND = 120.0  # seconds in which one more may begin: a function may not run for ever (host.json, functionTimeout)

State = Mapping[str, Any]


async def acknowledge(hub: Hub) -> int:
    """All that are due, as far as the time goes. Returns how many."""
    register = await hub.registers.current()
    tenants = [one for one in register.tenants.values() if one.active and any(acknowledges(endpoint) for endpoint in one.endpoints)]
    return sum(await asyncio.gather(*(_of(hub, tenant) for tenant in tenants)))


async def _of(hub: Hub, tenant: Tenant) -> int:
    """The next round goes on with those that have waited longest."""
    done, began = 0, monotonic()
    try:
        for one in await hub.followups.due(tenant.orgnr, ANSWERS, hub.clock(), _AT_ONCE):
            if monotonic() - began > _ROUND:
                break
            await _settle(hub, tenant, one)
            done += 1
    except Exception as error:  # one municipality must not keep the others
        log.alarm("follow-ups not noted", tenant=tenant.orgnr, error=type(error).__name__)
    return done


async def _settle(hub: Hub, tenant: Tenant, one: Followup) -> None:
    """Once its turn is committed. One that is done is done no harm by being done again."""
    try:
        async with asyncio.timeout(_PATIENCE):
            over = await _noted(hub, tenant, one)
    except Exception as error:  # nor one document the others; Busy is a TimeoutError
        log.alarm("follow-up not noted", receipt=one.parcel, error=type(error).__name__)
        over = _tried_enough(hub, one)
    if over:
        await hub.followups.end(one)
    else:
        pause = _STEPS[min(one.asked, len(_STEPS) - 1)] * hub.settings.retry_scale
        await hub.followups.later(one, hub.clock() + pause)


def _tried_enough(hub: Hub, one: Followup) -> bool:
    """By an error. Not of one that nobody could look at while the day passed."""
    over = hub.clock() - one.since > SOUGHT and one.asked >= len(_STEPS)
    if over:
        log.alarm("follow-up given up", receipt=one.parcel)
    return over


async def _noted(hub: Hub, tenant: Tenant, one: Followup) -> bool:
    """False: it is to be looked for again."""
    line, at = receipt_at(one.parcel) or ("", 0)
    pack = await hub.receipts.lines.read(line, place_of(at)[0])
    state = (pack.states[place_of(at)[1]] if pack else None) or {}
    if pack is None or "follows" not in state:
        return pack is None or "end" in state  # its turn was cut short, and runs again
    alerts = await _alerts(hub, tenant, state["follows"], pack.since)
    if alerts or "corrects" in state:
        await _write(hub, line, at, state, alerts)
    if alerts:
        log.step("follow-up noted", receipt=one.parcel, parcels=len(alerts))
    elif not state["follows"]["related"]:
        return True  # a note of what was dealt with elsewhere
    elif hub.clock() - one.since > SOUGHT:
        log.alarm("follow-up of an unknown alert", receipt=one.parcel)
    return bool(alerts) or hub.clock() - one.since > SOUGHT


async def _alerts(hub: Hub, tenant: Tenant, follows: State, came: float) -> list[Place]:
    """The parcels that it is about: in the citizen's own lines, else in those that were replaced and have nothing waiting any more, of
    which it is not known which was the citizen's."""
    names, patient = set(follows["names"]), follows["patient"]
    shapes = {endpoint.name: await hub.shapes.read(endpoint) for endpoint in tenant.endpoints if acknowledges(endpoint)}
    mine = [shape.line(lane, patient, one) for shape in shapes.values() for lane in Lane for one in (shape.now, *shape.older)]
    if found := await _in_lines(hub, mine, names, came):
        return found
    every = await hub.parcels.appender.lines(tenant.orgnr)
    dropped = [line for line in every if (shape := shapes.get(owner_of(line)[1])) and shape.dropped(line)]
    return await _in_lines(hub, dropped, names, came)


async def _in_lines(hub: Hub, lines: Sequence[str], names: set[str], came: float) -> list[Place]:
    return [(line, at) for line in lines for kind in (WAITING, DONE) async for at in _in_line(hub, line, kind, names, came)]


async def _in_line(hub: Hub, line: str, kind: str, names: set[str], came: float) -> AsyncIterator[int]:
    """The latest first. What ends while we read is seen as waiting, as done, or as both."""
    oldest = came - BACK
    async for pack in Index(hub.parcels.lines.table).packs(line, kind, Span(oldest), newest=True, full=kind == WAITING):
        if pack.since < oldest:
            return
        for place in range(len(pack.states)):
            if names & _names(pack, place):
                oldest = max(oldest, pack.since - _BESIDE)
                yield position(pack.sequence, place)


def _names(pack: Pack, place: int) -> set[str]:
    entry = pack.entries[place] if place < len(pack.entries) else {}
    return {*(pack.states[place] or {}).get("known", ()), *entry.get("known", ())}


async def _write(hub: Hub, line: str, at: int, state: State, alerts: Sequence[Place]) -> None:
    """With the alerts, and no longer with those that an earlier word of the same was about; then with the receipts of all words."""
    first = state.get("corrects", at)
    noted = await _before(hub, line, first)
    if noted.get("by", at) > at:  # corrected by now
        return await _say(hub, line, at, noted)
    original, mine = receipt_name(line, first), {"by": receipt_name(line, at), "steps": state["follows"]["steps"]}
    old = [where for name in noted.get("parcels", ()) if (where := parcel_at(name)) and where not in alerts]
    for parcel in old:
        await _change(hub, parcel, original, None)
    done = [parcel_name(*parcel) for parcel in dict.fromkeys(alerts) if await _change(hub, parcel, original, mine)]
    for each in {first, at, noted.get("by", at)}:
        await _say(hub, line, each, {"by": at, "parcels": done})


async def _before(hub: Hub, line: str, first: int) -> State:
    pack = await hub.receipts.lines.read(line, place_of(first)[0])
    found: State = ((pack.states[place_of(first)[1]] if pack else None) or {}).get("noted", {})
    return found


async def _change(hub: Hub, parcel: Place, original: str, mine: State | None) -> bool:
    """Whether it stands with that parcel now; `mine` None: not any more."""
    line, (sequence, place) = parcel[0], place_of(parcel[1])
    stands = [False]

    def edit(pack: Pack) -> Sequence[int]:
        state = pack.states[place] or {}
        before = state.get("followed", {})
        after = {name: told for name, told in before.items() if name != original} | ({original: mine} if mine else {})
        stands[0] = original in after and len(after) <= _MOST
        if after == before or len(after) > _MOST:
            return ()
        pack.states[place] = {**state, "followed": after}
        return (place,)

    await amend(hub.parcels.lines, line, sequence, edit, hub.clock)
    if mine and not stands[0]:
        log.alarm("an alert has too many follow-ups", parcel=parcel_name(*parcel), follow_up=mine["by"])
    return stands[0]


async def _say(hub: Hub, line: str, at: int, noted: State) -> None:
    sequence, place = place_of(at)

    def edit(pack: Pack) -> Sequence[int]:
        state = pack.states[place] or {}
        if state.get("noted") == noted:
            return ()
        pack.states[place] = {**state, "noted": dict(noted)}
        return (place,)

    await amend(hub.receipts.lines, line, sequence, edit, hub.clock)
