"""Who is whose duplicate: the same id with the same content is one message, the same id with other content is a correction."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from shared.flow import adapters
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
    claim = Claim(job.entry["id"], job.at, job.entry["content"], now)
    owner = known.get(claim.id)
    if owner is None or owner.position == job.at:
        return claim, Verdict(claim.id)
    recent = now - owner.since <= _window(job.entry)
    if recent and owner.content == claim.content:
        return None, Verdict(claim.id, owner.position)
    other = replace(claim, id=_other(claim, "" if recent else str(owner.position)))
    again = known.get(other.id)
    if again and again.position != job.at:
        return None, Verdict(other.id, again.position)
    return other, Verdict(other.id, owner.position if recent else None, correction=recent)


def _window(entry: Entry) -> float:
    """Seconds for which the same id means the same message; an id that comes again later is a new one."""
    adapter = adapters.device(entry["adapter"])
    return adapter.window.total_seconds() if adapter else float("inf")


def _other(claim: Claim, after: str) -> str:
    return hashlib.sha256(f"{claim.id}|{claim.content}|{after}".encode()).hexdigest()[:40]
