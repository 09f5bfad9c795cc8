"""What recipients read, in bokmål: names from the register, counts and ids. No person, no payload."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.access.register import Tenant
from shared.domain.answer import is_unasked
from shared.domain.clock import OSLO
from shared.notice.ledger import EVENTS, Standing

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600
_STATUS = re.compile(r"(?<=answered )[1-5][0-9]{2}|(?<=parts \()[1-5][0-9]{2}")


@dataclass(frozen=True, slots=True)
class Saying:
    """`title`, `over`: one line, while it lasts and once it is over; `told`, `remedy`: what is so, and what the reader can do about it."""

    title: str
    told: str
    remedy: str
    over: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A message. `message`: its id, the same at every attempt; `first`: the id of the first one about the same."""

    subject: str
    body: str
    message: str
    first: str
    urgent: bool


_NO_ANSWER = Saying(
    "{name} svarer ikke",
    "Knutepunktet får ikke levert til {name}{reason}. {meldinger} venter der, den eldste i {oldest}. Alt blir sendt av seg selv, i "
    "rekkefølge, så snart {name} tar imot.",
    "{ask} Ingenting er tapt, og ingenting skal sendes på nytt for hånd.",
    "{name} svarer igjen",
)
_OLD = Saying(
    "{name}: {level} % av fristen er brukt",
    "Den eldste meldingen til {name} har ventet i {oldest}. Det er {level} % av fristen på {limit}. Etter fristen blir meldinger parkert: "
    "de finnes fortsatt, men blir ikke sendt igjen uten at noen ber om det. {meldinger} venter.",
    "Få {name} til å ta imot igjen før fristen går ut. Er endepunktet stoppet for hånd, åpne det igjen.",
    "{name} tar imot igjen",
)
_UNASKED = Saying(
    "{name} lar seg ikke spørre",
    "Et svar fra {name} kom bort på veien, og knutepunktet får ikke spørre om dokumentet kom fram{reason}. Det blir ikke sendt på nytt før "
    "det er klart, og det som gjelder samme person, venter bak det. {meldinger} venter der, den eldste i {oldest}; fristen er {limit}.",
    "Be leverandøren av {name} la knutepunktet søke etter det som det selv har sendt. Går ikke det, og tåler {name} å få samme dokument to "
    "ganger, sett asks = false på endepunktet i registeret: da blir det sendt på nytt med samme nøkkel.",
    "Ingenting venter lenger på å spørre {name}",
)
SAYINGS: Mapping[str, Saying] = {
    "alarm-late": Saying(
        "ALARM ikke levert: {name}",
        "{alarmer} {late}. Den eldste har ventet i {oldest}.{second}",
        "Følg opp på annen måte nå: ring responssenteret eller se i alarmsystemet. {why}",
        "Ingen alarmer venter lenger: {name}",
    ),
    "alarm-set-aside": Saying(
        "ALARM lagt til side: {name}",
        "{alarmer} fra {name} kunne ikke gjøres om til notat.{unknown} Ingen journal har fått vite om det.",
        'Følg opp i alarmsystemet nå. Se så hva som var galt: ./hub messages find {tenant} --lane alarm --state "set aside".',
    ),
    "alarm-parked": Saying(
        "ALARM parkert: {name}",
        "{name} har sagt nei til {alarmer}, og får ingen av dem igjen av seg selv.{second}",
        "Følg opp på annen måte nå. Se hva {name} svarte: ./hub messages find {tenant} --endpoint {subject} --lane alarm --state parked.",
    ),
    "endpoint-failing": _NO_ANSWER,
    "parked": Saying(
        "{meldinger} parkert: {name}",
        "{name} har sagt nei til {meldinger} de siste sju døgnene. Alt finnes fortsatt, men blir ikke sendt igjen av seg selv.",
        "Se hva {name} svarte: ./hub messages find {tenant} --endpoint {subject} --state parked. Få det rettet før noe sendes på nytt.",
    ),
    "poison": Saying(
        "Feil i knutepunktet: {name}",
        "En kømelding har feilet fem ganger. Det er en feil i knutepunktet, ikke hos dere. Antall: {count}.",
        "Meld fra til dem som drifter knutepunktet. Det som venter, er lagret og blir prøvd igjen.",
    ),
    "unknown-device": Saying(
        "{meldinger} fra ukjent enhet: {name}",
        "{meldinger} fra {name} de siste sju døgnene kom fra enheter som ingen var registrert på da, og er lagt til side.",
        "Registrer enhetene på rett person og fra rett tid (./hub register), og få det som kom, behandlet på nytt.",
    ),
    "set-aside": Saying(
        "{meldinger} lagt til side: {name}",
        "{meldinger} fra {name} de siste sju døgnene kunne ikke gjøres om til notat, helt eller delvis, og er lagt til side.",
        "Kvitteringene sier hva som var galt. Ofte må leverandøren eller knutepunktet rette noe.",
    ),
    "waiting": Saying(
        "Meldinger venter for lenge: {name}",
        "{meldinger} venter. Den eldste har ventet i {oldest}; det skal ikke ta mer enn {limit}.",
        "Se om en journal er treg eller et endepunkt er stoppet. Varer det, meld fra til dem som drifter knutepunktet.",
        "Ingen meldinger venter for lenge: {name}",
    ),
    "sender-silent": Saying(
        "Stille fra {name}",
        "Knutepunktet har ikke hørt fra {name} på {oldest}. Til vanlig kommer det noe på denne tiden.",
        "Spør leverandøren om noe har stoppet. Er avsenderen tatt ut av bruk, sett active = false i registeret.",
        "Ikke lenger stille fra {name}",
    ),
    "expires": Saying(
        "{name} går ut om {dager}",
        "{name} gjelder til {dato}. Etter det blir kall avvist.",
        "Bytt i god tid. En ny hemmelighet kan stå ved siden av den gamle i registeret til alle har byttet.",
        "{name} er fornyet",
    ),
    "unaccounted": Saying(
        "Regnskapet går ikke opp: {name}",
        "Regnskapet for {dato} går ikke opp ({count} funn): noe som {name} har sendt, har ingen kjent slutt. Først: {ids}",
        "Meld fra til dem som drifter knutepunktet. ./hub reconcile --day {day} viser alt.",
        "Regnskapet går opp igjen: {name}",
    ),
}
LANES = {"alarm": "alarmer", "routine": "vanlige meldinger"}


