"""Where alarms stand that went by a second route too (flow.escalate): for whoever asks what became of a receipt."""

import asyncio
from collections.abc import Iterable

from shared.domain.message import Lane
from shared.storage.lines import place_of, position
from shared.storage.overdue import Overdue, Place
from shared.storage.queues import lane_of


async def second_routes(overdue: Overdue, parcels: Iterable[Place]) -> dict[Place, Place]:
    """The parcel that each of these has become there as well: a read for each pack of the alarm lane that they stand in."""
    mine = set(parcels)
    packs = {(line, place_of(at)[0]) for line, at in mine if lane_of(line) is Lane.ALARM}
    found = await asyncio.gather(*(overdue.seconds(line, position(one, 0), position(one + 1, 0)) for line, one in packs))
    there = {(line, at): where for (line, _), some in zip(packs, found, strict=True) for at, where in some.items()}
    return {place: there[place] for place in sorted(mine & there.keys())}
