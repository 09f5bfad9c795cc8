"""The whole host, killed with SIGKILL at a named step and started again: what the forked runs of crash.py leave out of the host.

python -m local.faults.kill STEP NTH [arguments of local.host]     is the host with a wire laid to the step
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from local import processes
from local.faults.ground import Ground
from local.faults.host import environment, wired
from local.faults.judge import Row, judge
from local.faults.messages import PATIENTS, Kind, Message, alarm, note, weight
from local.faults.points import POINTS, lay
from local.faults.town import ORGNR, register, town
from local.prepare import ROOT
from local.processes import free_ports
from local.terminal import Step

AT_ONCE = 4  # runs side by side: they mostly wait for holds to run out
SWEEP = 15.0  # seconds: more than from one sweep of the alarm lane to the next
KINDS: tuple[Kind, ...] = (alarm, note, weight)
QUICK = {"HUB_HOLD_SECONDS": "4.5", "HUB_CALL_TIMEOUT_SECONDS": "1.5", "HUB_RETRY_SCALE": "0.2"}


@dataclass(slots=True)
class Run:
    """`kills`: when the host killed itself, seconds since 1970."""

    step: str
    nth: int
    journal: str
    storage: str
    settings: dict[str, str]
    kills: list[float] = field(default_factory=list)
    first_after: float = float("inf")  # seconds from the kill to the next note in the journal


def kill(ground: Ground, steps: Sequence[str], rounds: int = 3) -> Row:
    """One run for each step."""
    step, row = Step("Killing the whole host at named steps"), Row("kill")
    runs = [Run(name, POINTS[name].nth, f"journal-kill-{place}", ground.account(), dict(QUICK)) for place, name in enumerate(steps)]
    for one in asyncio.run(_all(ground, runs, rounds)):
        row.add(one)
    row.unreached = [run.step for run in runs if not run.kills]
    row.figures = {"hosts_killed": sum(bool(run.kills) for run in runs)}
    step.done()
    return row


def alarm_after_kill(ground: Ground, step: str) -> tuple[Row, float]:
    """With the settings of production: what became of it, and the seconds from the kill to the next note in the journal."""
    run = Run(step, 1, "journal-kill-production", ground.account(), {})
    [row] = asyncio.run(_all(ground, [run], 1))
    row.unreached = [] if run.kills else [step]
    return row, run.first_after


async def _all(ground: Ground, runs: Sequence[Run], rounds: int) -> list[Row]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def each(run: Run) -> Row:
        async with gate:
            return await _run(ground, run, rounds)

    return await asyncio.gather(*map(each, runs))


async def _run(ground: Ground, run: Run, rounds: int) -> Row:
    await register(run.storage, town({"epj": f"{ground.journal}/{run.journal}"}, patients=PATIENTS[:2]))
    (port,) = free_ports(1)
    async with _killed(ground, run, port), wired(port) as wire:
        for message in messages(rounds):
            await wire.send(ORGNR, [message])
        if POINTS[run.step].needs == "hidden":
            await _swept(run)
        unended = await wire.unended()
    notes = ground.notes(run.journal)
    if run.kills:
        run.first_after = min((one.at - run.kills[0] for one in notes if one.at > run.kills[0]), default=float("inf"))
    return judge(wire.told, notes, unended)


async def _swept(run: Run) -> None:
    """The steps of a sweep come by timer, and there is one in any case."""
    until = time.time() + SWEEP
    while not run.kills and time.time() < until:  # noqa: ASYNC110 -- nobody tells
        await asyncio.sleep(0.1)


def messages(rounds: int) -> list[Message]:
    """For each of two patients in turn: an alarm, a note and a weight."""
    found: list[Message] = []
    for number in range(2 * rounds):
        found += [kind(len(found) + place, PATIENTS[number % 2]) for place, kind in enumerate(KINDS)]
    return found


@asynccontextmanager
async def _killed(ground: Ground, run: Run, port: int) -> AsyncIterator[None]:
    """The host with the wire; when it has killed itself, the ordinary one in its place."""
    env = environment(run.storage, run.settings)

    def started(*module: str) -> processes.Child:
        log = ground.folder / f"{run.journal}-{len(run.kills)}.log"
        return processes.start(run.journal, [sys.executable, "-m", *module, "--port", str(port)], log, env, folder=ROOT)

    current = [started("local.faults.kill", run.step, str(run.nth))]

    async def watch() -> None:
        while current[0].process.poll() != -signal.SIGKILL:  # noqa: ASYNC110 -- a process that ends is polled
            await asyncio.sleep(0.05)
        run.kills.append(time.time())
        current[0] = started("local.host")

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.to_thread(processes.end, current[0], 1.0)


def main(argv: Sequence[str]) -> int:
    """The host, with a wire laid."""
    step, nth, *rest = argv
    lay(POINTS[step], int(nth), lambda: os.kill(os.getpid(), signal.SIGKILL))
    sys.argv[1:] = rest
    from local.host.__main__ import main as host  # which imports the app: only once the wire is laid

    return host()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
