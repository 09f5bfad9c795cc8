"""One life of the app in a run of crash.py: what its senders send, whose hands are in it besides, and where it dies."""

import json
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import Path

from aiohttp import ClientSession

from local.faults.app import Time, app, drain
from local.faults.hands import ABOUT, HANDS, VKP_ID, Scene
from local.faults.judge import Told
from local.faults.messages import ALARMS, PATIENTS, ROUTINES, Message, alarm, handed_over, note, weight, word
from local.faults.points import POINTS, lay
from local.faults.sender import Senders
from local.faults.town import register, settings, town
from shared.access.rows import Alarms, Auth, Route, Tenant
from shared.domain.message import Lane
from shared.flow.shelves import clear
from shared.flow.sweep import forget, purge
from shared.hub import Hub

CRASHED = 70
REREAD = 11.0  # seconds until the register is read again
OLD = 80 * 3600.0  # seconds after which everything delivered is purged (retention of 72 h)
HANDED_OVER = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHARED = "0f4c2a10-0000-4000-8000-000000000077"
WAYS = (("bundle", ""), ("transaction", "/fhir-store"), ("note", "/note"))  # to the journal, and where it takes what comes by it
ONLY = {"followed": ("jft", ""), "refuses": ("bundle", "")}  # a sandbox that refuses all says so to questions too, which are asked again
CENTRE = "centre"  # the second route of alarms
MODES: tuple[Mapping[str, str], ...] = (
    {},
    {},
    {"mode": "fail"},
    {"mode": "fail-after"},
    {"mode": "cut"},
    {"mode": "cut-after"},
    {"mode": "garbage"},
)
FORGETFUL = {"mode": "forget"}  # stores every copy: only who asks it first is safe, which this way can
WANTED: Mapping[str, Mapping[str, str | int]] = {  # what the journal must do for a step to be reached
    "fetched": {},  # nobody calls it but its own
    "unread": {},
    "refuses": {"mode": "refuse", "status": 422},
    "second": {"mode": "fail", "calls": 20},  # long enough for an alarm to be overdue
    "fails": {"mode": "fail", "calls": 2},
    "down": {"mode": "fail", "calls": 8},
}


@dataclass(slots=True)
class Run:
    """`steps`: where each life but the last dies, and at which call. `crashed`: where they did."""

    seed: str
    steps: list[tuple[str, int]]
    storage: str
    journal: str
    url: str
    folder: Path
    life: int = 0
    began: float = 0.0
    crashed: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """What the senders know, and what the clock said."""
        return self.folder / f"{self.journal}.jsonl"

    @property
    def needs(self) -> set[str]:
        return {word for step, _ in self.steps for word in POINTS[step].needs.split()}

    @property
    def centre(self) -> str:
        """The journal of the second route, or of the response centre."""
        return f"{self.journal}-{CENTRE}"


