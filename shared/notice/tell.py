"""What is so becomes a notice, kept in storage: what two instances see at once, or one sees again after a restart, is said once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TypeVar

from azure.core.exceptions import AzureError

from shared import log
from shared.hub import Hub
from shared.notice.ledger import Notice, Standing, from_record, seen, to_data, unseen
from shared.storage.records import Record

_AT_ONCE = 8
_ROUNDS = 5  # lost races for one notice; then another says it
Item = TypeVar("Item")


async def tell(hub: Hub, notice: Notice) -> None:
    """One more of this kind happened. Never raises: what could not be kept is in the log."""
    try:
        for _ in range(_ROUNDS):
            record = await hub.notices.read(notice.tenant, notice.name)
            before = from_record(record) if record.data else None
            lasts = before is not None and not before.over
            counted = Notice(notice.tenant, notice.kind, notice.subject, (before.notice.count if before and lasts else 0) + 1)
            if await _write(hub, record, before, seen(before, counted, hub.clock())):
                return
    except (AzureError, TimeoutError, OSError) as error:
        log.alarm("notice not kept", kind=notice.kind, tenant=notice.tenant, subject=notice.subject, error=type(error).__name__)


async def settle(hub: Hub, kinds: Collection[str], so: Iterable[Notice], blind: Collection[str] = ()) -> None:
    """All that is so now of these kinds: the rest of them is over, except in municipalities that could not be looked at (`blind`)."""
    records = {(record.partition, record.name): record for record in await hub.notices.all()}
    now = hub.clock()
    true = {(notice.tenant, notice.name): notice for notice in so}

    async def one(place: tuple[str, str]) -> None:
        record, notice = records.get(place, Record(*place, {})), true.get(place)
        before = from_record(record) if record.data else None
        if notice:
            await _write(hub, record, before, seen(before, notice, now))
        elif before and before.notice.kind in kinds and place[0] not in blind:
            await _end(hub, record, before, unseen(before, now))

    await each({*records, *true}, one)


async def each(items: Iterable[Item], work: Callable[[Item], Awaitable[None]], at_once: int = _AT_ONCE) -> None:
    """Some at a time; what goes wrong with one is told, and keeps no other."""
    gate = asyncio.Semaphore(at_once)

    async def guarded(item: Item) -> None:
        async with gate:
            try:
                await work(item)
            except Exception as error:  # whatever it is, the others are still to be told of
                log.alarm("notice not told", error=type(error).__name__)

    await asyncio.gather(*map(guarded, items))


async def _end(hub: Hub, record: Record, before: Standing, after: Standing | None) -> None:
    if after is None:
        await hub.notices.drop(record)
    elif after != before:
        await _write(hub, record, before, after)


async def _write(hub: Hub, record: Record, before: Standing | None, after: Standing) -> bool:
    """Keeps it, unless somebody else was faster; whoever keeps news says it in the log."""
    if not await hub.notices.write(Record(record.partition, record.name, to_data(after), record.etag)):
        return False
    if before is None or after.news > before.news:
        notice = after.notice
        say = log.step if after.over or after.severity == "warning" else log.alarm
        words, counts = "notice over" if after.over else "notice", {"count": notice.count, "level": notice.level}
        say(words, kind=notice.kind, tenant=notice.tenant, subject=notice.subject, **counts, id=after.id)
    return True
