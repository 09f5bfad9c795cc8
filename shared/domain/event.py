"""The hub's own words for what happened, free of any vendor's and of FHIR's.

Adapters make these from payloads; `shared.fhir` makes documents from these. Every `occurred_at` is aware; every number is a Decimal
in the one unit of its quantity (`vocabulary.Quantity`); every code is a string of the national tables (`domain/vkp.md` 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from shared.domain.vocabulary import Quantity


@dataclass(frozen=True, slots=True)
class Device:
    """The sender's name for a thing: `system` is a URI that says whose numbers these are, `value` the number."""

    system: str
    value: str
    model: str = ""  # as a nurse would say it: "Tenovi Scale"


@dataclass(frozen=True, slots=True)
class Person:
    """An identified citizen: `system` is the identifier's OID as a URI (or a journal's own), `value` the number."""

    system: str
    value: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Dispensed:
    """Medicine was handed out. `code`: vkp-medicationdispense-events (vkp.md 4.2)."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that someone must know. `code`: vkp-alert-code (vkp.md 4.1)."""

    code: str
    text: str = ""
    severity: str = ""  # high, moderate, low; empty = the sender did not say
    place: str = ""  # where in the home, in bokmål


@dataclass(frozen=True, slots=True)
class Supervision:
    """Someone looked in. `mode`: vkp-encounter-mode, `reason`: vkp-encounter-reason (vkp.md 4.4, 4.5)."""

    mode: str
    reason: str
    ended_at: datetime | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One reading: quantities that belong together (systolic and diastolic) stand in one."""

    values: Mapping[Quantity, Decimal]
    text: str = ""  # what the reader should know: "estimert tidspunkt"


@dataclass(frozen=True, slots=True)
class Note:
    """Words for the journal. `category`: vkp-composition-category, 1 safety and coping, 2 home follow-up (vkp.md 4.8)."""

    title: str
    text: str
    category: str = "1"


@dataclass(frozen=True, slots=True)
class Document:
    """A national FHIR resource that goes on as it came, byte for byte, but for `repairs`, each said in words."""

    resource: str  # lower-case resource type: bundle, medicationdispense, composition, encounter
    body: bytes
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # what the reader should know, such as a code whose display says something else


What = Dispensed | Alert | Supervision | Measurement | Note | Document


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. An adapter leaves `id` empty; the hub derives it from the receipt and the item's place in it.

    `occurred_at` None: the format carries no time (SCAIP); the hub puts the moment it received the payload.
    """

    occurred_at: datetime | None
    what: What
    device: Device | None = None
    person: Person | None = None  # None: the register knows who had the device then
    id: str = ""
