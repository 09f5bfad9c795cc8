"""By timer: what a journal has acknowledged is taken off its shelf, and alarms that nobody fetches are seen to."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared import log
from shared.access.register import Endpoint, Register, Tenant
from shared.domain.message import Lane, Parcel
from shared.door import adapters
from shared.flow.escalate import soonest
from shared.flow.follow_up import known
from shared.flow.hand_over import Post, hand_over
from shared.flow.names import parcel_id
from shared.flow.schedule import DAY
from shared.flow.second import parcel_called, receipt_of
from shared.hub import Hub
from shared.storage.overdue import Place, Reached
from shared.storage.shelf_rows import Lying, Wanted, shelf_of

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
    """Alarms that lie on a shelf unread go by the endpoint's second route too, and then a human is told, each once. Returns of how many."""
    told = 0
    for tenant, endpoint in _fetched(await hub.registers.current()):
        shelf = shelf_of(tenant.orgnr, endpoint.name)
        try:
            told += await _reminded(hub, endpoint, shelf)
        except Exception as error:  # likewise
            log.alarm("alarms on a shelf not looked for", shelf=shelf, error=type(error).__name__)
    return told


async def _reminded(hub: Hub, endpoint: Endpoint, shelf: str) -> int:
    unread = await hub.shelf.unread_alarms(shelf, hub.clock() - soonest(endpoint) * hub.settings.retry_scale)
    if not unread:
        return 0
    reached = await hub.overdue.read(shelf)
    late = [one for one in _older(hub, unread, endpoint.alarms.page_after) if one.at > reached.told]
    now = replace(reached, second=await _sent_by_second(hub, endpoint, shelf, unread, reached), told=max([reached.told, *_times(late)]))
    if late:
        log.alarm("alarms not fetched in time", shelf=shelf, documents=len(late))
    if now != reached:
        await hub.overdue.write(shelf, now)
    return len(late)


async def _sent_by_second(hub: Hub, endpoint: Endpoint, shelf: str, unread: Sequence[Lying], reached: Reached) -> int:
    """The time of the last one that has gone by the second route. What came by such a route goes by no other."""
    second = (await hub.registers.current()).endpoint(endpoint.tenant, endpoint.alarms.second)
    if second is None:
        return reached.second
    old = [one for one in _older(hub, unread, endpoint.alarms.second_after) if one.at > reached.second]
    urgent = [one for one in old if one.message]
    laid = {one.at: await _laid(hub, endpoint, one) for one in urgent}
    if posts := [post for one in urgent if (post := await _post(hub, second, shelf, one, laid[one.at]))]:
        await hand_over(hub, f"{shelf}~{Lane.ALARM}", posts)
        for post in posts:
            await _note(hub, laid[post.at], post)
        log.alarm("alarms sent by the second route", shelf=shelf, endpoint=second.name, parcels=len(posts))
    return max([reached.second, *_times(old)])


async def _laid(hub: Hub, endpoint: Endpoint, one: Lying) -> Place | None:
    """The parcel that was laid on the shelf: in a moment, unless storage was out."""
    return await parcel_called(hub, endpoint, one.patient, f"{one.type}/{one.id}", one.at / 1000 - DAY)


async def _post(hub: Hub, second: Endpoint, shelf: str, one: Lying, laid: Place | None) -> Post | None:
    """None: it was fetched and acknowledged while we looked."""
    whole, _ = await hub.shelf.read(shelf, Wanted(one.type, one.at, one.at, acknowledged=False), 1)
    key = parcel_id(one.message, second.name)
    parcel = Parcel(id=key, patient=one.patient, resource=one.type.lower(), source=one.source, second=True)
    if receipt := await receipt_of(hub, laid):
        parcel["of"] = receipt
    return Post(second, known(second, parcel, whole[0].body), whole[0].body, one.at, {}) if whole else None


async def _note(hub: Hub, laid: Place | None, post: Post) -> None:
    """Where it stands there, beside the parcel that was laid on the shelf: whose receipt tells of both."""
    there = [(line, at) for line, places in post.stands.items() for at in places]
    if laid and there:
        await hub.overdue.went(laid[0], {laid[1]: there[0]})


def _older(hub: Hub, unread: Sequence[Lying], seconds: int) -> list[Lying]:
    before = (hub.clock() - seconds * hub.settings.retry_scale) * 1000
    return [one for one in unread if one.at < before]


def _times(documents: Sequence[Lying]) -> list[int]:
    return [one.at for one in documents]


def _fetched(register: Register) -> Iterator[tuple[Tenant, Endpoint]]:
    """The endpoints whose journals fetch."""
    for tenant in register.tenants.values():
        for endpoint in tenant.endpoints:
            journal = adapters.journal(endpoint.adapter)
            if journal and journal.shelved:
                yield tenant, endpoint
