"""A hand in a line: the states of one pack are changed from outside the flow, and neither a worker nor a second hand is overwritten.

What goes on standing among the done is changed by its own ETag. All else is one transaction that is conditional on the line's head as well,
while nobody holds the line: whoever looked before finds another head, and looks again. So an act is done whole or not at all, and said
twice it finds itself done.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from shared.storage import packs
from shared.storage.batch import Operation, create, delete, merge, put, replace, submit
from shared.storage.head import HAND, Head, head_row, key
from shared.storage.lines import Lines, mark_row, named, to_done
from shared.storage.packs import Pack

_ADDED = 8  # lost races for one addition
Edit = Callable[[Pack], Sequence[int]]  # changes states in place; which places changed
Ready = Callable[[Pack, Head], bool]  # False: a worker is to end first what was begun with it

PATIENCE = 60.0  # seconds that a line is waited for
_WISH = 4.0  # seconds for which workers let the line be, should we be lost meanwhile
_BACK = 0.05  # seconds until a held line is looked at again


class Busy(TimeoutError):
    """The line was held, or taken by others, all the time."""


async def amend(
    lines: Lines, line: str, sequence: int, edit: Edit, clock: Callable[[], float], ready: Ready = lambda _pack, _head: True
) -> Sequence[int]:
    """The places whose states were changed; none if there was nothing to change, or there is no such pack. Raises Busy.

    A pack with something that waits stands among the waiting again, at its place in the order.
    """
    wish = Wish(lines, line, clock)
    try:
        async with asyncio.timeout(PATIENCE):
            return await _amended(lines, line, sequence, edit, ready, wish)
    except TimeoutError:
        raise Busy("the line is being worked on all the time") from None
    finally:
        await wish.over()


@dataclass(slots=True)
class Wish:
    """That workers let the line be for a moment: said once it was found held, or taken by another. It runs out by itself."""

    lines: Lines
    line: str
    clock: Callable[[], float]
    until: float = 0.0

    async def say(self) -> None:
        if self.until - self.clock() < _WISH / 2:
            self.until = self.clock() + _WISH
            await submit(self.lines.table, [put({**key(self.line, HAND), "until": self.until})])

    async def over(self) -> None:
        if self.until:
            with suppress(ResourceNotFoundError):
                await submit(self.lines.table, [delete(key(self.line, HAND))])


async def _amended(lines: Lines, line: str, sequence: int, edit: Edit, ready: Ready, wish: Wish) -> Sequence[int]:
    written: dict[int, packs.State] = {}
    while True:
        head = await lines.head(line)
        pack = await lines.read(line, sequence)
        if pack and written and all(pack.states[place] == state for place, state in written.items()):
            return list(written)  # the answer to our write was lost, and the SDK's second try found it done
        if pack and head and not ready(pack, head):
            await asyncio.sleep(_BACK)
            continue
        marked = pack is not None and _marked(pack)
        places = edit(pack) if pack else ()
        if pack is None or not places:
            return ()
        marks = [put(mark_row(line, pack))] if marked or _marked(pack) else []  # one with nothing to look at is taken away later
        if await _tried(lines, line, pack, head, marks, wish.clock()):
            return places
        written = {place: pack.states[place] for place in places}
        await wish.say()
        await asyncio.sleep(_BACK)


async def _tried(lines: Lines, line: str, pack: Pack, head: Head | None, marks: Sequence[Operation], now: float) -> bool:
    """Whether it is written now."""
    if pack.done and pack.ended:
        return await _written(lines, [merge({**key(line, named("d", pack)), **packs.states(pack)}, pack.etag), *marks])
    if head is None:
        await lines.give_head(line)
        return False
    return not head.held(now) and await _written(lines, [*_with_head(line, head, pack), *marks])


def _with_head(line: str, head: Head, pack: Pack) -> list[Operation]:
    """The head stays as it was, and is another all the same: its ETag is new."""
    known = replace(head_row(line, head), head.etag)
    if pack.done:
        moved = create({**key(line, named("w", pack)), **packs.to_row(pack)})
        return [known, delete(key(line, named("d", pack)), pack.etag), moved]
    if pack.ended:
        return [known, *to_done(line, pack)]
    return [known, merge({**key(line, named("w", pack)), **packs.states(pack)})]


def _marked(pack: Pack) -> bool:
    return any(to_look_at(state) for state in pack.states)


def to_look_at(state: packs.State) -> bool:
    """Whether a human may have to do with it: what was parked, set aside, or deleted and can be restored."""
    return state is not None and (state.get("end") == "parked" or "was" in state or bool(state.get("problems")))


async def _written(lines: Lines, operations: Sequence[Operation]) -> bool:
    try:
        await submit(lines.table, operations)
    except (ResourceModifiedError, ResourceNotFoundError, ResourceExistsError):
        return False
    return True


async def add(lines: Lines, line: str, sequence: int, place: int, change: Mapping[str, Any]) -> bool:
    """Adds to what became of an entry whose pack is done, and marks the pack if it is parked by that. False: the pack is not done, or
    others write to it again and again: two instances may have something to say of its neighbours."""
    for _ in range(_ADDED):
        try:
            row = await lines.table.get_entity(line, f"d~{sequence:012}")
        except ResourceNotFoundError:
            return False
        pack = packs.from_row(row)
        pack.states[place] = {**(pack.states[place] or {}), **change}
        marks = [put(mark_row(line, pack))] if change.get("end") == "parked" else []
        told = Operation("PATCH", {**key(line, named("d", pack)), **packs.states(pack)}, str(row.metadata["etag"]))
        if await _written(lines, [told, *marks]):
            return True
    return False
