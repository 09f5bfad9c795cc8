"""`./hub register check|diff|apply FILE...`: looks at municipalities' files, shows what they would change, and writes them to the hub;
`./hub register test FILE [NAME]`: tries the way to journals, and to those who are told when something needs a human.

Exit codes: 0 all is well; 1 something is wrong with a file or the hub, and what could not be done was not half done; 2 wrong usage.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from local import reaching
from local.frame import NO_HUB, OK, USAGE, WRONG
from local.terminal import Parser
from shared.access.register import Register, Sender, Tenant
from shared.access.register_difference import difference
from shared.access.register_toml import Known, read
from shared.access.rows import Endpoint, Lookup
from shared.access.rows import settings as needed
from shared.access.toml_table import Finding, hint
from shared.errors import HubError
from shared.settings import BadSetting

ROOT = Path(__file__).resolve().parent.parent
EPILOG = """\
A file describes one municipality whole: what stands in the hub and not in the file is removed. Other municipalities are not touched.
diff and apply need a running hub (./hub run); check needs nothing. test calls from this machine, with the secrets that the file names from
the environment. It sends a journal nothing that it keeps, and whoever is told ([[notify]]) a notice that says that it is a trial.
local/demo/310123455.toml explains the format.
"""
LOOKUP = "lookup"  # what [lookup] is called at the command line


class Store(Protocol):
    """The running hub's register. Saving a municipality replaces all of it, at once or not at all."""

    async def load(self) -> Register: ...

    async def save(self, tenant: Tenant) -> None: ...


Trial = Callable[[Callable[[reaching.Said], None]], bool]
StoreFactory = Callable[[], AbstractAsyncContextManager[Store]]


@dataclass(frozen=True, slots=True)
class File:
    """What became of reading one file; `tenant` is None if it cannot be used."""

    name: str
    tenant: Tenant | None
    findings: Sequence[Finding]


class FileError(Exception):
    """There is no such file, or it may not be read."""


