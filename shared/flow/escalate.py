"""An alarm that does not reach its journal: it goes by a second route too, and then a human is told. It also stays in its own line."""

from collections.abc import Sequence
from dataclasses import replace

from shared import log
from shared.access.register import Endpoint
from shared.domain.message import Parcel
from shared.flow.attend import waiting
from shared.flow.hand_over import Post, hand_over
from shared.flow.names import owner_of, parcel_id
from shared.hub import Hub
from shared.storage.lines import Look, position
from shared.storage.overdue import Reached
from shared.storage.packs import Pack


async def escalate(hub: Hub, line: str, look: Look) -> None:
    """For a line of the alarm lane, as just looked at. Nothing is asked of storage while its oldest parcel is young."""
    register = await hub.registers.current()
    endpoint = register.endpoint(*owner_of(line))
    if endpoint is None or not look.packs or not _old(hub, look.packs[:1], soonest(endpoint)):
        return
    reached = await hub.overdue.read(line)
    now = replace(reached, second=await _sent_by_second(hub, endpoint, line, reached), told=await _told(hub, endpoint, line, reached))
    if now != reached:
        await hub.overdue.write(line, now)


def soonest(endpoint: Endpoint) -> int:
    """Seconds until something is to be done about an alarm."""
    alarms = endpoint.alarms
    return min(alarms.second_after, alarms.page_after) if alarms.second else alarms.page_after


def _old(hub: Hub, packs: Sequence[Pack], seconds: int) -> list[Pack]:
    """Those that have waited so long, in order."""
    before = hub.clock() - seconds * hub.settings.retry_scale
    return [pack for pack in packs if pack.since <= before]


async def _sent_by_second(hub: Hub, endpoint: Endpoint, line: str, reached: Reached) -> int:
    """The last sequence of which everything that waits has gone by the second route too. What came by such a route goes by no other."""
    second = (await hub.registers.current()).endpoint(endpoint.tenant, endpoint.alarms.second)
    if second is None:
        return reached.second
    packs, _ = await hub.parcels.lines.waiting(line, reached.second + 1)
    old = _old(hub, packs, endpoint.alarms.second_after)
    posts = [_post(second, pack, place) for pack in old for place in waiting(pack) if "message" in pack.entries[place]]
    if posts:
        await hand_over(hub, line, posts)
        log.alarm("alarms sent by the second route", line=line, endpoint=second.name, parcels=len(posts))
    return old[-1].sequence if old else reached.second


def _post(second: Endpoint, pack: Pack, place: int) -> Post:
    entry = pack.entries[place]
    parcel = Parcel(id=parcel_id(entry["message"], second.name), patient=entry["patient"], resource=entry["resource"])
    if "source" in entry:
        parcel["source"] = entry["source"]
    return Post(second, parcel, pack.bodies[place], position(pack.sequence, place), {})


async def _told(hub: Hub, endpoint: Endpoint, line: str, reached: Reached) -> int:
    """The last sequence that a human was told of."""
    packs, _ = await hub.parcels.lines.waiting(line, reached.told + 1)
    old = _old(hub, packs, endpoint.alarms.page_after)
    if late := sum(len(waiting(pack)) for pack in old):
        log.alarm("alarms not delivered in time", line=line, parcels=late)
    return old[-1].sequence if old else reached.told
