"""`./hub reconcile`: what became of every receipt of a day, from the tables of the hub that runs here or that AzureWebJobsStorage names."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from azure.core.exceptions import AzureError, ResourceNotFoundError

from local.prepare import HUB
from local.reconcile_command import main
from local.register import NO_PATIENTS, environment, running_here
from shared.errors import Refused, Unavailable
from shared.hub import DAYS
from shared.notice.account import Books
from shared.settings import BadSetting, Settings
from shared.storage.account import Account
from shared.storage.append import Appender
from shared.storage.lines import Lines
from shared.storage.queues import PARCELS, RECEIPTS
from shared.storage.records import Records


@asynccontextmanager
async def opened(env: Mapping[str, str]) -> AsyncIterator[Books]:
    """Refused: no storage is named, or no hub has used it yet; Unavailable: it does not answer."""
    try:
        account = Account(Settings.from_env({**env, "HUB_PATIENT_KEY": NO_PATIENTS}))
    except BadSetting:
        raise Refused("no hub runs here and no storage is named") from None
    try:
        receipts = account.table(RECEIPTS)
        appender = Appender(receipts, account.table("lines"), RECEIPTS)
        yield Books(Lines(receipts), Lines(account.table(PARCELS)), appender, Records(account.table(DAYS)))
    except ResourceNotFoundError:
        raise Refused("no hub has used this storage", remedy="name the hub's own storage in AzureWebJobsStorage") from None
    except AzureError as error:
        raise Unavailable(f"the hub's storage does not answer ({type(error).__name__})") from error
    finally:
        await account.close()


def _main() -> int:
    where = environment(running_here(HUB / "run.json", os.environ), os.environ)
    return main(sys.argv[1:], lambda: opened(where))


if __name__ == "__main__":
    sys.exit(_main())
