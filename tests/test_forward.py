"""From parcels to a journal that answers, fails, stalls and lies: `docs/journals.md` row by row, order, and what an outage costs."""

import asyncio
import re
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from adapters.epj.bundle.adapter import ADAPTER, request, verdict
from local.faults.doors import Reply, dripping, half, no_http, reset, silent, speaking
from local.journal import SandboxJournal
from shared.access.register import Auth, Retry
from shared.domain.journal import Call, Sending
from shared.domain.message import Lane
from shared.door import adapters
from shared.errors import Refused, Unavailable
from shared.fhir.told.codes import national
from shared.flow.breaker import Pace, pace
from shared.flow.forward import forward
from shared.flow.schedule import DAY, delay, steps
from shared.flow.transform import transform
from tests.test_transform import SHOUTING, Town, note, town, use

DOCS = (Path(__file__).parent.parent / "docs/journals.md").read_text()
CODES = national()
NO = orjson.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]})
FATAL = orjson.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "information"}, {"severity": "fatal"}]})
WARNS = orjson.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]})
HOUR = 3600.0
USUAL = Retry()
DELAYS = {lane: steps(USUAL, lane) for lane in Lane}
GIVE_UP = USUAL.days * DAY
DELIVERED, REFUSED, UNAVAILABLE = "delivered", "parked", "waiting"  # the words of a receipt's status


def rows_after(words: str) -> list[list[str]]:
    """The cells of the first table behind these words of the contract."""
    table = DOCS.partition(words)[2].partition("\n|")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()][2:]


# the adapter's verdict, row by row of section 2.5

ANSWERS: Mapping[str, tuple[str, list[tuple[int, bytes]]]] = {
    "`2xx` with a body that is an `OperationOutcome` with an issue of severity `error` or `fatal`": (
        "Refused",
        [(200, NO), (201, NO), (202, FATAL), (299, NO)],
    ),
    "`2xx` with a web page: a body that begins with `<html` or `<!doctype`": (
        "Unavailable",
        [(200, b"<html>OperationOutcome"), (201, b"\r\n <!doctype html><title>Logg inn</title>"), (202, b"<HTML>")],
    ),
    "any other `2xx`, whatever the body, or none": (
        "Delivered",
        [
            (200, b""),
            (201, b"{}"),
            (204, b""),
            (200, WARNS),
            (201, b"<Bundle/>"),
            (299, b"\xff"),
            (200, b"[1]"),
            (200, b"null"),
        ],
    ),
    "`3xx`, `401`, `403`, `407`": ("Unavailable", [(status, b"") for status in (300, 301, 302, 303, 304, 307, 308, 399, 401, 403, 407)]),
    "`408`, `425`, `429`": ("Unavailable", [(408, b""), (425, b""), (429, NO)]),
    "`409`": ("Delivered", [(409, b""), (409, NO)]),
    "any other `4xx`: `400`, `404`, `405`, `410`, `413`, `415`, `422` ...": (
        "Refused",
        [(status, b"") for status in (400, 402, 404, 405, 406, 410, 412, 413, 415, 418, 422, 423, 451, 499)],
    ),
    "any `5xx`: `500`, `502`, `503`, `504` ...": ("Unavailable", [(status, NO) for status in (500, 501, 502, 503, 504, 507, 599)]),
}
NO_ANSWER = "no complete answer: name not found, connection refused, cut or reset, TLS failure, not HTTP, 10 seconds over"
CASES = [(status, body, says) for says, answers in ANSWERS.values() for status, body in answers]


def word(status: int, body: bytes) -> str:
    try:
        verdict(status, {}, body)
    except Refused:
        return "Refused"
    except Unavailable:
        return "Unavailable"
    return "Delivered"


@pytest.mark.parametrize(("status", "body", "says"), CASES, ids=[f"{status} {body[:20]!r}" for status, body, _ in CASES])
def test_the_verdict_is_the_one_that_the_contract_names(status: int, body: bytes, says: str) -> None:
    assert word(status, body) == says


def test_every_row_of_the_contract_is_tried() -> None:
    told = {answer: says.partition(":")[0] for answer, says in rows_after("The verdict follows from the answer alone")}
    assert told == {**{answer: says for answer, (says, _) in ANSWERS.items()}, NO_ANSWER: "Unavailable"}


