"""Queue triggers: leasing, running, deleting, giving back and burying messages."""

import asyncio
import base64
import binascii
import contextlib
import logging
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.functions.queue import QueueMessage
from azure.storage.queue import QueueMessage as Leased
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.host.functions import Failed, Function
from local.host.settings import StartError, section, time_span, whole
from local.host.timer import stopped_within

log = logging.getLogger("local.host")

SHORTEST_POLL = 0.1
_POISON = "-poison"
_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Rules:
    """extensions.queues of host.json."""

    batch_size: int
    threshold: int
    max_dequeue_count: int
    visibility: float
    longest_poll: float
    base64: bool

    @staticmethod
    def of(host_json: Mapping[str, Any]) -> "Rules":
        given = section(host_json, "extensions", "queues")
        size = whole(given, "batchSize", 16, 1, 32)
        encoding = str(given.get("messageEncoding", "base64")).lower()
        if encoding not in ("base64", "none"):
            raise StartError("host.json: extensions.queues.messageEncoding must be base64 or none")
        return Rules(
            batch_size=size,
            threshold=whole(given, "newBatchThreshold", size // 2, 0),
            max_dequeue_count=whole(given, "maxDequeueCount", 5, 1),
            visibility=time_span(given.get("visibilityTimeout", "00:00:00"), "host.json: extensions.queues.visibilityTimeout"),
            longest_poll=max(
                SHORTEST_POLL, time_span(given.get("maxPollingInterval", "00:01:00"), "host.json: extensions.queues.maxPollingInterval")
            ),
            base64=encoding == "base64",
        )


def service(connection: str) -> QueueServiceClient:
    """`use_env_settings=False` spares the aio SDK two thirds of its CPU: it would look for ~/.netrc on every request."""
    try:
        return QueueServiceClient.from_connection_string(
            connection, transport=AioHttpTransport(use_env_settings=False), initial_backoff=1, increment_base=2, random_jitter_range=1
        )
    except ValueError:
        raise StartError("a queue's connection setting is not the connection string of a storage account") from None


def backoff(empty_polls: int, longest: float, jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)) -> float:  # noqa: S311 -- no secret
    """Seconds to wait after so many empty polls in a row: 0.1, then 0.1 + (0.1, 0.2, 0.4 ...) x jitter."""
    if empty_polls <= 1:
        return min(SHORTEST_POLL, longest)
    return min(SHORTEST_POLL + SHORTEST_POLL * 2.0 ** min(empty_polls - 2, 32) * jitter(), longest)


def decoded(text: str, rules: Rules) -> bytes | None:
    """None if the body is not what messageEncoding says."""
    if not rules.base64:
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


@dataclass(eq=False)
class _Lease:
    """Keeps a message hidden while its function runs, and knows the receipt that is good now."""

    queue: QueueClient
    message: Leased
    seconds: float
    _timer: asyncio.TimerHandle | None = None
    _renewal: asyncio.Task[None] | None = None

    def keep(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.seconds / 2, self._renew_soon)

    async def end(self) -> None:
        """A renewal under way is waited for: it changes the receipt."""
        if self._timer is not None:
            self._timer.cancel()
        if self._renewal is not None:
            await self._renewal
            self._timer.cancel() if self._timer else None

    def _renew_soon(self) -> None:
        self._renewal = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        renewed = await settled("renewed", self.queue, self.queue.update_message(self.message, visibility_timeout=round(self.seconds)))
        if renewed is not None:
            self.message.pop_receipt = renewed.pop_receipt
            self.keep()


async def settled(verb: str, queue: QueueClient, call: Awaitable[Any]) -> Any:
    """What the call gives. A stale receipt or a missing message is no failure, only None: somebody else has the message."""
    try:
        return await call
    except ResourceNotFoundError:
        return None
    except Exception as error:  # whatever it is, the other messages go on; this one comes back after its lease
        stale = isinstance(error, HttpResponseError) and getattr(error, "error_code", None) == "PopReceiptMismatch"
        if not stale:
            log.error("a message of %s could not be %s: %s", queue.queue_name, verb, type(error).__name__)
        return None


