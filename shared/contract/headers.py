"""The headers of the contract, as OpenAPI has them."""

from typing import Any

from shared.access.permission import HEADER, MOST_CODES
from shared.contract.examples import CORRELATION, WHERE
from shared.domain.national import SERVICE_CODES

Json = dict[str, Any]

_UUID: Json = {"type": "string", "format": "uuid"}
_CODES = ", ".join(f"`{code}` {name}" for code, name in SERVICE_CODES.items())
_CODE = "[A-Za-z0-9_-]{1,20}"


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
ASKED: dict[str, Json] = {  # of requests, by the names that routes use
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
