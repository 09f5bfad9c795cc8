"""Tokens, proofs and keys for tests, signed with `cryptography` alone: nothing here shares code with what checks them."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Json = Mapping[str, Any] | bytes  # bytes: as they stand, good JSON or not

_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "secp256k1": ec.SECP256K1()}
CURVE_OF = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Another key for every name and size, the same all through the run."""
    return _rsa(name, bits)


def ec_key(name: str, curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    return _ec(name, curve)


@lru_cache
def _rsa(name: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@lru_cache
def _ec(name: str, curve: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(_CURVES[curve])


def key_for(algorithm: str, name: str = "issuer") -> Private:
    return ec_key(name, CURVE_OF[algorithm]) if algorithm in CURVE_OF else rsa_key(name)


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8))


def public(key: Private, **more: Any) -> dict[str, Any]:
    """The JWK of its public half, and what else it says."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **more}
    point, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
    names = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
    return {"kty": "EC", "crv": names.get(key.curve.name, key.curve.name), "x": number(point.x, size), "y": number(point.y, size), **more}


def private(key: Private) -> dict[str, Any]:
    """The JWK with its private half, as it must never be shown."""
    if isinstance(key, rsa.RSAPrivateKey):
        return public(key, d=number(key.private_numbers().d))
    return public(key, d=number(key.private_numbers().private_value, (key.key_size + 7) // 8))


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638, written anew."""
    needed = {name: jwk[name] for name in (("e", "kty", "n") if jwk["kty"] == "RSA" else ("crv", "kty", "x", "y"))}
    return b64(hashlib.sha256(json.dumps(needed, sort_keys=True, separators=(",", ":")).encode()).digest())


def signature(algorithm: str, key: Private, data: bytes) -> bytes:
    chosen = _HASHES[algorithm[2:]]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.key_size + 7) // 8
        return b"".join(half.to_bytes(size) for half in decode_dss_signature(key.sign(data, ec.ECDSA(chosen))))
    pss = padding.PSS(padding.MGF1(chosen), chosen.digest_size)
    return key.sign(data, pss if algorithm.startswith("PS") else padding.PKCS1v15(), chosen)


def jws(header: Json, claims: Json, key: Private, algorithm: str) -> str:
    """Signed truly, whatever the header says that it is signed with."""
    start = ".".join(b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, claims))
    return f"{start}.{b64(signature(algorithm, key, start.encode()))}"
