"""`./hub register test`: what is right and what is wrong on the way to a journal, each told in a sentence with what to do."""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web

from local.frame import OK, USAGE, WRONG
from local.helseid import SandboxIssuer, new_client, serving
from local.journal import SandboxJournal
from local.journal.guard import Guard
from local.listening import listen
from local.reaching import RIGHT, Said, reach
from local.register_command import Store, main
from shared.access.rows import Auth, Client, Endpoint, Lookup
from shared.fhir.told.codes import national
from tests.certificates import Issued, authority, issued, server

CODES = national()
OURS, THEIRS = authority("ours"), authority("theirs")
SCOPE = "nhn:jft/api"
PLAIN = Endpoint("epj", "310123455", "Journal", "bundle", "", 4, True, None)


@contextmanager
def serve(made: AbstractAsyncContextManager[str]) -> Iterator[str]:
    """The address of a server on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(made.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(_ended(made), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended(made: AbstractAsyncContextManager[str]) -> None:
    await asyncio.sleep(0.02)  # whoever has only just knocked is let in, or the socket would be left open
    await made.__aexit__(None, None, None)
    await asyncio.sleep(0.02)


@asynccontextmanager
async def journal(guard: Guard | None = None, own: Issued | None = None, clients_of: Issued | None = None) -> AsyncIterator[str]:
    one = SandboxJournal(CODES, guard=guard)
    await one.start(tls=server(own, clients_of) if own else None)
    yield f"{one.url}/gerica"
    await one.stop()


@asynccontextmanager
async def answering(status: int, body: str = "", *, delay: float = 0, kind: str = "application/json") -> AsyncIterator[str]:
    async def answer(_request: web.Request) -> web.Response:
        await asyncio.sleep(delay)
        return web.Response(status=status, text=body, content_type=kind, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner, url = await listen(app, 0)
    yield url
    await runner.cleanup()


def told(target: Endpoint | Lookup, **env: str) -> tuple[bool, list[Said]]:
    said: list[Said] = []
    right = reach(target, env, said.append)
    return right, said


def wrong(target: Endpoint | Lookup, **env: str) -> str:
    """The one thing that is wrong, with its remedy; it is the last thing said."""
    right, said = told(target, **env)
    assert not right and [one.mark for one in said].count("✗") == 1, [str(one) for one in said]
    last = next(one for one in said if one.mark == "✗")
    assert last.remedy
    return str(last)


def test_a_journal_that_asks_for_nothing_is_reached_in_three_steps() -> None:
    with serve(journal()) as url:
        assert [str(one) for one in told(replace(PLAIN, url=url))[1]] == [
            "✓ the journal: the name 127.0.0.1 is known (1 address)",
            f"✓ the journal: takes connections on port {url.split(':')[2].partition('/')[0]}",
            "✓ the journal: lets the hub in, and refuses an empty document (400) as it should",
        ]


def test_nothing_is_left_in_the_journal() -> None:
    with serve(journal()) as url:
        told(replace(PLAIN, url=url))
        assert requests.get(url.replace("/gerica", "/_sandbox/gerica/notes"), timeout=5).json() == []


def test_a_journal_for_lookups_says_what_it_can() -> None:
    with serve(journal()) as url:
        right, said = told(Lookup("fhir", f"{url}/fhir", None, True))
        assert right
        assert str(said[-1]) == "✓ the journal: lets the hub in, and says what it can (CapabilityStatement)"


def test_a_journal_that_is_a_fhir_server_says_what_it_can() -> None:
    with serve(journal()) as url:
        right, said = told(replace(PLAIN, adapter="transaction", url=f"{url}/fhir-store"))
        able, taking = (requests.get(f"{url}/{base}/metadata", timeout=5).json()["rest"][0] for base in ("fhir-store", "v1"))
    assert right
    assert str(said[-1]) == "✓ the journal: lets the hub in, and says what it can (CapabilityStatement)"
    assert {"Composition", "Device"} < {each["type"] for each in able["resource"]}
    assert [each["code"] for each in able["interaction"]] == ["transaction", "batch"]
    assert {"type": "Bundle", "interaction": [{"code": "create"}]} in taking["resource"]


def test_a_journal_that_fetches_is_not_called() -> None:
    assert told(replace(PLAIN, adapter="pull")) == (True, [Said(RIGHT, "this journal fetches what is for it: there is nothing to call")])


def test_a_name_that_nobody_knows_is_told() -> None:
    assert wrong(replace(PLAIN, url="https://no-such-host.invalid/x")).startswith(
        "✗ the journal: the name no-such-host.invalid is not known"
    )


def test_a_port_where_nobody_listens_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert f"no connection to port {port} (ConnectionRefusedError); nothing listens there" in wrong(
        replace(PLAIN, url=f"http://127.0.0.1:{port}")
    )


ANSWERS = [
    ("bundle", 404, "", "takes nothing at this address (404)"),
    ("bundle", 405, "", "takes nothing at this address (405)"),
    ("bundle", 401, "", "does not take what the hub shows it (401)"),
    ("bundle", 403, "", "knows the hub and does not let it in (403)"),
    ("bundle", 200, "", "says yes to an empty document (200)"),
    ("bundle", 302, "", "sends the hub elsewhere (302)"),
    ("bundle", 500, "", "an empty document is its error (500)"),
    ("fhir", 401, "", "does not take what the hub shows it (401)"),
    ("fhir", 404, "", "does not say what it can (metadata: 404)"),
    ("bundle", 200, "<!DOCTYPE html><title>Logg inn", "answers with a web page (200)"),
    ("bundle", 502, "", "is not there now (502)"),
    ("bundle", 503, "<html>", "is not there now (503)"),
    ("jft", 504, "", "is not there now (504)"),
    ("response_centre", 200, " <html>", "answers with a web page (200)"),
    ("response_centre", 503, "", "is not there now (503)"),
    ("fhir", 200, "<html>", "answers with a web page (200)"),
    ("transaction", 503, "", "is not there now (503)"),
    ("fhir", 200, '{"resourceType": "Patient"}', "answers metadata with something else"),
    ("fhir", 200, "[]", "answers metadata with something else"),
    ("another", 404, "", "takes nothing at this address (404)"),
]


@pytest.mark.parametrize(("adapter", "status", "body", "words"), ANSWERS)
def test_an_answer_that_is_not_what_it_should_be_is_told(adapter: str, status: int, body: str, words: str) -> None:
    with serve(answering(status, body)) as url:
        assert f"✗ the journal: {words}" in wrong(replace(PLAIN, adapter=adapter, url=url))


@pytest.mark.parametrize("status", [400, 411, 415, 422])
def test_any_refusal_of_an_empty_document_will_do(status: int) -> None:
    with serve(answering(status)) as url:
        assert told(replace(PLAIN, adapter="another", url=url))[0]


@pytest.mark.parametrize(
    ("status", "last"),
    [
        (200, "✓ the centre: takes what the hub signs (200)"),
        (204, "✓ the centre: takes what the hub signs (204)"),
        (400, "✓ the journal: lets the hub in, and refuses an empty document (400) as it should"),
        (429, "! the journal: has had enough calls for now (429); try again later"),
        (302, "✗ the journal: sends the hub elsewhere (302); write the address that it leads to"),
        (401, "✗ the journal: does not take what the hub shows it (401); compare auth with what they registered"),
        (404, "✗ the journal: takes nothing at this address (404); compare url with what they wrote"),
        (500, "✗ the journal: an empty document is its error (500); it must refuse with 4xx, or be mended"),
    ],
)
def test_a_response_centre_may_say_yes_to_nothing_and_is_else_judged_as_a_journal(status: int, last: str) -> None:
    with serve(answering(status)) as url:
        right, said = told(replace(PLAIN, adapter="response_centre", url=url))
        assert (right, str(said[-1])) == (not last.startswith("✗"), last)


@pytest.mark.parametrize("adapter", ["bundle", "note"])
def test_a_refusal_that_comes_with_200_is_told_as_one(adapter: str) -> None:
    with serve(answering(200, '{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}')) as url:
        right, said = told(replace(PLAIN, adapter=adapter, url=url))
        assert right
        what = "refuses an empty document, but by an OperationOutcome with 200"
        assert str(said[-1]) == f"! the journal: lets the hub in, and {what}; ask them to refuse with 4xx"


def test_a_yes_with_a_warning_is_a_yes() -> None:
    with serve(answering(200, '{"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "invalid"}]}')) as url:
        assert "says yes to an empty document (200)" in wrong(replace(PLAIN, url=url))


def test_a_refusal_that_may_be_a_proxys_is_doubtful() -> None:
    with serve(answering(400, "<html>", kind="text/html")) as url:
        right, said = told(replace(PLAIN, url=url))
        assert right
        assert str(said[-1]) == "! the journal: refuses with a web page (400); ask whether the call came further than their proxy"


def test_a_journal_that_does_not_answer_is_told() -> None:
    with serve(answering(200, delay=3)) as url:
        assert "no answer within 0.3 s" in wrong(replace(PLAIN, url=url), HUB_CALL_TIMEOUT_SECONDS="0.3")


# certificates

TRUSTED = Auth("basic", "", "hub", ("PASSWORD",), authority="EPJ_CA")
GOOD = {"EPJ_CA": THEIRS.public, "PASSWORD": "word", "HUB_CERT": issued("hub", OURS, host="").pem}


def secured(own: Issued, auth: Auth = TRUSTED, clients_of: Issued | None = None, **env: str) -> tuple[bool, list[str]]:
    with serve(journal(own=own, clients_of=clients_of)) as url:
        right, said = told(replace(PLAIN, url=url, auth=auth), **{**GOOD, **env})
        return right, [str(one) for one in said]


def test_a_good_certificate_is_right() -> None:
    right, said = secured(issued("journal", THEIRS))
    assert right
    assert "✓ the journal: TLSv1.3, its certificate is valid" in said


def test_a_certificate_that_soon_ends_is_told_and_not_wrong() -> None:
    right, said = secured(issued("journal", THEIRS, days=12.5))
    assert right
    assert "! the journal: TLSv1.3, its certificate is valid for 12 days more; remind them to renew it" in said


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (issued("journal", THEIRS, days=-1), "✗ the journal: its certificate has expired; they must renew it"),
        (issued("journal", THEIRS, host="epj.example"), "✗ the journal: its certificate is for another address; call it by its name"),
        (issued("journal", OURS), "✗ the journal: its certificate is of an authority that is not known here; ask them"),
        (authority("alone"), "✗ the journal: its certificate is signed by itself; ask them"),
    ],
    ids=["expired", "wrong name", "unknown authority", "signed by itself"],
)
def test_a_certificate_that_does_not_hold_is_told_with_its_reason(own: Issued, words: str) -> None:
    right, said = secured(own)
    assert not right
    assert said[-2].startswith(words) or said[-1].startswith(words), said


def test_a_journal_that_wants_a_client_certificate_is_found_out() -> None:
    right, said = secured(issued("journal", THEIRS), clients_of=OURS)
    assert not right
    assert any("client certificate" in one for one in said)


@contextmanager
def strict(version: ssl.TLSVersion) -> Iterator[str]:
    """A server that says by TLS's own words why it lets nobody in without a certificate of OURS."""
    context = server(issued("journal", THEIRS), OURS)
    context.maximum_version = version

    def answer() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("version", "certificate", "words"),
    [
        (ssl.TLSVersion.TLSv1_3, None, "✗ the journal: wants a client certificate; name one in auth"),
        (ssl.TLSVersion.TLSv1_2, None, "✗ the journal: refuses TLS, as who wants a client certificate does; name one in auth"),
        (ssl.TLSVersion.TLSv1_3, THEIRS, "✗ the journal: does not know the authority of the client certificate; have them register it"),
        (ssl.TLSVersion.TLSv1_2, THEIRS, "✗ the journal: does not know the authority of the client certificate; have them register it"),
    ],
)
def test_what_a_server_says_about_the_client_certificate_is_told(version: ssl.TLSVersion, certificate: Issued | None, words: str) -> None:
    names = ("HUB_CERT",) if certificate else ()
    env = {**GOOD, "HUB_CERT": issued("hub", certificate, host="").pem} if certificate else GOOD
    with strict(version) as url:
        assert wrong(replace(PLAIN, url=url, auth=replace(TRUSTED, certificates=names)), **env).startswith(words)


