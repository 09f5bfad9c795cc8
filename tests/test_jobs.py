"""Acts on many messages as jobs, with a real storage emulator and a journal: each message once, whoever falls, pauses or works beside."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from shared.access.entry import Entry
from shared.domain.message import Lane
from shared.flow.sweep import purge
from shared.hub import Hub
from shared.messages import job as jobs
from shared.messages.acts import act
from shared.messages.edits import Order, Verb
from shared.messages.job import CANCELLED, DONE, LEASE, PAUSED, RUNNING, Job
from shared.messages.many import targets
from shared.messages.message import Wanted
from shared.storage.audit_log import AuditLog
from tests.test_forward import HOUR, Journal, answering, journalled, post_all
from tests.test_messages import found, refusing_once
from tests.test_transform import Town, another, note

KEPT = 90 * 24 * 3600.0
Work = Callable[[Town, Journal], Any]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two messages in a group, one group in a turn; and no other test's jobs."""
    monkeypatch.setattr(jobs, "_OPEN", f"open-{uuid4()}")
    monkeypatch.setattr(jobs, "GROUP", 2)
    monkeypatch.setattr(jobs, "_SLICE", 0.0)


async def begun(here: Town, verb: Verb = Verb.RESEND, state: str = "parked") -> Job:
    here.clock.now += 1.0
    order, wanted = Order(verb, here.clock(), "administer:abc", "journalen er mendet"), Wanted(here.tenant.orgnr, state=state)
    count = len([one async for one in targets(here.hub, order, wanted)])
    job = jobs.new(order, wanted, count, more=False)
    await jobs.begin(here.hub, job)
    here.clock.now += 1.0
    return job


async def now(here: Town, job: Job) -> Job:
    told = await jobs.read(here.hub, job.tenant, job.id)
    assert told
    return told


async def worked(here: Town, job: Job, *hubs: Hub, turns: int = 20) -> Job:
    """Turns of the timer, until the job is over. `hubs`: who takes turns."""
    for turn in range(turns):
        await jobs.work((hubs or (here.hub,))[turn % max(1, len(hubs))])
        if (told := await now(here, job)).state == DONE:
            return told
    raise AssertionError("the job is not over")


async def acts(here: Town) -> list[Entry]:
    rows = [entry async for row in here.hub.audit.read(here.tenant.orgnr) for entry in row.entries]
    return [entry for entry in rows if entry.action.startswith("messages.")]


def refused(storage: str, count: int, work: Work) -> Any:
    """`work` with so many notes, each refused the first time it came."""

    async def run() -> Any:
        async with journalled(storage, refusing_once([f"n{n:03}" for n in range(count)])) as (here, journal):
            await post_all(here, count, count)
            await here.run()
            return await work(here, journal)

    return asyncio.run(run())


def test_a_job_sends_everything_again_once_and_says_how_far_it_has_come(storage: str) -> None:
    async def work(here: Town, journal: Journal) -> None:
        job = await begun(here)
        await jobs.work(here.hub)
        first = await now(here, job)
        assert (first.state, first.count, first.messages, first.changed) == (RUNNING, 5, 2, 2)
        last = await worked(here, job)
        await here.run()
        assert (last.messages, last.changed, last.holder) == (5, 5, "")
        assert sorted(journal.titles) == [f"n{n:03}" for n in range(5)] and len(journal.calls) == 10
        assert [entry.count for entry in await acts(here)] == [2, 2, 1]
        assert {(entry.who, entry.action) for entry in await acts(here)} == {("administer:abc", "messages.resend")}

    refused(storage, 5, work)


def test_a_paused_job_stands_still_until_it_is_resumed_and_a_cancelled_one_for_good(storage: str) -> None:
    async def work(here: Town, _journal: Journal) -> None:
        job = await begun(here)
        for state, messages in ((PAUSED, 0), (RUNNING, 2), (PAUSED, 2), (RUNNING, 4), (CANCELLED, 4)):
            assert await jobs.wish(here.hub, await now(here, job), state)
            await jobs.work(here.hub)
            assert (await now(here, job)).messages == messages
        assert await jobs.wish(here.hub, await now(here, job), RUNNING) is None
        await jobs.work(here.hub)
        assert (await now(here, job)).messages == 4
        assert await here.hub.admin.all(jobs._OPEN) == []

    refused(storage, 5, work)


class Pausing(AuditLog):
    """Somebody pauses the job while a group of it is being done."""

    def __init__(self, here: Town, job: Job) -> None:
        super().__init__(here.hub.account.table("audit"))
        self.here, self.job = here, job

    async def write(self, entry: Entry) -> None:
        await super().write(entry)
        await jobs.wish(self.here.hub, await now(self.here, self.job), PAUSED)


