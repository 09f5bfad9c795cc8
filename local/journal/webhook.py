"""A response centre's door: a document in a webhook, as adapters/epj/response_centre sends it. Its signature is not looked at here."""

import re

from local.journal.store import RESOURCES

RESOURCE = "webhook"
_WEBHOOK = re.compile(rb'\{"type":"(?:alert|event)\.([a-z]+)","data":(.*)\}', re.DOTALL)


def opened(body: bytes) -> tuple[str, bytes]:
    """The resource as paths name it, and the document as it came, digit by digit; what is no webhook is no bundle either."""
    found = _WEBHOOK.fullmatch(body)
    resource = found[1].decode() if found else ""
    return (resource, found[2]) if found and resource in RESOURCES else ("bundle", body)
