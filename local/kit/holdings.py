"""What stands about people: services, plans, health (8.2 to 8.6), and addresses that may not be shown (8.8)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import orjson

from local.kit.answers import found_resources, of_one, of_type, typed, whom
from local.kit.endpoint import Endpoint, Found
from local.kit.seen import Seen, bad, ok, untried
from shared.domain.journal import Question
from shared.fhir.found import Patients
from shared.fhir.protection import protects, without_addresses
from shared.fhir.reach import reach
from shared.fhir.services import active_services

LONG_AGO = (("ge", "1990-01-01"), ("le", "1990-12-31"))
HEALTH = ("condition", "medicationstatement", "allergyintolerance")
PLANS = ("careplan", "composition")


def services(endpoint: Endpoint) -> Iterator[Seen]:
    found = of_one(endpoint, Question("episodeofcare", whom(endpoint), patients=True))
    if isinstance(found, Seen):
        yield found
    elif not of_type(found, "EpisodeOfCare"):
        yield untried("the patient has no services: name one who has with --patient")
    elif not of_type(found, "Patient"):
        yield bad("the Patient does not stand beside their services", INCLUDE, "8.5")
    else:
        yield ok(f"{len(of_type(found, 'EpisodeOfCare'))} services, with the Patient beside")


INCLUDE = "Honour _include={ResourceType}:patient: put the Patients beside, with search.mode include."


def everybody(endpoint: Endpoint) -> Iterator[Seen]:
    found = endpoint.ask(Question("episodeofcare", patients=True))
    if isinstance(found, Seen):
        yield found
        return
    listed, patients = of_type(found, "EpisodeOfCare"), Patients(found)
    here = {whom for one in of_type(found, "Patient") for whom in patients.persons(one)}
    others = sum(one.get("status") != "active" for one in listed)
    lost = sum(patients.persons(one).isdisjoint(here) for one in listed)
    if others:
        yield bad(f"{others} of {len(listed)} services are not active", "Honour status=active.")
    if lost:
        yield bad(f"of {lost} of {len(listed)} services the Patient is not there", INCLUDE, "8.5")
    if not others and not lost:
        yield ok(f"{len(listed)} services of {len(of_type(found, 'Patient'))} patients")


def plans(endpoint: Endpoint) -> Iterator[Seen]:
    found = of_one(endpoint, Question("careplan", whom(endpoint)))
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
        whole = of_one(endpoint, Question(resource, whom(endpoint)))
        old = of_one(endpoint, Question(resource, whom(endpoint), LONG_AGO))
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
        start, end = _day(one, "start"), _day(one, "end")
        if start and end:
            day = (start + (end - start) / 2).isoformat()
            again = of_one(endpoint, Question("careplan", whom(endpoint), (("ge", day), ("le", day))))
            if isinstance(again, Seen):
                return again
            fits = any(each.get("id") == one.get("id") for each in found_resources(again))
            return ok("by period, where it overlaps") if fits else bad("a plan is not given for a day in its period", OVERLAPS)
    return ok("no plan in 1990; no plan has a period to try")


OVERLAPS = "Give what overlaps with the days that were asked for, by the plan's own period."


def _day(plan: Mapping[str, Any], name: str) -> date | None:
    """The start or end of its period; None for what is no date."""
    try:
        return date.fromisoformat(next(iter(reach(plan, ("period", name))))[:10])
    except (StopIteration, TypeError, ValueError):
        return None


def health(endpoint: Endpoint) -> Iterator[Seen]:
    for resource in HEALTH:
        found = of_one(endpoint, Question(resource, whom(endpoint)))
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
    if not any(protects(one) for one in typed(found, "Patient")):
        yield bad("the address is not marked", "Mark it on Patient.address with the extension no-vft-secret-address, valueBoolean true.")
        return
    lines = [line for line in reach(typed(found, "Patient"), ("address", "line")) if isinstance(line, str) and line.strip()]
    shown = [orjson.dumps(without_addresses(one), default=str).decode() for one in found]
    telling = sum(any(line.strip().lower() in text.lower() for line in lines) for text in shown)
    if telling:
        yield bad(f"the address stands in {telling} texts besides", "Write it into no visit, plan or name: the hub cannot see into texts.")
    else:
        yield ok("the address is marked, and stands nowhere else")
