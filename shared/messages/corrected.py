"""Whether a message was corrected later. An original that is sent after its correction would undo it in the journal."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.errors import Refused
from shared.flow.names import receipt_at, receipt_name
from shared.hub import Hub
from shared.messages.acts import Target, to_do
from shared.messages.edits import PARCELS, RECEIPTS, Order
from shared.messages.message import Message
from shared.messages.search import Search
from shared.storage.lines import place_of


class Corrected(Refused):
    """`by`: the receipt that corrects it, and was delivered."""

    def __init__(self, by: str) -> None:
        super().__init__(
            f"meldingen er rettet av {by}, som er levert: sendt nå ville den ha opphevet rettelsen",
            remedy=f"send heller rettelsen på nytt: ./hub messages resend {by} --state delivered",
        )
        self.by = by


async def corrections(hub: Hub, message: Message, own: str) -> Sequence[str]:
    """The receipts that came later under its id with other content, as long as ids are known. `own`: the id, as its entry has it."""
    claim = (await hub.receipts.lines.owners(message.line, [own])).get(own) if own else None
    owners = (claim.position, *claim.corrections) if claim else ()
    unread = "end" not in message.state.get("was", {"end": ""})  # deleted before its turn, it never had its id
    if message.at not in owners and not unread:
        return []  # the id is another's by now
    return [receipt_name(message.line, at) for at in owners if at > message.at]


async def aimed(hub: Hub, order: Order, target: Target) -> Target | None:
    """As to_do. Raises Corrected if it would be sent after what corrects it."""
    found = to_do(order, target)
    if found and (by := await Corrections(Search(hub)).undone(order, found)):
        raise Corrected(by)
    return found


def _would_wait(order: Order, target: Target) -> bool:
    """Whether the act makes it wait: a parcel to be sent, or the receipt to be transformed."""
    acts = [(RECEIPTS, target.message.state)] if target.own else []
    acts += [(PARCELS, sent.state) for sent in target.parcels]
    made = [edits[order.verb](state, order) for edits, state in acts if order.verb in edits]
    return any(state is not None and "end" not in state for state in made)


@dataclass(slots=True)
class Corrections:
    """Of several messages, one after another: those that stand in one pack are read at once."""

    search: Search
    _at: tuple[str, int] = ("", 0)
    _ids: Sequence[str] = field(default=())

    async def undone(self, order: Order, target: Target) -> str:
        """The latest correction of it that a journal has, if the act would send it; "" = none."""
        if not _would_wait(order, target):
            return ""
        for receipt in reversed(await corrections(self.search.hub, target.message, await self._own(target.message))):
            if await self._stands(receipt):
                return receipt
        return ""

    async def _own(self, message: Message) -> str:
        sequence, place = place_of(message.at)
        if self._at != (message.line, sequence):
            pack = await self.search.receipts.pack(message.line, sequence, full=True)
            self._at, self._ids = (message.line, sequence), [entry["id"] for entry in pack.entries] if pack else []
        return self._ids[place] if place < len(self._ids) else ""

    async def _stands(self, receipt: str) -> bool:
        where = receipt_at(receipt)
        message = await self.search.message(*where) if where else None
        return message is not None and any(sent.delivered for sent in message.parcels)
