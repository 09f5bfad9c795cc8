"""Lines: order, gaps, holds, falls and claims, against the emulator and with two instances at once."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from azure.data.tables.aio import TableClient

from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.append import Addition, Appender
from shared.storage.batch import Operation, submit
from shared.storage.claims import Claim
from shared.storage.head import Head
from shared.storage.lines import Claimed, Hold, Lines, Lost, Outcome, place_of, position
from shared.storage.packs import Pack

TABLE, INDEX = f"lines{os.urandom(4).hex()}", f"index{os.urandom(4).hex()}"
NOON = 1_795_000_000.0


@dataclass(slots=True)
class Instance:
    """What one worker of the app has: its own connections, and its own idea of where the lines end."""

    account: Account
    lines: Lines
    appender: Appender

    async def look(self, line: str) -> tuple[Head, list[Pack]]:
        look = await self.lines.look(line)
        assert look.head
        return look.head, look.packs

    async def take(self, line: str, until: float = NOON + 20, claims: Sequence[Claim] = ()) -> Hold | None:
        return await self.lines.take(line, (await self.look(line))[0], 0, until, claims)

    async def ids(self, line: str) -> list[str]:
        """Everything that waits, in order."""
        packs, more = await self.lines.waiting(line, 0, 400)
        assert not more
        return [entry["id"] for pack in packs for entry in pack.entries]


@asynccontextmanager
async def instance(storage: str) -> AsyncIterator[Instance]:
    account = Account(Settings.from_env({"AzureWebJobsStorage": storage, "HUB_PATIENT_KEY": "k" * 32}))
    await account.prepare([TABLE, INDEX], [])
    table = account.table(TABLE)
    try:
        yield Instance(account, Lines(table), Appender(table, account.table(INDEX), TABLE))
    finally:
        await account.close()


@pytest.fixture(name="line")
def _line() -> str:
    return f"310123455~cloud-{os.urandom(5).hex()}~routine"


def one(name: str, since: float = NOON) -> Addition:
    return Addition([{"id": name}], [name.encode()], since)


def several(source: str, first: int, count: int) -> Addition:
    """What a turn of `source` has for a line: entries e5, e6 ... from its positions 5, 6 ..."""
    names = [f"e{number}" for number in range(first, first + count)]
    return Addition([{"id": name} for name in names], [name.encode() for name in names], NOON, source, list(range(first, first + count)))


# appending


def test_fifty_appends_at_once_leave_no_gap_and_lose_nothing(storage: str, line: str) -> None:
    async def run() -> tuple[list[list[int]], list[Pack], list[str]]:
        async with instance(storage) as hub:
            got = await asyncio.gather(*(hub.appender.append(line, one(f"r{number}")) for number in range(50)))
            packs, _ = await hub.lines.waiting(line, 0, 400)
            return got, packs, await hub.ids(line)

    got, packs, ids = asyncio.run(run())
    assert [pack.sequence for pack in packs] == list(range(len(packs)))
    assert ids == [f"r{number}" for number in range(50)], "the order of arrival"
    stands = {position(pack.sequence, place): entry["id"] for pack in packs for place, entry in enumerate(pack.entries)}
    assert {at: f"r{number}" for number, [at] in enumerate(got)} == stands


def test_appends_under_load_share_their_rows(storage: str, line: str) -> None:
    async def run() -> int:
        async with instance(storage) as hub:
            await asyncio.gather(*(hub.appender.append(line, one(f"r{number}")) for number in range(50)))
            return len((await hub.look(line))[1])

    assert asyncio.run(run()) <= 5


def test_two_instances_append_to_one_line_and_no_position_is_given_twice(storage: str, line: str) -> None:
    async def run() -> tuple[list[int], list[str], list[int]]:
        async with instance(storage) as first, instance(storage) as second:

            async def send(hub: Instance, name: str) -> list[int]:
                return [at for number in range(15) for at in await hub.appender.append(line, one(f"{name}{number}"))]

            given = await asyncio.gather(*(send(hub, name) for hub, name in ((first, "a"), (second, "b"), (first, "c"), (second, "d"))))
            packs, _ = await first.lines.waiting(line, 0, 400)
            return [at for some in given for at in some], await first.ids(line), [pack.sequence for pack in packs]

    given, ids, sequences = asyncio.run(run())
    assert len(set(given)) == 60
    assert sorted(ids) == sorted(f"{name}{number}" for name in "abcd" for number in range(15))
    assert sequences == list(range(len(sequences)))
    for name in "abcd":  # each of them sent the next only after the answer to the one before
        assert [found for found in ids if found[0] == name] == [f"{name}{number}" for number in range(15)]


def test_what_was_answered_by_one_instance_stands_before_what_is_sent_to_the_other_afterwards(storage: str, line: str) -> None:
    async def run() -> list[str]:
        async with instance(storage) as first, instance(storage) as second:
            for number in range(12):
                await (first, second)[number % 2].appender.append(line, one(f"r{number}"))
            return await first.ids(line)

    assert asyncio.run(run()) == [f"r{number}" for number in range(12)]


def test_two_instances_may_both_begin_a_line(storage: str, line: str) -> None:
    async def run() -> list[str]:
        async with instance(storage) as first, instance(storage) as second:
            await asyncio.gather(first.appender.append(line, one("a")), second.appender.append(line, one("b")))
            return await first.ids(line)

    assert sorted(asyncio.run(run())) == ["a", "b"]


def test_a_line_that_was_ever_appended_to_is_listed(storage: str, line: str) -> None:
    async def run() -> list[str]:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("a"))
            return await hub.appender.lines()

    assert asyncio.run(run()).count(line) == 1


def test_an_addition_said_twice_stands_once_and_is_told_the_same_positions(storage: str, line: str) -> None:
    async def run() -> tuple[list[int], list[int], list[int], list[str]]:
        async with instance(storage) as first, instance(storage) as second:
            said = await first.appender.append(line, several("source", 5, 3))
            return (
                said,
                await first.appender.append(line, several("source", 5, 3)),
                await second.appender.append(line, several("source", 5, 3)),
                await first.ids(line),
            )

    said, again, elsewhere, ids = asyncio.run(run())
    assert said == again == elsewhere
    assert ids == ["e5", "e6", "e7"]


@pytest.mark.parametrize("meanwhile", ["waiting", "done"])
def test_an_addition_that_ends_while_it_is_looked_for_is_not_put_in_line_again(
    storage: str, line: str, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    async def run() -> tuple[list[int], list[int]]:
        async with instance(storage) as first, instance(storage) as second:
            said = await first.appender.append(line, several("source", 5, 3))
            lines, ended = second.appender._lines, [False]
            ask = getattr(lines, meanwhile)

            async def and_then_it_ends(*args: int) -> tuple[list[Pack], bool]:
                found: tuple[list[Pack], bool] = await ask(*args)
                if not ended[0]:
                    ended[0] = True
                    await _end(first, line)
                return found

            monkeypatch.setattr(lines, meanwhile, and_then_it_ends)
            return said, await second.appender.append(line, several("source", 5, 3))

    said, again = asyncio.run(run())
    assert said == again


def test_an_addition_of_which_a_part_was_said_appends_the_rest(storage: str, line: str) -> None:
    async def run() -> tuple[list[int], list[int], list[str]]:
        async with instance(storage) as first, instance(storage) as second:
            said = await first.appender.append(line, several("source", 5, 2))
            return said, await second.appender.append(line, several("source", 5, 4)), await first.ids(line)

    said, whole, ids = asyncio.run(run())
    assert whole[:2] == said and len(set(whole)) == 4
    assert ids == ["e5", "e6", "e7", "e8"]


def test_several_entries_of_one_position_go_together(storage: str, line: str) -> None:
    """A receipt of three readings makes three parcels for one line."""
    addition = replace(several("source", 5, 3), positions=[5, 5, 6])

    async def run() -> tuple[list[int], list[int], list[str]]:
        async with instance(storage) as hub:
            return await hub.appender.append(line, addition), await hub.appender.append(line, addition), await hub.ids(line)

    said, again, ids = asyncio.run(run())
    assert said == again and ids == ["e5", "e6", "e7"]


def test_what_two_sources_say_stands_side_by_side(storage: str, line: str) -> None:
    async def run() -> list[str]:
        async with instance(storage) as hub:
            await hub.appender.append(line, several("one", 5, 1))
            await hub.appender.append(line, several("two", 3, 1))
            await hub.appender.append(line, several("one", 5, 2))
            return await hub.ids(line)

    assert asyncio.run(run()) == ["e5", "e3", "e6"]


def test_an_addition_is_told_its_positions_when_it_was_done_in_the_meantime(storage: str, line: str) -> None:
    async def run() -> tuple[list[int], list[int]]:
        async with instance(storage) as hub:
            said = await hub.appender.append(line, several("source", 5, 2))
            await _end(hub, line)
            return said, await hub.appender.append(line, several("source", 5, 2))

    said, again = asyncio.run(run())
    assert said == again


def test_an_addition_is_told_its_positions_where_two_appends_carried_them(storage: str, line: str) -> None:
    """A first run appended 5..6, which were delivered, and a second one 7..8; a third has 6 and 7 in its turn."""

    async def run() -> tuple[list[int], list[int]]:
        async with instance(storage) as hub:
            said = await hub.appender.append(line, several("source", 5, 2))
            await _end(hub, line)
            said += await hub.appender.append(line, several("source", 7, 2))
            return said[1:3], await hub.appender.append(line, several("source", 6, 2))

    said, again = asyncio.run(run())
    assert said == again


def test_an_entry_that_was_never_said_is_not_taken_for_said(storage: str, line: str) -> None:
    """A first run had something from position 6 only; by the second one the register knows more, and position 5 has something too."""

    async def run() -> list[str]:
        async with instance(storage) as hub:
            await hub.appender.append(line, several("source", 6, 1))
            await hub.appender.append(line, several("source", 5, 2))
            return await hub.ids(line)

    assert "e5" in asyncio.run(run())


# holding


def test_of_two_workers_that_saw_the_same_head_one_takes_the_line(storage: str, line: str) -> None:
    async def run() -> Sequence[Hold | None]:
        async with instance(storage) as first, instance(storage) as second:
            await first.appender.append(line, one("r"))
            head, _ = await first.look(line)
            return await asyncio.gather(first.lines.take(line, head, 0, NOON + 20), second.lines.take(line, head, 0, NOON + 20))

    assert [hold is None for hold in sorted(asyncio.run(run()), key=lambda hold: hold is None)] == [False, True]


def test_a_line_is_held_until_its_time_is_over(storage: str, line: str) -> None:
    async def run() -> Head:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r"))
            await hub.take(line, until=NOON + 20)
            return (await hub.look(line))[0]

    head = asyncio.run(run())
    assert head.held(NOON + 19.9) and not head.held(NOON + 20)


def test_a_holder_whose_time_ran_out_and_whose_line_was_taken_can_write_no_more(storage: str, line: str) -> None:
    async def run() -> tuple[list[Pack], Pack | None]:
        async with instance(storage) as slow, instance(storage) as other:
            await slow.appender.append(line, one("r"))
            held = await slow.take(line)
            _, [pack] = await slow.look(line)
            assert held and await other.take(line, NOON + 60)
            pack.states[0] = {"end": "delivered"}
            with pytest.raises(Lost):
                await slow.lines.commit(held, Outcome(ended=[pack], marked=[pack]))
            with pytest.raises(Lost):
                await slow.lines.let_go(held, fell=True)
            return (await slow.look(line))[1], await slow.lines.read(line, 0)

    waiting, read = asyncio.run(run())
    assert [pack.states for pack in waiting] == [[None]]
    assert read and read.states == [None]


def test_a_holder_whose_time_ran_out_but_whose_line_nobody_took_may_still_commit(storage: str, line: str) -> None:
    async def run() -> list[Pack]:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r"))
            await _end(hub, line, until=NOON - 100)
            return (await hub.look(line))[1]

    assert asyncio.run(run()) == []


def test_a_worker_may_append_to_a_line_that_another_one_holds(storage: str, line: str) -> None:
    async def run() -> list[str]:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r1"))
            hold = await hub.take(line)
            await hub.appender.append(line, one("r2"))
            assert hold
            await hub.lines.commit(hold, Outcome())
            return await hub.ids(line)

    assert asyncio.run(run()) == ["r1", "r2"]


def test_after_a_fall_one_entry_is_tried_at_a_time_and_its_falls_are_counted_until_somebody_commits(storage: str, line: str) -> None:
    async def run() -> list[tuple[bool, int, int]]:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r"))
            seen = []
            for fell in (True, True, False, True):
                head, _ = await hub.look(line)
                seen.append((head.careful, head.trying, head.falls))
                hold = await hub.take(line)
                assert hold
                await hub.lines.let_go(hold, fell=fell)
            await _end(hub, line)
            head, _ = await hub.look(line)
            return [*seen, (head.careful, head.trying, head.falls)]

    assert asyncio.run(run()) == [(False, -1, 0), (True, -1, 0), (True, 0, 1), (True, 0, 1), (False, -1, 0)]


def test_a_line_let_go_after_a_failure_is_free_at_once(storage: str, line: str) -> None:
    async def run() -> Head:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r"))
            hold = await hub.take(line)
            assert hold
            await hub.lines.let_go(hold, fell=True)
            return (await hub.look(line))[0]

    assert not asyncio.run(run()).held(NOON)


def test_a_take_whose_answer_was_lost_is_recognised_by_its_name(storage: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sends it again, with the ETag of before, and hears 412."""

    async def twice(table: TableClient, operations: Sequence[Operation]) -> list[str]:
        await submit(table, operations)
        return await submit(table, operations)

    async def run() -> None:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r"))
            head, [pack] = await hub.look(line)
            with monkeypatch.context() as patch:
                patch.setattr("shared.storage.lines.submit", twice)
                hold = await hub.lines.take(line, head, 0, NOON + 20)
            assert hold and await hub.lines.take(line, head, 0, NOON + 20) is None
            pack.states[0] = {"end": "transformed"}
            await hub.lines.commit(hold, Outcome(ended=[pack]))

    asyncio.run(run())


