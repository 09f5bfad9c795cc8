"""First step: who is it, may they, have we the bytes. 202 is said once bytes and receipt are durable and their line is rung."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from azure.core.exceptions import AzureError

from shared import log
from shared.access.patient import patient_key
from shared.access.register import Register, Sender, Tenant
from shared.domain.adapter import Adapter, Demands, Finding, Item
from shared.domain.event import Person
from shared.domain.message import Receipt
from shared.domain.national import WRITES
from shared.door import adapters
from shared.door.answers import Fault, Reply, accepted, refused, with_adapters
from shared.door.permit import NO_TENANT, STOPPED, refused_by
from shared.door.prove import Caller, by_token, known_register, later, prove, scheme
from shared.door.study import LARGE, study
from shared.door.visit import BUSY, NO_ENTRY, PATIENCE, Visit, attended, enter, visit
from shared.errors import PayloadError
from shared.flow.attend import ring
from shared.flow.names import message_id, receipt_name, receipts_line
from shared.hub import Hub
from shared.storage.append import Addition

ITEMS = 500  # in one payload
_WAITING = 1_000  # appends of one sender that may wait in one worker before it is asked to slow down
_NO_FORMAT = Fault(404, "no such format is known at this address", "see docs/senders.md for the addresses of formats")
_NO_RESOURCE = Fault(404, "no such resource is taken here", f"post to one of {', '.join(WRITES)}", code="2")


@dataclass(frozen=True, slots=True)
class Payload:
    """What came in at a door. `headers` in lower case; `resource`: what the national path named, else empty; `path`: as it was called."""

    tenant: str
    adapter: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    resource: str = ""
    path: str = ""

    @property
    def national(self) -> bool:
        return bool(self.resource)


async def receive(hub: Hub, payload: Payload) -> Reply:
    """The answer for the sender, whatever happens; what was not accepted is not stored."""
    if payload.national:
        guest = visit(hub, payload.tenant, f"{payload.resource}.write", payload.headers)
        return await attended(hub, guest, _hear_national(hub, payload, guest))
    adapter, heard = adapters.device(payload.adapter), Heard()
    try:
        async with asyncio.timeout(PATIENCE):
            reply = await _hear(hub, payload, adapter, heard)
    except Fault as fault:
        reply = _no(payload, fault)
    except TimeoutError:
        reply = _no(payload, BUSY)
    if adapter and adapter.answer and reply.status not in (401, 403, 404):
        return with_adapters(adapter.answer(heard.items, reply.status, heard.receipt), reply)
    return reply


@dataclass(slots=True)
class Heard:
    """How far we came: what the sender's own protocol may need for its answer."""

    items: Sequence[Item] | None = None
    receipt: str = ""


async def _hear(hub: Hub, payload: Payload, adapter: Adapter | None, heard: Heard) -> Reply:
    if adapter is None or adapter.resource:
        raise _NO_FORMAT
    register = await known_register(hub)
    tenant = _tenant(register, payload)
    _fits(payload, adapter.limit)
    caller = prove(hub, register, payload.tenant, payload.headers, payload.body)
    sender = _welcome(tenant, caller, payload)
    heard.items = await study(hub, tenant.orgnr, len(payload.body), _items, payload, adapter)
    heard.receipt = await _accept(hub, payload, adapter, sender, heard.items)
    return accepted(heard.receipt, None)


async def _hear_national(hub: Hub, payload: Payload, guest: Visit) -> Reply:
    adapter = adapters.device(payload.adapter)
    if adapter is None or adapter.resource is None or payload.resource not in WRITES:
        raise _NO_RESOURCE
    register = await known_register(hub)
    tenant = _tenant(register, payload)
    _fits(payload, adapter.limit)
    guest.caller = await _caller(hub, register, payload, guest.action)
    demands = Demands(tenant.validation == "strict", hub.settings.numbers)
    no = refused_by(tenant, guest.caller, guest.action) or _unwelcome(tenant, guest.caller, payload)
    if no and len(payload.body) > LARGE:
        raise no  # not worth the time that others wait: whom it is about is not read, then
    seen = await study(hub, tenant.orgnr, len(payload.body), _judge, payload, adapter, demands)
    if not isinstance(seen, Fault) and seen.citizen:
        guest.patients = (patient_key(hub.settings.patient_key, tenant.orgnr, seen.citizen),)  # of a refusal too
    if no:
        raise no
    sender = _welcome(tenant, guest.caller, payload)
    if isinstance(seen, Fault):
        raise seen
    _refuse_errors(seen.findings)
    return await _take(hub, payload, adapter, sender, seen, guest)


async def _take(hub: Hub, payload: Payload, adapter: Adapter, sender: Sender, seen: "Seen", guest: Visit) -> Reply:
    """Entry first, then the document: what takes effect is in the log. If the log fails the document is taken all the same, for somebody
    may lie on the floor; but its sender hears 503, and says it again."""
    guest.count, guest.message = 1, _own_id(payload, adapter, sender, seen.items)
    noted = await enter(hub, guest, 202)
    guest.count = 0  # should it not be taken after all
    receipt = await _accept(hub, payload, adapter, sender, seen.items)
    guest.count = 1
    if not noted and not await enter(hub, guest, 202):
        raise NO_ENTRY
    return accepted(receipt, guest.national, seen.findings)


