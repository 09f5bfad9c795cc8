"""`./hub audit`: what an operator and an auditor type, read and are told by the exit code; and that reading leaves its trace."""

import asyncio
import io
import json
import os
import random
import re
import zlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest
from azure.data.tables.aio import TableClient
from fhir.resources.R4B import get_fhir_model_class

from local.audit import opened, patient_key
from local.audit_command import main
from local.audit_words import table as worded
from shared.access import patient
from shared.access.entry import Entry
from shared.domain.event import Person
from shared.domain.person import SYSTEMS, Kind
from shared.errors import Unavailable
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.audit_log import AuditLog
from tests.test_audit import ENTRY
from tests.test_silence import FIRST, LAST, numbers

NOON = 1_795_000_000.0  # 2026-11-18 12:06:40 in Norway
KEY = b"k" * 40
STILLE = "14834812097"
OTHER = "310999991"
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Desk:
    """A storage with a table of its own, and a keyboard."""

    storage: str
    table: str
    monkeypatch: pytest.MonkeyPatch

    def log(self) -> AbstractAsyncContextManager[AuditLog]:
        return opened({"AzureWebJobsStorage": self.storage}, self.table)

    def run(self, *argv: str, typed: str = "", key: bytes = KEY) -> int:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return main(argv, self.log, key)

    def write(self, *entries: Entry) -> None:
        async def work() -> None:
            async with self.log() as log:
                for entry in entries:
                    await log.write(entry)

        asyncio.run(work())

    def entries(self, tenant: str = ENTRY.tenant) -> list[Entry]:
        async def work() -> list[Entry]:
            async with self.log() as log:
                return [entry async for row in log.read(tenant) for entry in row.entries]

        return asyncio.run(work())

    def tamper(self, work: Callable[[TableClient], Awaitable[object]]) -> None:
        asyncio.run(_with_table(self, work))


async def _with_table(desk: Desk, work: Callable[[TableClient], Awaitable[Found]]) -> Found:
    account = Account(Settings.from_env({"AzureWebJobsStorage": desk.storage, "HUB_PATIENT_KEY": "k" * 32}))
    try:
        return await work(account.table(desk.table))
    finally:
        await account.close()


@pytest.fixture
def desk(storage: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(storage, f"audit{os.urandom(4).hex()}", monkeypatch)
    made.tamper(lambda table: table.create_table())
    return made


def key_of(number: str, tenant: str = ENTRY.tenant, system: str = SYSTEMS[Kind.FNR]) -> str:
    return patient.patient_key(KEY, tenant, Person(system, number))


def entry(number: int, **changed: Any) -> Entry:
    return replace(ENTRY, at=NOON + number, correlation=str(UUID(int=number)), **changed)


def exported(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# verify and anchor


def test_verify_of_whole_chains_says_how_long_they_are(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1), entry(2), entry(3, tenant=OTHER))
    assert desk.run("verify") == 0
    assert [re.sub("[0-9a-f]{64}", "HASH", line) for line in capsys.readouterr().out.splitlines()] == [
        "310123455: whole; 2 entries in 2 rows, head HASH",
        "310999991: whole; 1 entry in 1 row, head HASH",
    ]


def test_verify_of_a_log_without_entries_is_well(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run("verify") == 0
    assert capsys.readouterr().out == "there are no entries yet\n"


def test_verify_of_a_municipality_that_has_no_log_says_so(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1))
    assert desk.run("verify", OTHER) == 1
    assert capsys.readouterr().out == "310999991: there is no log of this municipality\n"


def test_verify_names_the_row_that_was_changed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1), entry(2), entry(3, tenant=OTHER))
    desk.tamper(lambda table: table.update_entity({"PartitionKey": ENTRY.tenant, "RowKey": "e~000000000001", "b00": b"garbage"}))
    assert desk.run("verify") == 1
    told = capsys.readouterr().out
    assert "310123455: NOT whole (1 found)" in told and "310999991: whole" in told
    assert "  row 1 was changed: its hash does not fit its entries\n" in told


def test_verify_finds_the_last_row_gone(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1), entry(2))
    desk.tamper(lambda table: table.delete_entity(ENTRY.tenant, "e~000000000001"))
    assert desk.run("verify", ENTRY.tenant) == 1
    assert "cut off: 1 row, the tail knew 2" in capsys.readouterr().out


