"""Large documents are read aside: only so many at once, and whoever comes then is told when to come again."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.door.answers import Fault
from shared.door.study import EACH, LARGE, MOST, aside, study
from shared.flow.receive import Payload, receive
from shared.hub import Hub
from tests.test_transform import HEADERS, note, town


async def crowd(hub: Hub) -> int:
    """So many large documents that no more are taken; the status of the next, and how it goes once they are through."""
    gate = threading.Event()
    waiting = [asyncio.create_task(study(hub, f"town {each % 2}", LARGE + 1, gate.wait, 20)) for each in range(MOST)]
    await asyncio.sleep(0)
    assert await study(hub, "town 0", LARGE, str, 7) == "7"  # what is small has its turn meanwhile
    with pytest.raises(Fault) as refused:
        await study(hub, "town 2", LARGE + 1, str, 7)
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * MOST
    assert await study(hub, "town 0", LARGE + 1, str, 7) == "7"
    await asyncio.sleep(0)
    assert hub.studying.total() == 0
    assert refused.value.headers["Retry-After"]
    return refused.value.status


async def gone(hub: Hub) -> tuple[int, int, str]:
    """What is counted once a sender has gone away, and once the work is done; and a journal's answer meanwhile."""
    gate = threading.Event()
    waiting = [asyncio.create_task(study(hub, "a", LARGE + 1, gate.wait, 20)) for _ in range(EACH)]
    await asyncio.sleep(0.1)
    for task in waiting[:2]:  # those that have a thread
        task.cancel()
    await asyncio.sleep(0.1)
    counted, answer = hub.studying["a"], await aside(hub, "a", LARGE + 1, str, 7)
    with pytest.raises(Fault):
        await study(hub, "a", LARGE + 1, str, 7)
    other = asyncio.create_task(study(hub, "b", LARGE + 1, str, 7))
    gate.set()
    assert await other == "7"
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.sleep(0.1)
    return counted, hub.studying.total(), answer


def test_what_a_sender_left_behind_is_counted_until_it_is_done_and_nobody_else_waits_for_it(storage: str) -> None:
    async def told() -> tuple[int, int, str]:
        async with town(storage) as here:
            return await gone(here.hub)

    assert asyncio.run(told()) == (EACH, 0, "7")


async def without_threads(hub: Hub) -> int:
    """What is counted after work that could not even begin."""
    readers, hub.readers = hub.readers, ThreadPoolExecutor(1)
    hub.readers.shutdown()
    for _ in range(MOST):
        with pytest.raises(RuntimeError):
            await study(hub, "a", LARGE + 1, str, 7)
    hub.readers = readers
    assert await study(hub, "a", LARGE + 1, str, 7) == "7"
    return hub.studying["b"]


def test_what_could_not_begin_is_not_counted(storage: str) -> None:
    async def told() -> int:
        async with town(storage) as here:
            return await without_threads(here.hub)

    assert asyncio.run(told()) == 0


async def crowded(hub: Hub) -> str:
    """Another municipality's turn while one has many answers to read."""
    gate = threading.Event()
    waiting = [asyncio.create_task(aside(hub, "a", LARGE + 1, gate.wait, 20)) for _ in range(8)]
    await asyncio.sleep(0.05)
    answer = await asyncio.wait_for(aside(hub, "b", LARGE + 1, str, 7), 10)
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 8
    return answer


def test_one_municipality_s_long_answers_do_not_take_another_s_turn(storage: str) -> None:
    async def told() -> str:
        async with town(storage) as here:
            return await crowded(here.hub)

    assert asyncio.run(told()) == "7"


def test_only_so_many_large_documents_are_read_at_once(storage: str) -> None:
    async def told() -> int:
        async with town(storage) as here:
            return await crowd(here.hub)

    assert asyncio.run(told()) == 429


def test_what_a_stopped_sender_sends_takes_nobody_s_time(storage: str) -> None:
    async def told() -> list[int]:
        async with town(storage) as here:
            here.change(active=False)
            large = Payload(here.tenant.orgnr, "vkp", HEADERS, note("x" * LARGE), "composition")
            return [reply.status for reply in await asyncio.gather(*(receive(here.hub, large) for _ in range(2 * MOST)))]

    assert asyncio.run(told()) == [403] * 2 * MOST
