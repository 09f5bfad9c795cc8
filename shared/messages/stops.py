"""Holding traffic back and letting it go, for a municipality, a sender or an endpoint. Nothing is refused at the door: it waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.access.register import Register, Stop
from shared.flow.names import owner_of
from shared.hub import Half, Hub
from shared.messages.acts import note

_SEEN = 11.0  # seconds until every instance has read that traffic goes again (storage.register_rows)


@dataclass(frozen=True, slots=True)
class Deed:
    """For the audit log."""

    verb: str
    who: str
    why: str


async def stop(hub: Hub, wish: Stop) -> Stop:
    """In effect within ten seconds, on all instances. Given back is the stop that stands: another's, if it was stopped so already."""
    await note(hub, wish.tenant, Deed("stop", wish.who, wish.why), what(wish))
    return await hub.registers.stop(wish)


async def start(hub: Hub, wish: Stop) -> bool:
    """Within ten seconds what waits is worked on again. False: it was not stopped so."""
    if what(wish) not in [what(one) for one in await stops(hub, wish.tenant)]:
        return False
    await note(hub, wish.tenant, Deed("start", wish.who, wish.why), what(wish))
    await hub.registers.start(wish)
    for half, name in ((hub.receipts, wish.sender), (hub.parcels, wish.endpoint)):
        if lines := await _lines(half, wish, name):
            await hub.queues.put(half.name, lines, _SEEN)
    return True


async def stops(hub: Hub, tenant: str = "") -> Sequence[Stop]:
    """What is held back now, of one municipality or of all."""
    await hub.registers.refresh()
    return [one for one in (await hub.registers.current()).stops if tenant in ("", one.tenant)]


def stops_of(register: Register, tenant: str, sender: str = "", endpoint: str = "") -> Sequence[Stop]:
    """What holds back what comes from this sender, or goes to this endpoint (as Register.stopped)."""
    ways = {("", ""), (sender, endpoint)}
    return [one for one in register.stops if one.tenant == tenant and (one.sender, one.endpoint) in ways]


def known(register: Register, wish: Stop) -> bool:
    """Whether there is such a municipality, sender or endpoint."""
    tenant = register.tenant(wish.tenant)
    senders = {sender.name for sender in tenant.senders} if tenant else set()
    endpoints = {endpoint.name for endpoint in tenant.endpoints} if tenant else set()
    return tenant is not None and wish.sender in ("", *senders) and wish.endpoint in ("", *endpoints)


def what(stop: Stop) -> str:
    """Names it."""
    return f"sender {stop.sender}" if stop.sender else f"endpoint {stop.endpoint}" if stop.endpoint else "all"


async def _lines(half: Half, wish: Stop, name: str) -> list[str]:
    """Those that may have waited."""
    other = (wish.sender or wish.endpoint) and not name
    return [] if other else [line for line in await half.appender.lines(wish.tenant) if name in ("", owner_of(line)[1])]
