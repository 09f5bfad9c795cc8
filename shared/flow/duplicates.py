"""Who is whose duplicate: the same id with the same content is one message, the same id with other content is a correction."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from shared.door import adapters
from shared.storage.claims import Claim
from shared.storage.packs import Entry

_CLAIMS = 99  # in one turn: they and the head are one transaction of at most 100 rows
_CORRECTIONS = 20  # the latest of one id that are known


@dataclass(frozen=True, slots=True)
class Verdict:
    """`id`: under which id the receipt goes on. `first`: the position of the receipt that it repeats, or corrects. `after`: of those that a
    correction comes after, which are the first and earlier corrections of it."""

    id: str = ""
    first: int | None = None
    correction: bool = False
    after: tuple[int, ...] = ()

    @property
    def duplicate(self) -> bool:
        return self.first is not None and not self.correction


class Waiting(Protocol):
    """A receipt at its turn."""

    verdict: Verdict

    @property
    def before(self) -> Mapping[str, Any]: ...

    @property
    def at(self) -> int: ...

    @property
    def entry(self) -> Entry: ...


def sort_out(jobs: Sequence[Waiting], owners: Mapping[str, Claim], now: float) -> tuple[int, list[Claim]]:
    """Fills in each receipt's verdict; returns how many of them go together, and the ids that belong to those (new ones, and those already
    theirs) or that they correct. What corrects another of these goes later: where that one's parcels stand is known in the next turn."""
    known, ours = dict(owners), dict[str, Claim]()
    before = set[int]()
    for number, job in enumerate(jobs):
        claims, job.verdict = _judge(job, known, now)
        if before & set(job.verdict.after) or len(ours) + len(claims) > _CLAIMS:
            return number, list(ours.values())
        found = {claim.id: claim for claim in claims}
        known |= found
        ours |= found
        before.add(job.at)
    return len(jobs), list(ours.values())


def _judge(job: Waiting, known: Mapping[str, Claim], now: float) -> tuple[Sequence[Claim], Verdict]:
    if "again" in job.before and "id" in job.before:  # it was judged in an earlier turn; its id may be another's by now
        first = job.before.get("corrects")
        return (), Verdict(job.before["id"], first, first is not None, tuple(job.before.get("after", [first] if first is not None else [])))
    claim = Claim(job.entry["id"], job.at, job.entry["content"], now, job.entry["id"])
    owner = known.get(claim.id)
    if owner is None or owner.position == job.at or _old(job.entry, owner, now):
        claim, verdict = _owned(claim, owner)
        return (claim,), verdict
    if owner.content == claim.content:
        return (), Verdict(claim.id, owner.position)
    other = _hash(claim.id, claim.content)
    again = known.get(other)
    if again is None or again.position == job.at or _old(job.entry, again, now):
        claim, verdict = _owned(replace(claim, id=other, name=other), again)
        after = (owner.position, *(at for at in owner.corrections if at < job.at))
        return (claim, _corrected(owner, job.at)), Verdict(verdict.id, owner.position, correction=True, after=after)
    return (), Verdict(other, again.position)


def _corrected(owner: Claim, at: int) -> Claim:
    """With this correction; the same if it is known."""
    if at in owner.corrections:
        return owner
    return replace(owner, corrections=(*owner.corrections, at)[-_CORRECTIONS:])


def _owned(claim: Claim, owner: Claim | None) -> tuple[Claim, Verdict]:
    """The id is this receipt's: it is new, was claimed before a crash, or its owner is too old to be meant.

    A taken-over id goes on under another name: the journal still knows the old one, and would take the new message for a repeat.
    """
    if owner is None:
        return claim, Verdict(claim.name)
    if owner.position == claim.position:
        return owner, Verdict(owner.name)
    taken = replace(claim, name=_hash(claim.id, str(claim.position)), etag=owner.etag)
    return taken, Verdict(taken.name)


def _old(entry: Entry, owner: Claim, now: float) -> bool:
    """True if the id has been out of use for so long that its next use is another message."""
    adapter = adapters.device(entry["adapter"])
    return adapter is not None and now - owner.since > adapter.window.total_seconds()


def _hash(first: str, second: str) -> str:
    return hashlib.sha256(f"{first}|{second}".encode()).hexdigest()[:40]
