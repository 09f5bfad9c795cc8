"""The rows of the register: who sends, who receives, and who had which device when. Values only; no secret is ever one of them."""

from dataclasses import dataclass
from datetime import date, datetime

from shared.domain.event import Person
from shared.domain.message import Lane


@dataclass(frozen=True, slots=True)
class Client:
    """Where and how the hub gets access tokens for a journal (OAuth 2 client credentials). `Auth.user` is the client's id."""

    token_url: str
    method: str  # how it proves itself there: client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth
    dpop: bool = False  # tokens are bound to a key of this worker's (RFC 9449); False: Bearer
    scopes: tuple[str, ...] = ()
    algorithm: str = ""  # private_key_jwt: empty = what the key itself says, or what is usual for its kind
    parent: str = ""  # private_key_jwt: organisation numbers that go along (HelseID's assertion_details); empty = none
    child: str = ""


@dataclass(frozen=True, slots=True)
class Auth:
    """How someone proves who they are. `secrets` are names of settings (one, or two while a secret is being changed), never values.

    Senders have header, basic, hmac or token; journals are shown header, basic, oauth or certificate.
    """

    scheme: str
    profile: str  # header, token: the header's name in lower case (token: of an API key, empty = none); hmac: a row of signature.PROFILES
    user: str  # basic: the user; token: the vkp-id, as the token's claim has it; oauth: the client's id
    secrets: tuple[str, ...]  # token: of the API key; oauth: of the client's secret or private key; () = none
    issuer: str = ""  # token: whose tokens; empty = the hub's first issuer (settings). oauth: whom an assertion is for; empty = token_url
    client: Client | None = None  # oauth
    certificates: tuple[str, ...] = ()  # of the TLS client, with its key: names of settings; the first that is valid today is shown
    authority: str = ""  # name of the setting with the journal's own certificate authority; empty = the usual ones only


def settings(auth: Auth) -> tuple[str, ...]:
    """The names of all settings that it needs."""
    return (*auth.secrets, *auth.certificates, *([auth.authority] if auth.authority else []))


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
    """Where look-ups are relayed to. `adapter`: a way to ask a journal; `auth` is what we show it."""

    adapter: str
    url: str
    auth: Auth | None
    active: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """When a parcel that found no answer is tried again: seconds after the first, second ... failed attempt, of which the last repeats.
    After so many `days`, or `attempts` (0 = any number), it is parked."""

    routine: tuple[int, ...] = (5, 30, 120, 600, 1800, 3600)
    alarm: tuple[int, ...] = (2, 5, 10, 30, 60)
    days: int = 7
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Alarms:
    """What is done about an alarm that has not reached the endpoint. `second`: another endpoint, which gets it too ("" = none) after
    `second_after` seconds; after `page_after` seconds a human is told."""

    second: str = ""
    second_after: int = 60
    page_after: int = 300


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A journal. `lines` is how many calls it can take at a time and `rate` how many a second (0 = any number), each lane by itself; `auth`
    is what we show it; `note` is how notes read there (`shared.domain.wording`), as ("title", ...), ("alert.text", ...). Without `asks` it
    is never asked whether it has a document that may have arrived, and is sent it again."""

    name: str
    tenant: str
    title: str
    adapter: str
    url: str
    lines: int
    active: bool
    auth: Auth | None
    rate: int = 0
    retry: Retry = Retry()
    alarms: Alarms = Alarms()
    note: tuple[tuple[str, str], ...] = ()
    asks: bool = True


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
class Stop:
    """Traffic that an operator holds back, beside the register: what comes from a sender, what goes to an endpoint, or with neither all of
    the municipality's. It is taken at the door, and waits. `since`: seconds since 1970; `who` and `why`: as typed at a keyboard."""

    tenant: str
    sender: str = ""
    endpoint: str = ""
    since: float = 0.0
    who: str = ""
    why: str = ""


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
