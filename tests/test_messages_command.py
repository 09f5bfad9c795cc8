"""`./hub messages`: what an operator types, reads and is told by the exit code."""

import asyncio
import io
import os
import re
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from local import messages_many
from local.messages import opened
from local.messages_command import main
from shared.access.entry import Entry
from shared.domain.clock import OSLO
from shared.hub import Hub
from shared.storage.audit_log import AuditLog
from shared.storage.register_rows import write_tenant
from tests.test_forward import Behaviour, answering, down_for, journalled
from tests.test_transform import NOON, municipality, note

NUMBER = "14834812097"
DAY = datetime.fromtimestamp(NOON, OSLO).date().isoformat()


@dataclass(frozen=True, slots=True)
class Desk:
    """The storage of a hub with one municipality, and a keyboard."""

    storage: str
    tenant: str
    receipts: Sequence[str]
    capsys: pytest.CaptureFixture[str]

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[Hub]:
        async with opened({"AzureWebJobsStorage": self.storage, "HUB_ENVIRONMENT": "test"}) as hub:
            yield hub

    def run(self, *argv: str, hub: Any = None) -> tuple[int, str, str]:
        code = main(argv, hub or self.hub)
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def entries(self) -> list[Entry]:
        async def work() -> list[Entry]:
            async with self.hub() as hub:
                return [entry async for row in hub.audit.read(self.tenant) for entry in row.entries if entry.who]

        return asyncio.run(work())


def after(storage: str, capsys: pytest.CaptureFixture[str], count: int, behave: Behaviour) -> Desk:
    """A municipality from which so many notes were sent."""

    async def work() -> tuple[str, list[str]]:
        async with journalled(storage, behave) as (here, _):
            receipts = [await here.post(note(f"Hjertesvikt {number}", NUMBER)) for number in range(count)]
            await here.run()
            return here.tenant.orgnr, receipts

    tenant, receipts = asyncio.run(work())
    return Desk(storage, tenant, receipts, capsys)


def test_find_and_show_say_what_became_of_a_message_and_nothing_of_what_stands_in_it(
    storage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = after(storage, capsys, 1, down_for())
    code, table, _ = desk.run("find", desk.tenant, "--from", DAY)
    assert code == 0
    assert re.search(rf"{DAY[8:]}\.{DAY[5:7]}\.{DAY[:4]} \d\d:\d\d:\d\d  {re.escape(desk.receipts[0])}  levert", table)
    code, told, _ = desk.run("show", desk.receipts[0])
    assert code == 0 and "levert, svar 201" in told and "format vkp" in told
    for text in (table, told):
        assert NUMBER not in text and "Hjertesvikt" not in text


def test_a_search_without_a_time_is_of_the_last_day(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk = after(storage, capsys, 1, down_for())
    code, out, said = desk.run("find", desk.tenant, "--to", "2026-11-01")
    assert (code, out) == (1, "") and "fant ingen meldinger" in said


def test_show_takes_a_parcels_name_too(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk = after(storage, capsys, 1, answering(422))
    parcel = re.search(r"Levering +(\S+)", desk.run("show", desk.receipts[0])[1])
    assert parcel and desk.run("show", parcel[1])[1] == desk.run("show", desk.receipts[0])[1]
    assert desk.run("resend", parcel[1])[1] == "1 levering sendes på nytt\n"


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("find",),
        ("find", "12345678"),
        ("show", "310123455"),
        ("park", "310123455.cloud.routine.0.0"),
        ("delete", "310123455.cloud.routine.0.0", "--reason", f"gjelder {NUMBER}"),
        ("resend", "310123455", "--as", NUMBER),
        ("resend", "310123455", "--as", "kari.148348-12097"),
        ("resend", "310123455", "--as", "kari14834-81209-7"),
        ("resend", "310123455", "--reason", "gjelder 14834-81209-7"),
        ("resend", "310123455", "--state", "waiting"),
        ("find", "310123455", "--event", NUMBER),
        ("find", "310123455", "--from", "i går"),
    ],
)
def test_wrong_usage_is_told_without_repeating_a_number(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv, lambda: pytest.fail("no storage was needed")) == 2
    assert NUMBER not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (
            ("show", "310123455.scales.routin.42.0"),
            "en kvittering (310123455.scales.routine.42.0) eller en levering (310123455~gerica~alarm~02.1000)",
        ),
        (("stops", "310123455", "310123455.scales.routine.1234567.0"), "310123455.scales.routine.1234567.0"),
        (("stops", "310123455", "310123455~gerica~alarm~02.1.1234567000"), "310123455~gerica~alarm~02.1.1234567000"),
        (("stops", "310123455", "310123455.scales.rutine.42.0"), "310123455.scales.rutine.42.0"),
        (("stops", "310123455", f"310123455.scales.routine.{NUMBER}.x"), "310123455.scales.routine.***.x"),
        (("stops", "310123455", NUMBER), "arguments: ***"),
        (("stops", "310123455", f"{NUMBER}.a"), "arguments: ***.a"),
        (("stops", "310123455", f"{NUMBER}~a"), "arguments: ***~a"),
    ],
)
def test_ids_of_our_own_are_repeated_whole_and_other_long_numbers_are_not(
    argv: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv, lambda: pytest.fail("no storage was needed")) == 2
    assert told in (said := capsys.readouterr().err) and NUMBER not in said


