"""The register as the running hub reads it: one row per municipality, written by `./hub register apply`."""

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

from azure.core.exceptions import AzureError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared import log
from shared.access.register import Register, Tenant, from_json, to_json
from shared.storage.packs import columns, joined

_TENANTS = "tenants"
_FRESH = 10.0  # seconds until a changed register is seen, by the first message after a quiet night too
_PATIENCE = 2.0  # seconds that a message waits for that while storage is slow


class Registers:
    """Keeps the register at hand: a read of versions every few seconds, a municipality's row only when it changed."""

    def __init__(self, table: TableClient, clock: Callable[[], float]) -> None:
        self._table, self._clock = table, clock
        self._versions: dict[str, str] = {}
        self._register = Register({})
        self._read_at = self._asked_at = 0.0
        self._reading: asyncio.Task[None] | None = None

    async def current(self) -> Register:
        """The register, at most ten seconds old while storage answers, else the last good one. Raises AzureError if there never was one."""
        if not self._read_at:
            await self.refresh()
        elif self._clock() - self._asked_at > _FRESH:
            self._asked_at = self._clock()
            self._reading = asyncio.create_task(self._refresh_quietly())
        if self._reading and not self._reading.done():
            await asyncio.wait([self._reading], timeout=_PATIENCE)
        return self._register

    async def refresh(self) -> None:
        """Reads what changed."""
        versions = await _versions(self._table)
        if versions != self._versions or not self._read_at:
            self._register = Register({orgnr: await read_tenant(self._table, orgnr) for orgnr in versions})
            self._versions = versions
        self._read_at = self._asked_at = self._clock()

    async def _refresh_quietly(self) -> None:
        try:
            await self.refresh()
        except (AzureError, ValueError) as error:
            log.alarm("register not read", error=type(error).__name__)


async def _versions(table: TableClient) -> dict[str, str]:
    rows = table.query_entities("PartitionKey eq @tenants", parameters={"tenants": _TENANTS}, select=["RowKey", "version"])
    return {row["RowKey"]: row["version"] async for row in rows}


async def read_tenant(table: TableClient, orgnr: str) -> Tenant:
    """One municipality. Raises ResourceNotFoundError."""
    row: Any = await table.get_entity(_TENANTS, orgnr)
    return from_json(zlib.decompress(joined(row)))


async def read_all(table: TableClient) -> dict[str, Tenant]:
    """Every municipality by orgnr."""
    return {orgnr: await read_tenant(table, orgnr) for orgnr in await _versions(table)}


async def write_tenant(table: TableClient, tenant: Tenant) -> None:
    """Puts a municipality in the register, or replaces it."""
    text = to_json(tenant)
    row = {
        "PartitionKey": _TENANTS,
        "RowKey": tenant.orgnr,
        "version": f"{zlib.crc32(text):08x}-{len(text)}",
        **columns(zlib.compress(text)),
    }
    await table.upsert_entity(row, mode=UpdateMode.REPLACE)
