"""A storage emulator for tests: the real Azurite, in memory, on free ports, ended with the tests."""

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from local.prepare import AZURITE_WORDS

ROOT = Path(__file__).resolve().parent.parent
# Azurite's own account and key, the same on every machine in the world.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
MORE = tuple(f"test{number:03}" for number in range(400))  # further accounts, with the same key
SERVICES = ("Blob", "Queue", "Table")
PATIENCE = 30.0  # seconds until its ports are open; it takes one on an idle machine

_running: list[subprocess.Popen[bytes]] = []


def start_azurite(directory: Path | None = None) -> str:
    """Starts one and gives its connection string. In memory, or in `directory`, where its index is written every 5 s and on SIGTERM."""
    for _ in range(3):  # another process may have taken a port in between
        ports = _free_ports(len(SERVICES))
        process = subprocess.Popen(
            _command(ports, directory), env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=_die_with_parent
        )
        _running.append(process)
        if _listens(process, ports):
            return _connection_string(ports)
    raise RuntimeError("Azurite did not start")


def stop_azurites() -> None:
    for process in _running:
        process.terminate()
    for process in _running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
    _running.clear()


atexit.register(stop_azurites)


@pytest.fixture(scope="session")
def accounts() -> Iterator[Iterator[str]]:
    """Connection strings of empty storage accounts, in an Azurite that all tests of the run share."""
    usual = start_azurite()
    yield (usual.replace(ACCOUNT, name) for name in MORE)
    stop_azurites()


@pytest.fixture(scope="module")
def storage(accounts: Iterator[str]) -> str:
    """An account of the module's own: what sweeps and timers go through does not grow with the tests that went before."""
    return next(accounts)


def _environment() -> Mapping[str, str]:
    return {**os.environ, "AZURITE_ACCOUNTS": ";".join(f"{name}:{KEY}" for name in (ACCOUNT, *MORE))}


def _command(ports: list[int], directory: Path | None) -> list[str]:
    node = os.environ.get("HUB_NODE") or shutil.which("node")
    script = Path(os.environ.get("HUB_AZURITE") or ROOT / ".hub/azurite/node_modules/azurite/dist/src/azurite.js")
    if node is None or not script.is_file():
        raise RuntimeError(f"these tests need Node.js and Azurite, expected at {script}: run ./hub test, which installs both")
    where = ["--location", str(directory)] if directory else ["--inMemoryPersistence"]
    named = [part for service, port in zip(SERVICES, ports, strict=True) for part in (f"--{service.lower()}Port", str(port))]
    return [node, str(script), "--silent", *AZURITE_WORDS, *where, *named]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _listens(process: subprocess.Popen[bytes], ports: list[int]) -> bool:
    until = time.monotonic() + PATIENCE
    for port in ports:
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            return False
    return True


def _connection_string(ports: list[int]) -> str:
    ends = [f"{service}Endpoint=http://127.0.0.1:{port}/{ACCOUNT}" for service, port in zip(SERVICES, ports, strict=True)]
    return ";".join(["DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={KEY}", *ends])


def _die_with_parent() -> None:
    """Linux: no emulator outlives a test run that was killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
