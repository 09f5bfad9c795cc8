"""The audit log: what a chain proves, that nothing is lost or forked under load, and that nobody can be found in it."""

import ast
import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest
from azure.core.exceptions import AzureError, ServiceResponseError
from azure.data.tables.aio import TableClient
from hypothesis import given
from hypothesis import strategies as st

from shared.access.chain import Head, Row, following, from_line, row_hash, start, to_line, verify
from shared.access.entry import Entry
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.audit_log import AuditLog, BrokenChain
from shared.storage.batch import Operation, submit

TABLE = f"audit{os.urandom(4).hex()}"
SHARED = Path(__file__).parent.parent / "shared"
TENANT, OTHER = "310123455", "310999991"
NOON = 1_795_000_000.0
Found = TypeVar("Found")

ENTRY = Entry(
    at=NOON,
    correlation="0b0e4f5c-8a51-4f2c-9d1c-6a51f2a4f1aa",
    tenant=TENANT,
    sender="dispensers",
    vkp_id="Leverandør_System_Kommune",
    client="6a1f7b9e-0000-4000-8000-00000000c11e",
    action="patient.read",
    patients=("0123456789abcdef0123456789abcdef",),
    service_codes=("md", "ta"),
    status=200,
    code="",
    count=1,
)


def entry(number: int, tenant: str = TENANT) -> Entry:
    return replace(ENTRY, at=NOON + number, correlation=str(UUID(int=number)), tenant=tenant)


# Chains in memory


@cache
def chain(count: int, width: int = 3, tenant: str = TENANT) -> tuple[Row, ...]:
    """`count` rows of one to `width` entries."""
    rows, head, number = [], start(tenant), 0
    for sequence in range(count):
        size = sequence % width + 1
        row, head = following(head, b"".join(to_line(entry(number + place, tenant)) for place in range(size)))
        rows.append(row)
        number += size
    return tuple(rows)


def head_of(rows: Sequence[Row]) -> Head:
    return Head(TENANT, len(rows), rows[-1].hash)


def anchored(rows: Sequence[Row]) -> list[str]:
    """What is wrong with rows that were made from the chain of 40."""
    return verify(TENANT, rows, [("the anchor", head_of(chain(40)))])


ROWS = st.integers(0, 39)


def test_a_chain_that_nobody_touched_is_whole() -> None:
    assert anchored(chain(40)) == []


def test_an_empty_chain_is_whole() -> None:
    assert verify(TENANT, []) == []


@given(ROWS, st.data())
def test_a_changed_byte_is_found_wherever_it_is(at: int, data: st.DataObject) -> None:
    rows = list(chain(40))
    place = data.draw(st.integers(0, len(rows[at].lines) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != rows[at].lines[place]))
    rows[at] = replace(rows[at], lines=rows[at].lines[:place] + bytes([other]) + rows[at].lines[place + 1 :])
    assert anchored(rows) == [f"row {at} was changed: its hash does not fit its entries"]


@given(ROWS)
def test_an_entry_that_was_taken_out_of_its_row_is_found(at: int) -> None:
    rows = list(chain(40))
    rows[at] = replace(rows[at], lines=b"".join(rows[at].lines.splitlines(keepends=True)[1:]))
    assert anchored(rows) == [f"row {at} was changed: its hash does not fit its entries"]


@given(ROWS.filter(lambda at: at % 3))
def test_two_entries_of_a_row_that_changed_places_are_found(at: int) -> None:
    rows = list(chain(40))
    rows[at] = replace(rows[at], lines=b"".join(reversed(rows[at].lines.splitlines(keepends=True))))
    assert anchored(rows) == [f"row {at} was changed: its hash does not fit its entries"]


@given(st.integers(0, 38))
def test_a_removed_row_is_found(at: int) -> None:
    assert anchored(chain(40)[:at] + chain(40)[at + 1 :]) == [f"row {at} is missing: removed or moved"]


@given(st.integers(0, 37), st.integers(2, 39))
def test_removed_rows_in_a_row_are_told_together(first: int, count: int) -> None:
    last = min(first + count - 1, 38)
    assert anchored(chain(40)[:first] + chain(40)[last + 1 :]) == [f"rows {first} to {last} are missing: removed or moved"]


@given(ROWS)
def test_a_tail_that_was_cut_off_is_found_by_whoever_kept_the_head(left: int) -> None:
    words = f"{left} row" if left == 1 else f"{left} rows"
    assert anchored(chain(40)[:left]) == [f"cut off: {words}, the anchor knew 40"]


