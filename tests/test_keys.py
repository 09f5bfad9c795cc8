"""Issuers' keys: what is fetched and how seldom, through floods, rotations and outages; with a fake clock, and with a real server."""

import asyncio
import concurrent.futures
import gc
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared import keys as product
from shared.access.issuer import Issuer
from shared.errors import Unavailable
from shared.keys import FRESH, HUNT, LARGEST, RETRY, STALE, Jwk, Keys
from tests.tokens import ec_key, private, public, rsa_key

A = Issuer("https://issuer.example")
B = Issuer("https://other.example/b/")
HOUR = 3600.0


def jwk(kid: str | None, **more: Any) -> dict[str, Any]:
    return public(ec_key("issuer"), **({} if kid is None else {"kid": kid}), **more)


class World:
    """A clock, and issuers on a wire that may be down, slow, or lie. Calling it is fetching."""

    def __init__(self, *kids: str) -> None:
        self.now = 1000.0
        self.keys: list[Any] = [jwk(kid) for kid in kids or ("1",)]
        self.down = False
        self.pause = 0.0
        self.asked: list[str] = []
        self.discovery: dict[str, Any] = {}
        self.hub = Keys(self, lambda: self.now)

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        time.sleep(self.pause)
        if self.down:
            raise ConnectionError("down")
        base = url.partition("/.well-known/")[0]
        if base == url:
            return json.dumps({"keys": self.keys}).encode()
        return json.dumps({"issuer": base, "jwks_uri": f"{base}/keys", **self.discovery}).encode()

    @property
    def fetches(self) -> int:
        """How often it was begun: each asks for the discovery first."""
        return sum("/.well-known/" in url for url in self.asked)

    async def ask(self, kid: str = "1", issuer: Issuer = A) -> str | None:
        """The id of the key that it got; "no answer" for Unavailable."""
        try:
            found = await self.hub.key(issuer, kid)
        except Unavailable as error:
            assert error.retry_after == RETRY
            return "no answer"
        return None if found is None else found.get("kid", "without id")

    async def all(self, *kids: str) -> list[str | None]:
        """At once."""
        return await asyncio.gather(*(self.ask(kid) for kid in kids))


def test_keys_are_found_by_discovery_and_fetched_once() -> None:
    async def work(world: World) -> None:
        assert [await world.ask("1") for _ in range(20)] == ["1"] * 20

    world = World()
    asyncio.run(work(world))
    assert world.asked == ["https://issuer.example/.well-known/openid-configuration", "https://issuer.example/keys"]


def test_an_issuer_with_a_slash_at_its_end_is_discovered_without_a_second_one() -> None:
    world = World()
    world.discovery = {"issuer": B.issuer}
    assert asyncio.run(world.ask("1", B)) == "1"
    assert world.asked[0] == "https://other.example/b/.well-known/openid-configuration"


def test_who_comes_at_the_same_time_shares_one_fetch() -> None:
    world = World("1", "2")
    world.pause = 0.05
    assert asyncio.run(world.all(*["1", "2"] * 200)) == ["1", "2"] * 200
    assert world.fetches == 1


def test_keys_serve_for_a_day_and_are_then_asked_for_again() -> None:
    async def work(world: World) -> None:
        await world.ask()
        world.now += FRESH - 1
        assert (await world.ask(), world.fetches) == ("1", 1)
        world.now += 1
        assert (await world.ask(), world.fetches) == ("1", 2)
        world.now += FRESH - 1
        assert (await world.ask(), world.fetches) == ("1", 2)

    asyncio.run(work(World()))


def test_a_thousand_made_up_key_ids_cause_one_fetch_in_five_minutes() -> None:
    async def work(world: World) -> None:
        await world.ask()
        world.pause = 0.02
        assert set(await world.all(*(f"made-up-{number}" for number in range(1000)))) == {None}
        assert world.fetches == 2
        for number in range(1000):
            world.now += 0.29
            assert await world.ask(f"later-{number}") is None
        assert (await world.ask(), world.fetches) == ("1", 2)
        world.now += HUNT
        assert set(await world.all(*(f"again-{number}" for number in range(1000)))) == {None}
        assert world.fetches == 3

    asyncio.run(work(World()))


def test_made_up_key_ids_before_the_first_fetch_cause_that_one_only() -> None:
    world = World()
    assert set(asyncio.run(world.all(*(f"made-up-{number}" for number in range(1000))))) == {None}
    assert world.fetches == 1


