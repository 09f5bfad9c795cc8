"""The way `pull`: what is put on a shelf, and a journal that fetches it by `docs/pull.md`. The reader is an outsider, over HTTP."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import orjson
import pytest
import requests
from azure.core.exceptions import HttpResponseError

from adapters.epj.pull.adapter import ADAPTER, request
from shared.access.entry import Entry
from shared.access.register import Alarms, Auth, Endpoint, Tenant, from_json, to_json
from shared.access.register_difference import difference
from shared.access.register_toml import Known, read
from shared.domain.fetching import MOST, TAG
from shared.domain.journal import Sending
from shared.domain.message import Lane
from shared.door.answers import Fault
from shared.door.prove import Caller
from shared.door.visit import Visit
from shared.errors import Refused
from shared.flow.shelves import clear, remind
from shared.hub import Hub, open_hub
from shared.settings import Settings
from shared.shelf import fetch, question
from shared.shelf.cursor import opened, sealed
from shared.shelf.page import searchset
from shared.storage.shelf_rows import FOREVER, Document, Lying, Wanted, shelf_of
from tests.running import DEVICES, EPJ, OURS, PATIENCE, PREFIX, SHELF, STILLE, THEIRS, Running, example, wire
from tests.running import Town as Place
from tests.test_national import code_of, entries
from tests.test_transform import NOON, SHOUTING, Town, another, note, raising, town, use

OTHER = "Nabo_EPJ"
READS = ("bundle", "composition", "medicationdispense")
Json = dict[str, Any]


def place(running: Running, vkp_id: str = EPJ, own: str = OURS) -> Place:
    """A municipality whose journal fetches, beside one that is pushed to."""
    return running.town(DEVICES + SHELF.format(vkp_id=vkp_id), own=own)


def token(there: Place, vkp_id: str = EPJ, scopes: Sequence[str] = READS) -> dict[str, str]:
    claims = {"nhn:vkp/client/claims/vkp-id": vkp_id, "client_id": "epj", "scope": [f"{PREFIX}{name}.read" for name in scopes]}
    return {"Authorization": f"Bearer {there.hub.issuer.mint({**claims, 'aud': 'nhn:vkp'})}"}


def url(there: Place, path: str) -> str:
    return f"{there.hub.url}/jft/{there.orgnr}/v1/{path}"


def fetched(there: Place, path: str, headers: Mapping[str, str] | None = None, **params: Any) -> requests.Response:
    given = token(there) if headers is None else headers
    return wire().get(path if path.startswith("http") else url(there, path), params=params, headers=given, timeout=PATIENCE)


def page(there: Place, path: str, **params: Any) -> Json:
    answer = fetched(there, path, **params)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def resources(bundle: Json) -> list[Json]:
    return [entry["resource"] for entry in bundle.get("entry", ())]


def link(bundle: Json, relation: str) -> str:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), "")


def all_of(there: Place, path: str, **params: Any) -> list[Json]:
    """As a journal does it: from link to link, until an answer has nothing."""
    bundle = page(there, path, **params)
    found = resources(bundle)
    while there_is_more := link(bundle, "next"):
        bundle = page(there, there_is_more)
        found += resources(bundle)
    return found


def acknowledged(there: Place, resource: Json, headers: Mapping[str, str] | None = None) -> requests.Response:
    path = f"{resource['resourceType']}/{resource['id']}/$journaling-acknowledged"
    return wire().post(url(there, path), headers=token(there) if headers is None else headers, timeout=PATIENCE)


def status(there: Place, resource: Json) -> Json:
    return page(there, f"{resource['resourceType']}/{resource['id']}/$status")


def scale(weight: int) -> bytes:
    """A weight of Rund's, another for every number."""
    tree: Json = orjson.loads(example("tenovi", "weight-as-number.json"))
    tree["value_1"], tree["timestamp"] = weight, f"2026-03-02T07:{weight % 60:02}:00Z"
    return orjson.dumps(tree)


def sent(there: Place, *weights: int) -> list[Json]:
    return [there.settled("tenovi", scale(weight)) for weight in weights]


@pytest.fixture(scope="module")
def stocked(running: Running, faultless: None) -> Place:
    """A municipality with seven documents on its shelf, which nobody acknowledges."""
    there = place(running)
    sent(there, *range(70, 77))
    return there


# what is handed out


def test_a_document_is_fetched_as_the_journal_that_is_pushed_to_got_it(running: Running, faultless: None) -> None:
    there = place(running)
    receipt = there.sent("vkp", example("vkp", "dispense.json"), resource="medicationdispense")
    there.until_settled(receipt)
    [found] = all_of(there, "MedicationDispense")
    [pushed] = there.notes()
    assert found["identifier"][0]["value"] == pushed["identifier"].rpartition("|")[2]
    assert found["resourceType"] == "MedicationDispense" and found["id"] == status_path(there, found)


