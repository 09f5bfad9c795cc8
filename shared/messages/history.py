"""One message's whole history, as far as the hub remembers it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.flow.follow_up import BACK, SOUGHT
from shared.flow.names import receipt_at, receipt_name
from shared.hub import Hub
from shared.messages.corrected import corrections
from shared.messages.message import Message
from shared.messages.search import Search
from shared.messages.waits import Wait, waits
from shared.storage.lines import place_of
from shared.storage.packs import Entry


@dataclass(frozen=True, slots=True)
class History:
    """`adapter`: the sender's format, "" once its bytes are purged; `first`: the receipt that it repeats or corrects; `corrected`: those
    that came to correct it; `late`: a response centre's word about its alerts finds them no more; `waits`: why what waits of it does, by
    name."""

    message: Message
    adapter: str = ""
    first: str = ""
    corrected: Sequence[str] = ()
    late: bool = False
    waits: Mapping[str, Wait] = field(default_factory=dict)


async def history(hub: Hub, receipt: str) -> History | None:
    """By the receipt's public id."""
    where = receipt_at(receipt)
    message = await Search(hub).message(*where) if where else None
    if where is None or message is None:
        return None
    first, entry = message.state.get("first", message.state.get("corrects")), await _entry(hub, *where)
    return History(
        message,
        entry.get("adapter", ""),
        "" if first is None else receipt_name(message.line, first),
        await corrections(hub, message, entry.get("id", "")),
        hub.clock() - message.since > BACK + SOUGHT,
        await waits(hub, message),
    )


async def _entry(hub: Hub, line: str, at: int) -> Entry:
    sequence, place = place_of(at)
    pack = await hub.receipts.lines.read(line, sequence)
    return pack.entries[place] if pack and place < len(pack.entries) else {}
