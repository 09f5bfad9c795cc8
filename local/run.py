"""`./hub run`: storage, a sandbox journal and the hub on one machine, the demonstration, and where to look. Nothing outlives it."""

import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

import requests

from local import demonstration, looking, signing
from local.command import run_options
from local.prepare import AZURITE_JS, AZURITE_WORDS, HUB, ROOT
from local.processes import Child, end, free_ports, is_free, listening, start, wait
from local.running import Running, clients, credentials, page, record
from local.terminal import Halt, Step, say
from shared.access.issuer import Issuer
from shared.access.register_reach import SECRET
from shared.access.register_toml import RegisterError, parse
from shared.access.rows import Auth, Tenant

REGISTER = sorted((ROOT / "local" / "demo").glob("*.toml"))
# the account that every storage emulator has; its key is printed in the emulator's manual and opens nothing else
ACCOUNT, KEY = "devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START = 60.0  # seconds that a part may take to be there
PATIENCE = {"hub": 20.0}  # seconds to finish what it is at; others get 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where this run keeps its data, its logs and run.json."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def clients(self) -> Path:
        return self.folder / "clients.json"

    @property
    def json(self) -> Path:
        return self.folder / "run.json"


@dataclass(slots=True)
class Parts:
    """The children, in the order they were started."""

    place: Place
    env: dict[str, str]
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, name: str, *argv: str, at_death: signal.Signals = signal.SIGKILL) -> Child:
        self.children[name] = start(name, argv, self.place.logs / f"{name}.log", self.env, at_death, ROOT)
        return self.children[name]

    def ended(self) -> Child | None:
        return next((child for child in self.children.values() if child.ended), None)

    def check(self) -> None:
        """Halt if one of them has ended by itself."""
        if child := self.ended():
            raise Halt(_epitaph(child))

    def end(self) -> None:
        for name, child in reversed(self.children.items()):
            end(child, PATIENCE.get(name, 5.0))


def main() -> int:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT too: a shell's `&` has it ignored
        signal.signal(name, _ended)
    try:
        options = run_options(sys.argv[1:])
        with _place(options.once) as place:
            return _run(options, place)
    except Halt as halt:
        say(f"hub: {halt}")
        return halt.status
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        say(f"hub: {error.strerror or type(error).__name__}: {error.filename or HUB}")
        return 1


