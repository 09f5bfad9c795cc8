"""Who is whose duplicate: the same id with the same content is one message, the same id with other content is a correction."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from shared.door import adapters
from shared.storage.lines import Claim
from shared.storage.packs import Entry


@dataclass(frozen=True, slots=True)
class Verdict:
    """`id`: under which id the receipt goes on. `first`: the position of the receipt that it repeats, or corrects."""

    id: str = ""
    first: int | None = None
    correction: bool = False

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


def sort_out(jobs: Sequence[Waiting], owners: Mapping[str, Claim], now: float) -> list[Claim]:
    """Fills in each receipt's verdict; returns the ids that belong to these receipts: new ones, and those already theirs."""
    known, ours = dict(owners), []
    for job in jobs:
        claim, job.verdict = _judge(job, known, now)
        if claim:
            known[claim.id] = claim
            ours.append(claim)
    return ours


def _judge(job: Waiting, known: Mapping[str, Claim], now: float) -> tuple[Claim | None, Verdict]:
    if "again" in job.before and "id" in job.before:  # it was judged in an earlier turn; its id may be another's by now
        return None, Verdict(job.before["id"], job.before.get("corrects"), "corrects" in job.before)
    claim = Claim(job.entry["id"], job.at, job.entry["content"], now, job.entry["id"])
    owner = known.get(claim.id)
    if owner is None or owner.position == job.at or _old(job.entry, owner, now):
        return _owned(claim, owner)
    if owner.content == claim.content:
        return None, Verdict(claim.id, owner.position)
    other = _hash(claim.id, claim.content)
    claim, again = replace(claim, id=other, name=other), known.get(other)
    if again is None or again.position == job.at or _old(job.entry, again, now):
        claim, verdict = _owned(claim, again)
        return claim, Verdict(verdict.id, owner.position, correction=True)
    return None, Verdict(other, again.position)


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
