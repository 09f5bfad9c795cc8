"""What a journal found: whom each resource is about, which services are active, what must not be shown, and the searchset of the rest.

A resource counts as a citizen's only if it says so itself, by identifier or by a reference to a Patient in the same answer. What a
journal hides for the citizen's safety (a protected address) is taken out again here, should the journal have sent it all the same.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from shared.domain import person
from shared.domain.event import Person
from shared.fhir.elements import Json
from shared.fhir.reach import reach

Found = Sequence[tuple[str, Mapping[str, Any]]]  # fullUrl ("" if it had none) and resource
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")
_PROTECTED = "secret-address"  # how the URL of the extension ends (vkp.md 3.3: no-vft-secret-address, boolean on Address)
_TELLING = ("-sone", "-household", "-elock", "-urban-district", "-propertyinformation")  # ends of extensions that say where somebody lives


class Patients:
    """The Patient resources of one answer, by whatever may refer to them."""

    def __init__(self, found: Found) -> None:
        self._known: dict[str, Mapping[str, Any]] = {}
        for url, resource in found:
            if resource.get("resourceType") == "Patient":
                self._known |= {name: resource for name in (url, f"Patient/{resource.get('id')}") if name}
        self.everybody = {person for _, resource in found for person in self.persons(resource)}
        self._protected = {person for _, resource in found if _has_secret(resource) for person in self.persons(resource)}

    def protects(self, resource: Mapping[str, Any]) -> bool:
        """Whether it is about somebody who has a protected address, here or anywhere else in the answer."""
        return _has_secret(resource) or not self._protected.isdisjoint(self.persons(resource))

    def persons(self, resource: Mapping[str, Any]) -> set[Person]:
        """Whom a resource says it is about: by identifier, and by reference to a Patient that is here."""
        if resource.get("resourceType") == "Patient":
            return set(_persons(reach(resource, ("identifier",))))
        whom: set[Person] = set()
        for reference in (*reach(resource, ("subject",)), *reach(resource, ("patient",))):
            whom |= set(_persons(reach(reference, ("identifier",))))
            if patient := self.of(reference, resource):
                whom |= self.persons(patient)
        return whom

    def of(self, reference: Any, resource: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The Patient that a reference leads to, within the answer or the resource itself."""
        target = reference.get("reference") if type(reference) is dict else None
        if type(target) is not str:
            return None
        if target.startswith("#"):
            inside = (one for one in reach(resource, ("contained",)) if type(one) is dict and one.get("id") == target[1:])
            return next((one for one in inside if one.get("resourceType") == "Patient"), None)
        plain = _plain(target)
        return self._known.get(plain) or self._known.get("/".join(plain.split("/")[-2:]))


def _persons(identifiers: Iterable[Any]) -> Iterator[Person]:
    for identifier in identifiers:
        value = identifier.get("value") if type(identifier) is dict else None
        if type(value) is str and value:
            system = identifier.get("system")
            yield Person(person.canonical(system if type(system) is str else "", value), value)


def about(persons: set[Person], citizen: Person) -> bool:
    """Whether these are this citizen and nobody else: another number of the same system is another citizen."""
    same = {each.value for each in persons if each.system == citizen.system}
    return same == {citizen.value}


def one_person(persons: set[Person]) -> bool:
    """Whether these can be one and the same: at least one, and no two of one system."""
    return bool(persons) and len({person.system for person in persons}) == len(persons)


def active_services(resource: Mapping[str, Any], today: date) -> list[str]:
    """The journal's own codes of an EpisodeOfCare, if it is active on that day (Norwegian date); else none."""
    if resource.get("resourceType") != "EpisodeOfCare" or resource.get("status") != "active":
        return []
    starts, ends = (_day(resource, name) for name in ("start", "end"))
    if (starts and starts > today.isoformat()) or (ends and ends < today.isoformat()):
        return []
    return [code for code in reach(resource, ("type", "coding", "code")) if type(code) is str]


def _day(resource: Mapping[str, Any], name: str) -> str:
    """The day of a period's border as far as it is told, padded so that a month or a year reaches as far as it may."""
    told = reach(resource, ("period", name))
    text = told[0][:10] if told and type(told[0]) is str else ""
    return text + ("-01-01" if name == "start" else "-12-31")[len(text) - 4 :] if 4 <= len(text) < 10 else text


def shown(resource: Mapping[str, Any], *, protected: bool) -> Json:
    """The resource, and of somebody protected without what protects them by not being shown: every address, and whatever else tells where
    they live or stay."""
    return _without_addresses(resource) if protected else dict(resource)


