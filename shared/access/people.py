"""People who have a hand on a municipality's messages: what each may do, and for how long (vkp.md 8, "personal access"). Pure.

A person is known by a keyed hash of their number, as a citizen is, and is never in the register: a number is in no file.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.domain import person
from shared.domain.person import Kind

SCOPE = "use"  # of the token, behind the issuer's prefix
DAY = 24 * 3600.0
LONGEST = 184 * DAY  # six months: for how long access is given at most
UNUSED = 90 * DAY  # after which access that nobody uses is closed
MOST = 100  # people of one municipality
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


class Role(StrEnum):
    """What somebody may do; whatever it is, they may follow."""

    FOLLOW = "follow"
    ADMINISTER_USERS = "administer_users"
    ADMINISTER = "administer"


EVERYBODY = frozenset(Role)
OF_USERS = frozenset({Role.ADMINISTER_USERS, Role.ADMINISTER})
OF_ACTS = frozenset({Role.ADMINISTER})


@dataclass(frozen=True, slots=True)
class User:
    """`name`: as an administrator wrote it; times in seconds since 1970; `used`: the last day on which they came, 0 = never."""

    role: Role
    name: str = field(repr=False)
    since: float
    until: float
    used: float = 0.0

    def ended(self, now: float) -> str:
        """Why the access is closed; "" if it is open."""
        if now >= self.until:
            return "has run out"
        return "was not used for three months" if now - max(self.since, self.used) >= UNUSED else ""


Roll = Mapping[str, User]  # of a municipality, by key


def person_key(key: bytes, tenant: str, number: str) -> str:
    """Stands for a person in one municipality, and never as the same number does for a patient."""
    return letters(hmac.digest(key, f"people|{tenant}|{number}".encode(), "sha256").hex()[:32])


def letters(hexadecimal: str) -> str:
    """In the same order, and no digits in it that could look like a person's number."""
    return hexadecimal.translate(_LETTERS)


def acceptable(number: str, environment: str) -> bool:
    """Whether it is a person's number that this environment takes (domain.person.GUARDS)."""
    return person.kind(number) in (Kind.FNR, Kind.DNR) and person.guard(environment, "", number) is None


def to_data(roll: Roll) -> dict[str, Any]:
    """As it is kept."""
    return {key: [user.role, user.name, user.since, user.until, user.used] for key, user in roll.items()}


def from_data(data: Mapping[str, Any]) -> dict[str, User]:
    """The way back."""
    return {key: User(Role(role), name, since, until, used) for key, (role, name, since, until, used) in data.items()}
