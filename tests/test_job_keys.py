"""A wish for a job that is said again since its answer was lost: one job, wherever the first call was lost."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import orjson
import pytest

from shared.admin import jobs as calls
from shared.door.answers import Reply
from shared.hub import Hub
from shared.messages import job as jobs
from shared.messages import job_keys
from shared.messages.job import CANCELLED, KEPT, Job
from tests.administering import let_in as let_in
from tests.test_forward import journalled
from tests.test_search_turns import asked
from tests.test_transform import Town

pytestmark = pytest.mark.usefixtures("let_in")
WISH = {"verb": "resend", "reason": "journalen er mendet", "key": "b1"}


@pytest.fixture(autouse=True)
def own_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_OPEN", f"open-{uuid4()}")


async def wish(here: Town, **changes: Any) -> Reply:
    return await calls.begin(here.hub, asked(here, "", json.dumps(WISH | changes).encode()))


def named(reply: Reply) -> str:
    assert reply.status == 202, reply.body
    return str(orjson.loads(reply.body)["job"])


async def known(here: Town) -> list[str]:
    return [one.id for one in await jobs.all_of(here.hub, here.tenant.orgnr)]


@pytest.mark.parametrize("begun", [False, True], ids=["before it began", "after it began"])
def test_a_wish_whose_answer_was_lost_is_one_job_when_it_is_said_again(
    storage: str, monkeypatch: pytest.MonkeyPatch, *, begun: bool
) -> None:
    async def lost(hub: Hub, job: Job) -> None:
        if begun:
            await begin(hub, job)
        raise TimeoutError

    begin = jobs.begin

    async def run() -> None:
        async with journalled(storage) as (here, _):
            with monkeypatch.context() as patch:
                patch.setattr(jobs, "begin", lost)
                assert (await wish(here)).status == 503
            first = await known(here)
            assert len(first) == begun
            again = [named(await wish(here)) for _ in range(2)]
            assert len({*first, *again}) == 1 and await known(here) == again[:1]

    asyncio.run(run())


def test_two_who_say_it_at_once_have_one_job(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            replies = await asyncio.gather(*(wish(here) for _ in range(4)))
            assert {named(reply) for reply in replies} == set(await known(here)) and len(await known(here)) == 1

    asyncio.run(run())


def test_a_job_is_found_by_its_key_when_it_is_over_and_when_no_more_may_begin(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            first = named(await wish(here))
            job = await jobs.read(here.hub, here.tenant.orgnr, first)
            assert job and await jobs.wish(here.hub, job, CANCELLED)
            others = [named(await wish(here, key=f"other {number}")) for number in range(calls.MOST)]
            assert (await wish(here, key="one too many")).status == 409
            assert [named(await wish(here)), named(await wish(here, key="other 0"))] == [first, others[0]]

    asyncio.run(run())


def test_a_key_names_one_wish_and_without_one_each_is_a_job(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            assert (await wish(here, dry_run=True)).status == 200
            first = named(await wish(here))
            other = await wish(here, reason="en annen grunn")
            assert other.status == 409 and b"b1" not in other.body
            plain = orjson.dumps({"verb": "resend"})
            more = [named(await calls.begin(here.hub, asked(here, "", plain))) for _ in range(2)]
            assert sorted(await known(here)) == sorted([first, *more]) and len({first, *more}) == 3

    asyncio.run(run())


def test_keys_are_forgotten_with_their_jobs_and_stand_nowhere(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            await wish(here, key="14834-hemmelig")
            rows = await here.hub.admin.all(job_keys._place(here.tenant.orgnr))
            assert len(rows) == 1 and "14834" not in repr(rows)
            here.clock.now += KEPT + 60
            await jobs.forget(here.hub)
            assert await here.hub.admin.all(job_keys._place(here.tenant.orgnr)) == []

    asyncio.run(run())
