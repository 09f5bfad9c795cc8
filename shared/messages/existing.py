"""Whether what is named is there: a misspelt name finds nothing, and would look like good news."""

from collections.abc import Mapping

from shared.access.register import Register
from shared.flow.names import owner_of
from shared.hub import Hub


async def missing(hub: Hub, tenant: str, given: Mapping[str, str]) -> tuple[str, list[str]] | None:
    """The first of `sender` and `endpoint` that the municipality does not have, and the names that there are. What has messages is there,
    though the register no longer names it."""
    register = await hub.registers.current()
    for field, half in (("sender", hub.receipts), ("endpoint", hub.parcels)):
        if field not in given or given[field] in _names(register, tenant, field):
            continue
        await hub.registers.refresh()  # it may just have been registered
        lines = await half.appender.lines(tenant)
        names = _names(await hub.registers.current(), tenant, field) | {owner_of(line)[1] for line in lines}
        if given[field] not in names:
            return field, sorted(names)
    return None


def _names(register: Register, tenant: str, field: str) -> set[str]:
    known = register.tenant(tenant)
    rows = (known.senders if field == "sender" else known.endpoints) if known else ()
    return {row.name for row in rows}
