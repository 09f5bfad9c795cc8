"""Base R4 from the table: elements, kinds, cardinality, primitives, required bindings, references, invariants; and known extensions."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shared.domain.adapter import Finding
from shared.fhir import narrative
from shared.fhir.extensions import carried
from shared.fhir.holding import said
from shared.fhir.invariants import PLACES, broken
from shared.fhir.primitives import mistake
from shared.fhir.r4 import UNLISTED, Codes, Element, Type, table
from shared.fhir.reach import reach
from shared.fhir.walk import At, Scope, Walk, contained, reference, scope_of, target

ENTRIES = 500  # of one Bundle: no note needs more
FREE = {"mimetypes": "/", "currencies": ""}  # bindings to lists that nobody writes down: what every code of theirs has in it


def findings(resource: Any, where: str = "$") -> list[Finding]:
    """What base R4 has against a resource, in the order of the document, 1000 at most. Texts name paths, never values."""
    walk = Walk(where)
    _resource(walk, resource, None, Scope({}))
    return walk.found


# ---------------------------------------------------------------- resources


def _resource(walk: Walk, node: Any, at: At, around: Scope) -> None:
    if type(node) is not dict:
        return walk.tell(at, "structure", "expected a resource, an object")
    kind = node.get("resourceType")
    if type(kind) is not str or kind not in table().resources:
        return walk.tell((at, "resourceType"), "structure", "names no resource type of R4")
    scope = around if around.inside is not None else scope_of(node, around.kinds)
    if kind not in table().types:
        walk.tell((at, "resourceType"), "not-supported", "is a type that the hub does not look into", "warning")
        return
    _object(walk, node, table().types[kind], at, scope)
    if kind == "Bundle" and len(reach(node, ("entry",))) > ENTRIES:
        walk.tell((at, "entry"), "too-costly", f"has more than {ENTRIES} entries: send several documents")
    if around.inside is None and "contained" in node:
        contained(walk, node, (at, "contained"), scope)


# ---------------------------------------------------------------- elements


def _object(walk: Walk, node: Any, kind: Type, at: At, scope: Scope) -> None:
    if type(node) is not dict:
        return walk.tell(at, "structure", "expected an object")
    if not node or (len(node) == 1 and "id" in node):
        return walk.tell(at, "invariant", "ele-1: has nothing in it")
    for key, value in node.items():
        element = kind.elements.get(key)
        if element is None:
            _other(walk, node, key, kind, at, scope)
        elif element.many:
            _list(walk, value, node.get(f"_{key}") if element.primitive else None, element, (at, key), scope)
        elif type(value) is list:
            walk.tell((at, key), "structure", f"stands once: expected {'a value' if element.primitive else 'an object'}, no list")
        else:
            _value(walk, value, element, (at, key), scope)
    _count(walk, node, kind, at)
    _rules(walk, node, kind, at, scope)


def _other(walk: Walk, node: Any, key: str, kind: Type, at: At, scope: Scope) -> None:
    """A key that is no element: the type of a resource, or what is said beside a primitive value."""
    beside = kind.elements.get(key[1:]) if key.startswith("_") else None
    if beside and beside.primitive:
        _beside(walk, node[key], node.get(key[1:]), beside, (at, key), scope)
    elif key != "resourceType" or kind.name not in table().resources:
        walk.tell((at, key), "structure", f"is no element of {kind.name}")


def _beside(walk: Walk, value: Any, plain: Any, element: Element, at: At, scope: Scope) -> None:
    if not element.many:
        return _about(walk, value, plain, at, scope)
    if type(value) is not list or not value:
        return walk.tell(at, "structure", "expected a list, with null where nothing is said")
    if type(plain) is list and len(plain) != len(value):
        walk.tell(at, "structure", "is not as long as the list that it is said of")
    for place, each in enumerate(value):
        spoken = plain[place] if type(plain) is list and place < len(plain) else None
        if each is not None:
            _about(walk, each, spoken, (at, place), scope)
        elif spoken is None:
            walk.tell((at, place), "invariant", "ele-1: has nothing in it")


def _about(walk: Walk, value: Any, plain: Any, at: At, scope: Scope) -> None:
    """What is said beside a value; beside none, an id alone says nothing."""
    if plain is None or type(value) is not dict or value.keys() != {"id"}:
        _object(walk, value, table().types["Element"], at, scope)
    elif wrong := mistake("string", value["id"]):
        walk.tell((at, "id"), *wrong)


def _list(walk: Walk, value: Any, beside: Any, element: Element, at: At, scope: Scope) -> None:
    if type(value) is not list:
        return walk.tell(at, "structure", "expected a list")
    if not value:
        return walk.tell(at, "invariant", "ele-1: has nothing in it")
    for place, each in enumerate(value):
        if each is None and type(beside) is list and place < len(beside) and beside[place] is not None:
            continue
        _value(walk, each, element, (at, place), scope)


def _value(walk: Walk, value: Any, element: Element, at: At, scope: Scope) -> None:
    if element.primitive:
        _primitive(walk, value, element, at, scope)
    elif element.type == "Resource" or element.type in table().resources:
        _within(walk, value, element, at, scope)
    elif element.type in UNLISTED:
        if type(value) is not dict or not value:
            walk.tell(at, "structure", "expected an object with something in it")
    else:
        _object(walk, value, table().types[element.type], at, scope)
        if element.codes:
            _bound(walk, value, element.codes, at)
        if element.targets and type(value) is dict:
            target(walk, value, element, at, scope)


def _within(walk: Walk, value: Any, element: Element, at: At, scope: Scope) -> None:
    if element.name == "contained":
        name = value.get("id") if type(value) is dict else None
        scope = replace(scope, inside=name if type(name) is str else "")
    _resource(walk, value, at, scope)


def _primitive(walk: Walk, value: Any, element: Element, at: At, scope: Scope) -> None:
    if wrong := mistake(element.type, value):
        return walk.tell(at, *wrong)
    if element.codes:
        _code(walk, value, element.codes, at)
    if element.type in ("uri", "canonical", "url") and value.startswith("#"):
        scope.used.add(value)
    if element.type == "xhtml":
        _narrative(walk, narrative.judged(value), at)


def _narrative(walk: Walk, found: narrative.Verdict, at: At) -> None:
    if wrong := found.form or found.fault:
        walk.tell(at, "invariant", wrong)
    elif found.risk:
        walk.tell(at, "security", f"has {found.risk}: FHIR allows it, the hub takes it out before the document goes on", "warning")


def _count(walk: Walk, node: Mapping[str, Any], kind: Type, at: At) -> None:
    for name, keys in kind.needs.items():
        if not any(key in node or f"_{key}" in node for key in keys):
            walk.tell((at, name) if len(keys) == 1 else at, "required", "is missing" if len(keys) == 1 else f"{name} is missing")
    for name, keys in kind.choices.items():
        if len({key for key in keys if key in node or f"_{key}" in node}) > 1:
            walk.tell(at, "structure", f"{name} stands in more than one spelling")


def _rules(walk: Walk, node: Any, kind: Type, at: At, scope: Scope) -> None:
    for key, text in broken(kind.name, node):
        place = at
        for tail in PLACES.get(key, ()):
            place = (place, tail)
        walk.tell(place, "invariant", f"{key}: {text}")
    if kind.name == "Extension":
        if said(node, "value") == ("extension" in node):
            walk.tell(at, "invariant", "ext-1: an extension has a value or extensions, and not both")
        for lack in carried(node):
            walk.tell(at, "extension", lack)
    if kind.name == "Reference":
        reference(walk, node.get("reference"), (at, "reference"), scope)


# ---------------------------------------------------------------- codes


def _code(walk: Walk, value: str, codes: Codes, at: At) -> None:
    if codes.name in FREE:
        if FREE[codes.name] not in value:
            walk.tell(at, "code-invalid", f"is no code of {codes.name}")
    elif value not in codes.codes:
        walk.tell(at, "code-invalid", f"expected one of: {', '.join(sorted(codes.codes))}")


def _bound(walk: Walk, concept: Any, codes: Codes, at: At) -> None:
    codings: Iterable[Any] = (coding for coding in reach(concept, ("coding",)) if type(coding) is dict)
    if not any(coding.get("system") in list(codes.systems) and coding.get("code") in list(codes.codes) for coding in codings):
        walk.tell(at, "code-invalid", f"has no code of {codes.name}: {', '.join(sorted(codes.codes))}")
