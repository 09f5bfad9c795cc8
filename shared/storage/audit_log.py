"""The audit log's table: one chain of rows for each municipality, written behind each other and never changed.

    {orgnr}   e~{sequence}   entries that were written together, compressed; previous hash, own hash
    {orgnr}   tail           how many rows there are, and the last one's hash: the only row that is ever replaced
    tenants   {orgnr}        who has a chain

A row and the tail are one transaction, conditional on the tail: instances that write to one chain at once cannot fork it. What arrives
while a write is under way goes together in the next.
"""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared import log
from shared.access.chain import Head, Row, following, start, to_line
from shared.access.entry import Entry
from shared.storage.batch import create, replace, submit
from shared.storage.head import key
from shared.storage.packs import columns, joined

_TENANTS, _TAIL = "tenants", "tail"
_GATHER = 0.008  # seconds that a chain under load waits for company; a lone entry is written at once
_PATIENCE = 8.0  # seconds of lost races until the answer is given up
_TOGETHER = 512  # entries in one row
_BYTES = 600_000  # bytes of lines in one row of several: below a row's 1 MiB even if nothing could be compressed
_RANGE = "PartitionKey eq @tenant and RowKey ge @first and RowKey lt 'e~~'"


class BrokenChain(AzureError):
    """The tail and the rows do not fit together: somebody's hand was in the table. Nothing is written until that is mended."""


@dataclass(frozen=True, slots=True)
class _Tail:
    etag: str  # "" = there is no chain yet
    head: Head


@dataclass(slots=True)
class _Writer:
    waiting: list[tuple[bytes, "asyncio.Future[None]"]] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None
    busy: bool = False  # the last write carried several, or met another instance's


class AuditLog:
    """One per worker. Its entries can be added to and read: there is no way to change one or to take one out."""

    def __init__(self, table: TableClient) -> None:
        self._table = table
        self._tails: dict[str, _Tail] = {}
        self._writers: dict[str, _Writer] = {}

    async def write(self, entry: Entry) -> None:
        """Returns once the entry is durable. AzureError, TimeoutError: it is not known to stand, so no answer may leave.

        The municipality must be one of the register: a chain is begun for whomever the entry names.
        """
        writer = self._writers.setdefault(entry.tenant, _Writer())
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        writer.waiting.append((to_line(entry), done))
        if writer.task is None:
            writer.task = asyncio.create_task(self._drain(entry.tenant, writer))
        await done

    async def read(self, tenant: str, first: int = 0) -> AsyncIterator[Row]:
        """Rows from a sequence on, as they stand, whether or not they fit together (see access.chain)."""
        asked = {"tenant": tenant, "first": _row_key(first)}
        async for row in self._table.query_entities(_RANGE, parameters=asked):
            yield _read_row(row)

    async def head(self, tenant: str) -> Head | None:
        """Where the chain ends, one read; None if there is none."""
        tail = await self._read_tail(tenant)
        return tail.head if tail.etag else None

    async def tenants(self) -> list[str]:
        """Whose chains there are, in order."""
        rows = self._table.query_entities("PartitionKey eq @tenants", parameters={"tenants": _TENANTS}, select=["RowKey"])
        return [row["RowKey"] async for row in rows]

    async def chains(self) -> list[str]:
        """Whose chains there are, by what stands in them and not by the list: a look at the whole table, for verifying only."""
        rows = self._table.query_entities(
            "RowKey eq @tail or RowKey eq @first", parameters={"tail": _TAIL, "first": _row_key(0)}, select=["PartitionKey"]
        )
        return sorted({row["PartitionKey"] async for row in rows})

    async def heads(self) -> list[Head]:
        """The end of every chain: a read for each municipality, and one."""
        return [head for tenant in await self.tenants() if (head := await self.head(tenant))]

    async def _drain(self, tenant: str, writer: _Writer) -> None:
        while writer.waiting:
            if writer.busy:
                await asyncio.sleep(_GATHER)
            together = writer.waiting[: _together([line for line, _ in writer.waiting])]
            del writer.waiting[: len(together)]
            try:
                alone = await self._append(tenant, b"".join(line for line, _ in together))
                writer.busy = len(together) > 1 or not alone
            except Exception as error:  # handed to every caller that waits for this write
                _tell([done for _, done in together], error)
            else:
                _tell([done for _, done in together], None)
        writer.task = None

    async def _append(self, tenant: str, lines: bytes) -> bool:
        """Whether nobody else was in the way."""
        clock, lost, unmoved = asyncio.get_running_loop().time, 0, 0
        until = clock() + _PATIENCE
        tail = self._tails.pop(tenant, None) or await self._read_tail(tenant)
        while clock() < until:
            row, head = following(tail.head, lines)
            if await self._written(tail, row, head):
                return not lost
            lost += 1
            await asyncio.sleep(random.uniform(0, _GATHER))  # noqa: S311 -- so that those who raced do not race again
            before, tail = tail, await self._read_tail(tenant)
            if await self._stands(tail.head, row):
                return False
            unmoved += tail.head == before.head
            if unmoved > 1:
                log.alarm("audit chain broken", tenant=tenant)
                raise BrokenChain("the municipality's audit chain is broken: ./hub audit verify tells where")
        raise TimeoutError("the end of the audit chain was taken by others again and again")

    async def _written(self, tail: _Tail, row: Row, head: Head) -> bool:
        """One transaction: the tail moves on and the row stands behind it. False if the tail is no longer there."""
        if not tail.etag:
            await self._table.upsert_entity(key(_TENANTS, head.tenant))
        moved = replace(_tail_row(head), tail.etag) if tail.etag else create(_tail_row(head))
        try:
            etags = await submit(self._table, [moved, create(_to_row(head.tenant, row))])
        except (ResourceModifiedError, ResourceExistsError, ResourceNotFoundError):
            return False
        self._tails[head.tenant] = _Tail(etags[0], head)
        return True

    async def _stands(self, now: Head, row: Row) -> bool:
        """A write whose answer was lost is sent again by the SDK and then fails: the row may stand all the same. Its hash tells it from
        another instance's in its place, whose entries have other times and correlation ids."""
        if now.rows <= row.sequence + 1:
            return now.rows > row.sequence and now.hash == row.hash
        try:
            found = await self._table.get_entity(now.tenant, _row_key(row.sequence), select=["hash"])
        except ResourceNotFoundError:
            return False
        return bool(found["hash"] == row.hash)

    async def _read_tail(self, tenant: str) -> _Tail:
        try:
            row = await self._table.get_entity(tenant, _TAIL)
        except ResourceNotFoundError:
            return _Tail("", start(tenant))
        return _Tail(str(row.metadata["etag"]), Head(tenant, _number(str(row.get("rows", ""))), str(row.get("hash", ""))))


