"""The kit for journal vendors: it passes on an honest journal, and finds every fault that the sandbox can fake."""

import contextlib
import json
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.journal import SandboxJournal
from local.journal.answers import outcome
from local.journal.behaviour import MODES
from local.journal.guard import Guard
from local.kit import __main__ as kit
from local.kit import options, report
from local.kit.__main__ import KNOWN, examined, main, sandboxed
from local.kit.documents import SINGLE, Desk
from local.kit.endpoint import LIMIT as PATIENCE
from local.kit.endpoint import Endpoint
from local.kit.proof import forged, proving
from local.kit.pushes import MEBIBYTE
from local.kit.sandbox import NAME, Sandbox, running
from local.kit.seen import Finding, Mark
from local.kit.ways import WAYS
from local.kit.wire import call
from local.listening import listen
from shared.access.rows import Auth, Sender
from shared.access.signature import authenticate
from shared.domain.journal import Call
from shared.door.credentials import Shown
from shared.errors import Unauthenticated
from shared.fhir.check import check
from tests.certificates import issued
from tests.test_reaching import CODES, OURS, THEIRS, helseid, journal, serve

LIMIT = 1.0  # seconds for an answer, where a journal is told to be slow
DESK = Desk(KNOWN[0], "abc123", datetime(2026, 3, 2, 7, 3, 11, tzinfo=UTC))
BROKEN = (Mark.FAILED, Mark.WARNED)
BLIND: dict[str, Any] = {"sight": None}
ONLY: dict[str, dict[str, Any]] = {"lookups": {"base": ""}}  # what a mode leaves alone is not tried
DOCUMENTS: dict[str, Any] = {"lookups": ""}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running() as found:
        yield found


def emptied(sandbox: Sandbox) -> None:
    """Nothing in it, and nothing left of calls whose callers have gone."""
    while requests.get(f"{sandbox.url}/_sandbox/stats", timeout=10).json().get(NAME, {}).get("in_flight"):
        time.sleep(0.05)
    requests.delete(f"{sandbox.url}/_sandbox/{NAME}", timeout=10)


@pytest.fixture
def trying(sandbox: Sandbox) -> Iterator[Callable[..., Iterator[Finding]]]:
    """What the kit finds, one by one, in a journal that was told to misbehave. `blind`: from answers alone."""

    def run(way: str = "bundle", blind: bool = False, **command: Any) -> Iterator[Finding]:
        emptied(sandbox)
        if command:
            sandbox.tell(**command)
        only = MODES[command["mode"]].only if command else ""
        endpoint = sandboxed(sandbox, LIMIT if command.get("mode") in SLOW else PATIENCE, way)
        left_out = ONLY.get(only, DOCUMENTS if only or way != "bundle" else {})
        return examined(replace(endpoint, **{**(BLIND if blind else {}), **left_out}))

    yield run
    requests.delete(f"{sandbox.url}/_sandbox/{NAME}/behaviour", timeout=10)


@pytest.fixture
def told(trying: Callable[..., Iterator[Finding]]) -> Callable[..., list[Finding]]:
    """All that it finds."""
    return lambda *way, **command: list(trying(*way, **command))


def wrong(findings: Sequence[Finding]) -> list[Finding]:
    """But for times, which are the machine's."""
    return [one for one in findings if one.mark in BROKEN and one.section not in ("2.3", "8.10")]


# ---------------------------------------------------------------- the sandbox


@pytest.mark.parametrize(
    ("way", "untried"), [("bundle", {"4.4"}), ("note", {"4.4"}), ("transaction", set()), ("jft", set()), ("response_centre", set())]
)
def test_an_honest_journal_passes_every_check(told: Callable[..., list[Finding]], way: str, untried: set[str]) -> None:
    findings = told(way)
    assert wrong(findings) == []
    assert {one.section for one in findings if one.mark is Mark.UNTRIED} == untried
    assert [one.section for one in findings if one.mark is Mark.LOOK] == ["2.1"]


def test_a_server_that_does_everything_twice_has_everything_once(told: Callable[..., list[Finding]]) -> None:
    assert wrong(told("transaction", mode="twice")) == []


def test_an_answer_in_small_parts_is_no_fault(told: Callable[..., list[Finding]]) -> None:
    assert wrong(told(mode="pages")) == []


