"""DPoP proofs (RFC 9449 4.3, security.md 3): the sender of this very request holds the key that its access token is bound to. Pure.

That a proof is used once only is for the caller to see to: `Proof.key` goes to `storage.replays`, once everything else has held.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.access import jose
from shared.access.issuer import ALGORITHMS
from shared.access.jose import refuse
from shared.access.token import number

OLDEST, SKEW = 10.0, 5.0  # seconds: how long a proof is good for, and how far clocks may be apart
LONGEST_ID = 128
_NAME = "DPoP proof"
_NEW = "make a new proof for every request"
_URL = re.compile(  # RFC 3986, http and https only, no user: ASCII throughout, or a proof could be for two addresses
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>(?:/(?:[a-z0-9._~!$&'()*+,;=:@-]|%[0-9a-f]{2})*)*)(?:[?#][!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds. `key` stands for it in the replay store (a hash); `issued_at` is its own, seconds since 1970."""

    key: str
    issued_at: float


def verify(proof: str, token: str, method: str, url: str, now: float, thumbprint: str) -> Proof:
    """The proof, if it is one of this token for this request. `proof`: the header DPoP; `url`: the public address and path that was called;
    `thumbprint`: what the token is bound to. Raises Unauthenticated."""
    if not thumbprint:
        refuse("access token", "is not bound to a key (cnf.jkt)", "ask the issuer for a DPoP token")
    signed = jose.read(proof, ALGORITHMS, _NAME, embedded=True)
    if signed.header.get("typ") != "dpop+jwt":
        refuse(_NAME, "is not one by its type (typ)", "send a proof with typ dpop+jwt")
    jwk = signed.header.get("jwk")
    if not isinstance(jwk, dict) or jose.thumbprint(jwk) != thumbprint:
        refuse(
            _NAME, "does not have the public key (jwk) that the access token is bound to", "sign with the key that the token was got with"
        )
    jose.verify(signed, jwk)
    _for_this(signed.claims, token, method, url)
    return Proof(_key(signed.claims, thumbprint), _fresh(signed.claims, now))


def _for_this(claims: Mapping[str, Any], token: str, method: str, url: str) -> None:
    if claims.get("htm") != method:
        refuse(_NAME, "is for another method (htm)", _NEW)
    meant, called = claims.get("htu"), normal(url)
    if called is None or not isinstance(meant, str) or normal(meant) != called:
        refuse(_NAME, "is for another address (htu)", "name the address that was called, as the public knows it, without query")
    if claims.get("ath") != jose.encoded(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()):
        refuse(_NAME, "is for another access token (ath)", _NEW)


def _fresh(claims: Mapping[str, Any], now: float) -> float:
    issued = number(claims.get("iat"))
    if issued is None or not -SKEW <= now - issued <= OLDEST + SKEW:
        refuse(_NAME, f"was not made within the last {OLDEST + SKEW:.0f} seconds (iat)", f"{_NEW}, and check the clock")
    return issued


def _key(claims: Mapping[str, Any], thumbprint: str) -> str:
    name = claims.get("jti")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID or not name.isprintable():
        refuse(_NAME, "has no id (jti)", f"give every proof its own, a text of 1 to {LONGEST_ID} characters")
    return hashlib.sha256(f"{thumbprint} {name}".encode()).hexdigest()


def normal(url: str) -> str | None:
    """An address as RFC 3986 6.2 writes it, without query and fragment. None: not one of http or https, or with a user in it."""
    found = _URL.fullmatch(url)
    if not found:
        return None
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"] or _DEFAULT_PORT[scheme])
    path = _without_dots(_PERCENT.sub(_plain, found["path"]))
    return f"{scheme}://{host}{path}" if port == _DEFAULT_PORT[scheme] else f"{scheme}://{host}:{port}{path}"


def _plain(escaped: re.Match[str]) -> str:
    """An escape that need not be one is none; the others have capital letters."""
    letter = chr(int(escaped[1], 16))
    return letter if _UNRESERVED.fullmatch(letter) else escaped[0].upper()


def _without_dots(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/")[1:]:
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    ends_in_dots = path.rpartition("/")[2] in (".", "..")
    return "/" + "/".join([*parts, ""] if ends_in_dots else parts)
