"""Who may administer: how long access lasts, and `./hub people`, by which the first one is let in."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from local.audit_words import table
from local.helseid import serving
from local.messages import opened
from local.people_command import main
from local.running import page
from shared.access.entry import Entry
from shared.access.patient import patient_key
from shared.access.people import DAY, LONGEST, UNUSED, Role, User, acceptable, from_data, person_key, to_data
from shared.admin import roll
from shared.domain.event import Person
from shared.domain.person import SYSTEMS, Kind
from shared.fhir.audit_event import PERSON, audit_events
from shared.hub import Hub
from shared.storage.register_rows import write_tenant
from tests.test_transform import municipality

NUMBER, OTHER = "31929950081", "29826050002"
KEY = "k" * 40
NOW = 1_795_348_800.0
USER = User(Role.ADMINISTER, "Lun Havbris", NOW, NOW + LONGEST)


@pytest.mark.parametrize(
    ("user", "ended"),
    [
        (USER, ""),
        (replace(USER, until=NOW), "has run out"),
        (replace(USER, since=NOW - UNUSED), "was not used for three months"),
        (replace(USER, since=NOW - UNUSED, used=NOW - DAY), ""),
        (replace(USER, since=NOW - UNUSED - DAY, used=NOW - UNUSED), "was not used for three months"),
    ],
)
def test_access_ends_with_its_time_or_when_nobody_uses_it(user: User, ended: str) -> None:
    assert user.ended(NOW) == ended


def test_a_person_is_another_in_each_municipality_and_no_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (person_key(KEY.encode(), orgnr, NUMBER) for orgnr in ("310123455", "310999991"))
    patient = patient_key(KEY.encode(), "310123455", Person(SYSTEMS[Kind.FNR], NUMBER))
    assert len({one, other, patient}) == 3 and re.fullmatch("[a-p]{32}", one)
    assert from_data(to_data({one: USER})) == {one: USER} and "Lun" not in repr(USER)


@pytest.mark.parametrize(
    ("number", "environment", "taken"),
    [(NUMBER, "test", True), (NUMBER, "production", False), (NUMBER, "any", True), ("12345678901", "any", False), ("", "any", False)],
)
def test_an_environment_takes_its_own_people_only(number: str, environment: str, taken: bool) -> None:
    assert acceptable(number, environment) is taken


@dataclass(frozen=True, slots=True)
class Desk:
    """A storage with one municipality, and a keyboard."""

    storage: str
    tenant: str
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    issuer: str = ""

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[Hub]:
        async with opened({"AzureWebJobsStorage": self.storage, "HUB_ENVIRONMENT": "test"}, KEY) as hub:
            yield hub

    def run(self, *argv: str, typed: str = NUMBER) -> tuple[int, str, str]:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        code = main(argv, self.hub, self.issuer)
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def add(self, role: str = "administer", *more: str, typed: str = NUMBER) -> tuple[int, str, str]:
        return self.run("add", self.tenant, "--role", role, "--name", "Lun Havbris", "--as", "kari", *more, typed=typed)

    def kept(self) -> tuple[Any, list[Entry]]:
        async def work() -> tuple[Any, list[Entry]]:
            async with self.hub() as hub:
                entries = [entry async for row in hub.audit.read(self.tenant) for entry in row.entries]
                return await roll.read(hub, self.tenant), entries

        return asyncio.run(work())


@pytest.fixture
def desk(storage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    tenant = municipality("http://127.0.0.1:9", 1, True)
    made = Desk(storage, tenant.orgnr, monkeypatch, capsys)

    async def register() -> None:
        async with made.hub() as hub:
            await write_tenant(hub.account.table("register"), tenant)

    asyncio.run(register())
    return made


def test_somebody_is_let_in_listed_and_shut_out_and_each_stands_in_the_log(desk: Desk) -> None:
    code, out, _ = desk.add()
    [(key, user)] = desk.kept()[0].items()
    assert code == 0 and out.startswith(f"{key} får administrere til ") and (user.role, user.name) == (Role.ADMINISTER, "Lun Havbris")
    assert re.search(rf"{key} +administrere +Lun Havbris +[\d.]+ +aldri +ja", desk.run("list", desk.tenant)[1])
    assert desk.run("remove", desk.tenant, key, "--as", "kari")[0] == 0
    people, entries = desk.kept()
    assert people == {} and [(one.who, one.action) for one in entries] == [("kari", "people.put"), ("kari", "people.remove")]
    assert "Lun" not in repr(entries) and NUMBER not in repr(entries)


@pytest.mark.parametrize(
    ("argv", "typed", "code"),
    [
        (("add", "12345678", "--role", "follow", "--name", "x"), NUMBER, 2),
        (("add", "{}", "--role", "king", "--name", "x"), NUMBER, 2),
        (("add", "{}", "--role", "follow", "--name", NUMBER), NUMBER, 2),
        (("add", "{}", "--role", "follow", "--name", "x", "--until", "2099-01-01"), NUMBER, 1),
        (("add", "{}", "--role", "follow", "--name", "x"), "12345678901", 1),
        (("add", "{}", "--role", "follow", "--name", "x"), "", 1),
        (("add", "310999991", "--role", "follow", "--name", "x"), NUMBER, 1),
        (("remove", "{}", "nobody"), NUMBER, 1),
        (("headers", "GET", "http://127.0.0.1:9/x"), NUMBER, 1),
    ],
)
def test_what_cannot_be_is_told_without_a_number(desk: Desk, argv: tuple[str, ...], typed: str, code: int) -> None:
    found, out, said = desk.run(*(word.format(desk.tenant) for word in argv), typed=typed)
    assert found == code and said and NUMBER not in out + said
    assert desk.kept() == ({}, [])


def test_the_sandbox_gives_a_token_to_whoever_is_named(desk: Desk) -> None:
    with serving([dict(page())]) as issuer:
        code, out, _ = replace(desk, issuer=issuer.url).run("headers", "GET", "http://127.0.0.1:9/x")
        assert code == 0 and re.fullmatch(r"Authorization: DPoP \S+\nDPoP: \S+\n", out)
        for wrong in ({}, {"client_id": "operators", "pid": NUMBER}, {"client_id": "x", "pid": NUMBER, "jkt": "x"}):
            assert requests.post(f"{issuer.url}/_sandbox/person", json=wrong, timeout=10).status_code == 400


def test_the_log_says_in_bokmaal_and_in_fhir_who_had_logged_in() -> None:
    key = person_key(KEY.encode(), "310123455", NUMBER)
    entry = Entry(NOW, "00000000-0000-4000-8000-000000000000", "310123455", "", "", "page", "people.put", (), (), 200, "")
    done = replace(entry, who=f"administer_users:{key}", message="follow:abc")
    refused = replace(entry, who=f"unknown:{key}", action="messages.delete", status=403)
    told = table([done, refused])
    assert re.search(rf"{key[:8]} \(administrerer brukere\) +Ga tilgang: follow:abc +– +– +OK", told)
    assert re.search(rf"{key[:8]} \(uten tilgang\) +Slettet +– +– +avvist: HTTP 403", told)
    [event] = audit_events(done, 0, 0)
    assert event["agent"][0]["who"]["identifier"] == {"system": PERSON, "value": f"administer_users:{key}"}
    assert event["type"]["code"] == "110100"
