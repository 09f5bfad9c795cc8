"""What corrects comes after what it corrects, though it names another patient; an alarm never waits behind a routine parcel."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.message import Lane
from shared.door import adapters
from shared.flow.corrections import Original, must_wait_for
from shared.flow.transform import transform
from shared.messages.edits import Verb
from tests.test_follow_up import counting
from tests.test_forward import HOUR, REFUSED, answering, down_for, journalled
from tests.test_messages import do
from tests.test_transform import SHOUTING, another, municipality, note, town, use

[ENDPOINT] = municipality("https://epj.example.no", 4, active=True).endpoints
LINE = f"{ENDPOINT.tenant}~{ENDPOINT.name}"


@pytest.mark.parametrize(
    ("line", "patient", "lane", "waits"),
    [
        (f"{LINE}~routine~00", "other", Lane.ROUTINE, True),
        (f"{LINE}~routine~00", "same", Lane.ROUTINE, False),
        (f"{LINE}~alarm~00", "same", Lane.ROUTINE, True),
        (f"{LINE}~alarm~00", "other", Lane.ALARM, True),
        (f"{LINE}~routine~00", "other", Lane.ALARM, False),
        (f"{LINE}~routine~00", "same", Lane.ALARM, False),
        (f"{ENDPOINT.tenant}~doctor~routine~00", "other", Lane.ROUTINE, False),
    ],
)
def test_it_waits_for_what_its_own_line_does_not_put_before_it(line: str, patient: str, lane: Lane, waits: bool) -> None:
    assert must_wait_for([Original(line, 7, patient, False)], ENDPOINT, "same", lane) == ({line: [7]} if waits else {})


@pytest.mark.parametrize(("lane", "waits"), [(Lane.ROUTINE, True), (Lane.ALARM, False)])
def test_it_waits_for_the_same_patients_original_in_a_line_that_was_replaced(lane: Lane, waits: bool) -> None:
    line = f"{LINE}~routine~00"
    assert must_wait_for([Original(line, 7, "same", True)], ENDPOINT, "same", lane) == ({line: [7]} if waits else {})


@pytest.mark.parametrize("lines", [1, 8])
def test_a_correction_that_names_another_patient_comes_after_the_original(storage: str, lines: int) -> None:
    """The one case in which the wrong order would leave a note with the wrong person for good."""

    async def run() -> tuple[list[str], list[str]]:
        async with journalled(storage, down_for("wrong"), lines=lines) as (here, journal), another(here) as second:
            await here.post(note("original", "wrong", name="n1"))
            await here.run(10)
            await here.post(note("corrected", "right", name="n1"))
            await here.post(note("other", "right"))
            await here.run(120, second)
            early, journal.behave = journal.titles, down_for()
            await here.run(HOUR, second)
            return early, journal.titles

    early, late = asyncio.run(run())
    assert early == [], "what comes after the correction waits with it"
    assert late == ["original", "corrected", "other"]


def test_original_and_correction_that_came_in_one_pack_keep_that_order(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage, down_for("wrong"), lines=8) as (here, journal):
            for title, patient in (("original", "wrong"), ("corrected", "right")):
                await here.post(note(title, patient, name="n1"))
            await here.run(60)
            journal.behave = down_for()
            await here.run(HOUR)
            return journal.titles

    assert asyncio.run(run()) == ["original", "corrected"]


@pytest.mark.parametrize("together", [False, True])
def test_a_second_correction_to_a_third_patient_comes_after_the_first(storage: str, together: bool) -> None:
    async def run() -> tuple[list[str], list[str]]:
        async with journalled(storage, down_for("second"), lines=8) as (here, journal):
            for title, patient in (("original", "first"), ("corrected", "second"), ("again", "third"), ("and again", "fourth")):
                await here.post(note(title, patient, name="n1"))
                await here.run(0 if together else 10)
            await here.run(60)
            early, journal.behave = journal.titles, down_for()
            await here.run(HOUR)
            return early, journal.titles

    early, late = asyncio.run(run())
    assert early == ["original"]
    assert late == ["original", "corrected", "again", "and again"]


def test_corrections_of_ninety_originals_in_one_turn_are_all_told_from_each_other(storage: str) -> None:
    """Each takes two rows of a transaction: its own id, and the original's."""

    async def run() -> tuple[list[str], set[str]]:
        async with journalled(storage) as (here, journal):
            for title in ("original", "corrected", "corrected"):
                bodies = [note(f"{title} {number:02}", f"p{number}", name=f"n{number}") for number in range(90)]
                receipts = await asyncio.gather(*map(here.post, bodies))
                await here.run(10)
            return journal.titles, {(await here.told(one))["status"] for one in receipts}

    titles, said = asyncio.run(run())
    assert sorted(titles) == [f"{title} {number:02}" for title in ("corrected", "original") for number in range(90)]
    assert said == {"duplicate"}