@pytest.mark.parametrize("rows", ["1", "x"])
def test_verify_finds_a_tail_that_was_put_back(desk: Desk, rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1), entry(2))
    desk.tamper(lambda table: table.update_entity({"PartitionKey": ENTRY.tenant, "RowKey": "tail", "rows": rows}))
    assert desk.run("verify") == 1
    assert "it was changed or removed, or rows were put behind it" in capsys.readouterr().out


def test_verify_finds_a_tail_that_was_removed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1))
    desk.tamper(lambda table: table.delete_entity(ENTRY.tenant, "tail"))
    assert desk.run("verify") == 1
    assert "the tail knows 0 rows" in capsys.readouterr().out


def test_an_anchor_fits_a_chain_that_has_grown(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1))
    assert desk.run("anchor") == 0
    kept = tmp_path / "anchors"
    kept.write_text(capsys.readouterr().out)
    desk.write(entry(2))
    assert desk.run("verify", "--anchor", str(kept)) == 0


def test_a_chain_that_was_written_anew_does_not_fit_its_anchor(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1), entry(2))
    desk.run("anchor")
    kept = tmp_path / "anchors"
    kept.write_text(capsys.readouterr().out)
    desk.tamper(lambda table: _emptied(table))
    desk.write(entry(1, status=403), entry(2))
    assert (desk.run("verify"), desk.run("verify", "--anchor", str(kept))) == (0, 1)
    assert "the chain was written anew" in capsys.readouterr().out


def test_a_log_that_is_gone_altogether_is_missed_by_its_anchor(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1))
    desk.run("anchor")
    kept = tmp_path / "anchors"
    kept.write_text(capsys.readouterr().out)
    desk.tamper(lambda table: _emptied(table))
    assert desk.run("verify", "--anchor", str(kept)) == 1
    assert "cut off: 0 rows, the anchor of 2" in capsys.readouterr().out


async def _emptied(table: TableClient) -> None:
    found = [row async for row in table.list_entities(select=["PartitionKey", "RowKey"])]
    for row in found:
        await table.delete_entity(row["PartitionKey"], row["RowKey"])


@pytest.mark.parametrize("text", ["{}", "nothing", '{"tenant":"310123455","rows":"x","hash":"","at":""}', "[]"])
def test_a_file_that_holds_no_anchors_is_wrong_usage(desk: Desk, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "anchors"
    kept.write_text(f"\n{text}\n")
    assert desk.run("verify", "--anchor", str(kept)) == 2
    assert capsys.readouterr().err == f"hub audit: {kept}:2: is no line that ./hub audit anchor printed\n"


# export


def test_an_export_is_one_audit_event_a_line(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1), entry(2, patients=(key_of(STILLE), key_of("01815050130"))))
    assert desk.run("export", ENTRY.tenant, "--who", "k.nattugle") == 0
    events = exported(capsys)
    assert [event["action"] for event in events] == ["R", "R", "R", "R"]
    assert [event["type"]["code"] for event in events] == ["rest", "rest", "rest", "110101"], "the reading itself stands there too"
    for event in events:
        get_fhir_model_class("AuditEvent").model_validate(event)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here is always full")
def test_an_export_for_which_there_is_no_room_says_so(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write(entry(1))
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr("local.audit_command._opened", lambda _: full)
        assert desk.run("export", ENTRY.tenant, "--who", "k.nattugle") == 1
    assert capsys.readouterr().err == "hub audit: not all was read or written (No space left on device); try again\n"


def test_an_export_of_one_citizen_holds_nobody_else(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    mine, other = key_of(STILLE), key_of("01815050130")
    desk.write(entry(1, patients=(other,)), entry(2, patients=(other, mine)), entry(3, patients=(mine,)))
    assert desk.run("export", ENTRY.tenant, "--who", "k.nattugle", "--patient-from-stdin", typed=f"{STILLE}\n") == 0
    told = capsys.readouterr().out
    assert len(told.splitlines()) == 3 and told.count(mine) == 3 and other not in told
    assert '"code":"110101"' in told.splitlines()[2], "that the citizen's log was read"


@pytest.mark.parametrize("system", [SYSTEMS[Kind.FNR], "http://hl7.no/fhir/NamingSystem/FNR", ""])
def test_a_citizen_is_found_however_the_sender_wrote_the_system(desk: Desk, system: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1, patients=(key_of(STILLE, system=system),)))
    desk.run("export", ENTRY.tenant, "--who", "k.nattugle", "--patient-from-stdin", typed=STILLE)
    assert exported(capsys)[0]["type"]["code"] == "rest"


def test_a_citizen_is_found_by_the_journals_own_number(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1, patients=(key_of("4711", system="https://journal.example/patient"),)))
    typed = "https://journal.example/patient|4711"
    desk.run("export", ENTRY.tenant, "--who", "k.nattugle", "--patient-from-stdin", typed=typed)
    assert [event["type"]["code"] for event in exported(capsys)] == ["rest", "110101"]


