"""What a sender is told. FHIR routes speak OperationOutcome, all others RFC 9457 problems; both say cause and remedy and quote nothing."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from shared.domain.adapter import Answer

PROBLEM, FHIR, JSON = "application/problem+json", "application/fhir+json", "application/json"
_TYPE = "https://github.com/knutepunkt/knutepunkt/blob/main/docs/senders.md#"


@dataclass(eq=False)
class Fault(Exception):
    """A refusal at the door. `field` is a path into the payload where there is one."""

    status: int
    reason: str
    remedy: str
    field: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its headers."""

    status: int
    media: str
    body: bytes
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def accepted(receipt: str, *, national: bool) -> Reply:
    """202: the bytes are ours, and where to ask what became of them."""
    where = f"/api/v1/receipts/{receipt}"
    if national:
        from shared.fhir import outcome, serialise  # a worker that has just started is ready sooner without its tables

        told = {"severity": "information", "code": "informational", "details": {"text": "received"}, "diagnostics": f"receipt {receipt}"}
        return Reply(202, FHIR, serialise(outcome.outcome(told)), {"Location": where})
    return Reply(202, JSON, orjson.dumps({"receipt": receipt, "status": "received", "location": where}), {"Location": where})


def refused(fault: Fault, *, national: bool) -> Reply:
    if national:
        from shared.fhir import outcome, serialise  # as above

        told = outcome.refusal(fault.status, fault.reason, fault.remedy, fault.field)
        return Reply(fault.status, FHIR, serialise(told), fault.headers)
    problem: dict[str, Any] = {"type": f"{_TYPE}{fault.status}", "title": _TITLES.get(fault.status, "Refused"), "status": fault.status}
    problem |= {"detail": fault.reason, "remedy": fault.remedy}
    if fault.field:
        problem["field"] = fault.field
    return Reply(fault.status, PROBLEM, orjson.dumps(problem), fault.headers)


def with_adapters(answer: Answer, reply: Reply) -> Reply:
    """The sender's protocol expects its own answer; the hub's headers stay, and one more says what its protocol has no word for."""
    told = {} if reply.status < 300 else {"X-Problem": orjson.loads(reply.body).get("detail", "").encode("ascii", "replace").decode()}
    return Reply(answer.status, answer.media, answer.body, {**reply.headers, **told})


_TITLES = {
    400: "The payload cannot be read",
    401: "The sender could not prove who it is",
    403: "The sender may not do this",
    404: "There is no such thing here",
    411: "The payload's length is missing",
    413: "The payload is too large",
    415: "The payload is encoded in a way that is not accepted",
    429: "Too much at once",
    503: "The hub cannot take messages now",
}
