"""A journal without FHIR that takes notes in JSON, as `docs/notes.md` says: POST {base}, one note a call; GET {base}/{key} asks for one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from adapters.epj.note.writing import written
from shared.domain.answer import HAVE_IT, NOT_TO_BE_ASKED, heed, heed_page, own_name
from shared.domain.journal import Call, JournalAdapter, Sending
from shared.errors import Refused
from shared.fhir.refusal import says_no

NOT_THERE = NOT_TO_BE_ASKED | {410}  # to the question: "I do not have it", or "I am not to be asked"


def request(sending: Sending) -> Call:
    """Refused: there is nothing in the document that can be told, or it is about nobody."""
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": sending.key}
    return Call("POST", sending.base.rstrip("/"), headers, orjson.dumps(written(sending)))


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """The journal's own name for the note: `id` of its answer, or Location."""
    heed(status, headers)
    answer = _object(body)
    if status >= 300 and status != HAVE_IT:
        raise Refused(f"the journal answered {status}", str(status))
    if status < 300:
        heed_page(body)
        if says_no(answer):
            raise Refused("the journal answered with an OperationOutcome that says error", str(status))
    return _name(answer) or own_name(headers.get("location", ""))


def ask(sending: Sending) -> Call:
    return Call("GET", f"{sending.base.rstrip('/')}/{quote(sending.key, safe='')}", {"Accept": "application/json"}, b"")


def has(sending: Sending, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Only an answer that repeats the key says yes: a login page says 200 too."""
    if status in NOT_THERE:
        return None
    heed(status, headers)
    answer = _object(body)
    if 200 <= status < 300 and answer.get("key") == sending.key:
        return _name(answer)
    raise Refused(f"the journal answered {status} to whether it has a note, without its key", str(status))


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _name(answer: Mapping[str, Any]) -> str:
    name = answer.get("id")
    return own_name(str(name)) if isinstance(name, str | int) and not isinstance(name, bool) else ""


ADAPTER = JournalAdapter(name="note", request=request, verdict=verdict, ask=ask, has=has)
