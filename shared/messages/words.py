"""What operators read of messages, in bokmål. Ids, counts and the hub's own reasons; nobody is named in it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shared.access.register import Stop
from shared.domain.answer import is_unasked
from shared.domain.clock import OSLO
from shared.fhir.follow_up import step_name
from shared.flow.status import about, followed
from shared.messages.edits import Verb
from shared.messages.history import History
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
KINDS = {
    "alert": "varsel",
    "dispensed": "medisinutdeling",
    "supervision": "tilsyn",
    "measurement": "måling",
    "note": "notat",
    "document": "dokument",
}
JOBS = {"running": "pågår", "paused": "står på vent", "done": "ferdig", "cancelled": "avbrutt"}
DONE = {
    Verb.RESEND: ("sendes på nytt", "levering", "leveringer"),
    Verb.PARK: ("parkert", "levering", "leveringer"),
    Verb.DELETE: ("slettet", "melding eller levering", "meldinger og leveringer"),
    Verb.RESTORE: ("hentet tilbake", "melding eller levering", "meldinger og leveringer"),
    Verb.TRANSFORM: ("behandles på nytt", "melding", "meldinger"),
}


def table(messages: Sequence[Message]) -> str:
    """One line for each message, under its heading."""
    return _columns([HEADINGS, *(_row(message) for message in messages)])


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _row(message: Message) -> tuple[str, ...]:
    events = ", ".join(event(one) for one in message.state.get("events", ())) or "–"
    return (time(message.since), message.receipt, STATES[message.word], _short(events), _deliveries(message.parcels))


def _deliveries(parcels: Sequence[Sent]) -> str:
    counted = Counter((sent.endpoint, STATES[sent.status]) for sent in parcels)
    return ", ".join(f"{endpoint}: {f'{number} ' if number > 1 else ''}{told}" for (endpoint, told), number in counted.items()) or "–"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def event(word: str) -> str:
    kind, _, code = word.partition(":")
    return f"{KINDS.get(kind, kind)} {code}".strip()


def time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(OSLO):%d.%m.%Y %H:%M:%S}"


def told(history: History) -> str:
    """All that has happened, in order."""
    message, state = history.message, history.message.state
    head = [
        f"Kvittering  {message.receipt}",
        f"Mottatt     {time(message.since)} fra {message.sender}{f', format {history.adapter}' if history.adapter else ''}",
        f"Hastegrad   {message.lane}",
        f"Tilstand    {STATES[message.word]}",
    ]
    if history.first:
        head.append(f"{'Gjentar    ' if message.word == 'duplicate' else 'Retter     '} {history.first}")
    if "again" in state and "end" not in state:
        head.append("            venter på å bli behandlet på nytt")
    if state.get("events"):
        head.append(f"Hendelser   {', '.join(event(one) for one in state['events'])}")
    if "follows" in (known := about(state, message.at)):
        head.append(f"Følger opp  {', '.join(known['follows']) or 'et varsel som ikke er funnet her'}")
    if "items" in state:
        head.append(f"Innhold     {state['items']} deler, {state['documents']} dokumenter, {state['set_aside']} lagt til side")
    lists = [*_listed("Rettet", state.get("repairs")), *_listed("Advarsler", state.get("warnings")), *_aside(state)]
    return "\n".join([*head, *lists, *(line for sent in message.parcels for line in _delivery(history, sent))])


def _listed(title: str, lines: Sequence[str] | None) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _aside(state: Any) -> list[str]:
    problems = state.get("problems") or state.get("was", {}).get("problems") or ()
    title = "Lagt til side, og så slettet" if "was" in state else "Lagt til side"
    parts = [f"{'hele' if item < 0 else f'del {item}'}: {reason}{f' ({remedy})' if remedy else ''}" for item, reason, remedy in problems]
    gone = [f"Slettet {time(state['deleted'][0])}: {state['deleted'][1]}"] if "deleted" in state else []
    return [*_listed(title, parts), *gone]


def _delivery(history: History, sent: Sent) -> list[str]:
    state = sent.state
    way = f", annen vei for {sent.second_of}" if sent.second_of else ""
    lines = [f"Levering    {sent.name}", f"  endepunkt {sent.endpoint}, {STATES[sent.status]}{way}"]
    lines += [f"  {time(at)}  {answer}" for at, answer in _tries(state)]
    if "answer" in state:
        asked = ", spurt om det først" if state.get("asked") else ""
        lines.append(f"  {time(state['at'])}  levert, svar {state['answer']}{asked}{f', {name}' if (name := state['name']) else ''}")
    elif "end" in state:
        lines += [
            f"  {time(was['at'])}  {STATES[was['end']]}: {was['reason']}"
            for was in [state.get("was", {})]
            if "reason" in was and "end" in was
        ]
        lines.append(f"  {time(state['at'])}  {STATES[sent.status]}: {state['reason']}{f' ({why})' if (why := state.get('why')) else ''}")
    elif "not_before" in state:
        lines.append(f"  neste forsøk {time(state['not_before'])}")
        if is_unasked(state.get("reason", "")):
            lines.append("  lar seg ikke spørre: få leverandøren til å la knutepunktet søke der, eller sett asks = false i registeret")
    if "again" in state:
        lines.append(f"  sendt på nytt for hånd {time(state['again'])}{f', jobb {job}' if (job := state.get('batch')) else ''}")
    lines += [f"  {time(step['at'])}  {step_name(step['code'])}, sier {step['by']}" for step in followed(state)]
    if sent.unacknowledged:
        lines.append("  ikke kvittert i tide; en senere oppfølging finner ikke varselet" if history.late else "  ikke kvittert")
    lines += [f"  gikk også annen vei, til {other.endpoint}" for other in history.message.parcels if other.second_of == sent.name]
    return lines


def _tries(state: Any) -> list[tuple[float, str]]:
    return [(at, answer) for at, answer in (*state.get("tries", ()), *state.get("was", {}).get("tries", ()))]


def traffic(stop: Stop, *, stopped: bool) -> str:
    """What is so from now on."""
    named = f"{held(stop)[:1].upper()}{held(stop)[1:]}"
    if stopped:
        alarms = "" if stop.endpoint else " Alarmer går da ingen andre veier: ring dem som må vite det, eller stopp heller et endepunkt."
        return f"{named} er stoppet: alt tas imot og venter. Det gjelder innen ti sekunder; ./hub messages start slipper det løs.{alarms}"
    return f"{named} går igjen innen ti sekunder; det som har ventet, tas i rekkefølge."


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
    """How much came of an act."""
    word, one, several = DONE[verb]
    return (
        f"{number} {one if number == 1 else several} {word}"
        if number
        else "ingenting å gjøre: det er gjort alt, er levert (resend tar det med --state delivered), eller innholdet er slettet"
    )


def progress(job: Job) -> str:
    """How far a job has come."""
    total = f"{'minst ' if job.more else ''}{max(job.count, job.messages)}"
    came = f"; {done(job.order.verb, job.changed)}" if job.changed else ""
    return f"{job.messages} av {total} meldinger, {JOBS[job.state]}{came}"
