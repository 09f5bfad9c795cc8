"""Holds local/host to the table of its docstring: what HTTP does, and what stops a start. What nobody calls: test_host_triggers.py."""

import asyncio
import contextlib
import functools
import gzip
import io
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import aiohttp
import azure.functions as func
import pytest
from yarl import URL

from local.host import Host, StartError
from local.host.queue import Rules
from local.host.routes import path_of, routes
from local.host.settings import DEVELOPMENT_STORAGE, apply, connection, host_json, local_settings

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests/apps/sample_app"
PATIENCE = 40.0  # seconds; nothing here takes one on an idle machine
NO_PREFIX: dict[str, Any] = {"extensions": {"http": {"routePrefix": ""}}}
Answer = tuple[int, bytes, Mapping[str, str]]


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), PATIENCE))

    return run


def new_app() -> func.FunctionApp:
    return func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def module_of(app: object) -> ModuleType:
    module = ModuleType("function_app")
    module.app = app  # type: ignore[attr-defined]
    return module


@contextlib.asynccontextmanager
async def served(
    app: object, rules: dict[str, Any] | None = None, settings: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Host]:
    host = Host(module_of(app), NO_PREFIX if rules is None else rules, settings or {}, **options)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


async def call(host: Host, method: str, path: str, **options: Any) -> Answer:
    async with (
        aiohttp.ClientSession(auto_decompress=False) as client,
        client.request(method, f"http://127.0.0.1:{host.port}{path}", **options) as response,
    ):
        return response.status, await response.read(), response.headers


async def raw_call(host: Host, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    writer.write(request)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


async def eventually(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Waits until it is so; the test's own time limit is the only limit."""
    while True:
        found = condition()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.02)


# ---------------------------------------------------------------------------------------------------------------- routes


def echoing_app(*templates: str, methods: list[str] | None = None) -> func.FunctionApp:
    """One function per template, which answers with its template and route parameters."""
    app = new_app()

    def add(number: int, template: str) -> None:
        @app.function_name(f"echo{number}")
        @app.route(route=template, methods=methods)
        async def echo(req: func.HttpRequest) -> str:
            return f"{template} {dict(req.route_params)}"

    for number, template in enumerate(templates):
        add(number, template)
    return app


@in_loop
async def test_the_route_prefix_is_api_unless_host_json_says_otherwise() -> None:
    async with served(echoing_app("ping"), rules={}) as host:
        assert (await call(host, "GET", "/api/ping"))[0] == 200
        assert (await call(host, "GET", "/ping"))[0] == 404


@in_loop
async def test_an_empty_route_prefix_puts_routes_at_the_root() -> None:
    async with served(echoing_app("ping")) as host:
        assert (await call(host, "GET", "/ping"))[0] == 200
        assert (await call(host, "GET", "/api/ping"))[0] == 404


@in_loop
async def test_a_route_matches_in_any_case_and_with_a_slash_at_its_end() -> None:
    async with served(echoing_app("Epj/R4")) as host:
        assert [(await call(host, "GET", path))[0] for path in ("/epj/r4", "/EPJ/R4/", "/epj/r4/x")] == [200, 200, 404]


@in_loop
async def test_no_route_is_404_with_an_empty_body() -> None:
    async with served(echoing_app("ping")) as host:
        assert (await call(host, "GET", "/pong"))[:2] == (404, b"")


@in_loop
async def test_a_method_that_is_not_listed_is_404_head_and_options_too() -> None:
    async with served(echoing_app("ping", methods=["POST"])) as host:
        statuses = {method: (await call(host, method, "/ping"))[0] for method in ("POST", "GET", "HEAD", "OPTIONS")}
    assert statuses == {"POST": 200, "GET": 404, "HEAD": 404, "OPTIONS": 404}


@in_loop
async def test_a_function_that_lists_no_methods_takes_all() -> None:
    async with served(echoing_app("ping")) as host:
        assert {(await call(host, method, "/ping"))[0] for method in ("GET", "HEAD", "OPTIONS", "DELETE", "PATCH")} == {200}


@in_loop
async def test_route_parameters_arrive_decoded_but_for_an_encoded_slash() -> None:
    async with served(echoing_app("a/{x}/b/{y}")) as host:
        url = URL(f"http://127.0.0.1:{host.port}/a/%C3%B8%20/b/1%2F2", encoded=True)
        async with aiohttp.ClientSession() as client, client.get(url) as response:
            assert await response.text() == "a/{x}/b/{y} {'x': 'ø ', 'y': '1%2F2'}"


def matched(path: str, *templates: str) -> tuple[str, dict[str, str]] | None:
    functions: list[Any] = [SimpleNamespace(name=f"f{number}", trigger={"route": each}) for number, each in enumerate(templates)]
    for route in routes(functions, ""):
        values = route.match("GET", path_of(path))
        if values is not None:
            return route.template, values
    return None


@pytest.mark.parametrize(
    ("template", "fits", "does_not"),
    [
        ("{x:int}", "-12", "12a"),
        ("{x:int}", "2147483647", "2147483648"),
        ("{x:long}", "2147483648", "1.0"),
        ("{x:bool}", "TRUE", "yes"),
        ("{x:guid}", "cd2c1638-1638-72d5-1638-deadbeef1638", "cd2c1638"),
        ("{x:datetime}", "2026-11-22", "yesterday"),
        ("{x:decimal}", "49.99", "a"),
        ("{x:double}", "-1.5e3", "--1"),
        ("{x:alpha}", "abc", "ab1"),
        ("{x:minlength(4)}", "abcd", "abc"),
        ("{x:maxlength(3)}", "abc", "abcd"),
        ("{x:length(2)}", "ab", "abc"),
        ("{x:length(2,3)}", "abc", "abcd"),
        ("{x:min(18)}", "18", "17"),
        ("{x:max(18)}", "18", "19"),
        ("{x:range(18,20)}", "19", "21"),
        (r"{x:regex(^\d{{9}}$)}", "310123455", "31012345"),
        ("{x:int:min(1)}", "1", "0"),
        ("{x:alpha:required}", "a", "1"),
    ],
)
def test_a_constraint_decides_whether_the_route_is_the_one(template: str, fits: str, does_not: str) -> None:
    assert matched(f"/{fits}", template) == (template, {"x": fits})
    assert matched(f"/{does_not}", template) is None


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("a/{x?}", "/a", {}),
        ("a/{x?}", "/a/1", {"x": "1"}),
        ("a/{x=7}", "/a", {"x": "7"}),
        ("a/{x:int=7}", "/a/8", {"x": "8"}),
        ("a/{*rest}", "/a/b/c", {"rest": "b/c"}),
        ("a/{*rest}", "/a", {}),
        ("a/{x}.{y}", "/a/b.c.d", {"x": "b.c", "y": "d"}),
        ("a/b", "/a/./c/../b", {}),
    ],
)
def test_optional_default_catch_all_and_mixed_segments_are_read(template: str, path: str, values: dict[str, str]) -> None:
    assert matched(path, template) == (template, values)


