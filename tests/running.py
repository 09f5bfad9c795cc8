"""The whole hub, running for tests: real storage emulator, real host, real sandbox journal, and municipalities made as they are needed.

Every `town` is a municipality of its own, with its own lines and journals: no test sees another's traffic, in whatever order they run.
Payloads are sent as senders send them, over HTTP; what became of them is asked for as senders ask, by their receipts.
"""

import asyncio
import json
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import requests

from local import signing
from local.helseid import SandboxIssuer, new_client, serving, token
from local.processes import Child, end, start
from local.register import TABLE
from shared.access.permission import ACTIONS
from shared.access.register_toml import parse
from shared.access.rows import Endpoint, Tenant
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.register_rows import write_tenant

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "adapters" / "devices"
STILLE, RUND, BLID, LUN = "14834812097", "01815050130", "29826050002", "31929950081"
NAMES = {STILLE: "Stille Fjellbekk", RUND: "Rund Myrstein", BLID: "Blid Skogstjern", LUN: "Lun Havbris"}
CONTROLLER = "https://knutepunkt.example/scaip/controller"
HWI_DEVICE = "https://knutepunkt.example/tenovi/hwi-device-id"
DEV_EUI = "https://knutepunkt.example/ttn/dev-eui"
ALARM_BUTTON, SCALE, SENSOR = "4700000101", "0f4c2a10-0000-4000-8000-000000000003", "FEEDFACE00000001"  # as in the adapters' examples
VKP_ID, PREFIX = "Eksempel_Respons", "nhn:vkp/api/user/"
EPJ = "Eksempel_EPJ"  # the vkp-id of a journal that fetches, where a town has SHELF
PATIENCE = 60.0  # seconds until what should come is called missing; a killed or lost message comes back within 30
STANDING_BY = ("received", "transformed")  # a receipt's words for "not yet"
SENDER = {"scaip": "bridge", "tenovi": "scales", "ttn": "sensors", "vkp": "dispensers"}  # who sends, where a test doesn't say
OURS, THEIRS = "TEST", "OTHER"  # whose secrets
MEDIA = {"scaip": "application/scaip+xml", "vkp": "application/fhir+json"}

_local = threading.local()
_LOUD = re.compile(r" (ERROR|CRITICAL) ")
_CALLED_FOR = re.compile(
    r'knutepunkt: \{"alarm": "(notice|parked|set aside on the alarm lane|the journal answered about another citizen|look-up not answered'
    r'|alarms not fetched in time)"'
)

REGISTER = """
[tenant]
orgnr = "{orgnr}"
name = "Eksempel kommune"

[[sender]]
name = "bridge"
title = "Trygghetsalarm"
adapters = ["scaip"]
auth = {{ scheme = "basic", user = "bridge", secrets = ["{own}_BRIDGE"] }}

[[sender]]
name = "scales"
title = "Hjemmemåling"
adapters = ["tenovi"]
auth = {{ scheme = "header", header = "X-Scales-Secret", secrets = ["{own}_SCALES"] }}

[[sender]]
name = "sensors"
title = "Digitalt tilsyn"
adapters = ["ttn"]
auth = {{ scheme = "header", header = "X-Sensors-Secret", secrets = ["{own}_SENSORS"] }}

[[sender]]
name = "dispensers"
title = "Medisindispenser"
adapters = ["vkp"]
auth = {{ scheme = "hmac", profile = "standard-webhooks", secrets = ["{own}_DISPENSERS", "{own}_DISPENSERS_NEXT"] }}

[[sender]]
name = "centre"
title = "Responssenter"
adapters = ["vkp", "tenovi", "ttn"]
auth = {{ scheme = "header", header = "X-Centre-Secret", secrets = ["{own}_CENTRE"] }}

[[sender]]
name = "former"
title = "Sagt opp"
adapters = ["vkp", "tenovi"]
auth = {{ scheme = "header", header = "X-Former-Secret", secrets = ["{own}_FORMER"] }}
active = false

[[sender]]
name = "national"
title = "Responssenter"
adapters = ["vkp"]
auth = {{ scheme = "token", vkp_id = "Eksempel_Respons" }}
resources = [{actions}]
service_codes = ["ta", "gps", "rt", "md", "dt", "dho"]

[[sender]]
name = "keyed"
title = "Responssenter"
auth = {{ scheme = "token", vkp_id = "Eksempel_Med_Nokkel", header = "Ocp-Apim-Subscription-Key", secrets = ["{own}_API_KEY"] }}
resources = ["patient.read"]
service_codes = ["ta"]

[[sender]]
name = "resting"
title = "Sagt opp"
auth = {{ scheme = "token", vkp_id = "Eksempel_Sagt_Opp" }}
resources = ["patient.read"]
service_codes = ["ta"]
active = false

[[service]]
code = "ta"
codes = ["6", "2.2.%"]

[[service]]
code = "gps"
codes = ["26"]

[[service]]
code = "rt"
codes = ["%"]

[[service]]
code = "dho"
codes = ["%"]

[lookup]
adapter = "fhir"
url = "${{JOURNAL_URL}}/{orgnr}-journal/fhir"

[[endpoint]]
name = "journal"
title = "Journal"
adapter = "bundle"
url = "${{JOURNAL_URL}}/{orgnr}-journal"
lines = 2

[[endpoint]]
name = "doctor"
title = "Lege"
adapter = "bundle"
url = "${{JOURNAL_URL}}/{orgnr}-doctor"
lines = 2

[[route]]
endpoint = "journal"

[[route]]
endpoint = "doctor"
adapters = ["tenovi"]
kinds = ["measurement"]
"""

