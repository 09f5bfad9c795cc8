"""Base R4 as a table (`r4.txt`, read once): which elements a type has, how many of each, of what type and with which codes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "r4.txt"

TEXTS = frozenset(
    {"string", "code", "id", "uri", "url", "canonical", "oid", "uuid", "date", "dateTime", "instant", "time"}
    | {"base64Binary", "markdown", "xhtml"}
)
PRIMITIVES = TEXTS | {"boolean", "integer", "positiveInt", "unsignedInt", "decimal"}
UNLISTED = frozenset(  # data types of definitions, which only an extension could carry here: objects that nobody looks into
    {"ContactDetail", "Contributor", "DataRequirement", "Expression", "ParameterDefinition", "RelatedArtifact", "TriggerDefinition"}
    | {"UsageContext"}
)
ANYTHING = (  # what an extension may carry
    *sorted(PRIMITIVES - {"xhtml"}),
    *("Address", "Age", "Annotation", "Attachment", "CodeableConcept", "Coding", "ContactPoint", "Count", "Distance", "Duration"),
    *("HumanName", "Identifier", "Money", "Period", "Quantity", "Range", "Ratio", "Reference", "SampledData", "Signature", "Timing"),
    *("Dosage", "Meta", *sorted(UNLISTED)),
)
_ELEMENT = re.compile(r"(?P<name>\w+(?:\[x])?)(?P<need>!?)(?P<many>\*?):(?P<types>.+)")
_TYPE = re.compile(r"(?P<type>[\w.]+|\*)(?:\((?P<targets>[\w,]+)\))?(?:\[(?P<codes>[\w-]+)])?")


@dataclass(frozen=True, slots=True)
class Codes:
    """A required binding. `systems`: empty where the element is a bare code."""

    name: str
    codes: frozenset[str]
    systems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Element:
    """One spelling of an element. `name`: as R4 has it (`value[x]`); `targets`: what a Reference may lead to, none = anything."""

    name: str
    type: str
    least: int
    many: bool
    codes: Codes | None = None
    targets: frozenset[str] = frozenset()
    primitive: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """`elements`: JSON key -> element, inherited ones too. `needs`: name -> the keys of which one must be there.
    `choices`: the same for every choice: at most one may be there."""

    name: str
    base: str
    elements: Mapping[str, Element]
    needs: Mapping[str, tuple[str, ...]]
    choices: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """`resources`: the name of every resource of R4, also of those that have no row."""

    types: Mapping[str, Type]
    resources: frozenset[str]


@cache
def table() -> Table:
    lines = _lines(TABLE.read_text())
    codes = {name: Codes(name, *values) for name, values in map(_codes, [line for line in lines if line.startswith("[")])}
    types: dict[str, Type] = {}
    for line in lines:
        head, is_type, body = line.partition(" =")
        if is_type and not line.startswith("["):
            name, _, base = head.partition(" < ")
            types[name] = _type(name, base, body.split(), types, codes)
    listed = next(line for line in lines if line.startswith("resources "))
    return Table(types, frozenset(listed.split()[1:]))


def _lines(text: str) -> list[str]:
    """Without comments, and with what was wrapped put back on one line."""
    return [line for line in text.replace("\n    ", " ").splitlines() if line and not line.startswith("#")]


def _codes(line: str) -> tuple[str, tuple[frozenset[str], frozenset[str]]]:
    name, *words = line.split()
    systems = frozenset(word[1:-1] for word in words if word.startswith("<http"))
    return name.strip("[]"), (frozenset(word for word in words if not word.startswith("<http")), systems)


def _type(name: str, base: str, body: list[str], types: Mapping[str, Type], codes: Mapping[str, Codes]) -> Type:
    own = {key: element for word in body for key, element in _elements(name, word, codes)}
    elements = {**(types[base].elements if base else {}), **own}
    spelt: dict[str, list[str]] = {}
    for key, element in elements.items():
        spelt.setdefault(element.name, []).append(key)
    return Type(
        name,
        base,
        elements,
        {element.name: tuple(spelt[element.name]) for element in elements.values() if element.least},
        {name: tuple(keys) for name, keys in spelt.items() if name.endswith("[x]")},
    )


def _elements(parent: str, word: str, codes: Mapping[str, Codes]) -> Iterator[tuple[str, Element]]:
    found = _matched(_ELEMENT, word)
    name, stem = found["name"], found["name"].removesuffix("[x]")
    for alternative in ANYTHING if found["types"] == "*" else found["types"].split("|"):
        each = _matched(_TYPE, alternative)
        kind = f"{parent}.{name}" if each["type"] == "." else each["type"]
        suffix = kind.removeprefix("Simple")
        key = stem if stem == name else f"{stem}{suffix[0].upper()}{suffix[1:]}"
        bound = codes.get(each["codes"] or "") or (Codes(each["codes"], frozenset(), frozenset()) if each["codes"] else None)
        targets = frozenset((each["targets"] or "").split(",")) - {""}
        yield key, Element(name, kind, int(bool(found["need"])), bool(found["many"]), bound, targets, kind in PRIMITIVES)


def _matched(shape: re.Pattern[str], word: str) -> re.Match[str]:
    if not (found := shape.fullmatch(word)):
        raise ValueError(f"{TABLE.name}: {word} cannot be read")
    return found
