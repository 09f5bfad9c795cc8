"""The bench's arithmetic and its words. That it measures is seen by running it: ./hub bench --quick."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from local.bench import __main__ as bench
from local.bench import figures, payloads
from local.bench.emulator import count
from local.bench.figures import Load
from local.bench.load import Driver, Sink, Times, happened
from local.bench.wire import ACCEPTED, Answer, Client, Server, cut, post
from local.terminal import Halt
from shared.domain.person import kind, synthetic

Work = Callable[[Driver], Awaitable[object]]
TEN = payloads.many("/", "", 10)
LOG = b"""Azurite Queue service is successfully listening at http://127.0.0.1:31001
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "PUT /devstoreaccount1/abc HTTP/1.1" 201 -
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "POST /devstoreaccount1/abc/messages HTTP/1.1" 201 -
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "GET /devstoreaccount1/abc/messages?numofmessages=16 HTTP/1.1" 200 -
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "GET /devstoreaccount1/abc/messages?numofmessages=16 HTTP/1.1" 200 -
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "DELETE /devstoreaccount1/abc/messages/421cd26c?popreceipt=MjJO HTTP/1.1" 204 -
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "POST /devstoreaccount1/$batch HTTP/1.1" 202 -
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "PATCH /devstoreaccount1/parcels(PartitionKey='a',RowKey='b') HTTP/1.1" 204 -
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "GET /devstoreaccount1/parcels()?$filter=PartitionKey%20eq%20%27a%27 HTTP/1.1" 200 -
127.0.0.1 - - [22/Nov/2026:20:45:24 +0000] "POST /devstoreaccount1/parcels HTTP/1.1" 201 -
"""


@pytest.mark.parametrize(("percent", "value"), [(50, 50.0), (99, 99.0), (100, 100.0), (0.5, 1.0)])
def test_a_percentile_is_a_value_that_was_seen(percent: float, value: float) -> None:
    assert figures.percentile([float(number) for number in range(100, 0, -1)], percent) == value


def test_a_percentile_of_one_value_is_that_value_and_of_none_is_nought() -> None:
    assert (figures.percentile([7.0], 99), figures.percentile([], 50)) == (7.0, 0.0)


def test_storage_calls_are_told_apart_in_the_access_log() -> None:
    assert dict(count(LOG)) == {
        "queue other": 1,
        "queue enqueue": 1,
        "queue receive": 2,
        "queue delete": 1,
        "table transaction": 1,
        "table merge": 1,
        "table read": 1,
        "table insert": 1,
    }


def test_a_poll_that_brought_nothing_is_no_call_of_an_event_alone() -> None:
    assert figures.useful(count(LOG)) == 8


def test_an_event_alone_costs_the_median_of_its_calls() -> None:
    each = [{"table read": 3, "queue receive": 9, "queue delete": 2}, {"table read": 5}, {"table read": 90}]
    told = figures.alone(Times([0.001], [0.02]), each)
    assert (told["storage_calls_per_event"], told["storage_calls_most"], told["idle_polls_per_event"]) == (7, 90, 2.3)


def test_single_has_the_figures_that_the_issue_names() -> None:
    hub = Load(200, [80.0, 100.0], Times([0.01] * 200, [0.2] * 200), cpu=0.4, calls={"table transaction": 250})
    raw = Load(400, [100.0, 110.0], Times([0.01] * 400, [0.1] * 400), cpu=0.1, calls={"queue enqueue": 400})
    told = figures.single(hub, raw, Load(50, [45.0], Times([0.03] * 50, [0.2] * 50)))
    wanted = {
        "events_per_s": 90.0,
        "raw_events_per_s": 105.0,
        "ratio": 0.857,
        "accept_p50_ms": 10.0,
        "accept_p99_ms": 10.0,
        "end_to_end_p50_ms": 200.0,
        "end_to_end_p99_ms": 200.0,
        "cpu_ms_per_event": 2.0,
        "storage_calls_per_event": 1.25,
        "half_load_accept_p99_ms": 30.0,
    }
    assert {name: told[name] for name in wanted} == wanted


def test_batch_counts_items() -> None:
    told = figures.loaded(Load(1000, [500.0], Times([0.01], [1.0]), calls={"table transaction": 50}), "item")
    assert (told["items_per_s"], told["storage_calls_per_item"]) == (500.0, 0.05)


def test_the_figures_are_json() -> None:
    told = {"single": figures.single(Load(), Load(), Load()), "batch": figures.loaded(Load(), "item"), "machine": bench.machine()}
    assert set(json.loads(json.dumps(told))) == {"single", "batch", "machine"}


def test_the_table_says_which_goal_is_missed() -> None:
    lines = figures.table({"single": {"ratio": 0.5}, "batch": {"items_per_s": 800.0}}).splitlines()
    assert [line.split()[-1] for line in lines] == ["goal", "MISSED", "met"]


def test_the_table_leaves_out_what_was_not_measured() -> None:
    assert "half load" not in figures.table({"batch": {"items_per_s": 800.0}})


def test_every_citizen_of_the_bench_is_invented_and_has_a_number_of_its_own() -> None:
    numbers = [number for number, _ in zip(payloads.citizens(), range(payloads.DEVICES), strict=False)]
    assert len(set(numbers)) == payloads.DEVICES
    assert all(kind(number) and synthetic(number) for number in numbers)


def test_no_two_readings_happened_in_the_same_second() -> None:
    seconds = [happened(json.dumps(payloads.reading(1_700_000_000 + number)).encode()) for number in range(1000)]
    assert seconds == list(range(1_700_000_000, 1_700_001_000))


def test_a_document_is_known_by_the_second_in_it_whatever_the_zone() -> None:
    assert happened(b'{"effectiveDateTime":"2026-11-20T07:31:15+01:00"}') == happened(b'{"effectiveDateTime":"2026-11-20T06:31:15Z"}')


def test_a_body_without_a_time_is_nobodys() -> None:
    assert happened(b'{"resourceType":"Bundle"}') is None


@pytest.mark.parametrize(
    ("data", "body", "rest"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP", b"abc", b"HTTP"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", b""),
    ],
)
def test_an_answer_is_cut_where_it_ends(data: bytes, body: bytes, rest: bytes) -> None:
    found = cut(data, answer=True)
    assert found
    assert (found[1], data[found[2] :]) == (body, rest)


def test_half_an_answer_is_waited_for() -> None:
    whole = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert [cut(whole[:at], answer=True) for at in range(len(whole))] == [None] * len(whole)


async def _app(onward: Client, answer_with: bytes) -> Server:
    """A hub of its own sort: answers, then passes every item on."""
    tasks = set()

    def on_payload(_head: bytes, body: bytes, answer: Answer) -> None:
        answer(answer_with)
        read = json.loads(body)
        for item in read if isinstance(read, list) else [read]:
            tasks.add(asyncio.create_task(onward.ask(post("/", json.dumps(item).encode()))))

    server = Server(on_payload)
    await server.start()
    return server


async def _driven(work: Work, answer_with: bytes = ACCEPTED) -> Sink:
    sink = Sink()
    await sink.server.start()
    onward = Client(sink.server.port)
    app = await _app(onward, answer_with)
    driver = Driver(app.port, sink, 1_700_000_000)
    try:
        await work(driver)
        return sink
    finally:
        for one in (driver.client, onward, app, sink.server):
            await one.stop()


def test_the_driver_times_every_event_of_a_payload() -> None:
    times = Times()
    sink = asyncio.run(_driven(lambda driver: driver.one(TEN, 10, times)))
    assert (len(times.accept), len(times.through), sink.arrived) == (1, 10, 10)


def test_a_closed_loop_ends_with_nothing_in_flight() -> None:
    sink = asyncio.run(_driven(lambda driver: driver.closed(TEN, 10, 4, lambda: None, (0.01, 0.05))))
    assert sink.arrived >= 40
    assert (len(sink.waiting), sink.unknown) == (0, 0)


def test_an_open_loop_sends_as_many_as_it_was_told() -> None:
    sink = asyncio.run(_driven(lambda driver: driver.paced(payloads.one("/", ""), 500.0, lambda: None, (0.02, 0.08))))
    assert sink.arrived == 50


def test_a_payload_that_is_refused_ends_the_bench() -> None:
    with pytest.raises(Halt, match="answered 401"):
        asyncio.run(_driven(lambda driver: driver.one(TEN, 10, Times()), b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"))


def test_an_unknown_group_is_wrong_usage() -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.options(["--only", "single,quadruple"])


def test_a_missing_part_is_one_sentence_and_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HUB_AZURITE", "/nowhere/azurite.js")
    assert bench.main(["--quick", "--only", "alone"]) == 1
    assert capsys.readouterr().err.startswith("hub bench: ")
