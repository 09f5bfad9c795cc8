"""Did this request come from the sender it says it comes from? Bytes in, a `Sender` or `Unauthenticated` out; no I/O, no clock.

Three schemes: a static secret in a header, Basic, and HMAC by a row of `PROFILES`. What holds for all of them:

- what was sent is compared, in constant time, as text with the text that we expect: nothing from outside is ever decoded, so a
  malformed signature cannot raise, and `=AAAA` after a good one is simply another text;
- every candidate, every secret and every sender is compared, also after a match: the time taken says nothing about which it was;
- a secret that is not set never matches anything;
- reasons name a header and what was expected there, never what stood there.

Profiles without a timestamp cannot see a replay: that is caught by the message's own id (`flow/receive`).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from shared.access.rows import Auth, Sender
from shared.access.secret import among, digest, in_bytes
from shared.errors import Unauthenticated

TOLERANCE = 300.0  # seconds, both ways: Standard Webhooks, Stripe and Terra say the same
MOST_SIGNATURES = 8  # a sender that changes its secret sends two
LONGEST_HEADER = 2048

Headers = Mapping[str, str]
Encode = Callable[[bytes], bytes]


class Parts(NamedTuple):
    """What a profile finds in the headers: the signatures offered, and what was signed before the body."""

    candidates: Sequence[str]
    timestamp: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class HmacProfile:
    """How one kind of sender signs with HMAC-SHA256."""

    signature: str  # the header with the signature
    encode: Encode
    prefix: str = ""  # what stands before each signature
    separator: str = ""  # what stands between several; a comma says that the time stands among them, as in t=...,v1=...
    timestamp: str = ""  # the header with the time
    id: str = ""  # the header with the message's id
    signed: str = ""  # what is signed before the body
    unit: int = 1  # how many of the timestamp's units make a second
    whsec: bool = False  # a secret that starts so is base64 (Standard Webhooks); elsewhere, as with Stripe, it is the key as it stands


class Fault(NamedTuple):
    """Why one sender's check failed. Of several senders' faults the one that got furthest is told."""

    rank: int
    reason: str
    remedy: str


def _base64(mac: bytes) -> bytes:
    return base64.b64encode(mac)


def _hex(mac: bytes) -> bytes:
    return mac.hex().encode()


def _upper_hex(mac: bytes) -> bytes:
    return mac.hex().upper().encode()


def _standard(name: str) -> HmacProfile:
    row = HmacProfile(f"{name}-signature", _base64, "v1,", " ", signed="{id}.{timestamp}.", whsec=True)
    return replace(row, timestamp=f"{name}-timestamp", id=f"{name}-id")


def _paired(name: str) -> HmacProfile:
    return HmacProfile(f"{name}-signature", _hex, "v1=", ",", signed="{timestamp}.")


PROFILES: Mapping[str, HmacProfile] = {  # domain/devices.md 3. Fitbit (HMAC-SHA1) is left out: switched off in November 2026
    "standard-webhooks": _standard("webhook"),  # v1,<base64> of id.timestamp.body; v1a (ed25519) is skipped
    "svix": _standard("svix"),  # the same under its older name: Junction
    "terra": _paired("terra"),  # t=<s>,v1=<hex>,v0=...
    "stripe": _paired("stripe"),
    "oura": HmacProfile("x-oura-signature", _upper_hex, timestamp="x-oura-timestamp", signed="{timestamp}"),
    "whoop": HmacProfile("x-whoop-signature", _base64, timestamp="x-whoop-signature-timestamp", signed="{timestamp}", unit=1000),
    "nuki": HmacProfile("x-nuki-signature-sha256", _hex),  # it sends the older x-nuki-signature too
    "suunto": HmacProfile("x-hmac-sha256-signature", _hex),
    "polar": HmacProfile("polar-webhook-signature", _hex),
    "github": HmacProfile("x-hub-signature-256", _hex, "sha256="),
    "shopify": HmacProfile("x-shopify-hmac-sha256", _base64),
}
_TIMESTAMP = {1: re.compile(r"[0-9]{1,12}"), 1000: re.compile(r"[0-9]{1,15}")}  # ASCII digits only: int() reads "1_6", "+16", "١٦" too
_ID = re.compile(r"[!-\-/-~]{1,256}")  # no dot: it would move the borders in id.timestamp.body

_MISSING = 1  # the rank of a request without any proof of a sender's kind
_ABSENT = Fault(_MISSING, "", "")  # what to say of it hangs on all senders: see _nothing
_NOBODY = Fault(0, "no sender is registered here", "register the sender for this municipality and adapter")
_MISMATCH = Fault(
    5,
    "the credentials do not match",
    "check the secret, sign the bytes exactly as they are sent, and ask the municipality whether your secret is set",
)


def authenticate(senders: Sequence[Sender], secret: Callable[[str], str | None], headers: Headers, body: bytes, now: float) -> Sender:
    """The first of `senders` whose proof holds; whether it and its municipality are active is the caller's to ask.

    `secret` gives the value of a named secret, None if it is not set; `headers` has names in lower case; `now` is seconds since 1970.
    A request without a body (GET of a receipt) is signed over its path: hand that in as `body`.
    """
    found, nearest = None, _NOBODY
    for sender in senders:
        fault = _check(sender.auth, [value for name in sender.auth.secrets if (value := secret(name))], headers, body, now)
        if fault is None:
            found = found or sender
        elif fault.rank > nearest.rank:
            nearest = fault
    if found is None:
        nearest = _nothing([sender.auth for sender in senders]) if nearest.rank == _MISSING else nearest
        raise Unauthenticated(nearest.reason, nearest.remedy, basic=any(sender.auth.scheme == "basic" for sender in senders))
    return found


def _nothing(ways: Sequence[Auth]) -> Fault:
    """No proof of any kind: what would be one here. Header names are no secrets."""
    names = sorted(filter(None, {_header(auth) for auth in ways}))
    if len(names) == 1:
        return Fault(_MISSING, f"the header {names[0]} is missing", f"send your credentials in the header {names[0]}")
    told = ", ".join(names)
    return Fault(_MISSING, f"no credentials: none of the headers {told} is there", "send the one agreed with the municipality")


def _header(auth: Auth) -> str:
    if auth.scheme == "hmac":
        return PROFILES[auth.profile].signature if auth.profile in PROFILES else ""
    return {"basic": "authorization", "token": "authorization", "header": auth.profile}.get(auth.scheme, "")


def _check(auth: Auth, secrets: Sequence[str], headers: Headers, body: bytes, now: float) -> Fault | None:
    if auth.scheme == "hmac":
        return _check_hmac(PROFILES.get(auth.profile), secrets, headers, body, now)
    if auth.scheme == "basic":
        return _check_static("authorization", [_basic(auth.user, value) for value in secrets], headers)
    if auth.scheme == "header":
        return _check_static(auth.profile, [digest(value) for value in secrets], headers)
    return _ABSENT if auth.scheme == "token" else _NOBODY  # a register written by a newer version: closed, not open


def _check_static(header: str, expected: Sequence[bytes], headers: Headers) -> Fault | None:
    """Digests are compared, being of equal length: not even the secret's length shows."""
    given = headers.get(header)
    if not given:
        return _ABSENT
    if header == "authorization" and given[:6].lower() == "basic ":  # the scheme's name is case-insensitive (RFC 9110)
        given = "Basic " + given[6:]
    return None if among(expected, given) else _MISMATCH


