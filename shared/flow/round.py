"""One turn at an endpoint's line: whose parcels may go now, in which order, and what the turn knows so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.flow.attend import waiting
from shared.flow.schedule import MIDDLE, delay, steps
from shared.hub import Hub
from shared.storage.head import Head
from shared.storage.lines import PAGE, Hold, position
from shared.storage.packs import Pack
from shared.storage.queues import lane_of

_COMMIT = 1_500_000  # bytes of packs in one turn: their commit is one transaction of at most 4 MiB, in base64
_LINE_WAIT = {Lane.ALARM: 15.0, Lane.ROUTINE: 60.0}  # seconds at most between two tries of a line whose endpoint is down
_NEGLECT = {Lane.ALARM: 5.0, Lane.ROUTINE: 30.0}  # seconds that a parcel may be due while others, never tried, go before it
_SUSPECT = 3  # failures by itself
_AHEAD = 5.0  # seconds until a patient with parcels in an older line is asked about again

Place = tuple[Pack, int]  # a parcel: its pack and its place in it


@dataclass(slots=True)
class Round:
    """`time`: seconds in which attempts may begin, so that the line is still held when they end.

    `open`: the endpoint is taken to be down, and one parcel is tried (breaker); `streak`: how often in a row that found no answer; `wish`:
    the journal's Retry-After. `blocked`: patients with a parcel that must go first, `ahead`: those whose parcels wait in lines that this
    one replaced; `next_due`: when the first of those may be tried. `tried`: when the first waiting parcel of a patient was tried last,
    0 = never. `allowed`: how many calls the endpoint's rate leaves for this turn. `packs`: those whose states changed.
    """

    hub: Hub
    line: str
    endpoint: Endpoint
    head: Head
    now: float
    time: float
    open: bool
    streak: int
    allowed: int
    ahead: frozenset[str] = frozenset()
    hold: Hold | None = None
    failed: bool = False
    sent: int = 0
    delivered: int = 0
    out_of_time: bool = False
    unread: bool = False
    next_due: float = float("inf")
    wish: float | None = None
    tried: dict[str, float] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    packs: list[Pack] = field(default_factory=list)
    parked: list[Place] = field(default_factory=list)
    began: float = field(default_factory=monotonic)

    def late(self) -> bool:
        """Whether no further attempt may begin: by the hub's clock, or by this machine's own, should that be set back meanwhile."""
        self.out_of_time = self.out_of_time or max(self.hub.clock() - self.now, monotonic() - self.began) > self.time
        return self.out_of_time

    def half_gone(self) -> bool:
        """Whether no more is read: what is left of the time is for sending what was found."""
        return max(self.hub.clock() - self.now, monotonic() - self.began) > self.time / 2

    @property
    def lane(self) -> Lane:
        return lane_of(self.line)

    @property
    def doubts(self) -> int:
        """How often what was done in this line could not be written."""
        return self.hold.head.doubts if self.hold else 0

    @property
    def down(self) -> bool:
        return self.failed and self.open

    @property
    def spent(self) -> bool:
        """Whether the endpoint's rate lets no more through now."""
        return self.sent >= self.allowed

    @property
    def over(self) -> bool:
        full = len(self.packs) >= PAGE or sum(len(pack.blob) for pack in self.packs) > _COMMIT
        return self.out_of_time or self.down or full or self.spent or (self.head.careful and bool(self.packs))

    def wait(self) -> float:
        """Seconds until the line of an endpoint that is down is tried again."""
        own = steps(self.endpoint.retry, self.lane)
        return delay(own, self.streak, MIDDLE, self.wish, _LINE_WAIT[self.lane]) * self.hub.settings.retry_scale

    def block(self, patient: str, until: float) -> None:
        """This patient's parcels stay where they are until then."""
        self.blocked.add(patient)
        self.next_due = min(self.next_due, until)


def plan(turn: Round, packs: Sequence[Pack]) -> tuple[list[Place], list[Place]]:
    """What may be sent now, in order per patient: first those of patients with nothing untold, then those that were tried before."""
    first: list[Place] = []
    later: list[Place] = []
    for pack in packs:
        for place in waiting(pack):
            patient, state = pack.entries[place]["patient"], pack.states[place] or {}
            due, passed = state.get("not_before", 0.0), stuck(turn.endpoint, turn.lane, state)
            if due > turn.now and passed:
                turn.next_due = min(turn.next_due, due)
                continue
            if patient not in turn.blocked and (due > turn.now or patient in turn.ahead):
                turn.block(patient, due if due > turn.now else turn.now + _AHEAD)
            if patient not in turn.blocked:
                tried = state["tried"] if passed else turn.tried.setdefault(patient, state.get("tried", 0.0))
                (later if tried else first).append((pack, place))
    return first, later


def stuck(endpoint: Endpoint, lane: Lane, state: Mapping[str, Any]) -> bool:
    """An alarm that failed so often by itself that its schedule has come to its last step: it holds back its patient's later alarms no
    longer. By itself: while the endpoint was not known to be down, or answered others between two attempts."""
    return lane is Lane.ALARM and state.get("alone", 0) >= len(endpoint.retry.alarm)


def suspect(state: Mapping[str, Any]) -> bool:
    """A parcel that failed by itself so often that nothing about its endpoint is learned from it."""
    return bool(state.get("alone", 0) >= _SUSPECT)


def neglected(turn: Round, later: Sequence[Place]) -> list[Place]:
    """The one whose turn has been due for longest, if that is long."""
    if turn.open:
        return []
    due = [
        (pack, place) for pack, place in later if turn.now - (pack.states[place] or {}).get("not_before", turn.now) > _NEGLECT[turn.lane]
    ]
    return longest_ago(turn, due)[:1]


def longest_ago(turn: Round, later: Sequence[Place]) -> list[Place]:
    """Those that were tried before, the patients tried longest ago first; a patient's own order stays, but for alarms that are stuck."""

    def tried(one: Place) -> float:
        state = one[0].states[one[1]] or {}
        return float(state["tried"] if stuck(turn.endpoint, turn.lane, state) else turn.tried[one[0].entries[one[1]]["patient"]])

    return sorted(later, key=tried)


def position_of(places: Sequence[Place]) -> int:
    """The position of the first of these; -1 of none."""
    return position(places[0][0].sequence, places[0][1]) if places else -1


def last_of(packs: Sequence[Pack]) -> list[Place]:
    """The last parcel in these packs."""
    return [(packs[-1], len(packs[-1].entries) - 1)]
