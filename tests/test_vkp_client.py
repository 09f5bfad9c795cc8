"""The test client, from the hub's side of the wire: it calls as the table of vkp.md 1.5 says, and reads answers as NHN's sample does."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import pytest

from local.helseid import SandboxIssuer, jose, new_client, serving
from local.vkp_client import NAMES, SCOPES, Client, alarm, calls
from tests.test_architecture import imports, within

ROOT = Path(__file__).parents[1]
ORGNR, STILLE = "310123455", "14834812097"
NOON = datetime(2026, 3, 2, 12, 0, 0, 167809, UTC)
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Arrival:
    path: str
    headers: Mapping[str, str]  # names in small letters
    body: bytes


@dataclass
class Hub:
    """Whatever answers as a hub would: every call is written down, and answered as told, by the resource in its path."""

    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def answer(self, arrival: Arrival) -> tuple[int, bytes]:
        self.arrivals.append(arrival)
        return self.answers.get(arrival.path.split("/")[4], (200, b'{"resourceType": "Bundle", "type": "searchset"}'))

    def of(self, resource: str) -> Arrival:
        return next(arrival for arrival in self.arrivals if arrival.path.split("/")[4] == resource)


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = hub.answer(Arrival(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            if status == 302:
                self.send_header("Location", f"/epj/r4/{ORGNR}/elsewhere")
            self.end_headers()
            self.wfile.write(said)

        def do_GET(self) -> None:  # what a redirect would be followed with
            self.do_POST()

        def log_message(self, *_words: object) -> None:
            """Nothing: the test tells."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def registered() -> tuple[Mapping[str, Any], dict[str, Any]]:
    return new_client("vendor", "Eksempel_Respons_Kommune", SCOPES)


@pytest.fixture
def issuer(registered: tuple[Mapping[str, Any], dict[str, Any]]) -> Iterator[SandboxIssuer]:
    with serving([registered[1]]) as issuer:
        yield issuer


@pytest.fixture
def client(hub: Hub, issuer: SandboxIssuer, registered: tuple[Mapping[str, Any], dict[str, Any]]) -> Iterator[Client]:
    client = Client(hub.url, issuer.url, "vendor", registered[0])
    with client.session:
        yield client


# what it sends


TABLE = {  # vkp.md 1.5: ServiceCodes, the patient's parameter, dates
    "patient": ("rt", "identifier", 0),
    "episodeofcare": ("rt", "patient.identifier", 0),
    "careplan": ("ta,gps", "patient.identifier", 2),
    "composition": ("dho", "patient.identifier", 2),
    "condition": ("ta", "patient.identifier", 0),
    "medicationstatement": ("ta", "patient.identifier", 0),
    "allergyintolerance": ("ta", "identifier", 0),
}


@pytest.mark.parametrize("resource", TABLE)
def test_a_look_up_is_the_table_s(hub: Hub, client: Client, resource: str) -> None:
    codes, person, dates = TABLE[resource]
    calls(client, ORGNR, STILLE, b"", [resource])
    (arrival,) = hub.arrivals
    assert arrival.path == f"/epj/r4/{ORGNR}/{resource}/_search"
    assert (arrival.headers["servicecodes"], arrival.headers["content-type"]) == (codes, "application/x-www-form-urlencoded")
    assert [(name, value) for name, value in parse_qsl(arrival.body.decode()) if name != "date"] == [(person, STILLE)]
    assert [value[:2] for name, value in parse_qsl(arrival.body.decode()) if name == "date"] == ["ge", "le"][:dates]


def test_dates_are_whole_seconds_of_utc_from_before_now_to_after_it(hub: Hub, client: Client) -> None:
    calls(client, ORGNR, STILLE, b"", ["careplan"])
    earliest, latest = (value[2:] for name, value in parse_qsl(hub.of("careplan").body.decode()) if name == "date")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) for value in (earliest, latest))
    assert datetime.fromisoformat(earliest) + timedelta(days=1) < datetime.now(UTC) < datetime.fromisoformat(latest) - timedelta(days=1)


@pytest.mark.parametrize("resource", TABLE)
def test_without_a_patient_there_is_no_body_at_all(hub: Hub, client: Client, resource: str) -> None:
    calls(client, ORGNR, "", b"", [resource])
    (arrival,) = hub.arrivals
    assert (arrival.body, "content-type" in arrival.headers, arrival.headers["servicecodes"]) == (b"", False, TABLE[resource][0])


def test_a_bundle_is_sent_as_text_and_byte_for_byte(hub: Hub, client: Client) -> None:
    calls(client, ORGNR, STILLE, '{"any": "bytes, even æøå"}'.encode(), ["bundle"])
    (arrival,) = hub.arrivals
    assert (arrival.path, arrival.body) == (f"/epj/r4/{ORGNR}/bundle", '{"any": "bytes, even æøå"}'.encode())
    assert (arrival.headers["content-type"], "servicecodes" in arrival.headers) == (PLAIN, False)


