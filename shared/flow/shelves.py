"""By timer: what a journal has acknowledged is taken off its shelf, and alarms that nobody fetches are told of."""

from collections.abc import Iterator
from dataclasses import replace

from shared import log
from shared.access.register import Endpoint, Register, Tenant
from shared.door import adapters
from shared.hub import Hub
from shared.storage.shelf_rows import shelf_of

_MEMORY = 35 * 24 * 3600.0  # seconds for which it is known what became of a document: longer than any repeat of it (sweep.forget)


async def clear(hub: Hub) -> int:
    """Removes acknowledged documents after their municipality's retention; what is not acknowledged stays. Returns how many rows."""
    cleared, now = 0, hub.clock()
    for tenant, endpoint in _fetched(await hub.registers.current()):
        shelf, kept = shelf_of(tenant.orgnr, endpoint.name), tenant.retention_hours * 3600
        try:
            cleared += await hub.shelf.purge(shelf, now - kept, now - max(_MEMORY, kept))
        except Exception as error:  # as in a sweep: one must not keep the others
            log.alarm("shelf not cleared", shelf=shelf, error=type(error).__name__)
    log.step("cleared", rows=cleared)
    return cleared


async def remind(hub: Hub) -> int:
    """Tells a human, once, of alarms that lie on a shelf unread for longer than the endpoint's `page_after`. Returns how many."""
    told = 0
    for tenant, endpoint in _fetched(await hub.registers.current()):
        shelf = shelf_of(tenant.orgnr, endpoint.name)
        try:
            told += await _reminded(hub, endpoint, shelf)
        except Exception as error:  # likewise
            log.alarm("alarms on a shelf not looked for", shelf=shelf, error=type(error).__name__)
    return told


async def _reminded(hub: Hub, endpoint: Endpoint, shelf: str) -> int:
    unread = await hub.shelf.unread_alarms(shelf, hub.clock() - endpoint.alarms.page_after * hub.settings.retry_scale)
    if not unread:
        return 0
    reached = await hub.overdue.read(shelf)
    late = [at for at in unread if at > reached.told]
    if late:
        log.alarm("alarms not fetched in time", shelf=shelf, documents=len(late))
        await hub.overdue.write(shelf, replace(reached, told=max(late)))
    return len(late)


def _fetched(register: Register) -> Iterator[tuple[Tenant, Endpoint]]:
    """The endpoints whose journals fetch."""
    for tenant in register.tenants.values():
        for endpoint in tenant.endpoints:
            journal = adapters.journal(endpoint.adapter)
            if journal and journal.shelved:
                yield tenant, endpoint
