"""The follow-up of an alert: what its document is called, and what another document says was done about it, and when (vkp.md 2.2).

The steps stand in `Composition.event`. Which alert they are about is what `Composition.relatesTo` says; a document that says nothing of
that, but that the alert is acknowledged, is about the one whose identifier it has itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain import clock
from shared.fhir.elements import URI
from shared.fhir.reach import reach
from shared.fhir.terminology import STEP, display, known, system

REPORTED, ACKNOWLEDGED = "0", "3"  # hendelse meldt, which an alert says itself; hendelse kvittert
_UUID = "urn:uuid:"  # before it or not: clients write both (vkp.md 2.5)
_NAMED = ("Bundle", "Composition", "DetectedIssue")
_MOST = 20  # names, or steps, of one document

When = float | str  # seconds since 1970; a FHIR date as it stands, where no more is said; "" where nothing is


@dataclass(frozen=True, slots=True)
class FollowUp:
    """`names`: of the alert; `related`: it says that it is about that one; `steps`: codes and when; none of one that is withdrawn."""

    names: Sequence[str]
    related: bool
    steps: Sequence[tuple[str, When]]


def alert_names(document: Any) -> list[str]:
    """What an alert's document may be called by whoever follows it up; nothing of a document that is no alert, or tells of steps itself."""
    parts = _parts(document)
    alert = any(part.get("resourceType") == "DetectedIssue" for part in parts)
    return _names(_own(parts)) if alert and not _done(_steps(_notes(parts))) else []


def follow_up(document: Any) -> FollowUp | None:
    """None: it is none."""
    parts = _parts(document)
    notes = _notes(parts)
    steps, related = _steps(notes), _names(_related(notes))
    if not _done(steps) or not (related or ACKNOWLEDGED in dict(steps)):
        return None
    withdrawn = any(note.get("status") == "entered-in-error" for note in notes)
    return FollowUp(related or _names(_own(parts)), bool(related), [] if withdrawn else steps)


def step_name(code: str) -> str:
    """In bokmål."""
    return display(STEP, code)


def _parts(document: Any) -> list[dict[str, Any]]:
    return [part for part in (document, *reach(document, ("entry", "resource"))) if type(part) is dict]


def _notes(parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for part in parts if part.get("resourceType") == "Composition"]


def _done(steps: Iterable[tuple[str, When]]) -> bool:
    """Whether anything was done about it."""
    return any(code != REPORTED for code, _ in steps)


def _own(parts: Iterable[dict[str, Any]]) -> list[Any]:
    return reach([part for part in parts if part.get("resourceType") in _NAMED], ("identifier",))


def _related(notes: Sequence[Any]) -> list[Any]:
    target = ("relatesTo", "targetReference")
    references = [{"value": one} for one in reach(notes, (*target, "reference"))]
    return [*reach(notes, ("relatesTo", "targetIdentifier")), *reach(notes, (*target, "identifier")), *references]


def _names(identifiers: Iterable[Any]) -> list[str]:
    names = (_name(one.get("system"), one.get("value")) for one in identifiers if type(one) is dict)
    return list(dict.fromkeys(name for name in names if name))[:_MOST]


def _name(given: Any, value: Any) -> str:
    if type(value) is not str or not value:
        return ""
    if value.lower().startswith(_UUID):
        return f"|{value.lower().removeprefix(_UUID)}"
    return f"{given if type(given) is str and given != URI else ''}|{value}"


def _steps(notes: Sequence[Any]) -> list[tuple[str, When]]:
    found: list[tuple[str, When]] = []
    for event in reach(notes, ("event",)):
        codes = [one.get("code") for one in reach(event, ("code", "coding")) if type(one) is dict and one.get("system") == system(STEP)]
        said = reach(event, ("period", "start")) or reach(event, ("period", "end"))
        times = [time for each in said if (time := _time(each))] if said else [""]
        found += [(code, times[0]) for code in codes if times and type(code) is str and known(STEP, code)]
    return found[:_MOST]


def _time(text: Any) -> When:
    """0: it cannot be one. No time of day is put in the place of one that is not said."""
    try:
        return (text if clock.partial(text) else clock.instant(text).timestamp()) if type(text) is str else 0.0
    except clock.ClockError:
        return 0.0
