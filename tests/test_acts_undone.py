"""What an act cannot undo: what the journal has already, or may have, and what a later correction says instead."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import orjson
import pytest

from local.messages_command import main
from shared.admin import messages
from shared.admin.door import Asked
from shared.messages import job as jobs
from shared.messages.asked import meant
from shared.messages.corrected import Corrected, aimed
from shared.messages.edits import PARCELS, Order, Verb
from shared.messages.history import history
from shared.messages.many import targets
from shared.messages.message import Wanted
from shared.storage.register_rows import write_tenant
from tests.administering import let_in as let_in
from tests.test_forward import HOUR, Journal, answering, down_for, journalled
from tests.test_jobs import begun, worked
from tests.test_messages import do, found, refusing_once
from tests.test_messages_command import NUMBER, Desk, after
from tests.test_story import read
from tests.test_transform import NOON, Town, municipality, note


async def aim(here: Town, verb: Verb, receipt: str) -> Any:
    """As an operator's act on a receipt, whatever the state of its parcels."""
    told = await history(here.hub, receipt)
    assert told
    return await aimed(here.hub, Order(verb, here.clock(), "kari"), meant(told.message, receipt, "", ""))


# what was delivered once


@pytest.mark.parametrize(
    ("verb", "tried"),
    [
        *((Verb.DELETE, "not tried"), (Verb.DELETE, "tried in vain"), (Verb.DELETE, "refused")),
        *((Verb.PARK, "not tried"), (Verb.PARK, "tried in vain")),
    ],
)
def test_what_was_delivered_stays_so_when_its_repeat_is_taken_back(storage: str, verb: Verb, tried: str) -> None:
    async def run() -> tuple[dict[str, Any], dict[str, Any], int, int, str, list[str]]:
        async with journalled(storage) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run()
            before = (await here.told(receipt))["parcels"][0]
            here.clock.now += 60
            await do(here, Verb.RESEND, receipt)
            journal.behave = answering(422 if tried == "refused" else 503)
            if tried != "not tried":
                await here.run(1)
            here.clock.now += 60
            changed, again = await do(here, verb, receipt, why="feil"), await do(here, verb, receipt, why="feil")
            journal.behave = down_for()
            await here.run(HOUR)
            return before, await here.told(receipt), changed, again, await read(here, receipt), journal.titles

    before, told, changed, again, text, titles = asyncio.run(run())
    assert (changed, again, told["status"], titles) == (1, 0, "delivered", ["a"])
    parcel = told["parcels"][0]
    assert {**parcel, "attempts": 1} == before and parcel["attempts"] == (1 if tried == "not tried" else 2)
    past = [line[23:] for line in text.splitlines() if line.startswith("  ") and "endepunkt" not in line]
    assert [line for line in past if line.startswith("levert")] == ["levert, svar 201"]
    assert past[-1] == "sendingen på nytt tatt tilbake for hånd; den står som levert: feil"


def test_what_a_job_sent_again_and_a_hand_took_back_is_not_sent_by_that_job_once_more(storage: str) -> None:
    async def run() -> tuple[int, int, int]:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            sent = await do(here, Verb.RESEND, receipt, batch="one")
            back = await do(here, Verb.DELETE, receipt, why="feil")
            return sent, back, await do(here, Verb.RESEND, receipt, batch="one")

    assert asyncio.run(run()) == (1, 1, 0)


def test_what_the_journal_did_with_the_first_since_is_kept_when_the_repeat_is_taken_back() -> None:
    """It would be waited for for ever, and never be purged."""
    first = {"end": "delivered", "attempt": 1, "at": 1.0, "answer": 202, "name": "n", "follow": True}
    again = PARCELS[Verb.RESEND](first, Order(Verb.RESEND, 2.0, "kari"))
    assert again
    settled = {**again, "end": "parked", "at": 3.0, "reason": "the journal answered 422", "acknowledged": 2.5, "follow": False}
    back = PARCELS[Verb.DELETE](settled, Order(Verb.DELETE, 4.0, "kari"))
    assert back and {name: back.get(name) for name in first} == {**first, "follow": False}
    assert back["acknowledged"] == 2.5 and "had" not in back


def test_a_new_delivery_is_the_one_that_counts(storage: str) -> None:
    async def run() -> dict[str, Any]:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            here.clock.now += 60
            await do(here, Verb.RESEND, receipt)
            await here.run()
            told = await history(here.hub, receipt)
            assert told
            return dict(told.message.parcels[0].state)

    state = asyncio.run(run())
    assert state["end"] == "delivered" and state["at"] >= NOON + 60 and "had" not in state


# what may have arrived


def test_what_may_have_arrived_and_is_deleted_says_so_to_operator_and_sender(storage: str) -> None:
    async def run() -> tuple[dict[str, Any], str]:
        async with journalled(storage, answering(500)) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            await do(here, Verb.DELETE, receipt, why="dobbelt")
            return (await here.told(receipt))["parcels"][0], await read(here, receipt)

    parcel, text = asyncio.run(run())
    assert (parcel["status"], parcel["attempts"]) == ("deleted", 1)
    assert parcel["reason"] == "deleted by hand; it may stand in the journal already"
    assert text.splitlines()[-1] == "  kan stå i journalen allerede: et forsøk kan ha kommet fram"


