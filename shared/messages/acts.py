"""Acts of an operator on messages. Each is in the audit log before it takes effect, is done whole or not at all (storage.amend), and does
nothing when it is repeated.

What is sent again waits at its own place in its line, under the same key: later parcels of the same patient stay behind it, and there is
never a second one that could be delivered too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import uuid4

from shared.access.entry import Entry
from shared.hub import Half, Hub
from shared.messages.edits import PARCELS, RECEIPTS, Edit, Order, Verb
from shared.messages.message import Message, Sent
from shared.storage.amend import amend
from shared.storage.lines import place_of
from shared.storage.packs import Pack


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
    parcels = _by_pack([(sent.line, sent.at) for target in targets for sent in target.parcels])
    receipts = _by_pack([(target.message.line, target.message.at) for target in targets if target.own])
    if not parcels and not receipts:
        return 0
    await _note(hub, order, targets, await _patients(hub, parcels))
    changed = [
        *[await _changed(hub, hub.receipts, one, places, RECEIPTS.get(order.verb), order) for one, places in receipts.items()],
        *[await _changed(hub, hub.parcels, one, places, PARCELS.get(order.verb), order) for one, places in parcels.items()],
    ]
    if order.verb not in (Verb.PARK, Verb.DELETE):
        await _ring(hub, hub.receipts, [line for line, _ in receipts])
        await _ring(hub, hub.parcels, [line for line, _ in parcels])
    return sum(changed)


def _by_pack(places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], list[int]]:
    found: dict[tuple[str, int], list[int]] = {}
    for line, at in places:
        sequence, place = place_of(at)
        found.setdefault((line, sequence), []).append(place)
    return found


async def _changed(hub: Hub, half: Half, one: tuple[str, int], places: Sequence[int], edit: Edit | None, order: Order) -> int:
    def apply(pack: Pack) -> Sequence[int]:
        """One whose bytes were purged stays as it is: there is nothing to send."""
        made = {place: edit(pack.states[place] or {}, order) for place in places} if edit and pack.entries else {}
        for place, state in made.items():
            pack.states[place] = pack.states[place] if state is None else state
        return [place for place, state in made.items() if state is not None]

    return len(await amend(half.lines, *one, apply, hub.clock))


async def _patients(hub: Hub, parcels: Mapping[tuple[str, int], Sequence[int]]) -> tuple[str, ...]:
    """Whom it is about, as keyed hashes."""
    found: dict[str, None] = {}
    for one, places in parcels.items():
        pack = await hub.parcels.lines.read(*one)
        found |= {pack.entries[place]["patient"]: None for place in places if pack and place < len(pack.entries)}
    return tuple(found)


async def _note(hub: Hub, order: Order, targets: Sequence[Target], patients: tuple[str, ...]) -> None:
    names = [name for target in targets for name in target.names]
    await note(hub, targets[0].message.tenant, order, ", ".join(names), patients, len(names))


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
