"""What a journal found: whom each resource is about, and which services are active.

A resource counts as a citizen's only if it says so itself, by identifier or by a reference to a Patient in the same answer, and if nothing
inside it, a contained resource too, is about anybody else.
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
_WHOM = ("subject", "patient")  # the elements by which resources say whom they are about


class Patients:
    """The Patient resources of one answer, by whatever may refer to them."""

    def __init__(self, found: Found) -> None:
        self._known: dict[str, Mapping[str, Any]] = {}
        for url, resource in found:
            if resource.get("resourceType") == "Patient":
                self._known |= {name: resource for name in (url, f"Patient/{resource.get('id')}") if name}
        self.everybody = {each for _, resource in found for each in self.persons(resource)}
        self._protected = {each for _, resource in found if protects(resource) for each in self.persons(resource)}

    def protects(self, resource: Mapping[str, Any]) -> bool:
        """Whether it is about somebody who has a protected address, here or anywhere else in the answer."""
        return protects(resource) or not self._protected.isdisjoint(self.persons(resource))

    def persons(self, resource: Mapping[str, Any]) -> set[Person]:
        """Whom a resource says it is about: by identifier, and by reference to a Patient that is here."""
        if resource.get("resourceType") == "Patient":
            return set(_persons(reach(resource, ("identifier",))))
        return set().union(*(self._named(each, resource) for name in _WHOM for each in reach(resource, (name,))))

    def inside(self, resource: Mapping[str, Any]) -> list[set[Person]]:
        """Whom the parts of a resource are about: contained ones, and whatever else in it has a subject or patient of its own."""
        parts = [part for value in resource.values() for part in _objects(value)]
        named = [self._named(each, resource) for part in parts for name in _WHOM for each in reach(part, (name,))]
        return [*named, *(self.persons(part) for part in parts if part.get("resourceType") == "Patient")]

    def of(self, reference: Any, resource: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The Patient that a reference leads to, within the answer or the resource itself."""
        target = reference.get("reference") if type(reference) is dict else None
        if type(target) is not str:
            return None
        if target.startswith("#"):
            inside = (one for one in reach(resource, ("contained",)) if type(one) is dict and one.get("id") == target[1:])
            return next((one for one in inside if one.get("resourceType") == "Patient"), None)
        plain = unversioned(target)
        return self._known.get(plain) or self._known.get("/".join(plain.split("/")[-2:]))

    def _named(self, reference: Any, resource: Mapping[str, Any]) -> set[Person]:
        patient = self.of(reference, resource)
        return {*_persons(reach(reference, ("identifier",))), *(self.persons(patient) if patient else ())}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if type(value) is list:
        for part in value:
            yield from _objects(part)
    elif type(value) is dict:
        yield value
        for part in value.values():
            yield from _objects(part)


def _persons(identifiers: Iterable[Any]) -> Iterator[Person]:
    for identifier in identifiers:
        value = identifier.get("value") if type(identifier) is dict else None
        if type(value) is str and value:
            system = identifier.get("system")
            yield Person(person.canonical(system if type(system) is str else "", value), value)


def about(patients: Patients, resource: Mapping[str, Any], citizen: Person) -> bool:
    """Whether a resource is about this citizen and nobody else. Another number of the same system is another citizen."""
    return all(_is(whom, citizen) for whom in (patients.persons(resource), *filter(None, patients.inside(resource))))


def _is(persons: set[Person], citizen: Person) -> bool:
    return {each.value for each in persons if each.system == citizen.system} == {citizen.value}


def one_person(patients: Patients, resource: Mapping[str, Any]) -> bool:
    """Whether a resource is about somebody, and about nobody else."""
    whom = patients.persons(resource)
    return _one(whom) and all(whom & inside and _one(whom | inside) for inside in filter(None, patients.inside(resource)))


def _one(persons: set[Person]) -> bool:
    """No two numbers of one system."""
    return bool(persons) and len({each.system for each in persons}) == len(persons)


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
