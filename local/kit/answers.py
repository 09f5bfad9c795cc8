"""What a journal answers to look-ups about one person."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.kit.endpoint import Endpoint, Found
from local.kit.seen import Seen, bad
from shared.domain.event import Person
from shared.domain.journal import Question
from shared.fhir.found import Patients, about


def of_one(endpoint: Endpoint, question: Question) -> Found | Seen:
    """The answer, if all of it is about whom was asked for (8.7)."""
    found = endpoint.ask(question)
    if isinstance(found, Seen) or question.citizen is None:
        return found
    patients = Patients(found)
    strangers = sum(not about(patients, resource, question.citizen) for _, resource in found)
    if strangers:
        saw = f"{strangers} of {len(found)} resources are about somebody else, or do not say whom"
        return bad(saw, "Answer about whom was asked for only, and let each resource say whose it is by identifier.", "8.7")
    return found


def whom(endpoint: Endpoint) -> Person:
    """By number alone, as the hub asks."""
    return replace(endpoint.desk.patient, display="")


def found_resources(found: Found) -> list[Mapping[str, Any]]:
    return [resource for _, resource in found]


def of_type(found: Found, kind: str) -> list[Mapping[str, Any]]:
    return typed(found_resources(found), kind)


def typed(resources: list[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in resources if one.get("resourceType") == kind]
