"""Alarms that do not arrive: by a second route after a minute, told to a human after five, and still in their own line."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import orjson
import pytest

from shared.access.register import Alarms, Auth
from shared.domain.message import Lane
from shared.flow import escalate as flow
from shared.flow.shelves import remind
from shared.flow.sweep import purge, sweep
from shared.flow.transform import transform
from shared.messages import story
from shared.messages.edits import Verb
from shared.messages.history import history
from shared.messages.message import Wanted
from shared.messages.search import Search
from tests.test_forward import DELIVERED, HOUR, Journal, answering, down_for, journalled, listening
from tests.test_messages import do
from tests.test_transform import SHOUTING, Town, another, note, raising, use

SECOND, TOLD = "alarms sent by the second route", "alarms not delivered in time"


@pytest.fixture
def storage(accounts: Iterator[str]) -> str:
    """Of the test's own: it sweeps all lines that there are, dozens of times."""
    return next(accounts)


@pytest.fixture(autouse=True)
def _shouting(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)


@asynccontextmanager
async def two_journals(storage: str, **alarms: Any) -> AsyncIterator[tuple[Town, Journal, Journal]]:
    """A journal that is down, and a response centre that is not, for what does not arrive there."""
    async with journalled(storage, answering(503), lines=2) as (here, journal), listening(Journal(clock=here.clock)) as centre:
        [first] = here.tenant.endpoints
        second = replace(first, name="centre", url=f"{centre.url}/journal")
        here.change(endpoints=(replace(first, alarms=Alarms(second="centre", **alarms)), second))
        yield here, journal, centre


