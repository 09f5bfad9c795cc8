"""One parcel to a journal and one verdict back; after an unknown outcome the journal is asked first, where it can be."""

import asyncio
from dataclasses import dataclass

from shared.access.register import Endpoint
from shared.domain.answer import ASKED, UNASKED, about_us
from shared.domain.journal import Call, JournalAdapter, Sending
from shared.domain.message import Lane
from shared.door import adapters
from shared.door.exchange import Heard, exchange
from shared.errors import Refused, Unavailable
from shared.flow.breaker import pace
from shared.flow.names import sender_of
from shared.hub import Hub
from shared.storage.packs import Entry
from shared.storage.shelf_rows import Document, shelf_of

_ANSWER = 1024 * 1024  # bytes of a journal's answer that are read
_ASKING = 0.5  # of the time that a call may take, for asking a journal what it has


@dataclass(frozen=True, slots=True)
class Delivered:
    """`name`: the journal's own for what it stored, "" if it gave none. `answer`: its status. `had`: it said so when it was asked.
    `follow`: it will say later what became of it."""

    name: str
    answer: int
    had: bool = False
    follow: bool = False


def longest(hub: Hub, endpoint: Endpoint) -> float:
    """Seconds that one attempt may take."""
    journal = adapters.journal(endpoint.adapter)
    return hub.settings.call_timeout * (1 + (_ASKING if journal and journal.ask else 0))


async def deliver(hub: Hub, endpoint: Endpoint, lane: Lane, entry: Entry, document: bytes, *, unsure: bool) -> Delivered:
    """`unsure`: an earlier attempt may have arrived. Raises Refused or Unavailable; whatever cuts a call short is Unavailable."""
    journal = adapters.journal(endpoint.adapter)
    if journal is None:
        raise Refused("this hub has no such way to reach a journal")
    sending = Sending(
        endpoint.url,
        entry["resource"],
        entry["id"],
        document,
        lane,
        dict(endpoint.note),
        sender_of(entry.get("of", "")) or entry.get("source", ""),
    )
    if journal.shelved:
        return await _shelve(hub, endpoint, journal, sending, entry)
    if unsure and endpoint.asks and (found := await _had(hub, endpoint, journal, sending)):
        return found
    heard = await _called(hub, endpoint, journal.request(sending))
    name = journal.verdict(heard.status, heard.headers, heard.body if heard.whole else b"")
    return Delivered(name, heard.status, follow=bool(journal.follow and name))


async def _shelve(hub: Hub, endpoint: Endpoint, journal: JournalAdapter, sending: Sending, entry: Entry) -> Delivered:
    """A shelf is storage, which knows what lies there: nothing is asked after an unknown outcome. A repeat has no second effect."""
    where = journal.request(sending).url
    kind, _, name = where.partition("/")
    document = Document(name, kind, entry["patient"], sending.source, sending.lane, sending.document, entry.get("message", ""))
    try:
        new = await hub.shelf.put(shelf_of(endpoint.tenant, endpoint.name), document)
    except TimeoutError:
        raise Unavailable("the end of the shelf was taken by others again and again", unsure=True) from None
    status = 201 if new else 200
    return Delivered(journal.verdict(status, {"location": where}, b""), status)


async def _had(hub: Hub, endpoint: Endpoint, journal: JournalAdapter, sending: Sending) -> Delivered | None:
    """What the journal has of this very document. Unavailable, and as unsure as before, while it does not say; one that will not say by
    itself is told of (notice.watch)."""
    if journal.ask is None or journal.has is None:
        return None
    status = 0
    try:
        async with asyncio.timeout(hub.settings.call_timeout * _ASKING):
            heard = await _called(hub, endpoint, journal.ask(sending))
        status = heard.status
        if not heard.whole:
            raise Unavailable("its answer is too long")
        name = journal.has(sending, heard.status, heard.headers, heard.body)
    except TimeoutError:
        raise Unavailable(f"{ASKED}no answer in time", unsure=True) from None
    except (Refused, Unavailable) as error:
        wish = error.retry_after if isinstance(error, Unavailable) else None
        said = UNASKED if isinstance(error, Refused) or about_us(status) else ASKED
        raise Unavailable(said + error.reason, wish, unsure=True) from None
    return None if name is None else Delivered(name, heard.status, had=True)


async def _called(hub: Hub, endpoint: Endpoint, call: Call) -> Heard:
    began, known = hub.clock(), pace(hub, endpoint)
    known.calls.append(began)
    try:
        return await exchange(hub, call, endpoint.auth, _ANSWER)
    except TimeoutError:
        raise Unavailable("no answer from the journal (TimeoutError)", unsure=True) from None
    finally:
        known.ended(began, hub.clock())
