"""What a journal found: whom each resource is about, and which services are active.

A resource counts as a citizen's only if it says so itself, by identifier or by a reference to a Patient in the same answer, and if nothing
inside it, a contained resource too, is about anybody else, or about somebody who cannot be told.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from shared.domain import person
from shared.domain.event import Person
from shared.fhir.protection import protects
from shared.fhir.reach import reach

Found = Sequence[tuple[str, Mapping[str, Any]]]  # fullUrl ("" if it had none) and resource
_DAY = re.compile(r"\d{4}(-\d\d(-\d\d(T.{1,40})?)?)?", re.ASCII)
_THING = re.compile(r"(?!Patient$)[A-Z][A-Za-z]{1,40}")  # a resource's type
_WHOM = ("subject", "patient")  # the elements by which resources say whom they are about


class Patients:
    """The Patient resources of one answer, by whatever may refer to them."""

    def __init__(self, found: Found) -> None:
        self._known: dict[str, Mapping[str, Any]] = {}
        for url, resource in found:
            if resource.get("resourceType") == "Patient":
                self._known |= {name: resource for name in (url, f"Patient/{resource.get('id')}") if name}
        self._old = {each for _, resource in found for each in _persons(reach(resource, ("identifier",)), old=True)}
        self.everybody = {each for _, resource in found for each in self.persons(resource)}
        self._protected = {each for _, resource in found if protects(resource) for each in self.persons(resource)}

    def protects(self, resource: Mapping[str, Any]) -> bool:
        """Whether it is about somebody who has a protected address, here or anywhere else in the answer."""
        return protects(resource) or not self._protected.isdisjoint(self.persons(resource))

    def persons(self, resource: Mapping[str, Any]) -> set[Person]:
        """Whom a resource says it is about: by identifier, and by reference to a Patient that is here."""
        if resource.get("resourceType") == "Patient":
            return set(_persons(reach(resource, ("identifier",))))
        held = _held(resource)
        return set().union(*(self._named(each, held) for name in _WHOM for each in reach(resource, (name,))))

    def inside(self, resource: Mapping[str, Any]) -> list[set[Person]]:
        """Whom the parts of a resource are about: contained ones, and whatever else in it has a subject or patient of its own.

        An empty set is somebody who cannot be told. A part that refers to whom the resource itself refers to says nothing more.
        """
        parts, held = [part for value in resource.values() for part in _objects(value)], _held(resource)
        own = {_target(each) for name in _WHOM for each in reach(resource, (name,))}
        theirs = (each for part in parts for name in _WHOM for each in reach(part, (name,)))
        named = [(each, self._named(each, held)) for each in theirs]
        told = [whom for each, whom in named if whom or not (_no_person(each) or _target(each) in own - {""})]
        return [*told, *(self.persons(part) for part in parts if part.get("resourceType") == "Patient")]

    def of(self, reference: Any, held: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The Patient that a reference leads to, within the answer or (`held`) the resource itself."""
        target = _target(reference)
        return held.get(target) if target.startswith("#") else self._known.get(target) or self._known.get(_relative(target))

    def one(self, persons: Iterable[Person]) -> bool:
        """No two national numbers of one kind, but for those that are said to be old. A journal's own numbers may be several."""
        systems = [each.system for each in persons if each.system in person.KINDS and each not in self._old]
        return len(set(systems)) == len(systems)

    def _named(self, reference: Any, held: Mapping[str, Mapping[str, Any]]) -> set[Person]:
        patient = self.of(reference, held)
        return {*_persons(reach(reference, ("identifier",))), *(self.persons(patient) if patient else ())}


def _held(resource: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The Patients that a resource contains, by what refers to them."""
    inside = [one for one in reach(resource, ("contained",)) if type(one) is dict and one.get("resourceType") == "Patient"]
    return {f"#{one.get('id')}": one for one in reversed(inside)}


def _target(reference: Any) -> str:
    """Where a reference leads, without a version; "" if nowhere."""
    target = reference.get("reference") if type(reference) is dict else None
    return unversioned(target) if type(target) is str else ""


def _relative(target: str) -> str:
    return "/".join(target.split("/")[-2:])


def _no_person(reference: Any) -> bool:
    """Whether it is about a thing: a Device, a Location."""
    kind, slash, _ = _relative(_target(reference)).partition("/")
    return bool(slash) and bool(_THING.fullmatch(kind))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if type(value) is list:
        for part in value:
            yield from _objects(part)
    elif type(value) is dict:
        yield value
        for part in value.values():
            yield from _objects(part)


def _persons(identifiers: Iterable[Any], *, old: bool = False) -> Iterator[Person]:
    """`old`: those only that are said to be no longer in use."""
    for identifier in identifiers:
        value = identifier.get("value") if type(identifier) is dict else None
        if type(value) is str and value and (not old or identifier.get("use") == "old"):
            system = identifier.get("system")
            yield Person(*person.identified(system if type(system) is str else "", value))


def about(patients: Patients, resource: Mapping[str, Any], citizen: Person) -> bool:
    """Whether a resource is about this citizen and nobody else. Another national number of the same kind is another citizen."""
    return citizen in patients.persons(resource) and one_person(patients, resource)


def one_person(patients: Patients, resource: Mapping[str, Any]) -> bool:
    """Whether a resource is about somebody, and about nobody else."""
    whom = patients.persons(resource)
    national = [each for each in whom if each.system in person.KINDS]
    return (
        bool(whom)
        and patients.one(national)
        and all(not whom.isdisjoint(inside) and patients.one({*national, *inside}) for inside in patients.inside(resource))
    )


def active_services(resource: Mapping[str, Any], today: date) -> list[str]:
    """The journal's own codes of an EpisodeOfCare, if it is active on that day (Norwegian date); else none."""
    if resource.get("resourceType") != "EpisodeOfCare" or resource.get("status") != "active":
        return []
    starts, ends = _day(resource, "start", "0000-00-00"), _day(resource, "end", "9999-99-99")
    if starts is None or ends is None or not starts <= today.isoformat() <= ends:
        return []
    return [code for code in reach(resource, ("type", "coding", "code")) if type(code) is str]


def _day(resource: Mapping[str, Any], name: str, absent: str) -> str | None:
    """The day of a period's border; a month or a year reaches as far as it may. None for what is no date: such a service never counts."""
    told = reach(resource, ("period", name))
    if not told:
        return absent
    if len(told) > 1 or type(told[0]) is not str or not _DAY.fullmatch(told[0]):
        return None
    text = told[0][:10]
    return text + ("-01-01" if name == "start" else "-12-31")[len(text) - 4 :] if len(text) < 10 else text


def unversioned(target: str) -> str:
    """A reference without the version that it may name."""
    return target.partition("/_history/")[0].rstrip("/")