@dataclass(eq=False)
class Listener:
    """Polls one queue for one function. At most batchSize + newBatchThreshold messages are being worked on."""

    function: Function
    client: QueueServiceClient
    rules: Rules
    lease: float
    queue: QueueClient = field(init=False)
    poison: QueueClient | None = field(init=False)
    _running: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _room: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _reachable: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        name = str(self.function.trigger["queueName"]).lower()
        if not _NAME.fullmatch(name):
            raise StartError(f"{self.function.name}: the queue name is no valid queue name (3-63 of a-z, 0-9 and single dashes)")
        buried = name + _POISON
        self.queue = self.client.get_queue_client(name)
        has_poison = not name.endswith(_POISON) and _NAME.fullmatch(buried)
        self.poison = self.client.get_queue_client(buried) if has_poison else None

    @property
    def line(self) -> str:
        return f"{self.function.name}: queueTrigger {self.queue.queue_name}"

    async def run(self) -> None:
        """Until stop(), and until what runs has ended."""
        empty_polls = 0
        while not self._stopping.is_set():
            found = await self._receive()
            for message in found:
                self._begin(message)
            if found:
                empty_polls = 0
                await self._room.wait()
            else:
                empty_polls += 1
                await stopped_within(self._stopping, backoff(empty_polls, self.rules.longest_poll))
        try:
            await asyncio.gather(*self._running, return_exceptions=True)
        except asyncio.CancelledError:  # the time to drain is up; gather has cancelled them
            log.error("%s: given up while running", self.function.name)
            raise

    def stop(self) -> None:
        self._stopping.set()
        self._room.set()

    async def _receive(self) -> list[Leased]:
        pages = self.queue.receive_messages(
            messages_per_page=self.rules.batch_size, visibility_timeout=round(self.lease), retry_total=0
        ).by_page()
        try:
            page = await anext(pages, None)
            self._reachable = True
            return [message async for message in page] if page else []
        except ResourceNotFoundError:  # the queue: nobody has sent anything yet
            return []
        except Exception as error:  # whatever it is, polling goes on
            if self._reachable:
                log.error("%s cannot be read, trying on: %s", self.queue.queue_name, type(error).__name__)
            self._reachable = False
            return []

    def _begin(self, message: Leased) -> None:
        task = asyncio.create_task(self._handle(message))
        self._running.add(task)
        task.add_done_callback(self._ended)
        if len(self._running) > self.rules.threshold and not self._stopping.is_set():
            self._room.clear()
        else:
            self._room.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if len(self._running) <= self.rules.threshold:
            self._room.set()

    async def _handle(self, message: Leased) -> None:
        body = decoded(str(message.content), self.rules)
        count = message.dequeue_count or 0
        if body is None or (self.poison is not None and count > self.rules.max_dequeue_count):
            await self._bury(message)
            return
        lease = _Lease(self.queue, message, self.lease)
        lease.keep()
        try:
            succeeded = await self._run(message, body)
        finally:
            await lease.end()
        if succeeded:
            await settled("deleted", self.queue, self.queue.delete_message(message))
        elif count >= self.rules.max_dequeue_count:
            await self._bury(message)
        elif self.poison is not None:  # without a poison queue it stays hidden, lest it fail in a tight loop
            wait = round(self.rules.visibility)
            await settled("given back", self.queue, self.queue.update_message(message, visibility_timeout=wait))

    async def _run(self, message: Leased, body: bytes) -> bool:
        with contextlib.suppress(Failed):
            await self.function.invoke(_queue_message(message, body))
            return True
        return False

    async def _bury(self, message: Leased) -> None:
        if self.poison is None:
            return
        if await settled("copied to the poison queue", self.queue, self._copy(self.poison, str(message.content))) is not None:
            await settled("deleted", self.queue, self.queue.delete_message(message))

    async def _copy(self, poison: QueueClient, text: str) -> Leased:
        try:
            return await poison.send_message(text)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                await poison.create_queue()
            return await poison.send_message(text)


def _queue_message(message: Leased, body: bytes) -> QueueMessage:
    return QueueMessage(  # type: ignore[no-untyped-call]  # azure.functions leaves it untyped
        id=message.id,
        body=body,
        dequeue_count=message.dequeue_count,
        expiration_time=message.expires_on,
        insertion_time=message.inserted_on,
        time_next_visible=message.next_visible_on,
        pop_receipt=message.pop_receipt,
    )
