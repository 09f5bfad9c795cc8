"""The kit for journal vendors: it passes on an honest journal, and finds every fault that the sandbox can fake."""

import contextlib
import json
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.journal.behaviour import MODES
from local.kit import options, report
from local.kit.__main__ import KNOWN, examined, main, sandboxed
from local.kit.documents import SINGLE, Desk
from local.kit.endpoint import LIMIT as PATIENCE
from local.kit.endpoint import Endpoint
from local.kit.pushes import MEBIBYTE
from local.kit.refusals import forged
from local.kit.sandbox import NAME, Sandbox, running
from local.kit.seen import Finding, Mark
from local.kit.wire import call
from shared.domain.journal import Call
from shared.fhir.check import check

LIMIT = 1.0  # seconds for an answer, where a journal is told to be slow
DESK = Desk(KNOWN[0], "abc123", datetime(2026, 3, 2, 7, 3, 11, tzinfo=UTC))
BROKEN = (Mark.FAILED, Mark.WARNED)
BLIND: dict[str, Any] = {"sight": None}
ONLY: dict[str, dict[str, Any]] = {"pushes": {"lookups": ""}, "lookups": {"base": ""}}  # what a mode leaves alone is not tried


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
def told(sandbox: Sandbox) -> Iterator[Callable[..., list[Finding]]]:
    """What the kit finds in a journal that was told to misbehave. `blind`: from answers alone."""

    def run(blind: bool = False, **command: Any) -> list[Finding]:
        emptied(sandbox)
        if command:
            sandbox.tell(**command)
        only = MODES[command["mode"]].only if command else ""
        endpoint = sandboxed(sandbox, LIMIT if command.get("mode") in SLOW else PATIENCE)
        return list(examined(replace(endpoint, **{**(BLIND if blind else {}), **ONLY.get(only, {})})))

    yield run
    requests.delete(f"{sandbox.url}/_sandbox/{NAME}/behaviour", timeout=10)


def wrong(findings: Sequence[Finding]) -> list[Finding]:
    """But for times, which are the machine's."""
    return [one for one in findings if one.mark in BROKEN and one.section not in ("2.3", "8.10")]


# ---------------------------------------------------------------- the sandbox


def test_an_honest_journal_passes_every_check(told: Callable[..., list[Finding]]) -> None:
    findings = told()
    assert wrong(findings) == []
    assert {one.section for one in findings if one.mark is Mark.UNTRIED} == {"4.4"}
    assert [one.section for one in findings if one.mark is Mark.LOOK] == ["2.1"]


def test_an_answer_in_small_parts_is_no_fault(told: Callable[..., list[Finding]]) -> None:
    assert wrong(told(mode="pages")) == []


