"""The other side of `shared/access/signature`: what a demo sender puts in its headers. For scripts on this machine."""

import base64
import hmac
import secrets
import time
from collections.abc import Mapping

from shared.access.rows import Auth
from shared.access.signature import PROFILES, HmacProfile


def new_secret(auth: Auth) -> str:
    """A random secret of the kind that the scheme uses."""
    profile = PROFILES.get(auth.profile)
    if auth.scheme == "hmac" and profile is not None and profile.whsec:
        return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)


def headers(auth: Auth, secret: str, body: bytes, message: str = "", now: float | None = None) -> Mapping[str, str]:
    """The headers that prove who sends `body`; for a GET the body is its path. `message` is the id that some profiles sign too."""
    if auth.scheme == "header":
        return {auth.profile: secret}
    if auth.scheme == "basic":
        return {"authorization": "Basic " + base64.b64encode(f"{auth.user}:{secret}".encode()).decode()}
    return _signed(PROFILES[auth.profile], secret, body, message or secrets.token_hex(8), time.time() if now is None else now)


def _signed(profile: HmacProfile, secret: str, body: bytes, message: str, now: float) -> Mapping[str, str]:
    timestamp = str(int(now * profile.unit))
    key = base64.b64decode(secret.removeprefix("whsec_")) if profile.whsec and secret.startswith("whsec_") else secret.encode()
    mac = hmac.digest(key, profile.signed.format(id=message, timestamp=timestamp).encode() + body, "sha256")
    signature = profile.prefix + profile.encode(mac).decode()
    if profile.signed and not profile.timestamp:
        signature = f"t={timestamp}{profile.separator}{signature}"
    named = {profile.signature: signature, profile.timestamp: timestamp, profile.id: message}
    return {name: value for name, value in named.items() if name}
