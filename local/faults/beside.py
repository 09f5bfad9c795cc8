"""Scenarios side by side, for they mostly wait: lots of them in processes forked from ours, and our own lot here."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from local.faults.judge import Row
from local.processes import bind
from local.terminal import Halt, Step

Play = Callable[[str], Row]
Rows = Mapping[str, Row]


def beside(lots: Sequence[Sequence[str]], play: Play) -> Rows:
    """The row of each scenario by its name. The last lot is played in this process. Whatever happens, none of the others goes on."""
    *others, ours = lots
    Step.alone = not any(others)
    forked = [_Lot(names, play) for names in others if names]
    try:
        return {name: play(name) for name in ours} | {name: row for lot in forked for name, row in lot.rows().items()}
    finally:
        for lot in forked:
            lot.end()


class _Lot:
    """A process that plays these scenarios one after the other."""

    def __init__(self, names: Sequence[str], play: Play) -> None:
        self._names = names
        self._heard, told = multiprocessing.Pipe(duplex=False)
        fork = multiprocessing.get_context("fork")  # what is imported is there, and the ground is shared
        self._process = fork.Process(target=_play, args=(os.getpid(), names, play, told), daemon=True)
        self._process.start()
        told.close()

    def rows(self) -> Rows:
        try:
            found: Rows = self._heard.recv()
        except EOFError:
            raise Halt(f"the process that played {', '.join(self._names)} died") from None
        return found

    def end(self) -> None:
        """It ends what it started itself (local.processes)."""
        self._process.terminate()
        self._process.join()


def _play(parent: int, names: Sequence[str], play: Play, told: Connection) -> None:
    bind(parent, signal.SIGTERM)
    with suppress(KeyboardInterrupt):
        told.send({name: play(name) for name in names})