def status_path(there: Place, resource: Json) -> str:
    """The id, as the answer to an acknowledgement has it."""
    where = acknowledged(there, resource).headers["Location"]
    assert page(there, f"{there.hub.url}{where}")["journalingAcknowledged"]
    return where.split("/")[-2]


def test_numbers_keep_their_digits_and_a_document_what_it_says_of_itself() -> None:
    meta = {"profile": ["http://ehelse.no/x"], "tag": [{"code": "own"}], "lastUpdated": "1999-01-01T00:00:00Z"}
    body = b'{"resourceType":"Observation","id":"theirs","meta":%b,"valueQuantity":{"value":82.50}}' % orjson.dumps(meta)
    made = searchset([Lying("ours", "Observation", "", "", 1_772_359_200_123, 0.0, 0.0, body)], "310123455", {}, {"self": "x"})
    [shown] = resources(orjson.loads(made))
    assert b'"value":82.50' in made
    assert (shown["id"], shown["meta"]["lastUpdated"], shown["meta"]["profile"]) == ("ours", "2026-03-01T10:00:00.123Z", meta["profile"])
    assert [each["code"] for each in shown["meta"]["tag"]] == ["own", "310123455"]


@pytest.mark.parametrize("meta", [b'"x"', b"[]", b'{"tag":"x"}', b'{"tag":{"code":"x"}}'])
def test_a_document_with_odd_words_about_itself_holds_up_no_shelf(meta: bytes) -> None:
    body = b'{"resourceType":"Bundle","meta":%b}' % meta
    made = searchset([Lying("ours", "Bundle", "", "", 1, 0.0, 2.0, body)], "310123455", {}, {})
    assert len(resources(orjson.loads(made))[0]["meta"]["tag"]) == 2


def test_every_document_says_when_and_whose_it_is(stocked: Place) -> None:
    found = all_of(stocked, "Bundle", _count=2)
    assert len(found) == 7 == len({one["id"] for one in found})
    for one in found:
        tags = {each["system"].rpartition("/")[2]: each["code"] for each in one["meta"]["tag"]}
        assert tags == {"parent-organization-number": stocked.orgnr, "source-client-id": "scales", "source-client-name": "Hjemmemåling"}
    times = [one["meta"]["lastUpdated"] for one in found]
    assert times == sorted(times) and len(set(times)) == 7
    assert all(datetime.fromisoformat(time).utcoffset() == timedelta(0) for time in times)


def test_the_oldest_come_first_and_the_newest_if_it_is_asked_for(stocked: Place) -> None:
    up, down = (all_of(stocked, "Bundle", _count=3, _sort=sort) for sort in ("_lastUpdated", "-_lastUpdated"))
    assert [one["id"] for one in up] == [one["id"] for one in reversed(down)] and len(up) == 7


def test_a_form_asks_the_same_as_an_address(stocked: Place) -> None:
    form = {"_count": "4", "_tag:not": TAG}
    answer = wire().post(url(stocked, "bundle/_search"), data=form, headers=token(stocked), timeout=PATIENCE)
    assert answer.json()["entry"] == page(stocked, "Bundle", **form)["entry"] and len(answer.json()["entry"]) == 4
    assert page(stocked, link(answer.json(), "next"))["entry"][0] not in answer.json()["entry"]


@pytest.mark.parametrize(("prefix", "of", "expected"), [("ge", 3, 4), ("gt", 3, 3), ("le", 3, 4), ("lt", 3, 3)])
def test_times_bound_what_is_fetched(stocked: Place, prefix: str, of: int, expected: int) -> None:
    times = [one["meta"]["lastUpdated"] for one in all_of(stocked, "Bundle")]
    found = [one["meta"]["lastUpdated"] for one in all_of(stocked, "Bundle", _lastUpdated=f"{prefix}{times[of]}")]
    assert found == (times[of:] if prefix == "ge" else times[of + 1 :] if prefix == "gt" else times[: of + (prefix == "le")])
    assert len(found) == expected


def test_two_times_are_both_kept_to_and_a_day_is_a_day(stocked: Place) -> None:
    times = [one["meta"]["lastUpdated"] for one in all_of(stocked, "Bundle")]
    some = all_of(stocked, "Bundle", _lastUpdated=[f"gt{times[0]}", f"lt{times[6]}"])
    assert [one["meta"]["lastUpdated"] for one in some] == times[1:6]
    first, last = times[0][:10], times[-1][:10]
    assert len(all_of(stocked, "Bundle", _lastUpdated=[f"ge{first}", f"le{last}"])) == 7
    assert all_of(stocked, "Bundle", _lastUpdated=f"gt{last}") == [] == all_of(stocked, "Bundle", _lastUpdated=f"lt{first}")


