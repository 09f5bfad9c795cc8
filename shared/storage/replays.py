"""DPoP proofs that were shown already: a proof is good once (RFC 9449 11.1), whichever worker meets it.

One conditional insert decides. A partition holds the proofs that were made in one hour, by their own time: the same proof always comes to
the same partition, and whole hours can be forgotten.
"""

from contextlib import suppress
from uuid import uuid4

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.storage.batch import delete, submit

_HOUR = 3600
_AT_ONCE = 100  # rows of a transaction


class Replays:
    """One per worker."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def first(self, key: str, issued_at: float) -> bool:
        """Whether nobody has shown this proof before. Raises AzureError while that cannot be known.

        `key`: letters, digits and hyphens; `issued_at`: the proof's own time, seconds since 1970, the same each time it is shown.
        """
        row = {"PartitionKey": _hour(issued_at), "RowKey": key, "by": uuid4().hex}
        try:
            await self._table.create_entity(row)
        except ResourceExistsError:
            found = await self._table.get_entity(row["PartitionKey"], key)
            return bool(found["by"] == row["by"])  # ours: the answer to our first try was lost, and the SDK tried again
        return True

    async def forget(self, before: float) -> int:
        """Removes the proofs of every hour that was over by then, and says how many. Give at least a minute before now."""
        rows = self._table.query_entities("PartitionKey lt @hour", parameters={"hour": _hour(before)}, select=["PartitionKey", "RowKey"])
        gone, together = 0, list[dict[str, str]]()
        async for row in rows:
            if together and (len(together) == _AT_ONCE or row["PartitionKey"] != together[0]["PartitionKey"]):
                gone += await self._remove(together)
                together = []
            together.append({"PartitionKey": row["PartitionKey"], "RowKey": row["RowKey"]})
        return gone + await self._remove(together)

    async def _remove(self, rows: list[dict[str, str]]) -> int:
        with suppress(ResourceNotFoundError):  # another worker forgets too: it removes them all, or they go next time
            if rows:
                await submit(self._table, [delete(row) for row in rows])
                return len(rows)
        return 0


def _hour(at: float) -> str:
    return f"{int(at // _HOUR):08}"
