"""Our table of R4 against somebody else's models of R4B, element by element. Where the two versions differ, the row says so."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from shared.fhir.r4 import PRIMITIVES, TABLE, UNLISTED, Element, Type, table

INHERITED = {"id", "extension", "modifierExtension", "contained", "text", "meta", "implicitRules", "language"}
ABSTRACT = {"Resource", "DomainResource", "Element", "BackboneElement"}
NAMES = {"EncodedBytes": "base64Binary", "UuidVersion": "uuid", "Boolean": "boolean"}  # what their models call a type
DIFFERENT = {  # (type, element) -> why R4 is not R4B here
    ("Extension", "valueMeta"): "R4 has Meta among the open types, R4B's models have not",
    ("Extension", "valueCodeableReference"): "a type of R4B",
    ("Extension", "valueRatioRange"): "a type of R4B",
    ("Observation", "subject"): "R4B lets an Observation be about more kinds of things",
}
UNSAID = {  # required bindings that their models do not list, or cut short with a plus
    *("confidentiality", "condition-clinical", "condition-ver-status", "allergyintolerance-clinical", "allergyintolerance-verification"),
    *("issue-type", "quantity-comparator", "event-timing", "mimetypes", "currencies"),
}
TOPS = sorted(name for name in table().types if "." not in name and name not in ABSTRACT | {"SimpleQuantity"})


def fields(model: str) -> dict[str, Any]:
    """JSON key -> their field, of what is an element and no helper of the library."""
    found: dict[str, Any] = dict(get_fhir_model_class(model).model_fields)
    named = {field.alias or name: field for name, field in found.items()}
    return {key: field for key, field in named.items() if (field.json_schema_extra or {}).get("element_property") or key in INHERITED}


def pairs(ours: str, model: str) -> Iterator[tuple[Type, str]]:
    """A type and every backbone element below it, each with the name of their model."""
    yield table().types[ours], model
    theirs = fields(model)
    for key, element in table().types[ours].elements.items():
        if element.type.startswith(f"{ours}.") and element.type == f"{ours}.{element.name}":
            yield from pairs(element.type, their_type(theirs[key]))


def their_type(field: Any) -> str:
    text = str(field.annotation)
    primitive = re.search(r"Annotated\[.*?, ?(?:<fhir_core\.types\.)?([A-Za-z0-9]+)(?:\(| object)", text)
    if primitive:
        name = primitive[1]
        return NAMES.get(name, name[0].lower() + name[1:])
    if "bool" in text:
        return "boolean"
    found = re.findall(r"([A-Za-z0-9]+)Type\b", text)
    return str(found[0]) if found else text


def differences(kind: Type, model: str) -> Iterator[tuple[str, str, str]]:
    theirs = fields(model)
    yield from ((kind.name, key, "only one has it") for key in theirs.keys() ^ kind.elements.keys())
    for key in theirs.keys() & kind.elements.keys():
        yield from ((kind.name, key, fault) for fault in unlike(kind.elements[key], theirs[key]))


def unlike(element: Element, field: Any) -> Iterator[str]:
    extra = field.json_schema_extra or {}
    if ("List[" in str(field.annotation)) != element.many:
        yield "list or not"
    if bool(extra.get("element_required") or extra.get("one_of_many_required") or field.is_required()) != bool(element.least):
        yield "required or not"
    if element.name.endswith("[x]") and f"{extra.get('one_of_many')}[x]" != element.name:
        yield "choice"
    if "." not in element.type and element.type.removeprefix("Simple") != their_type(field):
        yield f"type: {their_type(field)}"
    targets = set(extra.get("enum_reference_types") or ()) - {"Resource"}
    if element.type == "Reference" and targets != element.targets:
        yield "targets"
    codes = set(extra.get("enum_values") or ())
    if element.codes and element.codes.name not in UNSAID and codes - {"+"} != element.codes.codes and "+" not in codes:
        yield "codes"
    if codes and not (element.codes and codes - {"+"} <= element.codes.codes):
        yield "codes"


@pytest.mark.parametrize("top", TOPS)
def test_the_table_says_what_the_models_of_r4b_say(top: str) -> None:
    found = {fault for kind, model in pairs(top, top) for fault in differences(kind, model)}
    assert {fault for fault in found if fault[:2] not in DIFFERENT} == set()


def test_every_difference_that_is_excused_is_one() -> None:
    found = {fault[:2] for top in TOPS for kind, model in pairs(top, top) for fault in differences(kind, model)}
    assert found >= DIFFERENT.keys()


def test_every_type_that_the_table_names_is_known() -> None:
    used = {element.type for kind in table().types.values() for element in kind.elements.values()}
    assert used - PRIMITIVES - UNLISTED - table().types.keys() == set()


def test_the_table_stays_small_enough_to_read() -> None:
    assert TABLE.stat().st_size < 40_000 and max(map(len, TABLE.read_text().splitlines())) <= 160


def test_the_table_knows_every_resource_of_r4() -> None:
    ours = {name for name, kind in table().types.items() if kind.base in ("Resource", "DomainResource")}
    assert len(table().resources) == 146 and table().resources >= ours - {"DomainResource"}
