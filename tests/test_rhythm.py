"""Who is silent for longer than it uses to be: never in the first days, never for its usual nights and weekends."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from shared.domain.clock import OSLO
from shared.notice.rhythm import HOUR, Rhythm, from_data, listened, silent, to_data

LOOK = HOUR / 3
DAY = 24 * HOUR
START = datetime(2026, 9, 7, tzinfo=OSLO).timestamp()  # a Monday; the clocks go back on 25 October
Speaks = Callable[[datetime], float]  # how many payloads an hour it sends then


def office(at: datetime) -> float:
    return 6.0 if at.weekday() < 5 and 8 <= at.hour < 16 else 0.0


def always(_: datetime) -> float:
    return 6.0


def seldom(_: datetime) -> float:
    return 0.02


def listen_to(speaks: Speaks, days: float, then: float = 0.0, seed: int = 1) -> list[float]:
    """Hours, since it fell silent, at which it was called silent; negative: while it still spoke. `then`: days of silence after `days`."""
    chance, rhythm, count, calls = random.Random(seed), Rhythm(), 0, []  # noqa: S311 -- a test's chance
    at, stops = START, START + days * DAY
    while at < stops + then * DAY:
        there = datetime.fromtimestamp(at, UTC).astimezone(OSLO)
        count += at < stops and chance.random() < speaks(there) * LOOK / HOUR
        rhythm = listened(from_data(to_data(rhythm)), count, at, silent=silent(rhythm, at))
        if silent(rhythm, at):
            calls.append((at - stops) / HOUR)
        at += LOOK
    return calls


@pytest.mark.parametrize("speaks", [office, always, seldom])
@pytest.mark.parametrize("seed", range(3))
def test_nobody_who_keeps_to_its_habit_is_called_silent_in_ten_weeks(speaks: Speaks, seed: int) -> None:
    assert listen_to(speaks, 70, seed=seed) == []


def test_nobody_is_called_silent_in_the_first_two_weeks() -> None:
    assert listen_to(always, 2, then=11.9) == []


def test_one_that_always_speaks_is_called_silent_within_hours() -> None:
    assert 2 <= listen_to(always, 70, then=1)[0] <= 5


def test_an_office_that_falls_silent_on_friday_evening_is_called_so_on_monday() -> None:
    first = listen_to(office, 70 - 2 - 8 / 24, then=4)[0]  # Friday 16:00
    assert 64 + 2 <= first <= 64 + 6, "after two to six hours of Monday's"


def test_one_that_seldom_speaks_has_weeks() -> None:
    assert listen_to(seldom, 70, then=10) == []


def test_what_nobody_listened_to_is_no_silence() -> None:
    """The hub was stopped for a day, or the sender was."""
    rhythm, at = Rhythm(), START
    for count in range(20 * 24 * 3):
        rhythm, at = listened(rhythm, count, at, silent=False), at + LOOK
    at += DAY
    rhythm = listened(rhythm, rhythm.reached, at, silent=False)
    assert not silent(rhythm, at)


def test_a_long_silence_is_not_learned_as_a_habit() -> None:
    calls = listen_to(always, 70, then=30)
    assert len(calls) == pytest.approx((30 * 24 - calls[0]) * 3, abs=3), "until the end"
