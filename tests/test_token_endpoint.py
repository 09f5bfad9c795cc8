"""Where the hub gets its tokens: clients with a secret, and what becomes of a call when the token endpoint fails, stalls or says no."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from aiohttp import web

from local.listening import listen
from shared.access import jose
from shared.door import tokens
from tests.certificates import issued, server
from tests.test_credentials import CLIENT, HIDDEN, NOW, OURS, SCOPE, THEIRS, hub, oauth, reason, town
from tests.test_forward import journalled
from tests.test_transform import note
from tests.tokens import ec_key, private, public


class Desk:
    """A token endpoint that answers as it is told, and remembers who asked how."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[Mapping[str, str], dict[str, str]]] = []
        self.answer: Callable[[web.Request], Any] = lambda _request: token_answer()
        self.peers: list[Any] = []

    async def on_token(self, request: web.Request) -> web.StreamResponse:
        form = {name: values[0] for name, values in parse_qs((await request.read()).decode()).items()}
        self.asked.append((dict(request.headers), form))
        self.peers.append(request.transport and request.transport.get_extra_info("peercert"))
        answer = self.answer(request)
        said: web.StreamResponse = await answer if asyncio.iscoroutine(answer) else answer
        return said


def token_answer(**changes: Any) -> web.Response:
    said = {"access_token": "token-1", "token_type": "Bearer", "expires_in": 600, **changes}
    return web.json_response({name: value for name, value in said.items() if value is not ...})


def no(error: str, status: int = 400) -> web.Response:
    return web.json_response({"error": error, "error_description": HIDDEN}, status=status)


@asynccontextmanager
async def desk(tls: Any = None) -> AsyncIterator[Desk]:
    one, app = Desk(), web.Application()
    app.router.add_post("/token", one.on_token)
    runner, base = await listen(app, 0, tls)
    one.url = f"{base}/token"
    try:
        yield one
    finally:
        await runner.cleanup()


def asked(method: str, secret: str = HIDDEN, **changes: Any) -> tuple[Mapping[str, str], dict[str, str]]:
    """What the token endpoint sees of a client."""

    async def run() -> tuple[Mapping[str, str], dict[str, str]]:
        async with desk() as place, hub(CLOUD_KEY=secret) as outside:
            await tokens.token(outside, oauth(place.url, method, **changes), 5)
            return place.asked[0]

    return asyncio.run(run())


def test_a_secret_goes_in_the_header_as_oauth_writes_it() -> None:
    headers, form = asked("client_secret_basic", "s:ecret with ø&%", user="hub:1")
    pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode().split(":")
    assert [unquote_plus(part) for part in pair] == ["hub:1", "s:ecret with ø&%"]
    assert form == {"grant_type": "client_credentials", "client_id": "hub:1", "scope": SCOPE}


def test_a_secret_goes_in_the_form_where_the_register_says_so() -> None:
    headers, form = asked("client_secret_post", scopes=("one", "two"))
    assert "Authorization" not in headers
    assert form == {"grant_type": "client_credentials", "client_id": "hub", "client_secret": HIDDEN, "scope": "one two"}


def test_without_scopes_none_are_asked_for() -> None:
    assert "scope" not in asked("client_secret_post", scopes=())[1]


def fails(answer: Callable[[web.Request], Any], **env: str) -> str:
    async def run() -> str:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN, **env) as outside:
            place.answer = answer
            return await reason(outside, oauth(place.url, "client_secret_post"))

    return asyncio.run(run())


