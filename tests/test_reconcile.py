"""Every receipt has an end, or is named: the account of a day held against storage that somebody's hand was in."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from aiohttp import web

from adapters.devices.vkp.adapter import ADAPTER as VKP
from local.reconcile import opened
from local.reconcile_command import main
from shared.access.register import Alarms, Route
from shared.domain.clock import OSLO
from shared.domain.message import Lane
from shared.flow.sweep import sweep
from shared.notice.account import Account, account
from shared.notice.reconcile import books, known, reconcile
from tests.test_forward import Behaviour, Journal, answering, journalled, listening
from tests.test_notices import by_hook, hooked
from tests.test_transform import Town, note, use

DAY = 24 * 3600.0
Deed = Callable[[Town, Journal], Awaitable[None]]


def day_of(here: Town) -> date:
    return datetime.fromtimestamp(here.clock(), UTC).astimezone(OSLO).date()


async def counted(here: Town, day: date) -> Account:
    """The only sender's day."""
    desk = books(here.hub)
    kept = await known(desk, here.tenant.orgnr, day)
    [mine] = await account(desk, here.tenant.orgnr, day, kept.starts(here.tenant.orgnr, day))
    return mine


def after(storage: str, deed: Deed, behave: Behaviour = lambda _patient, _title: None) -> Account:
    """The account of the day, after this was done."""

    async def run() -> Account:
        async with journalled(storage, behave) as (here, journal):
            await deed(here, journal)
            return await counted(here, day_of(here))

    return asyncio.run(run())


async def posts(here: Town, *titles: str) -> None:
    """Each in a pack of its own."""
    for title in titles:
        await here.post(note(title, title))
        await here.run()


# it adds up


def test_each_receipt_of_a_day_is_counted_where_it_ended(storage: str) -> None:
    def behave(_patient: str, title: str) -> web.Response | None:
        return {"refused": web.Response(status=422), "later": web.Response(status=503)}.get(title)

    async def deed(here: Town, _: Journal) -> None:
        await posts(here, "a", "b", "refused", "later", "a")
        here.change(routes=())
        await posts(here, "nowhere")

    found = after(storage, deed, behave)
    assert found.sound and found.received == 6
    assert dict(found.ends) == {"delivered": 2, "parked": 1, "waiting": 1, "duplicate": 1, "set aside": 1}


def test_a_receipt_that_was_not_transformed_waits(storage: str) -> None:
    async def deed(here: Town, _: Journal) -> None:
        await here.post(note("a"))

    found = after(storage, deed)
    assert found.sound and dict(found.ends) == {"waiting": 1}


def test_a_day_ends_at_midnight_in_norway(storage: str) -> None:
    async def run() -> list[int]:
        async with journalled(storage) as (here, _):
            first = day_of(here)
            midnight = datetime.combine(first + timedelta(days=1), datetime.min.time(), OSLO).timestamp()
            for at in (midnight - 1, midnight):
                here.clock.now = at
                await posts(here, f"at {at}")
            return [(await counted(here, day)).received for day in (first, first + timedelta(days=1), first + timedelta(days=2))]

    assert asyncio.run(run()) == [1, 1, 0]


# it does not


async def _lose_parcel(here: Town, _: Journal) -> None:
    await posts(here, "a", "b")
    [line] = await here.lines()
    await here.hub.parcels.lines.table.delete_entity(line, "d~000000000001")


async def _lose_receipts(here: Town, _: Journal) -> None:
    await posts(here, "a", "b", "c")
    await here.hub.receipts.lines.table.delete_entity(here.line(), "d~000000000001")


async def _double_parcel(here: Town, _: Journal) -> None:
    """As an append that was made twice would leave it."""
    await posts(here, "a")
    [line] = await here.lines()
    row = await here.hub.parcels.lines.table.get_entity(line, "d~000000000000")
    await here.hub.parcels.lines.table.create_entity({**row, "RowKey": "d~000000000001"})


