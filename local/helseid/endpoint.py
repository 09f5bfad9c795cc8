"""What the token endpoint asks before it gives a token, the way HelseID does (vkp.md 1.6, security.md 3). No HTTP and no clock here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.helseid import jose
from local.helseid.clients import Client
from local.helseid.organisation import organisations
from local.helseid.refusal import Refusal

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_TYPES = ("client-authentication+jwt", "JWT")
AHEAD = 60  # seconds until exp, at most
SKEW = 5  # seconds that a client's clock may be before ours
PROOF_AGE = 60  # seconds, here at the token endpoint
NONCE_LIFE = 60  # seconds
FAR = 2**40  # seconds since 1970: what is later is no time
LONGEST_ID = 256  # of a jti


class Kept:
    """Texts that are remembered for a while: what has been used, what has been given out."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, text: str, until: float, now: float) -> bool:
        """False if it is there already."""
        self._until = {other: end for other, end in self._until.items() if end > now}
        fresh = text not in self._until
        if fresh:
            self._until[text] = until
        return fresh

    def has(self, text: object, now: float) -> bool:
        return isinstance(text, str) and self._until.get(text, 0) > now


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token will say. `parent` and `child` are organisation numbers, `jkt` the thumbprint of the DPoP key; each may be ""."""

    client: Client
    scopes: tuple[str, ...]
    parent: str = ""
    child: str = ""
    jkt: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`issuer` and `url` are what assertions and proofs must be meant for."""

    issuer: str
    url: str
    clients: Mapping[str, Client]
    nonces: Kept = field(default_factory=Kept)
    _assertions: Kept = field(default_factory=Kept)
    _proofs: Kept = field(default_factory=Kept)

    def grant(self, form: Mapping[str, str], proofs: Sequence[str], now: float) -> Grant:
        """Raises Refusal. An assertion is used up by it, whatever comes of the rest."""
        if form.get("grant_type") != "client_credentials":
            raise Refusal("unsupported_grant_type", "grant_type: expected client_credentials")
        client, claims = self._authenticated(form, now)
        scopes = _scopes(form.get("scope", ""), client)
        parent, child = organisations(claims, client)
        return Grant(client, scopes, parent, child, self._bound(proofs, client, now))

    def _authenticated(self, form: Mapping[str, str], now: float) -> tuple[Client, Mapping[str, Any]]:
        if form.get("client_assertion_type") != JWT_BEARER:
            raise _stranger(f"client_assertion_type: expected {JWT_BEARER}")
        try:
            assertion = jose.read(form.get("client_assertion", ""))
        except jose.Unreadable as error:
            raise _stranger(f"client_assertion {error}") from None
        client = self._signer(assertion, form.get("client_id"))
        self._check(assertion.claims, client, now)
        return client, assertion.claims

    def _signer(self, assertion: jose.Signed, asked: str | None) -> Client:
        if assertion.header.get("typ") not in ASSERTION_TYPES:
            raise _stranger(f"client_assertion typ: expected {' or '.join(ASSERTION_TYPES)}")
        named = assertion.claims.get("iss")
        client = self.clients.get(named) if isinstance(named, str) else None
        if client is None:
            raise _stranger("client_assertion iss: expected the client_id of a client that is known here")
        if assertion.claims.get("sub") != named or asked not in (None, named):
            raise _stranger("client_assertion iss and sub, and client_id in the form: expected one and the same")
        kid = assertion.header.get("kid")
        key = client.keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise _stranger("client_assertion kid: expected one of the keys that the client is registered with")
        if not assertion.by(key):
            raise _stranger("client_assertion signature: was not made with the key that kid names")
        return client

    def _check(self, claims: Mapping[str, Any], client: Client, now: float) -> None:
        if claims.get("aud") not in (self.issuer, [self.issuer], self.url, [self.url]):
            raise _stranger("client_assertion aud: expected this issuer, or its token endpoint, alone")
        until = _seconds(claims, "exp")
        if not now < until <= now + AHEAD:
            raise _stranger(f"client_assertion exp: expected a time to come, at most {AHEAD} s ahead")
        if not all(now - AHEAD - SKEW <= _seconds(claims, name) <= now + SKEW for name in ("iat", "nbf")):
            raise _stranger(f"client_assertion iat and nbf: expected now, or at most {AHEAD} s ago")
        if not self._assertions.add(f"{client.client_id} {_id(claims, _stranger)}", until, now):
            raise _stranger("client_assertion jti: was used before; make a new assertion for each call")

    def _bound(self, proofs: Sequence[str], client: Client, now: float) -> str:
        """The thumbprint of the key that the token is bound to; "" for a Bearer token."""
        if not proofs:
            if client.dpop == "required":
                raise Refusal("invalid_request", "DPoP: this client gets no token without a proof")
            return ""
        if client.dpop == "forbidden":
            raise Refusal("invalid_request", "DPoP: this client gets Bearer tokens; send no proof")
        if len(proofs) > 1:
            raise _unproven("expected one header, not several")
        try:
            return self._proven(jose.read(proofs[0]), now)
        except jose.Unreadable as error:
            raise _unproven(str(error)) from None

    def _proven(self, proof: jose.Signed, now: float) -> str:
        thumbprint = _thumbprint(proof)
        if proof.claims.get("htm") != "POST" or not _same_place(proof.claims.get("htu"), self.url):
            raise _unproven("htm and htu: expected POST and this token endpoint")
        if not abs(now - _time(proof.claims.get("iat"), _unproven, "iat")) <= PROOF_AGE:
            raise _unproven(f"iat: expected a time at most {PROOF_AGE} s from now")
        if not self.nonces.has(proof.claims.get("nonce"), now):
            raise Refusal("use_dpop_nonce", "DPoP nonce: expected the one in the header DPoP-Nonce of this answer")
        if not self._proofs.add(f"{thumbprint} {_id(proof.claims, _unproven)}", now + 2 * PROOF_AGE, now):
            raise _unproven("jti: was used before; make a new proof for each call")
        return thumbprint


