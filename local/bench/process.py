"""The bench's children: started, waited for, weighed and ended."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from local import processes
from local.prepare import ROOT
from local.processes import Child
from local.terminal import Halt

TICKS = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def child(name: str, argv: Sequence[str], log: Path, env: Mapping[str, str] = os.environ) -> AsyncIterator[Child]:
    """A child process that is ended when the block is left."""
    one = processes.start(name, argv, log, env, folder=ROOT)
    try:
        yield one
    finally:
        await asyncio.to_thread(processes.end, one, 5.0)


def cpu(one: Child) -> float:
    """Seconds of processor time so far, in user and system."""
    check(one)
    fields = Path(f"/proc/{one.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def check(one: Child) -> None:
    """Halt if it has ended."""
    if one.ended:
        raise Halt(f"{one.name} ended with exit code {one.process.returncode}: {one.last_words() or 'it said nothing'}")


async def until_said(one: Child, words: str, patience: float = 30.0) -> None:
    """Waits until the child has printed `words`; Halt if it ends or says nothing of the kind."""
    for _ in range(int(patience / 0.05)):
        if words in one.log.read_text(errors="replace"):
            return
        check(one)
        await asyncio.sleep(0.05)
    raise Halt(f"{one.name} was not ready within {patience:.0f} s: {one.last_words() or 'it said nothing'}")