@pytest.mark.parametrize(
    ("deed", "named"),
    [
        (_lose_parcel, ["receipt {orgnr}.cloud.routine.1.0: parcel {line}.1000 is not in its line"]),
        (_lose_receipts, ["pack {orgnr}~cloud~routine.1 is not in its line", "parcel {line}.1000 is no receipt's"]),
        (_double_parcel, ["parcel {line}.1000 is no receipt's"]),
    ],
)
def test_what_does_not_add_up_is_named(storage: str, deed: Deed, named: list[str]) -> None:
    found = after(storage, deed)
    ids = {"orgnr": found.tenant, "line": f"{found.tenant}~journal~routine~00"}
    assert not found.sound
    assert found.findings == [words.format(**ids) for words in named]


def test_parcels_of_another_days_receipts_are_nobodys_fault(storage: str) -> None:
    """Yesterday's receipts, transformed today beside today's."""

    async def run() -> list[list[str]]:
        async with journalled(storage) as (here, _):
            first = day_of(here)
            for title in ("late 1", "late 2"):
                await here.post(note(title, title))
            here.clock.now += DAY
            await posts(here, "today")
            return [(await counted(here, day)).findings for day in (first, first + timedelta(days=1))]

    assert asyncio.run(run()) == [[], []]


def test_an_alarm_that_went_by_the_second_route_too_is_no_stray_parcel(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, replace(VKP, lane=lambda _items: Lane.ALARM))

    def down(_patient: str, _title: str) -> web.Response:
        return web.Response(status=503)

    async def run() -> tuple[list[str], dict[str, int]]:
        async with journalled(storage, down) as (here, _), listening(Journal()) as other:
            first = replace(here.tenant.endpoints[0], alarms=Alarms(second="other"))
            here.change(endpoints=(first, replace(first, name="other", url=f"{other.url}/journal", alarms=Alarms())))
            await here.post(note("fall"))
            for _ in range(8):
                await here.run(10)
                await sweep(here.hub, Lane.ALARM)
            await here.run(10)
            assert other.titles == ["fall"]
            here.change(routes=(*here.tenant.routes, Route("other", (), (), ())))
            await posts(here, "another")  # its parcel stands beside that one
            mine = await counted(here, day_of(here))
            return mine.findings, dict(mine.ends)

    assert asyncio.run(run()) == ([], {"waiting": 2})


async def _gone_by_second_route(here: Town, monkeypatch: pytest.MonkeyPatch, centre: Journal) -> None:
    """One alarm, which the journal does not answer and the centre does as it behaves."""
    use(monkeypatch, replace(VKP, lane=lambda _items: Lane.ALARM))
    first = replace(here.tenant.endpoints[0], alarms=Alarms(second="other"))
    here.change(endpoints=(first, replace(first, name="other", url=f"{centre.url}/journal", alarms=Alarms())))
    await here.post(note("fall"))
    for _ in range(8):
        await here.run(10)
        await sweep(here.hub, Lane.ALARM)
    await here.run(10)


def test_the_second_route_counts_with_its_receipt_and_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[tuple[bool, int, dict[str, int]]]:
        async with journalled(storage, answering(503)) as (here, journal), listening(Journal(behave=answering(422))) as other:
            await _gone_by_second_route(here, monkeypatch, other)
            waits = await counted(here, day_of(here))
            journal.behave = lambda _patient, _title: None
            await here.run(120)
            return [(one.sound, one.received, dict(one.ends)) for one in (waits, await counted(here, day_of(here)))]

    assert asyncio.run(run()) == [(True, 1, {"parked": 1}), (True, 1, {"parked": 1})], "the centre said no: a human must know"


