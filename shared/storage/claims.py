"""Who owns an id in a line, and what has come to correct it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.storage.batch import Operation, create, replace
from shared.storage.head import key


@dataclass(frozen=True, slots=True)
class Claim:
    """An id and the position that owns it. `content`: the hash of what came under this id; `name`: under which id the message goes on;
    `corrections`: positions of what came under this id with other content.

    `etag`: of the row as it was read, which is replaced; empty for an id that nobody has.
    """

    id: str
    position: int
    content: str
    since: float
    name: str
    etag: str = ""
    corrections: tuple[int, ...] = ()


def claim_row(line: str, claim: Claim) -> Operation:
    """Writes it: a new row, or in place of the one that was read."""
    row = {**key(line, f"i~{claim.id}"), "at": str(claim.position), "content": claim.content, "since": claim.since, "name": claim.name}
    if claim.corrections:
        row["corrections"] = " ".join(map(str, claim.corrections))
    return replace(row, claim.etag) if claim.etag else create(row)


def read_claim(row: Mapping[str, Any]) -> Claim:
    corrections = tuple(map(int, row.get("corrections", "").split()))
    return Claim(row["RowKey"][2:], int(row["at"]), row["content"], row["since"], row["name"], row["etag"], corrections)
