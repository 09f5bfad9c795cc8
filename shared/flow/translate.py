"""The hub without Azure: bytes in, documents and problems out. Pure; examples, fuzzing, preview and the worker all call this."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from shared.domain.adapter import Adapter, Item, Problem
from shared.domain.event import Device, Document, Event, Person
from shared.errors import PayloadError

NOBODY = "no citizen is registered for this device at that time"


@dataclass(frozen=True, slots=True)
class Context:
    """What a translation needs to know beside the bytes."""

    receipt: str  # the receipt's id: every id in the documents derives from it
    received_at: datetime  # aware, UTC
    tenant_name: str
    source: str  # the sending system as a nurse would call it
    person_at: Callable[[Device, datetime], Person | None]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One document, ready to send. `item` is the place in the payload that it came from."""

    item: int
    event: Event
    resource: str
    body: bytes


@dataclass(slots=True)
class Translation:
    """What became of a payload: as many items, these documents, these problems."""

    items: int = 0
    documents: list[Outgoing] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def translate(adapter: Adapter, body: bytes, context: Context) -> Translation:
    """A payload that cannot be read at all is one problem (item -1); a bad item is one problem and its neighbours go on."""
    out = Translation()
    try:
        items = adapter.split(body)
    except PayloadError as error:
        out.problems.append(Problem(-1, error.reason, error.remedy))
        return out
    out.items = len(items)
    for number, item in enumerate(items):
        try:
            out.documents += _documents(adapter, item, number, context)
        except PayloadError as error:
            out.problems.append(Problem(number, error.reason, error.remedy))
    return out


def _documents(adapter: Adapter, item: Item, number: int, context: Context) -> list[Outgoing]:
    return [_document(_settled(event, f"{number}.{place}", context), number, context) for place, event in enumerate(adapter.decode(item))]


def _settled(event: Event, place: str, context: Context) -> Event:
    """Fills in what only the hub knows: an id that is the same on every run, the time of receipt, who had the device then."""
    occurred_at = event.occurred_at or context.received_at
    identity = event.id or str(uuid5(NAMESPACE_URL, f"{context.receipt}/{place}"))
    return replace(event, id=identity, occurred_at=occurred_at, person=event.person or _holder(event.device, occurred_at, context))


def _holder(device: Device | None, at: datetime, context: Context) -> Person:
    person = context.person_at(device, at) if device else None
    if person is None:
        raise PayloadError("$", NOBODY, "bind the device to a citizen in the municipality's register")
    return person


def _document(event: Event, number: int, context: Context) -> Outgoing:
    if isinstance(event.what, Document):
        return Outgoing(number, event, event.what.resource, event.what.body)
    from shared import fhir  # with its tables a third of the app's own import: only those who build documents need it
    from shared.fhir.check import check

    resource, document = fhir.document(event, context.tenant_name, context.source)
    faults = [finding for finding in check(document) if finding.severity == "error"]
    if faults:
        raise PayloadError("$", f"cannot be told as the national profile demands: {faults[0].text}", "report it to the hub's operators")
    return Outgoing(number, event, resource, fhir.serialise(document))


def kind(event: Event) -> str:
    """The word that routes in the register use for this event: dispensed, alert, measurement ..."""
    return type(event.what).__name__.lower()


def refused(problems: Sequence[Problem]) -> bool:
    """True if the payload as a whole could not be read."""
    return any(problem.item < 0 for problem in problems)
