"""Timer triggers: NCRONTAB and TimeSpan schedules in UTC, and their loop."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Protocol

from azure.functions.timer import TimerRequest

from local.host.functions import Failed, Function
from local.host.settings import StartError, time_span

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

# second, minute, hour, day, month, day of week: least, most, names
_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_DAYS_AHEAD = 366 * 8  # 29 February is at most eight years away


class Schedule(Protocol):
    def next(self, after: datetime) -> datetime:
        """The first moment strictly later than `after`."""


@dataclass(frozen=True, slots=True)
class Every:
    interval: timedelta

    def next(self, after: datetime) -> datetime:
        return after + self.interval


@dataclass(frozen=True, slots=True)
class Cron:
    """Sorted values per field. A day must fit both its field and the day of the week, as in NCrontab."""

    seconds: Sequence[int]
    minutes: Sequence[int]
    hours: Sequence[int]
    days: Sequence[int]
    months: Sequence[int]
    weekdays: Sequence[int]

    def next(self, after: datetime) -> datetime:
        earliest = after.replace(microsecond=0) + timedelta(seconds=1)
        floor = earliest.time()
        for ahead in range(_DAYS_AHEAD):
            day = earliest.date() + timedelta(days=ahead)
            if day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays:
                found = self._first(floor if ahead == 0 else time.min)
                if found is not None:
                    return datetime.combine(day, found, after.tzinfo)
        raise StartError("a schedule names a date that never comes")

    def _first(self, floor: time) -> time | None:
        for hour, minute in itertools.product(self.hours, self.minutes):
            if (hour, minute) < (floor.hour, floor.minute):
                continue
            for second in self.seconds:
                if time(hour, minute, second) >= floor:
                    return time(hour, minute, second)
        return None


def schedule(text: str, where: str) -> Schedule:
    fields = text.split()
    if len(fields) == 1:
        seconds = time_span(text, where)
        if seconds <= 0:
            raise StartError(f"{where} must be longer than nothing")
        return Every(timedelta(seconds=seconds))
    if len(fields) == 5:  # crontab without seconds
        fields = ["0", *fields]
    if len(fields) != 6:
        raise StartError(f"{where} must have six fields (second minute hour day month weekday), or be a time span")
    try:
        made = Cron(*(_field(text, *limits) for text, limits in zip(fields, _FIELDS, strict=True)))
    except ValueError as error:
        raise StartError(f"{where}: {error}") from None
    made.next(datetime(2026, 1, 1, tzinfo=UTC))
    return made


def _field(text: str, least: int, most: int, names: tuple[str, ...]) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        start, stop = _span(span, bool(slash), least, most, names)
        every = int(step) if slash else 1
        if not least <= start <= stop <= most or every < 1:
            raise ValueError(f"{part} is not within {least}-{most}")
        values.update(range(start, stop + 1, every))
    return tuple(sorted(values))


def _span(text: str, stepped: bool, least: int, most: int, names: tuple[str, ...]) -> tuple[int, int]:
    if text == "*":
        return least, most
    first, dash, last = text.partition("-")
    start = _value(first, least, names)
    if dash:
        return start, _value(last, least, names)
    return start, most if stepped else start  # "5/15" is from 5 on


def _value(text: str, least: int, names: tuple[str, ...]) -> int:
    short = text[:3].lower()
    return names.index(short) + least if short in names else int(text)


@dataclass(eq=False)
class Timer:
    function: Function
    schedule: Schedule
    on_startup: bool
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @staticmethod
    def of(function: Function) -> "Timer":
        made = schedule(str(function.trigger["schedule"]), f"{function.name}: schedule")
        return Timer(function, made, bool(function.trigger.get("runOnStartup")))

    @property
    def line(self) -> str:
        return f"{self.function.name}: timerTrigger {self.function.trigger['schedule']}{' and on start' if self.on_startup else ''}"

    async def run(self) -> None:
        """Until stop(). One run at a time; moments that pass meanwhile are left out."""
        due = self.clock()
        if self.on_startup:
            await self._fire()
        while not self._stopping.is_set():
            due = self.schedule.next(max(self.clock(), due))  # never the same moment twice, should the loop wake early
            if not await stopped_within(self._stopping, (due - self.clock()).total_seconds()):
                await self._fire()

    def stop(self) -> None:
        self._stopping.set()

    async def _fire(self) -> None:
        with contextlib.suppress(Failed):
            await self.function.invoke(TimerRequest(past_due=False))


async def stopped_within(stopping: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stopping.wait(), max(seconds, 0.001))
    except TimeoutError:
        return False
    return True
