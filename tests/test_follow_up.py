"""What a response centre did about an alert that it got from us: found by name and citizen, kept with the alert, told to those who ask."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.devices.vkp.adapter import ADAPTER as VKP
from shared.admin import told as admins
from shared.domain.adapter import Adapter
from shared.domain.event import Alert, Event, Person
from shared.domain.message import Lane
from shared.door import adapters
from shared.fhir.follow_up import alert_names, follow_up
from shared.flow import acknowledge as acknowledging
from shared.flow.acknowledge import _settle, acknowledge
from shared.flow.follow_up import ANSWERS
from shared.flow.sweep import purge, settle, sweep
from shared.messages import story
from shared.messages.history import history
from shared.messages.message import Wanted
from shared.messages.search import Search
from tests.test_epj_response_centre import Centre, centre
from tests.test_forward import DELIVERED, answering
from tests.test_transform import HEADERS, Town, raising

STEPS = "http://ehelse.no/fhir/CodeSystem/vkp-composition-event-v090"
ALERTS = "http://ehelse.no/fhir/CodeSystem/vkp-alert-code-v090"
URI = "urn:ietf:rfc:3986"
STILLE, RASK = "14834812097", "03918521002"
CLOUD, CENTRE = "https://cloud.example/alerts", "https://centre.example/log"
OURS = {"system": CLOUD, "value": "fall-1"}
THEIRS = {"x-centre": HEADERS["x-secret"]}
HOUR = 3600.0
Json = dict[str, Any]


def document(own: Json, citizen: str, steps: Sequence[tuple[str, str]], **more: Any) -> Json:
    """A document Bundle as the national guide has it."""
    subject = {"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.1", "value": citizen}}
    note = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9"}]},
        "category": [{"coding": [{"system": "http://ehelse.no/fhir/CodeSystem/vkp-composition-category-v090", "code": "1"}]}],
        "subject": subject,
        "date": "2026-11-22T13:10:00+01:00",
        "author": [{"display": "Operatør 17"}],
        "title": "Journalnotat for respons på hendelse",
        "event": [{"code": [{"coding": [{"system": STEPS, "code": code}]}], "period": {"start": at}} for code, at in steps],
        **more,
    }
    issue = {
        "resourceType": "DetectedIssue",
        "status": "final",
        "code": {"coding": [{"system": ALERTS, "code": "4.1"}]},
        "patient": subject,
        "identifiedDateTime": "2026-11-22T13:00:00+01:00",
    }
    entries = [
        {"fullUrl": f"urn:uuid:5e0c1a52-7d1f-4f5b-8a10-00000000000{number}", "resource": each} for number, each in enumerate((note, issue))
    ]
    return {"resourceType": "Bundle", "identifier": own, "type": "document", "timestamp": "2026-11-22T13:10:00+01:00", "entry": entries}


def alert(name: str = "fall-1", citizen: str = STILLE) -> Json:
    return document({"system": CLOUD, "value": name}, citizen, [("0", "2026-11-22T13:00:00+01:00")])


def answer(about: Json | None, name: str = "log-1", citizen: str = STILLE, steps: Sequence[tuple[str, str]] = ()) -> Json:
    """The centre's word about an alert: taken in hand at 13.01, acknowledged at 13.10 (12.01 and 12.10 UTC)."""
    said = steps or [("1", "2026-11-22T13:01:00+01:00"), ("3", "2026-11-22T13:10:00+01:00")]
    more = {"relatesTo": [{"code": "appends", "targetIdentifier": about}]} if about else {}
    return document({"system": CENTRE, "value": name}, citizen, said, **more)


TAKEN = {"code": "1", "at": "2026-11-22T12:01:00.000Z", "by": "operators"}
DONE = {"code": "3", "at": "2026-11-22T12:10:00.000Z", "by": "operators"}


