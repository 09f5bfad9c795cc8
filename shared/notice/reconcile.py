"""By timer, daily: every receipt of yesterday, and of earlier days that were not settled, has an end; what does not add up is told.

Each day's account is kept, with where it ends in each line: the next one begins there, so that a night reads a day and what is open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared import log
from shared.domain.clock import OSLO
from shared.flow.names import owner_of
from shared.hub import Hub
from shared.notice.account import Account, Books, account
from shared.notice.ledger import Notice
from shared.notice.send import send
from shared.notice.tell import each, settle
from shared.storage.records import Record

UNACCOUNTED = "unaccounted"
_LOOKED_BACK = timedelta(days=40)  # after which a day that is not settled is left as it is
_TOLD = 3  # findings whose ids stand in a notice

Known = dict[str, dict[date, Record]]  # by sender and day


@dataclass(frozen=True, slots=True)
class Kept:
    """What earlier nights found of a municipality's senders."""

    days: Known

    def starts(self, tenant: str, day: date) -> dict[str, int]:
        """Where that day begins in each line: where it was found to, or where the last one before it ended."""
        found: dict[str, int] = {}
        for sender, rows in self.days.items():
            before = [one for one in rows if one <= day]
            if before:
                own = rows[max(before)].data["spans"]
                found |= {f"{tenant}~{sender}~{lane}": span[0 if max(before) == day else 1] for lane, span in own.items()}
        return found

    def open(self, yesterday: date) -> list[date]:
        """The days to look at: yesterday, those that are not settled, and those that nobody looked at in between."""
        rows = [(day, record.data) for own in self.days.values() for day, record in own.items()]
        unsettled = {day for day, data in rows if data["found"] or data["ends"].get("waiting")}
        last = max((day for day, _ in rows), default=yesterday)
        missed = {last + timedelta(days=number) for number in range(1, (yesterday - last).days)}
        return sorted({yesterday, *missed, *unsettled})


def books(hub: Hub) -> Books:
    return Books(hub.receipts.lines, hub.parcels.lines, hub.receipts.appender, hub.days)


async def reconcile(hub: Hub) -> None:
    """Looks, keeps, says and sends."""
    yesterday = _today(hub.clock()) - timedelta(days=1)
    so, seen = list[Notice](), set[str]()
    tenants = {owner_of(line)[0] for line in await hub.receipts.appender.lines()}

    async def one(tenant: str) -> None:
        done = await _settled(hub, tenant, yesterday)
        so.extend(_notices(done))
        seen.add(tenant)

    await each(tenants, one)
    await settle(hub, [UNACCOUNTED], so, tenants - seen)
    await send(hub)


async def _settled(hub: Hub, tenant: str, yesterday: date) -> list[Account]:
    desk, done = books(hub), list[Account]()
    kept = await known(desk, tenant, yesterday)
    for day in kept.open(yesterday):
        for mine in await account(desk, tenant, day, kept.starts(tenant, day)):
            before = kept.days[mine.sender].get(day, Record(f"{tenant}~{mine.sender}", day.isoformat(), {}))
            after = Record(before.partition, before.name, mine.to_data(), before.etag)
            kept.days[mine.sender][day] = await desk.days.write(after) or after  # None: another instance found it out
            log.step("accounted", tenant=tenant, sender=mine.sender, day=day.isoformat(), received=mine.received, found=len(mine.findings))
            done.append(mine)
    return done


async def known(desk: Books, tenant: str, day: date) -> Kept:
    """What is kept of the days before, and of that day."""
    found: Known = {}
    for sender in sorted({owner_of(line)[1] for line in await desk.appender.lines() if owner_of(line)[0] == tenant}):
        rows = await desk.days.all(f"{tenant}~{sender}", (day - _LOOKED_BACK).isoformat())
        found[sender] = {date.fromisoformat(row.name): row for row in rows}
    return Kept(found)


def _notices(done: list[Account]) -> list[Notice]:
    """One for each sender: of its latest day that does not add up."""
    wrong: Mapping[str, Account] = {mine.sender: mine for mine in done if not mine.sound}
    return [Notice(mine.tenant, UNACCOUNTED, mine.sender, max(1, len(mine.findings)), 0, _facts(mine)) for mine in wrong.values()]


def _facts(mine: Account) -> dict[str, Any]:
    return {"day": mine.day.isoformat(), "ids": "; ".join(mine.findings[:_TOLD])}


def _today(now: float) -> date:
    return datetime.fromtimestamp(now, UTC).astimezone(OSLO).date()
