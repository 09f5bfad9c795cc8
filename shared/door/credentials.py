"""What the hub shows a journal."""

import base64
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.access.register import Auth
from shared.domain.journal import Call
from shared.door import tls, tokens
from shared.door.tokens import NONCE, Token
from shared.door.wire import Heard, Reach
from shared.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Shown:
    """What goes along with one call."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | bool = True
    token: Token | None = None


async def show(hub: Reach, call: Call, auth: Auth | None, until: float) -> Shown:
    """That by which a journal knows us; nothing where it asks for nothing. `until`: of time.monotonic. Raises Unavailable."""
    if auth is None:
        return Shown()
    context = await tls.context(hub, auth)
    if not auth.client:
        return Shown(_static(hub, auth), context)
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
    tokens.holder(hub, auth).hear(call.url, heard)
    if heard.status != 401:
        return ""
    if NONCE in heard.headers.get("www-authenticate", "") and "dpop-nonce" in heard.headers:
        return "nonce"
    return "token" if tokens.drop(hub, auth, shown.token) else ""


def _static(hub: Reach, auth: Auth) -> dict[str, str]:
    if auth.scheme == "certificate":
        return {}
    secret = hub.settings.secret(auth.secrets[0])
    if secret is None:
        raise Unavailable("the endpoint's secret is not set")
    if auth.scheme == "basic":
        return {"Authorization": "Basic " + base64.b64encode(f"{auth.user}:{secret}".encode()).decode()}
    return {auth.profile: secret}
