"""What `import function_app` adds to the SDKs it stands on: in fresh processes, both timed in each, for no two processes are alike."""

import subprocess
import sys
from collections.abc import Mapping
from statistics import median

from local.bench.figures import Figures
from local.prepare import ROOT
from local.terminal import Halt

_TIMED = """
from time import process_time
start = process_time()
import azure.functions, azure.storage.queue.aio, azure.data.tables.aio
sdks = process_time()
import function_app
print(sdks - start, process_time() - sdks)
"""


def measure(env: Mapping[str, str], times: int) -> Figures:
    """Medians of CPU time, which the neighbours on a busy machine disturb least. `ratio`: all of it beside the SDKs alone."""
    _timed(env)  # so that all find compiled files and a warm disk
    pairs = [_timed(env) for _ in range(times)]
    return {
        "ratio": round(median(1 + own / sdks for sdks, own in pairs), 3),
        "sdks_ms": round(1000 * median(sdks for sdks, _ in pairs), 1),
        "function_app_ms": round(1000 * median(own for _, own in pairs), 1),
        "times": times,
    }


def _timed(env: Mapping[str, str]) -> tuple[float, float]:
    command = [sys.executable, "-c", _TIMED]
    done = subprocess.run(command, cwd=ROOT, env=dict(env), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Halt(f"function_app cannot be imported: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    sdks, own = done.stdout.split()[-2:]
    return float(sdks), float(own)
