"""A journal that is down for hours, on a clock that is moved: what waiting costs, and that all of it arrives."""

import asyncio
import time
from dataclasses import dataclass
from heapq import heappop, heappush

from local.faults.app import TRIES, App, Brief, Time
from local.faults.ground import Ground
from local.faults.judge import Row, judge
from local.faults.messages import PATIENTS, Message, alarm, note
from local.faults.sender import Senders
from local.faults.town import register, settings, town
from local.terminal import Step
from shared.flow.forward import forward
from shared.flow.transform import transform
from shared.hub import Hub, open_hub
from shared.storage.queues import RECEIPTS, Queues

HOUR = 3600.0
MORE = 1.2  # times as many calls for many that wait as for few: they differ by chance
LATENCY = 0.005  # seconds from the end of a delay until a worker has the message


class Timeline(Queues):
    """The queues on the world's clock: a message comes when it is due, again at once if it failed, and is poison after five times."""

    def __init__(self, world: Time) -> None:
        self.world, self.clock = world, world.clock()
        self.due: list[tuple[float, int, int, str, list[str]]] = []  # when, number, tries, half, lines
        self.messages = self.numbers = self.poison = 0

    async def put(self, half: str, lines: list[str], delay: float = 0.0) -> None:
        hidden = int(delay + 0.999)  # whole seconds, as the real one hides it
        self.messages += 1
        self._push(self.clock() + (hidden + LATENCY if hidden else 0.0), 1, half, lines)

    def _push(self, due: float, tries: int, half: str, lines: list[str]) -> None:
        self.numbers += 1
        heappush(self.due, (due, self.numbers, tries, half, lines))

    async def run(self, hub: Hub, seconds: float) -> None:
        """Everything that comes within so long; what comes at the same moment is worked on side by side."""
        until = self.clock() + seconds
        while self.due and self.due[0][0] <= until:
            self.world.ahead += max(self.due[0][0] - self.clock(), 0.0)
            now = []
            while self.due and self.due[0][0] <= self.clock():
                now.append(heappop(self.due))
            await asyncio.gather(*(self._work(hub, *message[2:]) for message in now))
        self.world.ahead += max(until - self.clock(), 0.0)

    async def _work(self, hub: Hub, tries: int, half: str, lines: list[str]) -> None:
        try:
            await (transform if half == RECEIPTS else forward)(hub, lines)
        except Exception:  # whatever the functions raise, the host tries again
            if tries == TRIES:
                self.poison += 1
            else:
                self._push(self.clock(), tries + 1, half, lines)


@dataclass(slots=True)
class Cost:
    """What an outage cost: calls to the journal, messages on the queues (each is put, taken and deleted)."""

    waiting: int
    calls: int = 0
    messages: int = 0
    poison: int = 0
    seconds: float = 0.0  # real ones, until all stood in the journal once it answered again


def outage(ground: Ground, hours: float, sizes: tuple[int, ...]) -> Row:
    """One outage for each number of events that wait."""
    row, costs = Row("outage"), []
    for size in sizes:
        step, journal = Step(f"{size} events wait for a journal that is down for {hours:g} hours"), f"journal-outage-{size}"
        cost = Cost(size)
        one = asyncio.run(_outage(ground, journal, cost, hours * HOUR))
        row.add(one)
        costs.append(cost)
        step.done()
    row.expect("an outage that costs the same however many wait", costs[-1].calls <= MORE * costs[0].calls)
    row.stuck += sum(cost.poison for cost in costs)
    row.figures = {"hours": hours} | {
        name: {cost.waiting: getattr(cost, name) for cost in costs} for name in ("calls", "messages", "poison")
    }
    row.figures["drained_in_s"] = {cost.waiting: round(cost.seconds, 1) for cost in costs}
    return row


async def _outage(ground: Ground, journal: str, cost: Cost, seconds: float) -> Row:
    storage, world, senders = ground.account(), Time(), Senders()
    await register(storage, town({"epj": f"{ground.journal}/{journal}"}, patients=PATIENTS))
    ground.tell(journal, mode="fail", status=503)
    hub = await open_hub(settings(storage, {"HUB_RETRY_SCALE": "1"}), world.clock())
    hub.queues = line = Timeline(world)
    hub.receipts.bells, hub.parcels.bells = Brief(0.0), Brief(0.0)
    await senders.send_all([App(hub, {})], _events(cost.waiting))
    await line.run(hub, 120.0)  # until all have been transformed and the journal is known to be down
    calls, messages = ground.count(journal, "received"), line.messages
    await line.run(hub, seconds)
    cost.calls, cost.messages = ground.count(journal, "received") - calls, line.messages - messages
    early = ground.count(journal, "stored")
    ground.tell(journal)
    began = time.monotonic()
    while ground.count(journal, "stored") < cost.waiting and time.monotonic() - began < 600 and line.due:
        await line.run(hub, 60.0)
    cost.seconds, cost.poison = time.monotonic() - began, line.poison
    unended = await senders.unended(App(hub, {}))
    await hub.close()
    row = judge(senders.merged(), ground.notes(journal), len(unended))
    row.expect(f"a journal that is down for {cost.waiting} events, and asked", cost.calls and not early)
    return row


def _events(count: int) -> list[Message]:
    """One in ten is an alarm."""
    return [(alarm if number % 10 == 0 else note)(number, PATIENTS[number // 10 % len(PATIENTS)]) for number in range(count)]
