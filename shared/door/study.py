"""What takes long to read is read aside, in threads of its own: others have their turn meanwhile. Only so many documents at once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

from shared.door.answers import Fault
from shared.hub import Hub

LARGE = 64 * 1024  # bytes; what is smaller takes less than a change of threads
MOST = 8  # documents at once, of one worker: what waits longer than its caller is of use to nobody
EACH = 4  # of one municipality: no sender of one takes the others' turn

P = ParamSpec("P")
T = TypeVar("T")


async def study(hub: Hub, tenant: str, size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a document comes to; a Fault (429) while enough of them are read."""
    if size <= LARGE:
        return work(*args, **kwargs)
    if hub.studying.total() >= MOST or hub.studying[tenant] >= EACH:
        reason = "more large documents come in than this hub reads at once"
        raise Fault(429, reason, "send it again after the time in Retry-After", headers={"Retry-After": "3"})
    loop, future = asyncio.get_running_loop(), hub.readers.submit(lambda: work(*args, **kwargs))
    hub.studying[tenant] += 1
    # counted until it is done, not until its sender goes away: a thread cannot be called off
    future.add_done_callback(lambda _: _finished(hub, tenant, loop))
    return await asyncio.wrap_future(future)


async def aside(hub: Hub, tenant: str, size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a journal's answer comes to. Those of one municipality wait for one another, for nobody else's, and for no documents."""
    if size <= LARGE:
        return work(*args, **kwargs)
    async with hub.turns.setdefault(tenant, asyncio.Lock()):
        return await asyncio.wrap_future(hub.lookers.submit(lambda: work(*args, **kwargs)))


def _finished(hub: Hub, tenant: str, loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # the worker has closed meanwhile
        loop.call_soon_threadsafe(hub.studying.subtract, {tenant: 1})
