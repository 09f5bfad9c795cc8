"""The journal's doors: pushes in, pages out, and the sandbox's own commands."""

import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from functools import partial
from typing import TypeVar

import orjson
from aiohttp import web

from local.journal import hook, pages, plain
from local.journal.answers import html, json, outcome
from local.journal.behaviour import MODES, BadCommand, Behaviours, Push, parse
from local.journal.guard import Guard
from local.journal.jft import Jft
from local.journal.lookups import Lookups
from local.journal.push import Arrived
from local.journal.store import RESOURCES, Journal, Kept, Patient, Unreadable, tree
from local.journal.transactions import Transactions
from local.listening import listen
from shared.fhir.told.codes import Codes, national
from shared.fhir.told.note import Note
from shared.fhir.told.telling import note

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LONGEST_KEY = 128
LARGEST = 4 * 1024 * 1024  # more than the hub ever sends


class SandboxJournal:
    """A running sandbox EPJ. `url` has no slash at its end. `guard`: asks everybody for an access token."""

    def __init__(
        self,
        codes: Codes | None = None,
        today: Callable[[], date] | None = None,
        guard: Guard | None = None,
        credential: tuple[str, str] | None = None,
        signed_with: str = "",
    ) -> None:
        """`credential`: a header and its value, without which nobody may push or look up; `signed_with`: what webhooks show instead."""
        self.url = ""
        self._credential, self._signed_with = credential, signed_with
        self._codes = codes or national()
        self._journals: dict[str, Journal] = {}
        self._behaviours = Behaviours()
        self._lookups = Lookups(self._behaviours, self._journal, today)
        self._transactions = Transactions(self._behaviours, self._journal)
        self._jft = Jft(self._answer, self._journal)
        self._middlewares = [guard.check] if guard else [self._shown] if credential else []
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: by https, and with a client certificate if it asks for one. OSError if the port is taken."""
        app = web.Application(client_max_size=LARGEST, middlewares=self._middlewares)
        app.add_routes([*self._transactions.routes(), *self._routes(), *self._lookups.routes(), *self._jft.routes()])
        self._runner, self.url = await listen(app, port, tls)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._front),
            web.get("/_sandbox/stats", self._stats),
            web.get("/_sandbox/{endpoint}/notes", self._notes),
            web.get("/_sandbox/{endpoint}/arrivals", self._arrivals),
            web.delete("/_sandbox/{endpoint}", self._empty),
            web.put("/_sandbox/{endpoint}/behaviour", self._misbehave),
            web.get("/_sandbox/{endpoint}/behaviour", self._behaviour),
            web.delete("/_sandbox/{endpoint}/behaviour", self._behave),
            web.post("/{endpoint}/{resource}", self._push),
            web.get("/{endpoint}/note/{key}", self._have),
            web.get("/{endpoint}", self._to_list),
            web.get("/{endpoint}/", self._list),
            web.get("/{endpoint}/patients/{number}", self._patient),
            web.get("/{endpoint}/notes/{number}", self._note),
        ]

    @web.middleware
    async def _shown(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pages and the sandbox's own commands are open to all."""
        name = request.match_info.get("endpoint", "")
        asking = request.path == f"/{name}/fhir" or request.path.startswith((f"/{name}/note/", f"/{name}/fhir-store/"))
        guarded = not request.path.startswith("/_sandbox/") and (request.method == "POST" or asking)
        if self._credential is None or not guarded or "open" in self._modes(name):
            return await handler(request)
        header, value = self._credential
        if await self._signed(request, name) if request.path == f"/{name}/{hook.RESOURCE}" else request.headers.get(header) == value:
            return await handler(request)
        return outcome(401, "login", "Show the credential that was agreed.", {"WWW-Authenticate": "Basic"})

    async def _signed(self, request: web.Request, name: str) -> bool:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return hook.holds(self._signed_with, headers, await request.read(), time.time(), self._modes(name))

    # pushes

    async def _push(self, request: web.Request) -> web.Response:
        name, resource = request.match_info["endpoint"], request.match_info["resource"]
        taken = (*RESOURCES, plain.RESOURCE, hook.RESOURCE)
        journal = self._journal(name) if resource in taken else None
        if journal is None:
            known = ", ".join(taken)
            return outcome(404, "not-found", f"This journal takes POST /{{endpoint}}/ followed by one of: {known}.")
        with journal.handling():
            return await self._answer(request, journal, resource)

    async def _answer(self, request: web.Request, journal: Journal, resource: str) -> web.Response:
        behaviour = self._behaviours.take(journal.name, time.monotonic(), "pushes")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            journal.counts["invalid"] += 1
            return outcome(413, "too-long", f"A document may have {LARGEST} bytes.")
        if resource == hook.RESOURCE:
            resource, body = hook.opened(body)
        arrived = Arrived(journal, request.headers.get("Idempotency-Key", ""), resource, body, _store)
        if behaviour is None:
            return _store(arrived)
        mode = MODES[behaviour.mode]
        journal.counts[mode.counts_as] += 1
        return await mode.act(Push(request, behaviour.settings, partial(_store, arrived), arrived))

    async def _have(self, request: web.Request) -> web.Response:
        """Whether a note stands here, asked by its key. What is told to misbehave does so here too, but stores nothing."""
        name, key = request.match_info["endpoint"], request.match_info["key"]
        journal = self._journal(name)
        kept = journal.by_key.get(key) if journal else None
        answer = _answer(200, kept) if kept else outcome(404, "not-found", "This journal has no note of this key.")
        now = time.monotonic()
        behaviour = self._behaviours.take(name, now, "asks") or self._behaviours.take(name, now, "pushes")
        if behaviour is None:
            return answer
        return await MODES[behaviour.mode].act(Push(request, behaviour.settings, lambda _deduplicate: answer))

    def _journal(self, name: str) -> Journal | None:
        """An endpoint's journal, made when it is first called; None for a name that is none."""
        if name not in self._journals and NAME.fullmatch(name):
            self._journals[name] = Journal(name)
        return self._journals.get(name)

    # pages

    async def _front(self, request: web.Request) -> web.Response:
        return html(pages.front([(journal, self._wrong(name)) for name, journal in sorted(self._journals.items())]))

    async def _to_list(self, request: web.Request) -> web.Response:
        name = request.match_info["endpoint"]
        if name not in self._journals:
            return html(pages.missing(), 404)
        raise web.HTTPFound(f"/{name}/")

    async def _list(self, request: web.Request) -> web.Response:
        journal = self._journals.get(request.match_info["endpoint"])
        return self._listing(request, journal, None, journal.notes) if journal else html(pages.missing(), 404)

    async def _patient(self, request: web.Request) -> web.Response:
        journal = self._journals.get(request.match_info["endpoint"])
        patients = list(journal.patients.values()) if journal else []
        patient = _at(patients, request.match_info["number"])
        return self._listing(request, journal, patient, patient.notes) if journal and patient else html(pages.missing(), 404)

    def _listing(self, request: web.Request, journal: Journal, patient: Patient | None, notes: list[Kept]) -> web.Response:
        asked = request.query.get("side", "1")
        side = max(1, int(asked)) if asked.isdecimal() and len(asked) < 9 else 1
        newest = notes[::-1][(side - 1) * pages.PER_PAGE : side * pages.PER_PAGE]
        seen = [self._seen(journal, kept) for kept in newest]
        return html(pages.listing(journal, patient, seen, side, len(notes), self._wrong(journal.name)))

    async def _note(self, request: web.Request) -> web.Response:
        journal = self._journals.get(request.match_info["endpoint"])
        number = request.match_info["number"]
        kept = next((kept for kept in journal.notes if str(kept.number) == number), None) if journal else None
        return html(pages.single(journal, self._seen(journal, kept))) if journal and kept else html(pages.missing(), 404)

    def _seen(self, journal: Journal, kept: Kept) -> pages.Seen:
        return pages.Seen(kept, self._told(kept), journal.versions(kept))

    def _told(self, kept: Kept) -> Note:
        document = tree(kept.body)
        return note(document, self._codes) if kept.resource != plain.RESOURCE else plain.shown(document)

    def _wrong(self, name: str) -> str:
        return next((MODES[mode].words for mode in self._modes(name) if mode in MODES), "")

    def _modes(self, name: str) -> list[str]:
        now = time.monotonic()
        return [self._behaviours.show(each, now)["mode"] for each in (name, "*")]

    # the sandbox's own commands

    async def _notes(self, request: web.Request) -> web.Response:
        journal = self._journals.get(request.match_info["endpoint"])
        after = request.query.get("after", "0")
        if not after.isdecimal() or len(after) > 9:
            return json({"error": "after must be the number of a note."}, 400)
        return json([self._as_json(journal, kept) for kept in journal.notes[int(after) :]] if journal else [])

    def _as_json(self, journal: Journal, kept: Kept) -> dict[str, object]:
        return {
            **_arrival(kept),
            "resource": kept.resource,
            "patient_name": kept.patient.name,
            "copies": kept.copies,
            "identifier": kept.identifier,
            "replaced": journal.versions(kept)[-1] is not kept,
            "text": self._told(kept).text(),
        }

    async def _arrivals(self, request: web.Request) -> web.Response:
        journal = self._journals.get(request.match_info["endpoint"])
        return json([_arrival(kept) for kept in journal.notes] if journal else [])

    async def _stats(self, request: web.Request) -> web.Response:
        return json({name: _counts(journal) for name, journal in sorted(self._journals.items())})

    async def _empty(self, request: web.Request) -> web.Response:
        name = request.match_info["endpoint"]
        for journal in self._journals.values():
            if name in ("*", journal.name):
                journal.empty()
        return web.Response(status=204)

    async def _misbehave(self, request: web.Request) -> web.Response:
        name = request.match_info["endpoint"]
        try:
            if name != "*" and not NAME.fullmatch(name):
                raise BadCommand('The endpoint must be "*" or a name of small letters, digits and hyphens.')
            behaviour = parse(orjson.loads(await request.read()))
        except (BadCommand, orjson.JSONDecodeError) as error:
            return json({"error": str(error) if isinstance(error, BadCommand) else "The body is not JSON."}, 400)
        self._behaviours.tell(name, behaviour, time.monotonic())
        return await self._behaviour(request)

    async def _behaviour(self, request: web.Request) -> web.Response:
        return json(self._behaviours.show(request.match_info["endpoint"], time.monotonic()))

    async def _behave(self, request: web.Request) -> web.Response:
        self._behaviours.end(request.match_info["endpoint"])
        return web.Response(status=204)