Faults = dict[str, tuple[str, str]]  # a mode: the section, and what the kit saw
ANY: Faults = {  # whatever is sent
    "fail": ("2.5", "answered 503"),
    "cut": ("2.5", "the connection was cut without an answer"),
    "refuse": ("2.5", "answered 422"),
    "outcome": ("2.5", "answered with an OperationOutcome that says error"),
    "stall": ("2.3", "no answer within 1 s"),
    "late": ("2.3", "no answer within 1 s"),
    "cut-after": ("5.3", "it is stored all the same"),
    "fail-after": ("5.3", "it is stored all the same"),
    "drip": ("2.3", "the answer had begun, but was not whole"),
    "garbage": ("2.5", "answered 200 with a web page"),
}
DOOR: Faults = {"open": ("1.2", "a wrong credential is answered 20")}
PUSHED: Faults = {  # a document or a note, one a call
    "forget": ("4.3", "100 copies of one document have 100 different Locations"),
    "lose": ("2.1", "0 in the journal, 1 due"),
    "race": ("4.3", "different Locations"),
    "remember": ("4.5", "half a document is answered 409 the second time"),
    "short-key": ("4.1", "differ in the last: the second document is taken for the first"),
    "any-case": ("4.1", "differ by a capital: the second document is taken for the first"),
    "new-note": ("4.6", "not marked as replaced"),
    "conflict": ("4.6", "the correction: answered 409"),
    "disorder": ("1.7", "in another order"),
    "one-at-a-time": ("1.6", "8 calls at once: answered 503"),
    "raw": ("6.4", "<script>"),
    "broken": ("2.7", "half a document is answered 500"),
    "lenient": ("2.7", "half a document is answered 201"),
    "unknown": ("2.7", "somebody unknown is answered 500"),
    "echo": ("2.9", "repeats the patient's number"),
    "wordless": ("2.9", "no OperationOutcome"),
    "nowhere": ("2.2", "no Location"),
    "telling-location": ("2.2", "holds the patient's number"),
    "redirect": ("2.5", "answered 308"),
}
LOOKED_UP: Faults = {
    "wrong-patient": ("8.7", "about somebody else"),
    "mixed": ("8.7", "1 of 2 resources are about somebody else"),
    "huge": ("8.10", "larger than 4 MB"),
    "not-a-bundle": ("8.6", "expected Bundle"),
    "endless": ("8.9", "after 50 parts"),
    "foreign-next": ("8.9", "leads away"),
    "nameless": ("8.7", "do not say whom"),
    "telling-next": ("8.9", "holds a person's number"),
    "nobody": ("8.3", "answered 404"),
    "comma": ("8.3", "2 were found"),
    "no-bare": ("8.3", "nobody was found"),
    "no-include": ("8.5", "does not stand beside"),
    "no-date": ("8.4", "given for 1990"),
    "inside": ("8.4", "not given for a day in its period"),
    "no-status": ("8.2", "services are not active"),
    "no-category": ("8.2", "no visit plans"),
    "ended": ("8.6", "said to go on"),
    "unmarked": ("8.8", "not marked"),
    "telling-plan": ("8.8", "the address stands in 3 texts"),
}
OF_DOCUMENTS: Faults = {"small": ("1.4", "answered 413"), "round": ("6.3", "82.50 became 82.5")}
OF_SERVERS: Faults = {
    "no-location": ("T", "did not answer for every part"),
    "partial": ("T", "refused 1 of 3 parts (422)"),
    "many": ("T", "refused 1 of 3 parts (412)"),
    "outcome": ("T", "answered with an OperationOutcome that says error"),
}
KEPT_BY_KEY = {"forget", "race", "remember", "short-key", "any-case", "new-note", "conflict", "raw", "telling-location"}
OF_JFT: Faults = {
    "outcome": ("J", "did not say where its status stands"),
    "nowhere": ("J", "did not say where its status stands"),
    "lenient": ("2.7", "half a document is answered 202"),
}
NOT_OF_ALERTS = {"short-key", "any-case", "new-note", "conflict", "disorder", "raw", "echo", "wordless", "nowhere", "outcome"}
OF_CENTRES: Faults = {
    "stale": ("W", "signed an hour ago is answered 201"),
    "one-signature": ("W", "answered 401"),
    "parsed": ("W", "answered 401"),
}
FAULTS: dict[str, Faults] = {
    "bundle": {**ANY, **DOOR, **PUSHED, **LOOKED_UP, **OF_DOCUMENTS},
    "note": {**ANY, **DOOR, **PUSHED, "raw": ("N1.3", "<script>"), "unasked": ("N2.2", "it says: the journal answered 403")},
    "transaction": {**ANY, **DOOR, **OF_SERVERS, "unasked": ("T", "it says: the journal answered 403")},
    "jft": {**{mode: fault for mode, fault in {**ANY, **DOOR, **PUSHED}.items() if mode not in KEPT_BY_KEY}, **OF_JFT},
    "response_centre": {
        **{mode: fault for mode, fault in {**ANY, **DOOR, **PUSHED}.items() if mode not in NOT_OF_ALERTS},
        **{mode: ("W", PUSHED[mode][1]) for mode in ("forget", "race", "remember")},
        **OF_CENTRES,
    },
}
NO_FAULTS = {  # what a mode does is no fault there
    "bundle": {"pages"},  # 8.9 allows small parts
    "note": {"small", "round"},  # a note is small, and its numbers are words
    "transaction": {"twice"},  # under ids of ours it comes to the same
    "jft": {*KEPT_BY_KEY, "small", "round"},  # it promises nothing of keys, and shows nothing
    "response_centre": {*NOT_OF_ALERTS, "small", "round"},  # any 2xx is a yes; an alert is small, and acted on as it comes
}
KINDS = {  # look-ups are tried once
    "bundle": ("", "pushes", "lookups"),
    "note": ("", "pushes", "asks"),
    "transaction": ("", "transactions", "asks"),
    "jft": ("", "pushes"),
    "response_centre": ("", "pushes", "webhooks"),
}
SLOW: dict[str, dict[str, Any]] = {"stall": {"delay": 3}, "late": {"delay": 3}, "drip": {"delay": 0.2}}
BY_LOOKING = {"lose", "new-note", "disorder", "round", "raw", "cut-after", "fail-after"}  # all others are told by answers alone


