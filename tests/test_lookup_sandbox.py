"""Look-ups at the sandbox journal, over HTTP: FHIR search as a real journal does it, and what a bad one does."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import aiohttp
import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters.epj.fhir.adapter import LARGEST, LOOKUP
from local.journal import SandboxJournal, records
from local.journal.lies import TWISTS
from local.journal.population import EKSEMPEL, EVERYWHERE, PROVEVIK, STRANGER
from local.journal.search import PREFIXES, BadSearch, search
from shared.domain import person
from shared.domain.event import Person
from shared.domain.journal import Call, Page, Question
from shared.errors import PayloadError, Refused, Unavailable
from shared.fhir.told.codes import Codes

FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
COSDOC = "http://cosdoc.dips.no/lopenummer"
STILLE, RUND, BLID = Person(FNR, "14834812097"), Person(FNR, "01815050130"), Person(FNR, "29826050002")
TODAY = date(2026, 3, 4)  # a Wednesday
HEALTH = ("condition", "medicationstatement", "allergyintolerance")


class Play:
    """A running journal, and the hub's adapter that asks it."""

    def __init__(self, journal: SandboxJournal, http: aiohttp.ClientSession) -> None:
        self.url = journal.url
        self.http = http

    def base(self, endpoint: str = "gerica") -> str:
        return f"{self.url}/{endpoint}/fhir"

    async def call(self, call: Call) -> Page:
        async with self.http.request(call.method, call.url, data=call.body or None, headers=call.headers) as answer:
            return LOOKUP.answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read())

    async def ask(self, resource: str, citizen: Person | None = STILLE, endpoint: str = "gerica", **more: Any) -> Page:
        """The first part of the answer."""
        return await self.call(LOOKUP.request(self.base(endpoint), Question(resource, citizen, **more)))

    async def all(self, resource: str, citizen: Person | None = STILLE, endpoint: str = "gerica", **more: Any) -> list[Page]:
        parts = [await self.ask(resource, citizen, endpoint, **more)]
        while parts[-1].next:
            parts.append(await self.call(LOOKUP.more(self.base(endpoint), parts[-1].next)))
        return parts

    async def form(self, kind: str, endpoint: str = "gerica", **parameters: str) -> tuple[int, dict[str, Any]]:
        """A search in plain FHIR, a point in a parameter's name written as two underscores."""
        pairs = {name.replace("__", "."): value for name, value in parameters.items()}
        async with self.http.post(f"{self.base(endpoint)}/{kind}/_search", data=pairs) as answer:
            return answer.status, await answer.json(content_type="application/fhir+json")

    async def found(self, kind: str, **parameters: str) -> list[str]:
        status, body = await self.form(kind, **parameters)
        assert status == 200
        return [f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in body["entry"]]

    async def sandbox(self, path: str, method: str = "GET", body: Any = None) -> Any:
        async with self.http.request(method, f"{self.url}/_sandbox/{path}", json=body) as answer:
            return await answer.json() if answer.content_length else None

    async def tell(self, **command: Any) -> None:
        await self.sandbox("gerica/behaviour", "PUT", command)


Story = Callable[[Play], Awaitable[None]]


def played(story: Story) -> Callable[[], None]:
    """A test that has a journal of its own, on a Wednesday."""

    def test() -> None:
        asyncio.run(_play(story))

    test.__name__ = story.__name__
    return test


async def _play(story: Story) -> None:
    journal = SandboxJournal(Codes({}), today=lambda: TODAY)
    await journal.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            await story(Play(journal, http))
    finally:
        await journal.stop()


def types(page: Page) -> Counter[str]:
    return Counter(resource["resourceType"] for _, resource in page.resources)


def whose(page: Page) -> set[str]:
    return {_number(resource) for _, resource in page.resources}


def _number(resource: Any) -> str:
    about = (
        resource
        if resource["resourceType"] == "Patient"
        else {"identifier": [(resource.get("patient") or resource["subject"])["identifier"]]}
    )
    return str(about["identifier"][0]["value"])


# ---------------------------------------------------------------- the population


def test_everybody_is_invented_and_has_a_possible_number() -> None:
    national = [each for each in (*EKSEMPEL, *PROVEVIK, *EVERYWHERE, STRANGER) if each.system != COSDOC]
    assert [each.number for each in national if not person.synthetic(each.value) or person.system_of(each.value) != each.system] == []


