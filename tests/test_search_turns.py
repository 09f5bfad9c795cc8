"""Searches of people beside alarms: two at a time, the others wait and are told to come again, and none keeps the worker to itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from shared.admin import door, jobs, messages
from shared.admin.door import Asked
from shared.door.answers import Reply
from shared.hub import Hub
from shared.messages.message import Message, Wanted
from shared.messages.search import Search
from shared.storage import index
from shared.storage.packs import Pack
from tests.administering import let_in as let_in
from tests.test_forward import journalled, post_all
from tests.test_transform import Town, note

pytestmark = pytest.mark.usefixtures("let_in")
Call = Callable[[Hub, Asked], Coroutine[Any, Any, Reply]]
CALLS: tuple[tuple[str, Call, bytes], ...] = (
    ("find", messages.find, b""),
    ("own id", messages.by_own_id, b'{"id": "n0"}'),
    ("history", messages.show, b""),
    ("count", jobs.begin, b'{"verb": "resend", "state": "delivered", "dry_run": true}'),
)


class Counting:
    """How many searches go on, and how many did at most. `gate`: they wait for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.most = 0
        self.gate, self.two = asyncio.Event(), asyncio.Event()
        for name in ("message", "by_own_id"):
            monkeypatch.setattr(Search, name, self.one(getattr(Search, name)))
        monkeypatch.setattr(Search, "find", self.many(Search.find))

    async def waited(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.now == 2:
            self.two.set()
        try:
            await self.gate.wait()
        finally:
            self.now -= 1

    def one(self, real: Any) -> Any:
        async def counted(search: Search, *given: Any) -> Any:
            await self.waited()
            return await real(search, *given)

        return counted

    def many(self, real: Any) -> Any:
        async def counted(search: Search, *given: Any, **named: Any) -> AsyncIterator[Message]:
            await self.waited()
            async for message in real(search, *given, **named):
                yield message

        return counted


def asked(here: Town, receipt: str, body: bytes) -> Asked:
    return Asked(here.tenant.orgnr, {}, "POST", "/", "", body, {"message": receipt})


@pytest.mark.parametrize(("name", "call", "body"), CALLS)
def test_two_searches_go_on_at_a_time_and_the_others_wait_their_turn(
    storage: str, monkeypatch: pytest.MonkeyPatch, name: str, call: Call, body: bytes
) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("n0"))
            await here.run()
            counting = Counting(monkeypatch)
            calls = [asyncio.create_task(call(here.hub, asked(here, receipt, body))) for _ in range(9)]
            await asyncio.wait_for(counting.two.wait(), 10)
            counting.gate.set()
            assert [reply.status for reply in await asyncio.gather(*calls)] == [200] * 9
            assert (counting.most, counting.now) == (2, 0), name

    asyncio.run(run())


def test_whoever_waits_for_too_long_is_told_to_come_again_and_the_next_gets_its_turn(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "PATIENCE", 1.0)

    async def run() -> None:
        async with journalled(storage) as (here, _):
            counting = Counting(monkeypatch)
            replies = await asyncio.gather(*(messages.find(here.hub, asked(here, "", b"")) for _ in range(5)))
            assert {(reply.status, reply.headers["Retry-After"]) for reply in replies} == {(503, "5")}
            assert b"It is not done, or not wholly" in replies[0].body
            assert counting.most == 2
            counting.gate.set()
            monkeypatch.setattr(door, "PATIENCE", 20.0)
            assert (await messages.find(here.hub, asked(here, "", b""))).status == 200

    asyncio.run(run())


def test_a_search_lets_others_have_a_turn_between_two_packs(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [0]
    seen: list[int] = []
    real = index._pack

    def noted(row: Any) -> Pack:
        seen.append(turns[0])
        return real(row)

    async def others() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    async def run() -> None:
        async with journalled(storage) as (here, _):
            await post_all(here, 30, 30)
            await here.run()
            for number in range(5):
                await here.post(note(f"later {number}"))
            monkeypatch.setattr(index, "_pack", noted)
            beside = asyncio.create_task(others())
            assert len([one async for one in Search(here.hub).find(Wanted(here.tenant.orgnr))]) == 35
            beside.cancel()

    asyncio.run(run())
    assert len(seen) > 5 and len(set(seen)) == len(seen)
