"""The running hub's register, for `./hub register`: in the storage that the environment names, else in that of `./hub run` on this machine."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from azure.core.exceptions import AzureError
from azure.data.tables.aio import TableClient

from shared.access.register import Register, Tenant
from shared.errors import Unavailable
from shared.settings import BadSetting, Settings
from shared.storage.account import Account
from shared.storage.register_rows import read_all, write_tenant

TABLE = "register"
UNUSED = {"HUB_PATIENT_KEY": "the register has no parcels, so this keys nothing"}


class TableStore:
    """The rows that the hub reads; it sees a change within seconds."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def load(self) -> Register:
        return Register(await read_all(self._table))

    async def save(self, tenant: Tenant) -> None:
        await write_tenant(self._table, tenant)


def surroundings(env: Mapping[str, str], run: Path) -> Mapping[str, str]:
    """The environment; where it names no storage, with what `run` (.hub/run.json) says of the hub on this machine."""
    if env.get("AzureWebJobsStorage") or env.get("AzureWebJobsStorage__accountName"):
        return env
    try:
        running = json.loads(run.read_text())
        return {**env, "AzureWebJobsStorage": running["storage"]["connection_string"], "JOURNAL_URL": running["journal"]["url"]}
    except (OSError, ValueError, KeyError):
        return env


@asynccontextmanager
async def open_store(env: Mapping[str, str]) -> AsyncIterator[TableStore]:
    """Raises Unavailable where there is no hub or its storage does not answer."""
    try:
        account = Account(Settings.from_env({**UNUSED, **env}))
    except BadSetting:
        raise Unavailable("no hub runs on this machine") from None
    try:
        await account.prepare([TABLE], [])
        yield TableStore(account.table(TABLE))
    except AzureError as error:
        raise Unavailable(f"the hub's storage does not answer ({type(error).__name__})") from error
    finally:
        await account.close()
