"""One receipt on its way through transform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.flow.anew import AGAIN
from shared.flow.corrections import Original
from shared.flow.duplicates import Verdict
from shared.flow.hand_over import Post
from shared.storage.lines import position
from shared.storage.packs import Entry, Pack


@dataclass(slots=True)
class Job:
    """One receipt at its turn. `state`: what is written about it at the end. `before`: what an earlier turn wrote, if a human has it
    transformed anew."""

    pack: Pack
    place: int
    verdict: Verdict = field(default_factory=Verdict)
    state: dict[str, Any] = field(default_factory=dict)
    behind: Sequence[Original] = ()
    posts: list[Post] = field(default_factory=list)
    stands: dict[str, list[int]] = field(default_factory=dict)  # line -> positions of its parcels

    @property
    def at(self) -> int:
        return position(self.pack.sequence, self.place)

    @property
    def entry(self) -> Entry:
        return self.pack.entries[self.place]

    @property
    def before(self) -> Mapping[str, Any]:
        return self.pack.states[self.place] or {}

    @property
    def source(self) -> tuple[str, int]:
        """Under which name, and at which of its rising positions, parcels are put in line: a later turn is another source, or the end of
        the line would seem to know them."""
        return (AGAIN, self.before["again"]) if "again" in self.before else ("", self.at)

    @property
    def body(self) -> bytes:
        return self.pack.bodies[self.place]