def test_a_citizen_of_another_municipality_is_another(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1, patients=(key_of(STILLE, OTHER),)))
    desk.run("export", ENTRY.tenant, "--who", "k.nattugle", "--patient-from-stdin", typed=STILLE)
    assert [event["type"]["code"] for event in exported(capsys)] == ["110101"]


@pytest.mark.parametrize("typed", ["", "14834812098\n", "Stille Fjellbekk\n"])
def test_what_is_no_number_is_wrong_usage_and_not_repeated(desk: Desk, typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1))
    assert desk.run("export", ENTRY.tenant, "--who", "k.nattugle", "--patient-from-stdin", typed=typed) == 2
    told = capsys.readouterr()
    assert told.out == "" and "valid person number" in told.err and (not typed or typed.strip() not in told.err)
    assert len(desk.entries()) == 1, "nothing was read, so nothing is written"


def test_without_the_patient_key_no_citizen_can_be_looked_for(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run("export", ENTRY.tenant, "--who", "k.nattugle", "--patient-from-stdin", typed=STILLE, key=b"") == 2
    assert "HUB_PATIENT_KEY" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("span", "left"),
    [
        ([], [0, 60, 86_400]),
        (["--from", "2026-11-18T12:07:00+01:00"], [60, 86_400]),
        (["--to", "2026-11-18T12:07:00+01:00"], [0]),
        (["--from", "2026-11-19"], [86_400]),
        (["--from", "2026-11-18", "--to", "2026-11-19"], [0, 60]),
        (["--from", "2026-11-18T11:06:40Z", "--to", "2026-11-18T11:06:41Z"], [0]),
    ],
)
def test_an_export_holds_what_happened_in_its_span(
    desk: Desk, span: Sequence[str], left: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write(*(entry(at) for at in (0, 60, 86_400)))
    desk.run("export", ENTRY.tenant, "--who", "k.nattugle", *span)
    wanted = {f"urn:uuid:{UUID(int=at)}" for at in left}
    told = [line for event in exported(capsys) for line in re.findall(r"urn:uuid:00000000-0000[-0-9a-f]*", json.dumps(event))]
    assert sorted(told) == sorted(wanted)


def test_an_export_goes_into_a_new_file_that_only_its_owner_can_read(desk: Desk, tmp_path: Path) -> None:
    desk.write(entry(1))
    out = tmp_path / "log.ndjson"
    assert desk.run("export", ENTRY.tenant, "--who", "k.nattugle", "--out", str(out)) == 0
    assert len(out.read_text().splitlines()) == 2 and out.stat().st_mode & 0o777 == 0o600
    assert desk.run("export", ENTRY.tenant, "--who", "k.nattugle", "--out", str(out)) == 2
    assert len(out.read_text().splitlines()) == 2


def test_an_export_of_a_chain_that_is_not_whole_says_so(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1), entry(2))
    desk.tamper(lambda table: table.update_entity({"PartitionKey": ENTRY.tenant, "RowKey": "e~000000000000", "b00": b"garbage"}))
    assert desk.run("export", ENTRY.tenant, "--who", "k.nattugle") == 1
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2 and "not to be trusted" in told.err


