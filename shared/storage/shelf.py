"""Documents that a journal fetches: an endpoint's shelf is one partition, where they lie until the journal has acknowledged them.

    tail               the time of the last document
    i~{id}             a document's type and time; once it is acknowledged, what became of it
    n~{type}~{time}    a document, not acknowledged
    a~{type}~{time}    a document, acknowledged, until it is purged

A document's time (milliseconds since 1970) is given out in the transaction that lays it there, conditional on the tail: later than every
time before it, whatever the clocks of instances say. So nothing ever appears behind a reader: who has seen a time has seen all before it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.domain.message import Lane
from shared.storage.batch import create, delete, merge, replace, submit
from shared.storage.head import key
from shared.storage.shelf_rows import FOREVER, Document, Lying, Wanted, fitting, lying, row_name, told, whole

_ROUNDS = 40  # lost races for one document
_AT_ONCE = 100  # rows of a transaction
_BESIDE = ["id", "type", "patient", "source", "at", "read", "message"]  # columns without the document
_RANGE = "PartitionKey eq @shelf and RowKey ge @first and RowKey le @last"
_SPANS = (3_600_000, 86_400_000, 30 * 86_400_000)  # how far back the newest are looked for first: an hour, a day, a month


@dataclass(frozen=True, slots=True)
class _Tail:
    etag: str  # "" = nothing was ever put there
    at: int


class Shelf:
    """All shelves; one object per worker."""

    def __init__(self, table: TableClient, clock: Callable[[], float]) -> None:
        self._table, self._clock = table, clock
        self._tails: dict[str, _Tail] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def put(self, shelf: str, document: Document) -> bool:
        """Whether it is new there: the same id twice is one document, the first. TimeoutError: it may lie there or not."""
        async with self._turns[shelf]:
            for _ in range(_ROUNDS):
                tail = self._tails.pop(shelf, None) or await self._tail(shelf)
                at = max(int(self._clock() * 1000), tail.at + 1)
                if await self._laid(shelf, tail, at, document):
                    return True
                if await self._get(shelf, f"i~{document.id}"):
                    return False
            raise TimeoutError("the end of the shelf was taken by others again and again")

    async def read(self, shelf: str, wanted: Wanted, most: int) -> tuple[list[Lying], bool]:
        """The oldest first, and whether there are more. What is put there while we read is for the next time."""
        last = min(wanted.last, (await self._tail(shelf)).at)
        if wanted.first > last:
            return [], False
        pages = [await self._page(shelf, f"{letter}~{wanted.type}", wanted.first, last, most) for letter in wanted.letters]
        reach = min([rows[-1].at for rows, more in pages if more], default=last)
        found = {one.at: one for rows, _ in pages for one in rows if one.at <= reach}
        ordered = [found[at] for at in sorted(found)]
        shown = ordered[: min(most, fitting(ordered))]
        return shown, len(shown) < len(ordered) or any(more for _, more in pages)

    async def newest(self, shelf: str, wanted: Wanted, most: int) -> tuple[list[Lying], bool]:
        """The newest first, and whether there are older ones. A table reads forwards only, so their times are looked for first."""
        times = await self._times(shelf, wanted, most)
        found: list[Lying] = []
        for at in times[:most]:
            found += [one] if (one := await self._lying(shelf, wanted, at)) else []
            if fitting(found) < len(found):
                found.pop()
                break
        return found, bool(found) and times[-1] < found[-1].at

    async def mark_read(self, shelf: str, documents: Sequence[Lying]) -> None:
        """That the journal has been handed them, the first time."""
        new = [key(shelf, row_name("n", one.type, one.at)) for one in documents if not one.read and not one.acknowledged]
        marks = [merge({**row, "read": self._clock()}) for row in new]
        try:
            if marks:
                await submit(self._table, marks)
        except ResourceNotFoundError:  # one was acknowledged meanwhile, which says so too
            for mark in marks:
                with suppress(ResourceNotFoundError):
                    await submit(self._table, [mark])

    async def acknowledge(self, shelf: str, kind: str, name: str) -> Lying | None:
        """The document; None if there is no such. A second time changes nothing."""
        for _ in range(_ROUNDS):
            one, row = await self._found(shelf, kind, name)
            if one is None or row is None:
                return one
            now = self._clock()
            ended = {"acknowledged": now, "read": one.read or now}
            moved = {**row, **key(shelf, row_name("a", kind, one.at)), **ended}
            gone = delete(key(shelf, row_name("n", kind, one.at)))
            with suppress(ResourceNotFoundError, ResourceExistsError):  # another was faster
                await submit(self._table, [merge({**key(shelf, f"i~{name}"), **ended}), gone, create(moved)])
        raise TimeoutError("the document was acknowledged by others again and again")

    async def find(self, shelf: str, kind: str, name: str) -> Lying | None:
        """A document without its body, purged ones too; None if there is no such."""
        return (await self._found(shelf, kind, name, _BESIDE))[0]

    async def unread_alarms(self, shelf: str, before: float) -> list[Lying]:
        """Alarms that were put there before then and never handed out, the oldest first; without their documents."""
        asked = {"shelf": shelf, "first": "n~", "last": "n~~", "lane": str(Lane.ALARM), "never": 0.0}
        rows = self._table.query_entities(f"{_RANGE} and lane eq @lane and read eq @never", parameters=asked, select=_BESIDE)
        return sorted([one async for row in rows if (one := lying(row)).at < before * 1000], key=lambda one: one.at)

    async def purge(self, shelf: str, acknowledged: float, known: float) -> int:
        """Removes documents that were acknowledged before then, and what is known of those acknowledged before `known`. How many."""
        return sum([await self._drop(shelf, letter, before) for letter, before in (("a", acknowledged), ("i", known))])

    async def _laid(self, shelf: str, tail: _Tail, at: int, document: Document) -> bool:
        """One transaction. False if somebody else was faster, with another document or with this one."""
        moved = {**key(shelf, "tail"), "at": str(at)}
        row = {**key(shelf, row_name("n", document.type, at)), **whole(document, at)}
        entry = {**key(shelf, f"i~{document.id}"), **told(document, at), "acknowledged": 0.0}
        try:
            etags = await submit(self._table, [replace(moved, tail.etag) if tail.etag else create(moved), create(entry), create(row)])
        except (ResourceModifiedError, ResourceExistsError, ResourceNotFoundError):
            return False
        self._tails[shelf] = _Tail(etags[0], at)
        return True

    async def _tail(self, shelf: str) -> _Tail:
        row = await self._get(shelf, "tail")
        return _Tail(row["etag"], int(row["at"])) if row else _Tail("", 0)

    async def _page(self, shelf: str, start: str, first: int, last: int, most: int) -> tuple[list[Lying], bool]:
        asked = {"shelf": shelf, "first": f"{start}~{first:015}", "last": f"{start}~{last:015}"}
        pages: Any = self._table.query_entities(_RANGE, parameters=asked, results_per_page=most).by_page()
        async for page in pages:
            rows = [lying(dict(row)) async for row in page]
            if rows:  # a page may be empty and have a successor
                return rows, bool(pages.continuation_token)
        return [], False

    async def _times(self, shelf: str, wanted: Wanted, most: int) -> list[int]:
        """When the newest were put there, at least one more than `most` if there are so many; the newest first."""
        last = min(wanted.last, (await self._tail(shelf)).at)
        times: set[int] = set()
        for span in (*_SPANS, FOREVER):
            first = max(wanted.first, last - span)
            for letter in wanted.letters:
                asked = {"shelf": shelf, "first": row_name(letter, wanted.type, first), "last": row_name(letter, wanted.type, last)}
                rows = self._table.query_entities(_RANGE, parameters=asked, select=["RowKey"])
                times |= {int(row["RowKey"].rpartition("~")[2]) async for row in rows}
            if len(times) > most or first == wanted.first:
                break
        return sorted(times, reverse=True)

    async def _lying(self, shelf: str, wanted: Wanted, at: int) -> Lying | None:
        for letter in wanted.letters:
            if row := await self._get(shelf, row_name(letter, wanted.type, at)):
                return lying(row)
        return None

    async def _found(self, shelf: str, kind: str, name: str, columns: Sequence[str] = ()) -> tuple[Lying | None, dict[str, Any] | None]:
        """What is known of a document, and its row while it is not acknowledged; it may move while we ask, so that is asked twice."""
        for _ in range(2):
            entry = await self._get(shelf, f"i~{name}")
            if entry is None or entry["type"] != kind:
                return None, None
            if entry["acknowledged"]:
                return lying({**entry, "id": name}), None
            if row := await self._get(shelf, row_name("n", kind, int(entry["at"])), columns):
                del row["etag"]
                return lying(row), row
        raise TimeoutError("the document is neither here nor there")

    async def _drop(self, shelf: str, letter: str, before: float) -> int:
        asked = {"shelf": shelf, "first": f"{letter}~", "last": f"{letter}~~", "zero": 0.0, "before": before}
        also = " and acknowledged gt @zero and acknowledged lt @before"
        pages: Any = self._table.query_entities(_RANGE + also, parameters=asked, select=["RowKey"], results_per_page=_AT_ONCE).by_page()
        dropped = 0
        async for page in pages:
            names = [row["RowKey"] async for row in page]
            if names:
                await submit(self._table, [delete(key(shelf, name)) for name in names])
            dropped += len(names)
        return dropped

    async def _get(self, shelf: str, row: str, columns: Sequence[str] = ()) -> dict[str, Any] | None:
        try:
            found = await self._table.get_entity(shelf, row, **({"select": list(columns)} if columns else {}))
            return dict(found, etag=found.metadata["etag"])
        except ResourceNotFoundError:
            return None
