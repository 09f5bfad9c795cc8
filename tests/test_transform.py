"""From receipts to parcels, with a real storage emulator: who is whose duplicate, what is set aside, and what a crash leaves behind.

`town` is also what the tests of forward and sweep run on: a hub in this process, a municipality of its own, and a host and a clock
that the test moves. Queue messages come when that clock says so; all else that the hub meets is real.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from heapq import heappop, heappush
from itertools import cycle
from typing import Any

import orjson
import pytest
from azure.core.exceptions import HttpResponseError

from adapters.devices.vkp.adapter import ADAPTER as VKP
from shared.access.register import Auth, Endpoint, Register, Route, Sender, Tenant
from shared.domain.adapter import Adapter
from shared.domain.event import Event
from shared.domain.message import Lane
from shared.door import adapters
from shared.flow.forward import forward
from shared.flow.receive import Payload, receive
from shared.flow.status import status
from shared.flow.transform import transform
from shared.hub import Bells, Hub, hub_on, open_hub
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.append import Addition
from shared.storage.lines import Hold, Lines, Outcome
from shared.storage.packs import Entry
from shared.storage.queues import RECEIPTS, Queues
from shared.storage.register_rows import Registers

READY: set[str] = set()  # storage in which tables and queues are
NOON = 1_795_348_800.0
TRIES = 5  # of the host for one queue message; then it is poison
LATENCY = 0.005  # seconds from the end of a delay until a worker has the message
SECRET = {"CLOUD_SECRET": "a-secret-of-these-tests"}
HEADERS = {"x-secret": "a-secret-of-these-tests"}


class Clock:
    """Seconds since 1970, moved by the test."""

    now = NOON

    def __call__(self) -> float:
        return self.now


class Host(Queues):
    """Queues and host in one: a message comes when the test's clock says so, again at once if it failed, and at most five times."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.messages: list[tuple[float, int, int, str, list[str]]] = []  # due, number, tries, half, lines
        self.sent = 0
        self.poison: list[list[str]] = []

    async def put(self, half: str, lines: list[str], delay: float = 0.0) -> None:
        hidden = int(delay + 0.999)  # whole seconds, as the real one hides it
        self._push(self.clock() + (hidden + LATENCY if hidden else 0.0), 1, half, lines)

    def _push(self, due: float, tries: int, half: str, lines: list[str]) -> None:
        self.sent += 1
        heappush(self.messages, (due, self.sent, tries, half, lines))

    async def run(self, hub: Hub, until: float, *others: Hub) -> None:
        """Everything that comes up to then; what comes at the same moment is worked on side by side. `others`: instances beside that
        one, which take messages in turn."""
        hubs = cycle((hub, *others))
        while self.messages and self.messages[0][0] <= until:
            self.clock.now = max(self.clock.now, self.messages[0][0])
            due = []
            while self.messages and self.messages[0][0] <= self.clock.now:
                due.append(heappop(self.messages))
            await asyncio.gather(*(self._work(next(hubs), *message[2:]) for message in due))
        self.clock.now = max(self.clock.now, until)

    async def _work(self, hub: Hub, tries: int, half: str, lines: list[str]) -> None:
        try:
            await (transform if half == RECEIPTS else forward)(hub, lines)
        except Exception:  # whatever the functions raise, the host tries again
            if tries == TRIES:
                self.poison.append(lines)
            else:
                self._push(self.clock(), tries + 1, half, lines)


class Impatient(Bells):
    """Nobody waits for a ring: real seconds, in which nothing would happen here."""

    async def rings_within(self, line: str, seconds: float) -> bool:
        return await super().rings_within(line, 0.0)


class Book(Registers):
    """The register with one municipality, changed by the test."""

    def __init__(self, tenant: Tenant) -> None:
        self.register = Register({tenant.orgnr: tenant})

    async def current(self) -> Register:
        return self.register

    async def refresh(self) -> None:
        """Always fresh."""

    def change(self, *tenants: Tenant) -> None:
        self.register = Register({tenant.orgnr: tenant for tenant in tenants})