@pytest.mark.parametrize(("name", "kept"), [("/notes/88213", "/notes/88213"), ("x" * 300, "x" * 200), (None, "")])
def test_the_journals_own_name_is_kept_in_its_first_200_characters(name: str | None, kept: str) -> None:
    assert verdict(201, {"location": name} if name else {}, b"") == kept


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("Fri, 20 Nov 2026 06:31:15 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("٣", None),
        ("9" * 40, None),
    ],
)
def test_retry_after_counts_in_whole_seconds_only(wish: str, seconds: float | None) -> None:
    with pytest.raises(Unavailable) as raised:
        verdict(503, {"retry-after": wish}, b"")
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize("base", ["https://epj.example.no/knutepunkt", "https://epj.example.no/knutepunkt/"])
def test_a_document_is_posted_under_the_address_with_its_key(base: str) -> None:
    call = request(Sending(base, "bundle", "k1", b"{}", Lane.ROUTINE))
    assert (call.method, call.url, call.body) == ("POST", "https://epj.example.no/knutepunkt/bundle", b"{}")
    assert (call.headers["Idempotency-Key"], call.headers["Content-Type"]) == ("k1", "application/fhir+json")


# when it is tried again: section 3


def test_the_schedule_is_the_contracts() -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    told = {lane.split("`")[1]: [int(cell.split()[0]) * units[cell.split()[1]] for cell in cells] for lane, *cells in _schedule()}
    assert told["routine"] == list(DELAYS[Lane.ROUTINE])
    assert told["alarm"][:5] == list(DELAYS[Lane.ALARM])


def _schedule() -> list[list[str]]:
    return rows_after("After an Unavailable, the next attempt comes after, give or take a fifth")


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("attempt", [1, 3, 9, 1_000])
def test_a_journals_wish_counts_between_once_and_four_times_our_own_delay(lane: Lane, attempt: int) -> None:
    own = delay(DELAYS[lane], attempt, "8000")
    assert [delay(DELAYS[lane], attempt, "8000", wish) for wish in (0.0, own * 2, 10_000_000.0)] == [own, own * 2, own * 4]


@pytest.mark.parametrize("lane", list(Lane))
def test_an_attempt_comes_within_a_fifth_of_what_the_contract_says(lane: Lane) -> None:
    for attempt, own in enumerate(DELAYS[lane], 1):
        assert [round(delay(DELAYS[lane], attempt, seed) / own, 3) for seed in ("0000", "ffff")] == [0.8, 1.2]


# a journal in this process that answers as it is told, and remembers who called when


@dataclass(frozen=True, slots=True)
class Arrival:
    at: float
    key: str
    patient: str
    title: str
    stored: bool


Behaviour = Callable[[str, str], web.StreamResponse | Awaitable[web.StreamResponse] | None]


@dataclass(slots=True)
class Journal:
    """`behave(patient, title)`: what to answer instead of storing; None = store it, once for each key."""

    clock: Callable[[], float] = lambda: 0.0
    behave: Behaviour = lambda _patient, _title: None
    calls: list[Arrival] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    url: str = ""

    async def take(self, call: web.Request) -> web.StreamResponse:
        document = orjson.loads(await call.read())
        document = document["entry"][0]["resource"] if "entry" in document else document
        key, patient, title = call.headers["Idempotency-Key"], document["subject"]["identifier"]["value"], document["title"]
        self.headers.append({name.lower(): value for name, value in call.headers.items()})
        answer = self.behave(patient, title)
        answer = await answer if isinstance(answer, Awaitable) else answer
        fresh = answer is None and key not in self.keys
        self.calls.append(Arrival(self.clock(), key, patient, title, fresh))
        if fresh:
            self.keys.add(key)
        return answer or web.Response(status=201 if fresh else 200)

    @property
    def titles(self) -> list[str]:
        """What it stored, in order."""
        return [call.title for call in self.calls if call.stored]

    def told(self, title: str) -> list[float]:
        """When this document came."""
        return [call.at for call in self.calls if call.title == title]


