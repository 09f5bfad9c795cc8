"""The shapes of what comes and goes, as JSON Schema. Our own are closed; FHIR is loose here, its rules are the profiles' (vkp.md 3.2)."""

from collections.abc import Sequence
from typing import Any

from shared.domain.fetching import PARAMETERS
from shared.domain.national import DATE, IDENTIFIERS, PREFIXES, WRITES

Json = dict[str, Any]

RECEIPT = r"^[0-9]{9}\.[a-z0-9-]{1,40}\.(alarm|routine)\.[0-9]{1,12}\.[0-9]{1,3}$"
_DAY = r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
_TIME: Json = {"type": "string", "format": "date-time", "description": "UTC, milliseconds."}
_STEPS = ("registered", "read", "journalingAcknowledged", "failed")
_STATES = ("received", "transformed", "delivered", "set aside", "parked", "duplicate", "deleted")


def components() -> dict[str, Json]:
    """By the names that the routes use."""
    return {
        "Write": _fhir(
            list(WRITES.values()), "A document of the national contract. A `Bundle` is of type `document`, its Composition first."
        ),
        "Question": _question(),
        "Payload": {"description": "What the format's own page says.", "type": ["object", "array"], "maxItems": 500},
        "Accepted": _accepted(),
        "Receipt": _receipt(),
        "Problem": _problem(),
        "OperationOutcome": _outcome(),
        "Searchset": _searchset(),
        "Filters": _filters(),
        "Fetched": _fetched(),
        "Times": closed(
            "UTC; null for what has not happened.", {step: {"type": ["string", "null"], "format": "date-time"} for step in _STEPS}
        ),
        "CapabilityStatement": _fhir(["CapabilityStatement"], "What a server can do.", kind={"const": "instance"}),
        "CodeSystem": _fhir(["CodeSystem"], "A code table.", url=TEXT, concept={"type": "array", "minItems": 1}),
        "Alive": closed("The hub runs.", {"status": {"const": "alive"}}),
        "Ready": closed("The hub can take messages.", {"status": {"const": "ready"}, "municipalities": {**COUNT, "minimum": 1}}),
        "OpenAPI": {"description": "An OpenAPI document.", "type": "object", "required": ["openapi", "info", "paths"]},
        "Page": {"description": "HTML.", "type": "string"},
    }


def closed(description: str, fields: Json, optional: Sequence[str] = ()) -> Json:
    """An object of ours: these fields and no others."""
    required = [name for name in fields if name not in optional]
    made: Json = {"description": description, "type": "object", "required": required, "properties": fields}
    return {**made, "additionalProperties": False}


def _fhir(types: list[str], description: str, **more: Json) -> Json:
    kinds: Json = {"const": types[0]} if len(types) == 1 else {"enum": types}
    made: Json = {"description": description, "type": "object", "required": ["resourceType", *more]}
    return {**made, "properties": {"resourceType": kinds, **more}}


def _question() -> Json:
    whom = "Whom it is about: the number bare, or as `system|number`. All spellings mean the same; send one."
    fields: Json = {name: {"type": "string", "description": whom, "pattern": r"^([^|\s]*\|)?[^|\s]+$"} for name in IDENTIFIERS}
    when = f"`careplan` and `composition` only. A FHIR date after one of {', '.join(PREFIXES)}; twice for a range, both must hold."
    moment = {"type": "string", "pattern": f"^({'|'.join(PREFIXES)})?{_DAY}$"}
    fields[DATE] = {"description": when, "type": "array", "items": moment}
    return {"description": "A form; an empty one asks for everybody.", "type": "object", "properties": fields}


def _accepted() -> Json:
    place = {"type": "string", "format": "uri-reference"}
    fields: Json = {"receipt": {"type": "string", "pattern": RECEIPT}, "status": {"const": "received"}, "location": place}
    return closed("The payload is held; where to ask for it.", fields)


