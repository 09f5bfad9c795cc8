"""While the audit log cannot be written no national answer leaves the hub, and what was taken meanwhile stands in the journal once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from azure.core.exceptions import HttpResponseError

from shared.access.entry import Entry
from shared.door.answers import Fault, Reply
from shared.door.visit import attended, visit
from shared.flow.receive import Payload, receive
from shared.lookup.look_up import Asked, look_up
from tests.test_transform import HEADERS, Town, note, raising, town


def down() -> Exception:
    return HttpResponseError("storage is down")


async def write(here: Town, title: str = "ett") -> Reply:
    return await receive(here.hub, Payload(here.tenant.orgnr, "vkp", HEADERS, note(title), "composition", ""))


def in_town(storage: str, story: Callable[[Town], Awaitable[None]]) -> None:
    async def told() -> None:
        async with town(storage) as here:
            await story(here)

    asyncio.run(told())


async def entries(here: Town) -> list[Entry]:
    return [entry async for row in here.hub.audit.read(here.tenant.orgnr) for entry in row.entries]


def fails(monkeypatch: pytest.MonkeyPatch, part: Any, name: str, times: int, error: Callable[[], Exception] = down) -> None:
    """Its next calls raise."""
    monkeypatch.setattr(part, name, raising(times, error)(getattr(part, name)))


def test_no_entry_no_answer_and_the_repeat_is_recognised(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town) -> None:
        fails(monkeypatch, here.hub.audit, "write", 3)  # before and after the document is taken, and with the refusal
        refused = await write(here)
        assert refused.status == 503 and refused.headers["Retry-After"]
        assert orjson.loads(refused.body)["issue"][0]["details"]["coding"][0]["code"] == "3"
        taken = await write(here)
        await here.run()
        assert taken.status == 202 and len(await here.parcels()) == 1
        assert [entry.status for entry in await entries(here)] == [202]

    in_town(storage, story)


def test_what_could_not_be_stored_after_its_entry_leaves_a_second_entry(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town) -> None:
        fails(monkeypatch, here.hub.receipts.appender, "append", 1)
        refused, taken = await write(here), await write(here)
        assert (refused.status, taken.status) == (503, 202)
        assert [entry.status for entry in await entries(here)] == [202, 503, 202]
        assert [entry.count for entry in await entries(here)] == [1, 0, 1]

    in_town(storage, story)


@pytest.mark.parametrize(("times", "told"), [(1, 202), (2, 503)])
def test_what_was_taken_though_the_log_failed_is_told_to_be_taken(
    storage: str, monkeypatch: pytest.MonkeyPatch, times: int, told: int
) -> None:
    async def story(here: Town) -> None:
        fails(monkeypatch, here.hub.audit, "write", times)
        reply = await write(here)
        assert reply.status == told
        assert [(entry.status, entry.count) for entry in await entries(here)] == [(told, 1)]

    in_town(storage, story)


def test_a_mistake_of_ours_leaves_its_entry_and_an_answer_without_a_word_of_it(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town) -> None:
        fails(monkeypatch, here.hub.receipts.appender, "append", 1, lambda: ZeroDivisionError("14834812097"))
        refused = await write(here)
        assert refused.status == 503 and b"14834812097" not in refused.body and refused.headers["Retry-After"]
        assert [(entry.status, entry.count) for entry in await entries(here)] == [(202, 1), (503, 0)]

    in_town(storage, story)


def test_a_refusal_waits_for_its_entry_too(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(here: Town) -> None:
        fails(monkeypatch, here.hub.audit, "write", 1)
        reply = await receive(here.hub, Payload(here.tenant.orgnr, "vkp", HEADERS, b"{", "composition", ""))
        assert reply.status == 503

    in_town(storage, story)


def test_whoever_is_nobody_leaves_no_entry(storage: str) -> None:
    async def story(here: Town) -> None:
        nobody = await receive(here.hub, Payload(here.tenant.orgnr, "vkp", {}, note("ett"), "composition", ""))
        asked = await look_up(here.hub, Asked(here.tenant.orgnr, "patient", {}, "", b""))
        elsewhere = await look_up(here.hub, Asked("123456789", "patient", {}, "", b""))
        assert [reply.status for reply in (nobody, asked, elsewhere)] == [401, 401, 404]
        assert await entries(here) == []

    in_town(storage, story)


def test_each_write_is_an_entry_of_its_own_under_load(storage: str) -> None:
    async def story(here: Town) -> None:
        replies = await asyncio.gather(*(write(here, f"note {number}") for number in range(64)))
        found = await entries(here)
        assert {reply.status for reply in replies} == {202}
        assert {entry.correlation for entry in found} == {reply.headers["X-Correlation-Id"] for reply in replies}
        assert len({entry.message for entry in found}) == 64

    in_town(storage, story)


def test_the_log_repeats_no_word_of_a_form(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story(here: Town) -> None:
        fault = Fault(400, "the parameter Fjellbekk is not known for this resource", "Leave it out.", code="2.3")

        async def work() -> Reply:
            raise fault

        reply = await attended(here.hub, visit(here.hub, here.tenant.orgnr, "patient.read", {}), work())
        assert reply.status == 400 and b"Fjellbekk" in reply.body

    with caplog.at_level("INFO"):
        in_town(storage, story)
    assert "refused" in caplog.text and "Fjellbekk" not in caplog.text and "2.3" in caplog.text
