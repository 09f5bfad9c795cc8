"""Who was there: people, devices, and the solutions that told of it."""

from collections.abc import Iterable
from typing import Literal

from shared.domain import person
from shared.fhir.told.loose import Node, node, text
from shared.fhir.told.note import Note

NAMELESS = "ikke navngitt"
_PEOPLE = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"})
_HPR = "urn:oid:2.16.578.1.12.4.1.4.4"


def seen(made: Note, references: Iterable[Node], unknown: Literal["devices", "staff"]) -> Note:
    """The note with those who are referred to. `unknown`: what they are who have a number and say no more. Who has a
    name only is a solution."""
    for each in references:
        kind = _kind(each)
        if kind in _PEOPLE or text(each, "identifier", "system") in (*person.KINDS, _HPR):
            made.staff.append(who(each))
        elif kind == "Device" or (unknown == "devices" and "identifier" in each):
            made.devices.append(called(text(each, "display"), text(each, "identifier", "value")))
        elif node(each, "identifier"):
            made.staff.append(who(each))
        else:
            made.sources.append(text(each, "display"))
    return made


def _kind(reference: Node) -> str:
    """As it says, or as its address shows; an entry of the same document is a device: people are never entries (vkp.md 2.1)."""
    target = text(reference, "reference")
    shown = next((kind for kind in _PEOPLE if f"{kind}/" in target), "Device" if target else "")
    return text(reference, "type") or shown


def who(someone: Node) -> str:
    """By name. A colleague's national number is nothing to write in somebody's note; a solution's own name for them is."""
    system, value = text(someone, "identifier", "system"), text(someone, "identifier", "value")
    numbered = system in (*person.KINDS, _HPR) or person.kind(value)
    return text(someone, "display") or (value if value and not numbered else NAMELESS)


def called(name: str, serial: str) -> str:
    """A device by its name and number; "" for one that stands in the document as a resource of its own."""
    return ", nr. ".join(filter(None, (name or (serial and "Enhet"), serial)))
