"""What an operator reads of one message: why it waits and until when, all that was done with it, and reasons in bokmål."""

import ast
import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.access.register import Register, Stop
from shared.domain import strict, wild
from shared.domain.answer import ASKED, UNASKED
from shared.flow.breaker import pace
from shared.messages.edits import PARCELS, RECEIPTS, Order, Verb
from shared.messages.history import history
from shared.messages.reasons import reason
from shared.messages.story import told
from shared.messages.words import time
from tests.test_forward import HOUR, answering, down_for, journalled
from tests.test_messages import do, refusing_once
from tests.test_transform import NOON, Town, note

ROOT = Path(__file__).parent.parent


async def read(here: Town, receipt: str) -> str:
    found = await history(here.hub, receipt)
    assert found
    return told(found)


def hold(here: Town, **what: str) -> None:
    """Traffic is stopped by hand."""
    stop = Stop(here.tenant.orgnr, what.get("sender", ""), what.get("endpoint", ""), NOON - HOUR, "kari", "vedlikehold")
    here.book.register = Register({here.tenant.orgnr: here.tenant}, [stop])


# why it waits


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"endpoint": "journal"}, "  venter: det som skal til journal er stoppet for hånd siden"),
        ({}, "  venter: all trafikk i kommunen er stoppet for hånd siden"),
    ],
    ids=["endpoint", "municipality"],
)
def test_a_parcel_that_a_hand_holds_back_says_since_when_by_whom_and_what_lets_it_go(storage: str, what: dict[str, str], says: str) -> None:
    async def run() -> str:
        async with journalled(storage, answering(503)) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            hold(here, **what)
            return await read(here, receipt)

    lines = asyncio.run(run()).splitlines()
    assert f"{says} {time(NOON - HOUR)} av kari: vedlikehold" in lines
    assert lines[-1] == "  neste forsøk når ./hub messages start slipper det løs"


@pytest.mark.parametrize(("what", "says"), [({"sender": "cloud"}, "det som kommer fra cloud"), ({}, "all trafikk i kommunen")])
def test_a_message_that_a_hand_holds_back_before_its_turn_says_so_too(storage: str, what: dict[str, str], says: str) -> None:
    async def run() -> tuple[str, str]:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("a"))
            before = await read(here, receipt)
            hold(here, **what)
            return before, await read(here, receipt)

    before, stopped = asyncio.run(run())
    assert "Venter      på å bli behandlet" in before
    assert (
        f"Venter      {says} er stoppet for hånd siden {time(NOON - HOUR)} av kari: vedlikehold\n            behandles når ./hub" in stopped
    )


def test_a_parcel_behind_an_earlier_one_of_the_same_patient_names_it_and_says_when_that_is_tried(storage: str) -> None:
    async def run() -> tuple[str, str, str, float]:
        async with journalled(storage, lambda _patient, title: answering(503)("", "") if title == "first" else None) as (here, _):
            first = await here.post(note("first"))
            await here.run()
            behind = await here.post(note("second"))
            await here.post(note("another's", "2"))
            await here.run()
            found = await history(here.hub, first)
            assert found
            [parcel] = found.message.parcels
            return parcel.name, told(found), await read(here, behind), parcel.state["not_before"]

    name, first, behind, due = asyncio.run(run())
    assert first.splitlines()[-1] == f"  neste forsøk {time(due)}"
    assert behind.splitlines()[-2:] == [
        f"  venter på en tidligere levering: {name}",
        f"  neste forsøk når den er levert, parkert eller slettet; den prøves {time(due)}",
    ]


def test_a_parcel_to_an_endpoint_that_answers_nobody_says_since_when_and_when_it_is_tried(storage: str) -> None:
    async def run() -> tuple[str, bool, float, float]:
        async with journalled(storage, answering(503)) as (here, _):
            for patient in "123":
                receipt = await here.post(note(f"of {patient}", patient))
                await here.run()
            [line] = await here.lines()
            head = await here.hub.parcels.lines.head(line)
            assert head
            [endpoint] = here.tenant.endpoints
            since = (await here.hub.breakers.read(here.tenant.orgnr, "journal")).since
            return await read(here, receipt), pace(here.hub, endpoint).open, since, head.not_before

    text, is_open, since, due = asyncio.run(run())
    assert is_open
    assert text.splitlines()[-2:] == [
        f"  venter: endepunktet svarer ikke, siden {time(since)}: journalen svarte 503",
        f"  neste forsøk tidligst {time(due)}; ett dokument om gangen i hver linje",
    ]


