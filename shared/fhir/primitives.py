"""What a primitive value of R4 looks like in JSON. Each answer names the shape that is due and never the value."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

_DAY = r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?"
_WHOLE_DAY = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
_OFFSET = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_HEXES = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OID = r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+"


def _shape(pattern: str) -> Callable[[str], Any]:
    return re.compile(pattern, re.ASCII).fullmatch


_URN = re.compile(f"urn:uuid:{_HEXES}", re.ASCII | re.IGNORECASE)
_IS_OID = _shape(_OID)
_DATED = _shape(f"{_DAY}|{_WHOLE_DAY}T{_TIME}{_OFFSET}")
_BASE64 = _shape(r"[0-9A-Za-z+/]*={0,2}")


def _uri(text: str) -> bool:
    """Without spaces; one that says it is a UUID or an OID is one."""
    if text.startswith("urn:uuid:"):
        return _URN.fullmatch(text) is not None
    return bool(_IS_OID(text)) if text.startswith("urn:oid:") else not any(letter.isspace() for letter in text)


def _dated(text: str) -> bool:
    return bool(_DATED(text)) and _exists(text)


def _exists(text: str) -> bool:
    """Whether the calendar has the day that a date, a dateTime or an instant begins with."""
    try:
        date.fromisoformat(f"{text}-01-01"[:10] if len(text) < 10 else text[:10])
    except ValueError:
        return False
    return True


def _base64(text: str) -> bool:
    letters = "".join(text.split())
    return len(letters) % 4 == 0 and bool(_BASE64(letters))


_ON_DAY, _INSTANT = _shape(_DAY), _shape(f"{_WHOLE_DAY}T{_TIME}{_OFFSET}")
_TEXTS: Mapping[str, tuple[Callable[[str], Any], str]] = {  # those that have a shape, and what it is
    "code": (_shape(r"\S+(?: \S+)*"), "a code, without spaces around it"),
    "id": (_shape(r"[A-Za-z0-9.-]{1,64}"), "an id: at most 64 letters, digits, hyphens and full stops"),
    "uri": (_uri, "a URI, without spaces"),
    "url": (_uri, "a URL, without spaces"),
    "canonical": (_uri, "a canonical URL, without spaces"),
    "oid": (_IS_OID, "an OID as urn:oid:2.16.578"),
    "uuid": (_shape(f"urn:uuid:{_HEXES}"), "a UUID as urn:uuid in lower case"),
    "date": (lambda text: _ON_DAY(text) and _exists(text), "a date such as 2026-03-02, or only its month or year"),
    "dateTime": (_dated, "a time such as 2026-03-02T08:03:11+01:00, with seconds and offset, or only a date"),
    "instant": (lambda text: _INSTANT(text) and _exists(text), "an instant such as 2026-03-02T08:03:11+01:00, with seconds and offset"),
    "time": (_shape(_TIME), "a time of day such as 08:03:11"),
    "base64Binary": (_base64, "base64"),
}
_LEAST = {"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1}


def mistake(kind: str, value: Any) -> tuple[str, str] | None:
    """FHIR issue type and words, if a value cannot be one of this primitive type."""
    if type(value) is str and kind not in _LEAST and kind not in ("boolean", "decimal"):
        return _text(kind, value)
    if kind == "boolean":
        return None if type(value) is bool else ("structure", "expected true or false, without quotation marks")
    if kind == "decimal":
        fits = type(value) in (int, Decimal, float)
        return None if fits else ("structure", "expected a number, without quotation marks")
    if kind in _LEAST:
        return _whole(_LEAST[kind], value)
    return "structure", "expected a text"


def _text(kind: str, value: str) -> tuple[str, str] | None:
    if not value:
        return "value", "is empty: leave out what there is nothing to say in"
    if (row := _TEXTS.get(kind)) and not row[0](value):
        return "value", f"expected {row[1]}"
    return None


def _whole(least: int, value: Any) -> tuple[str, str] | None:
    if type(value) is not int:
        return "structure", "expected a whole number, without quotation marks"
    return None if least <= value < 2**31 else ("value", f"expected a whole number from {least} to {2**31 - 1}")
