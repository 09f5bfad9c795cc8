"""An alarm that does not reach its journal: it goes by a second route too, and then a human is told. It also stays in its own line."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from shared import log
from shared.access.register import Endpoint
from shared.domain.message import Parcel
from shared.flow.attend import waiting
from shared.flow.follow_up import known
from shared.flow.hand_over import Post, hand_over
from shared.flow.names import owner_of, parcel_id
from shared.flow.round import Place
from shared.hub import Hub
from shared.storage.lines import Look, position
from shared.storage.overdue import Reached
from shared.storage.packs import Pack

_PAGES = 40  # of a line, in one sweep


async def escalate(hub: Hub, line: str, look: Look) -> None:
    """For a line of the alarm lane, as just looked at, after the lines that it replaced: a patient's alarms go by the second route in their
    order. Nothing is asked of storage while its oldest parcel is young."""
    register = await hub.registers.current()
    endpoint = register.endpoint(*owner_of(line))
    if endpoint is None or not look.packs or look.packs[0].since > _before(hub, soonest(endpoint)):
        return
    async with _alone(hub, line):
        reached = await hub.overdue.read(line)
        now = replace(reached, second=await _sent_by_second(hub, endpoint, line, reached), told=await _told(hub, endpoint, line, reached))
        if now != reached:
            await hub.overdue.write(line, now)


def soonest(endpoint: Endpoint) -> int:
    """Seconds until something is to be done about an alarm."""
    alarms = endpoint.alarms
    return min(alarms.second_after, alarms.page_after) if alarms.second else alarms.page_after


def _before(hub: Hub, seconds: int) -> float:
    return hub.clock() - seconds * hub.settings.retry_scale


def _old(packs: Sequence[Pack], before: float) -> list[Pack]:
    """Those that have waited since then, in order."""
    old = 0
    for number, pack in enumerate(packs, 1):
        old = number if _since(pack) <= before else old  # what stands before it came before it, whatever the clock of an instance said
    return list(packs[:old])


def _since(pack: Pack) -> float:
    """When the first that waits began to: one that a human sent again, from then on."""
    return min((max(pack.since, (pack.states[place] or {}).get("again", 0.0)) for place in waiting(pack)), default=pack.since)


async def _sent_by_second(hub: Hub, endpoint: Endpoint, line: str, reached: Reached) -> int:
    """The last sequence of which everything that waits has gone by the second route too. What came by such a route goes by no other."""
    second = (await hub.registers.current()).endpoint(endpoint.tenant, endpoint.alarms.second)
    if second is None:
        return reached.second
    last, sent = reached.second, 0
    async for old in _overdue(hub, line, last, endpoint.alarms.second_after):
        posts = [_post(second, pack, place) for pack in old for place in waiting(pack) if "message" in pack.entries[place]]
        last, sent = old[-1].sequence, sent + await _hand_over(hub, line, posts)
    if sent:
        log.alarm("alarms sent by the second route", line=line, endpoint=second.name, parcels=sent)
    return last


async def refused(hub: Hub, line: str, endpoint: Endpoint, places: Sequence[Place]) -> None:
    """Alarms that the journal will not take go by the second route at once. Said before the line says that they are parked: whoever is lost
    in between says it again, and what stands in the second endpoint's line already is known there."""
    second = (await hub.registers.current()).endpoint(endpoint.tenant, endpoint.alarms.second)
    posts = [_post(second, pack, place) for pack, place in places if second and "message" in pack.entries[place]]
    if second and posts:
        async with _alone(hub, line):
            sent = await _hand_over(hub, line, posts)
        if sent:
            log.alarm("alarms sent by the second route", line=line, endpoint=second.name, parcels=sent)


def _alone(hub: Hub, line: str) -> asyncio.Lock:
    """A sweep and a worker at once would each find that it has not gone yet; of two instances, the line's tail tells the second."""
    return hub.escalating.setdefault(line, asyncio.Lock())


async def _hand_over(hub: Hub, line: str, posts: Sequence[Post]) -> int:
    """How many had not gone yet. Whoever is lost before it is written down where they stand there comes here again, and finds the same
    places, as long as their bodies are kept there; what is written down holds for longer."""
    if not posts:
        return 0
    rising = sorted(posts, key=lambda post: post.at)
    gone = await hub.overdue.seconds(line, rising[0].at, rising[-1].at + 1)
    left = [post for post in rising if post.at not in gone]
    await hand_over(hub, line, left)
    await hub.overdue.went(line, {post.at: (where, at) for post in left for where, places in post.stands.items() for at in places})
    return len(left)


async def _overdue(hub: Hub, line: str, after: int, seconds: int) -> AsyncIterator[list[Pack]]:
    """Packs behind that sequence that have waited so long, in order, page by page. One that was sent again and is young goes with what is
    overdue behind it."""
    before, read = _before(hub, seconds), list[Pack]()
    for _ in range(_PAGES):
        packs, more = await hub.parcels.lines.waiting(line, after + 1)
        read += packs
        if old := _old(read, before):
            yield old
            read = read[len(old) :]
        if not more or packs[-1].since > before:
            return
        after = packs[-1].sequence


def _post(second: Endpoint, pack: Pack, place: int) -> Post:
    entry = pack.entries[place]
    parcel = Parcel(id=parcel_id(entry["message"], second.name), patient=entry["patient"], resource=entry["resource"], second=True)
    if "of" in entry:
        parcel["of"] = entry["of"]
    return Post(second, known(second, parcel, pack.bodies[place]), pack.bodies[place], position(pack.sequence, place), {})


async def _told(hub: Hub, endpoint: Endpoint, line: str, reached: Reached) -> int:
    """The last sequence that a human was told of."""
    last, late = reached.told, 0
    async for old in _overdue(hub, line, last, endpoint.alarms.page_after):
        last, late = old[-1].sequence, late + sum(len(waiting(pack)) for pack in old)
    if late:
        log.alarm("alarms not delivered in time", line=line, parcels=late)
    return last
