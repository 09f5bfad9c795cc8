"""A journal that answers FHIR R4 search, as `docs/journals.md` 8 says: POST {base}/{ResourceType}/_search, the parameters in the body."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from adapters.epj.fhir.links import more
from shared.domain.answer import wish
from shared.domain.event import Person
from shared.domain.journal import Call, LookupAdapter, Page, Question
from shared.domain.wild import Wild, parse
from shared.errors import PayloadError, Refused, Unavailable
from shared.fhir.refusal import says_no

ACCEPT = {"Accept": "application/fhir+json"}
FORM = ACCEPT | {"Content-Type": "application/x-www-form-urlencoded"}
COUNT = "200"  # resources in one part of the answer; the journal may give fewer
LARGEST, LONGEST = 4 * 1024 * 1024, 1024 * 1024  # bytes of a part of the answer; characters of one text in it
LATER = frozenset({408, 425, 429})  # and every 5xx: the same call may succeed later
BESOKSPLAN = "http://ehelse.no/fhir/CodeSystem/vkp-careplan-category-v090|3"  # vkp.md 4.11; no other kind of plan is asked for


@dataclass(frozen=True, slots=True)
class Search:
    """How R4 names it: the type, the parameter that says whom it is about, the one that says when ("" = not asked by date), and what is
    always asked for."""

    type: str
    whom: str
    when: str = ""
    always: tuple[tuple[str, str], ...] = ()


SEARCHES = {
    "patient": Search("Patient", "identifier"),
    "episodeofcare": Search("EpisodeOfCare", "patient.identifier"),
    "careplan": Search("CarePlan", "patient.identifier", "date", (("category", BESOKSPLAN),)),
    "composition": Search("Composition", "patient.identifier", "date", (("type", "3"),)),  # tiltaksplan; its system is not published
    "condition": Search("Condition", "patient.identifier"),
    "medicationstatement": Search("MedicationStatement", "patient.identifier"),
    "allergyintolerance": Search("AllergyIntolerance", "patient.identifier"),
}
EVERYBODY = {"patient": (), "episodeofcare": (("status", "active"),)}  # what may be asked about everybody, and how much of it
PASSED = frozenset(search.type for search in SEARCHES.values())  # other types in an answer, as Practitioner, end here

_SPECIAL = re.compile(r"[\\,$|]")  # separators in a search value: unescaped, one identifier would become two


def request(base: str, question: Question) -> Call:
    """The person's number is in the body. Refused: what no journal is asked about everybody, or by date."""
    search = SEARCHES[question.resource]
    form = [*_whom(search, question), *search.always, *_when(search, question)]
    if question.patients and search.type != "Patient":
        form.append(("_include", f"{search.type}:patient"))
    form.append(("_count", COUNT))
    return Call("POST", f"{base.rstrip('/')}/{search.type}/_search", FORM, urlencode(form).encode())


def _whom(search: Search, question: Question) -> Iterator[tuple[str, str]]:
    if question.citizen:
        yield search.whom, _token(question.citizen)
    elif question.resource in EVERYBODY:
        yield from EVERYBODY[question.resource]
    else:
        raise Refused("a journal is not asked for this of everybody", remedy="Say whom it is about.")


def _token(citizen: Person) -> str:
    system, value = (_SPECIAL.sub(r"\\\g<0>", part) for part in (citizen.system, citizen.value))
    return f"{system}|{value}" if system else value


def _when(search: Search, question: Question) -> Iterator[tuple[str, str]]:
    if question.dates and not search.when:
        raise Refused("a journal is not asked for this by date", remedy="Leave the dates out.")
    yield from ((search.when, f"{prefix}{time}") for prefix, time in question.dates)


def answer(status: int, headers: Mapping[str, str], body: bytes) -> Page:
    """The resources of the types that are ever asked for; others are left out."""
    if status in LATER or status >= 500:
        raise Unavailable(f"the journal answered {status}", wish(headers))
    if not 200 <= status < 300:
        raise Refused(f"the journal answered {status}", str(status))
    if len(body) > LARGEST:
        raise PayloadError("$", f"is larger than {LARGEST} bytes", "Give it in more parts, with next links.")
    bundle = parse(body, LONGEST)
    _hear(bundle, status)
    for field, word in (("resourceType", "Bundle"), ("type", "searchset")):
        if bundle[field].raw != word:
            raise PayloadError(f"$.{field}", f"expected {word}", "Answer a search with a Bundle of type searchset.")
    return Page([found for entry in _listed(bundle, "entry") if (found := _entry(entry, status))], _next(bundle))


def _hear(resource: Wild, status: int) -> None:
    """A "no" that came with a status that says yes."""
    if says_no(resource.raw):
        raise Refused("the journal answered with an OperationOutcome that says error", str(status))


def _entry(entry: Wild, status: int) -> tuple[str, Mapping[str, Any]] | None:
    resource, url, search = entry["resource"], entry.get("fullUrl"), entry.get("search")
    _hear(resource, status)
    mode = search.get("mode") if search else None
    if resource["resourceType"].text() not in PASSED or (mode and mode.raw == "outcome"):
        return None
    return url.text() if url else "", resource.raw


def _next(bundle: Wild) -> str:
    found = (link["url"].text() for link in _listed(bundle, "link") if link["relation"].text() == "next")
    return next(found, "")


def _listed(bundle: Wild, field: str) -> list[Wild]:
    found = bundle.get(field)
    return found.list() if found else []


LOOKUP = LookupAdapter(name="fhir", request=request, more=more, answer=answer)