def test_what_was_refused_and_is_deleted_leaves_no_doubt(storage: str) -> None:
    async def run() -> tuple[dict[str, Any], str]:
        async with journalled(storage, answering(422)) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            await do(here, Verb.DELETE, receipt, why="dobbelt")
            return (await here.told(receipt))["parcels"][0], await read(here, receipt)

    parcel, text = asyncio.run(run())
    assert (parcel["attempts"], parcel["reason"]) == (1, "deleted by hand") and "kan stå" not in text


@pytest.mark.parametrize("many", [False, True])
def test_whoever_deletes_what_may_have_arrived_is_told_at_once(storage: str, capsys: pytest.CaptureFixture[str], many: bool) -> None:
    desk = after(storage, capsys, 1, answering(500))
    which = (desk.tenant, "--state", "waiting") if many else (desk.receipts[0],)
    code, out, _ = desk.run("delete", *which, "--reason", "dobbelt")
    assert code == 0
    assert out == "1 melding eller levering slettet; 1 kan stå i journalen allerede: et forsøk kan ha kommet fram\n"


def test_whoever_deletes_what_was_delivered_before_is_told_that_it_stands(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk = after(storage, capsys, 1, down_for())
    assert desk.run("resend", desk.receipts[0], "--state", "delivered")[0] == 0
    out = desk.run("delete", desk.receipts[0], "--reason", "feil")[1]
    assert out == "1 som var levert før, står som levert: bare sendingen på nytt er tatt tilbake\n"


# what was corrected


async def corrected(here: Town, journal: Journal, behave: Any = None) -> tuple[str, str]:
    """A receipt whose journal refused it, and the one that corrects it. `behave`: what the journal makes of that."""
    first = await here.post(note("first", name="n1"))
    await here.run()
    journal.behave = behave or down_for()
    here.clock.now += 60
    second = await here.post(note("second", name="n1"))
    await here.run()
    return first, second


def test_what_was_corrected_is_not_sent_after_its_correction_and_says_which_that_is(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage, answering(422)) as (here, journal):
            first, second = await corrected(here, journal)
            assert f"Rettet av   {second}" in (await read(here, first)).splitlines()
            assert "Rettet av" not in await read(here, second)
            with pytest.raises(Corrected) as error:
                await aim(here, Verb.RESEND, first)
            assert error.value.by == second and second in error.value.reason
            assert await aim(here, Verb.RESEND, second), "the correction itself may be"
            await do(here, Verb.DELETE, first, why="rettet")
            assert await aim(here, Verb.RESTORE, first), "it is parked then, and not sent"

    asyncio.run(run())


def test_what_was_deleted_while_it_waited_is_not_restored_into_the_line_after_its_correction(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage, answering(503)) as (here, journal):
            first = await here.post(note("first", name="n1"))
            await here.run()
            await do(here, Verb.DELETE, first, why="feil")
            journal.behave = down_for()
            await here.post(note("second", name="n1"))
            await here.run(HOUR)
            with pytest.raises(Corrected):
                await aim(here, Verb.RESTORE, first)

    asyncio.run(run())


@pytest.mark.parametrize("status", [422, 503])
def test_what_was_corrected_is_sent_again_before_a_correction_that_no_journal_has(storage: str, status: int) -> None:
    async def run() -> list[str]:
        async with journalled(storage, answering(422)) as (here, journal):
            first, second = await corrected(here, journal, answering(status))
            assert await aim(here, Verb.RESEND, first)
            await do(here, Verb.RESEND, first)
            await do(here, Verb.RESEND, second)
            journal.behave = down_for()
            await here.run(HOUR)
            return journal.titles

    assert asyncio.run(run()) == ["first", "second"]


def test_a_job_leaves_what_was_corrected_alone_and_counts_it_apart(storage: str) -> None:
    async def run() -> tuple[list[str], int, list[str], list[str]]:
        async with journalled(storage, refusing_once(["first", "other"])) as (here, journal):
            first = await here.post(note("first", name="n1"))
            await here.post(note("other", name="n2"))
            await here.run()
            here.clock.now += 60
            await here.post(note("second", name="n1"))
            await here.run()
            left: list[Any] = []
            wish = Order(Verb.RESEND, here.clock(), "kari")
            meant = [one async for one in targets(here.hub, wish, Wanted(here.tenant.orgnr, state="parked"), left)]
            job = await worked(here, await begun(here))
            await here.run(HOUR)
            assert [one.receipt for one in await found(here, state="parked")] == [first]
            return [one.receipt for one in left], len(meant), journal.titles, [job.state, str(job.changed), first]

    left, count, titles, [state, changed, first] = asyncio.run(run())
    assert (left, count, state, changed) == ([first], 1, jobs.DONE, "1")
    assert titles == ["second", "other"]


def test_the_command_refuses_one_that_was_corrected_and_passes_it_over_among_many(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> tuple[str, str, str]:
        async with journalled(storage, answering(422)) as (here, journal):
            return here.tenant.orgnr, *await corrected(here, journal)

    tenant, first, second = asyncio.run(work())
    desk = Desk(storage, tenant, (first, second), capsys)
    code, _, said = desk.run("resend", first)
    assert code == 1 and f"rettet av {second}" in said
    code, out, _ = desk.run("resend", tenant)
    assert code == 0 and out.startswith("1 melding er latt være: rettelsen er levert")
    assert desk.entries() == []


@pytest.mark.usefixtures("let_in")
def test_the_admin_api_refuses_it_too_and_says_why_there_is_nothing_to_do(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage, answering(422)) as (here, journal):
            first, second = await corrected(here, journal)

            async def act(verb: Verb, receipt: str) -> tuple[int, Any]:
                asked = Asked(here.tenant.orgnr, {}, "POST", "/", "", b"", {"act": verb, "message": receipt})
                reply = await messages.act(here.hub, asked)
                return reply.status, orjson.loads(reply.body)

            status, told = await act(Verb.RESEND, first)
            assert status == 409 and second in told["detail"]
            status, told = await act(Verb.RESTORE, second)
            assert (status, told["changed"]) == (200, 0)
            assert told["text"] == "ingenting å gjøre: tilstanden er «levert»; restore tar det som er slettet"

    asyncio.run(run())


# nothing to do, and why


@pytest.mark.parametrize(
    ("status", "argv", "told"),
    [
        (503, ("resend",), "tilstanden er «underveis», «venter»; resend tar det som er parkert, og med --state delivered"),
        (422, ("park", "--reason", "x"), "tilstanden er «parkert»; park tar leveringer som venter"),
        (201, ("resend",), "tilstanden er «levert»; resend tar det som er parkert, og med --state delivered"),
        (201, ("restore",), "tilstanden er «levert»; restore tar det som er slettet"),
        (201, ("transform",), "tilstanden er «levert»; transform tar det som er lagt til side"),
    ],
)
def test_an_act_that_has_nothing_to_do_says_in_which_state_it_is_and_what_the_act_takes(
    storage: str, capsys: pytest.CaptureFixture[str], status: int, argv: tuple[str, ...], told: str
) -> None:
    desk = after(storage, capsys, 1, down_for() if status == 201 else answering(status))
    code, out, _ = desk.run(argv[0], desk.receipts[0], *argv[1:])
    assert code == 0 and out.startswith(f"ingenting å gjøre: {told}")


# what is named and is not there


@pytest.mark.parametrize("argv", [("find",), ("resend",), ("delete", "--state", "parked", "--reason", "x")])
@pytest.mark.parametrize(("option", "name"), [("--sender", "cloud"), ("--endpoint", "journal")])
def test_a_misspelt_name_is_refused_with_the_names_that_there_are(
    storage: str, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], option: str, name: str
) -> None:
    desk = after(storage, capsys, 1, answering(422))
    code, out, said = desk.run(argv[0], desk.tenant, option, f"{name}x", *argv[1:])
    assert (code, out) == (1, "") and said.endswith(f"oppgi en av {name}\n")
    assert desk.run("find", desk.tenant, option, name, "--state", "parked")[0] == 0 and desk.entries() == []


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("find", "310123455", "--from", "2026-11-20", "--to", "2026-11-20"), "--to må være etter --from"),
        (("resend", "310123455", "--from", "2026-11-20", "--to", "2026-11-19"), "--to må være etter --from"),
        (("find", "310123455", "--id", "n1", "--state", "parked"), "--id finner uten filtre"),
        (("find", "310123455", "--id", "n1", "--from", "2026-11-20"), "--id finner uten filtre"),
        (("find", "310123455", "--most", "0"), "et tall fra 1 til 100 000"),
        (("find", "310123455", "--most", NUMBER), "et tall fra 1 til 100 000"),
    ],
)
def test_filters_that_cannot_be_are_wrong_usage(argv: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv, lambda: pytest.fail("no storage was needed")) == 2
    assert re.search(re.escape(told), said := capsys.readouterr().err) and NUMBER not in said


def test_an_id_of_our_own_is_not_found_under_another_sender(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    desk = after(storage, capsys, 1, down_for())
    here = municipality("http://127.0.0.1:9", 1, True)

    async def register() -> None:
        async with desk.hub() as hub:
            senders = (*here.senders, replace(here.senders[0], name="other"))
            await write_tenant(hub.account.table("register"), replace(here, orgnr=desk.tenant, senders=senders))

    asyncio.run(register())
    found_by = [desk.run("find", desk.tenant, "--id", desk.receipts[0], "--sender", sender)[0] for sender in ("cloud", "other")]
    assert found_by == [0, 1]
