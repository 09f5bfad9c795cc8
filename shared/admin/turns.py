"""Searches of people take turns: they read much, and alarms are worked on by the same worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.hub import Hub

_AT_ONCE = 2  # of one worker


@asynccontextmanager
async def search_turn(hub: Hub) -> AsyncIterator[None]:
    """Waits for one; whoever waits for longer than a call may take is told to come again (door.attended)."""
    turns: asyncio.Semaphore = hub.kept.setdefault("searches", asyncio.Semaphore(_AT_ONCE))
    async with turns:
        yield