def _store(arrived: Arrived, deduplicate: bool = True) -> web.Response:
    """What an honest journal does: 201 for a new document, 200 for one it has, 400 for what it cannot keep."""
    journal, key = arrived.journal, arrived.key
    if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        journal.counts["invalid"] += 1
        return outcome(400, "required", f"The header Idempotency-Key is missing, or not 1 to {LONGEST_KEY} printable ASCII characters.")
    kept = journal.copy_of(key)
    journal.counts["duplicates"] += kept is not None
    status = 200
    if kept is None or not deduplicate:
        try:
            kept, status = journal.keep(key, arrived.resource, arrived.body, time.time(), arrived.named), 201
        except Unreadable as error:
            journal.counts["invalid"] += 1
            return outcome(400, "structure", str(error))
    return _answer(status, kept, {"Location": f"/{journal.name}/notes/{kept.number}"})


def _answer(status: int, kept: Kept, headers: Mapping[str, str] | None = None) -> web.Response:
    """To a document there is nothing to say but where it is; to a note, what `docs/notes.md` says."""
    body = orjson.dumps({"key": kept.key, "id": str(kept.number)}) if kept.resource == plain.RESOURCE else b""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json" if body else None)


def _arrival(kept: Kept) -> dict[str, object]:
    return {"number": kept.number, "key": kept.key, "patient": kept.patient.value, "arrived_at": kept.arrived_at}


COUNTS = [
    "received",
    "asked",
    "duplicates",
    "invalid",
    "refused",
    "failed",
    "cut",
    "slow",
    "garbage",
    "forgetful",
    "odd",
    "in_flight_most",
]


def _counts(journal: Journal) -> dict[str, int]:
    return {"stored": len(journal.notes), "in_flight": journal.in_flight, **{name: journal.counts[name] for name in COUNTS}}


def _at(things: list[T], number: str) -> T | None:
    return things[int(number) - 1] if number.isdecimal() and len(number) < 10 and 1 <= int(number) <= len(things) else None