def test_a_parcel_whose_endpoint_the_register_has_closed_says_so(storage: str) -> None:
    async def run() -> str:
        async with journalled(storage, answering(503)) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            here.change(endpoints=(replace(here.tenant.endpoints[0], active=False),))
            return await read(here, receipt)

    assert asyncio.run(run()).splitlines()[-1] == "  neste forsøk når registeret sier active = true"


def test_a_correction_names_the_original_that_it_waits_for(storage: str) -> None:
    async def run() -> tuple[str, str]:
        async with journalled(storage, answering(503)) as (here, _):
            first = await here.post(note("original", "1", name="n1"))
            await here.run()
            corrected = await here.post(note("corrected", "2", name="n1"))
            await here.run()
            found = await history(here.hub, first)
            assert found
            return found.message.parcels[0].name, await read(here, corrected)

    name, text = asyncio.run(run())
    assert f"  venter på en tidligere levering: {name}\n" in text


# all that was done with it


def test_attempts_and_acts_are_told_in_order_after_delete_and_restore(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage, answering(503)) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run()
            for verb, why in ((Verb.PARK, "feil journal"), (Verb.DELETE, "dobbelt"), (Verb.RESTORE, ""), (Verb.RESEND, "")):
                here.clock.now += 60
                await do(here, verb, receipt, why=why)
            journal.behave = down_for()
            await here.run(HOUR)
            return (await read(here, receipt)).splitlines()

    lines = asyncio.run(run())
    past = [line[23:] for line in lines[lines.index("  endepunkt journal, levert") + 1 :]]
    assert past[:5] == [
        "journalen svarte 503",
        "parkert for hånd: feil journal",
        "slettet for hånd: dobbelt",
        "hentet tilbake for hånd",
        "sendt på nytt for hånd",
    ]
    assert past[5].startswith("levert, svar 201") and len(past) == 6


def test_what_was_deleted_still_tells_what_it_had_come_to(storage: str) -> None:
    async def run() -> str:
        async with journalled(storage, refusing_once(["a"])) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            here.clock.now += 60
            await do(here, Verb.DELETE, receipt, why="dobbelt")
            return await read(here, receipt)

    assert [line[23:] for line in asyncio.run(run()).splitlines()[-2:]] == ["parkert: journalen svarte 422", "slettet for hånd: dobbelt"]


def test_a_receipt_keeps_what_was_done_with_it_when_it_is_restored_and_transformed_anew(storage: str) -> None:
    async def run() -> tuple[str, str]:
        async with journalled(storage) as (here, _):
            here.change(routes=())
            receipt = await here.post(note("a"))
            await here.run()
            for verb, why in ((Verb.DELETE, "dobbelt"), (Verb.RESTORE, ""), (Verb.TRANSFORM, "")):
                here.clock.now += 60
                await do(here, verb, receipt, why=why)
            await here.run()
            return await read(here, receipt), receipt

    text, _ = asyncio.run(run())
    assert "Lagt til side\n  del 0: ingen rute fører til en journal (legg en rute til i kommunens register)\nGjort for hånd\n" in text
    acts = text.partition("Gjort for hånd\n")[2].splitlines()
    assert [line[23:] for line in acts] == ["slettet for hånd: dobbelt", "hentet tilbake for hånd", "behandlet på nytt for hånd"]


def test_a_receipt_that_waits_to_be_transformed_anew_is_as_it_was_after_delete_and_restore() -> None:
    """It forgot which of its parcels were in line already: they would have been put there a second time."""
    before = {
        "end": "transformed",
        "items": 2,
        "documents": 1,
        "set_aside": 1,
        "problems": [[1, "r", ""]],
        "aside": [1],
        "parcels": {"l": [7]},
    }
    anew = RECEIPTS[Verb.TRANSFORM](before, Order(Verb.TRANSFORM, 1.0, "kari"))
    assert anew
    deleted = RECEIPTS[Verb.DELETE](anew, Order(Verb.DELETE, 2.0, "kari", "prøve"))
    assert deleted
    restored = RECEIPTS[Verb.RESTORE](deleted, Order(Verb.RESTORE, 3.0, "kari"))
    assert restored and "end" not in restored
    assert {name: restored[name] for name in before if name != "end"} == {name: before[name] for name in before if name != "end"}


