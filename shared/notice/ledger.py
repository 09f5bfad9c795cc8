"""When a notice has something to say: when it opens, when it gets worse, now and then while it lasts, and when it is over. Values only.

There is one notice for each municipality, kind and subject, however often the same thing is seen: an outage is one message. `news` counts
what there was to say; who was told up to which of them stands beside it. Whoever could not be reached hears the latest, not all of them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.access.register_notices import KINDS, takes
from shared.access.rows import Recipient
from shared.storage.records import Record

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 24 * 3600.0
_QUIET = 5 * _MINUTE  # seconds for which it must not be seen before it is over: an endpoint that comes and goes is one outage
_AGAIN = {"page": _HOUR, "error": _DAY, "warning": _DAY}  # seconds between two messages while it lasts
_WORSE = _HOUR  # the same where the number grows; a higher level, and another alarm, is told at once
EVENTS = ("poison", "parked", "alarm-parked", "set-aside", "alarm-set-aside", "unknown-device")  # each counts; none of them ends by itself
_FORGOTTEN = 7 * _DAY  # after which who could not be told that it is over will not be
_TRIES = (1, 2, 5, 15, 30, 60)  # minutes until a recipient that could not be reached is tried again


@dataclass(frozen=True, slots=True)
class Notice:
    """What is so now. `subject`: the name of an endpoint, a sender, a lane ... `level` says how bad it is; `facts`: counts and ids."""

    tenant: str
    kind: str
    subject: str
    count: int = 0
    level: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.kind}~{self.subject}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far one recipient was told. `due`: not to be tried before then."""

    news: int = 0
    tries: int = 0
    due: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A notice and what was said of it. `since`, `last`: when it was first and last seen; `over`: when it was found so, 0 = it lasts.
    `said`, `count`, `level`: when there was news last, and of how much."""

    notice: Notice
    since: float
    last: float
    news: int = 1
    over: float = 0.0
    said: float = 0.0
    count: int = 0
    level: int = 0
    told: Mapping[str, Delivery] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same for the same outage, in every message about it."""
        told = f"{self.notice.tenant}|{self.notice.name}|{self.since:.0f}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def severity(self) -> str:
        return KINDS[self.notice.kind]


def seen(before: Standing | None, notice: Notice, now: float) -> Standing:
    """What stands once it has been seen, for the first time or again."""
    if before is None or before.over:
        return Standing(notice, now, now, said=now, count=notice.count, level=notice.level)
    after = replace(before, notice=notice, last=now)
    if not _news(before, notice, now):
        return after
    return replace(after, news=before.news + 1, said=now, count=notice.count, level=notice.level)


def _news(before: Standing, notice: Notice, now: float) -> bool:
    since, more = now - before.said, notice.count > before.count
    if notice.level > before.level or (more and before.severity == "page"):
        return True
    if notice.kind in EVENTS:
        return since >= _DAY or (more and since >= _WORSE)
    return since >= _AGAIN[before.severity]


def unseen(before: Standing, now: float) -> Standing | None:
    """What stands once it is no longer seen; None if there is nothing more to say of it."""
    if before.over:
        pending = any(delivery.news < before.news for delivery in before.told.values())
        return before if pending and now - before.over < _FORGOTTEN else None
    if before.notice.kind in EVENTS:
        return before if before.notice.kind == "poison" and now - before.last < _DAY else None
    return before if now - before.last < _QUIET else replace(before, news=before.news + 1, over=now, said=now)


def due(standing: Standing, recipients: tuple[Recipient, ...], now: float) -> list[Recipient]:
    """Who is to be told now. That it is over is told to those who know of it."""
    return [
        one
        for one in recipients
        if takes(one, standing.notice.kind)
        and (delivery := standing.told.get(one.name, Delivery())).news < standing.news
        and delivery.due <= now
        and (one.name in standing.told or not standing.over)
    ]


def trying(standing: Standing, names: list[str], now: float) -> Standing:
    """Nobody else tries these for a while; should we fall, they are tried then."""
    told = dict(standing.told)
    for name in names:
        before = told.get(name, Delivery())
        told[name] = replace(before, tries=before.tries + 1, due=now + _MINUTE * _TRIES[min(before.tries, len(_TRIES) - 1)])
    return replace(standing, told=told)


def reached(standing: Standing, names: list[str], news: int) -> Standing:
    """These have been told so much."""
    return replace(standing, told={**standing.told, **{name: Delivery(news) for name in names}})


def to_data(standing: Standing) -> dict[str, Any]:
    """As it is kept."""
    notice = standing.notice
    return {
        "count": notice.count,
        "level": notice.level,
        "facts": dict(notice.facts),
        "standing": [standing.since, standing.last, standing.news, standing.over, standing.said, standing.count, standing.level],
        "told": {name: [one.news, one.tries, one.due] for name, one in standing.told.items()},
    }


def from_record(record: Record) -> Standing:
    """The way back."""
    kind, _, subject = record.name.partition("~")
    notice = Notice(record.partition, kind, subject, record.data["count"], record.data["level"], record.data["facts"])
    told = {name: Delivery(*one) for name, one in record.data["told"].items()}
    since, last, news, over, said, count, level = record.data["standing"]
    return Standing(notice, since, last, news, over, said, count, level, told)
