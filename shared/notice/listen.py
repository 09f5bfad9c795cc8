"""By timer: which senders have been heard, and which are silent for longer than they use to be. One read for each line of receipts."""

import asyncio
from collections import defaultdict

from shared.flow.names import owner_of
from shared.hub import Hub
from shared.notice.ledger import Notice
from shared.notice.rhythm import Rhythm, from_data, listened, silent, to_data
from shared.notice.send import send
from shared.notice.tell import each, settle
from shared.storage.records import Record
from shared.storage.survey import reached

SILENT = "sender-silent"


async def listen(hub: Hub) -> None:
    """Learns, says and sends."""
    register, now = await hub.registers.current(), hub.clock()
    counts = await _counts(hub)
    known = {(record.partition, record.name): record for record in await hub.rhythms.all()}
    senders = [(tenant, sender) for tenant in register.tenants.values() for sender in tenant.senders if tenant.active and sender.active]
    quiet: list[Notice] = []

    async def one(place: tuple[str, str]) -> None:
        record = known.get(place, Record(*place, {}))
        before = from_data(record.data)
        after = listened(before, counts[place], now, silent=silent(before, now))
        if silent(after, now):
            quiet.append(Notice(*place[:1], SILENT, place[1], 0, 0, {"oldest": round(now - after.last)}))
        if _worth(before, after):
            await hub.rhythms.write(Record(*place, to_data(after), record.etag))

    await each([(tenant.orgnr, sender.name) for tenant, sender in senders if (tenant.orgnr, sender.name) in counts], one)
    await settle(hub, [SILENT], quiet)
    await send(hub)


def _worth(before: Rhythm, after: Rhythm) -> bool:
    """Whether there is something to keep: it was heard, or an hour is over."""
    return after.reached != before.reached or after.hour != before.hour


async def _counts(hub: Hub) -> dict[tuple[str, str], int]:
    """How many packs each sender's lines ever held."""
    lines = await hub.receipts.appender.lines()
    gate, counts = asyncio.Semaphore(8), defaultdict[tuple[str, str], int](int)

    async def count(line: str) -> int:
        async with gate:
            return await reached(hub.receipts.lines, line)

    for line, number in zip(lines, await asyncio.gather(*map(count, lines)), strict=True):
        counts[owner_of(line)] += number
    return counts
