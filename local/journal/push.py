"""A call in the hands of a mode: what came, and what an honest journal would make of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from local.journal.store import Journal

Limit = float | int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A document as it came. `named` False: its identifier is overlooked."""

    key: str = ""
    resource: str = ""
    body: bytes = b""
    named: bool = True


@dataclass(frozen=True, slots=True)
class Push:
    """A push, or a look-up, which has no document. `store(arrived, deduplicate)` does what an honest journal does and gives its answer."""

    request: web.Request
    journal: Journal
    settings: Mapping[str, Limit]
    store: Callable[[Arrived, bool], web.Response]
    arrived: Arrived = Arrived()

    def answer(self, deduplicate: bool = True) -> web.Response:
        return self.store(self.arrived, deduplicate)
