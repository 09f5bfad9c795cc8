"""An act on many messages: counted first, then done group by group, oldest first. Ctrl-C stops after the group that is being done."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from local.frame import OK, USAGE, WRONG
from local.messages_options import MANY
from local.terminal import CLEAR, say
from shared.hub import Hub
from shared.messages import words
from shared.messages.acts import Target, act
from shared.messages.edits import Order
from shared.messages.many import GROUP, targets
from shared.messages.message import Message, Wanted

WIDTH = 30  # letters of the bar


@dataclass(slots=True)
class Tally:
    """How far it has come: receipts and parcels that were changed, of how many messages, and what is to be said of them (words.caveats)."""

    changed: int = 0
    reached: int = 0
    back: int = 0
    doubt: int = 0

    async def act(self, hub: Hub, order: Order, group: Sequence[Target]) -> None:
        self.changed += await act(hub, order, group)
        self.reached += len(group)
        for target in group:
            back, doubt = words.caveats(order.verb, target.parcels)
            self.back, self.doubt = self.back + back, self.doubt + doubt


async def many(hub: Hub, order: Order, wanted: Wanted, *, dry: bool, sure: bool) -> int:
    """The exit code."""
    total, left = 0, list[Message]()
    async for _ in targets(hub, order, wanted, left):
        total += 1
    if left:
        print(words.left(len(left)))
    if dry:
        print(words.would_be(total))
        return OK
    if not total:
        print(words.nothing(order.verb))
        return OK
    if total > MANY and not sure and not _agreed(total):
        say(f"hub messages: ingenting er gjort; --yes gjør det med {total} meldinger")
        return USAGE
    tally = await _do(hub, order, wanted, total)
    print(words.told(order.verb, tally.changed, tally.back, tally.doubt))
    if tally.reached < total:
        print(f"Stoppet etter {tally.reached} av {total} meldinger. Den samme kommandoen går videre derfra.")
        return WRONG
    return OK


async def _do(hub: Hub, order: Order, wanted: Wanted, total: int) -> Tally:
    stop, tally = _stopped(), Tally()
    group: list[Target] = []
    async for target in targets(hub, order, wanted):
        if stop.is_set():
            break
        group.append(target)
        if len(group) == GROUP:
            await tally.act(hub, order, group)
            group = []
            _bar(tally.reached, total)
    if group and not stop.is_set():
        await tally.act(hub, order, group)
        _bar(tally.reached, total)
    return tally


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
