"""National FHIR (VKP, R4) as it comes: read, repaired where that is certain, and sent on. Nothing is built anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.devices.vkp import urgency
from shared.domain import clock, person, wild
from shared.domain.adapter import Adapter
from shared.domain.event import Document, Event, Person
from shared.domain.message import Lane
from shared.domain.wild import TIME, Wild
from shared.errors import PayloadError
from shared.fhir import serialise
from shared.fhir.check import check
from shared.fhir.reach import located, reach
from shared.fhir.repair import TEXT, mend

DOCUMENTS = {  # resourceType -> the path segment of the national contract
    "Bundle": "bundle",
    "MedicationDispense": "medicationdispense",
    "Composition": "composition",
    "Encounter": "encounter",
}
# When it happened: the first of these that says more than a day. A Bundle's own time comes last, it is when the note was sent.
TIMES = {
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
}
OTHERS = (("entry", "resource", "subject", "identifier"), ("entry", "resource", "patient", "identifier"))
WARNINGS = 20  # enough to see what is the matter with a sender


@dataclass(frozen=True, slots=True)
class Sent:
    """One resource: the bytes as they came, what they say after repair, and what was repaired."""

    body: bytes
    resource: Wild
    repairs: tuple[str, ...]


def split(body: bytes) -> Sequence[Sent]:
    """What cannot be a national document, or not go on as it came, is told at once; codes and times are not looked at here."""
    tree, repairs = mend(wild.parse(body, TEXT).raw)
    sent = Sent(body, Wild(tree, "$"), repairs)
    _kind(sent)
    _note(sent.resource)["subject"]["identifier"]["value"].text()
    return [sent]


def decode(sent: Sent) -> Sequence[Event]:
    kind, tree = _kind(sent), sent.resource.raw
    warnings = tuple(f"{each.path}: {each.text}" for each in check(tree)[:WARNINGS])
    body = serialise(tree) if sent.repairs else sent.body
    what = Document(DOCUMENTS[kind], body, sent.repairs, warnings)
    return [Event(_happened(kind, tree), what, person=_citizen(sent.resource))]


def lane(items: Sequence[Sent]) -> Lane:
    return urgency.lane(items[0].resource.raw)


def message_id(items: Sequence[Sent]) -> str | None:
    """The resource's own identifier, as system|value."""
    for identifier in reach(items[0].resource.raw, ("identifier",)):
        system, value = (identifier.get("system"), identifier.get("value")) if type(identifier) is dict else (None, None)
        if type(value) is str:
            return f"{system if type(system) is str else ''}|{value}"
    return None


def resource(items: Sequence[Sent]) -> str:
    return DOCUMENTS[_kind(items[0])]


def _kind(sent: Sent) -> str:
    found = sent.resource["resourceType"]
    if found.raw not in list(DOCUMENTS):
        raise PayloadError(found.path, "is no type that can be journaled", f"Send one of {', '.join(DOCUMENTS)}.")
    return str(found.raw)


def _note(resource: Wild) -> Wild:
    """The resource that says whom it is about: a document's Composition, or the resource itself."""
    if resource["resourceType"].raw != "Bundle":
        return resource
    if resource["type"].raw != "document":
        raise PayloadError("$.type", "is not document", "Send what belongs together as a document Bundle, Composition first.")
    first = resource["entry"][0]["resource"]
    if first["resourceType"].raw != "Composition":
        raise PayloadError(first.path, "is no Composition", "Put the Composition first in a document Bundle.")
    return first


def _citizen(resource: Wild) -> Person:
    """Whom it is about. A number that cannot be one, or two citizens in one document, waits for a human."""
    subject = _note(resource)["subject"]
    identifier, display = subject["identifier"], subject.get("display")
    value = identifier["value"].text()
    system = given.text() if (given := identifier.get("system")) else ""
    if mistake := person.mistake(system, value):
        raise PayloadError(f"{identifier.path}.value", f"{mistake} (VKP 2.1)", "Correct the number and send the resource again.")
    for steps in OTHERS:
        for path, other in located(resource.raw, steps, "$"):
            if _another(other, system, value):
                raise PayloadError(path, "names another citizen than the Composition does (VKP 2.1)", "Send one document per citizen.")
    return Person(system, value, display.raw if display and isinstance(display.raw, str) else "")


def _another(identifier: Any, system: str, value: str) -> bool:
    """Numbers of two systems cannot be compared: the note may use the journal's own, the alert the national one."""
    return type(identifier) is dict and identifier.get("system", "") == system and identifier.get("value") != value


def _happened(kind: str, tree: Any) -> datetime | None:
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


ADAPTER = Adapter("vkp", split, decode, lane, message_id, resource=resource, limit=1_000_000)
