"""A DPoP proof is good once, whoever shows it where and however often; against the real storage emulator."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.data.tables.aio import TableClient

from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.replays import Replays

Result = TypeVar("Result")
HOUR = 3600.0
NOW = 490_000 * HOUR + 1800  # the middle of an hour


@pytest.fixture(name="on")
def _on(storage: str) -> Callable[[Callable[[TableClient, TableClient], Awaitable[Result]]], Result]:
    """Runs a function on a table of its own, which two workers have opened."""

    async def opened(work: Callable[[TableClient, TableClient], Awaitable[Result]]) -> Result:
        name = f"replays{os.urandom(4).hex()}"
        workers = [Account(Settings.from_env({"AzureWebJobsStorage": storage, "HUB_PATIENT_KEY": "k" * 32})) for _ in range(2)]
        await workers[0].prepare([name], [])
        try:
            return await work(*(worker.table(name) for worker in workers))
        finally:
            for worker in workers:
                await worker.close()

    return lambda work: asyncio.run(opened(work))


On = Callable[[Callable[[TableClient, TableClient], Awaitable[Any]]], Any]


def test_of_two_hundred_tries_at_once_by_two_workers_one_is_the_first(on: On) -> None:
    async def work(*tables: TableClient) -> list[bool]:
        both = [Replays(table) for table in tables]
        return await asyncio.gather(*(both[number % 2].first("proof", NOW) for number in range(200)))

    assert sum(on(work)) == 1


def test_the_same_proof_is_not_the_first_ever_again(on: On) -> None:
    async def work(one: TableClient, other: TableClient) -> list[bool]:
        return [await Replays(table).first("proof", NOW) for table in (one, other, one)]

    assert on(work) == [True, False, False]


def test_proofs_do_not_stand_in_each_others_way(on: On) -> None:
    async def work(table: TableClient, _: TableClient) -> list[bool]:
        return await asyncio.gather(*(Replays(table).first(f"{number:064x}", NOW + number * 60) for number in range(100)))

    assert all(on(work))


def test_a_try_whose_answer_was_lost_is_not_called_a_replay(on: On) -> None:
    class Losing:
        """A table whose first answer gets lost after the write, upon which the SDK writes again."""

        def __init__(self, table: TableClient) -> None:
            self._table = table
            self.get_entity = table.get_entity

        async def create_entity(self, row: dict[str, Any]) -> None:
            with suppress(ResourceExistsError):
                await self._table.create_entity(row)
            await self._table.create_entity(row)

    async def work(table: TableClient, _: TableClient) -> list[bool]:
        losing: Any = Losing(table)
        return [
            await Replays(losing).first("proof", NOW),
            await Replays(losing).first("proof", NOW),
            await Replays(table).first("proof", NOW),
        ]

    assert on(work) == [True, False, False]


def test_whole_hours_are_forgotten_and_what_is_younger_stays(on: On) -> None:
    async def work(table: TableClient, _: TableClient) -> tuple[int, list[bool], int]:
        replays = Replays(table)
        old = [NOW - 2 * HOUR] * 130 + [NOW - HOUR] * 20 + [NOW - 1800 - 1]
        await asyncio.gather(*(replays.first(f"old-{number}", at) for number, at in enumerate(old)))
        young = [NOW - 1800, NOW - 60, NOW, NOW + HOUR]
        await asyncio.gather(*(replays.first(f"young-{number}", at) for number, at in enumerate(young)))
        gone = await replays.forget(NOW)
        again = [await replays.first(f"young-{number}", at) for number, at in enumerate(young)]
        return gone, again, await replays.forget(NOW)

    assert on(work) == (151, [False] * 4, 0)


def test_two_workers_may_forget_at_the_same_time(on: On) -> None:
    async def work(*tables: TableClient) -> list[bool]:
        both = [Replays(table) for table in tables]
        await asyncio.gather(*(both[0].first(f"old-{number}", NOW - 2 * HOUR) for number in range(150)))
        await asyncio.gather(*(replays.forget(NOW) for replays in both))
        await both[0].forget(NOW)  # what each hindered the other to remove goes next time
        return [await both[0].first(f"old-{number}", NOW - 2 * HOUR) for number in range(0, 150, 10)]

    assert on(work) == [True] * 15


def test_a_table_that_cannot_be_asked_is_no_yes(on: On) -> None:
    async def work(table: TableClient, _: TableClient) -> bool:
        await table.delete_table()
        return await Replays(table).first("proof", NOW)

    with pytest.raises(AzureError):
        on(work)
