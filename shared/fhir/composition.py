"""Composition: the note itself (vkp.md 2.2)."""

from collections.abc import Sequence

from shared.domain.event import Event
from shared.fhir.elements import Json, concept, narrative, profile, said, subject, when
from shared.fhir.terminology import CATEGORY, SECTION, STEP

NOTE_TYPE = {"coding": [{"system": "http://loinc.org", "code": "34133-9", "display": "Summarization of episode note"}]}
SAFETY, FOLLOW_UP = "1", "2"  # Trygghet og mestring; Digital hjemmeoppfølging


def composition(event: Event, category: str, title: str, sections: Sequence[Json], source: str, reported: bool = False) -> Json:
    """`source`: the solution that sent it; `reported`: this tells of something that happened, and when (composition-event 0)."""
    steps = [{"code": [concept(STEP, "0")], "period": {"start": when(event)}}] if reported else []
    return {
        "resourceType": "Composition",
        "meta": profile("Composition"),
        "status": "final",
        "type": NOTE_TYPE,
        "category": [concept(CATEGORY, category)],
        "subject": subject(event.person),
        "date": when(event),
        "author": [{"display": source}],
        "title": title,
        **said(event=steps),
        "section": list(sections),
    }


def section(code: str, title: str, text: str, about: Sequence[str] = ()) -> Json:
    """`about`: fullUrls of the entries that the words tell of."""
    return {
        "title": title,
        "code": concept(SECTION, code),
        "text": narrative(text),
        **said(entry=[{"reference": url} for url in about]),
    }
