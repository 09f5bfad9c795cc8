"""What `./hub` understands: reads the command line, prepares what the command needs, and becomes it. Standard library only."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from local import prepare
from local.terminal import Halt, Parser, say

HELP = """\
usage: ./hub COMMAND [...]

  run                starts the hub on this machine with a sandbox journal, shows the main job, and stays until Ctrl-C
  run --once         shows the main job and exits: 0 only if every message reached its right end
  test [...]         runs every test; what follows is pytest's (./hub test tests/test_flow.py -k alarm)
  check              format, lint, types, architecture, function lengths, what may be committed
  bench [...]        measures the running hub against a raw harness (--quick, --json)
  faults [...]       proves delivery under crashes, outages, lying journals and failing storage (--quick, --json)
  register ...       check, diff or apply a municipality's register file; test the way to its journals
  audit ...          verifies, shows, exports and anchors a municipality's audit log
  messages ...       finds, shows, resends, parks and deletes messages, stops and starts traffic
  people ...         who may use the admin API: adds, lists and removes people of a municipality
  kit journal URL    holds a journal vendor's endpoint to docs/journals.md and says what to mend; --sandbox shows how it goes
  reconcile          counts what became of every receipt of a day, and names what does not add up (--day D)
  corpus DIR         posts every file of a folder at every door of the running hub, and tells what came of it

The first start prepares everything under .hub/ (about a minute); later starts take seconds. ./hub run --help says more.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """`module` is run by the virtual environment's Python; `at_root` False keeps the caller's directory, for the files it names."""

    module: str
    storage: bool = False
    worker: bool = False
    at_root: bool = True


COMMANDS = {
    "run": Command("local.run", storage=True),
    "test": Command("pytest", storage=True, worker=True),
    "check": Command("local.check"),
    "bench": Command("local.bench", storage=True),
    "faults": Command("local.faults", storage=True),
    "register": Command("local.register", at_root=False),
    "audit": Command("local.audit", at_root=False),
    "messages": Command("local.messages", at_root=False),
    "people": Command("local.people", at_root=False),
    "kit": Command("local.kit", at_root=False),
    "reconcile": Command("local.reconcile", at_root=False),
    "corpus": Command("local.corpus", at_root=False),
}


def run_options(argv: Sequence[str]) -> argparse.Namespace:
    """What `./hub run` can be told; read before anything is prepared, so that a slip costs nothing."""
    parser = Parser(prog="./hub run", description="Starts the hub, its storage and a sandbox journal on this machine.", allow_abbrev=False)
    parser.add_argument("--once", action="store_true", help="show the main job, then exit: 0 only if every message reached its right end")
    parser.add_argument(
        "--keep", action="store_true", help="go on with the stored data of the last run (.hub/data) instead of starting afresh"
    )
    parser.add_argument("--port", type=_port, help="the hub's port (default: a free one)")
    parser.add_argument("--journal-port", type=_port, help="the sandbox journal's port (default: a free one)")
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError("give a port number from 1 to 65535")
    return int(text)


def main(argv: Sequence[str]) -> int:
    """The exit code; on success this process has become the command and does not return."""
    signal.signal(signal.SIGTERM, _ended)
    try:
        return _main(argv)
    except Halt as problem:
        say(f"hub: {problem}")
        return problem.status
    except KeyboardInterrupt:
        say("hub: interrupted; the next start goes on from here")
        return 130
    except OSError as error:
        say(f"hub: {_os_sentence(error)}")
        return 1


def _ended(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _os_sentence(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full: free some space and start again"
    return f"{error.strerror or type(error).__name__}: {error.filename or prepare.HUB}"


def _main(argv: Sequence[str]) -> int:
    if argv and argv[0] in ("--help", "-h", "help"):
        print(HELP, end="")
        return 0
    names = ", ".join(COMMANDS)
    if not argv or argv[0] not in COMMANDS:
        slip = f"there is no command '{argv[0]}'" if argv else "no command given"
        raise Halt(f"{slip}: say one of {names} (./hub --help tells what they do)", status=2)
    name, rest = argv[0], list(argv[1:])
    if name == "run":
        run_options(rest)
    if name == "check" and rest:
        raise Halt("check takes no arguments: ./hub check", status=2)
    return _become(COMMANDS[name], rest)


def _become(command: Command, rest: list[str]) -> int:
    prepare.prepare(prepare.parts(storage=command.storage, worker=command.worker))
    if command.at_root:
        os.chdir(prepare.ROOT)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stdout.flush()
    os.execve(prepare.PYTHON, [str(prepare.PYTHON), "-m", *_started(command.module), *rest], prepare.environment())


def _started(module: str) -> list[str]:
    """Ours come by way of `local.start`, which lets a Ctrl-C through as soon as it can be taken without a traceback."""
    if not module.startswith("local."):
        return [module]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return ["local.start", module]
