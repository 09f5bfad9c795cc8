"""Norwegian numbers of organisations, and of those who work in them (vkp.md 5.1, 5.3, 5.4): shapes only, the register says who exists.

The check digit of an organisation number only ever warns: the two test municipalities that Norsk helsenett publishes have a wrong one.
"""

import re
from typing import NamedTuple

SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.101"
_SHAPE = re.compile(r"[0-9]{9}")
_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2, 1)


class _Number(NamedTuple):
    """What sort of number, and what it looks like."""

    name: str
    shape: re.Pattern[str]
    words: str


_ORGNR = _Number("organisasjonsnummer", _SHAPE, "nine digits")
_HPR = _Number("HPR-nummer", re.compile(r"[0-9]{7,9}"), "seven to nine digits")  # of health personnel; no check digit
_NUMBERS = {
    SYSTEM: _ORGNR,
    "urn:oid:2.16.578.1.12.4.1.2.101": _ORGNR,  # as HelseID's assertions write it
    "urn:oid:2.16.578.1.12.4.1.4.102": _Number("RESH-id", re.compile(r"[0-9]{1,10}"), "one to ten digits"),
    "urn:oid:2.16.578.1.12.4.1.2": _Number("HER-id", re.compile(r"[0-9]{1,10}"), "one to ten digits"),
    "urn:oid:2.16.578.1.12.4.1.4.4": _HPR,
    "http://hl7.no/fhir/NamingSystem/HPR": _HPR,
}


def is_orgnr(text: str) -> bool:
    """Nine ASCII digits."""
    return _SHAPE.fullmatch(text) is not None


def mistake(system: str, value: str) -> str | None:
    """What is wrong with the shape of a number under one of these systems; None if nothing is, or if the system is another."""
    number = _NUMBERS.get(system)
    return f"is no {number.name}: expected {number.words}" if number and not number.shape.fullmatch(value) else None


def warning(orgnr: str) -> str | None:
    """What to look at before trusting a number that has the right shape."""
    if sum(int(digit) * weight for digit, weight in zip(orgnr, _WEIGHTS, strict=True)) % 11:
        return "the check digit does not fit: is it a test organisation, or mistyped?"
    return None