def _ended(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _place(once: bool) -> Iterator[Place]:
    """.hub, for one run at a time; a `--once` beside it gets a place of its own, gone afterwards."""
    for folder in HUB.glob("once-*"):
        if not Path("/proc", folder.name.removeprefix("once-")).exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that was killed
    with (HUB / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Place(HUB)
        except BlockingIOError:
            if not once:
                raise Halt(
                    "a hub is running from this folder already (.hub/run.json says where): stop it first, or use ./hub run --once"
                ) from None
            place = Place(HUB / f"once-{os.getpid()}")
            yield place
            shutil.rmtree(place.folder)


def _run(options: Namespace, place: Place) -> int:
    hub_port, journal_port, issuer_port, *storage_ports = _ports(options)
    tenants = _tenants(f"http://127.0.0.1:{journal_port}")
    values = _secrets(tenants)
    _lay_out(place, keep=options.keep)
    running = Running(
        hub=f"http://127.0.0.1:{hub_port}",
        journal=f"http://127.0.0.1:{journal_port}",
        issuer=f"http://127.0.0.1:{issuer_port}",
        connection_string=_connection_string(storage_ports),
        senders=credentials(tenants, values),
        clients=clients(tenants, Issuer("").scope_prefix),
        settings=sorted({name for name, value in os.environ.items() if value and SECRET.shape.fullmatch(name)} | set(values)),
    )
    settings = {"AzureWebJobsStorage": running.connection_string, "JOURNAL_URL": running.journal, "HUB_PATIENT_KEY": _patient_key(place)}
    parts = Parts(place, {**_national(running), **os.environ, **settings, **values})
    with ExitStack() as stack:
        stack.callback(place.json.unlink, missing_ok=True)
        stack.callback(_end, parts)
        _start(parts, running, storage_ports)
        record(place.json, running, {name: child.process.pid for name, child in parts.children.items()})
        return _show(options, parts, running)


def _national(running: Running) -> dict[str, str]:
    """The national contract on one machine, unless the environment says otherwise: invented people, tokens of the sandbox issuer."""
    return {
        "HUB_ENVIRONMENT": "test",
        "HUB_ISSUERS": json.dumps([{"issuer": running.issuer}]),
        "HUB_ADMIN": json.dumps([{"issuer": running.issuer}]),
        "HUB_PUBLIC_URL": running.hub,
    }


def _ports(options: Namespace) -> list[int]:
    """The hub's, the journal's, the issuer's, and storage's three."""
    for option, port in (("--port", options.port), ("--journal-port", options.journal_port)):
        if port is not None and not is_free(port):
            raise Halt(f"port {port} is taken (or not ours to use): give another with {option}, or none and a free one is found")
    if options.port is not None and options.port == options.journal_port:
        raise Halt("the hub and the journal cannot both have one port: give two", status=2)
    hub, journal, *others = free_ports(6)
    return [options.port or hub, options.journal_port or journal, *others]


def _tenants(journal: str) -> list[Tenant]:
    try:
        return [parse(file.read_text(), str(file.relative_to(ROOT)), None, {"JOURNAL_URL": journal}) for file in REGISTER]
    except RegisterError as error:
        raise Halt(f"{error.findings[0]} (./hub register check says all)") from None


def _secrets(tenants: Sequence[Tenant]) -> dict[str, str]:
    """The demo senders' secrets: what the environment gives, else made for this run."""
    named = ((name, auth) for tenant in tenants for auth in _auths(tenant) for name in auth.secrets)
    return {name: os.environ.get(name) or signing.new_secret(auth) for name, auth in named}


def _auths(tenant: Tenant) -> list[Auth]:
    return [*(sender.auth for sender in tenant.senders), *(endpoint.auth for endpoint in tenant.endpoints if endpoint.auth)]


def _lay_out(place: Place, *, keep: bool) -> None:
    place.json.unlink(missing_ok=True)  # of a run that was killed
    if not keep:
        shutil.rmtree(place.data, ignore_errors=True)
    for folder in (place.data, place.logs):
        folder.mkdir(parents=True, exist_ok=True)


def _patient_key(place: Place) -> str:
    """Made with the data that it belongs to, and kept with them."""
    file = place.data / "patient-key"
    if not file.is_file():
        file.write_text(secrets.token_hex(32))
    return file.read_text()


def _connection_string(ports: list[int]) -> str:
    services = zip(("Blob", "Queue", "Table"), ports, strict=True)
    addresses = ";".join(f"{name}Endpoint=http://127.0.0.1:{port}/{ACCOUNT}" for name, port in services)
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};{addresses};"


def _start(parts: Parts, running: Running, storage_ports: list[int]) -> None:
    step = Step("Starting storage, a sandbox journal, a token issuer and the hub")
    ports = [word for name, port in zip(("blob", "queue", "table"), storage_ports, strict=True) for word in (f"--{name}Port", str(port))]
    where = ("--location", str(parts.place.data / "azurite"))
    # SIGTERM, so that it writes its data down even when we are killed outright
    parts.start(
        "storage",
        "node",
        str(AZURITE_JS),
        "--silent",
        *AZURITE_WORDS,
        *where,
        *ports,
        at_death=signal.SIGTERM,
    )
    parts.start("journal", sys.executable, "-m", "local.journal", "--port", _port(running.journal))
    parts.place.clients.write_text(json.dumps([*(one.row for one in running.clients), page()]))
    parts.start("issuer", sys.executable, "-m", "local.helseid", "--clients", str(parts.place.clients), "--port", _port(running.issuer))
    ports_there = (*storage_ports, int(_port(running.journal)), int(_port(running.issuer)))
    _wait(parts, step, "storage, the journal and the token issuer", lambda: all(listening(port) for port in ports_there))
    _apply(parts, step)
    parts.start("hub", sys.executable, "-m", "local.host", "--port", _port(running.hub))
    _wait(parts, step, "the hub", lambda: _ready(running.hub))
    step.done()


def _port(url: str) -> str:
    return url.rpartition(":")[2]


def _wait(parts: Parts, step: Step, what: str, there: Callable[[], bool]) -> None:
    def turn() -> None:
        parts.check()
        step.turn()

    if not wait(there, START, turn):
        raise Halt(f"{what} did not answer within {START:.0f} s: see {parts.place.logs.relative_to(ROOT)}")


def _apply(parts: Parts, step: Step) -> None:
    """The same way as any municipality's file: ./hub register apply."""
    argv = [sys.executable, "-m", "local.register", "apply", *map(str, REGISTER)]
    child = start("register", argv, parts.place.logs / "register.log", parts.env, folder=ROOT)
    wait(lambda: child.ended, START, step.turn)
    end(child)
    if child.process.returncode:
        raise Halt(_epitaph(child))


def _ready(hub: str) -> bool:
    try:
        return requests.get(f"{hub}/api/health/ready", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _epitaph(child: Child) -> str:
    code, log = child.process.returncode, child.log.relative_to(ROOT)
    if code < 0:
        return f"the {child.name} was ended by {signal.Signals(-code).name} (see {log})"
    return f"the {child.name} ended by itself (exit code {code}): {child.last_words() or 'it said nothing'} (see {log})"


def _show(options: Namespace, parts: Parts, running: Running) -> int:
    good = options.keep or all([demonstration.show(running, parts.check), looking.show(running, parts.check)])  # a list: both are shown
    if options.once:
        return 0 if good else 1
    _where_to_look(parts, running)
    try:
        while True:
            parts.check()
            time.sleep(0.3)
    except KeyboardInterrupt:
        return 0 if good else 1


def _where_to_look(parts: Parts, running: Running) -> None:
    say()
    say(f"  Journal, to open in a browser   {running.journal}/")
    say(f"  Health                          {running.hub}/api/health/ready")
    say(f"  A receipt                       {running.hub}/api/v1/receipts/{{municipality}}.{{receipt}}   (for its sender)")
    say(f"  Contract, to read               {running.hub}/api/docs")
    say(f"  Contract for operators          {running.hub}/api/admin/openapi.json   (docs/admin.md)")
    say(f"  Token issuer                    {running.issuer}/.well-known/openid-configuration")
    say(f"  Addresses and credentials       {parts.place.json.relative_to(ROOT)}   (docs/senders.md says how to post)")
    say(f"  Logs                            {parts.place.logs.relative_to(ROOT)}/")
    say()
    say("The hub stays up until Ctrl-C.")


def _end(parts: Parts) -> None:
    """Hub first, so that it finishes what it is at; nothing may disturb this."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    step = Step("Stopping")
    parts.end()
    step.done("Stopped; nothing is left running")


if __name__ == "__main__":
    sys.exit(main())
