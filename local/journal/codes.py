"""The national words for the national codes, as the tables of `shared/fhir/codes/*.json` have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from local.journal.loose import Node, nodes, text

FOLDER = Path(__file__).parents[2] / "shared" / "fhir" / "codes"


@dataclass(frozen=True, slots=True)
class Concept:
    code: str = ""
    display: str = ""
    definition: str = ""


class Codes:
    def __init__(self, tables: Mapping[tuple[str, str], Concept]) -> None:
        self._tables = tables

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Codes":
        tables: dict[tuple[str, str], Concept] = {}
        for file in sorted(folder.glob("*.json")):
            table = orjson.loads(file.read_bytes())
            for row in nodes(table, "concepts"):
                tables[text(table, "system"), text(row, "code")] = Concept(text(row, "code"), text(row, "display"), text(row, "definition"))
        return cls(tables)

    def concept(self, coded: Node) -> Concept:
        """What a CodeableConcept says: by our tables, else by its own display, else by its text."""
        codings = nodes(coded, "coding")
        for coding in codings:
            if known := self._tables.get((text(coding, "system"), text(coding, "code"))):
                return known
        for coding in codings:
            if display := text(coding, "display"):
                return Concept(text(coding, "code"), display)
        return Concept(text(codings[0], "code") if codings else "", text(coded, "text"))

    def words(self, coded: Node) -> str:
        return self.concept(coded).display