def test_what_was_fetched_says_so_once(running: Running, faultless: None) -> None:
    there = place(running)
    [told] = sent(there, 80)
    lies = next(parcel for parcel in told["parcels"] if parcel["endpoint"] == "epj")
    assert (lies["status"], lies["answer"], "read" in lies) == ("delivered", 201, False)
    kind, _, name = lies["journal"].partition("/")
    before = status(there, {"resourceType": kind, "id": name})
    assert before["registered"] and not before["read"] and not before["journalingAcknowledged"] and before["failed"] is None
    [one] = all_of(there, "Bundle")
    first = status(there, one)
    all_of(there, "Bundle")
    assert one["id"] == name and first["read"] and status(there, one) == first
    assert acknowledged(there, one).status_code == 202
    after = status(there, one)
    assert after["journalingAcknowledged"] and {**after, "journalingAcknowledged": None} == first
    assert acknowledged(there, one).status_code == 202 and status(there, one) == after, "a second time changes nothing"
    shown = next(parcel for parcel in there.told(told["receipt"])["parcels"] if parcel["endpoint"] == "epj")
    assert (shown["read"], shown["acknowledged"]) == (after["read"], after["journalingAcknowledged"])


def test_what_is_acknowledged_is_told_apart(running: Running, faultless: None) -> None:
    there = place(running)
    sent(there, 81, 82, 83)
    before = all_of(there, "Bundle")
    acknowledged(there, before[1])
    assert [one["id"] for one in all_of(there, "Bundle", **{"_tag:not": TAG})] == [before[0]["id"], before[2]["id"]]
    [done] = all_of(there, "Bundle", _tag=TAG.partition("|")[2])
    assert done["id"] == before[1]["id"] and done["meta"]["lastUpdated"] == before[1]["meta"]["lastUpdated"]
    assert f"{done['meta']['tag'][-1]['system']}|{done['meta']['tag'][-1]['code']}" == TAG
    everything = all_of(there, "Bundle", _count=1)
    assert [one["id"] for one in everything] == [one["id"] for one in before]


def test_an_empty_shelf_has_no_next_and_a_type_of_its_own_nothing(stocked: Place) -> None:
    assert link(page(stocked, "Composition"), "next") == "" and resources(page(stocked, "Composition")) == []


# a reader that goes on from where it was


@asynccontextmanager
async def instances(there: Place, *skews: float) -> AsyncIterator[list[Hub]]:
    """Instances of the app on the same storage, whose clocks are wrong by so many seconds."""
    env = {"AzureWebJobsStorage": there.hub.storage, "HUB_PATIENT_KEY": "k" * 40}
    hubs = [await open_hub(Settings.from_env(env), _clock(skew)) for skew in skews]
    try:
        yield hubs
    finally:
        for hub in hubs:
            await hub.close()


def _clock(skew: float) -> Callable[[], float]:
    return lambda: datetime.now(UTC).timestamp() + skew


def document(name: str = "", lane: Lane = Lane.ROUTINE, kind: str = "Bundle") -> Document:
    body = orjson.dumps({"resourceType": kind, "type": "document", "timestamp": name})
    return Document(str(uuid4()), kind, "a" * 32, "scales", lane, body)


def test_a_reader_that_pages_while_two_instances_put_misses_nothing_and_sees_nothing_twice(running: Running, faultless: None) -> None:
    there = place(running)
    shelf, put = shelf_of(there.orgnr, "epj"), list[str]()

    async def fill(hub: Hub, chance: random.Random) -> None:
        for _ in range(60):
            one = document()
            assert await hub.shelf.put(shelf, one)
            put.append(one.id)
            await asyncio.sleep(chance.random() * 0.02)

    async def story() -> list[str]:
        seen: list[str] = []
        async with instances(there, -3600.0, 7.0) as hubs:
            filling = [asyncio.create_task(fill(hub, random.Random(n))) for n, hub in enumerate(hubs)]  # noqa: S311 -- the same each time
            where = url(there, "Bundle?_count=7")
            while True:
                done = all(task.done() for task in filling)
                bundle = await asyncio.to_thread(page, there, where)
                seen += [one["id"] for one in resources(bundle)]
                where = link(bundle, "next") or where
                if done and not resources(bundle):
                    await asyncio.gather(*filling)
                    return seen

    seen = asyncio.run(story())
    assert len(put) == 120 and sorted(seen) == sorted(put)


def test_a_reader_that_goes_on_by_time_alone_misses_nothing_either(running: Running, faultless: None) -> None:
    there = place(running)
    shelf = shelf_of(there.orgnr, "epj")

    async def story() -> list[int]:
        async with instances(there, 0.0, -86_400.0, 3600.0) as hubs:
            for number in range(30):
                await hubs[number % 3].shelf.put(shelf, document())
            return [one.at for one in (await hubs[0].shelf.read(shelf, Wanted("Bundle"), 100))[0]]

    times = asyncio.run(story())
    assert len(times) == 30 and all(before < after for before, after in pairwise(times))
    seen, last = list[str](), "2000-01-01T00:00:00Z"
    while found := resources(page(there, "Bundle", _count=4, _lastUpdated=f"gt{last}")):
        seen += [one["id"] for one in found]
        last = found[-1]["meta"]["lastUpdated"]
    assert len(set(seen)) == len(seen) == 30


