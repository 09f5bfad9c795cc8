"""The one command, as someone at a keyboard meets it: what it says and how it ends. Nothing here prepares or starts anything."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local import committable, demonstration, lengths, prepare, processes, register, run, running, signing
from local.cases import CASES, DELIVERED
from local.demonstration import Message
from local.prepare import ROOT, Part
from local.terminal import Halt
from shared.access.rows import Auth, Endpoint, Sender, Tenant
from shared.access.signature import PROFILES, authenticate


def hub(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "hub"), *argv], capture_output=True, text=True, timeout=30, check=False, env={**os.environ, **env}
    )


def refused(done: subprocess.CompletedProcess[str], *, status: int) -> str:
    """The one sentence that it said."""
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1), done.stderr
    assert done.stderr.startswith("hub: ")
    return done.stderr


def test_help_names_every_command() -> None:
    done = hub("--help")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in ("run", "test", "check", "bench", "faults", "register", "audit", "corpus"))


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        ((), "no command"),
        (("runn",), "'runn'"),
        (("run", "--ones"), "--ones"),
        (("run", "now"), "now"),
        (("run", "--port", "99999"), "--port"),
        (("run", "--port", "eight"), "--port"),
        (("check", "everything"), "check"),
    ],
)
def test_wrong_usage_is_one_sentence_and_prepares_nothing(argv: tuple[str, ...], word: str) -> None:
    assert word in refused(hub(*argv), status=2)


@pytest.mark.parametrize("argv", [("register", "look"), ("register",), ("bench", "--fast"), ("bench", "--only", "x"), ("corpus",)])
def test_wrong_usage_of_the_other_commands_is_one_sentence_too(argv: tuple[str, ...]) -> None:
    assert f"./hub {argv[0]} --help says what there is" in refused(started(f"local.{argv[0]}", *argv[1:]), status=2)


def started(*argv: str) -> subprocess.CompletedProcess[str]:
    """As `./hub` starts its commands."""
    return subprocess.run([sys.executable, "-m", "local.start", *argv], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_ctrl_c_while_hub_is_still_being_read_says_nothing() -> None:
    code = f"""
import runpy, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "local.command":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
runpy.run_path({str(ROOT / "hub")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_ctrl_c_between_hub_and_its_command_ends_it_without_a_traceback() -> None:
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job is born deaf to it
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
os.kill(os.getpid(), signal.SIGINT)
os.execv(sys.executable, [sys.executable, "-m", "local.start", "local.check"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_python_too_old_is_told_which_one_is_needed() -> None:
    script = str(ROOT / "hub")
    code = f"import runpy, sys; sys.version_info = (3, 9, 1); runpy.run_path({script!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PATH": ""})
    assert "Python 3.11 or 3.12 is needed" in refused(done, status=1)


def test_a_taken_port_is_told_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "local.run", "--once", "--port", str(taken.getsockname()[1])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "is taken" in refused(done, status=1)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("npm error code ENOTFOUND", "the package registry did not answer"),
        ("Error: ensurepip is not available", "python3-venv"),
        ("npm error code EINTEGRITY", "not the one that was pinned"),
        ("something\nERROR: odd thing", "ERROR: odd thing"),
        ("", "gave no reason"),
    ],
)
def test_what_a_failed_tool_printed_becomes_one_sentence(output: str, sentence: str) -> None:
    assert sentence in prepare._cause(output)


def test_a_tool_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(prepare, "LOGS", tmp_path)
    with pytest.raises(Halt, match="no-such-tool"):
        prepare._run("Trying", ["no-such-tool"])


def test_an_interrupted_part_is_made_again(tmp_path: Path) -> None:
    made: list[int] = []

    def fail_first() -> None:
        made.append(1)
        if len(made) == 1:
            raise Halt("interrupted")

    part = Part("part", tmp_path / "stamp", ("hub",), fail_first)
    with pytest.raises(Halt):
        part.make()
    assert not part.stands()
    part.make()
    assert part.stands()


def test_a_part_is_made_again_when_its_pins_change(tmp_path: Path) -> None:
    pins = tmp_path / "pins"
    pins.write_text("one==1")
    part = Part("part", tmp_path / "stamp", (str(pins),), lambda: None)
    part.make()
    pins.write_text("one==2")
    assert not part.stands()


