"""Putting packs at the end of a line: what arrives while a write is under way goes together in the next one.

The tail row gives out sequences. Its ETag is kept, so that an append is one transaction; another instance that appends to the same
line makes it fail (412), and it is read again. `seen` in the tail says, per source, up to which position of the source was appended:
a source that runs again after a crash looks from there on for what stands in the line already, and appends only what is missing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.storage import batch, packs
from shared.storage.batch import create, submit
from shared.storage.head import Head, head_row, key
from shared.storage.lines import Lines, position
from shared.storage.packs import Entry
from shared.storage.tail import Closed, Tail, close, read_tail, tail_row

_ROUNDS = 20  # lost races for one append before we give up: then the sender is told 503, or the turn runs again
_GATHER = 0.008  # seconds that a line under load waits for company; a lone payload is written at once
_TOGETHER = 512  # entries in one write
_PAGE = 500  # packs in one read while looking for what was said
_BYTES = 1_500_000  # raw bytes in one write; a transaction may hold 4 MiB


@dataclass(frozen=True, slots=True)
class Addition:
    """What one caller wants at the end of a line. `source`, `positions` (one for each entry, rising) and the entries' ids make it safe
    to say it twice."""

    entries: list[Entry]
    bodies: list[bytes] = field(repr=False)
    since: float
    source: str = ""
    positions: list[int] = field(default_factory=list)

    def without(self, said: Mapping[str, int]) -> "Addition":
        """What of it does not stand in the line yet."""
        if not said:
            return self
        left = [place for place, entry in enumerate(self.entries) if entry["id"] not in said]
        return replace(
            self,
            entries=[self.entries[place] for place in left],
            bodies=[self.bodies[place] for place in left],
            positions=[self.positions[place] for place in left],
        )


@dataclass(slots=True)
class _Writer:
    waiting: list[tuple[Addition, "asyncio.Future[list[int]]"]] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None
    busy: bool = False  # the last write carried several


class Appender:
    """One per table and worker."""

    def __init__(self, table: TableClient, index: TableClient, half: str) -> None:
        self._table, self._index, self._half = table, index, half
        self._lines = Lines(table)
        self._tails: dict[str, Tail | None] = {}
        self._writers: dict[str, _Writer] = {}

    def waiting(self, line: str) -> int:
        """How many appends of this worker wait for their turn to be written."""
        writer = self._writers.get(line)
        return len(writer.waiting) if writer else 0

    async def lines(self, tenant: str = "") -> list[str]:
        """Every line that was ever appended to and is not forgotten, or one municipality's."""
        mine = {"half": self._half, "first": f"{tenant}~", "last": f"{tenant}~~"} if tenant else {"half": self._half}
        asked = "PartitionKey eq @half" + (" and RowKey ge @first and RowKey lt @last" if tenant else "")
        rows = self._index.query_entities(asked, parameters=mine, select=["RowKey"])
        return [row["RowKey"] async for row in rows]

    async def forget(self, line: str) -> None:
        """Takes a closed line off that list: it stays closed, and so nothing brings it back."""
        await self._index.delete_entity(self._half, line)

    async def append(self, line: str, addition: Addition) -> list[int]:
        """The positions that the entries got, once they are durable. Raises Closed, and nothing was written."""
        writer = self._writers.setdefault(line, _Writer())
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        writer.waiting.append((addition, done))
        if writer.task is None:
            writer.task = asyncio.create_task(self._drain(line, writer))
        return await done

    async def said(self, line: str, addition: Addition) -> list[int]:
        """Where entries of it stand that an earlier run of the same source, of whichever worker, appended to a line that is closed."""
        if (known := self._tails.get(line)) is None or not known.closed:
            self._tails.pop(line, None)
        tail = await self._tail(line)
        return list((await self._said(line, tail, addition)).values())

    async def close(self, line: str) -> None:
        """From here on nothing is appended, by nobody."""
        self._tails.pop(line, None)
        await close(self._table, line)

    async def _drain(self, line: str, writer: _Writer) -> None:
        while writer.waiting:
            if writer.busy:
                await asyncio.sleep(_GATHER)
            together = _together(writer.waiting)
            del writer.waiting[: len(together)]
            writer.busy = len(together) > 1
            try:
                found = await self._write(line, [addition for addition, _ in together])
            except Exception as error:  # handed to every caller that waits for this write
                self._tails.pop(line, None)
                _tell(together, error)
            else:
                for (_, done), positions in zip(together, found, strict=True):
                    if not done.done():
                        done.set_result(positions)
        writer.task = None

    async def _write(self, line: str, additions: list[Addition]) -> list[list[int]]:
        for _ in range(_ROUNDS):
            tail = await self._tail(line)
            if tail and tail.closed:
                raise Closed(line)
            said = [await self._said(line, tail, addition) for addition in additions]
            fresh = [addition.without(there) for addition, there in zip(additions, said, strict=True)]
            try:
                got = await self._append(line, tail, fresh)
            except (ResourceModifiedError, ResourceExistsError, ResourceNotFoundError):
                self._tails.pop(line, None)
                continue
            return [_merged(*both) for both in zip(additions, said, got, strict=True)]
        raise TimeoutError("the end of the line was taken by others again and again")

    async def _said(self, line: str, tail: Tail | None, addition: Addition) -> dict[str, int]:
        """Where entries stand that an earlier run of the same source appended: empty unless it says something again."""
        seen = tail.seen.get(addition.source) if tail else None
        if not seen or not addition.positions or addition.positions[0] > seen[0]:
            return {}
        wanted = {entry["id"] for entry in addition.entries}
        start = seen[1] if addition.positions[0] >= seen[2] else 0
        return {name: at for name, at in (await _find(self._lines, line, start)).items() if name in wanted}

    async def _append(self, line: str, tail: Tail | None, additions: list[Addition]) -> list[list[int]]:
        """One transaction: the tail moves on and the packs stand behind it."""
        entries = [entry for addition in additions for entry in addition.entries]
        if not entries:
            return [[] for _ in additions]
        bodies = [body for addition in additions for body in addition.bodies]
        first = tail.next if tail else 0
        parts = packs.split(entries, bodies)
        since = min(addition.since for addition in additions if addition.entries)
        seen = dict(tail.seen if tail else {})
        for addition in additions:
            if addition.source and addition.positions:
                seen[addition.source] = _reached(seen.get(addition.source), addition, first)
        row = tail_row(line, first + len(parts), seen)
        rows = [_pack_row(line, first + number, since, *part) for number, part in enumerate(parts)]
        if tail is None:
            await self._index.upsert_entity(key(self._half, line))
            start = [create(row), create(head_row(line, Head()))]
        else:
            start = [batch.replace(row, tail.etag)]
        etags = await submit(self._table, [*start, *(create(one) for one in rows)])
        self._tails[line] = Tail(etags[0], first + len(parts), seen)
        return _dealt(additions, _positions(first, [len(some) for some, _ in parts]))

    async def _tail(self, line: str) -> Tail | None:
        if line not in self._tails:
            self._tails[line] = await read_tail(self._table, line)
        return self._tails[line]


