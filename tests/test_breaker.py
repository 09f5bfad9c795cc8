"""An endpoint that is down is so for every worker and instance, and up again for all at the first answer."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from shared.flow import breaker
from shared.flow.breaker import Pace
from shared.hub import Hub
from tests.test_forward import HOUR, answering, down_for, in_order, journalled, post_all
from tests.test_transform import SHOUTING, Town, another, note, use

OK, NO = True, False


@pytest.mark.parametrize(
    ("heard", "failing"),
    [
        ([], False),
        ([("a", NO)], False),
        ([("a", NO)] * 9, False),
        ([("a", NO), ("b", NO)], True),
        ([("a", OK), ("b", NO), ("c", NO)], True),
        ([("a", OK), ("b", OK), ("c", OK), ("a", NO), ("b", NO)], False),
        ([("a", NO), ("b", OK), ("c", NO), ("d", OK)], True),
        ([("c", OK), ("d", OK), ("e", OK), *[("a", NO), ("b", NO)] * 9], False),
        ([("a", OK)] * 50 + [("a", NO), ("b", NO), ("c", NO), ("d", NO), ("e", NO)], True),
    ],
)
def test_it_opens_when_as_many_patients_found_no_answer_as_calls_found_one(heard: list[tuple[str, bool]], failing: bool) -> None:
    known = Pace()
    for patient, answered in heard:
        known.heard.append((100.0, patient, True)) if answered else known.failed(patient, 100.0)
    assert known.failing(110.0) is failing
    assert not known.failing(161.0), "what is a minute old says nothing"


async def is_open(here: Town, hub: Hub) -> bool:
    [endpoint] = here.tenant.endpoints
    return (await hub.breakers.read(endpoint.tenant, endpoint.name)).open


def test_what_one_instance_found_out_costs_another_a_single_call(storage: str) -> None:
    async def run() -> tuple[int, bool, int]:
        async with journalled(storage, answering(503), lines=1) as (here, journal), another(here) as second:
            await post_all(here, 6, 6)
            await here.run()
            before, known = len(journal.calls), await is_open(here, second)
            here.clock.now += 7  # the line is due after five seconds
            await here.host.run(second, here.clock())
            return before, known, len(journal.calls) - before

    assert asyncio.run(run()) == (2, True, 1)


def test_the_first_answer_opens_the_way_for_all_lines_at_once(storage: str) -> None:
    """They would have come back within a minute each by themselves."""

    async def run() -> tuple[float, float]:
        async with journalled(storage, answering(503), lines=8) as (here, journal):
            await post_all(here, 40, 40)
            await here.run(HOUR)
            journal.behave = down_for()
            while not any(call.stored for call in journal.calls):
                await here.run(1)
            first = here.clock()
            await here.run(3)
            assert len(journal.titles) == 40
            return first, max(call.at for call in journal.calls if call.stored)

    first, last = asyncio.run(run())
    assert last - first <= 3


def test_an_alarm_that_comes_during_an_outage_is_tried_at_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is the one that finds out that the outage is over."""
    use(monkeypatch, SHOUTING)

    async def run() -> tuple[list[str], bool]:
        async with journalled(storage, answering(503), lines=2) as (here, journal):
            await post_all(here, 10, 10)
            await here.run(HOUR)
            journal.behave = down_for()
            await here.post(note("alarm", "someone"))
            await here.run(1)
            return journal.titles, await is_open(here, here.hub)

    titles, still = asyncio.run(run())
    assert "alarm" in titles and not still


