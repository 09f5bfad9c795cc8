"""The outside world, handed in: built once per worker, faked in no test that can have the real thing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.append import Appender
from shared.storage.lines import Lines
from shared.storage.queues import NAMES, PARCELS, RECEIPTS, Queues
from shared.storage.register_rows import Registers

TABLES = [RECEIPTS, PARCELS, "lines", "register"]


class Bells:
    """Which lines this worker is at. A line that is rung while it is worked on is looked at again before it is let go.

    A ring replaces a queue message only where the message could do nothing: the line is held by this very process. Should the process die,
    the hold runs out and the sweep brings the line back, as it would have had to with a message too.
    """

    def __init__(self) -> None:
        self._rung: dict[str, bool] = {}

    def ring(self, line: str) -> bool:
        """True if somebody here is at this line and will look again."""
        if line not in self._rung:
            return False
        self._rung[line] = True
        return True

    def start(self, line: str) -> None:
        self._rung[line] = False

    def rung(self, line: str) -> bool:
        return self._rung[line]

    def stop(self, line: str) -> None:
        del self._rung[line]


@dataclass(slots=True)
class Half:
    """One half of the flow: receipts or parcels. `due`: when this worker has a message coming for a line that another one holds."""

    name: str
    lines: Lines
    appender: Appender
    bells: Bells = field(default_factory=Bells)
    due: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Hub:
    """`clock` gives seconds since 1970."""

    settings: Settings
    account: Account
    queues: Queues
    registers: Registers
    receipts: Half
    parcels: Half
    http: aiohttp.ClientSession
    clock: Callable[[], float] = time.time

    async def close(self) -> None:
        await self.http.close()
        await self.account.close()


async def open_hub(settings: Settings, clock: Callable[[], float] = time.time) -> Hub:
    """Opens the storage account and creates what is missing in it. Must run on the loop that will use it."""
    account = Account(settings)
    await account.prepare(TABLES, [*NAMES, *(f"{name}-poison" for name in NAMES)])
    return Hub(
        settings=settings,
        account=account,
        queues=Queues(account),
        registers=Registers(account.table("register"), clock),
        receipts=_half(account, RECEIPTS),
        parcels=_half(account, PARCELS),
        http=aiohttp.ClientSession(auto_decompress=False, trust_env=False, connector=aiohttp.TCPConnector(limit=0)),
        clock=clock,
    )


def _half(account: Account, name: str) -> Half:
    table = account.table(name)
    return Half(name, Lines(table), Appender(table, account.table("lines"), name))
