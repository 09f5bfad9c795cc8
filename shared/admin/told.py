"""What the admin API says of messages, jobs, stops and people: ids, times, counts, the hub's own reasons, and the same in bokmål."""

from collections.abc import Mapping
from typing import Any

from shared.access.people import Role, User
from shared.access.register import Stop
from shared.fhir.follow_up import step_name
from shared.flow.status import about, dated, followed, written
from shared.messages import story, words
from shared.messages.edits import State
from shared.messages.history import History
from shared.messages.job import Job
from shared.messages.message import Message, Sent, Wanted
from shared.messages.stops import what

Json = dict[str, Any]

ROLES: Mapping[Role, str] = {
    Role.FOLLOW: "følge med",
    Role.ADMINISTER_USERS: "administrere brukere",
    Role.ADMINISTER: "administrere",
}
_TIMES = ("at", "not_before", "again")
_OF_PARCEL = ("answer", "name", "reason", "why", "batch")


def message(one: Message) -> Json:
    """In a list."""
    return {
        "receipt": one.receipt,
        "received_at": written(one.since),
        "sender": one.sender,
        "lane": one.lane,
        "state": one.word,
        "state_text": words.STATES[one.word],
        "events": list(one.state.get("events", ())),
        "parcels": [_parcel(sent) for sent in one.parcels],
    }


def _parcel(sent: Sent) -> Json:
    return {"parcel": sent.name, "endpoint": sent.endpoint, "state": sent.status, "state_text": words.STATES[sent.status]}


def history(found: History) -> Json:
    """All that has happened; `text`: as `./hub messages show` prints it."""
    one = found.message
    problems = one.state.get("problems") or one.state.get("was", {}).get("problems") or ()
    return {
        **message(one),
        "format": found.adapter,
        "first": found.first,
        "acts": _acts(one.state),
        "set_aside": [{"item": item, "reason": reason, "remedy": remedy} for item, reason, remedy in problems],
        "repairs": list(one.state.get("repairs", ())),
        "warnings": list(one.state.get("warnings", ())),
        "parcels": [_whole(sent) for sent in one.parcels],
        **about(one.state, one.at),
        "text": story.told(found),
    }


def _whole(sent: Sent) -> Json:
    state = sent.state
    return {
        **_parcel(sent),
        "attempts": [{"at": written(at), "answer": answer} for at, answer in _attempts(state)],
        "acts": _acts(state),
        **{name: written(state[name]) for name in _TIMES if name in state},
        **{name: str(state[name]) for name in _OF_PARCEL if state.get(name)},
        **({"second_route_of": sent.second_of} if sent.second_of else {}),
        **({"followed": [_step(step) for step in steps]} if (steps := followed(state)) else {}),
    }


def _attempts(state: State) -> list[tuple[float, str]]:
    """The last one too, by which it came to its end, though a hand has been at it since; what a hand made of it is among the acts."""
    ends = [end for end in (state, state.get("was", {})) if "end" in end and "why" not in end]
    last = [(end["at"], end.get("reason") or f"answer {end['answer']}") for end in ends]
    return sorted([*((at, answer) for at, answer in state.get("tries", ())), *last])


def _acts(state: State) -> list[Json]:
    return [{"at": written(at), "verb": verb, "why": why, "job": job} for at, verb, why, job in state.get("acts", ())]


def _step(step: Json) -> Json:
    return {**dated(step), "text": step_name(step["code"])}


def job(one: Job) -> Json:
    return {
        "job": one.id,
        "verb": one.order.verb,
        "state": one.state,
        "filter": _filter(one.wanted),
        "reason": one.order.why,
        "by": one.order.who,
        "created_at": written(one.order.at),
        "updated_at": written(one.updated),
        "count": one.count,
        "more": one.more,
        "messages": one.messages,
        "changed": one.changed,
        "error": one.error,
        "text": words.progress(one),
    }


def _filter(wanted: Wanted) -> Json:
    named = {"sender": wanted.sender, "endpoint": wanted.endpoint, "lane": wanted.lane, "event": wanted.event, "state": wanted.state}
    span = {"from": written(wanted.span.since) if wanted.span.since else "", "to": written(wanted.span.until)}
    return {name: value for name, value in (named | span).items() if value}


def stop(one: Stop) -> Json:
    return {"what": what(one), "since": written(one.since), "by": one.who, "reason": one.why, "text": words.held(one)}


def user(key: str, one: User, now: float, you: str) -> Json:
    """`you`: the key of whoever asks."""
    ended = one.ended(now)
    return {
        "user": key,
        "name": one.name,
        "role": one.role,
        "role_text": ROLES[one.role],
        "since": written(one.since),
        "until": written(one.until),
        "used": written(one.used) if one.used else "",
        "open": not ended,
        "you": key == you,
    }
