"""A journal that stored a document, could not say so, and then will not say whether it has it: nothing is sent blindly, and
people hear of it at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from shared.access.register import Alarms
from shared.domain.message import Lane
from shared.flow.sweep import sweep
from shared.messages import story
from shared.messages.history import history
from shared.notice.watch import watch
from tests.azurite import start_azurite
from tests.test_epj_transaction import Play, playing
from tests.test_escalate import SECOND, TOLD, said
from tests.test_notices import HOUR, MINUTE, Hook, by_hook, hooked, watch_for
from tests.test_transform import SHOUTING, Town, note, town, use

WAYS = {"note": "note", "transaction": "fhir-store"}  # those that can be asked, and where the sandbox takes what comes by them


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """An emulator of our own: the watch looks at every line that there is."""
    yield start_azurite()


@pytest.fixture(autouse=True)
def _shouting(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)


@asynccontextmanager
async def silent(storage: str, way: str, title: str = "a", status: int = 403) -> AsyncIterator[tuple[Town, Play, Hook, str]]:
    """The last: the receipt of the document. Alarms have a second route."""
    async with playing() as play, town(storage, play.journal.url, active=True) as here, hooked() as hook:
        [endpoint] = here.tenant.endpoints
        epj = replace(endpoint, adapter=way, url=f"{play.journal.url}/gerica/{WAYS[way]}", alarms=Alarms("centre"))
        centre = replace(endpoint, name="centre", url=f"{play.journal.url}/centre")
        here.change(endpoints=(epj, centre), recipients=(by_hook(hook),))
        await play.tell(mode="cut-after", calls=1)
        receipt = await here.post(note(title, "14834812097"))
        await here.run()
        await play.tell(mode="unasked", status=status)
        yield here, play, hook, receipt


@pytest.mark.parametrize("status", [302, 400, 401, 403])
@pytest.mark.parametrize("way", WAYS)
def test_operators_hear_of_it_at_once_with_cause_and_remedy_and_nothing_is_sent(storage: str, way: str, status: int) -> None:
    async def run() -> tuple[list[tuple[str, str]], str, str, int]:
        async with silent(storage, way, status=status) as (here, play, hook, receipt):
            await watch_for(here, 2 * MINUTE)
            found = await history(here.hub, receipt)
            assert found
            [kept] = await play.notes()
            return hook.told, hook.bodies[0]["data"]["text"], story.told(found), kept["copies"]

    told, text, shown, copies = asyncio.run(run())
    assert (told, copies) == ([("notice.opened", "endpoint-failing")], 1)
    assert f"får ikke spørre om dokumentet kom fram: svaret er {status}." in text and "asks = false" in text
    assert "lar seg ikke spørre" in shown and "asks = false" in shown and str(status) in shown


@pytest.mark.parametrize("way", WAYS)
def test_once_it_may_be_asked_it_is_over_and_the_document_stands_once(storage: str, way: str) -> None:
    async def run() -> tuple[list[tuple[str, str]], str, int]:
        async with silent(storage, way) as (here, play, hook, receipt):
            await watch_for(here, 2 * MINUTE)
            await play.tell(mode="unasked", calls=1)
            await watch_for(here, 3 * HOUR, 10 * MINUTE)
            [kept] = await play.notes()
            return hook.told, (await here.told(receipt))["status"], kept["copies"]

    ends = [("notice.opened", "endpoint-failing"), ("notice.over", "endpoint-failing")]
    assert asyncio.run(run()) == (ends, "delivered", 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_municipality_may_have_it_sent_again_without_being_asked(storage: str, way: str) -> None:
    """Both journals know their own keys or ids, so that the repeat has no second effect."""

    async def run() -> tuple[str, list[int]]:
        async with silent(storage, way) as (here, play, _, receipt):
            await here.run(MINUTE)
            first, centre = here.tenant.endpoints
            here.change(endpoints=(replace(first, asks=False), centre))
            await here.run(3 * HOUR)
            return (await here.told(receipt))["status"], [kept["copies"] for kept in await play.notes()]

    assert asyncio.run(run()) == ("delivered", [2])


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("way", WAYS)
def test_one_that_says_that_it_is_not_to_be_asked_gets_it_again_under_the_same_key(storage: str, way: str, status: int) -> None:
    async def run() -> tuple[str, list[int], list[tuple[str, str]]]:
        async with silent(storage, way, status=status) as (here, play, hook, receipt):
            await watch_for(here, 2 * MINUTE)
            return (await here.told(receipt))["status"], [kept["copies"] for kept in await play.notes()], hook.told

    assert asyncio.run(run()) == ("delivered", [2], [])


@pytest.mark.parametrize("way", WAYS)
def test_an_alarm_goes_by_its_second_route_and_a_human_is_paged(storage: str, way: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> tuple[list[str], list[str]]:
        async with silent(storage, way, "alarm") as (here, _, hook, receipt):
            for _ in range(36):
                await here.run(10)
                await sweep(here.hub, Lane.ALARM)
                await watch(here.hub)
            seen = [f"{parcel['endpoint']} {parcel['status']}" for parcel in (await here.told(receipt))["parcels"]]
            return seen, sorted({kind for _, kind in hook.told})

    with caplog.at_level("ERROR"):
        seen, told = asyncio.run(run())
    assert seen == ["journal waiting", "centre delivered"]
    assert told == ["alarm-late", "endpoint-failing"] and len(said(caplog, SECOND)) == len(said(caplog, TOLD)) == 1
