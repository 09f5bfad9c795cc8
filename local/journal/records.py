"""The population as FHIR R4, in the shapes of the national contract's examples (vkp.md 2.7 h-k): what stands in a journal on a day."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from local.journal.markup import tag
from local.journal.population import STRANGER, Citizen, Problem, Service, of
from shared.domain.clock import OSLO

Resource = dict[str, Any]
EHELSE = "http://ehelse.no/fhir"
ATC = "http://www.whocc.no/atc"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
WEEKS = (-1, 0, 1)  # visit plans stand for a week: the last, this one, the next
_OURS = UUID("5e0c1a52-7d1f-4f5b-8a10-000000000000")


@lru_cache(maxsize=64)
def journal(endpoint: str, today: date) -> Sequence[Resource]:
    """All that this journal holds. Shared: nobody may change it."""
    return [resource for citizen in of(endpoint) for resource in told(citizen, today)]


@lru_cache(maxsize=4)
def stranger(today: date) -> Sequence[Resource]:
    return list(told(STRANGER, today))


def told(citizen: Citizen, today: date) -> Iterator[Resource]:
    yield patient(citizen)
    yield from _numbered(citizen, (service(citizen, each, today) for each in citizen.services))
    if citizen.visits:
        yield from _numbered(citizen, (visit_plan(citizen, today, week) for week in WEEKS))
        yield {**visit_plan(citizen, today, 0), "id": f"{citizen.number}-9", "category": [_careplan("1", "behandlingsplan")]}
    if citizen.problems:
        yield from _numbered(citizen, (action_plan(citizen, today),))
    yield from _numbered(citizen, (_condition(citizen, *row) for row in citizen.diagnoses))
    yield from _numbered(citizen, (_medicine(citizen, *row) for row in citizen.medicines))
    yield from _numbered(citizen, (_allergy(citizen, *row) for row in citizen.allergies))


def _numbered(citizen: Citizen, resources: Iterator[Resource] | Sequence[Resource]) -> Iterator[Resource]:
    yield from ({**each, "id": f"{citizen.number}-{number}"} for number, each in enumerate(resources, 1))


def _about(citizen: Citizen) -> Resource:
    who = {"system": citizen.system, "value": citizen.value}
    return {"reference": f"Patient/{citizen.number}", "identifier": who, "display": f"{citizen.given} {citizen.family}"}


def _coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


# whom


def patient(citizen: Citizen) -> Resource:
    extensions = [_extension("vkp-sone", citizen.home.zone), _extension("vkp-household", citizen.home.household)]
    narrative = tag("div", f"{citizen.given} {citizen.family}, {citizen.home.line}", xmlns="http://www.w3.org/1999/xhtml")
    return {
        "resourceType": "Patient",
        "id": str(citizen.number),
        "meta": {"profile": [f"{EHELSE}/StructureDefinition/vkp-Patient-v090"]},
        "text": {"status": "generated", "div": narrative},
        "extension": [each for each in extensions if each["valueString"]],
        "identifier": [{"system": citizen.system, "value": citizen.value}],
        "name": [{"family": citizen.family, "given": [citizen.given]}],
        "telecom": [{"system": "phone", "value": "+4799999999", "use": "mobile"}],
        "gender": citizen.gender,
        "birthDate": citizen.born,
        "address": [_address(citizen)],
        **({"contact": [_contact(*citizen.next_of_kin)]} if citizen.next_of_kin else {}),
        "generalPractitioner": [{"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.2", "value": "123456"}, "display": "Lia legesenter"}],
    }


def _extension(name: str, value: str) -> Resource:
    return {"url": f"{EHELSE}/StructureDefinition/{name}-v090", "valueString": value}


def _address(citizen: Citizen) -> Resource:
    home = citizen.home
    extensions = [_extension("vkp-elock", home.elock)] if home.elock else []
    if home.protected:
        extensions.append({"url": "http://hl7.no/fhir/StructureDefinition/no-vft-secret-address", "valueBoolean": True})
    locator = {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-additionalLocator", "valueString": home.hint}
    municipality = {"system": "urn:oid:2.16.578.1.12.4.1.1.3402", "code": "9999"}
    url = "http://hl7.no/fhir/StructureDefinition/no-basis-municipalitycode"
    return {
        **({"extension": extensions} if extensions else {}),
        "use": "home",
        "line": [home.line],
        **({"_line": [{"extension": [locator]}]} if home.hint else {}),
        "city": "Eksempelby",
        "postalCode": "9999",
        "district": "Eksempel",
        "_district": {"extension": [{"url": url, "valueCoding": municipality}]},
    }


def _contact(given: str, family: str, relation: str) -> Resource:
    return {
        "relationship": [{"coding": [{"system": f"{TERMINOLOGY}/v2-0131", "code": "C"}], "text": relation}],
        "name": {"family": family, "given": [given]},
        "telecom": [{"system": "phone", "value": "+4788888888"}],
    }


# services and plans


def service(citizen: Citizen, row: Service, today: date) -> Resource:
    return {
        "resourceType": "EpisodeOfCare",
        "identifier": [{"system": "https://epj.example.no/tjeneste", "value": f"{citizen.number}{row.code}"}],
        "status": row.status,
        "type": [_coded("https://epj.example.no/tjenestekode", row.code, row.name)],
        "patient": _about(citizen),
        "managingOrganization": {
            "identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "310123455"},
            "display": "Eksempel kommune - helse og omsorg",
        },
        "period": {"start": _day(today, row.start), **({"end": _day(today, row.end)} if row.end is not None else {})},
    }


def visit_plan(citizen: Citizen, today: date, week: int) -> Resource:
    monday = today + timedelta(weeks=week, days=-today.weekday())
    days = [monday + timedelta(days=day) for day in range(7)]
    name = f"urn:uuid:{uuid5(_OURS, f'{citizen.number} {monday}')}"
    return {
        "resourceType": "CarePlan",
        "meta": {"profile": [f"{EHELSE}/StructureDefinition/vkp-CarePlan-v090"]},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": name}],
        "status": "completed" if week < 0 else "active",
        "intent": "plan",
        "category": [_careplan("3", "besoksplan")],
        "title": "Besøksplan",
        "subject": _about(citizen),
        "period": {"start": days[0].isoformat(), "end": days[-1].isoformat()},
        "activity": [_visit(day, visit.hour, visit.minutes, visit.words, today) for day in days for visit in citizen.visits],
    }


def _careplan(code: str, display: str) -> Resource:
    return {"coding": [{"system": f"{EHELSE}/CodeSystem/vkp-careplan-category-v090", "code": code, "display": display}]}


def _visit(day: date, hour: int, minutes: int, words: str, today: date) -> Resource:
    start = datetime.combine(day, time(hour), OSLO)
    period = {"start": start.isoformat(), "end": (start + timedelta(minutes=minutes)).isoformat()}
    status = "completed" if day < today else "scheduled"
    return {"detail": {"kind": "Appointment", "status": status, "scheduledPeriod": period, "description": words}}


def action_plan(citizen: Citizen, today: date) -> Resource:
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"code": "3", "display": "tiltaksplan"}]},  # without a system, as the national guide has it
        "category": [{"coding": [{"system": f"{EHELSE}/CodeSystem/vkp-composition-category-v090", "code": "1"}]}],
        "subject": _about(citizen),
        "date": _day(today, -20),
        "author": [{"display": "Eksempel kommune"}],
        "title": "Tiltaksplan",
        "section": [_branch(problem) for problem in citizen.problems],
    }


def _branch(problem: Problem) -> Resource:
    leaves = [("Mål", problem.goal), ("Tiltak", problem.measure), ("Evaluering", problem.evaluation)]
    return {**_section(f"Problem/Ressurs: {problem.title}", problem.words), "section": [_section(*leaf) for leaf in leaves]}


def _section(title: str, words: str) -> Resource:
    return {"title": title, "text": {"status": "additional", "div": tag("div", words, xmlns="http://www.w3.org/1999/xhtml")}}


# health


def _condition(citizen: Citizen, system: str, code: str, words: str) -> Resource:
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": f"{TERMINOLOGY}/condition-clinical", "code": "active"}]},
        "code": _coded(system, code, words),
        "subject": _about(citizen),
        "recordedDate": "2024-05-17",
    }


def _medicine(citizen: Citizen, atc: str, words: str, dosage: str) -> Resource:
    return {
        "resourceType": "MedicationStatement",
        "status": "active",
        "medicationCodeableConcept": _coded(ATC, atc, words),
        "subject": _about(citizen),
        "effectivePeriod": {"start": "2025-01-15"},
        "dosage": [{"text": dosage}],
    }


def _allergy(citizen: Citizen, atc: str, words: str, reaction: str) -> Resource:
    return {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [{"system": f"{TERMINOLOGY}/allergyintolerance-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{TERMINOLOGY}/allergyintolerance-verification", "code": "confirmed"}]},
        "category": ["medication"],
        "code": _coded(ATC, atc, words),
        "patient": _about(citizen),
        "recordedDate": "2020-11-02",
        "reaction": [{"manifestation": [{"text": reaction}]}],
    }


def _day(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()
