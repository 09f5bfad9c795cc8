"""The storage calls of the raw harness, signed by hand (SharedKeyLite), over keep-alive connections. No SDK."""

import base64
import hmac
import re
from email.utils import formatdate
from time import time

from local.bench.wire import Client

ACCOUNT = "devstoreaccount1"
# Azurite's published development key: the same in every Azurite of the world, so no secret.
PUBLISHED = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
KEY = base64.b64decode(PUBLISHED)
VERSION = "2021-12-02"
_MESSAGE = re.compile(rb"<MessageId>([^<]+)</MessageId>.*?<PopReceipt>([^<]+)</PopReceipt>.*?<MessageText>([^<]*)</MessageText>", re.DOTALL)


def connection_string(queue_port: int, table_port: int, blob_port: int, account: str = ACCOUNT, key: str = PUBLISHED) -> str:
    at = f"http://127.0.0.1:{{}}/{account}"
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        f"BlobEndpoint={at.format(blob_port)};QueueEndpoint={at.format(queue_port)};TableEndpoint={at.format(table_port)};"
    )


class _Clock:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self.second = 0
        self.text = ""

    def now(self) -> str:
        if (second := int(time())) != self.second:
            self.second, self.text = second, formatdate(second, usegmt=True)
        return self.text


def _signature(text: str) -> str:
    return base64.b64encode(hmac.digest(KEY, text.encode(), "sha256")).decode()


class Storage:
    """Queue and table calls. Each raises OSError when the emulator says anything but yes."""

    def __init__(self, queue_port: int, table_port: int) -> None:
        self.queues, self.tables = Client(queue_port), Client(table_port)
        self.clock = _Clock()

    async def queue(self, verb: str, path: str, query: str = "", body: bytes = b"") -> bytes:
        """One call to the queue service. `path`: below the account."""
        date = self.clock.now()
        target = f"/{ACCOUNT}{path}"
        kind = "application/xml" if body else ""
        signed = f"{verb}\n\n{kind}\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n/{ACCOUNT}{target}"
        head = self._head(verb, target + query, date, signed, f"Content-Type: {kind}\r\n" if kind else "", len(body))
        return self._yes(await self.queues.ask(head + body))

    async def table(self, verb: str, path: str, body: bytes) -> bytes:
        """One call to the table service. `path`: below the account."""
        date = self.clock.now()
        target = f"/{ACCOUNT}{path}"
        kind = "Content-Type: application/json\r\nAccept: application/json;odata=nometadata\r\n"
        return self._yes(await self.tables.ask(self._head(verb, target, date, f"{date}\n/{ACCOUNT}{target}", kind, len(body)) + body))

    def _head(self, verb: str, target: str, date: str, signed: str, kind: str, size: int) -> bytes:
        return (
            f"{verb} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-ms-date: {date}\r\nx-ms-version: {VERSION}\r\n"
            f"Authorization: SharedKeyLite {ACCOUNT}:{_signature(signed)}\r\n{kind}Content-Length: {size}\r\n\r\n"
        ).encode()

    @staticmethod
    def _yes(answer: tuple[int, bytes]) -> bytes:
        if answer[0] >= 300:
            raise OSError(f"the storage emulator answered {answer[0]}")
        return answer[1]

    async def create(self, queue: str, table: str) -> None:
        await self.queue("PUT", f"/{queue}")
        await self.table("POST", "/Tables", b'{"TableName":"%s"}' % table.encode())

    async def enqueue(self, queue: str, payload: bytes) -> None:
        text = base64.b64encode(payload)
        await self.queue("POST", f"/{queue}/messages", body=b"<QueueMessage><MessageText>" + text + b"</MessageText></QueueMessage>")

    async def receive(self, queue: str, most: int) -> list[tuple[str, str, bytes]]:
        """Up to `most` messages: id, pop receipt, payload."""
        answer = await self.queue("GET", f"/{queue}/messages", f"?numofmessages={most}&visibilitytimeout=60")
        return [(a.decode(), b.decode(), base64.b64decode(c)) for a, b, c in _MESSAGE.findall(answer)]

    async def delete(self, queue: str, message: str, receipt: str) -> None:
        await self.queue("DELETE", f"/{queue}/messages/{message}", f"?popreceipt={receipt.replace('+', '%2B').replace('=', '%3D')}")

    async def upsert(self, table: str, partition: str, row: str, body: bytes) -> None:
        await self.table("PUT", f"/{table}(PartitionKey='{partition}',RowKey='{row}')", body)