@pytest.mark.parametrize("today", [TODAY, date(2026, 3, 29), date(2028, 2, 29), date(2026, 12, 31)], ids=str)
def test_all_that_a_journal_holds_is_base_r4_whatever_the_day(today: date) -> None:
    for resource in (*records.journal("anybodys", today), *records.stranger(today)):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@played
async def test_a_person_is_found_by_number_with_and_without_its_system(play: Play) -> None:
    for citizen in (STILLE, Person("", STILLE.value)):
        page = await play.ask("patient", citizen)
        assert [(url, resource["name"][0]["family"]) for url, resource in page.resources] == [(f"{play.base()}/Patient/1", "Fjellbekk")]


@played
async def test_a_person_looks_like_the_national_example(play: Play) -> None:
    [(_, patient)] = (await play.ask("patient")).resources
    said = {each["url"].rpartition("/")[2]: each["valueString"] for each in patient["extension"]}
    assert said == {"vkp-sone-v090": "Eksempel|Øst|Sone 2|Lia", "vkp-household-v090": "Bor alene. Hund."}
    assert patient["address"][0]["extension"][0]["valueString"] == "E-lås type Y"
    assert patient["address"][0]["_line"][0]["extension"][0]["valueString"] == "Oppgang B, 2. etg."
    assert patient["contact"][0]["relationship"][0]["text"] == "datter"
    assert patient["generalPractitioner"][0]["identifier"]["value"] == "123456"


@played
async def test_a_journals_own_number_is_one_too(play: Play) -> None:
    page = await play.ask("episodeofcare", Person(COSDOC, "1302"))
    assert (whose(page), len(page.resources)) == ({"1302"}, 2)


@pytest.mark.parametrize(
    "citizen",
    [
        Person(FNR, "1302"),
        Person("urn:oid:2.16.578.1.12.4.1.4.2", "14834812097"),
        Person(FNR, "14834812097,01815050130"),
        Person("", "99999999999"),
    ],
)
def test_nobody_is_an_empty_list(citizen: Person) -> None:
    async def story(play: Play) -> None:
        for resource in ("patient", "episodeofcare", "careplan", "composition", *HEALTH):
            assert (await play.ask(resource, citizen)).resources == []

    asyncio.run(_play(story))


@played
async def test_each_municipality_knows_its_own_people_and_any_other_journal_all_of_them(play: Play) -> None:
    def numbers(*towns: Any) -> set[str]:
        return {each.value for town in (*towns, EVERYWHERE) for each in town}

    assert whose(await play.ask("patient", None)) == numbers(EKSEMPEL)
    assert whose(await play.ask("patient", None, "provevik-cosdoc")) == numbers(PROVEVIK)
    assert whose(await play.ask("patient", None, "310500001-journal")) == numbers(EKSEMPEL, PROVEVIK)


@played
async def test_a_service_has_the_journals_own_code(play: Play) -> None:
    page = await play.ask("episodeofcare")
    codes = [resource["type"][0]["coding"][0]["code"] for _, resource in page.resources]
    assert (codes, whose(page)) == (["2.2.3", "6", "27", "DHO.1"], {STILLE.value})


@played
async def test_some_services_are_planned_finished_or_ended_without_saying_so(play: Play) -> None:
    [munter] = [each for each in EKSEMPEL if each.given == "Munter"]
    pages = [await play.ask("episodeofcare", BLID), await play.ask("episodeofcare", Person(FNR, munter.value))]
    states = [(resource["status"], resource["period"].get("end", "")) for page in pages for _, resource in page.resources]
    assert states == [("active", ""), ("finished", "2026-02-12"), ("planned", ""), ("active", "2026-02-02")]


@played
async def test_of_everybody_only_active_services_come(play: Play) -> None:
    page = await play.ask("episodeofcare", None, patients=True)
    assert {resource["status"] for _, resource in page.resources if "status" in resource} == {"active"}
    assert whose(page) == {each.value for each in (*EKSEMPEL, *EVERYWHERE) if any(row.status == "active" for row in each.services)}


@played
async def test_patients_come_beside_once_each_and_only_when_asked_for(play: Play) -> None:
    assert types(await play.ask("episodeofcare")) == {"EpisodeOfCare": 4}
    assert types(await play.ask("episodeofcare", patients=True)) == {"EpisodeOfCare": 4, "Patient": 1}
    assert types(await play.ask("careplan", patients=True)) == {"CarePlan": 3, "Patient": 1}
    assert types(await play.ask("careplan", Person(FNR, "23915112005"), patients=True)) == {}


