"""One run of the hub, killed at a named step: senders that repeat until 2xx, a host that is started again, a journal that counts.

The app is killed, not Azurite, which forgets its last five seconds (`domain/runtime.md` 1).
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from shared.access.register_toml import parse
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.register_rows import write_tenant

ROOT = Path(__file__).parents[2]
ORGNR, SECRET = "310123455", "a-secret-of-this-test-0123456789"
QUICK = {"HUB_HOLD_SECONDS": "4", "HUB_CALL_TIMEOUT_SECONDS": "1.5", "HUB_RETRY_SCALE": "0.2"}
PATIENTS = {"14834812097": "Stille Fjellbekk", "01815050130": "Rund Myrstein"}
PATIENCE = 90.0  # seconds until a run that has not come to its end is called stuck

REGISTER = """
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"
active = true
retention_hours = 72

[[sender]]
name = "cloud"
title = "Prøvesky"
adapters = ["vkp", "tenovi"]
auth = { scheme = "header", header = "X-Secret", secrets = ["CRASH_SECRET"] }

[[endpoint]]
name = "journal"
title = "Journal"
adapter = "bundle"
url = "${JOURNAL_URL}/journal"
lines = 2

[[route]]
endpoint = "journal"
"""

DEVICE = """
[[device]]
system = "https://knutepunkt.example/tenovi/hwi-device-id"
value = "scale-{number}"
citizen = "{citizen}"
name = "{name}"
since = 2026-01-01T00:00:00+01:00
"""


@dataclass(slots=True)
class Result:
    """What the journal saw, against what the senders were told was accepted."""

    point: str
    crashed: bool = False
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    first_after_crash: float = 0.0  # seconds from the kill to the next note in the journal


@dataclass(frozen=True, slots=True)
class Message:
    """A payload and the words by which its note is known in the journal."""

    path: str
    body: bytes
    mark: str
    group: str  # patient and lane: within it, order is promised


def messages(rounds: int) -> list[Message]:
    """For each patient in turn: an alarm and a weight, each with a mark of its own."""
    found = []
    for number in range(rounds):
        for place, citizen in enumerate(PATIENTS):
            found.append(_alarm(number, citizen))
            found.append(_weight(number, place, citizen))
    return found


def _alarm(number: int, citizen: str) -> Message:
    mark = f"alarm-{citizen[:2]}-{number:03}"
    subject = {"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.1", "value": citizen}, "display": PATIENTS[citizen]}
    code = "http://ehelse.no/fhir/CodeSystem/vkp-"
    issue, note = (f"urn:uuid:5e0c1a52-7d1f-4f5b-8a10-{int(citizen[:2]):04}{number:04}000{last}" for last in (1, 2))
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9"}]},
        "category": [{"coding": [{"system": f"{code}composition-category-v090", "code": "1"}]}],
        "subject": subject,
        "date": "2026-03-02T22:04:10+01:00",
        "author": [{"display": "Prøvesky"}],
        "title": mark,
        "section": [{"title": "Hendelse", "entry": [{"reference": issue}]}],
    }
    detected = {
        "resourceType": "DetectedIssue",
        "status": "final",
        "code": {"coding": [{"system": f"{code}alert-code-v090", "code": "3", "display": "Trygghetsalarm"}]},
        "patient": subject,
        "identifiedDateTime": "2026-03-02T22:04:10+01:00",
    }
    bundle = {
        "resourceType": "Bundle",
        "identifier": {"system": "https://vft.example.no/hendelse", "value": mark},
        "type": "document",
        "timestamp": "2026-03-02T22:04:10+01:00",
        "entry": [{"fullUrl": note, "resource": composition}, {"fullUrl": issue, "resource": detected}],
    }
    return Message(f"/epj/r4/{ORGNR}/bundle", json.dumps(bundle).encode(), mark, f"{citizen} alarm")


def _weight(number: int, place: int, citizen: str) -> Message:
    pounds = 150 + number
    reading = {
        "metric": "weight",
        "device_name": "Tenovi Scale",
        "hwi_device_id": f"scale-{place}",
        "value_1": f"{pounds}.{place + 1}",
        "value_2": None,
        "timestamp": f"2026-03-02T10:{number:02}:00+0000",
        "timezone_offset": 60,
        "estimated_timestamp": False,
    }
    return Message(f"/api/v1/{ORGNR}/tenovi", json.dumps(reading).encode(), f"{pounds},{place + 1} lb", f"{citizen} routine")


def run(point: str, nth: int, storage: str, *, rounds: int = 3, settings: Mapping[str, str] = QUICK) -> Result:
    """The whole run. `storage`: a connection string to an account of its own."""
    result = Result(point)
    with _journal() as journal, tempfile.TemporaryDirectory() as folder:
        asyncio.run(_register(storage, journal))
        env = {
            **os.environ,
            "AzureWebJobsStorage": storage,
            "HUB_PATIENT_KEY": "k" * 40,
            "HUB_ENVIRONMENT": "test",
            "CRASH_SECRET": SECRET,
            **settings,
        }
        port = _free_port()
        with _host(port, env, Path(folder), point, nth) as crashes:
            receipts = [_send(port, message) for message in messages(rounds)]
            _wait(port, journal, receipts, messages(rounds))
            result.crashed = bool(crashes)
            _judge(result, journal, messages(rounds))
            result.unsettled = [one for one in receipts if _status(port, one) not in ("delivered", "duplicate")]
            result.first_after_crash = _first_after(journal, crashes[0]) if crashes else 0.0
    return result


@contextmanager
def _host(port: int, env: Mapping[str, str], folder: Path, point: str, nth: int) -> Iterator[list[float]]:
    """The host with the wire; when it has killed itself, the ordinary host in its place. Yields the times of the kills."""
    crashes: list[float] = []
    stop = threading.Event()
    current = [_start([sys.executable, "-m", "tests.faults.crashing_host", point, str(nth), "--port", str(port)], env, folder)]

    def watch() -> None:
        while not stop.wait(0.05):
            if current[0].poll() is not None:
                if current[0].returncode != -signal.SIGKILL or crashes:
                    print(f"the host ended by itself: {(folder / 'host.log').read_text()[-2000:]}", file=sys.stderr)
                    return
                crashes.append(time.time())
                current[0] = _start([sys.executable, "-m", "local.host", "--port", str(port)], env, folder)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield crashes
    finally:
        stop.set()
        watcher.join()
        current[0].kill()
        current[0].wait()


def _start(argv: list[str], env: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "host.log").open("ab") as log:
        return subprocess.Popen(argv, env=dict(env), cwd=ROOT, stdout=log, stderr=log)


def _send(port: int, message: Message) -> str:
    """Repeats until 2xx, as a sender does; the receipt."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            answer = requests.post(f"http://127.0.0.1:{port}{message.path}", data=message.body, headers={"X-Secret": SECRET}, timeout=5)
        except requests.RequestException:
            time.sleep(0.1)
            continue
        if answer.status_code == 202:
            return answer.headers["Location"].rsplit("/", 1)[1]
        assert answer.status_code == 503, (answer.status_code, answer.text)
        time.sleep(0.2)
    raise AssertionError("the hub accepted nothing in time")