def test_a_port_that_speaks_no_tls_is_told() -> None:
    with serve(journal()) as url:
        told_so = wrong(replace(PLAIN, url=url.replace("http:", "https:")))
        assert told_so.startswith("✗ the journal: speaks no TLS that is understood here (WRONG_VERSION_NUMBER); compare the port")


def test_a_client_certificate_that_is_taken_is_right_and_its_end_is_told() -> None:
    auth = Auth("certificate", "", "", (), certificates=("HUB_CERT",), authority="EPJ_CA")
    right, said = secured(issued("journal", THEIRS), auth, OURS, HUB_CERT=issued("hub", OURS, days=20.5, host="").pem)
    assert right
    assert said[0] == "! the client certificate in HUB_CERT is valid for 20 days more; put the next one beside it"


def test_a_client_certificate_that_cannot_be_read_is_told_and_the_journal_looked_at_all_the_same() -> None:
    auth = Auth("certificate", "", "", (), certificates=("HUB_CERT",), authority="EPJ_CA")
    right, said = secured(issued("journal", THEIRS), auth, HUB_CERT="/no/such/file")
    assert not right
    assert said[0].startswith("✗ the setting HUB_CERT holds neither a key or certificate nor the path of a file that can be read; give")
    assert said[-1].startswith("✓ the journal: takes connections on port")


