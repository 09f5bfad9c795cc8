"""A line: where receipts of one sender, or parcels for one endpoint, wait their turn. One partition, read and written in few calls.

    tail              the next free sequence, and how far each source has been appended (a second run appends nothing twice)
    w                 the head: who holds the line, until when, not before when; sorts right before the waiting rows: one read brings both
    w!                an operator's act wants the line, until when: workers let it have it (storage.amend)
    w~{sequence}      a pack, waiting
    d~{sequence}      a pack, done: what became of each entry, bodies until they are purged
    x~{sequence}      a mark: something in this pack was set aside or parked, and a human should look
    i~{id}            which position owns this id, and which came to correct it (storage.claims)

A worker looks, takes the head by a conditional write with an expiry, works, and commits everything in one transaction that is conditional
on the head again: a holder whose expiry has passed and whose line was taken by another can write no more.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.storage import packs
from shared.storage.batch import Operation, create, delete, merge, put, replace, submit
from shared.storage.claims import Claim, claim_row, read_claim
from shared.storage.head import HAND, HEAD, Head, head_row, key, read_head
from shared.storage.packs import Pack

_RANGE = "PartitionKey eq @line and RowKey ge @first and RowKey lt @last"
PAGE = 24  # packs in one read: a commit of them all stays below the 100 rows of a transaction
_PER_PACK = 1000  # positions of one pack: sequence * 1000 + place in the pack


class Claimed(Exception):
    """One of the ids belongs to an earlier position already."""


class Lost(Exception):
    """The line was taken by another worker: whatever this one did is for that one to find out."""


@dataclass(frozen=True, slots=True)
class Look:
    """The head and the first packs that wait; `more` if there are further ones. `wanted`: until when a hand wants the line, and no worker
    is to take it."""

    head: Head | None
    packs: list[Pack]
    more: bool
    wanted: float = 0.0


@dataclass(slots=True)
class Hold:
    """The right to write to a line, until another takes it. `before` and `head`: as it was found, and as it is held."""

    line: str
    etag: str
    before: Head
    head: Head


@dataclass(slots=True)
class Outcome:
    """What a turn has to say: packs that ended, packs that go on waiting with new states, packs that a human should look at. `through`: up
    to this position all is at its end, and nothing is in doubt any more."""

    ended: list[Pack] = field(default_factory=list)
    changed: list[Pack] = field(default_factory=list)
    marked: list[Pack] = field(default_factory=list)
    not_before: float = 0.0  # the whole line waits until then
    failures: int = 0
    through: int = -1


def position(sequence: int, place: int) -> int:
    return sequence * _PER_PACK + place


def place_of(at: int) -> tuple[int, int]:
    """A position's sequence and place in the pack."""
    return divmod(at, _PER_PACK)


