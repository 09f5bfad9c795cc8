"""Whether an endpoint is taken to be down: each worker watches how it answers, and all instances share what one has found.

It opens when, of the last calls, at least as many patients found no answer as calls found one, two patients at least: neither one whose
record is locked nor a few who are tried again and again stop an endpoint that answers others. While it is open, each line tries one parcel
each time it wakes (forward); the first answer, a refusal too, closes it for all.
"""

from collections import Counter, deque
from dataclasses import dataclass, field, replace

from shared import log
from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.flow.attend import ring
from shared.hub import Hub
from shared.storage.breakers import Breaker

_WINDOW = 60.0  # seconds that a call counts ...
_CALLS = 10  # ... if it is among the last so many
_PATIENTS = 2  # without an answer, at least
_LONG = 1.0  # seconds; an endpoint is slow while a call to it has lasted longer ...
_SLOW = 30.0  # ... and for so long after one that had


@dataclass(slots=True)
class Pace:
    """How an endpoint answers this worker. `lines`: how many of each lane are worked on; `calls`: when those under way began; `heard`: of
    the last calls when they ended, whose parcel it was, and whether there was an answer; `answered`: when there last was one."""

    lines: Counter[Lane] = field(default_factory=Counter)
    calls: list[float] = field(default_factory=list)
    slow_until: float = 0.0
    heard: deque[tuple[float, str, bool]] = field(default_factory=lambda: deque(maxlen=_CALLS))
    open: bool = False
    answered: float = 0.0

    def slow(self, now: float) -> bool:
        return self.slow_until > now or any(now - began > _LONG for began in self.calls)

    def ended(self, began: float, now: float) -> None:
        """A call is over."""
        self.calls.remove(began)
        if now - began > _LONG:
            self.slow_until = now + _SLOW

    def failed(self, patient: str, now: float) -> None:
        """A call found no answer: of each patient the latest such is kept, or a few would soon be all that was heard."""
        for one in [one for one in self.heard if one[1:] == (patient, False)]:
            self.heard.remove(one)
        self.heard.append((now, patient, False))

    def failing(self, now: float) -> bool:
        """Whether what was heard of late says that the endpoint is down."""
        late = [(patient, answered) for at, patient, answered in self.heard if now - at < _WINDOW]
        failed = {patient for patient, answered in late if not answered}
        return len(failed) >= max(_PATIENTS, sum(answered for _, answered in late))


def pace(hub: Hub, endpoint: Endpoint) -> Pace:
    """What is known of an endpoint."""
    known: Pace = hub.paces.setdefault(f"{endpoint.tenant}~{endpoint.name}", Pace())
    return known


async def is_open(hub: Hub, endpoint: Endpoint, *, troubled: bool) -> bool:
    """As all instances see it. Storage is asked while this worker takes the endpoint to be down, or the line was `troubled`, since then the
    worker that had it did; without trouble there is no need to."""
    known = pace(hub, endpoint)
    if known.open or troubled:
        known.open = (await _shared(hub, endpoint, known)).open
    return known.open


async def _shared(hub: Hub, endpoint: Endpoint, known: Pace) -> Breaker:
    shared = await hub.breakers.read(endpoint.tenant, endpoint.name)
    known.answered = max(known.answered, shared.answered)
    return replace(shared, answered=known.answered)


async def unanswered(hub: Hub, endpoint: Endpoint, patient: str, reason: str) -> bool:
    """A parcel of this patient (a keyed hash) found no answer; "" for one that is suspect (round), from which nothing is learned. Whether
    the endpoint is taken to be down now, by whichever worker."""
    known, now = pace(hub, endpoint), hub.clock()
    if patient:
        known.failed(patient, now)
    if not known.open:
        shared = await _shared(hub, endpoint, known)
        known.open = shared.open or (bool(patient) and known.failing(now) and await _opened(hub, endpoint, shared, reason))
    return known.open


async def _opened(hub: Hub, endpoint: Endpoint, shared: Breaker, reason: str) -> bool:
    if await hub.breakers.set(endpoint.tenant, endpoint.name, shared, open=True, now=hub.clock(), reason=reason):
        log.alarm("endpoint down", tenant=endpoint.tenant, endpoint=endpoint.name, reason=reason)
    return True


async def answered(hub: Hub, endpoint: Endpoint, patient: str) -> None:
    """A parcel of this patient found an answer. An endpoint that was taken to be down is up again, and all its lines are told."""
    known, now = pace(hub, endpoint), hub.clock()
    known.answered = now
    known.heard.append((now, patient, True))
    if not known.open:
        return
    known.open = False
    known.heard.clear()
    shared = await hub.breakers.read(endpoint.tenant, endpoint.name)
    if shared.open and await hub.breakers.set(endpoint.tenant, endpoint.name, shared, open=False, now=now):
        log.step("endpoint up again", tenant=endpoint.tenant, endpoint=endpoint.name, seconds=round(now - shared.since))
        shape = await hub.shapes.of(endpoint)
        await ring(hub, hub.parcels, [line for lane in Lane for line in shape.lines(lane)])
