"""An act on many messages as a job: a row that says what is wanted and how far it has come, worked on by timer, group by group.

    open           {orgnr}~{id}   a job that may have more to do, since when
    jobs~{orgnr}   {id}           the job

Whoever works on a job holds it for a while, by its row's ETag: no two instances are at one job, and one that falls is followed by another
once its time is over. What was done is found done (edits), so a group that was half done is finished and nothing is done twice, not even
what was refused or set aside again meanwhile. Who wishes otherwise writes it in the same row; it is heeded between two groups. The filter
names nobody.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from azure.core.exceptions import AzureError

from shared import log
from shared.access.people import letters
from shared.domain.message import Lane
from shared.hub import Hub
from shared.messages import job_keys
from shared.messages.acts import Target, act
from shared.messages.edits import Order, Verb
from shared.messages.many import GROUP, targets
from shared.messages.message import Wanted
from shared.storage.index import Span
from shared.storage.records import Record

ID = re.compile(r"[a-p]{11}-[a-p]{8}")
RUNNING, PAUSED, DONE, CANCELLED = "running", "paused", "done", "cancelled"
OVER = (DONE, CANCELLED)
KEPT = 90 * 24 * 3600.0  # seconds that a job which is over can still be looked at
LEASE = 90.0  # seconds that a job is held for
_PATIENCE = 60.0  # for one group: less than the lease, whatever the lines are at
_SLICE, _TURN = 10.0, 120.0  # for one job before the next one gets its share, and for all of them in one turn of the timer
_OPEN = "open"
_SKEW = 60.0  # seconds that instances' clocks may differ, so that what comes later in a line may be older
_BY_RECEIPT = ("set aside", "delivered")  # states that are found in the order of the receipts: a search can go on where it was


@dataclass(frozen=True, slots=True)
class Job:
    """`at`: when it was wished, seconds since 1970: what came later is not meant. `count`, `more`: how many messages there were then, and
    whether nobody counted further. `messages`, `changed`: of how many messages how many receipts and parcels were changed. `after`: up to
    which moment a search need not look again. `error`: why the latest turn broke off, a class of error."""

    tenant: str
    id: str
    order: Order
    wanted: Wanted
    count: int
    more: bool
    state: str = RUNNING
    messages: int = 0
    changed: int = 0
    after: float = 0.0
    updated: float = 0.0
    holder: str = ""
    until: float = 0.0
    error: str = ""
    etag: str = field(default="", repr=False)


def fresh(at: float) -> str:
    """An id; they are in the order of time."""
    return f"{letters(f'{int(at * 1000):011x}')}-{letters(secrets.token_hex(4))}"


def new(order: Order, wanted: Wanted, count: int, *, more: bool, name: str = "") -> Job:
    name = name or fresh(order.at)
    span = Span(wanted.span.since, min(wanted.span.until, order.at))
    return Job(wanted.tenant, name, replace(order, batch=name, meant=order.at), replace(wanted, span=span), count, more, updated=order.at)


async def begin(hub: Hub, job: Job) -> None:
    """From now on the timer works on it. The mark comes first: a job without one would wait for ever."""
    await hub.admin.write(Record(_OPEN, f"{job.tenant}~{job.id}", {"at": job.order.at}))
    await hub.admin.write(_to_record(job))


async def read(hub: Hub, tenant: str, name: str) -> Job | None:
    """None if the municipality has no such job."""
    record = await hub.admin.read(_place(tenant), name)
    return _from_record(tenant, record) if record.etag else None


async def all_of(hub: Hub, tenant: str) -> Sequence[Job]:
    """A municipality's, the newest first."""
    return [_from_record(tenant, record) for record in reversed(await hub.admin.all(_place(tenant)))]


async def wish(hub: Hub, job: Job, state: str) -> Job | None:
    """Pauses, resumes or cancels it, between two groups. None: it is over."""
    known: Job | None = job
    while known and known.state not in OVER:
        if written := await _write(hub, replace(known, state=state, updated=hub.clock())):
            return written
        known = await read(hub, job.tenant, job.id)
    return None


async def work(hub: Hub) -> None:
    """By timer: a share for each job, first to those that have waited longest."""
    until = hub.clock() + _TURN
    for job in sorted([job async for job in _open(hub)], key=lambda job: job.updated):
        if hub.clock() < until and (mine := await _taken(hub, job)):
            await _share(hub, mine)


async def forget(hub: Hub) -> None:
    """By timer: jobs that were over long ago."""
    before = hub.clock() - KEPT
    for tenant in (await hub.registers.current()).tenants:
        await job_keys.forget(hub, tenant, before)
        for job in await all_of(hub, tenant):
            if job.state in OVER and job.updated < before:
                await hub.admin.drop(_to_record(job))