def _has_secret(value: Any) -> bool:
    if type(value) is list:
        return any(_has_secret(part) for part in value)
    if type(value) is not dict:
        return False
    return _secret(value) or any(_has_secret(part) for part in value.values() if type(part) in (dict, list))


def _secret(extension: Mapping[str, Any]) -> bool:
    """Any value but a plain false protects."""
    url = extension.get("url")
    return type(url) is str and url.lower().rstrip("/").endswith(_PROTECTED) and extension.get("valueBoolean") is not False


_HIDDEN = frozenset(
    {"address", "_address", "generalPractitioner", "managingOrganization", "contained", "link", "photo", "location", "serviceProvider"}
)


def _without_addresses(value: Any) -> Any:
    if type(value) is list:
        return [_without_addresses(part) for part in value if not (type(part) is dict and _telling(part))]
    if type(value) is not dict:
        return value
    hidden = _HIDDEN | {"text"} if "resourceType" in value else _HIDDEN  # a resource's own narrative, not the words of a plan's section
    made = {name: _without_addresses(part) for name, part in value.items() if name not in hidden}
    return {name: part for name, part in made.items() if part not in ([], {})}


def _telling(extension: Mapping[str, Any]) -> bool:
    url = extension.get("url")
    if type(url) is not str:
        return False
    ends = url.lower().rstrip("/").removesuffix("-v090")
    return ends.endswith(_TELLING) or _secret(extension)


def searchset(matches: Found, included: Found, patients: Patients, note: str = "") -> Json:
    """`patients`: of all that was found. `note`: what a reader should know of the search itself.

    The journal's own addresses and ids stay inside: entries get names of the answer's own, and references between them follow.
    """
    inside = _Inside({name: _urn(*one) for one in (*matches, *included) for name in _called(*one)}, patients)
    entries = [_entry(*one, "match", inside) for one in matches] + [_entry(*one, "include", inside) for one in included]
    if note:
        told = {"severity": "warning", "code": "incomplete", "details": {"text": note}}
        entries.append(_entry("", {"resourceType": "OperationOutcome", "issue": [told]}, "outcome", inside))
    return {"resourceType": "Bundle", "type": "searchset", "total": len(matches), **({"entry": entries} if entries else {})}


@dataclass(frozen=True, slots=True)
class _Inside:
    """What references in an answer can lead to: entries by whatever the journal calls them, and Patients that are not handed out."""

    names: Mapping[str, str]
    patients: Patients


def _called(url: str, resource: Mapping[str, Any]) -> Iterator[str]:
    if url:
        yield url
    if type(resource.get("id")) is str:
        yield f"{resource['resourceType']}/{resource['id']}"


def _urn(url: str, resource: Mapping[str, Any]) -> str:
    """The same for the same resource in every answer."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, url or repr(resource))}"


def _entry(url: str, resource: Mapping[str, Any], mode: str, inside: _Inside) -> Json:
    told = shown(resource, protected=inside.patients.protects(resource))
    return {"fullUrl": _urn(url, resource), "resource": _renamed(told, inside), "search": {"mode": mode}}


def _renamed(value: Any, inside: _Inside) -> Any:
    if type(value) is list:
        return [_renamed(part, inside) for part in value]
    if type(value) is not dict:
        return value
    made = {name: _renamed(part, inside) for name, part in value.items()}
    return _reference(made, inside) if type(made.get("reference")) is str and not made["reference"].startswith("#") else made


def _reference(reference: Json, inside: _Inside) -> Json:
    """One that leads to an entry follows it. Any other is reduced to what it says itself: the type, and of a Patient the identifier."""
    plain = _plain(reference["reference"])
    relative = "/".join(plain.split("/")[-2:])
    name = inside.names.get(plain) or inside.names.get(relative)
    if name:
        return {**reference, "reference": name}
    patient = inside.patients.of(reference, {})
    known = {"identifier": reach(patient, ("identifier",))[0]} if patient and reach(patient, ("identifier",)) else {}
    kind = relative.partition("/")[0]
    typed = {"type": kind} if _TYPE.fullmatch(kind) else {}
    return {**typed, **known, **{key: value for key, value in reference.items() if key != "reference"}} or {"display": "-"}


def _plain(target: str) -> str:
    """A reference without the version that it may name."""
    return target.partition("/_history/")[0].rstrip("/")