def test_corrections_in_one_turn_read_each_pack_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty documents are corrected for the fifth time, to another patient each time, and nothing is sent meanwhile."""

    async def run() -> tuple[int, int, int]:
        read: list[Any] = []
        async with town(storage, lines=4) as here:
            lines = here.hub.receipts.lines, here.hub.parcels.lines
            for half in lines:
                monkeypatch.setattr(half, "_get", counting(read, half._get))
            for word in range(6):
                await asyncio.gather(*(here.post(note(f"{word}", f"p{word}{number}", name=f"n{number}")) for number in range(20)))
                read.clear()
                await transform(here.hub, [here.line()])
            receipts, _ = await lines[0].done(here.line(), 0, 200)
            parcels = [pack for line in await here.lines() for pack in (await lines[1].waiting(line, 0, 200))[0]]
            behind = sum(len(entry.get("after", ())) for pack in parcels for entry in pack.entries)
            return sum(row[:2] in ("d~", "w~") for _, row in read), len(receipts) + len(parcels), behind

    reads, packs, behind = asyncio.run(run())
    assert behind > 0 and reads <= packs


def test_a_correction_that_was_set_aside_and_is_transformed_anew_comes_after_the_first_one_too(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> tuple[list[str], list[str]]:
        async with journalled(storage, down_for("second"), lines=8) as (here, journal):
            for title, patient in (("original", "first"), ("corrected", "second")):
                await here.post(note(title, patient, name="n1"))
                await here.run(10)
            receipt = await here.post(note("again", "third", name="n1"))
            with monkeypatch.context() as patch:
                patch.setattr(adapters, "device", lambda _: None)
                await here.run(10)
            await do(here, Verb.TRANSFORM, receipt)
            await here.run(60)
            early, journal.behave = journal.titles, down_for()
            await here.run(HOUR)
            return early, journal.titles

    assert asyncio.run(run()) == (["original"], ["original", "corrected", "again"])


def test_a_correction_does_not_wait_for_an_original_that_was_refused(storage: str) -> None:
    async def run() -> tuple[str, list[str], int]:
        async with journalled(storage, answering(503), lines=8) as (here, journal):
            receipt = await here.post(note("original", "wrong", name="n1"))
            await here.run(3)
            await here.post(note("corrected", "right", name="n1"))
            await here.run(3)
            refuse = answering(422)
            journal.behave = lambda patient, title: refuse(patient, title) if patient == "wrong" else None
            await here.run(HOUR)
            return (await here.told(receipt))["status"], journal.titles, len(journal.told("corrected"))

    status, titles, _ = asyncio.run(run())
    assert status == REFUSED and titles == ["corrected"]


def test_waiting_for_an_original_is_no_failed_attempt(storage: str) -> None:
    async def run() -> int:
        async with journalled(storage, down_for("wrong"), lines=8) as (here, journal):
            await here.post(note("original", "wrong", name="n1"))
            await here.run(1)
            receipt = await here.post(note("corrected", "right", name="n1"))
            await here.run(HOUR)
            assert journal.told("corrected") == []
            [parcel] = (await here.told(receipt))["parcels"]
            return int(parcel["attempts"])

    assert asyncio.run(run()) == 0


def test_an_alarm_that_corrects_a_routine_note_does_not_wait_for_it(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> list[str]:
        async with journalled(storage, down_for("p"), lines=2) as (here, journal):
            await here.post(note("routine", "p", name="n1"))
            await here.run(1)
            journal.behave = lambda _patient, title: None if title == "alarm" else answering(503)("", "")
            await here.post(note("alarm", "p", name="n1"))
            await here.run(1)
            return journal.titles

    assert asyncio.run(run()) == ["alarm"]


def test_a_correction_to_one_journal_does_not_wait_for_another_that_is_down(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage, lines=2) as (here, journal):
            [endpoint] = here.tenant.endpoints
            [route] = here.tenant.routes
            down = replace(endpoint, name="doctor", url="http://127.0.0.1:9")
            here.change(endpoints=(endpoint, down), routes=(route, replace(route, endpoint="doctor")))
            await here.post(note("original", "wrong", name="n1"))
            await here.post(note("corrected", "right", name="n1"))
            await here.run(15)
            return journal.titles

    assert asyncio.run(run()) == ["original", "corrected"]
