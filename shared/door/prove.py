"""Who is at the door: by the token that an issuer gave them, or by what they share with the municipality."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from azure.core.exceptions import AzureError

from shared import log
from shared.access.issuer import Issuer
from shared.access.permission import RECEIPT, reading
from shared.access.register import Auth, Endpoint, Register, Sender
from shared.access.secret import same_secret
from shared.access.signature import authenticate
from shared.door.answers import Fault
from shared.errors import Unauthenticated, Unavailable
from shared.hub import Hub

if TYPE_CHECKING:
    from shared.access.token import Claims

BEARER, DPOP = "bearer", "dpop"
Row = TypeVar("Row", Sender, Endpoint)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who it is. `sender` None: a good token of somebody whom the municipality does not know as a sender; `endpoint`: as a journal that
    fetches. `scopes` None: proven without a token."""

    sender: Sender | None
    vkp_id: str = ""
    client: str = ""
    scopes: frozenset[str] | None = None
    endpoint: Endpoint | None = None

    @property
    def name(self) -> str:
        """In the municipality's register; "" if it has none there."""
        row = self.sender or self.endpoint
        return row.name if row else ""


async def known_register(hub: Hub) -> Register:
    """The register, or 503 while it cannot be read."""
    try:
        return await hub.registers.current()
    except AzureError as error:
        raise later(error) from error


def prove(hub: Hub, register: Register, tenant: str, headers: Mapping[str, str], signed: bytes, action: str = "") -> Caller:
    """By secret or signature. `signed`: the bytes that a signature covers. `action`: what a token would do as well; "" if none would."""
    found = register.tenant(tenant)
    senders = found.senders if found else ()
    try:
        return Caller(authenticate(senders, hub.settings.secret, headers, signed, hub.clock()))
    except Unauthenticated as error:
        ways = [*(['Basic realm="knutepunkt"'] if error.basic else []), *_token_ways(hub, senders, action)]
        raise Fault(401, error.reason, error.remedy, headers={"WWW-Authenticate": ", ".join(ways)} if ways else {}) from None


def _token_ways(hub: Hub, senders: Sequence[Sender], action: str) -> list[str]:
    """What tells somebody who came without a token that one would do."""
    if not action or not any(sender.auth.scheme == "token" for sender in senders):
        return []
    return ['DPoP realm="knutepunkt"'] if bound(hub, action) else ['Bearer realm="knutepunkt"']


def scheme(headers: Mapping[str, str]) -> str:
    """bearer or dpop; "" for whoever does not show a token."""
    word = headers.get("authorization", "").partition(" ")[0].lower()
    return word if word in (BEARER, DPOP) else ""


async def by_token(hub: Hub, register: Register, tenant: str, headers: Mapping[str, str], action: str, route: tuple[str, str]) -> Caller:
    """By access token. `route`: method and path, which a DPoP proof is for. A route takes Bearer or DPoP, never both (RFC 9449 7.2)."""
    found = register.tenant(tenant)
    claims, sender = await _bearer(hub, found.senders if found else (), headers, action, route)
    return Caller(sender, claims.sender, claims.client, claims.scopes)


async def fetching(hub: Hub, register: Register, tenant: str, headers: Mapping[str, str], action: str, route: tuple[str, str]) -> Caller:
    """A journal that fetches, by access token likewise: by DPoP where reading the resource takes it."""
    found = register.tenant(tenant)
    claims, endpoint = await _bearer(hub, found.endpoints if found else (), headers, reading(action), route)
    return Caller(None, claims.sender, claims.client, claims.scopes, endpoint)


async def _bearer(
    hub: Hub, rows: Iterable[Row], headers: Mapping[str, str], action: str, route: tuple[str, str]
) -> tuple["Claims", Row | None]:
    """What the token says, and whose of these rows it is."""
    wanted, issuers = DPOP if bound(hub, action) else BEARER, hub.settings.issuers
    with _refusals(wanted, issuers, headers):
        try:
            claims = await _claims(hub, issuers, headers, wanted, route)
        except AzureError as error:
            raise later(error) from error
        row = next((row for row in rows if row.auth and _is_of(hub, row.auth, claims)), None)
        if row and row.auth:
            _show_key(hub, row.auth, headers)
    return claims, row


