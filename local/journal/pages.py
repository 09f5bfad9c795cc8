"""What a nurse sees. Plain HTML, WCAG 2.1 AA: landmarks, headings in order, no script, nothing fetched."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import orjson

from local.journal.answers import STYLE
from local.journal.bokmal import PERSON_NUMBERS, count, machine, moment, person_number
from local.journal.markup import Html, join, tag
from local.journal.store import Journal, Kept, Patient, narratives
from shared.fhir.told.bokmal import clock, read_time, sentence, when
from shared.fhir.told.bokmal import day as day_in_words
from shared.fhir.told.note import Note, Section, Step
from shared.fhir.told.prose import Block

PER_PAGE = 25
KINDS = {"Varsel": "alert", "Medisin": "medicine", "Tilsyn": "visit", "Måling": "reading", "Skjema": "reading"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A note and how it came. `versions`: all with the same document identifier, oldest first."""

    kept: Kept
    note: Note
    versions: Sequence[Kept]


def page(title: str, *main: Html | None, crumbs: Iterable[tuple[str, str]] = ()) -> bytes:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} | Sandkassejournal" if crumbs else title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(STYLE)),
    )
    trail = [tag("li", tag("a", words, href=href)) for words, href in crumbs]
    here = tag("li", tag("span", title, aria_current="page"))
    body = tag(
        "body",
        tag("a", "Hopp til innholdet", href="#innhold", class_="skip"),
        tag("header", tag("nav", tag("ol", *trail, here), aria_label="Du er her")) if trail else None,
        tag("main", *main, id="innhold", tabindex="-1"),
        tag("footer", tag("p", "Dette er en sandkasse for prøving. Alle personer er oppdiktet, og alt er borte når den stopper.")),
    )
    return join(Html("<!doctype html>\n"), tag("html", head, body, lang="nb")).encode()


def front(journals: Sequence[tuple[Journal, str]]) -> bytes:
    """Each journal with what it has been told to do wrong, in words ("" for nothing)."""
    nothing = tag("p", "Ingen notater ennå. De kommer hit så snart knutepunktet har levert noe.", class_="empty")
    shown = [_journal(journal, wrong) for journal, wrong in journals]
    lead = tag("p", "Det knutepunktet har levert, slik en journal ville vist det.", class_="faint")
    return page("Sandkassejournal", tag("h1", "Sandkassejournal"), lead, *(shown or [nothing]), _refresh())


def _journal(journal: Journal, wrong: str) -> Html:
    heading = tag("h2", tag("a", sentence(journal.name), href=f"/{journal.name}/"))
    people = sorted(journal.patients.values(), key=lambda patient: patient.notes[-1].number, reverse=True)
    listed = tag("ul", *(_patient_line(journal, patient) for patient in people[:100]), class_="people")
    asked = f", {count(journal.counts['asked'], 'oppslag', 'oppslag')}" if journal.counts["asked"] else ""
    total = f"{count(len(journal.notes), 'notat', 'notater')} om {count(len(people), 'person', 'personer')}{asked}"
    more = tag("p", f"… og {len(people) - 100} til.") if len(people) > 100 else None
    return tag("section", heading, _warning(wrong), tag("p", total, class_="faint"), listed if people else None, more)


def _patient_line(journal: Journal, patient: Patient) -> Html:
    last = patient.notes[-1]
    link = tag("a", name_of(patient), href=f"/{journal.name}/patients/{patient.number}")
    many = tag("span", f"{count(len(patient.notes), 'notat', 'notater')}, siste mottatt ", _time(moment(last.arrived_at)), class_="faint")
    return tag("li", tag("span", link, " ", _number(patient)), many)


def listing(journal: Journal, patient: Patient | None, seen: Sequence[Seen], side: int, total: int, wrong: str) -> bytes:
    """One page of notes, newest first; of one patient if there is one."""
    title = name_of(patient) if patient else sentence(journal.name)
    crumbs = [("Sandkassejournal", "/"), *([(sentence(journal.name), f"/{journal.name}/")] if patient else [])]
    many = f"{count(total, 'notat', 'notater')}, sist mottatte øverst"
    number = _number(patient) if patient else None
    lead = tag("p", number, " · ", many, class_="who") if number else tag("p", many, class_="faint")
    notes = [_article(journal, each, of_one=patient is not None) for each in seen]
    empty = tag("p", "Ingen notater her ennå.", class_="empty")
    return page(title, tag("h1", title), lead, _warning(wrong), _refresh(), *(notes or [empty]), _sides(side, total), crumbs=crumbs)


def single(journal: Journal, seen: Seen) -> bytes:
    crumbs = [("Sandkassejournal", "/"), (sentence(journal.name), f"/{journal.name}/")]
    kept, note = seen.kept, seen.note
    top = tag("p", _badges(note), class_="badges")
    return page(
        note.heading,
        tag("article", top, tag("h1", note.heading), _who(journal, kept), _times(note, kept), *_content(note, 2), class_=_kind(note)),
        None if kept.cleaned else Html("".join(narratives(kept))),
        _origin(journal, seen),
        crumbs=crumbs,
    )


def missing() -> bytes:
    words = "Siden finnes ikke. Kanskje er journalen tømt siden lenken ble laget."
    return page("Ikke funnet", tag("h1", "Ikke funnet"), tag("p", words), crumbs=[("Sandkassejournal", "/")])


def name_of(patient: Patient) -> str:
    return patient.name or ("Uten navn" if patient.value else "Ukjent person")


def _number(patient: Patient) -> Html | None:
    label = PERSON_NUMBERS.get(patient.system, "Pasientnummer")
    return tag("span", tag("span", label + " ", class_="label"), person_number(patient.value), class_="number") if patient.value else None


