"""Entries of the audit log as a table that a person reads, in bokmål. Nobody is named in it: citizens are the first letters of a hash."""

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.access.entry import Entry
from shared.domain.clock import OSLO
from shared.fhir import terminology

HEADINGS = ("Tid", "Hvem", "Hva", "Gjelder", "Tjenestekoder", "Utfall", "Korrelasjons-id")
THINGS = {
    "allergyintolerance": "allergier",
    "bundle": "dokument",
    "careplan": "planer og tiltak",
    "communication": "melding",
    "composition": "notat",
    "condition": "diagnoser",
    "encounter": "tilsyn",
    "episodeofcare": "tjenester",
    "medicationdispense": "medisinutdeling",
    "medicationstatement": "legemidler",
    "patient": "personopplysninger",
}
VERBS = {"read": "Slo opp", "write": "Sendte", "fetch": "Hentet", "acknowledge": "Kvitterte for", "status": "Så status for"}
ACTS = {
    "resend": "Sendte på nytt",
    "park": "Parkerte",
    "delete": "Slettet",
    "restore": "Hentet tilbake",
    "transform": "Behandlet på nytt",
    "stop": "Stoppet trafikk",
    "start": "Startet trafikk",
    "show": "Så på",
    "find": "Søkte etter meldinger",
    "job": "Begynte en jobb",
    "jobs": "Så på jobber",
    "stops": "Så hva som er stoppet",
    "days": "Så på dagenes tall",
    "pause": "Satte på vent",
    "resume": "Lot gå videre",
    "cancel": "Avbrøt",
}
PEOPLE = {"put": "Ga tilgang", "remove": "Tok tilgang fra", "list": "Så hvem som har tilgang", "me": "Så sin egen tilgang"}
ADMINISTERED = {"messages": ACTS, "people": PEOPLE}
ROLES = {"follow": "følger med", "administer_users": "administrerer brukere", "administer": "administrerer", "unknown": "uten tilgang"}
SHORT, FEW = 8, 2  # letters of a hash; citizens of one entry that are shown


def table(entries: Sequence[Entry]) -> str:
    """One line for each entry, under its heading."""
    rows = [HEADINGS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def _row(entry: Entry) -> tuple[str, ...]:
    when = datetime.fromtimestamp(entry.at, UTC).astimezone(OSLO)
    codes = ", ".join(entry.service_codes) or "–"
    cells = (f"{when:%d.%m.%Y %H:%M:%S}", _who(entry), _what(entry), _whom(entry), codes, _outcome(entry), entry.correlation)
    return tuple(_plain(cell) for cell in cells)


def _who(entry: Entry) -> str:
    role, colon, key = entry.who.partition(":")  # of somebody who has logged in; a name that was given has no colon
    if colon:
        return f"{key[:SHORT]} ({ROLES.get(role, role)})"
    if entry.who:
        return f"{entry.who} (oppgitt)"
    named = [name for name in (entry.sender, entry.vkp_id) if name] or [entry.client or "ukjent"]
    return f"{named[0]} ({named[1]})" if len(named) > 1 else named[0]


def _what(entry: Entry) -> str:
    thing, _, word = entry.action.partition(".")
    if thing == "audit":
        return f"Leste denne loggen: {entry.message}"
    if thing in ADMINISTERED:
        return f"{ADMINISTERED[thing].get(word, word)}{f': {_few(entry.message)}' if entry.message else ''}"
    return f"{VERBS.get(word, word)} {THINGS.get(thing, thing)}"


def _few(message: str) -> str:
    """Ids, and why: the first of many."""
    names, colon, why = message.partition(": ")
    first, *others = names.split(", ")
    return f"{first}{f' og {len(others)} til' if others else ''}{colon}{why}"


def _whom(entry: Entry) -> str:
    shown = ", ".join(patient[:SHORT] for patient in entry.patients[:FEW])
    more = len(entry.patients) - FEW
    return f"{shown} og {more} til" if more > 0 else shown or "–"


def _outcome(entry: Entry) -> str:
    if entry.status < 400:
        counted = f"OK, {entry.count} treff"
        return "mottatt" if entry.status == 202 else "OK" if entry.action.partition(".")[0] in ("audit", *ADMINISTERED) else counted
    reason = terminology.display(terminology.OUTCOME, entry.code)
    told = f"{reason} ({entry.code})" if reason else f"HTTP {entry.status}"
    return f"{'avvist' if entry.status < 500 else 'feilet'}: {told}"


def _plain(cell: str) -> str:
    """What a token says may hold anything, and a terminal obeys some of it."""
    return "".join(letter if letter.isprintable() else "?" for letter in cell)
