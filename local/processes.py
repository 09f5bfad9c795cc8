"""Child processes that never outlive us, and ports for them to listen on. Standard library only."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.terminal import Halt

PR_SET_PDEATHSIG = 1  # prctl(2): the kernel sends this signal to the child when its parent is gone, even by kill -9
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Child:
    """`log` holds all that it printed."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def last_words(self, most: int = 200) -> str:
        """The last line of its log, for a sentence about why it ended."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:most] if lines else ""


def start(
    name: str, argv: Sequence[str], log: Path, env: Mapping[str, str], at_death: signal.Signals = signal.SIGKILL, folder: Path | None = None
) -> Child:
    """Starts a child in a process group of its own: Ctrl-C reaches us alone and we decide in which order to end them.

    `at_death` is what the kernel sends it should we be killed outright. Halt if there is no such program.
    """
    parent = os.getpid()
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=folder,
                start_new_session=True,
                preexec_fn=lambda: bind(parent, at_death),
            )
    except FileNotFoundError as error:
        raise Halt(f"{error.filename} is missing: install it and start again") from None
    return Child(name, process, log)


def bind(parent: int, at_death: signal.Signals) -> None:
    """This process, just forked, to the one that forked it."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, at_death)
        if os.getppid() != parent:  # it died in between
            os._exit(1)


def end(child: Child, patience: float = 10.0) -> bool:
    """Asks it to end, then makes it. True if it ended by itself within `patience` seconds."""
    polite = True
    _signal_group(child, signal.SIGTERM)
    try:
        child.process.wait(patience)
    except subprocess.TimeoutExpired:
        polite = False
    _signal_group(child, signal.SIGKILL)  # whoever is left in its group
    child.process.wait()
    return polite


def _signal_group(child: Child, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, what)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now; all held at once so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def listening(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def wait(until: Callable[[], bool], seconds: float, turn: Callable[[], None] = lambda: None) -> bool:
    """True as soon as `until` is; False when the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if until():
            return True
        turn()
        time.sleep(0.05)
    return until()


def log_directory(logs: Path | None, prefix: str) -> contextlib.AbstractContextManager[str]:
    """Where processes write their logs: a folder that is kept, or one that goes with the block."""
    if logs is None:
        return tempfile.TemporaryDirectory(prefix=prefix)
    logs.mkdir(parents=True, exist_ok=True)
    return contextlib.nullcontext(str(logs))


def end_on_signals() -> None:
    """Ctrl-C and SIGTERM both become the KeyboardInterrupt that asyncio.run ends on in an orderly way; also where a shell that started us
    with & told us to ignore the first."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
