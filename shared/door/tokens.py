"""Access tokens for journals (OAuth 2 client credentials), kept at hand until shortly before they end.

A client fetches one at a time, however many calls wait; a fetch belongs to no caller. What is wrong is told without any secret.
"""

import asyncio
import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp

from shared import log
from shared.access import assertion
from shared.access.assertion import Signer
from shared.access.rows import Auth, Client
from shared.domain import strict
from shared.domain.journal import Call
from shared.door import tls
from shared.door.holdings import held
from shared.door.wire import Heard, Limits, Reach, send
from shared.errors import PayloadError, Unavailable

TIMEOUT = 5.0  # seconds for one fetch, the repeat for a nonce included
LARGEST = 64 * 1024  # bytes of an answer
EARLY = 10.0  # seconds before its end from which a token serves no more calls
LIFE, LONGEST_LIFE = 60, 24 * 3600  # seconds: of a token that does not say how long it is good for, and of any
LONGEST = 8192  # characters of a token; as in jose
REST, LONG_REST = 1.0, 10.0  # seconds between attempts: after one that failed, and after a no that does not pass by itself
NONCE = "use_dpop_nonce"
# RFC 6749 5.2, RFC 9449 5: what a token endpoint may say. Other words of its own are not repeated
ERRORS = {
    *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"),
    *("invalid_dpop_proof", "invalid_target", NONCE),
}


@dataclass(frozen=True, slots=True)
class Token:
    value: str = field(repr=False)
    until: float  # on the hub's clock


@dataclass(slots=True)
class Holder:
    """What this worker has at hand as one client. `nonces`: the latest of each server, by scheme and host."""

    token: Token | None = None
    key: Signer | None = None  # of DPoP, made with the first token
    nonces: dict[str, str] = field(default_factory=dict)
    task: "asyncio.Task[Token | None] | None" = None
    failed: str = ""
    rests_until: float = float("-inf")
    dropped_at: float = float("-inf")

    def hear(self, url: str, heard: Heard) -> None:
        if nonce := heard.headers.get("dpop-nonce", ""):
            self.nonces[_server(url)] = nonce

    def nonce(self, url: str) -> str:
        return self.nonces.get(_server(url), "")


class _No(Exception):
    """A token endpoint's no. `error`: OAuth's word for it; "" where it was none: then it may say yes later."""

    def __init__(self, reason: str, error: str = "") -> None:
        super().__init__(reason)
        self.error = error


def holder(hub: Reach, auth: Auth) -> Holder:
    """Two endpoints with the same `auth` are one client."""
    known: Holder = hub.kept.setdefault(("client", auth), Holder())
    return known


async def token(hub: Reach, auth: Auth, seconds: float) -> Token:
    """A token that is good for a call now, within so many seconds. Raises Unavailable."""
    known = holder(hub, auth)
    if known.token and hub.clock() < known.token.until:
        return known.token
    if known.task is None:
        if 0 < known.rests_until - hub.clock() <= LONG_REST:
            raise Unavailable(known.failed)
        known.task = asyncio.create_task(_learn(hub, auth, known))
    task = known.task
    await asyncio.wait([task], timeout=seconds)
    if not task.done():
        raise Unavailable("the token endpoint has not answered in time")
    got = task.result()
    if got is None:
        raise Unavailable(known.failed)
    return got


def drop(hub: Reach, auth: Auth, spoilt: Token) -> bool:
    """A token that a journal did not take is not shown again; one that has been got since then stays. False: it has just been changed, and
    another change would do no better."""
    known, now = holder(hub, auth), hub.clock()
    if known.token is not spoilt:
        return True
    if 0 <= now - known.dropped_at < REST:
        return False
    known.token, known.dropped_at = None, now
    return True


async def _learn(hub: Reach, auth: Auth, known: Holder) -> Token | None:
    client, rest = _client(auth), REST
    try:
        async with asyncio.timeout(TIMEOUT):
            known.token = await _fetched(hub, auth, client, known)
        log.step("token fetched", client=auth.user, token_url=client.token_url)
        return known.token
    except (_No, Unavailable) as no:
        known.failed, lasts = str(no), isinstance(no, Unavailable) or no.error != ""
        rest = LONG_REST if lasts else REST
        say = log.alarm if lasts else log.step  # what does not pass by itself needs somebody
        say("token not fetched", client=auth.user, token_url=client.token_url, error=known.failed)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        known.failed = f"no answer from the token endpoint ({type(error).__name__})"
        log.step("token not fetched", client=auth.user, token_url=client.token_url, error=known.failed)
    finally:
        known.task = None
    known.rests_until = hub.clock() + rest
    return None


