"""Sayings of the referees that a person has judged: known.toml, a row for each kind."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("known.toml")


@dataclass(frozen=True, slots=True)
class Known:
    """`matches`: a pattern, anywhere in what is said; `says`: one saying that it is for; `reason`: why our own check is right."""

    referee: str
    matches: str
    says: str
    reason: str

    def is_of(self, referee: str, saying: str) -> bool:
        return self.referee == referee and re.search(self.matches, saying) is not None


def rows() -> list[Known]:
    """Raises TypeError for a row with another field or one too few."""
    return [Known(**row) for row in tomllib.loads(FILE.read_text())["known"]]


def unknown(known: Iterable[Known], referee: str, said: Iterable[str]) -> list[str]:
    """Of what `referee` said, that which nobody has judged."""
    known = [row for row in known if row.referee == referee]
    return [saying for saying in said if not any(row.is_of(referee, saying) for row in known)]
