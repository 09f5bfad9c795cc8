"""What `./hub messages` understands."""

import argparse
import getpass
from collections.abc import Sequence

from local.frame import MOST, QuietParser, checked, numbered, somebody, timed
from shared.domain import organisation
from shared.domain.message import Lane
from shared.flow.names import parcel_at, receipt_at
from shared.messages.asked import KINDS, LONGEST, MAY, NAME, REASONED, USUAL, event, is_reason
from shared.messages.edits import Verb
from shared.messages.message import STATES
from shared.messages.words import STATES as TOLD

EPILOG = """\
En melding er en kvittering (310123455.scales.routine.42.0) og det som ble av den: en levering til hvert endepunkt. Alt som gjøres, står i
kommunens logg (./hub audit) med navnet fra --as. Skriv aldri navn eller fødselsnummer i --reason. Mer i docs/messages.md.
"""
WORDS = {
    Verb.RESEND: "send på nytt det som er parkert, eller levert med --state delivered: samme nøkkel, på sin plass i rekkefølgen",
    Verb.PARK: "ta det som venter, ut av køen: det blir ikke sendt før noen ber om det",
    Verb.DELETE: "la det som venter, er parkert eller lagt til side, ligge for godt; kan angres med restore så lenge innholdet finnes",
    Verb.RESTORE: "angre delete",
    Verb.TRANSFORM: "behandle på nytt det som er lagt til side, når formatet eller registeret er rettet",
}
_TEXTS = {"tenant", "sender", "endpoint", "event", "state", "id", "reason", "batch"}
_BESIDE = ("endpoint", "since", "until", "state", "lane", "event")
MANY = 100  # messages that are changed without asking


def read(argv: Sequence[str]) -> argparse.Namespace:
    """What was typed; "" for a text that was not. SystemExit: it cannot be understood, and argparse has said why."""
    parser = _parser()
    options = parser.parse_args(argv)
    for name in _TEXTS & vars(options).keys():
        setattr(options, name, getattr(options, name) or "")
    given = vars(options)
    if (since := given.get("since")) and (until := given.get("until")) and until <= since:
        parser.error("--to må være etter --from; for en hel dag: dagen etter")
    if options.what == "find" and options.id and any(given[name] for name in _BESIDE):
        parser.error("--id finner uten filtre: bare --sender kan stå ved siden av")
    return options


def _parser() -> argparse.ArgumentParser:
    """Option names in English, as everywhere; what they mean in bokmål."""
    made = QuietParser("./hub messages", description="Meldingene i knutepunktet.", epilog=EPILOG, allow_abbrev=False)
    commands = made.add_subparsers(dest="what", required=True, metavar="find|show|resend|park|delete|restore|transform|stop|start|stops")
    words = {
        "find": "finn meldinger",
        "show": "vis alt som har skjedd med en melding",
        **{verb.value: told for verb, told in WORDS.items()},
    }
    words |= {"stop": "stopp trafikk: alt tas imot og venter", "start": "slipp den løs igjen", "stops": "vis hva som er stoppet"}
    added = {
        name: commands.add_parser(name, help=told, description=told, epilog=EPILOG, allow_abbrev=False) for name, told in words.items()
    }
    added["find"].add_argument("tenant", type=_orgnr, metavar="ORGNR", help="kommunen")
    _filters(added["find"], STATES)
    added["find"].add_argument("--id", type=_own, help="kvitteringens id, leveringens id, eller avsenderens egen id")
    added["find"].add_argument("--most", type=_count, default=50, metavar="N", help="høyst så mange (50)")
    added["show"].add_argument("id", type=_id, metavar="ID", help="kvitteringens eller leveringens id")
    for verb in Verb:
        _act(added[verb.value], verb)
    for name in ("stop", "start"):
        _stop(added[name])
    added["stops"].add_argument("tenant", type=_orgnr, nargs="?", metavar="ORGNR", help="kommunen (alle)")
    return made


