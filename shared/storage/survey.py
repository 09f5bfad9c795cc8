"""What stands in a line, seen from outside: states, ages and marks, without any bodies. For whoever watches, counts and proves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from shared.storage import packs
from shared.storage.head import HAND, HEAD, Head, read_head
from shared.storage.lines import Lines
from shared.storage.packs import Pack

_RANGE = "PartitionKey eq @line and RowKey ge @first and RowKey lt @last"
_PAGE = 1000  # rows in one read: the most that a table gives
_STATES = ["RowKey", "since", "states", "parts", *(f"s{number:02}" for number in range(16))]
_HEAD = [field.name for field in fields(Head) if field.name != "etag"]
_MARK = ["RowKey", "since", "at", "parked", "set_aside", "unknown"]


@dataclass(frozen=True, slots=True)
class Survey:
    """A line as it stands: its head, and the first packs that wait, without their entries; `more`: there are further ones."""

    head: Head | None
    packs: list[Pack]
    more: bool

    @property
    def waiting(self) -> int:
        return sum(state is None or "end" not in state for pack in self.packs for state in pack.states)

    @property
    def reasons(self) -> Iterator[str]:
        """Why what waits found no answer when it was last tried."""
        return (state["reason"] for pack in self.packs for state in pack.states if state and "end" not in state and "reason" in state)

    def age(self, now: float) -> float:
        """Seconds that the oldest has waited; 0 if nothing waits."""
        return max(0.0, now - self.packs[0].since) if self.packs else 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A pack that a human should look at. `at`: when it was last marked; the rest: how many of its entries."""

    at: float
    parked: int
    set_aside: int
    unknown: int  # of those set aside: nobody was registered for the device


async def survey(lines: Lines, line: str) -> Survey:
    """One range read: up to a thousand packs."""
    found = _query(lines, line, HEAD, "x", [*_STATES, *_HEAD]).by_page()
    async for page in found:
        rows = [row async for row in page]
        if rows:  # a page may be empty and have a successor
            return _survey(rows, bool(found.continuation_token))
    return Survey(None, [], False)


def _survey(rows: list[Any], more: bool) -> Survey:
    heads = [read_head(dict(row, etag=row.metadata["etag"])) for row in rows if row["RowKey"] == HEAD]
    waiting = [packs.from_row(_there(row)) for row in rows if row["RowKey"] not in (HEAD, HAND)]
    return Survey(heads[0] if heads else None, waiting, more)


async def marks(lines: Lines, line: str) -> list[Mark]:
    """All that a human should look at in this line."""
    return [_mark(_there(row)) async for row in _query(lines, line, "x~", "x~~", _MARK)]


def _mark(row: Mapping[str, Any]) -> Mark:
    """One that was made before marks said more stands for one entry, of whichever kind its line has."""
    parcels = row["PartitionKey"].count("~") > 2
    usual = {"parked": int(parcels), "set_aside": int(not parcels), "unknown": 0}
    return Mark(row.get("at", row["since"]), **{name: row.get(name, number) for name, number in usual.items()})


async def states(lines: Lines, line: str, first: int, last: int) -> dict[int, Pack]:
    """The packs from one sequence to another, done and waiting, by sequence. One that ends while we read is seen as ended."""
    found: dict[int, Pack] = {}
    for letter in "wd":
        async for row in _query(lines, line, f"{letter}~{first:012}", f"{letter}~{last:012}~", _STATES):
            pack = packs.from_row(_there(row))
            found[pack.sequence] = pack
    return found


async def reached(lines: Lines, line: str) -> int:
    """The sequence that the next pack gets: how many there ever were."""
    try:
        return int((await lines.table.get_entity(line, "tail", select=["next"]))["next"])
    except ResourceNotFoundError:
        return 0


def _query(lines: Lines, line: str, first: str, last: str, select: list[str]) -> Any:
    asked = {"line": line, "first": first, "last": last}
    return lines.table.query_entities(_RANGE, parameters=asked, select=["PartitionKey", *select], results_per_page=_PAGE)


def _there(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without the columns that were asked for and that this row has not."""
    return {name: value for name, value in row.items() if value is not None}