@pytest.mark.parametrize("way", WAYS)
def test_there_is_a_finding_for_every_fault_that_the_sandbox_can_fake(way: str) -> None:
    ours = {name for name, mode in MODES.items() if mode.only in KINDS[way]} | DOOR.keys()
    assert FAULTS[way].keys() == ours - NO_FAULTS[way]


@pytest.mark.parametrize("way", WAYS)
def test_a_fault_that_does_nothing_by_the_way_is_refused_with_those_that_do(capsys: pytest.CaptureFixture[str], way: str) -> None:
    found = FAULTS[way].keys() | (set() if way == "response_centre" else LOOKED_UP.keys())
    assert all(options.read(["journal", "--sandbox", "--way", way, "--fault", fault], {}).fault for fault in found)
    for fault in MODES.keys() - found:
        code, out, err = said(capsys, "journal", "--sandbox", "--way", way, "--fault", fault)
        assert (code, out) == (2, "")
        assert f"nothing goes wrong by {way} with --fault {fault}: say one of {', '.join(sorted(found))} (" in err


def has(findings: Sequence[Finding], section: str, words: str) -> bool:
    return any(one.mark in BROKEN and one.section == section and words in one.saw and one.mend for one in findings)


@pytest.mark.parametrize(("way", "mode"), [(way, mode) for way, faults in FAULTS.items() for mode in faults])
def test_the_kit_finds_and_names_the_fault(trying: Callable[..., Iterator[Finding]], way: str, mode: str) -> None:
    findings = trying(way, blind=mode not in BY_LOOKING, mode=mode, **SLOW.get(mode, {}))
    assert any(has([one], *FAULTS[way][mode]) for one in findings)  # the rest is not waited for


def test_a_door_that_is_open_is_open_for_look_ups_too(sandbox: Sandbox, told: Callable[..., list[Finding]]) -> None:
    emptied(sandbox)
    sandbox.tell(mode="open")
    assert has(list(examined(replace(sandboxed(sandbox), base=""))), "8.1", "no credential is answered 200")


def test_a_journal_that_stores_each_copy_is_seen_to(told: Callable[..., list[Finding]]) -> None:
    findings = told(mode="forget")
    assert has(findings, "4.3", "100 in the journal, 1 due")
    assert has(findings, "4.3", "10 copies of one document have 10 different Locations")


def test_what_answers_do_not_tell_is_to_be_looked_for(told: Callable[..., list[Finding]]) -> None:
    looks = [one for one in told(blind=True) if one.mark is Mark.LOOK]
    for section in ("2.1", "4.3", "4.5", "4.6", "1.7", "5.4", "6.3", "6.4"):
        assert any(one.section == section and '"' in one.saw for one in looks), section


def test_where_no_answer_tells_whether_a_copy_was_stored_nothing_is_said_to_have_passed(told: Callable[..., list[Finding]]) -> None:
    findings = told(blind=True, mode="nowhere")
    assert {one.mark for one in findings if one.section in ("4.1", "4.3", "5.4")} == {Mark.LOOK}


@pytest.mark.parametrize(("mode", "words"), [("broken", "half a document is answered 409"), ("unknown", "unknown is answered 409")])
def test_409_for_anything_but_a_known_document_is_its_own_fault(told: Callable[..., list[Finding]], mode: str, words: str) -> None:
    assert has(told(mode=mode, status=409), "2.6", words)


def test_a_slow_answer_is_a_warning(told: Callable[..., list[Finding]], sandbox: Sandbox) -> None:
    emptied(sandbox)
    sandbox.tell(mode="late", delay=1.2, calls=1)
    findings = list(examined(replace(sandboxed(sandbox), lookups="")))
    [slow] = [one for one in findings if one.section == "2.3"]
    assert slow.mark is Mark.WARNED
    assert '("a document is taken at /bundle")' in slow.saw
    assert not report.passed(findings)


