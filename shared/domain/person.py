"""Norwegian person numbers: which kind, which national system, and whether the number can be one at all.

Nothing about the person is read from the number: from 2032 it tells neither gender nor, with certainty, the date of birth.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from unicodedata import normalize

from shared.domain.event import Person


class Kind(StrEnum):
    """What sort of number identifies a citizen."""

    FNR = "fødselsnummer"
    DNR = "D-nummer"
    FHN = "felles hjelpenummer"
    HNR = "H-nummer"  # a hospital's own: only its system tells it, the digits may be another kind's


SYSTEMS = {  # national; vkp.md 3.4, 5.1
    Kind.FNR: "urn:oid:2.16.578.1.12.4.1.4.1",
    Kind.DNR: "urn:oid:2.16.578.1.12.4.1.4.2",
    Kind.FHN: "urn:oid:2.16.578.1.12.4.1.4.3",
}
KINDS = {system: kind for kind, system in SYSTEMS.items()} | {
    "http://hl7.no/fhir/NamingSystem/FNR": Kind.FNR,
    "http://hl7.no/fhir/NamingSystem/DNR": Kind.DNR,
    "http://hl7.no/fhir/NamingSystem/FHNR": Kind.FHN,
}
_SPELT = {system.lower(): found for system, found in KINDS.items()}
_GAPS = re.compile(r"[\W_]")  # as people and word processors write numbers
_SPACED = re.compile(r"(?<=\d)[\s._/\-\u2010-\u2015\u2212]+(?=\d)")
_BLANKS = re.compile(r"[\s\ufeff\u200b]")
_OID = re.compile(r"[0-9]+(\.[0-9]+)+")
HOSPITAL = "HNR"  # the system of every hospital's H-nummer, literally
_DIGITS = re.compile(r"[0-9]{11}")  # not str.isdigit: that is true for other alphabets' digits
_FIRST = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_INVENTED = (80, 65, 40)  # added to the month: Tenor; NHN; NAV Dolly. +40 is a hospital's own H-nummer too, which never leaves the house
_OLDER = re.compile(r"[89][0-9]{10}")  # the older H-nummer, which has no date; nothing is published of its check digits
GUARDS = ("production", "test", "any")  # whose numbers an environment takes: real people's, invented people's, everybody's


def canonical(system: str, value: str = "") -> str:
    """The published system of a person's number, however it is spelt: another URI, a bare OID, in capitals, with blanks around it.

    Without a system it is what the value can only be. Any other system stays as it is: a journal's own.
    """
    spelt = _BLANKS.sub("", system).lower().rstrip("/").removeprefix("oid:")
    if not spelt:
        return system_of(value) or ""
    found = _SPELT.get(f"urn:oid:{spelt}" if _OID.fullmatch(spelt) else spelt.replace("https:", "http:", 1))
    return SYSTEMS[found] if found else system


def identified(system: str, value: str) -> tuple[str, str]:
    """The same number in one spelling of system and value, however people write it: 148348 12097 too. Others' numbers stay as they are."""
    plain = _GAPS.sub("", value)
    known = canonical(system, plain)
    return (known, plain) if known in KINDS and kind(plain) else (canonical(system, value), value)


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


def numbered(text: str) -> bool:
    """Whether six digits follow each other, however they are spaced, or in whatever digits: half a person's number, or a date of birth."""
    return re.search(r"\d{6}", _SPACED.sub("", normalize("NFKC", text))) is not None


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
    """What is wrong with a number under a national system, or a hospital's; None if nothing is, or if the system is a journal's own."""
    claimed = Kind.HNR if system == HOSPITAL else KINDS.get(canonical(system, number))
    if claimed is None:
        return None
    found = Kind.HNR if claimed is Kind.HNR and _of_a_hospital(number) else kind(number)
    if found is None:
        return f"is no valid {claimed}"
    return None if found is claimed else f"is under the system of a {claimed}, but is a {found}"


def guard(environment: str, system: str, value: str) -> str | None:
    """Why an environment (one of GUARDS; ValueError) does not take a number; None if it does.

    It judges valid numbers under national systems only: what is no number, `mistake` tells, and a journal's own number passes. A felles
    hjelpenummer or an H-nummer does not tell whether its person is real: neither is ever refused.
    """
    if environment not in GUARDS:
        raise ValueError("environment is none of GUARDS")
    system, value = identified(system, value)
    if system not in KINDS or kind(value) not in (Kind.FNR, Kind.DNR):
        return None
    if environment == "production" and synthetic(value):
        return "is an invented person's number, which is not taken in production"
    if environment == "test" and not synthetic(value):
        return "is a real person's number, which is not taken in test"
    return None


def _rest(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False)) % 11


def _of_a_hospital(number: str) -> bool:
    return _OLDER.fullmatch(number) is not None or (kind(number) is Kind.FNR and 41 <= int(number[2:4]) <= 52)


def _dated(number: str) -> bool:
    """Whether the day exists in some century. The first digit of a D-nummer is 4 too high."""
    day, month, year = int(number[:2]) % 40, int(number[2:4]), int(number[4:6])
    month -= next((added for added in _INVENTED if month > added), 0)
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return False
    return (day, month) != (29, 2) or year % 4 == 0
