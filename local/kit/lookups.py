"""Section 8 of docs/journals.md: look-ups, with the hub's own judgement of whom an answer is about and what of it may be shown."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from adapters.epj.fhir.adapter import LOOKUP
from local.kit.checks import Check
from local.kit.endpoint import Endpoint, Found
from local.kit.pushes import SOON, forged
from local.kit.seen import Seen, bad, ok, untried, warn
from shared.domain.event import Person
from shared.domain.journal import Question
from shared.fhir.found import Patients, about
from shared.fhir.protection import protects, without_addresses
from shared.fhir.reach import reach
from shared.fhir.services import active_services

LONG_AGO = (("ge", "1990-01-01"), ("le", "1990-12-31"))
HEALTH = ("condition", "medicationstatement", "allergyintolerance")
PLANS = ("careplan", "composition")
SMALL = "2"  # resources in a part, to see parts


def of_one(endpoint: Endpoint, question: Question) -> Found | Seen:
    """The answer, if all of it is about whom was asked for (8.7)."""
    found = endpoint.ask(question)
    if isinstance(found, Seen) or question.citizen is None:
        return found
    patients = Patients(found)
    strangers = sum(not about(patients, resource, question.citizen) for _, resource in found)
    if strangers:
        saw = f"{strangers} of {len(found)} resources are about somebody else, or do not say whom"
        return bad(saw, "Answer about whom was asked for only, and let each resource say whose it is by identifier.", "8.7")
    return found


def person(endpoint: Endpoint) -> Iterator[Seen]:
    found = of_one(endpoint, Question("patient", _whom(endpoint)))
    if isinstance(found, Seen):
        yield found
    elif not found:
        yield bad("nobody was found", "Name a test patient whom the journal knows with --patient, or find them by identifier=system|value.")
    else:
        yield ok("found by system and number")


def locked(endpoint: Endpoint) -> Iterator[Seen]:
    if endpoint.credential is None:
        yield untried("neither --basic nor --header was given; a journal must not answer just anybody")
        return
    for words, credential in (("a wrong credential", forged(endpoint.credential)), ("no credential", None)):
        answer = endpoint.ask_as(Question("patient", _whom(endpoint)), credential)
        if answer.status in (401, 403):
            yield ok(f"{words}: {answer.status}")
        else:
            yield bad(
                f"{words} is answered {answer.status or answer.trouble}", "Answer 401 or 403 to who does not show the agreed credential."
            )


def bare(endpoint: Endpoint) -> Iterator[Seen]:
    found = endpoint.ask(Question("patient", replace(_whom(endpoint), system="")))
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
    patient = _whom(endpoint)
    both = replace(patient, value=f"{patient.value},{next(iter(endpoint.others), endpoint.absent).value}")
    found = endpoint.ask(Question("patient", both))
    if isinstance(found, Seen):
        yield found
    else:
        mend = "Read a comma behind a backslash as part of the number: it is always one identifier, never a list."
        yield bad(f"{len(found)} were found", mend) if found else ok("nobody, as it must be")


def services(endpoint: Endpoint) -> Iterator[Seen]:
    found = of_one(endpoint, Question("episodeofcare", _whom(endpoint), patients=True))
    if isinstance(found, Seen):
        yield found
    elif not _of(found, "EpisodeOfCare"):
        yield untried("the patient has no services: name one who has with --patient")
    elif not _of(found, "Patient"):
        yield bad("the Patient does not stand beside their services", INCLUDE, "8.5")
    else:
        yield ok(f"{len(_of(found, 'EpisodeOfCare'))} services, with the Patient beside")


INCLUDE = "Honour _include={ResourceType}:patient: put the Patients beside, with search.mode include."


def everybody(endpoint: Endpoint) -> Iterator[Seen]:
    found = endpoint.ask(Question("episodeofcare", patients=True))
    if isinstance(found, Seen):
        yield found
        return
    listed, patients = _of(found, "EpisodeOfCare"), Patients(found)
    here = {whom for one in _of(found, "Patient") for whom in patients.persons(one)}
    others = sum(one.get("status") != "active" for one in listed)
    lost = sum(patients.persons(one).isdisjoint(here) for one in listed)
    if others:
        yield bad(f"{others} of {len(listed)} services are not active", "Honour status=active.")
    if lost:
        yield bad(f"of {lost} of {len(listed)} services the Patient is not there", INCLUDE, "8.5")
    if not others and not lost:
        yield ok(f"{len(listed)} services of {len(_of(found, 'Patient'))} patients")


def plans(endpoint: Endpoint) -> Iterator[Seen]:
    found = of_one(endpoint, Question("careplan", _whom(endpoint)))
    if isinstance(found, Seen):
        yield found
        return
    other = sum("3" not in reach(one, ("category", "coding", "code")) for one in found_resources(found))
    if other:
        yield bad(f"{other} of {len(found)} plans are no visit plans", "Honour category: besøksplan is 3 of vkp-careplan-category.", "8.2")
    else:
        yield ok(f"{len(found)} visit plans")


def dates(endpoint: Endpoint) -> Iterator[Seen]:
    for resource in PLANS:
        whole = of_one(endpoint, Question(resource, _whom(endpoint)))
        old = of_one(endpoint, Question(resource, _whom(endpoint), LONG_AGO))
        wrong = next((one for one in (whole, old) if isinstance(one, Seen)), None)
        if wrong or isinstance(whole, Seen) or isinstance(old, Seen):
            yield wrong or untried("no answer")
        elif not whole:
            yield untried(f"the patient has no {resource}: name one who has with --patient")
        elif old:
            yield bad(f"{len(old)} of {resource} are given for 1990", "Honour date: all that are there hold at once.")
        else:
            yield _overlap(endpoint, whole) if resource == "careplan" else ok(f"no {resource} in 1990")


def _overlap(endpoint: Endpoint, found: Found) -> Seen:
    """A plan must fit a day in the middle of its period."""
    for one in found_resources(found):
        start, end = (next(iter(reach(one, ("period", name))), "")[:10] for name in ("start", "end"))
        if len(start) == len(end) == 10:
            day = (date.fromisoformat(start) + (date.fromisoformat(end) - date.fromisoformat(start)) / 2).isoformat()
            again = of_one(endpoint, Question("careplan", _whom(endpoint), (("ge", day), ("le", day))))
            if isinstance(again, Seen):
                return again
            fits = any(each.get("id") == one.get("id") for each in found_resources(again))
            return (
                ok("by period, where it overlaps")
                if fits
                else bad("a plan is not given for a day in its period", "A period fits where it overlaps.")
            )
    return ok("no plan in 1990; no plan has a period to try")


def health(endpoint: Endpoint) -> Iterator[Seen]:
    for resource in HEALTH:
        found = of_one(endpoint, Question(resource, _whom(endpoint)))
        yield replace(found, saw=f"{resource}: {found.saw}") if isinstance(found, Seen) else ok(f"{resource}: {len(found)}")


def ended(endpoint: Endpoint) -> Iterator[Seen]:
    if endpoint.ended is None:
        yield untried("name a test patient whose services have all ended with --ended")
        return
    found = of_one(endpoint, Question("episodeofcare", endpoint.ended))
    if isinstance(found, Seen):
        yield found
        return
    today = endpoint.desk.now.date()
    active = sum(bool(active_services(one, today)) for one in found_resources(found))
    mend = "Give a service that has ended another status than active, or a period with its end."
    yield (
        bad(f"{active} of {len(found)} services are said to go on", mend)
        if active
        else ok(f"{len(found)} services, none of them active today")
    )


def protected(endpoint: Endpoint) -> Iterator[Seen]:
    if endpoint.protected is None:
        yield untried("name a test patient with a protected address with --protected")
        return
    asked = [of_one(endpoint, Question(resource, endpoint.protected)) for resource in ("patient", "episodeofcare", *PLANS)]
    if wrong := next((one for one in asked if isinstance(one, Seen)), None):
        yield wrong
        return
    found = [one for answer in asked if not isinstance(answer, Seen) for one in found_resources(answer)]
    if not any(protects(one) for one in _typed(found, "Patient")):
        yield bad("the address is not marked", "Mark it on Patient.address with the extension no-vft-secret-address, valueBoolean true.")
        return
    lines = [line for line in reach(_typed(found, "Patient"), ("address", "line")) if isinstance(line, str) and line.strip()]
    shown = [orjson.dumps(without_addresses(one), default=str).decode() for one in found]
    telling = sum(any(line.strip().lower() in text.lower() for line in lines) for text in shown)
    if telling:
        yield bad(f"the address stands in {telling} texts besides", "Write it into no visit, plan or name: the hub cannot see into texts.")
    else:
        yield ok("the address is marked, and stands nowhere else")


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
    if endpoint.slowest > SOON:
        yield warn(f"the slowest answer took {endpoint.slowest:.1f} s", "Answer within one second: somebody waits.")
    else:
        yield ok(f"the slowest answer took {endpoint.slowest * 1000:.0f} ms")


def _whom(endpoint: Endpoint) -> Person:
    """By number alone, as the hub asks."""
    return replace(endpoint.desk.patient, display="")


def found_resources(found: Found) -> list[Mapping[str, Any]]:
    return [resource for _, resource in found]


def _of(found: Found, kind: str) -> list[Mapping[str, Any]]:
    return _typed(found_resources(found), kind)


def _typed(resources: list[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in resources if one.get("resourceType") == kind]


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
