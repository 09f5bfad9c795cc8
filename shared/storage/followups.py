"""Documents that a journal has taken and will say more about: a row for each, by when it is to be asked next. And documents that follow up
an alert, until it is found (flow.acknowledge).

{orgnr}~{endpoint}   f~{due}~{parcel}    where the parcel stands, by which address the journal is asked, since when, how often it was
{orgnr}~_answers     f~{due}~{receipt}   since when it is looked for, how often it was
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.storage.batch import create, delete, put, submit
from shared.storage.head import key

_RANGE = "PartitionKey eq @place and RowKey ge 'f~' and RowKey lt @last"


@dataclass(frozen=True, slots=True)
class Followup:
    """`parcel`: its id; `line` and `at`: where it stands; `name`: the journal's own, which says where to ask; times in seconds."""

    parcel: str
    line: str
    at: int
    name: str
    since: float
    due: float
    asked: int = 0

    @property
    def place(self) -> str:
        tenant, endpoint, *_ = self.line.split("~")
        return f"{tenant}~{endpoint}"

    @property
    def row(self) -> str:
        return f"f~{int(self.due * 1000):015}~{self.parcel}"


class Followups:
    """One per worker."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def add(self, one: Followup) -> None:
        """Two of the same parcel do no harm: the second finds that it has ended."""
        await submit(self._table, [put(_told(one))])

    async def due(self, tenant: str, endpoint: str, now: float, most: int) -> Sequence[Followup]:
        """Those that are to be asked by now, the ones that have waited longest first."""
        asked = {"place": f"{tenant}~{endpoint}", "last": f"f~{int(now * 1000) + 1:015}"}
        found: list[Followup] = []
        async for row in self._table.query_entities(_RANGE, parameters=asked, results_per_page=most):
            _, due, parcel = row["RowKey"].split("~")
            at, name, since = int(row["at"]), row["name"], row["since"]
            found.append(Followup(parcel, row["line"], at, name, since, int(due) / 1000, row["asked"]))
            if len(found) == most:
                break
        return found

    async def later(self, one: Followup, due: float) -> None:
        """To be asked again then."""
        with suppress(ResourceNotFoundError, ResourceExistsError):  # another instance was faster
            await submit(self._table, [delete(key(one.place, one.row)), create(_told(replace(one, due=due, asked=one.asked + 1)))])

    async def end(self, one: Followup) -> None:
        """There is no more to ask."""
        with suppress(ResourceNotFoundError):
            await submit(self._table, [delete(key(one.place, one.row))])


def _told(one: Followup) -> dict[str, object]:
    told = {"line": one.line, "at": str(one.at), "name": one.name, "since": one.since, "asked": one.asked}
    return {**key(one.place, one.row), **told}
