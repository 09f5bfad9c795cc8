"""A sender looks a citizen up: who is it, may they, has the citizen a service that gives them a reason; then the journal's own answer.

The answer is the journal's, resource by resource, less what is not about the citizen asked for (then nothing is answered at all) and
what protects somebody by not being shown. Nothing of it is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from shared import log
from shared.access.patient import patient_key
from shared.access.permission import HEADER, codes_of, covered
from shared.access.register import Tenant
from shared.domain.adapter import Question
from shared.domain.clock import OSLO
from shared.domain.event import Person
from shared.domain.national import LOOKUPS, SERVICE_CODES
from shared.door.answers import FHIR, Fault, Reply
from shared.door.permit import NO_TENANT, refused_by
from shared.door.prove import Caller, by_token, known_register
from shared.door.visit import Visit, attended, visit
from shared.errors import PayloadError
from shared.hub import Hub
from shared.lookup.ask import Found, ask
from shared.lookup.question import read

SERVICES = "episodeofcare"
_WITH_PATIENTS = (SERVICES, "careplan")  # answers that have the Patient beside them (vkp.md 2.7 i, j)


@dataclass(frozen=True, slots=True)
class Asked:
    """A look-up as it came in. `headers` in lower case; `resource` as the path has it, lower case; `path` as it was called."""

    tenant: str
    resource: str
    headers: Mapping[str, str]
    path: str
    body: bytes = field(repr=False)

    @property
    def action(self) -> str:
        return f"{self.resource}.read"


async def look_up(hub: Hub, asked: Asked) -> Reply:
    """The searchset, or the OperationOutcome that says why not; both leave only with their entry in the audit log."""
    guest = visit(hub, asked.tenant, asked.action, asked.headers)
    return await attended(hub, guest, _look_up(hub, asked, guest))


async def _look_up(hub: Hub, asked: Asked, guest: Visit) -> Reply:
    if asked.resource not in LOOKUPS:
        raise Fault(404, "no such resource can be looked up", f"look up one of {', '.join(LOOKUPS)}", code="2")
    register = await known_register(hub)
    tenant = register.tenant(asked.tenant)
    if tenant is None:
        raise NO_TENANT
    guest.caller = await by_token(hub, register, asked.tenant, asked.headers, asked.action, ("POST", asked.path))
    codes = _codes(asked)
    guest.service_codes = tuple(code if _known(code, tenant, guest.caller) else "?" for code in codes)
    if no := refused_by(tenant, guest.caller, asked.action, codes):
        raise no
    question = read(asked.resource, asked.headers, asked.body, hub.settings.numbers)
    answer = await (_of_one(hub, tenant, question.citizen, question, guest) if question.citizen else _of_all(hub, tenant, question, guest))
    return _searchset(hub, tenant, answer, guest)


def _codes(asked: Asked) -> tuple[str, ...]:
    try:
        return codes_of(asked.headers.get(HEADER.lower()))
    except PayloadError as error:
        raise Fault(400, error.reason, error.remedy, code="2.4") from None


def _known(code: str, tenant: Tenant, caller: Caller) -> bool:
    """A code that nobody has registered may be anything, a person's number too: the audit log does not repeat it."""
    allowed = caller.sender.service_codes if caller.sender else ()
    return code in SERVICE_CODES or code in allowed or any(code == service.code.lower() for service in tenant.services)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: matches, what stands beside them, and what a reader should know."""

    matches: Found
    beside: Found
    note: str = ""


async def _of_one(hub: Hub, tenant: Tenant, citizen: Person, question: Question, guest: Visit) -> Answer:
    """One citizen: first their services, which are the reason to read (tjenstlig behov), then what was asked for."""
    guest.patients = (patient_key(hub.settings.patient_key, tenant.orgnr, citizen),)
    services = await ask(hub, tenant, Question(SERVICES, citizen, patients=True), guest)
    _theirs(services, citizen, guest)
    if not covered(tenant, guest.service_codes, _active(services, _today(hub))):
        raise Fault(
            403,
            f"the citizen has no active service that covers these ServiceCodes: {', '.join(guest.service_codes)}",
            "ask under the codes of a service that the citizen has; the municipality says which services each code stands for",
            code="1.3",
        )
    found = services if question.resource == SERVICES else await ask(hub, tenant, replace(question, patients=True), guest)
    _theirs(found, citizen, guest)
    matches = [one for one in found if _is(one, question.resource)]
    return Answer(matches, _beside(tenant, question.resource, found, guest))


async def _of_all(hub: Hub, tenant: Tenant, question: Question, guest: Visit) -> Answer:
    """Everybody who has a service that the ServiceCodes stand for: the same rule, as a filter (vkp.md 1.8)."""
    from shared.fhir.found import Patients, active_services  # with its tables, as everything of FHIR, only where it is needed

    found = await ask(hub, tenant, Question(SERVICES, patients=True), guest)
    patients, today = Patients(found), _today(hub)
    services = [one for one in found if covered(tenant, guest.service_codes, active_services(one[1], today))]
    named = [(one, persons) for one in services if (persons := patients.persons(one[1]))]
    whom = {person for _, persons in named for person in persons}
    guest.patients = tuple(sorted(patient_key(hub.settings.patient_key, tenant.orgnr, person) for person in whom))
    theirs = [one for one in found if _is(one, "patient") and patients.persons(one[1]) & whom]
    lost = len(services) - len(named)
    note = f"{lost} services name no citizen and were left out" if lost else ""
    if question.resource == SERVICES:
        return Answer([one for one, _ in named], _beside(tenant, SERVICES, theirs, guest), note)
    return Answer(theirs, [], note)


def _active(services: Found, today: date) -> list[str]:
    from shared.fhir.found import active_services  # as above

    return [code for _, resource in services for code in active_services(resource, today)]


def _today(hub: Hub) -> date:
    return datetime.fromtimestamp(hub.clock(), UTC).astimezone(OSLO).date()


def _theirs(found: Found, citizen: Person, guest: Visit) -> None:
    """Nothing of an answer is believed if anything in it is about somebody else, or does not say whom it is about."""
    from shared.fhir.found import Patients, about  # as above

    patients = Patients(found)
    strangers = sum(not about(patients.persons(resource), citizen) for _, resource in found)
    if strangers:
        log.alarm("the journal answered about another citizen", correlation=guest.national.correlation, resources=strangers)
        raise Fault(502, "the journal's answer is not about the citizen who was asked for", "ask the municipality", code="3")


def _is(one: tuple[str, Mapping[str, Any]], resource: str) -> bool:
    return bool(one[1].get("resourceType") == LOOKUPS[resource].resource_type)


def _beside(tenant: Tenant, resource: str, found: Sequence[tuple[str, Mapping[str, Any]]], guest: Visit) -> Found:
    """The Patients, for those who may read patients too."""
    if resource not in _WITH_PATIENTS or guest.caller is None or refused_by(tenant, guest.caller, "patient.read", guest.service_codes):
        return []
    return [one for one in found if _is(one, "patient")]


def _searchset(hub: Hub, tenant: Tenant, answer: Answer, guest: Visit) -> Reply:
    from shared.fhir import found, serialise  # as above

    guest.count = len(answer.matches) + len(answer.beside)
    body = serialise(found.searchset(answer.matches, answer.beside, answer.note))
    journal = guest.timing.get("journal", 0.0)
    correlation = guest.national.correlation
    log.step(
        "looked up", tenant=tenant.orgnr, action=guest.action, resources=guest.count, correlation=correlation, journal_ms=round(journal)
    )
    return Reply(200, FHIR, body, {**guest.national.headers, "Server-Timing": f"journal;dur={journal:.1f}"})
