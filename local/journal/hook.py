"""The sandbox as a response centre: webhooks as adapters/epj/response_centre sends them. Nothing of the adapter is here."""

import json
from collections.abc import Collection, Mapping
from decimal import Decimal

from local.journal.store import RESOURCES
from shared import fhir
from shared.access.rows import Auth, Sender
from shared.access.signature import authenticate
from shared.errors import Unauthenticated

RESOURCE = "webhook"
HUB = Sender("hub", "", "", (), Auth("hmac", "standard-webhooks", "", ("SECRET",)), True)


def opened(body: bytes) -> tuple[str, bytes]:
    """The document's type and the document; what is no such webhook stays as it is, and is no document."""
    try:
        told = json.loads(body, parse_float=Decimal)
        kind, document = told["type"].partition(".")[2], fhir.serialise(told["data"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "bundle", body
    return (kind, document) if kind in RESOURCES else ("bundle", body)


def holds(secret: str, headers: Mapping[str, str], body: bytes, now: float, modes: Collection[str]) -> bool:
    """Whether a call is signed with the secret. `headers`: names in lower case. `modes`: how it looks at it amiss."""
    if "stale" in modes and headers.get("webhook-timestamp", "").isdecimal():
        now = float(headers["webhook-timestamp"])
    if "one-signature" in modes:
        headers = {**headers, "webhook-signature": headers.get("webhook-signature", "").partition(" ")[0]}
    try:
        authenticate([HUB], {"SECRET": secret}.get, headers, _written_anew(body) if "parsed" in modes else body, now)
    except Unauthenticated:
        return False
    return True


def _written_anew(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError:
        return body
