"""Searches of people take turns: they read much, and alarms are worked on by the same worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from shared.door.answers import Fault
from shared.hub import Hub

_AT_ONCE = 2  # of one worker, of two people
_OWN = 5.0  # seconds that somebody's search waits for their own before it, as a page asks for two things at once
_ONE = Fault(429, "another search of yours goes on", "wait for its answer, or search for a shorter time", headers={"Retry-After": "5"})


@asynccontextmanager
async def search_turn(hub: Hub, person: str) -> AsyncIterator[None]:
    """Waits for one; nobody has two, so nobody has all. Raises Fault for whoever has one still; whoever waits for others for longer than a
    call may take is told to come again (door.attended)."""
    turns: asyncio.Semaphore = hub.kept.setdefault("searches", asyncio.Semaphore(_AT_ONCE))
    owns: WeakValueDictionary[str, asyncio.Lock] = hub.kept.setdefault("searchers", WeakValueDictionary())
    own = owns.setdefault(person, asyncio.Lock())
    try:
        async with asyncio.timeout(_OWN):
            await own.acquire()
    except TimeoutError:
        raise _ONE from None
    try:
        async with turns:
            yield
    finally:
        own.release()
