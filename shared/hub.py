"""The outside world, handed in: built once per worker, faked in no test that can have the real thing."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
from aiohttp.connector import AddrInfoType

from shared.access.address import reachable
from shared.keys import Keys
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.append import Appender
from shared.storage.audit_log import AuditLog
from shared.storage.breakers import Breakers
from shared.storage.followups import Followups
from shared.storage.lines import Lines
from shared.storage.overdue import Overdue
from shared.storage.queues import NAMES, PARCELS, RECEIPTS, Queues
from shared.storage.records import Records
from shared.storage.register_rows import Registers
from shared.storage.replays import Replays
from shared.storage.shapes import Shapes
from shared.storage.shelf import Shelf

AUDIT, ENDPOINTS, SHELF = "audit", "endpoints", "shelf"
NOTICES, RHYTHMS, DAYS, ADMIN = "notices", "rhythms", "days", "admin"
TABLES = [RECEIPTS, PARCELS, "lines", "register", AUDIT, "replays", ENDPOINTS, SHELF, NOTICES, RHYTHMS, DAYS, ADMIN]


RESTING = (
    8  # workers that may wait at empty lines: with more lines than that, the host's slots (host.json: 16 + 48) are for those with work
)


class Bells:
    """Which lines this worker is at. A line that is rung while it is worked on is looked at again before it is let go.

    A ring replaces a queue message only where the message could do nothing sooner: a function of this very process is at the line.
    Should the process die, the sweep brings the line back, as it would have had to with a message too.
    """

    def __init__(self) -> None:
        self._rung: dict[str, asyncio.Event] = {}
        self._resting = 0

    def ring(self, line: str) -> bool:
        """True if somebody here is at this line and will look again."""
        bell = self._rung.get(line)
        if bell is None:
            return False
        bell.set()
        return True

    def start(self, line: str) -> None:
        self._rung[line] = asyncio.Event()

    def hush(self, line: str) -> None:
        """From here on a ring is news: said right before the line is looked at."""
        self._rung[line].clear()

    async def rings_within(self, line: str, seconds: float) -> bool:
        """Waits for a ring, unless many wait already. Nothing may be awaited between a False and `stop`, or a ring would be lost."""
        bell = self._rung[line]
        if self._resting < RESTING and not bell.is_set():
            self._resting += 1
            try:
                await asyncio.wait_for(bell.wait(), seconds)
            except TimeoutError:
                pass  # whether it rang at the very last moment is asked below
            finally:
                self._resting -= 1
        return bell.is_set()

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
    ringing: dict[tuple[str, ...], "asyncio.Task[None]"] = field(default_factory=dict)  # messages that are about to be sent


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
    keys: Keys  # of the issuers of access tokens
    replays: Replays  # DPoP proofs that were used
    audit: AuditLog
    breakers: Breakers
    shapes: Shapes
    overdue: Overdue
    shelf: Shelf
    followups: Followups
    notices: Records  # what needs a human, and who was told (shared.notice)
    rhythms: Records  # when each sender uses to be heard
    days: Records  # what became of each sender's receipts, day by day
    admin: Records  # who may administer, and jobs on many messages (shared.admin, shared.messages.job)
    clock: Callable[[], float] = time.time
    readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "reader"))  # of what takes long (door.study)
    lookers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "looker"))  # likewise, of journals' answers
    mailers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16, "mailer"))  # that wait for mail relays
    turns: dict[str, asyncio.Lock] = field(default_factory=dict)  # of each municipality at the lookers
    studying: Counter[str] = field(default_factory=Counter)  # documents of each municipality that are being read
    opened_at: float = field(default_factory=time.time)  # seconds since 1970
    paces: dict[str, Any] = field(default_factory=dict)  # how each endpoint answers this worker (flow.breaker.Pace)
    ahead: dict[str, Any] = field(default_factory=dict)  # who waits in lines that were replaced (flow.ahead.Seen)
    escalating: dict[str, asyncio.Lock] = field(default_factory=dict)  # of each line, for its alarms that are overdue
    marks: dict[str, Any] = field(default_factory=dict)  # of each line, as last read (shared.notice.watch)
    asking: Counter[str] = field(default_factory=Counter)  # look-ups that each municipality's journal is at, of this worker
    kept: dict[Any, Any] = field(default_factory=dict)  # access tokens and TLS contexts for journals (door.tokens, door.tls)

    async def close(self) -> None:
        for pool in (self.readers, self.lookers, self.mailers):
            pool.shutdown(wait=False, cancel_futures=True)
        await self.http.close()
        await self.account.close()


async def open_hub(settings: Settings, clock: Callable[[], float] = time.time) -> Hub:
    """Opens the storage account and creates what is missing in it. Must run on the loop that will use it."""
    account = Account(settings)
    await account.prepare(TABLES, [*NAMES, *(f"{name}-poison" for name in NAMES)])
    return hub_on(account, settings, clock)


def hub_on(account: Account, settings: Settings, clock: Callable[[], float]) -> Hub:
    """On an account in which all of it is there."""
    parcels, endpoints = _half(account, PARCELS), account.table(ENDPOINTS)
    return Hub(
        settings=settings,
        account=account,
        queues=Queues(account),
        registers=Registers(account.table("register"), clock),
        receipts=_half(account, RECEIPTS),
        parcels=parcels,
        http=aiohttp.ClientSession(auto_decompress=False, trust_env=False, connector=connector(settings)),
        keys=Keys(),
        replays=Replays(account.table("replays")),
        audit=AuditLog(account.table(AUDIT)),
        breakers=Breakers(endpoints),
        shapes=Shapes(endpoints, parcels.appender),
        overdue=Overdue(account.table(PARCELS)),
        notices=Records(account.table(NOTICES)),
        rhythms=Records(account.table(RHYTHMS)),
        days=Records(account.table(DAYS)),
        admin=Records(account.table(ADMIN)),
        shelf=Shelf(account.table(SHELF), clock),
        followups=Followups(endpoints),
        clock=clock,
    )


class OutsideNetworks(OSError):
    """An address leads to where nobody may be that the hub speaks to (HUB_NETWORKS). Its name is what a log says."""


def plug(settings: Settings, info: AddrInfoType) -> socket.socket:
    """A socket for a number that a name resolved to, looked at right before it is connected to. Raises OutsideNetworks."""
    if not reachable(str(info[4][0]), settings.networks):
        raise OutsideNetworks("the address leads to where no journal may be (HUB_NETWORKS)")
    return socket.socket(info[0], info[1], info[2])


def connector(settings: Settings) -> aiohttp.TCPConnector:
    """Connects to numbers where journals may be, and to no others, whatever a name resolves to."""
    return aiohttp.TCPConnector(limit=0, socket_factory=partial(plug, settings))


def _half(account: Account, name: str) -> Half:
    table = account.table(name)
    return Half(name, Lines(table), Appender(table, account.table("lines"), name))
