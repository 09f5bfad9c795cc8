"""The small parts that every resource is made of."""

from html import escape
from typing import Any
from uuid import UUID, uuid5

from shared.domain import clock, person
from shared.domain.event import Device, Event, Person
from shared.fhir import terminology

Json = dict[str, Any]

URI = "urn:ietf:rfc:3986"  # the system of an identifier that is a URI by itself
_OURS = UUID("6f2b1c58-3f0e-5a43-9d0b-7c2f0f4f7a11")  # namespace of all ids made here; changing it doubles every note in every journal


def urn(event: Event, role: str = "") -> str:
    """The same event and role give the same name on every run."""
    return f"urn:uuid:{uuid5(_OURS, f'{event.id}/{role}')}"


def uri_identifier(event: Event, role: str = "") -> Json:
    return {"system": URI, "value": urn(event, role)}


def when(event: Event) -> str:
    if event.occurred_at is None:
        raise ValueError("an event is given its time before documents are made of it")
    return clock.written(event.occurred_at)


def profile(name: str) -> Json:
    return {"profile": [f"http://ehelse.no/fhir/StructureDefinition/vkp-{name}-v090"]}


def concept(table: str, code: str, text: str = "") -> Json:
    return {"coding": [terminology.coding(table, code)], **said(text=text)}


def subject(citizen: Person | None) -> Json:
    """A logical reference: citizens are named by identifier, never sent as Patient resources."""
    if citizen is None:
        raise ValueError("an event is given its person before documents are made of it")
    system = person.canonical(citizen.system)
    return {"identifier": {"system": system, "value": citizen.value}, **said(display=citizen.display)}


def thing(device: Device) -> Json:
    """A logical reference to a device."""
    return {"identifier": {"system": device.system, "value": device.value}, **said(display=device.model)}


def narrative(text: str) -> Json:
    """Words as FHIR narrative. `additional` is what the national guide fixes."""
    words = "<br/>".join(escape(line.strip(), quote=False) for line in text.splitlines())
    return {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'}


def said(**elements: Any) -> Json:
    """Only the elements that have something in them: FHIR has no empty texts, lists or objects."""
    return {key: value for key, value in elements.items() if value}