# tokens


@contextmanager
def helseid(*, dpop: bool = False) -> Iterator[tuple[SandboxIssuer, Auth, Mapping[str, str]]]:
    key, row = new_client("hub", "", [SCOPE], dpop="required" if dpop else "forbidden", orgnr_parent="310123455")
    with serving([row]) as issuer:
        client = Client(f"{issuer.url}/connect/token", "private_key_jwt", dpop=dpop, scopes=(SCOPE,))
        yield issuer, Auth("oauth", "", "hub", ("KEY",), issuer.url, client), {"KEY": json.dumps(key)}


@pytest.mark.parametrize(("dpop", "kind"), [(False, "Bearer"), (True, "DPoP")])
def test_a_token_is_got_and_taken(dpop: bool, kind: str) -> None:
    with helseid(dpop=dpop) as (issuer, auth, env), serve(journal(Guard(issuer.jwks, dpop=dpop))) as url:
        right, said = told(replace(PLAIN, url=url, auth=auth), **env)
        assert right, [str(one) for one in said]
        assert [str(one) for one in said[:3]][2] == f"✓ the token endpoint gives the client a {kind} token, good for 600 s"
        assert str(said[-1]).startswith("✓ the journal: lets the hub in")


@pytest.mark.parametrize("dpop", [False, True], ids=["Bearer", "DPoP"])
def test_journalforingstjenesten_is_tried_where_documents_go_and_has_none_after_it(dpop: bool) -> None:
    with helseid(dpop=dpop) as (issuer, auth, env):
        guard = Guard(issuer.jwks, dpop=dpop)
        with serve(journal(guard)) as url:
            right, said = told(replace(PLAIN, adapter="jft", url=url, auth=auth), **env)
            left = requests.get(url.replace("/gerica", "/_sandbox/gerica/notes"), timeout=5).json()
    assert right, [str(one) for one in said]
    assert str(said[-1]) == "✓ the journal: lets the hub in, and refuses an empty document (400) as it should"
    assert (guard.refused, left) == (["use_dpop_nonce"] if dpop else [], [])


