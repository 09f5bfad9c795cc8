"""`./hub audit`: the audit log's command line, on the table of the hub that runs here or that AzureWebJobsStorage names."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from azure.core.exceptions import AzureError, ResourceNotFoundError

from local.audit_command import main
from local.prepare import HUB
from local.register import NO_PATIENTS, environment, running_here
from local.terminal import heard
from shared.errors import Refused, Unavailable
from shared.settings import BadSetting, Settings
from shared.storage.account import Account
from shared.storage.audit_log import AuditLog, BrokenChain

TABLE = "audit"


@asynccontextmanager
async def opened(env: Mapping[str, str], table: str = TABLE) -> AsyncIterator[AuditLog]:
    """Refused: no storage is named, or no hub has used it yet; Unavailable: it does not answer."""
    try:
        account = Account(Settings.from_env({**env, "HUB_PATIENT_KEY": NO_PATIENTS}))
    except BadSetting:
        raise Refused("no hub runs here and no storage is named") from None
    try:
        yield AuditLog(account.table(table))
    except ResourceNotFoundError:
        raise Refused("no hub has kept an audit log in this storage", remedy="name the hub's own storage in AzureWebJobsStorage") from None
    except BrokenChain:
        raise Refused(
            "the chain is broken, so nothing was shown", remedy="./hub audit verify tells where, docs/audit.md what to do"
        ) from None
    except AzureError as error:
        raise Unavailable(f"the hub's storage does not answer ({type(error).__name__})") from error
    finally:
        await account.close()


def patient_key(env: Mapping[str, str], kept: Path | None) -> bytes:
    """What citizens' hashes are keyed with: the caller's setting, else what the hub that runs here keeps (`kept`); empty if neither."""
    if text := env.get("HUB_PATIENT_KEY", ""):
        return text.encode()
    return kept.read_bytes() if kept and kept.is_file() else b""


def _main() -> int:
    running = running_here(HUB / "run.json", os.environ)
    key = patient_key(os.environ, HUB / "data" / "patient-key" if running else None)
    return heard(lambda: main(sys.argv[1:], lambda: opened(environment(running, os.environ)), key))


if __name__ == "__main__":
    sys.exit(_main())