def test_all_eight_go_with_one_bearer_token_for_all_their_scopes(hub: Hub, client: Client, issuer: SandboxIssuer) -> None:
    assert [result.name for result in calls(client, ORGNR, STILLE, b"{}")] == ["bundle", *TABLE]
    (authorization,) = {arrival.headers["authorization"] for arrival in hub.arrivals}
    assert authorization.startswith("Bearer ")
    scopes = jose.read(authorization.removeprefix("Bearer ")).claims["scope"]
    assert scopes == ["nhn:vkp/api/user/bundle.write", *(f"nhn:vkp/api/user/{resource}.read" for resource in TABLE)]
    assert sorted(issuer.counts.values()) == [1, 1]  # discovery once, a token once


def test_a_token_is_not_used_in_its_last_thirty_seconds(hub: Hub, registered: tuple[Mapping[str, Any], dict[str, Any]]) -> None:
    with serving([registered[1]], lifetime=30) as issuer:
        client = Client(hub.url, issuer.url, "vendor", registered[0])
        with client.session:
            calls(client, ORGNR, STILLE, b"", ["patient", "condition"])
        assert issuer.counts == {"/.well-known/openid-configuration": 1, "/connect/token": 2}
    assert len({arrival.headers["authorization"] for arrival in hub.arrivals}) == 2


def test_only_those_asked_for_are_called(hub: Hub, client: Client) -> None:
    calls(client, ORGNR, STILLE, b"{}", ["condition", "patient"])
    assert [arrival.path.split("/")[4] for arrival in hub.arrivals] == ["patient", "condition"]


# what it makes of answers


def one(client: Client, name: str) -> tuple[int, bool, str]:
    (result,) = calls(client, ORGNR, STILLE, b"{}", [name])
    return result.status, result.ok, result.said


OUTCOME = json.dumps(
    {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "error", "code": "forbidden", "details": {"text": "ikke tilgang"}, "diagnostics": "first"},
            {"severity": "error", "code": "invalid", "details": {"text": "ugyldig"}, "diagnostics": "second"},
        ],
    }
).encode()


def test_a_look_up_that_is_refused_is_told_by_its_first_diagnostics(hub: Hub, client: Client) -> None:
    hub.answers["patient"] = (400, OUTCOME)
    assert one(client, "patient") == (400, False, "first")


def test_a_write_that_is_refused_is_told_by_all_its_texts(hub: Hub, client: Client) -> None:
    hub.answers["bundle"] = (400, OUTCOME)
    assert one(client, "bundle") == (400, False, "ikke tilgang; ugyldig")


@pytest.mark.parametrize("name", ["patient", "bundle"])
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"issue": [{}]}', b"<html>"])
def test_a_400_without_what_the_sample_client_reads_is_told_as_that(hub: Hub, client: Client, name: str, body: bytes) -> None:
    hub.answers[name] = (400, body)
    assert one(client, name) == (400, False, "not the OperationOutcome that this client reads")


@pytest.mark.parametrize("status", [302, 401, 403, 404, 422, 500, 503, 504])
def test_every_other_refusal_is_a_failure_of_the_transport(hub: Hub, client: Client, status: int) -> None:
    hub.answers["patient"] = (status, OUTCOME)
    assert one(client, "patient") == (status, False, "failure of the transport")


