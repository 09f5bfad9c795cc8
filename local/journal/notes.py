"""A note as the page shows it, and how the parts of a document become one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from local.journal.bokmal import told
from local.journal.narrative import Block


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the course of events. `at` is FHIR's text."""

    at: str
    what: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: Sequence[Block]


@dataclass(slots=True)
class Note:
    """`kind` is Varsel, Medisin, Tilsyn, Måling, Skjema, Notat or Beskjed; `badge` is a word that must be seen at once."""

    kind: str = ""
    heading: str = ""
    brief: tuple[str, str] = ("", "")  # what stands instead of the heading when the document has a weightier one
    lead: str = ""
    badge: str = ""
    happened: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    staff: list[str] = field(default_factory=list)

    def text(self) -> str:
        """All of it as plain text, for scripts."""
        lines = [self.heading, self.lead, self.badge, *(f"{label}: {words}" for label, words in self.rows)]
        lines += [f"{told(step.at)} {step.what}: {step.remark}".strip(" :") for step in self.steps]
        for section in self.sections:
            lines += [section.title, *(block.text for block in section.blocks)]
        lines += [f"Enhet: {device}" for device in self.devices] + [f"Av: {person}" for person in self.staff]
        return "\n".join(line for line in lines if line)


def together(parts: Iterable[Note]) -> Note:
    """One note of what each resource tells. The weightiest come first: theirs is the heading, the lead, the time."""
    whole = Note()
    for part in parts:
        _add(whole, part)
    whole.heading = whole.heading or "Dokument uten innhold som kan vises"
    whole.kind = whole.kind or "Notat"
    whole.rows = [row for row in dict.fromkeys(whole.rows) if row[1] and row[1] != whole.heading]
    whole.devices = [one for one in dict.fromkeys(whole.devices) if one and not _said_better(one, whole.devices)]
    whole.staff = [one for one in dict.fromkeys(whole.staff) if one]
    return whole


def _said_better(device: str, devices: Iterable[str]) -> bool:
    """ "Romsensor RC" where "Romsensor RC, nr. 98" stands too."""
    return any(other != device and other.startswith(device) for other in devices)


def _add(whole: Note, part: Note) -> None:
    if whole.kind == part.kind == "Måling" and len(whole.heading) < 60:
        whole.heading += f", {part.brief[0].lower()} {part.brief[1]}"
    elif whole.heading and part.heading:
        whole.rows.append(part.brief if part.brief[1] else (part.kind, part.heading))
    for name in ("kind", "heading", "lead", "badge", "happened"):
        setattr(whole, name, getattr(whole, name) or getattr(part, name))
    for name in ("rows", "steps", "sections", "devices", "staff"):
        getattr(whole, name).extend(getattr(part, name))
