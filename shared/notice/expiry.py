"""By timer, daily: which certificates of endpoints and which secrets are about to expire."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from shared import log
from shared.access.register import Tenant
from shared.domain.clock import OSLO
from shared.hub import Hub, plug
from shared.notice.ledger import Notice
from shared.notice.send import send
from shared.notice.tell import each, settle
from shared.settings import Settings

EXPIRES = "expires"
_STEPS = (30, 14, 3, 0)  # days before; each is told anew
_PATIENCE = 10.0  # seconds for one endpoint's certificate


async def expiring(hub: Hub) -> None:
    """Looks, says and sends. An endpoint that does not answer keeps what was said of its municipality."""
    register, now = await hub.registers.current(), hub.clock()
    today = datetime.fromtimestamp(now, UTC).astimezone(OSLO).date()
    so = [notice for tenant in register.tenants.values() for notice in _secrets(tenant, today)]
    blind: set[str] = set()

    async def one(place: tuple[str, str, str]) -> None:
        orgnr, name, url = place
        try:
            day = await _last_day(hub.settings, url)
        except (OSError, TimeoutError, ValueError) as error:
            log.step("certificate not seen", tenant=orgnr, endpoint=name, error=type(error).__name__)
            blind.add(orgnr)
            return
        so.extend(_notice(orgnr, f"certificate:{name}", day, today))

    await each([place for tenant in register.tenants.values() for place in _addresses(tenant)], one)
    await settle(hub, [EXPIRES], so, blind)
    await send(hub)


def _secrets(tenant: Tenant, today: date) -> Iterator[Notice]:
    for row in tenant.expiries:
        yield from _notice(tenant.orgnr, f"secret:{row.secret}", row.day, today)


def _notice(orgnr: str, subject: str, day: date, today: date) -> Iterator[Notice]:
    left = (day - today).days
    if level := sum(left <= step for step in _STEPS):
        yield Notice(orgnr, EXPIRES, subject, 0, level, {"days": max(left, 0), "day": day.isoformat()})


def _addresses(tenant: Tenant) -> Iterator[tuple[str, str, str]]:
    """Of the endpoints that are spoken to over TLS."""
    rows = [(row.name, row.url) for row in tenant.endpoints if row.active]
    if tenant.lookup and tenant.lookup.active:
        rows.append(("lookup", tenant.lookup.url))
    return ((tenant.orgnr, name, url) for name, url in rows if url.startswith("https:"))


async def _last_day(settings: Settings, url: str) -> date:
    """On which the certificate is good. OSError, TimeoutError: none was shown."""
    from cryptography import x509  # once a day

    parts = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(_PATIENCE):
        plugged = await _connected(settings, parts.hostname or "", parts.port or 443)
        _, writer = await asyncio.open_connection(sock=plugged, ssl=context, server_hostname=parts.hostname)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return x509.load_der_x509_certificate(shown).not_valid_after_utc.astimezone(OSLO).date()


async def _connected(settings: Settings, host: str, port: int) -> socket.socket:
    """Where journals may be, and nowhere else, as the hub's calls do."""
    loop, last = asyncio.get_running_loop(), OSError("no address")
    for info in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return await _at(loop, plug(settings, info), info[4])
        except OSError as error:
            last = error
    raise last


async def _at(loop: asyncio.AbstractEventLoop, plugged: socket.socket, number: Any) -> socket.socket:
    try:
        plugged.setblocking(False)
        await loop.sock_connect(plugged, number)
    except BaseException:
        plugged.close()
        raise
    return plugged