async def live(run: Run) -> None:
    """Until all is at its end, or until it dies."""
    messages, draw = messages_of(run), random.Random(f"{run.seed}/{run.life}")  # noqa: S311 -- no secret
    senders, last = remembered(run, messages)
    world = Time(last.get("ahead", 0.0) + (run.life and draw.choice((0.0, 25.0))))
    with run.file.open("ab", buffering=0) as file:
        if run.life == 0:
            await register(run.storage, municipality(run))
        if run.life < len(run.steps):
            step, nth = run.steps[run.life]
            lay(POINTS[step], nth, lambda: os._exit(CRASHED))
        _remember(file, senders, world)
        hidden, began = "hidden" in run.needs and run.life == 0, world.ahead
        again = run.life > 0
        async with app(settings(run.storage), world.clock(), made=again, copies=lambda: int(not hidden or world.ahead != began)) as one:
            if run.life == 0:
                await _misbehave(run, one.hub.http, draw)
            if run.life == 0 and "resized" in run.needs:
                await senders.send_all([one], messages[: len(messages) // 2])
                await register(run.storage, municipality(run, lines=5))
                world.ahead += REREAD
            await senders.send_all([one], messages[:-1], senders.taken)  # the last one corrects another, and comes after it
            await senders.send_all([one], messages, senders.taken)
            await drain(world, [one], lambda: senders.all_ended(one))
            scene = Scene(one, world, senders, f"{run.url}/{run.journal}", f"{run.url}/_sandbox/{run.journal}", run.seed)
            scene.moved = lambda: _write(file, {"ahead": world.ahead})
            left = sum([await HANDS[need](scene) for need in sorted(run.needs & set(HANDS))])
            if "age" in run.needs:
                await _age(world, one.hub, file)
                senders.ended.clear()
            unended = await senders.unended(one)
        _write(file, {"unended": len(unended) + left})


async def _misbehave(run: Run, http: ClientSession, draw: random.Random) -> None:
    drawn = FORGETFUL if way(run)[0] == "note" else {"calls": 2, **draw.choice(MODES)}
    mode = next((WANTED[need] for need in WANTED if need in run.needs), drawn)
    if "mode" in mode:
        url = f"{run.url}/_sandbox/{run.journal}/behaviour"
        async with http.put(url, json=mode) as answer:
            answer.raise_for_status()


async def _age(world: Time, hub: Hub, file: RawIOBase) -> None:
    """Everything that ended grows old and is purged; ids of a month ago are forgotten."""
    world.ahead += OLD
    _write(file, {"ahead": world.ahead})
    for lane in Lane:
        await purge(hub, lane)
    await clear(hub)
    await forget(hub)


def municipality(run: Run, lines: int = 2) -> Tenant:
    devices = handed_over(SHARED, PATIENTS[0], PATIENTS[1], HANDED_OVER)
    adapter, path = way(run)
    urls = {"epj": f"{run.url}/{run.journal}{path}", CENTRE: f"{run.url}/{run.centre}{path}"}
    tenant = town(urls, adapter=adapter, lines=lines, patients=PATIENTS[:2], devices=devices)
    epj, centre = tenant.endpoints
    if run.needs & {"fetched", "unread"}:
        epj = replace(epj, adapter="pull", url="", auth=Auth("token", "", VKP_ID, ()))
    if "second" in run.needs:
        return replace(tenant, endpoints=(replace(epj, alarms=Alarms(CENTRE)), centre), routes=tenant.routes[:1])
    if "answered" in run.needs:
        centre, alarms = replace(centre, adapter="response_centre", url=f"{run.url}/{run.centre}/webhook"), (Lane.ALARM,)
        return replace(tenant, endpoints=(epj, centre), routes=(tenant.routes[0], Route(CENTRE, (), (), alarms)))
    return replace(tenant, endpoints=(epj,), routes=tenant.routes[:1])


def way(run: Run) -> tuple[str, str]:
    drawn = random.Random(f"{run.seed}/way").choice(WAYS)  # noqa: S311 -- no secret
    return next((ONLY[need] for need in ONLY if need in run.needs), drawn)


def messages_of(run: Run) -> list[Message]:
    """Kinds drawn by the seed; then a correction, a repeated payload, a scale that two people had, what a response centre says of alarms,
    and a correction that names another patient."""
    draw, found = random.Random(f"{run.seed}/messages"), []  # noqa: S311 -- no secret
    for place in range(6):
        kinds = ALARMS if place % 3 == 0 else ROUTINES
        found.append(draw.choice(kinds)(place, PATIENTS[place % 2]))
    found += [note(20, PATIENTS[0]), note(21, PATIENTS[0], own=20)]
    found += [draw.choice(found[:6]), found[6]]
    for place, hour in enumerate((9, 14)):
        whose = PATIENTS[0] if hour < HANDED_OVER.hour else PATIENTS[1]
        found.append(weight(30 + place, whose, HANDED_OVER.replace(hour=hour), SHARED))
    if "answered" in run.needs:
        found += [alarm(40, PATIENTS[0]), alarm(ABOUT, PATIENTS[0]), word(42, PATIENTS[0], 40), word(43, PATIENTS[0], ABOUT, own=42)]
        found.append(word(44, PATIENTS[0], 99))  # of an alert that nobody knows
    return [*found, note(22, PATIENTS[0]), note(23, PATIENTS[1], own=22)]


def remembered(run: Run, messages: Sequence[Message]) -> tuple[Senders, dict[str, float]]:
    """What the senders know after the lives so far, and the last that was written of everything else."""
    senders = Senders()
    last: dict[str, float] = {}
    for line in run.file.read_text().splitlines() if run.file.exists() else ():
        row = json.loads(line)
        if "number" in row:
            told = senders.told.setdefault(row["number"], Told(messages[row["number"]], row["at"]))
            if row["receipt"]:
                told.answered = row["at"]
                told.receipts.append(row["receipt"])
        else:
            last |= row
    return senders, last


def _remember(file: RawIOBase, senders: Senders, world: Time) -> None:
    def heard(number: int, receipt: str) -> None:
        _write(file, {"number": number, "receipt": receipt, "at": time.monotonic(), "ahead": world.ahead})

    senders.heard = heard


def _write(file: RawIOBase, row: Mapping[str, object]) -> None:
    """One write, whole or not at all; it outlives the process."""
    file.write(json.dumps(row).encode() + b"\n")
