"""The journal's door as a FHIR server: transactions and batches in, reads and searches out."""

import time
from collections.abc import Callable

import orjson
from aiohttp import web

from local.journal.answers import capability, outcome
from local.journal.behaviour import MODES, Behaviour, Behaviours, Push
from local.journal.resources import Fault, Work, Wrong, document, loads, looked_up
from local.journal.store import RESOURCES, Journal
from shared.fhir.told.loose import Node, nodes, text

FHIR = "application/fhir+json"
PATH = "fhir-store"
TYPES = (*(kind for kind in RESOURCES.values() if kind != "Bundle"), "DetectedIssue", "Device", "Observation")  # what documents hold


class Transactions:
    """`journal_of` makes the journal of an endpoint, None for a name that is none."""

    def __init__(self, behaviours: Behaviours, journal_of: Callable[[str], Journal | None]) -> None:
        self._behaviours = behaviours
        self._journal_of = journal_of

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"/{{endpoint}}/{PATH}", self._bundle),
            web.get(f"/{{endpoint}}/{PATH}/metadata", self._metadata),
            web.get(f"/{{endpoint}}/{PATH}/{{rest:.+}}", self._look),
        ]

    async def _metadata(self, _request: web.Request) -> web.Response:
        return capability(
            "a FHIR server", dict.fromkeys(TYPES, ("read", "vread", "update", "create", "search-type")), ("transaction", "batch")
        )

    async def _bundle(self, request: web.Request) -> web.Response:
        journal = self._journal_of(request.match_info["endpoint"])
        if journal is None:
            return outcome(404, "not-found", "There is no such journal.")
        with journal.handling():
            behaviour = self._behaviours.take(journal.name, time.monotonic(), "transactions")
            try:
                bundle = loads(await request.read())
            except (ValueError, web.HTTPRequestEntityTooLarge):
                journal.counts["invalid"] += 1
                return outcome(400, "structure", "The body is no JSON object, or too long.")
            if behaviour is None and _asks(bundle):
                behaviour = self._behaviours.take(journal.name, time.monotonic(), "asks")
            if behaviour is None:
                return _carry_out(journal, bundle, _base(request, journal), Wrong())
            mode, wrong = MODES[behaviour.mode], _wrong(behaviour)
            journal.counts[mode.counts_as] += 1
            push = Push(request, behaviour.settings, lambda _once: _carry_out(journal, bundle, _base(request, journal), wrong))
            return await mode.act(push)

    async def _look(self, request: web.Request) -> web.Response:
        journal = self._journal_of(request.match_info["endpoint"])
        url = request.match_info["rest"] + (f"?{request.query_string}" if request.query_string else "")
        try:
            resource = looked_up(journal.resources if journal else {}, url, _base(request, journal) if journal else "")
        except Fault as fault:
            return outcome(fault.status, "not-found", str(fault))
        return web.Response(body=orjson.dumps(resource), content_type=FHIR)


def _base(request: web.Request, journal: Journal) -> str:
    return f"{request.url.origin()}/{journal.name}/{PATH}"


def _asks(bundle: Node) -> bool:
    """Whether it is the hub's question for what it sent."""
    return all(text(entry, "request", "method") == "GET" for entry in nodes(bundle, "entry"))


def _wrong(behaviour: Behaviour) -> Wrong:
    partial = int(behaviour.settings["status"]) if behaviour.mode == "partial" else 0
    return Wrong(many=behaviour.mode == "many", nowhere=behaviour.mode == "no-location", partial=partial)


def _carry_out(journal: Journal, bundle: Node, base: str, wrong: Wrong) -> web.Response:
    kind, entries = bundle.get("type"), nodes(bundle, "entry")
    work = Work(dict(journal.resources), base, wrong)
    try:
        if bundle.get("resourceType") != "Bundle" or kind not in ("transaction", "batch"):
            raise Fault(400, "This address takes a Bundle of type transaction or batch.")
        said = work.transaction(entries) if kind == "transaction" else work.batch(entries)
    except Fault as fault:
        journal.counts["invalid"] += 1
        return outcome(fault.status, "processing", str(fault))
    journal.resources = work.held
    _note(journal, work, entries)
    body = orjson.dumps({"resourceType": "Bundle", "type": f"{kind}-response", "entry": said})
    return web.Response(body=body, content_type=FHIR)


def _note(journal: Journal, work: Work, entries: list[Node]) -> None:
    """A note that was there before is shown with the parts that have come since."""
    noted = document(work, entries)
    if noted is None or noted[0] not in RESOURCES:
        return
    resource, address, new, whole = noted
    key, body = "/".join(address), orjson.dumps(whole)
    kept = None if new else journal.copy_of(key)
    journal.counts["duplicates"] += kept is not None
    if kept is None:
        journal.keep(key, resource, body, time.time())
    else:
        kept.body = body
