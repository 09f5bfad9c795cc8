"""FHIR R4 search, as far as the hub asks: tokens, one chain, dates with prefixes, _include, _count. What it does not know, it refuses."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.clock import OSLO
from shared.fhir.told.loose import Node, nodes, text

Form = Sequence[tuple[str, str]]
Span = tuple[datetime, datetime]  # from, up to but not including
Token = tuple[str, str]  # system, code or value
MOST = 200  # resources in one part of an answer

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class BadSearch(Exception):
    """What cannot be asked here, and what could; nothing of the values is quoted."""


@dataclass(frozen=True, slots=True)
class Found:
    """`include`: with the patients beside them. `count`: in one part."""

    resources: Sequence[Node]
    include: bool
    count: int


def search(journal: Sequence[Node], kind: str, form: Form) -> Found:
    """What matches: every parameter must hold, of values between commas one."""
    known = PARAMETERS.get(kind)
    if known is None:
        raise BadSearch(f"This journal can be searched for {', '.join(sorted(PARAMETERS))}.")
    found = [resource for resource in journal if resource["resourceType"] == kind]
    include, count = False, MOST
    for name, value in form:
        if name == "_count":
            count = _count(value)
        elif name == "_include":
            include = _include(kind, value)
        elif name in known:
            found = [resource for resource in found if known[name](resource, journal, value)]
        else:
            raise BadSearch(f"{kind} can be searched by {', '.join(sorted(known))}, _include and _count.")
    return Found(found, include, count)


def patients_of(resources: Iterable[Node], journal: Sequence[Node]) -> list[Node]:
    """Whom they are about, each once."""
    whom = {text(_patient(resource), "reference") for resource in resources}
    return [each for each in journal if each["resourceType"] == "Patient" and f"Patient/{each['id']}" in whom]


def _count(value: str) -> int:
    if not value.isdecimal() or not 0 < len(value) < 6 or int(value) == 0:
        raise BadSearch("_count must be a whole number from 1.")
    return min(int(value), MOST)


def _include(kind: str, value: str) -> bool:
    if kind == "Patient" or value not in (f"{kind}:patient", f"{kind}:subject"):
        raise BadSearch("_include can be the type, a colon and patient.")
    return True


# tokens


def _tokens(value: str) -> list[tuple[str | None, str]]:
    """(system, code) of each alternative; None: any system, "": without one."""
    found: list[tuple[str | None, str]] = []
    for each in _split(value, ","):
        parts = [re.sub(r"\\(.)", r"\1", part) for part in _split(each, "|")]
        if len(parts) > 2 or not any(parts):
            raise BadSearch("A token is a value, or a system, a bar and a value; commas, bars and backslashes in them are escaped.")
        found.append((None, parts[0]) if len(parts) == 1 else (parts[0], parts[1]))
    return found


def _split(value: str, sign: str) -> list[str]:
    """At the sign, but not where a backslash stands before it."""
    parts, start = [], 0
    for place in re.finditer(r"\\.|" + re.escape(sign), value):
        if place.group() == sign:
            parts.append(value[start : place.start()])
            start = place.end()
    return [*parts, value[start:]]


def _one_of(held: Iterable[Token], value: str) -> bool:
    asked = _tokens(value)
    return any(system in (None, has[0]) and code in ("", has[1]) for system, code in asked for has in held)


def _codings(resource: Node, field: str) -> list[Token]:
    return [(text(coding, "system"), text(coding, "code")) for concept in nodes(resource, field) for coding in nodes(concept, "coding")]


def _identifiers(resource: Node, field: str = "identifier") -> list[Token]:
    return [(text(each, "system"), text(each, "value")) for each in nodes(resource, field)]


def _patient(resource: Node) -> Node:
    return next(iter((*nodes(resource, "patient"), *nodes(resource, "subject"))), {})


def _of_patient(resource: Node, journal: Sequence[Node], value: str) -> bool:
    """patient.identifier: of the resource that is referred to, or as it stands in the reference itself."""
    held = _identifiers(_patient(resource))
    for patient in patients_of([resource], journal):
        held += _identifiers(patient)
    return _one_of(held, value)


# dates


def _span(fhir: str) -> Span:
    """A FHIR date or dateTime is as long as it is precise; without an offset it is Norwegian time."""
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?", fhir, re.ASCII):
        raise BadSearch("A date is a prefix such as ge and a FHIR date or dateTime.")
    try:
        start = datetime.fromisoformat(fhir + {4: "-01-01", 7: "-01"}.get(len(fhir), ""))
        start = start if start.tzinfo else start.replace(tzinfo=OSLO)
        return start.astimezone(UTC), _end(start, fhir).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadSearch("A date must be one that exists.") from None


def _end(start: datetime, fhir: str) -> datetime:
    if len(fhir) == 4:
        return start.replace(year=start.year + 1)
    if len(fhir) == 7:
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    if len(fhir) == 10:
        return start + timedelta(days=1)
    if "." in fhir:
        return start + timedelta(milliseconds=1)
    return start + (timedelta(seconds=1) if fhir.count(":") - ("+" in fhir or "-" in fhir[10:]) == 2 else timedelta(minutes=1))


def _held(resource: Node, field: str) -> Span:
    period = resource.get(field)
    if not isinstance(period, dict):
        return _span(text(resource, field))
    start, end = text(period, "start"), text(period, "end")
    return _span(start)[0] if start else EARLIEST, _span(end)[1] if end else LATEST


PREFIXES: dict[str, Callable[[Span, Span], bool]] = {  # (what is held, what is asked): R4 3.1.1.4.5, a period holds where it overlaps
    "eq": lambda held, asked: asked[0] <= held[0] and held[1] <= asked[1],
    "ne": lambda held, asked: not (asked[0] <= held[0] and held[1] <= asked[1]),
    "ge": lambda held, asked: held[1] > asked[0],
    "gt": lambda held, asked: held[1] > asked[1],
    "le": lambda held, asked: held[0] < asked[1],
    "lt": lambda held, asked: held[0] < asked[0],
    "sa": lambda held, asked: held[0] >= asked[1],
    "eb": lambda held, asked: held[1] <= asked[0],
}


def _dated(resource: Node, field: str, value: str) -> bool:
    prefix, rest = (value[:2], value[2:]) if value[:2] in PREFIXES else ("eq", value)
    asked = _span(rest)
    return field in resource and PREFIXES[prefix](_held(resource, field), asked)


# which parameters a type has


Matches = Callable[[Node, Sequence[Node], str], bool]


def _coded(field: str) -> Matches:
    return lambda resource, _journal, value: _one_of(_codings(resource, field), value)


def _when(field: str) -> Matches:
    return lambda resource, _journal, value: _dated(resource, field, value)


def _status(resource: Node, _journal: Any, value: str) -> bool:
    return _one_of([("", text(resource, "status"))], value)


def identified(resource: Node, _journal: Any, value: str) -> bool:
    """identifier: of the resource itself."""
    return _one_of(_identifiers(resource), value)


OF_ALL: dict[str, Matches] = {"identifier": identified, "patient.identifier": _of_patient}
PARAMETERS: dict[str, dict[str, Matches]] = {
    "Patient": {"identifier": identified},
    "EpisodeOfCare": {**OF_ALL, "status": _status, "type": _coded("type")},
    "CarePlan": {**OF_ALL, "status": _status, "category": _coded("category"), "date": _when("period")},
    "Composition": {**OF_ALL, "status": _status, "category": _coded("category"), "type": _coded("type"), "date": _when("date")},
    "Condition": {**OF_ALL, "category": _coded("category"), "code": _coded("code")},
    "MedicationStatement": {**OF_ALL, "status": _status},
    "AllergyIntolerance": {**OF_ALL, "code": _coded("code")},
}
