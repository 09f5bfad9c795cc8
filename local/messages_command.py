"""`./hub messages find|show|resend|park|delete|restore|transform|stop|start|stops`: the operator's hand on messages.

Exit codes: 0 done; 1 there is no such message, the hub does not answer, or it was stopped on the way; 2 wrong usage.
"""

import argparse
import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from local.frame import OK, USAGE, WRONG, Frame, ended
from local.messages_many import many
from local.messages_options import read
from shared.access.register import Stop
from shared.domain import organisation
from shared.errors import Refused
from shared.hub import Hub
from shared.messages import story, words
from shared.messages.acts import act
from shared.messages.asked import LOOKED_UP, by_id, meant, since
from shared.messages.corrected import aimed
from shared.messages.edits import Order, Verb
from shared.messages.existing import missing
from shared.messages.history import history
from shared.messages.message import Message, Wanted
from shared.messages.search import Search
from shared.messages.stops import known, start, stop, stops
from shared.storage.index import Span

HubFactory = Callable[[], AbstractAsyncContextManager[Hub]]

FRAME = Frame(
    "hub messages",
    late="linjen er opptatt hele tiden; si det samme en gang til, så blir resten gjort",
    broken=("ikke alt ble gjort", "si det samme en gang til"),
    no_hub="start knutepunktet med ./hub run, eller oppgi lageret i AzureWebJobsStorage",
)


def main(argv: Sequence[str], factory: HubFactory) -> int:
    """The exit code."""
    return ended(FRAME, lambda: read(argv), lambda options: _run(options, factory))


async def _run(options: argparse.Namespace, factory: HubFactory) -> int:
    async with factory() as hub:
        match options.what:
            case "find":
                return await _find(hub, options)
            case "show":
                return await _show(hub, options.id)
            case "stop" | "start":
                return await _traffic(hub, options)
            case "stops":
                print(words.stops(await stops(hub, options.tenant)))
                return OK
        return await _act(hub, options)


async def _find(hub: Hub, options: argparse.Namespace) -> int:
    await _existing(hub, options, options.tenant)
    search = Search(hub)
    if options.id:
        named = await by_id(search, options.tenant, options.sender, options.id)
        found = [message for message in named if options.sender in ("", message.sender)]
    else:
        found = []
        async for message in search.find(_wanted(hub, options, options.tenant), newest=True):
            found.append(message)
            if len(found) >= options.most:
                break
    if not found:
        return FRAME.said(await _none(hub, options), WRONG)
    print(words.table(sorted(found, key=lambda message: -message.since)))
    if len(found) >= options.most:
        print(f"De {options.most} nyeste; --most, --from og --to viser andre.")
    return OK


async def _none(hub: Hub, options: argparse.Namespace) -> str:
    """And why that may be."""
    await hub.registers.refresh()
    if not (await hub.registers.current()).tenant(options.tenant):
        return "fant ingen meldinger; registeret har ingen slik kommune"
    back = not (options.id or options.since or options.state in LOOKED_UP)
    return f"fant ingen meldinger{' fra det siste døgnet; --from ser lenger tilbake' if back else ''}"


async def _existing(hub: Hub, options: argparse.Namespace, tenant: str) -> None:
    named = {"sender": options.sender, "endpoint": options.endpoint}
    if gap := await missing(hub, tenant, {field: name for field, name in named.items() if name}):
        field, names = gap
        remedy = f"oppgi en av {', '.join(names)}" if names else "se om kommunen står i registeret"
        raise Refused(f"kommunen har {'ingen slik avsender' if field == 'sender' else 'ikke noe slikt endepunkt'}", remedy=remedy)


def _wanted(hub: Hub, options: argparse.Namespace, tenant: str) -> Wanted:
    """Of the last day, if nothing is said that is found without looking at a time."""
    span = Span(since(options.since, options.state, hub.clock()), options.until or float("inf"))
    return Wanted(tenant, options.sender, options.endpoint, options.lane, options.event, options.state, span)


async def _known(hub: Hub, name: str) -> Message:
    found = await by_id(Search(hub), name[:9], "", name)
    if not found:
        raise Refused("det finnes ingen slik melding", remedy="bruk id-en fra ./hub messages find")
    return found[0]


async def _show(hub: Hub, name: str) -> int:
    message = await _known(hub, name)
    found = await history(hub, message.receipt)
    if found:
        print(story.told(found))
    return OK


async def _traffic(hub: Hub, options: argparse.Namespace) -> int:
    wish = Stop(options.tenant, options.sender, options.endpoint, hub.clock(), options.who, options.reason)
    await hub.registers.refresh()
    if options.what == "start":
        if not await start(hub, wish):
            return FRAME.said("dette er ikke stoppet; ./hub messages stops viser hva som er det", WRONG)
    elif not known(await hub.registers.current(), wish):
        raise Refused("registeret har ingen slik kommune, avsender eller endepunkt", remedy="se navnene i kommunens registerfil")
    elif (first := await stop(hub, wish)) != wish:
        print(words.stopped_before(first))
        return OK
    print(words.traffic(wish, stopped=options.what == "stop"))
    return OK


async def _act(hub: Hub, options: argparse.Namespace) -> int:
    verb = Verb(options.what)
    await _existing(hub, options, options.id[:9])
    if organisation.is_orgnr(options.id):
        wanted = _wanted(hub, options, options.id)
        order = Order(verb, hub.clock(), options.who, options.reason, _batch(options, verb, wanted), meant=hub.clock())
        if verb is Verb.DELETE and not options.state:
            return FRAME.said("si hva som skal slettes: --state parked, waiting eller 'set aside'", USAGE)
        return await many(hub, order, wanted, dry=options.dry_run, sure=options.yes)
    order = Order(verb, hub.clock(), options.who, options.reason)
    message = await _known(hub, options.id)
    target = await aimed(hub, order, meant(message, options.id, options.state, options.endpoint))
    if options.dry_run:
        print(words.would_be(1 if target else 0))
    elif target:
        print(words.did(verb, await act(hub, order, [target]), target.parcels))
    else:
        print(words.nothing(verb, message, options.id))
    return OK


def _batch(options: argparse.Namespace, verb: Verb, wanted: Wanted) -> str:
    """The same command is the same job, so it goes on where it stopped."""
    if verb is not Verb.RESEND or options.state != "delivered":
        return ""
    given = repr((wanted.tenant, wanted.sender, wanted.endpoint, wanted.lane, wanted.event, options.since, options.until))
    return options.batch or hashlib.sha256(given.encode()).hexdigest()[:8]
