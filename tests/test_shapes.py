"""An endpoint's number of lines changes while parcels wait: the order of each patient stays, and nobody else waits."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.access.register import Tenant
from shared.domain.message import Lane
from shared.flow.hand_over import Post, hand_over
from shared.flow.sweep import purge, settle
from shared.flow.transform import transform
from shared.hub import Hub
from shared.messages.edits import Verb
from shared.storage.append import Addition
from shared.storage.shapes import Generation, Shape
from shared.storage.tail import Closed
from tests.test_forward import HOUR, answering, down_for, in_order, journalled, post_all
from tests.test_messages import do
from tests.test_transform import Book, Town, another, note, opened


def of_lines(here: Town, lines: int) -> None:
    """The register says so many from now on."""
    here.change(endpoints=(replace(here.tenant.endpoints[0], lines=lines),))


async def shape(hub: Hub, here: Town) -> Shape:
    return await hub.shapes.read(here.tenant.endpoints[0])


async def waiting(here: Town) -> Mapping[str, int]:
    """How many parcels wait in which line."""
    found = {line: (await here.hub.parcels.lines.waiting(line, 0, 200))[0] for line in await here.lines()}
    return {line.split("~", 2)[2]: sum(len(pack.entries) for pack in packs) for line, packs in found.items() if packs}


@pytest.mark.parametrize("steps", [(1, 4), (4, 1), (4, 8, 2), (3, 64, 3, 5)])
def test_every_patients_order_stays_when_the_number_changes_with_parcels_waiting(storage: str, steps: tuple[int, ...]) -> None:
    async def run() -> tuple[list[str], bool, int]:
        async with journalled(storage, answering(503), lines=steps[0]) as (here, journal):
            for place, lines in enumerate(steps):
                of_lines(here, lines)
                for number in range(24):
                    await here.post(note(f"{place}-{number:02}", f"p{number % 7}"))
                await here.run(30)
            journal.behave = down_for()
            await here.run(2 * HOUR)
            return sorted(journal.titles), in_order(journal.calls), len(here.host.poison)

    titles, ordered, poison = asyncio.run(run())
    assert titles == sorted(f"{place}-{number:02}" for place in range(len(steps)) for number in range(24))
    assert ordered and not poison


def test_one_patient_who_is_blocked_in_an_old_line_keeps_only_their_own_parcels_in_the_new_one(storage: str) -> None:
    async def run() -> tuple[list[str], list[str]]:
        async with journalled(storage, down_for("p0"), lines=2) as (here, journal):
            await here.post(note("first", "p0"))
            await here.run()
            of_lines(here, 5)
            await here.post(note("second", "p0"))
            await here.post(note("other", "p1"))
            await here.run(30)
            early = journal.titles
            journal.behave = down_for()
            await here.run(600)
            return early, journal.titles

    assert asyncio.run(run()) == (["other"], ["other", "first", "second"])


def test_a_worker_with_an_older_register_puts_nothing_in_a_line_that_was_replaced(storage: str) -> None:
    async def run() -> tuple[Mapping[str, int], int]:
        async with journalled(storage, answering(503), lines=1) as (here, _):
            await post_all(here, 3, 3)
            await transform(here.hub, [here.line()])
            async with opened(here.storage, here.clock, here.host, Learning(here.tenant, here.book)) as old:
                await shape(old, here)
                of_lines(here, 3)
                for number in range(3):
                    await here.post(note(f"again {number}", f"p{number}"))
                await transform(here.hub, [here.line()])
                await here.post(note("late", "p1"))
                await transform(old, [here.line()])
            return await waiting(here), (await shape(here.hub, here)).now.number

    lines, generation = asyncio.run(run())
    assert generation == 1, "nobody changed it back"
    assert lines["routine~00"] == 3 and sum(lines.values()) == 7


class Learning(Book):
    """The register as it was, until somebody asks for a fresh one."""

    def __init__(self, tenant: Tenant, fresh: Book) -> None:
        super().__init__(tenant)
        self._fresh = fresh

    async def refresh(self) -> None:
        self.register = self._fresh.register


def test_a_turn_that_runs_again_after_the_change_puts_no_parcel_in_twice(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parcels stand in the old lines, the worker was lost before it wrote that down, and the number changed meanwhile."""

    async def run() -> tuple[list[str], list[str]]:
        async with journalled(storage, answering(503), lines=2) as (here, journal):
            await post_all(here, 8, 8)
            with monkeypatch.context() as patch:
                patch.setattr(here.hub.receipts.lines, "commit", _lost)
                with pytest.raises(ConnectionResetError):
                    await transform(here.hub, [here.line()])
            of_lines(here, 7)
            await here.post(note("n9", "p9"))
            here.clock.now += 30  # the lost worker's hold runs out
            await transform(here.hub, [here.line()])
            stands = [str(title) for title in await here.titles()]
            journal.behave = down_for()
            await here.run(HOUR)
            return stands, journal.titles

    stands, titles = asyncio.run(run())
    expected = sorted([*(f"n{number:03}" for number in range(8)), "n9"])
    assert sorted(stands) == expected and sorted(titles) == expected


