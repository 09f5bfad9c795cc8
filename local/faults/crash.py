"""Crashes at named steps. One process that has everything imported forks a child for each life of the app, which ends itself by `os._exit`
at its step; another life goes on where it left off, and a third one if that, too, dies. What senders were told outlives them in a file.
"""

import asyncio
import gc
import os
import random
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import NoReturn

from local.faults.ground import Ground
from local.faults.hands import HANDS
from local.faults.judge import Row, Told, judge
from local.faults.life import CRASHED, WAYS, Run, live, messages_of, remembered
from local.faults.messages import ALARM
from local.faults.points import POINTS
from local.terminal import Step, say
from shared.door import adapters

AT_ONCE = 6
PATIENCE = 300.0  # seconds for one life


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
    others: dict[str, list[str]] = {}
    for name, point in POINTS.items():
        part = point.needs or ("receive" if name.startswith("register") else name.partition(":")[0])
        if part in parts:
            parts[part].append(name)
        else:  # a hand does in each life what it was kept from
            others.setdefault(point.needs if set(point.needs.split()) & set(HANDS) else name, []).append(name)
    return [[name for name in chain if name] for chain in zip_longest(*parts.values())] + [*others.values()]


def warm(ground: Ground) -> None:
    """A run in which nobody dies: what it imports and looks up for the first time every child has then."""
    for way, _ in WAYS:
        adapters.journal(way)
    run = _begun(ground, "warm", [])
    asyncio.run(live(run))
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
        second = draw.choice([name for name in names if _together(first, name)])
        steps.append((second, POINTS[second].nth + draw.randrange(2)))
    return _begun(ground, seed, steps)


def _together(first: str, second: str) -> bool:
    """Whether one run can have what both need."""
    needs = {POINTS[first].needs, POINTS[second].needs}
    return len(needs) == 1 or "" in needs


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
        asyncio.run(live(run))
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
    messages = messages_of(run)
    senders, last = remembered(run, messages)
    told = senders.merged()
    if "refuses" in run.needs:  # alarms stand where the second route leads, all else is parked
        told = [each for each in told if each.message.lane == ALARM]
        messages = [message for message in messages if message.lane == ALARM]
    one = judge(told, ground.notes(run.centre if "refuses" in run.needs else run.journal), int(last.get("unended", 1)))
    one.lost += len({message.mark for message in messages}) - one.sent  # a sender that never got through
    if run.needs & {"second", "answered"}:
        one.add(_besides(ground, run, told))
    row.add(one)
    if not one.clean:
        row.figures.setdefault("wrong", []).append({"seed": run.seed, "steps": run.steps})
    else:
        run.file.unlink(missing_ok=True)
        for journal in (run.journal, run.centre):
            ground.forget(journal)


def _besides(ground: Ground, run: Run, told: Sequence[Told]) -> Row:
    """Where the second route leads no alarm stands twice or for somebody else; each does that nobody fetched, and each at a response
    centre. In a journal that refuses all stands nothing."""
    if "refuses" in run.needs:
        return Row("", doubled=len(ground.notes(run.journal)))
    beside = judge([each for each in told if each.message.lane == ALARM], ground.notes(run.centre))
    if run.needs & {"answered", "unread"}:
        return replace(beside, sent=0, delivered=0)
    return Row("", doubled=beside.doubled, wrong_patient=beside.wrong_patient)