@lru_cache(maxsize=4096)
def _basic(user: str, password: str) -> bytes:
    return hashlib.sha256(b"Basic " + base64.b64encode(in_bytes(f"{user}:{password}"))).digest()


def _check_hmac(profile: HmacProfile | None, secrets: Sequence[str], headers: Headers, body: bytes, now: float) -> Fault | None:
    if profile is None:
        return _NOBODY
    parts = _parts(profile, headers)
    if isinstance(parts, Fault):
        return parts
    signed = in_bytes(profile.signed.format(id=parts.id, timestamp=parts.timestamp)) + body
    expected = [profile.encode(hmac.digest(key, signed, "sha256")) for value in secrets if (key := _key(profile, value))]
    offered = [in_bytes(candidate) for candidate in parts.candidates]
    matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in offered]
    if not any(matches):
        return _MISMATCH
    return _stale(profile, parts.timestamp, now)


def _stale(profile: HmacProfile, timestamp: str, now: float) -> Fault | None:
    if not profile.signed or abs(now - int(timestamp) / profile.unit) <= TOLERANCE:
        return None
    where = profile.timestamp or profile.signature
    return Fault(6, f"the time in {where} is more than {TOLERANCE:.0f} s from ours", "sign every attempt anew, and check the clock")


def _parts(profile: HmacProfile, headers: Headers) -> Parts | Fault:
    """What the headers hold, or what is wrong with the first of them that is not what the profile demands."""
    given = headers.get(profile.signature)
    if not given:
        begun = any(headers.get(name) for name in (profile.timestamp, profile.id) if name)  # signs so, but not all of it came
        return Fault(2, f"the header {profile.signature} is missing", "sign the request as its profile says") if begun else _ABSENT
    pieces = given.split(profile.separator, MOST_SIGNATURES + 1) if profile.separator else [given]
    if len(pieces) > MOST_SIGNATURES or len(given) > LONGEST_HEADER:
        return Fault(2, f"{profile.signature} holds more than {MOST_SIGNATURES} signatures", "send only those in use")
    candidates = [piece.removeprefix(profile.prefix) for piece in pieces if piece.startswith(profile.prefix)]
    if not candidates:
        return Fault(2, f"{profile.signature} holds no signature that we know", f"send it as {profile.prefix}<signature>")
    return _dated(profile, Parts(candidates), pieces, headers)


def _dated(profile: HmacProfile, parts: Parts, pieces: Sequence[str], headers: Headers) -> Parts | Fault:
    """The parts with their time and id, where the profile has such."""
    if not profile.signed:
        return parts
    timestamp = headers.get(profile.timestamp, "") if profile.timestamp else _time_among(pieces)
    if not _TIMESTAMP[profile.unit].fullmatch(timestamp):
        where = profile.timestamp or f"t= in {profile.signature}"
        return Fault(3, f"{where} is missing or no whole number", "send the time once, in digits, counted from 1970 UTC")
    message = headers.get(profile.id, "") if profile.id else ""
    if profile.id and not _ID.fullmatch(message):
        return Fault(3, f"{profile.id} is missing or malformed", "send an id of visible ASCII without dots, at most 256 long")
    return parts._replace(timestamp=timestamp, id=message)


def _time_among(pieces: Sequence[str]) -> str:
    """The time in `t=...,v1=...`; none if there are several, since only one of them was signed."""
    times = [piece.removeprefix("t=") for piece in pieces if piece.startswith("t=")]
    return times[0] if len(times) == 1 else ""


def _key(profile: HmacProfile, value: str) -> bytes:
    """The bytes of a secret; none if it cannot be one, and then nothing matches."""
    if not (profile.whsec and value.startswith("whsec_")):
        return in_bytes(value)
    try:
        return base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return b""
