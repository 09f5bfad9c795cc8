"""Why a message waits, and when it is tried next: of one message, since it costs a few reads more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.access.register import Endpoint, Register, Stop
from shared.flow.ahead import replaced
from shared.flow.attend import waiting
from shared.flow.names import owner_of, parcel_name
from shared.flow.round import stuck
from shared.hub import Hub
from shared.messages.message import Message, Sent
from shared.messages.stops import stops_of
from shared.storage.breakers import Breaker
from shared.storage.index import WAITING, Index, Span
from shared.storage.lines import place_of, position
from shared.storage.packs import Entry, State
from shared.storage.queues import lane_of

_FAR = 300  # packs at the front of a line that are looked through; what waits is heavy

Waiting = tuple[str, int, Entry, State]  # a parcel: its line, its position, and what is known of it


@dataclass(frozen=True, slots=True)
class Wait:
    """`stops`: what holds it back by hand. `closed`: the register does not let it go. `behind`: the parcel that goes first, the same
    person's or one that it corrects, "" = none. `down`: the endpoint answers nobody. `due`: when it, or the one that goes first,
    may be tried next, seconds since 1970; 0 = at its turn."""

    stops: Sequence[Stop] = ()
    closed: bool = False
    behind: str = ""
    down: Breaker | None = None
    due: float = 0.0


async def waits(hub: Hub, message: Message) -> Mapping[str, Wait]:
    """By the name of each parcel that waits, and of the receipt if that does."""
    await hub.registers.refresh()
    reading = _Reading(hub, await hub.registers.current())
    own = {message.receipt: Wait(stops_of(reading.register, message.tenant, message.sender))} if "end" not in message.state else {}
    return own | {sent.name: await reading.of(sent) for sent in message.parcels if sent.status == "waiting"}


@dataclass(slots=True)
class _Reading:
    """The front of each line is read once, however many of the message's parcels stand in it."""

    hub: Hub
    register: Register
    _fronts: dict[str, list[Waiting]] = field(default_factory=dict)

    async def of(self, sent: Sent) -> Wait:
        orgnr, name = owner_of(sent.line)
        tenant, endpoint = self.register.tenant(orgnr), self.register.endpoint(orgnr, name)
        if stops := stops_of(self.register, orgnr, endpoint=name):
            return Wait(stops)
        if not (tenant and tenant.active and endpoint and endpoint.active):
            return Wait(closed=True)
        first = await self._first(endpoint, sent)
        line, at, _, state = first or (sent.line, sent.at, {}, dict(sent.state))
        head, down = await self.hub.parcels.lines.head(line), await self.hub.breakers.read(orgnr, name)
        due = max(head.not_before if head else 0.0, (state or {}).get("not_before", 0.0))
        due = due if due > self.hub.clock() else 0.0
        return Wait(behind=parcel_name(line, at) if first else "", down=down if down.open else None, due=due)

    async def _first(self, endpoint: Endpoint, sent: Sent) -> Waiting | None:
        """The parcel that this one waits for."""
        sequence, place = place_of(sent.at)
        pack = await self.hub.parcels.lines.still(sent.line, sequence)
        entry = pack.entries[place] if pack and place < len(pack.entries) else None
        if entry is None:
            return None
        for line in (*await replaced(self.hub, endpoint, sent.line), sent.line):
            for other in await self._front(line):
                if line == sent.line and other[1] >= sent.at:
                    break
                if other[2]["patient"] == entry["patient"] and not stuck(endpoint, lane_of(line), other[3] or {}):
                    return other
        return await self._original(entry)

    async def _front(self, line: str) -> list[Waiting]:
        if line not in self._fronts:
            index, found = Index(self.hub.parcels.lines.table), list[Waiting]()
            async for pack in index.packs(line, WAITING, Span(), full=True):
                found += [(line, position(pack.sequence, at), pack.entries[at], pack.states[at]) for at in waiting(pack)]
                if index.rows >= _FAR:
                    break
            self._fronts[line] = found
        return self._fronts[line]

    async def _original(self, entry: Entry) -> Waiting | None:
        """What it corrects, and stands in another line or is another person's."""
        for line, positions in entry.get("after", {}).items():
            for at in positions:
                sequence, place = place_of(at)
                pack = await self.hub.parcels.lines.still(line, sequence)
                if pack and place in waiting(pack):
                    return line, at, pack.entries[place], pack.states[place]
        return None
