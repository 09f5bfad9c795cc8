"""What takes long to read is read aside, in threads of its own: others have their turn meanwhile. Only so much of it at once."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from shared.door.answers import Fault
from shared.hub import Hub

LARGE = 64 * 1024  # bytes; what is smaller takes less than a change of threads
MOST = 8  # at once, of one worker: what waits longer than its caller is of use to nobody

P = ParamSpec("P")
T = TypeVar("T")


async def study(hub: Hub, size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The work's result; a Fault (429) while enough of the kind is under way."""
    if size <= LARGE:
        return work(*args, **kwargs)
    if hub.studying >= MOST:
        reason = "more large documents come in than this hub reads at once"
        raise Fault(429, reason, "send it again after the time in Retry-After", headers={"Retry-After": "3"})
    hub.studying += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(hub.readers, lambda: work(*args, **kwargs))
    finally:
        hub.studying -= 1
