"""What an act on many messages is about now, in groups."""

from collections.abc import AsyncIterator

from shared.hub import Hub
from shared.messages.acts import Target, to_do
from shared.messages.edits import Order
from shared.messages.message import Wanted
from shared.messages.search import Search

GROUP = 20  # messages between two looks whether to go on


async def targets(hub: Hub, order: Order, wanted: Wanted) -> AsyncIterator[Target]:
    """What there is to do now, oldest first."""
    of_parcels = wanted.state != "set aside"
    async for message in Search(hub).find(wanted):
        parcels = wanted.of_parcels(message) if of_parcels else []
        own = not wanted.endpoint and wanted.state != "parked"
        if target := to_do(order, Target(message, parcels, own)):
            yield target
