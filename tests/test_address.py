"""Where a journal may be: whatever a name resolves to, only the public internet and the networks that the operator named."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from shared.access.address import reachable
from shared.hub import connector
from shared.settings import BadSetting, Settings

ENV = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "HUB_PATIENT_KEY": "k" * 32}
NEVER = {
    "this machine": "127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 :: ::1",
    "private": "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.255.255 fc00::1 fd12:3456::1 fec0::1",
    "link-local": "169.254.169.254 169.254.0.1 fe80::1 fe80::1%eth0",
    "the platform": "168.63.129.16 ::ffff:168.63.129.16",
    "nobody": "192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9 240.0.0.1 255.255.255.255 2001:db8::1 100::1",
    "everybody": "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
    "IPv4 inside IPv6": "::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe 64:ff9b::7f00:1 64:ff9b:1::a00:1 2002:a00:1::",
    "no number": "localhost epj.example.no 1.2.3 0x7f.0.0.1 2130706433",
}
PUBLIC = "1.1.1.1 193.75.4.20 172.15.0.1 172.32.0.1 100.63.0.1 192.167.0.1 2a01:79c:cebd:47d8::1 2606:4700:4700::1111 ::ffff:193.75.4.20"


@pytest.mark.parametrize("number", [number for numbers in NEVER.values() for number in numbers.split()])
def test_no_journal_is_at_a_number_that_leads_inside(number: str) -> None:
    assert not reachable(number, ())


@pytest.mark.parametrize("number", PUBLIC.split())
def test_a_journal_may_be_at_a_public_number(number: str) -> None:
    assert reachable(number, ())


def networks(text: str, **env: str) -> Any:
    return Settings.from_env({**ENV, **env, "HUB_NETWORKS": text}).networks


@pytest.mark.parametrize(
    ("named", "number", "may"),
    [
        ("10.4.0.0/16", "10.4.7.1", True),
        ("10.4.0.0/16", "::ffff:10.4.7.1", True),
        ("10.4.0.0/16, fd12:3456::/48", "fd12:3456::9", True),
        ("10.4.0.0/16", "10.5.0.1", False),
        ("169.254.0.0/16", "169.254.169.254", False),
        ("0.0.0.0/0", "168.63.129.16", False),
    ],
)
def test_an_operators_networks_are_let_in_but_for_the_platforms_own_numbers(named: str, number: str, may: bool) -> None:
    assert reachable(number, networks(named)) is may


def test_this_machine_itself_is_a_place_for_journals_in_test_environments_only() -> None:
    assert not reachable("127.0.0.1", Settings.from_env(ENV).networks)
    assert reachable("127.0.0.1", Settings.from_env({**ENV, "HUB_ENVIRONMENT": "test"}).networks)
    assert not reachable("127.0.0.1", networks("10.0.0.0/8", HUB_ENVIRONMENT="test"))


@pytest.mark.parametrize("text", ["10.4.0.1/16", "journals", "10.4.0.0/40", "10.4.0.0/16;10.5.0.0/16"])
def test_networks_that_cannot_be_read_stop_the_start(text: str) -> None:
    with pytest.raises(BadSetting, match="HUB_NETWORKS"):
        networks(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize(("env", "heard"), [({}, []), ({"HUB_ENVIRONMENT": "test"}, ["heard"])], ids=["production", "test"])
def test_a_name_is_followed_to_where_it_leads_and_no_connection_is_made_where_none_may_be(
    host: str, env: Mapping[str, str], heard: list[str]
) -> None:
    assert asyncio.run(_heard(host, Settings.from_env({**ENV, **env}))) == heard


async def _heard(host: str, settings: Settings) -> list[str]:
    """What a server on this machine hears of a call to that host."""
    told: list[str] = []

    async def hear(_: web.BaseRequest) -> web.Response:
        told.append("heard")
        return web.Response()

    runner = web.ServerRunner(web.Server(hear))
    await runner.setup()
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        await web.SockSite(runner, one).start()
        async with aiohttp.ClientSession(connector=connector(settings)) as http:
            try:
                async with http.post(f"http://{host}:{one.getsockname()[1]}/"):
                    pass
            except aiohttp.ClientConnectorError:
                assert not told
        await runner.cleanup()
    return told
