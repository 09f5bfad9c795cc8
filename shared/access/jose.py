"""Compact JWS (RFC 7515), read strictly before any key is touched; the mathematics is joserfc's, and no error of it comes out of here.

One spelling of each: base64url without padding or stray last bits, JSON without a key twice, only algorithms of `issuer.ALGORITHMS`, and no
header that says where a key lies or how else the rest is to be read. What a key may do is what its own `kty`, `crv`, `use`, `key_ops` and
`alg` say (RFC 7517, RFC 8725 3.1); a private or symmetric key verifies nothing.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from shared.access.issuer import ALGORITHMS
from shared.domain import strict
from shared.errors import PayloadError, Unauthenticated

if TYPE_CHECKING:  # a worker that has just started is ready sooner without the library: it is loaded with the first token
    from joserfc.jwk import ECKey, RSAKey
    from joserfc.jws import JWSRegistry

LONGEST = 8192  # characters of a token; as much as a header line may hold at most servers
_TEXT = re.compile(r"[A-Za-z0-9_-]+")
_REFUSED = ("crit", "jku", "x5u", "x5c", "jwk", "b64", "zip")
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_MEMBERS: Mapping[str, tuple[str, ...]] = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}  # in the order of RFC 7638
_CURVES = {"P-256": 32, "P-384": 48, "P-521": 66}  # octets of a coordinate
_CURVE = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_RSA_BITS = range(2048, 8193)  # above that a single proof would cost tens of milliseconds

Jwk = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signed:
    """What a JWS says, and what `verify` needs to find out whether it is true. `name`: what refusals call it."""

    name: str
    algorithm: str
    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read(text: str, algorithms: Collection[str], name: str, *, embedded: bool = False) -> Signed:
    """A JWS whose signature nobody has checked yet. `embedded`: its key stands in its header, as `jwk`. Raises Unauthenticated."""
    if not text:
        refuse(name, "is missing", "send it with the request")
    if len(text) > LONGEST:
        refuse(name, f"is longer than {LONGEST} characters", "ask for a shorter one")
    parts = text.split(".")
    pieces = [piece for part in parts if (piece := decoded(part)) is not None]
    if len(parts) != 3 or len(pieces) != 3:
        refuse(name, "is not a compact JWS", "send one only, as it was made: three parts in base64url without padding, dots between")
    header, claims = _object(pieces[0], name, "header"), _object(pieces[1], name, "payload")
    foreign = [word for word in _REFUSED if word in header and not (embedded and word == "jwk")]
    if foreign:
        refuse(name, f"has {foreign[0]} in its header", "leave it out: keys are found by the issuer, and nothing here is optional")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        refuse(name, "is signed with an algorithm (alg) that is not accepted", f"sign with one of {', '.join(algorithms)}")
    return Signed(name, algorithm, header, claims, text.rpartition(".")[0].encode(), pieces[2])


def verify(signed: Signed, jwk: Jwk) -> None:
    """Raises Unauthenticated unless this public key, being one for this algorithm, made the signature."""
    key = _key(jwk)
    if key is None or not _fits(jwk, signed.algorithm):
        refuse(signed.name, "does not fit the key that it names", "sign with a key for this algorithm, published for signatures")
    if not _made(signed, key):
        refuse(signed.name, "has a signature that does not hold", "send it unchanged, as it was signed")


def usable(jwk: object) -> bool:
    """Whether a key of a JWKS can verify anything here. Others are none of our business (RFC 7517 5)."""
    return isinstance(jwk, Mapping) and _key(jwk) is not None and any(_fits(jwk, algorithm) for algorithm in ALGORITHMS)


def thumbprint(jwk: Jwk) -> str | None:
    """RFC 7638, SHA-256. None: not a public RSA or EC key by its members."""
    members = _members(jwk)
    if members is None:
        return None
    text = ",".join(f'"{name}":"{member}"' for name, member in zip(_MEMBERS[jwk["kty"]], members, strict=True))
    return encoded(hashlib.sha256(f"{{{text}}}".encode()).digest())


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text: str) -> bytes | None:
    """Base64url in the only spelling that these bytes have; None for anything else."""
    if not _TEXT.fullmatch(text) or len(text) % 4 == 1:
        return None
    value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return value if encoded(value) == text else None


def refuse(name: str, reason: str, remedy: str) -> NoReturn:
    raise Unauthenticated(f"the {name} {reason}", remedy) from None


def _object(body: bytes, name: str, part: str) -> Mapping[str, Any]:
    try:
        found = strict.load(body)
    except PayloadError:
        found = None
    if not isinstance(found, dict):
        refuse(name, f"has a {part} that is not one JSON object", "send strict JSON in UTF-8, each name once")
    return found


def _fits(jwk: Jwk, algorithm: str) -> bool:
    """Of that kind, and for verifying such signatures if it says what it is for."""
    kind, operations = "EC" if algorithm in _CURVE else "RSA", jwk.get("key_ops", ["verify"])
    if jwk["kty"] != kind or jwk.get("crv") != _CURVE.get(algorithm) or jwk.get("alg", algorithm) != algorithm:
        return False
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _key(jwk: Jwk) -> "RSAKey | ECKey | None":
    members = _members(jwk)
    return _imported(*members) if members else None


def _members(jwk: Jwk) -> tuple[str, ...] | None:
    """What makes the key itself; None if that is not a public key of a kind that verifies here."""
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _MEMBERS or _PRIVATE & jwk.keys():
        return None
    members = tuple(member for name in _MEMBERS[kind] if isinstance(member := jwk.get(name), str))
    return members if len(members) == len(_MEMBERS[kind]) else None


@lru_cache(maxsize=256)
def _imported(*members: str) -> "RSAKey | ECKey | None":
    """Importing costs about as much as verifying. What cannot be imported is remembered too."""
    try:
        return _rsa(*members) if len(members) == 3 else _ec(*members)
    except Exception:  # whatever a library says of numbers that are no key: they are no key
        return None


def _rsa(exponent: str, _kind: str, modulus: str) -> "RSAKey | None":
    from joserfc.jwk import RSAKey

    e, n = (int.from_bytes(decoded(text) or b"") for text in (exponent, modulus))
    if n.bit_length() not in _RSA_BITS or not n % 2 or not 2 < e < 2**32:
        return None
    return RSAKey.import_key({"kty": "RSA", "n": modulus, "e": exponent})


def _ec(curve: str, _kind: str, x: str, y: str) -> "ECKey | None":
    from joserfc.jwk import ECKey

    if any(len(decoded(text) or b"") != _CURVES.get(curve) for text in (x, y)):
        return None
    return ECKey.import_key({"kty": "EC", "crv": curve, "x": x, "y": y})


@cache
def registry() -> "JWSRegistry":
    from joserfc.jws import JWSRegistry

    return JWSRegistry(algorithms=ALGORITHMS)


def _made(signed: Signed, key: "RSAKey | ECKey") -> bool:
    try:
        return registry().get_alg(signed.algorithm).verify(signed.signed, signed.signature, key)
    except Exception:  # a signature that a library stumbles over is none
        return False
