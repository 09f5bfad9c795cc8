"""What a journal found: whom each resource is about.

A resource counts as a citizen's only if it says so itself, by identifier or by a reference to a Patient in the same answer, and if nothing
inside it, a contained resource too, is about anybody else, or about somebody who cannot be told.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from shared.domain import person
from shared.domain.event import Person
from shared.fhir.protection import protects
from shared.fhir.reach import objects, reach
from shared.fhir.references import Found, Names, bases, kinds, relative, says_patient, target

_MOST = 200  # numbers of one citizen; who has more is nobody who can be told
_LONGEST = 200  # characters of a number and its system that is told in the place of a reference
_THING = re.compile(r"(?!(?i:Patient|Person|RelatedPerson|Group)$)[A-Z][A-Za-z]{1,40}")  # the type of a resource that is about no person
_NO_DIGITS = re.compile(r"[^0-9]+")
_MASKED = "*xX•#-_. "  # what a journal writes in the place of digits
_WHOM = ("subject", "patient")  # the elements by which resources say whom they are about


class Patients:
    """The Patient resources of one answer, by whatever may refer to them. A name that two of them have names nobody."""

    def __init__(self, found: Found) -> None:
        here = [(url, resource) for url, resource in found if resource.get("resourceType") == "Patient"]
        inside = [one for _, resource in found for one in reach(resource, ("contained",)) if type(one) is dict and _is_patient(one)]
        self._told: dict[int, tuple[Any, frozenset[Person]]] = {}
        self._old = _old([*inside, *(one for _, one in here)])
        self._shared = self._of_two([*inside, *(one for _, one in here)])
        self.bases = bases(found)
        self._names = Names(here, self.bases, self._same)
        self.everybody = {each for _, resource in found for each in self.persons(resource)}
        self._known: set[Hashable] = {each for _, one in here for each in self.keys(one)}
        marked = [self.persons(one) for _, one in found if protects(one)]
        self._protected: set[Hashable] = {*_together([self.persons(one) for _, one in here], marked)}
        self._protected |= {id(one) for _, one in here if protects(one)}

    def protects(self, resource: Mapping[str, Any]) -> bool:
        """Whether whoever it is about has a protected address, or may have one: their Patient is not here, and nobody else could tell."""
        keys = self.keys(resource)
        whom = {*keys, *self.persons(resource)}
        return keys.isdisjoint(self._known) or protects(resource) or not whom.isdisjoint(self._protected)

    def keys(self, resource: Mapping[str, Any]) -> set[Hashable]:
        """What a Patient and the resources about them have in common: the Patient itself, who is referred to, or else a number.

        A journal's own number counts only where nothing else says whom it is about: it may be a household's.
        """
        if _is_patient(resource):
            return {id(resource), *self.persons(resource)}
        referred = {id(one) for name in _WHOM for each in reach(resource, (name,)) if (one := self.of(each, {})) is not None}
        whom = self.persons(resource)
        return {*referred, *(self._national(whom) if referred else self._known_by(whom))}

    def one_citizen(self) -> bool:
        """Whether all that was found is about one: no two national numbers of one kind."""
        return _one(self._national(self.everybody))

    def number(self, patient: Mapping[str, Any]) -> dict[str, str]:
        """The identifier by which a Patient who is not handed out is named; {} if there is none."""
        whom = self.persons(patient)
        short = (each for each in self._national(whom) or self._known_by(whom) if len(each.system) + len(each.value) <= _LONGEST)
        first = min(short, key=lambda each: (each.system, each.value), default=None)
        return {"system": first.system, "value": first.value} if first else {}

    def persons(self, resource: Mapping[str, Any]) -> frozenset[Person]:
        """Whom a resource says it is about: by identifier, and by reference to a Patient that is here."""
        if not _is_patient(resource):
            return self._said(resource)
        if id(resource) not in self._told:
            identifiers = reach(resource, ("identifier",))
            self._told[id(resource)] = resource, frozenset(_persons(identifiers) if len(identifiers) <= _MOST else ())
        return self._told[id(resource)][1]

    def _said(self, resource: Mapping[str, Any]) -> frozenset[Person]:
        held, said = _held(resource), frozenset[Person]()
        for each in (each for name in _WHOM for each in reach(resource, (name,))):
            for more in reversed(self._named(each, held)):
                said = more if said <= more else said | more  # a Patient's own numbers are shared by all that is about them
            if len(said) > _MOST:
                return frozenset()
        return said

    def of(self, reference: Any, held: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The Patient that a reference leads to, within the answer or (`held`) the resource itself."""
        led = target(reference)
        return held.get(led) if led.startswith("#") else self._names.of(led)

    def agree(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource is about somebody, and nothing in it about anybody else, or about somebody who cannot be told.

        Whatever in it has a subject or patient of its own says whom it is about, and so does every reference to a Patient. A part that
        refers to whom the resource itself refers to says nothing more.
        """
        whom, held = self.persons(resource), _held(resource)
        known = {id(whom): (self._known_by(whom), self._national(whom))}
        if not known[id(whom)][0] or not _one(known[id(whom)][1]):
            return False
        said = {id(held.get(target(each))) for name in _WHOM for each in reach(resource, (name,)) if reach(each, ("identifier",))}
        return all(self._agrees(whom, self._named(each, held), known) for each in self._referring(resource, held)) and all(
            self._agrees(whom, (frozenset(), self.persons(part)), known)
            for part in _inside(resource)
            if _is_patient(part) and not (id(part) in said and not part.get("identifier"))
        )

    def _agrees(self, whom: frozenset[Person], named: "_Two", known: dict[int, "_Two"]) -> bool:
        """No two national numbers of one kind, and one number at least by which both are known."""
        numbers, patient = named
        if id(patient) not in known:
            known[id(patient)] = self._known_by(patient), self._national(patient)
        (ours, national), (theirs, others) = known[id(whom)], known[id(patient)]
        joined = not ours.isdisjoint(theirs) or not ours.isdisjoint(self._known_by(numbers))
        return joined and _one(national | others | self._national(numbers))

    def _referring(self, resource: Mapping[str, Any], held: Mapping[str, Mapping[str, Any]]) -> Iterator[Any]:
        """What says whom the resource, or something in it, is about. A thing is nobody, if it has no person's number."""
        own = {self._called(each) for name in _WHOM for each in reach(resource, (name,))} - {""}
        for part in (resource, *_inside(resource)):
            for each in (each for name in _WHOM for each in reach(part, (name,))):
                alone = self._called(each) in own and not reach(each, ("identifier",))
                if not (_thing(each, held) or (alone and part is not resource)):
                    yield each
            says = part is not resource and (says_patient(part) or self.of(part, {}) is not None)
            if says and (part.get("identifier") or self._called(part) not in own):
                yield part

    def _called(self, reference: Any) -> str:
        return self._names.called(target(reference))

    def _same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """A Patient who comes again may have been changed meanwhile."""
        first, second = self.persons(one), self.persons(other)
        known = not self._known_by(first).isdisjoint(self._known_by(second))
        return (known and _one(self._national(first | second))) or one == other

    def _national(self, persons: Iterable[Person]) -> frozenset[Person]:
        """Those that can contradict others: a journal's own numbers may be several, and old ones too."""
        return frozenset(each for each in persons if each.system in person.KINDS and each not in self._old)

    def _known_by(self, whom: frozenset[Person]) -> frozenset[Person]:
        """National numbers, old ones too; for who has none, a journal's own that no two citizens share."""
        return frozenset(each for each in whom if each.system in person.KINDS) or whom - self._shared

    def _of_two(self, patients: Iterable[Mapping[str, Any]]) -> set[Person]:
        """A journal's own numbers that two citizens have, as a household's: nobody is named by one."""
        known: dict[Person, frozenset[Person]] = {}
        found: set[Person] = set()
        for whom in map(self.persons, patients):
            national = self._national(whom)
            found.update(own for own in whom - national if national and known.setdefault(own, national).isdisjoint(national))
        return found

    def _named(self, reference: Any, held: Mapping[str, Mapping[str, Any]]) -> "_Two":
        """By its own numbers, and by the Patient that it leads to."""
        patient = self.of(reference, held)
        numbers = filter(None, map(person.person, _NO_DIGITS.split(target(reference))))
        told = self.persons(patient) if patient is not None and _is_patient(patient) else frozenset()
        return frozenset((*_persons(reach(reference, ("identifier",))), *numbers)), told


_Two = tuple[frozenset[Person], frozenset[Person]]


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
    waiting = [*protected]
    while waiting:
        new = waiting.pop() - found
        found |= new
        waiting += [whom for each in new for whom in beside.pop(each, ())]
    return found


def _is_patient(resource: Mapping[str, Any]) -> bool:
    return "patient" in kinds(resource.get("resourceType"))


def _held(resource: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a resource contains, and itself, by what refers to them."""
    inside = [one for one in reach(resource, ("contained",)) if type(one) is dict]
    return {**{f"#{one.get('id')}": one for one in reversed(inside)}, "#": resource}


def _inside(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object in it; not the other records of a Patient, which are never handed out."""
    for name, value in resource.items():
        if not (name == "link" and resource.get("resourceType") == "Patient"):
            yield from objects(value)


def _thing(reference: Any, held: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it is about a thing, a Device or a Location, and names no person by a number."""
    if type(reference) is not dict or any(each.system in person.KINDS for each in _persons(reach(reference, ("identifier",)))):
        return False
    led = target(reference)
    kind, slash, _ = relative(led).partition("/")
    said = [reference.get("type"), held.get(led, {}).get("resourceType"), kind if slash else None]
    named = [each for each in said if each is not None]
    return bool(named) and all(type(each) is str and _THING.fullmatch(each) for each in named)


def _persons(identifiers: Iterable[Any]) -> Iterator[Person]:
    """Without a system it is a national number, or nobody's; a masked national number is nobody's either."""
    for identifier in identifiers:
        value = identifier.get("value") if type(identifier) is dict else None
        if type(value) is str and value:
            told = identifier.get("system")
            system, number = person.identified(told if type(told) is str else "", value)
            if system and not (system in person.KINDS and not number.strip(_MASKED)):
                yield Person(system, number)


def about(patients: Patients, resource: Mapping[str, Any], citizen: Person) -> bool:
    """Whether a resource is about this citizen and nobody else. Another national number of the same kind is another citizen."""
    return citizen in patients.persons(resource) and patients.agree(resource)


def _one(persons: Iterable[Person]) -> bool:
    """No two numbers of one system."""
    systems = [each.system for each in persons]
    return len(set(systems)) == len(systems)
