"""Large documents are read aside: only so many at once, and whoever comes then is told when to come again."""

import asyncio
import threading

import pytest

from shared.door.answers import Fault
from shared.door.study import LARGE, MOST, study
from shared.hub import Hub
from tests.test_transform import town


async def crowd(hub: Hub) -> int:
    """So many large documents that no more are taken; the status of the next, and how it goes once they are through."""
    gate = threading.Event()
    waiting = [asyncio.create_task(study(hub, LARGE + 1, gate.wait, 20)) for _ in range(MOST)]
    await asyncio.sleep(0)
    assert await study(hub, LARGE, str, 7) == "7"  # what is small has its turn meanwhile
    with pytest.raises(Fault) as refused:
        await study(hub, LARGE + 1, str, 7)
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * MOST
    assert await study(hub, LARGE + 1, str, 7) == "7" and hub.studying == 0
    assert refused.value.headers["Retry-After"]
    return refused.value.status


def test_only_so_many_large_documents_are_read_at_once(storage: str) -> None:
    async def told() -> int:
        async with town(storage) as here:
            return await crowd(here.hub)

    assert asyncio.run(told()) == 429
