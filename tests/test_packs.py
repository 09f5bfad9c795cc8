"""Packs as rows: what goes in comes out, and every row is one that Azure Tables would take."""

import asyncio
import os
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.settings import Settings
from shared.storage import packs
from shared.storage.account import Account
from shared.storage.append import Addition, Appender
from shared.storage.lines import Lines
from shared.storage.packs import COLUMN, MOST, ROOM, Entry, Pack, State

ROW = 1024 * 1024  # bytes; Azure's limit of one row
COLUMN_OF_TEXT = 32 * 1024  # UTF-16 units
NOON = 1_795_348_800.123
NOISE = random.Random(20261122)  # noqa: S311 -- bytes that do not compress, the same in every run

ENTRIES = st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.integers(-(2**31), 2**31) | st.floats(-1e9, 1e9), max_size=4)
TEXT = st.characters(codec="utf-8")
THINGS = st.lists(st.tuples(ENTRIES, st.binary(max_size=300)), max_size=12)


def entries(count: int) -> list[Entry]:
    return [{"id": f"{number:040x}"} for number in range(count)]


def pack(things: list[Entry], bodies: list[bytes], states: list[State] | None = None) -> Pack:
    return Pack(7, 1.5, things, bodies, states or [None] * len(things), packs.squeeze(things, bodies))


def again(one: Pack) -> Pack:
    """Written as a row and read back."""
    return packs.from_row({"RowKey": f"w~{one.sequence:012}", **packs.to_row(one)})


def weight(row: dict[str, Any]) -> int:
    """What Azure counts for a row (learn.microsoft.com, "How to calculate the size of an entity")."""
    size = 4 + 2 * (len(row["PartitionKey"]) + len(row["RowKey"]))
    values = {name: value for name, value in row.items() if name not in ("PartitionKey", "RowKey")}
    return size + sum(8 + 2 * len(name) + _value(value) for name, value in values.items())


def _value(value: object) -> int:
    if isinstance(value, str):
        return 4 + len(value.encode("utf-16-le"))
    return 4 + len(value) if isinstance(value, bytes) else 8


@given(THINGS)
@settings(max_examples=150, deadline=None)
def test_what_was_squeezed_comes_back_as_it_was(things: list[tuple[Entry, bytes]]) -> None:
    some, bodies = [entry for entry, _ in things], [body for _, body in things]
    assert packs.unsqueeze(packs.squeeze(some, bodies)) == (some, bodies)


def test_a_body_that_looks_like_a_header_comes_back_as_it_was() -> None:
    bodies = [b"12\n[[],[]]", b"", b"\n\n", b"\xff\x00"]
    assert packs.unsqueeze(packs.squeeze(entries(4), bodies)) == (entries(4), bodies)


@given(st.integers(0, 3 * COLUMN + 2))
@settings(max_examples=30, deadline=None)
def test_a_blob_is_cut_into_columns_of_at_most_64_kib_in_order(size: int) -> None:
    blob = NOISE.randbytes(size)
    columns = packs.columns(blob)
    assert all(0 < len(column) <= COLUMN for column in columns.values())
    assert b"".join(columns[name] for name in sorted(columns)) == blob


def test_columns_sort_in_order_where_there_are_more_than_ten() -> None:
    body = NOISE.randbytes(11 * COLUMN)
    assert again(pack(entries(1), [body])).bodies == [body]


def test_a_row_says_which_pack_it_is() -> None:
    whole = pack(entries(3), [b"a", b"", b"c"], [None, {"end": "delivered"}, {"attempt": 2, "not_before": 1.25}])
    assert again(whole) == whole


def test_a_purged_row_keeps_what_became_of_it() -> None:
    row = packs.to_row(pack(entries(2), [b"a", b"b"], [{"end": "delivered"}, {"end": "delivered"}]))
    left = packs.from_row({"RowKey": "d~000000000007", "since": row["since"], "states": row["states"]})
    assert (left.entries, left.bodies, left.states) == ([], [], [{"end": "delivered"}] * 2)


def test_a_pack_has_ended_when_each_of_its_entries_has() -> None:
    assert not pack(entries(2), [b"", b""], [{"end": "delivered"}, None]).ended
    assert not pack(entries(2), [b"", b""], [{"end": "delivered"}, {"attempt": 1}]).ended
    assert pack(entries(2), [b"", b""], [{"end": "delivered"}, {"end": "parked"}]).ended


