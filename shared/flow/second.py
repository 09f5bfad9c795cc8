"""Where alarms stand that went by a second route too (flow.escalate): for whoever asks what became of a receipt."""

import asyncio
from collections.abc import Iterable

from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.hub import Hub
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


async def parcel_called(hub: Hub, endpoint: Endpoint, patient: str, name: str, since: float) -> Place | None:
    """The citizen's alarm that an endpoint took under this name of its own, since then: the latest are looked at first."""
    from shared.storage.index import DONE, WAITING, Index, Span  # as in translate

    shape = await hub.shapes.read(endpoint)
    for line in [shape.line(Lane.ALARM, patient, one) for one in (shape.now, *shape.older)]:
        for kind in (WAITING, DONE):
            async for pack in Index(hub.parcels.lines.table).packs(line, kind, Span(since), newest=True):
                for place, state in enumerate(pack.states):
                    if (state or {}).get("name") == name:
                        return line, position(pack.sequence, place)
    return None


async def receipt_of(hub: Hub, parcel: Place | None) -> str:
    """The public id of the receipt that a parcel came of; "" where that is no longer known."""
    from shared.storage.index import Index  # as above

    if parcel is None:
        return ""
    sequence, place = place_of(parcel[1])
    pack = await Index(hub.parcels.lines.table).pack(parcel[0], sequence, full=True)
    return pack.entries[place].get("of", "") if pack and place < len(pack.entries) else ""
