"""A journal that takes VKP documents by HTTP push, as `docs/journals.md` says: POST {base}/{resource}, one document a call."""

from collections.abc import Mapping

import orjson

from shared.domain.answer import HAVE_IT, heed, heed_page, own_name
from shared.domain.journal import Call, JournalAdapter, Sending
from shared.errors import Refused
from shared.fhir.refusal import says_no


def request(sending: Sending) -> Call:
    """The same key on every attempt: the journal stores a document once however often it comes."""
    headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "Idempotency-Key": sending.key}
    return Call("POST", f"{sending.base.rstrip('/')}/{sending.resource}", headers, sending.document)


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """The journal's own name for what it stored, from Location."""
    heed(status, headers)
    if status >= 300 and status != HAVE_IT:
        raise Refused(f"the journal answered {status}", str(status))
    if status < 300:
        heed_page(body)
        _heed_outcome(status, body)
    return own_name(headers.get("location", ""))


def _heed_outcome(status: int, body: bytes) -> None:
    if b"OperationOutcome" not in body:
        return
    try:
        answer = orjson.loads(body)
    except ValueError:
        return
    if says_no(answer):
        raise Refused("the journal answered with an OperationOutcome that says error", str(status))


ADAPTER = JournalAdapter(name="bundle", request=request, verdict=verdict)
