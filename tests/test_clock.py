"""Which times are read, as what, and which are not."""

from datetime import UTC, datetime

import pytest

from shared.domain import clock


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-02T08:03:11Z", "2026-03-02T08:03:11+00:00"),
        ("2026-03-02T08:03:11+01:00", "2026-03-02T07:03:11+00:00"),
        ("2026-03-02T08:03:11+0100", "2026-03-02T07:03:11+00:00"),
        ("2026-03-02T08:03:11-0530", "2026-03-02T13:33:11+00:00"),
        ("2026-03-02T08:03:11.5Z", "2026-03-02T08:03:11.500000+00:00"),
        ("2024-07-03T08:36:37.1678092+00:00", "2024-07-03T08:36:37.167809+00:00"),
        ("2026-03-02T08:03:11.123456789Z", "2026-03-02T08:03:11.123456+00:00"),
        ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00+00:00"),
    ],
)
def test_an_instant_becomes_utc(text: str, utc: str) -> None:
    assert clock.instant(text).isoformat() == utc


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-02T08:03:11", "offset"),
        ("2026-02-29T08:03:11Z", "does not exist"),
        ("2026-04-31T08:03:11Z", "does not exist"),
        ("2026-03-02T24:00:00Z", "form"),
        ("2026-03-02T08:03:60Z", "form"),
        ("2026-03-02T08:03:11.1234567890Z", "form"),
        ("2026-03-02T08:03Z", "form"),
        ("2026-03-02 08:03:11Z", "form"),
        ("2026-03-02t08:03:11z", "form"),
        ("2026-03-02T08:03:11+15:00", "form"),
        ("2026-W10-1T08:03:11Z", "form"),
        ("20260302T080311Z", "form"),
        ("٢٠٢٦-03-02T08:03:11Z", "form"),
        ("2026-03-02", "form"),
        ("2026-03-02T08:03:11Z\n", "form"),
        ("0001-01-01T00:00:00Z", "years"),
        ("1999-12-31T23:59:59Z", "years"),
        ("2101-01-01T00:00:00Z", "years"),
        ("0001-01-01T00:00:00+14:00", "years"),
        ("9999-12-31T23:59:59-14:00", "years"),
    ],
)
def test_what_is_no_plausible_instant_is_refused(text: str, why: str) -> None:
    with pytest.raises(clock.ClockError, match=why):
        clock.instant(text)


@pytest.mark.parametrize(
    ("text", "utc"),
    [("2026-03-29T01:59:59", "2026-03-29T00:59:59+00:00"), ("2026-10-25 03:00:00", "2026-10-25T02:00:00+00:00")],
)
def test_a_wall_time_beside_the_change_of_clocks_is_read(text: str, utc: str) -> None:
    assert clock.local(text, clock.OSLO).isoformat() == utc


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-29T02:30:00", "put forward"),
        ("2026-10-25T02:30:00", "put back"),
        ("2026-03-02T08:03:11Z", "local time"),
        ("1999-01-01T00:00:00", "years"),
    ],
)
def test_a_wall_time_that_names_no_moment_is_refused(text: str, why: str) -> None:
    with pytest.raises(clock.ClockError, match=why):
        clock.local(text, clock.OSLO)


@pytest.mark.parametrize(
    ("date", "first", "after"),
    [
        ("2026-11-22", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00"),
        ("2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("2028-02", "2028-02-01T00:00:00+01:00", "2028-03-01T00:00:00+01:00"),
        ("2026-12", "2026-12-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"),
        ("2026", "2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00"),
        ("2028", "2028-01-01T00:00:00+01:00", "2029-01-01T00:00:00+01:00"),
    ],
)
def test_a_date_is_from_one_midnight_in_norway_to_another(date: str, first: str, after: str) -> None:
    assert clock.bounds(date) == (datetime.fromisoformat(first).timestamp(), datetime.fromisoformat(after).timestamp())


def test_a_moment_is_written_as_the_clock_on_a_norwegian_wall_shows_it() -> None:
    assert clock.written(datetime(2026, 7, 1, 6, 0, tzinfo=UTC)) == "2026-07-01T08:00:00+02:00"
