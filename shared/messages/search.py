"""Finding messages. The lines are the index: a time is found by bisection, what is parked or set aside by its marks, what waits by standing
among the waiting, an id by what it says. Nothing is ever found by looking through everything."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from shared.flow.attend import waiting
from shared.flow.names import message_id, owner_of, parcel_name, receipt_at
from shared.flow.second import second_routes
from shared.hub import Hub
from shared.messages.message import Message, Sent, Wanted
from shared.storage.amend import to_look_at
from shared.storage.index import DONE, MARKED, WAITING, Index, Span
from shared.storage.lines import place_of, position
from shared.storage.packs import Pack
from shared.storage.queues import lane_of

_KEPT = 500  # packs at hand

Place = tuple[str, int]  # a receipt, or a parcel: its line and position
Stream = AsyncIterator[tuple[float, list[Place]]]  # receipts by the moment of what led to them


@dataclass(slots=True)
class Search:
    """One search. `receipts`, `parcels`: both tables, as read by it."""

    hub: Hub
    receipts: Index = field(init=False)
    parcels: Index = field(init=False)
    _known: dict[tuple[str, int], Pack | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.receipts, self.parcels = Index(self.hub.receipts.lines.table), Index(self.hub.parcels.lines.table)

    @property
    def rows(self) -> int:
        """How many it has read so far."""
        return self.receipts.rows + self.parcels.rows

    async def find(self, wanted: Wanted, *, newest: bool = False) -> AsyncIterator[Message]:
        """Each message once, oldest or newest first."""
        seen: set[Place] = set()
        async for places in _merged(await self._streams(wanted, newest=newest), newest=newest):
            await asyncio.sleep(0)  # others have a turn between two packs
            for place in places:
                if place not in seen and owner_of(place[0])[1] == (wanted.sender or owner_of(place[0])[1]):
                    seen.add(place)
                    message = await self._matching(place, wanted)
                    if message:
                        yield message

    async def message(self, line: str, at: int) -> Message | None:
        """The receipt that stands there, with what came of it."""
        sequence, place = place_of(at)
        pack = await self._pack(self.receipts, line, sequence)
        if pack is None or place >= len(pack.states):
            return None
        state = pack.states[place] or {}
        own = [(where, each) for where, positions in state.get("parcels", {}).items() for each in positions]
        seconds = await second_routes(self.hub.overdue, own)
        sent = [*[await self.parcel(*one) for one in own], *[await self._second(*one) for one in seconds.items()]]
        return Message(line, at, pack.since, state, tuple(sent))

    async def parcel(self, line: str, at: int) -> Sent:
        """What became of it so far."""
        sequence, place = place_of(at)
        pack = await self._pack(self.parcels, line, sequence)
        state = (pack.states[place] if pack and place < len(pack.states) else None) or {}
        return Sent(line, at, state, pack.since if pack else 0.0)

    async def _second(self, first: Place, there: Place) -> Sent:
        return replace(await self.parcel(*there), second_of=parcel_name(*first))

    async def of_parcel(self, line: str, at: int) -> Message | None:
        """The message that a parcel came of."""
        sequence, place = place_of(at)
        pack = await self.parcels.pack(line, sequence, full=True)
        if pack is None or place >= len(pack.entries):
            return None
        where = receipt_at(pack.entries[place].get("of", ""))
        return await self.message(*where) if where else None

    async def by_own_id(self, tenant: str, sender: str, own: str) -> list[Message]:
        """By the sender's own id of it. The register says in which formats each sender sends."""
        known = (await self.hub.registers.current()).tenant(tenant)
        adapters = {row.name: row.adapters for row in (known.senders if known else ()) if sender in ("", row.name)}
        found = []
        for line in await self.hub.receipts.appender.lines(tenant):
            ids = [message_id(line, f"{adapter}|{own}") for adapter in adapters.get(owner_of(line)[1], ())]
            owners = await self.hub.receipts.lines.owners(line, ids)
            found += [await self.message(line, claim.position) for claim in owners.values()]
        return [message for message in found if message]

    async def _matching(self, place: Place, wanted: Wanted) -> Message | None:
        """Parcels are read only of what matches without them."""
        line, at = place
        pack = await self._pack(self.receipts, line, place_of(at)[0])
        state = (pack.states[place_of(at)[1]] if pack and place_of(at)[1] < len(pack.states) else None) or {}
        if pack is None or not wanted.may_match(line, pack.since, state):
            return None
        message = await self.message(line, at)
        return message if message and wanted.matches(message) else None

    async def _pack(self, index: Index, line: str, sequence: int) -> Pack | None:
        if (line, sequence) not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[line, sequence] = await index.pack(line, sequence)
        return self._known[line, sequence]

    async def _streams(self, wanted: Wanted, *, newest: bool) -> list[Stream]:
        """Where to look, by the state that is wanted."""
        ours = [line for line in await self.hub.receipts.appender.lines(wanted.tenant) if wanted.sender in ("", owner_of(line)[1])]
        theirs = [line for line in await self.hub.parcels.appender.lines(wanted.tenant) if wanted.endpoint in ("", owner_of(line)[1])]
        receipts, parcels = ([line for line in lines if wanted.lane in (None, lane_of(line))] for lines in (ours, theirs))
        by_time, by_mark, by_parcel = (
            partial(way, wanted=wanted, newest=newest) for way in (self._by_time, self._by_mark, self._by_parcel)
        )
        match wanted.state:
            case "received":
                return [by_time(line, WAITING) for line in receipts]
            case "waiting" | "transformed":
                return [*(by_time(line, WAITING) for line in receipts), *(by_parcel(line, WAITING) for line in parcels)]
            case "set aside":
                return [by_mark(line) for line in receipts]
            case "parked":
                return [by_parcel(line, MARKED) for line in parcels]
            case "deleted":
                return [*(by_mark(line) for line in receipts), *(by_parcel(line, MARKED) for line in parcels)]
        return [by_time(line, kind) for line in receipts for kind in (DONE, WAITING)]

    async def _by_time(self, line: str, kind: str, *, wanted: Wanted, newest: bool) -> Stream:
        async for pack in self.receipts.packs(line, kind, wanted.span, newest=newest):
            self._known[line, pack.sequence] = pack
            places = [(line, position(pack.sequence, place)) for place in range(len(pack.states))]
            yield pack.since, list(reversed(places)) if newest else places

    async def _by_mark(self, line: str, *, wanted: Wanted, newest: bool) -> Stream:
        async for mark in self.receipts.packs(line, MARKED, wanted.span, newest=newest):
            pack = await self._pack(self.receipts, line, mark.sequence)
            if places := [place for place, state in enumerate(pack.states if pack else ()) if to_look_at(state)]:
                yield mark.since, [(line, position(mark.sequence, place)) for place in places]
            else:
                await self.receipts.unmark(line, mark)

    async def _by_parcel(self, line: str, kind: str, *, wanted: Wanted, newest: bool) -> Stream:
        """What waits, or is marked, among the parcels says which receipts it came of: they are never younger."""
        marks = kind == MARKED
        async for found in self.parcels.packs(line, kind, Span(wanted.span.since), newest=newest, full=not marks):
            pack = await self.parcels.pack(line, found.sequence, full=True) if marks else found
            places = [] if pack is None else _looked_at(pack) if marks else waiting(pack)
            if pack and places:
                names = (receipt_at(pack.entries[place].get("of", "")) for place in places if place < len(pack.entries))
                yield pack.since, [name for name in names if name]
            elif marks:
                await self.parcels.unmark(line, found)


def _looked_at(pack: Pack) -> list[int]:
    return [place for place, state in enumerate(pack.states) if to_look_at(state)]


async def _merged(streams: Sequence[Stream], *, newest: bool) -> AsyncIterator[list[Place]]:
    """All streams by time."""
    heads = [(head, stream) for stream in streams if (head := await anext(stream, None))]
    while heads:
        first = (max if newest else min)(heads, key=lambda one: one[0][0])
        heads.remove(first)
        yield first[0][1]
        if following := await anext(first[1], None):
            heads.append((following, first[1]))