def _filters(command: argparse.ArgumentParser, states: tuple[str, ...], usual: str = "") -> None:
    command.add_argument("--sender", type=_name, metavar="NAVN", help="avsenderens navn i registeret")
    command.add_argument("--endpoint", type=_name, metavar="NAVN", help="endepunktets navn i registeret")
    command.add_argument("--from", dest="since", type=_time, metavar="TID", help="mottatt fra og med: 2026-11-18, eller med tid og sone")
    command.add_argument("--to", dest="until", type=_time, metavar="TID", help="mottatt før; en dag er sitt første øyeblikk i Norge")
    command.add_argument("--state", type=_state, choices=states, default=usual or None, help=f"tilstand{f' ({usual})' if usual else ''}")
    command.add_argument("--lane", type=Lane, choices=list(Lane), default=None, help="alarm eller routine")
    command.add_argument(
        "--event", type=_event, metavar="HVA", help="hendelse: alert, 4.1, alert:4.1, eller som den skrives ut: 'varsel 4.1'"
    )


def _act(command: argparse.ArgumentParser, verb: Verb) -> None:
    command.add_argument("id", type=_target, metavar="ID|ORGNR", help="én kvittering eller levering; eller en kommune, med valg under")
    _filters(command, MAY[verb], USUAL[verb])
    _who(command, reason=verb in REASONED)
    command.add_argument("--dry-run", action="store_true", help="si bare hvor mange det gjelder")
    command.add_argument("--yes", action="store_true", help=f"ikke spør, selv om det er flere enn {MANY}")
    if verb is Verb.RESEND:
        command.add_argument("--batch", type=_name, metavar="NAVN", help="jobbens navn: det som er levert i den, sendes ikke igjen")


def _stop(command: argparse.ArgumentParser) -> None:
    command.add_argument("tenant", type=_orgnr, metavar="ORGNR", help="kommunen")
    one = command.add_mutually_exclusive_group()
    one.add_argument("--sender", type=_name, metavar="NAVN", help="bare det som kommer fra denne avsenderen")
    one.add_argument("--endpoint", type=_name, metavar="NAVN", help="bare det som skal til dette endepunktet")
    _who(command, reason=command.prog.endswith("stop"))


def _who(command: argparse.ArgumentParser, *, reason: bool) -> None:
    command.add_argument(
        "--as", dest="who", type=_whose, default=getpass.getuser(), metavar="NAVN", help="hvem som gjør det (brukeren her)"
    )
    command.add_argument("--reason", type=_reason, required=reason, metavar="TEKST", help="hvorfor; aldri navn eller fødselsnummer")


_orgnr = checked(organisation.is_orgnr, "oppgi et organisasjonsnummer: ni siffer")
_id = checked(
    lambda text: receipt_at(text) or parcel_at(text),
    "oppgi en kvittering (310123455.scales.routine.42.0) eller en levering (310123455~gerica~alarm~02.1000)",
)
_own = checked(lambda text: text.isprintable() and len(text) <= LONGEST, "oppgi en id")
_name = checked(NAME.fullmatch, "oppgi navnet slik det står i registeret: små bokstaver, tall og -")
_eventlike = checked(
    event, f"oppgi en hendelse ({', '.join(KINDS.values())}), en kode (4.1, body_weight) eller begge (alert:4.1, 'varsel 4.1')"
)
_whose = checked(somebody, "oppgi et brukernavn eller en e-postadresse, uten mellomrom")
_reason = checked(is_reason, f"skriv en grunn på høyst {LONGEST} tegn, uten fødselsnummer")
_count = numbered(f"oppgi et tall fra 1 til {MOST:_}".replace("_", " "))
_moment = timed("oppgi en dag, 2026-11-18, eller et øyeblikk med sone, 2026-11-18T08:00:00+01:00")


def _target(text: str) -> str:
    return text if organisation.is_orgnr(text) else _id(text)


def _event(text: str) -> str:
    return event(_eventlike(text))


def _state(text: str) -> str:
    """As it is printed, too."""
    return next((state for state, told in TOLD.items() if told == text), text)


def _time(text: str) -> float:
    return _moment(text).timestamp()
