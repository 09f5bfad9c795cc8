"""202 means it will not be lost, and once in the journal: the host is killed with -9 at every named step and started again."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.azurite import ACCOUNT, KEY, start_azurite
from tests.faults.crashing_host import POINTS
from tests.faults.scenario import Result, run

ALARM = "forward: line taken, nothing sent"  # the step after which a queue message would stay hidden for ten minutes
AT_ONCE = 4  # runs side by side: they mostly wait for holds to run out


@pytest.fixture(scope="module")
def runs() -> Iterator[Mapping[str, "Future[Result]"]]:
    """Every point once, in accounts of their own on one Azurite; and one with the settings of production."""
    names = [*POINTS, "production"]
    accounts = {name: f"crash{number}" for number, name in enumerate(names)}
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_ONCE) as pool:
        patch.setenv("AZURITE_ACCOUNTS", ";".join(f"{account}:{KEY}" for account in accounts.values()))
        azurite = start_azurite()
        where = {name: azurite.replace(ACCOUNT, account) for name, account in accounts.items()}
        found = {"production": pool.submit(run, ALARM, 1, where["production"], rounds=1, settings={})}
        yield found | {point: pool.submit(run, point, 2, where[point]) for point in POINTS}


@pytest.mark.parametrize("point", POINTS)
def test_a_host_killed_at_this_step_loses_nothing_doubles_nothing_and_keeps_the_order(
    point: str, runs: Mapping[str, "Future[Result]"]
) -> None:
    result = runs[point].result()
    assert result == Result(point, crashed=True, first_after_crash=result.first_after_crash)


def test_an_alarm_is_on_its_way_again_within_a_minute_of_a_kill(runs: Mapping[str, "Future[Result]"]) -> None:
    result = runs["production"].result()
    assert result.crashed and not result.lost and not result.doubled
    assert result.first_after_crash < 60