class Lines:
    """All lines of one table."""

    def __init__(self, table: TableClient) -> None:
        self.table = table

    async def look(self, line: str, most: int = PAGE) -> Look:
        """One range read."""
        rows, more = await self._page(line, HEAD, "x", most + 1)
        head = read_head(rows[0]) if rows and rows[0]["RowKey"] == HEAD else None
        wanted = next((float(row["until"]) for row in rows if row["RowKey"] == HAND), 0.0)
        return Look(head, [packs.from_row(row) for row in rows if row["RowKey"] not in (HEAD, HAND)], more, wanted)

    async def waiting(self, line: str, first: int, most: int = PAGE) -> tuple[list[Pack], bool]:
        """Further packs that wait, from a sequence on, and whether there are more."""
        rows, more = await self._page(line, f"w~{first:012}", "x", most)
        return [packs.from_row(row) for row in rows], more

    async def take(self, line: str, head: Head, at: int, until: float, claims: Sequence[Claim] = ()) -> Hold | None:
        """None if another was faster. Raises Claimed, and takes nothing, if an id has an owner. `at`: see Head.taken."""
        taken = head.taken(uuid4().hex, until, at)
        try:
            etags = await submit(self.table, [replace(head_row(line, taken), head.etag), *(claim_row(line, claim) for claim in claims)])
        except ResourceModifiedError:
            return await self._mine(line, head, taken)
        except ResourceExistsError as error:
            raise Claimed from error
        return Hold(line, etags[0], head, taken)

    async def reach(self, hold: Hold, at: int) -> None:
        """Says that the holder goes further than it said when it took the line, for as long as it said. Raises Lost."""
        held = hold.before.taken(hold.head.holder, hold.head.until, at)
        [hold.etag] = await self._settle([replace(head_row(hold.line, held), hold.etag)])
        hold.head = held

    async def _mine(self, line: str, head: Head, taken: Head) -> Hold | None:
        """A write whose answer was lost is sent again by the SDK and then fails: the line may be ours all the same."""
        row = await self._get(line, HEAD)
        return Hold(line, row["etag"], head, taken) if row and row["holder"] == taken.holder else None

    async def give_head(self, line: str) -> None:
        """For a line that lost its head, by a hand in the table: it must not stand still for that."""
        with suppress(ResourceExistsError):
            await submit(self.table, [create(head_row(line, Head()))])

    async def owners(self, line: str, ids: Sequence[str]) -> dict[str, Claim]:
        """Who owns these ids, for those that are owned. A call each: only asked when an id turned out to be taken."""
        rows = [await self._get(line, f"i~{one}") for one in ids]
        return {row["RowKey"][2:]: read_claim(row) for row in rows if row}

    async def commit(self, hold: Hold, outcome: Outcome) -> None:
        """Writes every outcome and lets go, in one transaction. Raises Lost if the line is another's by now."""
        told = {"not_before": outcome.not_before, "failures": outcome.failures}
        operations = [replace(head_row(hold.line, hold.head.free().sure(outcome.through)) | told, hold.etag)]
        for pack in outcome.ended:
            operations += to_done(hold.line, pack)
        operations += [merge({**key(hold.line, named("w", pack)), **packs.states(pack)}) for pack in outcome.changed]
        operations += [put(mark_row(hold.line, pack)) for pack in outcome.marked]
        await self._settle(operations)

    async def let_go(self, hold: Hold, *, fell: bool, sent: bool = False) -> None:
        """After a turn that was not committed: the line is free at once. `fell`: what was worked on may be to blame, so it is counted.
        `sent`: something of it may have left the hub."""
        left = hold.head if fell else hold.before
        left = left.doubting(hold.head.doubted() if sent else hold.head)
        await self._settle([replace(head_row(hold.line, left.freed()), hold.etag)])

    async def head(self, line: str) -> Head | None:
        """Who holds the line; None: it has no head."""
        row = await self._get(line, HEAD)
        return read_head(row) if row else None

    async def read(self, line: str, sequence: int) -> Pack | None:
        """One pack wherever it stands; it may move from waiting to done while we ask, so that is asked twice."""
        for prefix in "dwd":
            if row := await self._get(line, f"{prefix}~{sequence:012}"):
                return packs.from_row(row)
        return None

    async def still(self, line: str, sequence: int) -> Pack | None:
        """One pack if something in it still waits."""
        row = await self._get(line, f"w~{sequence:012}")
        return packs.from_row(row) if row else None

    async def done(self, line: str, first: int, most: int, *, full: bool = False) -> tuple[list[Pack], bool]:
        """Packs that are done, from a sequence on, and whether there are more. `full`: only those that still have their bodies."""
        rows, more = await self._page(line, f"d~{first:012}", "d~~", most, " and full eq true" if full else "")
        return [packs.from_row(row) for row in rows], more

    async def empty(self, line: str, pack: Pack) -> None:
        """Purges the bodies of a pack that is done, unless it has changed since it was read; what became of it stays."""
        row = {**key(line, named("d", pack)), "since": pack.since, **packs.states(pack)}
        with suppress(ResourceModifiedError, ResourceNotFoundError):
            await self.table.update_entity(row, mode=UpdateMode.REPLACE, etag=pack.etag, match_condition=MatchConditions.IfNotModified)

    async def forget(self, line: str, before: float) -> int:
        """Drops the ids that were claimed before then: they mean nothing any more. Returns how many."""
        asked = "PartitionKey eq @line and RowKey ge 'i~' and RowKey lt 'i~~' and since lt @before"
        pages: Any = self.table.query_entities(
            asked, parameters={"line": line, "before": before}, select=["RowKey"], results_per_page=100
        ).by_page()
        forgotten = 0
        async for page in pages:
            names = [row["RowKey"] async for row in page]
            if names:
                await submit(self.table, [delete(key(line, name)) for name in names])
            forgotten += len(names)
        return forgotten

    async def _page(self, line: str, first: str, last: str, most: int, also: str = "") -> tuple[list[dict[str, Any]], bool]:
        found = self.table.query_entities(_RANGE + also, parameters={"line": line, "first": first, "last": last}, results_per_page=most)
        pages: Any = found.by_page()
        async for page in pages:
            rows = [dict(row, etag=row.metadata["etag"]) async for row in page]
            if rows:  # a page may be empty and have a successor
                return rows, bool(pages.continuation_token)
        return [], False

    async def _get(self, line: str, row: str) -> dict[str, Any] | None:
        try:
            found = await self.table.get_entity(line, row)
            return dict(found, etag=found.metadata["etag"])
        except ResourceNotFoundError:
            return None

    async def _settle(self, operations: Sequence[Operation]) -> list[str]:
        try:
            return await submit(self.table, operations)
        except (ResourceModifiedError, ResourceNotFoundError, ResourceExistsError) as error:
            raise Lost from error


def named(prefix: str, pack: Pack) -> str:
    """The name of a pack's row."""
    return f"{prefix}~{pack.sequence:012}"


def mark_row(line: str, pack: Pack) -> dict[str, Any]:
    """Says that a human should look at this pack."""
    return {**key(line, named("x", pack)), "since": pack.since, **packs.mark(pack)}


def to_done(line: str, pack: Pack) -> list[Operation]:
    """A pack that waited is done."""
    return [delete(key(line, named("w", pack))), create({**key(line, named("d", pack)), **packs.to_row(pack), "full": True})]
