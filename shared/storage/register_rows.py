"""The register as the running hub reads it: one row per municipality, written by `./hub register apply`, and beside them one for each stop.

    tenants   {orgnr}                               a municipality
    tenants   stop~{orgnr}~{sender}~{endpoint}      traffic that an operator holds back; without names all of the municipality's

One read brings the versions of the ones and the whole of the others: a stop is seen as soon as a changed register is, and costs no call.
"""

import asyncio
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared import log
from shared.access.register import Register, Stop, Tenant, from_json, to_json
from shared.storage.packs import columns, joined

_TENANTS, _STOP = "tenants", "stop"
_COLUMNS = ("RowKey", "version", "since", "who", "why")
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
        versions, stops = await _versions(self._table)
        if versions != self._versions or not self._read_at:
            self._register = Register({orgnr: await read_tenant(self._table, orgnr) for orgnr in versions}, stops)
            self._versions = versions
        elif stops != self._register.stops:
            self._register = Register(self._register.tenants, stops)
        self._read_at = self._asked_at = self._clock()

    async def stop(self, stop: Stop) -> Stop:
        """Holds traffic back on all instances, once they have read it. Given back is the stop that stands: the first of the same."""
        key = _stop_key(stop)
        try:
            await self._table.create_entity({**key, "since": stop.since, "who": stop.who, "why": stop.why})
        except ResourceExistsError:
            return _stop(await self._table.get_entity(key["PartitionKey"], key["RowKey"]))
        return stop

    async def start(self, stop: Stop) -> bool:
        """Lets it go again. False: it was not held back."""
        with suppress(ResourceNotFoundError):
            key = _stop_key(stop)
            await self._table.get_entity(key["PartitionKey"], key["RowKey"])  # to delete what is not there is no error to the SDK
            await self._table.delete_entity(key["PartitionKey"], key["RowKey"])
            return True
        return False

    async def _refresh_quietly(self) -> None:
        try:
            await self.refresh()
        except (AzureError, ValueError) as error:
            log.alarm("register not read", error=type(error).__name__)


async def _versions(table: TableClient) -> tuple[dict[str, str], tuple[Stop, ...]]:
    found = table.query_entities("PartitionKey eq @tenants", parameters={"tenants": _TENANTS}, select=list(_COLUMNS))
    rows: list[Any] = [row async for row in found]
    versions = {row["RowKey"]: row["version"] for row in rows if not row["RowKey"].startswith(_STOP)}
    return versions, tuple(_stop(row) for row in rows if row["RowKey"].startswith(_STOP))


def _stop(row: Any) -> Stop:
    _, tenant, sender, endpoint = row["RowKey"].split("~")
    return Stop(tenant, sender, endpoint, row["since"], row["who"], row["why"])


def _stop_key(stop: Stop) -> dict[str, str]:
    return {"PartitionKey": _TENANTS, "RowKey": "~".join((_STOP, stop.tenant, stop.sender, stop.endpoint))}


async def read_tenant(table: TableClient, orgnr: str) -> Tenant:
    """One municipality. Raises ResourceNotFoundError."""
    row: Any = await table.get_entity(_TENANTS, orgnr)
    return from_json(zlib.decompress(joined(row)))


async def read_all(table: TableClient) -> dict[str, Tenant]:
    """Every municipality by orgnr."""
    return {orgnr: await read_tenant(table, orgnr) for orgnr in (await _versions(table))[0]}


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
