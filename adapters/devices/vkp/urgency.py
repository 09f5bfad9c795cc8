"""Which national documents overtake: an alert that nobody has acknowledged yet, unless its code can wait."""

from collections.abc import Sequence
from typing import Any

from shared.domain.message import Lane
from shared.fhir import terminology
from shared.fhir.naming import misnamed
from shared.fhir.reach import reach

# vkp-alert-code that can wait its turn behind other traffic. Everything else, the unknown too, is an alarm: in doubt a human is told.
ROUTINE = frozenset(
    {
        *("1.10", "1.11", "1.12", "1.14", "1.15", "1.16"),  # medicine waits, supply and plan: no dose is missed yet
        *("1.17", "1.21", "1.23"),  # battery low, dispenser open, tray askew: it still works; what it then misses comes as 1.1-1.9
        *("4.2", "4.3", "4.4", "4.5", "4.6", "4.8", "4.15", "4.16", "4.18", "4.20"),  # movement, many a night; a fall comes as 4.1
        *("4.25", "4.26"),  # a camera supervision that has been done
        *("5", "5.1", "5.2", "5.2.1", "5.2.2", "5.2.3", "5.3", "5.3.1", "5.3.2"),  # home follow-up: journaled when it has been closed
        "6",  # door lock: a log of comings and goings
    }
)
NATIONAL, STEPS = terminology.system(terminology.ALERT), terminology.system(terminology.STEP)
URGENT = ("urgent", "asap", "stat")  # Communication.priority
ACKNOWLEDGED = "3"  # vkp-composition-event: hendelse kvittert


def lane(resource: Any) -> Lane:
    if resource.get("resourceType") == "Communication":
        return Lane.ALARM if resource.get("priority") in URGENT else Lane.ROUTINE
    resources = [each for each in reach(resource, ("entry", "resource")) if type(each) is dict]
    notes = [each for each in resources if each.get("resourceType") == "Composition"]
    issues = [each for each in resources if each.get("resourceType") == "DetectedIssue"]
    if _has_been_acknowledged(notes) or all(_can_wait(issue.get("code")) for issue in issues):
        return Lane.ROUTINE
    return Lane.ALARM


def _has_been_acknowledged(notes: Sequence[Any]) -> bool:
    codings = [coding for coding in reach(notes, ("event", "code", "coding")) if type(coding) is dict]
    return any((coding.get("system"), coding.get("code")) == (STEPS, ACKNOWLEDGED) for coding in codings)


def _can_wait(concept: Any) -> bool:
    """Every national code says so, and no name beside it speaks of another: a sender with the old table has other alarms under these
    numbers. The sender's own codes say nothing; no national code at all is a doubt."""
    codings = [coding for coding in reach(concept, ("coding",)) if type(coding) is dict] if type(concept) is dict else []
    codes = [coding.get("code") for coding in codings if coding.get("system") == NATIONAL]
    routine = bool(codes) and all(type(code) is str and code in ROUTINE for code in codes)
    return routine and misnamed(concept, terminology.ALERT) is None
