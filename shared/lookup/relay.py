"""Has the citizen a service that gives the sender a reason, what does the journal answer, and what of it may be shown.

The answer is the journal's, resource by resource, less what protects somebody by not being shown. If anything in it is about somebody
else than the citizen asked for, nothing is answered at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from shared import log
from shared.access.patient import patient_key
from shared.access.permission import covered
from shared.access.register import Tenant
from shared.domain.clock import OSLO
from shared.domain.event import Person
from shared.domain.journal import Question
from shared.domain.national import LOOKUPS
from shared.door.answers import Fault
from shared.door.permit import refused_by
from shared.door.study import aside
from shared.door.visit import Visit
from shared.fhir import serialise
from shared.fhir.found import Patients, about
from shared.fhir.references import Found
from shared.fhir.searchset import searchset
from shared.fhir.services import active_services
from shared.hub import Hub
from shared.lookup.ask import ask

SERVICES = "episodeofcare"
_WITH_PATIENTS = (SERVICES, "careplan")  # answers that have the Patient beside them (vkp.md 2.7 i, j)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: matches, what stands beside them, whose they are, and what a reader should know."""

    matches: Found
    beside: Found
    patients: Patients
    note: str = ""


async def relay(hub: Hub, tenant: Tenant, question: Question, guest: Visit) -> bytes:
    """The searchset as JSON. `guest` gets whom it is about and how much it is, for the audit log."""
    citizen = question.citizen
    answer = await (_of_one(hub, tenant, citizen, question, guest) if citizen else _of_all(hub, tenant, question, guest))
    body = await aside(hub, tenant.orgnr, guest.journal_bytes, _written, answer)
    guest.count = len(answer.matches) + len(answer.beside)
    log.step("looked up", tenant=tenant.orgnr, action=guest.action, resources=guest.count, correlation=guest.national.correlation)
    return body


def _written(answer: Answer) -> bytes:
    return serialise(searchset(answer.matches, answer.beside, answer.patients, answer.note))


async def _of_one(hub: Hub, tenant: Tenant, citizen: Person, question: Question, guest: Visit) -> Answer:
    """One citizen: first their services, which are the reason to read (tjenstlig behov), then what was asked for."""
    services = await ask(hub, tenant, Question(SERVICES, citizen, patients=True), guest)
    await aside(hub, tenant.orgnr, guest.journal_bytes, _theirs, services, citizen, guest)
    if not covered(tenant, guest.service_codes, _active(services, _today(hub))):
        raise Fault(
            403,
            f"the citizen has no active service that covers these ServiceCodes: {', '.join(guest.service_codes)}",
            "ask under the codes of a service that the citizen has; the municipality says which services each code stands for",
            code="1.3",
        )
    found = services if question.resource == SERVICES else await ask(hub, tenant, replace(question, patients=True), guest)
    await aside(hub, tenant.orgnr, guest.journal_bytes, _theirs, found, citizen, guest)
    patients = await aside(hub, tenant.orgnr, guest.journal_bytes, _one, [*services, *found], guest)
    _logged(hub, tenant, [citizen, *sorted(patients.everybody, key=repr)], guest)
    matches = [one for one in found if _is(one, question.resource)]
    return Answer(matches, _beside(tenant, question.resource, found, guest), patients)


async def _of_all(hub: Hub, tenant: Tenant, question: Question, guest: Visit) -> Answer:
    """Everybody who has a service that the ServiceCodes stand for: the same rule, as a filter (vkp.md 1.8)."""
    found = await ask(hub, tenant, Question(SERVICES, patients=True), guest)
    return await aside(hub, tenant.orgnr, guest.journal_bytes, _filtered, hub, tenant, question, guest, found)


def _filtered(hub: Hub, tenant: Tenant, question: Question, guest: Visit, found: Found) -> Answer:
    patients, today = Patients(found), _today(hub)
    services = [one for one in found if covered(tenant, guest.service_codes, active_services(one[1], today))]
    named = [one for one in services if patients.agree(one[1])]
    whose = {key for _, resource in named for key in patients.keys(resource)}
    theirs = [one for one in found if _is(one, "patient") and not whose.isdisjoint(patients.keys(one[1])) and patients.agree(one[1])]
    persons = {person for _, resource in (*named, *theirs) for person in patients.persons(resource)}
    _logged(hub, tenant, sorted(persons, key=repr), guest)
    if question.resource == SERVICES:
        note = _lost(len(services) - len(named), "services name no citizen, or two")
        return Answer(named, _beside(tenant, SERVICES, theirs, guest), patients, note)
    here = {key for _, resource in theirs for key in patients.keys(resource)}
    missing = len(services) - sum(not here.isdisjoint(patients.keys(resource)) for _, resource in named)
    return Answer(theirs, [], patients, _lost(missing, "services have no Patient in the journal's answer"))


def _lost(number: int, what: str) -> str:
    return f"{number} {what} and were left out: this list is not complete" if number else ""


def _logged(hub: Hub, tenant: Tenant, persons: Iterable[Person], guest: Visit) -> None:
    """Everybody whom the answer is about, under every number that it gives them: whoever asks the log by any of them finds it."""
    keys = (patient_key(hub.settings.patient_key, tenant.orgnr, person) for person in persons)
    guest.patients = tuple(dict.fromkeys(keys))


def _active(services: Found, today: date) -> list[str]:
    return [code for _, resource in services for code in active_services(resource, today)]


def _today(hub: Hub) -> date:
    return datetime.fromtimestamp(hub.clock(), UTC).astimezone(OSLO).date()


def _theirs(found: Found, citizen: Person, guest: Visit) -> None:
    """Nothing of an answer is believed if anything in it is about somebody else, or does not say whom it is about."""
    patients = Patients(found)
    _refused(sum(not about(patients, resource, citizen) for _, resource in found), guest)


def _one(found: Found, guest: Visit) -> Patients:
    """Of both answers together: by a journal's own number each may have found somebody else."""
    patients = Patients(found)
    _refused(0 if patients.one_citizen() else len(found), guest)
    return patients


def _refused(strangers: int, guest: Visit) -> None:
    if strangers:
        log.alarm("the journal answered about another citizen", correlation=guest.national.correlation, resources=strangers)
        raise Fault(502, "the journal's answer is not about the citizen who was asked for", "ask the municipality", code="3")


def _is(one: tuple[str, object], resource: str) -> bool:
    return isinstance(one[1], dict) and one[1].get("resourceType") == LOOKUPS[resource].resource_type


def _beside(tenant: Tenant, resource: str, found: Found, guest: Visit) -> Found:
    """The Patients, for those who may read patients too."""
    if resource not in _WITH_PATIENTS or guest.caller is None or refused_by(tenant, guest.caller, "patient.read", guest.service_codes):
        return []
    return [one for one in found if _is(one, "patient")]
