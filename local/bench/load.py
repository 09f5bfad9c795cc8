"""The driver and its sink: payloads in at one end, arrivals at the other, and what lies between them in time.

An event is in flight from its POST until the sink has seen it. The sink is a journal that always says yes at once; it knows an event
by the second at which it happened, which stands in the payload and in whatever is made of it, and is different for every event.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Generic, TypeVar

from local.bench.wire import CREATED, Answer, Client, Server
from local.terminal import Halt

PATIENCE = 30.0  # an event that takes longer is lost, and the bench has no figure to give
MOST = 512  # payloads in flight in open loop
MARKERS = (b'"effectiveDateTime":"', b'"timestamp": "', b'"timestamp":"')  # in the hub's document; in the payload that raw passes on
Wire = Callable[[int], bytes]  # first event number -> the whole request
Snapshot = TypeVar("Snapshot")


def happened(body: bytes) -> int | None:
    """The second in a document or a payload at which its first event happened."""
    for marker in MARKERS:
        if (at := body.find(marker)) >= 0:
            start = at + len(marker)
            return int(datetime.fromisoformat(body[start : body.find(b'"', start)].decode()).timestamp())
    return None


class Sink:
    """A journal that says 201 at once and tells whoever waits for the event."""

    def __init__(self) -> None:
        self.server = Server(self._on_document)
        self.waiting: dict[int, asyncio.Future[float]] = {}
        self.arrived = 0
        self.unknown = 0  # not, or no longer, waited for: a second copy, or a document that we cannot read

    def expect(self, event: int) -> "asyncio.Future[float]":
        self.waiting[event] = future = asyncio.get_running_loop().create_future()
        return future

    def _on_document(self, _head: bytes, body: bytes, answer: Answer) -> None:
        answer(CREATED)
        second = happened(body)
        future = self.waiting.pop(second, None) if second is not None else None
        if future is None:
            self.unknown += 1
            return
        self.arrived += 1
        if not future.done():
            future.set_result(perf_counter())


@dataclass(slots=True)
class Times:
    """What was measured, in seconds. `accept`: POST to 202; `through`: POST to the sink, per event."""

    accept: list[float] = field(default_factory=list)
    through: list[float] = field(default_factory=list)
    unsent: int = 0  # open loop only: too many were in flight

    def clear(self) -> None:
        self.accept.clear()
        self.through.clear()

    def add(self, other: "Times") -> None:
        self.accept += other.accept
        self.through += other.through
        self.unsent += other.unsent


@dataclass(slots=True)
class Window(Generic[Snapshot]):
    """A stretch of steady load, and what `look` saw at its ends."""

    times: Times
    before: Snapshot
    after: Snapshot


def start_second() -> int:
    """Far enough back that no reading lies in the future, however many there are."""
    return int(datetime.now(UTC).timestamp()) - 20 * 86400


class Driver:
    """Sends payloads and waits for all their events at the sink."""

    def __init__(self, port: int, sink: Sink, first: int) -> None:
        self.client, self.sink, self.next = Client(port), sink, first

    async def one(self, wire: Wire, size: int, times: Times) -> None:
        """One payload of `size` events, from POST until all have arrived."""
        first, self.next = self.next, self.next + size
        arrivals = [self.sink.expect(first + number) for number in range(size)]
        request = wire(first)
        started = perf_counter()
        status, _ = await self.client.ask(request)
        times.accept.append(perf_counter() - started)
        if status != 202:
            raise Halt(f"a payload of the bench was answered {status}, not 202")
        for arrival in arrivals:
            times.through.append(await arrival - started)

    async def closed(
        self, wire: Wire, size: int, flight: int, look: Callable[[], Snapshot], spell: tuple[float, float]
    ) -> Window[Snapshot]:
        """`flight` payloads in flight all the time. `spell`: seconds of warming up, seconds of measuring. Ends when all have arrived."""
        times, over = Times(), asyncio.Event()

        async def slot() -> None:
            while not over.is_set():
                await self.one(wire, size, times)

        async def watch() -> Window[Snapshot]:
            await asyncio.sleep(spell[0])
            times.clear()
            before = look()
            await asyncio.sleep(spell[1])
            after = look()
            over.set()
            return Window(times, before, after)

        watching = asyncio.create_task(watch())
        await together([watching, *(asyncio.create_task(slot()) for _ in range(flight))], sum(spell))
        return watching.result()

    async def paced(self, wire: Wire, rate: float, look: Callable[[], Snapshot], spell: tuple[float, float]) -> Window[Snapshot]:
        """One payload every 1/rate s, whether or not the earlier ones have arrived. `spell` and the end: as in `closed`."""
        tasks = set[asyncio.Task[None]]()
        await self._send(wire, rate, spell[0], tasks)
        before = look()
        times = await self._send(wire, rate, spell[1], tasks)
        after = look()
        await together(tasks, 0.0)
        return Window(times, before, after)

    async def _send(self, wire: Wire, rate: float, seconds: float, tasks: "set[asyncio.Task[None]]") -> Times:
        times, began = Times(), perf_counter()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - perf_counter()))
            if len(self.sink.waiting) >= MOST:
                times.unsent += 1
            else:
                tasks.add(asyncio.create_task(self.one(wire, 1, times)))
        return times


async def together(tasks: Iterable["asyncio.Task[Any]"], seconds: float) -> None:
    """All of them, within `seconds` and the patience that a lost event gets. The first failure ends the others."""
    tasks = list(tasks)
    try:
        async with asyncio.timeout(seconds + PATIENCE):
            await asyncio.gather(*tasks)
    except TimeoutError:
        raise Halt(f"readings that were answered 202 had not arrived at the sink after {PATIENCE:.0f} s") from None
    except ConnectionError as error:
        raise Halt(f"the app went away in mid-call: {error}") from None
    finally:
        for task in tasks:
            task.cancel()