def test_what_is_acknowledged_by_one_reader_is_not_missed_by_another(running: Running, faultless: None) -> None:
    there = place(running)
    shelf = shelf_of(there.orgnr, "epj")

    async def story() -> tuple[list[str], list[str]]:
        async with instances(there, 0.0, 0.0) as (one, two):
            put = [document() for _ in range(40)]
            for each in put[:20]:
                await one.shelf.put(shelf, each)

            async def acknowledge() -> None:
                for number, each in enumerate(put):
                    if number >= 20:
                        await one.shelf.put(shelf, each)
                    await one.shelf.acknowledge(shelf, "Bundle", each.id)

            task, seen, first = asyncio.create_task(acknowledge()), list[str](), 0
            while True:
                ended = task.done()
                found, _ = await two.shelf.read(shelf, Wanted("Bundle", first), 3)
                seen += [each.id for each in found]
                first = found[-1].at + 1 if found else first
                if ended and not found:
                    await task
                    return [each.id for each in put], seen

    put, seen = asyncio.run(story())
    assert seen == put


def test_the_same_document_put_twice_lies_there_once(storage: str) -> None:
    async def story(here: Town) -> None:
        async with another(here) as other:
            shelf, one = shelf_of(here.tenant.orgnr, "journal"), document()
            answers = await asyncio.gather(*(hub.shelf.put(shelf, one) for hub in (here.hub, other) for _ in range(8)))
            found, more = await here.hub.shelf.read(shelf, Wanted("Bundle"), 100)
            assert (answers.count(True), len(found), more) == (1, 1, False)

    in_town(storage, story)


def test_two_instances_that_put_at_once_lose_nothing(storage: str) -> None:
    async def story(here: Town) -> None:
        async with another(here) as other:
            shelf, put = shelf_of(here.tenant.orgnr, "journal"), [document() for _ in range(60)]
            await asyncio.gather(*((here.hub, other)[n % 2].shelf.put(shelf, one) for n, one in enumerate(put)))
            found, _ = await other.shelf.read(shelf, Wanted("Bundle"), 100)
            assert {one.id for one in found} == {one.id for one in put}
            assert len({one.at for one in found}) == 60

    in_town(storage, story)


