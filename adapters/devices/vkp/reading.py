"""What the hub itself must know of a national document: whom it is about and when it happened. Everything else goes on unread."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from shared.domain import clock, person
from shared.domain.event import Person
from shared.domain.wild import TIME, Wild
from shared.errors import PayloadError
from shared.fhir.reach import located, step

# When it happened: the first of these that says more than a day. A Bundle's own time comes last, it is when the note was sent.
TIMES: Mapping[str, Sequence[Sequence[str]]] = {
    "Bundle": (
        ("entry", "resource", "identifiedDateTime"),  # DetectedIssue
        ("entry", "resource", "whenHandedOver"),  # MedicationDispense
        ("entry", "resource", "period", "start"),  # Encounter
        ("entry", "resource", "effectiveDateTime"),  # Observation
        ("entry", "resource", "event", "period", "start"),  # Composition: hendelse meldt
        ("entry", "resource", "date"),
        ("timestamp",),
    ),
    "MedicationDispense": (("whenHandedOver",), ("whenPrepared",)),
    "Composition": (("event", "period", "start"), ("date",)),
    "Encounter": (("period", "start"), ("period", "end")),
    "Communication": (("sent",), ("received",)),
}


_PARTS = re.compile(r"[^0-9]+")


def note(resource: Wild) -> Wild:
    """The resource that says whom it is about: a document's Composition, or the resource itself."""
    if resource["resourceType"].raw != "Bundle":
        return resource
    if resource["type"].raw != "document":
        raise PayloadError("$.type", "is not document", "Send what belongs together as a document Bundle, Composition first.")
    first = resource["entry"][0]["resource"]
    if first["resourceType"].raw != "Composition":
        raise PayloadError(first.path, "is no Composition", "Put the Composition first in a document Bundle.")
    return first


def said(resource: Wild) -> Person:
    """Whom it is about, as it says it."""
    subject = note(resource)["subject"]
    identifier, display = subject["identifier"], subject.get("display")
    value, given = identifier["value"].text(), identifier.get("system")
    system, number = person.identified(given.text() if given else "", value)
    return Person(system, number, display.raw if display and isinstance(display.raw, str) else "")


def citizen(resource: Wild) -> Person:
    """Whom it is about. A number that cannot be one, or two citizens in one document, waits for a human."""
    found = said(resource)
    if mistake := person.mistake(found.system, found.value):
        path = note(resource)["subject"]["identifier"].path
        raise PayloadError(f"{path}.value", f"{mistake} (VKP 2.1)", "Correct the number and send the resource again.")
    for path, other in _named(resource.raw, "$"):
        if _another(other, found):
            raise PayloadError(path, "names another citizen than the document is about (VKP 2.1)", "Send one document per citizen.")
    return found


def _named(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every identifier of a subject or patient, and of every Patient, wherever in the document."""
    if type(node) is list:
        for place, part in enumerate(node):
            yield from _named(part, f"{path}[{place}]")
    elif type(node) is dict:
        whom = ("identifier",) if node.get("resourceType") == "Patient" else ("subject", "patient")
        for key in whom:
            yield from located(node.get(key), () if whom == ("identifier",) else ("identifier",), f"{path}.{key}")
            yield from (
                (each, {"value": number}) for each, target in _targets(node.get(key), f"{path}.{key}") for number in numbers(target)
            )
        for key, part in node.items():
            if type(part) is dict or type(part) is list:
                yield from _named(part, path + step(key))


def _targets(node: Any, path: str) -> Iterator[tuple[str, str]]:
    return ((each, target) for each, target in located(node, ("reference",), path) if type(target) is str)


def numbers(reference: str) -> list[str]:
    """Persons' numbers that stand in a reference, where none should."""
    plain = [person.identified("", part)[1] for part in unquote(reference).split("/")]
    return [part for part in dict.fromkeys((*plain, *_PARTS.split(reference))) if person.kind(part)]


def _another(identifier: Any, found: Person) -> bool:
    """Numbers of two systems cannot be compared: the note may use the journal's own, the alert the national one. None names nobody."""
    system, value = (identifier.get("system", ""), identifier.get("value")) if type(identifier) is dict else ("", None)
    if type(system) is not str or type(value) is not str or not value.strip():
        return False
    system, value = person.identified(system, value)
    return system == found.system and value != found.value


def happened(kind: str, tree: Any) -> datetime | None:
    """None if no time is given, or only days. A time that cannot be waits for a human: no other is put in its place."""
    for steps in TIMES[kind]:
        for path, time in located(tree, steps, "$"):
            if time is not None and (moment := _moment(path, time)):
                return moment
    return None


def _moment(path: str, time: Any) -> datetime | None:
    if type(time) is not str:
        raise PayloadError(path, "expected a text with date and time", TIME)
    try:
        return None if clock.partial(time) else clock.instant(time)
    except clock.ClockError as error:
        raise PayloadError(path, str(error), TIME) from None
