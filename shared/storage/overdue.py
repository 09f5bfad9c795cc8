"""How far each alarm line's overdue parcels have been seen to, so that neither a restart nor a second instance does it again; and where
those that went by the second route stand there.

overdue           the last sequences that were seen to
s~{position}      of one that went by the second route: in which line it stands there, and at which position
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.storage.batch import put, submit
from shared.storage.head import key

_ROW = "overdue"
_RANGE = "PartitionKey eq @line and RowKey ge @first and RowKey lt @last"
_ROWS = 100  # in one transaction

Place = tuple[str, int]  # a parcel: its line and its position there


@dataclass(frozen=True, slots=True)
class Reached:
    """The last sequences that went by the second route, and of which a human was told; -1: none."""

    second: int = -1
    told: int = -1


class Overdue:
    """In the parcels' table, in each line that ever had something overdue."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def read(self, line: str) -> Reached:
        """Nothing was ever overdue: both -1."""
        try:
            row = await self._table.get_entity(line, _ROW)
        except ResourceNotFoundError:
            return Reached()
        return Reached(int(row["second"]), int(row["told"]))

    async def write(self, line: str, reached: Reached) -> None:
        """Two who write at once have done the same: what they put in lines knows its own repeats."""
        row = {**key(line, _ROW), "second": str(reached.second), "told": str(reached.told)}
        await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)

    async def went(self, line: str, stands: Mapping[int, Place]) -> None:
        """These positions of a line went by the second route too. Said again, it is the same."""
        rows = [put({**key(line, f"s~{at:015}"), "line": where, "at": str(there)}) for at, (where, there) in stands.items()]
        for start in range(0, len(rows), _ROWS):
            await submit(self._table, rows[start : start + _ROWS])

    async def seconds(self, line: str, first: int, last: int) -> dict[int, Place]:
        """Where those stand that went by the second route, by their own positions: from one up to, and not including, another."""
        asked = {"line": line, "first": f"s~{first:015}", "last": f"s~{last:015}"}
        rows: Any = self._table.query_entities(_RANGE, parameters=asked, results_per_page=1000)
        return {int(row["RowKey"][2:]): (row["line"], int(row["at"])) async for row in rows}
