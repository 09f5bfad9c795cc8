"""A door in front of a journal that does what no journal should, for the first connections; after them it lets everything through. Or it
lets all through, and answers otherwise than the journal did.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BAD = 3  # connections
_HUGE = 64 * 1024 * 1024  # bytes of an answer


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Half open: takes all, says nothing, until the caller has gone."""
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"}")
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf of it")


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"}")
    writer.write(b"220 mail.example.no ESMTP\r\n\r\n")


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """For ever a byte more, so that a time-out that begins anew with every byte never comes."""
    await reader.readuntil(b"}")
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nX-Drip: ")
    while not writer.is_closing():
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A failure with a body that nobody wants to have in memory."""
    await reader.readuntil(b"}")
    writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %d\r\n\r\n" % _HUGE)
    for _ in range(_HUGE // 65536):
        writer.write(b"x" * 65536)
        await writer.drain()


DOORS: Mapping[str, Reply] = {
    "half open": silent,
    "reset": reset,
    "half an answer": half,
    "not HTTP": no_http,
    "dripping": dripping,
    "a huge answer": huge,
}
_WARNS = b'{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"informational"}]}'
ANSWERS: Mapping[str, bytes] = {  # of a journal that has stored the document
    "204 and no body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "200 and some text": b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nmottatt",
    "202 and half of a JSON": b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n{"a"',
    "299 and a warning": b"HTTP/1.1 299 Hm\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s" % (len(_WARNS), _WARNS),
}


@dataclass(slots=True)
class Door:
    """`left`: connections until it lets everything through; below 0: more have come."""

    port: int = 0
    left: int = BAD


def instead(answer: bytes, port: int) -> Reply:
    """What stands at `port` gets the request, and the caller this answer."""
    return partial(_instead, answer, port)


async def _instead(answer: bytes, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    behind, there = await asyncio.open_connection("127.0.0.1", port)
    try:
        there.write(await _whole(reader))
        await _whole(behind)
        writer.write(answer)
        await writer.drain()
    finally:
        there.close()


async def _whole(reader: asyncio.StreamReader) -> bytes:
    """A request or an answer whose length is told."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b"0")
    return head + await reader.readexactly(int(length))


@asynccontextmanager
async def door(reply: Reply, port: int) -> AsyncIterator[Door]:
    """`port`: of what stands behind it."""
    one = Door()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one.left -= 1
        await (reply(reader, writer) if one.left >= 0 else _through(reader, writer, port))

    async with speaking(talk) as one.port:
        yield one


@asynccontextmanager
async def speaking(reply: Reply) -> AsyncIterator[int]:
    """The port of a server that speaks for itself; it hangs up when it has replied, whatever became of the caller."""
    talking: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            talking.add(task)
            task.add_done_callback(talking.discard)
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError):
                await reply(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)


async def _through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    behind, there = await asyncio.open_connection("127.0.0.1", port)
    try:
        await asyncio.wait([asyncio.create_task(_pump(*way)) for way in ((reader, there), (behind, writer))])
    finally:
        there.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
        sink.write_eof()
