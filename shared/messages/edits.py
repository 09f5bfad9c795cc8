"""What each act makes of a state; None where it has nothing to do, so that an act said twice does nothing the second time. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.flow.attempt import tried

State = Mapping[str, Any]


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
_NOTHING = {"items": 0, "documents": 0, "set_aside": 0, "problems": []}


def _resent(state: State, order: Order) -> dict[str, Any] | None:
    """It waits again at its place in the order, with a schedule of its own; the journal is asked first, where it can be."""
    done = order.batch and state.get("batch") == order.batch
    if state.get("end") not in ("parked", "delivered") or done or order.spares(state):
        return None
    earlier = tried(dict(state), state["at"], state.get("reason") or f"answer {state.get('answer', '')}")
    kept = {name: state[name] for name in ("followed",) if name in state}
    return {**kept, **earlier, "again": order.at, "unsure": True, **({"batch": order.batch} if order.batch else {})}


def _parked(state: State, order: Order) -> dict[str, Any] | None:
    if "end" in state:
        return None
    return _without(state, *_TURN) | {"end": "parked", "at": order.at, "reason": "parked by hand", "why": order.why}


def _parcel_deleted(state: State, order: Order) -> dict[str, Any] | None:
    if state.get("end", "parked") != "parked" or order.spares(state):
        return None
    return {"end": "deleted", "at": order.at, "reason": "deleted by hand", "why": order.why, "was": dict(state)}


def _parcel_restored(state: State, order: Order) -> dict[str, Any] | None:
    if "was" not in state:
        return None
    was: dict[str, Any] = state["was"]
    return was if "end" in was else was | {"again": order.at}


def _receipt_deleted(state: State, order: Order) -> dict[str, Any] | None:
    """One that waits, or what was set aside of it. Its parcels are states of their own."""
    if state.get("end") == "duplicate" or "was" in state or ("end" in state and not state.get("problems")):
        return None
    was = {name: state[name] for name in ("end", "problems") if name in state}
    end = "transformed" if state.get("parcels") else "deleted"
    return {**_NOTHING, **state, "end": end, "problems": [], "was": was, "deleted": [order.at, order.why]}


def _receipt_restored(state: State, order: Order) -> dict[str, Any] | None:
    if "was" not in state:
        return None
    if "end" in state["was"]:
        return {**_without(state, "was", "deleted"), **state["was"]}
    return {"again": _turn(order)}


def _anew(state: State, order: Order) -> dict[str, Any] | None:
    """It waits again, and only what was set aside is wanted (flow.anew)."""
    done = order.batch and state.get("batch") == order.batch
    if "end" not in state or not state.get("problems") or done:
        return None
    return _without(state, "end") | {"again": _turn(order)} | ({"batch": order.batch} if order.batch else {})


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