@played
async def test_a_protected_address_is_marked_and_stands_in_the_narrative_too(play: Play) -> None:
    [(_, patient)] = (await play.ask("patient", Person(FNR, "12853910005"))).resources
    marks = [each for each in patient["address"][0]["extension"] if each["url"].endswith("no-vft-secret-address")]
    assert ([each["valueBoolean"] for each in marks], "Skjulveien 99" in patient["text"]["div"]) == ([True], True)
    [(_, other)] = (await play.ask("patient")).resources
    assert "secret" not in json.dumps(other)


@played
async def test_visits_lie_around_today(play: Play) -> None:
    plans = [resource for _, resource in (await play.ask("careplan", RUND)).resources]
    assert [plan["period"]["start"] for plan in plans] == ["2026-02-23", "2026-03-02", "2026-03-09"]
    week = [(each["detail"]["scheduledPeriod"]["start"], each["detail"]["status"]) for each in plans[1]["activity"]]
    assert week[1:3] == [("2026-03-03T12:00:00+01:00", "completed"), ("2026-03-04T12:00:00+01:00", "scheduled")]


@pytest.mark.parametrize(
    ("dates", "weeks"),
    [
        ((("ge", "2026-03-01T23:00:00Z"),), ["2026-03-02", "2026-03-09"]),
        ((("ge", "2026-03-01T22:59:59Z"),), ["2026-02-23", "2026-03-02", "2026-03-09"]),
        ((("ge", "2026-03-04"), ("le", "2026-03-04")), ["2026-03-02"]),
        ((("ge", "2026-03-04T10:00:00+01:00"), ("lt", "2026-03-09")), ["2026-03-02"]),
        ((("le", "2026-03-02"),), ["2026-02-23", "2026-03-02"]),
        ((("lt", "2026-03-02"),), ["2026-02-23"]),
        ((("gt", "2026-03-08"),), ["2026-03-09"]),
        ((("ge", "2026-04"),), []),
        ((("eq", "2026-02"),), []),
        ((("eq", "2026"),), ["2026-02-23", "2026-03-02", "2026-03-09"]),
    ],
)
def test_a_plan_fits_where_its_period_overlaps(dates: tuple[tuple[str, str], ...], weeks: list[str]) -> None:
    async def story(play: Play) -> None:
        assert [plan["period"]["start"] for _, plan in (await play.ask("careplan", dates=dates)).resources] == weeks

    asyncio.run(_play(story))


@played
async def test_an_action_plan_is_a_tree_and_has_a_date(play: Play) -> None:
    [(_, plan)] = (await play.ask("composition", dates=(("ge", "2026-02-12"), ("le", "2026-02-12")))).resources
    assert [[part["title"] for part in branch["section"]] for branch in plan["section"]] == [["Mål", "Tiltak", "Evaluering"]] * 2
    assert plan["section"][0]["title"] == "Problem/Ressurs: Falltendens"
    assert (await play.ask("composition", dates=(("gt", "2026-02-12"),))).resources == []


@played
async def test_health_is_coded_in_the_national_systems(play: Play) -> None:
    held = [resource for kind in HEALTH for _, resource in (await play.ask(kind)).resources]
    coded = [(resource.get("code") or resource["medicationCodeableConcept"])["coding"][0] for resource in held]
    atc = "http://www.whocc.no/atc"
    systems = [f"urn:oid:2.16.578.1.12.4.1.1.{number}" for number in (7170, 7110)]
    assert [coding["system"] for coding in coded] == [*systems, atc, atc, atc]
    assert {_number(resource) for resource in held} == {STILLE.value}


# ---------------------------------------------------------------- searching


@played
async def test_of_values_between_commas_one_must_hold_and_of_parameters_all(play: Play) -> None:
    assert await play.found("Patient", identifier=f"{FNR}|14834812097,01815050130") == ["Patient/1", "Patient/2"]
    assert await play.found("EpisodeOfCare", patient__identifier="01815050130", type="26,27") == ["EpisodeOfCare/2-1"]
    assert await play.found("EpisodeOfCare", patient__identifier="01815050130", type="26", status="finished") == []


@played
async def test_a_token_may_name_the_system_alone_or_none(play: Play) -> None:
    assert await play.found("Patient", identifier=f"{COSDOC}|") == ["Patient/22"]
    assert await play.found("Patient", identifier="|1302") == []
    assert await play.found("Composition", type="|3", patient__identifier="14834812097") == ["Composition/1-1"]
    assert await play.found("CarePlan", category="1", patient__identifier="14834812097") == ["CarePlan/1-9"]


