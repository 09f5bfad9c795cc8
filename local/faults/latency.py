"""What waits for whom, each in one run of the whole host: one endpoint that stalls, and an alarm behind a heap of routine messages."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from statistics import median

from local.bench.figures import percentile
from local.faults.ground import Ground
from local.faults.host import Wire, hosted
from local.faults.judge import Note, Row, judge
from local.faults.messages import MARK, PATIENTS, Message, alarm, note, weight
from local.faults.town import register, town
from local.terminal import Step

STALL = 30.0  # seconds for each call
PACE = 0.15  # seconds between two messages to each municipality: two cores play hub, storage, journals and senders, and must not be full
WARM = 2.0  # seconds of messages that are not measured
DRAINED = 60.0  # seconds until what the stalled endpoint missed stands there
TAKES = 0.05  # seconds for each call to the journal with the heap, alone and behind it
SPACING = 0.3  # seconds between two alarms
ITEMS = 100  # readings in a payload of the heap
STALLED, OTHERS = "310123450", ("310123451", "310123452")
HEAPED = "310123453"
USUAL = {"HUB_RETRY_SCALE": "1"}  # and the product's own time-outs
STALLING: Mapping[str, str | float] = {"mode": "stall", "delay": STALL}
SHORT = {"HUB_RETRY_SCALE": "0.1", "HUB_CALL_TIMEOUT_SECONDS": "2"}  # the quick version's: what stalled is tried again soon
Sent = dict[str, float]  # when each mark was sent, seconds since 1970


def stall(ground: Ground, seconds: float, rounds: int, settings: Mapping[str, str] = USUAL) -> Row:
    """`rounds` stretches of so many seconds without and with the endpoint that stalls, in turn."""
    step = Step("Measuring beside an endpoint that stalls 30 s per call")
    row = asyncio.run(_stall(ground, seconds, rounds, settings))
    row.scenario = "stall"
    step.done()
    return row


async def _stall(ground: Ground, seconds: float, rounds: int, settings: Mapping[str, str]) -> Row:
    storage, row = ground.account(), Row("")
    journals = {orgnr: f"journal-stall-{orgnr}" for orgnr in (STALLED, *OTHERS)}
    await register(storage, *(town({"epj": f"{ground.journal}/{each}"}, orgnr=orgnr) for orgnr, each in journals.items()))
    sent: tuple[Sent, Sent] = {}, {}  # without, with
    async with hosted(ground, storage, "host-stall", settings) as wire:
        await _load(wire, {}, min(WARM, seconds / 2), 0)
        for number in range(1, 2 * rounds + 1):
            with_it = number % 2 == 0
            ground.tell(journals[STALLED], **(STALLING if with_it else {}))
            await _load(wire, {}, min(WARM, seconds / 2), number * 1000)  # after a pause the first messages wait for a poll
            await _load(wire, sent[with_it], seconds, number * 1000 + 500)
            ground.tell(journals[STALLED])
            await _drained(ground, journals[STALLED], wire)  # or it would be sent, and be in the way, while nothing stalls
        row.stuck = await wire.unended()
    seen: Sent = {}
    for orgnr, journal in journals.items():
        notes = ground.notes(journal)
        row.add(judge([one for one in wire.told if one.message.mark.endswith(orgnr[-1])], notes))
        seen |= _seen(notes)
    without, beside = (percentile(_waits(some, seen), 99) for some in sent)
    middle = [_ms(median(_waits(some, seen))) for some in sent]
    row.figures = {"p99_ms_without": _ms(without), "p99_ms_beside": _ms(beside), "ratio": round(beside / without, 2)} | {
        "p50_ms_without": middle[0],
        "p50_ms_beside": middle[1],
    }
    return row


async def _drained(ground: Ground, journal: str, wire: Wire) -> None:
    due, until = sum(one.message.mark.endswith(STALLED[-1]) for one in wire.told), time.monotonic() + DRAINED
    while ground.count(journal, "stored") < due and time.monotonic() < until:  # noqa: ASYNC110 -- a journal tells nobody
        await asyncio.sleep(0.2)


async def _load(wire: Wire, sent: Sent, seconds: float, first: int) -> None:
    """Notes at an even pace to every municipality; those to the others are remembered. A note's last digit is its municipality's."""
    sending, until = [], time.monotonic() + seconds
    number = first
    while time.monotonic() < until:
        for orgnr in (STALLED, *OTHERS):
            message = note(number * 10 + int(orgnr[-1]), PATIENTS[number % 4])
            sending.append(asyncio.create_task(wire.send(orgnr, [message])))
            if orgnr in OTHERS:
                sent[message.mark] = time.time()
        number += 1
        await asyncio.sleep(PACE)
    await asyncio.gather(*sending)


def heap(ground: Ground, routine: int, alarms: int) -> Row:
    """So many alarms alone, and as many behind so many routine messages to the same journal."""
    step = Step(f"Measuring alarms behind {routine} routine messages")
    row = asyncio.run(_heap(ground, routine, alarms))
    row.scenario = "heap"
    step.done()
    return row


async def _heap(ground: Ground, routine: int, alarms: int) -> Row:
    storage, journal = ground.account(), "journal-heap"
    await register(storage, town({"epj": f"{ground.journal}/{journal}"}, orgnr=HEAPED, lines=4, patients=PATIENTS))
    async with hosted(ground, storage, "host-heap", USUAL) as wire:
        ground.tell(journal, mode="stall", delay=TAKES)
        await _alarms(wire, 5, 50_000)  # warm
        alone = await _alarms(wire, alarms, 60_000)
        await asyncio.gather(*(wire.send(HEAPED, *_payload(first)) for first in range(0, routine, ITEMS)))
        behind = await _alarms(wire, alarms, 70_000)
        left = len(wire.told) - ground.count(journal, "stored")
        ground.tell(journal)
        unended = await wire.unended()
    notes = ground.notes(journal)
    row, seen = judge(wire.told, notes, unended), _seen(notes)
    first, second = (median(_waits(some, seen)) for some in (alone, behind))
    row.figures = {"p50_ms_alone": _ms(first), "p50_ms_behind": _ms(second), "ratio": round(second / first, 2), "still_waiting": left}
    return row


def _payload(first: int) -> tuple[list[Message], bytes]:
    """Readings in one array, and the array."""
    messages = [weight(number, PATIENTS[number % len(PATIENTS)]) for number in range(first, first + ITEMS)]
    return messages, b"[" + b",".join(message.body for message in messages) + b"]"


async def _alarms(wire: Wire, count: int, first: int) -> Sent:
    sent: Sent = {}
    for number in range(first, first + count):
        message = alarm(number, PATIENTS[number % len(PATIENTS)])
        sent[message.mark] = time.time()
        await wire.send(HEAPED, [message])
        await asyncio.sleep(SPACING)
    return sent


def _seen(notes: Iterable[Note]) -> Sent:
    """When each mark came."""
    return {mark: one.at for one in notes for mark in MARK.findall(one.text)}


def _waits(sent: Sent, seen: Sent) -> list[float]:
    return [seen[mark] - at for mark, at in sent.items() if mark in seen]


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
