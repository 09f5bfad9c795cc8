"""What the hub signs to prove itself: who it is, to a token endpoint (RFC 7523, HelseID's profile in vkp.md 1.6), and that a token is its
own, to whoever is called with it (DPoP, RFC 9449). Pure: time and ids are handed in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from shared.access import jose
from shared.access.dpop import normal
from shared.access.rows import Client
from shared.domain.journal import Call

if TYPE_CHECKING:  # as in jose
    from joserfc.jwk import ECKey, RSAKey

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SOON = 30  # seconds that an assertion is good for; HelseID allows 60
_USUAL = {"RSA": "PS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_ONE, _MANY = "urn:oid:2.16.578.1.12.4.1.2.101", "urn:oid:1.0.6523"  # single-tenant, multi-tenant clients


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, and how it signs."""

    key: "RSAKey | ECKey" = field(repr=False)
    algorithm: str
    kid: str = ""


def signer(held: bytes, algorithm: str = "") -> Signer:
    """A private key as JWK or PEM. `algorithm` "": what the key says (alg), or what is usual for its kind. Raises ValueError."""
    try:
        key = _jwk(held) if held.lstrip()[:1] == b"{" else _pem(held)
    except Exception:  # whatever a library says of what is no key; its words may hold parts of one
        key = None
    if key is None or not key.is_private:
        raise ValueError("no private key, as JWK or PEM, RSA or EC")
    kind = key.key_type if key.key_type == "RSA" else str(key.get("crv"))
    chosen = algorithm or str(key.get("alg") or _USUAL.get(kind, ""))
    if chosen[:2] not in ("RS", "PS") if kind == "RSA" else not chosen or _USUAL.get(kind) != chosen:
        raise ValueError("a private key that does not fit the algorithm")
    return Signer(key, chosen, key.kid or key.thumbprint())


def client_assertion(by: Signer, client_id: str, audience: str, now: float, jti: str, details: Mapping[str, Any]) -> str:
    """Proof of the client for one call to the token endpoint. `details`: see `organisation`."""
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "jti": jti, "iat": int(now), "nbf": int(now), "exp": int(now) + SOON}
    return _signed(by, {"typ": "client-authentication+jwt", "kid": by.kid}, {**claims, **details})


def organisation(client: Client) -> Mapping[str, Any]:
    """The claim that says for which organisation: of a multi-tenant client its parent (and child), of a single-tenant one the child."""
    if not client.parent and not client.child:
        return {}
    numbers = ":".join(number for number in ("NO:ORGNR", client.parent, client.child) if number)
    system, value = (_MANY, numbers) if client.parent else (_ONE, client.child)
    identifier = {"system": system, "type": "ENH", "value": value}
    return {"assertion_details": {"type": "helseid_authorization", "practitioner_role": {"organization": {"identifier": identifier}}}}


def proof(by: Signer, call: Call, now: float, jti: str, *, token: str = "", nonce: str = "") -> str:
    """Proof of the key for one call. `token`: the one that goes along, "" where there is none yet. `nonce`: the server's latest."""
    claims = {"jti": jti, "htm": call.method, "htu": normal(call.url) or call.url, "iat": int(now)}
    if token:
        claims["ath"] = jose.encoded(hashlib.sha256(token.encode()).digest())
    if nonce:
        claims["nonce"] = nonce
    return _signed(by, {"typ": "dpop+jwt", "jwk": by.key.as_dict(private=False)}, claims)


def _signed(by: Signer, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    message = ".".join(jose.encoded(orjson.dumps(part)) for part in ({"alg": by.algorithm, **header}, claims))
    return f"{message}.{jose.encoded(jose.registry().get_alg(by.algorithm).sign(message.encode(), by.key))}"


def _jwk(held: bytes) -> "RSAKey | ECKey":
    from joserfc.jwk import ECKey, RSAKey

    found = orjson.loads(held)
    return RSAKey.import_key(found) if found["kty"] == "RSA" else ECKey.import_key(found)


def _pem(held: bytes) -> "RSAKey | ECKey":
    from joserfc.errors import InvalidKeyTypeError
    from joserfc.jwk import ECKey, RSAKey

    try:
        return RSAKey.import_key(held)
    except InvalidKeyTypeError:
        return ECKey.import_key(held)
