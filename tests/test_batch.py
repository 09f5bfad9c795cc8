"""Transactions that we encode ourselves, against the emulator and against what the SDK's own would have written."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.batch import Row, create, delete, merge, put, replace, submit

Result = TypeVar("Result")
TABLE = f"batch{os.urandom(4).hex()}"
KEYS = ["plain", "o'brien", "''", "50%", "%2F", "a b", "a+b", "a&b=c", "a,b", "(a)", "310123455~cloud~routine", "blåbær", "$a", "@a:;="]


@pytest.fixture(name="on")
def _on(storage: str) -> Callable[[Callable[[TableClient], Awaitable[Result]]], Result]:
    """Runs a function on the table of this module."""

    async def opened(work: Callable[[TableClient], Awaitable[Result]]) -> Result:
        account = Account(Settings.from_env({"AzureWebJobsStorage": storage, "HUB_PATIENT_KEY": "k" * 32}))
        await account.prepare([TABLE], [])
        try:
            return await work(account.table(TABLE))
        finally:
            await account.close()

    return lambda work: asyncio.run(opened(work))


On = Callable[[Callable[[TableClient], Awaitable[Any]]], Any]


@pytest.fixture(name="part")
def _part() -> str:
    """A partition that no other test has."""
    return f"p-{os.urandom(6).hex()}"


def row(part: str, name: str, **values: Any) -> dict[str, Any]:
    return {"PartitionKey": part, "RowKey": name, **values}


async def rows(table: TableClient, part: str) -> dict[str, dict[str, Any]]:
    found = table.query_entities("PartitionKey eq @part", parameters={"part": part})
    return {one["RowKey"]: {name: value for name, value in one.items() if name not in ("PartitionKey", "RowKey")} async for one in found}


def test_each_kind_of_write_does_what_its_name_says(on: On, part: str) -> None:
    async def work(table: TableClient) -> dict[str, dict[str, Any]]:
        etags = await submit(table, [create(row(part, name, a=1, b="old")) for name in ("replaced", "merged", "put", "deleted")])
        await submit(
            table,
            [
                replace(row(part, "replaced", a=2), etags[0]),
                merge(row(part, "merged", a=2)),
                put(row(part, "put", a=2)),
                put(row(part, "new", a=2)),
                delete(row(part, "deleted")),
            ],
        )
        return await rows(table, part)

    assert on(work) == {"replaced": {"a": 2}, "merged": {"a": 2, "b": "old"}, "put": {"a": 2}, "new": {"a": 2}}


def test_the_etags_are_those_of_the_rows_in_the_order_of_the_operations(on: On, part: str) -> None:
    async def work(table: TableClient) -> tuple[list[str], list[str]]:
        await submit(table, [create(row(part, "old"))])
        etags = await submit(table, [put(row(part, "b")), delete(row(part, "old")), create(row(part, "a")), put(row(part, "c"))])
        read = [str((await table.get_entity(part, name)).metadata["etag"]) for name in "bac"]
        return etags, [read[0], "", *read[1:]]

    given, stored = on(work)
    assert given == stored


def test_an_etag_from_a_transaction_is_good_for_the_next_one(on: On, part: str) -> None:
    async def work(table: TableClient) -> dict[str, dict[str, Any]]:
        [etag] = await submit(table, [create(row(part, "head", turn=0))])
        for turn in range(1, 4):
            [etag] = await submit(table, [replace(row(part, "head", turn=turn), etag)])
        return await rows(table, part)

    assert on(work) == {"head": {"turn": 3}}


def test_the_etag_of_a_read_is_good_for_a_transaction(on: On, part: str) -> None:
    async def work(table: TableClient) -> dict[str, dict[str, Any]]:
        await submit(table, [create(row(part, "head", turn=0))])
        read = await table.get_entity(part, "head")
        await submit(table, [replace(row(part, "head", turn=1), str(read.metadata["etag"]))])
        return await rows(table, part)

    assert on(work) == {"head": {"turn": 1}}


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (lambda part, stale: replace(row(part, "head", turn=9), stale), ResourceModifiedError),  # 412
        (lambda part, _: create(row(part, "head")), ResourceExistsError),  # 409
        (lambda part, _: merge(row(part, "nobody", turn=9)), ResourceNotFoundError),  # 404
        (lambda part, _: delete(row(part, "nobody")), ResourceNotFoundError),  # 404
    ],
    ids=["stale etag", "exists", "merge into nothing", "delete of nothing"],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_operation_that_cannot_be_fails_the_transaction_and_nothing_is_written(
    on: On, part: str, bad: Any, error: type[HttpResponseError], place: int
) -> None:
    async def work(table: TableClient) -> dict[str, dict[str, Any]]:
        [stale] = await submit(table, [create(row(part, "head", turn=0))])
        await submit(table, [replace(row(part, "head", turn=1), stale)])
        operations = [create(row(part, "first")), create(row(part, "second"))]
        operations.insert(place, bad(part, stale))
        with pytest.raises(error) as raised:
            await submit(table, operations)
        assert raised.type is error
        return await rows(table, part)

    assert on(work) == {"head": {"turn": 1}}


def test_a_row_twice_in_one_transaction_is_refused_and_nothing_is_written(on: On, part: str) -> None:
    async def work(table: TableClient) -> dict[str, dict[str, Any]]:
        with pytest.raises(HttpResponseError):
            await submit(table, [create(row(part, "twin")), create(row(part, "twin"))])
        return await rows(table, part)

    assert on(work) == {}


@pytest.mark.parametrize(
    "value",
    [
        b"\x00\xff\r\n--changeset_",
        b"",
        0.0,
        -1.0,
        1_795_000_000.123,
        1e300,
        0,
        -(2**31),
        2**31 - 1,
        True,
        False,
        "",
        "æøå 🙂",
        "\r\n--batch_\r\nHTTP/1.1 412 no\r\n",
        '{"a": "\\"b\\""}',
        "2026-11-22T21:00:00Z",
    ],
    ids=repr,
)
def test_a_value_comes_back_as_it_was_with_its_type(on: On, part: str, value: object) -> None:
    async def work(table: TableClient) -> Any:
        await submit(table, [create(row(part, "one", value=value))])
        return (await rows(table, part))["one"]["value"]

    found = on(work)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_needs_quoting_names_the_same_row_to_every_operation(on: On, part: str, name: str) -> None:
    async def work(table: TableClient) -> list[dict[str, dict[str, Any]]]:
        where = f"{part}{name}"
        [etag] = await submit(table, [create(row(where, name, a=1))])
        await submit(table, [replace(row(where, name, a=2), etag)])
        await submit(table, [merge(row(where, name, b=3))])
        read = dict(await table.get_entity(where, name))
        await submit(table, [delete(row(where, name))])
        return [read, await rows(table, where)]

    assert on(work) == [row(f"{part}{name}", name, a=2, b=3), {}]


def test_a_hundred_rows_are_one_transaction(on: On, part: str) -> None:
    async def work(table: TableClient) -> tuple[list[str], dict[str, dict[str, Any]]]:
        etags = await submit(table, [create(row(part, f"{number:03}", number=number)) for number in range(100)])
        return etags, await rows(table, part)

    etags, found = on(work)
    assert len(etags) == 100 and all(etags)
    assert found == {f"{number:03}": {"number": number} for number in range(100)}


def test_a_transaction_of_more_rows_than_azure_takes_is_refused_and_nothing_is_written(on: On, part: str) -> None:
    async def work(table: TableClient) -> dict[str, dict[str, Any]]:
        with pytest.raises(HttpResponseError):
            await submit(table, [create(row(part, f"{number:03}")) for number in range(101)])
        return await rows(table, part)

    assert on(work) == {}


@pytest.mark.filterwarnings("ignore:Sending a large body")  # aiohttp's remark on every body above 1 MiB
def test_three_mebibytes_are_one_transaction(on: On, part: str) -> None:
    blobs = {f"b{number:02}": os.urandom(64 * 1024) for number in range(12)}

    async def work(table: TableClient) -> dict[str, dict[str, Any]]:
        await submit(table, [create(row(part, name, **blobs)) for name in "abc"])
        return await rows(table, part)

    assert on(work) == dict.fromkeys("abc", blobs)


def test_a_table_that_is_not_there_is_told_apart_from_a_lost_race(on: On, part: str) -> None:
    async def work(table: TableClient) -> None:
        gone = TableClient(table.url, f"gone{os.urandom(4).hex()}", credential=table.credential)
        async with gone:
            await submit(gone, [create(row(part, "one"))])

    with pytest.raises(ResourceNotFoundError):
        on(work)


ROWS: list[Row] = [
    {"RowKey": "w", "holder": "", "until": 0.0, "falls": 0, "not_before": 1_795_000_000.25, "failures": 2, "failing": "ab"},
    {"RowKey": "w~000000000001", "since": 1.5, "states": "[null]", "b00": bytes(range(256)) * 256, "b01": b"\x00"},
    {"RowKey": "d~000000000001", "since": 1.5, "states": b"\x78\x01", "text": "blåbær 'o' \"q\" \\ 🙂"},
    {"RowKey": "tail's", "next": "17", "seen": '{"310123455~cloud~routine":[12000,3]}', "yes": True},
]


def test_the_sdks_own_transaction_writes_the_same_rows(on: On, part: str) -> None:
    """The oracle: create, then replace, merge, put and delete, once by us and once by `submit_transaction`."""
    ours, theirs = f"{part}-ours", f"{part}-theirs"

    async def work(table: TableClient) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        etags = await submit(table, [create({"PartitionKey": ours, **one}) for one in ROWS])
        await submit(
            table,
            [
                replace(row(ours, "w", until=2.0), etags[0]),
                merge(row(ours, "w~000000000001", states=b"\x00\xff")),
                put(row(ours, "new", a=1.0)),
                delete(row(ours, "tail's")),
            ],
        )
        await _by_the_sdk(table, theirs)
        return await rows(table, ours), await rows(table, theirs)

    by_us, by_the_sdk = on(work)
    assert by_us == by_the_sdk and set(by_us) == {"w", "w~000000000001", "d~000000000001", "new"}


async def _by_the_sdk(table: TableClient, part: str) -> None:
    written = await table.submit_transaction([("create", {"PartitionKey": part, **one}) for one in ROWS])
    fenced = {"mode": UpdateMode.REPLACE, "etag": written[0]["etag"], "match_condition": MatchConditions.IfNotModified}
    await table.submit_transaction(
        [
            ("update", row(part, "w", until=2.0), fenced),
            ("update", row(part, "w~000000000001", states=b"\x00\xff"), {"mode": UpdateMode.MERGE}),
            ("upsert", row(part, "new", a=1.0), {"mode": UpdateMode.REPLACE}),
            ("delete", row(part, "tail's")),
        ]
    )
