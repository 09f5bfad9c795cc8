"""Searches of people beside alarms: two at a time and one of each person, the others wait and are told to come again, and none keeps the
worker to itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from shared.access.issuer import Issuer
from shared.access.people import EVERYBODY, SCOPE
from shared.access.token import Claims
from shared.admin import door, jobs, messages, turns
from shared.admin.door import Asked, Guest
from shared.door.answers import Fault, Reply
from shared.hub import Hub
from shared.messages.message import Message, Wanted
from shared.messages.search import Search
from shared.storage import index
from shared.storage.packs import Pack
from tests.administering import let_in as let_in
from tests.test_forward import journalled, post_all
from tests.test_transform import Town, note

pytestmark = pytest.mark.usefixtures("let_in")
ADMIT = door._admit
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
        self.gate, self.one, self.two = asyncio.Event(), asyncio.Event(), asyncio.Event()
        for name in ("message", "by_own_id"):
            monkeypatch.setattr(Search, name, self.asking(getattr(Search, name)))
        monkeypatch.setattr(Search, "find", self.finding(Search.find))

    async def waited(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        (self.one if self.now == 1 else self.two).set()
        try:
            await self.gate.wait()
        finally:
            self.now -= 1

    def asking(self, real: Any) -> Any:
        async def counted(search: Search, *given: Any) -> Any:
            await self.waited()
            return await real(search, *given)

        return counted

    def finding(self, real: Any) -> Any:
        async def counted(search: Search, *given: Any, **named: Any) -> AsyncIterator[Message]:
            await self.waited()
            async for message in real(search, *given, **named):
                yield message

        return counted


def asked(here: Town, receipt: str, body: bytes, person: int = 0) -> Asked:
    return Asked(here.tenant.orgnr, {"person": str(person)}, "POST", "/", "", body, {"message": receipt})


@pytest.mark.parametrize("people", [9, 1])
@pytest.mark.parametrize(("name", "call", "body"), CALLS)
def test_two_searches_go_on_at_a_time_and_one_of_each_person_and_the_others_wait_their_turn(
    storage: str, monkeypatch: pytest.MonkeyPatch, name: str, call: Call, body: bytes, people: int
) -> None:
    monkeypatch.setattr(turns, "_OWN", 20.0)  # a machine with other things to do

    async def run() -> None:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("n0"))
            await here.run()
            counting = Counting(monkeypatch)
            calls = [asyncio.create_task(call(here.hub, asked(here, receipt, body, number % people))) for number in range(9)]
            await asyncio.wait_for((counting.two if people > 1 else counting.one).wait(), 10)
            counting.gate.set()
            assert [reply.status for reply in await asyncio.gather(*calls)] == [200] * 9
            assert (counting.most, counting.now) == (min(people, 2), 0), name

    asyncio.run(run())


def test_whoever_waits_for_too_long_is_told_to_come_again_and_the_next_gets_its_turn(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "PATIENCE", 1.0)

    async def run() -> None:
        async with journalled(storage) as (here, _):
            counting = Counting(monkeypatch)
            replies = await asyncio.gather(*(messages.find(here.hub, asked(here, "", b"", number)) for number in range(5)))
            assert {(reply.status, reply.headers["Retry-After"]) for reply in replies} == {(503, "5")}
            assert b"It is not done, or not wholly" in replies[0].body
            assert counting.most == 2
            counting.gate.set()
            monkeypatch.setattr(door, "PATIENCE", 20.0)
            assert (await messages.find(here.hub, asked(here, "", b"", 1))).status == 200

    asyncio.run(run())


def test_one_person_s_searches_leave_the_other_turn_to_another_and_those_that_wait_too_long_are_told_so(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_OWN", 0.1)

    async def run() -> None:
        async with journalled(storage) as (here, _):
            counting = Counting(monkeypatch)
            mine = [asyncio.create_task(messages.find(here.hub, asked(here, "", b"", 1))) for _ in range(5)]
            await asyncio.wait(mine, return_when=asyncio.FIRST_COMPLETED)
            other = asyncio.create_task(messages.find(here.hub, asked(here, "", b"", 2)))
            await asyncio.wait_for(counting.two.wait(), 10)
            counting.gate.set()
            replies = await asyncio.gather(*mine, other)
            assert [reply.status for reply in replies] == [200, 429, 429, 429, 429, 200]
            assert {reply.headers["Retry-After"] for reply in replies if reply.status == 429} == {"5"}
            assert b"another search of yours" in replies[1].body

    asyncio.run(run())


def test_somebody_with_a_role_in_two_municipalities_is_one_person_and_has_one_turn(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def proven(*_given: Any) -> Claims:
        return Claims("https://issuer.example", "31929950081", "page", frozenset({SCOPE}), "x", 0.0)

    monkeypatch.setattr(door, "person", proven)

    async def run() -> None:
        async with journalled(storage) as (here, _):
            here.hub.settings = replace(here.hub.settings, admins=(Issuer("https://issuer.example"),))
            guests = [Guest(here.tenant.orgnr), Guest("310999999")]
            here.book.change(here.tenant, replace(here.tenant, orgnr="310999999"))
            for guest in guests:
                with pytest.raises(Fault) as no:
                    await ADMIT(here.hub, replace(asked(here, "", b""), tenant=guest.tenant), guest, EVERYBODY)
                assert no.value.status == 403, "no municipality has let them in"
            assert len({guest.person for guest in guests} - {""}) == 1 and len({guest.key for guest in guests}) == 2

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
