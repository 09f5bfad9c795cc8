"""Holds local/host to the table of its docstring, where nobody calls: queues, against a real Azurite, timers, and the command itself."""

import asyncio
import base64
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import azure.functions as func
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.host import Host
from local.host.__main__ import tell
from local.host.queue import Rules, _Lease, backoff
from local.host.timer import schedule
from tests.test_host import PATIENCE, ROOT, SAMPLE, eventually, in_loop, module_of, new_app, queues, served

# ----------------------------------------------------------------------------------------------------------------- queues

QUICK = {"maxPollingInterval": "00:00:00.1", "visibilityTimeout": "00:00:00"}


class Queue:
    """A queue of its own for a test, its poison queue, and an app with one function on it."""

    def __init__(self, client: QueueServiceClient, name: str, store: str) -> None:
        self.name, self.settings = name, {"Store": store}
        self.queue: QueueClient = client.get_queue_client(name)
        self.poison: QueueClient = client.get_queue_client(f"{name}-poison")

    def app(self, code: Callable[[func.QueueMessage], Any]) -> func.FunctionApp:
        app = new_app()
        annotations = {"message": func.QueueMessage}

        async def on_message(message: func.QueueMessage) -> Any:
            found = code(message)
            return await found if asyncio.iscoroutine(found) else found

        on_message.__annotations__ = annotations
        app.queue_trigger(arg_name="message", queue_name=self.name, connection="Store")(on_message)
        return app

    def served(self, code: Callable[[func.QueueMessage], Any], **given: Any) -> contextlib.AbstractAsyncContextManager[Host]:
        lease = given.pop("lease", 600)
        return served(self.app(code), queues(**QUICK | given), self.settings, lease=lease)

    async def send(self, body: bytes, **options: Any) -> None:
        await self.queue.send_message(base64.b64encode(body).decode(), **options)

    async def count(self) -> int:
        return int((await self.queue.get_queue_properties()).approximate_message_count or 0)

    async def is_empty(self) -> bool:
        return await self.count() == 0

    async def buried(self) -> list[str]:
        with contextlib.suppress(ResourceNotFoundError):
            return [str(each.content) for each in await self.poison.peek_messages(max_messages=32)]
        return []

    async def has_buried(self) -> bool:
        return bool(await self.buried())


@contextlib.asynccontextmanager
async def new_queue(storage: str, suffix: str = "") -> AsyncIterator[Queue]:
    async with QueueServiceClient.from_connection_string(storage) as client:
        made = Queue(client, f"host-{uuid.uuid4().hex[:12]}{suffix}", storage)
        await made.queue.create_queue()
        yield made
        await made.queue.delete_queue()
        with contextlib.suppress(ResourceNotFoundError):
            await made.poison.delete_queue()


@in_loop
async def test_a_message_reaches_its_function_as_the_worker_gives_it_and_is_deleted(storage: str) -> None:
    heard: list[func.QueueMessage] = []
    async with new_queue(storage) as own, own.served(heard.append):
        await own.send(b'{"a": 1}')
        await eventually(own.is_empty)
    message = heard[0]
    assert (message.get_json(), message.dequeue_count) == ({"a": 1}, 1)
    assert message.id and message.pop_receipt and message.insertion_time and message.expiration_time and message.time_next_visible


@in_loop
async def test_a_message_that_keeps_failing_is_buried_after_max_dequeue_count_with_its_body_intact(storage: str) -> None:
    counts: list[int | None] = []

    def fail(message: func.QueueMessage) -> None:
        counts.append(message.dequeue_count)
        raise ValueError

    async with new_queue(storage) as own, own.served(fail, maxDequeueCount=3):
        await own.send("æøå".encode())
        await eventually(own.has_buried)
        await eventually(own.is_empty)
        assert [base64.b64decode(each).decode() for each in await own.buried()] == ["æøå"]
    assert counts == [1, 2, 3]


@in_loop
async def test_a_message_dequeued_too_often_before_is_buried_unrun(storage: str) -> None:
    heard: list[func.QueueMessage] = []
    async with new_queue(storage) as own:
        await own.send(b"x")
        for _ in range(2):
            leased = await anext(own.queue.receive_messages(visibility_timeout=60))
            await own.queue.update_message(leased, visibility_timeout=0)
        async with own.served(heard.append, maxDequeueCount=2):
            await eventually(own.has_buried)
            await eventually(own.is_empty)
    assert heard == []