@given(ROWS, ROWS)
def test_rows_that_changed_places_are_found(one: int, other: int) -> None:
    rows = list(chain(40))
    rows[one], rows[other] = rows[other], rows[one]
    assert bool(anchored(rows)) is (one != other)


@given(ROWS, ROWS)
def test_rows_that_changed_places_and_took_each_others_numbers_are_found(one: int, other: int) -> None:
    rows = list(chain(40))
    rows[one], rows[other] = replace(rows[other], sequence=one), replace(rows[one], sequence=other)
    assert bool(anchored(rows)) is (one != other)


@given(ROWS, ROWS)
def test_a_row_that_was_put_in_is_found(at: int, copied: int) -> None:
    rows = list(chain(40))
    rows.insert(at, rows[copied])
    assert anchored(rows)


@given(ROWS)
def test_a_row_with_its_hash_made_anew_is_found_by_the_next_one(at: int) -> None:
    rows = list(chain(40))
    rows[at], _ = following(Head(TENANT, at, rows[at].previous), to_line(entry(999)))
    after = f"row {at + 1} does not continue row {at}: one of them was changed, removed or inserted"
    assert anchored(rows) == [after if at < 39 else "row 39 is not the one that the anchor knew: the chain was written anew"]


@given(ROWS)
def test_a_chain_written_anew_is_found_by_whoever_kept_the_head(at: int) -> None:
    rows, head = list(chain(40)[:at]), Head(TENANT, at, chain(40)[at].previous)
    for original in chain(40)[at:]:
        row, head = following(head, original.lines.replace(b'"status":200', b'"status":403'))
        rows.append(row)
    assert verify(TENANT, rows) == []
    assert anchored(rows) == ["row 39 is not the one that the anchor knew: the chain was written anew"]


def test_another_municipalitys_chain_is_not_taken_for_this_one() -> None:
    assert verify(TENANT, chain(3, tenant=OTHER)) == [
        "row 0 does not continue the chain's start: one of them was changed, removed or inserted"
    ]


def test_a_chain_that_has_grown_since_it_was_anchored_is_whole() -> None:
    assert verify(TENANT, chain(40), [(f"day {count}", head_of(chain(40)[:count])) for count in (1, 17, 40)]) == []


def test_one_entry_of_a_hundred_thousand_is_found() -> None:
    rows = list(chain(50_000))
    assert sum(len(row.entries) for row in rows[:3]) == 6 and sum(row.lines.count(b"\n") for row in rows) > 99_900
    anchor = [("the anchor", head_of(rows))]
    assert verify(TENANT, rows, anchor) == []
    for at in (1, 24_999, 49_999):
        bad = [*rows[:at], replace(rows[at], lines=rows[at].lines.replace(b'"status":200', b'"status":201', 1)), *rows[at + 1 :]]
        assert verify(TENANT, bad, anchor) == [f"row {at} was changed: its hash does not fit its entries"]
        assert verify(TENANT, [*rows[:at], *rows[at + 1 :]], anchor) != []
        assert verify(TENANT, [*rows[: at - 1], rows[at], rows[at - 1], *rows[at + 1 :]], anchor) != []


def test_a_hash_depends_on_everything_that_it_covers() -> None:
    assert len({row_hash("a", 1, b"x"), row_hash("b", 1, b"x"), row_hash("a", 2, b"x"), row_hash("a", 1, b"y")}) == 4


# Entries as lines


def test_an_entry_comes_back_as_it_was_written() -> None:
    assert from_line(to_line(ENTRY)) == ENTRY


def test_an_entry_of_an_older_release_is_read() -> None:
    assert from_line(to_line(ENTRY).replace(b',"who":""', b"")) == ENTRY


def test_an_entry_of_a_newer_release_is_read_as_far_as_it_is_known() -> None:
    assert from_line(to_line(ENTRY).replace(b"{", b'{"added":1,')) == ENTRY


@pytest.mark.parametrize("patients", [("14834812097",), ("Stille Fjellbekk",), ("",), (ENTRY.patients[0], "14834812097")])
def test_a_patient_who_is_not_a_keyed_hash_is_never_written(patients: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="an entry's patients are keyed hashes") as told:
        to_line(replace(ENTRY, patients=patients))
    assert not [word for word in ("14834812097", "Stille") if word in str(told.value)]


@pytest.mark.parametrize("field", ["sender", "vkp_id", "client", "action", "code", "who"])
@pytest.mark.parametrize("written", ["14834812097", "148348 12097", "148348-12097", "x_14834812097_y", "cloud.14834812097"])
def test_a_persons_number_in_what_a_token_says_is_struck_out(field: str, written: str) -> None:
    given: Any = {field: written}
    line = to_line(replace(ENTRY, **given))
    assert b"12097" not in line and b"***" in line


