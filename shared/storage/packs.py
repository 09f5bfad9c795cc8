"""A pack: one table row that holds what travels together, with the bodies compressed in binary columns.

A row may hold 1 MiB and a binary column 64 KiB (Azure Tables, "Understanding the Table service data model"), so the blob is cut
into columns b00, b01 ... and whoever fills packs keeps them below `ROOM`.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

Entry = Mapping[str, Any]  # a Receipt or a Parcel (domain.message), as plain JSON
State = dict[str, Any] | None  # what became of it; None = waiting

COLUMN = 64 * 1024
ROOM = 640 * 1024  # compressed bytes in one pack of many; a single body of 1 MB still fits in a row of its own
_TEXT = 30_000  # characters; a text column holds 32 Ki
MOST = 900  # entries in one pack


@dataclass(slots=True)
class Pack:
    """`since`: when the first entry was accepted (seconds since 1970). Bodies and states stand in the order of the entries. `done`: as its
    row says; `etag`: of the row as it was read."""

    sequence: int
    since: float
    entries: list[Entry]
    bodies: list[bytes] = field(repr=False)
    states: list[State]
    blob: bytes = field(default=b"", repr=False)  # entries and bodies as stored, so that they need not be packed again
    done: bool = False
    etag: str = ""

    @property
    def ended(self) -> bool:
        return all(state is not None and "end" in state for state in self.states)


def squeeze(entries: Sequence[Entry], bodies: Sequence[bytes]) -> bytes:
    """One compressed blob. Level 1: the bodies are alike, and more effort buys little."""
    head = orjson.dumps([entries, [len(body) for body in bodies]])
    return zlib.compress(b"%d\n%b%b" % (len(head), head, b"".join(bodies)), 1)


def unsqueeze(blob: bytes) -> tuple[list[Entry], list[bytes]]:
    """The way back."""
    size, _, rest = zlib.decompress(blob).partition(b"\n")
    entries, lengths = orjson.loads(rest[: int(size)])
    bodies, at = [], int(size)
    for length in lengths:
        bodies.append(rest[at : at + length])
        at += length
    return entries, bodies


def columns(blob: bytes, letter: str = "b") -> dict[str, bytes]:
    """A blob as columns of a row."""
    return {f"{letter}{number:02}": blob[at : at + COLUMN] for number, at in enumerate(range(0, len(blob), COLUMN))}


def joined(row: Mapping[str, Any], letter: str = "b", most: int = 99) -> bytes:
    """The way back: the first `most` columns of this letter."""
    names = sorted(name for name in row if len(name) == 3 and name[0] == letter and name[1:].isdigit())
    return b"".join(row[name] for name in names[:most])


def from_row(row: Mapping[str, Any]) -> Pack:
    """A row as read; a purged one has no bodies left."""
    blob = joined(row)
    entries, bodies = unsqueeze(blob) if blob else ([], [])
    told = row["states"] or zlib.decompress(joined(row, "s", row["parts"]))
    prefix, name = row["RowKey"][:2], row["RowKey"][2:]
    return Pack(int(name), row["since"], entries, bodies, orjson.loads(told), blob, prefix == "d~", row.get("etag", ""))


def to_row(pack: Pack) -> dict[str, Any]:
    """A row without its keys."""
    return {"since": pack.since, **states(pack), **columns(pack.blob)}


def states(pack: Pack) -> dict[str, Any]:
    """What became of each entry, as columns: text that a human can read while it is short, else compressed. `parts` counts the columns
    that are meant, since a row that is merged keeps those of before."""
    told = orjson.dumps(pack.states)
    if len(told) <= _TEXT:
        return {"states": told.decode(), "parts": 0}
    parts = columns(zlib.compress(told, 1), "s")
    return {"states": "", "parts": len(parts), **parts}


def mark(pack: Pack) -> dict[str, Any]:
    """What a human should look at in a pack, as columns: how many entries, and when the latest was parked (seconds since 1970)."""
    told = [state for state in pack.states if state]
    parked = [state["at"] for state in told if state.get("end") == "parked"]
    return {
        "at": max([pack.since, *parked]),
        "parked": len(parked),
        "set_aside": sum(bool(state.get("problems")) for state in told),
        "unknown": sum(bool(state.get("unknown")) for state in told),
    }


def split(entries: Sequence[Entry], bodies: Sequence[bytes]) -> list[tuple[list[Entry], bytes]]:
    """As few packs as fit, in order: each below ROOM or of one entry alone."""
    blob = squeeze(entries, bodies)
    if len(entries) <= 1 or (len(blob) <= ROOM and len(entries) <= MOST):
        return [(list(entries), blob)]
    half = len(entries) // 2
    return split(entries[:half], bodies[:half]) + split(entries[half:], bodies[half:])
