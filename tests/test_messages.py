"""An operator's hand on messages, with a real storage emulator and a journal: what is found, and that no act doubles or loses."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aiohttp import web
from azure.core.exceptions import ResourceModifiedError

from adapters.devices.tenovi.adapter import HWI_DEVICE
from shared.access.entry import Entry
from shared.access.register import Binding
from shared.domain.clock import OSLO
from shared.domain.event import Person
from shared.domain.message import Lane
from shared.flow.sweep import purge
from shared.flow.transform import transform
from shared.hub import Hub
from shared.messages.acts import Target, act, to_do
from shared.messages.edits import Order, Verb
from shared.messages.history import history
from shared.messages.message import Message, Wanted
from shared.messages.search import Search
from shared.notice.account import Books, account
from shared.storage import amend as amending
from shared.storage import packs
from shared.storage.batch import create, put, submit
from shared.storage.head import Head, head_row, key
from shared.storage.index import DONE, MARKED, WAITING, Index, Span
from shared.storage.lines import Outcome
from shared.storage.packs import Pack
from shared.storage.tail import tail_row
from tests.test_forward import HOUR, Behaviour, answering, down_for, journalled, post_all
from tests.test_transform import NOON, SHOUTING, Town, another, note, raising, town, use

OWN = "https://cloud.example/notes|{}"  # as the national contract names a message: system and value


async def found(here: Town, hub: Hub | None = None, **wanted: Any) -> list[Message]:
    return [message async for message in Search(hub or here.hub).find(Wanted(here.tenant.orgnr, **wanted))]


async def do(here: Town, verb: Verb, receipt: str, hub: Hub | None = None, **order: Any) -> int:
    """An act on a receipt and all its parcels."""
    told = await history(here.hub, receipt)
    assert told
    wish = Order(
        verb, here.clock() + (0.001 if hub not in (None, here.hub) else 0.0), "kari", **order
    )  # nobody acts in the same moment as another
    return await act(hub or here.hub, wish, [Target(told.message, told.message.parcels)])


def refusing_once(titles: Sequence[str]) -> Behaviour:
    """A journal that says no to each of these the first time."""
    left = list(titles)

    def behave(_patient: str, title: str) -> Any:
        if title not in left:
            return None
        left.remove(title)
        return answering(422)("", "")

    return behave


@asynccontextmanager
async def journalled_any(storage: str) -> AsyncIterator[tuple[Town, list[str]]]:
    """A municipality whose journal takes whatever comes, and the keys that came."""
    keys: list[str] = []

    async def take(call: web.Request) -> web.Response:
        keys.append(call.headers["Idempotency-Key"])
        return web.Response(status=201)

    app = web.Application()
    app.add_routes([web.post("/journal/{resource}", take)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with town(storage, f"http://127.0.0.1:{runner.addresses[0][1]}", active=True) as here:
            yield here, keys
    finally:
        await runner.cleanup()


# finding


async def _line_of(hub: Hub, line: str, count: int) -> None:
    """Packs of one receipt each, a minute apart, done; every thousandth marked."""
    table = hub.receipts.lines.table
    for first in range(0, count, 90):
        rows = []
        for at in range(first, min(first + 90, count)):
            pack = Pack(at, NOON + 60.0 * at, [], [], [{"end": "transformed", "problems": []}])
            rows.append(create({**key(line, f"d~{at:012}"), **packs.to_row(pack)}))
        await submit(table, rows)
    marks = [put({**key(line, f"x~{at:012}"), "since": NOON + 60.0 * at}) for at in range(0, count, 1000)]
    await submit(table, [create(tail_row(line, count, {})), create(head_row(line, Head())), *marks])


@pytest.mark.parametrize("newest", [False, True])
def test_a_search_by_time_reads_as_many_rows_in_a_line_of_thousands_as_in_a_short_one(storage: str, newest: bool) -> None:
    async def run() -> list[tuple[int, int]]:
        async with town(storage) as here:
            costs = []
            for name, count in (("short", 400), ("long", 6000)):
                line = f"{here.tenant.orgnr}~{name}~routine"
                await _line_of(here.hub, line, count)
                index = Index(here.hub.receipts.lines.table)
                middle = NOON + 60.0 * (count // 2)
                got = [pack async for pack in index.packs(line, DONE, Span(middle, middle + 600), newest=newest)]
                assert len(got) == 10 and (got[0].since > got[-1].since) is newest
                costs.append((len(got), index.rows))
            return costs

    (_, short), (_, long) = asyncio.run(run())
    assert long - short <= 10, "a row for each doubling, and no more"
    assert long < 60


def test_marks_far_apart_are_found_without_reading_what_lies_between(storage: str) -> None:
    async def run() -> tuple[list[int], int]:
        async with town(storage) as here:
            line = f"{here.tenant.orgnr}~cloud~routine"
            await _line_of(here.hub, line, 6000)
            index = Index(here.hub.receipts.lines.table)
            return [pack.sequence async for pack in index.packs(line, MARKED, Span(), newest=True)], index.rows

    sequences, rows = asyncio.run(run())
    assert sequences == [5000, 4000, 3000, 2000, 1000, 0]
    assert rows == len(sequences)


def test_the_newest_come_first_however_many_stand_close_together(storage: str) -> None:
    async def run() -> list[int]:
        async with town(storage) as here:
            line = f"{here.tenant.orgnr}~cloud~routine"
            table = here.hub.receipts.lines.table
            where = [*range(250), *range(5000, 5250)]
            for first in range(0, len(where), 90):
                some = [Pack(at, NOON + at, [], [], [None]) for at in where[first : first + 90]]
                await submit(table, [create({**key(line, f"w~{pack.sequence:012}"), **packs.to_row(pack)}) for pack in some])
            await submit(table, [create(tail_row(line, 6000, {}))])
            return [pack.sequence async for pack in Index(table).packs(line, WAITING, Span(), newest=True)]

    assert asyncio.run(run()) == [*range(5249, 4999, -1), *range(249, -1, -1)]


def test_messages_are_found_by_what_became_of_them(storage: str) -> None:
    async def run() -> dict[str, int]:
        async with journalled(storage, refusing_once(["no"])) as (here, journal):
            for title in ("yes", "no", "yes"):
                await here.post(note(title))
            await here.run()
            journal.behave = answering(503)
            await here.post(note("later"))
            await here.run()
            states = ("delivered", "parked", "duplicate", "transformed", "waiting", "received", "set aside", "deleted", "")
            return {state: len(await found(here, state=state)) for state in states}

    assert asyncio.run(run()) == {
        **{"delivered": 1, "parked": 1, "duplicate": 1, "transformed": 1, "waiting": 1, "received": 0, "set aside": 0, "deleted": 0},
        "": 4,
    }


def test_messages_are_found_by_sender_endpoint_lane_time_and_event(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> list[int]:
        async with journalled(storage) as (here, _):
            await here.post(note("a"))
            await here.post(note("alarm"))
            await here.run()
            here.clock.now += HOUR
            await here.post(note("b"))
            await here.run()
            wishes: list[dict[str, Any]] = [
                *({"sender": "cloud"}, {"sender": "other"}, {"endpoint": "journal"}, {"endpoint": "other"}),
                *({"lane": Lane.ALARM}, {"span": Span(NOON, NOON + 60)}, {"span": Span(NOON + HOUR)}),
                *({"event": "document"}, {"event": "composition"}, {"event": "document:composition"}, {"event": "alert"}),
            ]
            return [len(await found(here, **wish)) for wish in wishes]

    assert asyncio.run(run()) == [3, 0, 3, 0, 1, 2, 1, 3, 3, 3, 0]


def test_a_message_is_found_by_its_senders_own_id_and_by_its_parcels_name(storage: str) -> None:
    async def run() -> tuple[str, list[str], list[Message], str]:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("a", name="n1"))
            await here.run()
            search = Search(here.hub)
            own = OWN.format("n1")
            by_own = [message.receipt for message in await search.by_own_id(here.tenant.orgnr, "", own)]
            [message] = await found(here)
            parcel = await search.of_parcel(message.parcels[0].line, message.parcels[0].at)
            assert parcel
            return receipt, by_own, await search.by_own_id(here.tenant.orgnr, "cloud", "n2"), parcel.receipt

    receipt, by_own, none, by_parcel = asyncio.run(run())
    assert by_own == [receipt] and by_parcel == receipt and none == []


# what an operator sees


def test_each_attempt_is_remembered_the_first_ones_and_the_last_ones(storage: str) -> None:
    async def run() -> dict[str, Any]:
        async with journalled(storage, answering(503)) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run(40 * HOUR)
            journal.behave = down_for()
            await here.run(2 * HOUR)
            told = await history(here.hub, receipt)
            assert told
            return dict(told.message.parcels[0].state)

    state = asyncio.run(run())
    assert state["end"] == "delivered" and state["attempt"] > 30
    assert len(state["tries"]) == 20
    moments = [at - NOON for at, _ in state["tries"]]
    assert moments == sorted(moments) and moments[0] < 1 and moments[-1] > 30 * HOUR
    assert {answer for _, answer in state["tries"]} == {"the journal answered 503"}


# acts


def test_a_parked_parcel_is_sent_again_under_the_same_key_and_a_repeat_of_the_act_does_nothing(storage: str) -> None:
    async def run() -> tuple[list[int], list[str], int, dict[str, Any]]:
        async with journalled(storage, refusing_once(["a"])) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run()
            counts = [await do(here, Verb.RESEND, receipt), await do(here, Verb.RESEND, receipt)]
            await here.run()
            return counts, journal.titles, len({call.key for call in journal.calls}), await here.told(receipt)

    counts, titles, keys, told = asyncio.run(run())
    assert counts == [1, 0] and titles == ["a"] and keys == 1
    assert told["status"] == "delivered"


def test_two_operators_who_send_the_same_again_at_once_send_it_once(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with journalled(storage, refusing_once([f"n{n:03}" for n in range(6)])) as (here, journal), another(here) as second:
            await post_all(here, 6, 3)
            await here.run()
            parked = await found(here, state="parked")
            done = await asyncio.gather(*(do(here, Verb.RESEND, one.receipt, hub) for one in parked for hub in (here.hub, second)))
            await here.run(0, second)
            return sum(done), len(journal.calls)

    changed, calls = asyncio.run(run())
    assert changed == 6 and calls == 12, "six that were refused, and each once more"


def test_what_is_sent_again_keeps_its_place_before_the_same_patients_later_parcels(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage, refusing_once(["first"])) as (here, journal):
            receipt = await here.post(note("first"))
            await here.run()
            journal.behave = answering(503)
            await here.post(note("second"))
            await here.run(1)
            await do(here, Verb.RESEND, receipt)
            journal.behave = down_for()
            await here.run(HOUR)
            return journal.titles

    assert asyncio.run(run()) == ["first", "second"]


def test_a_parcel_that_was_sent_again_has_a_schedule_of_its_own(storage: str) -> None:
    """It would be given up at its first failure if its age counted from long ago."""

    async def run() -> list[str]:
        async with journalled(storage, answering(503)) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run(9 * 24 * HOUR)
            statuses = [(await here.told(receipt))["status"]]
            await do(here, Verb.RESEND, receipt)
            await here.run(HOUR)
            statuses.append((await here.told(receipt))["status"])
            journal.behave = down_for()
            await here.run(2 * HOUR)
            return [*statuses, (await here.told(receipt))["status"]]

    assert asyncio.run(run()) == ["parked", "transformed", "delivered"]


def test_what_was_delivered_is_sent_again_once_for_each_job(storage: str) -> None:
    async def run() -> tuple[list[int], int, int]:
        async with journalled(storage) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run()
            counts = []
            for batch in ("one", "one", "two"):
                counts.append(await do(here, Verb.RESEND, receipt, batch=batch))
                await here.run()
            return counts, len(journal.calls), len(journal.titles)

    assert asyncio.run(run()) == ([1, 0, 1], 3, 1)


def test_an_act_waits_for_the_worker_that_holds_the_line(storage: str) -> None:
    async def run() -> tuple[bool, int, dict[str, Any]]:
        async with journalled(storage, answering(503)) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            [line] = await here.lines()
            look = await here.hub.parcels.lines.look(line)
            assert look.head
            hold = await here.hub.parcels.lines.take(line, look.head, -1, here.clock() + 20)
            assert hold
            acting = asyncio.create_task(do(here, Verb.PARK, receipt))
            await asyncio.sleep(0.4)
            before = acting.done()
            await here.hub.parcels.lines.let_go(hold, fell=False)
            return before, await acting, await here.told(receipt)

    before, changed, told = asyncio.run(run())
    assert (before, changed, told["status"]) == (False, 1, "parked")


def test_workers_let_a_line_be_while_an_act_wants_it_and_take_it_when_the_act_is_done_or_lost(storage: str) -> None:
    async def run() -> tuple[list[str], list[str], bool]:
        async with journalled(storage) as (here, journal):
            await here.post(note("a"))
            await transform(here.hub, [here.line()])
            [line] = await here.lines()
            await amending.Wish(here.hub.parcels.lines, line, here.clock).say()
            await here.run(2)
            during = list(journal.titles)
            await here.run(5)
            after = list(journal.titles)
            done = amending.Wish(here.hub.parcels.lines, line, here.clock)
            await done.say()
            await done.over()
            return during, after, (await here.hub.parcels.lines.look(line)).wanted == 0.0

    assert asyncio.run(run()) == ([], ["a"], True)


def test_an_act_gets_its_turn_at_a_line_whose_workers_never_rest(storage: str) -> None:
    async def run() -> int:
        async with journalled(storage, answering(503)) as (here, _), another(here) as second:
            receipt = await here.post(note("a"))
            await here.run()
            [line] = await here.lines()
            lines, rest = second.parcels.lines, asyncio.Event()

            async def work() -> None:
                while not rest.is_set():
                    look = await lines.look(line)
                    hold = look.head and look.wanted <= here.clock() and await lines.take(line, look.head, -1, here.clock() + 20)
                    if hold:
                        await asyncio.sleep(0.05)
                        await lines.commit(hold, Outcome())

            working = asyncio.create_task(work())
            try:
                return await do(here, Verb.PARK, receipt, why="prøve")
            finally:
                rest.set()
                await working

    assert asyncio.run(run()) == 1


def test_a_worker_that_looked_before_an_act_cannot_overwrite_it(storage: str) -> None:
    async def run() -> tuple[bool, dict[str, Any]]:
        async with journalled(storage, answering(503)) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            [line] = await here.lines()
            look = await here.hub.parcels.lines.look(line)
            assert look.head
            await do(here, Verb.PARK, receipt)
            hold = await here.hub.parcels.lines.take(line, look.head, 0, here.clock() + 20)
            return hold is None, await here.told(receipt)

    refused, told = asyncio.run(run())
    assert refused and told["status"] == "parked"


def test_what_is_parked_by_hand_is_not_sent_and_its_patients_next_goes_on(storage: str) -> None:
    async def run() -> tuple[list[str], str]:
        async with journalled(storage, answering(503)) as (here, journal):
            receipt = await here.post(note("first"))
            await here.post(note("second"))
            await here.run()
            await do(here, Verb.PARK, receipt, why="feil bruker i journalen")
            journal.behave = down_for()
            await here.run(HOUR)
            return journal.titles, (await here.told(receipt))["parcels"][0]["reason"]

    assert asyncio.run(run()) == (["second"], "parked by hand")


def test_what_is_deleted_is_not_sent_and_what_is_restored_goes_in_its_order(storage: str) -> None:
    async def run() -> tuple[list[str], list[str], list[int]]:
        async with journalled(storage, answering(503)) as (here, journal):
            gone = await here.post(note("gone"))
            back = await here.post(note("back"))
            await here.post(note("last"))
            await here.run()
            counts = [await do(here, Verb.DELETE, one, why="prøve") for one in (gone, back, back)]
            counts.append(await do(here, Verb.RESTORE, back))
            journal.behave = down_for()
            await here.run(HOUR)
            statuses = [(await here.told(one))["status"] for one in (gone, back)]
            return journal.titles, statuses, counts

    titles, statuses, counts = asyncio.run(run())
    assert titles == ["back", "last"]
    assert statuses == ["deleted", "delivered"] and counts == [1, 1, 0, 1]


def test_a_receipt_that_is_deleted_before_its_turn_is_not_transformed_until_it_is_restored(storage: str) -> None:
    async def run() -> tuple[list[str], list[str]]:
        async with journalled(storage) as (here, journal):
            receipt = await here.post(note("a"))
            await here.post(note("b"))
            await do(here, Verb.DELETE, receipt, why="prøve")
            await here.run()
            statuses = [(await here.told(receipt))["status"]]
            titles = list(journal.titles)
            assert [one.receipt for one in await found(here, state="deleted")] == [receipt]
            await do(here, Verb.RESTORE, receipt)
            await here.run()
            return [*statuses, (await here.told(receipt))["status"]], [*titles, *journal.titles]

    assert asyncio.run(run()) == (["deleted", "delivered"], ["b", "b", "a"])


def test_what_was_deleted_is_purged_with_the_rest_and_cannot_come_back(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with journalled(storage, refusing_once(["a"])) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            await do(here, Verb.DELETE, receipt, why="prøve")
            here.clock.now += 80 * HOUR
            purged = await purge_all(here)
            return purged, await do(here, Verb.RESTORE, receipt)

    assert asyncio.run(run()) == (2, 0)


@pytest.mark.parametrize("waits", [False, True])
def test_what_is_deleted_long_after_it_came_can_be_restored_for_as_long_as_anything_else(storage: str, *, waits: bool) -> None:
    """Set aside, or before its turn: the retention counts from the act, as a parcel's does from its end."""

    async def run() -> tuple[list[int], str]:
        async with journalled(storage) as (here, _):
            here.change(routes=())
            receipt = await here.post(note("a"))
            if not waits:
                await here.run()
            here.clock.now += 80 * HOUR
            await do(here, Verb.DELETE, receipt, why="feil")
            await here.run()  # past its turn, if it waited
            here.clock.now += 60
            counts = [await purge_all(here), await do(here, Verb.RESTORE, receipt), await do(here, Verb.DELETE, receipt, why="likevel")]
            here.clock.now += 71.9 * HOUR
            counts.append(await purge_all(here))
            here.clock.now += HOUR
            return [*counts, await purge_all(here), await do(here, Verb.RESTORE, receipt)], (await here.told(receipt))["status"]

    assert asyncio.run(run()) == ([0, 1, 1, 0, 1, 0], "deleted")


