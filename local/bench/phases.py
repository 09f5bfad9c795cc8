"""What is measured, phase by phase. Every phase ends by itself: its loops are bounded in number and in time."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from local.bench import figures, sides
from local.bench.figures import Figures, Load
from local.bench.load import Sink, Times, Wire, together
from local.bench.process import cpu
from local.bench.sides import ITEMS, Side

FLIGHT = 64  # payloads of one reading in flight, end to end
BATCHES = 4  # payloads of many readings in flight
ALONE = 1.5  # seconds without a call: longer than a worker waits at an empty line (shared/flow/attend.py)
FIRST = 24  # events before those that are measured alone: enough to reach every line of the journal


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often, in seconds and times."""

    rounds: int
    warm: float
    spell: float
    half: float
    batch: float
    alone: int
    imports: int
    looks: int


QUICK = Plan(rounds=2, warm=1.5, spell=2.5, half=3.0, batch=3.0, alone=6, imports=4, looks=160)
FULL = Plan(rounds=7, warm=2.0, spell=4.0, half=6.0, batch=6.0, alone=20, imports=9, looks=1600)


@dataclass(frozen=True, slots=True)
class Moment:
    """What stood at an instant under load."""

    at: float
    events: int
    cpu: float
    emulator_cpu: float
    mark: int


def look(side: Side) -> Callable[[], Moment]:
    return lambda: Moment(perf_counter(), side.driver.sink.arrived, cpu(side.app), cpu(side.storage.process), side.storage.mark())


def between(side: Side, before: Moment, after: Moment, times: Times) -> Load:
    """The load between two moments."""
    events = after.events - before.events
    return Load(
        events=events,
        rates=[events / (after.at - before.at)],
        times=times,
        cpu=after.cpu - before.cpu,
        emulator_cpu=after.emulator_cpu - before.emulator_cpu,
        calls=dict(side.storage.calls(before.mark, after.mark)),
    )


async def loaded(side: Side, wire: Wire, size: int, flight: int, spell: tuple[float, float]) -> Load:
    """Closed loop; ends with nothing left in flight and the side at rest."""
    window = await side.driver.closed(wire, size, flight, look(side), spell)
    await rest(side)
    return between(side, window.before, window.after, window.times)


async def single(directory: Path, sink: Sink, plan: Plan) -> Figures:
    """Raw and hub in turn, since machines are noisy; then the hub at half of its own rate.

    Each round starts afresh: every call to an Azurite table costs more the more rows there are in it (some 0.2 ms of its CPU per
    1,000 rows, and that for each row of a transaction), in Azure it does not, and a round must not pay for the one before.
    """
    raws, hubs, halved = Load(), Load(), Load()
    for number in range(1, plan.rounds + 1):
        folder = directory / f"round-{number}"
        folder.mkdir(exist_ok=True)
        async with sides.raw(folder, sink) as raw:
            raws.add(await loaded(raw, raw.single, 1, FLIGHT, (plan.warm, plan.spell)))
        async with sides.hub(folder, sink) as hub:
            hubs.add(await loaded(hub, hub.single, 1, FLIGHT, (plan.warm, plan.spell)))
            if number == plan.rounds:
                halved = await half(hub, hubs.rate / 2, (plan.warm, plan.half))
    return figures.single(hubs, raws, halved)


async def half(side: Side, rate: float, spell: tuple[float, float]) -> Load:
    """Open loop at `rate`: what a sender meets while the hub is busy, but not too busy."""
    window = await side.driver.paced(side.single, rate, look(side), spell)
    await rest(side)
    return between(side, window.before, window.after, window.times)


async def batch(hub: Side, plan: Plan) -> Figures:
    """Payloads of 100 readings, one journal call for each reading."""
    return figures.loaded(await loaded(hub, hub.many, ITEMS, BATCHES, (plan.warm, plan.batch)), "item")


async def alone(hub: Side, plan: Plan) -> Figures:
    """One event at a time on a quiet system, each with all the storage calls until the hub is at rest again.

    A few go before, together: a line is made once, at its first event, and that is no part of any later event. Between two events the
    system rests until no worker waits at a line any more: each event then pays for its queue messages too.
    """
    times, each = Times(), list[Counter[str]]()
    await together([asyncio.create_task(hub.driver.one(hub.single, 1, Times())) for _ in range(FIRST)], 0.0)
    await rest(hub, ALONE)
    for _ in range(plan.alone):
        mark = hub.storage.mark()
        await hub.driver.one(hub.single, 1, times)
        await rest(hub, ALONE)
        each.append(hub.storage.calls(mark))
    return figures.alone(times, each)


async def rest(side: Side, quiet: float = 0.3, most: float = 5.0) -> None:
    """Until the emulator has had nothing but polls for a while, or `most` seconds have passed."""
    end, mark, still = perf_counter() + most, side.storage.mark(), 0.0
    while still < quiet and perf_counter() < end:
        await asyncio.sleep(0.05)
        calls = side.storage.calls(mark)
        still = still + 0.05 if not figures.useful(calls) else 0.0
        mark = side.storage.mark()
