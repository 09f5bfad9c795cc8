"""Which organisation a client speaks for: `assertion_details`, formerly `authorization_details`, in its assertion (vkp.md 1.6)."""

import re
from collections.abc import Mapping
from typing import Any

from local.helseid.clients import Client
from local.helseid.refusal import Refusal

TYPE = "helseid_authorization"  # other types may stand beside it and say nothing here
OF_ONE = (
    "urn:oid:2.16.578.1.12.4.1.2.101",
    "urn:oid:2.16.578.1.12.4.1.4.101",
)  # single-tenant; HelseID's samples have the first, Enhetsregisteret the second
OF_MANY = "urn:oid:1.0.6523"  # multi-tenant
_NUMBER = re.compile(r"[0-9]{9}")
_PAIR = re.compile(r"NO:ORGNR:([0-9]{9})(?::([0-9]{9}))?")


def organisations(claims: Mapping[str, Any], client: Client) -> tuple[str, str]:
    """Parent and child, each "" if unknown. Raises Refusal."""
    given = [name for name in ("assertion_details", "authorization_details") if name in claims]
    if len(given) == 2:
        raise _wrong("assertion_details and authorization_details: send one of them, never both")
    details = _details(claims[given[0]], given[0]) if given else []
    if not details:
        return client.orgnr_parent, ""
    return _numbers(_identifier(details[0], given[0]), given[0], client)


def _details(value: Any, name: str) -> list[Mapping[str, Any]]:
    """Those of our type: an object, or a list of objects."""
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(one, dict) and isinstance(one.get("type"), str) for one in found):
        raise _wrong(f"{name}: expected an object with a type, or a list of such")
    ours = [one for one in found if one["type"] == TYPE]
    if len(ours) > 1:
        raise _wrong(f"{name}: expected one object of type {TYPE}, not several")
    return ours


def _identifier(detail: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Any = detail
    for part in ("practitioner_role", "organization", "identifier"):
        name, found = f"{name}.{part}", found.get(part)
        if not isinstance(found, dict):
            raise _wrong(f"{name}: expected an object")
    identifier: Mapping[str, Any] = found
    if identifier.get("type") != "ENH":
        raise _wrong(f"{name}.type: expected ENH")
    return identifier


def _numbers(identifier: Mapping[str, Any], name: str, client: Client) -> tuple[str, str]:
    system, value = identifier.get("system"), identifier.get("value")
    if system in OF_ONE:
        if not isinstance(value, str) or not _NUMBER.fullmatch(value):
            raise _wrong(f"{name}: identifier.value: expected the nine digits of a child organisation")
        if not client.orgnr_parent:
            raise _wrong(f"{name}: identifier.system: a multi-tenant client names parent and child, with system {OF_MANY}")
        return client.orgnr_parent, value
    pair = _PAIR.fullmatch(value) if system == OF_MANY and isinstance(value, str) else None
    if pair is None:
        raise _wrong(f"{name}: identifier: expected system {OF_ONE[0]} with nine digits, or {OF_MANY} with NO:ORGNR:parent:child")
    if client.orgnr_parent and pair[1] != client.orgnr_parent:
        raise _wrong(f"{name}: identifier.value: this client speaks for one parent organisation, and it is another")
    return pair[1], pair[2] or ""


def _wrong(words: str) -> Refusal:
    return Refusal("invalid_request", words)
