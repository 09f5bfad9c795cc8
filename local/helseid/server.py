"""The issuer's doors: discovery, keys, tokens, and the sandbox's own commands."""

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web
from joserfc.jwk import Key

from local.helseid import clients, jose
from local.helseid.endpoint import NONCE_LIFE, Endpoint, Grant
from local.helseid.minting import Mint
from local.helseid.refusal import Refusal
from local.listening import listen

DISCOVERY, JWKS, TOKEN = "/.well-known/openid-configuration", "/.well-known/openid-configuration/jwks", "/connect/token"
LIFETIME = 600  # seconds that a token is good for
LARGEST = 64 * 1024  # of a request
PID, LEVEL = "helseid://claims/identity/pid", "helseid://claims/identity/security_level"
MODES = ("honest", "down", "slow", "garbage")
FRESH = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749 5.1

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SandboxIssuer:
    """`url`, without a slash at its end, is its `iss`; it is "" before it has started.

    `rows` are clients as in the clients file (BadClient says what is wrong with them). `lifetime` of a token is in seconds. `scope_as_text`
    writes scope with spaces (RFC 9068) instead of as a list (HelseID). `counts` says how often each page was asked for, also while it
    misbehaved.
    """

    def __init__(self, rows: list[dict[str, Any]], *, lifetime: int = LIFETIME, scope_as_text: bool = False) -> None:
        self.url = ""
        self.counts: Counter[str] = Counter()
        self._clients = clients.parse(rows)
        self._mint = Mint(lifetime, scope_as_text)
        self._endpoint = Endpoint("", TOKEN, self._clients)
        self._mode, self._delay = "honest", 0.0
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        """OSError if the port is taken."""
        app = web.Application(client_max_size=LARGEST, middlewares=[self._behave])
        app.add_routes(
            [
                web.get(DISCOVERY, self._discovery),
                web.get(JWKS, self._jwks),
                web.post(TOKEN, self._token),
                web.post("/_sandbox/person", self._person),
                web.post("/_sandbox/rotate", self._rotate),
                web.put("/_sandbox/behaviour", self._misbehave),
                web.get("/_sandbox/stats", self._stats),
            ]
        )
        self._runner, self.url = await listen(app, port)
        self._endpoint = Endpoint(self.url, self.url + TOKEN, self._clients)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # tokens

    def mint(
        self, claims: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None, client_id: str = "", key: Key | None = None
    ) -> str:
        """A token such as the client (the first one if none is named) would get for all its scopes, with these claims and headers instead.

        None takes a claim or header away. `alg` chooses between our keys, RS256 and ES256 (jose.sign: `none` and HS* too); `key` signs
        in place of ours.
        """
        client = self._clients[client_id] if client_id else next(iter(self._clients.values()))
        usual = self._mint.claims(Grant(client, client.scopes, client.orgnr_parent), self.url, time.time())
        return self._mint.signed({**usual, **(claims or {})}, header or {}, key)

    async def _token(self, request: web.Request) -> web.Response:
        now = time.time()
        try:
            grant = self._endpoint.grant(await _form(request), request.headers.getall("DPoP", []), now)
        except Refusal as refusal:
            nonce = {"DPoP-Nonce": self._nonce(now)} if refusal.error == "use_dpop_nonce" else {}
            return _json({"error": refusal.error, "error_description": refusal.description}, refusal.status, {**FRESH, **nonce})
        said = {
            "access_token": self._mint.signed(self._mint.claims(grant, self.url, now), {}),
            "expires_in": self._mint.lifetime,
            "token_type": "DPoP" if grant.jkt else "Bearer",
            "scope": " ".join(grant.scopes),
        }
        return _json(said, headers=FRESH)

    def _nonce(self, now: float) -> str:
        nonce = secrets.token_urlsafe(24)
        self._endpoint.nonces.add(nonce, now + NONCE_LIFE, now)
        return nonce

    # discovery and keys

    async def _discovery(self, request: web.Request) -> web.Response:
        return _json(
            {
                "issuer": self.url,
                "jwks_uri": self.url + JWKS,
                "token_endpoint": self.url + TOKEN,
                "scopes_supported": sorted({scope for client in self._clients.values() for scope in client.scopes}),
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
                "subject_types_supported": ["public"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": jose.ALGORITHMS,
                "dpop_signing_alg_values_supported": jose.ALGORITHMS,
            }
        )

    async def _jwks(self, request: web.Request) -> web.Response:
        return _json(self.jwks())

    def jwks(self) -> dict[str, Any]:
        """The public keys, as published."""
        return self._mint.jwks()

    def rotate(self, keep: bool = True) -> str:
        """New keys sign from now on; the old ones stay published if `keep`. The kid of the new RSA key."""
        return self._mint.rotate(keep)

    # the sandbox's own commands

    @web.middleware
    async def _behave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sandbox/"):
            return await handler(request)
        self.counts[request.path] += 1
        if self._mode == "down":
            return web.Response(status=503, text="The issuer was told to be down.")
        if self._mode == "garbage":
            return web.Response(text="<!doctype html><title>Velkommen</title>", content_type="text/html")
        await asyncio.sleep(self._delay)
        return await handler(request)

    def behave(self, mode: str, delay: float = 5) -> None:
        """One of MODES; `delay` is the seconds before each answer of a slow one."""
        self._mode, self._delay = mode, delay if mode == "slow" else 0

    async def _misbehave(self, request: web.Request) -> web.Response:
        command = {"delay": 5, **await _command(request)}
        if command.keys() != {"mode", "delay"} or command["mode"] not in MODES:
            return _json({"error": f"Expected mode, one of {', '.join(MODES)}, and perhaps delay."}, 400)
        if isinstance(command["delay"], bool) or not isinstance(command["delay"], int | float) or not 0 <= command["delay"] <= 600:
            return _json({"error": "delay must be a number of seconds from 0 to 600."}, 400)
        self.behave(**command)
        return _json(command)

    async def _person(self, request: web.Request) -> web.Response:
        """A person's token without anybody logging in. Only a sandbox can have this: HelseID gives one by browser (authorization code)."""
        asked = {"level": "4", **await _command(request)}
        texts = all(isinstance(one, str) for one in asked.values())
        if asked.keys() != {"client_id", "pid", "jkt", "level"} or not texts or asked["client_id"] not in self._clients:
            return _json({"error": "Expected texts: client_id, of a client that is known, pid, jkt, and perhaps level."}, 400)
        said = {PID: asked["pid"], LEVEL: asked["level"], "cnf": {"jkt": asked["jkt"]}, "amr": "pwd"}
        access = {"access_token": self.mint(said, client_id=asked["client_id"]), "expires_in": self._mint.lifetime, "token_type": "DPoP"}
        return _json(access, headers=FRESH)

    async def _rotate(self, request: web.Request) -> web.Response:
        keep = (await _command(request)).get("keep", True)
        if not isinstance(keep, bool):
            return _json({"error": "keep must be true or false."}, 400)
        return _json({"kid": self.rotate(keep)})

    async def _stats(self, request: web.Request) -> web.Response:
        return _json({name: self.counts[path] for name, path in (("discovery", DISCOVERY), ("jwks", JWKS), ("token", TOKEN))})


@contextmanager
def serving(rows: list[dict[str, Any]], port: int = 0, *, lifetime: int = LIFETIME, scope_as_text: bool = False) -> Iterator[SandboxIssuer]:
    """A started issuer on a thread of its own, for callers that have no loop. Its methods may be called from theirs."""
    issuer = SandboxIssuer(rows, lifetime=lifetime, scope_as_text=scope_as_text)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox-issuer", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(issuer.start(port), loop).result()
        yield issuer
    finally:
        asyncio.run_coroutine_threadsafe(issuer.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _form(request: web.Request) -> dict[str, str]:
    """Raises Refusal."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refusal("invalid_request", "Content-Type: expected application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl((await request.read()).decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Refusal("invalid_request", "body: expected a form of at most 20 fields") from None
    if len(dict(pairs)) < len(pairs):
        raise Refusal("invalid_request", "body: expected each field once")
    return dict(pairs)


async def _command(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent; {} for none."""
    try:
        command = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        command = None
    if not isinstance(command, dict):
        raise web.HTTPBadRequest(text="The body is not a JSON object.")
    return command


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json", headers=headers)
