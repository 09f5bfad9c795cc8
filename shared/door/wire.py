"""One HTTP call, and its answer as far as it is read. No redirect is followed, nothing of the environment used."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from shared.domain.journal import Call
from shared.settings import Settings


class Reach(Protocol):
    """What of the hub it takes to call somebody."""

    settings: Settings
    http: aiohttp.ClientSession
    kept: dict[Any, Any]

    @property
    def clock(self) -> Callable[[], float]: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: names of headers in lower case. `whole` False: its body was longer than it may be, and its beginning is here."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    whole: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` until the whole answer must be here, however it drips in; `largest`: bytes of its body that are read, of those statuses
    that are below `body_below`."""

    seconds: float
    largest: int
    body_below: int = 300


async def send(hub: Reach, call: Call, headers: Mapping[str, str], tls: ssl.SSLContext | bool, limits: Limits) -> Heard:
    """The answer, of whatever status. Raises what aiohttp does, TimeoutError among it."""
    timeout = aiohttp.ClientTimeout(total=max(limits.seconds, 0.001))  # 0 would mean for ever
    sent = {**call.headers, **headers, "Accept-Encoding": "identity"}
    async with hub.http.request(
        call.method, call.url, data=call.body, headers=sent, timeout=timeout, allow_redirects=False, ssl=tls
    ) as got:
        told = {name.lower(): ", ".join(got.headers.getall(name)) for name in got.headers}
        body, whole = await _body(got, limits.largest) if got.status < limits.body_below else (b"", True)
        return Heard(got.status, told, body, whole)


async def _body(got: aiohttp.ClientResponse, largest: int) -> tuple[bytes, bool]:
    parts, size = [], 0
    async for part in got.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > largest:
            return b"".join(parts), False
    return b"".join(parts), True
