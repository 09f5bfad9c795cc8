"""The sandbox journal in a thread of its own, and the kit's eyes in it."""

import asyncio
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from local.journal import SandboxJournal
from local.kit.wire import Credential

NAME = "kit"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running one, which only who shows the credential may call."""

    url: str
    credential: Credential

    def notes(self, words: str) -> Sequence[Mapping[str, Any]]:
        return [note for note in requests.get(f"{self.url}/_sandbox/{NAME}/notes", timeout=10).json() if words in note["text"]]

    def page(self, number: int) -> str:
        return requests.get(f"{self.url}/{NAME}/notes/{number}", timeout=10).text

    def tell(self, **command: Any) -> None:
        requests.put(f"{self.url}/_sandbox/{NAME}/behaviour", json=command, timeout=10).raise_for_status()


@contextmanager
def running() -> Iterator[Sandbox]:
    credential = "Authorization", f"Basic {b64encode(f'kit:{secrets.token_urlsafe(16)}'.encode()).decode()}"
    journal, loop = SandboxJournal(credential=credential), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(journal.start(), loop).result()
        yield Sandbox(journal.url, credential)
    finally:
        asyncio.run_coroutine_threadsafe(journal.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
