"""A note as a nurse reads it, and how the parts of a document become one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from shared.fhir.told.bokmal import sentence, told, within
from shared.fhir.told.measured import MISSING
from shared.fhir.told.prose import Block

NOTHING = "Dokument uten innhold som kan vises"


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


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement. `at` is FHIR's text; `status` says that it does not hold as it stands."""

    name: str
    value: str
    at: str = ""
    status: str = ""

    @property
    def told(self) -> str:
        return f"{self.value or MISSING}{f' ({within(self.status)})' if self.status else ''}"


@dataclass(slots=True)
class Note:
    """`kind` is Varsel, Medisin, Tilsyn, Måling, Skjema, Notat or Beskjed; `badge` is a word that must be seen at once, and `status` says
    that it does not hold as it stands. `minor`: its heading says nothing where a weightier one stands."""

    kind: str = ""
    heading: str = ""
    minor: bool = False
    lead: str = ""
    badge: str = ""
    status: str = ""
    happened: str = ""
    readings: list[Reading] = field(default_factory=list)
    rows: list[tuple[str, str]] = field(default_factory=list)
    areas: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    staff: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    @property
    def full_heading(self) -> str:
        return f"{self.status}: {within(self.heading)}" if self.status else self.heading

    def text(self) -> str:
        """All of it as plain text, for scripts."""
        lines = [self.heading, self.lead, self.badge, self.status]
        lines += [f"{sentence(reading.name)}: {reading.told}" for reading in self.readings]
        lines += [f"{label}: {words}" for label, words in self.rows] + [f"Område: {area}" for area in self.areas]
        lines += [f"{told(step.at)} {step.what}: {step.remark}".strip(" :") for step in self.steps]
        for section in self.sections:
            lines += [section.title, *(block.text for block in section.blocks)]
        people = (("Enhet", self.devices), ("Av", self.staff), ("Meldt fra", self.sources))
        lines += [f"{label}: {name}" for label, names in people for name in names]
        return "\n".join(line for line in lines if line)


def together(parts: Iterable[Note]) -> Note:
    """One note of what each resource tells. The weightiest come first: theirs is the heading, the lead, the time."""
    whole = Note()
    for part in parts:
        _add(whole, part)
    whole.heading = whole.heading or NOTHING
    whole.kind = whole.kind or "Notat"
    whole.rows = [row for row in dict.fromkeys(whole.rows) if row[1] and row[1] != whole.heading]
    whole.areas = list(filter(None, dict.fromkeys(whole.areas)))
    whole.sections = [section for section in whole.sections if not _said_already(section, whole.readings)]
    whole.devices = _best_said(whole.devices)
    whole.staff = list(filter(None, dict.fromkeys(whole.staff)))
    whole.sources = [one for one in dict.fromkeys(whole.sources) if one and one not in whole.staff]
    return whole


def _best_said(devices: Iterable[str]) -> list[str]:
    """Without "Romsensor RC" where "Romsensor RC, nr. 98" stands too: in order, what begins alike stands side by side."""
    in_order = sorted({device for device in devices if device})
    worse = {one for one, following in pairwise(in_order) if following.startswith(one)}
    return [one for one in dict.fromkeys(devices) if one and one not in worse]


def _said_already(section: Section, readings: Sequence[Reading]) -> bool:
    """Words that a solution made of the very values that stand there (`observation.sentence`)."""
    spoken = " ".join(f"{sentence(reading.name)} målt til {reading.value}." for reading in readings if not reading.status)
    return bool(spoken) and [block.text for block in section.blocks] == [spoken]


def _add(whole: Note, part: Note) -> None:
    if whole.kind == part.kind == "Måling":
        _measured_too(whole, part)
    elif whole.heading and part.heading and not part.readings and not _absorbed(whole, part):
        whole.rows.append((part.kind, _beside(part, whole.happened)))
    if not whole.heading or part.kind == "Notat":  # of a document in error nothing holds; of another part of it, that part
        whole.status = ", ".join(dict.fromkeys(filter(None, (whole.status, part.status))))
    if not whole.heading or _absorbed(whole, part):
        whole.lead, whole.badge = whole.lead or part.lead, whole.badge or part.badge
    for name in ("kind", "heading", "happened"):
        setattr(whole, name, getattr(whole, name) or getattr(part, name))
    for name in ("readings", "rows", "areas", "steps", "sections", "devices", "staff", "sources"):
        getattr(whole, name).extend(getattr(part, name))


def _absorbed(whole: Note, part: Note) -> bool:
    """Whether all that a part says beside its own lists can stand as said of the whole."""
    return part.minor and not part.status and not (whole.lead and part.lead) and not (whole.badge and part.badge)


def _beside(part: Note, happened: str) -> str:
    """What a part says of itself where another gives the heading. A note's own time is when it was written."""
    at = told(part.happened) if part.happened != happened and part.kind != "Notat" else ""
    return ". ".join(filter(None, (part.full_heading, part.lead, part.badge, at)))


def _measured_too(whole: Note, part: Note) -> None:
    """As many as a heading has room for; all of them stand below it."""
    for reading in part.readings:
        if len(whole.heading) < 60:
            whole.heading += f", {within(reading.name)} {reading.told}"
        elif not whole.heading.endswith(MORE):
            whole.heading += MORE


MORE = ", med flere"