def _thumbprint(proof: jose.Signed) -> str:
    if proof.header.get("typ") != "dpop+jwt":
        raise _unproven("typ: expected dpop+jwt")
    key = jose.public_key(proof.header.get("jwk"))
    if key is None:
        raise _unproven("jwk: expected a public key, RSA (at least 2048 bits) or EC")
    if not proof.by(key):
        raise _unproven("signature: was not made with the key in jwk")
    return key.thumbprint()


def _same_place(htu: object, url: str) -> bool:
    """Query and fragment do not count (RFC 9449 4.3)."""
    try:
        return isinstance(htu, str) and urlsplit(htu)[:3] == urlsplit(url)[:3]
    except ValueError:
        return False


def _scopes(asked: str, client: Client) -> tuple[str, ...]:
    """All that the client has if it asks for none."""
    scopes = tuple(dict.fromkeys(asked.split()))
    if set(scopes) - set(client.scopes):
        raise Refusal("invalid_scope", "scope: expected only scopes that the client is registered with")
    return scopes or client.scopes


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    return _time(claims.get(name), _stranger, f"client_assertion {name}")


def _time(value: Any, refusal: Callable[[str], Refusal], name: str) -> float:
    if not isinstance(value, int | float) or not 0 <= value < FAR:
        raise refusal(f"{name}: expected a number of seconds since 1970")
    return value


def _id(claims: Mapping[str, Any], refusal: Callable[[str], Refusal]) -> str:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= LONGEST_ID:
        raise refusal(f"jti: expected a text of 1 to {LONGEST_ID} characters that is never used again")
    return jti


def _stranger(words: str) -> Refusal:
    return Refusal("invalid_client", words)


def _unproven(words: str) -> Refusal:
    return Refusal("invalid_dpop_proof", f"DPoP {words}")