def test_a_flood_does_not_keep_out_who_has_a_good_key() -> None:
    async def work(world: World) -> list[str | None]:
        await world.ask()
        world.pause = 0.2
        flood = asyncio.create_task(world.all(*(f"made-up-{number}" for number in range(500))))
        await asyncio.sleep(0)
        good = await world.all(*["1"] * 100)
        assert not flood.done()  # they did not wait for the fetch
        await flood
        return good

    assert asyncio.run(work(World())) == ["1"] * 100


@pytest.mark.parametrize("kid", ["x" * 201, "x" * 1_000_000])
def test_a_key_id_that_is_too_long_is_not_asked_for(kid: str) -> None:
    world = World()
    assert asyncio.run(world.ask(kid)) is None
    assert world.asked == []


def test_a_key_id_may_be_two_hundred_characters_long() -> None:
    assert asyncio.run(World("x" * 200).ask("x" * 200)) == "x" * 200


def test_a_new_key_is_found_at_once_and_under_load() -> None:
    async def work(world: World) -> None:
        await world.ask()
        world.pause = 0.02
        world.keys = [jwk("1"), jwk("2")]
        assert await world.all(*["1", "2"] * 300) == ["1", "2"] * 300
        assert world.fetches == 2
        world.keys = [jwk("2"), jwk("3")]
        world.now += HUNT
        assert await world.all(*["3", "2"] * 300) == ["3", "2"] * 300
        assert await world.all("1", "1") == [None, None]  # the issuer has taken it back
        assert world.fetches == 3

    asyncio.run(work(World()))


def test_a_first_fetch_that_fails_makes_senders_wait_and_is_tried_again_every_ten_seconds() -> None:
    async def work(world: World) -> None:
        world.down, world.pause = True, 0.02
        assert set(await world.all(*["1"] * 100)) == {"no answer"}
        assert set(await world.all(*["1"] * 100)) == {"no answer"}
        assert world.fetches == 1
        world.now += RETRY - 0.1
        assert (await world.ask(), world.fetches) == ("no answer", 1)
        world.now += 0.1
        assert (await world.ask(), world.fetches) == ("no answer", 2)
        world.down = False
        world.now += RETRY
        assert set(await world.all(*["1"] * 100)) == {"1"}
        assert world.fetches == 3

    asyncio.run(work(World()))


def test_an_issuer_that_is_down_stops_nobody_for_a_day_and_everybody_after_two() -> None:
    async def work(world: World) -> None:
        await world.ask()
        world.down = True
        for _ in range(int((FRESH + STALE) / HOUR) - 1):
            world.now += HOUR
            assert await world.ask() == "1"
        world.now += HOUR - 1
        assert await world.ask() == "1"
        world.now += 1
        assert await world.ask() == "no answer"
        world.down = False
        world.now += RETRY
        assert await world.ask() == "1"

    asyncio.run(work(World()))


def test_who_comes_while_stale_keys_are_asked_for_gets_the_fresh_ones() -> None:
    async def work(world: World) -> None:
        await world.ask()
        world.now += FRESH
        world.keys = [jwk("2")]
        assert await world.all(*["1"] * 10) == [None] * 10

    asyncio.run(work(World()))


def test_stale_keys_are_asked_for_every_five_minutes_only() -> None:
    async def work(world: World) -> None:
        await world.ask()
        world.down = True
        world.now += FRESH
        for _ in range(61):
            assert set(await world.all(*["1"] * 10)) == {"1"}
            world.now += 10
        assert world.fetches == 1 + 3  # at 0, 300 and 600 seconds

    asyncio.run(work(World()))


def test_who_has_a_stale_key_waits_a_moment_only_for_a_slow_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(world: World) -> None:
        await world.ask()
        world.now += FRESH
        world.pause = 0.3
        assert await world.ask() == "1"
        assert len(world.asked) == 3  # the second fetch has not come to the keys yet
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        world.now += FRESH - 1
        assert (await world.ask(), world.fetches) == ("1", 2)

    monkeypatch.setattr(product, "PATIENCE", 0.05)
    asyncio.run(work(World()))


def test_a_key_that_may_be_new_while_the_issuer_is_down_is_not_called_a_lie() -> None:
    async def work(world: World) -> None:
        await world.ask()
        world.down = True
        world.keys = [jwk("2")]
        assert await world.all("2", "1", "2") == ["no answer", "1", "no answer"]
        assert (await world.ask("2"), world.fetches) == ("no answer", 2)
        world.down = False
        world.now += HUNT
        assert await world.all("2", "1") == ["2", "1"]
        assert await world.all("2", "1") == ["2", None]

    asyncio.run(work(World()))


