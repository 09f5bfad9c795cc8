"""Messages: found, looked at, acted on. Of the municipality that was named, and of no other: to whoever asks, another's is unknown."""

from shared.access.people import EVERYBODY, OF_ACTS
from shared.admin import told
from shared.admin.door import Answer, Asked, Guest, attended, enter
from shared.admin.existing import existing
from shared.admin.reading import FILTERS, USUAL, body, query, wanted
from shared.admin.turns import search_turn
from shared.door.answers import Fault, Reply
from shared.hub import Hub
from shared.messages import words
from shared.messages.acts import act as do
from shared.messages.asked import MAY, REASONED, by_id, meant
from shared.messages.asked import USUAL as STATE
from shared.messages.corrected import Corrected, aimed
from shared.messages.edits import Order, Verb
from shared.messages.history import history
from shared.messages.message import Message
from shared.messages.search import Search

UNKNOWN = Fault(404, "there is no such thing in this municipality", "use an id that this API gave for this municipality")


async def find(hub: Hub, asked: Asked) -> Reply:
    """The newest that a filter lets through."""
    return await attended(hub, asked, "messages.find", EVERYBODY, _find, queried=True)


async def by_own_id(hub: Hub, asked: Asked) -> Reply:
    """By a sender's own id, which may be somebody's: it comes in the body and stays in no log."""
    return await attended(hub, asked, "messages.find", EVERYBODY, _by_own_id)


async def show(hub: Hub, asked: Asked) -> Reply:
    """One message's whole history."""
    return await attended(hub, asked, "messages.show", EVERYBODY, _show)


async def act(hub: Hub, asked: Asked) -> Reply:
    """Resend, park, delete, restore or transform: one message, or one parcel of it."""
    return await attended(hub, asked, f"messages.{verb_of(asked)}", OF_ACTS, _act)


def verb_of(asked: Asked) -> str:
    """The act that the path names; a path may say anything, and what is no act is not repeated."""
    return asked.named["act"] if asked.named["act"] in list(Verb) else "unknown"


async def _find(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    given = query(asked, *FILTERS, "most")
    await existing(hub, guest.tenant, given)
    most, found = int(given.get("most", USUAL)), list[Message]()
    about = wanted(given, guest.tenant, hub.clock())
    async with search_turn(hub, guest.person):
        async for message in Search(hub).find(about, newest=True):
            found.append(message)
            if len(found) > most:
                break
    return 200, {"messages": [told.message(one) for one in found[:most]], "more": len(found) > most}


async def _by_own_id(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    given = body(asked, "id", "sender")
    if "id" not in given:
        raise Fault(400, "id is missing", "send the receipt's, the parcel's or the sender's own id", field="$.id")
    await existing(hub, guest.tenant, given)
    async with search_turn(hub, guest.person):
        found = await by_id(Search(hub), guest.tenant, given.get("sender", ""), given["id"])
    return 200, {"messages": [told.message(one) for one in sorted(found, key=lambda one: -one.since)], "more": False}


async def _known(hub: Hub, asked: Asked, guest: Guest) -> Message:
    """By the id of a receipt or a parcel; one of another municipality is not even looked for."""
    name = asked.named["message"]
    found = await by_id(Search(hub), guest.tenant, "", name) if name[:9] == guest.tenant else []
    if not found:
        raise UNKNOWN
    return found[0]


async def _show(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    async with search_turn(hub, guest.person):
        message = await _known(hub, asked, guest)
        found = await history(hub, message.receipt)
    if found is None:
        raise UNKNOWN
    await enter(hub, guest, "messages.show", message.receipt)
    return 200, told.history(found)


async def _act(hub: Hub, asked: Asked, guest: Guest) -> Answer:
    if verb_of(asked) == "unknown":
        raise Fault(404, "there is no such act", f"say one of {', '.join(Verb)}")
    verb, given = Verb(asked.named["act"]), body(asked, "reason", "state", "endpoint", flags=("dry_run",))
    state = stated(verb, given.get("state", ""))
    order = Order(verb, hub.clock(), guest.who, reasoned(verb, given.get("reason", "")))
    await existing(hub, guest.tenant, given)
    message = await _known(hub, asked, guest)
    try:
        target = await aimed(hub, order, meant(message, asked.named["message"], state, given.get("endpoint", "")))
    except Corrected as error:
        raise Fault(409, f"{error.by} corrects it and was delivered: it would be undone", "resend the correction, if anything") from None
    if target is None:
        return 200, {"changed": 0, "text": words.nothing(verb, message, asked.named["message"])}
    if given["dry_run"]:
        return 200, {"changed": len(target.names), "text": words.would_be(1)}
    number = await do(hub, order, [target])
    return 200, {"changed": number, "text": words.did(verb, number, target.parcels)}


def stated(verb: Verb, state: str) -> str:
    """The state that an act is about. Raises Fault."""
    if state and state not in MAY[verb]:
        raise Fault(400, f"{verb} is not for messages in this state", f"send one of {', '.join(MAY[verb])}", field="$.state")
    return state or STATE[verb]


def reasoned(verb: Verb, reason: str) -> str:
    if verb in REASONED and not reason:
        raise Fault(400, "reason is missing", f"say why: {verb} stands in the audit log with its reason", field="$.reason")
    return reason
