"""Invented scales on invented citizens, and what they send: every reading has a second of its own, so that the sink knows it again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from local.bench.load import Wire
from local.bench.wire import post

DEVICES = 200
_FIRST, _SECOND = (3, 7, 6, 1, 8, 9, 4, 5, 2), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def citizens() -> Iterator[str]:
    """Synthetic national numbers (month + 80) with valid check digits: of nobody, for ever."""
    for number in range(100_000):
        digits = f"{number % 28 + 1:02}{number % 12 + 81:02}{number % 50:02}{number % 500:03}"
        first = _check(digits, _FIRST)
        if first < 10 and (second := _check(f"{digits}{first}", _SECOND)) < 10:
            yield f"{digits}{first}{second}"


def _check(digits: str, weights: tuple[int, ...]) -> int:
    return -sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11


def device(number: int) -> str:
    """A gateway device's own number."""
    return f"be4c0000-0000-4000-8000-{number % DEVICES:012d}"


def reading(event: int) -> dict[str, object]:
    """A Tenovi weight reading taken in the second `event`."""
    return {
        "metric": "weight",
        "device_name": "Tenovi Scale",
        "hwi_device_id": device(event),
        "patient_id": f"citizen-{event % DEVICES}",
        "hardware_uuid": "000C8A5B6D6E",
        "sensor_code": "10",
        "value_1": f"{130 + event % 970 / 10:.1f}",
        "value_2": None,
        "created": stamp(event + 5),
        "timestamp": stamp(event),
        "timezone_offset": 60,
        "estimated_timestamp": False,
        "filter_params": {"measurement_index": 1},
    }


def stamp(event: int) -> str:
    return datetime.fromtimestamp(event, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def one(path: str, headers: str) -> Wire:
    """Requests with one reading."""
    return lambda event: post(path, json.dumps(reading(event)).encode(), headers)


def many(path: str, headers: str, size: int) -> Wire:
    """Requests with `size` readings in an array."""
    return lambda event: post(path, json.dumps([reading(event + number) for number in range(size)]).encode(), headers)