@pytest.mark.parametrize(
    ("kind", "parameters", "words"),
    [
        ("Observation", {}, "can be searched for"),
        ("patient", {}, "can be searched for"),
        ("Patient", {"date": "ge2026-01-01"}, "can be searched by"),
        ("EpisodeOfCare", {"date": "ge2026-01-01"}, "can be searched by"),
        ("Patient", {"name": "Fjellbekk"}, "can be searched by"),
        ("Patient", {"_count": "0"}, "_count must be"),
        ("Patient", {"_count": "many"}, "_count must be"),
        ("Patient", {"_include": "Patient:patient"}, "_include can be"),
        ("CarePlan", {"_include": "EpisodeOfCare:patient"}, "_include can be"),
        ("Patient", {"identifier": ""}, "A token is"),
        ("Patient", {"identifier": "a|b|c"}, "A token is"),
        ("CarePlan", {"date": "ge01.03.2026"}, "A date is"),
        ("CarePlan", {"date": "ge2026-02-30"}, "one that exists"),
        ("CarePlan", {"date": ""}, "A date is"),
        ("CarePlan", {"date": "9999"}, "one that exists"),
    ],
)
def test_what_it_cannot_search_by_it_says_without_repeating_it(kind: str, parameters: dict[str, str], words: str) -> None:
    async def story(play: Play) -> None:
        status, body = await play.form(kind, **parameters)
        assert (status, body["resourceType"]) == (400, "OperationOutcome")
        assert words in body["issue"][0]["details"]["text"]
        assert "Fjellbekk" not in json.dumps(body)

    asyncio.run(_play(story))


@played
async def test_a_number_in_the_address_is_refused(play: Play) -> None:
    async with play.http.post(f"{play.base()}/Patient/_search?identifier=14834812097") as answer:
        assert answer.status == 400
    async with play.http.get(f"{play.base()}/Patient", params={"identifier": "14834812097"}) as answer:
        assert answer.status == 404


@pytest.mark.parametrize(("body", "media"), [(b"{}", "application/json"), (b"\xff=1", "application/x-www-form-urlencoded")])
def test_a_body_that_is_no_form_is_refused(body: bytes, media: str) -> None:
    async def story(play: Play) -> None:
        async with play.http.post(f"{play.base()}/Patient/_search", data=body, headers={"Content-Type": media}) as answer:
            assert answer.status == 400

    asyncio.run(_play(story))


HELD = {"resourceType": "CarePlan", "id": "1", "period": {"start": "2026-03-02", "end": "2026-03-08"}}
FITS = {  # days asked for, by prefix, that the week of HELD fits
    "eq": [],
    "ne": [-1, 0, 3, 6, 7],
    "ge": [-1, 0, 3, 6],
    "gt": [-1, 0, 3],
    "le": [0, 3, 6, 7],
    "lt": [3, 6, 7],
    "sa": [-1],
    "eb": [7],
}


@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_each_prefix_draws_its_line_at_the_days(prefix: str) -> None:
    monday = date(2026, 3, 2)
    days = [day for day in (-1, 0, 3, 6, 7) if search([HELD], "CarePlan", [("date", f"{prefix}{monday + timedelta(days=day)}")]).resources]
    assert days == FITS[prefix]


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("eq2026-03-02", True),
        ("2026-03-02", True),
        ("2026-03", True),
        ("2026-12", False),
        ("2026-03-02T08:03", True),
        ("2026-03-02T08:03+01:00", True),
        ("2026-03-02T07:03:11Z", True),
        ("2026-03-02T08:03:11", True),
        ("2026-03-02T08:03:11.5+01:00", False),
        ("2026-03-02T08:03:12-01:00", False),
        ("gt2026-03-02T08:03:10+01:00", True),
        ("gt2026-03-02T08:03:11+01:00", False),
    ],
)
def test_a_time_is_as_long_as_it_is_precise_and_norwegian_without_an_offset(asked: str, fits: bool) -> None:
    note = {"resourceType": "Composition", "id": "1", "date": "2026-03-02T08:03:11+01:00"}
    assert bool(search([note], "Composition", [("date", asked)]).resources) is fits


def test_a_resource_without_the_date_fits_no_date() -> None:
    assert search([{"resourceType": "CarePlan", "id": "1"}], "CarePlan", [("date", "ge2000")]).resources == []


