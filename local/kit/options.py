"""What `./hub kit` can be told. Secrets come from the environment: a command line is read by everybody on the machine."""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from local.journal.behaviour import MODES
from local.kit.endpoint import LINES
from local.kit.faults import faults
from local.kit.ways import WAYS
from local.register import variables
from local.register_command import LOOKUP, FileError, read_all, targets, variable
from local.terminal import Parser
from shared.access.register_reach import filled
from shared.access.rows import Auth, Lookup
from shared.access.toml_table import hint
from shared.domain import person
from shared.domain.event import Person

EPILOG = """\
Exit codes: 0 all passed; 1 something is to be mended (✗ MUST, ! SHOULD); 2 wrong usage. The endpoint must be a test
endpoint: it gets a few dozen notes about invented people. A journal that wants a token, a signature or a certificate is
tried by --file. ./hub kit journal --sandbox shows how it goes.
"""
BUNDLE, SHELF = "bundle", "pull"
FETCHES = "a journal that fetches (pull) is called by nobody, so there is nothing to try: let it fetch from ./hub run, as in docs/pull.md 5"
HOSPITALS = 52  # the highest month of a hospital's own numbers (month + 40), which may be real people's
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to try, by which way, and what it is shown: a row of a register, or as much of one as the command line says."""

    base: str = ""
    lookups: str = ""
    way: str = BUNDLE
    auth: Auth | None = None
    lines: int = LINES
    rate: int = 0


def read(argv: Sequence[str], env: Mapping[str, str]) -> argparse.Namespace:
    """The options, with a `target` unless it is the sandbox. SystemExit with status 2 if something cannot be."""
    parser = _parser()
    options = parser.parse_args(argv)
    fault = next((words for wrong, words in _slips(options) if wrong), "")
    if fault:
        parser.error(fault)
    if not options.sandbox:
        options.target = _of_file(parser, options, env) if options.file else _typed(parser, options, env)
    return options


def _slips(options: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    yield options.way == SHELF, FETCHES
    typed = options.url or options.lookups
    given = bool(options.sandbox) + bool(typed) + bool(options.file)
    yield not given, "give the address of an endpoint, --lookups, --file or --sandbox"
    yield given > 1, "it is one of them: the address of an endpoint (or --lookups), --file, --sandbox"
    own = (options.basic, options.header, options.secret, options.patient, options.protected, options.ended)
    yield options.sandbox and any(own), "--sandbox brings its own patients and its own credential"
    yield bool(options.fault and not options.sandbox), "--fault is of the sandbox: say --sandbox too"
    known = faults(way := options.way or BUNDLE)
    idle = f"nothing goes wrong by {way} with --fault {options.fault}: say one of {', '.join(known)}"
    yield bool(options.fault) and options.fault not in known, idle
    shown = (options.basic, options.header, options.secret, options.way)
    yield bool(options.file and any(shown)), "--file says itself by which way, and what the journal is shown"
    yield bool((options.endpoint or options.set) and not options.file), "--endpoint and --set go with --file"
    alone = bool(options.secret and options.way == "response_centre")
    slip = "--secret goes with --basic or --header, and they with it; alone with --way response_centre"
    yield bool(options.basic or options.header) != bool(options.secret) and not alone, slip


def _parser() -> argparse.ArgumentParser:
    parser = Parser("./hub kit", description="Kits that test another's side of a contract.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="what", required=True, metavar="journal")
    words = "hold a journal's endpoint to docs/journals.md"
    journal = commands.add_parser("journal", help=words, description=f"journal: {words}.", epilog=EPILOG, allow_abbrev=False)
    journal.add_argument("url", nargs="?", type=_address, metavar="URL", help="the address that was agreed; for bundle without /bundle")
    journal.add_argument("--way", choices=sorted({*WAYS, SHELF}), help="how documents reach it, as `adapter` in a register (bundle)")
    journal.add_argument("--lookups", type=_address, metavar="URL", help="where it answers look-ups (section 8), without /Patient")
    who = journal.add_mutually_exclusive_group()
    who.add_argument("--basic", type=_user, metavar="USER", help="HTTP Basic with this user")
    who.add_argument("--header", type=_header, metavar="NAME", help="a header with a fixed secret")
    held = "the environment variable that holds the password, the header's value, or what webhooks are signed with"
    journal.add_argument("--secret", metavar="VARIABLE", help=held)
    _of_register(journal)
    patient = "a test patient whom the journal knows; say it again for more"
    journal.add_argument("--patient", action="append", type=_invented, metavar="NUMBER", help=patient)
    journal.add_argument("--protected", type=_invented, metavar="NUMBER", help="one with a protected address")
    journal.add_argument("--ended", type=_invented, metavar="NUMBER", help="one whose services have all ended")
    journal.add_argument("--json", action="store_true", help="findings for machines")
    journal.add_argument("--sandbox", action="store_true", help="start the sandbox journal and try that")
    journal.add_argument(
        "--fault", choices=sorted(MODES), metavar="MODE", help="with --sandbox: a fault that it is to have (docs/journals.md 9)"
    )
    return parser


def _of_register(journal: argparse.ArgumentParser) -> None:
    journal.add_argument("--file", metavar="FILE", help="a municipality's register: address, way and auth stand there, secrets in settings")
    journal.add_argument("--endpoint", metavar="NAME", help=f"which of its endpoints, or {LOOKUP} (the only one)")
    journal.add_argument("--set", action="append", default=[], type=variable, metavar="NAME=VALUE", help="a value for ${NAME} in the file")


def _typed(parser: argparse.ArgumentParser, options: argparse.Namespace, env: Mapping[str, str]) -> Target:
    target = Target(options.url or "", options.lookups or "", options.way or BUNDLE)
    if not options.secret:
        return target
    secret = env.get(options.secret, "")
    if not secret or not secret.isascii() or not secret.isprintable():
        parser.error("the environment variable that --secret names is not set, or holds what cannot stand in a header")
    scheme = "basic" if options.basic else "header" if options.header else "webhook"
    return replace(target, auth=Auth(scheme, options.header or "", options.basic or "", (options.secret,)))


def _of_file(parser: argparse.ArgumentParser, options: argparse.Namespace, env: Mapping[str, str]) -> Target:
    try:
        [file] = read_all([options.file], None)
    except FileError as error:
        parser.error(str(error))
    if file.tenant is None:
        parser.error("\n".join(["the file cannot be used:", *map(str, file.findings)]))
    rows = targets(file.tenant)
    name = options.endpoint or (next(iter(rows)) if len(rows) == 1 else "")
    if name not in rows:
        parser.error(f"there is no endpoint of that name in the file; {hint(name, rows)}" if name else f"say --endpoint: {', '.join(rows)}")
    row = rows[name]
    url, wrong = filled(row.url, {**variables(env), **dict(options.set)})
    if wrong:
        parser.error(f"{options.file}: {name}.url: {'; '.join(wrong)}")
    if isinstance(row, Lookup):
        return Target(lookups=url.rstrip("/"), auth=row.auth)
    if row.adapter not in WAYS:
        parser.error(FETCHES if row.adapter == SHELF else f"the kit tries {', '.join(WAYS)}; this endpoint is reached by {row.adapter}")
    return Target(url.rstrip("/"), "", row.adapter, row.auth, row.lines, row.rate)


def _address(text: str) -> str:
    try:
        place = urlsplit(text)
        right = place.scheme in ("http", "https") and place.hostname and place.port != 0 and not place.query and not place.fragment
    except ValueError:
        right = None
    if not right or "@" in text or not text.isascii() or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError("write an address as https://epj.example.no/knutepunkt, without user, query or fragment")
    return text.rstrip("/")


def _user(text: str) -> str:
    if ":" in text or not text.isprintable():
        raise argparse.ArgumentTypeError("a user of HTTP Basic has no colon")
    return text


def _header(text: str) -> str:
    if not HEADER.fullmatch(text):
        raise argparse.ArgumentTypeError("a header's name has letters, digits and hyphens")
    return text


def _invented(text: str) -> Person:
    found = person.person(text)
    if found is None or not person.synthetic(text) or int(text[2:4]) <= HOSPITALS:
        raise argparse.ArgumentTypeError("only an invented person's number is taken: 11 digits with valid checks, month + 80 or + 65")
    return found
