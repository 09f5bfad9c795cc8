"""One parcel at its turn: one verdict, and the state that is written about it."""

from typing import Any

from shared import log
from shared.domain.message import Lane
from shared.errors import Refused, Unavailable
from shared.flow import breaker
from shared.flow.attend import fallen
from shared.flow.deliver import Delivered, deliver
from shared.flow.follow import FIRST
from shared.flow.round import Place, Round, stuck, suspect
from shared.flow.schedule import delay, spent, steps
from shared.storage.followups import Followup
from shared.storage.lines import place_of, position
from shared.storage.packs import Entry

TRIES = 20  # earlier attempts, and acts, that are remembered: the first ones and the last ones
_KEPT = (
    "tries",
    "acts",
    "again",
    "batch",
    "unsure",
    "followed",
)  # what a state says to its end: earlier attempts and acts; when, and in which job, it was sent again; what was done about an alert
_HAD = "had"  # what was delivered of it before it was sent again (messages.edits): to its next delivery
_BEHIND = 5.0  # seconds until a correction whose original stands in another line is looked at again


async def attempt(turn: Round, where: Place) -> dict[str, Any]:
    """What becomes of the parcel. That an attempt may have arrived is known by its state; that a worker was lost in the middle of one, by
    the line's head. In both cases the journal is asked first, where it can be."""
    pack, place = where
    entry, state, began = pack.entries[place], pack.states[place] or {}, turn.hub.clock()
    if "after" in entry and (not await _originals_ended(turn, entry) or turn.late()):
        turn.block(entry["patient"], began + _BEHIND)
        return {**state, "not_before": began + _BEHIND}
    turn.sent += 1
    if fallen(turn.head, position(pack.sequence, place)):
        return _parked(turn, where, "the worker fell three times over this parcel")
    unsure = bool(state.get("unsure")) or "second" in entry or _doubtful(turn, position(pack.sequence, place), state)
    try:
        done = await deliver(turn.hub, turn.endpoint, turn.lane, entry, pack.bodies[place], unsure=unsure)
    except Refused as error:
        await _answered(turn, entry)
        return _parked(turn, where, error.reason)
    except Unavailable as error:
        return await _later(turn, where, error, unsure=unsure or error.unsure)
    await _answered(turn, entry)
    turn.delivered += 1
    told = {"end": "delivered", "attempt": _count(state), "at": turn.hub.clock(), "answer": done.answer, "name": done.name}
    if done.follow:
        await _to_be_followed(turn, where, done)
        told["follow"] = True
    return _kept(state) | _known(entry) | told | ({"asked": True} if done.had else {})


def tried(state: dict[str, Any], at: float, answer: str) -> dict[str, Any]:
    """The earlier attempts with one more: when it ended, and what it found."""
    return {"tries": remembered([*state.get("tries", ()), [round(at, 3), answer]])}


def remembered(past: list[Any]) -> list[Any]:
    """Without the one in the middle, if one more has come than is remembered."""
    return past if len(past) <= TRIES else [*past[: TRIES // 2], *past[TRIES // 2 + 1 :]]


def _kept(state: dict[str, Any], *more: str) -> dict[str, Any]:
    return {name: state[name] for name in (*_KEPT, *more) if name in state}


def _known(entry: Entry) -> dict[str, Any]:
    """What an alert's follow-up may call it: for longer than its entry is kept."""
    return {"known": entry["known"]} if "known" in entry else {}


def _doubtful(turn: Round, at: int, state: dict[str, Any]) -> bool:
    """Whether a worker that was lost, or could not write what it had done, may have sent it since anything was written about it."""
    return turn.hold is not None and at <= turn.hold.head.doubt and state.get("doubts", 0) < turn.doubts


async def _to_be_followed(turn: Round, where: Place, done: Delivered) -> None:
    """Before the line says that it was delivered: whoever is lost in between sends it again, and forgets nothing."""
    pack, place = where
    now, at = turn.hub.clock(), position(pack.sequence, place)
    due = now + FIRST * turn.hub.settings.retry_scale
    await turn.hub.followups.add(Followup(pack.entries[place]["id"], turn.line, at, done.name, now, due))


async def _originals_ended(turn: Round, entry: Entry) -> bool:
    """A correction comes after what it corrects, though that is another patient's and stands in another line (transform)."""
    for line, positions in entry["after"].items():
        for at in positions:
            sequence, place = place_of(at)
            pack = await turn.hub.parcels.lines.read(line, sequence)
            if pack and place < len(pack.states) and "end" not in (pack.states[place] or {}):
                return False
    return True


async def _answered(turn: Round, entry: Entry) -> None:
    turn.open, turn.streak = False, 0
    await breaker.answered(turn.hub, turn.endpoint, entry["patient"])


async def _later(turn: Round, where: Place, error: Unavailable, *, unsure: bool) -> dict[str, Any]:
    """While the endpoint is down a parcel waits as long as its line, and its own schedule rests."""
    pack, place = where
    entry, state = pack.entries[place], pack.states[place] or {}
    telling = "" if suspect(state) else entry["patient"]
    turn.open = await breaker.unanswered(turn.hub, turn.endpoint, telling, error.reason)
    turn.failed, turn.wish, turn.streak = True, error.retry_after, turn.streak + turn.open
    now = turn.hub.clock()
    first = max(state.get("first", now), state.get("again", 0.0))  # not since it was put in line: its endpoint may have been stopped
    if enough := spent(turn.endpoint.retry, _count(state), now - first):
        return _parked(turn, where, f"{error.reason}; {enough}")
    alone = state.get("alone", 0) + (not turn.open or breaker.pace(turn.hub, turn.endpoint).answered > state.get("tried", now))
    own = delay(steps(turn.endpoint.retry, turn.lane), alone, entry["id"], error.retry_after) * turn.hub.settings.retry_scale
    due = now + (turn.wait() if turn.open else own)
    if stuck(turn.endpoint, turn.lane, {"alone": alone}):
        turn.next_due = min(turn.next_due, due)
    else:
        turn.block(entry["patient"], due)
    told = {"attempt": _count(state), "alone": alone, "first": first, "tried": now, "not_before": due, "reason": error.reason}
    marks = ({"unsure": True} if unsure else {}) | ({"doubts": turn.doubts} if turn.doubts else {})
    return _kept(state, _HAD) | tried(state, now, error.reason) | told | marks


def _parked(turn: Round, where: Place, reason: str) -> dict[str, Any]:
    entry, state = where[0].entries[where[1]], where[0].states[where[1]] or {}
    say = log.alarm if turn.lane is Lane.ALARM else log.step
    say("parked", line=turn.line, reason=reason)
    return _kept(state, _HAD) | _known(entry) | {"end": "parked", "attempt": _count(state), "at": turn.hub.clock(), "reason": reason}


def _count(state: dict[str, Any]) -> int:
    """This attempt's number."""
    return int(state.get("attempt", 0)) + 1
