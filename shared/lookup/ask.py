"""Asking a municipality's journal: as many calls as its answer has parts, all within one time-out each and one bound for all."""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any

from shared import log
from shared.access.register import Lookup, Tenant
from shared.domain.journal import Call, LookupAdapter, Page, Question
from shared.door import adapters
from shared.door.answers import Fault
from shared.door.exchange import exchange
from shared.door.study import aside
from shared.door.visit import Visit
from shared.errors import PayloadError, Refused, Unavailable
from shared.hub import Hub

PARTS = 50  # of one answer
LARGEST = 4 * 1024 * 1024  # bytes of one part
AT_ONCE = 32  # look-ups of one municipality that a worker may have at its journal
MOST = 8 * 1024 * 1024  # bytes of a whole answer

One = tuple[str, Mapping[str, Any]]  # fullUrl and resource


async def ask(hub: Hub, tenant: Tenant, question: Question, guest: Visit) -> list[One]:
    """All that the journal answers; a Fault that says what kind of no it was (vkp.md 1.10)."""
    lookup = tenant.lookup
    journal = adapters.lookup(lookup.adapter) if lookup and lookup.active else None
    if lookup is None or journal is None:
        raise Fault(
            503, "this municipality's journal takes no look-ups now", "ask the municipality", headers={"Retry-After": "60"}, code="3"
        )
    if hub.asking[tenant.orgnr] >= AT_ONCE:
        raise Fault(503, "the journal is at as many look-ups as it may be", "ask again in a second", headers={"Retry-After": "1"}, code="3")
    began = perf_counter()
    hub.asking[tenant.orgnr] += 1
    try:
        return await _all(hub, lookup, journal, question, guest)
    except TimeoutError:
        raise _no(504, "the journal did not answer in time", "ask again", "3.1", "time-out") from None
    except Unavailable as error:
        raise _no(503, "the journal cannot answer now", "ask again in a few seconds", "3", error.reason) from error
    except Refused as error:
        raise _no(502, "the journal refused the hub's question", "ask the municipality", "3", error.reason) from error
    except PayloadError as error:
        raise _no(502, "the journal answered with something that is no answer", "ask the municipality", "3", error.reason) from error
    finally:
        hub.asking[tenant.orgnr] -= 1
        guest.journal_ms += (perf_counter() - began) * 1000


def _no(status: int, reason: str, remedy: str, code: str, cause: str) -> Fault:
    say = log.alarm if status == 502 else log.step  # a journal that is down comes back; one that talks nonsense needs somebody
    say("look-up not answered", status=status, cause=cause)
    return Fault(status, reason, remedy, headers={"Retry-After": "5"} if status == 503 else {}, code=code)


async def _all(hub: Hub, lookup: Lookup, journal: LookupAdapter, question: Question, guest: Visit) -> list[One]:
    found: list[One] = []
    call = first = journal.request(lookup.url, question)
    for _ in range(PARTS):
        page = await _part(hub, lookup, journal, call, guest)
        found += page.resources
        if not page.next:
            return found if call is first else _once(found)
        call = journal.more(lookup.url, page.next)
    raise PayloadError("$.link", f"leads on after {PARTS} parts", "answer in fewer, larger parts")


def _once(found: Iterable[One]) -> list[One]:
    """Without what a journal puts beside each part again and again. What differs in anything is another resource, whatever its name."""
    return list({(url, repr(resource)): (url, resource) for url, resource in found}.values())


async def _part(hub: Hub, lookup: Lookup, journal: LookupAdapter, call: Call, guest: Visit) -> Page:
    heard = await exchange(hub, call, lookup.auth, LARGEST)
    if not heard.whole:
        raise PayloadError("$", f"is larger than {LARGEST} bytes", "answer in parts")
    guest.journal_bytes += len(heard.body)
    if guest.journal_bytes > MOST:
        raise PayloadError("$", f"is larger than {MOST} bytes in all", "ask for less")
    return await aside(hub, guest.tenant, len(heard.body), journal.answer, heard.status, heard.headers, heard.body)
