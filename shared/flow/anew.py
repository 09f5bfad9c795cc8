"""A receipt that a human has transformed anew: only what was set aside goes on, under the ids that it would have had."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.flow.hand_over import Post, stands_already
from shared.hub import Hub
from shared.storage.lines import place_of

AGAIN = "~again"  # of such posts' source, behind the name of the line that they come from
State = Mapping[str, Any]  # what an earlier turn wrote; `again`: when a human asked, `aside`: items set aside, `cut`: sources (Job) of
# turns that fell


def wanted(before: State, item: int) -> bool:
    """Whether an item is to go on: each, the first time. Item -1 is the whole payload."""
    return "again" not in before or item < 0 or "aside" not in before or bool({item, -1} & set(before["aside"]))


def aside(before: State, items: Sequence[int]) -> list[int]:
    """The items that are set aside now: those of before, where the whole payload could not be read this time."""
    return list(before["aside"]) if -1 in items and "aside" in before else sorted(set(items))


def joined(before: State, stands: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Line -> positions of all parcels, earlier turns' too."""
    earlier = before.get("parcels", {})
    return {line: [*earlier.get(line, ()), *stands.get(line, ())] for line in dict.fromkeys([*earlier, *stands])}


async def not_sent_yet(hub: Hub, line: str, before: State, posts: list[Post]) -> list[Post]:
    """Without those that an earlier turn put in line: an item may have become several documents, of which one was set aside. Of what a turn
    that was cut had put in line, nothing was written."""
    if not posts or "again" not in before:
        return posts
    for kind, at in before.get("cut", ()):
        posts = [post for post in posts if not await stands_already(hub, line + kind, replace(post, at=at))]
    stand = {(line, place_of(at)[0]) for line, positions in before.get("parcels", {}).items() for at in positions}
    packs = [await hub.parcels.lines.read(*one) for one in stand]
    known = {entry["id"] for pack in packs if pack for entry in pack.entries}
    return [post for post in posts if post.parcel["id"] not in known]
