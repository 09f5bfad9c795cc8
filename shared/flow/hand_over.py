"""Putting parcels at the end of their endpoints' lines: once, though a turn may run again, and in order, though lines are replaced."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.access.register import Endpoint
from shared.domain.message import Parcel
from shared.flow.attend import ring
from shared.hub import Hub
from shared.storage.append import Addition
from shared.storage.queues import lane_of
from shared.storage.shapes import Generation, Shape
from shared.storage.tail import Closed

_ROUNDS = 5  # an endpoint's lines may be changed while we ask


@dataclass(frozen=True, slots=True)
class Post:
    """A parcel on its way into a line. `at`: the position of what it came from; `stands`: line -> positions, where it is written down."""

    endpoint: Endpoint
    parcel: Parcel
    body: bytes = field(repr=False)
    at: int
    stands: dict[str, list[int]]


async def hand_over(hub: Hub, source: str, posts: Sequence[Post]) -> None:
    """One write for each line; then those lines are rung in one message. `source`: the line that the posts come from, in rising order."""
    await ring(hub, hub.parcels, await put_in_line(hub, source, posts))


async def put_in_line(hub: Hub, source: str, posts: Sequence[Post]) -> list[str]:
    """As `hand_over`; the lines that are to be rung."""
    left, touched = list(posts), dict[str, None]()
    for _ in range(_ROUNDS):
        if not left:
            break
        endpoints = {post.endpoint.name: post.endpoint for post in left}
        shapes = {name: await shape_of(hub, endpoint) for name, endpoint in endpoints.items()}
        left = [post for post in left if not await _stood(hub, source, shapes[post.endpoint.name], shapes[post.endpoint.name].older, post)]
        left = await _append(hub, source, shapes, left, touched)
    if left:
        raise TimeoutError("an endpoint's lines were changed again and again")
    return list(touched)


async def shape_of(hub: Hub, endpoint: Endpoint) -> Shape:
    """The endpoint's lines, as many as the register says now."""
    shape = await hub.shapes.of(endpoint)
    if shape.now.lines == endpoint.lines:
        return shape
    await hub.registers.refresh()  # an older register must not change them back
    wanted = (await hub.registers.current()).endpoint(endpoint.tenant, endpoint.name) or endpoint
    shape = await hub.shapes.read(wanted)
    return shape if shape.now.lines == wanted.lines else await hub.shapes.change(shape, wanted, hub.clock())


async def stands_already(hub: Hub, source: str, post: Post) -> bool:
    """Whether an earlier run of this source put it in line, whichever lines the endpoint had then. Where, is written down."""
    shape = await shape_of(hub, post.endpoint)
    return await _stood(hub, source, shape, (shape.now, *shape.older), post)


async def _stood(hub: Hub, source: str, shape: Shape, generations: Sequence[Generation], post: Post) -> bool:
    """Whether an earlier run of this turn put it in a line of these generations."""
    for generation in generations:
        line = shape.line(lane_of(source), post.parcel["patient"], generation)
        for at in await hub.parcels.appender.said(line, _addition(hub, source, [post])):
            post.stands.setdefault(line, []).append(at)
            return True
    return False


async def _append(hub: Hub, source: str, shapes: Mapping[str, Shape], posts: Sequence[Post], touched: dict[str, None]) -> list[Post]:
    """Those whose line was closed meanwhile."""
    lines: dict[str, list[Post]] = {}
    for post in posts:
        lines.setdefault(shapes[post.endpoint.name].line(lane_of(source), post.parcel["patient"]), []).append(post)
    writes = (hub.parcels.appender.append(line, _addition(hub, source, some)) for line, some in lines.items())
    results = await asyncio.gather(*writes, return_exceptions=True)
    left = []
    for (line, some), got in zip(lines.items(), results, strict=True):
        if isinstance(got, Closed):
            await _past(hub, shapes[some[0].endpoint.name], some[0].endpoint)
            left += some
        elif isinstance(got, BaseException):
            raise got
        else:
            touched[line] = None
            for post, at in zip(some, got, strict=True):
                post.stands.setdefault(line, []).append(at)
    return left


async def _past(hub: Hub, seen: Shape, endpoint: Endpoint) -> None:
    """Lines that are closed have followers, or whoever was about to begin them was lost on the way."""
    shape = await hub.shapes.read(endpoint)
    if shape.now == seen.now:
        await hub.shapes.change(shape, endpoint, hub.clock())


def _addition(hub: Hub, source: str, posts: Sequence[Post]) -> Addition:
    return Addition([post.parcel for post in posts], [post.body for post in posts], hub.clock(), source, [post.at for post in posts])