@pytest.mark.parametrize("client", ["6a1f7b9e-0000-4000-8000-148348120971", "12345678901", "310123455"])
def test_a_client_whose_id_only_looks_like_a_number_keeps_it(client: str) -> None:
    assert from_line(to_line(replace(ENTRY, client=client))).client == client


@pytest.mark.parametrize("code", ["14834812097", "stille fjellbekk", "", "%", "a" * 17])
def test_what_is_no_service_code_is_not_repeated(code: str) -> None:
    assert from_line(to_line(replace(ENTRY, service_codes=("ta", code)))).service_codes == ("ta", "?")


@pytest.mark.parametrize("tenant", ["", "31012345", "310123455 ", "../tenants"])
def test_an_entry_belongs_to_a_municipality(tenant: str) -> None:
    with pytest.raises(ValueError, match="organisation number"):
        to_line(replace(ENTRY, tenant=tenant))


# The table


@dataclass(slots=True)
class Instance:
    """What one worker of the app has."""

    table: TableClient
    log: AuditLog

    async def rows(self, tenant: str) -> list[Row]:
        return [row async for row in self.log.read(tenant)]

    async def entries(self, tenant: str) -> list[Entry]:
        return [entry for row in await self.rows(tenant) for entry in row.entries]


@asynccontextmanager
async def instance(storage: str) -> AsyncIterator[Instance]:
    account = Account(Settings.from_env({"AzureWebJobsStorage": storage, "HUB_PATIENT_KEY": "k" * 32}))
    await account.prepare([TABLE], [])
    table = account.table(TABLE)
    try:
        yield Instance(table, AuditLog(table))
    finally:
        await account.close()


def alone(storage: str, work: Callable[[Instance], Awaitable[Found]]) -> Found:
    """`work` done by the only instance that there is."""

    async def run() -> Found:
        async with instance(storage) as hub:
            return await work(hub)

    return asyncio.run(run())


@pytest.fixture(name="tenant")
def _tenant() -> str:
    """A municipality of the test's own."""
    return str(random.SystemRandom().randrange(310_000_000, 319_999_999))


def test_an_entry_that_was_written_is_read(storage: str, tenant: str) -> None:
    async def work(hub: Instance) -> tuple[list[Entry], Head | None]:
        await hub.log.write(entry(1, tenant))
        await hub.log.write(entry(2, tenant))
        return await hub.entries(tenant), await hub.log.head(tenant)

    entries, head = alone(storage, work)
    assert entries == [entry(1, tenant), entry(2, tenant)]
    assert head and head.rows == 2


def test_entries_that_come_at_once_share_their_rows(storage: str, tenant: str) -> None:
    async def work(hub: Instance) -> tuple[list[Row], list[Entry]]:
        await asyncio.gather(*(hub.log.write(entry(number, tenant)) for number in range(64)))
        return await hub.rows(tenant), await hub.entries(tenant)

    rows, entries = alone(storage, work)
    assert len(rows) <= 3
    assert entries == [entry(number, tenant) for number in range(64)], "the order of arrival"
    assert verify(tenant, rows) == []


def test_two_instances_write_one_unbroken_chain_and_lose_nothing(storage: str, tenant: str) -> None:
    async def run() -> tuple[list[Row], list[Entry], Head | None]:
        async with instance(storage) as first, instance(storage) as second:

            async def send(hub: Instance, start: int) -> None:
                for number in range(start, start + 10):
                    await hub.log.write(entry(number, tenant))

            await asyncio.gather(*(send((first, second)[sender % 2], sender * 10) for sender in range(16)))
            return await first.rows(tenant), await second.entries(tenant), await second.log.head(tenant)

    rows, entries, head = asyncio.run(run())
    assert head and verify(tenant, rows, [("the tail", head)]) == []
    assert sorted(one.correlation for one in entries) == sorted(entry(number, tenant).correlation for number in range(160))


def test_a_row_that_stands_is_never_written_again(storage: str, tenant: str) -> None:
    async def stamps(hub: Instance) -> dict[str, str]:
        found = hub.table.query_entities("PartitionKey eq @tenant", parameters={"tenant": tenant})
        return {row["RowKey"]: str(row.metadata["etag"]) async for row in found}

    async def work(hub: Instance) -> tuple[dict[str, str], dict[str, str]]:
        await hub.log.write(entry(1, tenant))
        before = await stamps(hub)
        for number in range(2, 5):
            await hub.log.write(entry(number, tenant))
        return before, await stamps(hub)

    before, after = alone(storage, work)
    assert before.keys() == {"tail", "e~000000000000"} and len(after) == 5
    assert before["e~000000000000"] == after["e~000000000000"]