@dataclass(slots=True)
class Town:
    """A municipality with one sender, `cloud`, and the hub."""

    tenant: Tenant
    hub: Hub
    clock: Clock
    host: Host
    book: Book
    storage: str = field(repr=False)

    async def post(self, body: bytes, adapter: str = "vkp", headers: Mapping[str, str] = HEADERS) -> str:
        """The receipt's name."""
        resource = orjson.loads(body)["resourceType"].lower() if adapter == "vkp" else ""
        reply = await receive(self.hub, Payload(self.tenant.orgnr, adapter, headers, body, resource))
        assert reply.status == 202, reply.body
        return reply.headers["Location"].rsplit("/", 1)[1]

    async def run(self, seconds: float = 0.0, *others: Hub) -> None:
        """The host, for so long. `others`: instances beside this one."""
        await self.host.run(self.hub, self.clock() + seconds, *others)

    async def told(self, receipt: str, headers: Mapping[str, str] = HEADERS) -> dict[str, Any]:
        """What the sender is told when it asks."""
        reply = await status(self.hub, receipt, headers, f"/api/v1/receipts/{receipt}")
        return dict(orjson.loads(reply.body))

    def change(self, **changes: Any) -> None:
        """The register, from now on."""
        self.tenant = replace(self.tenant, **changes)
        self.book.change(self.tenant)

    def line(self, lane: Lane = Lane.ROUTINE) -> str:
        """Where its receipts wait."""
        return f"{self.tenant.orgnr}~cloud~{lane}"

    async def lines(self) -> list[str]:
        """Where its parcels wait, or ever waited."""
        return [line for line in await self.hub.parcels.appender.lines() if line.startswith(self.tenant.orgnr)]

    async def parcels(self) -> list[tuple[Entry, bytes]]:
        """Those that wait, line by line, in order."""
        found = []
        for line in await self.lines():
            packs, _ = await self.hub.parcels.lines.waiting(line, 0, 200)
            found += [each for pack in packs for each in zip(pack.entries, pack.bodies, strict=True)]
        return found

    async def titles(self) -> list[str]:
        return [str(orjson.loads(body)["title"]) for _, body in await self.parcels()]


def settings(storage: str) -> Settings:
    env = {
        "AzureWebJobsStorage": storage,
        "HUB_PATIENT_KEY": "k" * 32,
        "HUB_ENVIRONMENT": "test",
        "HUB_CALL_TIMEOUT_SECONDS": "0.4",
        **SECRET,
    }
    return Settings.from_env(env)


def municipality(url: str, lines: int, active: bool) -> Tenant:
    """As its TOML file would say it."""
    orgnr = f"9{int.from_bytes(os.urandom(4), 'big') % 10**8:08}"
    auth = Auth("header", "x-secret", "", tuple(SECRET))
    sender = Sender("cloud", orgnr, "Prøvesky", ("vkp", "tenovi"), auth, True)
    endpoint = Endpoint("journal", orgnr, "Journal", "bundle", f"{url}/journal", lines, active, None)
    return Tenant(orgnr, "Eksempel kommune", True, 72, (sender,), (endpoint,), (Route("journal", (), (), ()),), ())


@asynccontextmanager
async def town(storage: str, url: str = "http://127.0.0.1:9", lines: int = 1, *, active: bool = False) -> AsyncIterator[Town]:
    """`active`: whether the journal takes what waits for it; without, it stays in line."""
    clock, tenant = Clock(), municipality(url, lines, active)
    host, book = Host(clock), Book(tenant)
    async with opened(storage, clock, host, book) as hub:
        yield Town(tenant, hub, clock, host, book, storage)


@asynccontextmanager
async def opened(storage: str, clock: Clock, host: Host, book: Book) -> AsyncIterator[Hub]:
    """An instance of the app. Only the first one looks whether tables and queues are there: that takes longer than many a test."""
    how = settings(storage)
    hub = hub_on(Account(how), how, clock) if storage in READY else await open_hub(how, clock)
    READY.add(storage)
    hub.queues, hub.registers = host, book
    hub.receipts.bells, hub.parcels.bells = Impatient(), Impatient()
    try:
        yield hub
    finally:
        await hub.close()