def test_the_most_specific_route_wins_whatever_the_order() -> None:
    templates = ("{*rest}", "{x}", "{x:int}", "ping")
    assert [(matched(path, *templates) or ("",))[0] for path in ("/ping", "/1", "/x", "/x/y")] == ["ping", "{x:int}", "{x}", "{*rest}"]


# ------------------------------------------------------------------------------------------------------------------ keys

KEYS = {"host.master": "master", "host.function.default": "host", "functions.guarded.default": "own", "functions.other.default": "other"}


@pytest.mark.parametrize(
    ("level", "header", "code", "status"),
    [
        ("ANONYMOUS", None, None, 200),
        ("FUNCTION", None, None, 401),
        ("FUNCTION", "wrong", None, 401),
        ("FUNCTION", "own", None, 200),
        ("FUNCTION", "host", None, 200),
        ("FUNCTION", "master", None, 200),
        ("FUNCTION", "other", None, 401),
        ("FUNCTION", None, "own", 200),
        ("FUNCTION", "wrong", "own", 401),
        ("ADMIN", "own", None, 401),
        ("ADMIN", "host", None, 401),
        ("ADMIN", "master", None, 200),
    ],
)
@in_loop
async def test_a_key_opens_what_its_level_allows(level: str, header: str | None, code: str | None, status: int) -> None:
    app = new_app()

    @app.route(route="guarded", auth_level=func.AuthLevel[level])
    async def guarded(req: func.HttpRequest) -> str:
        return "open"

    async with served(app, settings=KEYS) as host:
        headers = {"x-functions-key": header} if header else {}
        assert (await call(host, "GET", "/guarded" + (f"?code={code}" if code else ""), headers=headers))[0] == status


