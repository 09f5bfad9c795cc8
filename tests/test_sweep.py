"""What stands still is rung, and what is old is purged, but only once nobody needs it any more."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from shared.domain.message import Lane
from shared.flow.sweep import forget, purge, sweep
from shared.flow.transform import transform
from shared.storage.packs import Pack
from tests.test_forward import Behaviour, answering, journalled
from tests.test_transform import Town, note, town

HOUR = 3600.0


async def rung(here: Town, lane: Lane = Lane.ROUTINE) -> list[str]:
    """Which of this municipality's lines the sweep rings; the tables are shared with other tests."""
    here.host.messages.clear()
    await sweep(here.hub, lane)
    return [line for *_, lines in here.host.messages for line in lines if line.startswith(here.tenant.orgnr)]


# ringing


def test_a_line_that_stands_still_is_rung(storage: str) -> None:
    async def run() -> bool:
        async with town(storage) as here:
            await here.post(note("a"))
            here.clock.now += 4
            return await rung(here) == [here.line()]

    assert asyncio.run(run())


def test_a_line_of_parcels_that_stands_still_is_rung(storage: str) -> None:
    async def run() -> bool:
        async with town(storage) as here:
            await here.post(note("a"))
            await transform(here.hub, [here.line()])
            here.clock.now += 4
            return await rung(here) == await here.lines()

    assert asyncio.run(run())


def test_the_sweep_of_one_lane_rings_no_line_of_the_other(storage: str) -> None:
    async def run() -> list[str]:
        async with town(storage) as here:
            await here.post(note("a"))
            here.clock.now += 4
            return await rung(here, Lane.ALARM)

    assert asyncio.run(run()) == []


def test_what_has_just_come_is_not_rung(storage: str) -> None:
    async def run() -> list[str]:
        async with town(storage) as here:
            await here.post(note("a"))
            here.clock.now += 2
            return await rung(here)

    assert asyncio.run(run()) == []


def test_a_line_that_is_held_is_not_rung_until_the_hold_has_run_out(storage: str) -> None:
    async def run() -> tuple[list[str], bool]:
        async with town(storage) as here:
            await here.post(note("a"))
            lines = here.hub.receipts.lines
            head = (await lines.look(here.line())).head
            assert head
            await lines.take(here.line(), head, 0, here.clock() + 20)
            here.clock.now += 19
            held = await rung(here)
            here.clock.now += 2
            return held, await rung(here) == [here.line()]

    assert asyncio.run(run()) == ([], True)


def test_a_line_that_is_not_due_is_not_rung_until_it_is(storage: str) -> None:
    """Two patients without an answer: the endpoint is down, and its line waits."""

    async def run() -> tuple[list[str], bool]:
        async with journalled(storage, answering(503)) as (here, _):
            await asyncio.gather(here.post(note("a", "p0")), here.post(note("b", "p1")))
            await here.run(120)
            head = (await here.hub.parcels.lines.look((await here.lines())[0])).head
            assert head and head.not_before > here.clock()
            early = await rung(here)
            here.clock.now = head.not_before
            return early, await rung(here) == await here.lines()

    assert asyncio.run(run()) == ([], True)


def test_an_empty_line_is_not_rung(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage) as (here, _):
            await here.post(note("a"))
            await here.run(60)
            return await rung(here)

    assert asyncio.run(run()) == []


def test_a_killed_workers_line_comes_to_its_end_by_the_sweep_alone(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage) as (here, journal):
            await here.post(note("a"))
            lines = here.hub.receipts.lines
            head = (await lines.look(here.line())).head
            assert head
            await lines.take(here.line(), head, 0, here.clock() + here.hub.settings.hold_seconds)
            here.host.messages.clear()  # hidden from the others for ten minutes
            for _ in range(4):
                await here.run(10)
                await sweep(here.hub, Lane.ROUTINE)
            await here.run()
            return journal.titles

    assert asyncio.run(run()) == ["a"]


# purging


async def bodies(here: Town) -> tuple[list[bytes], list[bytes]]:
    """Those of its receipts, and those of its parcels, that are still there."""
    hub, found = here.hub, []
    for half, lines in ((hub.receipts, [here.line()]), (hub.parcels, await here.lines())):
        packs: list[Pack] = []
        for line in lines:
            packs += [*(await half.lines.look(line)).packs, *(await half.lines.done(line, 0, 100))[0]]
        found.append([body for pack in packs for body in pack.bodies])
    return found[0], found[1]


def kept(storage: str, behave: Behaviour, hours: Sequence[float], *, routes: bool = True) -> list[tuple[int, int]]:
    """How many receipts and parcels still have their bytes, so many hours after one note came (retention is 72 hours)."""

    async def run() -> list[tuple[int, int]]:
        async with journalled(storage, behave) as (here, _):
            if not routes:
                here.change(routes=())
            start = here.clock()
            await here.post(note("a"))
            counts = []
            for hour in hours:
                await here.run(start + hour * HOUR - here.clock())
                await purge(here.hub, Lane.ROUTINE)
                receipts, parcels = await bodies(here)
                counts.append((len(receipts), len(parcels)))
            return counts

    return asyncio.run(run())


