"""What the invariants of base R4 ask of an element, each as a function of it: `invariants.py` says of which.

They see elements of any kind, since they are asked before anyone knows whether these are right: what is no value of its type breaks none.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.fhir.reach import reach

Node = Mapping[str, Any]

UCUM = "http://unitsofmeasure.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"


def said(node: Node, stem: str) -> bool:
    """Whether any spelling of a choice stands there."""
    return any(key.removeprefix("_").startswith(stem) for key in node)


def there(node: Node, name: str) -> bool:
    """Whether an element stands there, or is spoken of by an extension alone."""
    return name in node or f"_{name}" in node


def needs(name: str, *others: str) -> Callable[[Node], bool]:
    """With `name`, at least one of the others."""
    return lambda node: not there(node, name) or any(there(node, other) for other in others)


def has_any(*names: str) -> Callable[[Node], bool]:
    return lambda node: any(there(node, name) for name in names)


def not_both(name: str, *others: str) -> Callable[[Node], bool]:
    return lambda node: not (there(node, name) and any(there(node, other) for other in others))


def in_order(first: Any, second: Any) -> bool:
    """Times of the same precision are compared; FHIR cannot say of a day and an instant within it which is first."""
    if type(first) is not str or type(second) is not str:
        return True
    if len(first) <= 10 or len(second) <= 10:
        shortest = min(len(first), len(second), 10)
        return first[:shortest] <= second[:shortest]
    try:
        return datetime.fromisoformat(first) <= datetime.fromisoformat(second)
    except (ValueError, TypeError):
        return True


def finite(value: Any) -> Decimal | None:
    """A number that can be compared. Whoever reads JSON less strictly than we do may have NaN."""
    number = Decimal(str(value)) if type(value) in (int, float, Decimal) else None
    return number if number is not None and number.is_finite() else None


def rising(node: Node) -> bool:
    low, high = node.get("low"), node.get("high")
    if type(low) is not dict or type(high) is not dict or low.get("code") != high.get("code") or low.get("system") != high.get("system"):
        return True
    least, most = finite(low.get("value")), finite(high.get("value"))
    return least is None or most is None or least <= most


def not_negative(name: str) -> Callable[[Node], bool]:
    return lambda node: (value := finite(node.get(name))) is None or value >= 0


def ucum(node: Node) -> bool:
    return ("code" in node or "value" not in node) and node.get("system", UCUM) == UCUM


def coded(node: Node, name: str, system: str, *codes: str) -> bool:
    codings = [coding for coding in reach(node, (name, "coding")) if type(coding) is dict]
    return any(coding.get("system") == system and coding.get("code") in list(codes) for coding in codings)


def in_error(node: Node, system: str) -> bool:
    return coded(node, "verificationStatus", system, "entered-in-error")


def entries_of(node: Node) -> list[Any]:
    return [entry for entry in reach(node, ("entry",)) if type(entry) is dict]


def said_by(name: str, *types: str) -> Callable[[Node], bool]:
    """Every entry has `name` in a Bundle of these types, and none in any other."""
    return lambda node: all((name in entry) == (node.get("type") in list(types)) for entry in entries_of(node))


def first_is(kind: str, bundle: str) -> Callable[[Node], bool]:
    def holds(node: Node) -> bool:
        first = entries_of(node)[:1]
        return node.get("type") != bundle or reach(first, ("resource", "resourceType")) == [kind]

    return holds


def identified(bundle: Node) -> bool:
    name = bundle.get("identifier")
    return type(name) is dict and there(name, "system") and there(name, "value")


def in_document(holds: Callable[[Node], bool]) -> Callable[[Node], bool]:
    return lambda node: node.get("type") != "document" or holds(node)


def stands_once(node: Node) -> bool:
    if node.get("type") == "history":
        return True
    names = [
        (entry.get("fullUrl"), *reach(entry, ("resource", "meta", "versionId"))[:1]) for entry in entries_of(node) if "fullUrl" in entry
    ]
    return len({str(name) for name in names}) == len(names)


def distinct_code(node: Node) -> bool:
    if not said(node, "value"):
        return True
    own = own_codings(node)
    return not any(own & own_codings(part) for part in reach(node, ("component",)))


def own_codings(node: Any) -> set[tuple[str, ...]]:
    codings = [coding for coding in reach(node, ("code", "coding")) if type(coding) is dict]
    return {tuple(str(coding.get(part)) for part in ("system", "version", "code", "display", "userSelected")) for coding in codings}