async def _open(hub: Hub) -> AsyncIterator[Job]:
    """Those that there is something to do for. The mark of one that is over, or never came to be, is taken away."""
    for mark in await hub.admin.all(_OPEN):
        tenant, _, name = mark.name.partition("~")
        job = await read(hub, tenant, name)
        if job and job.state == RUNNING:
            yield job
        elif job.state in OVER if job else hub.clock() - mark.data["at"] > LEASE:  # it may just be about to be written
            await hub.admin.drop(mark)


async def _taken(hub: Hub, job: Job) -> Job | None:
    """The job, as ours for a while; None: another has it, or it has just been changed."""
    now = hub.clock()
    if job.until > now:
        return None
    return await _write(hub, replace(job, holder=secrets.token_hex(8), until=now + LEASE, updated=now, error=""))


async def _share(hub: Hub, job: Job) -> None:
    """As many groups as fit, and on until it came further: a search that begins anew where it began before, would never come to its end."""
    until, mine = hub.clock() + _SLICE, job
    try:
        async for group in _groups(targets(hub, job.order, _rest(job))):
            if (now := await _done(hub, mine, group)) is None:
                return
            mine = now
            if mine.state != RUNNING or (hub.clock() >= until and _further(job, mine)):
                break
        else:
            await _write_down(hub, mine, ended=True)
            return
        await _write_down(hub, mine)
    except (AzureError, TimeoutError, OSError) as error:  # what is left of the group is done the next time
        log.step("job broke off", tenant=job.tenant, job=job.id, error=type(error).__name__)
        await _write_down(hub, replace(mine, error=type(error).__name__))


def _further(before: Job, now: Job) -> bool:
    return now.changed > before.changed or (now.wanted.state in _BY_RECEIPT and now.after > before.after)


def _rest(job: Job) -> Wanted:
    since = max(job.wanted.span.since, job.after - _SKEW)
    return replace(job.wanted, span=Span(since, job.wanted.span.until)) if job.wanted.state in _BY_RECEIPT else job.wanted


async def _groups(found: AsyncIterator[Target]) -> AsyncIterator[list[Target]]:
    group: list[Target] = []
    async for target in found:
        group.append(target)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


async def _done(hub: Hub, job: Job, group: Sequence[Target]) -> Job | None:
    """The job with this group behind it, and with what somebody wished meanwhile; None: another has it now."""
    async with asyncio.timeout(_PATIENCE):
        changed = await act(hub, replace(job.order, at=hub.clock()), group)
    log.step("job went on", tenant=job.tenant, job=job.id, messages=len(group), changed=changed)
    messages = job.messages + (len(group) if changed else 0)  # what was purged is looked at again by the next share
    after = replace(job, messages=messages, changed=job.changed + changed, after=group[-1].message.since)
    return await _write_down(hub, replace(after, until=hub.clock() + LEASE), held=True)


async def _write_down(hub: Hub, job: Job, *, ended: bool = False, held: bool = False) -> Job | None:
    """How far we have come, in the row as it is now. `held`: and we go on."""
    while (now := await read(hub, job.tenant, job.id)) and now.holder == job.holder:
        state = DONE if ended and now.state == RUNNING else now.state
        came = replace(job, state=state, updated=hub.clock(), etag=now.etag)
        if written := await _write(hub, came if held else replace(came, holder="", until=0.0)):
            return written
    return None


async def _write(hub: Hub, job: Job) -> Job | None:
    written = await hub.admin.write(_to_record(job))
    return replace(job, etag=written.etag) if written else None


def _place(tenant: str) -> str:
    return f"jobs~{tenant}"


def _to_record(job: Job) -> Record:
    order, wanted = job.order, job.wanted
    asked = [wanted.sender, wanted.endpoint, wanted.lane or "", wanted.event, wanted.state, wanted.span.since, wanted.span.until]
    data = {
        "order": [order.verb, order.at, order.who, order.why],
        "wanted": asked,
        **{name: getattr(job, name) for name in _PLAIN},
    }
    return Record(_place(job.tenant), job.id, data, job.etag)


_PLAIN = ("count", "more", "state", "messages", "changed", "after", "updated", "holder", "until", "error")


def _from_record(tenant: str, record: Record) -> Job:
    verb, at, who, why = record.data["order"]
    sender, endpoint, lane, event, state, since, until = record.data["wanted"]
    wanted = Wanted(tenant, sender, endpoint, Lane(lane) if lane else None, event, state, Span(since, until))
    plain: dict[str, Any] = {name: record.data[name] for name in _PLAIN}
    return Job(tenant, record.name, Order(Verb(verb), at, who, why, record.name, meant=at), wanted, etag=record.etag, **plain)
