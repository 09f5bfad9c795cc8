"""Acts on many messages: begun, followed, paused, resumed and cancelled. What they do, a timer does (messages.job)."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from shared.access.people import EVERYBODY, OF_ACTS
from shared.admin import told
from shared.admin.door import Answer, Asked, Guest, attended, enter
from shared.admin.existing import existing
from shared.admin.messages import UNKNOWN, reasoned, stated
from shared.admin.reading import FILTERS, body, wanted
from shared.admin.turns import search_turn
from shared.door.answers import Fault, Reply
from shared.hub import Hub
from shared.messages import job as jobs
from shared.messages.edits import Order, Verb
from shared.messages.job import CANCELLED, OVER, PAUSED, RUNNING, Job
from shared.messages.job_keys import claim
from shared.messages.many import targets
from shared.messages.message import Wanted

WISHES = {"pause": PAUSED, "resume": RUNNING, "cancel": CANCELLED}
MOST = 5  # jobs of a municipality that are not over
_OVER = Fault(409, "the job is over", "begin a new one")
_OTHER = Fault(409, "this key named another wish", "send a key of its own with each job", field="$.key")
_COUNTED, _COUNTING = 10_000, 8.0  # messages, and seconds, up to which they are counted before a job begins


async def begin(hub: Hub, asked: Asked) -> Reply:
    return await attended(hub, asked, "messages.job", OF_ACTS, _begin)


async def listed(hub: Hub, asked: Asked) -> Reply:
    """The newest first."""
    return await attended(hub, asked, "messages.jobs", EVERYBODY, _listed)


async def show(hub: Hub, asked: Asked) -> Reply:
    """How far one has come."""
    return await attended(hub, asked, "messages.jobs", EVERYBODY, _show)


async def change(hub: Hub, asked: Asked) -> Reply:
    """Pause, resume or cancel."""
    return await attended(hub, asked, f"messages.{wish_of(asked)}", OF_ACTS, _change)


def wish_of(asked: Asked) -> str:
    """As messages.verb_of."""
    return asked.named["act"] if asked.named["act"] in WISHES else "unknown"


async def _begin(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    given = body(asked, "verb", "reason", "key", *FILTERS, flags=("dry_run",))
    if "verb" not in given:
        raise Fault(400, "verb is missing", f"send one of {', '.join(Verb)}", field="$.verb")
    verb = Verb(given["verb"])
    given["state"] = stated(verb, given.get("state", ""))
    if not given["state"]:
        raise Fault(400, "state is missing", "say what is to be deleted: parked, waiting or set aside", field="$.state")
    order = Order(verb, hub.clock(), guest.who, reasoned(verb, given.get("reason", "")))
    await existing(hub, guest.tenant, given)
    name, known = await _named_by(hub, guest, given, jobs.fresh(order.at))
    if known:
        return 202, told.job(known)
    about = wanted(given, guest.tenant, hub.clock())
    async with search_turn(hub, guest.person):
        count, more = await _counted(hub, order, about)
    if given["dry_run"]:
        return 200, {"count": count, "more": more}
    if sum(one.state not in OVER for one in await jobs.all_of(hub, guest.tenant)) >= MOST:
        raise Fault(409, f"{MOST} jobs of this municipality are not over", "wait for one, or cancel one")
    one = jobs.new(order, about, count, more=more, name=name)
    await enter(hub, guest, "messages.job", _named(one))
    await jobs.begin(hub, one)
    return 202, told.job(one)


async def _named_by(hub: Hub, guest: Guest, given: Mapping[str, str], fresh: str) -> tuple[str, Job | None]:
    """The id of the job that is wished, and the job, if it was begun the last time that this was said."""
    if "key" not in given or given["dry_run"]:
        return fresh, None
    name = await claim(hub, guest.tenant, (guest.key, given["key"]), sorted(given.items()), fresh)
    if name is None:
        raise _OTHER
    return name, await jobs.read(hub, guest.tenant, name)


async def _counted(hub: Hub, order: Order, about: Wanted) -> tuple[int, bool]:
    """How many messages it is about now, and whether there are more that nobody counted."""
    count = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_COUNTING):
            async for _ in targets(hub, order, about):
                count += 1
                if count >= _COUNTED:
                    return count, True
            return count, False
    return count, True


def _named(one: Job) -> str:
    """For the audit log: which job, and why."""
    about = f"{one.order.verb} {one.wanted.state} (job {one.id})"
    return f"{about}: {one.order.why}" if one.order.why else about


async def _listed(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    return 200, {"jobs": [told.job(one) for one in await jobs.all_of(hub, guest.tenant)]}


async def _known(hub: Hub, asked: Asked, guest: Guest) -> Job:
    name = asked.named["job"]
    found = await jobs.read(hub, guest.tenant, name) if jobs.ID.fullmatch(name) else None
    if found is None:
        raise UNKNOWN
    return found


async def _show(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    return 200, told.job(await _known(hub, asked, guest))


async def _change(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    if wish_of(asked) == "unknown":
        raise Fault(404, "there is no such act", f"say one of {', '.join(WISHES)}")
    body(asked)
    one = await _known(hub, asked, guest)
    if one.state in OVER:
        raise _OVER
    await enter(hub, guest, f"messages.{asked.named['act']}", f"job {one.id}")
    if (after := await jobs.wish(hub, one, WISHES[asked.named["act"]])) is None:
        raise _OVER
    return 200, told.job(after)