async def _lost(*_: Any) -> None:
    raise ConnectionResetError


def test_a_change_that_stopped_half_way_is_carried_on_by_whoever_comes_next(storage: str) -> None:
    async def run() -> tuple[list[str], int]:
        async with journalled(storage, lines=4) as (here, journal):
            await here.post(note("before"))
            await here.run()
            before = await shape(here.hub, here)
            for line in before.lines(Lane.ROUTINE)[:2]:
                await here.hub.parcels.appender.close(line)  # and here the worker was lost
            await post_all(here, 12, 12)
            await here.run(60)
            return sorted(journal.titles), (await shape(here.hub, here)).now.number

    titles, number = asyncio.run(run())
    assert titles == ["before", *(f"n{number:03}" for number in range(12))]
    assert number == 1


def test_two_instances_that_change_it_at_once_agree(storage: str) -> None:
    async def run() -> tuple[int, set[tuple[int, int]], int]:
        async with journalled(storage, lines=2) as (here, journal), another(here) as second:
            await here.post(note("before"))
            await here.run()
            of_lines(here, 6)
            known = await asyncio.gather(shape(here.hub, here), shape(second, here))
            changed = await asyncio.gather(
                *(hub.shapes.change(one, here.tenant.endpoints[0], 1.0) for hub, one in zip((here.hub, second), known, strict=True))
            )
            await post_all(here, 30, 6)
            await here.run(60, second)
            return len(journal.titles), {(one.now.number, one.now.lines) for one in changed}, len(changed[0].older)

    delivered, agreed, older = asyncio.run(run())
    assert agreed == {(1, 6)} and older == 1
    assert delivered == 31


def test_old_lines_are_forgotten_once_they_are_empty_and_an_hour_has_passed(storage: str) -> None:
    async def run() -> list[int]:
        async with journalled(storage, down_for("p0"), lines=2) as (here, journal):
            await post_all(here, 4, 2)
            await here.run()
            of_lines(here, 3)
            await here.post(note("later"))
            await here.run(2 * HOUR)
            counts = [await settle(here.hub)]
            journal.behave = down_for()
            await here.run(2 * HOUR)
            counts += [await settle(here.hub)]
            await here.run(80 * HOUR)
            await purge(here.hub, Lane.ROUTINE)
            counts += [await settle(here.hub), await settle(here.hub)]
            return [*counts, len((await shape(here.hub, here)).older)]

    assert asyncio.run(run()) == [0, 0, 1, 0, 0], "one waits; both could be sent again; their bodies are purged"


@pytest.mark.parametrize("hours", [0, 2])
@pytest.mark.parametrize("correction", [False, True])
def test_what_is_sent_again_by_hand_in_a_line_that_was_replaced_comes_before_what_came_later(
    storage: str, hours: int, correction: bool
) -> None:
    """Its line was seen to be empty, and hours later nothing of its generation waits."""

    async def run() -> list[str]:
        async with journalled(storage, answering(422)) as (here, journal):
            first = await here.post(note("first", "p1", name="n1"))
            await here.run(2)
            of_lines(here, 3)
            journal.behave = down_for()
            await here.post(note("between", "p1"))
            await here.run(5 + hours * HOUR)
            await settle(here.hub)
            journal.behave = down_for("p1")
            assert await do(here, Verb.RESEND, first) == 1
            await here.run(3)
            journal.behave = down_for()
            await here.post(note("later", "p1", name="n1" if correction else "n2"))
            await here.run(60)
            return journal.titles

    assert asyncio.run(run()) == ["between", "first", "later"]


def test_a_correction_that_comes_right_after_its_original_was_sent_again_in_a_line_that_was_replaced_waits_for_it(storage: str) -> None:
    """Sooner than old lines are asked again."""

    async def run() -> list[str]:
        async with journalled(storage, answering(422)) as (here, journal):
            first = await here.post(note("first", "p1", name="n1"))
            await here.run(2)
            of_lines(here, 3)
            journal.behave = down_for()
            await here.post(note("between", "p1"))
            await here.run()
            journal.behave = down_for("p1")
            assert await do(here, Verb.RESEND, first) == 1
            await here.run()
            journal.behave = down_for()
            await here.post(note("corrected", "p1", name="n1"))
            await here.run(60)
            return journal.titles

    assert asyncio.run(run()) == ["between", "first", "corrected"]


