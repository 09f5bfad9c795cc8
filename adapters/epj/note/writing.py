"""A document as a note for people to read: plain text in bokmål, in the municipality's words or in ours. No markup, nothing invisible."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from shared.domain import clock, person, strict, wording
from shared.domain.journal import Sending
from shared.errors import PayloadError, Refused
from shared.fhir.told import bokmal
from shared.fhir.told.codes import national
from shared.fhir.told.loose import Node, node, nodes, resources, text
from shared.fhir.told.note import NOTHING, Note, Reading, Section, Step
from shared.fhir.told.people import NAMELESS
from shared.fhir.told.telling import note

TITLE = "{hendelse}"
TEXT = """
{hendelse}
Tidspunkt: {tid}
{alvorlighet}
{verdier}
{beskrivelse}
{forløp}
Av: {ansatt}
Enhet: {enhet}
Kilde: {kilde}
"""
MEASURED = TEXT.replace("{hendelse}", "{status}")  # the values say what happened
OURS = {"title": TITLE, "text": TEXT, "measurement.text": MEASURED}

KINDS = {word: kind for kind, word in wording.KINDS.items()}
LONG, LONGEST, MOST = 200, 20_000, 10  # characters of a line, characters of the text, devices
CUT = "[Notatet er forkortet: det var lengre enn et notat kan være. Hele meldingen finnes hos avsenderen.]"
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])")  # what a browser takes for a tag; "< 90" is none


def written(sending: Sending) -> dict[str, Any]:
    """The note of `docs/notes.md`. Refused if the document cannot be read, tells nothing, or is not about one citizen."""
    document = _document(sending.document)
    made, patient = note(document, national()), _patient(document)
    if made.heading == NOTHING:
        raise Refused("the document has nothing that can be told in a note", remedy="Send it to a journal that takes FHIR.")
    at = made.happened or _sent(document)
    kind = KINDS[made.kind]
    values = _values(made, at)
    values["alt"] = _worded("text", kind, {}, values)
    return _said(
        key=sending.key,
        kind=kind,
        priority=sending.lane.value,
        title=_short(_worded("title", kind, sending.words, values) or values["hendelse"]),
        text=_cut(_safe(_worded("text", kind, sending.words, values) or values["alt"])),
        time=_stamp(at),
        author=_author(made),
        patient=patient,
        devices=[_short(device) for device in made.devices[:MOST]],
        document=_identifier(document),
    )


def _document(body: bytes) -> Node:
    try:
        found = strict.load(body)
    except PayloadError as error:
        raise Refused(f"the document cannot be told in a note: it {error.reason}") from None
    return found if isinstance(found, dict) else {}


def _worded(part: str, kind: str, words: Mapping[str, str], values: Mapping[str, str]) -> str:
    """The municipality's words come before ours, and a kind's own before those for all kinds."""
    template = next(said[name] for said in (words, OURS) for name in (f"{kind}.{part}", part) if name in said)
    return wording.filled(template, values)


def _patient(document: Node) -> dict[str, str]:
    """Whom it is about, first of all; nobody else may be named beside."""
    whom = [each for resource in resources(document) for key in ("subject", "patient") for each in nodes(resource, key)]
    numbers = dict.fromkeys(number for each in whom if (number := _number(each)))
    if not numbers:
        raise Refused("the document names no patient by number", remedy="Ask the sender to send it with the patient's number.")
    if len(numbers) > len({system for system, _ in numbers}):
        raise Refused("the document names two patients", remedy="Ask the sender to send one document per patient.")
    system, value = next(iter(numbers))
    if max(len(system), len(value)) > LONG:
        raise Refused("the patient's number is too long to be one")
    name = next((text(each, "display") for each in whom if text(each, "display")), "")
    return _said(system=_safe(system), value=_safe(value), name=_short(name))


def _number(reference: Node) -> tuple[str, str] | None:
    system, value = (text(reference, "identifier", part) for part in ("system", "value"))
    return person.identified(system, value) if value else None


def _identifier(document: Node) -> dict[str, str]:
    found = node(document, "identifier")
    return _said(**{part: _short(text(found, part)) for part in ("system", "value")}) if text(found, "value") else {}


def _sent(document: Node) -> str:
    at = text(document, "timestamp")
    return at if bokmal.read_time(at) else ""


def _stamp(at: str) -> str:
    """As the document has it, if that is a day or a moment with its offset; else as Norway's clocks have it."""
    try:
        clock.instant(at)
    except clock.ClockError:
        moment = bokmal.read_time(at)
        return moment.isoformat() if moment else ""
    return at


