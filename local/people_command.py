"""`./hub people add|list|remove|headers`: who may use a municipality's admin API. The first one can only be let in here.

Exit codes: 0 done; 1 it cannot be, or the hub does not answer; 2 wrong usage. A number is read from standard input, never from the command
line, where other users of the machine could read it.
"""

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import requests
from joserfc.jwk import ECKey

from local.frame import OK, Frame, QuietParser, checked, ended, somebody, timed
from local.helseid import dpop_proof
from local.running import PAGE
from shared.access.people import LONGEST, MOST, Role, Roll, User, acceptable, person_key
from shared.admin import roll
from shared.admin.door import Guest, enter
from shared.admin.told import ROLES
from shared.domain import organisation
from shared.domain.clock import OSLO
from shared.door.answers import Fault
from shared.errors import Refused, Unavailable
from shared.hub import Hub
from shared.messages.asked import is_reason

HubFactory = Callable[[], AbstractAsyncContextManager[Hub]]

HEADINGS = ("Bruker", "Rolle", "Navn", "Gjelder til", "Sist brukt", "Åpen")
_LONGEST_NAME = 60
_PATIENCE = 10  # seconds for the sandbox issuer


FRAME = Frame(
    "hub people",
    late="lageret er opptatt; si det samme en gang til",
    broken=("det ble ikke gjort", "si det samme en gang til"),
    no_hub="start knutepunktet med ./hub run, eller oppgi lageret i AzureWebJobsStorage og nøkkelen i HUB_PATIENT_KEY",
)


def main(argv: Sequence[str], factory: HubFactory, issuer: str) -> int:
    """The exit code. `issuer`: the sandbox's, "" where none runs here."""

    async def work(options: argparse.Namespace) -> int:
        try:
            return _headers(options, issuer) if options.what == "headers" else await _run(options, factory)
        except Fault as fault:
            raise Refused(fault.reason, remedy=fault.remedy) from None

    return ended(FRAME, lambda: _parser().parse_args(argv), work)


def _parser() -> argparse.ArgumentParser:
    made = QuietParser("./hub people", description="Hvem som får bruke en kommunes administrasjons-API.", allow_abbrev=False)
    commands = made.add_subparsers(dest="what", required=True, metavar="add|list|remove|headers")
    words = {
        "add": "gi tilgang, eller gi den på nytt; spør etter fødselsnummeret",
        "list": "vis alle med tilgang",
        "remove": "ta tilgangen fra noen, også den siste",
        "headers": "bare med ./hub run: hodene til ett kall, til curl -H @-; spør etter fødselsnummeret",
    }
    added = {name: commands.add_parser(name, help=told, description=told, allow_abbrev=False) for name, told in words.items()}
    for name in ("add", "list", "remove"):
        added[name].add_argument("tenant", type=_orgnr, metavar="ORGNR", help="kommunen")
    added["add"].add_argument("--role", type=Role, choices=list(Role), required=True, help="hva vedkommende får gjøre")
    added["add"].add_argument("--name", type=_name, required=True, metavar="NAVN", help="så kolleger kjenner dem igjen i listen")
    added["add"].add_argument("--until", type=_time, metavar="DAG", help="høyst et halvt år fram (et halvt år)")
    added["remove"].add_argument("user", metavar="BRUKER", help="slik list viser den")
    for name in ("add", "remove"):
        added[name].add_argument("--as", dest="who", type=_whose, default=getpass.getuser(), metavar="NAVN", help="hvem som gjør det")
    added["headers"].add_argument("method", choices=("GET", "POST", "PUT", "DELETE"), help="kallets metode")
    added["headers"].add_argument("url", metavar="URL", help="kallets adresse")
    added["headers"].add_argument("--level", default="4", help="sikkerhetsnivå (4)")
    return made