def words(notice: Standing, tenant: Tenant) -> Words:
    """What is said of it now."""
    facts, first = _facts(notice, tenant), f"{notice.id}-1"
    saying = _saying(notice)
    title = (f"Løst: {saying.over}" if notice.over else saying.title).format_map(facts)
    more = [saying.told.format_map(facts), f"Hva du kan gjøre: {saying.remedy.format_map(facts)}"]
    lines = [f"{tenant.name}: {title}", *([] if notice.over else more)]
    return Words(
        subject=f"[Knutepunkt] {tenant.name}: {title}",
        body="\n\n".join([*lines, _times(notice), _foot(notice)]) + "\n",
        message=f"{notice.id}-{notice.news}",
        first=first,
        urgent=notice.severity == "page" and not notice.over,
    )


def data(notice: Standing, tenant: Tenant, said: Words) -> dict[str, Any]:
    """The body of a webhook: the same for a program."""
    what = notice.notice
    state = "over" if notice.over else "opened" if notice.news == 1 else "lasts"
    return {
        "type": f"notice.{state}",
        "timestamp": _utc(notice.said),
        "data": {
            "notice": notice.id,
            "municipality": tenant.orgnr,
            "kind": what.kind,
            "subject": what.subject,
            "severity": notice.severity,
            "count": what.count,
            "level": what.level,
            "facts": dict(what.facts),
            "since": _utc(notice.since),
            "last": _utc(notice.last),
            "title": said.subject,
            "text": said.body,
        },
    }


def _saying(notice: Standing) -> Saying:
    what = notice.notice
    special = _UNASKED if is_unasked(what.facts.get("reason") or "") else _OLD if what.level else None
    return special if special and what.kind == "endpoint-failing" else SAYINGS[what.kind]


