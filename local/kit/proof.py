"""How the kit proves itself to a journal: as the hub does (`shared/door/credentials`), by a row of the register. And badly, on purpose."""

import asyncio
import ssl
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from local.kit.wire import Answer
from local.reaching import Outside, opened
from shared.access.rows import Auth
from shared.domain.journal import Call
from shared.door.credentials import Shown, renewed, show
from shared.door.tls import context
from shared.door.wire import Heard

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Proof:
    """`auth` None: the journal asks for nothing. Tokens are got on a loop of our own, while the kit's calls are made in threads."""

    auth: Auth | None
    _hub: Outside
    _loop: asyncio.AbstractEventLoop

    def shown(self, call: Call, limit: float, ago: float = 0.0) -> Shown:
        """`ago`: seconds by which our clock is behind. Raises Unavailable, which says what is missing."""
        hub = replace(self._hub, clock=lambda: time.time() - ago)
        return self._run(show(hub, call, self.auth, time.monotonic() + limit))

    def renewed(self, call: Call, shown: Shown, answer: Answer) -> str:
        """Why the call is to be made once more, "" if it is not."""
        return renewed(self._hub, call, self.auth, shown, Heard(answer.status, answer.headers, answer.body, True))

    def nothing(self) -> Shown:
        """What a caller shows who was agreed nothing with: no header, and no certificate where that is all there is."""
        if self.auth is None:
            return Shown()
        alone = self.auth.scheme == "certificate"
        return Shown(tls=self._run(context(self._hub, replace(self.auth, certificates=()) if alone else self.auth)))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def proving(auth: Auth | None, env: Mapping[str, str]) -> Iterator[Proof]:
    """`env`: where secrets are. Raises BadSetting."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        hub = asyncio.run_coroutine_threadsafe(_opened(env), loop).result()
        try:
            yield Proof(auth, hub, loop)
        finally:
            asyncio.run_coroutine_threadsafe(hub.http.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _opened(env: Mapping[str, str]) -> Outside:
    return opened(env)


def forged(shown: Shown) -> Shown:
    """One sign of the secret is another: what compares only the beginning, or does not look at all, is found out."""
    return Shown({name: _forged(name, value) for name, value in shown.headers.items()}, shown.tls)


def _forged(name: str, value: str) -> str:
    if name in ("DPoP", "webhook-id", "webhook-timestamp"):
        return value
    scheme, _, text = value.partition(" ")
    forge = FORGED.get(scheme if name == "Authorization" else name)
    if forge is None:
        return _amiss(value)
    return f"{scheme} {forge(text)}" if name == "Authorization" else forge(value)


def _amiss(secret: str, place: int = -1) -> str:
    at = place % len(secret)
    return secret[:at] + ("B" if secret[at] == "A" else "A") + secret[at + 1 :]


def _password(text: str) -> str:
    return b64encode(_amiss(b64decode(text).decode()).encode()).decode()


def _signed(text: str) -> str:
    """Not at its end: the last sign of base64 may say nothing."""
    return _amiss(text, -10)


FORGED: Mapping[str, Callable[[str], str]] = {"Basic": _password, "Bearer": _signed, "DPoP": _signed, "webhook-signature": _signed}


def trusted(shown: Shown) -> ssl.SSLContext | None:
    """None: what browsers trust."""
    return shown.tls if isinstance(shown.tls, ssl.SSLContext) else None
