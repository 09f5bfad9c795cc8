"""The rows of the register: who sends, who receives, and who had which device when. Values only; no secret is ever one of them."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.event import Person
from shared.domain.message import Lane


@dataclass(frozen=True, slots=True)
class Auth:
    """How someone proves who they are. `secrets` are names of settings (one, or two while a secret is being changed), never values."""

    scheme: str  # header, basic, hmac
    profile: str  # header: the header's name in lower case; hmac: a row of signature.PROFILES; basic: empty
    user: str  # basic only
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sender:
    """A system that may post payloads for this municipality, in these adapters' formats."""

    name: str
    tenant: str
    title: str  # as a nurse would say it: "Medisindispenser"
    adapters: tuple[str, ...]
    auth: Auth
    active: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A journal. `lines` is how many calls it can take at a time; `auth` is what we show it, header or basic."""

    name: str
    tenant: str
    title: str
    adapter: str
    url: str
    lines: int
    active: bool
    auth: Auth | None


@dataclass(frozen=True, slots=True)
class Route:
    """What goes to an endpoint. An empty tuple means all of them."""

    endpoint: str
    adapters: tuple[str, ...]
    kinds: tuple[str, ...]
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """A device and who has it: from `since`, up to but not including `until`. Both UTC."""

    system: str
    value: str
    person: Person
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A municipality, all of it: what one TOML file says."""

    orgnr: str
    name: str
    active: bool
    retention_hours: int
    senders: tuple[Sender, ...]
    endpoints: tuple[Endpoint, ...]
    routes: tuple[Route, ...]
    bindings: tuple[Binding, ...]
