"""What a journal found: whom each resource is about, which services are active, what must not be shown, and the searchset of the rest.

A resource counts as a citizen's only if it says so itself, by identifier or by a reference to a Patient in the same answer. What a
journal hides for the citizen's safety (a protected address) is taken out again here, should the journal have sent it all the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from shared.domain import person
from shared.domain.event import Person
from shared.fhir.elements import Json
from shared.fhir.reach import reach

Found = Sequence[tuple[str, Mapping[str, Any]]]  # fullUrl ("" if it had none) and resource
_PROTECTED = "secret-address"  # how the URL of the extension ends (vkp.md 3.3: no-vft-secret-address, boolean on Address)
_TELLING = ("-sone", "-household", "-elock", "-urban-district", "-propertyinformation")  # ends of extensions that say where somebody lives


class Patients:
    """The Patient resources of one answer, by whatever may refer to them."""

    def __init__(self, found: Found) -> None:
        self._known: dict[str, Mapping[str, Any]] = {}
        for url, resource in found:
            if resource.get("resourceType") == "Patient":
                self._known |= {name: resource for name in (url, f"Patient/{resource.get('id')}") if name}

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
        return self._known.get(target) or self._known.get("/".join(target.split("/")[-2:]))


def _persons(identifiers: Iterable[Any]) -> Iterator[Person]:
    for identifier in identifiers:
        value = identifier.get("value") if type(identifier) is dict else None
        if type(value) is str and value:
            system = identifier.get("system")
            yield Person(_system(system, value), value)


def _system(system: Any, value: str) -> str:
    """As the national contract writes it; of a bare number what it must be."""
    if type(system) is not str or not system:
        return person.system_of(value) or ""
    return person.SYSTEMS[person.KINDS[system]] if system in person.KINDS else system


def about(persons: set[Person], citizen: Person) -> bool:
    """Whether these are this citizen and nobody else: another number of the same system is another citizen."""
    same = {each.value for each in persons if each.system == citizen.system}
    return same == {citizen.value}


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


def shown(resource: Mapping[str, Any]) -> Json:
    """The resource without what protects somebody by not being shown: every address of someone who has a protected one, and whatever
    else tells where they live or stay."""
    return _without_addresses(resource) if _has_secret(resource) else dict(resource)


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


_HIDDEN = frozenset({"address", "_address", "text", "generalPractitioner", "managingOrganization", "contained", "link", "photo"})


def _without_addresses(value: Any) -> Any:
    if type(value) is list:
        return [_without_addresses(part) for part in value if not (type(part) is dict and _telling(part))]
    if type(value) is not dict:
        return value
    made = {name: _without_addresses(part) for name, part in value.items() if name not in _HIDDEN}
    return {name: part for name, part in made.items() if part not in ([], {})}


def _telling(extension: Mapping[str, Any]) -> bool:
    url = extension.get("url")
    if type(url) is not str:
        return False
    ends = url.lower().rstrip("/").removesuffix("-v090")
    return ends.endswith(_TELLING) or _secret(extension)


def searchset(matches: Found, included: Found, note: str = "") -> Json:
    """`note`: what a reader should know of the search itself. The journal's own addresses stay inside: entries get names of the answer's
    own, and references between them follow."""
    names = {url: _urn(url, resource) for url, resource in (*matches, *included) if url}
    names |= {
        f"{resource['resourceType']}/{resource['id']}": _urn(url, resource) for url, resource in (*matches, *included) if _has_id(resource)
    }
    entries = [_entry(*one, "match", names) for one in matches] + [_entry(*one, "include", names) for one in included]
    if note:
        told = {"severity": "warning", "code": "incomplete", "details": {"text": note}}
        entries.append(_entry("", {"resourceType": "OperationOutcome", "issue": [told]}, "outcome", names))
    return {"resourceType": "Bundle", "type": "searchset", "total": len(matches), **({"entry": entries} if entries else {})}


def _has_id(resource: Mapping[str, Any]) -> bool:
    return type(resource.get("id")) is str


def _urn(url: str, resource: Mapping[str, Any]) -> str:
    """The same for the same resource in every answer."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, url or repr(resource))}"


def _entry(url: str, resource: Mapping[str, Any], mode: str, names: Mapping[str, str]) -> Json:
    return {"fullUrl": _urn(url, resource), "resource": _renamed(shown(resource), names), "search": {"mode": mode}}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if type(value) is list:
        return [_renamed(part, names) for part in value]
    if type(value) is not dict:
        return value
    return {name: _reference(part, names) if name == "reference" else _renamed(part, names) for name, part in value.items()}


def _reference(target: Any, names: Mapping[str, str]) -> Any:
    if type(target) is not str:
        return _renamed(target, names)
    if target in names or "://" not in target:
        return names.get(target, target)
    relative = "/".join(target.rstrip("/").split("/")[-2:])
    return names.get(relative, relative)