def test_what_opened_and_closed_is_said_once_each(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with journalled(storage, answering(503), lines=4) as (here, journal), another(here) as second:
            await post_all(here, 20, 20)
            await here.run(600, second)
            journal.behave = down_for()
            await here.run(120, second)
            assert len(journal.titles) == 20

    with caplog.at_level("INFO", "knutepunkt"):
        asyncio.run(run())
    said = [record.getMessage() for record in caplog.records]
    assert [sum(word in line for line in said) for word in ('"endpoint down"', '"endpoint up again"')] == [1, 1]


def test_an_outage_that_the_worker_who_found_it_did_not_outlive_is_ended_by_whoever_delivers(storage: str) -> None:
    async def run() -> tuple[bool, bool]:
        async with journalled(storage, answering(503), lines=1) as (here, journal):
            async with another(here) as lost:
                await post_all(here, 4, 4)
                await here.host.run(lost, here.clock() + 20)
                was = await is_open(here, here.hub)
            journal.behave = down_for()
            await here.run(60)
            assert len(journal.titles) == 4
            return was, await is_open(here, here.hub)

    assert asyncio.run(run()) == (True, False)


def test_an_outage_costs_a_call_a_line_and_minute_however_many_instances_there_are(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with journalled(storage, answering(503), lines=4) as (here, journal), another(here) as second, another(here) as third:
            await post_all(here, 60, 60)
            await here.run(600, second, third)
            early = len(journal.calls)
            await here.run(HOUR, second, third)
            return early, len(journal.calls) - early

    early, later = asyncio.run(run())
    assert early < 60 and later <= 4 * 61


def test_two_instances_keep_the_order_through_an_outage(storage: str) -> None:
    async def run() -> tuple[int, bool, int]:
        flaky: dict[str, int] = {}

        def behave(patient: str, _title: str) -> web.StreamResponse | None:
            flaky[patient] = flaky.get(patient, 0) + 1
            return web.Response(status=503) if flaky[patient] % 3 else None

        async with journalled(storage, behave, lines=4) as (here, journal), another(here) as second:
            await post_all(here, 100, 9)
            await here.run(12 * HOUR, second)
            return len(journal.titles), in_order(journal.calls), len(here.host.poison)

    assert asyncio.run(run()) == (100, True, 0)


def test_a_lost_race_for_the_row_is_the_others_win(storage: str) -> None:
    async def run() -> list[bool]:
        async with journalled(storage) as (here, _), another(here) as second:
            [endpoint] = here.tenant.endpoints
            known = await here.hub.breakers.read(endpoint.tenant, endpoint.name)
            sets = [hub.breakers.set(endpoint.tenant, endpoint.name, known, open=True, now=1.0) for hub in (here.hub, second)]
            first = await asyncio.gather(*sets)
            stale = await here.hub.breakers.set(endpoint.tenant, endpoint.name, replace(known, etag='W/"1"'), open=False, now=2.0)
            return [*sorted(first), stale, await is_open(here, second)]

    assert asyncio.run(run()) == [False, True, False, True]


@pytest.mark.parametrize(("rate", "lines", "most"), [(2, 1, 2), (10, 2, 10), (1, 4, 1)])
def test_an_endpoint_hears_no_more_calls_a_second_than_it_asked_for(storage: str, rate: int, lines: int, most: int) -> None:
    async def run() -> tuple[list[float], int]:
        async with journalled(storage, lines=lines) as (here, journal):
            [endpoint] = here.tenant.endpoints
            here.change(endpoints=(replace(endpoint, rate=rate),))
            await post_all(here, 24, 24)
            await here.run(120)
            return [call.at for call in journal.calls], len(journal.titles)

    times, stored = asyncio.run(run())
    window = max(sum(at <= other < at + lines / rate for other in times) for at in times) if lines > rate else 0
    assert stored == 24
    assert max(sum(at <= other < at + 1 for other in times) for at in times) <= max(most, lines)
    assert window <= lines


def test_a_pace_is_kept_for_each_endpoint_of_each_municipality(storage: str) -> None:
    async def run() -> Any:
        async with journalled(storage) as (here, _):
            [endpoint] = here.tenant.endpoints
            same, other = breaker.pace(here.hub, endpoint), breaker.pace(here.hub, replace(endpoint, name="another"))
            return same is breaker.pace(here.hub, endpoint), same is other

    assert asyncio.run(run()) == (True, False)