SHELF = """
[[endpoint]]
name = "epj"
title = "EPJ"
adapter = "pull"
auth = {{ scheme = "token", vkp_id = "{vkp_id}" }}

[[route]]
endpoint = "epj"
"""

DEVICE = """
[[device]]
system = "{system}"
value = "{value}"
citizen = "{citizen}"
name = "{name}"
since = {since}
"""


def bound(system: str, value: str, citizen: str, since: str = "2024-01-01T00:00:00+01:00", until: str = "") -> str:
    """A line of the register: who has which device."""
    return DEVICE.format(system=system, value=value, citizen=citizen, name=NAMES[citizen], since=since) + (
        f"until = {until}\n" * bool(until)
    )


DEVICES = bound(CONTROLLER, ALARM_BUTTON, STILLE) + bound(HWI_DEVICE, SCALE, RUND) + bound(DEV_EUI, SENSOR, BLID)


def example(adapter: str, name: str) -> bytes:
    return (EXAMPLES / adapter / "examples" / name).read_bytes()


def until(there: Callable[[], Any], what: str) -> Any:
    """Asks until the answer is true, and gives it."""
    limit = time.monotonic() + PATIENCE
    while not (found := there()):
        assert time.monotonic() < limit, f"{what}: not within {PATIENCE:.0f} s"
        time.sleep(0.03)
    return found


@dataclass(frozen=True, slots=True)
class Running:
    """`storage`: the connection string. `secret`: values by the names that the register uses. `private`: the national sender's JWK."""

    url: str
    journal: str
    storage: str
    host: Child
    secret: Mapping[str, str]
    issuer: SandboxIssuer
    private: Mapping[str, Any]
    numbers: Iterator[int] = field(default_factory=lambda: count(310_100_000))

    def log(self) -> str:
        """All that the host has said."""
        return self.host.log.read_text(errors="replace")

    def faults(self) -> list[str]:
        """What went wrong inside: errors that nobody caught, poison, storage. Alarms that a payload or a journal calls for are none."""
        lines = (line for line in self.log().splitlines() if "Traceback" in line or _LOUD.search(line))
        return [line for line in lines if not _CALLED_FOR.search(line)]

    def town(self, devices: str = DEVICES, journal: str = "", own: str = OURS, **changes: Any) -> "Town":
        """A new municipality in the register. `journal`: another address for its endpoint `journal`, `lookup`: for its look-ups.
        `own`: whose secrets it has. `changes`: other fields of its row."""
        text = REGISTER.format(orgnr=next(self.numbers), own=own, actions=", ".join(f'"{action}"' for action in ACTIONS))
        tenant = parse(text + devices, "town.toml", None, {"JOURNAL_URL": self.journal})
        if journal:
            tenant = replace(tenant, endpoints=tuple(_led(endpoint, journal) for endpoint in tenant.endpoints))
        if "lookup" in changes and tenant.lookup:
            changes["lookup"] = replace(tenant.lookup, url=changes["lookup"])
        tenant = replace(tenant, **changes)
        asyncio.run(self._register(tenant))
        assert self.get("/api/health/ready").status_code == 200  # which reads the register
        return Town(self, tenant)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        return wire().get(self.url + path, headers=headers, timeout=PATIENCE)

    async def _register(self, tenant: Tenant) -> None:
        account = Account(Settings.from_env({"AzureWebJobsStorage": self.storage, "HUB_PATIENT_KEY": "k" * 40}))
        await account.prepare([TABLE], [])
        await write_tenant(account.table(TABLE), tenant)
        await account.close()


