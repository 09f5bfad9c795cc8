"""A line as its own index: which of its packs came when, found by bisection over sequences, and what their states say, without bodies.

Packs of one kind stand in the order of their sequences, and so, but for instances' clocks, in the order of time.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.storage import packs
from shared.storage.batch import delete, submit
from shared.storage.head import key
from shared.storage.packs import Pack
from shared.storage.tail import read_tail

DONE, WAITING, MARKED = "d", "w", "x"

_RANGE = "PartitionKey eq @line and RowKey ge @first and RowKey lt @last"
_STATES = ["RowKey", "since", "states", "parts", *(f"s{number:02}" for number in range(16))]
_PAGE = 100  # rows in one read
_SKEW = 60.0  # seconds that instances' clocks may differ


@dataclass(frozen=True, slots=True)
class Span:
    """Moments, seconds since 1970: from, and up to but not including."""

    since: float = 0.0
    until: float = float("inf")

    def holds(self, at: float) -> bool:
        return self.since <= at < self.until


class Index:
    """One table's lines. `rows`: how many it has read so far."""

    def __init__(self, table: TableClient) -> None:
        self._table = table
        self.rows = 0

    async def packs(self, line: str, kind: str, span: Span, *, newest: bool = False, full: bool = False) -> AsyncIterator[Pack]:
        """Those of one kind that came in that time, in order of their sequences or the other way. `full`: with entries and bodies; marks
        are packs with nothing in them."""
        tail = await read_tail(self._table, line)
        end = tail.next if tail else 0
        first = await self._bisect(line, kind, span.since - _SKEW, end) if span.since else 0
        last = await self._bisect(line, kind, span.until + _SKEW, end) if span.until < float("inf") else end
        async for pack in (self._down if newest else self._up)(line, kind, (first, last), full):
            if span.holds(pack.since):
                yield pack

    async def pack(self, line: str, sequence: int, *, full: bool = False) -> Pack | None:
        """One pack wherever it stands."""
        for kind in (DONE, WAITING, DONE):
            rows = await self._read(line, kind, (sequence, sequence + 1), 1, _columns(kind, full))
            if rows:
                return rows[0]
        return None

    async def unmark(self, line: str, mark: Pack) -> None:
        """Takes a mark away, unless the pack was marked again since it was read."""
        try:
            await submit(self._table, [delete(key(line, f"{MARKED}~{mark.sequence:012}"), mark.etag)])
        except (ResourceModifiedError, ResourceNotFoundError):
            return

    async def _bisect(self, line: str, kind: str, moment: float, end: int) -> int:
        """The first sequence from which on nothing came before then: a row is read for each halving."""
        low, high = 0, end
        while low < high:
            middle = (low + high) // 2
            found = await self._read(line, kind, (middle, high), 1, ["RowKey", "since"])
            if not found or found[0].since >= moment:
                high = middle
            else:
                low = found[0].sequence + 1
        return low

    async def _up(self, line: str, kind: str, bounds: tuple[int, int], full: bool) -> AsyncIterator[Pack]:
        first, last = bounds
        while first < last and (some := await self._read(line, kind, (first, last), _PAGE, _columns(kind, full))):
            for pack in some:
                yield pack
            first = some[-1].sequence + 1

    async def _down(self, line: str, kind: str, bounds: tuple[int, int], full: bool) -> AsyncIterator[Pack]:
        """Backwards, by ranges of sequences: wider ones where there was nothing, narrower ones where there is too much for one read."""
        first, last = bounds
        width = _PAGE
        while first < last:
            start = max(first, last - width)
            some = await self._read(line, kind, (start, last), _PAGE + (width > _PAGE), _columns(kind, full))
            if len(some) > _PAGE:
                width //= 2
                continue
            for pack in reversed(some):
                yield pack
            last, width = start, width if some else 2 * width

    async def _read(self, line: str, kind: str, bounds: tuple[int, int], most: int, columns: list[str] | None) -> list[Pack]:
        """The first rows with these sequences; a page may be empty, or short, and have a successor."""
        first, last = (f"{kind}~{at:012}" for at in bounds)
        asked = {"line": line, "first": first, "last": last}
        pages: Any = self._table.query_entities(_RANGE, parameters=asked, select=columns, results_per_page=most).by_page()
        found: list[Pack] = []
        async for page in pages:
            async for row in page:
                self.rows += 1
                found.append(_pack(row))
                await asyncio.sleep(0)  # others have a turn between two packs
            if len(found) >= most:
                break
        return found[:most]


def _columns(kind: str, full: bool) -> list[str] | None:
    return ["RowKey", "since"] if kind == MARKED else None if full else _STATES


def _pack(row: Any) -> Pack:
    """Without the columns that were asked for and that this row has not."""
    there: Mapping[str, Any] = {name: value for name, value in row.items() if value is not None}
    return packs.from_row({"states": "[]", "parts": 0, **there, "etag": row.metadata["etag"]})
