"""The searchset of a look-up: what was found, under names of the answer's own, with nothing that may not be shown (vkp.md 2.7 h-k)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from shared.fhir import narrative
from shared.fhir.elements import Json
from shared.fhir.found import Found, Patients, unversioned
from shared.fhir.protection import without_addresses
from shared.fhir.reach import reach

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")


@dataclass(frozen=True, slots=True)
class _Inside:
    """What references in an answer can lead to: entries by whatever the journal calls them, and Patients that are not handed out."""

    names: Mapping[str, str]
    patients: Patients


def searchset(matches: Found, included: Found, patients: Patients, note: str = "") -> Json:
    """`patients`: of all that was found. `note`: what a reader should know of the search itself.

    The journal's own addresses stay inside: entries get names of the answer's own, and references between them follow.
    """
    inside = _Inside({name: _urn(*one) for one in (*matches, *included) for name in _called(*one)}, patients)
    entries = [_entry(*one, "match", inside) for one in matches] + [_entry(*one, "include", inside) for one in included]
    if note:
        told = {"severity": "warning", "code": "incomplete", "details": {"text": note}}
        entries.append(_entry("", {"resourceType": "OperationOutcome", "issue": [told]}, "outcome", inside))
    return {"resourceType": "Bundle", "type": "searchset", "total": len(matches), **({"entry": entries} if entries else {})}


def _called(url: str, resource: Mapping[str, Any]) -> Iterator[str]:
    if url:
        yield url
    if type(resource.get("id")) is str:
        yield f"{resource['resourceType']}/{resource['id']}"


def _urn(url: str, resource: Mapping[str, Any]) -> str:
    """The same for the same resource in every answer."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, url or repr(resource))}"


def _entry(url: str, resource: Mapping[str, Any], mode: str, inside: _Inside) -> Json:
    told = {name: part for name, part in resource.items() if not (name == "link" and resource.get("resourceType") == "Patient")}
    told = without_addresses(told) if inside.patients.protects(resource) else told
    return {"fullUrl": _urn(url, resource), "resource": _told(told, inside), "search": {"mode": mode}}


def _told(value: Any, inside: _Inside) -> Any:
    """Without the journal's addresses, and with narratives that are safe to show: a journal's words are input like any other."""
    if type(value) is list:
        return [_told(part, inside) for part in value]
    if type(value) is not dict:
        return value
    made = {name: _told(part, inside) for name, part in value.items()}
    if type(made.get("div")) is str:
        made["div"] = narrative.clean(made["div"])[0] or _NO_WORDS
    return _reference(made, inside) if type(made.get("reference")) is str and not made["reference"].startswith("#") else made


_NO_WORDS = '<div xmlns="http://www.w3.org/1999/xhtml">-</div>'


def _reference(reference: Json, inside: _Inside) -> Json:
    """One that leads to an entry follows it. Any other is reduced to what it says itself: the type, and of a Patient the identifier."""
    plain = unversioned(reference["reference"])
    relative = "/".join(plain.split("/")[-2:])
    name = inside.names.get(plain) or inside.names.get(relative)
    if name:
        return {**reference, "reference": name}
    numbers = reach(inside.patients.of(reference, {}), ("identifier",))
    kind = relative.partition("/")[0]
    typed = {"type": kind} if _TYPE.fullmatch(kind) else {}
    known = {"identifier": numbers[0]} if numbers else {}
    return {**typed, **known, **{key: value for key, value in reference.items() if key != "reference"}} or {"display": "-"}
