"""How the journal can be told to misbehave.

    PUT /_sandbox/{endpoint}/behaviour
    {"mode": "fail", "status": 503, "retry_after": 30, "calls": 3}

`calls` or `seconds` limit it; without either it lasts until told otherwise. `delay` is in seconds. An endpoint's own behaviour comes
before that of "*". MODES says what each mode does and which fields it takes (with the value when left out). Look-ups and transactions
fail as pushes do; what only look-ups can do wrong is in lies.py, what only a FHIR server can in resources.py, what a journal does wrong
by how it is built in slips.py.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from local.journal import slips
from local.journal.answers import half, hang_up, html, outcome, trickle
from local.journal.push import Limit
from local.journal.push import Push as Push  # for whoever hands a call to a mode


class BadCommand(Exception):
    """The text says which field is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    mode: str
    settings: Mapping[str, Limit]
    calls: int | None = None
    seconds: float | None = None


async def fail(push: Push) -> web.Response:
    headers = {"Retry-After": str(push.settings["retry_after"])} if "retry_after" in push.settings else {}
    return outcome(int(push.settings["status"]), "transient", "The journal was told to fail.", headers)


async def fail_after(push: Push) -> web.Response:
    push.store(True)
    return await fail(push)


async def stall(push: Push) -> web.Response:
    await asyncio.sleep(push.settings["delay"])
    return push.store(True)


async def late(push: Push) -> web.Response:
    answer = push.store(True)
    await asyncio.sleep(push.settings["delay"])
    return answer


async def cut(push: Push) -> web.Response:
    return hang_up(push.request)


async def cut_after(push: Push) -> web.Response:
    return half(push.request, push.store(True))


async def refuse(push: Push) -> web.Response:
    return outcome(int(push.settings["status"]), "business-rule", "The journal was told to refuse.")


async def forget(push: Push) -> web.Response:
    return push.store(False)


async def drip(push: Push) -> web.Response:
    return await trickle(push.request, push.store(True), push.settings["delay"])


async def garbage(push: Push) -> web.Response:
    push.store(True)
    return html(b"<!doctype html><title>Velkommen</title><p>This is not what you asked for.")


async def twice(push: Push) -> web.Response:
    push.store(True)
    return push.store(True)


async def honest(push: Push) -> web.Response:
    return push.store(True)


async def say_outcome(push: Push) -> web.Response:
    return outcome(200, "processing", "The journal was told to answer 200 and mean no.")


@dataclass(frozen=True, slots=True)
class Mode:
    act: Callable[[Push], Awaitable[web.Response]]
    words: str  # bokmål, for the page
    counts_as: str  # in the statistics
    settings: Mapping[str, Limit | None]  # None: absent unless given
    only: str = ""  # "pushes", "lookups", "transactions", "webhooks" or "asks" for what was sent: the others are answered as they should be


