"""`./hub register test`: from the name of a journal to its first answer, a sentence a step: what is right, what is wrong, what to do.

It calls by the way that deliveries take (door.exchange), with something that no journal keeps.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from shared.access.address import LOOPBACK, reachable
from shared.access.rows import Auth, Endpoint, Lookup
from shared.domain.answer import is_page
from shared.domain.journal import Call
from shared.door import holdings, tls, tokens
from shared.door.exchange import Heard, exchange
from shared.errors import Unavailable
from shared.fhir.refusal import says_no
from shared.settings import Settings

PATIENCE = 5.0  # seconds for a connection
ALERTED = 0.5  # seconds in which a server says after the handshake that it wanted a certificate (TLS 1.3)
SOON = 30  # days before its end from which a certificate is warned of
DAY = 86_400.0
LARGEST = 1024 * 1024

RIGHT, DOUBTFUL, WRONG = "✓", "!", "✗"


@dataclass(frozen=True, slots=True)
class Said:
    """One step. `remedy` is "" where there is nothing to do."""

    mark: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.mark} {self.what}; {self.remedy}" if self.remedy else f"{self.mark} {self.what}"


@dataclass(slots=True)
class Outside:
    """As much of a hub as calls to journals and words to people take."""

    settings: Settings
    http: aiohttp.ClientSession
    clock: Callable[[], float] = time.time
    kept: dict[Any, Any] = field(default_factory=dict)
    mailers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "mailer"))


def opened(env: Mapping[str, str]) -> Outside:
    """With the secrets that stand in the environment; must run on the loop that will use it. Raises BadSetting."""
    needless = {"AzureWebJobsStorage": "-", "HUB_PATIENT_KEY": "-" * 32}  # nothing is stored, nobody hashed
    settings = Settings.from_env({**env, **needless})
    return Outside(settings, aiohttp.ClientSession(auto_decompress=False, trust_env=False))


def reach(target: Endpoint | Lookup, env: Mapping[str, str], say: Callable[[Said], None]) -> bool:
    """Whether nothing was wrong."""
    return asyncio.run(_reach(target, env, say))


async def _reach(target: Endpoint | Lookup, env: Mapping[str, str], say: Callable[[Said], None]) -> bool:
    if not target.url:
        say(Said(RIGHT, "this journal fetches what is for it: there is nothing to call"))
        return True
    hub, right = opened(env), True

    def tell(steps: Iterator[Said]) -> bool:
        nonlocal right
        good = True
        for step in steps:
            say(step)
            good = good and step.mark != WRONG
        right = right and good
        return good

    async with hub.http:
        shows = tell(_own(hub, target.auth))
        trusted = _context(hub, target.auth) if shows else None
        ready = shows and await _token(hub, target.auth, trusted, tell)
        if tell(arrival(hub, "the journal", target.url, trusted)) and ready:
            tell(await _answer(hub, target))
    return right


def _own(hub: Outside, auth: Auth | None) -> Iterator[Said]:
    """What this side needs: the certificates that settings hold, and until when."""
    secret, names = hub.settings.secret, auth.certificates if auth else ()
    try:
        _context(hub, auth)
        if names:
            name, _ = holdings.valid(secret, names, hub.clock())
            yield _days(f"the client certificate in {name}", holdings.ends(secret, name).timestamp(), "put the next one beside it")
    except Unavailable as error:
        yield Said(WRONG, error.reason, "give a PEM with certificate and key, a PKCS #12 as Key Vault has it, or the path of either")


def _context(hub: Outside, auth: Auth | None) -> ssl.SSLContext:
    return tls.made(hub.settings.secret, auth, hub.clock()) if auth else ssl.create_default_context()


async def _token(hub: Outside, auth: Auth | None, trusted: ssl.SSLContext | None, tell: Callable[[Iterator[Said]], bool]) -> bool:
    """Whether the journal can be called as far as tokens go."""
    if auth is None or auth.client is None:
        return True
    if not tell(arrival(hub, "the token endpoint", auth.client.token_url, trusted)):
        return False
    try:
        got = await tokens.token(hub, auth, tokens.TIMEOUT + 1)
    except Unavailable as error:
        remedy = next((one for word, one in NO_TOKEN.items() if word in error.reason), "ask whoever runs the token endpoint")
        return tell(iter([Said(WRONG, error.reason, remedy)]))
    kind, seconds = "DPoP" if auth.client.dpop else "Bearer", got.until - hub.clock() + tokens.EARLY
    return tell(iter([Said(RIGHT, f"the token endpoint gives the client a {kind} token, good for {seconds:.0f} s")]))


def arrival(hub: Outside, who: str, url: str, trusted: ssl.SSLContext | None) -> Iterator[Said]:
    """Name, connection, TLS; the first that is wrong ends it. `trusted` None: what TLS needs is wrong already."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = {row[4][0] for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        yield Said(WRONG, f"{who}: the name {host} is not known here", "compare it with what they wrote, and ask who runs the DNS here")
        return
    yield Said(RIGHT, f"{who}: the name {host} is known ({len(found)} address{'es' * (len(found) > 1)})")
    if not all(reachable(str(number), (*hub.settings.networks, *LOOPBACK)) for number in found):
        yield Said(
            WRONG, f"{who}: the name leads to where the hub connects to no journal", "name its network in HUB_NETWORKS, here and there"
        )
        return
    try:
        connection = socket.create_connection((host, port), PATIENCE)
    except OSError as error:
        yield Said(WRONG, f"{who}: no connection to port {port} ({type(error).__name__})", _unreached(error))
        return
    with closing(connection):
        yield Said(RIGHT, f"{who}: takes connections on port {port}")
        if parts.scheme == "https" and trusted:
            yield from _secured(who, host, connection, trusted)


