"""What can be said of messages, at a keyboard or through the admin API: filters, reasons, and what each act may be about."""

import re
from collections.abc import Mapping

from shared.domain.national import WRITES
from shared.domain.person import numbered
from shared.domain.vocabulary import Quantity
from shared.flow.names import parcel_at, receipt_at
from shared.messages.acts import Target
from shared.messages.edits import Verb
from shared.messages.message import Message, Wanted
from shared.messages.search import Search

NAME = re.compile(r"[a-z0-9-]{1,40}")
KINDS = {  # of events, and what operators call them
    "alert": "varsel",
    "dispensed": "medisinutdeling",
    "supervision": "tilsyn",
    "measurement": "måling",
    "note": "notat",
    "document": "dokument",
}
CODED = (*Quantity, *WRITES)  # codes that are words; one that is a number may be one that no table has
_KINDS = {told: kind for kind, told in KINDS.items()}
_NUMBER = re.compile(r"[0-9]{1,5}([.-][0-9]{1,2}){0,3}")
LONGEST = 200  # characters of a reason, and of a sender's own id
LATELY = 24 * 3600.0  # seconds that a search goes back if it says nothing of time or state
LOOKED_UP = ("received", "waiting", "transformed", "parked", "set aside", "deleted")  # states that are found without looking at a time
USUAL: Mapping[Verb, str] = {
    Verb.RESEND: "parked",
    Verb.PARK: "waiting",
    Verb.DELETE: "",
    Verb.RESTORE: "deleted",
    Verb.TRANSFORM: "set aside",
}
MAY: Mapping[Verb, tuple[str, ...]] = {
    Verb.RESEND: ("parked", "delivered"),
    Verb.PARK: ("waiting",),
    Verb.DELETE: ("parked", "waiting", "set aside"),
    Verb.RESTORE: ("deleted",),
    Verb.TRANSFORM: ("set aside",),
}
REASONED = (Verb.PARK, Verb.DELETE)  # not without a reason


def since(given: float, state: str, now: float) -> float:
    """The last day, if nothing is said that is found without looking at a time."""
    return given or (0.0 if state in LOOKED_UP else now - LATELY)


def event(text: str) -> str:
    """As messages tell it (flow.events), however it is typed: `alert:4.1`, or as it is printed, `varsel 4.1`. "": it is none."""
    kind, colon, code = text.replace(" ", ":", 1).partition(":")
    if not colon and kind not in (*KINDS, *_KINDS):
        return kind if _coded(kind) else ""
    known = kind in (*KINDS, *_KINDS) and (_coded(code) or not colon)
    return f"{_KINDS.get(kind, kind)}{colon}{code}" if known else ""


def _coded(code: str) -> bool:
    return code in CODED or _NUMBER.fullmatch(code) is not None


def is_reason(text: str) -> bool:
    """No person's number, and no more than a sentence."""
    return text.isprintable() and 0 < len(text) <= LONGEST and not numbered(text)


async def by_id(search: Search, tenant: str, sender: str, name: str) -> list[Message]:
    """By a receipt's, a parcel's or a sender's own id; those of this municipality only."""
    if (where := receipt_at(name)) or (where := parcel_at(name)):
        message = await (search.message if receipt_at(name) else search.of_parcel)(*where) if name.startswith(tenant) else None
        return [message] if message and message.tenant == tenant else []
    return await search.by_own_id(tenant, sender, name)


def meant(message: Message, name: str, state: str, endpoint: str) -> Target:
    """A receipt is meant with its parcels, those of the wanted state only; a parcel alone. `name`: the id of either."""
    if receipt_at(name):
        wanted = Wanted(message.tenant, endpoint=endpoint, state=state)
        return Target(message, wanted.of_parcels(message), own=not endpoint)
    return Target(message, [sent for sent in message.parcels if sent.name == name], own=False)
