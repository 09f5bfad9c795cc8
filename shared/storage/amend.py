"""A hand in a line: the states of one pack are changed from outside the flow, and neither a worker nor a second hand is overwritten.

What goes on standing among the done is changed by its own ETag. All else is one transaction that is conditional on the line's head as well,
while nobody holds the line: whoever looked before finds another head, and looks again. So an act is done whole or not at all, and said
twice it finds itself done.
"""

import asyncio
from collections.abc import Callable, Sequence

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from shared.storage import packs
from shared.storage.batch import Operation, create, delete, merge, put, replace, submit
from shared.storage.head import Head, head_row, key
from shared.storage.lines import Lines, mark_row, named, to_done
from shared.storage.packs import Pack

Edit = Callable[[Pack], Sequence[int]]  # changes states in place; which places changed

PATIENCE = 60.0  # seconds that a line is waited for
_BACK = 0.05  # seconds until a held line is looked at again


class Busy(TimeoutError):
    """The line was held, or taken by others, all the time."""


async def amend(lines: Lines, line: str, sequence: int, edit: Edit, clock: Callable[[], float]) -> Sequence[int]:
    """The places whose states were changed; none if there was nothing to change, or there is no such pack. Raises Busy.

    A pack with something that waits stands among the waiting again, at its place in the order.
    """
    now = asyncio.get_running_loop().time
    until = now() + PATIENCE
    while now() < until:
        head = await lines.head(line)
        pack = await lines.read(line, sequence)
        marked = pack is not None and _marked(pack)
        places = edit(pack) if pack else ()
        if pack is None or not places:
            return ()
        marks = [put(mark_row(line, pack))] if marked or _marked(pack) else []  # one with nothing to look at any more is taken away later
        if pack.done and pack.ended:
            if await _written(lines, [merge({**key(line, named("d", pack)), **packs.states(pack)}, pack.etag), *marks]):
                return places
        elif head is None:
            await lines.give_head(line)
        elif not head.held(clock()) and await _written(lines, [*_with_head(line, head, pack), *marks]):
            return places
        await asyncio.sleep(_BACK)
    raise Busy("the line is being worked on all the time")


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
