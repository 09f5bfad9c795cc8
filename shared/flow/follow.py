"""By timer: what has become of documents that a journal took, until it has journaled them, says that it failed, or is asked no more."""

import asyncio
from typing import Any

from shared import log
from shared.access.register import Endpoint
from shared.domain.journal import Fate, JournalAdapter
from shared.door import adapters
from shared.door.exchange import exchange
from shared.errors import Refused, Unavailable
from shared.flow import breaker
from shared.flow.schedule import DAY, delay
from shared.hub import Hub
from shared.storage.amend import add
from shared.storage.followups import Followup
from shared.storage.lines import place_of

FIRST = 10.0  # seconds until a journal is asked for the first time
_STEPS = (30, 60, 300, 900, 3600)  # seconds until it is asked again; the last one repeats
_AT_ONCE = 200  # documents of one endpoint in one round
_ANSWER = 64 * 1024  # bytes of an answer that are read


async def follow(hub: Hub) -> int:
    """Asks about all that are due. Returns how many."""
    register = await hub.registers.current()
    endpoints = [endpoint for tenant in register.tenants.values() if tenant.active for endpoint in tenant.endpoints if endpoint.active]
    return sum(await asyncio.gather(*(_of(hub, endpoint) for endpoint in endpoints)))


async def _of(hub: Hub, endpoint: Endpoint) -> int:
    journal = adapters.journal(endpoint.adapter)
    if journal is None or journal.follow is None:
        return 0
    try:
        due = await hub.followups.due(endpoint.tenant, endpoint.name, hub.clock(), _AT_ONCE)
        for at in range(0, len(due), endpoint.lines):  # as many calls at a time as it takes parcels
            if await breaker.is_open(hub, endpoint, troubled=False):
                return at
            await asyncio.gather(*(_ask(hub, endpoint, journal, one) for one in due[at : at + endpoint.lines]))
    except Exception as error:  # one endpoint must not keep the others
        log.alarm("documents not followed", tenant=endpoint.tenant, endpoint=endpoint.name, error=type(error).__name__)
        return 0
    return len(due)


async def _ask(hub: Hub, endpoint: Endpoint, journal: JournalAdapter, one: Followup) -> None:
    assert journal.follow and journal.followed  # noqa: S101 -- _of looks first
    wish = None
    try:
        heard = await exchange(hub, journal.follow(endpoint.url, one.name), endpoint.auth, _ANSWER)
        end = _end(journal.followed(heard.status, heard.headers, heard.body))
    except Refused as error:
        end = {"end": "parked", "reason": error.reason}
    except (Unavailable, TimeoutError) as error:
        end, wish = None, getattr(error, "retry_after", None)
    if end is None and hub.clock() - one.since > endpoint.retry.days * DAY:
        end = {"end": "parked", "reason": f"taken, and not journaled within {endpoint.retry.days} days"}
    if end is None or not await _settled(hub, one, end):
        pause = delay(_STEPS, one.asked + 1, one.parcel, wish) * hub.settings.retry_scale
        await hub.followups.later(one, hub.clock() + pause)


def _end(fate: Fate) -> dict[str, Any] | None:
    times = {word: at for word, at in (("read", fate.read), ("acknowledged", fate.journaled)) if at}
    if fate.failed:
        return {"end": "parked", "reason": "taken, and then reported as failed", "had": {}, **times}
    return times if fate.journaled else None


async def _settled(hub: Hub, one: Followup, end: dict[str, Any]) -> bool:
    """Whether it could be written down; not while others of its pack still wait."""
    sequence, place = place_of(one.at)
    if not await add(hub.parcels.lines, one.line, sequence, place, {**end, "follow": False}):
        return False
    await hub.followups.end(one)
    if "end" in end:
        log.alarm("parked", line=one.line, reason=end["reason"])
    else:
        log.step("journaled", line=one.line, at=one.at)
    return True
