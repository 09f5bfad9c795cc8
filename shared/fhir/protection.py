"""Protected addresses (sperret adresse): of somebody who has one, nothing is shown that tells where they live, whatever a journal sent."""

import re
from collections.abc import Mapping
from typing import Any

from shared.fhir.elements import Json

_TELLING = ("sone", "household", "elock", "urban-district", "propertyinformation")  # ends of extensions that say where somebody lives
_VERSION = re.compile(r"(\|.*|-v\d+|/)$")
# of a protected Patient, no more than who it is and how to reach them: an address may stand in any other element
_PATIENT = frozenset(
    {"resourceType", "id", "meta", "identifier", "active", "name", "telecom", "gender", "birthDate", "contact", "communication"}
    | {"deceasedBoolean", "deceasedDateTime"}
)
_HIDDEN = frozenset(
    {"address", "_address", "generalPractitioner", "managingOrganization", "contained", "location", "serviceProvider", "photo"}
)


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
    return {name: part for name, part in _hidden(dict(kept)).items() if part not in ([], {})}


def _hidden(value: Any) -> Any:
    if type(value) is list:
        return [_hidden(part) for part in value if not (type(part) is dict and _telling(part))]
    if type(value) is not dict:
        return value
    hidden = _HIDDEN | {"text"} if "resourceType" in value else _HIDDEN  # a resource's own narrative, not the words of a plan's section
    return {name: _hidden(part) for name, part in value.items() if name not in hidden}


def _mark(extension: Mapping[str, Any]) -> bool:
    """However the URL is spelt: a mark that is taken for something else shows somebody's address."""
    url = _url(extension).replace("adress", "address").replace("-", "")
    return "secretaddress" in url and extension.get("valueBoolean") is not False


def _telling(extension: Mapping[str, Any]) -> bool:
    return _url(extension).endswith(_TELLING) or "valueAddress" in extension or _mark(extension)


def _url(extension: Mapping[str, Any]) -> str:
    url = extension.get("url")
    text = " ".join(each for each in (url if type(url) is list else [url]) if type(each) is str).strip().lower()
    return _VERSION.sub("", _VERSION.sub("", text))