@asynccontextmanager
async def another(first: Town) -> AsyncIterator[Hub]:
    """A second instance on the same storage, clock, queues and register."""
    async with opened(first.storage, first.clock, first.host, first.book) as hub:
        yield hub


def note(title: str, patient: str = "1", name: str = "") -> bytes:
    """A national note. `name`: the sender's own id of it."""
    return orjson.dumps(
        {
            "resourceType": "Composition",
            "identifier": {"system": "https://cloud.example/notes", "value": name or title},
            "status": "final",
            "subject": {"identifier": {"system": "https://epj.example/patients", "value": patient}},
            "title": title,
        }
    )


def use(monkeypatch: pytest.MonkeyPatch, adapter: Adapter) -> None:
    """This hub's folder `vkp` holds another adapter."""
    monkeypatch.setattr(adapters, "device", lambda name: adapter if name == "vkp" else None)


SHOUTING = replace(VKP, lane=lambda items: Lane.ALARM if items[0].resource["title"].text().startswith("alarm") else Lane.ROUTINE)


def with_bug(title: str, fallen: list[str]) -> Adapter:
    """Brings its worker down at every payload with this title, and notes it."""

    def decode(item: Any) -> Sequence[Event]:
        if item.resource["title"].text() == title:
            fallen.append(title)
            raise RuntimeError("a bug of ours")
        return VKP.decode(item)

    return replace(VKP, decode=decode)