def test_a_chain_that_was_taken_out_of_the_list_is_found_all_the_same(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1), entry(2))
    desk.tamper(lambda table: table.delete_entity("tenants", ENTRY.tenant))
    assert desk.run("verify") == 1
    told = capsys.readouterr().out
    assert f"{ENTRY.tenant}: whole; 2 entries" in told and "not in the list of chains" in told
    desk.tamper(lambda table: table.delete_entity(ENTRY.tenant, "tail"))
    assert desk.run("verify") == 1
    assert "NOT whole" in capsys.readouterr().out


# show


def test_show_is_a_table_in_norwegian(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(
        entry(0, count=3),
        entry(1, action="bundle.write", service_codes=(), status=202, patients=()),
        entry(2, status=403, code="1.3", patients=(key_of(STILLE), key_of("1"), key_of("2"))),
    )
    assert desk.run("show", ENTRY.tenant, "--who", "k.nattugle") == 0
    found = [re.split(r" {2,}", line) for line in capsys.readouterr().out.splitlines()]
    assert [row.pop() for row in found] == ["Korrelasjons-id", *(entry(at).correlation for at in range(3))]
    assert found == [
        ["Tid", "Hvem", "Hva", "Gjelder", "Tjenestekoder", "Utfall"],
        [
            "18.11.2026 12:06:40",
            "dispensers (Leverandør_System_Kommune)",
            "Slo opp personopplysninger",
            "01234567",
            "md, ta",
            "OK, 3 treff",
        ],
        ["18.11.2026 12:06:41", "dispensers (Leverandør_System_Kommune)", "Sendte dokument", "–", "–", "mottatt"],
        [
            "18.11.2026 12:06:42",
            "dispensers (Leverandør_System_Kommune)",
            "Slo opp personopplysninger",
            f"{key_of(STILLE)[:8]}, {key_of('1')[:8]} og 1 til",
            "md, ta",
            "avvist: ikke oppfylt tjenstlig behov (1.3)",
        ],
    ]


def test_show_tells_of_one_citizen(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(0), entry(1, patients=(key_of("1"), key_of(STILLE))), entry(2, patients=(key_of("2"),)))
    assert desk.run("show", ENTRY.tenant, "--who", "k.nattugle", "--patient-from-stdin", typed=STILLE) == 0
    told = capsys.readouterr().out
    assert [line[17:19] for line in told.splitlines()[1:]] == ["41"] and STILLE not in told


def test_show_tells_the_latest(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(*(entry(number) for number in range(5)))
    desk.run("show", ENTRY.tenant, "--who", "k.nattugle", "--last", "2")
    assert [line[17:19] for line in capsys.readouterr().out.splitlines()[1:]] == ["43", "44"]


def test_who_looked_stands_in_what_is_shown_next(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(entry(1))
    desk.run("show", ENTRY.tenant, "--who", "k.nattugle", "--last", "1")
    assert "k.nattugle" not in capsys.readouterr().out
    desk.run("show", ENTRY.tenant, "--who", "revisor@kommune.example", "--last", "1")
    assert "k.nattugle (oppgitt)  Leste denne loggen: show, last 1" in capsys.readouterr().out
    assert [(one.action, one.who) for one in desk.entries()[1:]] == [
        ("audit.read", "k.nattugle"),
        ("audit.read", "revisor@kommune.example"),
    ]


def test_a_terminal_is_not_told_what_to_do() -> None:
    assert "\x1b" not in worded([replace(ENTRY, vkp_id="\x1b[2J\x07")])


def test_what_failed_is_told_from_what_was_refused() -> None:
    assert worded([replace(ENTRY, status=504, code="3.1")]).endswith(f"feilet: time out (3.1)  {ENTRY.correlation}")


def test_what_has_no_words_of_ours_is_told_in_its_own() -> None:
    assert "purge observation" in worded([replace(ENTRY, action="observation.purge", status=418, code="")])


# no entry, no answer; usage


@pytest.mark.parametrize("what", ["show", "export"])
def test_what_cannot_be_written_down_is_not_shown(
    desk: Desk, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write(entry(1))
    desk.tamper(lambda table: table.create_entity({"PartitionKey": ENTRY.tenant, "RowKey": "e~000000000001"}))
    assert desk.run(what, ENTRY.tenant, "--who", "k.nattugle") == 1
    told = capsys.readouterr()
    assert told.out == "" and "the chain is broken, so nothing was shown" in told.err


@pytest.mark.parametrize("what", ["show", "export"])
def test_a_municipality_without_a_log_does_not_get_one_by_being_looked_for(
    desk: Desk, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.run(what, ENTRY.tenant, "--who", "k.nattugle") == 1
    assert "there is no log of this municipality" in capsys.readouterr().err and desk.entries() == []


def test_a_storage_that_no_hub_has_used_is_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.tamper(lambda table: table.delete_table())
    assert desk.run("verify") == 1
    assert "no hub has kept an audit log in this storage" in capsys.readouterr().err


def test_without_a_storage_one_sentence_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"], lambda: opened({})) == 1
    assert capsys.readouterr().err.endswith("start the hub with ./hub run, or name its storage in AzureWebJobsStorage\n")


def test_a_storage_that_does_not_answer_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def down() -> AbstractAsyncContextManager[AuditLog]:
        raise Unavailable("the hub's storage does not answer (ServiceRequestError)")

    assert main(["anchor"], down) == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["look"],
        ["show"],
        ["show", ENTRY.tenant],
        ["export", ENTRY.tenant],
        ["verify", "31012345"],
        ["show", ENTRY.tenant, "--who", "to ord"],
        ["show", ENTRY.tenant, "--who", STILLE],
        ["show", ENTRY.tenant, "--who", f"a{STILLE}"],
        ["show", ENTRY.tenant, "--who", "a.b", "--last", "0"],
        ["export", ENTRY.tenant, "--who", "a.b", "--from", "yesterday"],
        ["export", ENTRY.tenant, "--who", "a.b", "--from", "2026-11-18T08:00:00"],
        ["export", ENTRY.tenant, "--who", "a.b", "--to", "2026-02-30"],
        ["verify", "--anchor", "no-such-file"],
    ],
)
def test_wrong_usage_is_two_and_one_sentence(desk: Desk, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run(*argv) == 2
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1 and STILLE not in told.err


def test_the_callers_patient_key_goes_before_the_one_that_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "patient-key"
    assert patient_key({}, kept) == patient_key({}, None) == b""
    kept.write_text("kept")
    assert patient_key({}, kept) == b"kept" and patient_key({"HUB_PATIENT_KEY": "given"}, kept) == b"given"


# Nobody can be found


def test_two_hundred_citizens_stand_in_no_row_export_table_or_complaint(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers go in where a caller may write what he likes, and citizens are looked for and asked after in wrong places."""
    chance = random.Random(20261118)  # noqa: S311 -- the same on every run
    found = numbers(chance)
    seeded = [(next(found), f"{FIRST[n % 10]}{chance.getrandbits(24):06x} {LAST[n // 20]}") for n in range(200)]
    desk.write(*(_told(number, name, place) for place, (number, name) in enumerate(seeded)))
    argv = ("export", ENTRY.tenant, "--who", "k.nattugle")
    assert desk.run(*argv) == desk.run("show", ENTRY.tenant, "--who", "k.nattugle", "--last", "300") == desk.run("verify") == 0
    for number, name in seeded[:10]:
        desk.run(*argv, "--patient-from-stdin", typed=number)
        desk.run(*argv, "--patient-from-stdin", typed=name)
        desk.run("show", number, "--who", name)
        desk.run("show", ENTRY.tenant, "--who", number)
        desk.run("show", ENTRY.tenant, "--who", "k.nattugle", number)
        desk.run(number)
    told = "".join(capsys.readouterr()) + asyncio.run(_with_table(desk, _everything)) + str(desk.entries())
    assert len(told) > 200_000
    assert sum(number in told or name.partition(" ")[0].lower() in told.lower() for number, name in seeded) == 0


def _told(number: str, name: str, place: int) -> Entry:
    claims: Any = {field: f"cloud {number}" for field in ("sender", "vkp_id", "client")}
    return entry(place, patients=(key_of(number),), service_codes=(number, name.lower(), "ta"), **claims)


async def _everything(table: TableClient) -> str:
    """Each row's keys and columns; compressed lines as they are read by those who may."""
    rows = [dict(row) async for row in table.list_entities()]
    return "".join(f"{row}{zlib.decompress(row['b00']).decode() if 'b00' in row else ''}" for row in rows)