@pytest.mark.parametrize("seed", range(3))
def test_pages_of_any_size_in_either_order_hold_every_document_once(storage: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- the same on every run

    async def story(here: Town) -> None:
        shelf, put = shelf_of(here.tenant.orgnr, "journal"), [document(kind=chance.choice(("Bundle", "Composition"))) for _ in range(40)]
        for one in put:
            await here.hub.shelf.put(shelf, one)
            here.clock.now += chance.choice((0, 1, 7200, 200_000))
        done = {one.id for one in put if one.type == "Bundle" and chance.random() < 0.5}
        for one in put:
            if one.id in done:
                await here.hub.shelf.acknowledge(shelf, one.type, one.id)
        for wish in (None, True, False):
            expected = [one.id for one in put if one.type == "Bundle" and wish in (None, one.id in done)]
            for most in (1, 3, 7, 100):
                assert await _upwards(here.hub, shelf, Wanted("Bundle", acknowledged=wish), most) == expected
                assert await _downwards(here.hub, shelf, Wanted("Bundle", acknowledged=wish), most) == expected[::-1]

    in_town(storage, story)


async def _upwards(hub: Hub, shelf: str, wanted: Wanted, most: int) -> list[str]:
    seen, more = list[str](), True
    while more:
        found, more = await hub.shelf.read(shelf, wanted, most)
        assert len(found) <= most and (found or not more)
        seen += [one.id for one in found]
        wanted = replace(wanted, first=found[-1].at + 1) if found else wanted
    return seen


async def _downwards(hub: Hub, shelf: str, wanted: Wanted, most: int) -> list[str]:
    seen, more = list[str](), True
    while more:
        found, more = await hub.shelf.newest(shelf, wanted, most)
        assert len(found) <= most and (found or not more)
        seen += [one.id for one in found]
        wanted = replace(wanted, last=found[-1].at - 1) if found else wanted
    return seen


def test_large_documents_come_in_smaller_parts(storage: str) -> None:
    async def story(here: Town) -> None:
        shelf, put = shelf_of(here.tenant.orgnr, "journal"), list[str]()
        for _ in range(7):
            body = orjson.dumps({"resourceType": "Bundle", "x": random.Random(len(put)).randbytes(475_000).hex()})  # noqa: S311 -- likewise
            one = replace(document(), body=body)
            assert await here.hub.shelf.put(shelf, one)
            put.append(one.id)
        found, more = await here.hub.shelf.read(shelf, Wanted("Bundle"), 50)
        assert 0 < len(found) < 7 and more and sum(len(one.body) for one in found) <= 4 * 1024 * 1024
        assert (
            await _upwards(here.hub, shelf, Wanted("Bundle"), 50) == put == (await _downwards(here.hub, shelf, Wanted("Bundle"), 50))[::-1]
        )

    in_town(storage, story)


# cursors


@pytest.mark.parametrize(
    "change",
    [
        lambda cursor: cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB"),
        lambda cursor: "AAAA" + cursor[4:],
        lambda cursor: cursor[:-4],
        lambda cursor: "A" * 32,
        lambda cursor: "x",
        lambda cursor: "æ",
        lambda cursor: base64.urlsafe_b64encode(b"0" * 24).decode(),
    ],
)
def test_a_forged_cursor_is_refused(stocked: Place, change: Callable[[str], str]) -> None:
    following = link(page(stocked, "Bundle", _count=2), "next")
    cursor = dict(parse_qsl(urlsplit(following).query))["cursor"]
    answer = fetched(stocked, "Bundle", _count=2, cursor=change(cursor))
    assert (answer.status_code, code_of(answer)) == (400, "2.4")
    assert fetched(stocked, "Bundle", _count=5, cursor=cursor).status_code == 200, "the count may change"


@pytest.mark.parametrize("params", [{"_tag:not": TAG}, {"_lastUpdated": "ge2020-01-01"}, {"_sort": "-_lastUpdated"}])
def test_a_cursor_is_good_for_its_own_search_only(stocked: Place, params: Json) -> None:
    cursor = dict(parse_qsl(urlsplit(link(page(stocked, "Bundle", _count=2), "next")).query))["cursor"]
    assert fetched(stocked, "Bundle", cursor=cursor, **params).status_code == 400
    assert fetched(stocked, "Composition", cursor=cursor).status_code == 400


def test_a_cursor_of_another_municipality_is_refused(running: Running, stocked: Place) -> None:
    cursor = dict(parse_qsl(urlsplit(link(page(stocked, "Bundle", _count=2), "next")).query))["cursor"]
    assert fetched(place(running), "Bundle", cursor=cursor).status_code == 400


def test_a_cursor_opens_with_its_own_key_alone() -> None:
    asked = question.read("Bundle", {}, "")
    cursor = replace(asked, cursor=sealed(b"k" * 32, "s", asked, 7))
    assert opened(b"k" * 32, "s", cursor) == 7 and opened(b"k" * 32, "s", asked) is None
    with pytest.raises(Fault):
        opened(b"j" * 32, "s", cursor)


# questions that are refused


@pytest.mark.parametrize(
    ("query", "named"),
    [
        *((f"_count={value}", "_count") for value in ("0", "-1", "ten", "", "1.5", "1e3", "9" * 20)),
        *((f"_sort={value}", "_sort") for value in ("date", "_lastUpdated,_id", "", "--_lastUpdated")),
        *((f"_lastUpdated={value}", "_lastUpdated") for value in ("2026-03-01", "eq2026-03-01", "ge", "ge2026-13-01", "ge2026-02-30")),
        *((f"_lastUpdated=ge2026-03-01T{value}", "_lastUpdated") for value in ("10:00:00", "25:00:00Z", "10:00:00%2B99:00", "10Z")),
        *((f"_tag={value}", "_tag") for value in ("x", "https://other.example|journaling-acknowledged", "")),
        (f"_tag={TAG}&_tag:not={TAG}", "_tag"),
        ("_count=1&_count=2", "_count"),
        ("patient=14834812097", "a parameter"),
        ("14834812097=1", "a parameter"),
    ],
)
def test_a_question_that_is_not_understood_is_refused_and_not_repeated(stocked: Place, query: str, named: str) -> None:
    answer = fetched(stocked, f"Bundle?{query}")
    assert answer.status_code == 400 and named in answer.text and STILLE not in answer.text
    assert answer.json()["resourceType"] == "OperationOutcome" and answer.headers["X-Correlation-Id"]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"data": b"_count=" + b"1" * 9000}, 413),
        ({"data": b"_count=2", "headers": {"Content-Encoding": "gzip"}}, 415),
        ({"data": b"{}"}, 400),
        ({"data": b"\xff\xfe"}, 400),
    ],
)
def test_a_form_that_is_none_is_refused(stocked: Place, how: Json, expected: int) -> None:
    headers = {**token(stocked), **how.get("headers", {})}
    answer = wire().post(url(stocked, "Bundle/_search"), data=how["data"], headers=headers, timeout=PATIENCE)
    assert answer.status_code == expected, answer.text


def test_more_than_a_hundred_are_never_handed_out_at_once(stocked: Place) -> None:
    assert question.read("Bundle", {}, "_count=100000").count == MOST
    assert len(resources(page(stocked, "Bundle", _count=100_000))) == 7


@pytest.mark.parametrize(
    "value", ["ge2026-03-01T10:00:00.1234567Z", "ge2026-03-01T11:00:00.123%2B01:00", "ge2026-03-01T11:00:00.123+01:00"]
)
def test_a_time_is_cut_to_its_millisecond(value: str) -> None:
    assert question.read("bundle", {}, f"_lastUpdated={value}").wanted.first == 1_772_359_200_123


