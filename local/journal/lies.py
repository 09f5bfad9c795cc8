"""What a look-up is answered with, and how it can be twisted: what no journal should do, and one will."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from local.journal.search import patients_of
from shared.fhir.told.loose import Node

HUGE = 10 * 1024 * 1024  # bytes
Settings = Mapping[str, float | int]


@dataclass(frozen=True, slots=True)
class Part:
    """What is left to answer. `journal`: all that is held. `others`: the same of somebody who was not asked about."""

    matches: Sequence[Node]
    others: Sequence[Node]
    journal: Sequence[Node]
    include: bool
    size: int
    endless: bool = False
    foreign: bool = False
    bare: bool = False
    padding: int = 0

    def rest(self) -> "Part | None":
        if self.endless:
            return self
        left = self.matches[self.size :]
        return replace(self, matches=left) if left or self.foreign else None

    def body(self, base: str, next: str) -> bytes:
        """The Bundle; `next` is the address of the rest, "" for none."""
        now = self.matches[: self.size]
        if self.bare:
            return orjson.dumps(now[0] if now else {"resourceType": "Basic", "code": {"text": "ingenting"}})
        entries = [_entry(each, base, "match") for each in now]
        entries += [_entry(each, base, "include") for each in patients_of(now, self.journal) if self.include]
        if self.padding:
            entries.append({"resource": _remark(self.padding), "search": {"mode": "outcome"}})
        link = [{"relation": "next", "url": next}] if next else []
        return orjson.dumps({"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries})


def _entry(resource: Node, base: str, mode: str) -> dict[str, Any]:
    return {"fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}", "resource": resource, "search": {"mode": mode}}


def _remark(length: int) -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "informational", "diagnostics": "x" * length}],
    }


def _wrong_patient(part: Part, _settings: Settings) -> Part:
    return replace(part, matches=part.others)


def _mixed(part: Part, _settings: Settings) -> Part:
    return replace(part, matches=[*part.matches, *part.others])


def _pages(part: Part, settings: Settings) -> Part:
    return replace(part, size=int(settings["size"]))


def _huge(part: Part, _settings: Settings) -> Part:
    return replace(part, padding=HUGE)


def _not_a_bundle(part: Part, _settings: Settings) -> Part:
    return replace(part, bare=True)


def _endless(part: Part, _settings: Settings) -> Part:
    return replace(part, endless=True)


def _foreign_next(part: Part, _settings: Settings) -> Part:
    return replace(part, foreign=True)


TWISTS: Mapping[str, Callable[[Part, Settings], Part]] = {
    "pages": _pages,
    "wrong-patient": _wrong_patient,
    "mixed": _mixed,
    "huge": _huge,
    "not-a-bundle": _not_a_bundle,
    "endless": _endless,
    "foreign-next": _foreign_next,
}
