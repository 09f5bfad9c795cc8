"""Queues carry the names of lines that have something waiting: never people, never payloads."""

import asyncio
import re

import orjson

from shared import log
from shared.domain.message import Lane
from shared.storage.account import Account

RECEIPTS, PARCELS = "receipts", "parcels"
NAMES = [f"{half}-{lane}" for half in (RECEIPTS, PARCELS) for lane in Lane]
_LINE = re.compile(r"[0-9]{9}~[a-z0-9-]{1,40}~(alarm|routine)(~[0-9]{2}(\.[0-9]{1,6})?)?")
LONGEST_DELAY = 7 * 24 * 3600  # seconds; Azure's limit for a message to stay hidden


def lane_of(line: str) -> Lane:
    """Every line's name says its lane: `{...}~{lane}` or `{...}~{lane}~{nn}`."""
    return Lane(line.split("~")[2])


class Queues:
    """One queue per half of the flow and lane."""

    def __init__(self, account: Account) -> None:
        self._queues = {name: account.queue(name) for name in NAMES}

    async def put(self, half: str, lines: list[str], delay: float = 0.0) -> None:
        """One message per lane for all these lines. It never expires: a line is only forgotten when it is empty."""
        messages = [(lane, [line for line in lines if lane_of(line) is lane]) for lane in Lane]
        await asyncio.gather(*(self._send(half, lane, some, delay) for lane, some in messages if some))

    async def answer(self) -> None:
        """Raises AzureError if the queues do not answer."""
        await self._queues[NAMES[0]].get_queue_properties()

    async def _send(self, half: str, lane: Lane, lines: list[str], delay: float) -> None:
        hidden = min(LONGEST_DELAY, int(delay + 0.999))
        await self._queues[f"{half}-{lane}"].send_message(write(lines), visibility_timeout=hidden or None, time_to_live=-1)


def write(lines: list[str]) -> str:
    return orjson.dumps(lines).decode()


def read(message: bytes) -> list[str]:
    """The lines that a message names; none if somebody else put it there."""
    try:
        lines = orjson.loads(message)
    except ValueError:
        lines = None
    if not isinstance(lines, list) or not all(isinstance(line, str) and _LINE.fullmatch(line) for line in lines):
        log.alarm("message not understood", bytes=len(message))
        return []
    return lines
