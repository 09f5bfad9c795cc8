"""The end of a line: which sequence is next, how far each source has been appended, and whether anything may come after it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables.aio import TableClient

from shared.storage import batch
from shared.storage.batch import create, submit
from shared.storage.head import key

_ROUNDS = 20  # lost races for one close


class Closed(Exception):
    """Nothing is put at the end of this line any more."""


@dataclass(frozen=True, slots=True)
class Tail:
    """`seen`: source -> [last position appended, first sequence of its latest turn, first position of that]."""

    etag: str
    next: int
    seen: Mapping[str, list[int]]
    closed: bool = False


async def read_tail(table: TableClient, line: str) -> Tail | None:
    """None for a line that nothing was ever put in."""
    try:
        row = await table.get_entity(line, "tail")
    except ResourceNotFoundError:
        return None
    return Tail(str(row.metadata["etag"]), int(row["next"]), orjson.loads(row["seen"]), bool(row.get("closed")))


def tail_row(line: str, following: int, seen: Mapping[str, list[int]]) -> dict[str, Any]:
    """The row of an open line."""
    return {**key(line, "tail"), "next": str(following), "seen": orjson.dumps(seen).decode()}


async def close(table: TableClient, line: str) -> None:
    """From here on nothing is appended, by nobody: whoever tries finds another tail than the one it read."""
    for _ in range(_ROUNDS):
        tail = await read_tail(table, line)
        if tail and tail.closed:
            return
        row = tail_row(line, tail.next if tail else 0, tail.seen if tail else {}) | {"closed": True}
        with suppress(ResourceModifiedError, ResourceExistsError, ResourceNotFoundError):
            await submit(table, [batch.replace(row, tail.etag) if tail else create(row)])
    raise TimeoutError("the end of the line was taken by others again and again")
