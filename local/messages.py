"""`./hub messages`: the operator's command line, on the storage of the hub that runs here or that AzureWebJobsStorage names."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from azure.core.exceptions import AzureError

from local.messages_command import main
from local.prepare import HUB
from local.register import NO_PATIENTS, environment, running_here
from local.terminal import heard
from shared.errors import Refused, Unavailable
from shared.hub import Hub, open_hub
from shared.settings import BadSetting, Settings


@asynccontextmanager
async def opened(env: Mapping[str, str], key: str = NO_PATIENTS) -> AsyncIterator[Hub]:
    """Refused: no storage is named; Unavailable: it does not answer. No payload is read and no citizen hashed here: workers do that."""
    try:
        settings = Settings.from_env({**env, "HUB_PATIENT_KEY": key})
    except BadSetting:
        raise Refused("her kjører ikke noe knutepunkt, og ikke noe lager er oppgitt") from None
    try:
        hub = await open_hub(settings)
    except AzureError as error:
        raise Unavailable(f"knutepunktets lager svarer ikke ({type(error).__name__})") from error
    try:
        yield hub
    except AzureError as error:
        raise Unavailable(f"knutepunktets lager svarer ikke ({type(error).__name__})") from error
    finally:
        await hub.close()


def _main() -> int:
    running = running_here(HUB / "run.json", os.environ)
    return heard(lambda: main(sys.argv[1:], lambda: opened(environment(running, os.environ))))


if __name__ == "__main__":
    sys.exit(_main())
