"""First step: who is it, may they, have we the bytes. 202 is said once bytes and receipt are durable and their line is rung."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from azure.core.exceptions import AzureError

from shared import log
from shared.access.register import Register, Sender
from shared.access.signature import authenticate
from shared.domain.adapter import Adapter, Item
from shared.domain.message import Receipt
from shared.door import adapters
from shared.door.answers import Fault, Reply, accepted, refused, with_adapters
from shared.errors import PayloadError, Unauthenticated
from shared.flow.attend import ring
from shared.flow.names import message_id, receipt_name, receipts_line
from shared.hub import Hub
from shared.storage.append import Addition

ITEMS = 500  # in one payload
_WAITING = 1_000  # appends of one sender that may wait in one worker before it is asked to slow down
_BASIC = {"WWW-Authenticate": 'Basic realm="knutepunkt"'}
PATIENCE = 20.0  # seconds; a sender hears 503 before its own patience is over, and what it repeats is recognised


@dataclass(frozen=True, slots=True)
class Payload:
    """What came in at a door. `headers` in lower case; `resource`: what the national path named, else empty."""

    tenant: str
    adapter: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    resource: str = ""

    @property
    def national(self) -> bool:
        return bool(self.resource)


async def receive(hub: Hub, payload: Payload) -> Reply:
    """The answer for the sender, whatever happens; what was not accepted is not stored."""
    adapter = adapters.device(payload.adapter)
    heard = Heard()
    try:
        async with asyncio.timeout(PATIENCE):
            reply = await _hear(hub, payload, adapter, heard)
    except Fault as fault:
        reply = _no(payload, fault)
    except TimeoutError as error:
        reply = _no(payload, _later(error))
    if adapter and adapter.answer and reply.status not in (401, 403, 404):
        return with_adapters(adapter.answer(heard.items, reply.status, heard.receipt), reply)
    return reply


@dataclass(slots=True)
class Heard:
    """How far we came: what the sender's own protocol may need for its answer."""

    items: Sequence[Item] | None = None
    receipt: str = ""


async def _hear(hub: Hub, payload: Payload, adapter: Adapter | None, heard: Heard) -> Reply:
    if adapter is None or (adapter.resource and not payload.national):
        raise Fault(404, "no such format is known at this address", "see docs/senders.md for the addresses of formats")
    sender = await _sender(hub, payload, adapter)
    heard.items = _items(payload, adapter)
    heard.receipt = await _accept(hub, payload, adapter, sender, heard.items)
    return accepted(heard.receipt, national=payload.national)


def _no(payload: Payload, fault: Fault) -> Reply:
    known = payload.adapter if adapters.device(payload.adapter) else ""
    log.step("refused", status=fault.status, format=known, reason="payload" if fault.field else fault.reason)
    return refused(fault, national=payload.national)


async def _sender(hub: Hub, payload: Payload, adapter: Adapter) -> Sender:
    register = await known_register(hub)
    tenant = register.tenant(payload.tenant)
    if tenant is None:
        raise Fault(
            404,
            "no municipality with this organisation number is connected to this hub",
            "check the number in the path; ask the municipality",
        )
    _fits(payload, adapter.limit)
    sender = prove(hub, register, payload.tenant, payload.headers, payload.body)
    if not tenant.active or not sender.active:
        raise Fault(
            403, "traffic from this sender to this municipality is stopped", "keep the payload and ask the municipality when it opens again"
        )
    if payload.adapter not in sender.adapters:
        raise Fault(403, "this sender may not post this format", "post to a format that the municipality has registered for this sender")
    return sender


async def known_register(hub: Hub) -> Register:
    """The register, or 503 while it cannot be read."""
    try:
        return await hub.registers.current()
    except AzureError as error:
        raise _later(error) from error


def prove(hub: Hub, register: Register, tenant: str, headers: Mapping[str, str], signed: bytes) -> Sender:
    """Who sent this. `signed`: the bytes that a signature covers."""
    found = register.tenant(tenant)
    try:
        return authenticate(found.senders if found else (), hub.settings.secret, headers, signed, hub.clock())
    except Unauthenticated as error:
        raise Fault(401, error.reason, error.remedy, headers=_BASIC if error.basic else {}) from None


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
    content = hashlib.sha256(payload.body).hexdigest()[:32]
    own = adapter.message_id(items) or content
    own_id = message_id(sender.tenant, sender.name, f"{payload.adapter}|{own}")
    receipt = Receipt(id=own_id, content=content, adapter=payload.adapter, received_at=round(now, 3))
    try:
        [position] = await hub.receipts.appender.append(line, Addition([receipt], [payload.body], now))
        await ring(hub, hub.receipts, [line])
    except (AzureError, TimeoutError, OSError) as error:
        raise _later(error) from error
    name = receipt_name(line, position)
    log.step("received", receipt=name, bytes=len(payload.body), items=len(items))
    return name


def _later(error: Exception) -> Fault:
    log.alarm("storage does not answer", error=type(error).__name__)
    return Fault(
        503,
        "the hub cannot store messages now",
        "keep the payload and send it again after the time in Retry-After",
        headers={"Retry-After": "5"},
    )