def raising(times: int, error: Callable[[], Exception]) -> Callable[..., Any]:
    """Wraps a coroutine function: its first calls raise instead of doing anything."""
    left = [times]

    def wrap(work: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            if left[0]:
                left[0] -= 1
                raise error()
            return await work(*args, **kwargs)

        return call

    return wrap


# duplicates and corrections


def test_the_same_payload_twice_in_one_pack_is_one_parcel(storage: str) -> None:
    async def run() -> tuple[list[int], str, dict[str, Any], list[str]]:
        async with town(storage) as here:
            first, second, _ = await asyncio.gather(here.post(note("a")), here.post(note("a")), here.post(note("b")))
            packs = (await here.hub.receipts.lines.look(here.line())).packs
            await here.run()
            return [len(pack.entries) for pack in packs], first, await here.told(second), await here.titles()

    together, first, told, titles = asyncio.run(run())
    assert together == [3]
    assert (told["status"], told["first"]) == ("duplicate", first)
    assert titles == ["a", "b"]


@pytest.mark.parametrize("between", [False, True], ids=["in one turn", "in two turns"])
def test_the_same_payload_twice_in_two_packs_is_one_parcel(storage: str, between: bool) -> None:
    async def run() -> tuple[str, dict[str, Any], list[str]]:
        async with town(storage) as here:
            first = await here.post(note("a"))
            if between:
                await here.run()
            second = await here.post(note("a"))
            await here.run()
            return first, await here.told(second), await here.titles()

    first, told, titles = asyncio.run(run())
    assert (told["status"], told["first"]) == ("duplicate", first)
    assert titles == ["a"]


def test_the_same_id_with_another_body_is_a_correction_that_says_what_it_corrects(storage: str) -> None:
    async def run() -> tuple[str, dict[str, Any], list[tuple[Entry, bytes]]]:
        async with town(storage) as here:
            first = await here.post(note("wrong", name="n1"))
            second = await here.post(note("right", name="n1"))
            await here.run()
            return first, await here.told(second), await here.parcels()

    first, told, parcels = asyncio.run(run())
    assert (told["status"], told["corrects"]) == ("transformed", first)
    assert [orjson.loads(body)["title"] for _, body in parcels] == ["wrong", "right"]
    assert len({entry["id"] for entry, _ in parcels}) == 2, "each with a key of its own"


def test_a_correction_that_comes_again_is_a_duplicate_of_the_correction(storage: str) -> None:
    async def run() -> tuple[str, dict[str, Any], list[str]]:
        async with town(storage) as here:
            await here.post(note("wrong", name="n1"))
            correction = await here.post(note("right", name="n1"))
            await here.run()
            again = await here.post(note("right", name="n1"))
            await here.run()
            return correction, await here.told(again), await here.titles()

    correction, told, titles = asyncio.run(run())
    assert (told["status"], told["first"]) == ("duplicate", correction)
    assert titles == ["wrong", "right"]


def test_a_second_correction_is_a_parcel_too(storage: str) -> None:
    async def run() -> list[str]:
        async with town(storage) as here:
            for title in ("first", "second", "third", "third"):
                await here.post(note(title, name="n1"))
            await here.run()
            return await here.titles()

    assert asyncio.run(run()) == ["first", "second", "third"]


def _reused(storage: str, waits: Sequence[float]) -> list[dict[str, Any]]:
    """One payload again and again, each after so many hours: what became of each."""

    async def run() -> list[dict[str, Any]]:
        async with town(storage) as here:
            told = []
            for wait in waits:
                here.clock.now += wait * 3600
                receipt = await here.post(note("a"))
                await here.run()
                told.append(await here.told(receipt))
            return told

    return asyncio.run(run())


def test_an_id_used_again_after_the_adapters_window_is_a_new_message(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, replace(VKP, window=timedelta(hours=24)))
    first, again = _reused(storage, [0, 25])
    assert (again["status"], again["counts"]["documents"]) == ("transformed", 1)
    assert "corrects" not in again and first["parcels"] != again["parcels"]


def test_an_id_used_again_within_the_adapters_window_is_a_duplicate(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, replace(VKP, window=timedelta(hours=24)))
    assert [told["status"] for told in _reused(storage, [0, 23, 2, 1])] == ["transformed", "duplicate", "transformed", "duplicate"]


def test_an_id_used_again_after_two_windows_is_a_new_message_each_time(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SCAIP controllers count references anew, the body carries no time, and the window is 24 hours."""
    use(monkeypatch, replace(VKP, window=timedelta(hours=24)))
    assert [told["status"] for told in _reused(storage, [0, 25, 25, 25])] == ["transformed"] * 4


# bugs of ours


def test_a_payload_over_which_the_worker_fell_three_times_is_set_aside_and_its_neighbours_go_on(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen: list[str] = []
    use(monkeypatch, with_bug("bad", fallen))

    async def run() -> tuple[dict[str, Any], list[str], list[list[str]]]:
        async with town(storage) as here:
            receipts = [await here.post(note(title)) for title in ("bad", "a", "b")]
            await here.run()
            await here.post(note("c"))
            await here.run()
            return await here.told(receipts[0]), await here.titles(), here.host.poison

    told, titles, poison = asyncio.run(run())
    assert (told["status"], len(fallen), poison) == ("set aside", 3, [])
    assert "fell three times" in told["set_aside"][0]["reason"]
    assert titles == ["a", "b", "c"]


def test_the_good_payload_in_front_of_a_bad_one_is_not_blamed(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, with_bug("bad", []))

    async def run() -> tuple[list[str], list[str]]:
        async with town(storage) as here:
            receipts = [await here.post(note(title)) for title in ("a", "bad", "b")]
            await here.run()
            return [(await here.told(receipt))["status"] for receipt in receipts], await here.titles()

    statuses, titles = asyncio.run(run())
    assert statuses == ["transformed", "set aside", "transformed"]
    assert titles == ["a", "b"]


def test_a_bad_payload_behind_thirty_good_ones_brings_its_worker_down_a_handful_of_times(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen: list[str] = []
    use(monkeypatch, with_bug("bad", fallen))

    async def run() -> list[list[str]]:
        async with town(storage) as here:
            await asyncio.gather(*(here.post(note(f"n{number}")) for number in range(30)))
            await here.post(note("bad"))
            await here.run()
            return here.host.poison

    assert asyncio.run(run()) == []
    assert len(fallen) <= TRIES


def storage_says(status: int) -> HttpResponseError:
    error = HttpResponseError(f"storage says {status}")
    error.status_code = status
    return error


@pytest.mark.parametrize("status", [403, 404, 409, 412, 429, 500, 503])
def test_storage_that_fails_for_a_moment_is_not_blamed_on_the_payload(storage: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host brings a failed message back at once: three times are a second. Azure throttles a busy partition for longer, and a role that
    was just assigned, or a queue that is being made again, is refused for minutes."""

    async def run() -> tuple[dict[str, Any], list[str]]:
        async with town(storage) as here:
            appender = here.hub.parcels.appender
            monkeypatch.setattr(appender, "append", raising(3, lambda: storage_says(status))(appender.append))
            receipt = await here.post(note("a"))
            await here.run(60)
            return await here.told(receipt), await here.titles()

    told, titles = asyncio.run(run())
    assert (told["status"], titles) == ("transformed", ["a"])


def test_a_worker_that_fell_after_handing_over_and_before_committing_hands_over_nothing_twice(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> tuple[list[str], list[str]]:
        async with town(storage) as here:
            receipts = [await here.post(note(title)) for title in "abc"]
            monkeypatch.setattr(Lines, "commit", raising(1, lambda: RuntimeError("killed"))(Lines.commit))
            await here.run(60)
            return [(await here.told(receipt))["status"] for receipt in receipts], await here.titles()

    assert asyncio.run(run()) == (["transformed"] * 3, ["a", "b", "c"])


def test_each_receipt_knows_its_parcel_though_an_earlier_run_handed_it_over(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[tuple[str, str]]:
        async with town(storage) as here:
            receipts = {await here.post(note(title)): title for title in "abc"}
            monkeypatch.setattr(Lines, "commit", raising(1, lambda: RuntimeError("killed"))(Lines.commit))
            await here.run(60)
            return [(title, await _title(here, (await here.told(receipt))["parcels"][0]["parcel"])) for receipt, title in receipts.items()]

    assert asyncio.run(run()) == [("a", "a"), ("b", "b"), ("c", "c")]


async def _title(here: Town, parcel: str) -> str:
    line, _, at = parcel.rpartition(".")
    pack = await here.hub.parcels.lines.read(line, int(at) // 1000)
    assert pack
    return str(orjson.loads(pack.bodies[int(at) % 1000])["title"])


def test_a_worker_that_fell_between_two_endpoints_hands_over_nothing_twice(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[str]:
        async with town(storage) as here:
            [journal] = here.tenant.endpoints
            here.change(endpoints=(journal, replace(journal, name="centre")), routes=tuple(_to("journal", "centre")))
            work = here.hub.parcels.appender.append
            failed = raising(1, lambda: RuntimeError("killed"))(work)

            async def append(line: str, addition: Addition) -> Any:
                return await (failed if "~centre~" in line else work)(line, addition)

            monkeypatch.setattr(here.hub.parcels.appender, "append", append)
            for title in "ab":
                await here.post(note(title))
            await here.run()
            return await here.titles()

    assert sorted(asyncio.run(run())) == ["a", "a", "b", "b"]


def _to(*endpoints: str) -> list[Route]:
    return [Route(endpoint, (), (), ()) for endpoint in endpoints]


def test_a_worker_that_lost_its_line_meanwhile_leaves_everything_to_the_one_that_took_it(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Lines.commit

    async def run() -> tuple[list[str], list[str]]:
        async with town(storage) as slow, another(slow) as quick:
            receipts = [await slow.post(note(title)) for title in "abc"]

            async def late(lines: Lines, hold: Hold, outcome: Outcome) -> None:
                monkeypatch.setattr(Lines, "commit", commit)
                slow.clock.now += 30
                await transform(quick, [slow.line()])
                await commit(lines, hold, outcome)

            monkeypatch.setattr(Lines, "commit", late)
            await slow.run(60)
            return [(await slow.told(receipt))["status"] for receipt in receipts], await slow.titles()

    assert asyncio.run(run()) == (["transformed"] * 3, ["a", "b", "c"])


def test_two_workers_with_one_line_hand_over_each_receipt_once_and_in_order(storage: str) -> None:
    async def run() -> list[str]:
        async with town(storage) as here, another(here) as second:
            for first in range(0, 40, 10):
                await asyncio.gather(*(here.post(note(f"{number:02}")) for number in range(first, first + 10)))
                await asyncio.gather(transform(here.hub, [here.line()]), transform(second, [here.line()]))
            await here.run(60)
            return await here.titles()

    assert asyncio.run(run()) == [f"{number:02}" for number in range(40)]


# what is set aside


def test_a_document_to_which_no_route_leads_is_set_aside_with_the_remedy(storage: str) -> None:
    async def run() -> tuple[dict[str, Any], list[str]]:
        async with town(storage) as here:
            here.change(routes=())
            receipt = await here.post(note("a"))
            await here.run()
            return await here.told(receipt), await here.titles()

    told, titles = asyncio.run(run())
    assert (told["status"], titles) == ("set aside", [])
    assert told["set_aside"] == [
        {"item": 0, "reason": "no route leads to a journal", "remedy": "add a route to the municipality's register"}
    ]


def test_a_receipt_of_a_municipality_that_left_the_register_is_set_aside(storage: str) -> None:
    async def run() -> dict[str, Any]:
        async with town(storage) as here:
            receipt = await here.post(note("a"))
            here.book.change()
            await here.run()
            here.book.change(here.tenant)
            return await here.told(receipt)

    told = asyncio.run(run())
    assert (told["status"], told["counts"]["documents"]) == ("set aside", 0)
    assert "no longer in the register" in told["set_aside"][0]["reason"]


def test_a_municipality_that_nobody_registered_is_told_at_the_door_and_nothing_is_stored(storage: str) -> None:
    async def run() -> tuple[int, bool]:
        async with town(storage) as here:
            reply = await receive(here.hub, Payload("899999999", "vkp", HEADERS, note("a")))
            return reply.status, any(line.startswith("899999999~") for line in await here.hub.receipts.appender.lines())

    assert asyncio.run(run()) == (404, False)


def test_a_receipt_whose_adapter_was_taken_away_is_set_aside(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> dict[str, Any]:
        async with town(storage) as here:
            receipt = await here.post(note("a"))
            monkeypatch.setattr(adapters, "device", lambda _: None)
            await here.run()
            return await here.told(receipt)

    told = asyncio.run(run())
    assert (told["status"], told["set_aside"][0]["item"]) == ("set aside", -1)


def test_readings_of_a_device_that_nobody_has_are_set_aside(storage: str) -> None:
    async def run() -> dict[str, Any]:
        async with town(storage) as here:
            receipt = await here.post(_readings("unknown", 3), "tenovi")
            await here.run()
            return await here.told(receipt)

    told = asyncio.run(run())
    assert (told["status"], told["counts"]["items"], told["counts"]["set_aside"]) == ("set aside", 3, 3)


def _readings(device: str, count: int) -> bytes:
    one = {"metric": "pulse", "device_name": "Tenovi BPM", "hwi_device_id": device, "timestamp": "2026-11-20T06:31:15+0000"}
    return orjson.dumps([{**one, "value_1": f"{60 + number}"} for number in range(count)])


def test_an_alarm_that_is_set_aside_calls_a_human(storage: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    use(monkeypatch, replace(VKP, lane=lambda _: Lane.ALARM))

    async def run() -> None:
        async with town(storage) as here:
            here.change(routes=())
            await here.post(note("a"))
            await here.run()

    asyncio.run(run())
    assert [record.levelname for record in caplog.records if "set aside on the alarm lane" in record.message] == ["ERROR"]