def _author(made: Note) -> str:
    """Who wrote it; else what told of it."""
    named = [*(one for one in made.staff if one != NAMELESS), *made.sources, *made.devices]
    return _short(named[0]) if named else ""


def _values(made: Note, at: str) -> dict[str, str]:
    moment = bokmal.read_time(at)
    return {
        "hendelse": made.full_heading,
        "status": made.status,
        "type": made.kind,
        "tid": bokmal.when(moment) if moment else "",
        "dato": bokmal.day(moment) if moment else "",
        "klokke": bokmal.clock(moment) if isinstance(moment, datetime) else "",
        "verdier": "\n".join(_reading(reading, at, moment) for reading in made.readings),
        "beskrivelse": "\n".join(_description(made)),
        "forløp": "\n".join(_course(made.steps, moment)),
        "alvorlighet": made.badge,
        "område": ", ".join(made.areas),
        "enhet": "; ".join(made.devices),
        "ansatt": ", ".join(made.staff),
        "kilde": ", ".join(made.sources),
    }


def _reading(reading: Reading, at: str, moment: date | None) -> str:
    own = f" ({_clock(reading.at, moment)})" if reading.at not in ("", at) else ""
    return f"{reading.name}: {reading.told}{own}"


def _description(made: Note) -> Iterator[str]:
    if made.lead:
        yield made.lead
    for label, words in made.rows:
        yield f"{label}{'' if label.endswith(('?', ':')) else ':'} {words}"
    for section in made.sections:
        yield from _section(section, made.kind)


def _section(section: Section, kind: str) -> Iterator[str]:
    """What one line can say stands behind its title; the only words of a note, or a message, need none."""
    lines = [f"- {line}" if block.item else line for block in section.blocks for line in block.text.splitlines()]
    titled = section.title and section.title != kind
    if len(lines) == 1 and titled:
        yield f"{section.title}: {lines[0]}"
    else:
        yield from ([f"{section.title}:"] if titled else [])
        yield from lines


def _course(steps: list[Step], moment: date | None) -> Iterator[str]:
    """That it was reported, and nothing more, says no more than the time above."""
    if len(steps) > 1 or any(step.remark for step in steps):
        for step in steps:
            yield ": ".join(filter(None, (bokmal.sentence(_clock(step.at, moment)), step.what, step.remark)))


def _clock(at: str, moment: date | None) -> str:
    """The hour alone on the day of the event; another day is said."""
    own = bokmal.read_time(at)
    if isinstance(own, datetime) and isinstance(moment, datetime) and own.date() == moment.date():
        return f"kl. {bokmal.clock(own)}"
    return bokmal.told(at)


def _said(**parts: Any) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part}


def _safe(words: str) -> str:
    """Not even a journal that shows it as HTML makes markup of it."""
    return _MARKUP.sub("< ", words)


def _short(words: str) -> str:
    line = _safe(" ".join(words.split()))
    return line if len(line) <= LONG else f"{line[: LONG - 2].rstrip()} …"


def _cut(words: str) -> str:
    if len(words) <= LONGEST:
        return words
    kept = words[: LONGEST - len(CUT) - 1]
    return f"{kept.rpartition(chr(10))[0] or kept}\n{CUT}"  # whole lines
