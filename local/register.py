"""`./hub register`: the files' command line, on the register table of the hub that runs here or that AzureWebJobsStorage names."""

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError

from local.prepare import HUB
from local.register_command import Store, main
from shared.access.register import Register, Tenant
from shared.errors import Refused, Unavailable
from shared.settings import BadSetting, Settings
from shared.storage.account import Account
from shared.storage.register_rows import read_all, write_tenant

TABLE = "register"
NO_PATIENTS = "-" * 32  # the setting must be there; whoever writes the register hashes no patients


class TableStore:
    """The register in the hub's storage account."""

    def __init__(self, account: Account) -> None:
        self._table = account.table(TABLE)

    async def load(self) -> Register:
        return Register(await read_all(self._table))

    async def save(self, tenant: Tenant) -> None:
        await write_tenant(self._table, tenant)


@asynccontextmanager
async def opened(env: Mapping[str, str]) -> AsyncIterator[Store]:
    """Refused: no storage is named; Unavailable: it does not answer."""
    try:
        account = Account(Settings.from_env({**env, "HUB_PATIENT_KEY": NO_PATIENTS}))
    except BadSetting:
        raise Refused("no hub runs here and no storage is named") from None
    try:
        await account.prepare([TABLE], [])
        yield TableStore(account)
    except AzureError as error:
        raise Unavailable(f"the hub's storage does not answer ({type(error).__name__})") from error
    finally:
        await account.close()


def environment(running: Mapping[str, Any] | None, env: Mapping[str, str]) -> Mapping[str, str]:
    """What the caller set, else what the running hub wrote down."""
    if running is None:
        return env
    return {"JOURNAL_URL": running["journal"]["url"], **env, "AzureWebJobsStorage": running["storage"]["connection_string"]}


def running_here(run_json: Path, env: Mapping[str, str]) -> Mapping[str, Any] | None:
    """What the hub of this folder wrote down; None if none runs, or if the caller means another storage."""
    if "AzureWebJobsStorage" in env or "AzureWebJobsStorage__accountName" in env or not run_json.is_file():
        return None
    found: Mapping[str, Any] = json.loads(run_json.read_text())
    return found


def variables(where: Mapping[str, str]) -> Mapping[str, str]:
    """What `environment` knows for `${NAME}` in the files."""
    return {name: where[name] for name in ("JOURNAL_URL",) if name in where}


def _main() -> int:
    running = running_here(HUB / "run.json", os.environ)
    where = environment(running, os.environ)
    return main(sys.argv[1:], lambda: opened(where), variables(where), running and running["settings"], os.environ)


if __name__ == "__main__":
    sys.exit(_main())
