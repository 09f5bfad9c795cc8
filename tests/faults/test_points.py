"""The steps at which `./hub faults` crashes are steps that there are."""

import asyncio
import inspect

import pytest

from local.faults.crash import chained
from local.faults.points import AFTER, BEFORE, POINTS, UNREAD, Point, lay, owner_of


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_a_step_is_an_asynchronous_function_of_the_product(point: Point) -> None:
    owner, name = owner_of(point.step)
    assert inspect.iscoroutinefunction(getattr(owner, name)) and point.side in (BEFORE, AFTER, UNREAD)


def test_there_are_steps_of_both_halves_and_both_lanes() -> None:
    parts = {"receive", "transform", "forward", "sweep", "purge", "lines", "shelf", "follow", "escalate", "act", "remind", "acknowledge"}
    assert {name.partition(":")[0] for name in POINTS} >= parts
    assert all(any(lane in point.where for point in POINTS.values()) for lane in ("alarm", "routine"))


def test_a_run_of_many_crashes_has_each_step_once() -> None:
    chains = chained()
    assert sorted(name for chain in chains for name in chain) == sorted(POINTS)
    assert all(len({POINTS[name].needs for name in chain} - {"", "age"}) <= 1 for chain in chains)


class Product:
    """A step that notes that it ran."""

    ran: list[str]

    async def step(self, line: str) -> None:
        Product.ran.append(line)


@pytest.mark.parametrize(("side", "ran"), [(BEFORE, ["a~routine", "b~alarm"]), (AFTER, ["a~routine", "b~alarm", "c~alarm"])])
def test_a_wire_is_tripped_at_its_call_and_on_its_side(side: str, ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call that is about an alarm."""
    Product.ran = []
    monkeypatch.setattr(Product, "step", Product.step)  # restored afterwards
    lay(Point(f"{__name__}:Product.step", side, "alarm"), 2, _die)

    async def work() -> None:
        for line in ("a~routine", "b~alarm", "c~alarm", "d~alarm"):
            await Product().step(line)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(work())
    assert Product.ran == ran


def _die() -> None:
    raise KeyboardInterrupt