def test_short_states_are_text_that_a_human_can_read() -> None:
    row = packs.states(pack(entries(1), [b""], [{"end": "parked", "reason": "the journal answered 422"}]))
    assert orjson.loads(row["states"]) == [{"end": "parked", "reason": "the journal answered 422"}]


def long_states(count: int) -> list[State]:
    """As long as a journal can make them (`docs/journals.md` 2.2: the hub keeps 200 characters of Location), and hard to compress."""
    return [{"end": "delivered", "attempt": 1, "at": NOON + n, "answer": 201, "name": NOISE.randbytes(100).hex()} for n in range(count)]


def test_long_states_come_back_and_fit_in_the_row_of_a_full_pack() -> None:
    states = long_states(MOST)
    row = packs.states(pack(entries(MOST), [b""] * MOST, states))
    assert all(len(column) <= COLUMN for column in row.values() if isinstance(column, bytes))
    assert weight({"PartitionKey": "p" * 60, "RowKey": "w~000000000007", **row}) + ROOM + 16 * 1024 <= ROW
    assert again(pack(entries(MOST), [b""] * MOST, states)).states == states


@pytest.mark.parametrize("counts", [(1, MOST, 1), (MOST, 300, MOST), (MOST, 1, 300)])
def test_the_latest_states_count_where_a_row_is_merged(counts: tuple[int, ...]) -> None:
    """A row that waits keeps the columns of before."""
    row: dict[str, Any] = {"RowKey": "w~000000000007", "since": 1.5}
    for count in counts:
        states = long_states(count)
        row |= packs.states(pack(entries(count), [b""] * count, states))
        assert packs.from_row(row).states == states


@given(st.lists(st.text(TEXT, max_size=400), max_size=80))
@settings(max_examples=60, deadline=None)
def test_a_column_of_text_is_never_longer_than_azure_takes(reasons: list[str]) -> None:
    states: list[State] = [{"end": "parked", "reason": reason} for reason in reasons]
    row = packs.states(pack(entries(len(reasons)), [b""] * len(reasons), states))
    assert len(row["states"].encode("utf-16-le")) // 2 <= COLUMN_OF_TEXT


SIZES = st.lists(st.sampled_from([0, 10, 2_000, 60_000, 330_000, 700_000]), min_size=1, max_size=12)


@given(SIZES)
@settings(max_examples=25, deadline=None)
def test_split_keeps_the_order_and_each_pack_stays_below_its_room(sizes: list[int]) -> None:
    some, bodies = entries(len(sizes)), [NOISE.randbytes(size) for size in sizes]
    parts = packs.split(some, bodies)
    read = [packs.unsqueeze(blob) for _, blob in parts]
    assert [entry for part, _ in read for entry in part] == some
    assert [body for _, part in read for body in part] == bodies
    assert [part for part, _ in parts] == [part for part, _ in read]
    assert all(len(blob) <= ROOM or len(part) == 1 for part, blob in parts)


def test_a_pack_holds_at_most_as_many_entries_as_positions_can_name() -> None:
    parts = packs.split(entries(2_500), [b""] * 2_500)
    assert [entry for part, _ in parts for entry in part] == entries(2_500)
    assert max(len(part) for part, _ in parts) <= MOST < 1_000


def test_what_fits_in_one_pack_is_one_pack() -> None:
    assert len(packs.split(entries(MOST), [b"body"] * MOST)) == 1


@pytest.mark.filterwarnings("ignore:Sending a large body")  # aiohttp's remark on every body above 1 MiB, base64 included
def test_the_largest_body_that_does_not_compress_stands_in_one_row_of_azures_size(storage: str) -> None:
    body = NOISE.randbytes(1_000_000)

    async def run() -> tuple[list[bytes], int]:
        account = Account(_settings(storage))
        name = f"packs{os.urandom(4).hex()}"
        await account.prepare([name, "lines"], [])
        table = account.table(name)
        line = "310123455~cloud~routine"
        await Appender(table, account.table("lines"), name).append(line, Addition(entries(1), [body], 1.0))
        [one] = (await Lines(table).look(line)).packs
        row = dict(await table.get_entity(line, "w~000000000000"))
        await account.close()
        return one.bodies, weight(row)

    bodies, size = asyncio.run(run())
    assert bodies == [body]
    assert size + 4 * 1024 <= ROW, "what becomes of a single entry must fit in the row too"


def _settings(storage: str) -> Settings:
    return Settings.from_env({"AzureWebJobsStorage": storage, "HUB_PATIENT_KEY": "k" * 32})
