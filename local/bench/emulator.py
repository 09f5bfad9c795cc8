"""Azurite in memory, and its access log: the storage calls as they went over the wire."""

import os
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local.bench import storage
from local.bench.process import child, until_said
from local.prepare import AZURITE_JS, AZURITE_WORDS
from local.processes import Child, free_ports
from local.terminal import Halt

# 127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "POST /devstoreaccount1/q/messages HTTP/1.1" 201 -
_LINE = re.compile(rb'"([A-Z]+) /[^/ ]+/([^ ]*) HTTP')
HOUSEKEEPING = (b"lines(", b"register(")  # read by timers and every few seconds, however many events there are
QUEUE_WORDS = {b"POST": "queue enqueue", b"GET": "queue receive", b"DELETE": "queue delete", b"PUT": "queue update"}
TABLE_WORDS = {
    b"GET": "table read",
    b"POST": "table insert",
    b"PUT": "table upsert",
    b"MERGE": "table merge",
    b"PATCH": "table merge",
    b"DELETE": "table delete",
}


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running Azurite."""

    process: Child
    connection_string: str
    queue_port: int
    table_port: int

    def mark(self) -> int:
        """A place in the access log."""
        return self.process.log.stat().st_size

    def calls(self, since: int, until: int | None = None) -> Counter[str]:
        """Storage calls between two marks, by service and kind."""
        with self.process.log.open("rb") as log:
            log.seek(since)
            return count(log.read() if until is None else log.read(until - since))


def count(log: bytes) -> Counter[str]:
    """The calls in a piece of access log, by service and kind."""
    return Counter(kind(verb, path) for verb, path in _LINE.findall(log))


def kind(verb: bytes, path: bytes) -> str:
    """What a request was for."""
    if path.startswith(b"$batch"):
        return "table transaction"
    if b"/messages" in path:
        return "queue peek" if b"peekonly" in path else QUEUE_WORDS.get(verb, "queue other")
    if verb == b"GET" and path.startswith(HOUSEKEEPING):
        return "table housekeeping"
    if b"(" in path or verb == b"POST":
        return TABLE_WORDS.get(verb, "table other")
    return "queue other"


def node() -> str:
    """Where Node.js is."""
    found = shutil.which("node")
    if not found:
        raise Halt("Node.js is missing, and Azurite needs it: ./hub bench fetches it, python -m local.bench does not")
    return found


def script() -> Path:
    """Azurite's own."""
    path = Path(os.environ.get("HUB_AZURITE") or AZURITE_JS)
    if not path.is_file():
        raise Halt(f"Azurite is not at {path}: ./hub bench fetches it; or say in HUB_AZURITE where it is")
    return path


@asynccontextmanager
async def emulator(directory: Path, name: str) -> AsyncIterator[Emulator]:
    """A fresh Azurite, in memory, with nothing in it, that writes its access log."""
    blob, queue, table = free_ports(3)
    ports = ("--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", str(table))
    command = (node(), str(script()), *AZURITE_WORDS, "--inMemoryPersistence", *ports)
    async with child(f"Azurite ({name})", command, directory / f"azurite-{name}.log") as process:
        await until_said(process, "Table service is successfully listening")
        yield Emulator(process, storage.connection_string(queue, table, blob), queue, table)