async def dripping(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(400):
        await answer.write(b" ")
        await asyncio.sleep(0.05)
    return answer


async def silent(_request: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


LATER: Mapping[str, tuple[Callable[[web.Request], Any], str]] = {
    "down": (lambda _: web.Response(status=503), "the token endpoint answered 503"),
    "busy": (lambda _: web.Response(status=429), "the token endpoint answered 429"),
    "moved": (lambda _: web.Response(status=302, headers={"Location": "https://sts.example"}), "the token endpoint answered 302"),
    "a page": (lambda _: web.Response(text="<html>", content_type="text/html"), "the token endpoint answered 200 without an access token"),
    "empty": (lambda _: web.Response(), "the token endpoint answered 200 without an access token"),
    "a list": (lambda _: web.json_response([]), "the token endpoint answered 200 without an access token"),
    "no token": (lambda _: token_answer(access_token=...), "the token endpoint answered 200 without an access token"),
    "a token of two lines": (lambda _: token_answer(access_token="a\r\nb"), "the token endpoint answered 200 without an access token"),
    "endless": (lambda _: web.Response(body=b'{"a":"' + b"x" * 200_000), "the token endpoint answered 200 without an access token"),
    "words of its own": (lambda _: no(HIDDEN), "the token endpoint answered 400"),
}


@pytest.mark.parametrize("case", LATER)
def test_a_token_endpoint_that_cannot_now_is_unavailable_and_no_alarm(case: str, caplog: pytest.LogCaptureFixture) -> None:
    answer, words = LATER[case]
    assert fails(answer) == words
    assert [row for row in caplog.records if row.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "error",
    ["invalid_client", "invalid_scope", "invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_grant"],
)
def test_a_token_endpoint_that_says_no_is_unavailable_and_an_alarm(error: str, caplog: pytest.LogCaptureFixture) -> None:
    assert fails(lambda _: no(error, 401 if error == "invalid_client" else 400)) == f"the token endpoint says {error}"
    assert error in "".join(row.getMessage() for row in caplog.records if row.levelname == "ERROR")
    assert HIDDEN not in caplog.text


@pytest.mark.parametrize(("kind", "dpop"), [("DPoP", False), ("Bearer", True), (..., False), (7, False)])
def test_a_token_of_another_kind_than_was_asked_for_is_none_and_an_alarm(kind: Any, dpop: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> str:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            place.answer = lambda _: token_answer(token_type=kind)
            return await reason(outside, oauth(place.url, "client_secret_post", dpop=dpop))

    assert asyncio.run(run()) == f"the token endpoint gave a token that is not the {'DPoP' if dpop else 'Bearer'} token asked for"
    assert [row for row in caplog.records if row.levelname == "ERROR"]


def test_the_kind_of_a_token_is_read_in_any_case() -> None:
    async def run() -> str:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            place.answer = lambda _: token_answer(token_type="bearer")
            return (await tokens.token(outside, oauth(place.url, "client_secret_post"), 5)).value

    assert asyncio.run(run()) == "token-1"


@pytest.mark.parametrize(("said", "seconds"), [(600, 590), (..., 50), (0, 50), (-1, 50), ("600", 50), (10**9, 50), (86_400, 86_390)])
def test_a_token_lasts_as_long_as_it_says_or_a_minute(said: Any, seconds: int) -> None:
    async def run() -> float:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            outside.clock = lambda: NOW
            place.answer = lambda _: token_answer(expires_in=said)
            return (await tokens.token(outside, oauth(place.url, "client_secret_post"), 5)).until - NOW

    assert asyncio.run(run()) == seconds


def test_a_token_that_is_over_is_fetched_anew_and_one_that_is_not_is_not() -> None:
    async def run() -> list[int]:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            counts = []
            for at in (NOW, NOW + 589, NOW + 590, NOW + 591):
                outside.clock = partial(float, at)
                await tokens.token(outside, oauth(place.url, "client_secret_post"), 5)
                counts.append(len(place.asked))
            return counts

    assert asyncio.run(run()) == [1, 1, 2, 2]


def test_a_token_that_lasts_ten_seconds_serves_the_call_it_was_got_for() -> None:
    async def run() -> tuple[str, int]:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            place.answer = lambda _: token_answer(expires_in=5)
            first = await tokens.token(outside, oauth(place.url, "client_secret_post"), 5)
            await tokens.token(outside, oauth(place.url, "client_secret_post"), 5)
            return first.value, len(place.asked)

    assert asyncio.run(run()) == ("token-1", 2)


@pytest.mark.parametrize("answer", [silent, dripping], ids=["silent", "dripping"])
def test_a_token_that_does_not_come_costs_no_more_than_a_call_may(answer: Callable[[web.Request], Any]) -> None:
    began = time.monotonic()
    assert fails(answer, HUB_CALL_TIMEOUT_SECONDS="0.5") == "the token endpoint has not answered in time"
    assert time.monotonic() - began < 4


def test_a_token_that_came_too_late_for_one_call_is_there_for_the_next() -> None:
    async def run() -> tuple[str, str, int]:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN, HUB_CALL_TIMEOUT_SECONDS="0.3") as outside:

            async def late(_request: web.Request) -> web.Response:
                await asyncio.sleep(0.8)
                return token_answer()

            place.answer, auth = late, oauth(place.url, "client_secret_post")
            first = await reason(outside, auth)
            return first, (await tokens.token(outside, auth, 10)).value, len(place.asked)

    assert asyncio.run(run()) == ("the token endpoint has not answered in time", "token-1", 1)


def test_a_fetch_is_cut_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "TIMEOUT", 0.4)
    assert fails(dripping) == "no answer from the token endpoint (TimeoutError)"


def test_a_token_endpoint_that_is_not_there_is_told_as_that() -> None:
    async def run() -> str:
        async with hub(CLOUD_KEY=HIDDEN) as outside:
            return await reason(outside, oauth("http://127.0.0.1:1/token", "client_secret_post"))

    assert asyncio.run(run()) == "no answer from the token endpoint (ClientConnectorError)"


def test_calls_that_fail_together_have_tried_once() -> None:
    async def run() -> tuple[set[str], int]:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            place.answer = lambda _: no("invalid_client", 401)
            auth = oauth(place.url, "client_secret_post")
            told = await asyncio.gather(*(reason(outside, auth) for _ in range(30)))
            return {*told, await reason(outside, auth)}, len(place.asked)

    assert asyncio.run(run()) == ({"the token endpoint says invalid_client"}, 1)


def test_after_a_failure_the_next_attempt_may_succeed() -> None:
    async def run() -> tuple[str, str]:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            now = NOW
            outside.clock = lambda: now
            place.answer, auth = lambda _: web.Response(status=503), oauth(place.url, "client_secret_post")
            first = await reason(outside, auth)
            now, place.answer = NOW + tokens.REST, lambda _: token_answer()
            return first, (await tokens.token(outside, auth, 5)).value

    assert asyncio.run(run()) == ("the token endpoint answered 503", "token-1")


def test_a_client_that_was_refused_does_not_ask_again_at_once() -> None:
    async def run() -> list[int]:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            place.answer, auth, counts = lambda _: no("invalid_client"), oauth(place.url, "client_secret_post"), []
            for at in (NOW, NOW + 9, NOW + 11, NOW - 3600):  # the last: a clock that was set back
                outside.clock = partial(float, at)
                await reason(outside, auth)
                counts.append(len(place.asked))
            return counts

    assert asyncio.run(run()) == [1, 1, 2, 3]


def test_a_journal_that_takes_no_token_costs_one_a_second_however_many_calls() -> None:
    async def run() -> tuple[set[int], int]:
        async with town() as here:
            here.guard._dpop, at = True, time.time()
            here.hub.clock = lambda: at
            return {await here.send(str(n)) for n in range(20)}, here.fetches

    assert asyncio.run(run()) == ({401}, 2)


def by_secret(*good: str) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        secret = parse_qs((await request.read()).decode())["client_secret"][0]
        return token_answer(access_token=f"token-for-{secret}") if secret in good else no("invalid_client", 401)

    return answer


@pytest.mark.parametrize(("good", "token"), [(("old",), "token-for-old"), (("new",), "token-for-new"), (("old", "new"), "token-for-new")])
def test_while_a_secret_is_being_changed_either_will_do(good: tuple[str, ...], token: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> str:
        async with desk() as place, hub(KEY_NEW="new", KEY_OLD="old") as outside:
            place.answer = by_secret(*good)
            return (await tokens.token(outside, oauth(place.url, "client_secret_post", secrets=("KEY_NEW", "KEY_OLD")), 5)).value

    assert asyncio.run(run()) == token
    assert [row for row in caplog.records if row.levelname == "ERROR"] == []


def test_of_two_secrets_one_that_has_no_value_yet_is_left_out() -> None:
    async def run() -> str:
        async with desk() as place, hub(KEY_OLD="old") as outside:
            place.answer = by_secret("old")
            return (await tokens.token(outside, oauth(place.url, "client_secret_post", secrets=("KEY_NEW", "KEY_OLD")), 5)).value

    assert asyncio.run(run()) == "token-for-old"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_a_secret_without_a_value_is_named(method: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> str:
        async with desk() as place, hub() as outside:
            return await reason(outside, oauth(place.url, method))

    assert asyncio.run(run()) == "the setting CLOUD_KEY has no value here"
    assert [row for row in caplog.records if row.levelname == "ERROR"]


@pytest.mark.parametrize("value", ["{}", '{"kty": "oct"}', "-----BEGIN PRIVATE KEY-----", "MIInonsense", "/no/such/file", HIDDEN])
def test_a_setting_that_holds_no_key_is_named(value: str) -> None:
    async def run() -> str:
        async with desk() as place, hub(CLOUD_KEY=value) as outside:
            return await reason(outside, oauth(place.url, "private_key_jwt"))

    assert asyncio.run(run()).startswith("the setting CLOUD_KEY holds n")


def test_a_key_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(private(ec_key("client"))))

    async def run() -> dict[str, str]:
        async with desk() as place, hub(CLOUD_KEY=str(file)) as outside:
            await tokens.token(outside, oauth(place.url), 5)
            return place.asked[0][1]

    form = asyncio.run(run())
    signed = jose.read(form["client_assertion"], ["ES256"], "assertion")
    jose.verify(signed, public(ec_key("client")))
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_two_endpoints_with_one_auth_are_one_client_and_other_scopes_are_another() -> None:
    async def run() -> list[int]:
        async with desk() as place, hub(CLOUD_KEY=HIDDEN) as outside:
            counts = []
            for scopes in (("one",), ("one",), ("two",)):
                await tokens.token(outside, oauth(place.url, "client_secret_post", scopes=scopes), 5)
                counts.append(len(place.asked))
            return counts

    assert asyncio.run(run()) == [1, 1, 2]


@pytest.mark.parametrize("dpop", [False, True])
def test_no_token_key_or_nonce_stands_in_a_log(dpop: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[str]:
        async with town(dpop=dpop) as here:
            await here.send("a")
            here.guard.revoke()
            await here.send("b")
            known = tokens.holder(here.hub, here.auth)
            assert known.token is not None
            assert known.token.value not in repr(known)
            return [known.token.value, here.hub.settings.secret("CLOUD_KEY") or "", *known.nonces.values()]

    caplog.set_level("DEBUG")
    hidden = asyncio.run(run())
    assert "token fetched" in caplog.text
    assert [one for one in hidden if one[:40] in caplog.text] == []


def test_a_client_may_prove_itself_by_its_certificate_alone() -> None:
    async def run() -> tuple[dict[str, str], Any]:
        tls = server(issued("sts", THEIRS), OURS)
        async with desk(tls) as place, hub(EPJ_CA=THEIRS.public, HUB_CERT=CLIENT.pem) as outside:
            auth = oauth(place.url, "tls_client_auth", secrets=(), certificates=("HUB_CERT",), authority="EPJ_CA")
            await tokens.token(outside, auth, 5)
            return place.asked[0][1], place.peers[0]

    form, peer = asyncio.run(run())
    assert form == {"grant_type": "client_credentials", "client_id": "hub", "scope": SCOPE}
    assert peer["subject"] == ((("commonName", "hub"),),)


# the way of a note


def test_notes_wait_while_no_token_can_be_had_and_come_once_there_is_one(storage: str) -> None:
    async def run() -> tuple[list[str], int, str, int]:
        async with journalled(storage) as (here, journal), desk() as place:
            place.answer = lambda _: web.Response(status=503)
            auth = oauth(place.url, "client_secret_post", secrets=("CLOUD_SECRET",))
            here.change(endpoints=(replace(here.tenant.endpoints[0], auth=auth),))
            receipts = [await here.post(note(name)) for name in ("a", "b", "c")]
            await here.run()
            waiting = [(await here.told(receipt))["parcels"][0]["status"] for receipt in receipts]
            before, place.answer = len(journal.calls), lambda _: token_answer()
            await here.run(600)
            return waiting, before, journal.headers[0]["authorization"], len(journal.calls)

    assert asyncio.run(run()) == (["waiting"] * 3, 0, "Bearer token-1", 3)
