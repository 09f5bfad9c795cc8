"""Which of the sandbox journal's faults the kit finds, by the way that documents reach it."""

from collections.abc import Mapping

from local.journal.behaviour import MODES

KINDS: Mapping[str, tuple[str, ...]] = {  # what is sent by each way (Mode.only); look-ups are tried beside all but alerts
    "bundle": ("", "pushes", "lookups"),
    "note": ("", "pushes", "asks", "lookups"),
    "transaction": ("", "transactions", "asks", "lookups"),
    "jft": ("", "pushes", "lookups"),
    "response_centre": ("", "pushes", "webhooks"),
}
ALLOWED: Mapping[str, frozenset[str]] = {  # what a mode does is no fault there
    "bundle": frozenset(),
    "note": frozenset({"small", "round"}),
    "transaction": frozenset({"twice"}),
    "jft": frozenset(
        {"small", "round", "forget", "race", "remember", "short-key", "any-case", "new-note", "conflict", "raw", "telling-location"}
    ),
    "response_centre": frozenset(
        {"small", "round", "short-key", "any-case", "new-note", "conflict", "disorder", "raw", "echo", "wordless", "nowhere", "outcome"}
    ),
}


def faults(way: str) -> list[str]:
    """By name. Small parts (`pages`) are right everywhere, and a door stands open (`open`) by every way."""
    found = {name for name, mode in MODES.items() if mode.only in KINDS[way]} | {"open"}
    return sorted(found - ALLOWED[way] - {"pages"})
