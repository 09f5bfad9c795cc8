"""`./hub faults`: plays the scenarios, prints one table, ends. See the package's docstring for what is played and how it is counted.

0 only if nothing was lost, doubled, given to the wrong patient, out of order or stuck, and every step that should crash was reached.
"""

import argparse
import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local.faults import crash, journals, kill, latency, outage, rotation, storage, together
from local.faults.beside import beside
from local.faults.ground import Ground, ground
from local.faults.judge import COUNTS, Row
from local.faults.points import POINTS
from local.processes import end_on_signals, log_directory
from local.terminal import Halt, Parser, say

Play = Callable[[Ground, int], Row]
KILLED = ("receive: stored, line not rung", "forward: alarm's line taken, nothing sent")  # the quick sample of hosts; in full each step
REACHED = ("", "hidden")  # what the senders of kill.py bring about

SCENARIOS: Mapping[str, tuple[Play, Play]] = {  # in full, and quick
    "crash": (lambda g, seed: crash.crash(g, 2000, seed), crash.each_once),
    "kill": (lambda g, _: kill.kill(g, _hosts(), 3), lambda g, _: kill.kill(g, KILLED, 1)),
    "outage": (lambda g, _: outage.outage(g, 8, (100, 10_000)), lambda g, _: outage.outage(g, 0.2, (40, 160))),
    "journals": (lambda g, seed: journals.journals(g, 20, seed), lambda g, seed: journals.journals(g, 3, seed)),
    "storage": (lambda g, seed: storage.storage(g, 200, seed), lambda g, seed: storage.storage(g, 8, seed)),
    "queues": (lambda g, seed: together.queues(g, 1000, seed), lambda g, seed: together.queues(g, 60, seed)),
    "copies": (lambda g, seed: together.copies(g, 1000, seed), lambda g, seed: together.copies(g, 100, seed)),
    "instances": (lambda g, seed: together.instances(g, 2000, seed), lambda g, seed: together.instances(g, 60, seed)),
    "skew": (lambda g, seed: together.skew(g, 100, seed), lambda g, seed: together.skew(g, 6, seed, together.SKEWS[-1:])),
    "dst": (lambda g, seed: together.dst(g, 0, seed), lambda g, seed: together.dst(g, 0, seed)),
    "rotation": (lambda g, seed: rotation.rotation(g, 400, seed), lambda g, seed: rotation.rotation(g, 20, seed)),
    "stall": (lambda g, _: latency.stall(g, 15, 4), lambda g, _: latency.stall(g, 1.5, 1, latency.SHORT)),
    "heap": (lambda g, _: latency.heap(g, 10_000, 40), lambda g, _: latency.heap(g, 300, 4)),
}

BESIDE = (
    ("kill", "storage", "skew", "dst"),
    ("outage", "journals", "queues", "copies", "instances", "rotation"),
)  # beside `crash`
MEASURING = ("stall", "heap")  # how long things take: nothing else may run


def _hosts() -> list[str]:
    return [name for name, point in POINTS.items() if point.needs in REACHED]


def options(argv: Sequence[str]) -> argparse.Namespace:
    about = "Proves delivery: crashes, outages, lying journals, failing storage; counts what was lost, doubled or out of order."
    parser = Parser(prog="./hub faults", description=about, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="about a minute: every scenario, small, several at a time")
    parser.add_argument("--json", action="store_true", help="rows and total as JSON on stdout, and nothing else there")
    parser.add_argument("--only", type=_names, default=tuple(SCENARIOS), metavar="NAME,...", help=f"some of {', '.join(SCENARIOS)}")
    parser.add_argument("--seed", type=_seed, default="1", metavar="N", help="draws other faults; 1.48 is run 48 of --only crash again")
    parser.add_argument("--runs", type=int, metavar="N", help="of crash: so many instead of 2,000")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep what each process said there, and what senders of a bad run knew")
    return parser.parse_args(argv)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(SCENARIOS):
        raise argparse.ArgumentTypeError(f"give some of {', '.join(SCENARIOS)}, with commas between")
    return names


