"""First step: who is it, may they, have we the bytes. 202 is said once bytes and receipt are durable and their line is rung."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from azure.core.exceptions import AzureError

from shared import log
from shared.access.patient import patient_key
from shared.access.register import Register, Sender, Tenant
from shared.domain.adapter import Adapter, Demands, Finding, Item
from shared.domain.message import Receipt
from shared.domain.national import WRITES
from shared.door import adapters
from shared.door.answers import Fault, Reply, accepted, refused, with_adapters
from shared.door.permit import NO_TENANT, STOPPED, refused_by
from shared.door.prove import Caller, by_token, known_register, later, prove, scheme
from shared.door.visit import PATIENCE, Visit, attended, visit
from shared.errors import PayloadError
from shared.flow.attend import ring
from shared.flow.names import message_id, receipt_name, receipts_line
from shared.hub import Hub
from shared.storage.append import Addition

ITEMS = 500  # in one payload
_WAITING = 1_000  # appends of one sender that may wait in one worker before it is asked to slow down
_LARGE = 64 * 1024  # bytes; what is read and judged in a thread
_NO_FORMAT = Fault(404, "no such format is known at this address", "see docs/senders.md for the addresses of formats")
_NO_RESOURCE = Fault(404, "no such resource is taken here", f"post to one of {', '.join(WRITES)}", code="2")

P = ParamSpec("P")
T = TypeVar("T")


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
    except TimeoutError as error:
        reply = _no(payload, later(error))
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
    heard.items = await _read(payload, adapter)
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
    items = await _readable(payload, adapter)
    if not isinstance(items, Fault) and adapter.subject and (citizen := adapter.subject(items)):
        guest.patients = (patient_key(hub.settings.patient_key, tenant.orgnr, citizen),)  # of a refusal too
    if no := refused_by(tenant, guest.caller, guest.action):
        raise no
    sender = _welcome(tenant, guest.caller, payload)
    if isinstance(items, Fault):
        raise items
    findings = await _inspected(adapter, items, Demands(tenant.validation == "strict", hub.settings.numbers), len(payload.body))
    receipt = await _accept(hub, payload, adapter, sender, items)
    guest.count, guest.message = 1, receipt
    return accepted(receipt, guest.national, findings)


async def _caller(hub: Hub, register: Register, payload: Payload, action: str) -> Caller:
    """By token where one is shown; else by what the sender shares with the municipality."""
    if scheme(payload.headers):
        return await by_token(hub, register, payload.tenant, payload.headers, action, ("POST", payload.path))
    return prove(hub, register, payload.tenant, payload.headers, payload.body)


async def _inspected(adapter: Adapter, items: Sequence[Item], demands: Demands, size: int) -> Sequence[Finding]:
    """What the sender is told of its document; an error in it refuses the document."""
    if adapter.inspect is None:
        return ()
    findings = await _aside(size, adapter.inspect, items, demands)
    wrong = [finding for finding in findings if finding.severity == "error"]
    if wrong:
        raise Fault(400, "the document breaks the rules of this municipality", "mend it", "$", code=wrong[0].national, findings=findings)
    return findings


async def _aside(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What takes long is done in a thread, so that others have their turn meanwhile."""
    return await asyncio.to_thread(work, *args, **kwargs) if size > _LARGE else work(*args, **kwargs)


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
    sender = caller.sender
    if sender is None or not tenant.active or not sender.active:
        raise STOPPED
    if payload.adapter not in sender.adapters:
        raise Fault(
            403,
            "this sender may not post this format",
            "post to a format that the municipality has registered for this sender",
            code="1.2",
        )
    return sender


def _fits(payload: Payload, limit: int) -> None:
    if len(payload.body) > limit:
        raise Fault(413, f"the payload is larger than {limit} bytes", "send fewer items at a time")
    if payload.headers.get("content-encoding", "identity").lower() != "identity":
        raise Fault(415, "the body is compressed", "send it uncompressed, without Content-Encoding")


async def _read(payload: Payload, adapter: Adapter) -> Sequence[Item]:
    return await _aside(len(payload.body), _items, payload, adapter)


async def _readable(payload: Payload, adapter: Adapter) -> Sequence[Item] | Fault:
    """What was sent, or what is wrong with it: to be told once it is known that its sender may send at all."""
    try:
        return await _read(payload, adapter)
    except Fault as fault:
        return fault


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
    content = hashlib.sha256(payload.body).hexdigest()[:32]
    own = adapter.message_id(items) or content
    own_id = message_id(sender.tenant, sender.name, f"{payload.adapter}|{own}")
    receipt = Receipt(id=own_id, content=content, adapter=payload.adapter, received_at=round(now, 3))
    try:
        [position] = await hub.receipts.appender.append(line, Addition([receipt], [payload.body], now))
        await ring(hub, hub.receipts, [line])
    except (AzureError, TimeoutError, OSError) as error:
        raise later(error) from error
    name = receipt_name(line, position)
    log.step("received", receipt=name, bytes=len(payload.body), items=len(items))
    return name
