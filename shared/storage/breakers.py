"""Which endpoints are taken to be down: a row each, shared by all workers and instances."""

from dataclasses import dataclass

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.storage.batch import create, replace, submit

_NEVER = ""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`open`: the endpoint is taken to be down, `since` (seconds since 1970); or it is not, since then. `answered`: when whoever opened or
    closed it had last heard an answer."""

    open: bool = False
    since: float = 0.0
    reason: str = ""  # for which it was opened: an answer's class, never its words
    answered: float = 0.0
    etag: str = _NEVER


class Breakers:
    """One per worker."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def read(self, tenant: str, endpoint: str) -> Breaker:
        """As all instances see it now; closed if it never opened."""
        try:
            row = await self._table.get_entity(tenant, f"breaker~{endpoint}")
        except ResourceNotFoundError:
            return Breaker()
        return Breaker(row["open"], row["since"], row["reason"], row.get("answered", 0.0), str(row.metadata["etag"]))

    async def set(self, tenant: str, endpoint: str, known: Breaker, *, open: bool, now: float, reason: str = "") -> bool:
        """Opens or closes it, unless it has changed since it was read: then somebody else did, and False is the answer."""
        row = {"PartitionKey": tenant, "RowKey": f"breaker~{endpoint}", "open": open, "since": now, "reason": reason}
        row["answered"] = known.answered if open else now
        try:
            await submit(self._table, [create(row) if known.etag == _NEVER else replace(row, known.etag)])
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            return False
        return True