def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    code = f"""
import os, sys, time
from pathlib import Path
from local import processes
print(processes.start("sleeper", ["sleep", "60"], Path({str(tmp_path)!r}) / "log", os.environ).process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert processes.wait(lambda: not alive(child), 10)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_that_ignores_sigterm_is_ended_all_the_same(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    child = processes.start("deaf", [sys.executable, "-c", deaf], tmp_path / "log", os.environ)
    assert processes.wait(lambda: "deaf" in child.log.read_text(), 10)
    began = time.monotonic()
    assert not processes.end(child, patience=0.2)
    assert child.ended and time.monotonic() - began < 5


SENDER = Sender("one", "310123455", "Title", ("tenovi",), Auth("header", "x-secret", "", ("ONE_SECRET",)), True)


def test_run_json_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    here = running.Running(
        "http://h", "http://j", "http://i", "conn", [running.Credential("310123455", "Eksempel kommune", SENDER, "s3cret")]
    )
    running.record(file, here, {"hub": 1, "journal": 2, "issuer": 4, "storage": 3})
    told = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (told["hub"], told["journal"]["url"]) == ({"url": "http://h", "pid": 1}, "http://j")
    assert told["senders"][0]["auth"] == {"scheme": "header", "header": "x-secret", "secret": "s3cret"}


def test_run_json_names_the_profile_of_a_sender_that_signs() -> None:
    assert running._auth(Auth("hmac", "github", "", ("S",))) == {"scheme": "hmac", "profile": "github"}
    assert running._auth(Auth("basic", "", "bridge", ("S",))) == {"scheme": "basic", "user": "bridge"}


def test_a_journal_that_fetches_has_a_client_that_may_read_what_lies_on_its_shelf() -> None:
    shelf = Endpoint("epj", "310123455", "EPJ", "pull", "", 4, True, Auth("token", "", "Leverandor_EPJ_Eksempel", ()))
    pushed = Endpoint("gerica", "310123455", "Gerica", "bundle", "http://j", 4, True, Auth("basic", "", "hub", ("S",)))
    tenant = Tenant("310123455", "Eksempel kommune", True, 72, (), (shelf, pushed), (), ())
    [client] = running.clients([tenant], "nhn:vkp/api/user/")
    assert (client.client_id, client.vkp_id, client.row["vkp_id"]) == ("310123455-epj", *["Leverandor_EPJ_Eksempel"] * 2)
    assert "nhn:vkp/api/user/bundle.read" in client.scopes and not any(scope.endswith("write") for scope in client.scopes)


def test_register_finds_the_running_hub_unless_another_storage_is_named(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    assert register.running_here(file, {}) is None
    file.write_text(json.dumps({"journal": {"url": "http://j"}, "storage": {"connection_string": "local"}}))
    assert register.environment(register.running_here(file, {}), {}) == {"JOURNAL_URL": "http://j", "AzureWebJobsStorage": "local"}
    assert register.running_here(file, {"AzureWebJobsStorage": "mine"}) is None
    assert register.environment(None, {"AzureWebJobsStorage": "mine"}) == {"AzureWebJobsStorage": "mine"}


POSTED = datetime(2026, 11, 22, 21, tzinfo=UTC)
PARCEL = {"endpoint": "gerica", "parcel": "310123455~gerica~alarm~02.1000", "status": "delivered", "answer": 201}


def delivered(case: int = 0, **changes: object) -> Message:
    parcel = {**PARCEL, "at": (POSTED + timedelta(seconds=1.5)).isoformat()}
    told = {"status": "delivered", "set_aside": [], "parcels": [parcel], **changes}
    credential = running.Credential("310123455", "Eksempel kommune", SENDER, "s3cret")
    receipt = "310123455.home-measurements.routine.1000.12"
    return Message(CASES[case], credential, POSTED.timestamp(), status=202, receipt=receipt, told=told)


def test_a_message_is_right_only_at_the_end_that_its_case_names() -> None:
    assert (CASES[0].end, CASES[0].stands) == (DELIVERED, 1)
    assert delivered().right
    assert not delivered(status="parked").right
    assert not delivered(parcels=[]).right
    assert not delivered(parcels=delivered().deliveries * 2).right


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_the_demonstrations_table_fits_the_terminal(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    table = demonstration.Table(colour=False, width=width)
    table.head()
    for number in range(len(CASES)):
        table.row(delivered(number, parcels=delivered().deliveries * 3))
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_a_narrow_table_tells_what_every_journal_answered(capsys: pytest.CaptureFixture[str]) -> None:
    other = {**delivered().deliveries[0], "endpoint": "cosdoc", "parcel": "310123455~cosdoc~alarm~02.1000", "answer": 200}
    demonstration.Table(colour=False, width=80).row(delivered(parcels=[*delivered().deliveries, other]))
    assert " 201 200 " in capsys.readouterr().out


def test_secrets_of_the_demo_senders_are_made_unless_the_environment_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKSEMPEL_TTN_SECRET", "mine")
    values = run._secrets(run._tenants("http://127.0.0.1:1"))
    assert values["EKSEMPEL_TTN_SECRET"] == "mine"
    assert len(values["PROVEVIK_TTN_SECRET"]) > 30


def test_every_case_of_the_demonstration_has_its_example() -> None:
    assert all(case.body for case in CASES)


SCHEMES = [
    Auth("header", "x-secret", "", ("S",)),
    Auth("basic", "", "user", ("S",)),
    *(Auth("hmac", name, "", ("S",)) for name in PROFILES),
]


@pytest.mark.parametrize("auth", SCHEMES, ids=lambda auth: f"{auth.scheme} {auth.profile}".strip())
def test_what_a_demo_sender_signs_is_what_the_hub_accepts(auth: Auth) -> None:
    sender = Sender("one", "310123455", "Title", ("tenovi",), auth, True)
    secret = signing.new_secret(auth)
    headers = signing.headers(auth, secret, b"body", now=1_800_000_000)
    assert authenticate([sender], {"S": secret}.get, headers, b"body", 1_800_000_000) is sender


def test_what_may_not_be_committed_is_named_by_file_and_line() -> None:
    body = "fine\n" + "see /" + "tmp/x\n" + "from https://registry" + ".npmjs.org\n"
    assert list(committable.faults("a.md", body.encode())) == ["a.md:2: a path of one machine", "a.md:3: a package registry's host"]
    assert list(committable.faults("a.bin", b"\0")) == ["a.bin: a binary file"]


def test_a_docstring_does_not_count_in_a_functions_length() -> None:
    text = 'def one():\n    """Two\n    lines."""\n    return 1\n'
    assert [function.lines for function in lengths.functions(text, "a.py")] == [2]


def test_a_long_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "long.py").write_text("def one():\n    return 1\n" + "\n" * lengths.FILE)
    assert lengths.report(tmp_path)[1] == ["shared/long.py: 252 lines, at most 250"]
