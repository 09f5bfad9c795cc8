"""How a worker attends to a line. Both halves of the flow do it the same way; only what is done in a turn differs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from shared import log
from shared.hub import Half, Hub
from shared.storage.lines import Head, Hold, Look, Lost
from shared.storage.packs import Pack

FALLS = 3  # a row that has brought its worker down this often is set aside
_LINGER = 1.0  # seconds a worker stays at a line once it is empty, free for others to take: as long as the host's slowest poll
_SHIFT = 60.0  # seconds at one line, then it goes back on the queue: a function may not run for ever (host.json, functionTimeout)
_BACK = 1.0  # seconds until a held line is asked for again

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
    if look.head is None or not look.packs or look.head.not_before > now:
        return False  # nothing to do, or its message is on its way
    if look.head.held(now):
        await come_back(hub, half, line, _BACK)
        return False
    try:
        return await turn(hub, line, look)
    except Lost:
        log.step("lost the line", half=half.name, line=line)
        return True  # what was written by whom shows at the next look


async def come_back(hub: Hub, half: Half, line: str, delay: float) -> None:
    """Queues a line for later. A line of which this worker has a message coming before then needs no second one."""
    now = hub.clock()
    if now < half.due.get(line, 0.0) <= now + delay + _BACK:
        return
    half.due[line] = now + delay
    await hub.queues.put(half.name, [line], delay)


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


def holder() -> str:
    """A name for one hold. The ETag of the head is the fence; the name tells a hold of ours from another's when an answer was lost."""
    return uuid4().hex


def careful(head: Head) -> bool:
    """After a fall, one entry at a time: then it is known which one brings its worker down."""
    return head.falls > 0


def waiting(pack: Pack) -> list[int]:
    """The places in a pack that have no end yet."""
    return [place for place, state in enumerate(pack.states) if state is None or "end" not in state]


async def free(half: Half, hold: Hold) -> None:
    """Lets go after a failure of ours, if the line is still ours."""
    try:
        await half.lines.let_go(hold)
    except Lost:
        log.step("lost the line", half=half.name, line=hold.line)
