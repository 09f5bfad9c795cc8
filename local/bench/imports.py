"""What `import function_app` costs beside the SDKs that it stands on: fresh processes in turn, one machine, one minute."""

import subprocess
import sys
from collections.abc import Mapping
from statistics import median

from local.bench.figures import Figures
from local.prepare import ROOT
from local.terminal import Halt

SDKS = "import azure.functions, azure.storage.queue.aio, azure.data.tables.aio"
APP = "import function_app"
_TIMED = "import time; w, c = time.perf_counter(), time.process_time()\n{}\nprint(time.perf_counter() - w, time.process_time() - c)"


def measure(env: Mapping[str, str], times: int) -> Figures:
    """Medians; `ratio` is of CPU time, which the neighbours on a busy machine disturb least."""
    _timed(SDKS, env)  # so that both find compiled files and a warm disk
    _timed(APP, env)
    pairs = [(_timed(SDKS, env), _timed(APP, env)) for _ in range(times)]
    (sdks_wall, sdks_cpu), (app_wall, app_cpu) = (
        [median(column) for column in zip(*side, strict=True)] for side in zip(*pairs, strict=True)
    )
    return {
        "ratio": round(app_cpu / sdks_cpu, 3),
        "wall_ratio": round(app_wall / sdks_wall, 3),
        "function_app_ms": round(1000 * app_wall, 1),
        "sdks_ms": round(1000 * sdks_wall, 1),
        "times": times,
    }


def _timed(statement: str, env: Mapping[str, str]) -> tuple[float, float]:
    command = [sys.executable, "-c", _TIMED.format(statement)]
    done = subprocess.run(command, cwd=ROOT, env=dict(env), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Halt(f"`{statement}` fails: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    wall, cpu = done.stdout.split()[-2:]
    return float(wall), float(cpu)