# ---------------------------------------------------------------- what is sent


def test_what_the_kit_sends_is_what_the_contract_says() -> None:
    documents = [DESK.alarm("a"), DESK.note("b"), DESK.reading("c"), DESK.script("d"), DESK.long("e", MEBIBYTE)]
    documents += [DESK.single(path, "f") for path in SINGLE]
    assert {document.path for document in documents} == {"bundle", *SINGLE}
    for document in documents:
        assert [finding for finding in check(orjson.loads(document.body)) if finding.severity == "error"] == []
        assert b"Knutepunkts kit abc123" in document.body
        assert KNOWN[0].value.encode() in document.body


def test_a_mebibyte_is_one() -> None:
    assert len(DESK.long("x", MEBIBYTE).body) == MEBIBYTE


def test_two_notes_are_two_and_a_correction_has_the_first_ones_identifier() -> None:
    first, second, other = (orjson.loads(DESK.note("x", name=name).body)["identifier"] for name in ("a", "a", ""))
    assert first == second != other


def test_a_forged_credential_differs_in_one_sign_of_what_proves_it() -> None:
    assert forged(Shown({"X-Key": "abcA"})).headers == {"X-Key": "abcB"}
    basic = [f"Basic {b64encode(one).decode()}" for one in (b"kit:secret", b"kit:secreA")]
    assert forged(Shown({"Authorization": basic[0]})).headers == {"Authorization": basic[1]}
    assert forged(Shown({"Authorization": "Bearer x.y.0123456789", "DPoP": "proof"})).headers == {
        "Authorization": "Bearer x.y.A123456789",
        "DPoP": "proof",
    }
    signed = {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,0123456789"}
    assert forged(Shown(signed)).headers == {**signed, "webhook-signature": "v1,A123456789"}


# ---------------------------------------------------------------- other endpoints


class Door(BaseHTTPRequestHandler):
    """A journal that is one function."""

    protocol_version = "HTTP/1.1"
    answer: Callable[["Door"], None]

    def do_POST(self) -> None:
        self.heard = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).answer(self)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextlib.contextmanager
