"""A hub with an admin API, two municipalities, and people who call it as a page would: with a token of the sandbox issuer and a proof."""

import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from joserfc.jwk import ECKey

from local.helseid import dpop_proof, new_client, serving
from local.helseid.server import LEVEL, PID
from local.processes import free_ports
from shared.access.entry import Entry
from shared.access.people import DAY, Role, User, person_key, to_data
from shared.access.permission import ACTIONS
from shared.admin import door
from shared.admin.door import Asked, Guest
from shared.hub import Hub
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.audit_log import AuditLog
from shared.storage.records import Records
from tests.running import PATIENCE, PREFIX, THEIRS, VKP_ID, Running, Town, example, hub_running, wire
from tests.test_silence import numbers

KEY = "a-key-of-these-tests-that-is-long-enough"
SCOPE = "knutepunkt:admin/use"
NAME = "Lun Havbris"
Json = dict[str, Any]


@dataclass(slots=True)
class Person:
    """Somebody who has logged in. `claims`: what their token says instead."""

    hub: Running
    number: str
    claims: Mapping[str, Any] = field(default_factory=dict)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))

    def token(self) -> str:
        usual = {PID: self.number, LEVEL: "4", "aud": "knutepunkt:admin", "scope": [SCOPE], "cnf": {"jkt": self.key.thumbprint()}}
        return self.hub.issuer.mint({**usual, **self.claims})

    def headers(self, method: str, url: str) -> dict[str, str]:
        token = self.token()
        return {"Authorization": f"DPoP {token}", "DPoP": dpop_proof(self.key, method, url, token)}

    def call(self, method: str, path: str, body: Any = None, **headers: str | None) -> requests.Response:
        """`path`: behind the API's address. A header is given as content_encoding="gzip"; None leaves it out."""
        url = f"{self.hub.url}/api/admin/v1/{path}"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return wire().request(method, url, data=data, headers={**self.headers(method, url), **given}, timeout=PATIENCE)

    def user(self, town: Town) -> str:
        """Their id there."""
        return person_key(KEY.encode(), town.orgnr, self.number)


@dataclass(slots=True)
class Place:
    """`home` and `next`: two municipalities, each with a message that its journal has refused."""

    hub: Running
    home: Town
    next: Town
    message: Mapping[str, str]
    numbers: Iterator[str]
    people: list[Person] = field(default_factory=list)

    def person(self, role: Role | None = None, town: Town | None = None, **access: float) -> Person:
        """Somebody nobody has met. `access`: days until it ends, and since when it was used."""
        one = Person(self.hub, next(self.numbers))
        self.people.append(one)
        if role:
            asyncio.run(self._let_in(town or self.home, one, role, access))
        return one

    async def _let_in(self, town: Town, one: Person, role: Role, access: Mapping[str, float]) -> None:
        account = Account(_settings(self.hub))
        rows = Records(account.table("admin"))
        record = await rows.read(town.orgnr, "people")
        now = time.time()
        user = User(role, NAME, now - access.get("since", 0.0) * DAY, now + access.get("days", 30.0) * DAY)
        assert await rows.write(record.with_data({**record.data, **to_data({one.user(town): user})}))
        await account.close()


def _settings(hub: Running) -> Settings:
    return Settings.from_env({"AzureWebJobsStorage": hub.storage, "HUB_PATIENT_KEY": KEY})


def entries(town: Town) -> list[Entry]:
    """Of people, in a municipality's audit log."""

    async def read() -> list[Entry]:
        account = Account(_settings(town.hub))
        try:
            rows = AuditLog(account.table("audit")).read(town.orgnr)
            return [entry async for row in rows for entry in row.entries if entry.who]
        finally:
            await account.close()

    return asyncio.run(read())


def rows_of_admin(place: Place) -> str:
    """All that storage keeps of people and jobs."""

    async def read() -> str:
        account = Account(_settings(place.hub))
        try:
            return repr(await Records(account.table("admin")).all())
        finally:
            await account.close()

    return asyncio.run(read())


@pytest.fixture(scope="module")
def place(accounts: Iterator[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    private, row = new_client("national", VKP_ID, [f"{PREFIX}{action}" for action in ACTIONS])
    [port] = free_ports(1)
    with serving([row]) as issuer:
        settings = {
            "PORT": str(port),
            "HUB_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "HUB_ADMIN": json.dumps([{"issuer": issuer.url}]),
            "HUB_PATIENT_KEY": KEY,
        }
        with hub_running(next(accounts), tmp_path_factory.mktemp("admin"), issuer, private, settings) as hub:
            home, other = hub.town(), hub.town(own=THEIRS)
            for town in (home, other):
                town.tell_journal("refuse")
            message = {town.orgnr: town.sent("tenovi", example("tenovi", "weight-in-pounds.json")) for town in (home, other)}
            for town in (home, other):
                assert (told := town.until_settled(message[town.orgnr]))["status"] == "parked", told
            chance = random.Random(4)  # noqa: S311 -- the same people on every run
            yield Place(hub, home, other, message, numbers(chance))


@pytest.fixture
def let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests without HTTP, where a header says who it is: who gets in is another test's business (test_admin)."""

    async def admitted(_hub: Hub, asked: Asked, guest: Guest, _roles: Any) -> None:
        guest.key, guest.role, guest.person = "abc", "administer", asked.headers.get("person", "")

    monkeypatch.setattr(door, "_admit", admitted)
