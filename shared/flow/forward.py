"""Third step: a worker takes one of an endpoint's lines and sends its parcels, in order per patient: one parcel, one verdict."""

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from shared import log
from shared.access.register import Endpoint
from shared.domain.message import Lane
from shared.errors import Refused, Unavailable
from shared.flow import adapters
from shared.flow.attend import FALLS, attend, careful, come_back, free, holder, waiting
from shared.flow.names import owner_of
from shared.flow.schedule import GIVE_UP, delay
from shared.hub import Hub
from shared.storage.lines import PAGE, Look, Outcome
from shared.storage.packs import Entry, Pack
from shared.storage.queues import lane_of

_ANSWER = 64 * 1024  # bytes of a journal's answer that are read
_COMMIT = 1_500_000  # bytes of packs in one turn: their commit is one transaction of at most 4 MiB, in base64
_STOPPED = 30.0  # seconds until a stopped endpoint's line is looked at again
_DOWN = 2  # different patients in a row whose parcels found no answer: then the endpoint is taken to be down, and its line waits
_LINE_WAIT = {Lane.ALARM: 15.0, Lane.ROUTINE: 60.0}  # seconds at most between two tries of a line whose endpoint is down


@dataclass(slots=True)
class Round:
    """One turn at a line.

    `blocked`: patients with a parcel that must go first; `next_due`: when the first of those may be tried. `streak`: how many
    different patients' parcels in a row found no answer, over all turns; `last`: the latest of them. One patient alone never
    stops a line.
    """

    hub: Hub
    line: str
    endpoint: Endpoint
    deadline: float
    most: int
    fallen: bool
    streak: int
    last: str
    failed: bool = False
    sent: int = 0
    delivered: int = 0
    out_of_time: bool = False
    next_due: float = float("inf")
    blocked: set[str] = field(default_factory=set)
    packs: list[Pack] = field(default_factory=list)

    @property
    def lane(self) -> Lane:
        return lane_of(self.line)

    @property
    def down(self) -> bool:
        return self.failed and self.streak >= _DOWN

    @property
    def over(self) -> bool:
        full = len(self.packs) >= PAGE or sum(len(pack.blob) for pack in self.packs) > _COMMIT
        return self.out_of_time or self.down or full or self.sent >= self.most


async def forward(hub: Hub, lines: Sequence[str]) -> None:
    """Works the lines that a queue message names."""
    await attend(hub, hub.parcels, lines, _turn)


async def _turn(hub: Hub, line: str, look: Look) -> bool:
    assert look.head  # noqa: S101 -- attend looks first
    endpoint = await _endpoint(hub, line)
    if endpoint is None:
        await come_back(hub, hub.parcels, line, _STOPPED)
        return False
    now, settings = hub.clock(), hub.settings
    hold = await hub.parcels.lines.take(line, look.head, holder(), now + settings.hold_seconds)
    if hold is None:
        return True
    turn = Round(
        hub,
        line,
        endpoint,
        deadline=now + settings.hold_seconds - settings.call_timeout - 1.0,
        most=1 if careful(look.head) else 1_000,
        fallen=look.head.falls >= FALLS,
        streak=look.head.failures,
        last=look.head.failing,
    )
    try:
        async for pack in _packs(hub, line, look):
            await _send_pack(turn, pack)
            if turn.over:
                break
    except BaseException:
        await free(hub.parcels, hold)
        raise
    outcome = _outcome(turn)
    await hub.parcels.lines.commit(hold, outcome)
    log.step("forwarded", line=line, delivered=turn.delivered, sent=turn.sent, failures=outcome.failures)
    return await _again(turn, outcome)


async def _endpoint(hub: Hub, line: str) -> Endpoint | None:
    """Where the line leads; None while the endpoint or its municipality is stopped, or is not in the register."""
    orgnr, name = owner_of(line)
    register = await hub.registers.current()
    tenant, endpoint = register.tenant(orgnr), register.endpoint(orgnr, name)
    return endpoint if tenant and tenant.active and endpoint and endpoint.active else None


async def _packs(hub: Hub, line: str, look: Look) -> AsyncIterator[Pack]:
    """What waits, in order; further pages are read only if there is time left for them."""
    found, more = look.packs, look.more
    while True:
        for pack in found:
            yield pack
        if not more:
            return
        found, more = await hub.parcels.lines.waiting(line, found[-1].sequence + 1)


async def _send_pack(turn: Round, pack: Pack) -> None:
    for place in waiting(pack):
        if turn.hub.clock() > turn.deadline:
            turn.out_of_time = True
        if turn.over:
            return
        patient, state = pack.entries[place]["patient"], pack.states[place] or {}
        if patient in turn.blocked:
            continue
        if state.get("not_before", 0.0) > turn.hub.clock():
            turn.blocked.add(patient)
            turn.next_due = min(turn.next_due, state["not_before"])
            continue
        pack.states[place] = await _send_one(turn, pack, place, state)
        if pack not in turn.packs:
            turn.packs.append(pack)


