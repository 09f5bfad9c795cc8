"""The account of each day, as the nightly reconciliation found it (notice.reconcile)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.access.people import EVERYBODY
from shared.admin.door import Answer, Asked, Guest, attended
from shared.domain.clock import OSLO
from shared.door.answers import Reply
from shared.hub import Hub
from shared.storage.records import Record

_BACK = timedelta(days=40)


async def listed(hub: Hub, asked: Asked) -> Reply:
    """Of the last forty days, the newest first."""
    return await attended(hub, asked, "messages.days", EVERYBODY, _listed)


async def _listed(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    tenant = (await hub.registers.current()).tenant(guest.tenant)
    first = (datetime.fromtimestamp(hub.clock(), UTC).astimezone(OSLO).date() - _BACK).isoformat()
    found: list[dict[str, Any]] = []
    for sender in tenant.senders if tenant else ():
        found += [_told(sender.name, row) for row in await hub.days.all(f"{guest.tenant}~{sender.name}", first)]
    return 200, {"days": sorted(found, key=lambda day: str(day["day"]), reverse=True)}


def _told(sender: str, row: Record) -> dict[str, Any]:
    """`found`: how much does not add up; `findings`: the first of it, by ids."""
    ends = {end.replace(" ", "_"): number for end, number in row.data["ends"].items()}
    told = {"day": row.name, "sender": sender, "received": row.data["received"], "ends": ends}
    return {**told, "found": row.data["found"], "findings": list(row.data["findings"])}