def _facts(notice: Standing, tenant: Tenant) -> dict[str, Any]:
    what = notice.notice
    lengths = {name: length(what.facts[name]) for name in ("oldest", "limit") if name in what.facts}
    counted = {"meldinger": _several(what.count, "melding", "meldinger"), "alarmer": _several(what.count, "alarm", "alarmer")}
    days = {"dager": _several(what.facts.get("days", 0), "dag", "dager"), "dato": ".".join(reversed(what.facts.get("day", "").split("-")))}
    whose = {"tenant": tenant.orgnr, "subject": what.subject, "name": _name(notice, tenant)}
    return {**what.facts, **lengths, **counted, **days, **whose, **_clauses(notice, tenant), "count": what.count, "level": what.level}


def _clauses(notice: Standing, tenant: Tenant) -> dict[str, str]:
    """Parts of a saying that are only there where there is something to say."""
    facts, name = notice.notice.facts, _name(notice, tenant)
    second = next((one.title for one in tenant.endpoints if one.name == facts.get("second")), "")
    status = (_STATUS.search(facts.get("reason") or "") or [""])[0]
    ours = status in ("401", "403")
    return {
        "second": f" Alarmene går også til {second}." * bool(second),
        "late": f"fra {name} er ikke sendt videre" if facts.get("sender") else f"har ikke nådd fram til {name}",
        "why": f"Trafikken er stoppet for hånd: ./hub messages stops {tenant.orgnr} viser det, og start slipper den løs."
        if facts.get("stopped")
        else f"Finn deretter ut hvorfor det stopper{'' if facts.get('sender') else f' ved {name}'}.",
        "unknown": f" For {facts.get('unknown')} av dem er ingen registrert på enheten." * bool(facts.get("unknown")),
        "reason": f": svaret er {status}" * bool(status) or ": svaret er en nettside" * ("web page" in (facts.get("reason") or "")),
        "ask": f"Se om det som knutepunktet viser {name}, gjelder ennå: ./hub register test." * ours
        or f"Spør leverandøren av {name} om tjenesten er oppe.",
    }


def _several(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _name(notice: Standing, tenant: Tenant) -> str:
    """As people there call it."""
    what = notice.notice
    titles = {"lookup": "oppslagene"} | {one.name: one.title for one in tenant.senders} | {one.name: one.title for one in tenant.endpoints}
    kind, _, name = what.subject.rpartition(":")
    if kind:
        return f"Sertifikatet til {titles.get(name, name)}" if kind == "certificate" else f"Hemmeligheten {name}"
    return LANES.get(name, name) if what.kind == "waiting" else titles.get(name, name)


def length(seconds: float) -> str:
    """How long, in its two largest units."""
    days, rest = divmod(int(seconds), _DAY)
    hours, rest = divmod(rest, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    parts = [(days, "døgn", "døgn"), (hours, "time", "timer"), (minutes, "minutt", "minutter"), (rest, "sekund", "sekunder")]
    told = [_several(*part) for part in parts if part[0]]
    return " ".join(told[:2]) or "0 sekunder"


def _times(notice: Standing) -> str:
    rows = [("Først sett", notice.since), ("Sist sett", notice.last), *([("Slutt", notice.over)] if notice.over else [])]
    told = [f"{name + ':':<12}{_oslo(at)}" for name, at in rows]
    what = notice.notice
    return "\n".join([*told, f"{'Sak:':<12}{what.kind} {what.subject}, nr. {notice.id}, melding {notice.news}"])


def _foot(notice: Standing) -> str:
    if notice.over:
        return "Dette er den siste meldingen om saken."
    if notice.notice.kind == "poison":
        return "Du får en ny melding hvis det skjer igjen, høyst én gang i timen."
    if notice.notice.kind in EVENTS and notice.severity == "page":
        return "Du får en ny melding straks hvis det blir flere, og ellers én gang i døgnet i sju døgn."
    if notice.notice.kind in EVENTS:
        return "Du får en ny melding hvis det blir flere, høyst én gang i timen, og ellers én gang i døgnet i sju døgn."
    often = "hver time" if notice.severity == "page" else "én gang i døgnet"
    return f"Du får en ny melding hvis det blir verre, ellers {often} så lenge det varer, og én når det er over."


def _oslo(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(OSLO):%d.%m.%Y kl. %H:%M}"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
