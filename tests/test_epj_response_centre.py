"""A response centre: alerts as signed webhooks, verified by the hub's own verifier on the other side, once under one id."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from adapters.epj.response_centre.adapter import request, verdict
from shared.access.register import Alarms, Auth, Sender
from shared.access.register_toml import parse, read
from shared.access.signature import authenticate
from shared.domain.journal import Sending
from shared.domain.message import Lane
from shared.errors import Refused, Unauthenticated, Unavailable
from tests.test_forward import DELIVERED, answering, journalled
from tests.test_transform import SECRET, SHOUTING, Town, note, use

README = (Path(__file__).parents[1] / "adapters/epj/response_centre/README.md").read_text()
PAGE = b"<!doctype html><title>Logg inn</title>"
NAME = next(iter(SECRET))
ROWS: dict[str, tuple[str, list[tuple[int, bytes]]]] = {
    "2xx with a web page (a body that begins with `<html` or `<!doctype`)": ("Unavailable", [(200, PAGE)]),
    "any other 2xx, 409": ("delivered", [(200, b""), (202, b"ok"), (204, b""), (409, b"")]),
    "3xx, 401, 403, 407": ("Unavailable", [(302, b""), (401, b""), (403, b""), (407, b"")]),
    "408, 425, 429, every 5xx, no answer in time, cut connection": (
        "Unavailable",
        [(408, b""), (425, b""), (429, b""), (500, b""), (503, b"")],
    ),
    "any other answer, 410 too": ("Refused", [(400, b""), (404, b""), (410, b""), (422, b"")]),
}


def word(status: int, body: bytes) -> str:
    try:
        verdict(status, {}, body)
    except Refused:
        return "Refused"
    except Unavailable:
        return "Unavailable"
    return "delivered"


@pytest.mark.parametrize(("says", "status", "body"), [(says, *answer) for says, answers in ROWS.values() for answer in answers])
def test_the_verdict_is_the_readmes(says: str, status: int, body: bytes) -> None:
    assert word(status, body) == says


def test_every_row_of_the_readme_is_tried() -> None:
    table = README.partition("## What its answers mean")[2]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines() if row.startswith("|")][2:]
    assert [(answer, says.partition(":")[0]) for answer, says in rows] == [(answer, says) for answer, (says, _) in ROWS.items()]


@pytest.mark.parametrize(("lane", "says"), [(Lane.ALARM, "alert.bundle"), (Lane.ROUTINE, "event.bundle")])
def test_the_document_stands_in_data_byte_by_byte(lane: Lane, says: str) -> None:
    document = b'{"resourceType":"Bundle","value":82.50}'
    call = request(Sending("https://centre.example/hook", "bundle", "k1", document, lane))
    assert (call.url, orjson.loads(call.body)["type"]) == ("https://centre.example/hook", says)
    assert call.body.endswith(b'"data":' + document + b"}")


@dataclass(slots=True)
class Centre:
    """Takes webhooks, verifies them as a vendor would, and keeps each id once."""

    now: Any
    status: int = 202
    refused: list[str] = field(default_factory=list)
    taken: dict[str, Any] = field(default_factory=dict)
    url: str = ""

    async def hear(self, call: web.Request) -> web.Response:
        body, sender = await call.read(), Sender("hub", "1", "Hub", (), Auth("hmac", "standard-webhooks", "", (NAME,)), True)
        try:
            authenticate([sender], SECRET.get, {name.lower(): value for name, value in call.headers.items()}, body, self.now())
        except Unauthenticated as error:
            self.refused.append(error.reason)
            return web.Response(status=401)
        self.taken[call.headers["webhook-id"]] = orjson.loads(body)
        return web.Response(status=self.status)


@asynccontextmanager
async def centre(storage: str) -> AsyncIterator[tuple[Town, Any, Centre]]:
    """A municipality whose alarms go to a response centre when its journal does not answer."""
    async with journalled(storage) as (here, journal):
        there = Centre(here.clock)
        app = web.Application()
        app.add_routes([web.post("/hook", there.hear)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        there.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        [first] = here.tenant.endpoints
        auth = Auth("webhook", "", "", (NAME,))
        second = replace(first, name="centre", adapter="response_centre", url=there.url, auth=auth)
        here.change(endpoints=(replace(first, alarms=Alarms(second="centre")), second))
        try:
            yield here, journal, there
        finally:
            await runner.cleanup()


def test_a_signed_alert_reaches_the_centre_on_a_route_of_its_own(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> tuple[list[str], list[str], str]:
        async with centre(storage) as (here, _, there):
            [route] = here.tenant.routes
            here.change(routes=(route, replace(route, endpoint="centre", lanes=(Lane.ALARM,))))
            receipt = await here.post(note("alarm"))
            await here.post(note("routine"))
            await here.run(10)
            return [body["data"]["title"] for body in there.taken.values()], there.refused, (await here.told(receipt))["status"]

    assert asyncio.run(run()) == (["alarm"], [], DELIVERED)


def test_a_repeat_after_a_lost_answer_has_the_same_id_and_a_signature_of_its_own_time(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, SHOUTING)

    async def run() -> tuple[int, list[str]]:
        async with centre(storage) as (here, journal, there):
            journal.behave = answering(503)
            [route] = here.tenant.routes
            here.change(routes=(replace(route, endpoint="centre"),))
            there.status = 503
            await here.post(note("alarm"))
            await here.run(900)
            there.status = 202
            await here.run(120)
            return len(there.taken), there.refused

    assert asyncio.run(run()) == (1, [])


def test_a_secret_that_is_no_key_waits_and_says_so(storage: str) -> None:
    async def run() -> dict[str, Any]:
        async with centre(storage) as (here, _, there):
            [route] = here.tenant.routes
            [first, second] = here.tenant.endpoints
            here.change(
                routes=(replace(route, endpoint="centre"),), endpoints=(first, replace(second, auth=Auth("webhook", "", "", ("NOT_SET",))))
            )
            receipt = await here.post(note("a"))
            await here.run(1)
            [parcel] = (await here.told(receipt))["parcels"]
            assert there.taken == {} and there.refused == []
            return dict(parcel)

    parcel = asyncio.run(run())
    assert (parcel["status"], parcel["reason"]) == ("waiting", "the setting NOT_SET has no value here")


FILE = """
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"
[[route]]
endpoint = "centre"
[[endpoint]]
name = "centre"
title = "Responssenter"
adapter = "response_centre"
url = "https://centre.example/hook"
auth = { scheme = "webhook", secrets = %s }
"""


def test_the_register_names_one_secret_or_two() -> None:
    [endpoint] = parse(FILE % '["CENTRE_SECRET", "CENTRE_NEXT"]', "file.toml").endpoints
    assert endpoint.auth == Auth("webhook", "", "", ("CENTRE_SECRET", "CENTRE_NEXT"))
    assert read(FILE % "[]", "file.toml")[0] is None
