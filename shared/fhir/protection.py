"""Protected addresses (sperret adresse): of somebody who has one, nothing is shown that tells where they live, whatever a journal sent."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from shared.fhir.elements import Json
from shared.fhir.reach import objects, reach
from shared.fhir.references import kinds, relative, target

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
    {"generalPractitioner", "managingOrganization", "serviceProvider", "custodian", "organization"}
    | {"team", "careTeam", "careManager"}  # a team or a zone is named after a part of the town
    | {"photo", "tag", "security", "extension", "modifierExtension"}
)
_PLACES = frozenset(
    {"location", "organization", "organizationaffiliation", "careteam", "healthcareservice", "practitionerrole", "endpoint", "group"}
)
_GONE = _PLACES | {"practitioner"}  # contained resources that are left out; a practitioner's number tells no place
_KEPT = {  # of what is said to hold no address
    "contact": frozenset({"relationship", "name", "telecom", "gender", "period"}),
    "telecom": frozenset({"system", "value", "use", "rank", "period"}),
}
_ORGANISATIONS = re.compile(r"urn:oid:2\.16\.578\.1\.12\.4\.1\.(2(\.101)?|4\.10[12])")  # systems of HER-id, organisasjonsnummer, RESH-id
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
    whole = dict(resource)
    gone = frozenset(f"#{one.get('id')}" for one in objects(whole) if _gone(one))
    hidden: Json = _hidden(whole, "", gone)
    return hidden


def _gone(value: Json) -> bool:
    return not _GONE.isdisjoint(kinds(value.get("resourceType")))


def _hidden(value: Any, key: str, gone: frozenset[str]) -> Any:
    """Without what tells where somebody lives, and without what is empty then."""
    if type(value) is list:
        return [part for part in (_hidden(each, key, gone) for each in value) if part not in ([], {}, None)]
    if type(value) is not dict:
        return {} if key in _KEPT else value
    made = {name: _hidden(part, name, gone) for name, part in value.items() if _shown(value, name, key)}
    full = {name: part for name, part in made.items() if part not in ([], {})}
    if _gone(value) or _empty(full, key):
        return {}
    return _unnamed(full, gone) if key != "coding" and not full.keys() & set(_CODED) else full


def _shown(value: Json, name: str, key: str) -> bool:
    """Whether an element is no place itself. A resource's own narrative may tell one, the words of a plan's section are what it is for."""
    small = name.lower()
    if (
        name in _HIDDEN
        or small.startswith(("_", "location"))
        or small.endswith(("address", "adresse"))
        or name not in _KEPT.get(key, value)
    ):
        return False
    if name == "text" and "resourceType" in value:
        return False
    return name in _PATIENT or "patient" not in kinds(value.get("resourceType"))


def _empty(value: Json, key: str) -> bool:
    """A contact without a name, and a phone that is none."""
    if key == "contact":
        return not value.keys() & {"name", "telecom"}
    return key == "telecom" and (value.get("system") not in _PHONES or type(value.get("value")) is not str)


def _unnamed(value: Json, gone: frozenset[str]) -> Json:
    """A reference without its words, without the number of a place, and without what it led to: each may tell where it is."""
    lost = {"display"} | ({"reference"} if target(value) in gone else set()) | ({"identifier"} if _of_a_place(value) else set())
    if value.keys().isdisjoint(lost):
        return value
    kept = {name: part for name, part in value.items() if name not in lost}
    return kept if kept.keys() & {"reference", "identifier", "type"} else {**kept, "display": "-"}


def _of_a_place(reference: Json) -> bool:
    if "resourceType" in reference:
        return False
    said = kinds([reference.get("type"), relative(target(reference)).partition("/")[0]])
    systems = (each.get("system") for each in reach(reference, ("identifier",)) if type(each) is dict)
    return not _PLACES.isdisjoint(said) or any(type(each) is str and _ORGANISATIONS.fullmatch(each) for each in systems)


def _mark(extension: Mapping[str, Any]) -> bool:
    """However the URL is spelt: a mark that is taken for something else shows somebody's address."""
    url = extension.get("url")
    if not url:
        return False
    text = " ".join(each for each in (url if type(url) is list else [url]) if type(each) is str)
    letters = _LETTERS.sub("", unquote(text).lower())
    return ("secretaddress" in letters or "secretadress" in letters) and extension.get("valueBoolean") is not False
