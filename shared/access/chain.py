"""The audit log's chain: entries as lines, rows that carry the hash of the row before, and what is wrong with a chain. Pure.

A row's hash covers the hash before it, its place and its lines: whoever changes, removes, inserts or moves an entry must write every row
behind it anew. That too is found by whoever kept a head elsewhere (an anchor).
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import orjson

from shared.access.entry import Entry
from shared.domain.person import kind

_NUMBER = re.compile(r"(?<![0-9])([0-9]{6})[ .-]?([0-9]{5})(?![0-9])")
_KEY = re.compile(r"[0-9a-f]{32,64}")
_TENANT = re.compile(r"[0-9]{9}")
_SERVICE = re.compile(r"[a-z][a-z0-9_-]{0,15}")
_LISTED = ("patients", "service_codes")
_LONGEST = 200  # characters of one text; what comes in a token or a header may be any length


@dataclass(frozen=True, slots=True)
class Row:
    """Entries that were written together. `lines`: their lines, each ended by a line feed. Hashes in lower-case hex."""

    sequence: int  # from 0, without gaps
    previous: str
    hash: str
    lines: bytes = field(repr=False)

    @property
    def entries(self) -> list[Entry]:
        return [from_line(line) for line in self.lines.splitlines()]


@dataclass(frozen=True, slots=True)
class Head:
    """Where a municipality's chain ends: how many rows there are, and the last one's hash. Kept elsewhere it is an anchor."""

    tenant: str
    rows: int
    hash: str


def start(tenant: str) -> Head:
    """The end of a chain that has no rows yet: no municipality's chain can pass for another's."""
    return Head(tenant, 0, hashlib.sha256(f"knutepunkt audit {tenant}".encode()).hexdigest())


def row_hash(previous: str, sequence: int, lines: bytes) -> str:
    return hashlib.sha256(b"%b\n%d\n%b" % (previous.encode(), sequence, lines)).hexdigest()


def following(head: Head, lines: bytes) -> tuple[Row, Head]:
    """The row that comes next, and the chain's end after it."""
    row = Row(head.rows, head.hash, row_hash(head.hash, head.rows, lines), lines)
    return row, Head(head.tenant, head.rows + 1, row.hash)


def to_line(entry: Entry) -> bytes:
    """Canonical: the same entry gives the same bytes. ValueError: our own bug, an entry that could name a patient.

    What came in a token or a header may say anything, so a person's number there is struck out, and a service code without a code's shape.
    """
    if not _TENANT.fullmatch(entry.tenant):
        raise ValueError("an entry's tenant is an organisation number")
    if not all(_KEY.fullmatch(patient) for patient in entry.patients):
        raise ValueError("an entry's patients are keyed hashes")
    codes = tuple(code if _SERVICE.fullmatch(code) else "?" for code in entry.service_codes)
    claimed = {name: _cleaned(getattr(entry, name)) for name in ("sender", "vkp_id", "client", "action", "code", "who")}
    return orjson.dumps(asdict(entry) | claimed | {"service_codes": codes}, option=orjson.OPT_SORT_KEYS) + b"\n"


def from_line(line: bytes) -> Entry:
    """What `to_line` wrote, by this release or an older one."""
    data: dict[str, Any] = orjson.loads(line)
    known = {each.name: data[each.name] for each in fields(Entry) if each.name in data}
    return Entry(**known | {name: tuple(known[name]) for name in _LISTED})


def _cleaned(text: str) -> str:
    return _NUMBER.sub(lambda found: "***" if kind(found[1] + found[2]) else found[0], text)[:_LONGEST]


class Inspection:
    """Goes along one chain, row by row, in the order that they were found. `anchors`: heads with the name of whoever knew them."""

    def __init__(self, tenant: str, anchors: Iterable[tuple[str, Head]] = ()) -> None:
        self.head = start(tenant)
        self.entries = 0
        self.problems: list[str] = []
        self._anchors = sorted(anchors, key=lambda known: known[1].rows)
        self._due = {head.rows - 1: [known for known in self._anchors if known[1].rows == head.rows] for _, head in self._anchors}

    def take(self, row: Row) -> None:
        self.entries += row.lines.count(b"\n")
        if row.sequence < self.head.rows:
            self.problems.append(f"row {row.sequence} stands behind row {self.head.rows - 1}: inserted or moved")
            return
        if row.sequence > self.head.rows:
            self.problems.append(f"{_rows(self.head.rows, row.sequence - 1)} missing: removed or moved")
        elif row.previous != self.head.hash:
            self.problems.append(f"row {row.sequence} does not continue {self._before()}: one of them was changed, removed or inserted")
        if row.hash != row_hash(row.previous, row.sequence, row.lines):
            self.problems.append(f"row {row.sequence} was changed: its hash does not fit its entries")
        for name, known in self._due.get(row.sequence, ()):
            if known.hash != row.hash:
                self.problems.append(f"row {row.sequence} is not the one that {name} knew: the chain was written anew")
        self.head = Head(self.head.tenant, row.sequence + 1, row.hash)

    def close(self) -> list[str]:
        """All problems, once there are no more rows."""
        short = [(name, known.rows) for name, known in self._anchors if known.rows > self.head.rows]
        return self.problems + [f"cut off: {_count(self.head.rows)}, {name} knew {rows}" for name, rows in short]

    def _before(self) -> str:
        return f"row {self.head.rows - 1}" if self.head.rows else "the chain's start"


def verify(tenant: str, rows: Iterable[Row], anchors: Sequence[tuple[str, Head]] = ()) -> list[str]:
    """What is wrong with a municipality's chain, in words; nothing if it is whole."""
    inspection = Inspection(tenant, anchors)
    for row in rows:
        inspection.take(row)
    return inspection.close()


def _rows(first: int, last: int) -> str:
    return f"row {first} is" if first == last else f"rows {first} to {last} are"


def _count(rows: int) -> str:
    return f"{rows} row" if rows == 1 else f"{rows} rows"
