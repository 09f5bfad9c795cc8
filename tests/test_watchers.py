"""What is watched beside the lines: senders' habits, certificates, secrets; what is published, what a watch costs, mail over TLS."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from azure.core.exceptions import HttpResponseError
from azure.data.tables.aio import TableClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.access.register import Expiry
from shared.notice.expiry import expiring
from shared.notice.listen import listen
from shared.notice.rhythm import WEEK, from_data, to_data
from shared.notice.watch import watch
from shared.storage.survey import survey
from tests import mailing
from tests.mailing import relaying
from tests.test_forward import answering
from tests.test_notices import HOUR, MINUTE, NAMES, Hook, by_mail, outage, pass_by, watched
from tests.test_transform import SECRET, Town, note

DAY = 24 * HOUR


# senders


async def hours(here: Town, count: int, *, speaking: bool) -> None:
    """Listened to twice an hour; a note each time, which nobody transforms."""
    for number in range(count * 2):
        if speaking:
            await here.post(note(f"{here.clock()} {number}"))
        await listen(here.hub)
        here.clock.now += HOUR / 2


async def habit(here: Town) -> None:
    """Ten weeks in which it was heard every hour, as learned (tests/test_rhythm)."""
    await hours(here, 2, speaking=True)
    [record] = await here.hub.rhythms.all(here.tenant.orgnr)
    heard = from_data(record.data)
    assert await here.hub.rhythms.write(replace(record, data=to_data(replace(heard, heard=(6.5,) * WEEK, known=10 * WEEK))))


def test_a_sender_that_falls_silent_is_told_of_and_so_is_its_return(storage: str) -> None:
    async def run() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        async with watched(storage) as (here, _, hook):
            await habit(here)
            assert hook.told == []
            await hours(here, 12, speaking=False)
            silent = hook.told
            await hours(here, 2, speaking=True)
            assert hook.bodies[0]["data"]["subject"] == "cloud"
            return silent, hook.told[len(silent) :]

    assert asyncio.run(run()) == ([("notice.opened", "sender-silent")], [("notice.over", "sender-silent")])


def test_a_sender_that_was_stopped_by_hand_is_not_silent(storage: str) -> None:
    async def run() -> list[tuple[str, str]]:
        async with watched(storage) as (here, _, hook):
            await habit(here)
            here.change(senders=(replace(here.tenant.senders[0], active=False),))
            await hours(here, 24, speaking=False)
            return hook.told

    assert asyncio.run(run()) == []


# what expires


def certificate(folder: Path, days: float) -> tuple[Path, ssl.SSLContext]:
    """Of 127.0.0.1, good for so many days, signed by itself: the file, and a server's context."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "journal.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


@asynccontextmanager
async def encrypted(context: ssl.SSLContext) -> AsyncIterator[str]:
    """A journal that is spoken to over TLS."""
    runner = web.AppRunner(web.Application(), access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("days", "told"), [(40, []), (29.5, [(29, 1)]), (2.5, [(2, 3)]), (-1.5, [(0, 4)])])
def test_a_certificate_that_is_about_to_expire_is_told_of(storage: str, tmp_path: Path, days: float, told: list[tuple[int, int]]) -> None:
    async def run() -> list[tuple[int, int]]:
        async with watched(storage) as (here, _, hook), encrypted(certificate(tmp_path, days)[1]) as url:
            here.clock.now = datetime.now(UTC).timestamp()
            here.change(endpoints=(replace(here.tenant.endpoints[0], url=url),))
            await expiring(here.hub)
            assert all(body["data"]["subject"] == "certificate:journal" for body in hook.bodies)
            return [(body["data"]["facts"]["days"], body["data"]["level"]) for body in hook.bodies]

    found = asyncio.run(run())
    assert [level for _, level in found] == [level for _, level in told]
    assert all(abs(mine - theirs) <= 1 for (mine, _), (theirs, _) in zip(found, told, strict=True)), "a day's border may lie between"


def test_an_endpoint_that_does_not_answer_is_no_expired_certificate_and_ends_nothing(storage: str, tmp_path: Path) -> None:
    async def run() -> list[tuple[str, str]]:
        async with watched(storage) as (here, _, hook):
            here.clock.now = datetime.now(UTC).timestamp()
            async with encrypted(certificate(tmp_path, 5)[1]) as url:
                here.change(endpoints=(replace(here.tenant.endpoints[0], url=url),))
                await expiring(here.hub)
            here.clock.now += HOUR
            await expiring(here.hub)
            return hook.told

    assert asyncio.run(run()) == [("notice.opened", "expires")]


def test_a_secret_is_told_of_thirty_fourteen_and_three_days_before_and_when_it_is_renewed(storage: str) -> None:
    async def run() -> list[tuple[str, int]]:
        async with watched(storage) as (here, _, hook):
            today = datetime.fromtimestamp(here.clock(), UTC).date()
            here.change(expiries=(Expiry(NAMES[0], today + timedelta(days=40)),))
            for _ in range(43):
                await expiring(here.hub)
                here.clock.now += DAY
                if hook.bodies and here.clock() - outset(hook) > 29 * DAY:
                    here.change(expiries=(Expiry(NAMES[0], date(2030, 1, 1)),))
            states = [(body["type"], body["data"]["level"]) for body in hook.bodies]
            return [state for number, state in enumerate(states) if number == 0 or state != states[number - 1]]

    assert asyncio.run(run()) == [("notice.opened", 1), ("notice.lasts", 1), ("notice.lasts", 2), ("notice.lasts", 3), ("notice.over", 3)]