def test_another_service_than_journalforingstjenesten_at_the_address_is_told() -> None:
    with serve(journal()) as url:
        assert "✗ the journal: takes nothing at this address (40" in wrong(replace(PLAIN, adapter="jft", url=f"{url}/elsewhere"))


Change = Callable[[Auth], Auth]


def _client(**changes: Any) -> Change:
    def changed(auth: Auth) -> Auth:
        assert auth.client
        return replace(auth, client=replace(auth.client, **changes))

    return changed


NO_TOKEN: list[tuple[Change, str]] = [
    (lambda auth: replace(auth, user="another"), "✗ the token endpoint says invalid_client; compare client_id, method, issuer"),
    (lambda auth: replace(auth, issuer="https://sts.example"), "✗ the token endpoint says invalid_client; compare"),
    (_client(scopes=("nhn:pmd/api",)), "✗ the token endpoint says invalid_scope; compare scopes"),
    (_client(dpop=True), "✗ the token endpoint says invalid_request; compare dpop, parent and child"),
    (_client(parent="310999903"), "✗ the token endpoint says invalid_request; compare dpop, parent and child"),
    (lambda auth: replace(auth, secrets=("OTHER",)), "✗ the setting OTHER has no value here; give it in the environment"),
]


@pytest.mark.parametrize(("change", "words"), NO_TOKEN, ids=[words for _, words in NO_TOKEN])
def test_a_token_that_cannot_be_had_is_told_and_the_journal_is_not_called_without(change: Change, words: str) -> None:
    with helseid() as (issuer, auth, env), serve(journal(Guard(issuer.jwks))) as url:
        assert wrong(replace(PLAIN, url=url, auth=change(auth)), **env).startswith(words)
        _, said = told(replace(PLAIN, url=url, auth=change(auth)), **env)
        assert str(said[-1]).startswith("✓ the journal: takes connections")


