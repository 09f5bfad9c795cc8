"""A call of the admin API from its first word to its answer: who is it, may they, and what the audit log says of it.

Always in this order: the token proves a person, the municipality's roll says what they may do, and only then is anything looked for. An
act, a history and every refusal of somebody who has proved who they are stands in the audit log before it is answered.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
from azure.core.exceptions import AzureError

from shared import log
from shared.access.entry import Entry
from shared.access.people import SCOPE, Role, acceptable, person_key
from shared.admin import roll
from shared.door.answers import JSON, Fault, Reply, refused_to_person
from shared.door.permit import NO_TENANT
from shared.door.prove import DPOP, challenge, person
from shared.door.visit import NO_ENTRY, PATIENCE
from shared.errors import PayloadError
from shared.hub import Hub

LARGEST = 16 * 1024  # bytes of a body
PACE = 120  # calls of one person in a minute, to one worker
_FRESH = {"Cache-Control": "no-store"}
_CLOSED = Fault(404, "there is no admin API on this hub", "ask whoever runs the hub to set HUB_ADMIN")
_LARGE = Fault(413, f"the body is longer than {LARGEST} bytes", "send less")
_QUERIED = Fault(400, "this call takes no parameters in its address", "send in the body what docs/admin.md names, and nothing else")
_ENCODED = Fault(415, "the body has a Content-Encoding", "send it uncompressed")
_PACED = Fault(429, "more calls than are taken in a minute", "go on after the time in Retry-After", headers={"Retry-After": "60"})
_BUSY = Fault(503, "it could not be done in time, or not wholly", "say it again: what was done is found done", headers={"Retry-After": "5"})
_SCOPELESS = Fault(403, f"the access token has no scope for {SCOPE}", f"ask for the scope that ends in {SCOPE} when you fetch the token")
_STRANGER = Fault(403, "you are not among those who may administer this municipality", "ask its user administrator for access")
_LESSER = Fault(403, "your role does not allow this", "ask the municipality's user administrator")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it came in. `headers` in lower case; `path` as it was called; `named`: what the path names besides the municipality."""

    tenant: str
    headers: Mapping[str, str]
    method: str
    path: str
    query: str
    body: bytes = field(repr=False)
    named: Mapping[str, str]


@dataclass(slots=True)
class Guest:
    """Who is at the door. `key` "": nobody has proved who they are; `role` "": nobody whom the municipality knows; `name`: of somebody at a
    keyboard, who proved nothing; `person`: the same in all municipalities, and never kept."""

    tenant: str
    key: str = ""
    role: str = ""
    client: str = ""
    name: str = ""
    person: str = field(default="", repr=False)

    @property
    def who(self) -> str:
        """In the audit log, where a name that was given at a keyboard has no colon."""
        return self.name or f"{self.role or 'unknown'}:{self.key}"


Answer = tuple[int, Any]  # status and what is said
Work = Callable[[Hub, Asked, Guest], Awaitable[Answer]]


async def attended(hub: Hub, asked: Asked, action: str, roles: frozenset[Role], work: Work, *, queried: bool = False) -> Reply:
    """The answer, whatever happens. `action`: as the audit log has it; `roles`: who may; `queried`: it takes parameters in its address."""
    guest = Guest(asked.tenant)
    try:
        async with asyncio.timeout(PATIENCE):
            await _admit(hub, asked, guest, roles)
            if asked.query and not queried:  # a dry_run that nobody reads would be none
                raise _QUERIED
            status, told = await work(hub, asked, guest)
            reply = Reply(status, JSON, orjson.dumps(told), _FRESH)
    except Fault as fault:
        reply = await _no(hub, guest, action, fault)
    except PayloadError as error:
        reply = refused_to_person(Fault(400, error.reason, error.remedy, field=error.field))
    except (AzureError, TimeoutError, OSError) as error:
        log.alarm("not administered", action=action, error=type(error).__name__)
        reply = refused_to_person(_BUSY)
    known = {"tenant": guest.tenant, "role": guest.role} if guest.key else {}  # before that, the path may say anything
    log.step("administered", action=action, status=reply.status, **known)
    return reply


async def enter(hub: Hub, guest: Guest, action: str, message: str = "", status: int = 200) -> None:
    """An entry in the audit log, before the answer. Raises Fault if it is not durable: then there is no answer."""
    entry = Entry(
        at=hub.clock(),
        correlation=str(uuid4()),
        tenant=guest.tenant,
        sender="",
        vkp_id="",
        client=guest.client,
        action=action,
        patients=(),
        service_codes=(),
        status=status,
        code="",
        count=1,
        message=message,
        who=guest.who,
    )
    try:
        await hub.audit.write(entry)
    except (AzureError, TimeoutError, OSError) as error:
        log.alarm("audit log not written", error=type(error).__name__)
        raise NO_ENTRY from error


async def _no(hub: Hub, guest: Guest, action: str, fault: Fault) -> Reply:
    """Whoever may not, and has proved who they are, leaves a trace."""
    try:
        if fault.status == 403 and guest.key:
            await enter(hub, guest, action, status=403)
    except Fault as without:
        return refused_to_person(without)
    return refused_to_person(fault)


async def _admit(hub: Hub, asked: Asked, guest: Guest, roles: frozenset[Role]) -> None:
    """Fills in the guest as far as they get. Raises Fault."""
    if not hub.settings.admins:
        raise _CLOSED
    claims = await person(hub, asked.headers, (asked.method, asked.path))
    _fits(asked)
    if not acceptable(claims.sender, hub.settings.numbers):
        raise Fault(
            401,
            "the access token names no person whom this environment takes",
            "log in as somebody whom it takes (HUB_ENVIRONMENT)",
            headers=challenge(DPOP, hub.settings.admins, shown=True),
        )
    if (await hub.registers.current()).tenant(asked.tenant) is None:
        raise NO_TENANT
    guest.key = person_key(hub.settings.patient_key, asked.tenant, claims.sender)
    guest.person = person_key(hub.settings.patient_key, "", claims.sender)
    guest.client = claims.client
    _pace(hub, guest.key)
    if SCOPE not in claims.scopes:
        raise _SCOPELESS
    await _allowed(hub, guest, roles)


def _fits(asked: Asked) -> None:
    if asked.headers.get("content-encoding", "identity") != "identity":
        raise _ENCODED
    if len(asked.body) > LARGEST:
        raise _LARGE


def _pace(hub: Hub, key: str) -> None:
    minute = int(hub.clock() // 60)
    known: tuple[int, Counter[str]] = hub.kept.get("admin", (0, Counter()))
    calls = known[1] if known[0] == minute else Counter()
    calls[key] += 1
    hub.kept["admin"] = (minute, calls)
    if calls[key] > PACE:
        raise _PACED


async def _allowed(hub: Hub, guest: Guest, roles: frozenset[Role]) -> None:
    user = (await roll.read(hub, guest.tenant)).get(guest.key)
    if user is None:
        raise _STRANGER
    if ended := user.ended(hub.clock()):
        raise Fault(403, f"your access {ended}", "ask the municipality's user administrator to give it again")
    guest.role = user.role
    if user.role not in roles:
        raise _LESSER
    await roll.came(hub, guest.tenant, guest.key, user)
