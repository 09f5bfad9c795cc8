"""Acts of an operator on messages. Each is in the audit log before it takes effect, is done whole or not at all (storage.amend), and does
nothing when it is repeated.

What is sent again waits at its own place in its line, under the same key: later parcels of the same patient stay behind it, and there is
never a second one that could be delivered too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import uuid4

from shared.access.entry import Entry
from shared.flow.attend import waiting
from shared.flow.names import owner_of, parcel_name, receipt_name
from shared.hub import Half, Hub
from shared.messages.edits import PARCELS, RECEIPTS, Edit, Order, Verb
from shared.messages.message import Message, Sent
from shared.storage.amend import amend
from shared.storage.head import Head
from shared.storage.lines import place_of, position
from shared.storage.packs import Entry as Item
from shared.storage.packs import Pack

Place = tuple[str, int]  # a line, and a position or a pack in it


class Deed(Protocol):
    """What is done, by whom and why."""

    @property
    def verb(self) -> str: ...

    @property
    def who(self) -> str: ...

    @property
    def why(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Target:
    """What an act is about: the receipt itself, `own`, and some of its parcels."""

    message: Message
    parcels: Sequence[Sent]
    own: bool = True

    @property
    def names(self) -> list[str]:
        return [*([self.message.receipt] if self.own else ()), *(sent.name for sent in self.parcels)]


def to_do(order: Order, target: Target) -> Target | None:
    """What of it the act would change now, as far as its states were read; None: nothing."""
    edit = RECEIPTS.get(order.verb)
    own = target.own and edit is not None and edit(target.message.state, order) is not None
    parcels = [sent for sent in target.parcels if (way := PARCELS.get(order.verb)) and way(sent.state, order) is not None]
    return replace(target, parcels=parcels, own=own) if own or parcels else None


async def act(hub: Hub, order: Order, targets: Sequence[Target]) -> int:
    """How many receipts and parcels were changed. AzureError, TimeoutError: perhaps not all of them; saying it again does the rest.

    All targets are one municipality's.
    """
    parcels = [(sent.line, sent.at) for target in targets for sent in target.parcels]
    receipts = await _open(hub.receipts, [(target.message.line, target.message.at) for target in targets if target.own], RECEIPTS, order)
    sent = await _open(hub.parcels, parcels, PARCELS, order)
    if order.verb is Verb.DELETE:
        receipts = await _free(hub, receipts)
    names = {name(line, at) for half, name in ((receipts, receipt_name), (sent, parcel_name)) for line, at in half}
    if not names:
        return 0
    told = [name for target in targets for name in target.names if name in names]
    patients = tuple(dict.fromkeys(str(entry["patient"]) for entry in sent.values()))
    await note(hub, targets[0].message.tenant, order, ", ".join(told), patients, len(told))
    changed = [
        await _changed(hub, half, one, places, edits[order.verb], order)
        for half, places_of, edits in ((hub.receipts, receipts, RECEIPTS), (hub.parcels, sent, PARCELS))
        for one, places in _by_pack(places_of).items()
    ]
    if order.verb not in (Verb.PARK, Verb.DELETE):
        await _ring(hub, hub.receipts, [line for line, _ in receipts])
        await _ring(hub, hub.parcels, [line for line, _ in sent])
    return sum(changed)


def _by_pack(places: Iterable[Place]) -> dict[Place, list[int]]:
    found: dict[Place, list[int]] = {}
    for line, at in places:
        sequence, place = place_of(at)
        found.setdefault((line, sequence), []).append(place)
    return found


async def _open(half: Half, places: Sequence[Place], edits: Mapping[Verb, Edit], order: Order) -> dict[Place, Item]:
    """What would be changed of it now, with its entry. One whose bytes were purged stays as it is: there is nothing to send."""
    found: dict[Place, Item] = {}
    for (line, sequence), wanted in _by_pack(places).items() if order.verb in edits else ():
        pack = await half.lines.read(line, sequence)
        if pack and pack.entries:
            there = [place for place in wanted if edits[order.verb](pack.states[place] or {}, order) is not None]
            found |= {(line, position(sequence, place)): pack.entries[place] for place in there}
    return found


async def _changed(hub: Hub, half: Half, one: Place, places: Sequence[int], edit: Edit, order: Order) -> int:
    def apply(pack: Pack) -> Sequence[int]:
        """It may have been purged since it was looked at."""
        made = {place: edit(pack.states[place] or {}, order) for place in places} if pack.entries else {}
        for place, state in made.items():
            pack.states[place] = pack.states[place] if state is None else state
        return [place for place, state in made.items() if state is not None]

    def ready(pack: Pack, head: Head) -> bool:
        return half is hub.parcels or not any(_begun(pack, place, head) for place in places)

    return len(await amend(half.lines, *one, apply, hub.clock, ready))


def _begun(pack: Pack, place: int, head: Head) -> bool:
    """Whether parcels of a receipt may be in line that it does not know of yet: its turn is under way, or was cut short. A worker that has
    the turn once more finds them."""
    return place in waiting(pack) and position(pack.sequence, place) <= head.begun


async def _free(hub: Hub, receipts: Mapping[Place, Item]) -> dict[Place, Item]:
    """Without those that a worker had begun with and that are stopped by hand: nobody ends their turn. The others' lines are rung."""
    register, begun = await hub.registers.current(), list[Place]()
    for line in dict.fromkeys(line for line, _ in receipts):
        head = await hub.receipts.lines.head(line)
        begun += [(line, at) for where, at in receipts if where == line and head and at <= head.begun]
    stopped = {place for place in begun if register.stopped(*owner_of(place[0]))}
    await _ring(hub, hub.receipts, [place[0] for place in begun if place not in stopped])
    return {place: item for place, item in receipts.items() if place not in stopped}


async def note(hub: Hub, tenant: str, deed: Deed, what: str, patients: tuple[str, ...] = (), count: int = 1) -> None:
    """A deed's entry in the audit log: written before anything is done."""
    entry = Entry(
        at=hub.clock(),
        correlation=str(uuid4()),
        tenant=tenant,
        sender="",
        vkp_id="",
        client="",
        action=f"messages.{deed.verb}",
        patients=patients,
        service_codes=(),
        status=200,
        code="",
        count=count,
        message=f"{what}: {deed.why}" if deed.why else what,
        who=deed.who,
    )
    await hub.audit.write(entry)


async def _ring(hub: Hub, half: Half, lines: Sequence[str]) -> None:
    if lines:
        await hub.queues.put(half.name, list(dict.fromkeys(lines)))
