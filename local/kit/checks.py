"""One row of what is tried."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from local.kit.endpoint import Endpoint
from local.kit.seen import Finding, Mark, Seen, ok, untried


@dataclass(frozen=True, slots=True)
class Check:
    """`gate`: if it fails, what comes after it in its list is not tried."""

    section: str
    words: str
    attempt: Callable[[Endpoint], Iterator[Seen]]
    gate: bool = False


def tried(endpoint: Endpoint, checks: tuple[Check, ...]) -> Iterator[Finding]:
    """What each check came to: all that it found wrong, or one line that it passed, and what to look for in the journal."""
    shut = ""
    for check in checks:
        endpoint.check = check.words
        seen = [untried(f"first mend: {shut}")] if shut else list(check.attempt(endpoint))
        yield from (Finding(one.section or check.section, check.words, one.mark, one.saw, one.mend) for one in _told(seen))
        if check.gate and not shut and any(one.mark is Mark.FAILED for one in seen):
            shut = check.words


def _told(seen: list[Seen]) -> list[Seen]:
    """What passed is one line, and none beside what did not."""
    passed = [one for one in seen if one.mark is Mark.PASSED]
    others = [one for one in seen if one.mark is not Mark.PASSED]
    if not passed or any(one.mark in (Mark.FAILED, Mark.WARNED) for one in others):
        return others
    return [ok("; ".join(dict.fromkeys(one.saw for one in passed))), *others]