def test_a_pause_in_mid_group_is_heeded_after_it_and_the_group_is_counted(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(here: Town, _journal: Journal) -> Job:
        monkeypatch.setattr(jobs, "_SLICE", 1000.0)
        job = await begun(here)
        here.hub.audit = Pausing(here, job)
        await jobs.work(here.hub)
        return await now(here, job)

    told = refused(storage, 5, work)
    assert (told.state, told.messages, told.changed, told.holder) == (PAUSED, 2, 2, "")


def test_two_instances_side_by_side_do_no_group_twice(storage: str) -> None:
    async def work(here: Town, journal: Journal) -> None:
        job = await begun(here)
        async with another(here) as second:
            for _ in range(8):
                await asyncio.gather(jobs.work(here.hub), jobs.work(second), jobs.work(here.hub), jobs.work(second))
        await here.run()
        told = await now(here, job)
        assert (told.state, told.messages, told.changed) == (DONE, 9, 9)
        assert sum(entry.count for entry in await acts(here)) == 9 and len(journal.calls) == 18

    refused(storage, 9, work)


@pytest.mark.parametrize("where", ["before", "after"])
def test_where_a_worker_fell_another_goes_on_once_the_lease_is_over(storage: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fell before its group was done, or after it and before that was written down."""

    async def falls(hub: Hub, order: Order, group: Any) -> int:
        if where == "after":
            await act(hub, order, group)
        raise SystemExit

    async def work(here: Town, journal: Journal) -> None:
        job = await begun(here)
        monkeypatch.setattr(jobs, "act", falls)
        with pytest.raises(SystemExit):
            await jobs.work(here.hub)
        monkeypatch.setattr(jobs, "act", act)
        async with another(here) as second:
            await jobs.work(second)
            assert (await now(here, job)).messages == 0, "the fallen one's time is not over"
            here.clock.now += LEASE + 1
            told = await worked(here, job, second)
        await here.run()
        assert told.changed == (3 if where == "after" else 5)
        assert sum(entry.count for entry in await acts(here)) == 5
        assert sorted(journal.titles) == [f"n{n:03}" for n in range(5)] and len(journal.calls) == 10

    refused(storage, 5, work)


def test_a_worker_that_slept_past_its_lease_leaves_the_job_to_whoever_has_it_now(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(here: Town, _journal: Journal) -> Job:
        job = await begun(here)
        async with another(here) as second:

            async def sleeps(hub: Hub, order: Order, group: Any) -> int:
                monkeypatch.setattr(jobs, "act", act)
                here.clock.now += LEASE + 1
                await worked(here, job, second)
                return await act(hub, order, group)

            monkeypatch.setattr(jobs, "act", sleeps)
            await jobs.work(here.hub)
        return await now(here, job)

    told = refused(storage, 5, work)
    assert (told.state, told.messages, told.changed) == (DONE, 5, 5)


def test_what_is_refused_again_is_not_sent_by_the_same_job_once_more(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage, answering(422)) as (here, journal):
            await post_all(here, 5, 5)
            await here.run()
            job = await begun(here)
            for _ in range(10):
                await jobs.work(here.hub)
                await here.run()
            assert ((await now(here, job)).state, len(journal.calls)) == (DONE, 10)
            await worked(here, await begun(here))
            await here.run()
            assert len(journal.calls) == 15, "another job sends them"

    asyncio.run(run())


def test_delivered_ones_are_sent_again_once_in_a_job(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, journal):
            await post_all(here, 5, 5)
            await here.run()
            job = await begun(here, state="delivered")
            for _ in range(6):
                await jobs.work(here.hub)
                await here.run()
            assert ((await now(here, job)).state, len(journal.calls), len(journal.titles)) == (DONE, 10, 5)

    asyncio.run(run())


def test_a_job_that_transforms_what_cannot_be_read_comes_to_an_end(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            here.change(routes=())
            for number in range(5):
                await here.post(note(f"n{number}"))
                await here.run()
                here.clock.now += 1.0
            job = await begun(here, Verb.TRANSFORM, "set aside")
            assert job.count == 5
            for _ in range(12):
                await jobs.work(here.hub)
                await here.run()
            assert (await now(here, job)).state == DONE
            assert len(await found(here, state="set aside")) == 5
            assert sum(entry.count for entry in await acts(here)) == 5

    asyncio.run(run())


def test_a_job_on_what_was_purged_comes_to_an_end(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, journal):
            await post_all(here, 5, 5)
            await here.run()
            here.clock.now += 80 * HOUR
            assert await purge(here.hub, Lane.ROUTINE)
            await post_all(here, 6, 6)
            await here.run()
            job = await begun(here, state="delivered")
            assert (await worked(here, job)).changed == 1
            await here.run()
            assert len(journal.calls) == 7

    asyncio.run(run())


def test_a_job_on_what_was_purged_says_nothing_of_it_and_ends_its_share_in_time(storage: str) -> None:
    """Each group takes longer than a share; what came in an hour is more than one share reads."""

    async def run() -> None:
        async with journalled(storage) as (here, _):
            for number in range(8):
                await here.post(note(f"n{number}"))
                here.clock.now += 600.0
            await here.run()
            here.clock.now += 80 * HOUR
            assert await purge(here.hub, Lane.ROUTINE)
            job = await begun(here, state="delivered")
            assert job.count == 8
            seen = []
            for _ in range(9):
                await jobs.work(here.hub)
                seen.append((await now(here, job)).after)
            assert len(set(seen[:6])) == 6 and seen == sorted(seen), "each share is over after one group, and further on"
            told = await now(here, job)
            assert (told.state, told.messages, told.changed, await acts(here)) == (DONE, 0, 0, [])

    asyncio.run(run())


def test_an_act_s_entry_names_what_it_will_change_and_nothing_else(storage: str) -> None:
    """What was purged since it was found, is not sent again; nor is what was sent again by somebody else."""

    async def run() -> None:
        async with journalled(storage) as (here, _):
            await here.post(note("old"))
            await here.run()
            here.clock.now += 80 * HOUR
            await here.post(note("new"))
            await here.run()
            order = Order(Verb.RESEND, here.clock(), "kari", "journalen er mendet", "jobb")
            known = [one async for one in targets(here.hub, order, Wanted(here.tenant.orgnr, state="delivered"))]
            assert len(known) == 2 and await purge(here.hub, Lane.ROUTINE)
            assert [await act(here.hub, order, known) for _ in range(2)] == [1, 0]
            [entry] = await acts(here)
            assert (entry.count, entry.message, len(entry.patients)) == (1, f"{known[1].names[0]}: journalen er mendet", 1)

    asyncio.run(run())


def test_what_comes_after_the_wish_is_not_meant(storage: str) -> None:
    async def work(here: Town, _journal: Journal) -> None:
        job = await begun(here, Verb.DELETE)
        here.clock.now += 1.0
        await here.post(note("later", "q", "later"))
        await here.run()
        assert (await worked(here, job)).messages == 3
        assert [one.word for one in await found(here, state="delivered")] == ["delivered"]

    refused(storage, 3, work)


def test_what_is_parked_after_the_wish_is_not_meant_either(storage: str) -> None:
    """It waited when somebody wished what is parked deleted; the journal has refused it since."""

    async def run() -> tuple[int, list[str]]:
        async with journalled(storage, answering(503)) as (here, journal):
            await here.post(note("waits"))
            await here.run()
            job = await begun(here, Verb.DELETE)
            journal.behave = answering(422)
            await here.run(60)
            done = await worked(here, job)
            return done.changed, [sent.status for message in await found(here) for sent in message.parcels]

    assert asyncio.run(run()) == (0, ["parked"])


def test_a_job_whose_storage_fails_goes_on_in_the_next_turn_and_says_why(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def late(hub: Hub, order: Order, group: Any) -> int:
        raise TimeoutError

    async def work(here: Town, _journal: Journal) -> None:
        job = await begun(here)
        monkeypatch.setattr(jobs, "act", late)
        await jobs.work(here.hub)
        told = await now(here, job)
        assert (told.state, told.error, told.holder) == (RUNNING, "TimeoutError", "")
        monkeypatch.setattr(jobs, "act", act)
        assert ((await worked(here, job)).changed, (await now(here, job)).error) == (3, "")

    refused(storage, 3, work)


def test_a_job_that_was_over_long_ago_is_forgotten_and_one_that_runs_is_not(storage: str) -> None:
    async def work(here: Town, _journal: Journal) -> list[str]:
        over, running = await begun(here), await begun(here, Verb.DELETE)
        await jobs.wish(here.hub, over, CANCELLED)
        here.clock.now += KEPT + 60
        await jobs.forget(here.hub)
        left = [one.id for one in await jobs.all_of(here.hub, here.tenant.orgnr)]
        assert left == [running.id] != [over.id]
        return left

    refused(storage, 1, work)
