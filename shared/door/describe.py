"""What the hub says of itself to anybody who asks: its contract, its codes, and what a municipality's FHIR address can do."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import orjson

from shared.door import adapters
from shared.door.answers import FHIR, JSON, Fault, Reply, refused
from shared.door.permit import NO_TENANT
from shared.door.prove import known_register
from shared.door.visit import visit
from shared.hub import Hub

HTML = "text/html"
_NO_TABLE = Fault(404, "there is no such code table", "see /api/codes for those that there are")


async def metadata(hub: Hub, orgnr: str, headers: Mapping[str, str], origin: str) -> Reply:
    """The CapabilityStatement of a municipality's address; the same for everybody, so it asks for no proof.

    `origin`: scheme and host of the request, told where the hub was not told its own (HUB_PUBLIC_URL)."""
    from shared.contract.routes import VERSION
    from shared.domain import national
    from shared.fhir import serialise
    from shared.fhir.capability import capability

    said = visit(hub, orgnr, "", headers).national
    try:
        tenant = (await known_register(hub)).tenant(orgnr)
        if tenant is None:
            raise NO_TENANT
    except Fault as fault:
        return refused(fault, said)
    since = datetime.fromtimestamp(hub.opened_at, UTC).replace(microsecond=0)
    url = f"{hub.settings.public_url or origin}/epj/r4/{orgnr}"
    searches = national.searches() if tenant.lookup and tenant.lookup.active else {}
    made = capability(tenant.name, url, since, VERSION, national.WRITES.values(), searches)
    return Reply(200, FHIR, serialise(made), said.headers)


def openapi(public_url: str) -> Reply:
    return Reply(200, JSON, orjson.dumps(_document(public_url)), {"Cache-Control": "max-age=300"})


def admin(public_url: str) -> Reply:
    """The admin API's own document."""
    from shared.contract.admin_document import document

    return Reply(200, JSON, orjson.dumps(document(public_url)), {"Cache-Control": "max-age=300"})


def docs(public_url: str) -> Reply:
    """The same document, to read."""
    from shared.contract.markup import HEADERS
    from shared.contract.page import docs_page

    return Reply(200, HTML, docs_page(_document(public_url)), HEADERS)


def codes() -> Reply:
    """The page of all code tables, in bokmål."""
    from shared.contract.codes import codes_page
    from shared.contract.markup import HEADERS

    return Reply(200, HTML, codes_page(), HEADERS)


def code_table(name: str) -> Reply:
    """One table as a FHIR CodeSystem."""
    from shared.fhir import serialise
    from shared.fhir.code_system import code_system

    found = code_system(name)
    return refused(_NO_TABLE, None) if found is None else Reply(200, FHIR, serialise(found))


@cache
def _document(public_url: str) -> dict[str, object]:
    from shared.contract.openapi import document

    return document(public_url, [one for name in adapters.names("devices") if (one := adapters.device(name))])
