"""JSON from outside, read with suspicion: every question names its field, and no answer ever repeats what stood there.

reading = parse(body)["reading"][0]
pressure = reading["sys"].number()      # PayloadError: $.reading[0].sys: expected a number
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import orjson

from shared.domain import clock
from shared.errors import PayloadError

V = TypeVar("V")

DEPTH = 32
TEXT = 4096
_NUMERAL = re.compile(r"-?(?:0|[1-9]\d{0,11})(?:\.\d{1,12})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")  # tab and line breaks are prose
_BREAK = re.compile(r"[\t\n\r\u2028\u2029]")
_MAYBE_CONTROL = re.compile(rb"\\[bfu]|\x7f|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]")  # raw ones below 0x20 are no JSON at all


def parse(body: bytes, text: int = TEXT) -> "Wild":
    """Strict JSON: UTF-8 without byte order mark, no key twice in an object, no NaN, at most 32 levels, no text longer than `text`."""
    try:
        orjson.loads(body)  # refuses what the standard library lets pass: byte order marks, UTF-16, lone surrogates, 1e400
        tree = json.loads(body.decode(), parse_float=_decimal, parse_int=_whole, object_pairs_hook=_once)
    except RecursionError:
        _refuse("$", f"is nested deeper than {DEPTH} levels", "Flatten it.")
    except _TwiceError:
        _refuse("$", "has the same key twice in one object", "Send every key once.")
    except _VastError:
        _refuse("$", "has a number that is longer or larger than a number may be", "Send numbers of at most 19 digits.")
    except ValueError:
        _refuse("$", "is not JSON in UTF-8" if body.strip() else "is empty", "Send one JSON value in UTF-8 without byte order mark.")
    if body.count(b"{") + body.count(b"[") > DEPTH:
        _measure(tree)
    if len(body) > text or _MAYBE_CONTROL.search(body):
        _inspect(tree, text)
    return Wild(tree, "$")


@dataclass(frozen=True, slots=True)
class Wild:
    """A value that somebody sent. `path` says where it stood, `raw` is the plain value with decimals as Decimal."""

    raw: Any
    path: str

    def __getitem__(self, key: str | int) -> "Wild":
        """The value under a key or index; PayloadError if it is absent or null."""
        found = self.get(key)
        if found is None:
            _refuse(self._at(key), "is missing", "Send it.")
        return found

    def get(self, key: str | int) -> "Wild | None":
        """The value under a key or index; None if it is absent or null."""
        if isinstance(key, str):
            if not isinstance(self.raw, dict):
                _refuse(self.path, "expected an object")
            value = self.raw.get(key)
        else:
            if not isinstance(self.raw, list):
                _refuse(self.path, "expected a list")
            value = self.raw[key] if 0 <= key < len(self.raw) else None
        return None if value is None else Wild(value, self._at(key))

    def is_object(self) -> bool:
        return isinstance(self.raw, dict)

    def is_list(self) -> bool:
        return isinstance(self.raw, list)

    def list(self) -> "list[Wild]":
        if not isinstance(self.raw, list):
            _refuse(self.path, "expected a list")
        return [Wild(value, f"{self.path}[{place}]") for place, value in enumerate(self.raw)]

    def text(self, most: int = TEXT, lines: bool = False) -> str:
        """Text that is neither empty nor longer than `most`, on one line unless `lines`."""
        text = self.raw
        if not isinstance(text, str):
            _refuse(self.path, "expected a text")
        if not text.strip():
            _refuse(self.path, "is empty", "Leave the field out when there is nothing to say.")
        if len(text) > most:
            _refuse(self.path, f"is longer than {most} characters")
        if _CONTROL.search(text) or (not lines and _BREAK.search(text)):
            _refuse(self.path, "has a control character or a line break in it")
        return text

    def number(self) -> Decimal:
        """A number, or a text that is plainly one, as some devices write: below 1e9, at most 12 significant digits."""
        value = self.raw
        if isinstance(value, str) and _NUMERAL.fullmatch(value):
            value = Decimal(value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = Decimal(value)
        if not isinstance(value, Decimal):
            _refuse(self.path, "expected a number")
        if abs(value) >= 1_000_000_000 or len(value.as_tuple().digits) > 12:
            _refuse(self.path, "is a number beyond 1e9 or with more than 12 digits")
        return value

    def integer(self) -> int:
        if not isinstance(self.raw, int) or isinstance(self.raw, bool):
            _refuse(self.path, "expected a whole number")
        return self.raw

    def flag(self) -> bool:
        if not isinstance(self.raw, bool):
            _refuse(self.path, "expected true or false")
        return self.raw

    def time(self) -> datetime:
        """An instant with its offset, as aware UTC."""
        try:
            return clock.instant(self.text())
        except clock.ClockError as error:
            _refuse(self.path, str(error), "Send ISO 8601 with an offset, between the years 2000 and 2100.")

    def local_time(self, zone: ZoneInfo) -> datetime:
        """A wall time in `zone`, as aware UTC; one that does not exist or happened twice is refused."""
        try:
            return clock.local(self.text(), zone)
        except clock.ClockError as error:
            _refuse(self.path, str(error), f"Send ISO 8601 without offset, as the clocks in {zone.key} show it.")

    def one_of(self, table: Mapping[Any, V]) -> V:
        """What `table` has for this code."""
        if isinstance(self.raw, bool) or not isinstance(self.raw, str | int) or self.raw not in table:
            _refuse(self.path, f"is not one of the {len(table)} known codes")
        return table[self.raw]

    def _at(self, key: str | int) -> str:
        return f"{self.path}.{key}" if isinstance(key, str) else f"{self.path}[{key}]"


def _refuse(path: str, reason: str, remedy: str = "") -> NoReturn:
    raise PayloadError(path, reason, remedy)


class _TwiceError(Exception):
    """A key stands twice in one object."""


class _VastError(Exception):
    """A number longer than any clock, serial number or measurement."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _TwiceError
    return made


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**63:
        raise _VastError
    return number


def _decimal(digits: str) -> Decimal:
    value = Decimal(digits)
    if len(digits) > 40 or not -30 < value.adjusted() < 30:
        raise _VastError
    return value


def _measure(tree: Any) -> None:
    level = [tree]
    for _ in range(DEPTH):
        level = [child for value in level for child in _parts(value) if type(child) is dict or type(child) is list]
        if not level:
            return
    _refuse("$", f"is nested deeper than {DEPTH} levels", "Flatten it.")


def _inspect(tree: Any, most: int) -> None:
    """Length and control characters of every text, keys too."""
    level = [tree]
    while level:
        if any(type(text) is str and (len(text) > most or _CONTROL.search(text)) for text in level):
            _refuse("$", f"has a text with a control character or of more than {most} characters")
        level = [child for value in level for child in (*_names(value), *_parts(value))]


def _parts(value: Any) -> Iterable[Any]:
    """What a list or an object holds."""
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def _names(value: Any) -> Iterable[str]:
    return value if type(value) is dict else ()
