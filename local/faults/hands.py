"""Hands in a run beside its senders': a journal that fetches, in time or not, one that says later what became of documents, an operator, a
response centre. Each may be cut short at any step and does the same again in the next life."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson

from local.faults.app import App, Time, drain
from local.faults.sender import Senders
from local.faults.town import ORGNR
from shared.access.register import Endpoint, Tenant
from shared.domain.message import Lane
from shared.domain.national import WRITES
from shared.door.prove import Caller
from shared.door.visit import Visit
from shared.flow.acknowledge import acknowledge
from shared.flow.follow import follow
from shared.flow.follow_up import ANSWERS, SOUGHT
from shared.flow.shelves import remind
from shared.hub import Hub
from shared.messages.acts import Target, act
from shared.messages.edits import Order, Verb
from shared.messages.history import history
from shared.messages.message import Message
from shared.shelf import fetch
from shared.shelf.fetch import Asked

VKP_ID = "Eksempel_EPJ"
LATER = 3600.0  # seconds after which a journal that takes its time has surely been asked again
ABOUT = 41  # number of the alarm that a response centre's word is about in the end


@dataclass(slots=True)
class Scene:
    """`journal`: its address; `sandbox`: where it is told what to do; `name`: of the run; `moved`: makes the next life's clock go on."""

    one: App
    world: Time
    senders: Senders
    journal: str
    sandbox: str
    name: str
    moved: Callable[[], None] = field(default=lambda: None)

    def later(self, seconds: float) -> None:
        self.world.ahead += seconds
        self.moved()

    async def settled(self) -> None:
        self.senders.ended.clear()
        await drain(self.world, [self.one], lambda: self.senders.all_ended(self.one))

    async def messages(self, mark: str = "") -> list[Message]:
        """As an operator finds them; of one that repeats another, that one. `mark`: in that of those wanted."""
        receipts = {receipt for told in self.senders.told.values() if mark in told.message.mark for receipt in told.receipts}
        found = [each for receipt in sorted(receipts) if (each := await history(self.one.hub, receipt))]
        first = [await history(self.one.hub, each.first) if each.message.word == "duplicate" else each for each in found]
        return [*{each.message.receipt: each.message for each in first if each}.values()]


async def fetched(scene: Scene) -> int:
    """The journal fetches, stores in the order of the shelf's times, then acknowledges. How many documents it did not get."""
    fetch._let_in = _let_in  # the token is proven elsewhere
    hub, found = scene.one.hub, []
    for kind in WRITES.values():
        reply = await fetch.fetch(hub, Asked(ORGNR, kind, {}, "GET", "http://hub", f"/jft/{ORGNR}/v1/{kind}", "_count=100"))
        found += [entry["resource"] for entry in orjson.loads(reply.body).get("entry", ())]
    found.sort(key=lambda resource: resource["meta"]["lastUpdated"])
    return sum([not await _kept(scene, resource) for resource in found]) + sum([not await _acknowledged(hub, each) for each in found])


async def _let_in(hub: Hub, asked: Asked, guest: Visit) -> tuple[Tenant, Endpoint]:
    register = await hub.registers.current()
    tenant, endpoint = register.tenant(asked.tenant), register.endpoint(asked.tenant, "epj")
    assert tenant and endpoint  # noqa: S101 -- the run's own
    guest.caller = Caller(None, VKP_ID, "epj", frozenset(), endpoint)
    return tenant, endpoint


async def _kept(scene: Scene, resource: Mapping[str, Any]) -> bool:
    """Its own store is a sandbox journal, which knows by our name what it has."""
    headers = {"Content-Type": "application/fhir+json", "Idempotency-Key": resource["id"]}
    url = f"{scene.journal}/{resource['resourceType'].lower()}"
    async with scene.one.hub.http.post(url, data=orjson.dumps(resource), headers=headers) as answer:
        return answer.status in (200, 201)


async def _acknowledged(hub: Hub, resource: Mapping[str, Any]) -> bool:
    kind, name = resource["resourceType"], resource["id"]
    path = f"/jft/{ORGNR}/v1/{kind}/{name}/$journaling-acknowledged"
    return (await fetch.acknowledge(hub, Asked(ORGNR, kind, {}, "POST", "http://hub", path), name)).status == 202


async def unread(scene: Scene) -> int:
    """Nobody fetches, so that alarms go by the second route too; then the journal does after all. Of how many parcels that was not told
    once, and how many documents the journal did not get."""
    scene.later(LATER)
    await remind(scene.one.hub)
    await scene.settled()
    sent = [sent for message in await scene.messages() if message.lane is Lane.ALARM for sent in message.parcels]
    gone = sorted(each.second_of for each in sent if each.second_of and each.status == "delivered")
    return (gone != sorted(each.name for each in sent if not each.second_of)) + await fetched(scene)


async def answered(scene: Scene) -> int:
    """A response centre said what it did about an alert, then that it was about another, and something about one that there is not. Of what
    is not so in the end: with the other alone, in both receipts, and nothing is looked for any more."""
    hub = scene.one.hub
    for wait in (LATER, SOUGHT):
        scene.later(wait)
        await acknowledge(hub)
    found, about = await scene.messages(), await scene.messages(f"{ABOUT:05}")
    theirs = [sent.name for message in about for sent in message.parcels if "known" in sent.state]
    told = [sent.name for message in found for sent in message.parcels for _ in sent.state.get("followed", {})]
    noted = [message.state["noted"]["parcels"] for message in found if "noted" in message.state]
    left = await hub.followups.due(ORGNR, ANSWERS, hub.clock() + SOUGHT, 10)
    return (len(theirs) != 1) + (told != theirs) + (noted != [theirs, theirs]) + len(left)


async def followed(scene: Scene) -> int:
    """The journal has nothing to say when it is asked first, and everything later. Of how many parcels the hub has not heard that."""
    hub = scene.one.hub
    scene.world.ahead += LATER
    await follow(hub)
    for number in count(1):
        async with hub.http.put(f"{scene.sandbox}/jft/{number}", data=b'["journalingAcknowledged"]') as answer:
            if answer.status != 204:
                break
    scene.world.ahead += LATER
    await follow(hub)
    return _without("acknowledged", await scene.messages())


async def acted(scene: Scene) -> int:
    """An operator sends all of it again. Of how many parcels that did not become true."""
    order = Order(Verb.RESEND, scene.one.hub.clock(), "prøve", "prøve", batch=scene.name)
    await act(scene.one.hub, order, [Target(message, message.parcels) for message in await scene.messages()])
    await scene.settled()
    return _without("batch", await scene.messages())


def _without(word: str, messages: Sequence[Message]) -> int:
    """How many parcels do not say this about their end; all, if there are none."""
    states = [sent.state for message in messages for sent in message.parcels]
    return sum(word not in state or state.get("end") != "delivered" for state in states) if states else 1


HANDS: Mapping[str, Callable[[Scene], Awaitable[int]]] = {
    "fetched": fetched,
    "unread": unread,
    "followed": followed,
    "acted": acted,
    "answered": answered,
}
