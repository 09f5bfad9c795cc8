"""Signed JSON: read with suspicion, written as told."""

import base64
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key

# asymmetric only (vkp.md 1.6): `none` and HMAC are in no list
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS)
REGISTRY.max_header_length = 4096  # a DPoP proof carries its public key: of RSA 4096 that is more than joserfc's 512

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")  # unsigned: told by its alg
_LONGEST = 8192
_RSA_2048 = 342  # base64url characters of the modulus
_USUAL = {"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class Unreadable(Exception):
    """The text says what is wrong with the form, in a clause: "is not ..."."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Nothing of it is to be believed before `by` has said yes."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signature: jws.CompactSignature

    def by(self, key: Key) -> bool:
        try:
            return jws.validate_compact(self.signature, key, registry=REGISTRY)
        except (JoseError, ValueError):  # a key of another kind, an unknown critical header
            return False


def read(text: str) -> Signed:
    """Raises Unreadable."""
    if len(text) > _LONGEST or not _SHAPE.fullmatch(text):
        raise Unreadable(f"is not three parts of base64url of at most {_LONGEST} characters in all")
    try:
        signature = jws.extract_compact(text.encode(), registry=REGISTRY)
        claims = json.loads(signature.payload, object_pairs_hook=_no_doubles)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unreadable("is not a JWS of JSON objects without doubled names") from None
    header = signature.headers()
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Unreadable("is not a JWS of JSON objects without doubled names")
    if header.get("alg") not in ALGORITHMS:
        raise Unreadable(f"is not signed with one of {', '.join(ALGORITHMS)}")
    if header.keys() & {"crit", "b64"}:
        raise Unreadable("has a header that asks to be understood (crit, b64)")
    return Signed(header, claims, signature)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("doubled name")
    return found


def public_key(jwk: object) -> Key | None:
    """None for what is no public JWK, RSA of at least 2048 bits or EC."""
    if not isinstance(jwk, dict) or jwk.get("kty") not in ("RSA", "EC") or "d" in jwk:
        return None
    if jwk["kty"] == "RSA" and len(str(jwk.get("n"))) < _RSA_2048:
        return None
    try:
        return import_key(jwk)
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):  # members of a wrong kind, points off the curve
        return None


def usual_algorithm(key: Key) -> str:
    """What the key says that it is for, or what is usual for its kind."""
    return str(key.get("alg") or _USUAL[str(key.get("crv", "RSA"))])


def sign(header: Mapping[str, Any], claims: Mapping[str, Any], key: Key) -> str:
    """A JWS of exactly this, wrong or right; `none` leaves it unsigned, HS* signs with the public key as if it were a secret."""
    parts = [json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode() for part in (header, claims)]
    message = b".".join(map(_base64url, parts))
    return (message + b"." + _base64url(_signature(str(header.get("alg")), message, key))).decode()


def _signature(alg: str, message: bytes, key: Key) -> bytes:
    if alg.startswith("HS") and isinstance(key, RSAKey | ECKey):
        return hmac.digest(key.as_pem(private=False), message, f"sha{alg[2:]}")
    return REGISTRY.get_alg(alg).sign(message, key) if alg in ALGORITHMS else b""


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