def test_a_write_whose_answer_was_lost_stands_once(storage: str, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sends it again, with the ETag of before, and hears 412."""

    async def twice(table: TableClient, operations: Sequence[Operation]) -> list[str]:
        await submit(table, operations)
        return await submit(table, operations)

    async def work(hub: Instance) -> tuple[list[Row], list[Entry]]:
        await hub.log.write(entry(1, tenant))
        with monkeypatch.context() as patch:
            patch.setattr("shared.storage.audit_log.submit", twice)
            await hub.log.write(entry(2, tenant))
        await hub.log.write(entry(3, tenant))
        return await hub.rows(tenant), await hub.entries(tenant)

    rows, entries = alone(storage, work)
    assert verify(tenant, rows) == []
    assert entries == [entry(number, tenant) for number in (1, 2, 3)]


def test_a_write_whose_answer_was_lost_stands_once_even_if_another_instance_went_on(
    storage: str, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> tuple[list[Row], list[Entry]]:
        async with instance(storage) as first, instance(storage) as second:

            async def overtaken(table: TableClient, operations: Sequence[Operation]) -> list[str]:
                monkeypatch.setattr("shared.storage.audit_log.submit", submit)
                await submit(table, operations)
                for number in (2, 3):
                    await second.log.write(entry(number, tenant))
                return await submit(table, operations)

            await first.log.write(entry(0, tenant))
            monkeypatch.setattr("shared.storage.audit_log.submit", overtaken)
            await first.log.write(entry(1, tenant))
            await first.log.write(entry(4, tenant))
            return await first.rows(tenant), await first.entries(tenant)

    rows, entries = asyncio.run(run())
    assert verify(tenant, rows) == []
    assert entries == [entry(number, tenant) for number in range(5)]


def test_a_write_that_failed_is_told_and_the_next_one_goes_on(storage: str, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(table: TableClient, operations: Sequence[Operation]) -> list[str]:
        raise ServiceResponseError("the connection was cut")

    async def work(hub: Instance) -> tuple[list[BaseException | None], list[Row], list[Entry]]:
        await hub.log.write(entry(1, tenant))
        with monkeypatch.context() as patch:
            patch.setattr("shared.storage.audit_log.submit", down)
            told = await asyncio.gather(*(hub.log.write(entry(number, tenant)) for number in (2, 3)), return_exceptions=True)
        await hub.log.write(entry(4, tenant))
        return told, await hub.rows(tenant), await hub.entries(tenant)

    told, rows, entries = alone(storage, work)
    assert [type(one) for one in told] == [ServiceResponseError, ServiceResponseError]
    assert verify(tenant, rows) == [] and entries == [entry(1, tenant), entry(4, tenant)]


def test_a_write_that_failed_and_stands_all_the_same_forks_nothing(storage: str, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut(table: TableClient, operations: Sequence[Operation]) -> list[str]:
        await submit(table, operations)
        raise ServiceResponseError("the connection was cut")

    async def work(hub: Instance) -> tuple[list[Row], list[Entry]]:
        await hub.log.write(entry(1, tenant))
        with monkeypatch.context() as patch:
            patch.setattr("shared.storage.audit_log.submit", cut)
            with pytest.raises(AzureError):
                await hub.log.write(entry(2, tenant))
        await hub.log.write(entry(3, tenant))
        return await hub.rows(tenant), await hub.entries(tenant)

    rows, entries = alone(storage, work)
    assert verify(tenant, rows) == [] and entries == [entry(number, tenant) for number in (1, 2, 3)]


def test_a_caller_that_gives_up_keeps_nobody_from_writing(storage: str, tenant: str) -> None:
    async def work(hub: Instance) -> list[Entry]:
        impatient = asyncio.create_task(hub.log.write(entry(1, tenant)))
        patient = asyncio.create_task(hub.log.write(entry(2, tenant)))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        return await hub.entries(tenant)

    assert entry(2, tenant) in alone(storage, work)


def test_nothing_is_written_behind_a_chain_whose_tail_was_removed(storage: str, tenant: str) -> None:
    async def work(hub: Instance) -> list[Row]:
        await hub.log.write(entry(1, tenant))
        await hub.table.delete_entity(tenant, "tail")
        for _ in range(2):
            with pytest.raises(BrokenChain, match="hub audit verify"):
                await hub.log.write(entry(2, tenant))
        return await hub.rows(tenant)

    assert len(alone(storage, work)) == 1


def test_nothing_is_written_where_somebody_put_a_row_of_his_own(storage: str, tenant: str) -> None:
    async def work(hub: Instance) -> None:
        await hub.log.write(entry(1, tenant))
        await hub.table.create_entity({"PartitionKey": tenant, "RowKey": "e~000000000001", "hash": "f" * 64})
        with pytest.raises(BrokenChain):
            await hub.log.write(entry(2, tenant))

    alone(storage, work)


def test_a_tail_that_was_touched_but_not_changed_is_no_matter(storage: str, tenant: str) -> None:
    """As after a table was restored: its ETag is another."""

    async def work(hub: Instance) -> list[Row]:
        await hub.log.write(entry(1, tenant))
        await hub.table.update_entity({"PartitionKey": tenant, "RowKey": "tail", "restored": True})
        await hub.log.write(entry(2, tenant))
        return await hub.rows(tenant)

    assert verify(tenant, alone(storage, work)) == []


@pytest.mark.parametrize("damage", [{"b00": b"garbage"}, {"b00": "text"}, {"hash": 5}, {"previous": ""}])
def test_a_row_that_was_damaged_is_read_and_told(storage: str, tenant: str, damage: dict[str, object]) -> None:
    async def work(hub: Instance) -> list[Row]:
        await hub.log.write(entry(1, tenant))
        await hub.table.update_entity({"PartitionKey": tenant, "RowKey": "e~000000000000", **damage})
        return await hub.rows(tenant)

    assert verify(tenant, alone(storage, work))


@pytest.mark.parametrize("name", ["e~7", "e~x", "e~00000000000a"])
def test_a_row_with_a_name_of_its_own_is_told(storage: str, tenant: str, name: str) -> None:
    async def work(hub: Instance) -> list[Row]:
        await hub.log.write(entry(1, tenant))
        await hub.table.create_entity({"PartitionKey": tenant, "RowKey": name})
        return await hub.rows(tenant)

    assert any("inserted or moved" in problem for problem in verify(tenant, alone(storage, work)))


def test_every_chain_is_listed_with_its_end(storage: str, tenant: str) -> None:
    async def work(hub: Instance) -> tuple[list[str], list[Head], Head | None]:
        await hub.log.write(entry(1, tenant))
        return await hub.log.tenants(), await hub.log.heads(), await hub.log.head(tenant)

    tenants, heads, head = alone(storage, work)
    assert tenant in tenants and head in heads


def test_a_municipality_without_a_log_has_no_head(storage: str, tenant: str) -> None:
    async def work(hub: Instance) -> tuple[Head | None, list[Row]]:
        return await hub.log.head(tenant), await hub.rows(tenant)

    assert alone(storage, work) == (None, [])


def test_many_large_entries_are_spread_over_rows_that_fit(storage: str, tenant: str) -> None:
    patients = tuple(os.urandom(16).hex() for _ in range(8_000))  # 280 kB a line, of which half can be compressed

    async def work(hub: Instance) -> list[Row]:
        await asyncio.gather(*(hub.log.write(replace(entry(number, tenant), patients=patients)) for number in range(5)))
        return await hub.rows(tenant)

    rows = alone(storage, work)
    assert sum(len(row.entries) for row in rows) == 5 and verify(tenant, rows) == []


# Nobody changes it


def test_the_log_has_no_way_to_change_an_entry() -> None:
    assert {name for name in vars(AuditLog) if not name.startswith("_")} == {"write", "read", "head", "tenants", "chains", "heads"}


def test_only_the_tail_is_ever_replaced_and_nothing_deleted() -> None:
    tree = ast.parse((SHARED / "storage" / "audit_log.py").read_text())
    called = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    changing = ("replace", "put", "merge", "delete", "update_entity", "upsert_entity", "delete_entity", "delete_table")
    assert sorted(call for call in called if call.partition("(")[0].rpartition(".")[2] in changing) == [
        "replace(_tail_row(head), tail.etag)",
        "self._table.upsert_entity(key(_TENANTS, head.tenant))",
    ]


def test_nobody_else_has_the_table_in_hand() -> None:
    """The name stands where tables are created and handed out, and nowhere else."""
    texts = {file.relative_to(SHARED).as_posix(): file.read_text() for file in SHARED.rglob("*.py")}
    named = [name for name, text in texts.items() for node in ast.walk(ast.parse(text)) if _is_text(node, "audit")]
    assert sorted(set(named)) == ["hub.py"]
    assert [name for name, text in texts.items() if "table(AUDIT)" in text and name != "hub.py"] == []


def _is_text(node: ast.AST, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text