def _receipt() -> Json:
    receipt: Json = {"type": "string", "pattern": RECEIPT}
    words = {"type": "array", "items": TEXT}
    aside = closed("`item` is counted from 0; -1 is the whole payload.", {"item": {"type": "integer"}, "reason": TEXT, "remedy": TEXT})
    counts = {name: COUNT for name in ("items", "documents", "set_aside", "delivered", "waiting", "parked")}
    fields: Json = {
        "receipt": receipt,
        "received_at": _TIME,
        "status": {"enum": list(_STATES), "description": "The worst of what still needs somebody, else the furthest step."},
        "first": {**receipt, "description": "Of a duplicate: the receipt that this one repeats."},
        "corrects": {**receipt, "description": "The receipt that this one corrects."},
        "set_aside": {"type": "array", "items": aside, "description": "What was not understood; the first 50."},
        "repairs": {**words, "description": "What was mended before it went on (national FHIR)."},
        "warnings": {**words, "description": "What is odd by the profiles and went on as it came (national FHIR)."},
        "follows": {
            "type": "array",
            "items": TEXT,
            "description": "The parcels of the alert that this follows up; none: it is not known.",
        },
        "parcels": {"type": "array", "items": _parcel(), "description": "One for each document and journal."},
        "counts": closed("", counts),
    }
    return closed("What became of a payload.", fields, [name for name in fields if name not in ("receipt", "received_at", "status")])


def _parcel() -> Json:
    fields: Json = {
        "endpoint": {**TEXT, "description": "The journal, as the municipality calls it."},
        "parcel": TEXT,
        "status": {"enum": ["waiting", "delivered", "parked", "deleted"]},
        "attempts": COUNT,
        "at": _TIME,
        "answer": {"description": "The journal's status."},
        "journal": {"description": "The journal's own name for the note."},
        "reason": TEXT,
        "not_before": _TIME,
        "read": {**_TIME, "description": "When a journal that fetches was handed it."},
        "acknowledged": {**_TIME, "description": "When it said that it is journaled."},
        "second_route_of": {**TEXT, "description": "The parcel that this one came of: an alarm that did not reach its journal in time."},
    }
    fields["followed"] = {"type": "array", "items": _step(), "description": "Of an alert: what a response centre did about it, in order."}
    optional = ("at", "answer", "journal", "reason", "not_before", "read", "acknowledged", "second_route_of", "followed")
    return closed("A document on its way to a journal.", fields, optional)


def _step() -> Json:
    fields: Json = {
        "code": {**TEXT, "description": "Of vkp-composition-event; 3: acknowledged."},
        "at": {**TEXT, "description": "When: UTC, milliseconds; a FHIR date (day, month or year) where no more was said."},
        "by": {**TEXT, "description": "The sender that says so, as the municipality calls it."},
    }
    return closed("A step of an alert's follow-up. Without `at`: nobody has said when.", fields, ("at",))


def _problem() -> Json:
    fields: Json = {
        "type": {"type": "string", "format": "uri"},
        "title": TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {**TEXT, "description": "The cause. It never quotes the payload."},
        "remedy": {**TEXT, "description": "What to do."},
        "field": {**TEXT, "description": "Which field is to blame, as `$.reading[2].value`."},
    }
    return closed("RFC 9457.", fields, ("field",))


def _outcome() -> Json:
    coding = {"type": "object", "required": ["system", "code"], "properties": {"system": TEXT, "code": TEXT, "display": TEXT}}
    details = {"type": "object", "required": ["text"], "properties": {"coding": {"type": "array", "items": coding}, "text": TEXT}}
    issue: Json = {
        "severity": {"enum": ["fatal", "error", "warning", "information"]},
        "code": {**TEXT, "description": "FHIR issue type."},
        "details": {**details, "description": "The cause in words; where it is a fault, its code in `vkp-operation-outcome`."},
        "diagnostics": {**TEXT, "description": "Cause, remedy and correlation id."},
        "expression": {"type": "array", "items": TEXT},
    }
    issues = {"type": "array", "minItems": 1, "items": closed("", issue, ("expression",))}
    return _fhir(["OperationOutcome"], "How a FHIR address says what happened.", issue=issues)


def _searchset() -> Json:
    entry: Json = {
        "type": "object",
        "required": ["resource"],
        "properties": {"fullUrl": TEXT, "resource": _fhir_any(), "search": {"type": "object"}},
    }
    made = _fhir(["Bundle"], "What a look-up found.", type={"const": "searchset"})
    made["properties"] |= {"total": COUNT, "entry": {"type": "array", "minItems": 1, "items": entry}}
    return made


def _fetched() -> Json:
    found = _searchset()
    link = closed("", {"relation": {"enum": ["self", "next"]}, "url": {"type": "string", "format": "uri"}})
    found["properties"]["link"] = {"type": "array", "minItems": 1, "items": link}
    return {**found, "description": "Documents from a shelf.", "required": [*found["required"], "link"]}


def _filters() -> Json:
    fields: Json = {name: {"type": "array", "items": TEXT} if name == "_lastUpdated" else TEXT for name in PARAMETERS}
    return {"description": "The parameters of the same search by address.", "type": "object", "properties": fields}


def _fhir_any() -> Json:
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"}},
    }
