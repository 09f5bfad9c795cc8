"""A correction comes after what it corrects. Of the same patient in the same line, the line sees to that; when a correction names another
patient, or their line was replaced meanwhile, the two stand apart, and the order between those must be asked for. What it corrects are the
original and all earlier corrections, which may have named others again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.flow.attend import waiting
from shared.flow.hand_over import shape_of
from shared.flow.names import owner_of
from shared.hub import Hub
from shared.storage.lines import place_of, position
from shared.storage.queues import lane_of

_AT_ONCE = 16  # packs read side by side

Pack = tuple[str, int]  # its line and sequence
Place = tuple[str, int]  # a receipt or parcel: its line and position
_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True)
class Original:
    """A parcel that is corrected and has no end yet. `patient`: a keyed hash. `replaced`: they have another line by now."""

    line: str
    at: int
    patient: str
    replaced: bool


async def originals(hub: Hub, line: str, wanted: Sequence[Sequence[int]]) -> list[list[Original]]:
    """What came of the receipts at these positions of a sender's line and still waits, for each of several corrections. No pack is read
    twice: the corrections of one turn are often of what came in one pack."""
    stands = await _each({(line, place_of(at)[0]) for positions in wanted for at in positions}, partial(_stands, hub))
    parcels = [[parcel for at in positions for parcel in stands.get((line, at), ())] for positions in wanted]
    waits = await _each({(where, place_of(at)[0]) for some in parcels for where, at in some}, partial(_waits, hub))
    return [[waits[parcel] for parcel in some if parcel in waits] for some in parcels]


async def _each(packs: set[Pack], read: Callable[[str, int], Awaitable[Mapping[Place, _Told]]]) -> dict[Place, _Told]:
    """Side by side, and of each pack only what is asked for is kept."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(pack: Pack) -> Mapping[Place, _Told]:
        async with gate:
            return await read(*pack)

    told = await asyncio.gather(*map(one, packs))
    return {place: what for some in told for place, what in some.items()}


async def _stands(hub: Hub, line: str, sequence: int) -> Mapping[Place, list[Place]]:
    """Where the parcels of each receipt stand."""
    pack = await hub.receipts.lines.read(line, sequence)
    parcels = [(state or {}).get("parcels", {}) for state in pack.states] if pack else []
    return {
        (line, position(sequence, place)): [(where, at) for where, positions in stands.items() for at in positions]
        for place, stands in enumerate(parcels)
    }


async def _waits(hub: Hub, line: str, sequence: int) -> Mapping[Place, Original]:
    pack = await hub.parcels.lines.still(line, sequence)
    if pack is None:
        return {}
    found = [(position(sequence, place), pack.entries[place]["patient"]) for place in waiting(pack)]
    return {(line, at): Original(line, at, patient, await _replaced(hub, line, patient)) for at, patient in found}


async def _replaced(hub: Hub, line: str, patient: str) -> bool:
    endpoint = (await hub.registers.current()).endpoint(*owner_of(line))
    return endpoint is not None and (await shape_of(hub, endpoint)).line(lane_of(line), patient) != line


def must_wait_for(behind: Sequence[Original], endpoint: Endpoint, patient: str, lane: Lane) -> dict[str, list[int]]:
    """Line -> positions of what must have ended before a parcel goes there. An alarm never waits behind a routine parcel."""
    after: dict[str, list[int]] = {}
    for one in behind:
        here = owner_of(one.line) == (endpoint.tenant, endpoint.name)
        apart = one.replaced or one.patient != patient or lane_of(one.line) is not lane
        apart = apart or lane is Lane.ALARM  # a stuck alarm is stepped over (round.stuck)
        if here and apart and not (lane is Lane.ALARM and lane_of(one.line) is Lane.ROUTINE):
            after.setdefault(one.line, []).append(one.at)
    return after