@asynccontextmanager
async def listening(journal: Journal) -> AsyncIterator[Journal]:
    app = web.Application()
    app.add_routes([web.post("/journal/{resource}", journal.take)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    journal.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield journal
    finally:
        await runner.cleanup()


@asynccontextmanager
async def journalled(
    storage: str, behave: Behaviour = lambda _patient, _title: None, lines: int = 1
) -> AsyncIterator[tuple[Town, Journal]]:
    """A municipality and its journal."""
    async with listening(Journal(behave=behave)) as journal, town(storage, journal.url, lines, active=True) as here:
        journal.clock = here.clock
        yield here, journal


def answering(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    return lambda _patient, _title: web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def down_for(*patients: str) -> Behaviour:
    return lambda patient, _title: web.Response(status=503) if patient in patients else None


async def post_all(here: Town, count: int, patients: int) -> None:
    """Notes n000, n001 ... of patients that take turns; answered before the next is sent, ten at a time."""
    for first in range(0, count, 10):
        await asyncio.gather(*(here.post(note(f"n{n:03}", f"p{n % patients}")) for n in range(first, min(first + 10, count))))


def outcome(storage: str, behave: Behaviour) -> dict[str, Any]:
    """What the sender is told of one note after the first attempt."""

    async def run() -> dict[str, Any]:
        async with journalled(storage, behave) as (here, _):
            receipt = await here.post(note("a"))
            await here.run()
            [parcel] = (await here.told(receipt))["parcels"]
            return dict(parcel)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "body", "ends"),
    [
        (201, b"", DELIVERED),
        (204, b"", DELIVERED),
        (200, WARNS, DELIVERED),
        (409, b"", DELIVERED),
        (200, NO, REFUSED),
        (302, b"", UNAVAILABLE),
        (401, b"", UNAVAILABLE),
        (422, NO, REFUSED),
        (408, b"", UNAVAILABLE),
        (429, b"", UNAVAILABLE),
        (500, b"", UNAVAILABLE),
        (503, NO, UNAVAILABLE),
    ],
)
def test_the_parcel_ends_as_its_verdict_says(storage: str, status: int, body: bytes, ends: str) -> None:
    found = outcome(storage, answering(status, body))
    assert (found["status"], found["attempts"]) == (ends, 1)


def test_a_redirect_is_not_followed(storage: str) -> None:
    found = outcome(storage, answering(307, Location="/journal/composition"))
    assert (found["status"], found["reason"]) == (UNAVAILABLE, "the journal answered 307")


def test_an_answer_longer_than_1_mib_is_judged_by_its_status_alone(storage: str) -> None:
    assert outcome(storage, answering(200, NO + b" " * 1_100_000))["status"] == DELIVERED
    assert outcome(storage, answering(200, NO + b" " * 900_000))["status"] == REFUSED


def test_an_answer_that_was_asked_for_in_gzip_is_understood(storage: str) -> None:
    """As a journal's proxy does of itself."""

    def compressed(_patient: str, _title: str) -> web.Response:
        answer = web.Response(status=200, body=NO, content_type="application/fhir+json")
        answer.enable_compression()
        return answer

    assert outcome(storage, compressed)["status"] == REFUSED


def test_a_journals_name_that_is_not_utf8_does_no_harm(storage: str) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 201 Created\r\nLocation: /bl\xe5b\xe6r/1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    assert raw(storage, reply, seconds=200)["status"] == DELIVERED


def raw(storage: str, reply: Reply, scheme: str = "http", seconds: float = 0.0) -> dict[str, Any]:
    """What the sender is told of one note that went to a server that speaks for itself."""

    async def run() -> dict[str, Any]:
        async with speaking(reply) as port:
            return await sent_to(storage, f"{scheme}://127.0.0.1:{port}", seconds)

    return asyncio.run(run())


async def sent_to(storage: str, url: str, seconds: float = 0.0) -> dict[str, Any]:
    async with town(storage, url, active=True) as here:
        receipt = await here.post(note("a"))
        await here.run(seconds)
        return dict((await here.told(receipt))["parcels"][0])


async def _deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Hangs up without having listened."""


async def _cut(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"}")


@pytest.mark.parametrize("reply", [_cut, reset, half, no_http, silent, dripping], ids=lambda reply: reply.__name__)
def test_no_complete_answer_is_unavailable(storage: str, reply: Reply) -> None:
    found = raw(storage, reply)
    assert (found["status"], found["attempts"]) == (UNAVAILABLE, 1)
    assert found["reason"].startswith("no answer from the journal (")


def test_a_port_where_nobody_listens_is_unavailable(storage: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    found = asyncio.run(sent_to(storage, f"http://127.0.0.1:{port}"))
    assert (found["status"], found["attempts"]) == (UNAVAILABLE, 1)
    assert found["reason"].startswith("no answer from the journal (")


def test_a_tls_failure_is_unavailable(storage: str) -> None:
    assert raw(storage, _deaf, "https")["status"] == UNAVAILABLE


def test_a_name_that_is_not_found_is_unavailable(storage: str) -> None:
    assert asyncio.run(sent_to(storage, "http://journal.invalid"))["status"] == UNAVAILABLE


def test_a_call_is_over_when_its_time_is(storage: str) -> None:
    began = time.monotonic()
    assert raw(storage, silent)["status"] == UNAVAILABLE
    assert time.monotonic() - began < 3


def test_what_the_contract_says_about_headers_is_what_is_sent(storage: str) -> None:
    async def run() -> Mapping[str, str]:
        async with journalled(storage) as (here, journal):
            auth = Auth("basic", "", "knutepunkt", ("CLOUD_SECRET",))
            here.change(endpoints=(replace(here.tenant.endpoints[0], auth=auth),))
            await here.post(note("a"))
            await here.run()
            return journal.headers[0]

    sent = asyncio.run(run())
    assert (sent["content-type"], sent["accept"]) == ("application/fhir+json", "application/fhir+json")
    assert "transfer-encoding" not in sent and int(sent["content-length"]) > 0
    assert re.fullmatch(r"[\x21-\x7e]{1,128}", sent["idempotency-key"])
    assert sent["authorization"].startswith("Basic ") and "x-request-id" not in sent


def test_an_endpoint_whose_secret_is_not_set_waits(storage: str) -> None:
    async def run() -> tuple[str, int]:
        async with journalled(storage) as (here, journal):
            here.change(endpoints=(replace(here.tenant.endpoints[0], auth=Auth("header", "x-key", "", ("NOT_SET",))),))
            receipt = await here.post(note("a"))
            await here.run()
            return (await here.told(receipt))["parcels"][0]["status"], len(journal.calls)

    assert asyncio.run(run()) == (UNAVAILABLE, 0)


# order and patience


def test_the_notes_of_a_patient_come_in_the_order_in_which_they_were_accepted(storage: str) -> None:
    async def run() -> list[Arrival]:
        async with journalled(storage, lines=4) as (here, journal):
            await post_all(here, 60, 7)
            await here.run()
            return journal.calls

    calls = asyncio.run(run())
    assert len(calls) == 60 and in_order(calls)


def in_order(calls: list[Arrival]) -> bool:
    """Of every patient, what was stored came in the order in which it was accepted."""
    stored = defaultdict(list)
    for call in calls:
        if call.stored:
            stored[call.patient].append(call.title)
    return all(titles == sorted(titles) for titles in stored.values())


def test_a_blocked_patients_later_notes_wait_behind_and_others_go_on(storage: str) -> None:
    async def run() -> tuple[list[str], list[str], list[str]]:
        async with journalled(storage, down_for("p0")) as (here, journal):
            await post_all(here, 9, 3)
            await here.run()
            early, asked = journal.titles, [call.title for call in journal.calls if call.patient == "p0"]
            journal.behave = down_for()
            await here.run(60)
            return early, asked, journal.titles[6:]

    early, asked, late = asyncio.run(run())
    assert early == ["n001", "n002", "n004", "n005", "n007", "n008"]
    assert asked == ["n000"], "what stands behind a blocked note is not tried"
    assert late == ["n000", "n003", "n006"]


def test_a_refused_note_holds_nobody_back(storage: str) -> None:
    async def run() -> list[str]:
        refuse: Behaviour = lambda _patient, title: web.Response(status=422) if title == "n000" else None  # noqa: E731
        async with journalled(storage, refuse) as (here, journal):
            await post_all(here, 4, 1)
            await here.run()
            return journal.titles

    assert asyncio.run(run()) == ["n001", "n002", "n003"]


def test_a_patient_that_fails_for_ever_does_not_stop_the_others(storage: str) -> None:
    async def run() -> tuple[dict[str, float], int]:
        async with journalled(storage, down_for("p0")) as (here, journal):
            sent = {}
            for number in range(40):
                title = f"n{number:03}"
                sent[title] = here.clock()
                await here.post(note(title, f"p{number % 4}"))
                await here.run(60)
            waits = {call.title: call.at - sent[call.title] for call in journal.calls if call.stored}
            return waits, len([call for call in journal.calls if call.patient == "p0"])

    waits, tries = asyncio.run(run())
    assert len(waits) == 30 and max(waits.values()) == 0
    assert tries < 12, "by its own schedule, however often others come by"


def test_three_patients_that_fail_for_ever_do_not_stop_the_others(storage: str) -> None:
    """Records that are locked: 2.7 has the journal answer 503. Several in a row look like an endpoint that is down."""

    async def run() -> list[str]:
        async with journalled(storage, down_for("p0", "p1", "p2")) as (here, journal):
            await post_all(here, 6, 6)
            await here.run(HOUR)
            return journal.titles

    assert asyncio.run(run()) == ["n003", "n004", "n005"]


def test_patients_that_fail_for_ever_do_not_stop_one_that_was_tried_in_an_outage_and_stands_far_behind(storage: str) -> None:
    async def run() -> list[str]:
        async with journalled(storage, answering(503)) as (here, journal):
            for number in range(30):  # a pack each: two patients fill what a turn reads at once
                await here.post(note(f"n{number:02}", f"p{number % 2}"))
                await here.run(1)
            await here.post(note("behind", "p2"))
            await here.run(2 * HOUR)
            journal.behave = down_for("p0", "p1")
            await here.run(HOUR)
            return journal.titles

    assert asyncio.run(run()) == ["behind"]


def test_a_note_is_tried_again_when_its_time_has_come_and_not_before(storage: str) -> None:
    async def run() -> list[float]:
        async with journalled(storage, answering(503)) as (here, journal):
            await here.post(note("a"))
            await here.run(4 * HOUR)
            return journal.told("a")

    times = asyncio.run(run())
    waits = [later - earlier for earlier, later in pairwise(times)]
    own = [*DELAYS[Lane.ROUTINE], *[3600] * len(waits)][: len(waits)]
    assert len(waits) >= 6
    assert all(0.8 * step <= wait <= 1.2 * step + 1.1 for wait, step in zip(waits, own, strict=True))


@pytest.mark.parametrize(("wish", "least", "most"), [("1", 4, 7.1), ("12", 12, 13.1), ("86400", 16, 25.1)])
def test_retry_after_is_honoured_between_one_and_four_times_the_delay(storage: str, wish: str, least: float, most: float) -> None:
    async def run() -> list[float]:
        async with journalled(storage, answering(503, Retry_After=wish)) as (here, journal):
            await here.post(note("a"))
            await here.run(30)
            return journal.told("a")

    first, second, *_ = asyncio.run(run())
    assert least <= second - first <= most


def test_retry_after_is_honoured_while_the_endpoint_is_down(storage: str) -> None:
    """3.2: a wish of 20 s after a first attempt whose own delay is 5 s is honoured to four times that delay, 16 s at least."""

    async def run() -> list[float]:
        async with journalled(storage, answering(503, Retry_After="20")) as (here, journal):
            await post_all(here, 2, 2)
            await here.run(60)
            return [times[1] - times[0] for times in (journal.told("n000"), journal.told("n001"))]

    assert min(asyncio.run(run())) >= 16


def test_a_note_is_parked_after_seven_days_and_not_before(storage: str) -> None:
    async def run() -> tuple[str, dict[str, Any], int, int]:
        async with journalled(storage, answering(503)) as (here, journal):
            receipt = await here.post(note("a"))
            await here.run(GIVE_UP - HOUR)
            before = (await here.told(receipt))["status"]
            await here.run(2.5 * HOUR)
            parked, calls = (await here.told(receipt))["parcels"][0], len(journal.calls)
            await here.run(24 * HOUR)
            return before, parked, calls, len(journal.calls)

    before, parked, calls, later = asyncio.run(run())
    assert before == "transformed"
    assert parked["status"] == REFUSED and "7 days" in parked["reason"]
    assert calls == later, "never sent again by itself"


def test_a_stopped_endpoint_waits_and_then_everything_flows_in_order(storage: str) -> None:
    async def run() -> tuple[int, list[Arrival], float]:
        async with journalled(storage, lines=4) as (here, journal):
            [endpoint] = here.tenant.endpoints
            here.change(endpoints=(replace(endpoint, active=False),))
            await post_all(here, 40, 5)
            await here.run(2 * HOUR)
            stopped, opened = len(journal.calls), here.clock()
            here.change(endpoints=(endpoint,))
            await here.run(120)
            return stopped, journal.calls, max(call.at for call in journal.calls) - opened

    stopped, calls, took = asyncio.run(run())
    assert (stopped, len(calls)) == (0, 40)
    assert in_order(calls) and took <= 30


def test_a_stopped_endpoints_lines_are_one_message_each_however_long_it_stands(storage: str) -> None:
    async def run() -> list[list[str]]:
        async with journalled(storage, lines=4) as (here, _):
            here.change(endpoints=(replace(here.tenant.endpoints[0], active=False),))
            for _ in range(5):
                await post_all(here, 10, 10)
                await here.run(600)
            return [message[-1] for message in here.host.messages]

    waiting = asyncio.run(run())
    assert len(waiting) == len({tuple(lines) for lines in waiting}) <= 4


def test_a_slow_endpoint_keeps_four_of_a_workers_lines_busy_and_the_others_wait_their_turn(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with journalled(storage, lines=16) as (here, journal):
            known = pace(here.hub, here.tenant.endpoints[0])
            known.lines[Lane.ROUTINE], known.slow_until = 4, here.clock() + 30  # four of its calls are under way, and lasted long
            await post_all(here, 20, 20)
            await here.run(10)
            meanwhile, known.lines[Lane.ROUTINE] = len(journal.calls), 0
            await here.run(10)
            return meanwhile, len(journal.calls)

    assert asyncio.run(run()) == (0, 20)


@pytest.mark.parametrize(("began", "slow_until", "slow"), [([], 0.0, False), ([99.5], 0.0, False), ([98.9], 0.0, True), ([], 100.1, True)])
def test_an_endpoint_is_slow_while_a_call_lasts_and_for_a_while_after(began: list[float], slow_until: float, slow: bool) -> None:
    assert Pace(calls=began, slow_until=slow_until).slow(100.0) is slow


# outcome unknown


@pytest.mark.parametrize("mode", ["cut-after", "fail-after", "late"])
def test_a_journal_that_stores_and_then_fails_has_one_note(storage: str, mode: str) -> None:
    async def run() -> tuple[list[Any], str]:
        journal = SandboxJournal(CODES)
        await journal.start()
        async with town(storage, journal.url, active=True) as here:
            where = f"{journal.url}/_sandbox/journal"
            told = {"mode": mode, "calls": 2, **({"delay": 0.6} if mode == "late" else {})}
            await (await here.hub.http.put(f"{where}/behaviour", json=told)).read()
            receipt = await here.post(note("a"))
            await here.run(HOUR)
            notes = await (await here.hub.http.get(f"{where}/notes")).json()
            status = (await here.told(receipt))["status"]
        await journal.stop()
        return notes, status

    notes, status = asyncio.run(run())
    assert (len(notes), notes[0]["copies"], status) == (1, 3, DELIVERED)


def test_every_attempt_carries_the_same_key_and_the_same_bytes(storage: str) -> None:
    async def run() -> list[Arrival]:
        async with journalled(storage, answering(500)) as (here, journal):
            await here.post(note("a"))
            await here.run(HOUR)
            return journal.calls

    calls = asyncio.run(run())
    assert len(calls) > 4 and len({call.key for call in calls}) == 1


# bugs of ours


def test_a_parcel_over_which_the_worker_fell_three_times_is_parked_and_its_neighbours_go_on(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(sending: Sending) -> Call:
        if b'"bad"' in sending.document:
            raise RuntimeError("a bug of ours")
        return request(sending)

    monkeypatch.setattr(adapters, "journal", lambda _: replace(ADAPTER, request=buggy))

    async def run() -> tuple[list[str], list[str]]:
        async with journalled(storage) as (here, journal):
            receipts = [await here.post(note(title, title)) for title in ("bad", "a", "b")]
            await here.run(60)
            return [(await here.told(receipt))["status"] for receipt in receipts], journal.titles

    assert asyncio.run(run()) == (["parked", "delivered", "delivered"], ["a", "b"])


def test_a_parcel_that_came_due_meanwhile_is_not_blamed_for_the_falls_of_another(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(sending: Sending) -> Call:
        if b'"bad"' in sending.document:
            raise RuntimeError("a bug of ours")
        return request(sending)

    monkeypatch.setattr(adapters, "journal", lambda _: replace(ADAPTER, request=buggy))

    async def run() -> str:
        async with journalled(storage, down_for("good")) as (here, journal):
            good = await here.post(note("good", "good"))
            await here.run()  # no answer: due again in five seconds
            journal.behave = down_for()
            await here.post(note("bad", "bad"))
            await transform(here.hub, [here.line()])
            for _ in range(3):
                with pytest.raises(RuntimeError):
                    await forward(here.hub, await here.lines())
            here.clock.now += 10
            await here.run(60)
            return str((await here.told(good))["status"])

    assert asyncio.run(run()) == DELIVERED


# an outage


def test_the_line_of_an_endpoint_that_went_down_comes_back_without_the_sweep(storage: str) -> None:
    """The second patient's note comes at 3 s, while the first one's is due at 4 to 6 s; from then on the line is due at 8 s."""

    async def run() -> tuple[int, list[str]]:
        async with journalled(storage, answering(503)) as (here, journal):
            await here.post(note("a", "p0"))
            await here.run(3)
            await here.post(note("b", "p1"))
            await here.run()
            tried = len(journal.calls)
            journal.behave = down_for()
            await here.run(25)
            return tried, sorted(journal.titles)

    assert asyncio.run(run()) == (2, ["a", "b"])


async def outage(storage: str, waiting: int, hours: float) -> tuple[Journal, float, int]:
    """So many notes of 60 patients in four lines while the journal answers 503 for so long, and five minutes more."""
    async with journalled(storage, answering(503), lines=4) as (here, journal):
        here.hub.settings = replace(here.hub.settings, call_timeout=5.0)  # a machine with much to do is no outage
        await post_all(here, waiting, 60)
        await here.run(hours * HOUR)
        over = here.clock()
        journal.behave = down_for()
        await here.run(300)
        return journal, over, len(here.host.messages)


def calls_before(journal: Journal, seconds: float) -> int:
    first = journal.calls[0].at
    return sum(call.at < first + seconds for call in journal.calls)


def test_what_an_outage_costs_does_not_grow_with_what_waits_and_all_is_delivered_soon_after(storage: str) -> None:
    async def run() -> tuple[tuple[Journal, float, int], tuple[Journal, float, int]]:
        return await asyncio.gather(outage(storage, 30, 1), outage(storage, 300, 8))

    (few, _, _), (many, over, messages) = asyncio.run(run())
    assert calls_before(many, HOUR) <= calls_before(few, HOUR) + 8
    assert calls_before(many, 8 * HOUR) <= 4 * 8 * 61, "a call a minute and line"
    assert len(few.titles) == 30 and sorted(many.titles) == [f"n{number:03}" for number in range(300)], "all, once"
    assert in_order(many.calls)
    assert max(call.at for call in many.calls if call.stored) - over <= 300
    assert messages <= 4, "what still comes finds nothing to do"


def test_an_alarm_waits_for_no_queue_between_its_two_halves(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that has read it sends it; what is routine waits for its own turn."""
    use(monkeypatch, SHOUTING)

    async def run() -> tuple[list[str], list[str]]:
        async with journalled(storage) as (here, journal):
            await here.post(note("alarm"))
            await here.post(note("routine", "p2"))
            asked: list[str] = []
            put = here.host.put

            async def noted(half: str, lines: list[str], delay: float = 0.0) -> None:
                asked.extend(lines)
                await put(half, lines, delay)

            here.host.put = noted  # type: ignore[method-assign]  # watched, and still done
            await here.run()
            return sorted(journal.titles), [line for line in asked if "~journal~" in line]

    titles, asked = asyncio.run(run())
    assert titles == ["alarm", "routine"] and asked and all("~routine~" in line for line in asked)


def test_an_alarm_whose_sending_breaks_down_comes_back_by_its_own_queue(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def broken(*_: Any) -> None:
        raise RuntimeError

    async def run() -> tuple[list[str], list[list[str]]]:
        async with journalled(storage) as (here, journal):
            monkeypatch.setattr("shared.flow.transform.forward", broken)
            await here.post(note("alarm"))
            await here.run()
            return journal.titles, here.host.poison

    assert asyncio.run(run()) == (["alarm"], [])
