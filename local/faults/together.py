"""Messages many times and shuffled, copies, two instances side by side, clocks that differ, and the nights when the clock is changed."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

from local.faults.app import App, Time, app, drain
from local.faults.ground import Ground
from local.faults.judge import Row, judge
from local.faults.messages import (
    ALARMS,
    PATIENTS,
    ROUTINES,
    SENSORS,
    Message,
    alarm,
    communication,
    dispense,
    door,
    encounter,
    handed_over,
    note,
    weight,
)
from local.faults.sender import Senders
from local.faults.town import register, settings, town
from local.terminal import Step
from shared.access.rows import Binding

SKEWS = (1.0, 60.0, 3600.0)  # seconds between two instances' clocks
SUMMER, WINTER = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 03:00 becomes 02:00 in Oslo
FORTH = datetime(2027, 3, 28, 1, tzinfo=UTC)  # 02:00 becomes 03:00
CLOCK_SCALE = "0f4c2a10-0000-4000-8000-000000000088"


@dataclass(slots=True)
class Plan:
    """`clocks`: by how many seconds each instance's clock is wrong. `how`: what its pump does with messages. `ahead`: the world's time,
    `leap`: by how much it is moved on when half of the messages have been sent. `well`: nothing fails, so the journal is called once for
    each message."""

    journal: str
    messages: Sequence[Message]
    clocks: Sequence[float] = (0.0,)
    how: dict[str, Any] = field(default_factory=dict)
    devices: Sequence[Binding] = ()
    ahead: float = 0.0
    leap: float = 0.0
    well: bool = False
    send: Callable[[Senders, list[App]], Any] | None = None


def played(ground: Ground, plan: Plan) -> Row:
    """The messages sent to the instances in turn, drained and judged."""
    return asyncio.run(_played(ground, plan))


async def _played(ground: Ground, plan: Plan) -> Row:
    storage, world, senders = ground.account(), Time(plan.ahead), Senders()
    await register(storage, town({"epj": f"{ground.journal}/{plan.journal}"}, patients=PATIENTS[:8], devices=plan.devices))
    async with AsyncExitStack() as stack:
        opened = [app(settings(storage), world.clock(wrong), **plan.how) for wrong in plan.clocks]
        apps = [await stack.enter_async_context(one) for one in opened]
        if plan.leap:
            await senders.send_all(apps, plan.messages[: len(plan.messages) // 2])
            world.ahead += plan.leap
        await (plan.send(senders, apps) if plan.send else senders.send_all(apps, plan.messages, senders.taken))
        await drain(world, apps, partial(senders.all_ended, apps[0]))
        unended, notes = await senders.unended(apps[0]), ground.notes(plan.journal)
        row = judge(senders.merged(), notes, len(unended))
        calls = ground.count(plan.journal, "received")
        row.figures = {"poison": sum(one.poison for one in apps), "calls": calls, "turns": [one.turns for one in apps]}
        row.figures["brought"] = [one.brought for one in apps]
        row.doubled += (calls - row.delivered) * plan.well  # the journal knows copies by their keys: the hub must not lean on that
        if missing := await senders.missing(apps[0], notes):
            row.figures["missing"] = missing
    return row


def mixed(count: int, seed: int) -> list[Message]:
    """Of every kind, drawn by the seed; a sensor's note has a mark of its own only so many times."""
    draw, found = random.Random(f"{seed}/mixed"), []  # noqa: S311 -- no secret
    for number in range(count):
        kinds = [kind for kind in (ALARMS if number % 5 == 0 else ROUTINES) if number < SENSORS or kind in (alarm, note, dispense, weight)]
        found.append(draw.choice(kinds)(number, PATIENTS[number % 8]))
    return found


def queues(ground: Ground, count: int, seed: int) -> Row:
    """Each queue message delivered one to five times, in any order, some long after it was deleted."""
    step, draw = Step("Delivering each queue message one to five times, shuffled"), random.Random(seed)  # noqa: S311 -- no secret
    how = {"copies": lambda: draw.randint(1, 5), "late": lambda: draw.choice((0.0, 0.0, draw.random() / 2))}
    row = played(ground, Plan("journal-queues", mixed(count, seed), how=how, well=True))
    row.scenario = "queues"
    row.expect("messages delivered again", row.figures["turns"] > row.figures["brought"])
    step.done()
    return row


def copies(ground: Ground, count: int, _seed: int) -> Row:
    """One payload so many times at the same moment, at two instances."""
    step, message = Step(f"Sending one payload {count} times at once"), note(0, PATIENTS[0])

    async def send(senders: Senders, apps: list[App]) -> None:
        await asyncio.gather(*(senders.send(apps[number % len(apps)], number, message) for number in range(count)))

    row = played(ground, Plan("journal-copies", [message], (0.0, 0.0), send=send, well=True))
    row.scenario, row.figures["copies"] = "copies", count
    step.done()
    return row


def instances(ground: Ground, count: int, seed: int) -> Row:
    """Two instances on one storage, each sent every other message, each with whatever the queues bring it."""
    step = Step("Running two instances side by side")
    row = played(ground, Plan("journal-instances", mixed(count, seed), (0.0, 0.0), well=True))
    row.scenario = "instances"
    row.expect("work for both instances", all(row.figures["turns"]))
    step.done()
    return row


def skew(ground: Ground, count: int, seed: int, skews: Sequence[float] = SKEWS) -> Row:
    """Two instances whose clocks differ, while the journal's first answers get lost."""
    row, step = Row("skew"), Step("Running two instances whose clocks differ")
    for wrong in (sign * seconds for seconds in skews for sign in (1, -1)):
        journal = f"journal-skew-{SKEWS.index(abs(wrong))}-{'ahead' if wrong > 0 else 'behind'}"
        ground.tell(journal, mode="cut-after", calls=3)
        row.add(played(ground, Plan(journal, mixed(count, seed), (0.0, wrong))))
        row.expect(f"answers lost at {wrong:+.0f} s", not ground.misbehaves(journal))
        step.turn()
    row.figures["seconds"] = [*skews]
    step.done()
    return row


def dst(ground: Ground, _count: int, _seed: int) -> Row:
    """Both nights: events at the hour that comes twice or not at all, a scale handed over in it, the hub's own clock going through it."""
    row, step = Row("dst"), Step("Living through both changes of the clock")
    for night in (BACK, FORTH):
        devices = handed_over(CLOCK_SCALE, PATIENTS[0], PATIENTS[1], night)
        messages = night_messages(night)
        ahead = night.timestamp() - 60 - datetime.now(UTC).timestamp()
        row.add(played(ground, Plan(f"journal-dst-{night.month}", messages, devices=devices, ahead=ahead, leap=120.0)))
    row.figures["nights"] = [f"{night:%Y-%m-%d}" for night in (BACK, FORTH)]
    step.done()
    return row


def night_messages(night: datetime) -> list[Message]:
    """Around the change, written with the offset of before and of after: 02:30+02:00 is not 02:30+01:00."""
    found: list[Message] = []
    for place, minutes in enumerate((-60, -30, -1, 0, 30, 60)):
        at = night + timedelta(minutes=minutes)
        for zone in (SUMMER, WINTER, UTC):
            for kind in (alarm, dispense, encounter, communication):
                found.append(kind(len(found), PATIENTS[len(found) % 2 + 2], at.astimezone(zone)))
            found.append(door(len(found) // 5, PATIENTS[2], at.astimezone(zone)))
        whose = PATIENTS[0] if minutes < 0 else PATIENTS[1]
        found.append(weight(500 + place, whose, at, CLOCK_SCALE))
    return found
