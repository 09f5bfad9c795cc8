"""What a look-up is answered with, and how it can be twisted: what no journal should do, and one will."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from local.journal.population import STRANGER
from local.journal.search import Form, patients_of
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
    whom: str = ""  # a number that stands in the next link

    def rest(self) -> "Part | None":
        if self.endless:
            return self
        left = self.matches[self.size :]
        return replace(self, matches=left) if left or self.foreign or self.whom else None

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


def _telling_next(part: Part, _settings: Settings) -> Part:
    return replace(part, whom=STRANGER.value)


def _nameless(part: Part, _settings: Settings) -> Part:
    return replace(
        part, matches=[{name: value for name, value in each.items() if name not in ("subject", "patient")} for each in part.matches]
    )


def _ended(part: Part, _settings: Settings) -> Part:
    return replace(part, matches=[_going_on(each) for each in part.matches])


def _going_on(resource: Node) -> Node:
    if resource["resourceType"] != "EpisodeOfCare":
        return resource
    return {**resource, "status": "active", "period": {"start": resource["period"]["start"]}}


def _unmarked(part: Part, _settings: Settings) -> Part:
    def plain(resource: Node) -> Node:
        if resource["resourceType"] != "Patient":
            return resource
        return {
            **resource,
            "address": [{name: value for name, value in each.items() if name != "extension"} for each in resource["address"]],
        }

    return replace(part, matches=[plain(each) for each in part.matches], journal=[plain(each) for each in part.journal])


def _telling_plan(part: Part, _settings: Settings) -> Part:
    """Where to go stands in the visit, as somebody would write it who is in a hurry."""
    homes = {f"Patient/{each['id']}": each["address"][0]["line"][0] for each in part.journal if each["resourceType"] == "Patient"}

    def told(resource: Node) -> Node:
        if resource["resourceType"] != "CarePlan":
            return resource
        where = homes[resource["subject"]["reference"]]
        return {**resource, "activity": [{"detail": {**each["detail"], "description": f"{where}"}} for each in resource["activity"]]}

    return replace(part, matches=[told(each) for each in part.matches])


OVERLOOKED = {"no-date": ("date",), "no-status": ("status",), "no-category": ("category",), "no-include": ("_include",)}
WHOM = ("identifier", "patient.identifier")
INSIDE = {"ge": "sa", "le": "eb"}  # starts after, ends before


def misheard(mode: str, form: Form) -> Form:
    """What a journal that overlooks parameters, or reads them wrongly, takes a search for."""
    if mode == "comma":
        return [(name, value.replace("\\,", ",")) for name, value in form]
    if mode == "inside":
        return [(name, INSIDE.get(value[:2], value[:2]) + value[2:] if name == "date" else value) for name, value in form]
    if mode == "no-bare":
        return [(name, f"|{value}" if name in WHOM and "|" not in value else value) for name, value in form]
    return [(name, value) for name, value in form if name not in OVERLOOKED.get(mode, ())]


TWISTS: Mapping[str, Callable[[Part, Settings], Part]] = {
    "pages": _pages,
    "wrong-patient": _wrong_patient,
    "mixed": _mixed,
    "huge": _huge,
    "not-a-bundle": _not_a_bundle,
    "endless": _endless,
    "foreign-next": _foreign_next,
    "telling-next": _telling_next,
    "nameless": _nameless,
    "ended": _ended,
    "unmarked": _unmarked,
    "telling-plan": _telling_plan,
}