MODES = {
    # stores nothing
    "fail": Mode(fail, "svarer med feil", "failed", {"status": 503, "retry_after": None}),
    "cut": Mode(cut, "bryter forbindelsen uten å lagre", "cut", {}),
    "refuse": Mode(refuse, "avviser alt", "refused", {"status": 422}),
    "outcome": Mode(say_outcome, "svarer 200, men mener nei", "refused", {}),
    # stores, as late as the answer comes: also when the caller has gone
    "stall": Mode(stall, "nøler før den lagrer", "slow", {"delay": 15.0}),
    # stores first
    "late": Mode(late, "lagrer, men svarer sent", "slow", {"delay": 15.0}),
    "cut-after": Mode(cut_after, "lagrer og bryter forbindelsen", "cut", {}),
    "fail-after": Mode(fail_after, "lagrer, men svarer med feil", "failed", {"status": 500, "retry_after": None}),
    "drip": Mode(drip, "lagrer og svarer ett tegn om gangen", "slow", {"delay": 1.0}),  # delay: between two bytes
    "garbage": Mode(garbage, "lagrer og svarer med en nettside", "garbage", {}),
    "forget": Mode(forget, "glemmer hva den har lagret før", "forgetful", {}, "pushes"),
    # by how it is built
    "lose": Mode(slips.lose, "sier ja uten å lagre", "odd", {}, "pushes"),
    "race": Mode(slips.race, "lagrer to ganger det som kommer samtidig", "odd", {}, "pushes"),
    "remember": Mode(slips.remember, "husker nøkkelen til det den avviste", "odd", {}, "pushes"),
    "short-key": Mode(slips.short_key, "ser bare på starten av nøkkelen", "odd", {}, "pushes"),
    "any-case": Mode(slips.any_case, "skiller ikke store og små bokstaver i nøkkelen", "odd", {}, "pushes"),
    "new-note": Mode(slips.new_note, "tar en rettelse som et nytt notat", "odd", {}, "pushes"),
    "conflict": Mode(slips.conflict, "svarer 409 på en rettelse", "odd", {}, "pushes"),
    "disorder": Mode(slips.disorder, "legger notater i feil rekkefølge", "odd", {}, "pushes"),
    "one-at-a-time": Mode(slips.one_at_a_time, "tar bare ett kall om gangen", "odd", {}, "pushes"),
    "small": Mode(slips.small, "avviser store dokumenter", "odd", {}, "pushes"),
    "round": Mode(slips.rounded, "runder av tall", "odd", {}, "pushes"),
    "raw": Mode(slips.raw, "viser teksten uten å vaske den", "odd", {}, "pushes"),
    "broken": Mode(slips.broken, "svarer feil på det som ikke kan leses", "odd", {"status": 500}, "pushes"),
    "lenient": Mode(slips.lenient, "sier ja til det som ikke kan leses", "odd", {}, "pushes"),
    "unknown": Mode(slips.unknown, "svarer feil om en ukjent person", "odd", {"status": 500}, "pushes"),
    "echo": Mode(slips.echo, "gjentar fødselsnummeret når den avviser", "odd", {}, "pushes"),
    "wordless": Mode(slips.wordless, "avviser uten å si hvorfor", "odd", {}, "pushes"),
    "nowhere": Mode(slips.nowhere, "sier ikke hvor den lagret", "odd", {}, "pushes"),
    "telling-location": Mode(slips.telling_location, "har fødselsnummer i adressen", "odd", {}, "pushes"),
    "redirect": Mode(slips.redirect, "viser til en annen adresse", "odd", {"status": 308}, "pushes"),
    "open": Mode(honest, "slipper inn hvem som helst", "odd", {}, "pushes"),  # where it was started with a credential
    # of transactions and batches only
    "twice": Mode(twice, "gjør hver sending to ganger", "odd", {}, "transactions"),
    "no-location": Mode(honest, "sier ikke hvor den lagret", "odd", {}, "transactions"),
    "partial": Mode(honest, "avviser den siste delen av hver sending", "odd", {"status": 422}, "transactions"),
    "many": Mode(honest, "har to av hver enhet", "odd", {}, "transactions"),
    # of webhooks only, where it was started with a secret: what it makes of signatures
    "stale": Mode(honest, "tar imot det som ble signert for lenge siden", "odd", {}, "webhooks"),
    "one-signature": Mode(honest, "ser bare på den første av flere signaturer", "odd", {}, "webhooks"),
    "parsed": Mode(honest, "prøver signaturen mot noe annet enn det som kom", "odd", {}, "webhooks"),
    # of questions for what was sent only
    "unasked": Mode(refuse, "lar seg ikke spørre om det som er sendt", "refused", {"status": 403}, "asks"),
    # of look-ups only: stores nothing, tells lies
    "pages": Mode(honest, "svarer i mange små deler ved oppslag", "odd", {"size": 1}, "lookups"),  # size: resources in a part
    "wrong-patient": Mode(honest, "svarer om en annen person ved oppslag", "odd", {}, "lookups"),
    "mixed": Mode(honest, "blander inn en annen person ved oppslag", "odd", {}, "lookups"),
    "huge": Mode(honest, "svarer med 10 MB ved oppslag", "odd", {}, "lookups"),
    "not-a-bundle": Mode(honest, "svarer med noe annet enn en liste ved oppslag", "odd", {}, "lookups"),
    "endless": Mode(honest, "blir aldri ferdig med å svare ved oppslag", "odd", {}, "lookups"),
    "foreign-next": Mode(honest, "viser til et annet sted ved oppslag", "odd", {}, "lookups"),
    "nameless": Mode(honest, "sier ikke hvem svaret gjelder ved oppslag", "odd", {}, "lookups"),
    "telling-next": Mode(honest, "har fødselsnummer i lenken til neste del ved oppslag", "odd", {}, "lookups"),
    "nobody": Mode(slips.nobody, "svarer 404 om den som ikke finnes ved oppslag", "odd", {}, "lookups"),
    "comma": Mode(honest, "tar et nummer med komma som to ved oppslag", "odd", {}, "lookups"),
    "no-bare": Mode(honest, "finner ingen uten nummersystem ved oppslag", "odd", {}, "lookups"),
    "no-include": Mode(honest, "utelater personene ved oppslag", "odd", {}, "lookups"),
    "no-date": Mode(honest, "ser bort fra datoer ved oppslag", "odd", {}, "lookups"),
    "inside": Mode(honest, "gir bare planer som ligger helt innenfor datoene ved oppslag", "odd", {}, "lookups"),
    "no-status": Mode(honest, "ser bort fra status ved oppslag", "odd", {}, "lookups"),
    "no-category": Mode(honest, "ser bort fra kategori ved oppslag", "odd", {}, "lookups"),
    "ended": Mode(honest, "lar avsluttede tjenester stå som aktive ved oppslag", "odd", {}, "lookups"),
    "unmarked": Mode(honest, "merker ikke sperret adresse ved oppslag", "odd", {}, "lookups"),
    "telling-plan": Mode(honest, "skriver adressen i planen ved oppslag", "odd", {}, "lookups"),
}
RANGES: Mapping[str, tuple[float, float]] = {
    "status": (300, 599),
    "retry_after": (0, 86_400),
    "delay": (0, 600),
    "size": (1, 200),
    "calls": (1, 1_000_000),
    "seconds": (0, 86_400),
}
WHOLE = {"status", "retry_after", "size", "calls"}


