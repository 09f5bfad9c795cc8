"""JSON from outside, read with suspicion: every question names its field, and no answer ever repeats what stood there.

reading = parse(body)["reading"][0]
pressure = reading["sys"].number()      # PayloadError: $.reading[0].sys: expected a number
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

from shared.domain import clock, strict
from shared.domain.strict import CONTROL, NUMBER, Vast
from shared.errors import PayloadError

V = TypeVar("V")

TEXT = 4096
OBJECT, LIST = "Send an object: {...}.", "Send a list: [...]."
TIME = "Send date and time such as 2026-03-02T08:03:11+01:00: with seconds and offset, between the years 2000 and 2100."
_NUMERAL = re.compile(r"-?(?:0|[1-9]\d{0,11})(?:\.\d{1,12})?", re.ASCII)
_BREAK = re.compile(r"[\t\n\r\u2028\u2029]")


def parse(body: bytes, most: int = 0) -> "Wild":
    """Strict JSON (`strict.load`); PayloadError if it cannot be read as a whole.

    Texts and numbers are looked at where they are read, so that an odd one is the fault of its item and not of its neighbours. A body
    that goes on as it came is looked at as a whole: with `most`, the length of its longest text, any odd text or number refuses it.
    """
    tree = strict.load(body)
    if most:
        strict.whole(tree, most)
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
                _refuse(self.path, "expected an object", OBJECT)
            value = self.raw.get(key)
        else:
            if not isinstance(self.raw, list):
                _refuse(self.path, "expected a list", LIST)
            value = self.raw[key] if 0 <= key < len(self.raw) else None
        return None if value is None else Wild(value, self._at(key))

    def is_object(self) -> bool:
        return isinstance(self.raw, dict)

    def is_list(self) -> bool:
        return isinstance(self.raw, list)

    def list(self) -> "list[Wild]":
        if not isinstance(self.raw, list):
            _refuse(self.path, "expected a list", LIST)
        return [Wild(value, f"{self.path}[{place}]") for place, value in enumerate(self.raw)]

    def text(self, most: int = TEXT, lines: bool = False) -> str:
        """Text that is neither empty nor longer than `most`, on one line unless `lines`."""
        text = self.raw
        if not isinstance(text, str):
            _refuse(self.path, "expected a text", "Send it as a text in quotation marks.")
        if not text.strip():
            _refuse(self.path, "is empty", "Leave the field out when there is nothing to say.")
        if len(text) > most:
            _refuse(self.path, *strict.long(most))
        if strict.controlled(text):
            _refuse(self.path, *CONTROL)
        if not lines and _BREAK.search(text):
            _refuse(self.path, "has a tab or a line break in it", "Send it on one line.")
        return text

    def number(self) -> Decimal:
        """A number, or a text that is plainly one, as some devices write: below 1e9, at most 12 significant digits."""
        value = self.raw
        if isinstance(value, str) and _NUMERAL.fullmatch(value):
            value = Decimal(value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = Decimal(value)
        if not isinstance(value, Decimal):
            _refuse(self.path, value.reason if isinstance(value, Vast) else "expected a number", NUMBER)
        if abs(value) >= 1_000_000_000:
            _refuse(self.path, "is a number beyond 1e9", NUMBER)
        if len(value.as_tuple().digits) > 12:
            _refuse(self.path, "is a number of more than 12 digits", NUMBER)
        return value

    def integer(self) -> int:
        if not isinstance(self.raw, int) or isinstance(self.raw, bool):
            reason = self.raw.reason if isinstance(self.raw, Vast) else "expected a whole number"
            _refuse(self.path, reason, "Send a whole number such as 17, without quotation marks or decimals.")
        return self.raw

    def flag(self) -> bool:
        if not isinstance(self.raw, bool):
            _refuse(self.path, "expected true or false", "Send true or false, without quotation marks.")
        return self.raw

    def time(self) -> datetime:
        """An instant with its offset, as aware UTC."""
        if not isinstance(self.raw, str):
            _refuse(self.path, "expected a text with date and time", TIME)
        try:
            return clock.instant(self.raw)
        except clock.ClockError as error:
            _refuse(self.path, str(error), TIME)

    def local_time(self, zone: ZoneInfo) -> datetime:
        """A wall time in `zone`, as aware UTC; one that does not exist or happened twice is refused."""
        remedy = f"Send date and time such as 2026-03-02T08:03:11, without offset, as the clocks in {zone.key} show it."
        if not isinstance(self.raw, str):
            _refuse(self.path, "expected a text with date and time", remedy)
        try:
            return clock.local(self.raw, zone)
        except clock.ClockError as error:
            _refuse(self.path, str(error), remedy)

    def one_of(self, table: Mapping[Any, V]) -> V:
        """What `table` has for this code."""
        if isinstance(self.raw, bool) or not isinstance(self.raw, str | int) or self.raw not in table:
            _refuse(self.path, f"is not one of the {len(table)} known codes", "Send a code that the page of this format lists.")
        return table[self.raw]

    def _at(self, key: str | int) -> str:
        return f"{self.path}.{key}" if isinstance(key, str) else f"{self.path}[{key}]"


def _refuse(path: str, reason: str, remedy: str) -> NoReturn:
    raise PayloadError(path, reason, remedy) from None
