"""Norwegian person numbers: which kind, which national system, and whether the number can be one at all.

Nothing about the person is read from the number: from 2032 it tells neither gender nor, with certainty, the date of birth.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from shared.domain.event import Person


class Kind(StrEnum):
    """What sort of number identifies a citizen nationally."""

    FNR = "fødselsnummer"
    DNR = "D-nummer"
    FHN = "felles hjelpenummer"


SYSTEMS = {
    Kind.FNR: "urn:oid:2.16.578.1.12.4.1.4.1",
    Kind.DNR: "urn:oid:2.16.578.1.12.4.1.4.2",
    Kind.FHN: "urn:oid:2.16.578.1.12.4.1.4.3",
}
KINDS = {system: kind for kind, system in SYSTEMS.items()} | {
    "http://hl7.no/fhir/NamingSystem/FNR": Kind.FNR,
    "http://hl7.no/fhir/NamingSystem/DNR": Kind.DNR,
    "http://hl7.no/fhir/NamingSystem/FHNR": Kind.FHN,
}
_DIGITS = re.compile(r"[0-9]{11}")  # not str.isdigit: that is true for other alphabets' digits
_FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_INVENTED = (80, 65, 40)  # added to the month: Tenor; NHN; NAV Dolly. +40 is a hospital's own H-nummer too, which never leaves the house


def kind(number: str) -> Kind | None:
    """The kind of a number whose date and both check digits are possible; None for anything else."""
    if not _DIGITS.fullmatch(number):
        return None
    digits = [int(digit) for digit in number]
    first, second = _rest(digits, _FIRST), _rest(digits, _SECOND)
    if digits[0] >= 8:
        return Kind.FHN if first == second == 0 else None
    if first > 3 or second or not _dated(number):  # from 2032 the first check leaves 0, 1, 2 or 3; both rules hold side by side
        return None
    return Kind.DNR if digits[0] >= 4 else Kind.FNR


def system_of(number: str) -> str | None:
    """The national system of a valid number, as FHIR writes it."""
    found = kind(number)
    return SYSTEMS[found] if found else None


def synthetic(number: str) -> bool:
    """Whether a valid number belongs to an invented person: the month stands above 12."""
    return kind(number) in (Kind.FNR, Kind.DNR) and int(number[2:4]) > 12


def person(number: str, display: str = "") -> Person | None:
    """The citizen whom a valid national number names."""
    system = system_of(number)
    return Person(system, number, display) if system else None


def mistake(system: str, number: str) -> str | None:
    """What is wrong with a number under a national system; None if nothing is, or if the system is a journal's own."""
    claimed = KINDS.get(system)
    if claimed is None:
        return None
    found = kind(number)
    if found is None:
        return f"is no valid {claimed}"
    return None if found is claimed else f"is under the system of a {claimed}, but is a {found}"


def _rest(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False)) % 11


def _dated(number: str) -> bool:
    """Whether the day exists in some century. The first digit of a D-nummer is 4 too high."""
    day, month, year = int(number[:2]) % 40, int(number[2:4]), int(number[4:6])
    month -= next((added for added in _INVENTED if month > added), 0)
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return False
    return (day, month) != (29, 2) or year % 4 == 0
