"""Journals that fail, are slow, drip, hang, cut and lie: every row of `docs/journals.md` 2.5, every mode of the sandbox, every door.

Every journal of a municipality gets every message. Those that may say yes later must have each note once; at those that say no, each
must stand parked, in the receipt that its sender sees, and nothing in the journal.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from local.faults.app import App, Time, app, drain
from local.faults.doors import ANSWERS, BAD, DOORS, Door, door, instead
from local.faults.ground import Ground
from local.faults.judge import Row, judge
from local.faults.messages import PATIENTS
from local.faults.sender import Senders
from local.faults.together import mixed
from local.faults.town import register, settings, town
from local.processes import free_ports
from local.terminal import Step
from shared.access.rows import Tenant

TIMEOUT = 1.0  # seconds for one call
PATIENCE = 60.0  # seconds until each journal has been called
SHORT = {"HUB_CALL_TIMEOUT_SECONDS": str(TIMEOUT)}
LATER: Mapping[str, dict[str, Any]] = {  # what it does at first; then it is honest
    **{f"fail {status}": {"mode": "fail", "status": status} for status in (408, 425, 429, 500, 501, 502, 503, 504, 507, 599)},
    **{f"about us or the address: {status}": {"mode": "refuse", "status": status} for status in (301, 302, 303, 307, 308, 401, 403, 407)},
    **{f"store, then {status}": {"mode": "fail-after", "status": status} for status in (408, 409, 429, 500, 503)},
    "503, come back in 1 s": {"mode": "fail", "status": 503, "retry_after": 1},
    "cut": {"mode": "cut"},
    "store, then cut": {"mode": "cut-after"},
    "stall, then store": {"mode": "stall", "delay": TIMEOUT + 0.5},
    "store, then stall": {"mode": "late", "delay": TIMEOUT + 0.5},
    "slow": {"mode": "late", "delay": TIMEOUT / 4},
    "store, then drip": {"mode": "drip", "delay": 0.1},
    "a web page": {"mode": "garbage"},
    "forgets its keys": {"mode": "forget"},
}
CUT_OFF = ("name not found", "connection refused", "TLS failure")
BEHIND_DOORS = (*DOORS, *ANSWERS)
FAILING = (*LATER, *BEHIND_DOORS, *CUT_OFF)
NEVER: Mapping[str, dict[str, Any]] = {
    **{f"refuse {status}": {"mode": "refuse", "status": status} for status in (400, 404, 405, 410, 412, 413, 415, 422, 451)},
    "200 that means no": {"mode": "outcome"},
}


def journals(ground: Ground, count: int, seed: int) -> Row:
    """Both kinds, one municipality each."""
    row, step = Row("journals"), Step("Writing to journals that fail, stall and lie")
    row.add(asyncio.run(_later(ground, count, seed)))
    parked, wrong = asyncio.run(_never(ground, count, seed))
    row.lost += wrong
    row.figures = {"failing": len(FAILING), "refusing": len(NEVER), "refused_and_parked": parked}
    step.done()
    return row


def _town(urls: Mapping[str, str]) -> Tenant:
    return town(urls, lines=1, patients=PATIENTS[:8])


async def _later(ground: Ground, count: int, seed: int) -> Row:
    storage, world, senders, row = ground.account(), Time(), Senders(), Row("")
    journals = {name: f"journal-later-{place}" for place, name in enumerate(FAILING)}
    well = {f"j{place}": f"{ground.journal}/{journal}" for place, journal in enumerate(journals.values())}
    async with AsyncExitStack() as stack:
        for name, behaviour in LATER.items():
            ground.tell(journals[name], **behaviour, calls=BAD)
        doors = await _doors(ground, stack)
        ill = _past(ground, doors) | _cut_off(ground)
        at_first = {
            where: ill.get(name, url).replace("JOURNAL", journals[name]) for name, (where, url) in zip(FAILING, well.items(), strict=True)
        }
        await register(storage, _town(at_first))
        one = await stack.enter_async_context(app(settings(storage, SHORT), world.clock()))
        await senders.send_all([one], mixed(count, seed))
        tried = await _tried(senders, one, [where for name, where in zip(FAILING, well, strict=True) if name in CUT_OFF])
        await register(storage, _town(well))
        await drain(world, [one], partial(senders.all_ended, one))
        unended = len(await senders.unended(one))
    for place, (name, journal) in enumerate(journals.items()):
        row.add(judge(senders.merged(), ground.notes(journal)))
        struck = doors[name].left <= 0 if name in doors else not ground.misbehaves(journal) if name in LATER else f"j{place}" in tried
        row.expect(f"journal that does: {name}", struck)
    row.stuck += unended
    return row


async def _doors(ground: Ground, stack: AsyncExitStack) -> dict[str, Door]:
    port = urlsplit(ground.journal).port or 0
    replies = {**DOORS, **{name: instead(answer, port) for name, answer in ANSWERS.items()}}
    return {name: await stack.enter_async_context(door(reply, port)) for name, reply in replies.items()}


def _past(ground: Ground, doors: Mapping[str, Door]) -> dict[str, str]:
    """The addresses of journals behind doors."""
    port = urlsplit(ground.journal).port
    return {name: f"{ground.journal.replace(f':{port}', f':{one.port}')}/JOURNAL" for name, one in doors.items()}


def _cut_off(ground: Ground) -> dict[str, str]:
    """And of those that cannot be reached."""
    [closed] = free_ports(1)
    addresses = ("http://journal.invalid", f"http://127.0.0.1:{closed}", ground.journal.replace("http:", "https:"))
    return {name: f"{address}/JOURNAL" for name, address in zip(CUT_OFF, addresses, strict=True)}


async def _tried(senders: Senders, one: App, endpoints: Sequence[str]) -> set[str]:
    """Which of these were called and did not answer; waits until all have been."""
    found: set[str] = set()
    until = time.monotonic() + PATIENCE
    while not found.issuperset(endpoints) and time.monotonic() < until:
        await asyncio.sleep(TIMEOUT / 4)
        told = [await senders.ask(one, receipt) for each in senders.told.values() for receipt in each.receipts]
        found = {parcel["endpoint"] for receipt in told for parcel in receipt.get("parcels", ()) if parcel.get("reason")}
    return found


async def _never(ground: Ground, count: int, seed: int) -> tuple[int, int]:
    """How many parcels are parked, and how many are neither that nor wait: or stand in a journal after all."""
    storage, world, senders = ground.account(), Time(), Senders()
    names = {f"j{place}": f"journal-never-{place}" for place in range(len(NEVER))}
    for journal, behaviour in zip(names.values(), NEVER.values(), strict=True):
        ground.tell(journal, **behaviour)
    await register(storage, _town({name: f"{ground.journal}/{journal}" for name, journal in names.items()}))
    async with app(settings(storage, SHORT), world.clock()) as one:
        await senders.send_all([one], mixed(count, seed))
        await drain(world, [one], partial(senders.all_ended, one))
        found = await _parcels(senders, one)
    stored = sum(len(ground.notes(journal)) for journal in names.values())
    return found["parked"], count * len(names) - found["parked"] + stored


async def _parcels(senders: Senders, one: App) -> Counter[str]:
    """How many parcels there are of each status."""
    told = [await senders.ask(one, receipt) for each in senders.told.values() for receipt in each.receipts]
    return Counter(parcel["status"] for receipt in told for parcel in receipt["parcels"])
