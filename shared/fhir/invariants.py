"""The invariants of base R4 that are errors, by the type they are about. Each row: key, what must hold, how that is said.

Those that need more than the element itself (ele-1, ext-1, ref-1, dom-2 to dom-5, txt-1, txt-2) are in `structure.py`. A rule sees
elements of any kind, since it is asked before anyone knows whether they are right: what is no value of its type breaks no rule here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.fhir.reach import reach

Node = Mapping[str, Any]
Invariant = tuple[str, Callable[[Node], bool], str]

UCUM = "http://unitsofmeasure.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"


PLACES: Mapping[str, tuple[str | int, ...]] = {  # where a broken one is told, if not at the element itself
    "bdl-7": ("entry",),
    "bdl-9": ("identifier",),
    "bdl-10": ("timestamp",),
    "bdl-11": ("entry", 0, "resource"),
    "bdl-12": ("entry", 0, "resource"),
}


def broken(kind: str, node: Node) -> list[tuple[str, str]]:
    """Keys and words of the invariants of a type that an element breaks."""
    return [(key, text) for key, holds, text in INVARIANTS.get(kind, ()) if not holds(node)]


def _said(node: Node, stem: str) -> bool:
    """Whether any spelling of a choice stands there."""
    return any(key.startswith(stem) for key in node)


def _needs(name: str, *others: str) -> Callable[[Node], bool]:
    """With `name`, at least one of the others."""
    return lambda node: name not in node or any(other in node for other in others)


def _any(*names: str) -> Callable[[Node], bool]:
    return lambda node: any(name in node for name in names)


def _not_both(name: str, *others: str) -> Callable[[Node], bool]:
    return lambda node: name not in node or not any(other in node for other in others)


def _in_order(first: Any, second: Any) -> bool:
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


def _number(value: Any) -> Decimal | None:
    """A number that can be compared. Whoever reads JSON less strictly than we do may have NaN."""
    number = Decimal(str(value)) if type(value) in (int, float, Decimal) else None
    return number if number is not None and number.is_finite() else None


def _rising(node: Node) -> bool:
    low, high = node.get("low"), node.get("high")
    if type(low) is not dict or type(high) is not dict or low.get("code") != high.get("code") or low.get("system") != high.get("system"):
        return True
    least, most = _number(low.get("value")), _number(high.get("value"))
    return least is None or most is None or least <= most


def _not_negative(name: str) -> Callable[[Node], bool]:
    return lambda node: (value := _number(node.get(name))) is None or value >= 0


def _ucum(node: Node) -> bool:
    return ("code" in node or "value" not in node) and node.get("system", UCUM) == UCUM


def _coded(node: Node, name: str, system: str, *codes: str) -> bool:
    codings = [coding for coding in reach(node, (name, "coding")) if type(coding) is dict]
    return any(coding.get("system") == system and coding.get("code") in list(codes) for coding in codings)


def _in_error(node: Node, system: str) -> bool:
    return _coded(node, "verificationStatus", system, "entered-in-error")


def _entries(node: Node) -> list[Any]:
    return [entry for entry in reach(node, ("entry",)) if type(entry) is dict]


def _said_by(name: str, *types: str) -> Callable[[Node], bool]:
    """Every entry has `name` in a Bundle of these types, and none in any other."""
    return lambda node: all((name in entry) == (node.get("type") in list(types)) for entry in _entries(node))


def _first_is(kind: str, bundle: str) -> Callable[[Node], bool]:
    def holds(node: Node) -> bool:
        first = _entries(node)[:1]
        return node.get("type") != bundle or reach(first, ("resource", "resourceType")) == [kind]

    return holds


def _in_document(holds: Callable[[Node], bool]) -> Callable[[Node], bool]:
    return lambda node: node.get("type") != "document" or holds(node)


def _once(node: Node) -> bool:
    if node.get("type") == "history":
        return True
    names = [(entry.get("fullUrl"), *reach(entry, ("resource", "meta", "versionId"))[:1]) for entry in _entries(node) if "fullUrl" in entry]
    return len({str(name) for name in names}) == len(names)


def _distinct_code(node: Node) -> bool:
    if not _said(node, "value"):
        return True
    own = _codings(node)
    return not any(own & _codings(part) for part in reach(node, ("component",)))


def _codings(node: Any) -> set[tuple[str, ...]]:
    codings = [coding for coding in reach(node, ("code", "coding")) if type(coding) is dict]
    return {tuple(str(coding.get(part)) for part in ("system", "version", "code", "display", "userSelected")) for coding in codings}


INVARIANTS: Mapping[str, tuple[Invariant, ...]] = {
    "Bundle": (
        ("bdl-1", lambda node: "total" not in node or node.get("type") in ("searchset", "history"), "total only in a search or history"),
        (
            "bdl-2",
            lambda node: node.get("type") == "searchset" or not any("search" in e for e in _entries(node)),
            "search only in a searchset",
        ),
        ("bdl-3", _said_by("request", "batch", "transaction", "history"), "entry.request in a batch, transaction or history, nowhere else"),
        ("bdl-4", _said_by("response", "batch-response", "transaction-response", "history"), "entry.response in an answer, nowhere else"),
        ("bdl-7", _once, "every fullUrl stands once"),
        (
            "bdl-9",
            _in_document(lambda node: all(reach(node, ("identifier", part)) for part in ("system", "value"))),
            "a document has an identifier with system and value",
        ),
        ("bdl-10", _in_document(lambda node: bool(node.get("timestamp"))), "a document has a timestamp"),
        ("bdl-11", _first_is("Composition", "document"), "the first entry of a document is a Composition"),
        ("bdl-12", _first_is("MessageHeader", "message"), "the first entry of a message is a MessageHeader"),
    ),
    "Bundle.entry": (
        ("bdl-5", _any("resource", "request", "response"), "an entry has a resource"),
        ("bdl-8", lambda node: "/_history/" not in str(node.get("fullUrl")), "a fullUrl names no version"),
    ),
    "Composition.section": (
        ("cmp-1", _any("text", "entry", "section"), "a section has text, entries or sections"),
        ("cmp-2", _not_both("emptyReason", "entry"), "a section with entries has no emptyReason"),
    ),
    "MedicationDispense": (
        (
            "mdd-1",
            lambda node: _in_order(node.get("whenPrepared"), node.get("whenHandedOver")),
            "whenHandedOver is not before whenPrepared",
        ),
    ),
    "Observation": (
        ("obs-6", lambda node: not ("dataAbsentReason" in node and _said(node, "value")), "a dataAbsentReason only without value"),
        ("obs-7", _distinct_code, "a component with the code of the whole replaces its value"),
    ),
    "Observation.referenceRange": (("obs-3", _any("low", "high", "text"), "has low, high or text"),),
    "QuestionnaireResponse.item": (("qrs-1", _not_both("answer", "item"), "nested items stand under the item or its answer, not both"),),
    "CarePlan.activity": (("cpl-3", _not_both("detail", "reference"), "has a reference or detail, not both"),),
    "Patient.contact": (
        ("pat-1", _any("name", "telecom", "address", "organization"), "a contact has name, telecom, address or organization"),
    ),
    "Organization": (
        ("org-1", _any("identifier", "name"), "has a name or an identifier"),
        ("org-2", lambda node: "home" not in reach(node, ("address", "use")), "its address is nobody's home"),
        ("org-3", lambda node: "home" not in reach(node, ("telecom", "use")), "its telecom is nobody's home"),
    ),
    "AllergyIntolerance": (
        ("ait-1", lambda node: "clinicalStatus" in node or _in_error(node, ALLERGY), "has a clinicalStatus unless it was entered in error"),
        ("ait-2", lambda node: not ("clinicalStatus" in node and _in_error(node, ALLERGY)), "has no clinicalStatus when entered in error"),
    ),
    "Condition": (
        (
            "con-4",
            lambda node: not _said(node, "abatement") or _coded(node, "clinicalStatus", CLINICAL, "resolved", "remission", "inactive"),
            "what has abated is inactive, resolved or in remission",
        ),
        (
            "con-5",
            lambda node: not ("clinicalStatus" in node and _in_error(node, CONDITION)),
            "has no clinicalStatus when entered in error",
        ),
    ),
    "Condition.stage": (("con-1", _any("summary", "assessment"), "has a summary or an assessment"),),
    "Condition.evidence": (("con-2", _any("code", "detail"), "has a code or detail"),),
    "Attachment": (("att-1", _needs("data", "contentType"), "data has a contentType"),),
    "ContactPoint": (("cpt-2", _needs("value", "system"), "a value has a system"),),
    "Period": (("per-1", lambda node: _in_order(node.get("start"), node.get("end")), "start is not after end"),),
    "Range": (("rng-2", _rising, "low is not above high"),),
    "Ratio": (
        ("rat-1", lambda node: ("numerator" in node) == ("denominator" in node), "numerator and denominator stand together"),
        ("rat-1", _any("numerator", "extension"), "has numerator and denominator, or an extension"),
    ),
    "Quantity": (("qty-3", _needs("code", "system"), "a code of a unit has a system"),),
    "SimpleQuantity": (
        ("qty-3", _needs("code", "system"), "a code of a unit has a system"),
        ("sqty-1", lambda node: "comparator" not in node, "a simple quantity has no comparator"),
    ),
    "Duration": (("drt-1", lambda node: "code" not in node or (node.get("system") == UCUM and "value" in node), "its unit is in UCUM"),),
    "Age": (
        (
            "age-1",
            lambda node: _ucum(node) and ((value := _number(node.get("value"))) is None or value > 0),
            "is above 0, its unit in UCUM",
        ),
    ),
    "Distance": (("dis-1", _ucum, "its unit is in UCUM"),),
    "Count": (
        ("cnt-3", lambda node: _ucum(node) and node.get("code", "1") == "1", "its unit is 1 in UCUM"),
        ("cnt-3", lambda node: (value := _number(node.get("value"))) is None or value == value.to_integral_value(), "is a whole number"),
    ),
    "Timing.repeat": (
        ("tim-1", _needs("duration", "durationUnit"), "a duration has a durationUnit"),
        ("tim-2", _needs("period", "periodUnit"), "a period has a periodUnit"),
        ("tim-4", _not_negative("duration"), "a duration is not negative"),
        ("tim-5", _not_negative("period"), "a period is not negative"),
        ("tim-6", _needs("periodMax", "period"), "a periodMax has a period"),
        ("tim-7", _needs("durationMax", "duration"), "a durationMax has a duration"),
        ("tim-8", _needs("countMax", "count"), "a countMax has a count"),
        (
            "tim-9",
            lambda node: (
                "offset" not in node or ("when" in node and not {"C", "CM", "CD", "CV"} & {str(w) for w in reach(node, ("when",))})
            ),
            "an offset has a when that is no meal",
        ),
        ("tim-10", _not_both("timeOfDay", "when"), "has timeOfDay or when, not both"),
    ),
}
