"""One HTTP call to a journal: to an address where journals may be, within one time-out, with an answer no longer than agreed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from shared.access.register import Auth
from shared.domain.journal import Call
from shared.door.credentials import authorization
from shared.errors import Unavailable
from shared.hub import Hub


@dataclass(frozen=True, slots=True)
class Heard:
    """A journal's answer: names of headers in lower case. `body` of a yes (2xx) only; `whole` False: it was longer than it may be, and its
    beginning is here."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    whole: bool


async def exchange(hub: Hub, call: Call, auth: Auth | None, largest: int) -> Heard:
    """The answer, of whatever status; a redirect is an answer. `largest`: bytes of its body that are read.

    Raises TimeoutError when `call_timeout` is over, however the answer drips in, and Unavailable for any other call without an answer:
    `unsure` unless no connection was made at all.
    """
    headers = {**call.headers, **authorization(hub, auth), "Accept-Encoding": "identity"}
    timeout = aiohttp.ClientTimeout(total=hub.settings.call_timeout)
    try:
        async with hub.http.request(call.method, call.url, data=call.body, headers=headers, timeout=timeout, allow_redirects=False) as got:
            told = {name.lower(): value for name, value in got.headers.items()}
            body, whole = await _body(got, largest)
            return Heard(got.status, told, body, whole)
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError) as error:
        unsure = not isinstance(error, aiohttp.ClientConnectorError)
        raise Unavailable(f"no answer from the journal ({type(error).__name__})", unsure=unsure) from None


async def _body(got: aiohttp.ClientResponse, largest: int) -> tuple[bytes, bool]:
    if got.status >= 300:
        return b"", True
    parts, size = [], 0
    async for part in got.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > largest:
            return b"".join(parts), False
    return b"".join(parts), True
