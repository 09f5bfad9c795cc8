"""What a pass over a resource carries along: what it has found, and what a reference may lead to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.domain.adapter import Finding
from shared.fhir.r4 import Element, table
from shared.fhir.reach import reach, step

At = tuple[Any, str | int] | None  # (the place above, key or index): made into a path only where something is wrong

MOST = 1000  # findings: what is wrong a thousand times is known by then
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(/_history/[A-Za-z0-9.-]{1,64})?|[a-z][a-z0-9+.-]*:\S+", re.ASCII)
INDIVIDUAL = frozenset({"Practitioner", "PractitionerRole", "RelatedPerson"})  # Encounter.participant.individual, nothing else has these
TAKEN = frozenset({"Practitioner", "RelatedPerson", "Device"})  # and what the national profile has in their place (vkp.md 3.2)


class Walk:
    """One pass over a tree, as deep as the JSON, which `strict.load` holds to 32 levels."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.found: list[Finding] = []

    def tell(self, at: At, code: str, text: str, severity: Literal["error", "warning"] = "error") -> None:
        if len(self.found) < MOST:
            self.found.append(Finding(severity, self._path(at), code, text))

    def _path(self, at: At) -> str:
        steps: list[str] = []
        while at is not None:
            at, key = at
            steps.append(step(key))
        return self.where + "".join(reversed(steps))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reference may lead to. `contained`: id -> type of what the resource contains; `kinds`: fullUrl -> type of the entries
    around it, None outside a Bundle; `inside`: the id of the contained resource that is being looked at, None in the resource itself."""

    contained: Mapping[str, str]
    kinds: Mapping[str, str] | None = None
    inside: str | None = None
    used: set[str] = field(default_factory=set)


def scope_of(resource: Mapping[str, Any], kinds: Mapping[str, str] | None) -> Scope:
    if resource["resourceType"] == "Bundle":
        entries = [entry for entry in reach(resource, ("entry",)) if type(entry) is dict]
        kinds = {url: _kind(entry.get("resource")) for entry in entries if type(url := entry.get("fullUrl")) is str}
    held = [each for each in reach(resource, ("contained",)) if type(each) is dict]
    return Scope({each["id"]: _kind(each) for each in held if type(each.get("id")) is str}, kinds)


def _kind(resource: Any) -> str:
    kind = resource.get("resourceType") if type(resource) is dict else None
    return kind if type(kind) is str else ""


def contained(walk: Walk, node: Any, at: At, scope: Scope) -> None:
    """dom-2 to dom-5. Asked when the whole resource has been looked at, and all that it refers to is known."""
    for place, each in enumerate(reach(node, ("contained",))):
        if type(each) is not dict:
            continue
        if "contained" in each:
            walk.tell(((at, place), "contained"), "invariant", "dom-2: a contained resource contains no other")
        if f"#{each.get('id')}" not in scope.used:
            walk.tell((at, place), "invariant", "dom-3: nothing refers to this contained resource")
        for name, key in (("versionId", "dom-4"), ("lastUpdated", "dom-4"), ("security", "dom-5")):
            if reach(each, ("meta", name)):
                walk.tell((((at, place), "meta"), name), "invariant", f"{key}: is not said of a contained resource")


def reference(walk: Walk, text: Any, at: At, scope: Scope) -> None:
    """That it can lead somewhere (R4, References: a URL, Type/id or #id), ref-1, and within a Bundle that the entry is there."""
    if type(text) is not str:
        return
    if text == "#":
        if scope.inside is None:
            return walk.tell(at, "invariant", "ref-1: only a contained resource refers to what contains it")
        scope.used.add(f"#{scope.inside}")
    elif text.startswith("#"):
        scope.used.add(text)
        if text[1:] not in scope.contained:
            walk.tell(at, "invariant", "ref-1: no contained resource has this id")
    elif text.startswith(("urn:uuid:", "urn:oid:")) and scope.kinds is not None and text not in scope.kinds:
        walk.tell(at, "not-found", "no entry of the Bundle has this fullUrl")
    elif not _REFERENCE.fullmatch(text):
        walk.tell(at, "value", "expected a URL with a scheme in small letters, Type/id or #id")


def target(walk: Walk, node: Mapping[str, Any], element: Element, at: At, scope: Scope) -> None:
    """A reference that says, or shows, what it leads to."""
    text, kind = node.get("reference"), node.get("type")
    if type(text) is str:
        held = scope.contained.get(text[1:]) if text.startswith("#") else (scope.kinds or {}).get(text)
        kind = held or shown(text) or kind
    targets = TAKEN if element.targets == INDIVIDUAL else element.targets
    if type(kind) is str and kind in table().resources and kind not in targets:
        walk.tell(at, "structure", f"leads to {kind}: expected {', '.join(sorted(targets))}")


def shown(reference: str) -> str:
    """The type in Patient/1, https://journal.example/fhir/Patient/1 and Patient/1/_history/2."""
    steps = reference.partition("/_history/")[0].split("/")
    return steps[-2] if len(steps) > 1 and steps[-2] in table().resources else ""
