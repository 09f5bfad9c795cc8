"""Who may administer a municipality: one row for all of them, so that two changes at once cannot leave it without anybody."""

from collections.abc import Callable
from dataclasses import replace

from shared.access.people import DAY, Roll, User, from_data, to_data
from shared.door.answers import Fault
from shared.hub import Hub

_ROW = "people"
_RACES = 5  # lost ones, until somebody has to say it again
_BUSY = Fault(
    503, "others change these people at the same time", "send it again after the time in Retry-After", headers={"Retry-After": "1"}
)

Change = Callable[[dict[str, User]], None]  # in place; raises Fault if it may not be


async def read(hub: Hub, tenant: str) -> Roll:
    """Everybody, those whose access has ended too."""
    return from_data((await hub.admin.read(tenant, _ROW)).data)


async def write(hub: Hub, tenant: str, change: Change) -> Roll:
    """As it is now. What `change` decides, it decides on what is then written, or again."""
    for _ in range(_RACES):
        record = await hub.admin.read(tenant, _ROW)
        roll = from_data(record.data)
        change(roll)
        if await hub.admin.write(record.with_data(to_data(roll))):
            return roll
    raise _BUSY


async def came(hub: Hub, tenant: str, key: str, known: User) -> None:
    """Remembers the day on which somebody came, once."""
    now = hub.clock()
    if now - known.used < DAY:
        return
    record = await hub.admin.read(tenant, _ROW)
    roll = from_data(record.data)
    if key in roll:
        roll[key] = replace(roll[key], used=now)
        await hub.admin.write(record.with_data(to_data(roll)))  # None: it was changed meanwhile, and the next call comes soon
