"""A response centre that takes alerts as webhooks: POST {base}, a document a call, signed as Standard Webhooks (the register's auth)."""

from collections.abc import Mapping

from shared.domain.answer import HAVE_IT, heed, heed_page, own_name
from shared.domain.journal import Call, JournalAdapter, Sending
from shared.domain.message import Lane
from shared.errors import Refused

TYPES = {Lane.ALARM: b"alert", Lane.ROUTINE: b"event"}


def request(sending: Sending) -> Call:
    """The document stands in `data` as it is, byte by byte: decimals keep their digits. Its key becomes the webhook-id."""
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": sending.key}
    body = b'{"type":"%b.%b","data":%b}' % (TYPES[sending.lane], sending.resource.encode(), sending.document)
    return Call("POST", sending.base, headers, body)


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Any 2xx is a yes (Standard Webhooks 1.0), but for a web page. 410, "send no more", refuses like any other 4xx: a human must know."""
    heed(status, headers)
    if status >= 300 and status != HAVE_IT:
        raise Refused(f"the response centre answered {status}", str(status))
    if status < 300:
        heed_page(body)
    return own_name(headers.get("location", ""))


ADAPTER = JournalAdapter(name="response_centre", request=request, verdict=verdict, acknowledges=True)