def test_a_caller_that_goes_away_takes_the_fetch_from_nobody() -> None:
    async def work(world: World) -> None:
        world.pause = 0.05
        first = asyncio.create_task(world.ask())
        await asyncio.sleep(0.01)
        second = asyncio.create_task(world.ask())
        await asyncio.sleep(0.01)
        first.cancel()
        assert await second == "1"
        assert world.fetches == 1

    asyncio.run(work(World()))


def test_one_issuer_that_is_down_is_nothing_to_the_other() -> None:
    async def work(world: World) -> None:
        world.discovery = {"issuer": A.issuer}  # so B's own discovery is another's
        assert [await world.ask("1", issuer) for issuer in (A, B)] == ["1", "no answer"]
        assert await world.ask("1", A) == "1"

    asyncio.run(work(World()))


def test_a_token_that_names_no_key_is_signed_by_the_only_one() -> None:
    async def work(*rows: Any) -> str | None:
        world = World()
        world.keys = list(rows)
        return await world.ask("")

    assert asyncio.run(work(jwk("1"))) == "1"
    assert asyncio.run(work(jwk(None))) == "without id"
    assert asyncio.run(work(jwk("1"), jwk("2", use="enc"))) == "1"
    assert asyncio.run(work(jwk("1"), jwk("2"))) is None
    assert asyncio.run(work(jwk("1"), jwk(""))) is None


UNUSABLE: list[object] = [
    None,
    "key",
    [],
    {},
    {"kid": "1"},
    {"kty": "oct", "k": "c2VjcmV0", "kid": "1"},
    jwk("1", use="enc"),
    jwk("1", key_ops=["sign"]),
    jwk("1", alg="ECDH-ES"),
    {**private(ec_key("issuer")), "kid": "1"},
    public(rsa_key("small", 1024), kid="1"),
    {**jwk("1"), "y": jwk("1")["x"]},
    {**jwk("1"), "kid": 1},
    {**jwk("1"), "kid": ["1"]},
    jwk("x" * 201),
]


@pytest.mark.parametrize("row", UNUSABLE, ids=range(len(UNUSABLE)))
def test_what_can_verify_nothing_is_left_out_and_its_neighbours_are_not(row: object) -> None:
    async def work(world: World) -> None:
        world.keys = [row, jwk("2"), jwk("3")]
        assert await world.all("1", "2", "3") == [None, "2", "3"]

    asyncio.run(work(World()))


def test_of_two_keys_with_one_id_the_one_for_signatures_counts_and_else_the_first() -> None:
    async def work(world: World) -> list[Jwk | None]:
        return [await world.hub.key(A, "1")]

    world = World()
    world.keys = [jwk("1", use="enc"), jwk("1", use="sig"), jwk("1", note="second")]
    assert asyncio.run(work(world)) == [jwk("1", use="sig")]


LIES: list[tuple[dict[str, Any], object]] = [
    ({"issuer": "https://issuer.example/"}, None),
    ({"issuer": "https://evil.example"}, None),
    ({"issuer": None}, None),
    ({"jwks_uri": None}, None),
    ({"jwks_uri": ["https://issuer.example/keys"]}, None),
    ({"jwks_uri": "http://issuer.example/keys"}, None),
    ({"jwks_uri": "http://127.0.0.1/keys"}, None),
    ({"jwks_uri": "http://localhost/keys"}, None),
    ({"jwks_uri": "http://169.254.169.254/metadata"}, None),
    ({"jwks_uri": "https://169.254.169.254/metadata"}, None),
    ({"jwks_uri": "https://168.63.129.16/machine"}, None),
    ({"jwks_uri": "https://user:word@issuer.example/keys"}, None),
    ({"jwks_uri": "file:///etc/hostname"}, None),
    ({"jwks_uri": "ftp://issuer.example/keys"}, None),
    ({"jwks_uri": "/keys"}, None),
    ({"jwks_uri": ""}, None),
    ({}, b""),
    ({}, b"[]"),
    ({}, b"null"),
    ({}, b"<html>"),
    ({}, b"{"),
    ({}, b'{"keys": {}}'),
    ({}, b'{"keys": null}'),
    ({}, b'{"keys": []}'),
    ({}, b'{"keys": [{"kty": "oct"}]}'),
    ({}, b'{"keys": [], "keys": []}'),
    ({}, b"[" * 100_000),
    ({}, b"\xff\xfe"),
    ({}, json.dumps({"keys": [jwk(str(number)) for number in range(101)]}).encode()),
]


