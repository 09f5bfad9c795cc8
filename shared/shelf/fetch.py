"""A journal fetches what lies on its shelf, and says what it has journaled: who is it, may they, and then what they asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared import log
from shared.access.permission import unfetched
from shared.access.register import Endpoint, Tenant
from shared.door.answers import FHIR, JSON, Fault, Reply
from shared.door.permit import NO_TENANT
from shared.door.prove import fetching, known_register
from shared.door.study import aside
from shared.door.visit import NO_ENTRY, Visit, attended, enter, visit
from shared.fhir import outcome, serialise
from shared.hub import Hub
from shared.shelf.cursor import opened, sealed
from shared.shelf.page import searchset, status
from shared.shelf.question import Question, kind, read
from shared.storage.shelf_rows import Lying, Wanted, shelf_of

_ID = re.compile(r"[0-9a-f-]{36}")
_UNKNOWN = Fault(404, "there is no such document on your shelf", "use type and id as they were fetched", code="2.2")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in. `headers` in lower case; `resource` and `path` as they were called, `query` without its mark; `origin`:
    scheme and host of the request."""

    tenant: str
    resource: str
    headers: Mapping[str, str]
    method: str
    origin: str
    path: str
    query: str = ""
    body: bytes = field(default=b"", repr=False)


async def fetch(hub: Hub, asked: Asked) -> Reply:
    """The searchset; documents leave only with their entry in the audit log."""
    guest = visit(hub, asked.tenant, f"{asked.resource.lower()}.fetch", asked.headers)
    return await attended(hub, guest, _fetch(hub, asked, guest))


async def acknowledge(hub: Hub, asked: Asked, name: str) -> Reply:
    """202: the document counts as journaled, for good."""
    guest = visit(hub, asked.tenant, f"{asked.resource.lower()}.acknowledge", asked.headers)
    return await attended(hub, guest, _acknowledge(hub, asked, guest, name))


async def status_of(hub: Hub, asked: Asked, name: str) -> Reply:
    """When a document was put on the shelf, handed out and acknowledged."""
    guest = visit(hub, asked.tenant, f"{asked.resource.lower()}.status", asked.headers)
    return await attended(hub, guest, _status(hub, asked, guest, name))


async def _fetch(hub: Hub, asked: Asked, guest: Visit) -> Reply:
    tenant, endpoint = await _let_in(hub, asked, guest)
    question = read(asked.resource, asked.headers, asked.query, asked.body)
    shelf = shelf_of(tenant.orgnr, endpoint.name)
    wanted = _from(question, opened(hub.settings.patient_key, shelf, question))
    documents, more = await (hub.shelf.newest if question.newest else hub.shelf.read)(shelf, wanted, question.count)
    await _entered(hub, guest, documents)
    titles = {sender.name: sender.title for sender in tenant.senders}
    links = _links(hub, asked, question, shelf, documents, more=more)
    body = await aside(hub, tenant.orgnr, sum(len(one.body) for one in documents), searchset, documents, tenant.orgnr, titles, links)
    await hub.shelf.mark_read(shelf, documents)
    log.step("fetched", tenant=tenant.orgnr, endpoint=endpoint.name, documents=len(documents), correlation=guest.national.correlation)
    return Reply(200, FHIR, body, guest.national.headers)


async def _acknowledge(hub: Hub, asked: Asked, guest: Visit, name: str) -> Reply:
    shelf, one = await _one(hub, asked, guest, name)
    await _entered(hub, guest, [one], 202)
    await hub.shelf.acknowledge(shelf, one.type, one.id)
    log.step("acknowledged", shelf=shelf, correlation=guest.national.correlation)
    told = serialise(outcome.outcome(outcome.acknowledged(guest.national.correlation)))
    return Reply(202, FHIR, told, {"Location": f"{_base(asked)}/{one.type}/{one.id}/$status", **guest.national.headers})


async def _status(hub: Hub, asked: Asked, guest: Visit, name: str) -> Reply:
    _, one = await _one(hub, asked, guest, name)
    await _entered(hub, guest, [one])
    return Reply(200, JSON, status(one), guest.national.headers)


async def _let_in(hub: Hub, asked: Asked, guest: Visit) -> tuple[Tenant, Endpoint]:
    """The municipality, and the endpoint whose journal this is."""
    kind(asked.resource)
    register = await known_register(hub)
    tenant = register.tenant(asked.tenant)
    if tenant is None:
        raise NO_TENANT
    guest.caller = await fetching(hub, register, asked.tenant, asked.headers, guest.action, (asked.method, asked.path))
    endpoint = guest.caller.endpoint
    no = unfetched(tenant, endpoint, guest.action, guest.caller.scopes or ())
    if no:
        raise Fault(403, no.reason, no.remedy, code=no.code)
    assert endpoint  # noqa: S101 -- unfetched asks for it first
    return tenant, endpoint


async def _one(hub: Hub, asked: Asked, guest: Visit, name: str) -> tuple[str, Lying]:
    tenant, endpoint = await _let_in(hub, asked, guest)
    shelf = shelf_of(tenant.orgnr, endpoint.name)
    one = await hub.shelf.find(shelf, kind(asked.resource), name) if _ID.fullmatch(name) else None
    if one is None:
        raise _UNKNOWN
    return shelf, one


async def _entered(hub: Hub, guest: Visit, documents: Sequence[Lying], status: int = 200) -> None:
    """Nobody's document leaves, and nothing takes effect, before its entry stands. An empty answer is about nobody, and leaves none: a
    journal may ask every few seconds."""
    guest.patients, guest.count = tuple(dict.fromkeys(one.patient for one in documents)), len(documents)
    if documents and not await enter(hub, guest, status):
        raise NO_ENTRY
    guest.noted = status


def _from(question: Question, behind: int | None) -> Wanted:
    """What is left behind the cursor."""
    wanted = question.wanted
    if behind is None:
        return wanted
    if question.newest:
        return replace(wanted, last=min(wanted.last, behind - 1))
    return replace(wanted, first=max(wanted.first, behind + 1))


def _links(hub: Hub, asked: Asked, question: Question, shelf: str, documents: Sequence[Lying], *, more: bool) -> dict[str, str]:
    """`next` of the oldest first leads on from any document, to those that are yet to come too: only an answer without one has none."""
    here = f"{hub.settings.public_url or asked.origin}{_base(asked)}/{question.wanted.type}"
    links = {"self": f"{here}?{question.address(question.cursor)}"}
    if documents and (more or not question.newest):
        links["next"] = f"{here}?{question.address(sealed(hub.settings.patient_key, shelf, question, documents[-1].at))}"
    return links


def _base(asked: Asked) -> str:
    return f"/jft/{asked.tenant}/v1"
