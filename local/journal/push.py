"""A call in the hands of a mode: what came, and what an honest journal would make of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from local.journal.store import Journal

Limit = float | int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A document as it came. `named` False: its identifier is overlooked."""

    journal: Journal
    key: str
    resource: str
    body: bytes
    keep: Callable[["Arrived"], web.Response]
    named: bool = True

    def kept(self, **changed: Any) -> web.Response:
        """What an honest journal answers, as if it had come otherwise."""
        return self.keep(replace(self, **changed))


@dataclass(frozen=True, slots=True)
class Push:
    """A push, look-up or transaction in the hands of a mode. `store(deduplicate)` does what an honest journal does and gives its answer.

    `arrived`: of a push only."""

    request: web.Request
    settings: Mapping[str, Limit]
    store: Callable[[bool], web.Response]
    arrived: Arrived | None = None