FAULTS: dict[str, tuple[str, str]] = {  # a mode: the section, and what the kit saw
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
    "forget": ("4.3", "copies of one document have 100 different Locations"),
    "lose": ("2.1", "0 in the journal, 1 due"),
    "race": ("4.3", "different Locations"),
    "remember": ("4.5", "half a document is answered 409 the second time"),
    "short-key": ("4.1", "differ in the last: the second document is taken for the first"),
    "any-case": ("4.1", "differ by a capital: the second document is taken for the first"),
    "new-note": ("4.6", "not marked as replaced"),
    "conflict": ("4.6", "the correction: answered 409"),
    "disorder": ("1.7", "in another order"),
    "one-at-a-time": ("1.6", "8 calls at once: answered 503"),
    "small": ("1.4", "answered 413"),
    "round": ("6.3", "82.50 became 82.5"),
    "raw": ("6.4", "<script>"),
    "broken": ("2.7", "half a document is answered 500"),
    "lenient": ("2.7", "half a document is answered 201"),
    "unknown": ("2.7", "somebody unknown is answered 500"),
    "echo": ("2.9", "repeats the patient's number"),
    "wordless": ("2.9", "no OperationOutcome"),
    "nowhere": ("2.2", "no Location"),
    "telling-location": ("2.2", "holds the patient's number"),
    "redirect": ("2.5", "answered 308"),
    "open": ("1.2", "a wrong credential is answered 201"),
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
SLOW: dict[str, dict[str, Any]] = {"stall": {"delay": 3}, "late": {"delay": 3}, "drip": {"delay": 0.2}}
BY_LOOKING = {"lose", "new-note", "disorder", "round", "raw", "cut-after", "fail-after"}  # all others are told by answers alone


def test_there_is_a_finding_for_every_fault_that_the_sandbox_can_fake() -> None:
    ours = {name for name, mode in MODES.items() if mode.only != "transactions"}  # which are another way to reach a journal
    assert set(FAULTS) == ours - {"pages"}  # small parts are what 8.9 allows


def has(findings: Sequence[Finding], section: str, words: str) -> bool:
    return any(one.mark in BROKEN and one.section == section and words in one.saw and one.mend for one in findings)


@pytest.mark.parametrize("mode", FAULTS)
def test_the_kit_finds_and_names_the_fault(told: Callable[..., list[Finding]], mode: str) -> None:
    findings = told(blind=mode not in BY_LOOKING, mode=mode, **SLOW.get(mode, {}))
    assert has(findings, *FAULTS[mode])
    assert not report.passed(findings)


def test_a_door_that_is_open_is_open_for_look_ups_too(sandbox: Sandbox, told: Callable[..., list[Finding]]) -> None:
    emptied(sandbox)
    sandbox.tell(mode="open")
    assert has(list(examined(replace(sandboxed(sandbox), base=""))), "8.1", "no credential is answered 200")


def test_a_journal_that_stores_each_copy_is_seen_to(told: Callable[..., list[Finding]]) -> None:
    assert has(told(mode="forget"), "4.3", "100 in the journal, 1 due")


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
    assert [one.mark for one in findings if one.section == "2.3"] == [Mark.WARNED]
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


def test_a_forged_credential_differs_in_its_last_sign_only() -> None:
    assert forged(("X-Key", "abcA")) == ("X-Key", "abcB")
    shown = f"Basic {b64encode(b'kit:secret').decode()}"
    assert forged(("Authorization", shown)) == ("Authorization", f"Basic {b64encode(b'kit:secreA').decode()}")


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


def at(url: str, **more: Any) -> list[Finding]:
    return list(examined(Endpoint(url, DESK, KNOWN[3], **more)))


def test_the_kit_sends_the_headers_of_the_contract_and_no_others() -> None:
    seen: list[dict[str, str]] = []

    def answer(door: Door) -> None:
        seen.append({name.lower(): value for name, value in door.headers.items()})
        says(door, 500)

    with opened(answer) as url:
        at(url, credential=("X-Key", "s"))
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
    assert {one.mark for one in findings[2:]} == {Mark.UNTRIED}


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
        "✗ 4.3   the same key a hundred times: copies of one document have 100 different Locations\n        Look the key up and store"
        in out
    )


def test_machines_get_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "journal", "--sandbox", "--json")
    found = json.loads(out)
    assert found["passed"] == (code == 0)
    assert {"section": "4.5", "check": "a key is forgotten with what was refused", "mark": "passed"}.items() <= next(
        one.items() for one in found["checks"] if one["section"] == "4.5"
    )


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((), "journal"),
        (("journal",), "give the address"),
        (("journal", "https://x", "--sandbox"), "give the address"),
        (("journal", "ftp://x"), "write an address as"),
        (("journal", "https://user:secret@x"), "without user"),
        (("journal", "https://x?a=1"), "without user, query"),
        (("journal", "https://x", "--basic", "u"), "--secret goes with"),
        (("journal", "https://x", "--secret", "S"), "--secret goes with"),
        (("journal", "https://x", "--basic", "u", "--secret", "NOT_SET"), "is not set"),
        (("journal", "https://x", "--header", "X Y", "--secret", "S"), "a header's name"),
        (("journal", "https://x y"), "write an address as"),
        (("journal", "https://x", "--fault", "forget"), "say --sandbox"),
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


def test_secrets_come_from_the_environment() -> None:
    basic = options.read(["journal", "https://x", "--basic", "kit", "--secret", "S"], {"S": "secret"})
    header = options.read(["journal", "https://x", "--header", "X-Key", "--secret", "S"], {"S": "secret"})
    assert basic.credential == ("Authorization", f"Basic {b64encode(b'kit:secret').decode()}")
    assert header.credential == ("X-Key", "secret")
    assert "secret" not in repr(basic.secret)


def test_a_vendors_options_reach_the_endpoint(capsys: pytest.CaptureFixture[str], sandbox: Sandbox) -> None:
    emptied(sandbox)
    url, (header, value) = f"{sandbox.url}/{NAME}", sandbox.credential
    more = ("--patient", KNOWN[1].value, "--patient", KNOWN[2].value, "--protected", "12853910005", "--ended", "23915112005")
    _, out, _ = said(capsys, "journal", url, "--header", header, "--secret", "S", "--lookups", f"{url}/fhir", *more, S=value)
    assert "✗" not in out
    assert "4 calls at once" in out
    assert 'every title begins with "Fra Knutepunkts kit' in out
    assert KNOWN[1].value not in out
