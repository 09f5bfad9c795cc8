"""A door before the journal that asks for an access token, for tests of who calls: docs/journals.md 1.8."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from local.helseid import jose
from local.journal.answers import outcome

Handler = Callable[[web.Request], Any]
PROOF_AGE = 60  # seconds


class Guard:
    """`jwks`: the issuer's public keys, as published. `dpop`: takes tokens that are bound to a key, with a proof that has our nonce; else
    Bearer tokens, unbound. `refused`: why it did not let calls through, one word each."""

    def __init__(self, jwks: Callable[[], Mapping[str, Any]], *, dpop: bool = False) -> None:
        self.refused: list[str] = []
        self._jwks, self._dpop = jwks, dpop
        self._seen: set[str] = set()
        self._spent: set[str] = set()
        self.renew()

    def renew(self) -> None:
        """Another nonce from now on."""
        self._nonce = secrets.token_urlsafe(16)

    def revoke(self) -> None:
        """No token that has come so far is taken any longer."""
        self._spent |= self._seen

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        wrong = "" if request.path.startswith("/_sandbox/") else self._wrong(request)
        if not wrong:
            answer: web.StreamResponse = await handler(request)
            return answer
        self.refused.append(wrong)
        challenge = {"WWW-Authenticate": f'{"DPoP" if self._dpop else "Bearer"} error="{wrong}"'}
        return outcome(401, "login", f"Not let in: {wrong}.", challenge | ({"DPoP-Nonce": self._nonce} if self._dpop else {}))

    def _wrong(self, request: web.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        self._seen.add(token)
        claims = self._claims(token)
        bound = (claims.get("cnf") or {}).get("jkt", "")
        if scheme != ("DPoP" if self._dpop else "Bearer") or not claims or token in self._spent or bool(bound) != self._dpop:
            return "invalid_token"
        return self._unproven(request, token, bound) if self._dpop else ""

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            signed = jose.read(token)
        except jose.Unreadable:
            return {}
        keys = (jose.public_key(row) for row in self._jwks()["keys"] if row["kid"] == signed.header.get("kid"))
        good = any(key is not None and signed.by(key) for key in keys) and signed.claims["exp"] > time.time()
        return signed.claims if good else {}

    def _unproven(self, request: web.Request, token: str, bound: str) -> str:
        try:
            proof = jose.read(request.headers.get("DPoP", ""))
        except jose.Unreadable:
            return "invalid_dpop_proof"
        key = jose.public_key(proof.header.get("jwk"))
        ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        here = {"htm": request.method, "htu": str(request.url.with_query(None)), "ath": ath}
        if key is None or not proof.by(key) or key.thumbprint() != bound or proof.header.get("typ") != "dpop+jwt":
            return "invalid_dpop_proof"
        if {name: proof.claims.get(name) for name in here} != here or abs(time.time() - proof.claims["iat"]) > PROOF_AGE:
            return "invalid_dpop_proof"
        jti = str(proof.claims["jti"])
        if proof.claims.get("nonce") != self._nonce:
            return "use_dpop_nonce"
        fresh = jti not in self._seen
        self._seen.add(jti)
        return "" if fresh else "invalid_dpop_proof"