async def purge_all(here: Town) -> int:
    """Of this town; other tests' towns in the same storage are not in its register."""
    return sum([await purge(here.hub, lane) for lane in Lane])


def reading(device: str, value: str) -> dict[str, Any]:
    """A weight in Tenovi's words."""
    return {
        "metric": "weight",
        "hwi_device_id": device,
        "value_1": value,
        "timestamp": "2026-11-22T11:00:00Z",
        "device_name": "Tenovi Scale",
    }


def bound(device: str, number: str) -> Binding:
    person = Person("https://epj.example/patients", number)
    return Binding(HWI_DEVICE, device, person, datetime(2026, 1, 1, tzinfo=UTC), None)


def test_only_what_was_set_aside_goes_on_when_it_is_transformed_anew(storage: str) -> None:
    async def run() -> tuple[list[Any], list[int]]:
        async with journalled_any(storage) as (here, keys):
            here.change(bindings=(bound("known", "1"),))
            body = orjson.dumps([reading("known", "150.0"), reading("new", "160.0")])
            receipt = await here.post(body, "tenovi")
            await here.run()
            told = [(await here.told(receipt))["status"], len(keys)]
            counts = [await do(here, Verb.TRANSFORM, receipt)]
            await here.run()
            told += [(await here.told(receipt))["status"], len(keys)]
            here.change(bindings=(bound("known", "1"), bound("new", "2")))
            counts += [await do(here, Verb.TRANSFORM, receipt), await do(here, Verb.TRANSFORM, receipt)]
            await here.run()
            after = await here.told(receipt)
            counts += [await do(here, Verb.TRANSFORM, receipt)]
            return [*told, after["status"], len(keys), len(set(keys)), after["counts"]], counts

    told, counts = asyncio.run(run())
    assert told[:6] == ["set aside", 1, "set aside", 1, "delivered", 2] and told[6] == 2
    assert told[7] == {"items": 2, "documents": 2, "set_aside": 0, "delivered": 2, "waiting": 0, "parked": 0}
    assert counts == [1, 1, 0, 0]


