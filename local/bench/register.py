"""The register of the bench: one invented municipality, one sender, one journal (the sink), and the scales of `payloads.py`."""

import asyncio
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from adapters.devices.tenovi.adapter import HWI_DEVICE
from local.bench.payloads import DEVICES, citizens, device
from local.prepare import ROOT
from local.terminal import Halt

ORGNR = "310123455"
HEADER = "X-Bench-Key"
SETTING = "BENCH_KEY"  # the name of the setting that holds the sender's secret
HEAD = f"""
[tenant]
orgnr = "{ORGNR}"
name = "Eksempel kommune"

[[sender]]
name = "bench"
title = "Hjemmemåling"
adapters = ["tenovi"]
auth = {{ scheme = "header", header = "{HEADER}", secrets = ["{SETTING}"] }}

[[endpoint]]
name = "sink"
title = "Journal"
adapter = "bundle"
url = "${{JOURNAL_URL}}/sink"

[[route]]
endpoint = "sink"
"""
DEVICE = """
[[device]]
system = "{system}"
value = "{value}"
citizen = "{citizen}"
name = "Stille Fjellbekk"
since = 2020-01-01T00:00:00Z
"""


def text() -> str:
    """The municipality as TOML."""
    people = islice(citizens(), DEVICES)
    return HEAD + "".join(DEVICE.format(system=HWI_DEVICE, value=device(number), citizen=one) for number, one in enumerate(people))


async def apply(directory: Path, env: Mapping[str, str], journal: str) -> None:
    """Writes the municipality with its scales to the hub's table."""
    await write(directory, env, journal, text())


async def write(directory: Path, env: Mapping[str, str], journal: str, toml: str) -> None:
    """Just as ./hub register apply does."""
    file = directory / f"{ORGNR}.toml"
    file.write_text(toml)
    command = (sys.executable, "-m", "local.register", "apply", str(file))
    said = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={**env, "JOURNAL_URL": journal}, stdout=said, stderr=said)
    out, err = await process.communicate()
    if process.returncode:
        raise Halt(f"the register of the bench was not accepted: {((err or out).decode().strip().splitlines() or ['no reason given'])[-1]}")
