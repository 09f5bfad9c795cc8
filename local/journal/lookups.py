"""The journal's door for look-ups: FHIR search by POST, the parts that follow by GET. No address says whom it is about."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import parse_qsl

from aiohttp import web

from local.journal import records
from local.journal.answers import capability, json, outcome
from local.journal.behaviour import MODES, Behaviour, Behaviours, Push
from local.journal.lies import TWISTS, Part, misheard
from local.journal.search import PARAMETERS, BadSearch, Form, search
from local.journal.store import Asked, Journal
from shared.domain.clock import OSLO

FORM = "application/x-www-form-urlencoded"
NEXT = "_getpages"  # the parameter of a next link; its value is a token that tells nothing
MOST_LEFT = 1000  # answers whose next part can still be fetched


class Lookups:
    """`journal_of` makes the journal of an endpoint, None for a name that is none; `today` is the day in Norway."""

    def __init__(
        self, behaviours: Behaviours, journal_of: Callable[[str], Journal | None], today: Callable[[], date] | None = None
    ) -> None:
        self._behaviours = behaviours
        self._journal_of = journal_of
        self._today = today or (lambda: datetime.now(OSLO).date())
        self._left: OrderedDict[str, Part] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/{endpoint}/fhir/{resource}/_search", self._search),
            web.get("/{endpoint}/fhir", self._more),
            web.get("/{endpoint}/fhir/metadata", self._metadata),
            web.get("/_sandbox/{endpoint}/asked", self._asked),
        ]

    async def _metadata(self, _request: web.Request) -> web.Response:
        return capability("look-ups", dict.fromkeys(PARAMETERS, ("search-type",)))

    async def _search(self, request: web.Request) -> web.Response:
        journal = self._journal_of(request.match_info["endpoint"])
        if journal is None:
            return outcome(404, "not-found", "There is no such journal.")
        try:
            return await self._found(request, journal, request.match_info["resource"])
        except BadSearch as error:
            journal.counts["invalid"] += 1
            return outcome(400, "invalid", str(error))

    async def _found(self, request: web.Request, journal: Journal, kind: str) -> web.Response:
        form = await read(request)
        _note(journal, kind, form)
        today = self._today()
        held = records.journal(journal.name, today)
        behaviour = self._behaviours.take(journal.name, time.monotonic(), "lookups")
        form = misheard(behaviour.mode, form) if behaviour else form
        found, strange = search(held, kind, form), records.stranger(today)
        others = [resource for resource in strange if resource["resourceType"] == kind]
        part = Part(found.resources, others, [*held, strange[0]], found.include, found.count)
        return await self._answer(request, journal, part, behaviour)

    async def _more(self, request: web.Request) -> web.Response:
        journal = self._journal_of(request.match_info["endpoint"])
        part = self._left.get(request.query.get(NEXT, ""))
        if journal is None or part is None:
            return outcome(410, "not-found", "This part of an answer is no longer kept. Ask again from the beginning.")
        _note(journal, "", list(request.query.items()))
        return await self._answer(request, journal, part, self._behaviours.take(journal.name, time.monotonic(), "lookups"))

    async def _answer(self, request: web.Request, journal: Journal, part: Part, behaviour: Behaviour | None) -> web.Response:
        if behaviour is None:
            return self._say(request, journal, part)
        mode = MODES[behaviour.mode]
        journal.counts[mode.counts_as] += 1
        twist = TWISTS.get(behaviour.mode)
        told = twist(part, behaviour.settings) if twist else part
        return await mode.act(Push(request, behaviour.settings, lambda _deduplicate: self._say(request, journal, told)))

    def _say(self, request: web.Request, journal: Journal, part: Part) -> web.Response:
        base = f"{request.url.origin()}/{journal.name}/fhir"
        rest = part.rest()
        body = part.body(base, self._keep(_elsewhere(base) if part.foreign else base, rest) if rest else "")
        return web.Response(body=body, content_type="application/fhir+json")

    def _keep(self, base: str, rest: Part) -> str:
        token = secrets.token_urlsafe(16)
        self._left[token] = rest
        if len(self._left) > MOST_LEFT:
            self._left.popitem(last=False)
        return f"{base}?{NEXT}={token}" + (f"&whom={rest.whom}" if rest.whom else "")

    async def _asked(self, request: web.Request) -> web.Response:
        journal = self._journal_of(request.match_info["endpoint"])
        return json(
            [{"resource": each.resource, "parameters": each.parameters, "at": each.at} for each in journal.asked] if journal else []
        )


async def read(request: web.Request) -> Form:
    """The parameters of the body. In the address there may be none: it is written into logs on the way."""
    if request.query_string:
        raise BadSearch("The parameters must be in the body, not in the address.")
    body = await request.read()
    if body and request.content_type != FORM:
        raise BadSearch(f"The body must be {FORM}.")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), errors="strict")
    except ValueError:
        raise BadSearch("The body must be name=value, with & between, in UTF-8.") from None


def _elsewhere(base: str) -> str:
    """The same journal by another name of this machine, so that whoever follows is seen."""
    ours, theirs = ("localhost", "127.0.0.1") if "//localhost" in base else ("127.0.0.1", "localhost")
    return base.replace(ours, theirs, 1)


def _note(journal: Journal, kind: str, form: Form) -> None:
    """Only names that a search has: another may be anything."""
    known = {NEXT, "_count", "_include", *(name for names in PARAMETERS.values() for name in names)}
    journal.counts["asked"] += 1
    names = tuple(name if name in known else "?" for name, _ in form)
    journal.asked.append(Asked(kind if kind in PARAMETERS else "", names, time.time()))