def test_what_became_of_a_pack_is_found_wherever_it_stands(storage: str, line: str) -> None:
    async def run() -> tuple[Pack | None, Pack | None, Pack | None]:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r"))
            waiting = await hub.lines.read(line, 0)
            await _end(hub, line)
            return waiting, await hub.lines.read(line, 0), await hub.lines.read(line, 1)

    waiting, done, missing = asyncio.run(run())
    assert waiting and done and missing is None
    assert (waiting.states, done.states, done.bodies) == ([None], [{"end": "delivered"}], [b"r"])


def test_an_emptied_pack_keeps_what_became_of_it(storage: str, line: str) -> None:
    async def run() -> Pack | None:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r"))
            await _end(hub, line)
            [pack], _ = await hub.lines.done(line, 0, 10)
            await hub.lines.empty(line, pack)
            return await hub.lines.read(line, 0)

    left = asyncio.run(run())
    assert left and (left.entries, left.bodies, left.states) == ([], [], [{"end": "delivered"}])


def test_a_look_says_that_there_is_more(storage: str, line: str) -> None:
    async def run() -> tuple[list[int], bool, list[int]]:
        async with instance(storage) as hub:
            for number in range(5):
                await hub.appender.append(line, one(f"r{number}"))
            look = await hub.lines.look(line, 3)
            rest, _ = await hub.lines.waiting(line, look.packs[-1].sequence + 1)
            return [pack.sequence for pack in look.packs], look.more, [pack.sequence for pack in rest]

    assert asyncio.run(run()) == ([0, 1, 2], True, [3, 4])