_orgnr = checked(organisation.is_orgnr, "oppgi et organisasjonsnummer: ni siffer")
_name = checked(lambda text: is_reason(text) and len(text) <= _LONGEST_NAME, f"oppgi et navn på høyst {_LONGEST_NAME} tegn, uten nummer")
_whose = checked(somebody, "oppgi et brukernavn eller en e-postadresse, uten mellomrom")
_moment = timed("oppgi en dag, 2027-05-01, eller et øyeblikk med sone")


def _time(text: str) -> float:
    return _moment(text).timestamp()


def _number() -> str:
    asked = getpass.getpass("fødselsnummer: ") if sys.stdin.isatty() else sys.stdin.readline()
    return asked.strip()


async def _run(options: argparse.Namespace, factory: HubFactory) -> int:
    async with factory() as hub:
        await hub.registers.refresh()
        if (await hub.registers.current()).tenant(options.tenant) is None:
            raise Refused("registeret har ingen slik kommune", remedy="legg den inn med ./hub register apply")
        match options.what:
            case "add":
                return await _add(hub, options)
            case "remove":
                return await _remove(hub, options)
        print(_table(await roll.read(hub, options.tenant), hub.clock()))
        return OK


async def _add(hub: Hub, options: argparse.Namespace) -> int:
    now, number = hub.clock(), _number()
    until = options.until or now + LONGEST
    if not acceptable(number, hub.settings.numbers):
        raise Refused("dette er ikke et fødselsnummer som dette miljøet tar imot", remedy="skriv elleve siffer; se HUB_ENVIRONMENT")
    if not now < until <= now + LONGEST:
        raise Refused("tilgang gis for høyst et halvt år", remedy="oppgi en tidligere dag, eller ingen")
    key, user = person_key(hub.settings.patient_key, options.tenant, number), User(options.role, options.name, now, until)

    def change(people: dict[str, User]) -> None:
        if key not in people and len(people) >= MOST:
            raise Fault(409, f"kommunen har {MOST} brukere alt", "fjern noen først")
        people[key] = user

    await enter(hub, Guest(options.tenant, name=options.who), "people.put", f"{user.role}:{key}")
    await roll.write(hub, options.tenant, change)
    print(f"{key} får {ROLES[user.role]} til {_day(until)}")
    return OK


async def _remove(hub: Hub, options: argparse.Namespace) -> int:
    if options.user not in await roll.read(hub, options.tenant):
        raise Refused("det finnes ingen slik bruker", remedy="./hub people list viser dem")
    await enter(hub, Guest(options.tenant, name=options.who), "people.remove", options.user)

    def change(people: dict[str, User]) -> None:
        people.pop(options.user, None)

    await roll.write(hub, options.tenant, change)
    print(f"{options.user} har ikke lenger tilgang")
    return OK


def _table(people: Roll, now: float) -> str:
    rows = [HEADINGS, *(_row(key, one, now) for key, one in people.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _row(key: str, one: User, now: float) -> tuple[str, ...]:
    used = _day(one.used) if one.used else "aldri"
    return (key, ROLES[one.role], one.name, _day(one.until), used, "nei" if one.ended(now) else "ja")


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, OSLO):%d.%m.%Y}"


def _headers(options: argparse.Namespace, issuer: str) -> int:
    """What a page would send once somebody has logged in. Here nobody does: the sandbox issuer gives a token to whoever is named."""
    if not issuer:
        raise Refused("her kjører ingen prøveutsteder", remedy="start den med ./hub run")
    key = ECKey.generate_key("P-256")
    asked = {"client_id": PAGE, "pid": _number(), "jkt": key.thumbprint(), "level": options.level}
    answer = requests.post(f"{issuer}/_sandbox/person", json=asked, timeout=_PATIENCE)
    if answer.status_code != 200:
        raise Unavailable("prøveutstederen ga ingen billett")
    token = answer.json()["access_token"]
    print(f"Authorization: DPoP {token}\nDPoP: {dpop_proof(key, options.method, options.url, token)}")
    return OK