def test_a_plan_without_an_end_goes_on() -> None:
    held = [{"resourceType": "CarePlan", "id": "1", "period": {"start": "2026-03-02"}}]
    assert [len(search(held, "CarePlan", [("date", asked)]).resources) for asked in ("ge2999", "lt2026-03-02")] == [1, 0]


def test_a_chain_follows_a_reference_to_a_patient() -> None:
    patient = {"resourceType": "Patient", "id": "7", "identifier": [{"system": FNR, "value": "14834812097"}]}
    held: list[dict[str, Any]] = [patient, {"resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/7"}}]
    assert len(search(held, "Condition", [("patient.identifier", f"{FNR}|14834812097")]).resources) == 1


def test_a_bad_search_is_told_before_anything_is_held() -> None:
    with pytest.raises(BadSearch):
        search([], "Patient", [("_count", "-1")])


# ---------------------------------------------------------------- parts


@played
async def test_a_long_answer_comes_in_parts_and_each_once(play: Play) -> None:
    await play.tell(mode="pages", size=2, calls=1)
    parts = await play.all("patient", None)
    numbers = [resource["id"] for part in parts for _, resource in part.resources]
    assert ([len(part.resources) for part in parts], len(set(numbers))) == ([2, 2, 2, 1], 7)


@played
async def test_each_part_has_its_own_patients_beside(play: Play) -> None:
    await play.tell(mode="pages", calls=1)
    parts = await play.all("episodeofcare", None, patients=True)
    assert {tuple(sorted(types(part))) for part in parts} == {("EpisodeOfCare", "Patient")}
    assert all(len(whose(part)) == 1 for part in parts)


@played
async def test_the_caller_can_ask_for_small_parts(play: Play) -> None:
    _, body = await play.form("Patient", _count="3")
    assert (len(body["entry"]), body["link"][0]["relation"]) == (3, "next")


@played
async def test_a_next_link_names_nobody_and_ends(play: Play) -> None:
    await play.tell(mode="pages", calls=1)
    first = await play.ask("episodeofcare")
    assert first.next.startswith(f"{play.base()}?_getpages=")
    assert STILLE.value not in first.next
    async with play.http.get(f"{play.base()}?_getpages=unknown") as answer:
        assert answer.status == 410


# ---------------------------------------------------------------- misbehaving


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        ({"mode": "fail"}, Unavailable),
        ({"mode": "fail", "status": 429, "retry_after": 7}, Unavailable),
        ({"mode": "fail-after"}, Unavailable),
        ({"mode": "refuse"}, Refused),
        ({"mode": "outcome"}, Refused),
        ({"mode": "garbage"}, PayloadError),
        ({"mode": "not-a-bundle"}, PayloadError),
        ({"mode": "huge"}, PayloadError),
        ({"mode": "cut"}, aiohttp.ServerDisconnectedError),
        ({"mode": "cut-after"}, aiohttp.ClientPayloadError),
        ({"mode": "stall", "delay": 30}, TimeoutError),
        ({"mode": "late", "delay": 30}, TimeoutError),
        ({"mode": "drip", "delay": 0.01}, TimeoutError),
    ],
    ids=str,
)
def test_a_journal_that_was_told_to_fail_fails_at_look_ups_too(command: dict[str, Any], verdict: type[Exception]) -> None:
    async def story(play: Play) -> None:
        await play.tell(**command, calls=1)
        with pytest.raises(verdict) as caught:
            async with asyncio.timeout(0.5 if verdict is TimeoutError else 5):
                await play.ask("patient")
        assert getattr(caught.value, "retry_after", None) == command.get("retry_after")
        assert whose(await play.ask("patient")) == {STILLE.value}

    asyncio.run(_play(story))


@pytest.mark.parametrize("mode", ["stall", "late", "drip"])
def test_a_slow_journal_answers_in_the_end(mode: str) -> None:
    async def story(play: Play) -> None:
        await play.tell(mode=mode, delay=0)
        assert whose(await play.ask("patient")) == {STILLE.value}

    asyncio.run(_play(story))


@pytest.mark.parametrize("resource", ["patient", "episodeofcare", "careplan", "composition", *HEALTH])
def test_a_lying_journal_answers_about_somebody_else(resource: str) -> None:
    async def story(play: Play) -> None:
        await play.tell(mode="wrong-patient", calls=1)
        assert whose(await play.ask(resource, patients=resource != "patient")) == {STRANGER.value}
        await play.tell(mode="mixed", calls=1)
        assert whose(await play.ask(resource, patients=resource != "patient")) == {STILLE.value, STRANGER.value}

    asyncio.run(_play(story))


