"""Section 8 of docs/journals.md: look-ups, with the hub's own judgement of whom an answer is about and what of it may be shown."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from adapters.epj.fhir.adapter import LOOKUP
from local.kit.answers import found_resources, of_one, whom
from local.kit.checks import Check
from local.kit.endpoint import Endpoint
from local.kit.holdings import dates, ended, everybody, health, plans, protected, services
from local.kit.pushes import SOON
from local.kit.refusals import anybody, attempts, kept_out
from local.kit.seen import Seen, bad, ok, untried, warn
from shared.domain.journal import Question

SMALL = "2"  # resources in a part, to see parts


def person(endpoint: Endpoint) -> Iterator[Seen]:
    found = of_one(endpoint, Question("patient", whom(endpoint)))
    if isinstance(found, Seen):
        yield found
    elif not found:
        yield bad("nobody was found", "Name a test patient whom the journal knows with --patient, or find them by identifier=system|value.")
    else:
        yield ok("found by system and number")


def locked(endpoint: Endpoint) -> Iterator[Seen]:
    call = LOOKUP.request(endpoint.lookups, Question("patient", whom(endpoint)))
    for words, _, answer in attempts(endpoint, lambda _how: call):
        yield kept_out(words, answer)
    if endpoint.proof.auth is None:
        yield anybody("look-ups are answered")


def bare(endpoint: Endpoint) -> Iterator[Seen]:
    found = endpoint.ask(Question("patient", replace(whom(endpoint), system="")))
    if isinstance(found, Seen):
        yield found
    else:
        yield ok("found") if found else bad("nobody was found", "Let a value without a system match under any.")


def absent(endpoint: Endpoint) -> Iterator[Seen]:
    found = endpoint.ask(Question("patient", endpoint.absent))
    if isinstance(found, Seen):
        yield replace(found, mend="Answer 200 with an empty Bundle of type searchset: nobody is no error.", section="8.3")
    else:
        yield bad("somebody was found", "Find those only who have the number.") if found else ok("an empty Bundle")


def comma(endpoint: Endpoint) -> Iterator[Seen]:
    patient = whom(endpoint)
    both = replace(patient, value=f"{patient.value},{next(iter(endpoint.others), endpoint.absent).value}")
    found = endpoint.ask(Question("patient", both))
    if isinstance(found, Seen):
        yield found
    else:
        mend = "Read a comma behind a backslash as part of the number: it is always one identifier, never a list."
        yield bad(f"{len(found)} were found", mend) if found else ok("nobody, as it must be")


def parts(endpoint: Endpoint) -> Iterator[Seen]:
    """Asked for small parts, the journal must give in all what it gave before."""
    whole = endpoint.ask(Question("episodeofcare"))
    request = LOOKUP.request(endpoint.lookups, Question("episodeofcare"))
    form = [(name, SMALL if name == "_count" else value) for name, value in parse_qsl(request.body.decode())]
    endpoint.parts = 0
    again = endpoint.follow(replace(request, body=urlencode(form).encode()))
    if isinstance(again, Seen) or isinstance(whole, Seen):
        yield again if isinstance(again, Seen) else ok("not compared: the whole answer failed")
    elif {*map(repr, found_resources(whole))} != {*map(repr, found_resources(again))}:
        mend = "Give each resource once, in one of the parts, and all of them."
        yield bad(f"{len(whole)} resources in one answer, {len(again)} in {endpoint.parts} parts", mend)
    elif endpoint.parts == 1 and len(whole) > int(SMALL):
        yield untried("all came in one part, though two resources at a time were asked for: there was no next link to follow")
    else:
        yield ok(f"{len(again)} resources in {endpoint.parts} parts")


def in_time(endpoint: Endpoint) -> Iterator[Seen]:
    if endpoint.slowest.seconds > SOON:
        yield warn(f'{endpoint.slowest} ("{endpoint.slowest.check}")', "Answer within one second: somebody waits.")
    else:
        yield ok(str(endpoint.slowest))


LOOKUPS = (
    Check("8.2", "a person is found", person, gate=True),
    Check("8.1", "nobody is answered without the credential", locked),
    Check("8.3", "a number without its system", bare),
    Check("8.3", "somebody who is not there", absent),
    Check("8.3", "a number with a comma in it", comma),
    Check("8.2", "services of a person", services),
    Check("8.2", "everybody's services", everybody),
    Check("8.2", "visit plans", plans),
    Check("8.4", "plans by date", dates),
    Check("8.2", "diagnoses, medicines, allergies", health),
    Check("8.6", "a service that has ended", ended),
    Check("8.8", "a protected address", protected),
    Check("8.9", "a long answer in parts", parts),
    Check("8.10", "answers to look-ups come in time", in_time),
)