@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
def test_an_answer_that_is_none_teaches_nothing_and_takes_nothing_away(lie: tuple[dict[str, Any], bytes | None]) -> None:
    async def work(world: World) -> None:
        good = world.hub._fetch
        world.hub._fetch = lambda url: lie[1] if lie[1] is not None and url.endswith("/keys") else good(url)
        world.discovery = lie[0]
        assert await world.ask() == "no answer"
        world.hub._fetch, world.discovery = good, {}
        world.now += RETRY
        assert await world.ask() == "1"
        world.hub._fetch = lambda url: lie[1] if lie[1] is not None and url.endswith("/keys") else good(url)
        world.discovery = lie[0]
        world.now += FRESH
        assert await world.ask() == "1"

    asyncio.run(work(World()))


def test_a_hundred_keys_are_taken() -> None:
    assert asyncio.run(World(*(str(number) for number in range(100))).ask("99")) == "99"


def test_keys_may_lie_at_another_host_with_a_query() -> None:
    world = World()
    world.discovery = {"jwks_uri": "https://keys.example/b2c/keys?p=policy"}
    assert asyncio.run(world.ask()) == "1"


def test_a_fetch_that_fails_is_told_without_anything_of_a_token(caplog: pytest.LogCaptureFixture) -> None:
    async def work(world: World) -> None:
        with caplog.at_level(logging.INFO, "knutepunkt"):
            await world.ask("made-up")
            world.down = True
            world.now += HUNT
            await world.ask("made-up")

    asyncio.run(work(World()))
    assert [json.loads(record.getMessage()) for record in caplog.records] == [
        {"step": "keys fetched", "issuer": A.issuer, "keys": 2},
        {"alarm": "keys not fetched", "issuer": A.issuer, "error": "ConnectionError"},
    ]


# --- over a real wire ---

Answer = Callable[[BaseHTTPRequestHandler], object]


