"""OperationOutcome: how a FHIR route says no (vkp.md 1.10, 4.12)."""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from shared.domain.adapter import Finding
from shared.fhir import terminology
from shared.fhir.elements import Json, said
from shared.fhir.r4 import table

# HTTP status -> FHIR issue type, vkp-operation-outcome
STATUSES = {
    400: ("invalid", "2.4"),  # ugyldig format
    401: ("login", "1.5"),  # ikke tilgang: NotAuthorized
    403: ("forbidden", "1.4"),  # ikke tilgang: NoAccess
    404: ("not-found", "2.2"),  # ugyldig systemidentifikator
    405: ("not-supported", "2"),
    409: ("conflict", "2"),
    411: ("required", "2.4"),
    413: ("too-long", "2"),
    415: ("not-supported", "2.4"),
    422: ("processing", "2"),
    429: ("throttled", "3"),
    500: ("exception", "3"),
    502: ("transient", "3"),
    503: ("transient", "3"),
    504: ("timeout", "3.1"),
}
_ROOT = re.compile(r"^\$\.?")


def outcome(*issues: Json) -> Json:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def code_of(status: int) -> str:
    """The national code that an HTTP status says when nothing says more."""
    return STATUSES.get(status, ("processing", "3" if status >= 500 else "2"))[1]


def refusal(status: int, reason: str, remedy: str = "", field: str = "", code: str = "", correlation: str = "") -> Json:
    """Why a request was answered with `status`. `field`: `$.entry[0].resource.subject`; `code`: a national one that says more."""
    kind = STATUSES.get(status, ("processing", ""))[0]
    told = issue("error", kind, reason, remedy, field, code or code_of(status))
    return outcome(_correlated(told, correlation))


def findings(found: Iterable[Finding], correlation: str = "") -> Json:
    """What was found in a document."""
    issues = [issue(each.severity, each.code, each.text, field=each.path, national=each.national) for each in found]
    return outcome(*(_correlated(told, correlation) for told in issues))


def received(receipt: str, correlation: str) -> Json:
    """A document is ours."""
    return _informed("received", f"Receipt {receipt}.", correlation)


def acknowledged(correlation: str) -> Json:
    """A document counts as journaled."""
    return _informed("acknowledged", "It is kept for the municipality's retention.", correlation)


def issue(severity: str, kind: str, text: str, remedy: str = "", field: str = "", national: str = "2.4") -> Json:
    """Known clients print `details.text` (the cause) for writes and `diagnostics` (cause and remedy) for reads: both name the place.

    What is no fault has no code of vkp-operation-outcome, which knows faults only.
    """
    place = f"{field}: " if field not in ("", "$") and not text.startswith(field) else ""
    coding = {} if severity == "information" else {"coding": [terminology.coding(terminology.OUTCOME, national)]}
    return {
        "severity": severity,
        "code": kind,
        "details": {**coding, "text": f"{place}{text}"},
        "diagnostics": " ".join(_sentence(part) for part in (f"{place}{text}", remedy) if part),
        **said(expression=[expression] if (expression := _expression(field)) else []),
    }


def _expression(field: str) -> str:
    """FHIRPath of a place in JSON; empty where FHIRPath has none: a key that is not told, and what is said beside a primitive value."""
    steps = _ROOT.sub("", field).split(".")
    if any(step.startswith(("?", "_")) for step in steps):
        return ""
    return ".".join(_choice(step, before) for before, step in zip(["", *steps], steps, strict=False))


def _choice(step: str, before: str) -> str:
    """A choice has its own name in FHIRPath: `value` for valueQuantity. Device.property alone has no choice of that name."""
    name, bracket, place = step.partition("[")
    return step if before.startswith("property") else f"{_choices().get(name, name)}{bracket}{place}"


@cache
def _choices() -> Mapping[str, str]:
    """Spelling -> name of every choice element that the table of R4 has."""
    elements = [each for kind in table().types.values() for each in kind.elements.items()]
    return {key: element.name.removesuffix("[x]") for key, element in elements if element.name.endswith("[x]")}


def _informed(text: str, diagnostics: str, correlation: str) -> Json:
    told = {"severity": "information", "code": "informational", "details": {"text": text}, "diagnostics": diagnostics}
    return _correlated(told, correlation)


def _correlated(issue: Json, correlation: str) -> Json:
    return {**issue, "diagnostics": f"{issue['diagnostics']} correlation-id: {correlation}"} if correlation else issue


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