def opened(answer: Callable[[Door], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("It", (Door,), {"answer": answer}))
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(door: Door, status: int, body: bytes = b"", **headers: str) -> None:
    door.send_response(status)
    for name, value in headers.items():
        door.send_header(name.replace("_", "-"), value)
    door.send_header("Content-Length", str(len(body)))
    door.end_headers()
    door.wfile.write(body)


def at(url: str, auth: Auth | None = None, **more: Any) -> list[Finding]:
    with proving(auth, {"S": "s"}) as proof:
        return list(examined(Endpoint(url, DESK, KNOWN[3], proof, **more)))


def test_the_kit_sends_the_headers_of_the_contract_and_no_others() -> None:
    seen: list[dict[str, str]] = []

    def answer(door: Door) -> None:
        seen.append({name.lower(): value for name, value in door.headers.items()})
        says(door, 500)

    with opened(answer) as url:
        at(url, Auth("header", "X-Key", "", ("S",)))
    allowed = {"host", "content-type", "accept", "accept-encoding", "content-length", "idempotency-key", "x-key"}
    assert {name for headers in seen for name in headers} == allowed
    assert seen[0]["accept-encoding"] == "identity"


def test_a_page_in_fhirs_clothes_is_a_page() -> None:
    with opened(lambda door: says(door, 200, b" <html>Vedlikehold</html>", Content_Type="application/fhir+json")) as url:
        assert has(at(url), "2.5", "with a web page")


def test_an_endpoint_that_has_a_new_document_already_lies() -> None:
    with opened(lambda door: says(door, 409)) as url:
        assert has(at(url), "2.6", "stored already")


def test_what_is_no_http_is_said_to_be_none() -> None:
    def answer(door: Door) -> None:
        door.wfile.write(b"220 ready\r\n\r\n")

    with opened(answer) as url:
        assert has(at(url), "2.5", "not HTTP")


def test_a_refusal_is_shown_without_anybodys_number() -> None:
    words = {"resourceType": "OperationOutcome", "issue": [{"details": {"text": f"{KNOWN[0].value} har ingen journal\n\x1b[2J"}}]}
    with opened(lambda door: says(door, 422, orjson.dumps(words))) as url:
        found = next(one.saw for one in at(url) if one.mark is Mark.FAILED)
    assert found == 'answered 422: "... har ingen journal  [2J"'


def test_a_body_that_is_cut_short_is_no_answer() -> None:
    def answer(door: Door) -> None:
        door.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n123")
        door.close_connection = True

    with opened(answer) as url:
        assert has(at(url), "2.5", "cut in the middle")


def test_who_answers_before_the_body_is_read_is_heard(told: Callable[..., list[Finding]]) -> None:
    assert has(told(mode="small"), "1.4", "413")


def certified(folder: Path) -> ssl.SSLContext:
    """Nobody vouches for it but itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    file = folder / "own.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_certificate_that_nobody_vouches_for_is_named_and_ends_the_rest(tmp_path: Path) -> None:
    with opened(lambda door: says(door, 201), certified(tmp_path)) as url:
        findings = at(url)
    assert has(findings, "1.5", "certificate is not accepted: self")
    assert {one.mark for one in findings[1:]} == {Mark.UNTRIED}


def test_http_across_a_network_is_a_fault_and_nothing_is_sent() -> None:
    assert has(at("http://journal.invalid/x"), "1.5", "across a network")


def test_nothing_at_the_address_is_said_so() -> None:
    with opened(lambda door: None) as url:
        pass
    assert has(at(url), "2.5", "nothing listens")


def test_a_name_that_is_none_is_said_so() -> None:
    assert has(at("https://journal.invalid"), "1.5", "name is not found")


def test_an_answer_that_drips_ends_when_time_is_up() -> None:
    def answer(door: Door) -> None:
        with contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n" * 3:
                door.wfile.write(bytes([byte]))
                threading.Event().wait(0.1)

    with opened(answer) as url:
        answered = call(Call("POST", f"{url}/bundle", {}, b"{}"), None, 0.5)
    assert (answered.status, answered.late, answered.seconds < 5) == (0, True, True)


def test_look_ups_can_be_tried_alone(sandbox: Sandbox) -> None:
    findings = list(examined(replace(sandboxed(sandbox), base="")))
    assert wrong(findings) == []
    assert {one.section.partition(".")[0] for one in findings} == {"1", "8"}


def test_a_patient_whom_a_journal_does_not_know_ends_its_look_ups(sandbox: Sandbox) -> None:
    endpoint = sandboxed(sandbox)
    findings = list(examined(replace(endpoint, base="", desk=replace(DESK, patient=endpoint.absent))))
    assert has(findings, "8.2", "nobody was found")
    assert {one.mark for one in findings[3:]} == {Mark.UNTRIED}


@pytest.mark.parametrize("period", [{"start": "2026-13-45", "end": 7}, [], {"start": [{}]}, "x"], ids=str)
def test_a_strange_answer_never_breaks_the_kit(period: Any) -> None:
    identifier = {"system": KNOWN[0].system, "value": KNOWN[0].value}

    def answer(door: Door) -> None:
        kind = door.path.split("/")[1]
        resource = {"resourceType": kind, "period": period, "address": period, "category": period, "status": period}
        whose = {"identifier": [identifier]} if kind == "Patient" else {"subject": {"identifier": identifier}}
        found = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {**resource, **whose}}]}
        says(door, 200, orjson.dumps(found), Content_Type="application/fhir+json")

    with opened(answer) as url:
        findings = at("", lookups=url, protected=replace(KNOWN[0], display=""), ended=replace(KNOWN[0], display=""))
    assert has(findings, "8.3", "somebody was found")
    assert findings[-1].section == "8.10"


# ---------------------------------------------------------------- what the journal is shown

FILE = """
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"

[[endpoint]]
name = "epj"
title = "Journal"
adapter = "{way}"
url = "{url}"
lines = 2
auth = {{ {auth} }}

[[route]]
endpoint = "epj"
"""
OAUTH = (
    'scheme = "oauth", client_id = "hub", method = "private_key_jwt", token_url = "{0}/connect/token", issuer = "{0}", secrets = ["KEY"]'
)


def filed(folder: Path, url: str, auth: str, way: str = "bundle") -> str:
    file = folder / "town.toml"
    file.write_text(FILE.format(url=url, auth=auth, way=way))
    return str(file)


def of_file(capsys: pytest.CaptureFixture[str], file: str, **env: str) -> list[Finding]:
    """The command on the only endpoint of a file: what of it was wrong, and whether nobody else got in."""
    main(["journal", "--file", file, "--json"], env)
    told = json.loads(capsys.readouterr().out)
    return [Finding(**{**one, "mark": Mark(one["mark"])}) for one in told["checks"]]


def kept_out(findings: Sequence[Finding]) -> str:
    return next(one.saw for one in findings if one.section == "1.2" and one.mark is Mark.PASSED)


@pytest.mark.parametrize("dpop", [False, True], ids=["Bearer", "DPoP"])
def test_a_journal_that_wants_a_token_is_tried_as_its_file_says(dpop: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with helseid(dpop=dpop) as (issuer, auth, env), serve(journal(Guard(issuer.jwks, dpop=dpop))) as url:
        assert auth.client
        told = f'{OAUTH.format(issuer.url)}, scopes = ["{auth.client.scopes[0]}"], dpop = {str(dpop).lower()}'
        findings = of_file(capsys, filed(tmp_path, url, told), **env)
    assert wrong(findings) == []
    assert kept_out(findings) == "a wrong credential: 401; no credential: 401"


def test_a_token_that_cannot_be_had_ends_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with helseid() as (issuer, _, env), serve(journal(Guard(issuer.jwks))) as url:
        findings = of_file(capsys, filed(tmp_path, url, f'{OAUTH.format(issuer.url)}, scopes = ["nhn:pmd/api"]'), **env)
    assert has(findings, "1.8", "invalid_scope")
    assert {one.mark for one in findings[2:]} == {Mark.UNTRIED}


def test_a_journal_that_wants_a_certificate_is_tried_as_its_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = {"EPJ_CA": THEIRS.public, "HUB_CERT": issued("hub", OURS, host="").pem}
    with serve(journal(own=issued("journal", THEIRS), clients_of=OURS)) as url:
        auth = 'scheme = "certificate", certificates = ["HUB_CERT"], authority = "EPJ_CA"'
        findings = of_file(capsys, filed(tmp_path, f"{url}/note", auth, "note"), **env)
    assert wrong(findings) == []
    assert kept_out(findings) == "no credential: no connection"


class Signed(Guard):
    """Takes calls with our signature only."""

    @web.middleware
    async def check(self, request: web.Request, handler: Any) -> web.StreamResponse:
        sender = Sender("hub", "", "", (), Auth("hmac", "standard-webhooks", "", ("EPJ_KEY",)), True)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            authenticate([sender], {"EPJ_KEY": "secret"}.get, headers, await request.read(), time.time())
        except Unauthenticated:
            return outcome(401, "login", "The signature does not hold.")
        answer: web.StreamResponse = await handler(request)
        return answer


@contextlib.asynccontextmanager
async def signed() -> AsyncIterator[str]:
    one = SandboxJournal(CODES, guard=Signed(dict))
    await one.start()
    yield f"{one.url}/epj/fhir-store"
    await one.stop()


def test_a_journal_that_wants_a_signature_is_tried_as_its_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(signed()) as url:
        file = filed(tmp_path, url, 'scheme = "webhook", secrets = ["EPJ_KEY"]', "transaction")
        findings = of_file(capsys, file, EPJ_KEY="secret")
    assert kept_out(findings) == "a wrong credential: 401; no credential: 401"


@pytest.mark.parametrize("dpop", [False, True], ids=["Bearer", "DPoP"])
def test_journalforingstjenesten_is_tried_with_its_token_and_nonce(dpop: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with helseid(dpop=dpop) as (issuer, auth, env), serve(journal(Guard(issuer.jwks, dpop=dpop))) as url:
        assert auth.client
        told = f'{OAUTH.format(issuer.url)}, scopes = ["{auth.client.scopes[0]}"], dpop = {str(dpop).lower()}'
        findings = of_file(capsys, filed(tmp_path, url, told, "jft"), **env)
    assert wrong(findings) == []
    assert ("J", "not read yet") in [(one.section, one.saw) for one in findings]
    assert kept_out(findings) == "a wrong credential: 401; no credential: 401"


@pytest.mark.parametrize("answer", [(404, b""), (200, b"[]"), (500, b"")], ids=lambda answer: str(answer[0]))
def test_a_status_that_cannot_be_had_is_told(answer: tuple[int, bytes]) -> None:
    async def status(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=202, headers={"Location": "/v1/Bundle/7/$status"})
        return web.Response(status=answer[0], body=answer[1])

    with serve(serving_all(status)) as url:
        [told] = [one for one in at(url, way=WAYS["jft"].adapter) if one.check == "it says what has become of a document"]
    assert (told.mark, told.section) == (Mark.FAILED, "J")
    assert "Answer GET of the Location" in told.mend


@contextlib.asynccontextmanager
async def serving_all(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner, url = await listen(app, 0)
    yield url
    await runner.cleanup()


def test_a_centre_that_is_shown_no_signature_is_not_tried_for_signatures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(journal()) as url:
        basic = 'scheme = "basic", user = "u", secrets = ["EPJ_KEY"]'
        findings = of_file(capsys, filed(tmp_path, f"{url}/webhook", basic, "response_centre"), EPJ_KEY="secret")
    assert [one.saw.partition(":")[0] for one in findings if one.mark is Mark.UNTRIED] == ["calls are not signed"] * 3
    assert has(findings, "1.2", "a wrong credential is answered 201")


def test_a_centre_with_another_secret_is_told_what_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    with running() as sandbox:
        url = f"{sandbox.url}/{NAME}/webhook"
        code, out, _ = said(capsys, "journal", url, "--way", "response_centre", "--secret", "S", S="another")
    assert code == 1
    assert "✗ 1.2   an alert is taken: answered 401" in out
    assert "Verify by Standard Webhooks, with the secret that the kit signs with" in out


def test_what_a_centre_is_sent_are_alerts(sandbox: Sandbox) -> None:
    emptied(sandbox)
    list(examined(sandboxed(sandbox, way="response_centre")))
    texts = [note["text"] for note in sandbox.notes("Fra Knutepunkts kit")]
    assert len(texts) > 10 and sum("vekt 82,50" in text for text in texts) == 1
    assert all(text.startswith("Trygghetsalarm") or "82,50" in text for text in texts)


def test_a_secret_without_a_value_is_named_and_nothing_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    findings = of_file(capsys, filed(tmp_path, "http://127.0.0.1:1", 'scheme = "basic", user = "u", secrets = ["NOT_SET"]'))
    assert has(findings, "1.8", "the setting NOT_SET has no value here")
    assert {one.mark for one in findings[2:]} == {Mark.UNTRIED}


def test_the_address_in_a_file_is_filled_in_as_for_the_register(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = filed(tmp_path, "${JOURNAL_URL}/epj", 'scheme = "basic", user = "u", secrets = ["NOT_SET"]')
    (tmp_path / "run.json").write_text(json.dumps({"journal": {"url": "http://127.0.0.1:2"}, "storage": {"connection_string": "local"}}))
    monkeypatch.setattr(kit, "HUB", tmp_path)
    monkeypatch.setattr("sys.argv", ["kit", "journal", "--file", file, "--json"])
    for name in ("JOURNAL_URL", "AzureWebJobsStorage", "AzureWebJobsStorage__accountName"):
        monkeypatch.delenv(name, raising=False)
    kit._main()
    assert json.loads(capsys.readouterr().out)["endpoint"] == "http://127.0.0.1:2/epj"
    monkeypatch.setenv("JOURNAL_URL", "http://127.0.0.1:3")
    kit._main()
    assert json.loads(capsys.readouterr().out)["endpoint"] == "http://127.0.0.1:3/epj"


def test_a_name_in_a_file_that_has_no_value_is_told_with_its_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = filed(tmp_path, "${JOURNAL_URL}/epj", 'scheme = "basic", user = "u", secrets = ["EPJ_KEY"]')
    code, out, err = said(capsys, "journal", "--file", file, EPJ_KEY="secret")
    assert (code, out) == (2, "")
    assert "url: names a variable without a value: JOURNAL_URL; start the hub, or give it with --set" in err


def test_a_journal_that_asks_for_nothing_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    with serve(journal()) as url:
        code, out, _ = said(capsys, "journal", url, "--lookups", f"{url}/fhir")
    assert code == 1
    assert "✗ 1.2   nobody gets in without the credential: documents are taken without any credential" in out
    assert "✗ 8.1   nobody is answered without the credential: look-ups are answered without any credential" in out


def test_no_more_calls_a_second_are_made_than_were_agreed() -> None:
    with opened(lambda door: says(door, 422)) as url, proving(None, {}) as proof:
        began = time.monotonic()
        Endpoint(url, DESK, KNOWN[3], proof, rate=20).push_at_once([(DESK.note("a"), "")] * 6)
        assert time.monotonic() - began >= 5 / 20


# ---------------------------------------------------------------- the command


def said(capsys: pytest.CaptureFixture[str], *argv: str, **env: str) -> tuple[int, str, str]:
    try:
        code = main(argv, env)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    heard = capsys.readouterr()
    return code, heard.out, heard.err


def test_the_sandbox_is_told_line_by_line_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "journal", "--sandbox")
    assert "✓ 4.3   the same key ten at once" in out
    assert "– 4.4   keys are kept for 30 days" in out
    assert " passed" in out.splitlines()[-1]


def test_a_fault_is_told_with_its_section_and_what_to_mend_and_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "journal", "--sandbox", "--fault", "forget")
    assert code == 1
    assert (
        "✗ 4.3   the same key a hundred times: 100 copies of one document have 100 different Locations\n        Look the key up and store"
        in out
    )


def test_machines_get_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "journal", "--sandbox", "--json")
    found = json.loads(out)
    assert found["passed"] == (code == 0)
    assert {"section": "4.5", "check": "a key is forgotten with what was refused", "mark": "passed"}.items() <= next(
        one.items() for one in found["checks"] if one["section"] == "4.5"
    )


def test_on_a_terminal_lines_are_folded_and_nothing_is_cut_off() -> None:
    finding = Finding("8.6", "a service that has ended", Mark.UNTRIED, "name a test patient whose services have all ended with --ended")
    rows = report.folded(report.line(finding), 80).splitlines()
    assert [len(row) <= 80 for row in rows] == [True, True]
    assert rows[1].startswith(report.INDENT)
    assert " ".join(" ".join(rows).split()).endswith(finding.saw)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((), "journal"),
        (("journal",), "give the address"),
        (("journal", "https://x", "--sandbox"), "it is one of them"),
        (("journal", "ftp://x"), "write an address as"),
        (("journal", "https://user:secret@x"), "without user"),
        (("journal", "https://x?a=1"), "without user, query"),
        (("journal", "https://x", "--basic", "u"), "--secret goes with"),
        (("journal", "https://x", "--secret", "S"), "--secret goes with"),
        (("journal", "https://x", "--basic", "u", "--secret", "NOT_SET"), "is not set"),
        (("journal", "https://x", "--header", "X Y", "--secret", "S"), "a header's name"),
        (("journal", "https://x y"), "write an address as"),
        (("journal", "https://x", "--fault", "forget"), "say --sandbox"),
        (("journal", "https://x", "--way", "fhir"), "invalid choice: 'fhir'"),
        (("journal", "--way", "pull"), "let it fetch from ./hub run, as in docs/pull.md 5"),
        (("journal", "--file", "no-such-file.toml"), "no-such-file.toml: No such file"),
        (("journal", "--file", "x.toml", "https://x"), "it is one of them: the address of an endpoint (or --lookups), --file, --sandbox"),
        (("journal", "--sandbox", "--file", "x.toml", "--endpoint", "a"), "it is one of them"),
        (("journal", "--sandbox", "--fault", "unasked"), "nothing goes wrong by bundle with --fault unasked: say one of any-case,"),
        (("journal", "--file", "x.toml", "--way", "note"), "--file says itself"),
        (("journal", "https://x", "--endpoint", "epj"), "go with --file"),
        (("journal", "--sandbox", "--patient", "14834812097"), "brings its own patients"),
        (("journal", "https://x", "--patient", "14434800200"), "only an invented person's number"),
        (("journal", "https://x", "--patient", "13097248022"), "only an invented person's number"),
        (("journal", "https://x", "--patient", "14834812098"), "only an invented person's number"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], words: str) -> None:
    code, out, err = said(capsys, *argv, S="secret")
    assert (code, out) == (2, "")
    assert words in err


def test_a_file_whose_journal_fetches_is_told_what_to_do_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "town.toml"
    shelf = 'scheme = "token", vkp_id = "Leverandor_EPJ_Eksempel"'
    file.write_text(FILE.format(url="", auth=shelf, way="pull").replace('url = ""\n', "").replace("lines = 2\n", ""))
    code, out, err = said(capsys, "journal", "--file", str(file))
    assert (code, out) == (2, "")
    assert "is called by nobody, so there is nothing to try: let it fetch from ./hub run, as in docs/pull.md 5" in err


def test_of_a_file_only_what_is_tried_needs_a_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "town.toml"
    auth = 'scheme = "basic", user = "hub", secrets = ["PASSWORD"]'
    both = [FILE.replace("epj", name).format(url=f"${{{name.upper()}}}/x", auth=auth, way="bundle") for name in ("one", "other")]
    file.write_text(both[0] + both[1].replace('[tenant]\norgnr = "310123455"\nname = "Eksempel kommune"\n', ""))
    one = ["journal", "--file", str(file), "--endpoint", "one"]
    assert options.read([*one, "--set", "ONE=https://epj.example.no"], {}).target.base == "https://epj.example.no/x"
    for given, words in (
        ("OTHER=https://epj.example.no", "names a variable without a value: ONE; start the hub, or give it with --set"),
        ("ONE=http://epj.example.no", "would send patients' data unencrypted"),
    ):
        code, out, err = said(capsys, *one, "--set", given)
        assert (code, out) == (2, "") and f"{file}: one.url: {words}" in err


def test_secrets_are_named_and_never_typed() -> None:
    basic = options.read(["journal", "https://x", "--basic", "kit", "--secret", "S"], {"S": "secret"})
    header = options.read(["journal", "https://x", "--header", "X-Key", "--secret", "S"], {"S": "secret"})
    webhook = options.read(["journal", "https://x", "--way", "response_centre", "--secret", "S"], {"S": "secret"})
    assert basic.target.auth == Auth("basic", "", "kit", ("S",))
    assert header.target.auth == Auth("header", "X-Key", "", ("S",))
    assert webhook.target.auth == Auth("webhook", "", "", ("S",))


def test_a_vendors_options_reach_the_endpoint(capsys: pytest.CaptureFixture[str], sandbox: Sandbox) -> None:
    emptied(sandbox)
    url = f"{sandbox.url}/{NAME}"
    value = sandbox.proof.shown(Call("GET", url, {}, b""), LIMIT).headers["Authorization"]
    more = ("--patient", KNOWN[1].value, "--patient", KNOWN[2].value, "--protected", "12853910005", "--ended", "23915112005")
    _, out, _ = said(capsys, "journal", url, "--header", "Authorization", "--secret", "S", "--lookups", f"{url}/fhir", *more, S=value)
    assert "✗" not in out
    assert "4 calls at once" in out
    assert 'every title begins with "Fra Knutepunkts kit' in out
    assert KNOWN[1].value not in out
