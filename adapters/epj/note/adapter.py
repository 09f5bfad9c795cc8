"""A journal without FHIR that takes notes in JSON, as `docs/notes.md` says: POST {base}, one note a call; GET {base}/{key} asks for one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from adapters.epj.note.writing import written
from shared.domain.journal import Call, JournalAdapter, Sending
from shared.errors import Refused, Unavailable

LATER = frozenset({408, 425, 429})  # and every 5xx: the same call may succeed later
AT_THE_DOOR = frozenset({425, 429})  # said before anything is stored; after the others it may stand in the journal all the same
HAVE_IT = 409  # "I have this note already": delivered
GONE = frozenset({404, 410})  # to the question: "I do not have it"
BAD = ("error", "fatal")  # OperationOutcome.issue.severity of what stands before a journal, and means no with status 200


def request(sending: Sending) -> Call:
    """Refused: there is nothing in the document that can be told, or it is about nobody."""
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": sending.key}
    return Call("POST", sending.base.rstrip("/"), headers, orjson.dumps(written(sending)))


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """The journal's own name for the note: `id` of its answer, or Location."""
    _later(status, headers)
    answer = _object(body)
    if status != HAVE_IT and not 200 <= status < 300:
        raise Refused(f"the journal answered {status}", str(status))
    if status != HAVE_IT and _failed(answer):
        raise Refused("the journal answered with an OperationOutcome that says error", str(status))
    return _name(answer) or _seen(headers.get("location", ""))


def ask(sending: Sending) -> Call:
    return Call("GET", f"{sending.base.rstrip('/')}/{quote(sending.key, safe='')}", {"Accept": "application/json"}, b"")


def has(sending: Sending, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Only an answer that repeats the key says yes: a login page says 200 too."""
    _later(status, headers)
    answer = _object(body)
    if status in GONE:
        return None
    if 200 <= status < 300 and answer.get("key") == sending.key:
        return _name(answer)
    raise Refused(f"the journal answered {status} to whether it has a note, without its key", str(status))


def _later(status: int, headers: Mapping[str, str]) -> None:
    if status in LATER or status >= 500:
        wish = _seconds(headers.get("retry-after", ""))
        raise Unavailable(f"the journal answered {status}", wish, unsure=status not in AT_THE_DOOR)


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _failed(answer: Mapping[str, Any]) -> bool:
    issues = answer.get("issue") if answer.get("resourceType") == "OperationOutcome" else None
    listed = issues if isinstance(issues, list) else [issues]
    return any(isinstance(issue, dict) and issue.get("severity") in BAD for issue in listed)


def _name(answer: Mapping[str, Any]) -> str:
    name = answer.get("id")
    return _seen(str(name)) if isinstance(name, str | int) and not isinstance(name, bool) else ""


def _seen(text: str) -> str:
    return "".join(sign for sign in text if " " < sign <= "~")[:200]


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


ADAPTER = JournalAdapter(name="note", request=request, verdict=verdict, ask=ask, has=has)