@dataclass(frozen=True, slots=True)
class Town:
    """A municipality: what may be done from outside with its senders' secrets, and what stands in its journals."""

    hub: Running
    tenant: Tenant

    @property
    def orgnr(self) -> str:
        return self.tenant.orgnr

    def path(self, adapter: str, resource: str = "bundle") -> str:
        return f"/epj/r4/{self.orgnr}/{resource}" if adapter == "vkp" else f"/api/v1/{self.orgnr}/{adapter}"

    def proof(self, sender: str, signed: bytes, secret: str = "") -> Mapping[str, str]:
        """The headers by which `sender` shows who it is. `secret`: the name of another one than its first."""
        auth = next(one.auth for one in self.tenant.senders if one.name == sender)
        return signing.headers(auth, self.hub.secret[secret or auth.secrets[0]], signed)

    def post(self, adapter: str, body: bytes, sender: str = "", resource: str = "bundle", **headers: str | None) -> requests.Response:
        """As the sender would. A header is given as content_encoding="gzip"; None leaves it out."""
        media = {"Content-Type": MEDIA.get(adapter, "application/json")}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {**media, **self.proof(sender or SENDER[adapter], body), **given}
        return wire().post(self.hub.url + self.path(adapter, resource), data=body, headers=_case_blind(named), timeout=PATIENCE)

    def sent(self, adapter: str, body: bytes, sender: str = "", resource: str = "bundle") -> str:
        """The receipt of a payload that is accepted."""
        answer = self.post(adapter, body, sender, resource)
        assert answer.status_code == 202, (answer.status_code, answer.text)
        return receipt_of(answer)

    def ask(self, receipt: str, sender: str = "") -> requests.Response:
        """What the hub tells about a receipt. `sender`: who asks; "" asks without credentials."""
        path = f"/api/v1/receipts/{receipt}"
        return self.hub.get(path, self.proof(sender, path.encode()) if sender else None)

    def bearer(self, *actions: str) -> dict[str, str]:
        """A token for these actions, or for all, from the issuer."""
        scopes = [f"{PREFIX}{action}" for action in actions or ACTIONS]
        got = token(wire(), self.hub.issuer.url, "national", self.hub.private, scopes)
        return {"Authorization": f"Bearer {got.access_token}"}

    def write(self, body: bytes, resource: str = "bundle", headers: Mapping[str, str] | None = None) -> requests.Response:
        """A national document, with a token."""
        given = self.bearer() if headers is None else headers
        return wire().post(f"{self.hub.url}/epj/r4/{self.orgnr}/{resource}", data=body, headers=given, timeout=PATIENCE)

    def search(
        self, resource: str, form: Any = None, codes: str | None = "ta", headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """A look-up, as known clients make it; `headers` instead of a good token."""
        given = {**(self.bearer() if headers is None else headers), **({"ServiceCodes": codes} if codes is not None else {})}
        return wire().post(f"{self.hub.url}/epj/r4/{self.orgnr}/{resource}/_search", data=form, headers=given, timeout=PATIENCE)

    def told(self, receipt: str) -> dict[str, Any]:
        """What its own sender is told."""
        answer = self.ask(receipt, receipt.split(".")[1])
        assert answer.status_code == 200, (answer.status_code, answer.text)
        found: dict[str, Any] = answer.json()
        return found

    def until_settled(self, receipt: str) -> dict[str, Any]:
        found: dict[str, Any] = until(lambda: (told := self.told(receipt))["status"] not in STANDING_BY and told, receipt)
        return found

    def all_settled(self, receipts: Iterable[str]) -> list[dict[str, Any]]:
        return [self.until_settled(receipt) for receipt in receipts]

    def settled(self, adapter: str, body: bytes, sender: str = "", resource: str = "bundle") -> dict[str, Any]:
        """Posts, and waits for the end."""
        return self.until_settled(self.sent(adapter, body, sender, resource))

    def notes(self, endpoint: str = "journal") -> list[dict[str, Any]]:
        """What stands in a journal, in the order it came."""
        found: list[dict[str, Any]] = wire().get(f"{self.hub.journal}/_sandbox/{self.orgnr}-{endpoint}/notes", timeout=PATIENCE).json()
        return found

    def tell_journal(self, mode: str, **how: float) -> None:
        """Makes the journal misbehave, as local/journal/behaviour.py lists."""
        url = f"{self.hub.journal}/_sandbox/{self.orgnr}-journal/behaviour"
        wire().put(url, json={"mode": mode, **how}, timeout=PATIENCE).raise_for_status()

    def make_journal_honest(self) -> None:
        wire().delete(f"{self.hub.journal}/_sandbox/{self.orgnr}-journal/behaviour", timeout=PATIENCE).raise_for_status()


@dataclass(frozen=True, slots=True)
class Call:
    """What a journal was handed."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Witness(BaseHTTPRequestHandler):
    """A journal that keeps every call as it came, and may refuse it, quoting all of it."""

    seen: list[Call]
    status: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(Call(self.path, dict(self.headers), body))
        answer = b"" if self.status < 300 else body
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def witness(status: int = 201) -> Iterator[tuple[str, list[Call]]]:
    """A journal's address, and what it is handed there."""
    seen: list[Call] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Keeper", (Witness,), {"seen": seen, "status": status}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/base", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wire() -> requests.Session:
    """One for each thread: connections are kept, as senders keep them."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    found: requests.Session = _local.session
    return found


def receipt_of(answer: requests.Response) -> str:
    return answer.headers["Location"].rpartition("/")[2]


@pytest.fixture(scope="session")
def running(accounts: Iterator[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The hub. Its processes die with the tests."""
    private, row = new_client("national", VKP_ID, [f"{PREFIX}{action}" for action in ACTIONS])
    with serving([row]) as issuer, hub_running(next(accounts), tmp_path_factory.mktemp("running"), issuer, private) as hub:
        yield hub


@contextmanager
def hub_running(
    storage: str, folder: Path, issuer: SandboxIssuer, private: Mapping[str, Any], settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Running]:
    """A hub and a sandbox journal as processes of their own. `settings` come on top."""
    secret = {f"{own}_{name}": made for own in (OURS, THEIRS) for name, made in _secrets()}
    usual = {
        "AzureWebJobsStorage": storage,
        "HUB_PATIENT_KEY": secrets.token_hex(32),
        "HUB_RETRY_SCALE": "0.05",
        "HUB_ENVIRONMENT": "test",
        "HUB_ISSUERS": json.dumps([{"issuer": issuer.url}]),
    }
    env = {**os.environ, **usual, **secret, **settings}
    children: list[Child] = []
    try:
        for name, module in (("journal", "local.journal"), ("host", "local.host")):
            port = settings.get("PORT", "0") if name == "host" else "0"
            children.append(start(name, [sys.executable, "-m", module, "--port", port], folder / f"{name}.log", env, folder=ROOT))
        journal, host = children
        hub = Running(_address(host), _address(journal), storage, host, secret, issuer, private)
        until(lambda: hub.get("/api/health").status_code == 200, "the host answers")
        yield hub
    finally:
        for child in reversed(children):
            end(child)


@pytest.fixture(scope="session")
def home(running: Running) -> Town:
    """A municipality for tests that leave nothing behind that others could see."""
    return running.town()


@pytest.fixture(scope="session")
def neighbour(running: Running) -> Town:
    """The other municipality: the same suppliers' systems, with secrets of its own."""
    return running.town(own=THEIRS)


@pytest.fixture(scope="module")
def faultless(running: Running) -> Iterator[None]:
    """For modules whose payloads and journals, however bad, must never make the hub itself stumble."""
    before = len(running.faults())
    yield
    assert running.faults()[before:] == []


@pytest.fixture
def town(running: Running) -> Town:
    """A municipality of the test's own."""
    return running.town()


def _secrets() -> Iterator[tuple[str, str]]:
    for name in ("BRIDGE", "SCALES", "SENSORS", "CENTRE", "FORMER", "API_KEY"):
        yield name, secrets.token_urlsafe(32)
    for name in ("DISPENSERS", "DISPENSERS_NEXT"):
        yield name, "whsec_" + secrets.token_hex(24)


def _address(child: Child) -> str:
    """Where a program says that it listens."""
    found = until(lambda: child.ended or re.search(r"http://127\.0\.0\.1:\d+", child.log.read_text()), f"{child.name} starts")
    assert isinstance(found, re.Match), f"{child.name} ended by itself: {child.last_words()}"
    return str(found[0])


def _led(endpoint: Endpoint, url: str) -> Endpoint:
    return replace(endpoint, url=url) if endpoint.name == "journal" else endpoint


def _case_blind(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    """Later ones win, whatever their case."""
    return {name.lower(): value for name, value in headers.items()}