def test_a_parcel_of_the_second_route_that_is_lost_is_named(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[str, list[str]]:
        async with journalled(storage, answering(503)) as (here, _), listening(Journal()) as other:
            await _gone_by_second_route(here, monkeypatch, other)
            await here.hub.parcels.lines.table.delete_entity(f"{here.tenant.orgnr}~other~alarm~00", "d~000000000000")
            return here.tenant.orgnr, (await counted(here, day_of(here))).findings

    orgnr, findings = asyncio.run(run())
    assert findings == [f"receipt {orgnr}.cloud.alarm.0.0: parcel {orgnr}~other~alarm~00.0 is not in its line"]


# night after night


async def nights(here: Town, count: int) -> None:
    for _ in range(count):
        here.clock.now += DAY
        await reconcile(here.hub)


def test_a_night_begins_where_the_last_one_ended(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[tuple[str, int, list[int]]]:
        async with journalled(storage) as (here, _):
            for number in range(3):
                await posts(here, f"{number}a", f"{number}b")
                await nights(here, 1)
            rows = await here.hub.days.all(f"{here.tenant.orgnr}~cloud")
            return [(row.name, row.data["received"], row.data["spans"]["routine"]) for row in rows]

    assert [(received, span) for _, received, span in asyncio.run(run())] == [(2, [0, 2]), (2, [2, 4]), (2, [4, 6])]


def test_a_day_with_something_waiting_is_counted_again_until_it_has_ended(storage: str) -> None:
    async def run() -> list[dict[str, int]]:
        async with journalled(storage, answering(503)) as (here, journal):
            await posts(here, "a")
            found = []
            for behave in (answering(503), lambda _patient, _title: None):
                journal.behave = behave
                await here.run(2 * 3600)
                await nights(here, 1)
                [first, *_] = await here.hub.days.all(f"{here.tenant.orgnr}~cloud")
                found.append(first.data["ends"])
            return found

    assert asyncio.run(run()) == [{"waiting": 1}, {"delivered": 1}]


def test_nights_that_were_missed_are_made_up_for(storage: str) -> None:
    async def run() -> list[int]:
        async with journalled(storage) as (here, _):
            await posts(here, "a")
            await nights(here, 1)
            await posts(here, "b")
            here.clock.now += 2 * DAY
            await nights(here, 1)
            return [row.data["received"] for row in await here.hub.days.all(f"{here.tenant.orgnr}~cloud")]

    assert asyncio.run(run()) == [1, 1, 0, 0]


def test_what_does_not_add_up_is_told_until_it_does(storage: str) -> None:
    async def run() -> list[tuple[str, str]]:
        async with journalled(storage) as (here, journal), hooked() as hook:
            here.change(recipients=(by_hook(hook),))
            await _lose_parcel(here, journal)
            await nights(here, 1)
            [line] = await here.lines()
            row = await here.hub.parcels.lines.table.get_entity(line, "d~000000000000")
            await here.hub.parcels.lines.table.create_entity({**row, "RowKey": "d~000000000001"})
            await nights(here, 1)
            return [(body["type"], body["data"]["facts"]["ids"]) for body in hook.bodies]

    (opened, ids), (over, _) = asyncio.run(run())
    assert (opened, over) == ("notice.opened", "notice.over") and "is not in its line" in ids


# the command


def told(storage: str, capsys: pytest.CaptureFixture[str], deed: Deed) -> tuple[int, str, str]:
    """The exit code, the municipality, and what was printed."""

    async def run() -> tuple[str, date]:
        async with journalled(storage) as (here, journal):
            await deed(here, journal)
            return here.tenant.orgnr, day_of(here)

    orgnr, day = asyncio.run(run())
    code = main(["--day", day.isoformat()], lambda: opened({"AzureWebJobsStorage": storage}))
    return code, orgnr, capsys.readouterr().out


def test_the_command_prints_a_table_and_ends_with_1_if_it_does_not_add_up(
    accounts: Iterator[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async def fine(here: Town, _: Journal) -> None:
        await posts(here, "a", "b", "a")

    storage = next(accounts)
    code, orgnr, out = told(storage, capsys, fine)
    assert code == 0
    assert out.splitlines()[1].split() == [orgnr, "cloud", "3", "2", "0", "0", "0", "1", "0", "0", "ja"]
    code, orgnr, out = told(storage, capsys, _lose_parcel)
    assert code == 1 and f"{orgnr} cloud: receipt {orgnr}.cloud.routine.1.0: parcel" in out


def test_the_command_says_that_no_hub_runs_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], lambda: opened({})) == 1
    assert "no hub runs here and no storage is named" in capsys.readouterr().err


def test_a_day_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--day", "yesterday"], lambda: opened({})) == 2
    capsys.readouterr()


def test_a_day_that_has_not_begun_is_refused_and_the_remedy_said(capsys: pytest.CaptureFixture[str]) -> None:
    tomorrow = datetime.now(OSLO).date() + timedelta(days=1)
    assert main(["--day", tomorrow.isoformat()], lambda: opened({})) == 2
    assert "that day has not begun; give today or an earlier one" in capsys.readouterr().err
