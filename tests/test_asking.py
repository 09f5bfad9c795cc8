"""Outcome unknown: a journal that can be asked is asked before anything is sent again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from adapters.epj.bundle.adapter import ADAPTER
from shared.domain.journal import Call, JournalAdapter, Sending
from shared.door import adapters
from shared.errors import Unavailable
from shared.flow.forward import forward
from tests.test_forward import DELIVERED, HOUR
from tests.test_transform import Town, note, town


@dataclass(slots=True)
class Forgetful:
    """A journal that stores every copy it is sent, but can be asked what it has. `after`: what it does once it has stored."""

    stored: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    after: Mapping[int, str] = field(default_factory=dict)
    deaf: bool = False
    slow: float = 0.0

    async def take(self, call: web.Request) -> web.StreamResponse:
        self.stored.append(call.headers["Idempotency-Key"])
        what = self.after.get(len(self.stored), "")
        if what == "cut" and call.transport:
            call.transport.abort()
        if what == "late":
            await asyncio.sleep(1)
        return web.Response(status=int(what) if what.isdigit() else 201, headers={"Location": f"/notes/{len(self.stored)}"})

    async def answer(self, call: web.Request) -> web.StreamResponse:
        key = call.match_info["key"]
        self.asked.append(key)
        await asyncio.sleep(self.slow)
        if self.deaf:
            return web.Response(status=503, headers={"Retry-After": "9"})
        return web.Response(status=200 if key in self.stored else 404, text="/notes/asked")


def ask(sending: Sending) -> Call:
    return Call("GET", f"{sending.base}/has/{sending.key}", {}, b"")


def has(_: Sending, status: int, _headers: Mapping[str, str], body: bytes) -> str | None:
    if status == 503:
        raise Unavailable("the journal answered 503", 9.0)
    return body.decode() if status == 200 else None


ASKABLE: JournalAdapter = replace(ADAPTER, ask=ask, has=has)


@asynccontextmanager
async def forgetful(storage: str, **how: Any) -> AsyncIterator[tuple[Town, Forgetful]]:
    journal = Forgetful(**how)
    app = web.Application()
    app.add_routes([web.get("/journal/has/{key}", journal.answer), web.post("/journal/{resource}", journal.take)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with town(storage, f"http://127.0.0.1:{runner.addresses[0][1]}", active=True) as here:
            yield here, journal
    finally:
        await runner.cleanup()


@pytest.fixture(autouse=True)
def _askable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "journal", lambda _: ASKABLE)


@pytest.mark.parametrize("after", ["cut", "late", "500", "503"])
def test_what_was_stored_and_not_answered_is_found_and_not_sent_again(storage: str, after: str) -> None:
    async def run() -> tuple[int, int, Any, Any]:
        async with forgetful(storage, after={1: after}) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run(60)
            [parcel] = (await here.told(receipt))["parcels"]
            return len(journal.stored), len(journal.asked), parcel["status"], parcel["journal"]

    assert asyncio.run(run()) == (1, 1, DELIVERED, "/notes/asked")


@pytest.mark.parametrize("after", ["429", "425"])
def test_a_journal_that_said_no_at_the_door_need_not_be_asked(storage: str, after: str) -> None:
    async def run() -> tuple[int, int]:
        async with forgetful(storage, after={1: after}) as (here, journal):
            await here.post(note("a"))
            await here.run(60)
            return len(journal.stored), len(journal.asked)

    assert asyncio.run(run()) == (2, 0)


def test_what_it_does_not_have_is_sent_again(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with forgetful(storage, after={1: "500"}) as (here, journal):
            await here.post(note("a"))
            await here.run()
            journal.stored.clear()  # it had failed before it stored
            journal.after = {}
            await here.run(60)
            return len(journal.stored), len(journal.asked)

    assert asyncio.run(run()) == (1, 1)


@pytest.mark.parametrize("how", [{"deaf": True}, {"slow": 0.3}])
def test_while_it_does_not_say_nothing_is_sent_again(storage: str, how: Mapping[str, Any]) -> None:
    async def run() -> tuple[int, bool, int, Any]:
        async with forgetful(storage, after={1: "cut"}, **how) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run(HOUR)
            early, asked = len(journal.stored), len(journal.asked)
            journal.deaf, journal.slow = False, 0.0
            await here.run(2 * HOUR)
            return early, asked > 2, len(journal.stored), (await here.told(receipt))["status"]

    assert asyncio.run(run()) == (1, True, 1, DELIVERED)


def test_a_worker_that_was_lost_after_sending_has_not_sent_for_nothing(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was written about the attempts: the line's head says that there may have been some."""

    async def run() -> tuple[list[int], int, list[Any]]:
        async with forgetful(storage) as (here, journal):
            receipts = [await here.post(note(f"n{number}", f"p{number}")) for number in range(5)]
            counts = []
            with monkeypatch.context() as patch:
                patch.setattr(here.hub.parcels.lines, "commit", _lost)
                patch.setattr(here.hub.parcels.lines, "let_go", _lost)
                with pytest.raises(ConnectionResetError):
                    await _forwarded(here)
                counts.append(len(journal.stored))
            here.clock.now += 30  # the lost worker's hold runs out
            await here.run(60)
            return [*counts, len(journal.stored)], len(journal.asked), [(await here.told(one))["status"] for one in receipts]

    assert asyncio.run(run()) == ([5, 5], 5, [DELIVERED] * 5)


def test_a_worker_that_was_lost_on_a_later_page_has_not_sent_for_nothing_either(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A patient who is blocked fills the first page that a turn reads; what was sent stood behind it."""

    async def run() -> tuple[int, int, int]:
        async with forgetful(storage, after={1: "429"}) as (here, journal):
            for number in range(30):  # a pack each
                await here.post(note(f"blocked {number}", "p0"))
                await here.run()
            assert len(journal.stored) == 1
            for number in range(3):
                await here.post(note(f"behind {number}", f"q{number}"))
            with monkeypatch.context() as patch:
                patch.setattr(here.hub.parcels.lines, "commit", _lost)
                patch.setattr(here.hub.parcels.lines, "let_go", _lost)
                with pytest.raises(ConnectionResetError):
                    await _forwarded(here)
            before = len(journal.stored)
            here.clock.now += 30
            await here.run(4 * HOUR)
            return before, len(journal.stored), len(set(journal.stored))

    before, stored, different = asyncio.run(run())
    assert before == 4
    assert different == stored == 33, "none came twice"


async def _forwarded(here: Town) -> None:
    from shared.flow.transform import transform

    await transform(here.hub, [here.line()])
    await forward(here.hub, await here.lines())


async def _lost(*_: Any, **__: Any) -> None:
    raise ConnectionResetError
