"""The HTTP front: keys, requests and responses, as the real host has them."""

import asyncio
import hmac
import logging
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as azf
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict

from local.host.functions import Failed, Function
from local.host.routes import find, path_of, routes
from local.host.settings import StartError

# "The HTTP request length is limited to 100 MB (104,857,600 bytes)" -- Microsoft Learn, HTTP trigger, Limits
LARGEST_BODY = 104_857_600

_silent = logging.getLogger("local.host.silent")  # aiohttp logs bad requests with their first line, which may name a person
_silent.disabled = True


class Keys:
    """Who may call which function. Settings named as in the key store of the real host (Kubernetes form)."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = {name.lower(): value for name, value in settings.items() if value}

    def of(self, function: Function) -> frozenset[bytes] | None:
        """The keys that open it, None if it needs none."""
        level = str(function.trigger.get("authLevel") or "FUNCTION").upper()
        if level == "ANONYMOUS":
            return None
        names = ("host.function.", f"functions.{function.name.lower()}.") if level == "FUNCTION" else ()
        found = [value for name, value in self._settings.items() if name == "host.master" or name.startswith(names)]
        return frozenset(value.encode() for value in found)


class Web:
    """Serves HTTP-triggered functions on the loopback interface."""

    def __init__(self, functions: Sequence[Function], prefix: str, keys: Keys, drain: float) -> None:
        self._table = routes(functions, prefix)
        self._keys = {each.name: keys.of(each) for each in functions}
        self._runner: web.ServerRunner | None = None
        self._drain = drain
        self._origin = ""
        self.lines = [f"{each.function.name}: httpTrigger {each}" for each in self._table]

    async def start(self, port: int) -> int:
        """Listens on `port` (0: any free one) and says which."""
        self._runner = web.ServerRunner(_Server(self._serve), shutdown_timeout=self._drain)
        await self._runner.setup()
        listening = _listening(port)
        await web.SockSite(self._runner, listening).start()
        chosen = int(listening.getsockname()[1])
        self._origin = f"127.0.0.1:{chosen}"
        return chosen

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs
        found = find(self._table, request.method, path_of(raw))
        if found is None:
            return web.Response(status=404)
        function, parameters = found
        query = _query(raw)
        headers = _headers(request)
        if not self._admits(function, headers, query):
            return web.Response(status=401)
        body = await _body(request)
        if body is None:
            return web.Response(status=413)
        url = f"http://{headers.get('host') or self._origin}{raw}"
        asked = azf.HttpRequest(request.method, url, headers=headers, params=query, route_params=parameters, body=body)
        try:
            response: web.Response = await function.invoke(asked, _answer)
        except Failed:
            return web.Response(status=500)
        return response

    def _admits(self, function: Function, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        keys = self._keys[function.name]
        if keys is None:
            return True
        given = headers.get("x-functions-key") or query.get("code", "")
        return any([hmac.compare_digest(given.encode(), key) for key in keys])  # a list: all are compared, so that time tells nothing


def _listening(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        listening.close()
        raise StartError(f"port {port} cannot be used ({getattr(error, 'strerror', error)}): choose another with --port") from None
    return listening


def _query(raw: str) -> dict[str, str]:
    """Empty values are absent, as in what the real host tells the worker; repeated ones are joined by commas."""
    _, mark, text = raw.partition("?")
    return _joined(parse_qsl(text, errors="replace")) if mark else {}


def _headers(request: web.BaseRequest) -> dict[str, str]:
    return _joined((name.lower(), value) for name, value in request.headers.items())


def _joined(pairs: Any) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


async def _body(request: web.BaseRequest) -> bytes | None:
    """None if it is larger than the host lets through."""
    if (request.content_length or 0) > LARGEST_BODY:
        return None
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the response proper has not begun
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return None


def _answer(value: Any) -> web.Response:
    """What the function returned, as a response; TypeError if it is nothing that the worker could encode."""
    if isinstance(value, str):
        return web.Response(text=value)
    if not isinstance(value, azf.HttpResponse):
        raise TypeError("an HTTP function must return HttpResponse or str")
    headers = CIMultiDict(value.headers.items())
    if "Content-Type" not in headers:
        charset = f"; charset={value.charset}" if value.mimetype.startswith("text/") else ""
        headers["Content-Type"] = value.mimetype + charset
    for ours in ("Content-Length", "Transfer-Encoding", "Connection"):
        headers.popall(ours, None)
    return web.Response(status=value.status_code, headers=headers, body=value.get_body())


class _Server(web.Server):
    """aiohttp's low-level server: no router, no middleware, no access log; bodies as sent and up to LARGEST_BODY."""

    def __call__(self) -> RequestHandler:
        # lingering: a body that nobody read may still arrive, that the sender sees its 404; not longer, or it would hold up a stop
        quiet: dict[str, Any] = {"access_log": None, "logger": _silent, "lingering_time": 1.0}
        return _Protocol(self, loop=self._loop, auto_decompress=False, max_field_size=32_768, **quiet)

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=LARGEST_BODY)


class _Protocol(RequestHandler):
    """Answers what is not HTTP without repeating it."""

    __slots__ = ()

    def handle_error(self, request: web.BaseRequest, status: int = 500, *_: Any, **__: Any) -> web.StreamResponse:
        response = web.Response(status=status)
        response.force_close()
        return response
