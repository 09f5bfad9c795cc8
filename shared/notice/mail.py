"""One mail to a relay, in a thread of its own: smtplib waits, and may wait long."""

import asyncio
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Protocol

from shared.access.address import unsafe
from shared.access.rows import Relay
from shared.door.wire import Reach
from shared.hub import plug
from shared.notice.words import Words
from shared.settings import Settings

_TIMEOUT = 10.0  # seconds for one step of the conversation
_PATIENCE = 30.0  # and for all of it
_URGENT = {"X-Priority": "1", "Importance": "high"}


class Post(Reach, Protocol):
    """What of the hub it takes to tell somebody."""

    mailers: ThreadPoolExecutor


async def mail(hub: Post, relay: Relay, password: str | None, words: Words) -> None:
    """Returns once the relay has taken it. Raises OSError (SMTPException is one) or TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_PATIENCE):
        await loop.run_in_executor(hub.mailers, _send, hub.settings, relay, password, _written(relay, words, hub.clock()))


def _written(relay: Relay, words: Words, now: float) -> EmailMessage:
    message = EmailMessage()
    domain = relay.sender.partition("@")[2]
    message["From"], message["To"], message["Subject"] = relay.sender, ", ".join(relay.to), words.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<{words.message}@{domain}>"  # the same at every attempt
    if words.message != words.first:
        message["In-Reply-To"] = message["References"] = f"<{words.first}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    for name, value in _URGENT.items() if words.urgent else ():
        message[name] = value
    message.set_content(words.body, cte="quoted-printable")
    return message


class _Server(smtplib.SMTP):
    """Connects where journals may be, and nowhere else, as the hub's other calls do. smtplib's own SMTP_SSL changes the same function."""

    def __init__(self, settings: Settings, relay: Relay) -> None:
        self._settings = settings
        super().__init__(relay.host, relay.port, timeout=_TIMEOUT)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        last = OSError("no address")
        for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                return _connected(plug(self._settings, info), info[4], timeout)
            except OSError as error:
                last = error
        raise last


def _connected(plugged: socket.socket, number: Any, timeout: float) -> socket.socket:
    try:
        plugged.settimeout(timeout)
        plugged.connect(number)
    except BaseException:
        plugged.close()
        raise
    return plugged


def _send(settings: Settings, relay: Relay, password: str | None, message: EmailMessage) -> None:
    with _Server(settings, relay) as server:
        server.ehlo()
        if _away(relay) or server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        if relay.user and password:
            server.login(relay.user, password)
        refused = server.send_message(message, relay.sender, relay.to)
    if refused:
        raise smtplib.SMTPRecipientsRefused(refused)


def _away(relay: Relay) -> bool:
    """Not on this machine: then nothing is said unencrypted, the password least of all."""
    return unsafe(f"http://{f'[{relay.host}]' if ':' in relay.host else relay.host}") is not None