@in_loop
async def test_a_failed_message_waits_for_the_visibility_timeout(storage: str) -> None:
    failed = asyncio.Event()

    def fail(message: func.QueueMessage) -> None:
        failed.set()
        raise ValueError

    async with new_queue(storage) as own:
        async with own.served(fail, visibilityTimeout="00:00:30"):
            await own.send(b"x")
            await failed.wait()
        assert await own.queue.peek_messages() == []
        assert await own.count() == 1


@in_loop
async def test_a_function_that_returns_a_value_without_a_binding_for_it_fails(storage: str) -> None:
    async with new_queue(storage) as own, own.served(lambda message: "value", maxDequeueCount=1):
        await own.send(b"x")
        await eventually(own.has_buried)


@in_loop
async def test_a_poison_queue_has_none_of_its_own_and_what_fails_there_stays_hidden_for_the_lease(storage: str) -> None:
    counts: list[int | None] = []

    def fail(message: func.QueueMessage) -> None:
        counts.append(message.dequeue_count)
        raise ValueError

    async with new_queue(storage, "-poison") as own:
        async with own.served(fail, maxDequeueCount=1, lease=1):
            await own.send(b"x")
            await eventually(lambda: len(counts) >= 2)
        assert counts[:2] == [1, 2]  # hidden, back after the lease, and run again although beyond maxDequeueCount
        assert await own.buried() == []


@in_loop
async def test_what_is_not_base64_is_buried_unseen_and_its_neighbour_goes_on(storage: str) -> None:
    heard: list[bytes] = []
    async with new_queue(storage) as own, own.served(lambda message: heard.append(message.get_body())):
        await own.queue.send_message("not base64!")
        await own.send(b"neighbour")
        await eventually(own.is_empty)
        assert await own.buried() == ["not base64!"]
    assert heard == [b"neighbour"]


@in_loop
async def test_message_encoding_none_hands_the_text_over_as_it_is(storage: str) -> None:
    heard: list[bytes] = []
    async with new_queue(storage) as own, own.served(lambda message: heard.append(message.get_body()), messageEncoding="none"):
        await own.queue.send_message("<ø>")
        await eventually(own.is_empty)
    assert heard == ["<ø>".encode()]


@in_loop
async def test_no_more_than_batch_size_and_threshold_run_at_once(storage: str) -> None:
    running, most, gate = 0, 0, asyncio.Semaphore(0)

    async def hold(message: func.QueueMessage) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.acquire()
        running -= 1

    async with new_queue(storage) as own:
        for _ in range(6):
            await own.send(b"x")
        async with own.served(hold, batchSize=2, newBatchThreshold=1):
            await eventually(lambda: running == 2)
            gate.release()  # one left running: the threshold allows the next receive, of two
            await eventually(lambda: running == 3)
            for _ in range(6):
                gate.release()
            await eventually(own.is_empty)
    assert most == 3


def test_the_rules_default_to_those_of_the_real_host() -> None:
    assert Rules.of({}) == Rules(batch_size=16, threshold=8, max_dequeue_count=5, visibility=0, longest_poll=60, base64=True)
    assert Rules.of(queues(batchSize=32)).threshold == 16
    assert Rules.of(queues(maxPollingInterval="00:00:00")).longest_poll == 0.1


@in_loop
async def test_a_long_run_renews_its_lease_and_ends_with_the_newest_receipt() -> None:
    class Wire:
        queue_name = "fake"
        receipts = 0

        async def update_message(self, message: QueueMessage, visibility_timeout: int) -> QueueMessage:
            assert message.pop_receipt == str(self.receipts)
            self.receipts += 1
            renewed = QueueMessage()
            renewed.pop_receipt = str(self.receipts)
            return renewed

    wire, message = Wire(), QueueMessage()
    message.pop_receipt = "0"
    lease = _Lease(wire, message, 0.01)  # type: ignore[arg-type]
    lease.keep()
    await eventually(lambda: wire.receipts >= 3)
    await lease.end()
    assert message.pop_receipt == str(wire.receipts)


