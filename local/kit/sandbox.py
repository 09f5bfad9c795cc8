"""The sandbox journal in a thread of its own, and the kit's eyes in it."""

import asyncio
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import requests

from local.journal import SandboxJournal
from local.kit.proof import Proof, proving
from shared.access.rows import Auth

NAME, SECRET = "kit", "KIT_SECRET"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running one, which only who shows the credential may call."""

    url: str
    proof: Proof

    def notes(self, words: str) -> Sequence[Mapping[str, Any]]:
        return [note for note in requests.get(f"{self.url}/_sandbox/{NAME}/notes", timeout=10).json() if words in note["text"]]

    def page(self, number: int) -> str:
        return requests.get(f"{self.url}/{NAME}/notes/{number}", timeout=10).text

    @property
    def signing(self) -> Proof:
        """Of webhooks, with the same secret."""
        return replace(self.proof, auth=Auth("webhook", "", "", (SECRET,)))

    def tell(self, **command: Any) -> None:
        requests.put(f"{self.url}/_sandbox/{NAME}/behaviour", json=command, timeout=10).raise_for_status()


@contextmanager
def running() -> Iterator[Sandbox]:
    password = secrets.token_urlsafe(16)
    basic = f"Basic {b64encode(f'kit:{password}'.encode()).decode()}"
    journal = SandboxJournal(credential=("Authorization", basic), signed_with=password)
    up: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=asyncio.run, args=(_serve(journal, up),))
    thread.start()
    loop, enough = up.result()
    try:
        with proving(Auth("basic", "", "kit", (SECRET,)), {SECRET: password}) as proof:
            yield Sandbox(journal.url, proof)
    finally:
        loop.call_soon_threadsafe(enough.set)
        thread.join()


async def _serve(journal: SandboxJournal, up: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    enough = asyncio.Event()
    try:
        await journal.start()
    except OSError as error:
        up.set_exception(error)
        return
    up.set_result((asyncio.get_running_loop(), enough))
    await enough.wait()
    await journal.stop()