def main(
    argv: Sequence[str],
    store_factory: StoreFactory,
    variables: Mapping[str, str] | None = None,
    settings: Collection[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> int:
    """The exit code. `variables` are what the running hub knows for `${NAME}` in the files; --set adds to them.

    `settings` are the names that the running hub has a value for; None where that cannot be known. `env`: where a test finds secrets.
    """
    try:
        options = _parser().parse_args(argv)
        given = {**(variables or {}), **dict(options.set)}
        files = read_all(options.files, None if options.what == "check" and not options.set else given)
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else USAGE
    except FileError as error:
        print(f"hub register: {error}", file=sys.stderr)
        return USAGE
    _tell(files)
    if any(file.tenant is None for file in files):
        return _refused(options.what, files)
    if options.what == "check":
        return OK
    if options.what == "test":
        return _tested(files[0], options.name, env or {})
    done = _with_hub(options.what, files, store_factory)
    if done == OK and settings is not None:
        _tell_unset(files, settings)
    return done


def _parser() -> argparse.ArgumentParser:
    parser = Parser("./hub register", description="The municipalities' register files.", epilog=EPILOG, allow_abbrev=False)
    commands = parser.add_subparsers(dest="what", required=True, metavar="check|diff|apply|test")
    for name, words in (
        ("check", "say what is wrong with the files, all of it, by file and line"),
        ("diff", "say what applying them would change in the running hub"),
        ("apply", "write them to the running hub; nothing is written if any file has an error"),
        ("test", "try the way to journals (name, connection, certificate, access token, answer), and send a trial notice to who is told"),
    ):
        command = commands.add_parser(name, help=words, description=f"{name}: {words}.", epilog=EPILOG)
        command.add_argument("files", nargs=1 if name == "test" else "+", metavar="FILE", help="a municipality's TOML file")
        if name == "test":
            name_words = f"one of its endpoints, {LOOKUP}, or one of those who are told (all of them)"
            command.add_argument("name", nargs="?", default="", metavar="NAME", help=name_words)
        command.add_argument("--set", action="append", default=[], type=variable, metavar="NAME=VALUE", help="a value for ${NAME}")
    return parser


def variable(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"([A-Z][A-Z0-9_]*)=(.+)", text)
    if not found:
        raise argparse.ArgumentTypeError("write NAME=VALUE, the name in capitals")
    return found[1], found[2]


def known_adapters() -> Known:
    """The folders under adapters/: the folder is the adapter, and says itself what it can and how its devices' numbers look (DEVICES)."""
    devices, journals = _adapters("devices"), _adapters("epj")
    shapes = [row for module in devices.values() for row in getattr(module, "DEVICES", ())]
    return Known(
        devices=set(devices),
        journals={name for name, module in journals.items() if hasattr(module, "ADAPTER")},
        systems={system: re.compile(shape) for system, shape in shapes},
        nationals={name for name, module in devices.items() if module.ADAPTER.resource},
        lookups={name for name, module in journals.items() if hasattr(module, "LOOKUP")},
        shelves={name for name, module in journals.items() if hasattr(module, "ADAPTER") and module.ADAPTER.shelved},
    )


def _adapters(room: str) -> dict[str, Any]:
    names = sorted(path.parent.name for path in (ROOT / "adapters" / room).glob("*/adapter.py"))
    return {name: import_module(f"adapters.{room}.{name}.adapter") for name in names}


def read_all(names: Sequence[str], variables: Mapping[str, str] | None) -> list[File]:
    known = known_adapters()
    files = [_read(name, known, variables) for name in names]
    first: dict[str, str] = {}
    return [_alone(file, first) for file in files]


def _read(name: str, known: Known, variables: Mapping[str, str] | None) -> File:
    try:
        text = Path(name).read_text(encoding="utf-8-sig")  # Windows editors put a byte order mark first
    except OSError as error:
        raise FileError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return File(name, None, [Finding(name, line, "", "holds bytes that are not UTF-8", "save the file as UTF-8")])
    return File(name, *read(text, name, known, variables))


def _alone(file: File, first: dict[str, str]) -> File:
    """A copied file whose orgnr was forgotten would replace the municipality that it was copied from."""
    if file.tenant is None or first.setdefault(file.tenant.orgnr, file.name) == file.name:
        return file
    other = first[file.tenant.orgnr]
    twice = Finding(file.name, 0, "tenant.orgnr", f"is the number of the municipality in {other} too", "correct one of them")
    return File(file.name, None, [*file.findings, twice])


def _tell(files: Sequence[File]) -> None:
    for file in files:
        for finding in file.findings:
            print(finding)
        if file.tenant:
            print(f"{file.name}: {_title(file.tenant)} can be applied: {_contents(file.tenant)}")


def _title(tenant: Tenant) -> str:
    return f"{tenant.name} ({tenant.orgnr})"


def _contents(tenant: Tenant) -> str:
    counts = {
        "sender": len(tenant.senders),
        "endpoint": len(tenant.endpoints),
        "route": len(tenant.routes),
        "device": len({(row.system, row.value) for row in tenant.bindings}),
    }
    national = {"service": len(tenant.services), "look-up": int(tenant.lookup is not None)}
    return ", ".join(_count(number, word) for word, number in (counts | {word: n for word, n in national.items() if n}).items())


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _refused(what: str, files: Sequence[File]) -> int:
    errors = sum(not finding.warning for file in files for finding in file.findings)
    done = {"check": "", "diff": "; nothing was compared", "apply": "; nothing was written", "test": "; nothing was called"}[what]
    print(f"hub register: {_count(errors, 'error')}{done}", file=sys.stderr)
    return WRONG


def _tested(file: File, name: str, env: Mapping[str, str]) -> int:
    trials = _trials(file.tenant, env) if file.tenant else []
    wanted = [one for one in trials if name in ("", one[0])]
    if not wanted and name:
        known = [title for title, _ in trials]
        print(f"hub register: nothing in the file has that name; {hint(name, known)}", file=sys.stderr)
        return USAGE
    try:
        return OK if all([_tried(title, trial, alone=len(wanted) == 1) for title, trial in wanted]) else WRONG
    except BadSetting as error:
        print(f"hub register: {error}", file=sys.stderr)
        return WRONG


def _tried(title: str, trial: Trial, *, alone: bool) -> bool:
    if not alone:
        print(f"\n{title}")
    return trial(print)


def _trials(tenant: Tenant, env: Mapping[str, str]) -> list[tuple[str, Trial]]:
    """What can be tried, by name: an endpoint and a recipient may have the same."""
    from local import reaching_people  # imports storage, which no other word of this command may need

    reached = [(name, partial(reaching.reach, row, env)) for name, row in targets(tenant).items()]
    return [*reached, *((row.name, partial(reaching_people.tell, tenant, row, env)) for row in tenant.recipients)]


def targets(tenant: Tenant) -> Mapping[str, Endpoint | Lookup]:
    """The journals that are called, by the names that the command line knows them by."""
    return {**({LOOKUP: tenant.lookup} if tenant.lookup else {}), **{row.name: row for row in tenant.endpoints}}


def _with_hub(what: str, files: Sequence[File], store_factory: StoreFactory) -> int:
    tenants = [file.tenant for file in files if file.tenant]
    try:
        asyncio.run(_change(tenants, store_factory, write=what == "apply"))
    except HubError as error:
        print(f"hub register: {error.reason}; {error.remedy or NO_HUB}", file=sys.stderr)
        return WRONG
    except OSError as error:
        print(f"hub register: the hub's storage does not answer ({type(error).__name__}); {NO_HUB}", file=sys.stderr)
        return WRONG
    return OK


async def _change(tenants: Sequence[Tenant], store_factory: StoreFactory, *, write: bool) -> None:
    async with store_factory() as store:
        register = await store.load()
        for tenant in tenants:
            _tell_shared(tenant, [*register.tenants.values(), *tenants])
            changes = difference(register.tenant(tenant.orgnr), tenant)
            if write and changes:
                await store.save(tenant)
            _tell_changes(tenant, changes, write=write)


def _tell_shared(tenant: Tenant, others: Iterable[Tenant]) -> None:
    """A copied file lets the neighbour's senders in, with the neighbour's secrets and vkp-ids: seldom meant."""
    for other in {other.orgnr: other for other in others if other.orgnr != tenant.orgnr}.values():
        theirs = {one for sender in other.senders for one in _proofs(sender)}
        for sender in tenant.senders:
            if shared := [one for one in _proofs(sender) if one in theirs]:
                print(f"warning: sender {sender.name} proves itself as a sender of {_title(other)} does ({', '.join(shared)})")


def _proofs(sender: Sender) -> tuple[str, ...]:
    """What opens the door for it: names of secrets, a vkp-id."""
    issuer = f" of {sender.auth.issuer}" if sender.auth.issuer else ""
    return (*([f"vkp_id {sender.auth.user}{issuer}"] if sender.auth.scheme == "token" else []), *sender.auth.secrets)


def _tell_unset(files: Sequence[File], settings: Collection[str]) -> None:
    tenants = [file.tenant for file in files if file.tenant]
    rows = [row for tenant in tenants for row in (*tenant.senders, *tenant.endpoints, tenant.lookup)]
    secrets = [needed(row.auth) for row in rows if row and row.auth] + [row.secrets for tenant in tenants for row in tenant.recipients]
    named = dict.fromkeys(name for some in secrets for name in some)
    unset = [name for name in named if name not in settings]
    if unset:
        given = " ".join(f"{name}=..." for name in unset)
        print(f"warning: no value in the hub that runs here: {', '.join(unset)}; start it with {given} ./hub run, then apply again")


def _tell_changes(tenant: Tenant, changes: Sequence[str], *, write: bool) -> None:
    if not changes:
        print(f"{_title(tenant)}: nothing to change")
        return
    done = "written; a running hub sees them within 10 seconds" if write else "to apply"
    print(f"{_title(tenant)}: {_count(len(changes), 'change')} {done}")
    for change in changes:
        print(f"  {change}")
