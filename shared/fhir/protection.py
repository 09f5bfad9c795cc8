"""Protected addresses (sperret adresse): of somebody who has one, nothing is shown that tells where they live, whatever a journal sent."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from shared.fhir.elements import Json

_LETTERS = re.compile(r"[^a-z]")
# of a protected Patient, no more than who it is and how to reach them: an address may stand in any other element
_PATIENT = frozenset(
    {"resourceType", "id", "meta", "identifier", "active", "name", "telecom", "gender", "birthDate", "contact", "communication"}
    | {"deceasedBoolean", "deceasedDateTime"}
)
_HIDDEN = frozenset(
    {"address", "_address", "generalPractitioner", "managingOrganization", "contained", "location", "serviceProvider", "photo"}
    | {"team", "careManager", "organization", "extension", "modifierExtension"}  # a team or a zone is named after a part of the town
)
_REFERENCE = frozenset({"reference", "identifier", "type", "display"})


def protects(value: Any) -> bool:
    """Whether the mark stands anywhere in it (vkp.md 3.3: no-vft-secret-address, boolean on Address). Any value but false protects."""
    if type(value) is list:
        return any(protects(part) for part in value)
    if type(value) is not dict:
        return False
    return _mark(value) or any(protects(part) for part in value.values() if type(part) in (dict, list))


def without_addresses(resource: Mapping[str, Any]) -> Json:
    """The resource of somebody protected, as it may be shown."""
    kept = {name: part for name, part in resource.items() if name in _PATIENT} if resource.get("resourceType") == "Patient" else resource
    hidden: Json = _hidden(dict(kept))
    return hidden


def _hidden(value: Any) -> Any:
    """Without what tells where somebody lives, and without what is empty then."""
    if type(value) is list:
        return [part for part in map(_hidden, value) if part not in ([], {})]
    if type(value) is not dict:
        return value
    hidden = _HIDDEN | {"text"} if "resourceType" in value else _HIDDEN  # a resource's own narrative, not the words of a plan's section
    made = {name: _hidden(part) for name, part in value.items() if name not in hidden}
    return _unnamed({name: part for name, part in made.items() if part not in ([], {})})


def _unnamed(value: Json) -> Json:
    """A reference without its words: whom or what it leads to may be named after where it is."""
    if "display" not in value or not value.keys() <= _REFERENCE:
        return value
    return {name: part for name, part in value.items() if name != "display"} or {"display": "-"}


def _mark(extension: Mapping[str, Any]) -> bool:
    """However the URL is spelt: a mark that is taken for something else shows somebody's address."""
    url = extension.get("url")
    text = " ".join(each for each in (url if type(url) is list else [url]) if type(each) is str)
    letters = _LETTERS.sub("", unquote(text).lower())
    return ("secretaddress" in letters or "secretadress" in letters) and extension.get("valueBoolean") is not False
