"""What the scenarios stand on: an Azurite with many accounts and the sandbox journal, as processes of their own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import Value
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import requests

from local.bench import storage
from local.bench.emulator import node, script
from local.faults.judge import Note
from local.prepare import AZURITE_WORDS, ROOT
from local.processes import Child, end, free_ports, listening, start, wait
from local.terminal import Halt

ACCOUNTS = 200  # of one Azurite: it keeps all in memory, and what is left of runs that ended slows it down
KEY = "a2V5LW9mLW5vYm9keQ=="


@dataclass(slots=True)
class Ground:
    """`folder`: for logs and what else is written."""

    journal: str
    folder: Path
    children: list[Child]
    ports: tuple[int, int, int] = (0, 0, 0)  # of blobs, queues, tables
    beyond: int = 0  # the first number that the Azurite does not know
    numbers: Iterator[int] = field(default_factory=lambda: _numbers(Value("i", 0)))

    def account(self) -> str:
        """The connection string of an account that nobody has used."""
        number = next(self.numbers)
        if number >= self.beyond:
            self._renew(number)
        return connection(f"run{number}", *self.ports)

    def _renew(self, first: int) -> None:
        """Another Azurite; the one before stays for those who use it still, the one before that goes."""
        for old in [child for child in self.children if child.name == "azurite"][:-1]:
            end(old)
            self.children.remove(old)
        self.ports = blob, queue, table = tuple(free_ports(3))  # type: ignore[assignment]  # three were asked for
        ports = ("--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table))
        command = (node(), str(script()), "--silent", *AZURITE_WORDS, "--inMemoryPersistence", *ports)
        accounts = ";".join(f"run{number}:{KEY}" for number in range(first, first + ACCOUNTS))
        self.children.append(start("azurite", command, self.folder / "azurite.log", {**os.environ, "AZURITE_ACCOUNTS": accounts}))
        self.beyond = first + ACCOUNTS
        if not wait(lambda: all(map(listening, (blob, queue, table))), 30):
            raise Halt(f"Azurite did not start: {self.children[-1].last_words()}")

    def notes(self, endpoint: str) -> list[Note]:
        """What stands in a journal, in the order in which it came."""
        answer = requests.get(f"{self.journal}/_sandbox/{endpoint}/notes", timeout=120).json()
        return [Note(one["patient"], f"{one['identifier']} {one['text']}", one["arrived_at"]) for one in answer]

    def count(self, endpoint: str, name: str) -> int:
        """One of the journal's own counts."""
        return int(requests.get(f"{self.journal}/_sandbox/stats", timeout=30).json().get(endpoint, {}).get(name, 0))

    def tell(self, endpoint: str, **behaviour: str | float) -> None:
        """Makes a journal misbehave (local/journal/behaviour.py); without a mode it is honest again."""
        url = f"{self.journal}/_sandbox/{endpoint}/behaviour"
        (requests.put(url, json=behaviour, timeout=10) if behaviour else requests.delete(url, timeout=10)).raise_for_status()

    def misbehaves(self, endpoint: str) -> bool:
        """Whether it has not yet done all that it was told to."""
        told = requests.get(f"{self.journal}/_sandbox/{endpoint}/behaviour", timeout=10).json()
        return bool(told["mode"] != "honest")

    def forget(self, endpoint: str) -> None:
        requests.delete(f"{self.journal}/_sandbox/{endpoint}", timeout=10).raise_for_status()


def _numbers(following: "Synchronized[int]") -> Iterator[int]:
    """None twice, also by processes that were forked in between."""
    while True:
        with following.get_lock():
            number = following.value
            following.value += 1
        yield number


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Whatever happens, its processes end with the block."""
    (port,) = free_ports(1)
    journal = (sys.executable, "-m", "local.journal", "--port", str(port))
    children = [start("journal", journal, folder / "journal.log", os.environ, folder=ROOT)]
    try:
        if not wait(lambda: listening(port), 30):
            raise Halt(f"the sandbox journal did not start: {children[0].last_words()}")
        yield Ground(f"http://127.0.0.1:{port}", folder, children)
    finally:
        for child in reversed(children):
            end(child)


def connection(account: str, blob: int, queue: int, table: int) -> str:
    """A connection string for an account at these ports."""
    return storage.connection_string(queue, table, blob, account, KEY)
