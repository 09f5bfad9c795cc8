"""Issuers' public keys, by OpenID discovery, kept at hand: fetched once a day, and once more where a token names a key that is new.

What must hold (security.md 3): whoever makes up key ids causes no fetches, an issuer that is down for a day stops nobody who has a key that
we know, and one that was never reached makes senders wait (503) rather than call them liars (401).
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import requests

from shared import log
from shared.access.address import unsafe
from shared.access.issuer import LONGEST_NAME, Issuer
from shared.domain import strict
from shared.errors import Unavailable

FRESH = 24 * 3600.0  # seconds that keys serve without being asked for again
STALE = 24 * 3600.0  # and how much longer while the issuer cannot be asked
HUNT = 300.0  # at most one fetch in that time for key ids that nobody knows, and for keys that have grown stale
RETRY = 10.0  # between attempts while there are no keys at all
TIMEOUT = 5.0  # for discovery and keys together
PATIENCE = 1.0  # how long a sender whose key we have waits for fresh ones
LARGEST = 256 * 1024  # bytes of an answer
MOST_KEYS = 100
MOST_THREADS = 8  # of one issuer that may wait at once

Jwk = Mapping[str, Any]
Fetch = Callable[[str], bytes]  # run in a thread; raises whatever it likes
_NEVER = float("-inf")


@dataclass(slots=True)
class _Known:
    """What this worker knows of one issuer. `keys`: by key id; "" = the only one, for tokens that name none."""

    keys: Mapping[str, Jwk] = field(default_factory=dict)
    fetched: float = _NEVER
    tried: float = _NEVER
    hunted: float = _NEVER
    failed: bool = False  # the latest attempt
    task: "asyncio.Task[None] | None" = None
    threads: list[threading.Thread] = field(default_factory=list)  # that still wait for it


def get(url: str) -> bytes:
    """An answer of 200, no redirect followed, no proxy or password of the environment used. Raises what requests does, or ValueError."""
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        with session.get(url, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
            if answer.status_code != 200:
                raise ValueError(f"answered {answer.status_code}")
            return _body(answer, time.monotonic() + TIMEOUT)


def _body(answer: "requests.Response", until: float) -> bytes:
    """Read as it comes: a time-out of requests begins anew with every byte."""
    body = b""
    while part := answer.raw.read1(LARGEST):
        body += part
        if len(body) > LARGEST or time.monotonic() > until:
            raise ValueError("answered with too much, or too slowly")
    return body


class Keys:
    """One per worker, used on one loop. `clock`: seconds that only ever rise; where they begin does not matter."""

    def __init__(self, fetch: Fetch = get, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._known: dict[str, _Known] = {}

    async def key(self, issuer: Issuer, kid: str) -> Jwk | None:
        """The public key of that id; None if the issuer has none such. `kid` "": its only key. Raises Unavailable while nobody knows."""
        if len(kid) > LONGEST_NAME:
            return None
        known = self._known.setdefault(issuer.issuer, _Known())
        new = await self._refreshed(issuer, known)
        if kid not in known.keys and not new:
            await self._hunted(issuer, known)
        if kid not in known.keys and known.failed:
            raise Unavailable("the issuer's keys cannot be fetched", RETRY)
        return known.keys.get(kid)

    async def _refreshed(self, issuer: Issuer, known: _Known) -> bool:
        """Whether the keys have just been fetched. Raises Unavailable where there are none, or none young enough."""
        age = self._clock() - known.fetched
        if age < FRESH:
            return False
        if age < FRESH + STALE:
            if known.task or self._clock() - known.tried >= HUNT:
                await asyncio.wait([self._fetching(issuer, known)], timeout=PATIENCE)
            return False
        known.keys = {}
        if known.task or self._clock() - known.tried >= RETRY:
            await asyncio.wait([self._fetching(issuer, known)])
        if not known.keys:
            raise Unavailable("the issuer's keys cannot be fetched", RETRY)
        return True

    async def _hunted(self, issuer: Issuer, known: _Known) -> None:
        """A key that we do not have may be new. Who asks while a fetch is under way waits for that one."""
        if not known.task:
            if self._clock() - known.hunted < HUNT:
                return
            known.hunted = self._clock()
        await asyncio.wait([self._fetching(issuer, known)])

    def _fetching(self, issuer: Issuer, known: _Known) -> "asyncio.Task[None]":
        """The fetch that is under way, or a new one. It belongs to no caller: one that goes away takes nothing from the others."""
        if known.task is None:
            known.tried = self._clock()
            known.task = asyncio.create_task(self._learn(issuer, known))
        return known.task

    async def _learn(self, issuer: Issuer, known: _Known) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                known.keys = await self._asked(issuer, known)
            known.fetched, known.failed = self._clock(), False
            log.step("keys fetched", issuer=issuer.issuer, keys=len(known.keys))
        except Exception as error:  # whatever an issuer answers, the keys that we have go on serving
            known.failed = True
            told = str(error) if isinstance(error, _NotFetched) else type(error).__name__
            log.alarm("keys not fetched", issuer=issuer.issuer, error=told)
        finally:
            known.task = None

    async def _asked(self, issuer: Issuer, known: _Known) -> Mapping[str, Jwk]:
        found = strict.load(await self._got(f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration", known))
        return _keys(strict.load(await self._got(_where(found, issuer.issuer), known)))

    async def _got(self, url: str, known: _Known) -> bytes:
        """Fetched in a thread of its own: one whose issuer sends a byte now and then, for ever, holds up no later attempt and no exit."""
        known.threads = [thread for thread in known.threads if thread.is_alive()]
        if len(known.threads) >= MOST_THREADS:
            raise _NotFetched("too many attempts are still waiting")
        future: Future[bytes] = Future()
        thread = threading.Thread(target=_fetched, args=(self._fetch, url, future), name="keys", daemon=True)
        known.threads.append(thread)
        thread.start()
        return await asyncio.wrap_future(future)


class _NotFetched(Exception):
    """What came of an attempt: the name of its error."""


def _fetched(fetch: Fetch, url: str, future: "Future[bytes]") -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(fetch(url))
    except BaseException as error:  # whatever it is, it ends this attempt and nothing else
        future.set_exception(_NotFetched(type(error).__name__))


def _where(found: Any, issuer: str) -> str:
    """The address of the keys. Raises ValueError: a discovery that is another's, or leads to where keys are not safe."""
    address = found.get("jwks_uri") if isinstance(found, dict) and found.get("issuer") == issuer else None
    if not isinstance(address, str) or unsafe(address.partition("?")[0]):
        raise ValueError("no discovery of this issuer")
    if address.startswith("http:") and not issuer.startswith("http:"):
        raise ValueError("keys without encryption")
    return address


def _keys(found: Any) -> Mapping[str, Jwk]:
    rows = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(rows, list) or len(rows) > MOST_KEYS:
        raise ValueError("no set of keys")
    from shared.access import jose  # with the first keys, not at the start of a worker

    good = [row for row in rows if jose.usable(row)]
    if not good:
        raise ValueError("no key for signatures")
    named = {row["kid"]: row for row in reversed(good) if isinstance(row.get("kid"), str) and 0 < len(row["kid"]) <= LONGEST_NAME}
    return {**named, "": good[0]} if len(good) == 1 else named
