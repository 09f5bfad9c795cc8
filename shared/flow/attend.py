"""How a worker attends to a line. Both halves of the flow do it the same way; only what is done in a turn differs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from azure.core.exceptions import AzureError

from shared import log
from shared.hub import Half, Hub
from shared.storage.head import Head
from shared.storage.lines import Hold, Look, Lost
from shared.storage.packs import Pack

_FALLS_ALONE = 2
_LINGER = 1.0  # seconds a worker stays at a line once it is empty, free for others to take: as long as the host's slowest poll
_SHIFT = 60.0  # seconds at one line, then it goes back on the queue: a function may not run for ever (host.json, functionTimeout)
_WRITTEN_WRONGLY = (400, 413)  # what storage says of a row that cannot be; 403, 404 and 409 are about storage itself
_BACK = 1.0  # seconds until a held line is asked for again
STOPPED = 30.0  # seconds until a line whose traffic is stopped is looked at again

Turn = Callable[[Hub, str, Look], Awaitable[bool]]  # True: there is more to do at once


async def attend(hub: Hub, half: Half, lines: Sequence[str], turn: Turn) -> None:
    """Works these lines until they have nothing to do now. An error of one line is raised when the others are done."""
    outcomes = await asyncio.gather(*(_attend(hub, half, line, turn) for line in lines), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def _attend(hub: Hub, half: Half, line: str, turn: Turn) -> None:
    if half.bells.ring(line):
        return
    half.bells.start(line)
    relief = hub.clock() + _SHIFT
    try:
        again = True
        while again and hub.clock() < relief:
            half.bells.hush(line)
            again = await _once(hub, half, line, turn) or await half.bells.rings_within(line, _LINGER)
        if again:
            await hub.queues.put(half.name, [line])
    finally:
        half.bells.stop(line)


async def _once(hub: Hub, half: Half, line: str, turn: Turn) -> bool:
    """Whether there is more to do at once."""
    look = await half.lines.look(line)
    now = hub.clock()
    if not look.packs:
        return False
    if look.head is None:
        log.alarm("line without head", half=half.name, line=line)
        await half.lines.give_head(line)
        return True
    if look.head.held(now) or look.wanted > now:
        await come_back(hub, half, line, now + _BACK, early=_BACK)
        return False
    if look.head.not_before > now:
        await come_back(hub, half, line, look.head.not_before)
        return False
    try:
        return await turn(hub, line, look)
    except Lost:
        log.step("lost the line", half=half.name, line=line)
        return True  # what was written by whom shows at the next look


async def come_back(hub: Hub, half: Half, line: str, at: float, early: float = 0.0) -> None:
    """Queues a line for later, unless this worker has a message coming for it at about that time, or up to `early` seconds before."""
    now = hub.clock()
    if now < half.due.get(line, 0.0) and at - early <= half.due[line] <= at + _BACK:
        return
    await hub.queues.put(half.name, [line], max(at - now, 0.0))
    half.due[line] = at


async def ring(hub: Hub, half: Half, lines: Sequence[str]) -> None:
    """Tells that these lines have something waiting: one message, or none where this worker is at the line already.

    Those who ring for the same lines at the same moment, as all payloads of a pack do, share a message, sent after each has asked.
    """
    unheard = tuple(line for line in lines if not half.bells.ring(line))
    if not unheard:
        return
    if unheard not in half.ringing:
        half.ringing[unheard] = asyncio.create_task(_tell(hub, half, unheard))
    await asyncio.shield(half.ringing[unheard])


async def _tell(hub: Hub, half: Half, lines: tuple[str, ...]) -> None:
    await asyncio.sleep(0)  # those who were woken together ask in this round of the loop
    del half.ringing[lines]
    await hub.queues.put(half.name, list(lines))


def waiting(pack: Pack) -> list[int]:
    """The places in a pack that have no end yet."""
    return [place for place, state in enumerate(pack.states) if state is None or "end" not in state]


def fallen(head: Head, at: int) -> bool:
    """True if this position brought its worker down three times: once among others, and then alone."""
    return head.trying == at and head.falls >= _FALLS_ALONE


@asynccontextmanager
async def holding(half: Half, hold: Hold, sent: Callable[[], bool] = lambda: False) -> AsyncIterator[None]:
    """Lets go if the work fails, and counts a fall unless storage, the network or the host's stop is to blame. `sent`: whether something
    has left the hub that could not be taken back."""
    try:
        yield
    except Lost:
        raise
    except BaseException as error:
        with suppress(Lost, AzureError):
            await half.lines.let_go(hold, fell=_may_be_ours(error), sent=sent())
        raise


def _may_be_ours(error: BaseException) -> bool:
    """False where storage, the network or the host's stop is to blame: no payload is set aside for these."""
    if isinstance(error, AzureError):
        return getattr(error, "status_code", None) in _WRITTEN_WRONGLY
    return isinstance(error, Exception) and not isinstance(error, TimeoutError | OSError)
