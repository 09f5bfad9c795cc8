"""Traffic that is held back by hand."""

from shared.access.people import EVERYBODY, OF_ACTS
from shared.access.register import Stop
from shared.admin import told
from shared.admin.door import Answer, Asked, Guest, attended
from shared.admin.existing import existing
from shared.admin.reading import body
from shared.door.answers import Fault, Reply
from shared.hub import Hub
from shared.messages.stops import known, start, stop, stops

ACTS = ("stop", "start")


async def listed(hub: Hub, asked: Asked) -> Reply:
    return await attended(hub, asked, "messages.stops", EVERYBODY, _listed)


async def change(hub: Hub, asked: Asked) -> Reply:
    """Stop or start: a sender's, an endpoint's, or all of the municipality's."""
    act = asked.named["act"] if asked.named["act"] in ACTS else "unknown"
    return await attended(hub, asked, f"messages.{act}", OF_ACTS, _change)


async def _listed(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    return 200, {"stops": [told.stop(one) for one in await stops(hub, guest.tenant)]}


async def _change(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    act, given = asked.named["act"], body(asked, "sender", "endpoint", "reason")
    if act not in ACTS:
        raise Fault(404, "there is no such act", f"say one of {', '.join(ACTS)}")
    if {"sender", "endpoint"} <= given.keys():
        raise Fault(400, "both a sender and an endpoint are named", "name one of them, or none for all of the municipality's")
    if act == "stop" and "reason" not in given:
        raise Fault(400, "reason is missing", "say why: it stands in the audit log", field="$.reason")
    await existing(hub, guest.tenant, given)
    wish = Stop(guest.tenant, given.get("sender", ""), given.get("endpoint", ""), hub.clock(), guest.who, given.get("reason", ""))
    await (_stop if act == "stop" else _start)(hub, wish)
    return await _listed(hub, asked, guest)


async def _stop(hub: Hub, wish: Stop) -> None:
    if not known(await hub.registers.current(), wish):
        raise Fault(404, "the register no longer has this sender or endpoint", "use a name of the municipality's register")
    await stop(hub, wish)


async def _start(hub: Hub, wish: Stop) -> None:
    if not await start(hub, wish):
        raise Fault(409, "this is not stopped", "see what is: the list of stops")
