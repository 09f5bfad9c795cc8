"""One message's whole history as an operator reads it, in bokmål. Ids, counts and the hub's own reasons; nobody is named in it."""

from collections.abc import Iterator, Sequence
from typing import Any

from shared.domain.answer import is_unasked
from shared.fhir.follow_up import step_name
from shared.flow.status import about, followed
from shared.messages.edits import BACK, Verb
from shared.messages.history import History
from shared.messages.message import Sent
from shared.messages.reasons import reason
from shared.messages.waits import Wait
from shared.messages.words import STATES, events, held, time

_ACTS = {
    Verb.RESEND: "sendt på nytt for hånd",
    Verb.PARK: "parkert for hånd",
    Verb.DELETE: "slettet for hånd",
    Verb.RESTORE: "hentet tilbake for hånd",
    Verb.TRANSFORM: "behandlet på nytt for hånd",
    BACK: "sendingen på nytt tatt tilbake for hånd; den står som levert",
}


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
    if history.corrected:
        head += _labelled("Rettet av", history.corrected)
    if wait := history.waits.get(message.receipt):
        head += _labelled("Venter", [*_stopped(wait), f"behandles {_AGAIN}" if wait.stops else _anew(state)])
    if happened := events(state):
        head.append(f"Hendelser   {happened}")
    if "follows" in (known := about(state, message.at)):
        head.append(f"Følger opp  {', '.join(known['follows']) or 'et varsel som ikke er funnet her'}")
    if "items" in state:
        head.append(f"Innhold     deler: {state['items']}, dokumenter: {state['documents']}, lagt til side: {state['set_aside']}")
    if "cut" in state and not message.parcels:
        head += _labelled("Merk", ["behandlingen ble avbrutt: noe av den kan stå i journalen allerede"])
    lists = [*_listed("Rettet", state.get("repairs")), *_listed("Advarsler", state.get("warnings")), *_aside(state)]
    lists += _listed("Gjort for hånd", [f"{time(at)}  {told}" for at, told in _acts(state)])
    return "\n".join([*head, *lists, *(line for sent in message.parcels for line in _delivery(history, sent))])


def _listed(title: str, lines: Sequence[str] | None) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _labelled(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title if at == 0 else '':<12}{line}" for at, line in enumerate(lines)]


def _aside(state: Any) -> list[str]:
    problems = state.get("problems") or state.get("was", {}).get("problems") or ()
    title = "Lagt til side, og så slettet" if "was" in state else "Lagt til side"
    parts = [
        f"{'hele' if item < 0 else f'del {item}'}: {reason(why)}{f' ({reason(remedy)})' if remedy else ''}"
        for item, why, remedy in problems
    ]
    return _listed(title, parts)


def _delivery(history: History, sent: Sent) -> list[str]:
    way = f", annen vei for {sent.second_of}" if sent.second_of else ""
    lines = [f"Levering    {sent.name}", f"  endepunkt {sent.endpoint}, {STATES[sent.status]}{way}"]
    lines += [f"  {time(at)}  {told}" for at, told in sorted(_past(sent.state), key=lambda one: one[0])]
    if sent.status == "deleted" and sent.doubtful:
        lines.append("  kan stå i journalen allerede: et forsøk kan ha kommet fram")
    if wait := history.waits.get(sent.name):
        lines += [f"  {told}" for told in (*_waiting(wait), *_unasked(sent.state))]
    lines += [f"  {_when(step['at'])}  {step_name(step['code'])}, sier {step['by']}" for step in followed(sent.state)]
    if sent.unacknowledged:
        lines.append("  ikke kvittert i tide; en senere oppfølging finner ikke varselet" if history.late else "  ikke kvittert")
    lines += [f"  gikk også annen vei, til {other.endpoint}" for other in history.message.parcels if other.second_of == sent.name]
    return lines


def _when(at: float | str) -> str:
    """Of a step; no time of day is made up."""
    if at == "":
        return "tid ikke oppgitt"
    return f"{'.'.join(reversed(at.split('-')))}, klokkeslett ikke oppgitt" if isinstance(at, str) else time(at)


def _past(state: Any) -> Iterator[tuple[float, str]]:
    """Attempts, acts, and what it came to; what a hand made of it is among the acts."""
    yield from ((at, reason(answer)) for at, answer in state.get("tries", ()))
    yield from _acts(state)
    for end in (state, state.get("was", {})):
        if "answer" in end:
            asked = ", spurt om det først" if end.get("asked") else ""
            yield end["at"], f"levert, svar {end['answer']}{asked}{f', {name}' if (name := end['name']) else ''}"
        elif "end" in end and "why" not in end:
            yield end["at"], f"{STATES[end['end']]}: {reason(end['reason'])}"


def _acts(state: Any) -> Iterator[tuple[float, str]]:
    for at, verb, why, job in state.get("acts", ()):
        yield at, f"{_ACTS[verb]}{f', jobb {job}' if job else ''}{f': {why}' if why else ''}"


def _waiting(wait: Wait) -> list[str]:
    """Why, and when it is tried next."""
    due = time(wait.due) if wait.due else ""
    if wait.stops:
        return [*(f"venter: {line}" for line in _stopped(wait)), f"neste forsøk {_AGAIN}"]
    if wait.closed:
        return ["venter: endepunktet eller kommunen er ikke i bruk i registeret", "neste forsøk når registeret sier active = true"]
    down = [f"venter: endepunktet svarer ikke, siden {time(wait.down.since)}: {reason(wait.down.reason)}"] if wait.down else []
    early, turns = ("tidligst ", "; ett dokument om gangen i hver linje") if wait.down else ("", "")
    if wait.behind:
        first = f"den prøves {early}{due}{turns}" if due else "det er dens tur nå"
        return [*down, f"venter på en tidligere levering: {wait.behind}", f"neste forsøk når den er levert, parkert eller slettet; {first}"]
    return [*(down or ([] if due else ["venter på tur"])), f"neste forsøk {f'{early}{due}' if due else 'når det blir dens tur'}{turns}"]


def _unasked(state: Any) -> list[str]:
    told = "lar seg ikke spørre: få leverandøren til å la knutepunktet søke der, eller sett asks = false i registeret"
    return [told] if is_unasked(state.get("reason", "")) else []


_AGAIN = "når ./hub messages start slipper det løs"


def _stopped(wait: Wait) -> list[str]:
    return [
        f"{held(stop)} er stoppet for hånd siden {time(stop.since)} av {stop.who}{f': {stop.why}' if stop.why else ''}"
        for stop in wait.stops
    ]


def _anew(state: Any) -> str:
    return "på å bli behandlet på nytt" if "again" in state else "på å bli behandlet"