async def person(hub: Hub, headers: Mapping[str, str], route: tuple[str, str]) -> "Claims":
    """Somebody who has logged in: always by DPoP, at the level and for the audience of HUB_ADMIN. `sender` is the person's number. Raises
    Fault, AzureError."""
    with _refusals(DPOP, hub.settings.admins, headers):
        return await _claims(hub, hub.settings.admins, headers, DPOP, route)


@contextmanager
def _refusals(wanted: str, issuers: Sequence[Issuer], headers: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except Unauthenticated as error:
        raise Fault(401, error.reason, error.remedy, headers=challenge(wanted, issuers, shown=bool(scheme(headers)))) from None
    except Unavailable as error:
        log.alarm("tokens not checked", reason=error.reason)
        raise Fault(
            503, "the hub cannot check access tokens now", "send it again after the time in Retry-After", headers={"Retry-After": "10"}
        ) from None


def bound(hub: Hub, action: str) -> bool:
    """Whether this action takes DPoP tokens. A receipt takes what writes do, unless it is named itself."""
    resource, _, verb = action.partition(".")
    verb = "write" if action == RECEIPT else verb
    return bool(hub.settings.dpop & {action, f"{resource}.*", f"*.{verb}", "*"})


async def _claims(hub: Hub, issuers: Sequence[Issuer], headers: Mapping[str, str], wanted: str, route: tuple[str, str]) -> "Claims":
    from shared.access import token  # a worker that has just started is ready sooner without it, and without `dpop`

    if scheme(headers) != wanted:
        raise Unauthenticated(f"this route takes Authorization: {_NAMES[wanted]} and nothing else", "get an access token of that kind")
    shown = headers["authorization"].partition(" ")[2].strip()
    presented = token.look(shown, issuers)
    key = await hub.keys.key(presented.issuer, presented.kid)
    if key is None:
        raise Unauthenticated("the token is signed with a key that its issuer does not publish", "get a new token")
    claims = token.verify(presented, key, hub.clock())
    if wanted == BEARER and claims.thumbprint:
        raise Unauthenticated("the token is bound to a key (cnf) and this route takes Bearer tokens", "get a token without DPoP")
    if wanted == DPOP:
        await _proven(hub, headers, shown, route, claims.thumbprint)
    return claims


_NAMES = {BEARER: "Bearer", DPOP: "DPoP"}


async def _proven(hub: Hub, headers: Mapping[str, str], shown: str, route: tuple[str, str], thumbprint: str) -> None:
    from shared.access import dpop  # as above

    method, path = route
    proof = dpop.verify(headers.get("dpop", ""), shown, method, hub.settings.public_url + path, hub.clock(), thumbprint)
    if not await hub.replays.first(proof.key, proof.issued_at):
        raise Unauthenticated("the DPoP proof was used before", "make a new proof, with a new jti, for every request")


def _is_of(hub: Hub, auth: Auth, claims: "Claims") -> bool:
    first = hub.settings.issuers[0].issuer
    return auth.scheme == "token" and auth.user == claims.sender and (auth.issuer or first) == claims.issuer


def _show_key(hub: Hub, auth: Auth, headers: Mapping[str, str]) -> None:
    """The API key that some portals ask for beside the token."""
    if auth.profile and not same_secret(headers.get(auth.profile, ""), [hub.settings.secret(name) for name in auth.secrets]):
        raise Unauthenticated(f"the header {auth.profile} does not hold this sender's API key", "send the key that you were given")


def challenge(wanted: str, issuers: Sequence[Issuer], *, shown: bool) -> dict[str, str]:
    """RFC 6750 3: who showed nothing is not told of an error."""
    wrong = ', error="invalid_token"' if shown else ""
    if wanted == BEARER:
        return {"WWW-Authenticate": f'Bearer realm="knutepunkt"{wrong}'}
    algorithms = " ".join(issuers[0].algorithms) if issuers else ""
    return {"WWW-Authenticate": f'DPoP realm="knutepunkt", algs="{algorithms}"{wrong}'}


def later(error: Exception) -> Fault:
    """Storage does not answer: nothing was taken."""
    log.alarm("storage does not answer", error=type(error).__name__)
    return Fault(
        503,
        "the hub cannot store messages now",
        "keep the payload and send it again after the time in Retry-After",
        headers={"Retry-After": "5"},
    )
