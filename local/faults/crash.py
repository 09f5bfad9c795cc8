"""Crashes at named steps. One process that has everything imported forks a child for each life of the app, which ends itself by `os._exit`
at its step; another life goes on where it left off, and a third one if that, too, dies. What senders were told outlives them in a file.
"""

import asyncio
import gc
import json
import os
import random
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import RawIOBase
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn

from aiohttp import ClientSession

from local.faults.app import Time, app, drain
from local.faults.ground import Ground
from local.faults.judge import Row, Told, judge
from local.faults.messages import ALARMS, PATIENTS, ROUTINES, Message, handed_over, note, weight
from local.faults.points import POINTS, lay
from local.faults.sender import Senders
from local.faults.town import register, settings, town
from local.terminal import Step, say
from shared.access.rows import Tenant
from shared.domain.message import Lane
from shared.door import adapters
from shared.flow.sweep import forget, purge
from shared.hub import Hub

CRASHED = 70
AT_ONCE = 6
PATIENCE = 300.0  # seconds for one life
REREAD = 11.0  # seconds until the register is read again
OLD = 80 * 3600.0  # seconds after which everything delivered is purged (retention of 72 h)
HANDED_OVER = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHARED = "0f4c2a10-0000-4000-8000-000000000077"
WAYS = (("bundle", ""), ("transaction", "/fhir-store"), ("note", "/note"))  # to the journal, and where it takes what comes by it
MODES: tuple[Mapping[str, str], ...] = (
    {},
    {},
    {"mode": "fail"},
    {"mode": "fail-after"},
    {"mode": "cut"},
    {"mode": "cut-after"},
    {"mode": "garbage"},
)


@dataclass(slots=True)
class Run:
    """`steps`: where each life but the last dies, and at which call. `crashed`: where they did."""

    seed: str
    steps: list[tuple[str, int]]
    storage: str
    journal: str
    url: str
    folder: Path
    life: int = 0
    began: float = 0.0
    crashed: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """What the senders know, and what the clock said."""
        return self.folder / f"{self.journal}.jsonl"

    @property
    def needs(self) -> set[str]:
        return {POINTS[step].needs for step, _ in self.steps}


def crash(ground: Ground, runs: int, seed: int) -> Row:
    """At least `runs` runs that really crashed, every point in its turn."""
    tally, number, step = Tally(), 0, Step("Crashing at named steps")
    warm(ground)
    while tally.crashed < runs and number < 2 * runs + len(POINTS):
        more = [_planned(ground, f"{seed}.{each}", each) for each in range(number, number + min(100, runs - tally.crashed))]
        number += len(more)
        tally.add(ground, _lived(more, step))
    step.done()
    return tally.row()


def each_once(ground: Ground, seed: int) -> Row:
    """Every point, several in one run where one life can go on to the next; those that were missed by that once more, alone."""
    tally, step = Tally(), Step("Crashing once at each named step")
    warm(ground)
    chains = chained()
    tally.add(ground, _lived([_run(ground, f"{seed}.chain{number}", steps) for number, steps in enumerate(chains)], step))
    missed = tally.missed
    tally.add(ground, _lived([_run(ground, f"{seed}.alone{number}", [name]) for number, name in enumerate(missed)], step))
    step.done()
    return tally.row()


@dataclass(slots=True)
class Tally:
    """Of runs that have ended. `reached`: how often each point was."""

    runs: int = 0
    crashed: int = 0
    reached: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POINTS, 0))
    _row: Row = field(default_factory=lambda: Row("crash"))

    @property
    def missed(self) -> list[str]:
        return [point for point, times in self.reached.items() if not times]

    def add(self, ground: Ground, ended: Iterator[Run]) -> None:
        for run in ended:
            _add(self._row, ground, run)
            self.runs, self.crashed = self.runs + 1, self.crashed + bool(run.crashed)
            for point in run.crashed:
                self.reached[point] += 1
        found = f"{sum(map(bool, self.reached.values()))} of {len(POINTS)} steps reached"
        say(f"  {self.crashed:,} runs crashed, {found}, {self._row.faults} faults")

    def row(self) -> Row:
        row, row.unreached = self._row, self.missed
        counts = {"runs": self.runs, "crashed": self.crashed, "crashes": sum(self.reached.values())}
        row.figures |= counts | {"points": len(POINTS), "reached": len(POINTS) - len(row.unreached)}
        return row


