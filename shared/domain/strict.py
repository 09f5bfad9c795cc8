"""JSON as bytes: what makes it unreadable as a whole, said in words that help and repeat nothing of it. The tree goes to `wild`."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NoReturn

from shared.errors import PayloadError

Cause = tuple[str, str]  # reason and remedy

DEPTH = 32
NUMBER = "Send a number such as 82.5: below 1e9, at most 12 digits, without a unit."
CONTROL: Cause = "has a control character in it", "Leave control characters out."
_DEEP: Cause = f"is nested deeper than {DEPTH} levels", "Send it with fewer levels."
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")  # tab and line breaks are prose
_MAYBE_LONE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE = re.compile(r"[\ud800-\udfff]")
_NAME = re.compile(r"_?[a-z][A-Za-z]{0,39}", re.ASCII)  # a key that may be told; any other may be what somebody is called


@dataclass(frozen=True, slots=True)
class Vast:
    """Stands for a number that is too large or too long to be one, at no cost: nobody has its digits."""

    reason: str


HUGE, LONG = Vast("is too large a number"), Vast("is a number of too many digits")


def load(body: bytes) -> Any:
    """One value of JSON in UTF-8 without byte order mark, no key twice in an object, no NaN, at most 32 levels. Decimals are Decimal."""
    found = _read(body)
    if body.count(b"{") + body.count(b"[") > DEPTH:
        _measure(found)
    if _MAYBE_LONE.search(body):
        _look(found, _broken)
    return found


def whole(found: Any, most: int) -> None:
    """Refuses a tree with any text or number that could not go on as it came, or a text longer than `most`."""
    _look(found, partial(_unfit, most=most))


def long(most: int) -> Cause:
    return f"is longer than {most} characters", f"Shorten it to {most} characters."


def controlled(text: str) -> bool:
    return _CONTROL.search(text) is not None


def _refuse(path: str, reason: str, remedy: str) -> NoReturn:
    raise PayloadError(path, reason, remedy) from None


def _read(body: bytes) -> Any:
    if body.startswith(b"\xef\xbb\xbf"):
        _refuse("$", "begins with a byte order mark", "Send UTF-8 without it.")
    if b"\0" in body:
        _refuse("$", "is not UTF-8: it has zero bytes", "Send JSON in UTF-8, not in UTF-16 or UTF-32.")
    try:
        return json.loads(body.decode(), parse_float=_decimal, parse_int=_whole, parse_constant=_no_number, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        _refuse("$", f"is not UTF-8 at byte {error.start + 1}", "Send JSON in UTF-8.")
    except json.JSONDecodeError as error:
        _refuse("$", *_syntax(error))
    except RecursionError:
        _refuse("$", *_DEEP)


def _syntax(error: json.JSONDecodeError) -> Cause:
    """Where it stops being JSON. The library's own words are not repeated: the place is enough, and never a value."""
    if not error.doc.strip():
        return "is empty", "Send one JSON value."
    place = f"at line {error.lineno}, column {error.colno}"
    if error.msg.startswith("Invalid control character"):
        return f"has a control character or a line break in a text, {place}", "Leave it out, or write it as JSON does (\\n)."
    if error.msg == "Extra data":
        return f"has something after the JSON value, {place}", "Send one JSON value a call, complete and alone."
    return f"is not JSON, {place}", "Send one JSON value, complete, as RFC 8259 has it."


def _no_number(_word: str) -> NoReturn:
    _refuse("$", "has NaN or an infinity, which JSON does not have", "Leave the field out when there is no number.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        _refuse("$", "has the same key twice in one object", "Send every key once.")
    return made


def _whole(digits: str) -> int | Vast:
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**63:
        return HUGE
    return number


def _decimal(digits: str) -> Decimal | Vast:
    if len(digits) > 40:
        return LONG
    try:
        value = Decimal(digits)
    except InvalidOperation:  # an exponent that no decimal has
        return HUGE
    if value.adjusted() >= 30:
        return HUGE
    return value if value.adjusted() > -30 else LONG


def _measure(found: Any) -> None:
    level = [found]
    for _ in range(DEPTH):
        level = [child for value in level for child in _parts(value) if type(child) is dict or type(child) is list]
        if not level:
            return
    _refuse("$", *_DEEP)


def _look(tree: Any, wrong: Callable[[Any], Cause | None]) -> None:
    """Refuses what `wrong` says something about, keys too, and names its place."""
    if found := _first(tree, wrong):
        _refuse(f"${found[0]}", *found[1])


def _first(value: Any, wrong: Callable[[Any], Cause | None]) -> tuple[str, Cause] | None:
    parts: Iterable[tuple[Any, Any]]
    if type(value) is dict:
        parts = value.items()
    elif type(value) is list:
        parts = enumerate(value)
    else:
        return ("", cause) if (cause := wrong(value)) else None
    for key, part in parts:
        if cause := wrong(key):
            return "", (f"has a key that {cause[0]}", cause[1])
        if found := _first(part, wrong):
            return f"{_step(key)}{found[0]}", found[1]
    return None


def _step(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _NAME.fullmatch(key) else ".?"


def _broken(value: Any) -> Cause | None:
    """Half a pair of UTF-16 can neither be stored nor sent on."""
    if type(value) is str and _LONE.search(value):
        return "has half a surrogate pair in it", "Escape both halves, or send the character itself in UTF-8."
    return None


def _unfit(value: Any, most: int) -> Cause | None:
    if type(value) is str:
        if len(value) > most:
            return long(most)
        return CONTROL if controlled(value) else None
    return (value.reason, NUMBER) if type(value) is Vast else None


def _parts(value: Any) -> Iterable[Any]:
    """What a list or an object holds."""
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()
