"""A journal that takes VKP documents by HTTP push, as `docs/journals.md` says: POST {base}/{resource}, one document a call."""

from collections.abc import Mapping

import orjson

from shared.domain.journal import Call, JournalAdapter, Sending
from shared.errors import Refused, Unavailable

LATER = frozenset({408, 425, 429})  # and every 5xx: the same call may succeed later
AT_THE_DOOR = frozenset({425, 429})  # said before anything is stored; after the others it may stand in the journal all the same
HAVE_IT = 409  # "I have this document already": delivered
BAD = frozenset({"error", "fatal"})  # OperationOutcome.issue.severity of an answer that says 200 and means no


def request(sending: Sending) -> Call:
    """The same key on every attempt: the journal stores a document once however often it comes."""
    headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "Idempotency-Key": sending.key}
    return Call("POST", f"{sending.base.rstrip('/')}/{sending.resource}", headers, sending.document)


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """The journal's own name for what it stored, from Location."""
    if status in LATER or status >= 500:
        wish = _seconds(headers.get("retry-after", ""))
        raise Unavailable(f"the journal answered {status}", wish, unsure=status not in AT_THE_DOOR)
    if status < 300 and _page(body):
        raise Unavailable("the journal answered with a web page", unsure=True)
    if status == HAVE_IT or (status < 300 and not _failed(body)):
        return "".join(sign for sign in headers.get("location", "") if " " < sign <= "~")[:200]
    if status < 300:
        raise Refused("the journal answered with an OperationOutcome that says error", str(status))
    raise Refused(f"the journal answered {status}", str(status))


def _page(body: bytes) -> bool:
    """What a proxy, a log-in or a maintenance page says with a 200 is no journal's yes. (Some journals call everything text/html.)"""
    return body.lstrip()[:9].lower().startswith((b"<html", b"<!doctype"))


def _failed(body: bytes) -> bool:
    if b"OperationOutcome" not in body:
        return False
    try:
        answer = orjson.loads(body)
    except ValueError:
        return False
    issues = answer.get("issue") if isinstance(answer, dict) and answer.get("resourceType") == "OperationOutcome" else None
    listed = issues if isinstance(issues, list) else [issues]
    return any(isinstance(issue, dict) and issue.get("severity") in BAD for issue in listed)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


ADAPTER = JournalAdapter(name="bundle", request=request, verdict=verdict)