def test_windows_that_meet_leave_nothing_between_them() -> None:
    for moment in ("2026-03-01", "2026-03-01T10:00Z", "2026-03-01T10:00:00.5Z"):
        upto = question.read("bundle", {}, f"_lastUpdated=le{moment}").wanted.last
        assert question.read("bundle", {}, f"_lastUpdated=gt{moment}").wanted.first == upto + 1
        before = question.read("bundle", {}, f"_lastUpdated=lt{moment}").wanted.last
        assert question.read("bundle", {}, f"_lastUpdated=ge{moment}").wanted.first == before + 1
    assert question.read("bundle", {}, "").wanted == Wanted("Bundle", 0, FOREVER)


# who may


def test_who_has_no_token_hears_how(stocked: Place) -> None:
    answer = fetched(stocked, "Bundle", {})
    assert (answer.status_code, code_of(answer)) == (401, "1.5") and "Bearer" in answer.headers["WWW-Authenticate"]


def test_a_sender_is_no_reader(stocked: Place) -> None:
    answer = fetched(stocked, "Bundle", token(stocked, "Eksempel_Respons"))
    assert (answer.status_code, code_of(answer)) == (403, "1.2") and "entry" not in answer.json()


def test_another_municipality_s_token_opens_nothing(running: Running, stocked: Place) -> None:
    neighbour = place(running, OTHER, THEIRS)
    before = len(entries(stocked))
    one = all_of(stocked, "Bundle")[0]
    theirs = token(neighbour, OTHER)
    answers = [
        fetched(stocked, "Bundle", theirs),
        acknowledged(stocked, one, theirs),
        fetched(stocked, f"Bundle/{one['id']}/$status", theirs),
    ]
    assert [(answer.status_code, code_of(answer)) for answer in answers] == [(403, "1.2")] * 3
    refused = [entry for entry in entries(stocked)[before:] if entry.vkp_id == OTHER]
    assert [entry.status for entry in refused] == [403, 403, 403] and all(entry.patients == () for entry in refused)
    assert acknowledged(neighbour, one, theirs).status_code == 404, "nor is it on their own shelf"


def test_a_scope_for_one_type_opens_no_other(stocked: Place) -> None:
    only = token(stocked, scopes=("composition",))
    assert fetched(stocked, "Composition", only).status_code == 200
    answer = fetched(stocked, "Bundle", only)
    assert (answer.status_code, code_of(answer)) == (403, "1.4") and "bundle.read" in answer.text


@pytest.mark.parametrize("changed", ["municipality", "endpoint"])
def test_stopped_traffic_is_not_fetched(running: Running, faultless: None, changed: str) -> None:
    there = place(running)
    tenant = there.tenant
    if changed == "municipality":
        tenant = replace(tenant, active=False)
    else:
        tenant = replace(tenant, endpoints=tuple(replace(one, active=False) for one in tenant.endpoints))
    asyncio.run(running._register(tenant))
    running.get("/api/health/ready")
    answer = fetched(there, "Bundle")
    assert (answer.status_code, code_of(answer)) == (403, "1.1")


@pytest.mark.parametrize(("orgnr", "kind"), [("999999999", "Bundle"), (None, "Observation"), (None, STILLE)])
def test_what_there_is_not_is_not_found(stocked: Place, orgnr: str | None, kind: str) -> None:
    where = f"{stocked.hub.url}/jft/{orgnr or stocked.orgnr}/v1/{kind}"
    answer = wire().get(where, headers=token(stocked), timeout=PATIENCE)
    assert answer.status_code == 404 and STILLE not in answer.text


