"""Signing what we send as Standard Webhooks (domain/security.md 1): the other side of `signature`. Pure."""

import base64
import hmac
from collections.abc import Mapping, Sequence

from shared.access.secret import in_bytes


def signed(secrets: Sequence[str], message: str, now: float, body: bytes) -> Mapping[str, str]:
    """The headers. `message`: its id, the same at every attempt, without a dot; several secrets, while one is changed, sign side by side.

    A secret that begins with whsec_ is base64 behind that, and any other is the key as it stands. ValueError: it is no base64.
    """
    timestamp = str(int(now))
    content = in_bytes(f"{message}.{timestamp}.") + body
    signatures = (base64.b64encode(hmac.digest(_key(secret), content, "sha256")).decode() for secret in secrets)
    told = " ".join(f"v1,{signature}" for signature in signatures)
    return {"webhook-id": message, "webhook-timestamp": timestamp, "webhook-signature": told}


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else in_bytes(secret)
