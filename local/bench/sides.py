"""The two that are measured: raw and the hub, each with an emulator of its own, the same driver and the same sink."""

import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local.bench import payloads, register
from local.bench.emulator import Emulator, emulator
from local.bench.load import Driver, Sink, Wire, start_second
from local.bench.process import child, until_said
from local.prepare import ROOT
from local.processes import Child, free_ports
from local.terminal import Halt

JSON = "Content-Type: application/json\r\n"
ITEMS = 100  # readings in a payload of many


@dataclass(frozen=True, slots=True)
class Side:
    """What is measured: `single` and `many` make its requests."""

    app: Child
    storage: Emulator
    driver: Driver
    single: Wire
    many: Wire


@asynccontextmanager
async def raw(directory: Path, sink: Sink) -> AsyncIterator[Side]:
    """The least that could do it."""
    async with emulator(directory, "raw") as storage:
        (port,) = free_ports(1)
        ports = (port, storage.queue_port, storage.table_port, sink.server.port)
        command = (sys.executable, "-m", "local.bench.raw", *(str(number) for number in ports))
        async with child("the raw harness", command, directory / "raw.log") as app:
            await until_said(app, "ready")
            wire = payloads.one("/raw", JSON)
            async with driver(port, sink, start_second()) as ours:
                yield Side(app, storage, ours, wire, wire)


@asynccontextmanager
async def hub(directory: Path, sink: Sink) -> AsyncIterator[Side]:
    """The hub as it is: local/host.py serving function_app.py, with a register made for the bench."""
    for part in ("function_app.py", "host.json"):
        if not (ROOT / part).is_file():
            raise Halt(f"there is no {part} in {ROOT}: nothing to measure")
    secret = secrets.token_urlsafe(24)
    async with emulator(directory, "hub") as storage:
        env = environment(storage.connection_string, secret)
        await register.apply(directory, env, f"http://127.0.0.1:{sink.server.port}")
        (port,) = free_ports(1)
        async with child("the hub", (sys.executable, "-m", "local.host", "--port", str(port)), directory / "hub.log", env) as app:
            await until_said(app, "listening on")
            headers = f"{JSON}{register.HEADER}: {secret}\r\n"
            path = f"/api/v1/{register.ORGNR}/tenovi"
            wires = payloads.one(path, headers), payloads.many(path, headers, ITEMS)
            # its seconds are not raw's: a late arrival of one side must not be taken for the other's
            async with driver(port, sink, start_second() + 10 * 86400) as ours:
                yield Side(app, storage, ours, *wires)


@asynccontextmanager
async def driver(port: int, sink: Sink, first: int) -> AsyncIterator[Driver]:
    """A driver whose connections are closed at the end."""
    one = Driver(port, sink, first)
    try:
        yield one
    finally:
        await one.client.stop()


def environment(connection_string: str, secret: str) -> Mapping[str, str]:
    """The settings of the hub, all made for this run."""
    ours = {
        "AzureWebJobsStorage": connection_string,
        "HUB_PATIENT_KEY": secrets.token_hex(32),
        "HUB_ENVIRONMENT": "test",
        register.SETTING: secret,
        "PYTHONPATH": str(ROOT),
    }
    return {**os.environ, **ours}