@pytest.mark.parametrize("name", [STILLE, str(uuid4()), "x" * 36, "%00", "~"])
def test_an_id_that_there_is_not_is_not_found(stocked: Place, name: str) -> None:
    answers = [
        fetched(stocked, f"Bundle/{name}/$status"),
        wire().post(url(stocked, f"Bundle/{name}/$journaling-acknowledged"), headers=token(stocked), timeout=PATIENCE),
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert all(STILLE not in answer.text for answer in answers)


def test_a_client_that_escapes_the_dollar_is_understood(stocked: Place) -> None:
    one = all_of(stocked, "Bundle")[0]
    assert page(stocked, f"bundle/{one['id']}/%24status") == status(stocked, one)


def test_an_id_of_another_type_is_not_found(stocked: Place) -> None:
    one = all_of(stocked, "Bundle")[0]
    assert acknowledged(stocked, {**one, "resourceType": "Composition"}).status_code == 404


# the audit log


def test_each_document_that_is_handed_out_leaves_an_entry_and_an_empty_answer_none(running: Running, faultless: None) -> None:
    there = place(running)
    sent(there, 84)
    there.settled("scaip", example("scaip", "alarm-smoke.xml"))
    all_of(there, "Bundle", _count=1)
    [one, _] = all_of(there, "Bundle", **{"_tag:not": TAG})
    acknowledged(there, one)
    status(there, one)
    found = [entry for entry in entries(there) if entry.vkp_id == EPJ]
    assert [(entry.action, entry.status, entry.count, len(entry.patients)) for entry in found] == [
        ("bundle.fetch", 200, 1, 1),
        ("bundle.fetch", 200, 1, 1),
        ("bundle.fetch", 200, 2, 2),
        ("bundle.acknowledge", 202, 1, 1),
        ("bundle.status", 200, 1, 1),
    ]
    assert {(entry.sender, entry.client) for entry in found} == {("epj", "epj")}
    assert found[0].patients != found[1].patients and set(found[2].patients) == {*found[0].patients, *found[1].patients}


def in_town(storage: str, story: Callable[[Town], Awaitable[None]]) -> None:
    async def told() -> None:
        async with town(storage, active=True) as here:
            await story(here)

    asyncio.run(told())


def fetching(here: Town) -> str:
    """The town's journal fetches from now on; its shelf."""
    endpoint = replace(here.tenant.endpoints[0], adapter="pull", url="", auth=Auth("token", "", EPJ, ()))
    here.change(endpoints=(endpoint,))
    return shelf_of(here.tenant.orgnr, endpoint.name)


async def lying(here: Town, shelf: str, kind: str = "Composition") -> list[Lying]:
    return (await here.hub.shelf.read(shelf, Wanted(kind), 100))[0]


def titles(found: Sequence[Lying]) -> list[str]:
    return [orjson.loads(one.body)["title"] for one in found]


# how it comes there


def test_a_patient_s_documents_lie_in_the_order_that_they_were_sent(storage: str) -> None:
    async def story(here: Town) -> None:
        shelf = fetching(here)
        here.change(endpoints=(replace(here.tenant.endpoints[0], lines=4),))
        for number in range(12):
            await here.post(note(f"{number:02}", patient=str(number % 3)))
        async with another(here) as other:
            await here.run(5, other)
        found = titles(await lying(here, shelf))
        assert sorted(found) == [f"{number:02}" for number in range(12)]
        assert all(
            [name for name in found if int(name) % 3 == one] == sorted(name for name in found if int(name) % 3 == one) for one in range(3)
        )

    in_town(storage, story)


def test_a_worker_that_was_lost_after_putting_it_there_puts_it_there_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town) -> None:
        shelf = fetching(here)
        commit = here.hub.parcels.lines.commit
        monkeypatch.setattr(here.hub.parcels.lines, "commit", raising(2, lambda: HttpResponseError("storage is down"))(commit))
        receipt = await here.post(note("a"))
        await here.run(60)
        assert titles(await lying(here, shelf)) == ["a"]
        assert (await here.told(receipt))["status"] == "delivered"

    in_town(storage, story)


def test_a_shelf_that_others_write_to_all_the_time_is_tried_again(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town) -> None:
        shelf = fetching(here)
        monkeypatch.setattr(here.hub.shelf, "put", raising(1, lambda: TimeoutError("others"))(here.hub.shelf.put))
        receipt = await here.post(note("a"))
        await here.run()
        assert (await here.told(receipt))["parcels"][0]["status"] == "waiting"
        await here.run(60)
        assert titles(await lying(here, shelf)) == ["a"]

    in_town(storage, story)


def test_what_is_acknowledged_goes_after_the_retention_and_the_rest_stays(storage: str) -> None:
    async def story(here: Town) -> None:
        shelf = fetching(here)
        for title in ("a", "b"):
            await here.post(note(title))
        await here.run()
        first, second = await lying(here, shelf)
        await here.hub.shelf.acknowledge(shelf, "Composition", first.id)
        assert await clear(here.hub) == 0
        here.clock.now += here.tenant.retention_hours * 3600 + 1
        assert await clear(here.hub) == 1
        assert [one.id for one in await lying(here, shelf)] == [second.id]
        known = await here.hub.shelf.find(shelf, "Composition", first.id)
        assert known and known.acknowledged == NOON, "what became of it is told for five weeks"
        here.clock.now += 35 * 24 * 3600
        assert await clear(here.hub) == 1
        assert await here.hub.shelf.find(shelf, "Composition", first.id) is None
        assert [one.id for one in await lying(here, shelf)] == [second.id]

    in_town(storage, story)


def test_alarms_that_nobody_fetches_are_told_of_once(
    storage: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Town) -> None:
        use(monkeypatch, SHOUTING)
        shelf = fetching(here)
        for title in ("alarm 1", "alarm 2", "not urgent"):
            await here.post(note(title))
        await here.run()
        first = next(one for one in await lying(here, shelf) if b"alarm 1" in one.body)
        await here.hub.shelf.mark_read(shelf, [first])
        assert await remind(here.hub) == 0
        here.clock.now += 301
        assert await remind(here.hub) == 1 and await remind(here.hub) == 0
        await here.post(note("alarm 3"))
        await here.run()
        here.clock.now += 301
        async with another(here) as other:
            assert await remind(other) == 1

    with caplog.at_level("ERROR"):
        in_town(storage, story)
    told = [record.getMessage() for record in caplog.records if "not fetched" in record.getMessage()]
    assert len(told) == 2 and all('"documents": 1' in line for line in told)


