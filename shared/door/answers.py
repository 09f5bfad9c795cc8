"""What a caller is told. FHIR routes speak OperationOutcome, all others RFC 9457 problems; both say cause and remedy and quote nothing."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from shared.domain.adapter import Answer, Finding

PROBLEM, FHIR, JSON = "application/problem+json", "application/fhir+json", "application/json"
CORRELATION = "X-Correlation-Id"
_COMPATIBLE = ("1", "2")  # codes of vkp-operation-outcome that begin so are the caller's to mend


@dataclass(eq=False)
class Fault(Exception):
    """A refusal at the door. `field` is a path into the payload where there is one; `code` of vkp-operation-outcome where the status
    does not say it; `findings` where there is more than one thing wrong."""

    status: int
    reason: str
    remedy: str
    field: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    code: str = ""
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its headers."""

    status: int
    media: str
    body: bytes
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class National:
    """How the national contract answers: with a correlation id, and, where old clients read nothing else, 400 (vkp.md 1.10)."""

    correlation: str
    compatible: bool

    @property
    def headers(self) -> dict[str, str]:
        return {CORRELATION: self.correlation}

    def status(self, exact: int, code: str) -> int:
        return 400 if self.compatible and code.split(".")[0] in _COMPATIBLE else exact


def accepted(receipt: str, national: National | None, findings: Sequence[Finding] = ()) -> Reply:
    """202: the bytes are ours, and where to ask what became of them. `findings`: what was mended or is odd."""
    where = f"/api/v1/receipts/{receipt}"
    if national:
        from shared.fhir import outcome, serialise  # a worker that has just started is ready sooner without its tables

        told = outcome.outcome(outcome.received(receipt, national.correlation), *outcome.findings(findings, national.correlation)["issue"])
        return Reply(202, FHIR, serialise(told), {"Location": where, **national.headers})
    return Reply(202, JSON, orjson.dumps({"receipt": receipt, "status": "received", "location": where}), {"Location": where})


def refused(fault: Fault, national: National | None) -> Reply:
    return _outcome(fault, national) if national else _problem(fault, person=False)


def refused_to_person(fault: Fault) -> Reply:
    """To somebody who administers."""
    return _problem(fault, person=True)


def _problem(fault: Fault, *, person: bool) -> Reply:
    from shared.contract.statuses import problem

    told = problem(fault.status, fault.reason, fault.remedy, person=person)
    if fault.field:
        told["field"] = fault.field
    return Reply(fault.status, PROBLEM, orjson.dumps(told), fault.headers)


def _outcome(fault: Fault, national: National) -> Reply:
    from shared.fhir import outcome, serialise  # as above

    code = national_code(fault)
    if fault.findings:
        told = outcome.findings(fault.findings, national.correlation)
    else:
        told = outcome.refusal(fault.status, fault.reason, fault.remedy, fault.field, code, national.correlation)
    return Reply(national.status(fault.status, code), FHIR, serialise(told), {**fault.headers, **national.headers})


def national_code(fault: Fault) -> str:
    """What vkp-operation-outcome calls it."""
    from shared.fhir import outcome  # as above

    return fault.code or outcome.code_of(fault.status)


def with_adapters(answer: Answer, reply: Reply) -> Reply:
    """The sender's protocol expects its own answer; the hub's headers stay, and one more says what its protocol has no word for."""
    told = {} if reply.status < 300 else {"X-Problem": orjson.loads(reply.body).get("detail", "").encode("ascii", "replace").decode()}
    return Reply(answer.status, answer.media, answer.body, {**reply.headers, **told})