@asynccontextmanager
async def exchange(storage: str) -> AsyncIterator[tuple[Town, Any, Centre]]:
    """A device cloud whose alerts go to a response centre, and the centre as a sender."""
    async with centre(storage) as (here, journal, there):
        [route], [cloud] = here.tenant.routes, here.tenant.senders
        operators = replace(cloud, name="operators", auth=replace(cloud.auth, profile="x-centre"))
        only = replace(route, endpoint="centre", lanes=(Lane.ALARM,))
        here.change(routes=(route, only), senders=(cloud, operators))
        yield here, journal, there


async def post(here: Town, sent: Json, header: str = "x-secret") -> str:
    """The receipt's name, once all has been done that is to be done about it now."""
    receipt = await here.post(orjson.dumps(sent), headers={header: HEADERS["x-secret"]})
    await here.run(2)
    return receipt


async def reply(here: Town, sent: Json) -> str:
    """The centre's word, and the timer after it."""
    receipt = await post(here, sent, "x-centre")
    await acknowledge(here.hub)
    return receipt


async def steps(here: Town, receipt: str) -> list[Json]:
    """What is told of the alert's follow-up, at the centre's parcel."""
    return [step for parcel in (await here.told(receipt))["parcels"] for step in parcel.get("followed", [])]


async def follows(here: Town, receipt: str) -> list[str] | None:
    return (await here.told(receipt, THEIRS)).get("follows")


def counting(written: list[Any], work: Any) -> Any:
    """Notes each call of it."""

    async def call(*args: Any) -> Any:
        written.append(args)
        return await work(*args)

    return call


async def shown(here: Town, receipt: str) -> str:
    found = await history(here.hub, receipt)
    assert found
    return story.told(found)


@pytest.mark.parametrize("named", ["the alert's Bundle.identifier", "the webhook's id"])
def test_the_steps_stand_with_the_alert_and_the_document_is_journaled_as_any_other(storage: str, named: str) -> None:
    async def run() -> tuple[list[Json], int, int]:
        async with exchange(storage) as (here, journal, there):
            first = await post(here, alert())
            [key] = there.taken
            second = await reply(here, answer({"value": key} if "webhook" in named else OURS))
            [parcel] = [each["parcel"] for each in (await here.told(first))["parcels"] if each["endpoint"] == "centre"]
            assert (await here.told(second, THEIRS))["status"] == DELIVERED
            assert await follows(here, second) == [parcel]
            return await steps(here, first), len(journal.titles), len(there.taken)

    assert asyncio.run(run()) == ([TAKEN, DONE], 2, 1)


@pytest.mark.parametrize(
    "target",
    [
        {"targetIdentifier": {"system": URI, "value": "urn:uuid:5E0C1A52-7D1F-4F5B-8A10-0000000000AA"}},
        {"targetIdentifier": {"value": "5e0c1a52-7d1f-4f5b-8a10-0000000000aa"}},
        {"targetReference": {"identifier": {"system": URI, "value": "5e0c1a52-7d1f-4f5b-8a10-0000000000aa"}}},
        {"targetReference": {"reference": "urn:uuid:5e0c1a52-7d1f-4f5b-8a10-0000000000aa"}},
    ],
)
def test_a_uuid_is_the_same_however_it_is_written(target: Json) -> None:
    found = follow_up(answer(None) | {"entry": [{"resource": answer(None)["entry"][0]["resource"] | {"relatesTo": [target]}}]})
    assert found and found.related
    assert found.names == alert_names(alert() | {"identifier": {"system": URI, "value": "urn:uuid:5e0c1a52-7d1f-4f5b-8a10-0000000000aa"}})