def test_a_redirect_takes_the_token_nowhere(hub: Hub, client: Client) -> None:
    hub.answers["patient"] = (302, b"")
    one(client, "patient")
    assert [arrival.path for arrival in hub.arrivals] == [f"/epj/r4/{ORGNR}/patient/_search"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_success_for_a_write_whatever_it_says(hub: Hub, client: Client, status: int) -> None:
    hub.answers["bundle"] = (status, b"" if status == 204 else b"taken")
    assert one(client, "bundle") == (status, True, "")


def test_a_look_up_counts_what_is_in_the_searchset(hub: Hub, client: Client) -> None:
    entries = [{"resource": {"resourceType": kind}} for kind in ("Patient", "CarePlan", "CarePlan")]
    hub.answers["careplan"] = (200, json.dumps({"resourceType": "Bundle", "entry": entries}).encode())
    (result,) = calls(client, ORGNR, STILLE, b"", ["careplan"])
    assert (result.ok, result.resources) == (True, {"Patient": 1, "CarePlan": 2})


def test_a_page_instead_of_a_searchset_is_no_success(hub: Hub, client: Client) -> None:
    hub.answers["patient"] = (200, b"<!doctype html>")
    assert one(client, "patient") == (200, False, "not a FHIR resource")


@pytest.mark.parametrize(
    "body", [b'{"resourceType": "Bundle", "entry": 7}', b'{"resourceType": "Bundle", "entry": [null, {"resource": 1}]}']
)
def test_a_searchset_of_another_shape_counts_as_empty(hub: Hub, client: Client, body: bytes) -> None:
    hub.answers["patient"] = (200, body)
    (result,) = calls(client, ORGNR, STILLE, b"", ["patient"])
    assert (result.ok, result.resources) == (True, {})


def test_without_a_token_nothing_is_called(hub: Hub, client: Client, issuer: SandboxIssuer) -> None:
    issuer.behave("down")
    status, ok, said = one(client, "patient")
    assert (status, ok, said.startswith("no token: the issuer answered 503"), hub.arrivals) == (0, False, True, [])


def test_a_hub_that_is_not_there_is_no_answer(issuer: SandboxIssuer, registered: tuple[Mapping[str, Any], dict[str, Any]]) -> None:
    client = Client("http://127.0.0.1:9", issuer.url, "vendor", registered[0])
    with client.session:
        assert one(client, "patient") == (0, False, "no answer: ConnectionError")


# the invented alarm


def test_the_alarm_is_a_document_of_note_alarm_and_device_about_the_patient() -> None:
    bundle = json.loads(alarm(STILLE, NOON))
    resources = [entry["resource"] for entry in bundle["entry"]]
    assert (bundle["type"], [each["resourceType"] for each in resources]) == ("document", ["Composition", "DetectedIssue", "Device"])
    assert [each["identifier"]["value"] for each in (resources[0]["subject"], resources[1]["patient"])] == [STILLE, STILLE]
    assert resources[0]["section"][0]["entry"] == [{"reference": bundle["entry"][1]["fullUrl"]}]
    assert resources[1]["author"] == {"reference": bundle["entry"][2]["fullUrl"]}


def test_the_alarm_has_the_public_sample_s_two_defects() -> None:
    bundle = json.loads(alarm(STILLE, NOON))
    assert bundle["timestamp"] == "2026-03-02T12:00:00.1678098+00:00"  # seven digits
    assert bundle["entry"][2]["resource"]["identifier"][0]["value"] == ""


def test_every_alarm_is_another_one() -> None:
    first, second = (json.loads(alarm(STILLE, NOON)) for _ in range(2))
    assert first["identifier"] != second["identifier"]
    assert not {entry["fullUrl"] for entry in first["entry"]} & {entry["fullUrl"] for entry in second["entry"]}


# the program


@pytest.fixture
def credentials(tmp_path: Path, registered: tuple[Mapping[str, Any], dict[str, Any]]) -> Path:
    file = tmp_path / "client.json"
    file.write_text(json.dumps({"client_id": "vendor", "private_jwk": registered[0]}))
    return file


def run(hub: Hub, issuer: SandboxIssuer, credentials: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "local.vkp_client", "--base", hub.url + "/", "--issuer", issuer.url, "--client", str(credentials)]
    argv += ["--orgnr", ORGNR, *words]
    return subprocess.run(argv, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_the_program_prints_a_line_for_each_call_and_never_the_number(hub: Hub, issuer: SandboxIssuer, credentials: Path) -> None:
    ended = run(hub, issuer, credentials, stdin=f"{STILLE}\n")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [[name, "200"] for name in NAMES]
    assert STILLE not in ended.stdout
    assert STILLE.encode() in hub.of("bundle").body


def test_the_program_ends_with_1_if_a_call_failed(hub: Hub, issuer: SandboxIssuer, credentials: Path, tmp_path: Path) -> None:
    hub.answers["patient"] = (400, OUTCOME)
    number = tmp_path / "number"
    number.write_text(STILLE)
    ended = run(hub, issuer, credentials, "--patient-file", str(number), "--only", "patient", "condition")
    assert (ended.returncode, ended.stdout.splitlines()[0].split()[-1]) == (1, "first")


def test_the_program_without_a_number_asks_for_all_and_writes_nothing(hub: Hub, issuer: SandboxIssuer, credentials: Path) -> None:
    assert run(hub, issuer, credentials).returncode == 0
    assert {(arrival.path.split("/")[4], arrival.body) for arrival in hub.arrivals} == {(resource, b"") for resource in TABLE}


def test_the_program_says_when_it_cannot_read_its_key(hub: Hub, issuer: SandboxIssuer, tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text('{"client_id": "vendor"}')
    ended = run(hub, issuer, file, stdin=STILLE)
    assert (ended.returncode, ended.stdout, "cannot be read" in ended.stderr, "Traceback" in ended.stderr) == (2, "", True, False)


def test_the_client_is_an_outsider() -> None:
    known = imports(ROOT / "local" / "vkp_client.py")
    assert [
        name for name in known if within(name, ("shared", "adapters", "function_app", "local")) and not within(name, ("local.helseid",))
    ] == []