def _together(lines: list[bytes]) -> int:
    """How many of the first ones fit in one row; at least one."""
    size = 0
    for number, line in enumerate(lines[:_TOGETHER]):
        size += len(line)
        if number and size > _BYTES:
            return number
    return min(len(lines), _TOGETHER)


def _tell(waiting: list["asyncio.Future[None]"], error: Exception | None) -> None:
    for done in waiting:
        if done.done():  # its caller has given up
            continue
        if error:
            done.set_exception(error)
        else:
            done.set_result(None)


def _row_key(sequence: int) -> str:
    return f"e~{sequence:012}"


def _tail_row(head: Head) -> dict[str, Any]:
    """The number as text: it may become larger than a whole number of a table."""
    return {**key(head.tenant, _TAIL), "rows": str(head.rows), "hash": head.hash}


def _to_row(tenant: str, row: Row) -> dict[str, Any]:
    told = {"previous": row.previous, "hash": row.hash, "entries": row.lines.count(b"\n")}
    return {**key(tenant, _row_key(row.sequence)), **told, **columns(zlib.compress(row.lines))}


def _read_row(row: Mapping[str, Any]) -> Row:
    """As it stands: one that a hand has put there, or damaged, is told by its hash and its place."""
    name = row["RowKey"].removeprefix("e~")
    sequence = _number(name) if len(name) == 12 else -1
    try:
        lines = zlib.decompress(joined(row))
    except (zlib.error, TypeError):
        lines = b""
    return Row(sequence, str(row.get("previous", "")), str(row.get("hash", "")), lines)


def _number(text: str) -> int:
    """-1 for what is none: a hand was in the table."""
    return int(text) if text.isascii() and text.isdecimal() else -1
