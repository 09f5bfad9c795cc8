"""A correction comes after what it corrects. Of the same patient in the same line, the line sees to that; when a correction names another
patient, or their line was replaced meanwhile, the two stand apart, and the order between those must be asked for. What it corrects are the
original and all earlier corrections, which may have named others again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.flow.hand_over import shape_of
from shared.flow.names import owner_of
from shared.hub import Hub
from shared.storage.lines import place_of
from shared.storage.queues import lane_of


@dataclass(frozen=True, slots=True)
class Original:
    """A parcel that is corrected and has no end yet. `patient`: a keyed hash. `replaced`: they have another line by now."""

    line: str
    at: int
    patient: str
    replaced: bool


async def originals(hub: Hub, line: str, positions: Sequence[int]) -> Sequence[Original]:
    """What came of the receipts at these positions of a sender's line and still waits."""
    found: list[Original] = []
    for one in positions:
        sequence, place = place_of(one)
        pack = await hub.receipts.lines.read(line, sequence)
        state = (pack.states[place] if pack else None) or {}
        for where, stands in state.get("parcels", {}).items():
            for at in stands:
                found += await _waiting(hub, where, at)
    return found


async def _waiting(hub: Hub, line: str, at: int) -> Sequence[Original]:
    sequence, place = place_of(at)
    pack = await hub.parcels.lines.read(line, sequence)
    if pack is None or place >= len(pack.entries) or "end" in (pack.states[place] or {}):
        return []
    patient = pack.entries[place]["patient"]
    return [Original(line, at, patient, await _replaced(hub, line, patient))]


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
