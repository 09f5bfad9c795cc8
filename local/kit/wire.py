"""The kit's calls. By http.client, one connection each: it must hang up in mid-call, and end an answer that comes a byte at a time."""

import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead, RemoteDisconnected
from typing import Any, cast
from urllib.parse import urlsplit

from shared.domain.journal import Call

LARGEST = 4 * 1024 * 1024 + 1  # bytes of an answer that are read


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of headers in lower case. `trouble`: why there is no whole answer, and then status is 0; `late`: because time was up."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    seconds: float = 0.0
    trouble: str = ""
    late: bool = False


class Dripping(TimeoutError):
    """The answer came too slowly."""


class _Timed(io.RawIOBase):
    """A socket's bytes as long as there is time."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until, self.began = sock, until, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._until))
        size = self._sock.recv_into(buffer)
        self.began = True
        return size

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What HTTPResponse asks of a socket."""
        return io.BufferedReader(self)


def call(request: Call, tls: ssl.SSLContext | None, limit: float) -> Answer:
    """`limit`: seconds until the whole answer must be here, however it drips in. `tls`: None for what browsers trust."""
    began = time.monotonic()
    try:
        connection = _sent(request, tls, began + limit)
        try:
            answer = _read(connection, request.method, began + limit)
        finally:
            connection.close()
    except (OSError, HTTPException) as error:
        late = isinstance(error, TimeoutError)
        trouble = f"{'the answer had begun, but was not whole' if isinstance(error, Dripping) else 'no answer'} within {limit:g} s"
        return Answer(0, seconds=time.monotonic() - began, trouble=trouble if late else _why(error), late=late)
    return Answer(answer.status, answer.headers, answer.body, time.monotonic() - began)


def hang_up(request: Call, tls: ssl.SSLContext | None, limit: float) -> None:
    """Sends the call whole, and is gone before the answer."""
    try:
        _sent(request, tls, time.monotonic() + limit).close()
    except (OSError, HTTPException):
        return


def greet(url: str, tls: ssl.SSLContext | None, limit: float) -> tuple[str, str]:
    """The TLS version that comes about, and why none does."""
    try:
        connection = _connection(url, tls, limit)
        connection.connect()
        version = cast(ssl.SSLSocket, connection.sock).version() or ""
        connection.close()
    except (OSError, HTTPException) as error:
        return "", _why(error)
    return version, ""


def _sent(request: Call, tls: ssl.SSLContext | None, until: float) -> HTTPConnection:
    place = urlsplit(request.url)
    path = f"{place.path or '/'}{f'?{place.query}' if place.query else ''}"
    headers = {**request.headers, "Accept-Encoding": "identity"}
    connection = _connection(request.url, tls, _left(until))
    connection.connect()
    try:
        connection.request(request.method, path, request.body or None, headers)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it may have answered before it had read all: what it said is read next
    except OSError:
        connection.close()
        raise
    return connection


def _connection(url: str, tls: ssl.SSLContext | None, limit: float) -> HTTPConnection:
    place = urlsplit(url)
    if place.scheme != "https":
        return HTTPConnection(place.hostname or "", place.port or 80, timeout=limit)
    context = tls or ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return HTTPSConnection(place.hostname or "", place.port or 443, timeout=limit, context=context)


def _read(connection: HTTPConnection, method: str, until: float) -> Answer:
    timed = _Timed(connection.sock, until)
    response = HTTPResponse(cast(socket.socket, timed), method=method)
    try:
        response.begin()
        body = response.read(LARGEST)
        if response.length and len(body) < LARGEST:
            raise IncompleteRead(b"", response.length)
    except TimeoutError:
        raise (Dripping if timed.began else TimeoutError) from None
    finally:
        response.close()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


WHY: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (socket.gaierror, "its name is not found"),
    (ConnectionRefusedError, "nothing listens at that address"),
    (ssl.SSLError, "no TLS 1.2 or newer comes about"),
    (TimeoutError, "no connection in time"),
    (RemoteDisconnected, "the connection was cut without an answer"),
    (ConnectionError, "the connection was cut without an answer"),
    (IncompleteRead, "the connection was cut in the middle of the answer"),
    (HTTPException, "what it answers is not HTTP"),
)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return next((words for kind, words in WHY if isinstance(error, kind)), f"it cannot be reached ({type(error).__name__})")
