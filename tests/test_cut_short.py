"""A turn that was cut short after parcels had been put in line, and hands that come before it is repeated."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from azure.core.exceptions import ServiceResponseError

from shared.access.register import Register, Stop
from shared.domain.clock import OSLO
from shared.flow.follow_up import remember
from shared.flow.transform import transform
from shared.messages.acts import Target
from shared.messages.corrected import Corrected, aimed
from shared.messages.edits import Order, Verb
from shared.messages.history import history
from shared.notice.account import account
from shared.notice.reconcile import books
from shared.storage import amend
from shared.storage.amend import Busy
from tests.test_forward import DELIVERED, journalled
from tests.test_messages import do
from tests.test_transform import SHOUTING, Town, another, note, use


class Dead(BaseException):
    """The end of a worker."""


async def cut_short(here: Town) -> None:
    """A worker puts the parcels in line and is gone; its hold runs out."""

    async def dies(*_: Any, **__: Any) -> None:
        raise Dead

    async with another(here) as worker:
        worker.receipts.lines.commit = dies  # type: ignore[method-assign]
        worker.receipts.lines.let_go = dies  # type: ignore[method-assign]
        with pytest.raises(Dead):
            await transform(worker, [here.line()])
    here.clock.now += 300


@pytest.fixture
def falls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many more times a turn falls after its parcels were put in line: 3 at first."""
    left = [3]

    async def falling(*asked: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise RuntimeError
        await remember(*asked)

    monkeypatch.setattr("shared.flow.transform.remember", falling)
    return left


async def deleted(here: Town, receipt: str) -> int:
    """While workers go on."""
    deleting = asyncio.create_task(do(here, Verb.DELETE, receipt, why="feil"))
    while not deleting.done():
        await asyncio.sleep(0.05)
        await here.run()
    return await deleting


async def adds_up(here: Town) -> bool:
    day = datetime.fromtimestamp(here.clock(), OSLO).date()
    return not any(one.findings for one in await account(books(here.hub), here.tenant.orgnr, day, {}))


def test_who_deletes_a_message_whose_turn_was_cut_short_waits_until_it_is_known_what_has_left(storage: str) -> None:
    async def run() -> tuple[int, list[str], str, bool]:
        async with journalled(storage) as (here, journal):
            receipt = await here.post(note("a"))
            await cut_short(here)
            changed = await deleted(here, receipt)
            return changed, journal.titles, (await here.told(receipt))["status"], await adds_up(here)

    assert asyncio.run(run()) == (0, ["a"], DELIVERED, True)


def test_while_no_worker_comes_such_a_message_stays_as_it_is(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amend, "PATIENCE", 0.3)

    async def run() -> tuple[str, list[str]]:
        async with journalled(storage) as (here, journal):
            receipt = await here.post(note("a"))
            await cut_short(here)
            with pytest.raises(Busy):
                await do(here, Verb.DELETE, receipt, why="feil")
            await here.run(60)
            return (await here.told(receipt))["status"], journal.titles

    assert asyncio.run(run()) == (DELIVERED, ["a"])


def test_a_message_that_no_turn_has_begun_with_is_deleted_at_once(storage: str) -> None:
    async def run() -> tuple[int, list[str], str]:
        async with journalled(storage) as (here, journal):
            first, second = await here.post(note("a")), await here.post(note("b"))
            changed = await do(here, Verb.DELETE, second, why="feil")
            await here.run(60)
            assert (await here.told(first))["status"] == DELIVERED
            return changed, journal.titles, (await here.told(second))["status"]

    assert asyncio.run(run()) == (1, ["a"], "deleted")


@pytest.mark.usefixtures("falls")
@pytest.mark.parametrize("lines", [1, 3])
def test_what_was_set_aside_after_three_falls_goes_once_though_it_had_left_before_them(storage: str, lines: int) -> None:
    """`lines`: changed to that many before it is transformed anew."""

    async def run() -> tuple[str, str, list[str], bool]:
        async with journalled(storage) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run(600)
            before = (await here.told(receipt))["status"]
            [endpoint] = here.tenant.endpoints
            here.change(endpoints=(replace(endpoint, lines=lines),))
            await here.post(note("b"))
            assert await do(here, Verb.TRANSFORM, receipt) == 1
            await here.run(600)
            after = (await here.told(receipt))["status"]
            return before, after, [call.title for call in journal.calls], await adds_up(here)

    assert asyncio.run(run()) == ("set aside", DELIVERED, ["a", "b"], True)


def test_the_same_id_in_the_other_lane_is_another_message_under_another_key(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert, and what became of it: a journal must not take the second for the first."""
    use(monkeypatch, SHOUTING)

    async def run() -> tuple[list[tuple[str, bool]], int]:
        async with journalled(storage) as (here, journal):
            for title in ("alarm: a fall, unanswered", "the fall was answered"):
                await here.post(note(title, name="n1"))
                await here.run(60)
            return [(call.title, call.stored) for call in journal.calls], len({call.key for call in journal.calls})

    assert asyncio.run(run()) == ([("alarm: a fall, unanswered", True), ("the fall was answered", True)], 2)


def test_what_fell_and_was_set_aside_once_more_goes_once(storage: str, falls: list[int]) -> None:
    """Its second turn finds no route; then its third one falls after the parcels are in line, and the fourth ends."""

    async def run() -> tuple[list[str], list[str], bool]:
        async with journalled(storage) as (here, journal):
            routes, receipt = here.tenant.routes, await here.post(note("a"))
            states: list[str] = []
            for wanted, falls[0] in ((routes, 3), ((), 0), (routes, 3), (routes, 0)):
                here.change(routes=wanted)
                if states:
                    assert await do(here, Verb.TRANSFORM, receipt) == 1
                await here.run(600)
                states.append((await here.told(receipt))["status"])
            return states, [call.title for call in journal.calls], await adds_up(here)

    assert asyncio.run(run()) == (["set aside", "set aside", "set aside", DELIVERED], ["a"], True)


def test_a_turn_that_did_not_hear_whether_its_parcels_are_in_line_counts_as_begun(storage: str) -> None:
    async def run() -> tuple[int, list[str], str]:
        async with journalled(storage) as (here, journal):
            receipt = await here.post(note("a"))
            async with another(here) as worker:
                append = worker.parcels.appender.append

                async def unheard(line: str, addition: Any) -> list[int]:
                    await append(line, addition)
                    raise ServiceResponseError("cut")

                worker.parcels.appender.append = unheard  # type: ignore[method-assign]
                with pytest.raises(ServiceResponseError):
                    await transform(worker, [here.line()])
            changed = await deleted(here, receipt)
            return changed, journal.titles, (await here.told(receipt))["status"]

    assert asyncio.run(run()) == (0, ["a"], DELIVERED)


def test_once_all_is_at_its_end_nothing_is_in_doubt_and_nobody_waits(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amend, "PATIENCE", 0.5)

    async def run() -> int:
        async with journalled(storage) as (here, _):
            routes = here.tenant.routes
            here.change(routes=())
            old = await here.post(note("old"))
            await here.run(60)
            here.change(routes=routes)
            await here.post(note("a"))
            await cut_short(here)
            await here.run(600)
            assert await do(here, Verb.TRANSFORM, old) == 1
            return await do(here, Verb.DELETE, old, why="feil")

    assert asyncio.run(run()) == 1


def test_of_a_stopped_sender_what_a_worker_had_begun_with_is_passed_over_and_the_rest_is_deleted(storage: str) -> None:
    async def run() -> list[int]:
        async with journalled(storage) as (here, _):
            begun = await here.post(note("a"))
            await cut_short(here)
            fresh = await here.post(note("b"))
            register, stop = here.book.register, Stop(here.tenant.orgnr, "cloud", "", here.clock(), "kari", "feil")
            here.book.register = Register(register.tenants, (stop,))
            return [await do(here, Verb.DELETE, receipt, why="feil") for receipt in (begun, fresh)]

    assert asyncio.run(run()) == [0, 1]


@pytest.mark.parametrize("verb", [Verb.TRANSFORM, Verb.RESTORE])
def test_an_original_that_was_never_sent_is_not_sent_after_what_corrected_it(storage: str, verb: Verb) -> None:
    async def run() -> list[str]:
        async with journalled(storage) as (here, journal):
            routes = here.tenant.routes
            here.change(routes=() if verb is Verb.TRANSFORM else routes)
            original = await here.post(note("wrong", name="n1"))
            if verb is Verb.TRANSFORM:
                await here.run(60)
            else:
                assert await do(here, Verb.DELETE, original, why="feil") == 1
            here.change(routes=routes)
            await here.post(note("right", name="n1"))
            await here.run(60)
            told = await history(here.hub, original)
            assert told and len(told.corrected) == 1
            with pytest.raises(Corrected):
                await aimed(here.hub, Order(verb, here.clock(), "kari"), Target(told.message, told.message.parcels))
            return journal.titles

    assert asyncio.run(run()) == ["right"]


def test_what_a_lost_worker_may_have_sent_stays_in_doubt_though_the_next_one_breaks_off_before_it_sends(storage: str) -> None:
    async def run() -> int:
        async with journalled(storage) as (here, _):
            await here.post(note("a"))
            lines, line = here.hub.receipts.lines, here.line()
            for fell in (None, False):
                head = await lines.head(line)
                assert head
                hold = await lines.take(line, head, 7, here.clock() + 1)
                assert hold
                if fell is not None:
                    await lines.let_go(hold, fell=fell)
            after = await lines.head(line)
            return after.doubt if after else -1

    assert asyncio.run(run()) == 7