@in_loop
async def test_without_any_key_in_the_settings_a_guarded_function_is_closed() -> None:
    app = func.FunctionApp()

    @app.route(route="guarded")
    async def guarded(req: func.HttpRequest) -> str:
        return "open"

    async with served(app) as host:
        assert (await call(host, "GET", "/guarded", headers={"x-functions-key": ""}))[0] == 401


# ------------------------------------------------------------------------------------------------- requests and responses


def listening_app(heard: list[func.HttpRequest]) -> func.FunctionApp:
    app = new_app()

    @app.route(route="listen")
    async def listen(req: func.HttpRequest) -> str:
        heard.append(req)
        return str(len(req.get_body()))

    return app


@in_loop
async def test_repeated_headers_are_joined_and_empty_query_values_absent() -> None:
    heard: list[func.HttpRequest] = []
    async with served(listening_app(heard)) as host:
        await raw_call(host, b"GET /listen?a=1&b=&a=2&c=%C3%A6 HTTP/1.1\r\nHost: hub\r\nX-One: 1\r\nx-one: 2\r\n\r\n")
    assert heard[0].headers["X-ONE"] == "1,2"
    assert dict(heard[0].params) == {"a": "1,2", "c": "æ"}
    assert heard[0].url == "http://hub/listen?a=1&b=&a=2&c=%C3%A6"


@in_loop
async def test_a_packed_body_arrives_as_it_was_sent() -> None:
    heard: list[func.HttpRequest] = []
    packed = gzip.compress(b"{}")
    async with served(listening_app(heard)) as host:
        await call(host, "POST", "/listen", data=packed, headers={"Content-Encoding": "gzip"})
    assert heard[0].get_body() == packed


@in_loop
async def test_a_body_of_several_megabytes_is_passed_on() -> None:
    async with served(listening_app([])) as host:
        assert (await call(host, "POST", "/listen", data=io.BytesIO(bytes(5_000_000))))[:2] == (200, b"5000000")


