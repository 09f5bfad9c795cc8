"""A "no" that comes with a status that says yes: an OperationOutcome with an issue of severity error or fatal (R4, OperationOutcome)."""

from typing import Any

BAD = ("error", "fatal")


def says_no(answer: Any) -> bool:
    """Of a resource as plain JSON; False for whatever is no OperationOutcome."""
    issues = answer.get("issue") if isinstance(answer, dict) and answer.get("resourceType") == "OperationOutcome" else None
    listed = issues if isinstance(issues, list) else [issues]
    return any(isinstance(issue, dict) and issue.get("severity") in BAD for issue in listed)
