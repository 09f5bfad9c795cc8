"""`./hub people`: who may use the admin API, on the storage of the hub that runs here or that AzureWebJobsStorage names."""

import os
import sys

from local.audit import patient_key
from local.messages import opened
from local.people_command import main
from local.prepare import HUB
from local.register import environment, running_here


def _main() -> int:
    running = running_here(HUB / "run.json", os.environ)
    key = patient_key(os.environ, HUB / "data" / "patient-key" if running else None).decode()
    env = environment(running, os.environ if running is None else {"HUB_ENVIRONMENT": "test", **os.environ})  # as ./hub run sets it
    return main(sys.argv[1:], lambda: opened(env, key), running["issuer"]["url"] if running else "")


if __name__ == "__main__":
    sys.exit(_main())
