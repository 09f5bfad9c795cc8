"""Access tokens: who has been let in by an issuer whom this hub believes, and to do what. Pure.

`look` says whose key is needed before anything is fetched; `verify` believes nothing before that key has proved it. The rules are RFC 9068,
RFC 8725 and HelseID's (vkp.md 1.6), narrowed: our audience must be the only one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeGuard

from shared.access import jose
from shared.access.issuer import ALGORITHMS, LONGEST_NAME, Issuer
from shared.access.jose import Jwk, refuse

TYPES = ("at+jwt", "application/at+jwt", "jwt")  # not dpop+jwt, client-authentication+jwt, logout+jwt ...
_NAME = "access token"
_LATEST = 1e11  # seconds: the year 5138; above it somebody writes milliseconds, and the token would never end
_AGAIN = "ask the issuer for a new token"

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that nobody has checked yet: whose it says it is. `kid`: "" if it names no key."""

    issuer: Issuer
    kid: str
    signed: jose.Signed


@dataclass(frozen=True, slots=True)
class Claims:
    """What a checked token says."""

    issuer: str
    sender: str = field(repr=False)  # the vkp-id; a person's number where a person is at the door
    client: str
    scopes: frozenset[str]  # without the issuer's prefix: patient.read, bundle.*
    thumbprint: str = field(repr=False)  # of the key that a DPoP token is bound to; "" = a bearer token
    expires: float  # seconds since 1970


def look(token: str, issuers: Sequence[Issuer]) -> Presented:
    """Whose token it says it is. Raises Unauthenticated if it cannot be one, or is from none of these issuers."""
    signed = jose.read(token, ALGORITHMS, _NAME)
    kind, kid = signed.header.get("typ"), signed.header.get("kid", "")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        refuse(_NAME, "is not one by its type (typ)", "send an access token, with typ at+jwt or JWT")
    if kid != "" and not _is_name(kid):
        refuse(_NAME, "has a key id (kid) that is none", f"name the key by a text of at most {LONGEST_NAME} characters")
    issuer = next((one for one in issuers if one.issuer == signed.claims.get("iss")), None)
    if issuer is None:
        refuse(_NAME, "is from an issuer (iss) that this hub does not know", "get one from an issuer that the hub's operator has entered")
    if signed.algorithm not in issuer.algorithms:
        refuse(_NAME, "is signed with an algorithm (alg) that this issuer may not use", f"sign with one of {', '.join(issuer.algorithms)}")
    return Presented(issuer, kid, signed)


def verify(presented: Presented, jwk: Jwk, now: float) -> Claims:
    """What the token says, if `jwk`, its issuer's key, signed it and it holds `now` (seconds since 1970). Raises Unauthenticated."""
    jose.verify(presented.signed, jwk)
    issuer, claims = presented.issuer, presented.signed.claims
    if not _only(claims.get("aud"), issuer.audience):
        refuse(_NAME, "is not for this hub alone (aud)", f"ask for one with the single audience {issuer.audience}")
    expires = _timely(claims, issuer.leeway, now)
    if issuer.method_claim and not _only(claims.get(issuer.method_claim), issuer.method):
        refuse(_NAME, f"does not say that the client proved itself as it must ({issuer.method_claim})", f"use {issuer.method}")
    if issuer.level_claim and not _only(claims.get(issuer.level_claim), issuer.level):
        refuse(_NAME, f"does not say that the person proved who they are at level {issuer.level}", "log in at that level")
    return Claims(
        issuer=issuer.issuer,
        sender=_name(claims, issuer.sender_claim),
        client=_name(claims, issuer.client_claim),
        scopes=_scopes(claims, issuer),
        thumbprint=_thumbprint(claims),
        expires=expires,
    )


def number(value: object) -> float | None:
    """Seconds since 1970 out of strict JSON (whole numbers or Decimal, no booleans); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return float(value) if -_LATEST < value < _LATEST else None


def _timely(claims: Values, leeway: float, now: float) -> float:
    """When it ends."""
    times = {name: number(claims[name]) for name in ("exp", "nbf", "iat") if name in claims}
    known = {name: value for name, value in times.items() if value is not None}
    expires = known.get("exp")
    if expires is None or len(known) < len(times):
        refuse(_NAME, "has no exp, or a time that is no number of seconds", "send exp, and nbf and iat if any, in seconds since 1970")
    if now >= expires + leeway:
        refuse(_NAME, "has expired (exp)", _AGAIN)
    if any(known.get(name, now) > now + leeway for name in ("nbf", "iat")):
        refuse(_NAME, "is not valid yet (nbf, iat)", "wait until it is, and have the clocks checked")
    return expires


def _only(value: object, expected: str) -> bool:
    return value == expected or value == [expected]


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def _name(claims: Values, claim: str) -> str:
    value = claims.get(claim)
    if not _is_name(value):
        refuse(
            _NAME, f"lacks {claim}, or it is no text of 1 to {LONGEST_NAME} characters", "have the issuer put it into the client's tokens"
        )
    return value


def _scopes(claims: Values, issuer: Issuer) -> frozenset[str]:
    """Those for this hub; none is no fault here: then nothing is allowed."""
    value = claims.get(issuer.scope_claim, [])
    scopes = value.split(" ") if isinstance(value, str) else value
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        refuse(_NAME, f"has a {issuer.scope_claim} that is no text and no list of texts", "write scopes with spaces between, or as a list")
    prefix = issuer.scope_prefix
    return frozenset(short for scope in scopes if scope.startswith(prefix) and (short := scope.removeprefix(prefix)))


def _thumbprint(claims: Values) -> str:
    """A binding that we cannot check, as to a client's certificate, must not be taken for none."""
    if "cnf" not in claims:
        return ""
    bound = claims["cnf"]
    value = bound.get("jkt") if isinstance(bound, dict) and len(bound) == 1 else None
    if not isinstance(value, str) or len(jose.decoded(value) or b"") != 32:
        refuse(_NAME, "is bound (cnf) to something other than a DPoP key", "ask for a DPoP token or a bearer token")
    return value
