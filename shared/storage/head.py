"""The head of a line: who holds it, until when, and what is suspected or known to be down."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

HEAD = "w"  # sorts right before the waiting rows, w~...
HAND = "w!"  # between them: somebody wants the line for a moment (storage.amend)


@dataclass(frozen=True, slots=True)
class Head:
    """Who has the line and what is known about it.

    `suspect`: the last position of a batch whose holder never let go; up to there, one entry at a time is tried. `trying`: the one that
    is, `falls`: how often it was. -1: none. `failures`: how often in a row the line of an endpoint that is down was tried
    in vain.
    """

    etag: str = ""
    holder: str = ""
    until: float = 0.0
    suspect: int = -1
    trying: int = -1
    falls: int = 0
    not_before: float = 0.0
    failures: int = 0

    def held(self, now: float) -> bool:
        return bool(self.holder) and self.until > now

    @property
    def careful(self) -> bool:
        """One entry at a time: then it is known which one brings its worker down."""
        return self.suspect >= 0

    def taken(self, holder: str, until: float, at: int) -> "Head":
        """The head while it is held. `at`: the last position of the batch; a careful holder's only one."""
        held = replace(self, holder=holder, until=until, not_before=0.0)
        if not self.careful:
            return replace(held, suspect=at)
        return replace(held, trying=at, falls=self.falls + 1 if self.trying == at else 1)

    def free(self) -> "Head":
        """The head after a turn that was committed; one by one goes on until the whole suspected batch is through."""
        through = self.trying < 0 or self.trying >= self.suspect
        return Head(suspect=-1 if through else self.suspect)

    def freed(self) -> "Head":
        """The same, held by nobody."""
        return replace(self, holder="", until=0.0)


def key(line: str, row: str) -> dict[str, Any]:
    """The keys of a row."""
    return {"PartitionKey": line, "RowKey": row}


def head_row(line: str, head: Head) -> dict[str, Any]:
    """The head as a row. Positions as text: they are larger than a whole number of a table."""
    row = {**key(line, HEAD), **asdict(head), "suspect": str(head.suspect), "trying": str(head.trying)}
    del row["etag"]
    return row


def read_head(row: Mapping[str, Any]) -> Head:
    found = {name: row[name] for name in ("etag", "holder", "until", "falls", "not_before", "failures")}
    return Head(**found, suspect=int(row["suspect"]), trying=int(row["trying"]))
