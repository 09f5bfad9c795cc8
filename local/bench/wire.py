"""HTTP/1.1 at its smallest, for the driver, the sink and the raw harness: keep-alive, whole bodies, nothing in between.

Made for loopback partners that we know (the hub's aiohttp, Azurite, ourselves). Not a server for strangers.
"""

import asyncio
from collections.abc import Callable

Answer = Callable[[bytes], None]
Handler = Callable[[bytes, bytes, Answer], None]  # head, body, and how to answer, now or later

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
TOO_MUCH = 1 << 26


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header named in lower case, b"" if absent."""
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()


def unchunk(data: bytes, at: int) -> tuple[bytes, int] | None:
    """A chunked body that starts at `at`, and where it ends; None while it is not all here."""
    parts: list[bytes] = []
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].split(b";")[0], 16)
        at = line + 2 + size + 2
        if len(data) < at:
            return None
        if size == 0:
            return b"".join(parts), at
        parts.append(data[line + 2 : at - 2])
    return None


def cut(data: bytes, *, answer: bool) -> tuple[bytes, bytes, int] | None:
    """The first whole message in `data`: head, body and where the next begins; None while it is not all here."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, start = data[:end], end + 4
    if header(head, b"transfer-encoding").lower() == b"chunked":
        found = unchunk(data, start)
        return (head, *found) if found else None
    size = 0 if answer and head[9:12] == b"204" else int(header(head, b"content-length") or 0)
    return (head, data[start : start + size], start + size) if len(data) >= start + size else None


class _Messages(asyncio.Protocol):
    """Bytes in, whole messages out to `received`."""

    answer = False

    def __init__(self) -> None:
        self.data = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data = self.data + data if self.data else data
        while self.data and (message := cut(self.data, answer=self.answer)):
            self.data = self.data[message[2] :]
            self.received(message[0], message[1])
        if len(self.data) > TOO_MUCH and self.transport:
            self.transport.abort()

    def received(self, head: bytes, body: bytes) -> None:
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)


class _Guest(_Messages):
    """One connection of somebody who asks us."""

    def __init__(self, handler: Handler, guests: set["_Guest"]) -> None:
        super().__init__()
        self.handler, self.guests = handler, guests
        guests.add(self)

    def received(self, head: bytes, body: bytes) -> None:
        self.handler(head, body, self.send)

    def connection_lost(self, exc: Exception | None) -> None:
        self.guests.discard(self)


class _Call(_Messages):
    """One connection on which we ask: a question at a time."""

    answer = True

    def __init__(self) -> None:
        super().__init__()
        self.waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def received(self, head: bytes, body: bytes) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting and not waiting.done():
            waiting.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting and not self.waiting.done():
            self.waiting.set_exception(ConnectionResetError("the other side closed the connection"))

    @property
    def usable(self) -> bool:
        return bool(self.transport) and not (self.transport and self.transport.is_closing())


class Client:
    """Keep-alive connections to one loopback port: as many as there are questions in flight."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[_Call] = []
        self.every: list[_Call] = []

    async def _connection(self) -> _Call:
        while self.idle:
            if (call := self.idle.pop()).usable:
                return call
        _, call = await asyncio.get_running_loop().create_connection(_Call, "127.0.0.1", self.port)
        self.every.append(call)
        return call

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. ConnectionError if the other side goes away; no time-out of its own."""
        call = await self._connection()
        call.waiting = asyncio.get_running_loop().create_future()
        call.send(request)
        answer = await call.waiting
        self.idle.append(call)
        return answer

    async def stop(self) -> None:
        for call in self.every:
            if call.transport:
                call.transport.abort()
        await asyncio.sleep(0)  # the turn of the loop in which the sockets are closed


class Server:
    """Answers on a loopback port until closed."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.guests: set[_Guest] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Guest(self.handler, self.guests), "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for guest in list(self.guests):
            if guest.transport:
                guest.transport.abort()
        await asyncio.sleep(0)


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """A POST as it goes over the wire. `headers`: lines that each end in CR LF."""
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