def test_a_crash_between_handing_over_and_writing_down_doubles_nothing_when_transformed_anew(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> tuple[list[str], str]:
        async with journalled_any(storage) as (here, keys):
            here.change(bindings=(bound("known", "1"),))
            receipt = await here.post(orjson.dumps([reading("known", "150.0"), reading("new", "160.0")]), "tenovi")
            for number in range(5):
                await here.post(orjson.dumps([reading("known", f"15{number}.5")]), "tenovi")
            await here.run()
            here.change(bindings=(bound("known", "1"), bound("new", "2")))
            await do(here, Verb.TRANSFORM, receipt)
            lines = here.hub.receipts.lines
            monkeypatch.setattr(lines, "commit", raising(1, lambda: OSError("the worker is lost"))(lines.commit))
            await here.run()
            await here.run(HOUR)
            return keys, (await here.told(receipt))["status"]

    keys, status = asyncio.run(run())
    assert status == "delivered"
    assert len(keys) == len(set(keys)) == 7


def test_a_mark_goes_once_there_is_nothing_to_look_at(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with journalled(storage, refusing_once(["a"])) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            await do(here, Verb.RESEND, receipt)
            await here.run()
            [line] = await here.lines()
            index = Index(here.hub.parcels.lines.table)
            before = len([mark async for mark in index.packs(line, MARKED, Span())])
            assert await found(here, state="parked") == []
            return before, len([mark async for mark in index.packs(line, MARKED, Span())])

    assert asyncio.run(run()) == (1, 0)


def test_each_act_stands_in_the_audit_log_with_whom_it_is_about_and_says_no_more_than_ids(storage: str) -> None:
    async def run() -> tuple[str, str, list[Entry]]:
        async with journalled(storage, refusing_once(["a"])) as (here, _):
            await here.post(note("a"))
            await here.run()
            [message] = await found(here)
            pack = await here.hub.parcels.lines.read(message.parcels[0].line, 0)
            assert pack
            wish = Order(Verb.RESEND, here.clock(), "kari", "rettet i journalen")
            target = to_do(wish, Target(message, message.parcels))
            assert target and await act(here.hub, wish, [target]) == 1
            entries = [entry async for row in here.hub.audit.read(here.tenant.orgnr) for entry in row.entries]
            return message.parcels[0].name, pack.entries[0]["patient"], [one for one in entries if one.action.startswith("messages")]

    parcel, patient, [entry] = asyncio.run(run())
    assert (entry.action, entry.who, entry.count) == ("messages.resend", "kari", 1)
    assert entry.message == f"{parcel}: rettet i journalen"
    assert entry.patients == (patient,)


def test_the_account_of_a_day_adds_up_after_every_act(storage: str) -> None:
    async def run() -> tuple[bool, list[str], dict[str, int]]:
        async with journalled(storage, answering(422)) as (here, journal):
            receipts = [await here.post(note(f"n{number}")) for number in range(4)]
            await here.run()
            journal.behave = down_for()
            await do(here, Verb.RESEND, receipts[0])
            for receipt in receipts[1:3]:
                await do(here, Verb.DELETE, receipt, why="prøve")
            await do(here, Verb.RESTORE, receipts[2])
            await here.run()
            await do(here, Verb.DELETE, await here.post(note("before its turn")), why="prøve")
            await here.run()
            books = Books(here.hub.receipts.lines, here.hub.parcels.lines, here.hub.receipts.appender, here.hub.days)
            [mine] = await account(books, here.tenant.orgnr, datetime.fromtimestamp(NOON, OSLO).date(), {})
            return mine.sound, mine.findings, dict(mine.ends)

    assert asyncio.run(run()) == (True, [], {"delivered": 1, "parked": 2, "deleted": 2})


def test_an_act_whose_answer_is_lost_is_told_as_done(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sends the transaction again, and finds that the head has changed: by us."""

    async def run() -> tuple[int, str]:
        async with journalled(storage, answering(503)) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            left = [1]

            async def lost(*args: Any) -> list[str]:
                etags = await submit(*args)
                if left:
                    left.clear()
                    raise ResourceModifiedError("412")
                return etags

            monkeypatch.setattr(amending, "submit", lost)
            return await do(here, Verb.PARK, receipt, why="prøve"), (await here.told(receipt))["status"]

    assert asyncio.run(run()) == (1, "parked")