def _time(at: datetime | date) -> Html:
    return tag("time", when(at), datetime=machine(at))


def _times(note: Note, kept: Kept) -> Html:
    happened, arrived = read_time(note.happened), _time(moment(kept.arrived_at))
    return tag("p", *(["Hendt ", _time(happened), " · mottatt "] if happened else ["Mottatt "]), arrived, class_="when")


def _warning(wrong: str) -> Html | None:
    return tag("p", tag("strong", "Prøves: "), f"journalen {wrong}.", class_="warning") if wrong else None


def _refresh() -> Html:
    return tag("p", tag("a", "Oppdater", href="?", class_="button"))


def _kind(note: Note) -> str:
    return f"note {KINDS.get(note.kind, 'words')}"


def _badges(note: Note) -> Html:
    words = [tag("span", each, class_="badge") for each in (note.status, note.badge) if each]
    return join(tag("span", note.kind, class_="kind"), " ", *words)


def _article(journal: Journal, seen: Seen, of_one: bool) -> Html:
    kept, note = seen.kept, seen.note
    heading = tag("h2", tag("a", note.heading, href=f"/{journal.name}/notes/{kept.number}"))
    who = None if of_one else _who(journal, kept)
    top = [tag("p", _badges(note), class_="badges"), heading, who, _times(note, kept), _corrected(journal, seen)]
    return tag("article", *top, *_content(note, 3), class_=_kind(note))


def _who(journal: Journal, kept: Kept) -> Html:
    link = tag("a", name_of(kept.patient), href=f"/{journal.name}/patients/{kept.patient.number}")
    return tag("p", link, " ", _number(kept.patient), class_="who")


def _corrected(journal: Journal, seen: Seen) -> Html | None:
    """A later document with the same identifier corrects the earlier ones."""
    last = seen.versions[-1]
    if len(seen.versions) == 1:
        return None
    if last is seen.kept:
        return tag("p", "Rettelse: erstatter et tidligere notat.", class_="corrected")
    link = tag("a", f"notat {last.number}", href=f"/{journal.name}/notes/{last.number}")
    return tag("p", "Rettet: gjelder ikke lenger, se ", link, ".", class_="corrected")


def _content(note: Note, level: int) -> Iterable[Html | None]:
    yield tag("p", note.lead, class_="lead") if note.lead else None
    for section in note.sections:
        yield _section(section, level)
    if len(note.steps) > 1 or any(step.remark for step in note.steps):  # "meldt" alone says no more than the time above
        yield join(tag(f"h{level}", "Forløp"), tag("ol", *_course(note.steps), class_="course"))
    named = (("Enhet", note.devices), ("Av", note.staff), ("Meldt fra", note.sources), ("Område", note.areas))
    values = [(reading.name, reading.told) for reading in note.readings if f"{reading.told}" not in note.heading]
    rows = [*values, *((label, name) for label, names in named for name in names), *note.rows]
    yield tag("dl", *(tag("div", tag("dt", label), tag("dd", words)) for label, words in rows)) if rows else None


def _section(section: Section, level: int) -> Html:
    return tag("div", tag(f"h{level}", section.title) if section.title else None, *_blocks(section.blocks), class_="section")


def _blocks(blocks: Sequence[Block]) -> Iterable[Html]:
    at = 0
    while at < len(blocks):
        items = 0
        while at + items < len(blocks) and blocks[at + items].item:
            items += 1
        yield tag("ul", *(tag("li", block.text) for block in blocks[at : at + items])) if items else tag("p", blocks[at].text)
        at += items or 1


def _course(steps: Sequence[Step]) -> Iterable[Html]:
    """The day is said once, and again when it changes."""
    day: date | None = None
    for step in steps:
        at = read_time(step.at)
        today = at.date() if isinstance(at, datetime) else at
        if today and today != day:
            yield tag("li", tag("time", day_in_words(today), datetime=machine(today)), class_="day")
        day = today
        hour = tag("time", clock(at), datetime=machine(at)) if isinstance(at, datetime) else tag("span")
        remark = tag("span", step.remark, class_="remark") if step.remark else None
        yield tag("li", hour, " ", tag("span", tag("b", step.what), " ", remark))


def _origin(journal: Journal, seen: Seen) -> Html:
    kept = seen.kept
    rows = [
        ("Mottatt", when(moment(kept.arrived_at))),
        ("Løpenummer", str(kept.number)),
        ("Levert", count(kept.copies, "gang", "ganger")),
        ("Type", kept.resource),
        ("Dokumentets id", kept.identifier or "ingen"),
        ("Idempotency-Key", kept.key),
    ]
    listed = tag("dl", *(tag("div", tag("dt", label), tag("dd", words)) for label, words in rows))
    raw = tag("pre", raw_fhir(kept.body), tabindex="0", role="region", aria_label="Dokumentet")
    details = tag("details", tag("summary", "Vis dokumentet slik det kom"), raw)
    return tag("section", tag("h2", "Om leveringen"), _corrected(journal, seen), listed, details, class_="origin")


def raw_fhir(body: bytes) -> str:
    """Laid out for reading, every number as it was written: 82.50 stays 82.50."""
    try:
        document = json.loads(body.decode(), parse_float=orjson.Fragment, parse_int=orjson.Fragment)
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    except (RecursionError, orjson.JSONEncodeError):
        return body.decode()


def _sides(side: int, total: int) -> Html | None:
    newer = tag("a", "Nyere notater", href=f"?side={side - 1}", rel="prev") if side > 1 else None
    older = tag("a", "Eldre notater", href=f"?side={side + 1}", rel="next") if side * PER_PAGE < total else None
    return tag("nav", newer, older, aria_label="Flere notater", class_="sides") if newer or older else None
