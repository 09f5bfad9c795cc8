"""Bad days that once led to a second copy, a skipped alarm or a line that stood still: each found by somebody who looked for it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from azure.core.exceptions import HttpResponseError

from shared.access.register import Alarms
from shared.domain.message import Lane
from shared.door import adapters
from shared.flow.forward import forward
from shared.flow.schedule import DAY
from shared.flow.sweep import sweep
from shared.flow.transform import transform
from shared.storage.append import Addition
from tests.test_asking import ASKABLE, forgetful
from tests.test_breaker import is_open
from tests.test_escalate import two_journals
from tests.test_forward import HOUR, answering, down_for, journalled, post_all
from tests.test_shapes import of_lines, shape
from tests.test_transform import SHOUTING, Town, another, note, raising, use

BUSY = lambda: HttpResponseError("storage is busy")  # noqa: E731 -- an exception's maker


@pytest.fixture
def _askable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal keeps no keys, but can be asked what it has: whatever comes twice stands twice."""
    monkeypatch.setattr(adapters, "journal", lambda _: ASKABLE)


async def _lost(*_: Any, **__: Any) -> None:
    raise ConnectionResetError


async def lose_the_worker(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it has sent all that waits, before it has written a word; its hold runs out."""
    with monkeypatch.context() as patch:
        patch.setattr(here.hub.parcels.lines, "commit", _lost)
        patch.setattr(here.hub.parcels.lines, "let_go", _lost)
        await transform(here.hub, [here.line()])
        with pytest.raises(ConnectionResetError):
            await forward(here.hub, await here.lines())
    here.clock.now += 30


def only(title: str, status: int) -> Callable[[str, str], web.StreamResponse | Awaitable[web.StreamResponse] | None]:
    return lambda _patient, one: web.Response(status=status) if one == title else None


# copies


@pytest.mark.usefixtures("_askable")
def test_a_commit_that_storage_refused_once_makes_no_copies(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[int, int]:
        async with forgetful(storage) as (here, journal):
            await post_all(here, 5, 5)
            lines = here.hub.parcels.lines
            monkeypatch.setattr(lines, "commit", raising(1, BUSY)(lines.commit))
            await here.run(120)
            return len(journal.stored), len(set(journal.stored))

    assert asyncio.run(run()) == (5, 5)


@pytest.mark.usefixtures("_askable")
def test_a_breaker_that_could_not_be_read_in_mid_turn_makes_no_copies(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[int]:
        async with forgetful(storage, after={5: "429"}) as (here, journal):
            await post_all(here, 5, 5)
            breakers = here.hub.breakers
            monkeypatch.setattr(breakers, "read", raising(1, BUSY)(breakers.read))
            await here.run(120)
            return [journal.stored.count(one) for one in journal.stored[:4]]

    assert asyncio.run(run()) == [1, 1, 1, 1]


@pytest.mark.usefixtures("_askable")
def test_a_host_that_stops_in_mid_call_makes_no_copy(storage: str) -> None:
    async def run() -> int:
        async with forgetful(storage, after={1: "late"}) as (here, journal):
            here.hub.settings = replace(here.hub.settings, call_timeout=3.0)
            await here.post(note("a"))
            await transform(here.hub, [here.line()])
            task = asyncio.create_task(forward(here.hub, await here.lines()))
            while not journal.stored:  # noqa: ASYNC110 -- another server's doing
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            journal.after = {}
            here.clock.now += 30
            await forward(here.hub, await here.lines())
            await here.run(60)
            return len(journal.stored)

    assert asyncio.run(run()) == 1


@pytest.mark.usefixtures("_askable")
def test_a_crash_among_parcels_that_go_out_of_their_order_makes_no_copies(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried before goes last: carefulness that ends at the highest position would end too soon."""

    async def run() -> tuple[int, int]:
        async with forgetful(storage, after={1: "429"}) as (here, journal):
            await here.post(note("a", "p0"))
            await here.run()
            journal.stored.clear()  # it did not take it
            journal.after = {}
            await here.post(note("b", "p1"))
            here.clock.now += 7  # a is due
            await lose_the_worker(here, monkeypatch)
            await here.run(600)
            return len(journal.stored), len(set(journal.stored))

    assert asyncio.run(run()) == (2, 2)


@pytest.mark.usefixtures("_askable")
def test_a_parcel_behind_one_whose_question_found_no_answer_is_asked_about_too(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[int, int]:
        async with forgetful(storage) as (here, journal):
            for title, patient in (("a", "p0"), ("b", "p0"), ("c", "p1")):
                await here.post(note(title, patient))
            await lose_the_worker(here, monkeypatch)
            journal.deaf = True
            await here.run(60)
            journal.deaf = False
            await here.run(HOUR)
            return len(journal.stored), len(set(journal.stored))

    assert asyncio.run(run()) == (3, 3)


@pytest.mark.usefixtures("_askable")
def test_what_another_instance_put_in_a_line_before_it_was_replaced_is_known(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[int, int, int]:
        async with forgetful(storage) as (here, journal), another(here) as second:
            await here.post(note("a", "p0"))
            await transform(here.hub, [here.line()])  # this instance has the end of the line at hand
            await here.post(note("b", "p0"))
            with monkeypatch.context() as patch:
                patch.setattr(second.receipts.lines, "commit", _lost)
                with pytest.raises(ConnectionResetError):
                    await transform(second, [here.line()])
            of_lines(here, 4)
            await second.shapes.change(await shape(second, here), here.tenant.endpoints[0], here.clock())
            here.clock.now += 30
            await transform(here.hub, [here.line()])
            stands = len(await here.parcels())
            await here.host.put("parcels", await here.lines())
            await here.run(120)
            return stands, len(journal.stored), len(set(journal.stored))

    assert asyncio.run(run()) == (2, 2, 2)


@pytest.mark.usefixtures("_askable")
def test_an_alarm_that_comes_by_its_own_route_and_by_the_second_stands_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> list[str]:
        async with forgetful(storage) as (here, centre):
            [endpoint], [route] = here.tenant.endpoints, here.tenant.routes
            down = replace(endpoint, url="http://127.0.0.1:9/journal", alarms=Alarms(second="centre"))
            here.change(endpoints=(down, replace(endpoint, name="centre")), routes=(route, replace(route, endpoint="centre")))
            await here.post(note("alarm", "p"))
            for _ in range(10):
                await here.run(10)
                await sweep(here.hub, Lane.ALARM)
            await here.run(10)
            return centre.stored

    assert len(asyncio.run(run())) == 1


@pytest.mark.parametrize("lane", ["alarm", "routine"])
def test_a_retry_that_was_due_for_long_is_sent_once_in_its_turn(storage: str, monkeypatch: pytest.MonkeyPatch, lane: str) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> int:
        async with journalled(storage, answering(503)) as (here, journal):
            await here.post(note(f"{lane} late", "p"))
            await here.run()
            here.host.messages.clear()
            here.clock.now += 90
            journal.behave = down_for()
            await here.host.put("parcels", await here.lines())
            await here.run()
            return len(journal.calls)

    assert asyncio.run(run()) == 2


# order


def test_a_correction_of_a_stuck_alarm_waits_for_it(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> list[str]:
        async with journalled(storage, only("alarm wrong", 503)) as (here, journal):
            await here.post(note("alarm wrong", "p0", name="n1"))
            await here.run(300)
            await here.post(note("alarm right", "p0", name="n1"))
            await here.run(300)
            journal.behave = down_for()
            await here.run(300)
            return journal.titles

    assert asyncio.run(run()) == ["alarm wrong", "alarm right"]


# what stood still


async def many_packs(here: Town, count: int) -> None:
    """Of the patients that wait, in turn, a pack each at the end of their line."""
    [line], found = await here.lines(), await here.parcels()
    for number in range(count):
        entry, body = found[number % len(found)]
        await here.hub.parcels.appender.append(line, Addition([{**entry, "id": f"{number:040x}"}], [body], here.clock()))


def test_hundreds_of_packs_of_a_patient_who_is_blocked_hide_nobody(storage: str) -> None:
    async def run() -> int:
        async with journalled(storage, down_for("p0")) as (here, journal):
            await here.post(note("first", "p0"))
            await here.run()
            await many_packs(here, 520)
            await here.post(note("other", "p1"))
            await here.run(HOUR)
            return len(journal.told("other"))

    assert asyncio.run(run()) == 1


def test_a_line_whose_reading_takes_all_the_time_sends_what_it_has_found(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> int:
        async with journalled(storage, answering(503)) as (here, journal):
            here.hub.settings = replace(here.hub.settings, call_timeout=10.0)  # as in production
            await post_all(here, 10, 10)
            await here.run(HOUR)
            await many_packs(here, 510)
            read = here.hub.parcels.lines.waiting

            async def slow(*args: Any) -> Any:
                here.clock.now += 0.5
                return await read(*args)

            monkeypatch.setattr(here.hub.parcels.lines, "waiting", slow)
            journal.behave = down_for()
            for _ in range(6):
                await here.host.put("parcels", await here.lines())
                await here.run(30)
            return len(journal.titles)

    assert asyncio.run(run()) > 10


def test_a_stuck_alarm_in_a_line_that_was_replaced_holds_nobody_back(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> list[str]:
        async with journalled(storage, only("alarm bad", 503)) as (here, journal):
            await here.post(note("alarm bad", "p0"))
            await here.run(300)
            await here.post(note("alarm 1", "p0"))
            await here.run(10)
            of_lines(here, 4)
            await here.post(note("alarm 2", "p0"))
            await here.run(600)
            return journal.titles

    assert asyncio.run(run()) == ["alarm 1", "alarm 2"]


def test_a_retry_that_is_due_does_not_wait_for_ever_behind_those_who_are_new(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> float:
        async with journalled(storage) as (here, journal):
            [endpoint] = here.tenant.endpoints
            here.change(endpoints=(replace(endpoint, rate=1),))
            once = only("alarm first", 429)
            journal.behave = lambda patient, title: None if journal.told("alarm first") else once(patient, title)
            await here.post(note("alarm first", "p"))
            for number in range(90):  # one a second, which is all that the journal takes
                await here.post(note(f"alarm {number}", f"q{number}"))
                await here.run(1)
            first, second, *_ = journal.told("alarm first")
            return second - first

    assert asyncio.run(run()) < 20


def test_an_alarm_whose_instance_has_a_clock_that_is_ahead_is_not_skipped(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> list[str]:
        async with two_journals(storage) as (here, _, centre), another(here) as ahead:
            ahead.clock = lambda: here.clock() + 5
            for title, hub in (("alarm a", here.hub), ("alarm b", ahead), ("alarm c", here.hub)):
                await here.post(note(title, "p0"))
                await transform(hub, [here.line(Lane.ALARM)])
                await here.run()
            for seconds in (63, 60):
                await here.run(seconds)
                await sweep(here.hub, Lane.ALARM)
            await here.run(30)
            return sorted(centre.titles)

    assert asyncio.run(run()) == ["alarm a", "alarm b", "alarm c"]


async def day_with_two_that_are_never_answered(storage: str, hours: int, lines: int) -> tuple[dict[str, float], int]:
    """How long each alarm waited, and how often the two were tried: one of twenty other patients' every five minutes, and one more of each
    of those two every half hour."""
    bad: Callable[[str, str], web.StreamResponse | None] = lambda _, title: web.Response(status=503) if "bad" in title else None  # noqa: E731
    async with journalled(storage, bad, lines=lines) as (here, journal):
        here.hub.settings = replace(here.hub.settings, call_timeout=5.0)  # a machine with much to do is no outage
        posted: dict[str, float] = {}
        for number in range(hours * 12):
            due = {f"alarm other {number}": f"q{number % 20}"} | (
                {f"alarm later {number} {own}": f"p{own}" for own in range(2)} if number % 6 == 4 else {}
            )
            for title, patient in (due if number else {f"alarm bad {own}": f"p{own}" for own in range(2)}).items():
                posted[title] = here.clock()
                await here.post(note(title, patient))
            await here.run(300)
        stored = {call.title: call.at for call in journal.calls if call.stored}
        assert len(journal.titles) == len(stored) == len(posted) - 2
        tried = sum("bad" in call.title for call in journal.calls)
        return {title: stored[title] - at for title, at in posted.items() if "bad" not in title}, tried


@pytest.mark.parametrize("lines", [1, 4])
def test_two_alarms_that_are_never_answered_hold_up_no_other_patient_and_no_later_alarm(
    storage: str, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    use(monkeypatch, SHOUTING)
    waits, tried = asyncio.run(day_with_two_that_are_never_answered(storage, 2, lines))
    assert max(wait for title, wait in waits.items() if "other" in title) <= 16, "a line whose endpoint is taken to be down"
    assert max(list(waits.values())[6:]) <= 2, "by then it is known whose fault it is"
    assert tried <= 500, "each once a minute, but for the first quarter of an hour"


def test_an_alarm_behind_one_that_is_stuck_is_tried_though_the_endpoint_is_taken_to_be_down(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, SHOUTING)

    def later(_: str, title: str) -> web.StreamResponse | None:
        return None if title == "alarm later" else web.Response(status=503)

    async def run() -> list[str]:
        async with journalled(storage, later) as (here, journal):
            await here.post(note("alarm bad", "p0"))
            await here.run(300)
            for number in range(1, 4):
                await here.post(note(f"alarm {number}", f"p{number}"))
            await here.run(60)
            assert await is_open(here, here.hub)
            await here.post(note("alarm later", "p0"))
            await here.run(20)
            return journal.titles

    assert asyncio.run(run()) == ["alarm later"]


def test_a_breaker_that_a_lost_worker_opened_closes_at_the_first_answer(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[int, bool]:
        async with journalled(storage, answering(503)) as (here, journal):
            await post_all(here, 4, 4)
            async with another(here) as lost:
                with monkeypatch.context() as patch:
                    patch.setattr(lost.parcels.lines, "commit", _lost)
                    patch.setattr(lost.parcels.lines, "let_go", _lost)
                    await here.host.run(lost, here.clock())
            here.host.messages.clear()
            assert await is_open(here, here.hub)
            journal.behave = down_for()
            here.clock.now += 30
            await here.host.put("parcels", await here.lines())
            await here.run(60)
            return len(journal.titles), await is_open(here, here.hub)

    assert asyncio.run(run()) == (4, False)


def test_a_clock_that_is_set_back_in_mid_turn_lets_no_turn_outlast_its_hold(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the hub's clock the turn would have an hour; another worker, whose clock is right, would come at the line meanwhile."""
    taken, calls = [0.0], list[float]()

    async def run() -> int:
        async with journalled(storage) as (here, journal):
            here.hub.settings = replace(here.hub.settings, hold_seconds=3.0)  # 1.6 s for calls to begin in
            take = here.hub.parcels.lines.take

            async def noted(*args: Any) -> Any:
                taken[0] = time.monotonic()
                return await take(*args)

            async def slow(set_back: float) -> Any:
                here.clock.now -= set_back
                calls.append(time.monotonic() - taken[0])
                await asyncio.sleep(0.2)

            journal.behave = lambda _patient, _title: slow(0.0 if calls else 3600.0)
            monkeypatch.setattr(here.hub.parcels.lines, "take", noted)
            await post_all(here, 24, 24)
            await here.run(7200)
            return len(journal.titles)

    assert asyncio.run(run()) == 24
    assert max(calls) < 3.0, "all 24 take five seconds"


# what was counted wrongly


@pytest.mark.parametrize(("rate", "one_by_one"), [(5, True), (40, False)])
def test_a_rate_holds_for_each_second_however_its_calls_are_spread_over_turns(storage: str, rate: int, one_by_one: bool) -> None:
    async def run() -> int:
        async with journalled(storage) as (here, journal):
            [endpoint] = here.tenant.endpoints
            here.change(endpoints=(replace(endpoint, rate=rate),))
            for number in range(60):
                await here.post(note(f"n{number}", f"p{number}"))
                await (here.run() if one_by_one else transform(here.hub, [here.line()]))
            await here.run(600)
            assert len(journal.titles) == 60
            return max(Counter(int(call.at) for call in journal.calls).values())

    assert asyncio.run(run()) <= rate


def test_days_for_which_an_endpoint_was_stopped_are_no_attempts(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage) as (here, journal):
            [endpoint] = here.tenant.endpoints
            here.change(endpoints=(replace(endpoint, active=False),))
            for title in ("a", "b"):
                await here.post(note(title, "p"))
            await here.run()
            here.host.messages.clear()
            here.clock.now += 8 * DAY
            journal.behave = lambda _patient, _title: None if journal.calls else web.Response(status=429)
            here.change(endpoints=(endpoint,))
            await here.host.put("parcels", await here.lines())
            await here.run(HOUR)
            return journal.titles

    assert asyncio.run(run()) == ["a", "b"]