def _wait(port: int, journal: str, receipts: list[str], sent: list[Message]) -> None:
    """Until every receipt has its end and the journal has as many notes, or patience is over."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if len(_notes(journal)) >= len(sent) and all(_status(port, one) in ("delivered", "duplicate") for one in receipts):
            return
        time.sleep(0.3)


def _status(port: int, receipt: str) -> str:
    try:
        answer = requests.get(f"http://127.0.0.1:{port}/api/v1/receipts/{receipt}", headers={"X-Secret": SECRET}, timeout=5)
        return str(answer.json().get("status"))
    except requests.RequestException:
        return "no answer"


def _notes(journal: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(f"{journal}/_sandbox/journal/notes", timeout=5).json()
    return found


def _judge(result: Result, journal: str, sent: list[Message]) -> None:
    notes = [f"{note['identifier']} {note['text']}" for note in _notes(journal)]
    places = {message.mark: [place for place, note in enumerate(notes) if message.mark in note] for message in sent}
    result.lost = [mark for mark, found in places.items() if not found]
    result.doubled = [mark for mark, found in places.items() if len(found) > 1]
    for group in {message.group for message in sent}:
        order = [places[message.mark][0] for message in sent if message.group == group and places[message.mark]]
        if order != sorted(order):
            result.out_of_order.append(group)


def _first_after(journal: str, moment: float) -> float:
    return min((note["arrived_at"] - moment for note in _notes(journal) if note["arrived_at"] > moment), default=float("inf"))


async def _register(storage: str, journal: str) -> None:
    devices = [DEVICE.format(number=number, citizen=citizen, name=name) for number, (citizen, name) in enumerate(PATIENTS.items())]
    tenant = parse(REGISTER + "".join(devices), "crash.toml", None, {"JOURNAL_URL": journal})
    account = Account(Settings.from_env({"AzureWebJobsStorage": storage, "HUB_PATIENT_KEY": "k" * 40}))
    await account.prepare(["register"], [])
    await write_tenant(account.table("register"), tenant)
    await account.close()


@contextmanager
def _journal() -> Iterator[str]:
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-m", "local.journal", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _until_open(url)
        yield url
    finally:
        process.kill()
        process.wait()


def _until_open(url: str) -> None:
    for _ in range(200):
        try:
            requests.get(f"{url}/_sandbox/stats", timeout=1)
            return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError("the sandbox journal did not start")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
