"""The invariants of base R4 that are errors, by the type they are about. Each row: key, what must hold, how that is said.

Those that need more than the element itself (ele-1, ext-1, ref-1, dom-2 to dom-5, txt-1, txt-2) are in `structure.py`.
"""

from collections.abc import Callable, Mapping

from shared.fhir.holding import (
    ALLERGY,
    CLINICAL,
    CONDITION,
    UCUM,
    Node,
    coded,
    distinct_code,
    entries_of,
    finite,
    first_is,
    has_any,
    identified,
    in_document,
    in_error,
    in_order,
    needs,
    not_both,
    not_negative,
    rising,
    said,
    said_by,
    stands_once,
    ucum,
)
from shared.fhir.reach import reach

Invariant = tuple[str, Callable[[Node], bool], str]

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


INVARIANTS: Mapping[str, tuple[Invariant, ...]] = {
    "Bundle": (
        ("bdl-1", lambda node: "total" not in node or node.get("type") in ("searchset", "history"), "total only in a search or history"),
        (
            "bdl-2",
            lambda node: node.get("type") == "searchset" or not any("search" in e for e in entries_of(node)),
            "search only in a searchset",
        ),
        ("bdl-3", said_by("request", "batch", "transaction", "history"), "entry.request in a batch, transaction or history, nowhere else"),
        ("bdl-4", said_by("response", "batch-response", "transaction-response", "history"), "entry.response in an answer, nowhere else"),
        ("bdl-7", stands_once, "every fullUrl stands once"),
        ("bdl-9", in_document(identified), "a document has an identifier with system and value"),
        ("bdl-10", in_document(lambda node: bool(node.get("timestamp"))), "a document has a timestamp"),
        ("bdl-11", first_is("Composition", "document"), "the first entry of a document is a Composition"),
        ("bdl-12", first_is("MessageHeader", "message"), "the first entry of a message is a MessageHeader"),
    ),
    "Bundle.entry": (
        ("bdl-5", has_any("resource", "request", "response"), "an entry has a resource"),
        ("bdl-8", lambda node: "/_history/" not in str(node.get("fullUrl")), "a fullUrl names no version"),
    ),
    "Composition.section": (
        ("cmp-1", has_any("text", "entry", "section"), "a section has text, entries or sections"),
        ("cmp-2", not_both("emptyReason", "entry"), "a section with entries has no emptyReason"),
    ),
    "MedicationDispense": (
        (
            "mdd-1",
            lambda node: in_order(node.get("whenPrepared"), node.get("whenHandedOver")),
            "whenHandedOver is not before whenPrepared",
        ),
    ),
    "Observation": (
        ("obs-6", lambda node: not ("dataAbsentReason" in node and said(node, "value")), "a dataAbsentReason only without value"),
        ("obs-7", distinct_code, "a component with the code of the whole replaces its value"),
    ),
    "Observation.referenceRange": (("obs-3", has_any("low", "high", "text"), "has low, high or text"),),
    "QuestionnaireResponse.item": (("qrs-1", not_both("answer", "item"), "nested items stand under the item or its answer, not both"),),
    "CarePlan.activity": (("cpl-3", not_both("detail", "reference"), "has a reference or detail, not both"),),
    "Patient.contact": (
        ("pat-1", has_any("name", "telecom", "address", "organization"), "a contact has name, telecom, address or organization"),
    ),
    "Organization": (
        ("org-1", has_any("identifier", "name"), "has a name or an identifier"),
        ("org-2", lambda node: "home" not in reach(node, ("address", "use")), "its address is nobody's home"),
        ("org-3", lambda node: "home" not in reach(node, ("telecom", "use")), "its telecom is nobody's home"),
    ),
    "AllergyIntolerance": (
        ("ait-1", lambda node: "clinicalStatus" in node or in_error(node, ALLERGY), "has a clinicalStatus unless it was entered in error"),
        ("ait-2", lambda node: not ("clinicalStatus" in node and in_error(node, ALLERGY)), "has no clinicalStatus when entered in error"),
    ),
    "Condition": (
        (
            "con-4",
            lambda node: not said(node, "abatement") or coded(node, "clinicalStatus", CLINICAL, "resolved", "remission", "inactive"),
            "what has abated is inactive, resolved or in remission",
        ),
        (
            "con-5",
            lambda node: not ("clinicalStatus" in node and in_error(node, CONDITION)),
            "has no clinicalStatus when entered in error",
        ),
    ),
    "Condition.stage": (("con-1", has_any("summary", "assessment"), "has a summary or an assessment"),),
    "Condition.evidence": (("con-2", has_any("code", "detail"), "has a code or detail"),),
    "Identifier": (
        (
            "ele-1",
            lambda node: type(node.get("value")) is not str or node["value"] == "" or bool(node["value"].strip()),
            "a value of blanks says nothing",
        ),
    ),
    "Attachment": (("att-1", needs("data", "contentType"), "data has a contentType"),),
    "ContactPoint": (("cpt-2", needs("value", "system"), "a value has a system"),),
    "Period": (("per-1", lambda node: in_order(node.get("start"), node.get("end")), "start is not after end"),),
    "Range": (("rng-2", rising, "low is not above high"),),
    "Ratio": (
        ("rat-1", lambda node: ("numerator" in node) == ("denominator" in node), "numerator and denominator stand together"),
        ("rat-1", has_any("numerator", "extension"), "has numerator and denominator, or an extension"),
    ),
    "Quantity": (("qty-3", needs("code", "system"), "a code of a unit has a system"),),
    "SimpleQuantity": (
        ("qty-3", needs("code", "system"), "a code of a unit has a system"),
        ("sqty-1", lambda node: "comparator" not in node, "a simple quantity has no comparator"),
    ),
    "Duration": (("drt-1", lambda node: "code" not in node or (node.get("system") == UCUM and "value" in node), "its unit is in UCUM"),),
    "Age": (
        (
            "age-1",
            lambda node: ucum(node) and ((value := finite(node.get("value"))) is None or value > 0),
            "is above 0, its unit in UCUM",
        ),
    ),
    "Distance": (("dis-1", ucum, "its unit is in UCUM"),),
    "Count": (
        ("cnt-3", lambda node: ucum(node) and node.get("code", "1") == "1", "its unit is 1 in UCUM"),
        ("cnt-3", lambda node: (value := finite(node.get("value"))) is None or value == value.to_integral_value(), "is a whole number"),
    ),
    "Timing.repeat": (
        ("tim-1", needs("duration", "durationUnit"), "a duration has a durationUnit"),
        ("tim-2", needs("period", "periodUnit"), "a period has a periodUnit"),
        ("tim-4", not_negative("duration"), "a duration is not negative"),
        ("tim-5", not_negative("period"), "a period is not negative"),
        ("tim-6", needs("periodMax", "period"), "a periodMax has a period"),
        ("tim-7", needs("durationMax", "duration"), "a durationMax has a duration"),
        ("tim-8", needs("countMax", "count"), "a countMax has a count"),
        (
            "tim-9",
            lambda node: (
                "offset" not in node or ("when" in node and not {"C", "CM", "CD", "CV"} & {str(w) for w in reach(node, ("when",))})
            ),
            "an offset has a when that is no meal",
        ),
        ("tim-10", not_both("timeOfDay", "when"), "has timeOfDay or when, not both"),
    ),
}
