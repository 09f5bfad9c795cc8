"""Storage that answers 503, 409, late and in part, while messages flow; the sender then hears 503 and says it again."""

import asyncio
import random
from functools import partial

from local.faults.app import Time, app, drain
from local.faults.ground import Ground
from local.faults.judge import Row, judge
from local.faults.messages import PATIENTS
from local.faults.proxy import FAULTS, Proxy, proxied
from local.faults.sender import Senders
from local.faults.together import mixed
from local.faults.town import register, settings, town
from local.terminal import Step

LOOKS = 1  # moves of the clock during which storage goes on failing, once all has been sent


def storage(ground: Ground, count: int, seed: int) -> Row:
    """Well until the hub stands, bad while it works, well again at the end: then all of it must come to its end."""
    step = Step("Working with storage that answers 503, 409, late and in part")
    row = asyncio.run(_storage(ground, count, seed))
    row.scenario = "storage"
    step.done()
    return row


async def _storage(ground: Ground, count: int, seed: int) -> Row:
    account, journal = ground.account(), "journal-storage"
    world, senders, proxy = Time(), Senders(), Proxy(random.Random(seed))  # noqa: S311 -- no secret
    await register(account, town({"epj": f"{ground.journal}/{journal}"}, patients=PATIENTS[:8]))
    async with proxied(ground, account, proxy) as leading, app(settings(leading), world.clock()) as one:
        await one.hub.registers.current()
        proxy.wrong = True
        await senders.send_all([one], mixed(count, seed))
        await drain(world, [one], _never, LOOKS)
        proxy.wrong = False
        await drain(world, [one], partial(senders.all_ended, one))
        unended, notes = await senders.unended(one), ground.notes(journal)
        missing = await senders.missing(one, notes)
    row = judge(senders.merged(), notes, len(unended))
    row.figures = {"missing": missing} if missing else {}
    row.figures |= {"faults": dict(proxy.done), "sent_again": senders.tries - count, "poison": one.poison}
    for fault in FAULTS:
        row.expect(f"storage that does: {fault}", proxy.done[fault])
    return row


async def _never() -> bool:
    return False
