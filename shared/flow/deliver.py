"""One call to a journal: one parcel out, one verdict back."""

from dataclasses import dataclass, field

from shared.access.register import Endpoint
from shared.domain.journal import Sending
from shared.domain.message import Lane
from shared.door import adapters
from shared.door.exchange import exchange
from shared.errors import Refused, Unavailable
from shared.hub import Hub
from shared.storage.packs import Entry

_ANSWER = 64 * 1024  # bytes of a journal's answer that are read
_LONG = 1.0  # seconds; an endpoint is slow while a call to it has lasted longer ...
_SLOW = 30.0  # ... and for so long after one that had


@dataclass(slots=True)
class Pace:
    """How an endpoint answers this worker. `lines`: how many of its lines are worked on; `calls`: when those under way began."""

    lines: int = 0
    calls: list[float] = field(default_factory=list)
    slow_until: float = 0.0

    def slow(self, now: float) -> bool:
        return self.slow_until > now or any(now - began > _LONG for began in self.calls)


def pace(hub: Hub, endpoint: Endpoint) -> Pace:
    """What is known of an endpoint."""
    known: Pace = hub.paces.setdefault(f"{endpoint.tenant}~{endpoint.name}", Pace())
    return known


async def deliver(hub: Hub, endpoint: Endpoint, lane: Lane, entry: Entry, document: bytes) -> tuple[str, int]:
    """The call. Raises Refused or Unavailable; whatever cuts it short is Unavailable, since the journal may or may not have it."""
    journal = adapters.journal(endpoint.adapter)
    if journal is None:
        raise Refused("this hub has no such way to reach a journal")
    sending = Sending(endpoint.url, entry["resource"], entry["id"], document, lane, dict(endpoint.note))
    now, known = hub.clock(), pace(hub, endpoint)
    known.calls.append(now)
    try:
        heard = await exchange(hub, journal.request(sending), endpoint.auth, _ANSWER)
        return journal.verdict(heard.status, heard.headers, heard.body if heard.whole else b""), heard.status
    except TimeoutError:
        raise Unavailable("no answer from the journal (TimeoutError)", unsure=True) from None
    finally:
        known.calls.remove(now)
        if hub.clock() - now > _LONG:
            known.slow_until = hub.clock() + _SLOW
