"""Reading moments. An instant carries its offset or is refused; a wall time is read only where a sender's manual says whose wall."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")

_DAY = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"  # no 24:00, no leap second: neither can be put in a journal
_OFFSET = r"(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)"
_PARTIAL = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?", re.ASCII)  # FHIR: a year, a month or a day
_HINTS = (  # what stands where an instant should: what is the matter with it
    (re.compile(r"\d{9,11}", re.ASCII), "it counts seconds"),
    (re.compile(r"\d{12,19}", re.ASCII), "it counts milliseconds or less"),
    (re.compile(f"{_DAY}", re.ASCII), "the time of day is missing"),
    (re.compile(f"{_DAY}T\\d\\d:\\d\\d{_OFFSET}?", re.ASCII), "the seconds are missing"),
    (re.compile(f"{_DAY}T{_TIME}[+-]\\d\\d(?::?\\d\\d)?", re.ASCII), "no place has this offset"),
    (re.compile(f"{_DAY} {_TIME}{_OFFSET}", re.ASCII), "a T stands between day and time"),
)
_INSTANT = re.compile(f"{_DAY}T{_TIME}{_OFFSET}", re.ASCII)
_WALL = re.compile(f"{_DAY}[T ]{_TIME}", re.ASCII)
_EARLIEST, _LATEST = 2000, 2100  # a device that has lost its clock says 1970 or 0001


class ClockError(ValueError):
    """Its text says what is wrong with a time, never which time it was."""


def instant(text: str) -> datetime:
    """An ISO 8601 / FHIR instant as aware UTC. Fractions beyond microseconds are cut off."""
    if not _INSTANT.fullmatch(text):
        raise ClockError(_why_not(text))
    return _plausible(_moment(text)).astimezone(UTC)


def first_of(text: str) -> datetime:
    """What people type: an instant, or a day, which is its first moment in Norway."""
    return _moment(text).replace(tzinfo=OSLO) if re.fullmatch(_DAY, text, re.ASCII) else instant(text)


def partial(text: str) -> bool:
    """True for a FHIR date, which says the day, the month or only the year; ClockError if there is no such day."""
    if not _PARTIAL.fullmatch(text):
        return False
    _plausible(_moment(f"{text}{'-01-01'[len(text) - 4 :] if len(text) < 10 else ''}T00:00:00+00:00"))
    return True


def bounds(date: str) -> tuple[float, float]:
    """When a FHIR date (`partial`) began and ended in Norway, seconds since 1970."""
    first = datetime.fromisoformat(f"{date}{'-01-01'[len(date) - 4 :] if len(date) < 10 else ''}").replace(tzinfo=OSLO)
    after = first + timedelta(days={4: 366, 7: 31, 10: 1}[len(date)])
    return first.timestamp(), (after.replace(day=first.day) if len(date) < 10 else after).timestamp()


def local(text: str, zone: ZoneInfo) -> datetime:
    """A wall time in `zone` as aware UTC. The hour that spring takes away and the hour that autumn gives twice are refused."""
    if not _WALL.fullmatch(text):
        raise ClockError("is no local time of the form 2026-03-02T08:03:11")
    wall = _plausible(_moment(text)).replace(tzinfo=zone)
    first, second = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    if first is None or second is None or first < second:
        raise ClockError("does not exist: the clock was put forward over it")
    if first > second:
        raise ClockError("happened twice: the clock was put back over it")
    return wall.astimezone(UTC)


def written(moment: datetime) -> str:
    """An aware moment as FHIR writes it, with Norway's offset: a journal that prints the characters shows the clock on the wall."""
    return moment.astimezone(OSLO).isoformat()


def _why_not(text: str) -> str:
    if _WALL.fullmatch(text):
        return "has no offset from UTC"
    hint = next((f": {words}" for shape, words in _HINTS if shape.fullmatch(text)), "")
    return f"is no time of the form 2026-03-02T08:03:11+01:00{hint}"


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ClockError("is a day that does not exist") from None


def _plausible(moment: datetime) -> datetime:
    if not _EARLIEST <= moment.year <= _LATEST:
        raise ClockError(f"is outside the years {_EARLIEST} to {_LATEST}")
    return moment
