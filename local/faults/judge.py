"""What became of the messages, by the account of those outside: what senders were told, what the journal says stands in it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.faults.messages import MARK, Message

FAULTS = ("lost", "doubled", "wrong_patient", "order_breaks", "stuck")
COUNTS = ("sent", "delivered", *FAULTS)


@dataclass(slots=True)
class Told:
    """A message and what its sender knows. `sent`: when it was first sent, `answered`: when it was first said 202, seconds of one clock;
    None: never. `receipts`: one for each time that it was taken."""

    message: Message
    sent: float
    answered: float | None = None
    receipts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Note:
    """What stands in a journal. Notes come in the order in which they arrived. `at`: when, in seconds since 1970."""

    patient: str
    text: str
    at: float = 0.0


@dataclass(slots=True)
class Row:
    """`figures`: what else the scenario has to tell. `unreached`: what should have gone wrong and did not. `seconds`: it took."""

    scenario: str
    sent: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    wrong_patient: int = 0
    order_breaks: int = 0
    stuck: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    unreached: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: "Row") -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.unreached += other.unreached

    def expect(self, what: str, happened: object) -> None:
        """A fault that never struck proves nothing."""
        if not happened:
            self.unreached.append(what)

    @property
    def faults(self) -> int:
        return sum(getattr(self, name) for name in FAULTS)

    @property
    def clean(self) -> bool:
        return not self.unreached and not self.faults


def judge(told: Sequence[Told], notes: Sequence[Note], unended: int = 0) -> Row:
    """Of one journal. Only what was answered 202 is owed; what stands there and was never sent counts as doubled."""
    found: dict[str, list[int]] = defaultdict(list)
    known = {one.message.mark for one in told}
    row = Row("", stuck=unended)
    for place, note in enumerate(notes):
        marks = known.intersection(MARK.findall(note.text))
        row.doubled += not marks
        for mark in marks:
            found[mark].append(place)
    owed = [one for one in told if one.answered is not None]
    row.sent = len(owed)
    row.delivered = sum(one.message.mark in found for one in owed)
    row.lost = row.sent - row.delivered
    row.doubled += sum(len(places) - 1 for places in found.values())
    patient = {one.message.mark: one.message.patient for one in told}
    row.wrong_patient = sum(notes[place].patient != patient[mark] for mark, places in found.items() for place in places)
    row.order_breaks = _order_breaks(owed, found) + _early_corrections(owed, found)
    return row


def _order_breaks(owed: Sequence[Told], found: Mapping[str, Sequence[int]]) -> int:
    """Messages that stand before one of the same patient and lane that had been answered before they were sent."""
    groups: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in owed:
        if one.message.mark in found:
            groups[one.message.patient, one.message.lane].append(one)
    breaks = 0
    for group in groups.values():
        earliest = float("inf")  # answer to any message that arrived later
        for one in sorted(group, key=lambda one: found[one.message.mark][0], reverse=True):
            breaks += earliest < one.sent
            earliest = min(earliest, one.answered or 0.0)
    return breaks


def _early_corrections(owed: Sequence[Told], found: Mapping[str, Sequence[int]]) -> int:
    """Corrections that name another patient, and stand before what they correct though that had been answered before they were sent."""
    known = {one.message.mark: one for one in owed}
    pairs = [(known[one.message.after], one) for one in owed if one.message.after in known]
    late = [(first, one) for first, one in pairs if first.message.patient != one.message.patient and (first.answered or 0.0) <= one.sent]
    places = [[found.get(each.message.mark, [0])[0] for each in pair] for pair in late]
    return sum(original > correction for original, correction in places)