def chained() -> list[list[str]]:
    """Every point once. What needs nothing to go wrong is reached by a later life as well, as long as it is further on in the flow."""
    parts: dict[str, list[str]] = {"receive": [], "transform": [], "forward": [], "age": []}
    alone = []
    for name, point in POINTS.items():
        part = point.needs or ("receive" if name.startswith("register") else name.partition(":")[0])
        if part in parts:
            parts[part].append(name)
        else:
            alone.append([name])
    return [[name for name in chain if name] for chain in zip_longest(*parts.values())] + alone


def warm(ground: Ground) -> None:
    """A run in which nobody dies: what it imports and looks up for the first time every child has then."""
    for way, _ in WAYS:
        adapters.journal(way)
    run = _begun(ground, "warm", [])
    asyncio.run(_live(run))
    run.file.unlink()


def once(ground: Ground, seed: str) -> Row:
    """The run of this seed again."""
    [run] = _lived([_planned(ground, seed, int(seed.partition(".")[2]))], Step(f"Crashing as in run {seed}"))
    row = Row("crash")
    _add(row, ground, run)
    row.figures = {"crashed": len(run.crashed), "steps": run.steps}
    return row


def _planned(ground: Ground, seed: str, number: int) -> Run:
    """Each point in turn, at its first call and then at later ones; one run in four dies again while it goes on."""
    draw, names = random.Random(seed), list(POINTS)  # noqa: S311 -- no secret
    first = names[number % len(names)]
    later = draw.randrange(4) if number >= len(names) else 0
    steps = [(first, POINTS[first].nth + later)]
    if draw.random() < 0.25:
        second = draw.choice(names)
        steps.append((second, POINTS[second].nth + draw.randrange(2)))
    return _begun(ground, seed, steps)


def _run(ground: Ground, seed: str, names: Sequence[str]) -> Run:
    return _begun(ground, seed, [(name, POINTS[name].nth) for name in names])


def _begun(ground: Ground, seed: str, steps: list[tuple[str, int]]) -> Run:
    journal = f"journal-{seed.replace('.', '-')}"
    return Run(seed, steps, ground.account(), journal, ground.journal, ground.folder)


def _lived(runs: list[Run], step: Step) -> Iterator[Run]:
    """The runs as they end, several side by side."""
    waiting = list(reversed(runs))
    living: dict[int, Run] = {}
    try:
        while waiting or living:
            while waiting and len(living) < AT_ONCE:
                run = waiting.pop()
                living[_forked(run)] = run
            for pid, code in _ended(living):
                run = living.pop(pid)
                if code == CRASHED:
                    run.crashed.append(run.steps[run.life][0])
                    run.life += 1
                    waiting.append(run)
                else:
                    yield run
            step.turn()
            time.sleep(0.01)
    finally:
        for pid in living:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _forked(run: Run) -> int:
    run.began = time.monotonic()
    gc.freeze()  # what is here already is not looked through in the children, and so stays shared
    pid = os.fork()
    if pid == 0:
        _child(run)
    return pid


