"""An instance of the app in this process: its hub, and what the Functions host does for it, with Azure's semantics (`domain/runtime.md` 2).

A message that is worked on stays hidden, is deleted when its function ends well, comes back at once when it fails, and is poison after
five times. The clock is this machine's until nothing more happens: then `drain` moves it on and sweeps, as timers would have by then.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import AzureError
from azure.storage.queue.aio import QueueClient

from shared.domain.message import Lane
from shared.flow.forward import forward
from shared.flow.sweep import sweep
from shared.flow.transform import transform
from shared.hub import Bells, Hub, hub_on, open_hub
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.queues import NAMES, RECEIPTS, Queues, read

LEASE = 600  # seconds that a message stays hidden while somebody works on it, or has died over it
TRIES = 5
STEP = 10.0  # seconds that the clock is moved when nothing happens: the alarm lane's sweep
_POLL = 0.15  # seconds until all queues are looked at, whether or not something is known to be there


@dataclass(slots=True)
class Time:
    """The world's clock. `ahead`: seconds by which it was moved."""

    ahead: float = 0.0

    def clock(self, wrong: float = 0.0) -> Callable[[], float]:
        """One that differs by `wrong` seconds."""
        return lambda: time.time() + self.ahead + wrong


class Brief(Bells):
    """Waits for a ring, but not as long as the product would: in real seconds nothing happens here."""

    def __init__(self, linger: float = 0.05) -> None:
        super().__init__()
        self._linger = linger

    async def rings_within(self, line: str, seconds: float) -> bool:
        return await super().rings_within(line, min(seconds, self._linger))


class Ringing(Queues):
    """Says at which queues something new is: the host's own sends wake its listener."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.rung: set[str] = set()
        self.bell = asyncio.Event()

    async def _send(self, half: str, lane: Lane, lines: list[str], delay: float) -> None:
        await super()._send(half, lane, lines, delay)
        self.rung.add(f"{half}-{lane}")
        self.bell.set()


@dataclass(slots=True)
class App:
    """`copies`: how many times a message is delivered, 0 = its worker dies and it stays hidden; `late`: seconds until each of them is."""

    hub: Hub
    queues: dict[str, QueueClient]
    copies: Callable[[], int] = lambda: 1
    late: Callable[[], float] = lambda: 0.0
    running: set["asyncio.Task[None]"] = field(default_factory=set)
    quiet: bool = False  # the last look at all queues brought nothing
    poison: int = 0
    brought: int = 0  # messages
    turns: int = 0  # how often somebody began to work on one

    @property
    def idle(self) -> bool:
        return self.quiet and not self.running

    async def pump(self) -> None:
        """For ever: takes what the queues have, and works on it."""
        queues = self.hub.queues
        assert isinstance(queues, Ringing)  # noqa: S101 -- `app` made it so
        while True:
            names, everywhere = (queues.rung, False) if queues.rung else (NAMES, True)
            queues.rung = set()
            queues.bell.clear()
            found = sum(await asyncio.gather(*map(self._receive, names)))
            busy = bool(found or self.running or not everywhere)
            self.quiet = not busy
            with suppress(TimeoutError):
                await asyncio.wait_for(queues.bell.wait(), _POLL)

    async def _receive(self, name: str) -> int:
        try:
            pages = self.queues[name].receive_messages(messages_per_page=16, visibility_timeout=LEASE, retry_total=0).by_page()
            found = [message async for message in await anext(pages)]
        except (AzureError, StopAsyncIteration, OSError):
            return 0  # polling goes on
        for message in found:
            copies = self.copies()
            self.brought, self.turns = self.brought + 1, self.turns + copies
            for number in range(copies):
                task = asyncio.create_task(self._handle(name, message, first=number == 0))
                self.running.add(task)
                task.add_done_callback(self.running.discard)
        return len(found)

    async def _handle(self, name: str, message: Any, *, first: bool) -> None:
        if pause := self.late():
            await asyncio.sleep(pause)
        work = transform if name.startswith(RECEIPTS) else forward
        try:
            await work(self.hub, read(base64.b64decode(message.content)))
            settle: Awaitable[Any] = self.queues[name].delete_message(message)
        except Exception:  # whatever the functions raise, the host tries again
            buried = message.dequeue_count >= TRIES
            settle = self._bury(name, message) if buried else self.queues[name].update_message(message, visibility_timeout=0)
        if first:
            with suppress(AzureError, OSError):
                await settle
        else:
            settle.close()  # type: ignore[attr-defined]  # a coroutine: the first copy has settled it

    async def _bury(self, name: str, message: Any) -> None:
        self.poison += 1
        await self.hub.account.queue(f"{name}-poison").send_message(message.content)
        await self.queues[name].delete_message(message)


@asynccontextmanager
async def app(settings: Settings, clock: Callable[[], float], *, made: bool = False, **how: Any) -> AsyncIterator[App]:
    """An instance that is at work. `made`: tables and queues are, by an earlier one."""
    hub = hub_on(Account(settings), settings, clock) if made else await open_hub(settings, clock)
    hub.receipts.bells, hub.parcels.bells = Brief(), Brief()
    hub.queues = Ringing(hub.account)
    one = App(hub, {name: hub.account.queue(name) for name in NAMES}, **how)
    pump = asyncio.create_task(one.pump())
    try:
        yield one
    finally:
        for task in (pump, *one.running):
            task.cancel()
        await asyncio.gather(pump, *one.running, return_exceptions=True)
        await hub.close()


async def drain(world: Time, apps: list[App], over: Callable[[], Awaitable[bool]], jumps: int = 100) -> bool:
    """Until `over`, or until that many moves of the clock did not help."""
    for _ in range(jumps):
        while not all(one.idle for one in apps):  # noqa: ASYNC110 -- to be idle is no event: it is that none comes
            await asyncio.sleep(0.01)
        if await over():
            return True
        world.ahead += STEP
        await swept(apps)
    return await over()


async def swept(apps: list[App]) -> None:
    """Every instance sweeps once, as its timers do."""
    for one in apps:
        for lane in Lane:
            with suppress(AzureError, OSError):
                await sweep(one.hub, lane)
        one.quiet = False
