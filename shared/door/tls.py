"""How TLS is spoken with a journal that asks for a client certificate, or has one of its own authority's."""

import asyncio
import ssl
from dataclasses import dataclass

from shared.access.rows import Auth
from shared.door import holdings
from shared.door.wire import Reach
from shared.settings import Secret

RENEW = 3600.0  # seconds until files are read again: a renewed certificate is shown within the hour, without a restart


@dataclass(frozen=True, slots=True)
class _Made:
    context: ssl.SSLContext
    at: float


async def context(hub: Reach, auth: Auth) -> ssl.SSLContext | bool:
    """True: as usual. Raises Unavailable, which names the setting that is wrong."""
    if not auth.certificates and not auth.authority:
        return True
    key = ("tls", auth.certificates, auth.authority)
    known: _Made | None = hub.kept.get(key)
    if known is None or not 0 <= hub.clock() - known.at < RENEW:
        known = _Made(await asyncio.to_thread(made, hub.settings.secret, auth, hub.clock()), hub.clock())
        hub.kept[key] = known
    return known.context


def made(secret: Secret, auth: Auth, now: float) -> ssl.SSLContext:
    """Raises Unavailable."""
    fresh = holdings.trusting(secret, auth.authority)
    if auth.certificates:
        holdings.show(fresh, *holdings.valid(secret, auth.certificates, now))
    return fresh