def test_a_token_endpoint_that_is_down_is_told() -> None:
    with helseid() as (issuer, auth, env), serve(journal()) as url:
        issuer.behave("down")
        assert wrong(replace(PLAIN, url=url, auth=auth), **env) == (
            "✗ the token endpoint answered 503; ask whether it runs, and compare token_url with the issuer's discovery document"
        )


def test_a_token_that_the_journal_does_not_take_is_told() -> None:
    with helseid() as (issuer, auth, env), serve(journal(Guard(issuer.jwks, dpop=True))) as url:
        assert "✗ the journal: does not take what the hub shows it (401)" in wrong(replace(PLAIN, url=url, auth=auth), **env)


# the command

FILE = """
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"

[[endpoint]]
name = "epj"
title = "Journal"
adapter = "bundle"
url = "{url}"
auth = {{ scheme = "header", header = "X-Key", secrets = ["EPJ_KEY"] }}

[[route]]
endpoint = "epj"

[lookup]
adapter = "fhir"
url = "{url}/fhir"
"""


def command(folder: Path, url: str, *argv: str, **env: str) -> int:
    file = folder / "town.toml"
    file.write_text(FILE.format(url=url))
    return main(["test", str(file), *argv], never, {}, None, env)


def never() -> AbstractAsyncContextManager[Store]:
    raise AssertionError("a test of a connection needs no hub")


@pytest.mark.parametrize("name", ["epj", "lookup"])
def test_the_command_ends_with_0_if_all_is_right(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(journal()) as url:
        assert command(tmp_path, url, name, EPJ_KEY="word") == OK
    assert all(line.startswith(RIGHT) for line in capsys.readouterr().out.splitlines()[1:])


def test_the_command_ends_with_1_if_anything_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(journal()) as url:
        assert command(tmp_path, url, "epj") == WRONG
    assert "✗ the setting EPJ_KEY has no value here; give it in the environment" in capsys.readouterr().out


def test_an_endpoint_that_is_not_in_the_file_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "http://127.0.0.1:1", "ejp") == USAGE
    assert capsys.readouterr().err == 'hub register: nothing in the file has that name; did you mean "epj"?\n'


def test_a_file_with_an_error_is_not_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, "http://epj.example", "epj") == WRONG
    assert "2 errors; nothing was called" in capsys.readouterr().err
