"""A sender's key changed while it sends: both good for a while, then the old one no more. Signatures and a fixed secret."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from local import signing
from local.faults.app import App, Time, app, drain
from local.faults.ground import Ground
from local.faults.judge import Row, judge
from local.faults.messages import PATIENTS, Message, weight
from local.faults.sender import NotTaken, Senders
from local.faults.town import register, settings, town
from local.terminal import Step
from shared.access.rows import Auth, Tenant

OLD, NEW = "FAULTS_OLD", "FAULTS_NEW"
VALUES = {OLD: "whsec_" + "b2xk" * 8, NEW: "whsec_" + "bmV3" * 8}
SEEN = 11.0  # seconds until every instance has read a changed register
SCHEMES = {"hmac": Auth("hmac", "standard-webhooks", "", ()), "header": Auth("header", "x-secret", "", ())}


def rotation(ground: Ground, count: int, _seed: int) -> Row:
    """With each scheme: so many messages in each of three stretches."""
    row, step = Row("rotation"), Step("Changing a sender's key while it sends")
    refused = 0
    for scheme, auth in SCHEMES.items():
        one, wrongly_taken = asyncio.run(_rotation(ground, f"journal-rotation-{scheme}", auth, count))
        row.add(one)
        refused += count - wrongly_taken
    row.expect("the old key refused each time", refused == count * len(SCHEMES))
    row.figures = {"refused_with_the_old_key": refused, "of": count * len(SCHEMES)}
    step.done()
    return row


async def _rotation(ground: Ground, journal: str, auth: Auth, count: int) -> tuple[Row, int]:
    storage, world, senders = ground.account(), Time(), Senders()
    tenant = town({"epj": f"{ground.journal}/{journal}"}, patients=PATIENTS[:8])
    key = [OLD]
    senders.proof = lambda body: signing.headers(replace(auth, secrets=(key[0],)), VALUES[key[0]], body, now=world.clock()())
    await register(storage, _with(tenant, auth, OLD))
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(app(settings(storage, VALUES), world.clock())) for _ in range(2)]
        stretches = [[weight(n, PATIENTS[n % 8]) for n in range(first, first + count)] for first in range(0, 4 * count, count)]
        await _stretch(senders, apps, stretches[0])
        await _changed(storage, world, apps, senders, stretches[1], _with(tenant, auth, NEW, OLD))
        key[0] = NEW
        await _changed(storage, world, apps, senders, stretches[2], _with(tenant, auth, NEW))
        key[0] = OLD
        taken = await _taken(senders, apps, stretches[3])
        key[0] = NEW
        await drain(world, apps, partial(senders.all_ended, apps[0]))
        unended = await senders.unended(apps[0])
    row = judge([one for one in senders.merged() if one.message not in stretches[3]], ground.notes(journal), len(unended))
    return row, taken


def _with(tenant: Tenant, auth: Auth, *names: str) -> Tenant:
    [sender] = tenant.senders
    return replace(tenant, senders=(replace(sender, auth=replace(auth, secrets=names)),))


async def _stretch(senders: Senders, apps: list[App], messages: list[Message]) -> None:
    """Raises NotTaken if a good key is refused."""
    first = len(senders.told)
    numbered: Mapping[int, Message] = dict(enumerate(messages, first))
    await asyncio.gather(*(senders.send(apps[number % 2], number, message) for number, message in numbered.items()))


async def _changed(storage: str, world: Time, apps: list[App], senders: Senders, messages: list[Message], tenant: Tenant) -> None:
    """The register changes in the midst of the stretch, and both instances have read it at its end."""
    half = len(messages) // 2
    await asyncio.gather(_stretch(senders, apps, messages[:half]), register(storage, tenant))
    world.ahead += SEEN
    await asyncio.gather(*(one.hub.registers.current() for one in apps))
    await _stretch(senders, apps, messages[half:])


async def _taken(senders: Senders, apps: list[App], messages: list[Message]) -> int:
    """How many the hub took although their key is no longer good."""
    taken = 0
    for number, message in enumerate(messages, len(senders.told)):
        try:
            await senders.send(apps[number % 2], number, message)
            taken += 1
        except NotTaken:
            continue
    return taken