@pytest.fixture(name="server")
def _server() -> Iterator["Server"]:
    server = Server()
    threading.Thread(target=server.http.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.ended.set()
    server.http.shutdown()
    server.http.server_close()


class Server:
    """An issuer on loopback. `answers`: by path, in place of the good ones."""

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answers.get(self.path, outer.good)(self)

            def log_message(self, *_: object) -> None:
                pass

        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.ended = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = Issuer(f"http://127.0.0.1:{self.http.server_address[1]}")

    def good(self, request: BaseHTTPRequestHandler) -> None:
        if request.path == "/keys":
            send(request, json.dumps({"keys": [jwk("1")]}).encode())
        else:
            send(request, json.dumps({"issuer": self.issuer.issuer, "jwks_uri": f"{self.issuer.issuer}/keys"}).encode())

    def ask(self) -> Jwk | None:
        async def work() -> Jwk | None:
            return await Keys().key(self.issuer, "1")

        return asyncio.run(work())


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def test_keys_come_over_a_real_wire(server: Server) -> None:
    assert server.ask() == jwk("1")
    assert server.asked == ["/.well-known/openid-configuration", "/keys"]


def test_no_proxy_of_the_environment_stands_between(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert server.ask() == jwk("1")


def test_no_redirect_is_followed(server: Server) -> None:
    server.answers["/keys"] = lambda request: send(request, b"", 302, Location="/elsewhere")
    server.answers["/elsewhere"] = lambda request: send(request, json.dumps({"keys": [jwk("1")]}).encode())
    with pytest.raises(Unavailable):
        server.ask()
    assert "/elsewhere" not in server.asked


@pytest.mark.parametrize("status", [201, 204, 301, 400, 404, 429, 500, 503])
@pytest.mark.parametrize("path", ["/keys", "/.well-known/openid-configuration"])
def test_an_answer_other_than_200_is_none(server: Server, path: str, status: int) -> None:
    server.answers[path] = lambda request: send(request, b"" if status == 204 else json.dumps({"keys": [jwk("1")]}).encode(), status)
    with pytest.raises(Unavailable):
        server.ask()


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_is_read_up_to_its_limit_and_not_beyond(server: Server, chunked: bool) -> None:
    def padded(size: int) -> Answer:
        body = json.dumps({"keys": [jwk("1")]}).encode()
        return lambda request: (_chunks if chunked else send)(request, body + b" " * (size - len(body)))

    server.answers["/keys"] = padded(LARGEST)
    assert server.ask() == jwk("1")
    server.answers["/keys"] = padded(LARGEST + 1)
    with pytest.raises(Unavailable):
        server.ask()


def _chunks(request: BaseHTTPRequestHandler, body: bytes) -> None:
    request.protocol_version = "HTTP/1.1"
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    for at in range(0, len(body), 10_000):
        part = body[at : at + 10_000]
        request.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    request.wfile.write(b"0\r\n\r\n")
    request.close_connection = True


def test_an_issuer_that_drips_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        for _ in range(30):
            if not server.ended.wait(0.1):
                request.wfile.write(b" ")

    async def work() -> float:
        started = time.perf_counter()
        with pytest.raises(Unavailable):
            await Keys().key(server.issuer, "1")
        server.ended.set()
        return time.perf_counter() - started

    monkeypatch.setattr(product, "TIMEOUT", 0.5)
    server.answers["/keys"] = drip
    assert asyncio.run(work()) < 2.0


def test_an_issuer_whose_header_never_ends_is_asked_again_and_the_process_ends(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not server.ended.wait(0.1):
            request.wfile.write(b"x")

    async def work() -> Jwk | None:
        clock = [0.0]
        keys = Keys(clock=lambda: clock[0])
        with pytest.raises(Unavailable):
            await keys.key(server.issuer, "1")
        server.answers.clear()
        clock[0] += RETRY + 1
        return await keys.key(server.issuer, "1")

    monkeypatch.setattr(product, "TIMEOUT", 0.5)
    server.answers["/.well-known/openid-configuration"] = drip
    assert asyncio.run(work()) == jwk("1")
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "keys")


def test_an_issuer_that_does_not_answer_at_all_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "TIMEOUT", 0.3)
    server.answers["/keys"] = lambda request: server.ended.wait(3)
    with pytest.raises(Unavailable):
        server.ask()


def test_an_issuer_that_hangs_up_is_given_up(server: Server) -> None:
    server.answers["/keys"] = lambda request: request.connection.close()
    with pytest.raises(Unavailable):
        server.ask()


def test_nobody_listening_is_unavailable(server: Server) -> None:
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(Unavailable):
        server.ask()


@pytest.mark.parametrize(
    "error", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, asyncio.CancelledError, concurrent.futures.CancelledError]
)
def test_whatever_an_attempt_ends_with_whoever_asks_is_made_to_wait_and_the_loop_lives(error: type[BaseException]) -> None:
    well = [True]

    def fetch(url: str) -> bytes:
        if not well[0]:
            raise error
        found: dict[str, Any] = {"keys": [jwk("1")]} if url.endswith("/keys") else {"issuer": A.issuer, "jwks_uri": f"{A.issuer}/keys"}
        return json.dumps(found).encode()

    async def tried() -> list[dict[str, Any]]:
        unhandled: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        keys = Keys(fetch)
        assert await keys.key(A, "1")
        well[0] = False
        with pytest.raises(Unavailable):
            await keys.key(A, "2")
        gc.collect()
        await asyncio.sleep(0)
        return unhandled

    assert asyncio.run(tried()) == []


def test_an_issuer_that_never_ends_its_answer_holds_up_nobody_else() -> None:
    stop = threading.Event()

    def fetch(url: str) -> bytes:
        if url.startswith(A.issuer):
            stop.wait(30)
        base = url.partition("/.well-known/")[0]
        found: dict[str, Any] = {"keys": [jwk("1")]} if base == url else {"issuer": f"{base}/", "jwks_uri": f"{base}/keys"}
        return json.dumps(found).encode()

    async def tried() -> None:
        clock = [1000.0]
        keys = Keys(fetch, lambda: clock[0])
        for _ in range(12):  # more than the default pool of threads has on a small machine
            clock[0] += RETRY + 1
            task = asyncio.create_task(keys.key(A, "1"))
            await asyncio.sleep(0.01)
            task.cancel()
        assert await asyncio.wait_for(keys.key(B, "1"), 5)
        assert await asyncio.wait_for(asyncio.to_thread(str, 7), 5) == "7"

    try:
        asyncio.run(asyncio.wait_for(tried(), 20))
    finally:
        stop.set()
