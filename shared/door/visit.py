"""A national request from its first word to its entry in the audit log. No entry, no answer."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from traceback import extract_tb
from uuid import uuid4

from azure.core.exceptions import AzureError

from shared import log
from shared.access.entry import Entry
from shared.access.permission import ACTIONS, FETCHES
from shared.domain import person
from shared.door.answers import Fault, National, Reply, national_code, refused
from shared.door.prove import Caller
from shared.hub import Hub

PATIENCE = 20.0  # seconds; a caller hears 503 or 504 before its own patience is over
_ENTRY = 9.0  # seconds for the entry; both together stay below the 30 that callers are told to wait (docs/senders.md 3.3)
_OFFERED = ("x-correlation-id", "nhn-event-id", "correlation-id")  # ours, and those of Norsk helsenett's other services (vkp.md 1.9)
NO_ENTRY = Fault(503, "the hub cannot write its audit log now", "send it again after the time in Retry-After", headers={"Retry-After": "5"})
BUSY = Fault(503, "the hub could not take it in time", "send it again after the time in Retry-After", headers={"Retry-After": "5"})
_STUMBLED = Fault(503, "the hub cannot answer this now", "send it again after the time in Retry-After", headers={"Retry-After": "60"})
_LATE = Fault(504, "the journal did not answer in time", "ask again")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@dataclass(slots=True)
class Visit:
    """What is known of a request so far. `caller` None: nobody has proved who they are, and nothing is said of it in the audit log."""

    tenant: str
    action: str
    national: National
    caller: Caller | None = None
    patients: tuple[str, ...] = ()
    service_codes: tuple[str, ...] = ()
    count: int = 0
    message: str = ""
    noted: int = 0  # the status of the entry that stands in the log already
    journal_ms: float = 0.0  # milliseconds that the journal took
    journal_bytes: int = 0  # and how much it answered


def visit(hub: Hub, tenant: str, action: str, headers: Mapping[str, str]) -> Visit:
    """`headers` in lower case. An action that the contract does not have comes from a path, where anything may stand: it is not repeated.
    A correlation id is taken over only if it is a UUID and holds no person's number."""
    offered = (headers.get(name, "") for name in _OFFERED)
    taken = next((one.lower() for one in offered if _UUID.fullmatch(one) and not _personal(one)), "")
    return Visit(tenant, action if action in (*ACTIONS, *FETCHES) else "unknown", National(taken or str(uuid4()), hub.settings.compatible))


def _personal(text: str) -> bool:
    return any(person.kind(text[at : at + 11]) for at in range(len(text) - 10))


async def attended(hub: Hub, guest: Visit, work: Awaitable[Reply]) -> Reply:
    """The answer, whatever happens; one to a caller that is known leaves only after its entry is durable."""
    reply, code = await _worked(guest, work)
    if guest.noted == reply.status or await enter(hub, guest, reply.status, code):
        return reply
    return refused(NO_ENTRY, guest.national)


async def enter(hub: Hub, guest: Visit, status: int, code: str = "") -> bool:
    """Writes down what a known caller is about to be told, nobody else; False if that is not durable."""
    if guest.caller is None:
        return True
    try:
        async with asyncio.timeout(_ENTRY):
            await hub.audit.write(_entry(hub, guest, guest.caller, status, code))
    except (AzureError, TimeoutError, OSError) as error:
        log.alarm("audit log not written", error=type(error).__name__)
        return False
    guest.noted = status
    return True


async def _worked(guest: Visit, work: Awaitable[Reply]) -> tuple[Reply, str]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await work, ""
    except Fault as fault:
        found = fault
    except TimeoutError:
        log.alarm("not answered in time", action=guest.action)
        found = _LATE if guest.action.endswith(".read") else BUSY
    except Exception as error:  # a mistake of ours, or a machine at its end: it may not take the entry with it
        frame = extract_tb(error.__traceback__)[-1]
        log.alarm("stumbled", error=type(error).__name__, file=frame.filename.rpartition("/")[2], line=frame.lineno)
        found = _STUMBLED
    code, correlation = national_code(found), guest.national.correlation
    log.step("refused", status=found.status, code=code, action=guest.action, correlation=correlation, reason=_told(found))
    return refused(found, guest.national), code


def _told(fault: Fault) -> str:
    """A reason that names a field, or a parameter of the caller's own, is the caller's business."""
    return "payload" if fault.field or fault.findings or fault.code.startswith("2.") else fault.reason


def _entry(hub: Hub, guest: Visit, caller: Caller, status: int, code: str) -> Entry:
    return Entry(
        at=hub.clock(),
        correlation=guest.national.correlation,
        tenant=guest.tenant,
        sender=caller.name,
        vkp_id=caller.vkp_id,
        client=caller.client,
        action=guest.action,
        patients=guest.patients,
        service_codes=guest.service_codes,
        status=status,
        code=code,
        count=guest.count,
        message=guest.message,
    )
