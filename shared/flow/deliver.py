"""One call to a journal: one parcel out, one verdict back."""

from dataclasses import dataclass, field

import aiohttp

from shared.access.register import Endpoint
from shared.door import adapters
from shared.door.credentials import authorization
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


async def deliver(hub: Hub, endpoint: Endpoint, entry: Entry, document: bytes) -> tuple[str, int]:
    """The call. Raises Refused or Unavailable; whatever cuts it short is Unavailable, since the journal may or may not have it."""
    journal = adapters.journal(endpoint.adapter)
    if journal is None:
        raise Refused("this hub has no such way to reach a journal")
    call = journal.request(endpoint.url, entry["resource"], entry["id"], document)
    timeout = aiohttp.ClientTimeout(total=hub.settings.call_timeout)
    now, known = hub.clock(), pace(hub, endpoint)
    known.calls.append(now)
    headers = {**call.headers, **authorization(hub, endpoint.auth), "Accept-Encoding": "identity"}
    try:
        async with hub.http.request(
            call.method, call.url, data=call.body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            answer = {name.lower(): value for name, value in response.headers.items()}
            return journal.verdict(response.status, answer, await _body(response)), response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable(f"no answer from the journal ({type(error).__name__})") from error
    finally:
        known.calls.remove(now)
        if hub.clock() - now > _LONG:
            known.slow_until = hub.clock() + _SLOW


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The answer's body where it can change the verdict; one that is too long is not read, and the status alone decides."""
    if response.status >= 300:
        return b""
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > _ANSWER:
            return b""
    return body