def _honest(_patient: str, _title: str) -> None:
    """Stores everything."""


def test_what_was_delivered_is_kept_until_the_retention_has_passed(storage: str) -> None:
    assert kept(storage, _honest, [1, 71.9, 72.1]) == [(1, 1), (1, 1), (0, 0)]


def test_what_waits_for_the_journal_is_not_purged(storage: str) -> None:
    assert kept(storage, answering(503), [80, 160]) == [(1, 1), (1, 1)]


def test_what_was_parked_keeps_its_bytes(storage: str) -> None:
    assert kept(storage, answering(422), [80, 2_000]) == [(1, 1), (1, 1)]


def test_what_was_set_aside_keeps_its_bytes(storage: str) -> None:
    assert kept(storage, _honest, [80, 2_000], routes=False) == [(1, 0), (1, 0)]


def test_what_became_of_it_can_be_asked_for_after_the_purge(storage: str) -> None:
    async def run() -> tuple[str, int]:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("a"))
            await here.run(100 * HOUR)
            await purge(here.hub, Lane.ROUTINE)
            told = await here.told(receipt)
            return told["status"], told["parcels"][0]["attempts"]

    assert asyncio.run(run()) == ("delivered", 1)


def late(storage: str) -> tuple[int, int]:
    """What still has its bytes an hour after a note was delivered that had waited for 100 hours."""

    async def run() -> tuple[int, int]:
        async with journalled(storage, answering(503)) as (here, journal):
            await here.post(note("a"))
            await here.run(100 * HOUR)
            journal.behave = _honest
            await here.run(2 * HOUR)
            assert journal.titles == ["a"]
            await purge(here.hub, Lane.ROUTINE)
            receipts, parcels = await bodies(here)
            return len(receipts), len(parcels)

    return asyncio.run(run())


def test_the_retention_of_a_parcel_counts_from_its_delivery(storage: str) -> None:
    assert late(storage)[1] == 1


def test_the_retention_of_a_receipt_counts_from_its_delivery(storage: str) -> None:
    assert late(storage)[0] == 1


def test_a_duplicate_is_purged_like_the_first_one(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with journalled(storage) as (here, _):
            for _ in range(2):
                await here.post(note("a"))
                await here.run()
            await here.run(80 * HOUR)
            await purge(here.hub, Lane.ROUTINE)
            receipts, parcels = await bodies(here)
            return len(receipts), len(parcels)

    assert asyncio.run(run()) == (0, 0)


def test_one_parked_note_keeps_only_what_came_with_it(storage: str) -> None:
    def refuse(patient: str, _title: str) -> web.Response | None:
        return web.Response(status=422) if patient == "p1" else None

    async def run() -> list[bytes]:
        async with journalled(storage, refuse) as (here, _):
            for patient in ("p0", "p1", "p2"):
                await here.post(note(patient, patient))
                await here.run()
            await here.run(80 * HOUR)
            await purge(here.hub, Lane.ROUTINE)
            return (await bodies(here))[0]

    assert asyncio.run(run()) == [note("p1", "p1")]


def test_a_municipality_that_left_the_register_keeps_its_bytes(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with journalled(storage) as (here, _):
            await here.post(note("a"))
            await here.run(80 * HOUR)
            here.book.change()
            await purge(here.hub, Lane.ROUTINE)
            receipts, parcels = await bodies(here)
            return len(receipts), len(parcels)

    assert asyncio.run(run()) == (1, 1)


def test_each_municipality_has_its_own_retention(storage: str) -> None:
    async def run() -> int:
        async with journalled(storage) as (here, _):
            here.change(retention_hours=2)
            await here.post(note("a"))
            await here.run(3 * HOUR)
            await purge(here.hub, Lane.ROUTINE)
            return len((await bodies(here))[0])

    assert asyncio.run(run()) == 0


def test_a_stopped_municipality_is_purged_too(storage: str) -> None:
    async def run() -> int:
        async with journalled(storage) as (here, _):
            await here.post(note("a"))
            await here.run(80 * HOUR)
            here.book.change(replace(here.tenant, active=False))
            await purge(here.hub, Lane.ROUTINE)
            return len((await bodies(here))[0])

    assert asyncio.run(run()) == 0


# forgetting


def test_ids_are_forgotten_only_when_no_repeat_can_mean_them(storage: str) -> None:
    async def run() -> list[str]:
        async with town(storage) as here:
            told = []
            for days in (0, 29, 7):
                here.clock.now += days * 24 * HOUR
                await forget(here.hub)
                receipt = await here.post(note("a"))
                await here.run()
                told.append((await here.told(receipt))["status"])
            return told

    assert asyncio.run(run()) == ["transformed", "duplicate", "transformed"]


def test_an_id_is_forgotten_once_it_is_old_and_not_before(storage: str) -> None:
    async def run() -> list[int]:
        async with town(storage) as here:
            await asyncio.gather(*(here.post(note(f"n{number}")) for number in range(150)))
            await here.run()
            await here.hub.receipts.lines.forget(here.line(), here.clock())
            return [await here.hub.receipts.lines.forget(here.line(), here.clock() + later) for later in (0, 1, 1)]

    assert asyncio.run(run()) == [0, 150, 0]