def _unreached(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there: compare the port, and ask whether it runs"
    return "ask whether a firewall on the way, or on their side, lets this machine through"


def _secured(who: str, host: str, connection: socket.socket, trusted: ssl.SSLContext) -> Iterator[Said]:
    try:
        with trusted.wrap_socket(connection, server_hostname=host) as secured:
            ends, version = ssl.cert_time_to_seconds(str((secured.getpeercert() or {})["notAfter"])), secured.version()
            yield _days(f"{who}: {version}, its certificate", ends, "remind them to renew it")
            yield from _complaint(who, secured)
    except ssl.SSLCertVerificationError as error:
        yield Said(WRONG, f"{who}: {CERTIFICATE.get(error.verify_code, ('its certificate does not hold', ASK))[0]}", _mend(error))
    except OSError as error:
        yield _unsecured(who, str(getattr(error, "reason", "") or type(error).__name__))


def _complaint(who: str, secured: ssl.SSLSocket) -> Iterator[Said]:
    """In TLS 1.3 a server says only after the handshake that it wants a certificate, or another one."""
    secured.settimeout(ALERTED)
    try:
        said = secured.recv(1)
    except TimeoutError:
        return
    if not said:
        yield Said(DOUBTFUL, f"{who}: closes the connection at once", "ask whether it wants a client certificate")


def _mend(error: ssl.SSLCertVerificationError) -> str:
    return CERTIFICATE.get(error.verify_code, ("", ASK))[1]


def _unsecured(who: str, reason: str) -> Said:
    usual = (f"speaks no TLS that is understood here ({reason})", "compare the port, and ask them for TLS 1.2 or newer")
    what, remedy = next((told for word, told in ALERTS.items() if word in reason), usual)
    return Said(WRONG, f"{who}: {what}", remedy)


def _days(what: str, ends: float, remedy: str) -> Said:
    days = int((ends - time.time()) // DAY)
    if days < 0:
        return Said(WRONG, f"{what} has expired", "get a new one")
    return Said(DOUBTFUL, f"{what} is valid for {days} days more", remedy) if days < SOON else Said(RIGHT, f"{what} is valid")


ASK = "ask them for a certificate of a public authority, or name theirs in auth (authority)"
CERTIFICATE = {  # OpenSSL's codes (x509_vfy.h)
    9: ("its certificate is not valid yet", "compare the clocks of both machines"),
    10: ("its certificate has expired", "they must renew it: nothing is sent to them until then"),
    18: ("its certificate is signed by itself", ASK),
    19: ("its certificate is of an authority that is not known here", ASK),
    20: ("its certificate is of an authority that is not known here", ASK),
    21: ("it does not send the certificates between its own and its authority's", "they must send the whole chain"),
    62: ("its certificate is for another name", "compare the address with what they wrote; else they need one for this name"),
    64: ("its certificate is for another address", "call it by its name; else they need one for this address"),
}
REGISTER = "have them register it, or its authority"
ALERTS = {  # OpenSSL's words for what a server says no to
    "CERTIFICATE_REQUIRED": ("wants a client certificate", f"name one in auth (certificates), and {REGISTER}"),
    "HANDSHAKE_FAILURE": ("refuses TLS, as who wants a client certificate does", f"name one in auth (certificates), and {REGISTER}"),
    "ALERT_UNKNOWN_CA": ("does not know the authority of the client certificate", REGISTER),
    "ALERT_BAD_CERTIFICATE": ("does not take the client certificate", REGISTER),
    "ALERT_CERTIFICATE": ("does not take the client certificate", REGISTER),  # expired, revoked, unknown
}
NO_TOKEN = {
    "no value here": "give it in the environment of this command (NAME=value ./hub ...)",
    "invalid_client": "compare client_id, method, issuer and the key (its kid) or secret with what is registered, and this machine's clock",
    "invalid_scope": "compare scopes with what the client is registered with",
    "invalid_request": "compare dpop, parent and child with what the client is registered for",
    "unauthorized_client": "have the client registered for client_credentials",
    "unsupported_grant_type": "have the client registered for client_credentials",
    "invalid_dpop_proof": "compare this machine's clock, and token_url with the issuer's discovery document",
    "is not the": "compare dpop with what the client is registered for",
    "holds": "put a private key there, as JWK or PEM, or the path of its file",
    "no answer": "ask whether it runs; a token is asked for again by itself",
    "answered": "ask whether it runs, and compare token_url with the issuer's discovery document",
}


async def _answer(hub: Outside, target: Endpoint | Lookup) -> Iterator[Said]:
    ask, judge = PROBES.get(target.adapter, (_nothing, _refuses))
    try:
        heard = await exchange(hub, ask(target.url.rstrip("/")), target.auth, LARGEST)
    except TimeoutError:
        return iter([Said(WRONG, f"the journal: no answer within {hub.settings.call_timeout:g} s", "ask them what it waits for")])
    except Unavailable as error:
        return iter([Said(WRONG, error.reason, _unset(error.reason))])
    if heard.status in NOT_LET_IN:
        return iter([Said(WRONG, f"the journal: {NOT_LET_IN[heard.status]} ({heard.status})", "compare auth with what they registered")])
    return iter([_not_theirs(heard) or judge(heard)])


def _unset(reason: str) -> str:
    return NO_TOKEN["no value here"] if "no value here" in reason else "ask them what they see; it may want a client certificate"


AWAY = frozenset({502, 503, 504})  # what a proxy says of what stands behind it, and who is being maintained of itself
NOT_LET_IN = {401: "does not take what the hub shows it", 403: "knows the hub and does not let it in"}


def _document(base: str, path: str = "bundle") -> Call:
    return Call("POST", f"{base}/{path}", {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}, b"")


def _nothing(base: str) -> Call:
    return Call("POST", base, {"Content-Type": "application/json", "Accept": "application/json"}, b"")


def _metadata(base: str) -> Call:
    return Call("GET", f"{base}/metadata", {"Accept": "application/fhir+json"}, b"")


def _not_theirs(heard: Heard) -> Said | None:
    """What comes from before the journal: of the journal itself it says nothing."""
    if heard.status in AWAY:
        return Said(WRONG, f"the journal: is not there now ({heard.status})", "ask whether it is being maintained, and try again later")
    if 200 <= heard.status < 300 and is_page(heard.body):
        remedy = "compare url and auth with what they wrote: it may be a log-in, a proxy, or the journal's own pages"
        return Said(WRONG, f"the journal: answers with a web page ({heard.status})", remedy)
    return None


def _refuses(heard: Heard) -> Said:
    """Nothing was sent, with no key: an honest journal says no, and keeps nothing."""
    if heard.status in (404, 405):
        return Said(WRONG, f"the journal: takes nothing at this address ({heard.status})", "compare url with what they wrote")
    if 400 <= heard.status < 500 and "html" in heard.headers.get("content-type", ""):  # nginx says so that it wants a certificate
        return Said(
            DOUBTFUL, f"the journal: refuses with a web page ({heard.status})", "ask whether the call came further than their proxy"
        )
    if heard.status == 429:
        return Said(DOUBTFUL, "the journal: has had enough calls for now (429)", "try again later")
    if 400 <= heard.status < 500:
        return Said(RIGHT, f"the journal: lets the hub in, and refuses an empty document ({heard.status}) as it should")
    if heard.status >= 500:
        return Said(WRONG, f"the journal: an empty document is its error ({heard.status})", "it must refuse with 4xx, or be mended")
    if heard.status >= 300:
        return Said(WRONG, f"the journal: sends the hub elsewhere ({heard.status})", "write the address that it leads to")
    if says_no(read(heard.body)):  # a no, and no delivery
        what = f"refuses an empty document, but by an OperationOutcome with {heard.status}"
        return Said(DOUBTFUL, f"the journal: lets the hub in, and {what}", "ask them to refuse with 4xx")
    return Said(WRONG, f"the journal: says yes to an empty document ({heard.status})", "it must answer 2xx only to what it has stored")


def _knows(heard: Heard) -> Said:
    """A centre that takes webhooks may say yes to an empty one: it has checked the signature."""
    if 200 <= heard.status < 300:
        return Said(RIGHT, f"the centre: takes what the hub signs ({heard.status})")
    return _refuses(heard)


def _describes(heard: Heard) -> Said:
    if heard.status == 200 and kind(heard.body) == "CapabilityStatement":
        return Said(RIGHT, "the journal: lets the hub in, and says what it can (CapabilityStatement)")
    if heard.status == 200:
        return Said(
            WRONG, "the journal: answers metadata with something else than a CapabilityStatement", "compare url with what they wrote"
        )
    return Said(WRONG, f"the journal: does not say what it can (metadata: {heard.status})", "compare url with what they wrote")


def kind(body: bytes) -> str:
    found = read(body)
    return str(found.get("resourceType")) if isinstance(found, dict) else ""


def read(body: bytes) -> Any:
    """As JSON; None for what is none."""
    try:
        return orjson.loads(body)
    except ValueError:
        return None


Probe = tuple[Callable[[str], Call], Callable[[Heard], Said]]
PROBES: Mapping[str, Probe] = {  # by adapter; another one is sent nothing, at its own address
    "bundle": (_document, _refuses),
    "jft": (lambda base: _document(base, "v1/Bundle"), _refuses),
    "response_centre": (_nothing, _knows),
    "fhir": (_metadata, _describes),
    "transaction": (_metadata, _describes),
}
