"""`./hub bench`: measures, prints, ends. See the package's docstring for what is measured and how."""

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from local.bench import figures, imports, lookups, phases, sides
from local.bench.figures import Figures
from local.bench.load import Sink
from local.bench.phases import Plan
from local.processes import end_on_signals, log_directory
from local.terminal import Halt, Parser, Step, say

GROUPS = ("single", "batch", "alone", "lookup", "import")


def options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="./hub bench", description="Measures the hub beside the least that could do its job, in one run.", allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout, and nothing else there")
    parser.add_argument("--only", type=_groups, default=GROUPS, metavar="GROUP,...", help=f"some of {', '.join(GROUPS)}")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep what each process said there, access logs too")
    return parser.parse_args(argv)


def _groups(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(GROUPS):
        raise argparse.ArgumentTypeError(f"give some of {', '.join(GROUPS)}, with commas between")
    return names


def machine() -> Figures:
    """Where the figures were taken: they mean little anywhere else."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": names[0] if names else platform.machine(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


async def measure(groups: Sequence[str], plan: Plan, directory: Path) -> dict[str, Figures]:
    """The figures of each group asked for."""
    result: dict[str, Figures] = {}
    sink = Sink()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(sink.server.stop)
        await sink.server.start()
        if "single" in groups:
            result["single"] = await told("Measuring 64 events in flight, raw and hub in turn", phases.single(directory, sink, plan))
        if {"alone", "batch"} & set(groups):
            hub = await stack.enter_async_context(sides.hub(directory, sink))
        if "alone" in groups:
            result["alone"] = await told("Measuring one event alone", phases.alone(hub, plan))
        if "batch" in groups:
            result["batch"] = await told("Measuring payloads of 100 readings", phases.batch(hub, plan))
        if "lookup" in groups:
            result["lookup"] = await told("Measuring look-ups", lookups.measure(directory, plan.looks))
        if "import" in groups:
            work = asyncio.to_thread(imports.measure, sides.environment("UseDevelopmentStorage=true", ""), plan.imports)
            result["import"] = await told("Measuring the import of function_app", work)
    result["sink"] = {"arrived": sink.arrived, "unexpected": sink.unknown}
    return result


async def told(text: str, work: Awaitable[Figures]) -> Figures:
    """The work, with a word on stderr about what takes so long."""
    step, task = Step(text), asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=1.0))[0]:
            step.turn()
    finally:
        task.cancel()
    if not task.cancelled() and task.exception():
        step.failed()
    figures_of_it = await task
    step.done()
    return figures_of_it


def show(result: Mapping[str, Figures], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, indent=2))
        return
    about = result["machine"]
    print(figures.table(result))
    if doubled := result["sink"]["unexpected"]:
        print(f"\n{doubled} documents reached the sink that it did not wait for: delivered twice, or not of this bench.")
    print(f"\n{about['cores']} cores, {about['cpu']}, Python {about['python']}; ratios are within this run, the rest is this machine's.")


def main(argv: Sequence[str]) -> int:
    """The exit code. Whatever happens, no process of ours is left behind."""
    chosen = options(argv)
    plan = phases.QUICK if chosen.quick else phases.FULL
    about = machine()
    try:
        with log_directory(chosen.logs, "hub-bench-") as directory:
            result = asyncio.run(measure(chosen.only, plan, Path(directory)))
    except Halt as problem:
        say(f"hub bench: {problem}")
        return 1
    except OSError as error:
        say(f"hub bench: {error.strerror or type(error).__name__}: {error.filename or 'while measuring'}")
        return 1
    except KeyboardInterrupt:
        say("hub bench: interrupted; nothing is left running")
        return 130
    show({**result, "machine": about}, as_json=chosen.json)
    return 0


if __name__ == "__main__":
    end_on_signals()
    sys.exit(main(sys.argv[1:]))