async def live(here: Town, seconds: float, *others: Any) -> None:
    """With the sweep every ten seconds, as the timer has it."""
    for _ in range(int(seconds // 10)):
        await here.run(10, *others)
        await sweep(here.hub, Lane.ALARM)
    await here.run(0, *others)


def said(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    lines = (orjson.loads(record.getMessage()) for record in caplog.records if record.name == "knutepunkt")
    return [line for line in lines if line.get("alarm") == name]


def test_an_alarm_goes_by_the_second_route_after_a_minute_and_not_before(storage: str) -> None:
    async def run() -> tuple[list[str], list[str], float]:
        async with two_journals(storage) as (here, _, centre):
            sent = here.clock()
            await here.post(note("alarm"))
            await here.post(note("routine"))
            await live(here, 50)
            early = centre.titles
            await live(here, 30)
            return early, centre.titles, centre.calls[0].at - sent

    early, late, took = asyncio.run(run())
    assert (early, late) == ([], ["alarm"]) and 60 <= took <= 75


def test_it_still_reaches_its_journal_once_that_answers(storage: str) -> None:
    async def run() -> tuple[list[str], list[str], str]:
        async with two_journals(storage) as (here, journal, centre):
            receipt = await here.post(note("alarm"))
            await live(here, 200)
            journal.behave = down_for()
            await live(here, 90)  # the schedule's last step, and its fifth
            return journal.titles, centre.titles, (await here.told(receipt))["status"]

    assert asyncio.run(run()) == (["alarm"], ["alarm"], DELIVERED)


def test_each_alarm_goes_by_the_second_route_once_however_long_the_outage_and_however_many_instances(
    storage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> list[str]:
        async with two_journals(storage) as (here, _, centre), another(here) as second:
            for number in range(12):
                await here.post(note(f"alarm {number:02}", f"p{number % 4}"))
                await live(here, 20, second)
                await sweep(second, Lane.ALARM)
            await live(here, 120, second)
            return [call.title for call in centre.calls]

    calls = asyncio.run(run())
    assert sorted(calls) == [f"alarm {number:02}" for number in range(12)]
    assert sum(line["parcels"] for line in said(caplog, SECOND)) == 12


def test_a_sweep_that_is_lost_half_way_sends_nothing_twice(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[str]:
        async with two_journals(storage) as (here, _, centre):
            await here.post(note("alarm"))
            await here.run(70)

            async def lost(*_: Any) -> None:
                raise ConnectionResetError

            with monkeypatch.context() as patch:
                patch.setattr(here.hub.overdue, "write", lost)
                await sweep(here.hub, Lane.ALARM)
            await live(here, 60)
            return [call.title for call in centre.calls]

    assert asyncio.run(run()) == ["alarm"]


def test_what_has_a_route_of_its_own_to_the_second_endpoint_comes_there_under_the_same_key(storage: str) -> None:
    async def run() -> tuple[list[str], int]:
        async with two_journals(storage) as (here, _, centre):
            [route] = here.tenant.routes
            here.change(routes=(route, replace(route, endpoint="centre")))
            await here.post(note("alarm"))
            await live(here, 120)
            return centre.titles, len({call.key for call in centre.calls})

    assert asyncio.run(run()) == (["alarm"], 1)


def test_two_endpoints_that_are_each_others_second_route_do_not_send_an_alarm_to_and_fro(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with two_journals(storage) as (here, journal, centre):
            first, second = here.tenant.endpoints
            here.change(endpoints=(first, replace(second, alarms=Alarms(second="journal"))))
            centre.behave = answering(503)
            await here.post(note("alarm"))
            await live(here, 200)
            journal.behave = centre.behave = down_for()
            await live(here, 120)
            return len(journal.titles), len(centre.titles)

    assert asyncio.run(run()) == (1, 1)


def test_a_human_is_told_after_five_minutes_once_for_each(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with journalled(storage, answering(503), lines=1) as (here, _):
            await here.post(note("alarm a", "p0"))
            await live(here, 290)
            assert said(caplog, TOLD) == []
            await here.post(note("alarm b", "p1"))
            await live(here, 100)
            assert [line["parcels"] for line in said(caplog, TOLD)] == [1]
            await live(here, 200)

    asyncio.run(run())
    assert [line["parcels"] for line in said(caplog, TOLD)] == [1, 1]


def test_both_times_are_the_registers(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> float:
        async with two_journals(storage, second_after=10, page_after=30) as (here, _, centre):
            sent = here.clock()
            await here.post(note("alarm"))
            await live(here, 40)
            return centre.calls[0].at - sent

    assert asyncio.run(run()) <= 25
    assert len(said(caplog, TOLD)) == 1


def test_an_endpoint_that_was_stopped_does_not_keep_an_alarm_from_the_second_route(storage: str) -> None:
    async def run() -> tuple[int, list[str]]:
        async with two_journals(storage) as (here, journal, centre):
            first, second = here.tenant.endpoints
            here.change(endpoints=(replace(first, active=False), second))
            await here.post(note("alarm"))
            await live(here, 90)
            return len(journal.calls), centre.titles

    assert asyncio.run(run()) == (0, ["alarm"])


def test_routine_parcels_take_no_second_route_and_a_sweep_rings_though_this_fails(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError

    async def run() -> tuple[list[str], set[str]]:
        async with two_journals(storage) as (here, _, centre):
            await here.post(note("routine"))
            await here.post(note("alarm"))
            await here.run(100)
            here.host.messages.clear()
            with monkeypatch.context() as patch:
                patch.setattr(flow, "_sent_by_second", broken)
                here.clock.now += 20
                await sweep(here.hub, Lane.ALARM)
            own = {line.split("~", 1)[1] for message in here.host.messages for line in message[-1] if line.startswith(here.tenant.orgnr)}
            return centre.titles, own

    titles, rung = asyncio.run(run())
    assert titles == [] and len(rung) == 1 and "journal~alarm~" in rung.pop()


def test_an_alarm_that_gets_no_answer_holds_back_the_patients_later_alarms_for_two_minutes_only(storage: str) -> None:
    """A record that is locked must not hide the next fall."""

    async def run() -> tuple[list[str], list[str], list[str]]:
        locked: Any = lambda _patient, title: answering(503)("", "") if title == "alarm 1" else None  # noqa: E731
        async with journalled(storage, locked, lines=1) as (here, journal):
            for title, patient in (("alarm 1", "p0"), ("alarm 2", "p0"), ("alarm x", "p1")):
                await here.post(note(title, patient))
            await here.run(30)
            early = journal.titles
            await here.run(170)
            later, journal.behave = journal.titles, down_for()
            await here.run(120)
            return early, later, journal.titles

    early, later, at_last = asyncio.run(run())
    assert (early, later) == (["alarm x"], ["alarm x", "alarm 2"])
    assert at_last == ["alarm x", "alarm 2", "alarm 1"]


def test_an_outage_changes_nothing_about_the_order_of_a_patients_alarms(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage, answering(503), lines=2) as (here, journal):
            for number in range(12):
                await here.post(note(f"alarm {number:02}", f"p{number % 3}"))
            await here.run(3000)
            journal.behave = down_for()
            await here.run(120)
            return journal.titles

    titles = asyncio.run(run())
    assert len(titles) == 12
    assert all(own == sorted(own) for patient in range(3) for own in [[one for one in titles if int(one[-2:]) % 3 == patient]])


def test_one_sweep_sees_to_all_that_is_overdue(storage: str) -> None:
    """More than a page of packs: an outage that has lasted."""

    async def run() -> int:
        async with two_journals(storage) as (here, _, centre):
            for number in range(30):
                await here.post(note(f"alarm {number:02}", "p0"))
                await here.run()  # a pack each
            await here.run(70)
            await sweep(here.hub, Lane.ALARM)
            await here.run(5)
            return len(centre.titles)

    assert asyncio.run(run()) == 30


def test_alarms_of_a_line_that_was_replaced_go_by_the_second_route_before_the_same_patients_later_ones(
    storage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> list[str]:
        async with two_journals(storage) as (here, _, centre):
            for number in range(30):
                await here.post(note(f"alarm {number:02}", "p0"))
                await here.run()  # a pack each: more than one page
            first, second = here.tenant.endpoints
            here.change(endpoints=(replace(first, lines=3), second))
            await here.post(note("alarm 30", "p0"))
            await here.run(70)
            await sweep(here.hub, Lane.ALARM)
            await here.run(5)
            return centre.titles

    assert asyncio.run(run()) == [f"alarm {number:02}" for number in range(31)]
    assert sum(line["parcels"] for line in said(caplog, SECOND)) == 31


def test_a_sweep_reads_each_line_that_was_replaced_once_however_many_came_after_it(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[str]:
        async with two_journals(storage) as (here, _, _):
            for lines in (8, 7):
                [first, second] = here.tenant.endpoints
                here.change(endpoints=(replace(first, lines=lines), second))
                for number in range(30):
                    await here.post(note(f"alarm {lines} {number}", f"p{number}"))
                await here.run()
            here.clock.now += 70
            await sweep(here.hub, Lane.ALARM)
            asked, read = list[str](), here.hub.overdue.read

            async def counted(line: str) -> Any:
                asked.append(line)
                return await read(line)

            monkeypatch.setattr(here.hub.overdue, "read", counted)
            await sweep(here.hub, Lane.ALARM)
            return [line for line in asked if line.startswith(f"{here.tenant.orgnr}~journal")]

    asked = asyncio.run(run())
    assert len(asked) == len(set(asked)) > 7
    assert [line.count(".") for line in asked] == sorted(line.count(".") for line in asked), "the oldest first"


def test_an_alarm_that_the_journal_refuses_goes_by_the_second_route_at_once(storage: str) -> None:
    async def run() -> tuple[list[str], str]:
        async with two_journals(storage) as (here, journal, centre):
            journal.behave = answering(404)
            receipt = await here.post(note("alarm"))
            await here.post(note("routine"))
            await here.run(5)
            return centre.titles, (await here.told(receipt))["status"]

    assert asyncio.run(run()) == (["alarm"], "parked")


def routes(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Of each parcel: the endpoint, what became of it, and which parcel it is the second route of."""
    return [(parcel["endpoint"], parcel["status"], parcel.get("second_route_of", "")) for parcel in told["parcels"]]


@pytest.mark.parametrize(("behave", "first"), [(answering(503), "waiting"), (answering(404), "parked")], ids=["in vain", "refused"])
def test_its_sender_and_the_operator_see_the_second_route_and_what_became_of_it_there(storage: str, behave: Any, first: str) -> None:
    async def run() -> tuple[dict[str, Any], str]:
        async with two_journals(storage) as (here, journal, _):
            journal.behave = behave
            receipt = await here.post(note("alarm"))
            await live(here, 80)
            found = await history(here.hub, receipt)
            assert found
            return await here.told(receipt), story.told(found)

    told, shown = asyncio.run(run())
    own = told["parcels"][0]["parcel"]
    assert routes(told) == [("journal", first, ""), ("centre", DELIVERED, own)]
    assert "gikk også annen vei, til centre" in shown and f"endepunkt centre, levert, annen vei for {own}" in shown


def test_a_second_route_that_says_no_too_is_seen_and_found(storage: str) -> None:
    async def run() -> tuple[dict[str, Any], list[str]]:
        async with two_journals(storage) as (here, journal, centre):
            centre.behave = answering(422)
            receipt = await here.post(note("alarm"))
            await live(here, 80)
            journal.behave = down_for()
            await live(here, 90)
            found = [each.receipt async for each in Search(here.hub).find(Wanted(here.tenant.orgnr, endpoint="centre", state="parked"))]
            assert found == [receipt]
            return await here.told(receipt), found

    told, _ = asyncio.run(run())
    assert [(endpoint, end) for endpoint, end, _ in routes(told)] == [("journal", DELIVERED), ("centre", "parked")]
    assert told["status"] == "parked" and told["counts"]["parked"] == 1


def test_one_that_nobody_fetches_and_the_second_route_refuses_is_found_by_that_endpoint(storage: str) -> None:
    async def run() -> tuple[str, list[str], str]:
        async with two_journals(storage) as (here, _, centre):
            first, second = here.tenant.endpoints
            here.change(endpoints=(replace(first, adapter="pull", url="", auth=Auth("token", "", "Eksempel_EPJ", ())), second))
            centre.behave = answering(422)
            receipt = await here.post(note("alarm"))
            await here.run()
            here.clock.now += 61
            await remind(here.hub)
            await here.run()
            search = Search(here.hub)
            found = [each async for each in search.find(Wanted(here.tenant.orgnr, endpoint="centre", state="parked"))]
            [sent] = [sent for each in found for sent in each.parcels if sent.endpoint == "centre"]
            whole = await search.of_parcel(sent.line, sent.at)
            return receipt, [each.receipt for each in found], whole.receipt if whole else ""

    receipt, found, by_parcel = asyncio.run(run())
    assert (found, by_parcel) == ([receipt], receipt)


def test_a_sweep_that_is_lost_before_it_wrote_where_they_stand_writes_it_the_next_time(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[tuple[str, str, str]]:
        async with two_journals(storage) as (here, _, _):
            receipt = await here.post(note("alarm"))
            await here.run(70)
            monkeypatch.setattr(here.hub.overdue, "went", raising(1, ConnectionResetError)(here.hub.overdue.went))
            await sweep(here.hub, Lane.ALARM)
            assert [endpoint for endpoint, _, _ in routes(await here.told(receipt))] == ["journal"]
            await live(here, 20)
            return routes(await here.told(receipt))

    assert [endpoint for endpoint, _, _ in asyncio.run(run())] == ["journal", "centre"]


def test_an_alarm_that_is_refused_after_it_went_by_the_second_route_does_not_go_there_again(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[str]:
        async with two_journals(storage) as (here, journal, centre):
            for number in range(3):
                await here.post(note(f"alarm {number}", f"p{number}"))
            await live(here, 100)
            journal.behave = answering(422)
            lines = here.hub.parcels.lines
            monkeypatch.setattr(lines, "commit", raising(1, ConnectionResetError)(lines.commit))  # and the turn runs again
            await live(here, 120)
            return [call.title for call in centre.calls]

    assert sorted(asyncio.run(run())) == ["alarm 0", "alarm 1", "alarm 2"]


@pytest.mark.parametrize("lost", [False, True], ids=["at once", "after a worker was lost"])
def test_alarms_that_are_refused_in_another_order_than_they_came_go_by_the_second_route_once(
    storage: str, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """The later one, never tried, has its turn first; the one before it went by the second route already, or is refused with it."""

    async def run() -> list[str]:
        async with two_journals(storage) as (here, journal, centre):
            here.change(endpoints=tuple(replace(one, lines=1) for one in here.tenant.endpoints))
            await here.post(note("alarm a", "p1"))
            await (here.run(2) if lost else live(here, 80))
            [place] = (await here.hub.parcels.lines.waiting(f"{here.tenant.orgnr}~journal~alarm~00", 0))[0]
            here.clock.now = (place.states[0] or {})["not_before"] + 1.0
            journal.behave = answering(422)
            await here.post(note("alarm b", "p2"))
            lines = here.hub.parcels.lines
            if lost:
                monkeypatch.setattr(lines, "commit", raising(1, ConnectionResetError)(lines.commit))
            await transform(here.hub, [here.line(Lane.ALARM)])
            await live(here, 60)
            return [call.title for call in centre.calls]

    assert sorted(asyncio.run(run())) == ["alarm a", "alarm b"]


def test_an_alarm_that_is_refused_days_after_it_went_by_the_second_route_does_not_go_there_again(storage: str) -> None:
    """What stands in the second endpoint's line has no body left by which it could be known."""

    async def run() -> tuple[list[str], int]:
        async with two_journals(storage) as (here, journal, centre):
            await here.post(note("alarm"))
            await live(here, 80)
            here.clock.now += 80 * HOUR
            purged = await purge(here.hub, Lane.ALARM)
            journal.behave = answering(422)
            await live(here, 200)
            return [call.title for call in centre.calls], purged

    assert asyncio.run(run()) == (["alarm"], 1)


def test_a_sweep_and_a_worker_that_come_at_once_send_an_alarm_by_the_second_route_once(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[str]:
        async with two_journals(storage) as (here, _, centre):
            here.change(endpoints=tuple(replace(one, lines=1) for one in here.tenant.endpoints))
            await here.post(note("alarm"))
            await here.run(70)
            [journal, _] = here.tenant.endpoints
            line = f"{here.tenant.orgnr}~journal~alarm~00"
            look, both, append = await here.hub.parcels.lines.look(line), asyncio.Barrier(2), here.hub.parcels.appender.append

            async def together(*args: Any) -> Any:
                with suppress(TimeoutError, asyncio.BrokenBarrierError):
                    await asyncio.wait_for(both.wait(), 0.5)
                return await append(*args)

            monkeypatch.setattr(here.hub.parcels.appender, "append", together)
            await asyncio.gather(flow.escalate(here.hub, line, look), flow.refused(here.hub, line, journal, [(look.packs[0], 0)]))
            await here.run(5)
            return [call.title for call in centre.calls]

    assert asyncio.run(run()) == ["alarm"]


def test_an_old_alarm_that_is_sent_again_by_hand_has_a_minute_of_its_own(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> tuple[list[str], list[str]]:
        async with two_journals(storage) as (here, journal, centre):
            journal.behave = down_for()
            old = await here.post(note("alarm old"))
            await here.run(10 * HOUR)
            journal.behave = answering(503)
            assert await do(here, Verb.RESEND, old) == 1
            await live(here, 40)
            early = centre.titles
            await live(here, 40)
            return early, centre.titles

    assert asyncio.run(run()) == ([], ["alarm old"])
    assert said(caplog, TOLD) == []


def test_alarms_that_are_sent_again_by_hand_hold_up_none_that_is_overdue_behind_them(storage: str) -> None:
    """More than a page of packs."""

    async def run() -> tuple[list[str], list[str]]:
        async with two_journals(storage) as (here, journal, centre):
            here.change(endpoints=tuple(replace(one, lines=1) for one in here.tenant.endpoints))
            journal.behave = down_for()
            old = []
            for number in range(26):
                old.append(await here.post(note(f"alarm old {number:02}", "p1")))
                await here.run()
            await here.run(10 * HOUR)
            journal.behave = answering(503)
            await here.post(note("alarm new", "p2"))
            await live(here, 50)
            assert sum([await do(here, Verb.RESEND, one) for one in old]) == 26
            early = centre.titles
            await live(here, 30)
            return early, centre.titles

    early, late = asyncio.run(run())
    assert early == [] and late.count("alarm new") == 1 and len(late) == 27
