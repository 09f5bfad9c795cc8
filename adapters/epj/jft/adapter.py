"""NHN's Journalføringstjenesten (vkp.md 1.12): POST {base}/v1/{type}, and GET of the address that it names until the journal has it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import orjson

from shared.domain.answer import HAVE_IT, heed, heed_page
from shared.domain.journal import Call, Fate, JournalAdapter, Sending
from shared.domain.national import WRITES
from shared.errors import Refused, Unavailable

LARGEST = 1024 * 1024  # bytes; NHN says about 1 MB
JOURNALED = ("journalingAcknowledged", "journaled")  # as its newer and its older text have it


def request(sending: Sending) -> Call:
    """Refused: it would be too large there."""
    if sending.resource not in WRITES:
        raise Refused("no journal takes resources of this type")
    if len(sending.document) > LARGEST:
        raise Refused(f"the document is larger than the {LARGEST} bytes that Journalføringstjenesten takes")
    headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "Idempotency-Key": sending.key}
    if sending.source:
        headers["nhn-source-system"] = sending.source
    return Call("POST", f"{sending.base.rstrip('/')}/v1/{WRITES[sending.resource]}", headers, sending.document)


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Where its status stands. A yes without that address could not be followed, and is none."""
    heed(status, headers)
    if status < 300:
        heed_page(body)
    elif status != HAVE_IT:
        raise Refused(f"Journalføringstjenesten answered {status}", str(status))
    where = headers.get("location", "")
    if status != HAVE_IT and not where:
        raise Refused("Journalføringstjenesten took the document and did not say where its status stands", str(status))
    return where if len(where) <= 500 and where.isascii() and where.isprintable() else ""


def follow(base: str, name: str) -> Call:
    """Refused: the address leads away from the base, and would be shown our token."""
    home, there = urlsplit(f"{base.rstrip('/')}/"), urlsplit(urljoin(f"{base.rstrip('/')}/", name))
    inside = (there.scheme, there.netloc) == (home.scheme, home.netloc) and there.path.startswith(f"{home.path}v1/")
    if not inside or ".." in there.path or "%2e" in there.path.lower() or there.query or there.fragment:
        raise Refused("the address of the document's status leads away from Journalføringstjenesten")
    return Call("GET", there.geturl(), {"Accept": "application/json"}, b"")


def followed(status: int, headers: Mapping[str, str], body: bytes) -> Fate:
    """What has happened to the document. Unavailable: not told now. Refused: it does not have the document."""
    heed(status, headers)
    if status >= 300:
        raise Refused(f"asked for the document's status, Journalføringstjenesten answered {status}", str(status))
    try:
        told = orjson.loads(body)
        read, failed = _time(told.get("read")), _time(told.get("failed"))
        journaled = next((at for word in JOURNALED if (at := _time(told.get(word)))), 0.0)
    except (ValueError, AttributeError, TypeError):
        raise Unavailable("the answer is no status of a document") from None
    return Fate(read, journaled, failed)


def _time(value: object) -> float:
    """Seconds since 1970; 0 for null. A time without offset is taken as UTC."""
    if value is None:
        return 0.0
    if not isinstance(value, str):
        raise TypeError
    at = datetime.fromisoformat(value)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


ADAPTER = JournalAdapter(name="jft", request=request, verdict=verdict, follow=follow, followed=followed)
