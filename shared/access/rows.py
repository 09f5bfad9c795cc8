"""The rows of the register: who sends, who receives, and who had which device when. Values only; no secret is ever one of them."""

from dataclasses import dataclass
from datetime import date, datetime

from shared.domain.event import Person
from shared.domain.message import Lane


@dataclass(frozen=True, slots=True)
class Auth:
    """How someone proves who they are. `secrets` are names of settings (one, or two while a secret is being changed), never values."""

    scheme: str  # header, basic, hmac, token
    profile: str  # header, token: the header's name in lower case (token: of an API key, empty = none); hmac: a row of signature.PROFILES
    user: str  # basic: the user; token: the vkp-id, as the token's claim has it
    secrets: tuple[str, ...]  # token: of the API key; () = none
    issuer: str = ""  # token: whose tokens; empty = the hub's first issuer (settings)


@dataclass(frozen=True, slots=True)
class Sender:
    """A system that may post payloads for this municipality, in these adapters' formats."""

    name: str
    tenant: str
    title: str  # as a nurse would say it: "Medisindispenser"
    adapters: tuple[str, ...]
    auth: Auth
    active: bool
    resources: tuple[str, ...] = ()  # token: what it may do, as "bundle.write", "patient.read", "composition.*"
    service_codes: tuple[str, ...] = ()  # token: the ServiceCodes it may look up under, lower case


@dataclass(frozen=True, slots=True)
class Service:
    """A national ServiceCode (vkp.md 1.8), lower case, and the journal's own service codes that it stands for here; % = anything."""

    code: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where look-ups are relayed to. `adapter`: a way to ask a journal; `auth` is what we show it, header or basic."""

    adapter: str
    url: str
    auth: Auth | None
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
class Relay:
    """A mail server that takes our mail (SMTP; STARTTLS unless it is this machine), from whom and to whom. `user` "": it asks for none."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    user: str

    def __str__(self) -> str:
        return f"mail to {', '.join(self.to)} by {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told what needs a human: by a webhook at `url`, or by mail through `relay`. `secrets` sign the webhook, or open the relay.

    `kinds`, `severities`: what they are told; empty = all.
    """

    name: str
    url: str
    relay: Relay | None
    secrets: tuple[str, ...]
    kinds: tuple[str, ...]
    severities: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class Expiry:
    """The day from which a secret is no longer good."""

    secret: str  # the name of a setting
    day: date


@dataclass(frozen=True, slots=True)
class Watch:
    """From when on it is told that something waits, in minutes since it came."""

    alarm: int = 2
    routine: int = 60

    def __str__(self) -> str:
        return f"alarm {self.alarm} min, routine {self.routine} min"


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
    validation: str = "repair"  # of national documents: repair (mended and told) or strict (refused)
    services: tuple[Service, ...] = ()
    lookup: Lookup | None = None
    recipients: tuple[Recipient, ...] = ()
    expiries: tuple[Expiry, ...] = ()
    watch: Watch = Watch()
