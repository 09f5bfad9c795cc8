"""Storage as it can be: a proxy in front of Azurite that fails, is late, does half of it and says nothing, as a seed decides."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from local.faults.ground import Ground
from local.journal.answers import hang_up
from local.listening import listen

SHARE = 0.4  # of calls that go wrong: the SDK asks three times, so fewer would hardly be noticed
LATE = 1.5  # seconds at most
_HOP = {"host", "connection", "transfer-encoding", "content-length", "keep-alive"}
_OURS = ("Content-Type", "Accept", "Accept-Encoding", "User-Agent")  # what aiohttp would add: the caller has signed its own
_BUSY = b'{"odata.error":{"code":"ServerBusy","message":{"value":"busy"}}}'
_CONFLICT = b'{"odata.error":{"code":"TableBeingDeleted","message":{"value":"conflict"}}}'
Ask = Callable[[], Awaitable[web.Response]]


@dataclass(slots=True)
class Proxy:
    """`wrong`: whether it misbehaves now. `done`: how often it did what."""

    draw: random.Random
    wrong: bool = False
    done: Counter[str] = field(default_factory=Counter)

    async def answer(self, request: web.Request, ask: Ask) -> web.StreamResponse:
        if not self.wrong or self.draw.random() > SHARE:
            return await ask()
        fault = self.draw.choice(list(FAULTS))
        self.done[fault] += 1
        return await FAULTS[fault](self, request, ask)

    async def busy(self, _request: web.Request, _ask: Ask) -> web.StreamResponse:
        return web.Response(status=503, body=_BUSY, headers={"x-ms-error-code": "ServerBusy"}, content_type="application/json")

    async def busy_after(self, request: web.Request, ask: Ask) -> web.StreamResponse:
        await ask()
        return await self.busy(request, ask)

    async def conflict(self, _request: web.Request, _ask: Ask) -> web.StreamResponse:
        return web.Response(status=409, body=_CONFLICT, headers={"x-ms-error-code": "TableBeingDeleted"}, content_type="application/json")

    async def late(self, _request: web.Request, ask: Ask) -> web.StreamResponse:
        await asyncio.sleep(self.draw.random() * LATE)
        return await ask()

    async def cut(self, request: web.Request, _ask: Ask) -> web.StreamResponse:
        return hang_up(request)

    async def part(self, request: web.Request, ask: Ask) -> web.StreamResponse:
        """Done, and half of the answer comes."""
        answer = await ask()
        body = answer.body if isinstance(answer.body, bytes) else b""
        if request.transport is not None:
            head = f"HTTP/1.1 {answer.status} Half\r\nContent-Length: {len(body) or 1}\r\n\r\n"
            request.transport.write(head.encode() + body[: len(body) // 2])
            request.transport.close()
        return web.Response()


FAULTS: Mapping[str, Callable[[Proxy, web.Request, Ask], Awaitable[web.StreamResponse]]] = {
    "503": Proxy.busy,
    "done, then 503": Proxy.busy_after,
    "409": Proxy.conflict,
    "late": Proxy.late,
    "cut": Proxy.cut,
    "done, then cut": Proxy.part,
}


@asynccontextmanager
async def proxied(ground: Ground, storage: str, proxy: Proxy) -> AsyncIterator[str]:
    """The connection string that leads through it."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(auto_decompress=False, connector=connector, skip_auto_headers=_OURS) as session:
        runners = []
        for port in ground.ports[1:]:
            app = web.Application(client_max_size=8 * 1024 * 1024)
            app.add_routes([web.route("*", "/{path:.*}", _handler(session, port, proxy))])
            runner, url = await listen(app, 0)
            runners.append(runner)
            storage = storage.replace(f"http://127.0.0.1:{port}/", f"{url}/")
        try:
            yield storage
        finally:
            for runner in runners:
                await runner.cleanup()


def _handler(session: aiohttp.ClientSession, port: int, proxy: Proxy) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()

        async def ask() -> web.Response:
            url = URL(f"http://127.0.0.1:{port}{request.raw_path}", encoded=True)
            async with session.request(request.method, url, data=body, headers=_passed(request.headers)) as got:
                return web.Response(status=got.status, body=await got.read(), headers=_passed(got.headers))

        return await proxy.answer(request, ask)

    return handle


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    """All that is about the message and not about the connection."""
    return {name: value for name, value in headers.items() if name.lower() not in _HOP}
