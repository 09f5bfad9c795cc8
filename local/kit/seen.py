"""What a check came to."""

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """`LOOK`: a human must look in the journal. `UNTRIED`: it cannot be tried, or what it stands on failed."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    LOOK = "look"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Seen:
    """`section` of docs/journals.md, where it is another than that of the check."""

    mark: Mark
    saw: str
    mend: str = ""
    section: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """`check`: what was tried. `saw`: what came of it. `mend`: what to do about it."""

    section: str
    check: str
    mark: Mark
    saw: str
    mend: str = ""


def ok(saw: str = "") -> Seen:
    return Seen(Mark.PASSED, saw)


def bad(saw: str, mend: str, section: str = "") -> Seen:
    return Seen(Mark.FAILED, saw, mend, section)


def warn(saw: str, mend: str, section: str = "") -> Seen:
    return Seen(Mark.WARNED, saw, mend, section)


def look(saw: str) -> Seen:
    return Seen(Mark.LOOK, saw)


def untried(why: str) -> Seen:
    return Seen(Mark.UNTRIED, why)