def _seed(text: str) -> str:
    if not all(part.isdecimal() for part in text.split(".", 1)):
        raise argparse.ArgumentTypeError("give a whole number, or one with the number of a run behind a point")
    return text


def play(chosen: argparse.Namespace, where: Ground) -> list[Row]:
    """A row for each scenario asked for. In the quick version several are played at a time, but for those that measure."""
    where.account()  # storage is there for all
    names = [name for name in SCENARIOS if name in chosen.only]
    besides = BESIDE if chosen.quick else ()
    lots = [[name for name in lot if name in names] for lot in besides]
    lots.append([name for name in names if name not in MEASURING and not any(name in lot for lot in lots)])
    rows = dict(beside(lots, lambda name: _timed(name, chosen, where)))
    rows |= beside([[name for name in names if name in MEASURING]], lambda name: _timed(name, chosen, where))
    return [rows[name] for name in names]


def _timed(name: str, chosen: argparse.Namespace, where: Ground) -> Row:
    began = time.monotonic()
    row = _played(name, chosen, where)
    row.seconds = round(time.monotonic() - began, 1)
    say(f"  {name}: {row.seconds} s")
    return row


def _played(name: str, chosen: argparse.Namespace, where: Ground) -> Row:
    """What breaks the scenario itself is told, and counts as stuck: nothing was proved."""
    number = int(chosen.seed.partition(".")[0])
    try:
        if name == "crash" and "." in chosen.seed:
            return crash.once(where, chosen.seed)
        if name == "crash" and chosen.runs:
            return crash.crash(where, chosen.runs, number)
        return SCENARIOS[name][chosen.quick](where, number)
    except Halt:
        raise
    except Exception as error:
        say(traceback.format_exc())
        return Row(name, stuck=1, figures={"broken_by": type(error).__name__})


def total(rows: Iterable[Row]) -> Row:
    found = Row("total")
    for row in rows:
        found.add(row)
    return found


WIDTHS = {"scenario": 11, "sent": 8, "delivered": 11, "lost": 6, "doubled": 9, "wrong_patient": 15, "order_breaks": 14, "stuck": 7}


def table(rows: Sequence[Row]) -> str:
    head = "".join(name.replace("_", " ").rjust(width) if name != "scenario" else name.ljust(width) for name, width in WIDTHS.items())
    return "\n".join([head, *map(_line, [*rows, total(rows)]), "", *filter(None, map(_remark, rows))])


def _line(row: Row) -> str:
    return row.scenario.ljust(WIDTHS["scenario"]) + "".join(f"{getattr(row, name):,}".rjust(WIDTHS[name]) for name in COUNTS)


def _remark(row: Row) -> str:
    told = [f"{name.replace('_', ' ')} {_told(value)}" for name, value in row.figures.items()]
    told += [f"NOT REACHED {name!r}" for name in row.unreached]
    return f"{row.scenario}: {', '.join(told)}" if told else ""


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name}: {each}" for name, each in value.items()) + ")"
    return f"{value:,}" if isinstance(value, int) else str(value)


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        whole = total(rows)
        print(json.dumps({"rows": [asdict(row) for row in rows], "total": {name: getattr(whole, name) for name in COUNTS}}, indent=2))
    else:
        print(table(rows))


def main(argv: Sequence[str]) -> int:
    """The exit code. Whatever happens, no process of ours is left behind."""
    chosen = options(argv)
    logging.disable(logging.CRITICAL)  # the hub's alarms are called for here
    try:
        with log_directory(chosen.logs, "hub-faults-") as directory, ground(Path(directory)) as where:
            rows = play(chosen, where)
    except Halt as problem:
        say(f"hub faults: {problem}")
        return 1
    except KeyboardInterrupt:
        say("hub faults: interrupted; nothing is left running")
        return 130
    show(rows, as_json=chosen.json)
    return 0 if all(row.clean for row in rows) else 1


if __name__ == "__main__":
    end_on_signals()
    sys.exit(main(sys.argv[1:]))
