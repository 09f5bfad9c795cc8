"""What the hub shows a journal."""

import base64
import hashlib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.access.register import Auth
from shared.access.signing import signed
from shared.domain.journal import Call
from shared.door import tls
from shared.door.wire import Heard, Reach
from shared.errors import Unavailable

if TYPE_CHECKING:
    from shared.door.tokens import Token


@dataclass(frozen=True, slots=True)
class Shown:
    """What goes along with one call."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | bool = True
    token: "Token | None" = None


async def show(hub: Reach, call: Call, auth: Auth | None, until: float) -> Shown:
    """That by which a journal knows us; nothing where it asks for nothing. `until`: of time.monotonic. Raises Unavailable."""
    if auth is None:
        return Shown()
    context = await tls.context(hub, auth)
    if not auth.client:
        return Shown(_static(hub, call, auth), context)
    from shared.door import tokens  # with the first one: what it signs with is half of a worker's own start

    token = await tokens.token(hub, auth, until - time.monotonic())
    known = tokens.holder(hub, auth)
    if not known.key:
        return Shown({"Authorization": f"Bearer {token.value}"}, context, token)
    proof = tokens.proof(hub, known, known.key, call, token.value)
    return Shown({"Authorization": f"DPoP {token.value}", "DPoP": proof}, context, token)


def renewed(hub: Reach, call: Call, auth: Auth | None, shown: Shown, heard: Heard) -> str:
    """Why the call may do better if it is made again ("nonce", "token"), "" if it may not. What the journal did not take is dropped."""
    if auth is None or shown.token is None:
        return ""
    from shared.door import tokens

    tokens.holder(hub, auth).hear(call.url, heard)
    if heard.status != 401:
        return ""
    if tokens.NONCE in heard.headers.get("www-authenticate", "") and "dpop-nonce" in heard.headers:
        return "nonce"
    return "token" if tokens.drop(hub, auth, shown.token) else ""


def _static(hub: Reach, call: Call, auth: Auth) -> Mapping[str, str]:
    if auth.scheme == "certificate":
        return {}
    secret = hub.settings.secret(auth.secrets[0])
    if secret is None:
        raise Unavailable(f"the setting {auth.secrets[0]} has no value here")
    if auth.scheme == "webhook":
        return _signed(hub, call, auth)
    if auth.scheme == "basic":
        return {"Authorization": "Basic " + base64.b64encode(f"{auth.user}:{secret}".encode()).decode()}
    return {auth.profile: secret}


def _signed(hub: Reach, call: Call, auth: Auth) -> Mapping[str, str]:
    """As Standard Webhooks, with each secret that has a value. The message's id is the call's key, else its body's hash."""
    values = [value for name in auth.secrets if (value := hub.settings.secret(name))]
    message = call.headers.get("Idempotency-Key") or hashlib.sha256(call.body).hexdigest()
    try:
        return signed(values, message, hub.clock(), call.body)
    except ValueError:
        raise Unavailable(f"of the settings {', '.join(auth.secrets)} one begins with whsec_ and is no base64 behind it") from None
