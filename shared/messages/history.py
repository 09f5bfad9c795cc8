"""One message's whole history, as far as the hub remembers it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.message import Lane
from shared.flow.names import receipt_at, receipt_name
from shared.hub import Hub
from shared.messages.message import Message
from shared.messages.search import Search
from shared.storage.lines import place_of
from shared.storage.packs import Entry
from shared.storage.queues import lane_of


@dataclass(frozen=True, slots=True)
class History:
    """`adapter`: the sender's format, "" once its bytes are purged; `first`: the receipt that it repeats or corrects; `second`: by parcels'
    names, the endpoint that an alarm went to as well because this one did not take it in time."""

    message: Message
    adapter: str = ""
    first: str = ""
    second: Mapping[str, str] = field(default_factory=dict)


async def history(hub: Hub, receipt: str) -> History | None:
    """By the receipt's public id."""
    where = receipt_at(receipt)
    message = await Search(hub).message(*where) if where else None
    if where is None or message is None:
        return None
    first = message.state.get("first", message.state.get("corrects"))
    return History(
        message,
        (await _entry(hub, *where)).get("adapter", ""),
        "" if first is None else receipt_name(message.line, first),
        await _second(hub, message),
    )


async def _entry(hub: Hub, line: str, at: int) -> Entry:
    sequence, place = place_of(at)
    pack = await hub.receipts.lines.read(line, sequence)
    return pack.entries[place] if pack and place < len(pack.entries) else {}


async def _second(hub: Hub, message: Message) -> dict[str, str]:
    """An alarm line says up to which sequence everything went by the second route."""
    register, found = await hub.registers.current(), {}
    for sent in message.parcels:
        endpoint = register.endpoint(message.tenant, sent.endpoint)
        if endpoint and endpoint.alarms.second and lane_of(sent.line) is Lane.ALARM:
            reached = await hub.overdue.read(sent.line)
            if place_of(sent.at)[0] <= reached.second:
                found[sent.name] = endpoint.alarms.second
    return found