def test_a_line_that_never_was_has_no_head(storage: str, line: str) -> None:
    async def run() -> Head | None:
        async with instance(storage) as hub:
            return (await hub.lines.look(line)).head

    assert asyncio.run(run()) is None


# claims


def test_one_id_that_is_taken_refuses_the_whole_turn(storage: str, line: str) -> None:
    async def run() -> tuple[Head, dict[str, Claim]]:
        async with instance(storage) as hub:
            await hub.appender.append(line, one("r"))
            await hub.take(line, claims=[Claim("id1", 0, "c", NOON, "id1")])
            with pytest.raises(Claimed):
                await hub.take(line, claims=[Claim("id2", 1, "c", NOON, "id2"), Claim("id1", 1, "c", NOON, "id1")])
            return (await hub.look(line))[0], await hub.lines.owners(line, ["id1", "id2", "id3"])

    head, owners = asyncio.run(run())
    assert head.held(NOON)
    assert {name: replace(owner, etag="") for name, owner in owners.items()} == {"id1": Claim("id1", 0, "c", NOON, "id1")}


def test_ids_of_one_line_are_no_others_business(storage: str, line: str) -> None:
    async def run() -> bool:
        async with instance(storage) as hub:
            for where in (line, f"{line}~other"):
                await hub.appender.append(where, one("r"))
            both = [await hub.take(where, claims=[Claim("id1", 0, "c", NOON, "id1")]) for where in (line, f"{line}~other")]
            return all(both)

    assert asyncio.run(run())


def test_a_position_says_sequence_and_place() -> None:
    assert [place_of(position(sequence, place)) for sequence, place in ((0, 0), (7, 899), (10**8, 3))] == [(0, 0), (7, 899), (10**8, 3)]


async def _end(hub: Instance, line: str, until: float = NOON + 20) -> None:
    """A turn that brings everything that waits to its end."""
    hold = await hub.take(line, until=until)
    assert hold
    _, packs = await hub.look(line)
    for pack in packs:
        pack.states = [{"end": "delivered"}] * len(pack.states)
    await hub.lines.commit(hold, Outcome(ended=packs))
