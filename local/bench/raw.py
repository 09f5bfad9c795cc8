"""The least that could do the hub's job, as a process of its own: what the machine and the emulator allow.

Per event one HTTP in, one enqueue, one receive (32 at a time) and delete, one table upsert, one HTTP out. Nothing is checked,
nothing is batched, nobody is asked who they are: a measuring stick, not a design.
"""

import asyncio
import signal
import sys

from local.bench.storage import Storage
from local.bench.wire import ACCEPTED, FAILED, Answer, Client, Server, post

QUEUE, TABLE = "rawevents", "rawevents"
AT_ONCE = 32  # received at a time: what the service allows
MOST = 64  # in hand at most: as many as the driver keeps in flight
PAUSE = 0.005  # after an empty receive


class Raw:
    """One queue, one table, one sink."""

    def __init__(self, storage: Storage, sink_port: int) -> None:
        self.storage, self.sink = storage, Client(sink_port)
        self.waiting = 0  # enqueued and not yet received
        self.running = 0  # received and not yet deleted
        self.count = 0
        self.wake = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    def on_payload(self, _head: bytes, body: bytes, answer: Answer) -> None:
        self._start(self._accept(body, answer))

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _accept(self, body: bytes, answer: Answer) -> None:
        try:
            await self.storage.enqueue(QUEUE, body)
        except OSError:
            answer(FAILED)
            return
        answer(ACCEPTED)
        self.waiting += 1
        self.wake.set()

    async def poll(self) -> None:
        """For ever: receive while there is something to receive and room for it."""
        while True:
            if not self.waiting or self.running > MOST - AT_ONCE:
                self.wake.clear()
                await self.wake.wait()
                continue
            messages = await self.storage.receive(QUEUE, AT_ONCE)
            self.waiting -= len(messages)
            self.running += len(messages)
            for message in messages:
                self._start(self._deliver(*message))
            if not messages:
                await asyncio.sleep(PAUSE)

    async def _deliver(self, message: str, receipt: str, body: bytes) -> None:
        self.count += 1
        row = f"{self.count:09d}"
        await self.sink.ask(post("/raw", body, "Content-Type: application/json\r\n"))
        await self.storage.upsert(TABLE, f"p{self.count % 4}", row, b'{"state":"delivered","attempt":1}')
        await self.storage.delete(QUEUE, message, receipt)
        self.running -= 1
        self.wake.set()


async def main(port: int, queue_port: int, table_port: int, sink_port: int) -> None:
    storage = Storage(queue_port, table_port)
    await storage.create(QUEUE, TABLE)
    raw = Raw(storage, sink_port)
    server = Server(raw.on_payload)
    await server.start(port)
    task = asyncio.create_task(raw.poll())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    print("ready", flush=True)
    try:
        await task
    except asyncio.CancelledError:
        await server.stop()


if __name__ == "__main__":
    asyncio.run(main(*(int(argument) for argument in sys.argv[1:5])))