def outset(hook: Hook) -> float:
    return datetime.fromisoformat(hook.bodies[0]["data"]["since"].replace("Z", "+00:00")).timestamp()


# what is published, and what it costs


def test_lengths_and_ages_are_published_per_municipality_owner_and_lane(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> str:
        async with watched(storage, answering(503)) as (here, _, _hook):
            await outage(here)
            here.clock.now += 9 * MINUTE
            await watch(here.hub)
            return here.tenant.orgnr

    caplog.set_level(logging.INFO)
    orgnr = asyncio.run(run())
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "knutepunkt"]
    [waits] = [line for line in lines if line.get("step") == "waits" and line["tenant"] == orgnr]
    assert {**waits, "oldest": 0} == {
        **{"step": "waits", "tenant": orgnr, "half": "parcels", "owner": "journal", "lane": "routine"},
        **{"waiting": 3, "oldest": 0, "more": False},
    }
    assert 9 * MINUTE <= waits["oldest"] <= 11 * MINUTE
    assert any(line.get("step") == "watched" and line["lines"] > 1 for line in lines), "even where nothing waits"


def test_a_watch_costs_the_same_however_many_wait(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads of rows: one for each line, while nothing changes."""
    asked: list[Any] = []
    query = TableClient.query_entities

    def counted(self: TableClient, *args: Any, **kwargs: Any) -> Any:
        asked.append(kwargs)
        return query(self, *args, **kwargs)

    monkeypatch.setattr(TableClient, "query_entities", counted)

    async def cost(waiting: int) -> int:
        async with watched(storage, answering(503)) as (here, _, _hook):
            for number in range(waiting):
                await here.post(note(f"n{number}", f"p{number}"))
            await here.run()
            await pass_by(here, 2 * MINUTE)
            asked.clear()
            await watch(here.hub)
            return len([one for one in asked if str(one["parameters"].get("line", "")).startswith(here.tenant.orgnr)])

    assert [asyncio.run(cost(number)) for number in (3, 60)] == [2, 2]


def test_a_line_that_cannot_be_read_ends_nothing_and_keeps_no_other_from_being_watched(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        async with watched(storage, answering(503)) as (here, _, hook), watched(storage, answering(422)) as (there, _, other):
            await outage(here)
            await pass_by(here, 2 * MINUTE)

            async def fails(lines: Any, line: str) -> Any:
                if line.startswith(here.tenant.orgnr):
                    raise HttpResponseError("storage is busy")
                return await survey(lines, line)

            monkeypatch.setattr("shared.notice.watch.survey", fails)
            await outage(there)
            await pass_by(here, 20 * MINUTE, 5 * MINUTE)
            await pass_by(there, 2 * MINUTE)
            return hook.told, other.told

    mine, theirs = asyncio.run(run())
    assert mine == [("notice.opened", "endpoint-failing")]
    assert theirs == [("notice.opened", "parked")]


# mail over TLS


def over_tls(storage: str, tls: ssl.SSLContext) -> mailing.Relay:
    async def run() -> mailing.Relay:
        async with watched(storage, answering(503)) as (here, _, _hook), relaying(mailing.Relay(tls=tls)) as relay:
            here.change(recipients=(by_mail(relay, "knutepunkt"),))
            await outage(here)
            await pass_by(here, MINUTE)
            return relay

    return asyncio.run(run())


def test_mail_goes_over_tls_where_the_relay_offers_it(storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, tls = certificate(tmp_path, 30)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    relay = over_tls(storage, tls)
    assert relay.secure == [True] and relay.logins == [("knutepunkt", SECRET[NAMES[0]])]


def test_a_relay_whose_certificate_is_not_trusted_gets_neither_password_nor_mail(storage: str, tmp_path: Path) -> None:
    relay = over_tls(storage, certificate(tmp_path, 30)[1])
    assert (relay.logins, relay.mails) == ([], [])


# where journals may be


def reasons(caplog: pytest.LogCaptureFixture, said: str, word: str) -> set[str]:
    lines = (orjson.loads(record.getMessage()) for record in caplog.records if record.name == "knutepunkt")
    return {line[word] for line in lines if said in line.values()}


def test_no_mail_goes_to_a_relay_in_a_network_that_was_not_named(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> tuple[list[Any], int]:
        async with watched(storage, answering(503)) as (here, _, _hook), relaying(mailing.Relay()) as relay:
            here.change(recipients=(by_mail(relay),))
            named, here.hub.settings = here.hub.settings, replace(here.hub.settings, networks=())
            await outage(here)
            await pass_by(here, MINUTE)
            early, here.hub.settings = relay.mails[:], named
            await pass_by(here, 5 * MINUTE)
            return early, len(relay.mails)

    assert asyncio.run(run()) == ([], 1)
    assert reasons(caplog, "recipient not reached", "reason") == {"OutsideNetworks"}


def test_no_certificate_is_looked_at_in_a_network_that_was_not_named(
    storage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "knutepunkt")

    async def run() -> list[bytes]:
        async with watched(storage) as (here, _, hook), encrypted(certificate(tmp_path, 2.5)[1]) as url:
            here.clock.now = datetime.now(UTC).timestamp()
            here.change(endpoints=(replace(here.tenant.endpoints[0], url=url),))
            here.hub.settings = replace(here.hub.settings, networks=())
            await expiring(here.hub)
            return [body for _, body in hook.taken]

    assert asyncio.run(run()) == []
    assert reasons(caplog, "certificate not seen", "error") == {"OutsideNetworks"}
