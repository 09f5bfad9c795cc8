"""What operators read of messages, in bokmål. Ids, counts and the hub's own reasons; nobody is named in it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.access.register import Stop
from shared.domain.clock import OSLO
from shared.messages.asked import KINDS
from shared.messages.edits import State, Verb
from shared.messages.job import Job
from shared.messages.message import Message, Sent

STOPS = ("Siden", "Kommune", "Stoppet", "Av")
HEADINGS = ("Mottatt", "Kvittering", "Tilstand", "Hendelser", "Leveringer")
STATES = {
    "received": "mottatt",
    "transformed": "underveis",
    "delivered": "levert",
    "parked": "parkert",
    "set aside": "lagt til side",
    "duplicate": "duplikat",
    "waiting": "venter",
    "deleted": "slettet",
    "unacknowledged": "ikke kvittert",
}
JOBS = {"running": "pågår", "paused": "står på vent", "done": "ferdig", "cancelled": "avbrutt"}
DONE = {
    Verb.RESEND: ("sendes på nytt", "levering", "leveringer"),
    Verb.PARK: ("parkert", "levering", "leveringer"),
    Verb.DELETE: ("slettet", "melding eller levering", "meldinger og leveringer"),
    Verb.RESTORE: ("hentet tilbake", "melding eller levering", "meldinger og leveringer"),
    Verb.TRANSFORM: ("behandles på nytt", "melding", "meldinger"),
}
TAKES = {
    Verb.RESEND: "resend tar det som er parkert, og med --state delivered det som er levert",
    Verb.PARK: "park tar leveringer som venter",
    Verb.DELETE: "delete tar det som venter, er parkert eller lagt til side",
    Verb.RESTORE: "restore tar det som er slettet",
    Verb.TRANSFORM: "transform tar det som er lagt til side",
}


def table(messages: Sequence[Message]) -> str:
    """One line for each message, under its heading."""
    return _columns([HEADINGS, *(_row(message) for message in messages)])


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _row(message: Message) -> tuple[str, ...]:
    told = _short(events(message.state) or "–")
    return (time(message.since), message.receipt, STATES[message.word], told, _deliveries(message.parcels))


def _deliveries(parcels: Sequence[Sent]) -> str:
    counted = Counter((sent.endpoint, STATES[sent.status]) for sent in parcels)
    return ", ".join(f"{endpoint}: {f'{number} ' if number > 1 else ''}{told}" for (endpoint, told), number in counted.items()) or "–"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def events(state: State) -> str:
    """What happened, before what kind of document told it."""
    words = [word.partition(":") for word in state.get("events", ())]
    return ", ".join(f"{KINDS.get(kind, kind)} {code}".strip() for kind, _, code in sorted(words, key=lambda one: one[0] == "document"))


def time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(OSLO):%d.%m.%Y %H:%M:%S}"


def traffic(stop: Stop, *, stopped: bool) -> str:
    """What is so from now on."""
    named = _named(stop)
    if stopped:
        alarms = "" if stop.endpoint else " Alarmer går da ingen andre veier: ring dem som må vite det, eller stopp heller et endepunkt."
        return f"{named} er stoppet: alt tas imot og venter. Det gjelder innen ti sekunder; ./hub messages start slipper det løs.{alarms}"
    return f"{named} går igjen innen ti sekunder; det som har ventet, tas i rekkefølge."


def stopped_before(first: Stop) -> str:
    """Whoever stops what is stopped is told of the first stop, which stands."""
    why = f": {first.why}" if first.why else ""
    return (
        f"{_named(first)} ble stoppet alt {time(first.since)} av {first.who}{why}. Det står ved lag; ./hub messages start slipper det løs."
    )


def _named(stop: Stop) -> str:
    return f"{held(stop)[:1].upper()}{held(stop)[1:]}"


def stops(found: Sequence[Stop]) -> str:
    """One line for each."""
    rows = [(time(stop.since), stop.tenant, held(stop), f"{stop.who}{f': {stop.why}' if stop.why else ''}") for stop in found]
    return _columns([STOPS, *rows]) if rows else "ingenting er stoppet for hånd"


def held(stop: Stop) -> str:
    """What it holds back."""
    named = f"det som kommer fra {stop.sender}" if stop.sender else f"det som skal til {stop.endpoint}" if stop.endpoint else ""
    return named or "all trafikk i kommunen"


def would_be(number: int) -> str:
    """What a trial run says."""
    return f"{number} {'melding' if number == 1 else 'meldinger'} ville blitt berørt"


def done(verb: Verb, number: int) -> str:
    """How much came of an act that there was something to do for."""
    word, one, several = DONE[verb]
    return (
        f"{number} {one if number == 1 else several} {word}"
        if number
        else "ingenting å gjøre: innholdet er borte, noen andre gjorde det først, eller en avbrutt behandling må gjøres ferdig først"
    )


def did(verb: Verb, number: int, parcels: Sequence[Sent]) -> str:
    """And what the act could not undo. `parcels`: those that were changed, as they were before."""
    back, doubt = caveats(verb, parcels)
    return told(verb, number, back, doubt)


def caveats(verb: Verb, parcels: Sequence[Sent]) -> tuple[int, int]:
    """Of how many only the repeat is taken back, and how many may have arrived."""
    back = sum(sent.delivered for sent in parcels) if verb in (Verb.PARK, Verb.DELETE) else 0
    return back, sum(sent.doubtful for sent in parcels) if verb is Verb.DELETE else 0


def told(verb: Verb, number: int, back: int, doubt: int) -> str:
    """As `did`, of many: `caveats` added up."""
    if not number:
        return done(verb, 0)
    parts = [done(verb, number - back)] if number > back else []
    parts += [f"{back} som var levert før, står som levert: bare sendingen på nytt er tatt tilbake"] if back else []
    parts += [f"{doubt} kan stå i journalen allerede: et forsøk kan ha kommet fram"] if doubt else []
    return "; ".join(parts)


def nothing(verb: Verb, message: Message | None = None, name: str = "") -> str:
    """There is nothing that the act takes: in which state it is instead. `name`: the id that was given, the receipt's or a parcel's."""
    if message is None:
        return f"ingenting å gjøre: {TAKES[verb]}"
    states = [sent.status for sent in message.parcels if name in (sent.name, message.receipt)]
    every = dict.fromkeys([message.word, *states] if name == message.receipt else states)
    return f"ingenting å gjøre: tilstanden er {', '.join(f'«{STATES[state]}»' for state in every)}; {TAKES[verb]}"


def left(number: int) -> str:
    """What a bulk act did not touch."""
    return f"{number} {'melding' if number == 1 else 'meldinger'} er latt være: rettelsen er levert, og ville blitt opphevet"


def progress(job: Job) -> str:
    """How far a job has come."""
    total = f"{'minst ' if job.more else ''}{max(job.count, job.messages)}"
    came = f"; {done(job.order.verb, job.changed)}" if job.changed else ""
    return f"{job.messages} av {total} meldinger, {JOBS[job.state]}{came}"
