"""A code table as a FHIR CodeSystem. The published ones are flat; what stands above what is said by the dots of their codes."""

from typing import Any

from shared.fhir import terminology
from shared.fhir.elements import Json, said

_PARENT = {"code": "parent", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}


def code_system(name: str) -> Json | None:
    """None if there is no such table, or if it is no list of codes (measurements)."""
    table = terminology.tables().get(name, {})
    if "concepts" not in table:
        return None
    return {
        "resourceType": "CodeSystem",
        "id": name,
        "url": table["system"],
        "version": table["version"],
        "name": name.title().replace("-", ""),
        "status": "draft",
        "description": f"As published: {table['source']}.",
        "caseSensitive": True,
        "hierarchyMeaning": "grouped-by",
        "content": table.get("content", "complete"),
        "property": [_PARENT],
        "concept": [_concept(name, concept) for concept in table["concepts"]],
    }


def _concept(name: str, concept: dict[str, Any]) -> Json:
    """Without our own notes, which are no part of the published table."""
    above = terminology.parent(name, concept["code"])
    published = {key: concept.get(key) for key in ("code", "display", "definition")}
    return said(**published, property=[{"code": "parent", "valueCode": above}] if above else [])