def test_an_alarm_that_nobody_fetches_goes_by_the_second_route_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town) -> None:
        use(monkeypatch, SHOUTING)
        shelf = fetching(here)
        [first] = here.tenant.endpoints
        first = replace(first, alarms=Alarms("centre", 60, 300))
        second = replace(first, name="centre", alarms=Alarms("journal", 60, 300), auth=Auth("token", "", OTHER, ()))
        here.change(endpoints=(first, second))
        receipts = [await here.post(note(title)) for title in ("alarm 1", "alarm 2", "not urgent")]
        await here.run()
        centre = shelf_of(here.tenant.orgnr, "centre")
        here.clock.now += 59
        await remind(here.hub)
        await here.run()
        assert await lying(here, centre) == []
        await here.hub.shelf.mark_read(shelf, [one for one in await lying(here, shelf) if b"alarm 2" in one.body])
        here.clock.now += 2
        for _ in range(2):
            async with another(here) as other:
                await remind(other)
            await here.run()
        assert titles(await lying(here, centre)) == ["alarm 1"]
        seen = [[parcel["endpoint"] for parcel in (await here.told(receipt))["parcels"]] for receipt in receipts]
        assert seen == [["journal", "centre"], ["journal"], ["journal"]]
        here.clock.now += 600
        await remind(here.hub)
        await here.run()
        assert len(await lying(here, shelf)) == 3, "what came by a second route goes by no other"

    in_town(storage, story)


def test_without_its_entry_no_document_leaves_and_none_counts_as_read(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town) -> None:
        shelf = fetching(here)
        await here.post(note("a"))
        await here.run()
        [endpoint] = here.tenant.endpoints

        async def let_in(hub: Hub, asked: fetch.Asked, guest: Visit) -> tuple[Tenant, Endpoint]:
            guest.caller = Caller(None, EPJ, "epj", frozenset(), endpoint)
            return here.tenant, endpoint

        monkeypatch.setattr(fetch, "_let_in", let_in)
        monkeypatch.setattr(here.hub.audit, "write", raising(2, lambda: HttpResponseError("down"))(here.hub.audit.write))
        asked = fetch.Asked(here.tenant.orgnr, "Composition", {}, "GET", "http://hub", "/jft")
        refused = await fetch.fetch(here.hub, asked)
        assert refused.status == 503 and refused.headers["Retry-After"] and b'"a"' not in refused.body
        assert [one.read for one in await lying(here, shelf)] == [0.0]
        taken = await fetch.fetch(here.hub, asked)
        assert taken.status == 200 and b'"a"' in taken.body
        assert [one.read for one in await lying(here, shelf)] == [here.clock.now]
        found: list[Entry] = [entry async for row in here.hub.audit.read(here.tenant.orgnr) for entry in row.entries]
        assert [entry.status for entry in found if entry.action == "composition.fetch"] == [200]

    in_town(storage, story)


# the adapter and the register


def test_the_name_is_the_same_for_the_same_key_and_no_other() -> None:
    names = {request(Sending("", "bundle", key, b"{}", Lane.ROUTINE)).url for key in ("a", "a", "b")}
    assert len(names) == 2 and all(name.startswith("Bundle/") for name in names)
    assert ADAPTER.shelved
    with pytest.raises(Refused):
        request(Sending("", "observation", "a", b"{}", Lane.ROUTINE))


KNOWN = Known(devices={"vkp"}, journals={"bundle", "pull"}, shelves={"pull"})
FILE = """
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SHELF.format(vkp_id=EPJ), ""),
        (SHELF.format(vkp_id=EPJ).replace("auth", 'url = "https://epj.example"\nauth'), "is not for a journal that fetches"),
        (SHELF.format(vkp_id=EPJ).replace("token", "header"), "auth.scheme"),
        (SHELF.format(vkp_id=EPJ).replace('"pull"', '"bundle"'), "url"),
        ('[[endpoint]]\nname = "epj"\ntitle = "EPJ"\nadapter = "pull"\n[[route]]\nendpoint = "epj"\n', "auth"),
        (SHELF.format(vkp_id=EPJ) + SHELF.format(vkp_id=EPJ).replace('"epj"', '"two"'), "has the vkp_id of the endpoint in line"),
        (SHELF.format(vkp_id=STILLE), "looks like a person's number"),
    ],
)
def test_the_register_says_whose_token_opens_a_shelf(text: str, says: str) -> None:
    tenant, findings = read(FILE + text, "town.toml", KNOWN, {})
    assert any(says in str(finding) for finding in findings) if says else not findings
    if not says:
        assert tenant and from_json(to_json(tenant)) == tenant
        assert (tenant.endpoints[0].url, tenant.endpoints[0].auth) == ("", Auth("token", "", EPJ, ()))
        assert f"+ endpoint epj: EPJ; fetched with token {EPJ}" in difference(None, tenant)
