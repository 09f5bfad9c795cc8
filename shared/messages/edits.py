"""What each act makes of a state; None where it has nothing to do, so that an act said twice does nothing the second time. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.flow.attempt import remembered, tried

State = Mapping[str, Any]


BACK = "back"  # among the acts: it was delivered once, and what was taken back is only that it was sent again


class Verb(StrEnum):
    """What can be done with a message."""

    RESEND = "resend"
    PARK = "park"
    DELETE = "delete"
    RESTORE = "restore"
    TRANSFORM = "transform"


@dataclass(frozen=True, slots=True)
class Order:
    """`at`: seconds since 1970; `batch`: the job that it belongs to, "" = none: what was sent, or transformed, again in it is not so once
    more. `meant`: of many messages, when it was said what is meant: what became so later is left alone. `who` and `why` are typed at a
    keyboard, or come with a call of the admin API."""

    verb: Verb
    at: float
    who: str
    why: str = ""
    batch: str = ""
    meant: float = float("inf")

    def spares(self, state: State) -> bool:
        """Whether it has come to its end since then, by a worker or by another hand."""
        return "end" in state and bool(state.get("at", 0.0) > self.meant)


Edit = Callable[[State, Order], dict[str, Any] | None]

_TURN = ("not_before", "tried", "alone")  # what a state says to the next turn only
_PAST = ("tries", "acts", "followed", "had")  # what has happened to a parcel, whatever it comes to; `had`: what was delivered of it
_SINCE = ("batch", "follow", "read", "acknowledged")  # what came since it was sent again: its job, and what the journal did with the first
_NOTHING = {"items": 0, "documents": 0, "set_aside": 0, "problems": []}


def _resent(state: State, order: Order) -> dict[str, Any] | None:
    """It waits again at its place in the order, with a schedule of its own; the journal is asked first, where it can be. What was
    delivered is kept: it stands in the journal, whatever becomes of the repeat."""
    done = order.batch and state.get("batch") == order.batch
    if state.get("end") not in ("parked", "delivered") or done or order.spares(state):
        return None
    answer = state.get("reason") or f"answer {state.get('answer', '')}"
    ended = {} if "why" in state else tried(dict(state), state["at"], answer)  # what a hand parked is among the acts
    again = {"again": order.at, "unsure": True, **({"batch": order.batch} if order.batch else {})}
    had = {"had": _without(state, *_PAST)} if state["end"] == "delivered" else {}
    return {**_past(state), **ended, **again, **had, **_acted(state, order)}


def _parked(state: State, order: Order) -> dict[str, Any] | None:
    if "end" in state:
        return None
    if state.get("had"):
        return _back(state, order)
    told = {"end": "parked", "at": order.at, "reason": "parked by hand", "why": order.why}
    return {**_without(state, *_TURN), **told, **_acted(state, order)}


def _parcel_deleted(state: State, order: Order) -> dict[str, Any] | None:
    if state.get("end", "parked") != "parked" or order.spares(state):
        return None
    if state.get("had"):
        return _back(state, order)
    doubt = "; it may stand in the journal already" if state.get("unsure") else ""
    told = {"end": "deleted", "at": order.at, "reason": f"deleted by hand{doubt}", "why": order.why, "was": _without(state, *_PAST)}
    return {**_past(state), "attempt": _tries(state), **told, **_acted(state, order)}


def _back(state: State, order: Order) -> dict[str, Any]:
    """As it was delivered, before it was sent again."""
    had: dict[str, Any] = state["had"]
    since = {name: state[name] for name in _SINCE if name in state}
    tries = [one for one in state.get("tries", ()) if one[0] != round(had["at"], 3)]
    told = {**had, "attempt": had.get("attempt", 0) + state.get("attempt", 0), **since, "tries": tries}
    return {**_without(_past(state), "had"), **told, **_acted(state, order, BACK)}


def _parcel_restored(state: State, order: Order) -> dict[str, Any] | None:
    if "was" not in state:
        return None
    was: dict[str, Any] = state["was"]
    return {**was, **_past(state), **({} if "end" in was else {"again": order.at}), **_acted(state, order)}


def _receipt_deleted(state: State, order: Order) -> dict[str, Any] | None:
    """One that waits, or what was set aside of it. Its parcels are states of their own."""
    if state.get("end") == "duplicate" or "was" in state or ("end" in state and not state.get("problems")):
        return None
    was = {name: state[name] for name in ("end", *_NOTHING) if name in state}
    end = "transformed" if state.get("parcels") else "deleted"
    return {**_NOTHING, **state, "end": end, "problems": [], "was": was, **_acted(state, order)}


def _receipt_restored(state: State, order: Order) -> dict[str, Any] | None:
    """One that waited keeps what earlier turns wrote: which of its parcels are in line already, and which items were set aside."""
    if "was" not in state:
        return None
    was: dict[str, Any] = state["was"]
    if "end" in was:
        return {**_without(state, "was"), **was, **_acted(state, order)}
    return {**_without(state, "was", "end", *_NOTHING), **was, "again": _turn(order), **_acted(state, order)}


def _anew(state: State, order: Order) -> dict[str, Any] | None:
    """It waits again, and only what was set aside is wanted (flow.anew)."""
    done = order.batch and state.get("batch") == order.batch
    if "end" not in state or not state.get("problems") or done:
        return None
    again = {"again": _turn(order), **({"batch": order.batch} if order.batch else {})}
    return {**_without(state, "end"), **again, **_acted(state, order)}


def _past(state: State) -> dict[str, Any]:
    return {name: state[name] for name in _PAST if name in state}


def _tries(state: State) -> int:
    """How often it was tried: it may have begun anew since."""
    return max(int(state.get("attempt", 0)), len(state.get("tries", ())))


def _acted(state: State, order: Order, what: str = "") -> dict[str, Any]:
    """What was done with it by hand, this act too: when, what, why and in which job."""
    return {"acts": remembered([*state.get("acts", ()), [round(order.at, 3), what or str(order.verb), order.why, order.batch]])}


def _turn(order: Order) -> int:
    """A number that rises from one act to the next: the position of what is put in line then (storage.append)."""
    return int(order.at * 1000)


def _without(state: State, *names: str) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in names}


PARCELS: Mapping[Verb, Edit] = {
    Verb.RESEND: _resent,
    Verb.PARK: _parked,
    Verb.DELETE: _parcel_deleted,
    Verb.RESTORE: _parcel_restored,
}
RECEIPTS: Mapping[Verb, Edit] = {
    Verb.DELETE: _receipt_deleted,
    Verb.RESTORE: _receipt_restored,
    Verb.TRANSFORM: _anew,
}
