"""Traffic that an operator holds back: everything is taken, nothing is lost, and all instances know within ten seconds."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from azure.data.tables.aio import TableClient

from shared.access.register import Stop
from shared.hub import Hub
from shared.messages.stops import start, stop, stops
from shared.storage.register_rows import Registers, read_all, write_tenant
from tests.test_forward import Journal, journalled
from tests.test_transform import Town, another, note


@asynccontextmanager
async def registered(storage: str) -> AsyncIterator[tuple[Town, Journal, TableClient]]:
    """A municipality whose register stands in a table, read as the running hub reads it."""
    async with journalled(storage) as (here, journal):
        table = here.hub.account.table(f"register{os.urandom(4).hex()}")
        await table.create_table()
        await write_tenant(table, here.tenant)
        reading(here, here.hub, table)
        yield here, journal, table


def reading(here: Town, hub: Hub, table: TableClient) -> None:
    hub.registers = Registers(hub.account.table(table.table_name), here.clock)


def held(here: Town, **what: str) -> Stop:
    return Stop(here.tenant.orgnr, since=here.clock(), who="kari", why="prøve", **what)


@pytest.mark.parametrize("what", [{}, {"sender": "cloud"}, {"endpoint": "journal"}], ids=["municipality", "sender", "endpoint"])
def test_stopped_traffic_is_taken_and_waits_and_goes_on_in_order_when_it_is_started(storage: str, what: dict[str, Any]) -> None:
    async def run() -> tuple[list[str], list[str], Sequence[Stop]]:
        async with registered(storage) as (here, journal, _):
            await here.post(note("before"))
            await here.run()
            await stop(here.hub, held(here, **what))
            here.clock.now += 10.1
            for title in ("a", "b", "c"):
                await here.post(note(title))
            await here.run(120)
            while_stopped = list(journal.titles)
            assert await start(here.hub, held(here, **what))
            await here.run(12)
            return while_stopped, journal.titles, await stops(here.hub)

    while_stopped, after, left = asyncio.run(run())
    assert while_stopped == ["before"]
    assert after == ["before", "a", "b", "c"] and not left


def test_another_instance_holds_it_back_within_ten_seconds(storage: str) -> None:
    async def run() -> list[bool]:
        async with registered(storage) as (here, _, table), another(here) as second:
            reading(here, second, table)
            seen = [(await second.registers.current()).stopped(here.tenant.orgnr, endpoint="journal")]
            await stop(here.hub, held(here, endpoint="journal"))
            for wait in (0.0, 10.1):
                here.clock.now += wait
                seen.append((await second.registers.current()).stopped(here.tenant.orgnr, endpoint="journal"))
            await start(here.hub, held(here, endpoint="journal"))
            here.clock.now += 10.1
            return [*seen, (await second.registers.current()).stopped(here.tenant.orgnr, endpoint="journal")]

    assert asyncio.run(run()) == [False, False, True, False]


def test_a_stop_of_one_endpoint_or_sender_holds_nothing_else_back(storage: str) -> None:
    async def run() -> list[bool]:
        async with registered(storage) as (here, _, _):
            await stop(here.hub, held(here, endpoint="cloud"))
            await here.hub.registers.refresh()
            register, orgnr = await here.hub.registers.current(), here.tenant.orgnr
            return [register.stopped(orgnr, endpoint="cloud"), register.stopped(orgnr, sender="cloud"), register.stopped(orgnr)]

    assert asyncio.run(run()) == [True, False, False]


def test_stops_are_read_in_the_call_that_reads_the_registers_versions(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return work(*args, **kwargs)

        return call

    async def run() -> list[str]:
        async with registered(storage) as (here, _, table):
            registers = Registers(table, here.clock)
            await registers.refresh()
            await stop(here.hub, held(here))
            for name in ("query_entities", "get_entity", "list_entities"):
                monkeypatch.setattr(table, name, counted(name, getattr(table, name)))
            await registers.refresh()
            assert (await registers.current()).stopped(here.tenant.orgnr)
            return calls

    assert asyncio.run(run()) == ["query_entities"]


def test_a_municipality_is_read_and_written_beside_its_stops(storage: str) -> None:
    async def run() -> tuple[set[str], int]:
        async with registered(storage) as (here, _, table):
            await stop(here.hub, held(here, sender="cloud"))
            await write_tenant(table, here.tenant)
            return set(await read_all(table)) - {here.tenant.orgnr}, len(await stops(here.hub, here.tenant.orgnr))

    assert asyncio.run(run()) == (set(), 1)


def test_stopping_and_starting_stand_in_the_audit_log(storage: str) -> None:
    async def run() -> list[tuple[str, str, str]]:
        async with registered(storage) as (here, _, _):
            await stop(here.hub, held(here, endpoint="journal"))
            await start(here.hub, held(here, endpoint="journal"))
            assert not await start(here.hub, held(here, endpoint="journal"))
            entries = [entry async for row in here.hub.audit.read(here.tenant.orgnr) for entry in row.entries]
            return [(entry.action, entry.who, entry.message) for entry in entries if entry.who]

    assert asyncio.run(run()) == [
        ("messages.stop", "kari", "endpoint journal: prøve"),
        ("messages.start", "kari", "endpoint journal: prøve"),
    ]


def test_what_is_stopped_again_stays_as_it_was_stopped_first_and_the_second_is_told_so(storage: str) -> None:
    async def run() -> tuple[Stop, Stop, Sequence[Stop], list[str]]:
        async with registered(storage) as (here, _, _):
            first = held(here, endpoint="journal")
            await stop(here.hub, first)
            here.clock.now += 60
            told = await stop(here.hub, replace(held(here, endpoint="journal"), who="ola", why="feil"))
            entries = [entry async for row in here.hub.audit.read(here.tenant.orgnr) for entry in row.entries]
            return first, told, await stops(here.hub), [entry.who for entry in entries if entry.who]

    first, told, left, who = asyncio.run(run())
    assert told == first and left == [first]
    assert who == ["kari", "ola"], "both acts stand in the log"