@played
async def test_a_huge_answer_is_larger_than_the_hub_reads(play: Play) -> None:
    await play.tell(mode="huge")
    async with play.http.post(f"{play.base()}/Patient/_search") as answer:
        assert len(await answer.read()) > 2 * LARGEST


@played
async def test_an_endless_journal_always_has_more(play: Play) -> None:
    await play.tell(mode="endless", calls=1)
    page = await play.ask("patient")
    for _ in range(60):
        following = await play.call(LOOKUP.more(play.base(), page.next))
        assert following.next not in ("", page.next)
        page = following


@played
async def test_a_foreign_next_link_is_seen_where_somebody_follows_it(play: Play) -> None:
    await play.tell(mode="foreign-next", calls=1)
    page = await play.ask("patient")
    with pytest.raises(Refused):
        LOOKUP.more(play.base(), page.next)
    assert len(await play.sandbox("gerica/asked")) == 1
    await play.call(Call("GET", page.next.replace("localhost", "127.0.0.1"), {}, b""))
    assert len(await play.sandbox("gerica/asked")) == 2


@pytest.mark.parametrize("mode", sorted(TWISTS))
def test_what_look_ups_do_wrong_leaves_pushes_alone(mode: str) -> None:
    async def story(play: Play) -> None:
        await play.tell(mode=mode, calls=1)
        note = {"resourceType": "Communication", "status": "completed", "payload": [{"contentString": "Ring datteren."}]}
        async with play.http.post(f"{play.url}/gerica/communication", json=note, headers={"Idempotency-Key": "k1"}) as answer:
            assert answer.status == 201
        assert (await play.sandbox("gerica/behaviour"))["calls_left"] == 1

    asyncio.run(_play(story))


@played
async def test_what_pushes_do_wrong_leaves_look_ups_alone(play: Play) -> None:
    await play.tell(mode="forget", calls=1)
    assert whose(await play.ask("patient")) == {STILLE.value}
    assert (await play.sandbox("gerica/behaviour"))["mode"] == "forget"


@played
async def test_everybodys_behaviour_holds_where_the_endpoints_own_does_not(play: Play) -> None:
    await play.tell(mode="forget")
    await play.sandbox("*/behaviour", "PUT", {"mode": "refuse"})
    with pytest.raises(Refused):
        await play.ask("patient")


# ---------------------------------------------------------------- what it tells


@played
async def test_what_was_asked_is_told_without_whom_about(play: Play) -> None:
    await play.tell(mode="pages", calls=1)
    await play.all("episodeofcare", patients=True)
    await play.form("Patient", identifier="14834812097", Fjellbekk="x")
    told = await play.sandbox("gerica/asked")
    asked = [(each["resource"], each["parameters"]) for each in told]
    assert asked[0] == ("EpisodeOfCare", ["patient.identifier", "_include", "_count"])
    assert asked[1:4] == [("", ["_getpages"])] * 3
    assert asked[4] == ("Patient", ["identifier", "?"])
    assert STILLE.value not in json.dumps(told)


@played
async def test_look_ups_are_counted_and_forgotten_on_demand(play: Play) -> None:
    await play.tell(mode="mixed", calls=1)
    for _ in range(3):
        await play.ask("patient")
    await play.form("Observation")
    stats = (await play.sandbox("stats"))["gerica"]
    assert {name: stats[name] for name in ("asked", "odd", "invalid", "received", "stored")} == {
        "asked": 4,
        "odd": 1,
        "invalid": 1,
        "received": 0,
        "stored": 0,
    }
    await play.sandbox("gerica", "DELETE")
    assert (await play.sandbox("gerica/asked"), (await play.sandbox("stats"))["gerica"]["asked"]) == ([], 0)


@played
async def test_the_front_page_says_how_often_it_was_asked(play: Play) -> None:
    await play.ask("patient")
    async with play.http.get(play.url) as answer:
        assert "0 notater om 0 personer, 1 oppslag" in await answer.text()


@played
async def test_a_name_that_is_none_is_no_journal(play: Play) -> None:
    async with play.http.post(f"{play.url}/_x/fhir/Patient/_search") as answer:
        assert answer.status == 404
    assert await play.sandbox("nobody/asked") == []
