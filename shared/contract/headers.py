"""The headers of the contract, as OpenAPI has them."""

from typing import Any

from shared.access.permission import HEADER, MOST_CODES
from shared.contract.examples import CORRELATION, WHERE
from shared.domain.fetching import ASCENDING, DESCENDING, MOST, TAG, USUAL
from shared.domain.national import SERVICE_CODES

Json = dict[str, Any]

_UUID: Json = {"type": "string", "format": "uuid"}
_CODES = ", ".join(f"`{code}` {name}" for code, name in SERVICE_CODES.items())
_CODE = "[A-Za-z0-9_-]{1,20}"
_MOMENT = r"^(ge|gt|le|lt)[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$"


def _header(means: str, schema: Json, example: Any, *, always: bool = False) -> Json:
    return {"description": means, "schema": schema, "example": example, **({"required": True} if always else {})}


ANSWERED: dict[str, Json] = {  # of answers
    "Location": _header("Where to ask what became of it.", {"type": "string", "format": "uri-reference"}, WHERE, always=True),
    "X-Correlation-Id": _header("Names this request in the audit log and the outcome.", _UUID, CORRELATION, always=True),
    "Retry-After": _header("Seconds to wait before sending it again.", {"type": "integer", "minimum": 0}, 5),
    "WWW-Authenticate": _header("What would open this route.", {"type": "string"}, 'Bearer realm="knutepunkt", error="invalid_token"'),
    "Server-Timing": _header("How many milliseconds the journal took.", {"type": "string"}, "journal;dur=41.2", always=True),
    "X-Problem": _header("The cause, where the format's own answer has no word for it.", {"type": "string"}, "the body is empty"),
}
_TAGGED = f"Only `{TAG}`, or its code alone."
ASKED: dict[str, Json] = {  # of requests, by the names that routes use
    "_lastUpdated": {
        "name": "_lastUpdated",
        "in": "query",
        "description": "`ge`, `gt`, `le` or `lt` and a time with its offset, or a day in UTC; twice for a range, both must hold.",
        "schema": {"type": "array", "items": {"type": "string", "pattern": _MOMENT}},
        "example": ["ge2026-03-02T07:03:12.480Z"],
    },
    "_tag": {"name": "_tag", "in": "query", "description": f"Those that are acknowledged. {_TAGGED}", "schema": {"const": TAG}},
    "_tag-not": {"name": "_tag:not", "in": "query", "description": f"Those that are not. {_TAGGED}", "schema": {"const": TAG}},
    "_count": {
        "name": "_count",
        "in": "query",
        "description": f"How many at most; never more than {MOST}, and fewer if they are large.",
        "schema": {"type": "integer", "minimum": 1, "default": USUAL},
    },
    "_sort": {
        "name": "_sort",
        "in": "query",
        "description": "The oldest first, or the newest.",
        "schema": {"enum": [ASCENDING, DESCENDING], "default": ASCENDING},
    },
    "cursor": {
        "name": "cursor",
        "in": "query",
        "description": "Comes in the link `next`, and is good for the same filters only.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{32}$"},
    },
    "ServiceCodes": {
        "name": HEADER,
        "in": "header",
        "required": True,
        "description": f"What the look-up is for, at most {MOST_CODES} with commas between: {_CODES}, and what the municipality adds.",
        "schema": {"type": "string", "pattern": rf"^\s*{_CODE}(\s*,\s*{_CODE})*\s*$"},
        "example": "ta,gps",
    },
    "DPoP": {
        "name": "DPoP",
        "in": "header",
        "description": "The proof of a DPoP token: a new one for every request, for this method and address (RFC 9449).",
        "schema": {"type": "string"},
    },
    "X-Correlation-Id": {
        "name": "X-Correlation-Id",
        "in": "header",
        "description": "Your own name for this request. Taken over if it is a UUID; `nhn-event-id` and `correlation-id` are read too.",
        "schema": _UUID,
        "example": CORRELATION,
    },
}
