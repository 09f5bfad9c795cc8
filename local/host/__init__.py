"""Serves a `function_app.py` (Python v2 programming model) where Azure Functions Core Tools is not installed.

    python -m local.host [--port P] [--app DIR] [--lease SECONDS] [--drain SECONDS]

It reads the functions that the app registers, host.json and local.settings.json. It knows nothing of our functions: `func start` works on
the same files. tests/test_host.py and its neighbour hold it to this table.

    HONOURED
    settings    Values of local.settings.json become environment variables unless set already; %NAME% in bindings; `connection` names a
                connection string (AzureWebJobs<name> first); Host.LocalHttpPort; AzureWebJobs.<function>.Disabled
    functions   what get_functions() of the one FunctionApp tells; parameters and annotations checked as the worker does; sync functions in
                a ThreadPoolExecutor (PYTHON_THREADPOOL_THREAD_COUNT), async ones on the loop; `context` (id, name, directory)
    failures    an exception, or a value without a $return binding; logged as function, invocation id, type and frames, nothing else
    routes      routePrefix ("api", may be ""), {x}, {x?}, {x=1}, {*rest}, ASP.NET's constraints, any case, most specific first; only the
                methods listed (HEAD and OPTIONS too), none listed: all; no route or method: 404, empty. Refused at start: routes that begin
                with admin or runtime, two functions with the same route and method
    keys        ANONYMOUS; FUNCTION: function, host or master key; ADMIN: master key. Header x-functions-key wins over ?code=; else 401.
                Keys are settings, named as in the real host's key store: host.master, host.function.<key>, functions.<function>.<key>
    requests    header names in lower case, repeated ones joined by commas, empty query values absent; the body as sent (never unpacked), up
                to the real host's 104,857,600 bytes, more: 413; Expect: 100-continue
    responses   HttpResponse or str; an exception or anything else: 500, empty
    polling     batchSize (16, at most 32), newBatchThreshold (half of it), the next receive when running <= newBatchThreshold; empty polls
                back off from 100 ms to maxPollingInterval (1 min), doubling, +-20 %; a missing queue is an empty one
    messages    hidden 10 minutes, renewed every 5; messageEncoding base64 or none; undecodable base64 goes to the poison queue unseen.
                Done: deleted. Failed: back after visibilityTimeout (0), or the maxDequeueCount-th time (5) copied to <queue>-poison, made
                on demand, and deleted; one beyond that likewise, unrun. <queue>-poison, or a name too long, has no poison queue: what fails
                stays hidden. A stale receipt or missing message is ignored
    timers      NCRONTAB of six fields (or five) in UTC: lists, ranges, steps, names; or a TimeSpan; run_on_startup; never two at once
    stopping    SIGTERM, SIGINT: no more polling and accepting, what runs may end, its message is deleted, exit 0

    NOT HONOURED, OR DIFFERENT
    settings    encrypted settings, comments in JSON, AzureFunctionsJobHost__* overrides, CORS, identity-based connections
    functions   str, bytes and SDK-typed parameters; retry policies; several worker processes; functionTimeout; Context.trace_context and
                retry_context are None
    bindings    any but httpTrigger, http, queueTrigger and timerTrigger stops the start
    http        keys: `func start` asks for none. Chunked bodies are passed on: the real host may hand the function an empty one. The page
                at /, customHeaders, hsts, throttles, the platform's 230 s and 4 KB of URL; {x:datetime} takes ISO 8601 only
    queues      newBatchThreshold is not multiplied by the cores; no dynamic concurrency; --lease shortens the 10 minutes (development only)
    timers      past_due is always False, no memory across restarts, no lock between hosts, no WEBSITE_TIME_ZONE
    stopping    after --drain seconds (30) what still runs is given up and the exit code is 1
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from azure.storage.queue.aio import QueueServiceClient

from local.host.functions import Function, find
from local.host.http import Keys, Web
from local.host.queue import Listener, Rules, service
from local.host.settings import StartError, connection, section
from local.host.timer import Timer

__all__ = ["Host", "StartError"]


@dataclass(eq=False)
class Host:
    """One app being served. `port` 0 is any free one; after start() it says which. Every fault of the files is a StartError of start()."""

    app_module: ModuleType
    host_json: Mapping[str, Any]
    settings: Mapping[str, str]
    port: int = 0
    lease: float = 600
    drain: float = 30
    lines: list[str] = field(default_factory=list, init=False)
    _web: Web = field(init=False)
    _workers: list[Listener | Timer] = field(default_factory=list, init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    _services: dict[str, QueueServiceClient] = field(default_factory=dict, init=False)
    _pool: ThreadPoolExecutor = field(init=False)

    async def start(self) -> None:
        threads = self.settings.get("PYTHON_THREADPOOL_THREAD_COUNT", "")
        self._pool = ThreadPoolExecutor(int(threads) if threads.isdigit() and int(threads) else None, "function")
        functions = find(self.app_module, self.settings, self._pool)
        http = [each for each in functions if each.type == "httpTrigger"]
        prefix = str(section(self.host_json, "extensions", "http").get("routePrefix", "api"))
        self._web = Web(http, prefix, Keys(self.settings), self.drain)
        self._workers = [self._worker(each) for each in functions if each.type != "httpTrigger"]
        self.lines = [*self._web.lines, *(worker.line for worker in self._workers)]
        self.port = await self._web.start(self.port)
        self._tasks = [asyncio.create_task(worker.run()) for worker in self._workers]

    async def stop(self) -> int:
        """Drains; says how many queue and timer functions still ran when the time was up."""
        for worker in self._workers:
            worker.stop()
        _, late = await asyncio.wait([*self._tasks, asyncio.create_task(self._web.stop())], timeout=self.drain + 1)
        for task in late:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for client in self._services.values():
            await client.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        return len(late)

    def _worker(self, function: Function) -> "Listener | Timer":
        if function.type == "timerTrigger":
            return Timer.of(function)
        text = connection(function.trigger.get("connection") or "AzureWebJobsStorage", self.settings)
        if text not in self._services:
            self._services[text] = service(text)
        return Listener(function, self._services[text], Rules.of(self.host_json), self.lease)
