"""The head of a line: who holds it, until when, and what is suspected or known to be down."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

HEAD = "w"  # sorts right before the waiting rows, w~...
_POSITIONS = ("suspect", "trying", "doubt")
HAND = "w!"  # between them: somebody wants the line for a moment (storage.amend)


@dataclass(frozen=True, slots=True)
class Head:
    """Who has the line and what is known about it.

    `suspect`: the last position of a batch whose holder never let go; up to there, one entry at a time is tried. `trying`: the one that
    is, `falls`: how often it was. -1: none. `failures`: how often in a row the line of an endpoint that is down was tried
    in vain. `doubt`: up to this position something may have been sent of which nothing was written; `doubts`: how often that came about.
    """

    etag: str = ""
    holder: str = ""
    until: float = 0.0
    suspect: int = -1
    trying: int = -1
    falls: int = 0
    not_before: float = 0.0
    failures: int = 0
    doubt: int = -1
    doubts: int = 0

    def held(self, now: float) -> bool:
        return bool(self.holder) and self.until > now

    @property
    def careful(self) -> bool:
        """One entry at a time: then it is known which one brings its worker down."""
        return self.suspect >= 0

    @property
    def begun(self) -> int:
        """Up to this position a turn has begun, or was cut short: what is not at its end there may have left its line already."""
        return max(self.suspect, self.trying, self.doubt)

    def taken(self, holder: str, until: float, at: int) -> "Head":
        """The head while it is held. `at`: the last position of the batch; a careful holder's only one."""
        known = self.doubted() if self.holder else self
        held = replace(known, holder=holder, until=until, not_before=0.0)
        if not self.careful:
            return replace(held, suspect=at)
        return replace(held, trying=at, falls=self.falls + 1 if self.trying == at else 1)

    def free(self) -> "Head":
        """The head after a turn that was committed; one by one goes on until the whole suspected batch is through."""
        through = self.trying < 0 or self.trying >= self.suspect
        return Head(suspect=-1 if through else self.suspect, doubt=self.doubt, doubts=self.doubts)

    def sure(self, at: int) -> "Head":
        """Up to this position nothing waits."""
        return replace(self, doubt=-1) if self.doubt <= at else self

    def doubted(self) -> "Head":
        """Of a holder that was lost, or that could not write what it has done: whatever it came to may be done."""
        return replace(self, doubt=max(self.doubt, self.suspect, self.trying), doubts=self.doubts + 1)

    def doubting(self, other: "Head") -> "Head":
        """This one, with the other's doubts."""
        return replace(self, doubt=other.doubt, doubts=other.doubts)

    def freed(self) -> "Head":
        """The same, held by nobody."""
        return replace(self, holder="", until=0.0)


def key(line: str, row: str) -> dict[str, Any]:
    """The keys of a row."""
    return {"PartitionKey": line, "RowKey": row}


def head_row(line: str, head: Head) -> dict[str, Any]:
    """The head as a row. Positions as text: they are larger than a whole number of a table."""
    row = {**key(line, HEAD), **asdict(head), **{name: str(getattr(head, name)) for name in _POSITIONS}}
    del row["etag"]
    return row


def read_head(row: Mapping[str, Any]) -> Head:
    found = {name: row[name] for name in ("etag", "holder", "until", "falls", "not_before", "failures")}
    suspect, trying, doubt = (int(row.get(name, -1)) for name in _POSITIONS)
    return Head(**found, suspect=suspect, trying=trying, doubt=doubt, doubts=row.get("doubts", 0))
