"""The way `jft`: NHN's Journalføringstjenesten, played by the sandbox journal, and what becomes of a document after it is taken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
import pytest
from azure.core.exceptions import HttpResponseError

from adapters.epj.jft.adapter import LARGEST, follow, followed, request, verdict
from local.journal import SandboxJournal
from shared.domain.journal import Fate, Sending
from shared.domain.message import Lane
from shared.errors import Refused, Unavailable
from shared.flow import follow as following
from shared.flow.schedule import DAY
from shared.flow.sweep import purge
from tests.running import DEVICES, PATIENCE, Running, example, until, wire
from tests.test_transform import Town, another, note, raising, town

BASE = "https://api.write.jft.test.nhn.no"
TIME, AT = "2026-03-02T08:03:11Z", datetime(2026, 3, 2, 8, 3, 11, tzinfo=UTC).timestamp()


def sending(resource: str = "bundle", body: bytes = b"{}", source: str = "scales") -> Sending:
    return Sending(f"{BASE}/", resource, "k1", body, Lane.ROUTINE, {}, source)


# the adapter


@pytest.mark.parametrize(("resource", "kind"), [("bundle", "Bundle"), ("medicationdispense", "MedicationDispense")])
def test_a_document_goes_to_the_address_of_its_type(resource: str, kind: str) -> None:
    call = request(sending(resource))
    assert (call.method, call.url, call.body) == ("POST", f"{BASE}/v1/{kind}", b"{}")
    assert (call.headers["nhn-source-system"], call.headers["Idempotency-Key"]) == ("scales", "k1")
    assert "nhn-source-system" not in request(sending(source="")).headers


def test_what_is_too_large_or_of_a_strange_type_is_refused_before_it_is_sent() -> None:
    assert request(sending(body=b" " * LARGEST)).body
    for bad in (sending(body=b" " * (LARGEST + 1)), sending("observation")):
        with pytest.raises(Refused):
            request(bad)


@pytest.mark.parametrize("status", [200, 201, 202, 409])
def test_a_document_that_is_taken_is_known_by_where_its_status_stands(status: int) -> None:
    assert verdict(status, {"location": "/v1/Bundle/7/$status"}, b"") == "/v1/Bundle/7/$status"


def test_a_name_that_is_no_address_is_not_kept() -> None:
    assert [verdict(202, {"location": where}, b"") for where in ("/x\n", "/æ", "/" * 501)] == ["", "", ""]
    assert verdict(409, {}, b"") == ""


@pytest.mark.parametrize("status", [301, 302, 401, 403, 407])
def test_what_is_about_us_parks_nothing_and_ends_no_following(status: int) -> None:
    """An expired token must not park what would be taken once it is renewed, nor what was taken already."""
    for said in (lambda: verdict(status, {}, b""), lambda: followed(status, {}, b"")):
        with pytest.raises(Unavailable) as raised:
            said()
        assert not raised.value.unsure


def test_a_web_page_is_no_yes() -> None:
    with pytest.raises(Unavailable) as raised:
        verdict(200, {"location": "/v1/Bundle/1"}, b"<!doctype html><title>Logg inn</title>")
    assert raised.value.unsure


@pytest.mark.parametrize("status", [202, 400, 404, 413, 422])
def test_anything_else_is_refused(status: int) -> None:
    with pytest.raises(Refused):
        verdict(status, {}, b"")


@pytest.mark.parametrize(("status", "unsure"), [(408, True), (425, False), (429, False), (500, True), (503, True)])
def test_what_may_succeed_later_is_tried_again(status: int, unsure: bool) -> None:
    for ask in (verdict, followed):
        with pytest.raises(Unavailable) as error:
            ask(status, {"retry-after": "9"}, b"")
        assert (error.value.retry_after, error.value.unsure) == (9.0, unsure)


@pytest.mark.parametrize("where", ["/v1/Bundle/7/$status", f"{BASE}/v1/Bundle/7/$status", "v1/Bundle/7/$status"])
def test_the_status_is_asked_for_where_it_was_said_to_stand(where: str) -> None:
    call = follow(BASE, where)
    assert (call.method, call.url) == ("GET", f"{BASE}/v1/Bundle/7/$status")


@pytest.mark.parametrize(
    "where",
    [
        *("https://evil.example/v1/Bundle/7/$status", "//evil.example/v1/x", f"{BASE}.evil.example/v1/x", f"{BASE}:8443/v1/x"),
        *("http://api.write.jft.test.nhn.no/v1/x", "https://u@api.write.jft.test.nhn.no/v1/x", "/v2/x", "/v1/../admin", "/v1/%2e%2e/admin"),
        *("/v1/x?pid=1", "/v1/x#y", "https://169.254.169.254/v1/x", ""),
    ],
)
def test_a_status_elsewhere_is_never_asked_for(where: str) -> None:
    with pytest.raises(Refused):
        follow(BASE, where)


def test_a_base_with_a_path_keeps_its_status_inside() -> None:
    assert follow("https://gw.example/jft", "/jft/v1/Bundle/7/$status").url == "https://gw.example/jft/v1/Bundle/7/$status"
    with pytest.raises(Refused):
        follow("https://gw.example/jft", "/v1/Bundle/7/$status")


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        ({"registered": TIME, "read": None, "journalingAcknowledged": None, "failed": None}, Fate()),
        ({"registered": TIME, "read": TIME}, Fate(read=AT)),
        ({"read": TIME, "journalingAcknowledged": TIME}, Fate(AT, AT)),
        ({"journaled": "2026-03-02T09:03:11.0000000+01:00"}, Fate(0.0, AT)),
        ({"journaled": "2026-03-02T08:03:11", "journalingAcknowledged": None}, Fate(0.0, AT)),
        ({"failed": TIME}, Fate(failed=AT)),
    ],
)
def test_a_status_says_what_has_happened(told: dict[str, Any], fate: Fate) -> None:
    assert followed(200, {}, orjson.dumps(told)) == fate


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"read": 1}', b'{"failed": "yes"}', b'"x"', b"null", b'{"read": true}'])
def test_what_is_no_status_says_nothing(body: bytes) -> None:
    with pytest.raises(Unavailable):
        followed(200, {}, body)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_document_that_is_not_there_is_refused(status: int) -> None:
    with pytest.raises(Refused):
        followed(status, {}, b"")


# from the parcel to the end


@dataclass(slots=True)
class Service:
    """Journalføringstjenesten, and what its journals do."""

    journal: SandboxJournal
    http: aiohttp.ClientSession

    async def tell(self, *steps: str, number: int = 1) -> None:
        url = f"{self.journal.url}/_sandbox/journal/jft/{number}"
        async with self.http.put(url, json=steps) as answer:
            assert answer.status == 204, await answer.text()

    async def misbehave(self, mode: str, **how: Any) -> None:
        async with self.http.put(f"{self.journal.url}/_sandbox/journal/behaviour", json={"mode": mode, **how}) as answer:
            assert answer.status == 200, await answer.text()

    async def notes(self) -> list[dict[str, Any]]:
        async with self.http.get(f"{self.journal.url}/_sandbox/journal/notes") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found


@asynccontextmanager
async def service(storage: str) -> AsyncIterator[tuple[Town, Service]]:
    journal = SandboxJournal()
    await journal.start()
    try:
        async with town(storage, journal.url, active=True) as here, aiohttp.ClientSession() as http:
            here.change(endpoints=(replace(here.tenant.endpoints[0], adapter="jft"),))
            yield here, Service(journal, http)
    finally:
        await journal.stop()


def in_town(storage: str, story: Callable[[Town, Service], Awaitable[None]]) -> None:
    async def told() -> None:
        async with service(storage) as (here, there):
            await story(here, there)

    asyncio.run(told())


async def sent(here: Town, title: str = "a") -> str:
    receipt = await here.post(note(title))
    await here.run()
    return receipt


async def parcel(here: Town, receipt: str) -> dict[str, Any]:
    [found] = (await here.told(receipt))["parcels"]
    return dict(found)


async def asked(here: Town, seconds: float = 0.0) -> int:
    here.clock.now += seconds
    return await following.follow(here.hub)


def test_a_document_is_followed_until_the_journal_has_it(storage: str) -> None:
    async def story(here: Town, there: Service) -> None:
        receipt = await sent(here)
        first = await parcel(here, receipt)
        assert (first["status"], first["answer"], "acknowledged" in first) == ("delivered", 202, False)
        assert [await asked(here), await asked(here, following.FIRST), await asked(here, 1), await asked(here, 60)] == [0, 1, 0, 1]
        await there.tell("read", "journalingAcknowledged")
        assert await asked(here, 120) == 1
        ended = await parcel(here, receipt)
        assert ended["status"] == "delivered" and ended["read"] and ended["acknowledged"]
        assert await asked(here, DAY) == 0, "there is no more to ask"

    in_town(storage, story)


def test_a_document_that_failed_is_parked_and_a_human_is_told(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story(here: Town, there: Service) -> None:
        receipt = await sent(here)
        await there.tell("failed")
        await asked(here, following.FIRST)
        told = await here.told(receipt)
        assert told["status"] == "parked" == told["parcels"][0]["status"] and "failed" in told["parcels"][0]["reason"]
        [line] = await here.lines()
        rows = here.hub.parcels.lines.table.query_entities("PartitionKey eq @line and RowKey ge 'x'", parameters={"line": line})
        assert [row["RowKey"] async for row in rows] == ["x~000000000000"], "marked for an operator"
        here.clock.now += 100 * DAY
        await purge(here.hub, Lane.ROUTINE)
        pack = await here.hub.parcels.lines.read(line, 0)
        assert pack and pack.bodies, "what is parked keeps its document"

    with caplog.at_level("ERROR"):
        in_town(storage, story)
    assert sum('"alarm": "parked"' in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("how", ["nobody acknowledges", "it does not answer", "it has no such document"])
def test_a_document_that_nobody_journals_is_parked_in_the_end(storage: str, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    async def story(here: Town, there: Service) -> None:
        receipt = await sent(here)
        if how != "nobody acknowledges":
            await there.journal.stop()
        if how == "it has no such document":
            await there.journal.start(int(there.journal.url.rpartition(":")[2]))
            there.journal._jft._times.clear()
        await asked(here, following.FIRST)
        early = await parcel(here, receipt)
        assert early["status"] == ("parked" if how == "it has no such document" else "delivered")
        await asked(here, 6 * DAY)
        await asked(here, 2 * DAY)
        assert (await parcel(here, receipt))["status"] == "parked"
        assert await asked(here, 9 * DAY) == 0

    in_town(storage, story)


def test_a_document_is_kept_while_it_is_followed(storage: str) -> None:
    async def story(here: Town, there: Service) -> None:
        await sent(here)
        [line] = await here.lines()
        here.clock.now += (here.tenant.retention_hours + 1) * 3600
        await purge(here.hub, Lane.ROUTINE)
        pack = await here.hub.parcels.lines.read(line, 0)
        assert pack and pack.bodies
        await there.tell("journalingAcknowledged")
        await asked(here)
        await purge(here.hub, Lane.ROUTINE)
        pack = await here.hub.parcels.lines.read(line, 0)
        assert pack and not pack.bodies and pack.states[0] and pack.states[0]["acknowledged"]

    in_town(storage, story)


def test_a_worker_that_was_lost_after_the_answer_forgets_nothing(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town, there: Service) -> None:
        lines = here.hub.parcels.lines
        monkeypatch.setattr(lines, "commit", raising(2, lambda: HttpResponseError("storage is down"))(lines.commit))
        receipt = await here.post(note("a"))
        await here.run(60)
        assert len(await there.notes()) == 1
        await there.tell("journalingAcknowledged")
        await asked(here, following.FIRST)
        assert (await parcel(here, receipt))["acknowledged"]
        assert await asked(here, DAY) == 0, "the follow-ups of the lost turns ended too"

    in_town(storage, story)


def test_two_instances_that_ask_at_once_come_to_one_end(storage: str) -> None:
    async def story(here: Town, there: Service) -> None:
        receipts = [await sent(here, title) for title in "abcde"]
        for number in range(1, 5):
            await there.tell("journalingAcknowledged", number=number)
        here.clock.now += following.FIRST
        async with another(here) as other:
            await asyncio.gather(following.follow(here.hub), following.follow(other))
            found = [await parcel(here, receipt) for receipt in receipts]
            assert ["acknowledged" in one for one in found] == [True, True, True, True, False]
            await there.tell("failed", number=5)
            here.clock.now += 120
            await asyncio.gather(following.follow(here.hub), following.follow(other))
        assert (await parcel(here, receipts[4]))["status"] == "parked"
        assert await asked(here, DAY) == 0

    in_town(storage, story)


def test_what_is_refused_is_not_followed(storage: str) -> None:
    async def story(here: Town, there: Service) -> None:
        await there.misbehave("refuse")
        receipt = await sent(here)
        assert (await parcel(here, receipt))["status"] == "parked"
        assert await asked(here, DAY) == 0

    in_town(storage, story)


def test_a_stopped_endpoint_is_not_asked(storage: str) -> None:
    async def story(here: Town, there: Service) -> None:
        await sent(here)
        here.change(endpoints=(replace(here.tenant.endpoints[0], active=False),))
        assert await asked(here, DAY) == 0
        here.change(endpoints=(replace(here.tenant.endpoints[0], active=True),))
        assert await asked(here) == 1

    in_town(storage, story)


def test_the_running_hub_follows_by_itself(running: Running, faultless: None) -> None:
    there = running.town(DEVICES)
    endpoints = tuple(replace(one, adapter="jft") if one.name == "journal" else one for one in there.tenant.endpoints)
    asyncio.run(running._register(replace(there.tenant, endpoints=endpoints)))
    running.get("/api/health/ready")
    receipt = there.sent("vkp", example("vkp", "fall-unanswered.json"))
    [told] = there.until_settled(receipt)["parcels"]
    assert told["answer"] == 202
    path = told["journal"].replace("$status", "$journaling-acknowledged")
    assert wire().post(f"{running.journal}{path}", timeout=PATIENCE).status_code == 202
    until(lambda: "acknowledged" in there.told(receipt)["parcels"][0], "acknowledged")