@in_loop
async def test_a_message_outlives_its_first_lease_while_its_function_runs(storage: str) -> None:
    runs: list[int | None] = []

    async def slow(message: func.QueueMessage) -> None:
        runs.append(message.dequeue_count)
        await asyncio.sleep(4.8)

    async with new_queue(storage) as own, own.served(slow, lease=4):
        await own.send(b"x")
        await eventually(own.is_empty)
    assert runs == [1]


@in_loop
async def test_a_message_that_is_gone_when_its_function_ends_is_no_failure(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async with new_queue(storage) as own:
        second = asyncio.Event()

        async def take_away(message: func.QueueMessage) -> None:
            if message.get_body() == b"first":
                await own.queue.delete_message(str(message.id), message.pop_receipt)
            else:
                await own.queue.update_message(str(message.id), message.pop_receipt, visibility_timeout=60)  # makes the receipt stale
                second.set()

        async with own.served(take_away):
            await own.send(b"first")
            await eventually(own.is_empty)
            await own.send(b"second")
            await second.wait()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@in_loop
async def test_a_queue_that_does_not_exist_yet_is_served_once_it_does(storage: str) -> None:
    heard: list[bytes] = []
    async with new_queue(storage) as own:
        await own.queue.delete_queue()
        async with own.served(lambda message: heard.append(message.get_body())):
            await asyncio.sleep(0.2)
            await own.queue.create_queue()
            await own.send(b"x")
            await eventually(lambda: heard == [b"x"])


@in_loop
async def test_stopping_waits_for_what_runs_and_deletes_its_message(storage: str) -> None:
    begun = asyncio.Event()

    async def slow(message: func.QueueMessage) -> None:
        begun.set()
        await asyncio.sleep(0.5)

    async with new_queue(storage) as own:
        await own.send(b"x")
        async with own.served(slow):
            await begun.wait()
        assert await own.is_empty()


@in_loop
async def test_what_does_not_end_in_time_is_given_up_and_counted(storage: str) -> None:
    begun = asyncio.Event()

    async def endless(message: func.QueueMessage) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with new_queue(storage) as own:
        host = Host(module_of(own.app(endless)), queues(**QUICK), own.settings, drain=0.1)
        await host.start()
        await own.send(b"x")
        await begun.wait()
        assert await host.stop() == 1


def test_empty_polls_back_off_from_100_ms_to_the_longest_interval() -> None:
    assert [round(backoff(n, 2.0, lambda: 1.0), 3) for n in range(1, 8)] == [0.1, 0.2, 0.3, 0.5, 0.9, 1.7, 2.0]
    assert backoff(1, 60, lambda: 1.2) == 0.1
    assert 0.1 + 0.08 <= backoff(2, 60) <= 0.1 + 0.12


# ----------------------------------------------------------------------------------------------------------------- timers


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 */5 * * * *", "2026-11-22T10:00:00", "2026-11-22T10:05:00"),
        ("* * * * * *", "2026-12-31T23:59:59.5", "2027-01-01T00:00:00"),
        ("0 0 * * * *", "2026-11-22T23:00:00", "2026-11-23T00:00:00"),
        ("0 30 9 * * Mon-Fri", "2026-11-20T09:30:00", "2026-11-23T09:30:00"),
        ("0 30 9 * * 1-5", "2026-11-20T09:29:59", "2026-11-20T09:30:00"),
        ("0 0 0 * Jan,July Sunday", "2026-11-22T00:00:00", "2027-01-03T00:00:00"),
        ("5,8,10 * * * * *", "2026-11-22T10:00:08", "2026-11-22T10:00:10"),
        ("0 5-10/2 * * * *", "2026-11-22T10:07:00", "2026-11-22T10:09:00"),
        ("0 50/5 * * * *", "2026-11-22T10:56:00", "2026-11-22T11:50:00"),
        ("0 0 0 29 2 *", "2096-03-01T00:00:00", "2104-02-29T00:00:00"),
        ("0 0 12 13 * Fri", "2026-11-14T00:00:00", "2027-08-13T12:00:00"),
        ("*/15 * * * *", "2026-11-22T10:07:30", "2026-11-22T10:15:00"),
        ("00:00:30", "2026-11-22T10:00:01", "2026-11-22T10:00:31"),
        ("1.02:00", "2026-11-22T10:00:00", "2026-11-23T12:00:00"),
    ],
)
def test_a_schedule_says_its_next_moment_in_utc(text: str, after: str, expected: str) -> None:
    moment = schedule(text, "schedule").next(datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert moment == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@in_loop
async def test_a_timer_fires_again_and_again_but_never_twice_at_once() -> None:
    app, running, fired = new_app(), [0, 0], asyncio.Semaphore(0)

    @app.timer_trigger(arg_name="timer", schedule="00:00:00.01")
    async def tick(timer: func.TimerRequest) -> None:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(0.03)
        running[0] -= 1
        assert not timer.past_due
        fired.release()

    async with served(app):
        for _ in range(3):
            await fired.acquire()
    assert running == [0, 1]


@in_loop
async def test_run_on_startup_fires_at_once_and_a_failure_does_not_stop_the_timer(caplog: pytest.LogCaptureFixture) -> None:
    app, fired = new_app(), asyncio.Semaphore(0)

    @app.timer_trigger(arg_name="timer", schedule="00:00:00.05", run_on_startup=True)
    async def tick(timer: func.TimerRequest) -> None:
        fired.release()
        raise ValueError

    async with served(app):
        await fired.acquire()
        await fired.acquire()
    assert "tick failed" in caplog.text


# ----------------------------------------------------------------------------------------------------- the command itself


def command(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AzureWebJobs")}
    return subprocess.Popen(
        [sys.executable, "-m", "local.host", *arguments],
        cwd=ROOT,
        env=environment | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@in_loop
async def test_the_command_says_what_it_serves_and_on_sigterm_drains_and_exits_0(storage: str) -> None:
    async with new_queue(storage) as own:
        process = command("--app", str(SAMPLE), "--port", "0", AzureWebJobsStorage=storage, SAMPLE_QUEUE=own.name)
        try:
            lines = [await asyncio.to_thread(process.stdout.readline) for _ in range(6)]  # type: ignore[union-attr]
            base = lines[-1].removeprefix("listening on ").strip()
            await own.send(b"0.5")
            async with aiohttp.ClientSession(base) as client:

                async def begun() -> bool:
                    async with client.get("/api/begun") as response:
                        return await response.text() == "yes"

                await eventually(begun)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait) == 0
        finally:
            process.kill()
            out, err = process.communicate()
        assert await own.is_empty()
    assert (out, err) == ("", "")
    assert sorted(line.strip() for line in lines[:-1]) == [
        "echo: httpTrigger POST /api/echo/{name}",
        "has_begun: httpTrigger GET /api/begun",
        "health: httpTrigger GET /api/health",
        "nightly: timerTrigger 0 0 4 * * *",
        f"slow: queueTrigger {own.name}",
    ]


@in_loop
async def test_a_task_that_nobody_waited_for_is_told_by_its_type_only(caplog: pytest.LogCaptureFixture) -> None:
    tell(asyncio.get_running_loop(), {"message": "Task exception was never retrieved", "exception": ValueError("secret")})
    assert "Task exception was never retrieved: ValueError at" in caplog.text
    assert "secret" not in caplog.text


ONE_FUNCTION = """
import azure.functions as func

app = func.FunctionApp()


@app.route(route="a")
def a(req: func.HttpRequest) -> str:
    return ""
"""


def test_a_start_that_cannot_be_is_one_sentence_and_exit_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        (tmp_path / "function_app.py").write_text(ONE_FUNCTION)
        (tmp_path / "host.json").write_text('{"version": "2.0"}')
        busy = command("--app", str(tmp_path), "--port", port)
        empty = command("--app", str(tmp_path / "none"))
        found = [process.communicate(timeout=PATIENCE) for process in (busy, empty)]
    assert [process.returncode for process in (busy, empty)] == [1, 1]
    assert [out for out, _ in found] == ["", ""]
    assert f"port {port} cannot be used (Address already in use): choose another with --port" in found[0][1]
    assert "host.json is missing" in found[1][1]
    assert [err.count("\n") for _, err in found] == [1, 1]
