"""Small rows of plain JSON that several instances write to: each write says which version it has seen, and only one of two wins."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.storage import batch
from shared.storage.batch import submit
from shared.storage.head import key


@dataclass(frozen=True, slots=True)
class Record:
    """`data`: at most 30,000 characters as JSON. `etag`: of the version that was read; empty for one that is not there yet."""

    partition: str
    name: str
    data: Mapping[str, Any]
    etag: str = ""

    def with_data(self, data: Mapping[str, Any]) -> "Record":
        """To be written in the place of this version."""
        return replace(self, data=data)


class Records:
    """All rows of one table."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def read(self, partition: str, name: str) -> Record:
        """An empty one if there is none."""
        try:
            return _read(await self._table.get_entity(partition, name))
        except ResourceNotFoundError:
            return Record(partition, name, {})

    async def all(self, partition: str = "", first: str = "") -> list[Record]:
        """Every row of a partition, from a name on, in order; without a partition, of the whole table."""
        rows = (
            self._table.query_entities("PartitionKey eq @part and RowKey ge @first", parameters={"part": partition, "first": first})
            if partition
            else self._table.list_entities()
        )
        return [_read(row) async for row in rows]

    async def write(self, record: Record) -> Record | None:
        """The row with its new version; None if somebody else has written it since it was read."""
        row = {**key(record.partition, record.name), "data": orjson.dumps(record.data).decode()}
        try:
            etags = await submit(self._table, [batch.replace(row, record.etag) if record.etag else batch.create(row)])
        except (ResourceModifiedError, ResourceExistsError, ResourceNotFoundError):
            return None
        return replace(record, etag=etags[0])

    async def drop(self, record: Record) -> bool:
        """Whether it is gone, as it was read."""
        try:
            await submit(self._table, [batch.Operation("DELETE", key(record.partition, record.name), record.etag)])
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
        return True


def _read(row: Any) -> Record:
    return Record(row["PartitionKey"], row["RowKey"], orjson.loads(row["data"]), str(row.metadata["etag"]))
