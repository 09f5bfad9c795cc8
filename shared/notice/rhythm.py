"""When a sender has been silent for longer than it uses to be. Values only.

For each hour of the week we remember in how many of the latest weeks the sender was heard in it, last week's counting a tenth more than the
one before. Once silence as long as this one would by that habit come up less than once in a thousand times, the sender is called silent; in
its first two weeks, never.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from shared.domain.clock import OSLO

HOUR = 3600.0
WEEK = 168  # hours
_FADES = 0.9  # of what counted, a week later
_LEARNING = 14 * 24  # hours in which nothing is said
_SUREST = 0.95  # nothing is sure to come, however often it came
_SURPRISE = math.log(1000)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`heard`: for each hour of the week, from Monday's first in Norway, how often; `known`: how many hours were learned from.

    `reached`: how many packs the sender's lines ever held; `last`: when that number grew; `hour`: the hour that is under way, counted from
    1970; `spoke`: whether it was heard in it.
    """

    heard: tuple[float, ...] = (0.0,) * WEEK
    known: int = 0
    reached: int = 0
    last: float = 0.0
    hour: int = 0
    spoke: bool = False


def listened(before: Rhythm, reached: int, now: float, *, silent: bool) -> Rhythm:
    """What is known after a look at how many packs there are by now. `silent`: it is called so; such hours are no habit."""
    spoke, hour = reached > before.reached, int(now // HOUR)
    last = now if spoke or not before.last else before.last
    told = replace(before, reached=reached, last=last)
    if hour == before.hour or not before.hour:
        return replace(told, hour=hour, spoke=before.spoke or spoke)
    if hour > before.hour + 1:  # hours in which nobody listened are no habit, and no silence
        return replace(told, hour=hour, spoke=spoke, last=now)
    if silent:
        return replace(told, hour=hour, spoke=spoke)
    slot = _slot(before.hour)
    learned = before.heard[slot] * _FADES + before.spoke
    heard = (*before.heard[:slot], round(learned, 4), *before.heard[slot + 1 :])
    return replace(told, heard=heard, known=before.known + 1, hour=hour, spoke=spoke)


def silent(rhythm: Rhythm, now: float) -> bool:
    """Whether it is too quiet by its own habit. Only whole hours since it was heard count."""
    if rhythm.known < _LEARNING:
        return False
    weeks = min(rhythm.known // WEEK, 100)
    weight = (1 - _FADES**weeks) / (1 - _FADES)
    surprise = 0.0
    for hour in range(int(rhythm.last // HOUR) + 1, min(int(now // HOUR), int(rhythm.last // HOUR) + 1 + 8 * WEEK)):
        surprise -= math.log1p(-min(rhythm.heard[_slot(hour)] / (weight + 1), _SUREST))
    return surprise > _SURPRISE


def _slot(hour: int) -> int:
    """Which of the week's hours in Norway."""
    there = datetime.fromtimestamp(hour * HOUR, UTC).astimezone(OSLO)
    return there.weekday() * 24 + there.hour


def to_data(rhythm: Rhythm) -> Mapping[str, Any]:
    """As it is kept."""
    return {"heard": list(rhythm.heard), "rest": [rhythm.known, rhythm.reached, rhythm.last, rhythm.hour, rhythm.spoke]}


def from_data(data: Mapping[str, Any]) -> Rhythm:
    """The way back; what nothing is known of is new."""
    if not data:
        return Rhythm()
    rest: Sequence[Any] = data["rest"]
    return Rhythm(tuple(data["heard"]), *rest)
