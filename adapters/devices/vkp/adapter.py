"""National FHIR (VKP, R4) as it comes: read, repaired where that is certain, and sent on. Nothing is built anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.devices.vkp import inspection, urgency
from adapters.devices.vkp.reading import citizen, happened, note, said
from shared.domain import wild
from shared.domain.adapter import Adapter, Demands, Finding
from shared.domain.event import Document, Event, Person
from shared.domain.message import Lane
from shared.domain.wild import Wild
from shared.errors import PayloadError
from shared.fhir import serialise
from shared.fhir.reach import reach
from shared.fhir.repair import TEXT, mend

DOCUMENTS = {  # resourceType -> the path segment of the national contract
    "Bundle": "bundle",
    "MedicationDispense": "medicationdispense",
    "Composition": "composition",
    "Encounter": "encounter",
    "Communication": "communication",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One resource: the bytes as they came and what they say, what they say after repair, and what was repaired."""

    body: bytes
    came: Any
    resource: Wild
    repairs: tuple[str, ...]


def split(body: bytes) -> Sequence[Sent]:
    """What cannot be a national document, or not go on as it came, is told at once; codes and times are not looked at here."""
    came = wild.parse(body, TEXT).raw
    tree, repairs = mend(came)
    sent = Sent(body, came, Wild(tree, "$"), repairs)
    _kind(sent)
    note(sent.resource)["subject"]["identifier"]["value"].text()
    return [sent]


def decode(sent: Sent) -> Sequence[Event]:
    kind, tree = _kind(sent), sent.resource.raw
    at, whom = happened(kind, tree), citizen(sent.resource)
    warnings = tuple(f"{each.path}: {each.text}" for each in inspection.warnings(tree))
    body = serialise(tree) if sent.repairs else sent.body
    return [Event(at, Document(DOCUMENTS[kind], body, sent.repairs, warnings), person=whom)]


def inspect(items: Sequence[Sent], demands: Demands) -> Sequence[Finding]:
    sent = items[0]
    if demands.strict:
        return inspection.strict(sent.came, demands.numbers, _unreadable(sent))
    return inspection.lenient(sent.resource.raw, sent.repairs, demands.numbers, _unreadable(sent))


def _unreadable(sent: Sent) -> Sequence[Finding]:
    """Why it would be set aside: by then its sender would have been told that it was taken."""
    try:
        happened(_kind(sent), sent.resource.raw), citizen(sent.resource)
    except PayloadError as error:
        return [Finding("error", error.field, "value", error.reason.removeprefix(f"{error.field}: "), _national(error))]
    return []


def _national(error: PayloadError) -> str:
    return "2.1" if error.reason.endswith("(VKP 2.1)") else "2.4"


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


def subject(items: Sequence[Sent]) -> Person | None:
    try:
        return said(items[0].resource)
    except PayloadError:
        return None


def _kind(sent: Sent) -> str:
    found = sent.resource["resourceType"]
    if found.raw not in list(DOCUMENTS):
        raise PayloadError(found.path, "is no type that can be journaled", f"Send one of {', '.join(DOCUMENTS)}.")
    return str(found.raw)


ADAPTER = Adapter("vkp", split, decode, lane, message_id, resource=resource, inspect=inspect, subject=subject, limit=1_000_000)
