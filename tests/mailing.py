"""A mail relay on this machine, for tests: takes mail, asks for a password where it is told to, speaks TLS, and may say no."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(slots=True)
class Relay:
    """`answer`: to each mail, until it is changed; `login`: to each password. `logins`: user and password of
    each; `secure`: whether each mail came over TLS."""

    port: int = 0
    answer: str = "250 taken"
    login: str = "235 come in"
    tls: ssl.SSLContext | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            writer.write(b"220 relay.example ESMTP\r\n")
            while line := (await reader.readline()).decode().strip():
                word = line.split()[0].upper()
                writer.write(f"{await self._said(word, line, reader, writer)}\r\n".encode())
                await writer.drain()
                if word == "STARTTLS" and self.tls:
                    await writer.start_tls(self.tls)
                if word == "QUIT":
                    break
        writer.close()

    async def _said(self, word: str, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        if word == "EHLO":
            return "\r\n".join(["250-relay.example", *(["250-STARTTLS"] if self.tls else []), "250 AUTH PLAIN"])
        if word == "AUTH":
            _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
            self.logins.append((user, password))
            return self.login
        if word == "RCPT":
            self.recipients.append(line.partition("<")[2].partition(">")[0])
        if word == "DATA":
            writer.write(b"354 go on\r\n")
            return self._taken(await reader.readuntil(b"\r\n.\r\n"), writer)
        return "220 go on" if word == "STARTTLS" else "221 bye" if word == "QUIT" else "250 yes"

    def _taken(self, body: bytes, writer: asyncio.StreamWriter) -> str:
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(body[:-3].replace(b"\r\n..", b"\r\n."), policy=policy.default))
            self.secure.append(writer.get_extra_info("ssl_object") is not None)
        return self.answer


@asynccontextmanager
async def relaying(relay: Relay) -> AsyncIterator[Relay]:
    server = await asyncio.start_server(relay.talk, "127.0.0.1", relay.port)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await server.wait_closed()
