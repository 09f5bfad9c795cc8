"""A sender looks a citizen up: who is it, may they, and then what the journal says (`relay`). Nothing of it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.access.patient import patient_key
from shared.access.permission import HEADER, codes_of
from shared.access.register import Tenant
from shared.domain.journal import Question
from shared.domain.national import LOOKUPS, SERVICE_CODES
from shared.door.answers import FHIR, Fault, Reply
from shared.door.permit import NO_TENANT, refused_by
from shared.door.prove import Caller, by_token, known_register
from shared.door.visit import Visit, attended, visit
from shared.errors import PayloadError
from shared.hub import Hub
from shared.lookup.question import named, read
from shared.lookup.relay import relay


@dataclass(frozen=True, slots=True)
class Asked:
    """A look-up as it came in. `headers` in lower case; `resource` as the path has it, lower case; `path` as it was called.

    `queried`: whether the address had parameters.
    """

    tenant: str
    resource: str
    headers: Mapping[str, str]
    path: str
    body: bytes = field(repr=False)
    queried: bool = False

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
    question = _question(hub, asked)
    whom = named(asked.body) if isinstance(question, Fault) else filter(None, [question.citizen])
    # whom it is about stands in the log of a refusal too
    guest.patients = tuple(patient_key(hub.settings.patient_key, tenant.orgnr, citizen) for citizen in whom)
    codes = _codes(asked)
    if not isinstance(codes, Fault):
        guest.service_codes = tuple(code if _known(code, tenant, guest.caller) else "?" for code in codes)
    if no := _refused(tenant, guest.caller, asked.action, codes):
        raise no
    if isinstance(question, Fault):
        raise question
    body = await relay(hub, tenant, question, guest)
    return Reply(200, FHIR, body, {**guest.national.headers, "Server-Timing": f"journal;dur={guest.journal_ms:.1f}"})


def _question(hub: Hub, asked: Asked) -> Question | Fault:
    if asked.queried:
        return Fault(400, "the address has parameters", "Send them in the body: nobody's number may stand in an address.", code="2.3")
    try:
        return read(asked.resource, asked.headers, asked.body, hub.settings.numbers)
    except Fault as fault:
        return fault


def _codes(asked: Asked) -> tuple[str, ...] | Fault:
    try:
        return codes_of(asked.headers.get(HEADER.lower()))
    except PayloadError as error:
        return Fault(400, error.reason, error.remedy, code="2.4")


def _refused(tenant: Tenant, caller: Caller, action: str, codes: tuple[str, ...] | Fault) -> Fault | None:
    """The first that says no: sender and scope come before how the ServiceCodes are written."""
    if not isinstance(codes, Fault):
        return refused_by(tenant, caller, action, codes)
    no = refused_by(tenant, caller, action)
    return codes if no is None or no.code == "1.3" else no


def _known(code: str, tenant: Tenant, caller: Caller) -> bool:
    """A code that nobody has registered may be anything, a person's number too: the audit log does not repeat it."""
    allowed = caller.sender.service_codes if caller.sender else ()
    return code in SERVICE_CODES or code in allowed or any(code == service.code.lower() for service in tenant.services)
