"""An act on many messages: counted first, then done group by group, oldest first. Ctrl-C stops after the group that is being done."""

import asyncio
import signal
import sys
from contextlib import suppress

from local.frame import OK, USAGE, WRONG
from local.messages_options import MANY
from local.terminal import CLEAR, say
from shared.hub import Hub
from shared.messages.acts import Target, act
from shared.messages.edits import Order
from shared.messages.many import GROUP, targets
from shared.messages.message import Wanted
from shared.messages.words import done, would_be

WIDTH = 30  # letters of the bar


async def many(hub: Hub, order: Order, wanted: Wanted, *, dry: bool, sure: bool) -> int:
    """The exit code."""
    total = 0
    async for _ in targets(hub, order, wanted):
        total += 1
    if dry:
        print(would_be(total))
        return OK
    if not total:
        print(done(order.verb, 0))
        return OK
    if total > MANY and not sure and not _agreed(total):
        say(f"hub messages: ingenting er gjort; --yes gjør det med {total} meldinger")
        return USAGE
    changed, reached = await _do(hub, order, wanted, total)
    print(done(order.verb, changed))
    if reached < total:
        print(f"Stoppet etter {reached} av {total} meldinger. Den samme kommandoen går videre derfra.")
        return WRONG
    return OK


async def _do(hub: Hub, order: Order, wanted: Wanted, total: int) -> tuple[int, int]:
    """How many receipts and parcels were changed, and of how many messages."""
    stop, changed, reached = _stopped(), 0, 0
    group: list[Target] = []
    async for target in targets(hub, order, wanted):
        if stop.is_set():
            break
        group.append(target)
        if len(group) == GROUP:
            changed, reached, group = changed + await act(hub, order, group), reached + len(group), []
            _bar(reached, total)
    if group and not stop.is_set():
        changed, reached = changed + await act(hub, order, group), reached + len(group)
        _bar(reached, total)
    return changed, reached


def _stopped() -> asyncio.Event:
    stop = asyncio.Event()
    with suppress(NotImplementedError, RuntimeError, ValueError):  # no signals on this platform, or not in this thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    return stop


def _bar(reached: int, total: int) -> None:
    if sys.stderr.isatty():
        full = WIDTH * min(reached, total) // total
        end = "\n" if reached >= total else ""
        print(f"{CLEAR}{'█' * full}{'░' * (WIDTH - full)} {reached} av {total}", end=end, file=sys.stderr, flush=True)


def _agreed(total: int) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"Det gjelder {total} meldinger. Skriv ja for å gå videre: ").strip().lower() == "ja"
