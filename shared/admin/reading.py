"""What comes in a query or in a body, by name: each text is checked where it is named, none is repeated when it is wrong."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from shared.access.people import Role
from shared.admin.door import Asked
from shared.domain import strict
from shared.domain.clock import first_of
from shared.domain.message import Lane
from shared.door.answers import Fault
from shared.messages.asked import CODED, KINDS, LONGEST, NAME, event, is_reason, since
from shared.messages.edits import Verb
from shared.messages.message import STATES, Wanted
from shared.storage.index import Span

FILTERS = ("sender", "endpoint", "lane", "event", "state", "from", "to")
MOST = 200  # messages of one answer
USUAL = "50"
_LONGEST_NAME = 60

Check = tuple[Callable[[str], bool], str]  # whether it is as it should be, and what to send

_NAMED: Check = (lambda text: NAME.fullmatch(text) is not None, "send the name as the register has it: small letters, digits and -")
_TIMED: Check = (lambda text: _is_moment(text), "send a day, 2026-11-18, or a moment with its offset, 2026-11-18T08:00:00+01:00")
CHECKS: Mapping[str, Check] = {
    "sender": _NAMED,
    "endpoint": _NAMED,
    "lane": (lambda text: text in list(Lane), f"send one of {', '.join(Lane)}"),
    "event": (
        lambda text: event(text) != "",
        f"send a kind ({', '.join(KINDS)}), a code ({', '.join(CODED)}, or a number: 4.1) or both (alert:4.1)",
    ),
    "state": (lambda text: text in STATES, f"send one of {', '.join(STATES)}"),
    "from": _TIMED,
    "to": _TIMED,
    "most": (lambda text: re.fullmatch(r"[0-9]{1,3}", text) is not None and 0 < int(text) <= MOST, f"send a number from 1 to {MOST}"),
    "id": (lambda text: text.isprintable() and 0 < len(text) <= LONGEST, f"send a text of at most {LONGEST} characters"),
    "key": (lambda text: text.isprintable() and 0 < len(text) <= LONGEST, f"send a text of at most {LONGEST} characters"),
    "reason": (is_reason, f"send a sentence of at most {LONGEST} characters, without anybody's number"),
    "verb": (lambda text: text in list(Verb), f"send one of {', '.join(Verb)}"),
    "number": (lambda text: len(text) <= LONGEST, "send a person's number of eleven digits"),
    "user": (lambda text: text.isascii() and text.isalpha() and len(text) <= LONGEST, "send the user's id, as it is listed"),
    "name": (
        lambda text: is_reason(text) and len(text) <= _LONGEST_NAME,
        f"send at most {_LONGEST_NAME} characters, no number",
    ),
    "role": (lambda text: text in list(Role), f"send one of {', '.join(Role)}"),
    "until": _TIMED,
}


def query(asked: Asked, *names: str) -> dict[str, str]:
    """The address's parameters, those of these names and no others. Raises Fault."""
    try:
        pairs = parse_qsl(asked.query, keep_blank_values=True, strict_parsing=bool(asked.query), max_num_fields=20)
    except ValueError:
        raise Fault(400, "the address's parameters cannot be read", "send name=value, with & between") from None
    if len(dict(pairs)) < len(pairs):
        raise Fault(400, "a parameter stands twice in the address", "send each once")
    times = {name: text.replace(" ", "+") for name, text in pairs if name in ("from", "to")}  # curl and people write the + as it is
    return _checked(dict(pairs) | times, names, ())


def body(asked: Asked, *names: str, flags: Sequence[str] = ()) -> dict[str, str]:
    """The fields of the body, a JSON object or nothing, those of these names and no others: texts, and `flags`, "" for no. Raises Fault,
    PayloadError."""
    found = strict.load(asked.body) if asked.body else {}
    if not isinstance(found, dict):
        raise Fault(400, "the body is not a JSON object", "send one object")
    told = {name: found.pop(name, False) for name in flags}
    if not all(isinstance(value, bool) for value in told.values()):
        raise Fault(400, f"{', '.join(flags)} is neither true nor false", "send true, or leave it out")
    return _checked(found, names, flags) | {name: "yes" if value else "" for name, value in told.items()}


def wanted(given: Mapping[str, str], tenant: str, now: float) -> Wanted:
    """The filter that they make. Raises Fault."""
    state = given.get("state", "")
    if _at(given, "to", float("inf")) <= _at(given, "from", 0.0):
        raise Fault(400, "to is not after from", "send as to the moment before which: for a whole day, the day after it", field="$.to")
    span = Span(since(_at(given, "from", 0.0), state, now), _at(given, "to", float("inf")))
    lane = Lane(given["lane"]) if "lane" in given else None
    return Wanted(tenant, given.get("sender", ""), given.get("endpoint", ""), lane, event(given.get("event", "")), state, span)


def _at(given: Mapping[str, str], name: str, usual: float) -> float:
    return first_of(given[name]).timestamp() if name in given else usual


def _is_moment(text: str) -> bool:
    try:
        return first_of(text).timestamp() > 0
    except (ValueError, OverflowError):
        return False


def _checked(found: Mapping[str, Any], names: Sequence[str], flags: Sequence[str]) -> dict[str, str]:
    if set(found) - set(names):
        remedy = f"send {', '.join((*names, *flags))} only" if names else "send none"
        raise Fault(400, "there is a field that this call does not have", remedy)
    for name, value in found.items():
        right, remedy = CHECKS[name]
        if not isinstance(value, str) or not right(value):
            raise Fault(400, f"{name} is not as it should be", remedy, field=f"$.{name}")
    return dict(found)