async def _send_one(turn: Round, pack: Pack, place: int, state: dict[str, Any]) -> dict[str, Any]:
    """One parcel, one verdict: the state that is written about it."""
    entry, now, attempt = pack.entries[place], turn.hub.clock(), state.get("attempt", 0) + 1
    turn.sent += 1
    if turn.fallen:
        return _parked(turn, attempt, now, "the worker fell three times over this parcel")
    try:
        name, answer = await _post(turn.hub, turn.endpoint, entry, pack.bodies[place])
    except Refused as error:
        turn.streak, turn.last = 0, ""
        return _parked(turn, attempt, now, error.reason)
    except Unavailable as error:
        if now - pack.since > GIVE_UP:
            return _parked(turn, attempt, now, f"{error.reason}; given up after seven days")
        return _later(turn, entry, state, error)
    turn.streak, turn.last = 0, ""
    turn.delivered += 1
    return {"end": "delivered", "attempt": attempt, "at": turn.hub.clock(), "answer": answer, "name": name}


def _later(turn: Round, entry: Entry, state: dict[str, Any], error: Unavailable) -> dict[str, Any]:
    """While the endpoint is down a parcel waits twice as long as the line: another patient's is tried next, and its own schedule rests."""
    turn.failed = True
    if entry["patient"] != turn.last:
        turn.streak, turn.last = turn.streak + 1, entry["patient"]
    alone = state.get("alone", 0) + (0 if turn.down else 1)
    wait = 2 * _line_wait(turn) if turn.down else delay(turn.lane, alone, entry["id"], error.retry_after) * turn.hub.settings.retry_scale
    due = turn.hub.clock() + wait
    turn.blocked.add(entry["patient"])
    turn.next_due = min(turn.next_due, due)
    return {"attempt": state.get("attempt", 0) + 1, "alone": alone, "not_before": due, "reason": error.reason}


def _line_wait(turn: Round) -> float:
    return min(delay(turn.lane, turn.streak - 1, "8000"), _LINE_WAIT[turn.lane]) * turn.hub.settings.retry_scale


async def _post(hub: Hub, endpoint: Endpoint, entry: Entry, document: bytes) -> tuple[str, int]:
    """The call. Raises Refused or Unavailable; whatever cuts it short is Unavailable, since the journal may or may not have it."""
    journal = adapters.journal(endpoint.adapter)
    if journal is None:
        raise Refused("this hub has no such way to reach a journal")
    call = journal.request(endpoint.url, entry["resource"], entry["id"], document)
    timeout = aiohttp.ClientTimeout(total=hub.settings.call_timeout)
    headers = {**call.headers, **_authorization(hub, endpoint)}
    try:
        async with hub.http.request(
            call.method, call.url, data=call.body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            answer = {name.lower(): value for name, value in response.headers.items()}
            return journal.verdict(response.status, answer, await _body(response)), response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable(f"no answer from the journal ({type(error).__name__})") from error


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The answer's body where it can change the verdict; one that is too long is not read, and the status alone decides."""
    if response.status >= 300:
        return b""
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > _ANSWER:
            return b""
    return body


def _authorization(hub: Hub, endpoint: Endpoint) -> dict[str, str]:
    auth = endpoint.auth
    if auth is None:
        return {}
    secret = hub.settings.secret(auth.secrets[0])
    if secret is None:
        raise Unavailable("the endpoint's secret is not set")
    if auth.scheme == "basic":
        return {"Authorization": "Basic " + base64.b64encode(f"{auth.user}:{secret}".encode()).decode()}
    return {auth.profile: secret}


def _parked(turn: Round, attempt: int, now: float, reason: str) -> dict[str, Any]:
    log.alarm("parked", line=turn.line, reason=reason) if turn.lane is Lane.ALARM else log.step("parked", line=turn.line, reason=reason)
    return {"end": "parked", "attempt": attempt, "at": now, "reason": reason}


def _outcome(turn: Round) -> Outcome:
    return Outcome(
        ended=[pack for pack in turn.packs if pack.ended],
        changed=[pack for pack in turn.packs if not pack.ended],
        marked=[pack for pack in turn.packs if any(state and state.get("end") == "parked" for state in pack.states)],
        not_before=turn.hub.clock() + _line_wait(turn) if turn.down else 0.0,
        failures=turn.streak,
        failing=turn.last,
    )


async def _again(turn: Round, outcome: Outcome) -> bool:
    """What is left: at once if only time or room ran out, else when the line or the first blocked patient is due."""
    if turn.over and not turn.down:
        return True
    due = outcome.not_before or turn.next_due
    if due < float("inf"):
        await come_back(turn.hub, turn.hub.parcels, turn.line, max(due - turn.hub.clock(), 0.0))
    return False
