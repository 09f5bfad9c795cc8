"""What `./hub kit` can be told. Secrets come from the environment: a command line is read by everybody on the machine."""

import argparse
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from local.journal.behaviour import MODES
from local.kit.wire import Credential
from local.terminal import Parser
from shared.domain import person
from shared.domain.event import Person

EPILOG = """\
Exit codes: 0 all passed; 1 something is to be mended (✗ MUST, ! SHOULD); 2 wrong usage. The endpoint must be a test
endpoint: it gets a few dozen notes about invented people. ./hub kit journal --sandbox shows how it goes.
"""
HOSPITALS = 52  # the highest month of a hospital's own numbers (month + 40), which may be real people's
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


def read(argv: Sequence[str], env: Mapping[str, str]) -> argparse.Namespace:
    """The options, with `credential` made of what the environment holds. SystemExit with status 2 if something cannot be."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.sandbox == bool(options.url or options.lookups):
        parser.error("give the address of an endpoint, --lookups and where it answers them, or --sandbox")
    if options.sandbox and any((options.basic, options.header, options.secret, options.patient, options.protected, options.ended)):
        parser.error("--sandbox brings its own patients and its own credential")
    if options.fault and not options.sandbox:
        parser.error("--fault is of the sandbox: say --sandbox too")
    options.credential = _credential(parser, options, env)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = Parser("./hub kit", description="Kits that test another's side of a contract.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="what", required=True, metavar="journal")
    words = "hold a journal's endpoint to docs/journals.md"
    journal = commands.add_parser("journal", help=words, description=f"journal: {words}.", epilog=EPILOG, allow_abbrev=False)
    journal.add_argument("url", nargs="?", type=_address, metavar="URL", help="the endpoint, without /bundle")
    journal.add_argument("--lookups", type=_address, metavar="URL", help="where it answers look-ups (section 8), without /Patient")
    who = journal.add_mutually_exclusive_group()
    who.add_argument("--basic", type=_user, metavar="USER", help="HTTP Basic with this user")
    who.add_argument("--header", type=_header, metavar="NAME", help="a header with a fixed secret")
    journal.add_argument("--secret", metavar="VARIABLE", help="the environment variable that holds the password, or the header's value")
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


def _credential(parser: argparse.ArgumentParser, options: argparse.Namespace, env: Mapping[str, str]) -> Credential | None:
    named = options.basic or options.header
    if bool(named) != bool(options.secret):
        parser.error("--secret goes with --basic or --header, and they with it")
    if not named:
        return None
    secret = env.get(options.secret, "")
    if not secret or not secret.isascii() or not secret.isprintable():
        parser.error("the environment variable that --secret names is not set, or holds what cannot stand in a header")
    if options.basic:
        return "Authorization", f"Basic {b64encode(f'{options.basic}:{secret}'.encode()).decode()}"
    return options.header, secret


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