def test_an_alert_that_the_hub_wrote_itself_is_known_by_the_identifier_that_it_was_pushed_with(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(_: Any) -> list[Event]:
        return [Event(None, Alert("4.1"), person=Person("urn:oid:2.16.578.1.12.4.1.4.1", STILLE))]

    button = Adapter("tenovi", lambda body: [body], decode, lambda _: Lane.ALARM, lambda _: None)
    monkeypatch.setattr(adapters, "device", lambda name: button if name == "tenovi" else VKP)

    async def run() -> list[Json]:
        async with exchange(storage) as (here, _, there):
            first = await here.post(b"pressed", "tenovi")
            await here.run(2)
            [pushed] = there.taken.values()
            await reply(here, answer(pushed["data"]["identifier"]))
            return await steps(here, first)

    assert asyncio.run(run()) == [TAKEN, DONE]


def test_an_alert_that_refers_to_an_earlier_one_is_an_alert() -> None:
    again = alert("fall-2")
    again["entry"][0]["resource"]["relatesTo"] = [{"code": "appends", "targetIdentifier": OURS}]
    assert follow_up(again) is None and alert_names(again) == [f"{CLOUD}|fall-2"]


@pytest.mark.parametrize(
    "step",
    [("2", "2026-11-22T13:01:00+01:00"), ("3", "2026-02-30T13:01:00+01:00"), ("3", "2026-02-30"), ("3", "2026-13"), ("3", 7), (3, "")],
)
def test_steps_with_a_time_that_cannot_be_or_of_no_known_code_are_none(step: Any) -> None:
    assert follow_up(answer(OURS, steps=[step])) is None


@pytest.mark.parametrize(
    "broken", [None, [], "x", {"entry": [None, {"resource": 3}]}, {"resourceType": "Composition", "event": "x", "relatesTo": [7]}]
)
def test_whatever_the_document_is_nothing_is_raised(broken: Any) -> None:
    assert follow_up(broken) is None and alert_names(broken) == []


def test_the_readme_s_example_is_read_as_it_says() -> None:
    page = (Path(__file__).parents[1] / "adapters/epj/response_centre/README.md").read_text()
    text = page.partition("## Its follow-up")[2].partition("    {")[2].partition("\n\n")[0]
    found = follow_up(orjson.loads("{" + text))
    assert found and found.related and found.names == ["|19ec914e-63f9-580b-a7d3-e4ef8c95a93a"]
    assert [code for code, _ in found.steps] == ["1", "3"]


# whose alert it is


@pytest.mark.parametrize("other", ["citizen", "municipality", "name"])
def test_nothing_is_noted_with_another_s_alert(storage: str, other: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> tuple[list[Json], list[str] | None, str]:
        async with exchange(storage) as (here, _, _), exchange(storage) as (elsewhere, _, _):
            first = await post(elsewhere if other == "municipality" else here, alert())
            about = {"system": CLOUD, "value": "fall-2"} if other == "name" else OURS
            second = await reply(here, answer(about, citizen=RASK if other == "citizen" else STILLE))
            for _ in range(30):
                here.clock.now += HOUR
                await acknowledge(here.hub)
            there = elsewhere if other == "municipality" else here
            return await steps(there, first), await follows(here, second), await shown(here, second)

    said, about, words_ = asyncio.run(run())
    assert (said, about) == ([], []) and "et varsel som ikke er funnet her" in words_
    assert sum("follow-up of an unknown alert" in record.getMessage() for record in caplog.records) == 1, (
        "said once, and no longer looked for"
    )


def test_a_note_of_what_was_dealt_with_elsewhere_says_nothing_of_alerts(storage: str) -> None:
    async def run() -> tuple[list[str] | None, int]:
        async with exchange(storage) as (here, _, _):
            second = await reply(here, answer(None))
            return await follows(here, second), await acknowledge(here.hub)

    assert asyncio.run(run()) == (None, 0)


def test_a_closing_note_under_the_alert_s_own_identifier_is_about_that_alert(storage: str) -> None:
    async def run() -> list[Json]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            await reply(here, answer(None) | {"identifier": OURS})
            return await steps(here, first)

    assert asyncio.run(run()) == [TAKEN, DONE]


def test_a_follow_up_that_is_sent_to_the_centre_too_is_no_alert_there(storage: str) -> None:
    async def run() -> tuple[int, list[Json], list[Json]]:
        async with exchange(storage) as (here, _, there):
            [every, _] = here.tenant.routes
            here.change(routes=(every, replace(every, endpoint="centre")))
            first = await post(here, alert())
            second = await reply(here, answer(OURS))
            own = (await here.told(second, THEIRS))["parcels"]
            return len(there.taken), [step for parcel in own for step in parcel.get("followed", [])], await steps(here, first)

    assert asyncio.run(run()) == (2, [], [TAKEN, DONE])


# more than one word


def test_a_second_follow_up_is_added(storage: str) -> None:
    async def run() -> list[tuple[str, str]]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            await reply(here, answer(OURS, "log-1", steps=[("1", "2026-11-22T13:01:00+01:00")]))
            assert "ikke kvittert" in await shown(here, first)
            await reply(here, answer(OURS, "log-2", steps=[("3", "2026-11-22T13:10:00+01:00")]))
            return [(step["code"], step["at"]) for step in await steps(here, first)]

    assert asyncio.run(run()) == [(step["code"], step["at"]) for step in (TAKEN, DONE)]


@pytest.mark.parametrize(("at", "open_"), [("2026-11-20T13:10:00+01:00", 1), ("2026-11-22T11:10:00+01:00", 0)])
def test_a_step_from_long_before_the_alert_acknowledges_nothing(storage: str, at: str, open_: int) -> None:
    async def run() -> tuple[int, int]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            await reply(here, answer(OURS, "log-1", steps=[("3", at)]))
            wanted = Wanted(here.tenant.orgnr, state="unacknowledged")
            return len(await steps(here, first)), len(
                [message async for message in Search(here.hub).find(wanted) if message.receipt == first]
            )

    assert asyncio.run(run()) == (1, open_)


PERIODS: list[tuple[Json, str, str]] = [  # what a centre says of when, and how it is told
    ({"start": "2026-11-22"}, "2026-11-22", "22.11.2026, klokkeslett ikke oppgitt"),
    ({"start": "2026-11"}, "2026-11", "11.2026, klokkeslett ikke oppgitt"),
    ({"start": "2026"}, "2026", "2026, klokkeslett ikke oppgitt"),
    ({"end": "2026-11-22T13:10:00+01:00"}, DONE["at"], "22.11.2026 13:10:00"),
    ({"end": "2026-11-22"}, "2026-11-22", "22.11.2026, klokkeslett ikke oppgitt"),
    ({}, "", "tid ikke oppgitt"),
]


@pytest.mark.parametrize(("period", "at", "words_"), PERIODS, ids=[str(period) for period, _, _ in PERIODS])
def test_a_step_is_told_with_as_much_of_its_time_as_was_said_and_acknowledges(storage: str, period: Json, at: str, words_: str) -> None:
    async def run() -> tuple[list[Json], str, list[Json], int]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            sent = answer(OURS)
            steps_ = sent["entry"][0]["resource"]["event"]
            steps_[1]["period"] = period
            if not period:
                del steps_[1]["period"]
            await reply(here, sent)
            wanted = Wanted(here.tenant.orgnr, state="unacknowledged")
            found = await history(here.hub, first)
            assert found
            [centres] = [each for each in admins.history(found)["parcels"] if each["endpoint"] == "centre"]
            open_ = [one async for one in Search(here.hub).find(wanted) if one.receipt == first]
            return await steps(here, first), await shown(here, first), centres["followed"], len(open_)

    told, text, admin, open_ = asyncio.run(run())
    done: Json = {"code": "3", "by": "operators", **({"at": at} if at else {})}
    assert sorted(told, key=lambda step: str(step["code"])) == [TAKEN, done]
    assert done | {"text": "hendelse kvittert"} in admin
    assert f"  {words_}  hendelse kvittert, sier operators" in text and "ikke kvittert" not in text
    assert open_ == 0


@pytest.mark.parametrize(
    ("at", "open_"), [("2026-11-20", 1), ("2026-10", 1), ("2025", 1), ("2026-11-21", 0), ("2026-11-22", 0), ("2026", 0)]
)
def test_a_date_that_is_over_long_before_the_alert_acknowledges_nothing(storage: str, at: str, open_: int) -> None:
    async def run() -> int:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            await reply(here, answer(OURS, steps=[("3", at)]))
            wanted = Wanted(here.tenant.orgnr, state="unacknowledged")
            return len([one async for one in Search(here.hub).find(wanted) if one.receipt == first])

    assert asyncio.run(run()) == open_


def test_a_correction_that_was_entered_in_error_withdraws_the_steps(storage: str) -> None:
    async def run() -> tuple[list[Json], list[str]]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            await reply(here, answer(OURS))
            withdrawn = answer(OURS)
            withdrawn["entry"][0]["resource"]["status"] = "entered-in-error"
            await reply(here, withdrawn)
            wanted = Wanted(here.tenant.orgnr, state="unacknowledged")
            return await steps(here, first), [
                message.receipt async for message in Search(here.hub).find(wanted) if message.receipt == first
            ]

    said, found = asyncio.run(run())
    assert said == [] and len(found) == 1


@pytest.mark.parametrize("late", [False, True], ids=["one after the other", "the first is noted last"])
def test_a_correction_replaces_what_it_corrects_and_what_it_was_about(storage: str, late: bool) -> None:
    """The centre first named the wrong one of the citizen's alerts, and then a third time."""

    async def run() -> tuple[list[str], list[str], list[list[str] | None]]:
        async with exchange(storage) as (here, _, _):
            one, two = await post(here, alert("fall-1")), await post(here, alert("fall-2"))
            wrong, right = {"system": CLOUD, "value": "fall-1"}, {"system": CLOUD, "value": "fall-2"}
            receipts = []
            for about, minute in ((right, 5), (wrong, 6), (right, 7)):
                sent = answer(about, steps=[("3", f"2026-11-22T13:0{minute}:00+01:00")])
                receipts.append(await (post(here, sent, "x-centre") if late else reply(here, sent)))
                here.clock.now += 1
            if late:  # the rows, each by itself, the latest first
                due = await here.hub.followups.due(here.tenant.orgnr, ANSWERS, here.clock(), 9)
                for each in reversed(due):
                    await _settle(here.hub, here.tenant, each)
            times = [[step["at"] for step in await steps(here, receipt)] for receipt in (one, two)]
            return times[0], times[1], [await follows(here, receipt) for receipt in receipts]

    first, second, about = asyncio.run(run())
    assert (first, second) == ([], ["2026-11-22T12:07:00.000Z"])
    assert about[:2] == [None, None] and about[2] and len(about[2]) == 1


def test_an_alert_keeps_twenty_follow_ups_and_the_rest_is_said(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> int:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            for number in range(22):
                await reply(here, answer(OURS, f"log-{number}", steps=[("1", "2026-11-22T13:01:00+01:00")]))
            return len(await steps(here, first))

    assert asyncio.run(run()) == 20
    assert sum("too many follow-ups" in record.getMessage() for record in caplog.records) == 2


# crashes, outages and what comes too early


def test_a_follow_up_of_an_alert_that_has_not_been_delivered_stands_with_it_and_stays_once_it_is(storage: str) -> None:
    """The centre has it, and its answers are lost on the way."""

    async def run() -> tuple[list[Json], str, list[Json], str]:
        async with exchange(storage) as (here, _, there):
            there.status = 503
            first = await post(here, alert())
            await reply(here, answer(OURS))
            early, before = await steps(here, first), (await here.told(first))["status"]
            there.status = 202
            await here.run(200)
            return early, before, await steps(here, first), (await here.told(first))["status"]

    assert asyncio.run(run()) == ([TAKEN, DONE], "transformed", [TAKEN, DONE], DELIVERED)


def test_a_follow_up_that_comes_before_its_alert_finds_it_later(storage: str) -> None:
    async def run() -> tuple[list[str] | None, list[Json]]:
        async with exchange(storage) as (here, _, _):
            second = await reply(here, answer(OURS))
            early = await follows(here, second)
            first = await post(here, alert())
            here.clock.now += 60
            await acknowledge(here.hub)
            return early, await steps(here, first)

    assert asyncio.run(run()) == ([], [TAKEN, DONE])


@pytest.mark.parametrize("step", ["followups.add", "receipts.lines.commit", "followups.end", "parcels.lines.read", "receipts.lines.read"])
def test_a_worker_that_is_lost_at_any_step_forgets_nothing_and_says_nothing_twice(
    storage: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def run() -> tuple[list[Json], int]:
        async with exchange(storage) as (here, journal, _):
            first = await post(here, alert())
            *way, name = step.split(".")
            place: Any = here.hub
            for each in way:
                place = getattr(place, each)
            with monkeypatch.context() as patch:
                patch.setattr(place, name, raising(1, ConnectionResetError)(getattr(place, name)))
                await reply(here, answer(OURS))
            for _ in range(3):
                here.clock.now += 60
                await here.run()
                await acknowledge(here.hub)
            return await steps(here, first), len(journal.titles)

    assert asyncio.run(run()) == ([TAKEN, DONE], 2)


def test_the_times_outlive_the_alert_s_bytes_and_so_do_its_names(storage: str) -> None:
    async def run() -> list[Json]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            here.clock.now += 80 * HOUR  # the municipality keeps delivered bytes for 72 hours
            assert await purge(here.hub, Lane.ALARM) == 3
            await reply(here, answer(OURS))
            return await steps(here, first)

    assert asyncio.run(run()) == [TAKEN, DONE]


def test_lines_that_were_changed_meanwhile_are_looked_through_too(storage: str) -> None:
    async def run() -> list[Json]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            [journal, centre_] = here.tenant.endpoints
            here.change(endpoints=(journal, replace(centre_, lines=7)))
            await post(here, alert("fall-2"))
            await settle(here.hub)
            await reply(here, answer(OURS))
            return await steps(here, first)

    assert asyncio.run(run()) == [TAKEN, DONE]


@pytest.mark.parametrize("about", [OURS, None], ids=["by relatesTo", "by the alert's own identifier"])
def test_a_line_that_was_replaced_and_purged_is_looked_through_until_nothing_in_it_can_be_followed_up(
    storage: str, about: Json | None
) -> None:
    async def run() -> tuple[list[Json], list[bool], str]:
        async with exchange(storage) as (here, _, _):
            first, other = await post(here, alert()), await post(here, alert("fall-0"))
            [journal, centre_] = here.tenant.endpoints
            here.change(endpoints=(journal, replace(centre_, lines=7)))
            await post(here, alert("fall-2"))
            listed = []
            for hours in (2, 80, 16 * 24):
                here.clock.now += hours * HOUR
                for _ in range(2):
                    await settle(here.hub)
                    await purge(here.hub, Lane.ALARM)
                listed.append(any("~centre~" in line and "." not in line for line in await here.lines()))
                if hours == 80:
                    await reply(here, answer(about) | ({} if about else {"identifier": OURS}))
            return await steps(here, first), listed, await shown(here, other)

    said, listed, words_ = asyncio.run(run())
    assert said == [TAKEN, DONE] and listed == [True, True, False]
    assert "ikke kvittert i tide" in words_


def test_a_follow_up_that_can_never_be_noted_is_given_up_and_that_is_said_once(
    storage: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> tuple[int, int]:
        async with exchange(storage) as (here, _, _):
            await post(here, alert())
            monkeypatch.setattr(here.hub.shapes, "read", raising(99, TimeoutError)(here.hub.shapes.read))
            await reply(here, answer(OURS))
            looked = []
            for _ in range(30):
                here.clock.now += HOUR
                looked.append(await acknowledge(here.hub))
            return sum(looked[:23]), sum(looked[26:])

    early, late = asyncio.run(run())
    assert early > 10 and late == 0
    assert sum("follow-up given up" in record.getMessage() for record in caplog.records) == 1


def test_a_follow_up_that_nobody_could_look_at_for_days_is_not_given_up_at_the_first_error(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[Json]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            with monkeypatch.context() as patch:
                patch.setattr(here.hub.shapes, "read", raising(1, TimeoutError)(here.hub.shapes.read))
                await post(here, answer(OURS), "x-centre")
                here.clock.now += 72 * HOUR
                await acknowledge(here.hub)
            here.clock.now += 60
            await acknowledge(here.hub)
            return await steps(here, first)

    assert asyncio.run(run()) == [TAKEN, DONE]


def test_a_round_that_takes_long_ends_and_the_next_one_goes_on_where_it_did(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[list[int], int]:
        async with exchange(storage) as (here, _, _):
            first = await post(here, alert())
            for number in range(3):
                await post(here, answer(OURS, f"log-{number}", steps=[("1", f"2026-11-22T13:0{number}:00+01:00")]), "x-centre")
                here.clock.now += 1
            monkeypatch.setattr(acknowledging, "_ROUND", 1.5)
            monkeypatch.setattr(acknowledging, "monotonic", count().__next__)
            return [await acknowledge(here.hub) for _ in range(4)], len(await steps(here, first))

    assert asyncio.run(run()) == ([1, 1, 1, 0], 3)


def test_an_alert_that_went_to_the_centre_by_the_second_route_is_followed_up_there(storage: str) -> None:
    async def run() -> tuple[list[Json], str]:
        async with exchange(storage) as (here, journal, _):
            [every, _] = here.tenant.routes
            here.change(routes=(every,))
            journal.behave = answering(503)
            first = await post(here, alert())
            for _ in range(8):
                await here.run(10)
                await sweep(here.hub, Lane.ALARM)
            await here.run(2)
            await reply(here, answer(OURS))
            return await steps(here, first), await shown(here, first)

    said, words_ = asyncio.run(run())
    assert said == [TAKEN, DONE]
    assert "22.11.2026 13:10:00  hendelse kvittert, sier operators" in words_ and "ikke kvittert" not in words_


# what others pay, and what operators find


def test_no_other_document_costs_a_storage_call_more(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[int]:
        counts = []
        async with exchange(storage) as (here, _, _):
            for sent in (alert(), document(OURS, STILLE, []), answer(OURS)):
                written: list[Any] = []
                with monkeypatch.context() as patch:
                    patch.setattr(here.hub.followups, "add", counting(written, here.hub.followups.add))
                    await post(here, sent)
                counts.append(len(written))
        return counts

    assert asyncio.run(run()) == [0, 0, 1]


def test_operators_find_the_alerts_that_nobody_has_acknowledged(storage: str) -> None:
    async def run() -> tuple[list[str], list[str], list[str]]:
        async with exchange(storage) as (here, _, _):
            open_, taken, done = [await post(here, alert(f"fall-{number}")) for number in range(3)]
            await post(here, document({"system": CLOUD, "value": "note"}, STILLE, [("3", "2026-11-22T13:00:00+01:00")]))
            named = [{"system": CLOUD, "value": f"fall-{number}"} for number in range(3)]
            await reply(here, answer(named[1], "log-1", steps=[("1", "2026-11-22T13:01:00+01:00")]))
            await reply(here, answer(named[2], "log-2"))
            wanted = Wanted(here.tenant.orgnr, state="unacknowledged")
            return [message.receipt async for message in Search(here.hub).find(wanted)], [open_, taken], [done]

    found, wanted, done = asyncio.run(run())
    assert found == wanted and not set(found) & set(done)
