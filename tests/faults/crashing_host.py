"""The hub's own host with a wire laid to a named step: when it is reached for the n-th time, the process kills itself with SIGKILL.

    python -m tests.faults.crashing_host POINT NTH [arguments of local.host]

Nothing in the product knows of this: the steps are functions of the product, wrapped here before the host starts.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import shared.flow.attend
import shared.flow.forward
import shared.flow.receive
import shared.flow.transform
from shared.storage.append import Appender
from shared.storage.lines import Lines
from shared.storage.queues import Queues

# where in the life of a message -> (what is wrapped, its name, die before or after it, which half: the table's or queue's name)
POINTS: dict[str, tuple[Any, str, str, str]] = {
    "receive: bytes read, nothing stored": (Appender, "append", "before", "receipts"),
    "receive: line known, pack not written": (Appender, "_append", "before", "receipts"),
    "receive: pack written, nobody told": (Appender, "_append", "after", "receipts"),
    "receive: line rung, sender not answered": (shared.flow.receive, "ring", "after", ""),
    "transform: line looked at": (Lines, "look", "after", "receipts"),
    "transform: line and ids taken": (Lines, "take", "after", "receipts"),
    "transform: parcels made, none stored": (Appender, "append", "before", "parcels"),
    "transform: some parcels stored": (Appender, "_append", "after", "parcels"),
    "transform: parcels stored, lines not rung": (shared.flow.transform, "ring", "before", ""),
    "transform: lines rung, nothing committed": (shared.flow.transform, "ring", "after", ""),
    "transform: committed, message not deleted": (Lines, "commit", "after", "receipts"),
    "forward: line looked at": (Lines, "look", "after", "parcels"),
    "forward: line taken, nothing sent": (Lines, "take", "after", "parcels"),
    "forward: about to send": (shared.flow.forward, "deliver", "before", ""),
    "forward: sent, outcome not written": (shared.flow.forward, "deliver", "after", ""),
    "forward: about to commit": (Lines, "commit", "before", "parcels"),
    "forward: committed, message not deleted": (Lines, "commit", "after", "parcels"),
    "sweep: about to ring": (Queues, "put", "before", "receipts"),
}


def lay(point: str, nth: int) -> None:
    """Wraps the step. `nth` counts from 1."""
    owner, name, side, half = POINTS[point]
    left = [nth]

    def reached(self: Any) -> None:
        if half and half != _half(self):
            return
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, _wrapped(getattr(owner, name), side, reached))


def _wrapped(step: Callable[..., Any], side: str, reached: Callable[[Any], None]) -> Callable[..., Any]:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if side == "before":
            reached(args[0])
        result = await step(*args, **kwargs)
        if side == "after":
            reached(args[0])
        return result

    return wrapped


def _half(thing: Any) -> str:
    table = getattr(thing, "table", None) or getattr(thing, "_table", None)
    return table.table_name if table is not None else "receipts"


if __name__ == "__main__":
    lay(sys.argv[1], int(sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    from local.host.__main__ import main

    sys.exit(main())
