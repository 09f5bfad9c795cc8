"""The whole host as a process, as `./hub run` starts it, and senders that speak HTTP with it."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from local.bench.process import child, until_said
from local.faults.ground import Ground
from local.faults.judge import Told
from local.faults.messages import Message
from local.faults.sender import AGAIN, NotTaken, ended
from local.faults.town import HEADERS, SECRET
from local.prepare import ROOT
from local.processes import free_ports

PATIENCE = 120.0  # seconds until a message without an end is said to have none


def environment(storage: str, settings: Mapping[str, str]) -> Mapping[str, str]:
    """Of a host."""
    ours = {"AzureWebJobsStorage": storage, "HUB_PATIENT_KEY": "k" * 40, "HUB_ENVIRONMENT": "test", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **ours, **SECRET, **settings}


@asynccontextmanager
async def hosted(ground: Ground, storage: str, name: str, settings: Mapping[str, str]) -> AsyncIterator["Wire"]:
    """A host that listens."""
    (port,) = free_ports(1)
    command = (sys.executable, "-m", "local.host", "--port", str(port))
    async with child(name, command, ground.folder / f"{name}.log", environment(storage, settings)) as one:
        await until_said(one, "listening on")
        async with wired(port) as wire:
            yield wire


@dataclass(slots=True)
class Wire:
    """Senders at a host's port."""

    port: int
    session: aiohttp.ClientSession
    told: list[Told] = field(default_factory=list)

    async def send(self, orgnr: str, messages: Sequence[Message], body: bytes = b"") -> None:
        """Until it is taken. `body`: where one payload holds several messages, all of one format."""
        first, began = messages[0], time.monotonic()
        path = f"/epj/r4/{orgnr}/{first.resource}" if first.resource else f"/api/v1/{orgnr}/{first.adapter}"
        told = [Told(message, began) for message in messages]
        self.told += told
        while not (receipt := await self._post(path, body or first.body)):  # noqa: ASYNC110 -- nobody tells a sender when to try again
            await asyncio.sleep(AGAIN)
        for one in told:
            one.answered = time.monotonic()
            one.receipts.append(receipt)

    async def _post(self, path: str, body: bytes) -> str:
        try:
            async with self.session.post(f"http://127.0.0.1:{self.port}{path}", data=body, headers=HEADERS) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return ""  # the host is not there: it is said again
        if answer.status in (429, 503):
            return ""
        if answer.status >= 300 or "Location" not in answer.headers:
            raise NotTaken(f"{path}: {answer.status}")
        return answer.headers["Location"].rpartition("/")[2]

    async def unended(self, patience: float = PATIENCE) -> int:
        """Waits for the end of every receipt; how many have none."""
        waiting = {receipt for one in self.told for receipt in one.receipts}
        until = time.monotonic() + patience
        while waiting and time.monotonic() < until:
            waiting -= {receipt for receipt in list(waiting)[:200] if await self._ended(receipt)}
            await asyncio.sleep(0.2)
        return len(waiting)

    async def _ended(self, receipt: str) -> bool:
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}/api/v1/receipts/{receipt}", headers=HEADERS) as answer:
                told = await answer.json()
            return await self._ended(told["first"]) if "first" in told else answer.status == 200 and ended(told)
        except (aiohttp.ClientError, TimeoutError):
            return False


@asynccontextmanager
async def wired(port: int) -> AsyncIterator[Wire]:
    """Senders whose connections are closed at the end."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0), trust_env=False) as session:
        yield Wire(port, session)