@dataclass(frozen=True, slots=True)
class Seen:
    """A national document, read and judged."""

    items: Sequence[Item]
    citizen: Person | None
    findings: Sequence[Finding]


def _judge(payload: Payload, adapter: Adapter, demands: Demands) -> Seen | Fault:
    """Or what is wrong with it: to be told once it is known that its sender may send at all."""
    try:
        items = _items(payload, adapter)
    except Fault as fault:
        return fault
    citizen = adapter.subject(items) if adapter.subject else None
    return Seen(items, citizen, adapter.inspect(items, demands) if adapter.inspect else ())


def _refuse_errors(findings: Sequence[Finding]) -> None:
    wrong = [finding for finding in findings if finding.severity == "error"]
    if wrong:
        raise Fault(400, "the document breaks the rules of this municipality", "mend it", "$", code=wrong[0].national, findings=findings)


async def _caller(hub: Hub, register: Register, payload: Payload, action: str) -> Caller:
    """By token where one is shown; else by what the sender shares with the municipality."""
    if scheme(payload.headers):
        return await by_token(hub, register, payload.tenant, payload.headers, action, ("POST", payload.path))
    return prove(hub, register, payload.tenant, payload.headers, payload.body, action)


def _no(payload: Payload, fault: Fault) -> Reply:
    known = payload.adapter if adapters.device(payload.adapter) else ""
    log.step("refused", status=fault.status, format=known, reason="payload" if fault.field else fault.reason)
    return refused(fault, None)


def _tenant(register: Register, payload: Payload) -> Tenant:
    tenant = register.tenant(payload.tenant)
    if tenant is None:
        raise NO_TENANT
    return tenant


def _welcome(tenant: Tenant, caller: Caller, payload: Payload) -> Sender:
    """The sender, if it may send this here now."""
    no = _unwelcome(tenant, caller, payload)
    if no or caller.sender is None:
        raise no or STOPPED
    return caller.sender


def _unwelcome(tenant: Tenant, caller: Caller, payload: Payload) -> Fault | None:
    sender = caller.sender
    if sender is None or not tenant.active or not sender.active:
        return STOPPED
    if payload.adapter not in sender.adapters:
        return Fault(
            403,
            "this sender may not post this format",
            "post to a format that the municipality has registered for this sender",
            code="1.2",
        )
    return None


def _fits(payload: Payload, limit: int) -> None:
    if len(payload.body) > limit:
        raise Fault(413, f"the payload is larger than {limit} bytes", "send fewer items at a time")
    if payload.headers.get("content-encoding", "identity").lower() != "identity":
        raise Fault(415, "the body is compressed", "send it uncompressed, without Content-Encoding")


def _items(payload: Payload, adapter: Adapter) -> Sequence[Item]:
    if not payload.body.strip():
        if "chunked" in payload.headers.get("transfer-encoding", ""):
            raise Fault(411, "a chunked body arrived empty", "send the body with Content-Length")
        raise Fault(400, "the body is empty", "send the payload as the request's body", "$")
    try:
        items = adapter.split(payload.body)
    except PayloadError as error:
        raise Fault(400, error.reason, error.remedy or "send the format that docs/senders.md describes", error.field) from None
    if len(items) > ITEMS:
        raise Fault(413, f"the payload has more than {ITEMS} items", "send fewer items at a time")
    if payload.resource and adapter.resource and adapter.resource(items) != payload.resource:
        raise Fault(400, "$.resourceType: is not the resource that the path names", "post each resource to its own path", "$.resourceType")
    return items


async def _accept(hub: Hub, payload: Payload, adapter: Adapter, sender: Sender, items: Sequence[Item]) -> str:
    """Stores the bytes, then rings their line. Nothing is told to the sender before both."""
    lane, now = adapter.lane(items), hub.clock()
    line = receipts_line(sender.tenant, sender.name, lane)
    if hub.receipts.appender.waiting(line) > _WAITING:
        raise Fault(
            429, "more payloads wait to be stored than this hub takes at once", "wait a second and send again", headers={"Retry-After": "1"}
        )
    own_id = _own_id(payload, adapter, sender, items)
    receipt = Receipt(id=own_id, content=_content(payload), adapter=payload.adapter, received_at=round(now, 3))
    try:
        [position] = await hub.receipts.appender.append(line, Addition([receipt], [payload.body], now))
        await ring(hub, hub.receipts, [line])
    except (AzureError, TimeoutError, OSError) as error:
        raise later(error) from error
    name = receipt_name(line, position)
    log.step("received", receipt=name, bytes=len(payload.body), items=len(items))
    return name


def _own_id(payload: Payload, adapter: Adapter, sender: Sender, items: Sequence[Item]) -> str:
    """The same for the same message: a hash of the sender's own id, or of the body where it has none."""
    own = adapter.message_id(items) or _content(payload)
    line = receipts_line(sender.tenant, sender.name, adapter.lane(items))
    return message_id(line, f"{payload.adapter}|{own}")


def _content(payload: Payload) -> str:
    return hashlib.sha256(payload.body).hexdigest()[:32]
