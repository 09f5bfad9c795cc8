"""One call to a journal: to an address where journals may be, with what it knows us by, within one time-out, with an answer no longer than
agreed."""

import time

import aiohttp

from shared.access.register import Auth
from shared.domain.journal import Call
from shared.door.credentials import Shown, renewed, show
from shared.door.wire import Heard, Limits, Reach, send
from shared.errors import Unavailable

__all__ = ["Heard", "exchange"]


async def exchange(hub: Reach, call: Call, auth: Auth | None, largest: int) -> Heard:
    """The answer, of whatever status; a redirect is an answer. `largest`: bytes of its body that are read, of a yes (2xx) only.

    An access token that the journal does not take (401) is changed for a fresh one, and a nonce that it wants is given it: the call is made
    once more for each. Raises TimeoutError when `call_timeout` is over, for token and repeats together and however the answer drips in, and
    Unavailable for any other call without an answer: `unsure` unless no connection was made at all.
    """
    until = time.monotonic() + hub.settings.call_timeout
    repeated: set[str] = set()
    while True:
        shown = await show(hub, call, auth, until)
        heard = await _called(hub, call, shown, Limits(until - time.monotonic(), largest))
        reason = renewed(hub, call, auth, shown, heard)
        if not reason or reason in repeated:
            return heard
        repeated.add(reason)


async def _called(hub: Reach, call: Call, shown: Shown, limits: Limits) -> Heard:
    try:
        return await send(hub, call, shown.headers, shown.tls, limits)
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError) as error:
        unsure = not isinstance(error, aiohttp.ClientConnectorError)
        raise Unavailable(f"no answer from the journal ({type(error).__name__})", unsure=unsure) from None
