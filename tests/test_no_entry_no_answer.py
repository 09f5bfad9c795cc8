"""While the audit log cannot be written no national answer leaves the hub, and what was taken meanwhile stands in the journal once."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from azure.core.exceptions import HttpResponseError

from shared.access.entry import Entry
from shared.door.answers import Reply
from shared.flow.receive import Payload, receive
from shared.lookup.look_up import Asked, look_up
from tests.test_transform import HEADERS, Town, note, raising, town


async def write(here: Town, title: str = "ett") -> Reply:
    return await receive(here.hub, Payload(here.tenant.orgnr, "vkp", HEADERS, note(title), "composition", ""))


def in_town(storage: str, story: Callable[[Town], Awaitable[None]]) -> None:
    async def told() -> None:
        async with town(storage) as here:
            await story(here)

    asyncio.run(told())


async def entries(here: Town) -> list[Entry]:
    return [entry async for row in here.hub.audit.read(here.tenant.orgnr) for entry in row.entries]


class Broken:
    """An audit log that cannot be written."""

    async def write(self, entry: Entry) -> None:
        raise HttpResponseError("storage is down")


def test_no_entry_no_answer_and_the_repeat_is_recognised(storage: str) -> None:
    async def story(here: Town) -> None:
        whole, here.hub.audit = here.hub.audit, Broken()  # type: ignore[assignment]  # the part of it that a door needs
        refused = await write(here)
        assert refused.status == 503 and refused.headers["Retry-After"]
        assert orjson.loads(refused.body)["issue"][0]["details"]["coding"][0]["code"] == "3"
        here.hub.audit = whole
        taken = await write(here)
        await here.run()
        assert taken.status == 202 and len(await here.parcels()) == 1
        assert [entry.status for entry in await entries(here)] == [202]

    in_town(storage, story)


def test_what_could_not_be_stored_after_its_entry_leaves_a_second_entry(storage: str) -> None:
    async def story(here: Town) -> None:
        here.hub.receipts.appender.append = raising(1, lambda: HttpResponseError("storage is down"))(here.hub.receipts.appender.append)  # type: ignore[method-assign]  # one write fails
        refused, taken = await write(here), await write(here)
        assert (refused.status, taken.status) == (503, 202)
        assert [entry.status for entry in await entries(here)] == [202, 503, 202]
        assert [entry.count for entry in await entries(here)] == [1, 0, 1]

    in_town(storage, story)


def test_an_entry_that_fails_once_is_written_once_the_document_is_taken(storage: str) -> None:
    async def story(here: Town) -> None:
        here.hub.audit.write = raising(1, lambda: HttpResponseError("storage is down"))(here.hub.audit.write)  # type: ignore[method-assign]  # one write fails
        taken = await write(here)
        assert taken.status == 202
        assert [(entry.status, entry.count) for entry in await entries(here)] == [(202, 1)]

    in_town(storage, story)


def test_what_was_taken_though_the_log_failed_twice_is_told_to_be_taken(storage: str) -> None:
    async def story(here: Town) -> None:
        here.hub.audit.write = raising(2, lambda: HttpResponseError("storage is down"))(here.hub.audit.write)  # type: ignore[method-assign]  # two writes fail
        refused = await write(here)
        assert refused.status == 503
        assert [(entry.status, entry.count) for entry in await entries(here)] == [(503, 1)]

    in_town(storage, story)


def test_a_mistake_of_ours_leaves_its_entry_and_an_answer_without_a_word_of_it(storage: str) -> None:
    async def story(here: Town) -> None:
        here.hub.receipts.appender.append = raising(1, lambda: ZeroDivisionError("14834812097"))(here.hub.receipts.appender.append)  # type: ignore[method-assign]  # as above
        refused = await write(here)
        assert refused.status == 503 and b"14834812097" not in refused.body and refused.headers["Retry-After"]
        assert [(entry.status, entry.count) for entry in await entries(here)] == [(202, 1), (503, 0)]

    in_town(storage, story)


def test_a_refusal_waits_for_its_entry_too(storage: str) -> None:
    async def story(here: Town) -> None:
        here.hub.audit = Broken()  # type: ignore[assignment]  # as above
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
