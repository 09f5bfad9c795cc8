"""OperationOutcome: how a FHIR route says no (vkp.md 1.10, 4.12)."""

import re
from collections.abc import Iterable

from shared.domain.adapter import Finding
from shared.fhir import terminology
from shared.fhir.elements import Json, said

# HTTP status -> FHIR issue type, vkp-operation-outcome
STATUSES = {
    400: ("invalid", "2.4"),  # ugyldig format
    401: ("login", "1.5"),  # ikke tilgang: NotAuthorized
    403: ("forbidden", "1.4"),  # ikke tilgang: NoAccess
    404: ("not-found", "2.2"),  # ugyldig systemidentifikator
    405: ("not-supported", "2"),
    409: ("conflict", "2"),
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


def refusal(status: int, reason: str, remedy: str = "", field: str = "", code: str = "") -> Json:
    """Why a request was answered with `status`. `field`: `$.entry[0].resource.subject`; `code`: a national one that says more."""
    kind, national = STATUSES.get(status, ("processing", "3" if status >= 500 else "2"))
    return outcome(issue("error", kind, reason, remedy, field, code or national))


def findings(found: Iterable[Finding]) -> Json:
    """What `check` found."""
    return outcome(*(issue(each.severity, each.code, each.text, field=each.path) for each in found))


def issue(severity: str, kind: str, text: str, remedy: str = "", field: str = "", national: str = "2.4") -> Json:
    """Known clients print `details.text` (the cause) for writes and `diagnostics` (cause and remedy) for reads: both are filled."""
    place = f"{field}: " if field not in ("", "$") and not text.startswith(field) else ""
    return {
        "severity": severity,
        "code": kind,
        "details": {"coding": [terminology.coding(terminology.OUTCOME, national)], "text": text},
        "diagnostics": " ".join(_sentence(part) for part in (f"{place}{text}", remedy) if part),
        **said(expression=[expression] if (expression := _ROOT.sub("", field)) else []),
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
