"""What the journal keeps: documents as they came, in the order they came, per endpoint and per patient."""

import json
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson

from local.journal import plain
from shared.fhir.told.loose import Node, node, nodes, resources, text

# the path names the resource in lower case, as in the national contract
RESOURCES = {
    "bundle": "Bundle",
    "medicationdispense": "MedicationDispense",
    "composition": "Composition",
    "encounter": "Encounter",
    "communication": "Communication",
}
MOST_ASKED = 1000  # look-ups that are remembered


class Unreadable(Exception):
    """Not a document that a journal could keep. The text says why and quotes nothing of it."""


@dataclass(slots=True)
class Patient:
    """`number` is the patient's place in this journal: it stands in addresses, where an identity number must not."""

    number: int
    system: str
    value: str
    name: str = ""
    notes: list["Kept"] = field(default_factory=list)


@dataclass(slots=True)
class Kept:
    """One effect in the journal. `copies` counts how often the hub has sent it; not `cleaned`: its narrative is shown as it came."""

    number: int
    key: str
    resource: str
    patient: Patient
    identifier: str
    body: bytes
    arrived_at: float
    copies: int = 1
    cleaned: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """A look-up, without whom it was about: the names of its parameters, not their values."""

    resource: str
    parameters: tuple[str, ...]
    at: float


class Journal:
    """One endpoint's notes, and what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.in_flight = 0
        self.empty()

    def empty(self) -> None:
        self.notes: list[Kept] = []
        self.patients: dict[tuple[str, str], Patient] = {}
        self.by_key: dict[str, Kept] = {}
        self.by_identifier: dict[str, list[Kept]] = {}
        self.seen: set[str] = set()  # keys, where they are remembered from their arrival
        self.asked: deque[Asked] = deque(maxlen=MOST_ASKED)
        self.resources: dict[tuple[str, str], list[Node]] = {}  # as a FHIR server, by type and id: versions, oldest first
        self.counts.clear()

    @contextmanager
    def handling(self) -> Iterator[None]:
        """A call with documents is in the journal's hands."""
        self.counts["received"] += 1
        self.in_flight += 1
        self.counts["in_flight_most"] = max(self.counts["in_flight_most"], self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def copy_of(self, key: str) -> Kept | None:
        """The note that came with this key before, now counted once more."""
        kept = self.by_key.get(key)
        if kept is not None:
            kept.copies += 1
        return kept

    def keep(self, key: str, resource: str, body: bytes, now: float, named: bool = True) -> Kept:
        """Not `named`: as if it had no identifier."""
        document = understood(key, resource, body)
        patient, identifier = self._patient(document), identifier_of(document) if named else ""
        kept = Kept(len(self.notes) + 1, key, resource, patient, identifier, body, now)
        self.notes.append(kept)
        patient.notes.append(kept)
        self.by_key[key] = kept
        if identifier:
            self.by_identifier.setdefault(identifier, []).append(kept)
        return kept

    def swap(self) -> None:
        """The two newest notes change places, and keep their numbers."""
        for notes in (self.notes, self.notes[-1].patient.notes):
            notes[-2:] = notes[:-3:-1]

    def versions(self, kept: Kept) -> list[Kept]:
        """All notes with this document's identifier, oldest first: the later ones correct the earlier ones."""
        return self.by_identifier.get(kept.identifier, [kept])

    def _patient(self, document: Node) -> Patient:
        system, value, name = subject_of(document)
        patient = self.patients.get((system, value))
        if patient is None:
            patient = self.patients[system, value] = Patient(len(self.patients) + 1, system, value)
        patient.name = name or patient.name
        return patient


def understood(key: str, resource: str, body: bytes) -> Node:
    """A document or a note. Raises Unreadable."""
    return read(resource, body) if resource != plain.RESOURCE else read_note(body, key)


def read(resource: str, body: bytes) -> Node:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable("The body is not JSON.") from error
    if not isinstance(document, dict) or document.get("resourceType") != RESOURCES[resource]:
        raise Unreadable(f"The body is not a FHIR resource of the type {RESOURCES[resource]}, as the path says.")
    return document


def read_note(body: bytes, key: str) -> Node:
    """A note of `docs/notes.md`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable("The body is not JSON.") from error
    if fault := plain.fault(document, key):
        raise Unreadable(fault)
    return dict(document)


def tree(body: bytes) -> Node:
    """What was kept, with numbers as the text that stood there, so that 82.50 stays 82.50."""
    try:
        document = json.loads(body.decode(), parse_float=str, parse_int=str)
    except RecursionError:  # read at the door by a parser that goes deeper
        return {}
    return document if isinstance(document, dict) else {}


def subject_of(document: Node) -> tuple[str, str, str]:
    """System, value and name of the first patient that the document names; empty texts if it names none."""
    if "resourceType" not in document:
        return plain.subject(document)
    for resource in resources(document):
        for reference in (*nodes(resource, "subject"), *nodes(resource, "patient")):
            if value := text(reference, "identifier", "value"):
                return text(reference, "identifier", "system"), value, text(reference, "display")
    return "", "", ""


def identifier_of(document: Node) -> str:
    identifier = node(document, "identifier" if "resourceType" in document else "document")
    value = text(identifier, "value")
    return f"{text(identifier, 'system')}|{value}" if value else ""


def narratives(kept: Kept) -> list[str]:
    """As they came, of the document's resources and their sections, or a note's text: what a journal must never put on a page."""
    if kept.resource == plain.RESOURCE:
        return [read_note(kept.body, kept.key)["text"]]
    found = (part for each in resources(read(kept.resource, kept.body)) for part in (each, *nodes(each, "section")))
    return [text(part, "text", "div") for part in found]
