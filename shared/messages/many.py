"""What an act on many messages is about now, in groups."""

from collections.abc import AsyncIterator

from shared.hub import Hub
from shared.messages.acts import Target, to_do
from shared.messages.corrected import Corrections
from shared.messages.edits import Order
from shared.messages.message import Message, Wanted
from shared.messages.search import Search

GROUP = 20  # messages between two looks whether to go on


async def targets(hub: Hub, order: Order, wanted: Wanted, left: list[Message] | None = None) -> AsyncIterator[Target]:
    """What there is to do now, oldest first. `left`: gets those that are left alone, since what corrects them was delivered."""
    of_parcels, search = wanted.state != "set aside", Search(hub)
    corrections = Corrections(search)
    async for message in search.find(wanted):
        parcels = wanted.of_parcels(message) if of_parcels else []
        own = not wanted.endpoint and wanted.state != "parked"
        target = to_do(order, Target(message, parcels, own))
        if target and not await corrections.undone(order, target):
            yield target
        elif target and left is not None:
            left.append(message)
