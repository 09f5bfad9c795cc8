"""What a journal found: whom each resource is about.

A resource counts as a citizen's only if it says so itself, by identifier or by a reference to a Patient in the same answer, and if nothing
inside it, a contained resource too, is about anybody else, or about somebody who cannot be told.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared.domain import person
from shared.domain.event import Person
from shared.fhir.protection import protects
from shared.fhir.reach import reach

Found = Sequence[tuple[str, Mapping[str, Any]]]  # fullUrl ("" if it had none) and resource
_MOST = 200  # numbers of one Patient; who has more is nobody who can be told
_THING = re.compile(r"(?!(Patient|Person|RelatedPerson|Group)$)[A-Z][A-Za-z]{1,40}")  # the type of a resource that is about no person
_NO_DIGITS = re.compile(r"[^0-9]+")
_WHOM = ("subject", "patient")  # the elements by which resources say whom they are about


class Patients:
    """The Patient resources of one answer, by whatever may refer to them. A name that two of them have names nobody."""

    def __init__(self, found: Found) -> None:
        here = [(url, resource) for url, resource in found if resource.get("resourceType") == "Patient"]
        self._exact = _by((_plain(url), one) for url, one in here if url)
        self._short = _by((name, one) for url, one in here for name in {_relative(_plain(url)), *_local(one)})
        self._loose = _by((name, one) for url, one in here if "://" not in url for name in _local(one))  # whose base is not told
        self._told: dict[int, tuple[Any, frozenset[Person]]] = {}
        inside = [one for _, resource in found for one in reach(resource, ("contained",)) if type(one) is dict and _is_patient(one)]
        self._old = _old([*inside, *(one for _, one in here)])
        self.everybody = {each for _, resource in found for each in self.persons(resource)}
        self._protected = _together([self.persons(one) for _, one in here], [self.persons(one) for _, one in found if protects(one)])
        self._marked = {id(one) for _, one in here if protects(one)}

    def protects(self, resource: Mapping[str, Any]) -> bool:
        """Whether it is about somebody who has a protected address, here or anywhere else in the answer."""
        whom = (self.of(each, {}) for name in _WHOM for each in reach(resource, (name,)))
        marked = any(id(one) in self._marked for one in whom)
        return marked or protects(resource) or not self._protected.isdisjoint(self.persons(resource))

    def persons(self, resource: Mapping[str, Any]) -> frozenset[Person]:
        """Whom a resource says it is about: by identifier, and by reference to a Patient that is here."""
        if id(resource) not in self._told:
            self._told[id(resource)] = resource, self._said(resource)
        return self._told[id(resource)][1]

    def _said(self, resource: Mapping[str, Any]) -> frozenset[Person]:
        if _is_patient(resource):
            identifiers = reach(resource, ("identifier",))
            return frozenset(_persons(identifiers) if len(identifiers) <= _MOST else ())
        held = _held(resource)
        named = [self._named(each, held) for name in _WHOM for each in reach(resource, (name,))]
        patients = {id(patient): patient for _, patient in named if patient}
        numbers: set[Person] = set().union(*(numbers for numbers, _ in named))
        only = next(iter(patients.values()), frozenset())
        return only if len(patients) == 1 and numbers <= only else frozenset().union(numbers, *patients.values())

    def of(self, reference: Any, held: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The Patient that a reference leads to, within the answer or (`held`) the resource itself."""
        target = _target(reference)
        if target.startswith("#"):
            return held.get(target)
        if "://" in target:
            return self._exact.get(target) or self._loose.get(_relative(target))
        return self._exact.get(target) or self._short.get(target)

    def agree(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource is about somebody, and nothing in it about anybody else, or about somebody who cannot be told.

        Whatever in it has a subject or patient of its own says whom it is about, and so does every reference to a Patient. A part that
        refers to whom the resource itself refers to says nothing more.
        """
        whom, held = self.persons(resource), _held(resource)
        targets = [_target(each) for name in _WHOM for each in reach(resource, (name,))]
        own = {*targets, *map(_relative, targets)} - {""}
        known = {id(whom): (True, self._national(whom))}
        if not whom or not _one(known[id(whom)][1]):
            return False
        return all(self._agrees(whom, self._named(each, held), known) for each in _referring(resource, held, own)) and all(
            self._agrees(whom, (frozenset(), self.persons(part)), known) for part in _inside(resource) if _is_patient(part)
        )

    def _agrees(self, whom: frozenset[Person], named: "_Named", known: dict[int, tuple[bool, frozenset[Person]]]) -> bool:
        """No two national numbers of one kind, and one number at least that both have."""
        numbers, patient = named
        if id(patient) not in known:
            known[id(patient)] = not whom.isdisjoint(patient), self._national(patient)
        shared, national = known[id(patient)]
        joined = (shared and bool(patient)) or not whom.isdisjoint(numbers)
        return joined and _one(known[id(whom)][1] | national | self._national(numbers))

    def _national(self, persons: Iterable[Person]) -> frozenset[Person]:
        """Those that can contradict others: a journal's own numbers may be several, and old ones too."""
        return frozenset(each for each in persons if each.system in person.KINDS and each not in self._old)

    def _named(self, reference: Any, held: Mapping[str, Mapping[str, Any]]) -> "_Named":
        """By its own numbers, and by the Patient that it leads to."""
        patient = self.of(reference, held)
        numbers = filter(None, map(person.person, _NO_DIGITS.split(_target(reference))))
        told = self.persons(patient) if patient is not None and _is_patient(patient) else frozenset()
        return frozenset((*_persons(reach(reference, ("identifier",))), *numbers)), told


_Named = tuple[frozenset[Person], frozenset[Person]]


def _by(named: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Mapping[str, Any] | None]:
    found: dict[str, Mapping[str, Any] | None] = {}
    for name, one in named:
        found[name] = one if found.get(name, one) == one else None
    return found


def _local(patient: Mapping[str, Any]) -> list[str]:
    return [f"Patient/{patient['id']}"] if type(patient.get("id")) is str else []


def _old(patients: Iterable[Mapping[str, Any]]) -> set[Person]:
    """Numbers that are somebody's no longer: said so by a Patient who has another in use, and in use by nobody."""
    old: set[Person] = set()
    used: set[Person] = set()
    for one in patients:
        identifiers = reach(one, ("identifier",))
        gone = {*_persons(each for each in identifiers if type(each) is dict and each.get("use") == "old")}
        current = {*_persons(each for each in identifiers if type(each) is dict and each.get("use") != "old")}
        used |= current
        old |= gone if current else set()
    return old - used


def _together(patients: Iterable[frozenset[Person]], protected: Iterable[frozenset[Person]]) -> set[Person]:
    """Everybody protected, under every number that any Patient here has beside one of theirs."""
    beside: dict[Person, list[frozenset[Person]]] = {}
    for whom in patients:
        for each in whom:
            beside.setdefault(each, []).append(whom)
    found: set[Person] = set()
    waiting = [each for whom in protected for each in whom]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += [other for whom in beside.pop(each, ()) for other in whom]
    return found


def _is_patient(resource: Mapping[str, Any]) -> bool:
    """However it is spelt: what is taken for something else is not looked at."""
    return "resourceType" in resource and str(resource["resourceType"]).strip("[]' \"").lower() == "patient"


def _held(resource: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a resource contains, and itself, by what refers to them."""
    inside = [one for one in reach(resource, ("contained",)) if type(one) is dict]
    return {**{f"#{one.get('id')}": one for one in reversed(inside)}, "#": resource}


def _inside(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object in it; not the other records of a Patient, which are never handed out."""
    for name, value in resource.items():
        if not (name == "link" and resource.get("resourceType") == "Patient"):
            yield from _objects(value)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if type(value) is list:
        for part in value:
            yield from _objects(part)
    elif type(value) is dict:
        yield value
        for part in value.values():
            yield from _objects(part)


def _referring(resource: Mapping[str, Any], held: Mapping[str, Mapping[str, Any]], own: set[str]) -> Iterator[Any]:
    """What says whom the resource, or something in it, is about. A thing is nobody, if it has no person's number."""
    for part in (resource, *_inside(resource)):
        for each in (each for name in _WHOM for each in reach(part, (name,))):
            alone = _target(each) and not reach(each, ("identifier",))
            if not (_thing(each, held) or (alone and _target(each) in own and part is not resource)):
                yield each
        if part is not resource and _says_patient(part) and not (_target(part) in own and not part.get("identifier")):
            yield part


def _says_patient(reference: Mapping[str, Any]) -> bool:
    return reference.get("type") == "Patient" or _relative(_target(reference)).startswith("Patient/")


def _target(reference: Any) -> str:
    """Where a reference leads, without a version; "" if nowhere."""
    target = reference.get("reference") if type(reference) is dict else None
    return _plain(target) if type(target) is str else ""


def _plain(url: str) -> str:
    """An address as it is compared."""
    target = unversioned(url)
    return target.lower() if target[:9].lower() == "urn:uuid:" else target.replace("https://", "http://", 1)


def _relative(target: str) -> str:
    return "/".join(target.split("/")[-2:])


def _thing(reference: Any, held: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it is about a thing, a Device or a Location, and names no person by a number."""
    if type(reference) is not dict or any(each.system in person.KINDS for each in _persons(reach(reference, ("identifier",)))):
        return False
    target = _target(reference)
    kind, slash, _ = _relative(target).partition("/")
    said = [reference.get("type"), held.get(target, {}).get("resourceType"), kind if slash else None]
    kinds = [each for each in said if each is not None]
    return bool(kinds) and all(type(each) is str and _THING.fullmatch(each) for each in kinds)


def _persons(identifiers: Iterable[Any]) -> Iterator[Person]:
    for identifier in identifiers:
        value = identifier.get("value") if type(identifier) is dict else None
        if type(value) is str and value:
            system = identifier.get("system")
            yield Person(*person.identified(system if type(system) is str else "", value))


def about(patients: Patients, resource: Mapping[str, Any], citizen: Person) -> bool:
    """Whether a resource is about this citizen and nobody else. Another national number of the same kind is another citizen."""
    return citizen in patients.persons(resource) and patients.agree(resource)


def _one(persons: Iterable[Person]) -> bool:
    """No two numbers of one system."""
    systems = [each.system for each in persons]
    return len(set(systems)) == len(systems)


def unversioned(target: str) -> str:
    """A reference without the version that it may name."""
    return target.partition("/_history/")[0].rstrip("/")