async def _find(lines: Lines, line: str, first: int) -> dict[str, int]:
    """Where entries stand, by id, from a sequence on: waiting or done. What ends while we read is seen before it does, or after; and what
    a human has sent again meanwhile waits once more."""
    found: dict[str, int] = {}
    for ask in (lines.waiting, lines.done, lines.waiting):
        start, more = first, True
        while more:
            some, more = await ask(line, start, _PAGE)
            for pack in some:
                start = pack.sequence + 1
                found.update({entry["id"]: position(pack.sequence, place) for place, entry in enumerate(pack.entries)})
    return found


def _reached(before: list[int] | None, addition: Addition, first: int) -> list[int]:
    """How far a source has been appended now, and from which sequence on its latest turn stands: an older run of that turn counts too."""
    if before and addition.positions[0] <= before[0]:
        return [max(before[0], addition.positions[-1]), before[1], min(before[2], addition.positions[0])]
    return [addition.positions[-1], first, addition.positions[0]]


def _merged(whole: Addition, said: Mapping[str, int], got: list[int]) -> list[int]:
    """Each entry's position, said before or just now."""
    new = iter(got)
    return [said[entry["id"]] if entry["id"] in said else next(new) for entry in whole.entries]


def _together(waiting: Sequence[tuple[Addition, "asyncio.Future[list[int]]"]]) -> list[tuple[Addition, "asyncio.Future[list[int]]"]]:
    """The first ones that fit in one write; at least one."""
    count = size = number = 0
    for addition, _ in waiting:
        count, size = count + len(addition.entries), size + sum(map(len, addition.bodies))
        if number and (count > _TOGETHER or size > _BYTES):
            break
        number += 1
    return list(waiting[:number])


def _tell(together: Sequence[tuple[Addition, "asyncio.Future[list[int]]"]], error: Exception) -> None:
    for _, done in together:
        if not done.done():
            done.set_exception(error)


def _pack_row(line: str, sequence: int, since: float, entries: list[Entry], blob: bytes) -> dict[str, Any]:
    pack = packs.Pack(sequence, since, entries, [], [None] * len(entries), blob)
    return {**key(line, f"w~{sequence:012}"), **packs.to_row(pack)}


def _positions(first: int, sizes: list[int]) -> list[int]:
    return [position(first + number, place) for number, size in enumerate(sizes) for place in range(size)]


def _dealt(additions: list[Addition], positions: list[int]) -> list[list[int]]:
    dealt, at = [], 0
    for addition in additions:
        dealt.append(positions[at : at + len(addition.entries)])
        at += len(addition.entries)
    return dealt
