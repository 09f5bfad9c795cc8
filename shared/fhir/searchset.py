"""The searchset of a look-up: what was found, under names of the answer's own, with nothing that may not be shown (vkp.md 2.7 h-k)."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from shared.fhir import narrative
from shared.fhir.elements import Json
from shared.fhir.found import Patients
from shared.fhir.protection import without_addresses
from shared.fhir.references import Found, Names, relative, target

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")


@dataclass(frozen=True, slots=True)
class _Inside:
    """What references in an answer can lead to: Patients, handed out or not, and other entries. `urns`: of an entry's resource, by `id`."""

    patients: Patients
    others: Names
    urns: Mapping[int, str]


def searchset(matches: Found, included: Found, patients: Patients, note: str = "") -> Json:
    """`patients`: of all that was found. `note`: what a reader should know of the search itself.

    The journal's own addresses stay inside: entries get names of the answer's own, and references between them follow.
    """
    found = [*matches, *included]
    urns = _urns(found)
    others = Names([one for one in found if one[1]["resourceType"] != "Patient"], patients.bases, lambda one, other: one == other)
    inside = _Inside(patients, others, {id(one): urn for (_, one), urn in zip(found, urns, strict=True)})
    modes = ["match"] * len(matches) + ["include"] * len(included)
    entries = [_entry(urn, one[1], mode, inside) for urn, one, mode in zip(urns, found, modes, strict=True)]
    if note:
        told = {"severity": "warning", "code": "incomplete", "details": {"text": note}}
        outcome = {"resourceType": "OperationOutcome", "issue": [told]}
        entries.append(_entry(_urns([("", outcome)])[0], outcome, "outcome", inside))
    return {"resourceType": "Bundle", "type": "searchset", "total": len(matches), **({"entry": entries} if entries else {})}


def _urns(found: Found) -> list[str]:
    """The same for the same resource in every answer, and never twice in one, even if a journal gives two resources one name."""
    seen: Counter[str] = Counter()
    urns = []
    for url, resource in found:
        name = url or repr(resource)
        urns.append(f"urn:uuid:{uuid5(NAMESPACE_URL, f'{name}|{seen[name]}' if seen[name] else name)}")
        seen[name] += 1
    return urns


def _entry(urn: str, resource: Mapping[str, Any], mode: str, inside: _Inside) -> Json:
    told = {name: part for name, part in resource.items() if not (name == "link" and resource.get("resourceType") == "Patient")}
    told = without_addresses(told) if inside.patients.protects(resource) else told
    return {"fullUrl": urn, "resource": _told(told, inside), "search": {"mode": mode}}


def _told(value: Any, inside: _Inside) -> Any:
    """Without the journal's addresses, and with narratives that are safe to show: a journal's words are input like any other."""
    if type(value) is list:
        return [_told(part, inside) for part in value]
    if type(value) is not dict:
        return value
    made = {name: _told(part, inside) for name, part in _ours(value).items()}
    if type(made.get("div")) is str:
        made["div"] = narrative.clean(made["div"])[0] or _NO_WORDS
    led = made.get("reference", {})  # an object may be called so too
    return made if type(led) is dict or (type(led) is str and led.startswith("#")) else _reference(made, inside)


def _ours(value: Json) -> Json:
    """Without where the journal had it from, and by which of its own rules it was made."""
    if "resourceType" not in value:
        return value
    kept = {name: part for name, part in value.items() if name not in ("implicitRules", "_implicitRules")}
    meta = kept.get("meta")
    if type(meta) is dict:
        kept["meta"] = {name: part for name, part in meta.items() if name not in ("source", "_source")}
    return kept if kept.get("meta") != {} else {name: part for name, part in kept.items() if name != "meta"}


_NO_WORDS = '<div xmlns="http://www.w3.org/1999/xhtml">-</div>'


def _reference(reference: Json, inside: _Inside) -> Json:
    """One that leads to an entry follows it. Any other is reduced to what it says itself: the type, and of a Patient the number."""
    patient = inside.patients.of(reference, {})
    led = inside.others.of(target(reference)) if patient is None else patient
    name = inside.urns.get(id(led))
    if name:
        return {**reference, "reference": name}
    number = inside.patients.number(patient) if patient else {}
    kind = relative(target(reference)).partition("/")[0]
    typed = {"type": kind} if _TYPE.fullmatch(kind) else {}
    known = {"identifier": number} if number else {}
    return {**typed, **known, **{key: value for key, value in reference.items() if key != "reference"}} or {"display": "-"}