def test_lines_that_were_replaced_are_off_the_list_once_their_bodies_are_purged_and_do_not_come_back(storage: str) -> None:
    async def run() -> tuple[list[list[str]], list[str]]:
        async with journalled(storage, down_for("p0")) as (here, journal), another(here) as late:
            for patient in ("p0", "p1"):
                await here.post(note(f"first {patient}", patient))
            await here.run()
            await shape(late, here)  # and does not hear of the change
            of_lines(here, 2)
            await here.post(note("later", "p1"))
            seen = list[list[str]]()

            async def listed() -> None:
                for hub in (here.hub, late):
                    await settle(hub)
                    await purge(hub, Lane.ROUTINE)
                seen.append([line.split("~", 1)[1] for line in await here.lines() if "." not in line])

            await here.run(5 * HOUR)
            await listed()
            journal.behave = down_for()
            await here.run(2 * HOUR)
            await listed()
            await here.run(80 * HOUR)
            await listed()
            with pytest.raises(Closed):
                line = f"{here.tenant.orgnr}~journal~routine~00"
                await late.parcels.appender.append(
                    line, Addition([{"id": "1", "patient": "00000000", "resource": "composition"}], [b"{}"], 1.0)
                )
            await listed()
            await here.post(note("last", "p0"))
            await here.run(60)
            return seen, journal.titles

    seen, titles = asyncio.run(run())
    old = ["journal~routine~00"]
    assert seen == [old, old, [], []], "something waits; nothing is purged; all is, by the first of them; a late one came"
    assert sorted(titles) == ["first p0", "first p1", "last", "later"]


def test_what_waits_in_an_old_line_is_not_read_again_while_nothing_is_done_there(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[int, list[str]]:
        async with journalled(storage, down_for("p0")) as (here, journal):
            await here.post(note("first", "p0"))
            await here.run(1500)  # the next attempt is half an hour away
            of_lines(here, 2)
            await here.post(note("begins", "p1"))
            await here.run(10)
            asked, read = list[str](), here.hub.parcels.lines.waiting

            async def counted(line: str, *args: int) -> Any:
                asked.append(line)
                return await read(line, *args)

            monkeypatch.setattr(here.hub.parcels.lines, "waiting", counted)
            for number in range(10):
                await here.post(note(f"n{number}", f"p{number % 3}"))
                await here.run(10)
            return sum("." not in line for line in asked), journal.titles

    asked, titles = asyncio.run(run())
    assert asked == 0
    assert sorted(titles) == ["begins", *(f"n{number}" for number in range(10) if number % 3)]


def test_nothing_is_put_in_a_closed_line_by_nobody(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _), another(here) as second:
            line = f"{here.tenant.orgnr}~journal~routine~00"
            addition = Addition([{"id": "1", "patient": "00000000", "resource": "composition"}], [b"{}"], 1.0)
            await second.parcels.appender.append(line, addition)
            await here.hub.parcels.appender.close(line)
            for hub in (here.hub, second):
                with pytest.raises(Closed):
                    await hub.parcels.appender.append(line, addition)
            await second.parcels.appender.close(line)

    asyncio.run(run())


def test_the_number_changes_again_and_again_under_load_with_two_instances(storage: str) -> None:
    """Whatever falls where: once each, in order."""
    chance = random.Random(4)  # noqa: S311 -- a seed

    async def run() -> tuple[list[str], bool]:
        async with journalled(storage, lines=3) as (here, journal), another(here) as second:
            count = 0
            for _ in range(12):
                of_lines(here, chance.randint(1, 9))
                journal.behave = chance.choice([down_for(), down_for("p1"), answering(503), down_for("p2", "p5")])
                for _ in range(10):
                    await here.post(note(f"n{count:03}", f"p{count % 6}"))
                    count += 1
                await here.run(chance.choice([0, 1, 40]), second)
            journal.behave = down_for()
            await here.run(2 * HOUR, second)
            return journal.titles, in_order(journal.calls)

    titles, ordered = asyncio.run(run())
    assert sorted(titles) == [f"n{number:03}" for number in range(120)] and ordered


@pytest.mark.parametrize(
    ("line", "older"), [("1~e~routine~00", []), ("1~e~routine~03.1", [0]), ("1~e~alarm~00.2", [1, 0]), ("1~e~alarm~00.3", [2, 1, 0])]
)
def test_a_line_waits_for_the_generations_before_its_own(line: str, older: list[int]) -> None:
    known = Shape("1", "e", Generation(3, 4), tuple(Generation(number, 2, 1.0) for number in (2, 1, 0)))
    assert [one.number for one in known.before(line)] == older and known.holds(line)
    assert not replace(known, now=Generation(2, 4)).holds("1~e~routine~00.3")


def test_a_post_without_an_end_to_the_changes_is_told_as_storage_that_is_away(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            [endpoint] = here.tenant.endpoints

            async def closed(line: str, _: Addition) -> list[int]:
                raise Closed(line)

            monkeypatch.setattr(here.hub.parcels.appender, "append", closed)
            post = Post(endpoint, {"id": "1", "patient": "00000000", "resource": "composition"}, b"{}", 0, {})
            with pytest.raises(TimeoutError):
                await hand_over(here.hub, here.line(), [post])

    asyncio.run(run())
