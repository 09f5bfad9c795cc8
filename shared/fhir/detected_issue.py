"""DetectedIssue: something that someone must know (vkp.md 2.3)."""

from collections.abc import Sequence

from shared.domain.event import Event
from shared.fhir.elements import Json, concept, profile, said, subject, when
from shared.fhir.terminology import ALERT


def detected_issue(event: Event, code: str, author: Json, severity: str = "", implicated: Sequence[str] = ()) -> Json:
    """`author`: a Reference; `implicated`: fullUrls of what the issue is about. An unknown severity is left out, as the guide says."""
    return {
        "resourceType": "DetectedIssue",
        "meta": profile("DetectedIssue"),
        "status": "final",
        "code": concept(ALERT, code),
        **said(severity=severity),
        "patient": subject(event.person),
        "identifiedDateTime": when(event),
        "author": author,
        **said(implicated=[{"reference": url} for url in implicated]),
    }