def parse(command: Any) -> Behaviour:
    """BadCommand names the field and says what would be right."""
    if not isinstance(command, dict):
        raise BadCommand('The body must be a JSON object such as {"mode": "fail", "calls": 3}.')
    name = str(command.get("mode"))
    mode = MODES.get(name)
    if mode is None:
        raise BadCommand(f"mode must be one of {', '.join(sorted(MODES))}.")
    if unknown := command.keys() - mode.settings.keys() - {"mode", "calls", "seconds"}:
        takes = ", ".join([*mode.settings, "calls", "seconds"])
        raise BadCommand(f"mode {name} takes {takes}; it does not take {', '.join(sorted(map(repr, unknown)))}.")
    given = {field: _number(field, value) for field, value in command.items() if field != "mode"}
    settings = {field: given.get(field, default) for field, default in mode.settings.items()}
    calls = int(given["calls"]) if "calls" in given else None
    return Behaviour(name, {field: value for field, value in settings.items() if value is not None}, calls, given.get("seconds"))


def _number(field: str, value: Any) -> Limit:
    low, high = RANGES[field]
    kind = int if field in WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        raise BadCommand(f"{field} must be a {'whole ' if field in WHOLE else ''}number from {low:g} to {high:g}.")
    return value


@dataclass(slots=True)
class Standing:
    behaviour: Behaviour
    calls_left: int | None
    until: float | None


class Behaviours:
    """Who misbehaves now. Times are of a monotonic clock that the caller reads."""

    def __init__(self) -> None:
        self._standing: dict[str, Standing] = {}

    def tell(self, endpoint: str, behaviour: Behaviour, now: float) -> None:
        until = None if behaviour.seconds is None else now + behaviour.seconds
        self._standing[endpoint] = Standing(behaviour, behaviour.calls, until)

    def end(self, endpoint: str) -> None:
        self._standing.pop(endpoint, None)

    def take(self, endpoint: str, now: float, call: str) -> Behaviour | None:
        """The behaviour for the call that has come (Mode.only); one call fewer is left."""
        concerned = (self._of(name, now) for name in (endpoint, "*") if name in self._standing)
        standing = next((each for each in concerned if each and MODES[each.behaviour.mode].only in ("", call)), None)
        if standing is None:
            return None
        if standing.calls_left is not None:
            standing.calls_left -= 1
        return standing.behaviour

    def show(self, endpoint: str, now: float) -> dict[str, Any]:
        """What stands for this name itself, and how much of it is left."""
        standing = self._of(endpoint, now)
        if standing is None:
            return {"mode": "honest"}
        left = None if standing.until is None else round(standing.until - now, 3)
        return {"mode": standing.behaviour.mode, **standing.behaviour.settings, "calls_left": standing.calls_left, "seconds_left": left}

    def _of(self, name: str, now: float) -> Standing | None:
        standing = self._standing.get(name)
        if standing and (standing.calls_left == 0 or (standing.until is not None and now >= standing.until)):
            del self._standing[name]
            return None
        return standing