def test_an_unknown_message_is_told_with_a_remedy(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(storage, "310123455", (), capsys)
    code, _, said = desk.run("show", "310123455.nobody.routine.0.0")
    assert code == 1 and "det finnes ingen slik melding" in said and "find" in said


def test_many_are_counted_before_they_are_sent_again_and_more_than_a_hundred_are_asked_about(
    storage: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages_many, "MANY", 3)
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody is at the keyboard
    desk = after(storage, capsys, 5, answering(422))
    assert desk.run("resend", desk.tenant, "--dry-run") == (0, "5 meldinger ville blitt berørt\n", "")
    code, _, said = desk.run("resend", desk.tenant)
    assert code == 2 and "ingenting er gjort" in said and desk.entries() == []
    assert desk.run("resend", desk.tenant, "--yes", "--as", "kari")[:2] == (0, "5 leveringer sendes på nytt\n")
    assert desk.run("resend", desk.tenant, "--dry-run")[1] == "0 meldinger ville blitt berørt\n"
    [entry] = desk.entries()
    assert (entry.who, entry.action, entry.count) == ("kari", "messages.resend", 5)


class Interrupting(AuditLog):
    """Somebody presses Ctrl-C while the first group is being done."""

    async def write(self, entry: Entry) -> None:
        await super().write(entry)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0)


def test_ctrl_c_stops_after_the_current_ones_and_the_same_command_goes_on(
    storage: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages_many, "GROUP", 2)
    desk = after(storage, capsys, 7, answering(422))

    @asynccontextmanager
    async def interrupted() -> AsyncIterator[Hub]:
        async with desk.hub() as hub:
            hub.audit = Interrupting(hub.account.table("audit"))
            yield hub

    code, out, _ = desk.run("park", desk.tenant, "--reason", "ingenting venter")
    assert code == 0 and out.startswith("ingenting å gjøre: ")
    code, out, _ = desk.run("resend", desk.tenant, hub=interrupted)
    assert code == 1 and "Stoppet etter 2 av 7 meldinger" in out
    assert desk.run("resend", desk.tenant)[:2] == (0, "5 leveringer sendes på nytt\n")
    assert sum(entry.count for entry in desk.entries()) == 7, "none twice"


def test_the_audit_log_tells_an_act_in_bokmaal(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    from local.audit_words import table

    desk = after(storage, capsys, 2, answering(422))
    desk.run("delete", desk.tenant, "--state", "parked", "--as", "kari", "--reason", "sendt til feil journal")
    [entry] = desk.entries()
    assert re.search(r"kari \(oppgitt\) +Slettet: \S+ og 1 til: sendt til feil journal", table([entry]))


def test_traffic_is_stopped_listed_and_started(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk = after(storage, capsys, 1, down_for())
    assert desk.run("stop", desk.tenant, "--endpoint", "journal", "--reason", "vedlikehold")[0] == 1, "it is not in the register"

    async def register() -> None:
        async with desk.hub() as hub:
            await write_tenant(hub.account.table("register"), replace(municipality("http://127.0.0.1:9", 1, True), orgnr=desk.tenant))

    asyncio.run(register())
    code, out, _ = desk.run("stop", desk.tenant, "--endpoint", "journal", "--reason", "vedlikehold", "--as", "kari")
    assert code == 0 and out.startswith("Det som skal til journal er stoppet")
    code, out, _ = desk.run("stop", desk.tenant, "--endpoint", "journal", "--reason", "feil", "--as", "ola")
    assert code == 0 and re.match(r"Det som skal til journal ble stoppet alt .* av kari: vedlikehold\. ", out)
    assert re.search(rf"{desk.tenant} +det som skal til journal +kari: vedlikehold", desk.run("stops", desk.tenant)[1])
    assert desk.run("start", desk.tenant, "--sender", "cloud")[0] == 1
    assert desk.run("start", desk.tenant, "--endpoint", "journal")[0] == 0
    assert desk.run("stops", desk.tenant)[1] == "ingenting er stoppet for hånd\n"