def _client(auth: Auth) -> Client:
    if auth.client is None:
        raise ValueError("this auth has no tokens")
    return auth.client


async def _fetched(hub: Reach, auth: Auth, client: Client, known: Holder) -> Token:
    """By the first of its secrets that the token endpoint takes: while one is being changed there are two."""
    names = [name for name in auth.secrets if hub.settings.secret(name)] or list(auth.secrets[:1]) or [""]
    for name in names[:-1]:
        try:
            return await _asked(hub, auth, client, known, name)
        except _No as no:
            if no.error != "invalid_client":
                raise
            log.step("client's secret not taken", client=auth.user, token_url=client.token_url, setting=name)
    return await _asked(hub, auth, client, known, names[-1])


async def _asked(hub: Reach, auth: Auth, client: Client, known: Holder, name: str) -> Token:
    """Asked once more if the answer is that it takes a nonce, which came with it."""
    context = await tls.context(hub, auth)
    known.key = known.key or (await asyncio.to_thread(_new_key) if client.dpop else None)
    now = hub.clock()
    for last in (False, True):
        form, headers = await asyncio.to_thread(_proved, hub, auth, client, name)
        call = Call("POST", client.token_url, headers, urlencode(form).encode())
        shown = {"DPoP": proof(hub, known, known.key, call)} if known.key else {}
        heard = await send(hub, call, shown, context, Limits(TIMEOUT, LARGEST, body_below=500))
        known.hear(client.token_url, heard)
        if last or _error(heard) != NONCE or "dpop-nonce" not in heard.headers:
            break
    return _read(heard, client, now)


def proof(hub: Reach, known: Holder, key: Signer, call: Call, value: str = "") -> str:
    """Of the key for one call; `value`: the token that goes along."""
    return assertion.proof(key, call, hub.clock(), secrets.token_urlsafe(16), token=value, nonce=known.nonce(call.url))


def _new_key() -> Signer:
    from joserfc.jwk import ECKey  # with the first token, not at the start of a worker

    return Signer(ECKey.generate_key("P-256"), "ES256")


def _proved(hub: Reach, auth: Auth, client: Client, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """The form and headers by which the client proves itself. In a thread: keys may be files, and RSA takes its time."""
    form = {"grant_type": "client_credentials", "client_id": auth.user}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if client.scopes:
        form["scope"] = " ".join(client.scopes)
    if client.method == "private_key_jwt":
        form |= {"client_assertion_type": assertion.TYPE, "client_assertion": _assertion(hub, auth, client, name)}
    elif client.method == "client_secret_post":
        form["client_secret"] = _secret(hub, name)
    elif client.method == "client_secret_basic":
        pair = f"{quote_plus(auth.user)}:{quote_plus(_secret(hub, name))}"  # RFC 6749 2.3.1
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return form, headers


def _secret(hub: Reach, name: str) -> str:
    value = hub.settings.secret(name)
    if not value:
        raise Unavailable(f"the setting {name} has no value here")
    return value


def _assertion(hub: Reach, auth: Auth, client: Client, name: str) -> str:
    try:
        by = assertion.signer(held(hub.settings.secret, name), client.algorithm)
    except ValueError as error:
        raise Unavailable(f"the setting {name} holds {error}") from None
    audience, details = auth.issuer or client.token_url, assertion.organisation(client)
    return assertion.client_assertion(by, auth.user, audience, hub.clock(), secrets.token_urlsafe(16), details)


def _read(heard: Heard, client: Client, now: float) -> Token:
    if heard.status != 200:
        error = _error(heard)
        raise _No(f"the token endpoint says {error}" if error else f"the token endpoint answered {heard.status}", error)
    said = _object(heard)
    value, kind, life = said.get("access_token"), said.get("token_type"), said.get("expires_in", LIFE)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or not all("!" <= sign <= "~" for sign in value):
        raise _No("the token endpoint answered 200 without an access token")
    wanted = "DPoP" if client.dpop else "Bearer"
    if not isinstance(kind, str) or kind.lower() != wanted.lower():
        raise _No(f"the token endpoint gave a token that is not the {wanted} token asked for", "token_type")
    seconds = life if type(life) is int and 0 < life <= LONGEST_LIFE else LIFE
    return Token(value, now + seconds - EARLY)


def _error(heard: Heard) -> str:
    """OAuth's word; "" if it is none that there is."""
    found = _object(heard).get("error") if 400 <= heard.status < 500 else None
    return found if isinstance(found, str) and found in ERRORS else ""


def _object(heard: Heard) -> Mapping[str, object]:
    try:
        found = strict.load(heard.body) if heard.whole else None
    except PayloadError:
        found = None
    return found if isinstance(found, dict) else {}


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