@in_loop
async def test_a_body_beyond_the_real_hosts_limit_is_413_before_it_is_read() -> None:
    async with served(listening_app([])) as host:
        answer = await raw_call(host, b"POST /listen HTTP/1.1\r\nHost: x\r\nContent-Length: 104857601\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


@in_loop
async def test_a_chunked_body_is_passed_on() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"c"

    async with served(listening_app([])) as host:
        assert (await call(host, "POST", "/listen", data=chunks()))[:2] == (200, b"3")


@in_loop
async def test_a_sender_that_expects_100_continue_gets_it() -> None:
    async with served(listening_app([])) as host:
        answer = await raw_call(host, b"POST /listen HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 100 ")


@in_loop
async def test_what_is_not_http_is_400_and_neither_repeated_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with served(listening_app([])) as host:
        answer = await raw_call(host, b"POST /listen?p=secret nonsense\r\n\r\n")
    assert answer.split()[1] == b"400"
    assert b"secret" not in answer
    assert caplog.text == ""


def answering_app(value: Any) -> func.FunctionApp:
    app = new_app()

    @app.route(route="answer")
    async def answer(req: func.HttpRequest) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return app


@in_loop
async def test_an_http_response_is_sent_with_its_status_headers_and_media_type() -> None:
    response = func.HttpResponse(b"{}", status_code=202, headers={"X-Receipt": "r1"}, mimetype="application/fhir+json")
    async with served(answering_app(response)) as host:
        status, body, headers = await call(host, "GET", "/answer")
    assert (status, body, headers["x-receipt"], headers["content-type"]) == (202, b"{}", "r1", "application/fhir+json")


@in_loop
async def test_text_gets_a_charset_and_a_str_is_text() -> None:
    for value in (func.HttpResponse("æ"), "æ"):
        async with served(answering_app(value)) as host:
            status, body, headers = await call(host, "GET", "/answer")
        assert (status, body.decode(), headers["content-type"]) == (200, "æ", "text/plain; charset=utf-8")


@pytest.mark.parametrize("value", [None, b"bytes", ValueError("secret")], ids=["none", "bytes", "raises"])
@in_loop
async def test_an_exception_or_a_value_that_is_no_response_is_500_with_an_empty_body(value: object) -> None:
    async with served(answering_app(value)) as host:
        assert (await call(host, "GET", "/answer"))[:2] == (500, b"")


@in_loop
async def test_a_failure_is_logged_by_name_id_type_and_frame_without_its_text_or_url(caplog: pytest.LogCaptureFixture) -> None:
    async with served(answering_app(ValueError("secret"))) as host:
        await call(host, "POST", "/answer?p=secret", data=b"secret")
    assert "answer failed, invocation " in caplog.text
    assert "ValueError at " in caplog.text
    assert "test_host.py:" in caplog.text
    assert "secret" not in caplog.text


@in_loop
async def test_a_cancelled_error_of_the_functions_own_is_a_failure_like_any_other() -> None:
    app = new_app()

    @app.route(route="answer")
    async def answer(req: func.HttpRequest) -> str:
        raise asyncio.CancelledError

    async with served(app) as host:
        assert (await call(host, "GET", "/answer"))[0] == 500


@in_loop
async def test_sync_functions_run_in_the_pool_and_async_ones_on_the_loop() -> None:
    app = new_app()

    @app.route(route="sync")
    def in_pool(req: func.HttpRequest) -> str:
        return threading.current_thread().name

    @app.route(route="async")
    async def on_loop(req: func.HttpRequest) -> str:
        return threading.current_thread().name

    async with served(app, settings={"PYTHON_THREADPOOL_THREAD_COUNT": "1"}) as host:
        assert (await call(host, "GET", "/sync"))[1] == b"function_0"
        assert (await call(host, "GET", "/async"))[1] == threading.current_thread().name.encode()


def gated_app(begun: asyncio.Event, gate: asyncio.Event, ended: asyncio.Event) -> func.FunctionApp:
    app = new_app()

    @app.route(route="gated")
    async def gated(req: func.HttpRequest) -> str:
        begun.set()
        await gate.wait()
        ended.set()
        return "ended"

    return app


@in_loop
async def test_a_caller_that_hangs_up_does_not_stop_the_function() -> None:
    begun, gate, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with served(gated_app(begun, gate, ended)) as host:
        _, writer = await asyncio.open_connection("127.0.0.1", host.port)
        writer.write(b"GET /gated HTTP/1.1\r\nHost: x\r\n\r\n")
        await begun.wait()
        writer.transport.abort()
        gate.set()
        await ended.wait()


@in_loop
async def test_a_stop_accepts_no_more_and_answers_what_it_has_accepted() -> None:
    begun, gate = asyncio.Event(), asyncio.Event()
    async with served(gated_app(begun, gate, asyncio.Event())) as host:
        answer = asyncio.create_task(call(host, "GET", "/gated"))
        await begun.wait()
        stopping = asyncio.create_task(host.stop())
        for _ in range(10):  # a few turns of the loop: closing the door takes no time
            await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", host.port)
        gate.set()
        assert (await answer)[:2] == (200, b"ended")
        assert await stopping == 0


@in_loop
async def test_the_context_knows_the_function_and_the_invocation() -> None:
    app = new_app()

    @app.route(route="context")
    async def knows(req: func.HttpRequest, context: func.Context) -> str:
        return f"{context.function_name} {uuid.UUID(context.invocation_id).version}"

    async with served(app) as host:
        assert (await call(host, "GET", "/context"))[1] == b"knows 4"


# ------------------------------------------------------------------------------------------------------------------ start


def unused(req: func.HttpRequest) -> str:
    return ""


def wrong_parameter(other: func.HttpRequest) -> str:
    return ""


def wrong_annotation(req: str) -> str:
    return ""


def routed(code: Callable[..., Any] = unused, **trigger: Any) -> func.FunctionApp:
    app = new_app()
    app.route(**{"route": "a", **trigger})(code)
    return app


def twice() -> func.FunctionApp:
    app = routed()
    app.function_name("again")(app.route(route="A", methods=["GET"])(unused))
    return app


def with_output() -> func.FunctionApp:
    app = new_app()
    app.queue_output(arg_name="$return", queue_name="q", connection="C")(app.route(route="a")(unused))
    return app


def with_blob() -> func.FunctionApp:
    app = new_app()
    app.blob_trigger(arg_name="req", path="p", connection="C")(unused)
    return app


def with_queue(name: str = "q00", arg_name: str = "message") -> func.FunctionApp:
    app = new_app()

    async def on_message(message: func.QueueMessage) -> None:
        """Does nothing."""

    app.queue_trigger(arg_name=arg_name, queue_name=name, connection="Store")(on_message)
    return app


def with_timer(when: str) -> func.FunctionApp:
    app = new_app()

    async def on_timer(timer: func.TimerRequest) -> None:
        """Does nothing."""

    app.timer_trigger(arg_name="timer", schedule=when)(on_timer)
    return app


def queues(**values: Any) -> dict[str, Any]:
    return {"extensions": {"queues": values}}


@pytest.mark.parametrize(
    ("app", "rules", "sentence"),
    [
        (routed(route="admin/x"), {}, "unused: routes that begin with admin or runtime"),
        (routed(route="a/{x:odd}"), {}, "unused: the route constraint odd is none of"),
        (routed(route="a/{x:min(z)}"), {}, "the arguments of the route constraint min cannot be read"),
        (routed(route="a/{1}"), {}, "unused: the route parameter {1} cannot be read"),
        (routed(wrong_parameter), {}, "wrong_parameter must have the parameter req"),
        (routed(wrong_annotation), {}, "can only give req an azure.functions.HttpRequest"),
        (twice(), {}, "again and unused have the same route and method"),
        (with_output(), {}, "a binding of type queue, which local.host does not serve"),
        (with_blob(), {}, "a binding of type blobTrigger, which local.host does not serve"),
        (with_queue(), {}, "the setting Store is missing"),
        (with_queue("%NAME%"), {}, "queueName names the setting NAME, which is missing"),
        (with_timer("*/5 * * *"), {}, "on_timer: schedule must have six fields"),
        (with_timer("0 0 25 * * *"), {}, "on_timer: schedule: 25 is not within 0-23"),
        (with_timer("0 0 0 30 2 *"), {}, "a date that never comes"),
        (with_timer("24:00:00"), {}, "on_timer: schedule must be a time span"),
        (None, {}, "must define exactly one FunctionApp"),
        (routed(), {"extensions": {"http": 7}}, "extensions.http must be a JSON object"),
    ],
)
@in_loop
async def test_an_app_that_cannot_be_served_stops_the_start_with_one_sentence(app: object, rules: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StartError) as raised:
        await Host(module_of(app), rules, {}).start()
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"batchSize": 33}, "batchSize must be a whole number from 1 to 32"),
        ({"batchSize": "16"}, "batchSize must be a whole number"),
        ({"maxDequeueCount": 0}, "maxDequeueCount must be a whole number of at least 1"),
        ({"newBatchThreshold": -1}, "newBatchThreshold must be a whole number of at least 0"),
        ({"visibilityTimeout": 5}, "visibilityTimeout must be a time span"),
        ({"maxPollingInterval": "soon"}, "maxPollingInterval must be a time span"),
        ({"messageEncoding": "utf8"}, "messageEncoding must be base64 or none"),
    ],
)
def test_a_bad_value_in_host_json_is_named(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        Rules.of(queues(**given))


@in_loop
async def test_a_function_that_is_disabled_by_a_setting_is_not_served() -> None:
    async with served(routed(), settings={"AzureWebJobs.unused.Disabled": "true"}) as host:
        assert host.lines == []
        assert (await call(host, "GET", "/a"))[0] == 404


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("host.json", None, "host.json is missing"),
        ("host.json", "{", "host.json is not JSON"),
        ("host.json", "[]", "must hold a JSON object"),
        ("host.json", "{}", 'must say "version": "2.0"'),
        ("local.settings.json", '{"IsEncrypted": true}', "is encrypted"),
        ("local.settings.json", '{"Values": {"A": 1}}', "Values.A must be a string"),
        ("local.settings.json", '{"Host": {"LocalHttpPort": "7071"}}', "LocalHttpPort must be a whole number"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: str | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(StartError) as raised:
        host_json(tmp_path) if name == "host.json" else local_settings(tmp_path)
    assert sentence in str(raised.value)


def test_local_settings_give_values_and_a_port_and_may_be_absent(tmp_path: Path) -> None:
    assert local_settings(tmp_path) == ({}, None)
    (tmp_path / "local.settings.json").write_text('{"Values": {"A": "1"}, "Host": {"LocalHttpPort": 7072}}')
    assert local_settings(tmp_path) == ({"A": "1"}, 7072)


def test_a_value_of_local_settings_yields_to_the_environment() -> None:
    environment = {"A": "of the environment"}
    apply({"A": "of the file", "B": "of the file"}, environment)
    assert environment == {"A": "of the environment", "B": "of the file"}


def test_a_connection_is_looked_up_as_the_real_host_does() -> None:
    assert connection("Store", {"Store": "plain", "AzureWebJobsStore": "prefixed"}) == "prefixed"
    assert connection("Store", {"Store": "UseDevelopmentStorage=true"}) == DEVELOPMENT_STORAGE
    with pytest.raises(StartError, match="identity-based"):
        connection("Store", {"Store__queueServiceUri": "https://x"})
