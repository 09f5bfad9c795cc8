"""The storage account: SDK clients for tables and queues, the same against Azurite and against Azure.

`use_env_settings=False` stops aiohttp from looking for ~/.netrc in a thread on every request: 62-67 % of the CPU of a call
(`domain/runtime.md` 3).
"""

from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableClient, TableServiceClient
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from shared.settings import Settings

_RETRIES = 2  # within one call; beyond that the sender hears 503, or the line's turn is run again
_CONNECT, _READ = 5, 10  # seconds; the SDK's own 20 and 60 would keep a sender waiting for its 503


class Account:
    """Opened once per worker. Everything in it must be used on the loop that opened it."""

    def __init__(self, settings: Settings) -> None:
        self._tables = _tables(settings)
        self._queues = _queues(settings)

    def table(self, name: str) -> TableClient:
        return self._tables.get_table_client(name)

    def queue(self, name: str) -> QueueClient:
        return self._queues.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy())

    async def prepare(self, tables: list[str], queues: list[str]) -> None:
        """Creates what is missing; what is there already stays as it is."""
        for name in tables:
            await self._tables.create_table_if_not_exists(name)
        for name in queues:
            try:
                await self._queues.create_queue(name)
            except ResourceExistsError:
                continue

    async def close(self) -> None:
        await self._tables.close()
        await self._queues.close()


def _options() -> dict[str, Any]:
    transport = AioHttpTransport(use_env_settings=False)
    return {"transport": transport, "retry_total": _RETRIES, "connection_timeout": _CONNECT, "read_timeout": _READ}


def _queue_options() -> dict[str, Any]:
    """The queue SDK waits 15 s before its first retry unless told otherwise."""
    return _options() | {"initial_backoff": 1, "increment_base": 1, "random_jitter_range": 1}


def _tables(settings: Settings) -> TableServiceClient:
    if settings.storage:
        return TableServiceClient.from_connection_string(settings.storage, **_options())
    return TableServiceClient(f"https://{settings.account}.table.core.windows.net", credential=_identity(), **_options())


def _queues(settings: Settings) -> QueueServiceClient:
    if settings.storage:
        return QueueServiceClient.from_connection_string(settings.storage, **_queue_options())
    return QueueServiceClient(f"https://{settings.account}.queue.core.windows.net", credential=_identity(), **_queue_options())


def _identity() -> Any:
    from azure.identity.aio import DefaultAzureCredential  # 150 ms of import that a connection string does not need

    return DefaultAzureCredential()