def _child(run: Run) -> NoReturn:
    """Never returns to what was forked."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        asyncio.run(_live(run))
        code = 0
    except BaseException:
        (run.folder / f"{run.journal}.log").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def _ended(living: dict[int, Run]) -> list[tuple[int, int]]:
    found = []
    for pid, run in living.items():
        if time.monotonic() - run.began > PATIENCE:
            os.kill(pid, signal.SIGKILL)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            found.append((pid, os.waitstatus_to_exitcode(status)))
    return found


def _add(row: Row, ground: Ground, run: Run) -> None:
    """Judges a run that has ended."""
    messages = messages_of(run.seed)
    senders, last = remembered(run, messages)
    told = senders.merged()
    one = judge(told, ground.notes(run.journal), int(last.get("unended", 1)))
    one.lost += len({message.mark for message in messages}) - one.sent  # a sender that never got through
    row.add(one)
    if not one.clean:
        row.figures.setdefault("wrong", []).append({"seed": run.seed, "steps": run.steps})
    else:
        run.file.unlink(missing_ok=True)
        ground.forget(run.journal)


# in the child


async def _live(run: Run) -> None:
    messages, draw = messages_of(run.seed), random.Random(f"{run.seed}/{run.life}")  # noqa: S311 -- no secret
    senders, last = remembered(run, messages)
    world = Time(last.get("ahead", 0.0) + (run.life and draw.choice((0.0, 25.0))))
    with run.file.open("ab", buffering=0) as file:
        if run.life == 0:
            await register(run.storage, municipality(run))
        if run.life < len(run.steps):
            step, nth = run.steps[run.life]
            lay(POINTS[step], nth, lambda: os._exit(CRASHED))
        _remember(file, senders, world)
        hidden, began = "hidden" in run.needs and run.life == 0, world.ahead
        async with app(settings(run.storage), world.clock(), copies=lambda: 0 if hidden and world.ahead == began else 1) as one:
            if run.life == 0:
                await _misbehave(run, one.hub.http, draw)
            if run.life == 0 and "resized" in run.needs:
                await senders.send_all([one], messages[: len(messages) // 2])
                await register(run.storage, municipality(run, lines=5))
                world.ahead += REREAD
            answered = [number for number, told in senders.told.items() if told.answered]
            await senders.send_all([one], messages, answered)
            await drain(world, [one], lambda: senders.all_ended(one))
            if "age" in run.needs:
                await _age(world, one.hub, file)
                senders.ended.clear()
            unended = await senders.unended(one)
        _write(file, {"unended": len(unended)})


async def _misbehave(run: Run, http: ClientSession, draw: random.Random) -> None:
    fails = run.needs & {"fails", "down"}
    mode = {"mode": "fail"} if fails else draw.choice(MODES)
    if mode:
        url = f"{run.url}/_sandbox/{run.journal}/behaviour"
        async with http.put(url, json={**mode, "calls": 8 if "down" in fails else 2}) as answer:
            answer.raise_for_status()


async def _age(world: Time, hub: Hub, file: RawIOBase) -> None:
    """Everything that ended grows old and is purged; ids of a month ago are forgotten."""
    world.ahead += OLD
    _write(file, {"ahead": world.ahead})
    for lane in Lane:
        await purge(hub, lane)
    await forget(hub)


def municipality(run: Run, lines: int = 2) -> Tenant:
    devices = handed_over(SHARED, PATIENTS[0], PATIENTS[1], HANDED_OVER)
    adapter, path = random.Random(f"{run.seed}/way").choice(WAYS)  # noqa: S311 -- no secret
    return town({"epj": f"{run.url}/{run.journal}{path}"}, adapter=adapter, lines=lines, patients=PATIENTS[:2], devices=devices)


def messages_of(seed: str) -> list[Message]:
    """Kinds drawn by the seed; then a correction, a repeated payload, and a scale that two people had."""
    draw, found = random.Random(f"{seed}/messages"), []  # noqa: S311 -- no secret
    for place in range(6):
        kinds = ALARMS if place % 3 == 0 else ROUTINES
        found.append(draw.choice(kinds)(place, PATIENTS[place % 2]))
    found += [note(20, PATIENTS[0]), note(21, PATIENTS[0], own=20)]
    found += [draw.choice(found[:6]), found[6]]
    for place, hour in enumerate((9, 14)):
        whose = PATIENTS[0] if hour < HANDED_OVER.hour else PATIENTS[1]
        found.append(weight(30 + place, whose, HANDED_OVER.replace(hour=hour), SHARED))
    return found


def remembered(run: Run, messages: Sequence[Message]) -> tuple[Senders, dict[str, float]]:
    """What the senders know after the lives so far, and the last that was written of everything else."""
    senders = Senders()
    last: dict[str, float] = {}
    for line in run.file.read_text().splitlines() if run.file.exists() else ():
        row = json.loads(line)
        if "number" in row:
            told = senders.told.setdefault(row["number"], Told(messages[row["number"]], row["at"]))
            if row["receipt"]:
                told.answered = row["at"]
                told.receipts.append(row["receipt"])
        else:
            last |= row
    return senders, last


def _remember(file: RawIOBase, senders: Senders, world: Time) -> None:
    def heard(number: int, receipt: str) -> None:
        _write(file, {"number": number, "receipt": receipt, "at": time.monotonic(), "ahead": world.ahead})

    senders.heard = heard


def _write(file: RawIOBase, row: Mapping[str, object]) -> None:
    """One write, whole or not at all; it outlives the process."""
    file.write(json.dumps(row).encode() + b"\n")
