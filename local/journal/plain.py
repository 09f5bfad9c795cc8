"""Notes of `docs/notes.md`: what a journal without FHIR takes, and how it shows them. Nothing of the adapter is here."""

from shared.fhir.told.loose import Node, node, prose, text
from shared.fhir.told.note import Note, Section
from shared.fhir.told.prose import Block

RESOURCE = "note"
KINDS = {  # as the contract has them -> as the page says them
    "alert": "Varsel",
    "dispensed": "Medisin",
    "supervision": "Tilsyn",
    "measurement": "Måling",
    "answers": "Skjema",
    "note": "Notat",
    "message": "Beskjed",
}
NEEDED = ("key", "title", "text")


def fault(document: object, key: str) -> str:
    """Why this journal cannot keep it; "" if it can."""
    if not isinstance(document, dict):
        return "The body is no JSON object."
    if missing := [name for name in NEEDED if not text(document, name)]:
        return f"The note has no {', '.join(missing)}."
    if document["key"] != key:
        return "The key of the note is not that of the header Idempotency-Key."
    if text(document, "kind") not in KINDS or not text(document, "patient", "value"):
        return "The note has no kind that this journal knows, or no patient."
    return ""


def subject(document: Node) -> tuple[str, str, str]:
    patient = node(document, "patient")
    return text(patient, "system"), text(patient, "value"), text(patient, "name")


def shown(document: Node) -> Note:
    return Note(
        kind=KINDS[text(document, "kind")],
        heading=text(document, "title"),
        badge="Haster" if text(document, "priority") == "alarm" else "",
        happened=text(document, "time"),
        sections=[Section("", [Block(line) for line in prose(document, "text").splitlines()])],
    )
