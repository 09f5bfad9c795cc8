"""How far each alarm line's overdue parcels have been seen to, so that neither a restart nor a second instance does it again."""

from dataclasses import dataclass

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.storage.head import key

_ROW = "overdue"


@dataclass(frozen=True, slots=True)
class Reached:
    """The last sequences that went by the second route, and of which a human was told; -1: none."""

    second: int = -1
    told: int = -1


class Overdue:
    """One per worker; in the parcels' table, a row in each line that ever had something overdue."""

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
