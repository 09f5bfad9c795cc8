"""The national words for the national codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from shared.fhir import terminology
from shared.fhir.naming import misnamed
from shared.fhir.told.bokmal import sentence, within
from shared.fhir.told.loose import Node, nodes, text


@dataclass(frozen=True, slots=True)
class Concept:
    code: str = ""
    display: str = ""
    definition: str = ""


class Codes:
    """Words by code system and code."""

    def __init__(self, tables: Mapping[tuple[str, str], Concept]) -> None:
        self._tables = tables

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


def undoubted(heading: str, coded: Node, table: str) -> tuple[str, str]:
    """The heading, and a remark. A sender with another table has other things under the same numbers (vkp.md 3.5 no. 10): its words count,
    and the reader is told."""
    if not misnamed(coded, table):
        return heading, ""
    said = text(coded, "text") or text(coded, "coding", "display")
    remark = f"koden betyr «{within(heading)}» i den nasjonale tabellen. Her står avsenderens ord; spør avsenderen hvis det er tvil"
    return sentence(said) or heading, remark


@cache
def national() -> Codes:
    """The words of `shared/fhir/codes`."""
    return Codes(
        {
            (table["system"], row["code"]): Concept(row["code"], row["display"], row.get("definition", ""))
            for table in terminology.tables().values()
            for row in table.get("concepts", ())
            if "system" in table
        }
    )
