"""Protected addresses (sperret adresse): of somebody who has one, nothing is shown that tells where they live, whatever a journal sent."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from shared.fhir.elements import Json
from shared.fhir.reach import reach

_LETTERS = re.compile(r"[^a-z]")
# of a protected Patient, no more than who it is and how to reach them: an address may stand in any other element
_PATIENT = frozenset(
    {
        "resourceType",
        "id",
        "meta",
        "identifier",
        "active",
        "name",
        "telecom",
        "gender",
        "birthDate",
        "contact",
        "communication",
        "contained",
        "deceasedBoolean",
        "deceasedDateTime",
    }
)
_HIDDEN = frozenset(
    {"address", "generalPractitioner", "managingOrganization", "location", "serviceProvider", "photo", "tag", "security"}
    | {"team", "careManager", "organization", "extension", "modifierExtension"}  # a team or a zone is named after a part of the town
)
_PLACES = ("Location", "Organization", "CareTeam", "HealthcareService", "Practitioner", "PractitionerRole", "Endpoint")
_PHONES = ("phone", "sms", "email", "pager", "fax")
_CODED = ("system", "code", "version")


def protects(value: Any) -> bool:
    """Whether the mark stands anywhere in it (vkp.md 3.3: no-vft-secret-address, boolean on Address). Any value but false protects."""
    if type(value) is list:
        return any(protects(part) for part in value)
    if type(value) is not dict:
        return False
    return _mark(value) or any(protects(part) for part in value.values() if type(part) in (dict, list))


def without_addresses(resource: Mapping[str, Any]) -> Json:
    """The resource of somebody protected, as it may be shown."""
    inside = [one for one in reach(resource, ("contained",)) if type(one) is dict]
    gone = frozenset(f"#{one.get('id')}" for one in inside if one.get("resourceType") in _PLACES)
    kept = [one for one in inside if one.get("resourceType") not in _PLACES]
    hidden: Json = _hidden({**resource, **({"contained": kept} if inside else {})}, "", gone)
    return hidden


def _hidden(value: Any, key: str, gone: frozenset[str]) -> Any:
    """Without what tells where somebody lives, and without what is empty then."""
    if type(value) is list:
        return [part for part in (_hidden(each, key, gone) for each in value) if part not in ([], {}, None)]
    if type(value) is not dict:
        return value
    made = {name: _hidden(part, name, gone) for name, part in value.items() if _shown(value, name)}
    full = {name: part for name, part in made.items() if part not in ([], {})}
    if (key == "contact" and not full.keys() & {"name", "telecom"}) or (key == "telecom" and full.get("system") not in _PHONES):
        return {}
    return _unnamed(full, gone) if key != "coding" and not full.keys() & set(_CODED) else full


def _shown(value: Json, name: str) -> bool:
    """Whether an element is no place itself. A resource's own narrative may tell one, the words of a plan's section are what it is for."""
    if name in _HIDDEN or name.startswith("_") or (name == "text" and "resourceType" in value):
        return False
    return name in _PATIENT or value.get("resourceType") != "Patient"


def _unnamed(value: Json, gone: frozenset[str]) -> Json:
    """A reference without its words, and without what it led to: either may be named after where it is."""
    target = value.get("reference")
    lost = type(target) is str and target in gone
    if "display" not in value and not lost:
        return value
    kept = {name: part for name, part in value.items() if name != "display" and not (lost and name == "reference")}
    return kept if kept.keys() & {"reference", "identifier", "type"} else {**kept, "display": "-"}


def _mark(extension: Mapping[str, Any]) -> bool:
    """However the URL is spelt: a mark that is taken for something else shows somebody's address."""
    url = extension.get("url")
    if not url:
        return False
    text = " ".join(each for each in (url if type(url) is list else [url]) if type(each) is str)
    letters = _LETTERS.sub("", unquote(text).lower())
    return ("secretaddress" in letters or "secretadress" in letters) and extension.get("valueBoolean") is not False