def test_a_receipt_that_never_had_its_turn_has_nothing_else_after_delete_and_restore() -> None:
    deleted = RECEIPTS[Verb.DELETE]({}, Order(Verb.DELETE, 2.0, "kari", "prøve"))
    assert deleted
    restored = RECEIPTS[Verb.RESTORE](deleted, Order(Verb.RESTORE, 3.0, "kari"))
    assert restored and set(restored) == {"acts", "again"}


def test_acts_are_remembered_like_attempts_the_first_ones_and_the_last_ones() -> None:
    state: dict[str, Any] = {"end": "delivered", "at": 0.0, "answer": 201, "name": ""}
    for at in range(30):
        state = PARCELS[Verb.RESEND](state, Order(Verb.RESEND, float(at), "kari", batch=f"j{at}")) or {}
        state = {**state, "end": "delivered", "at": at + 0.5, "answer": 201, "name": ""}
    assert [at for at, *_ in state["acts"]] == [*range(10), *range(20, 30)]


# in bokmål

SAID = (  # where sentences come from that end in a message's history
    *("shared/domain/answer.py", "shared/domain/clock.py", "shared/domain/wild.py", "shared/flow/attempt.py", "shared/flow/deliver.py"),
    *(
        "shared/flow/follow.py",
        "shared/flow/schedule.py",
        "shared/flow/transform.py",
        "shared/door/credentials.py",
        "shared/door/exchange.py",
    ),
    *("shared/door/holdings.py", "shared/door/tokens.py"),
)
ASKED_ONLY = ("adapters/epj/fhir/",)  # look-ups: their reasons go to whoever asks
VALUE = "7"  # stands where a sentence has a value
SENTENCE = re.compile(r"[A-Za-z]+('s)?,? .*[a-z0-9).]|Send it.")
SAYERS = ("Refused", "Unavailable", "ClockError", "_No", "_refuse", "_parked", "_set_aside", "Problem")


def sentences(file: Path) -> Iterator[str]:
    """What is raised or written down as a reason, with a value in each gap."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAYERS:
            yield from (text for argument in node.args if (text := _text(argument)))
        if isinstance(node, ast.Dict):
            yield from (
                text
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "reason" and (text := _text(value))
            )


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or VALUE for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


FILES = [*(ROOT / name for name in SAID), *(ROOT / "adapters/epj").rglob("*.py")]
ALL = sorted(
    {
        text
        for file in FILES
        if not file.relative_to(ROOT).as_posix().startswith(ASKED_ONLY)
        for text in sentences(file)
        if SENTENCE.fullmatch(text)
    }
)


def test_there_are_sentences_to_look_at() -> None:
    assert len(ALL) > 60


@pytest.mark.parametrize("sentence", ALL)
def test_every_reason_of_the_hubs_own_is_told_in_bokmaal(sentence: str) -> None:
    assert reason(sentence) != sentence
    assert sentence.count(VALUE) == reason(sentence).count(VALUE), "no value is left out"


@pytest.mark.parametrize(
    ("sentence", "bokmaal"),
    [
        ("the journal answered 503; given up after 7 days", "journalen svarte 503; gitt opp etter 7 døgn"),
        ("asked whether it has the document: the journal answered 500", "spurt om dokumentet finnes der: journalen svarte 500"),
        (f"{UNASKED}the journal answered 403", "lar seg ikke spørre om dokumentet finnes der: journalen svarte 403"),
        (f"{ASKED}no answer in time", "spurt om dokumentet finnes der: ikke noe svar i tide"),
        ("$.reading[0].sys: expected a number", "$.reading[0].sys: skulle vært et tall"),
        (
            "$.subject.identifier.value: is no valid fødselsnummer (VKP 2.1)",
            "$.subject.identifier.value: er ikke et gyldig fødselsnummer (VKP 2.1)",
        ),
        (strict.NUMBER, "Send et tall som 82.5: under 1e9, høyst 12 siffer, uten enhet."),
        (wild.TIME, "Send dato og tid som 2026-03-02T08:03:11+01:00: med sekunder og avstand fra UTC, mellom 2000 og 2100."),
        (wild.OBJECT, "Send et objekt: {...}."),
        ("$.mrq: has a tag that SCAIP does not know", "$.mrq: has a tag that SCAIP does not know"),
    ],
)
def test_sentences_that_hold_others_are_told_whole_and_a_formats_own_stay(sentence: str, bokmaal: str) -> None:
    assert reason(sentence) == bokmaal
