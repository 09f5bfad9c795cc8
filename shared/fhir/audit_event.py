"""AuditEvent: an entry of the audit log as FHIR R4 (vkp.md 8, "Log format"; docs/audit.md says what HL7 Norway's profile has besides).

One event for each citizen, as HL7 Norway's guide asks: a citizen's own log then holds nobody else.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from shared.access.entry import Entry
from shared.domain import clock, organisation
from shared.fhir import terminology
from shared.fhir.elements import URI, Json, said

OURS = "https://knutepunkt.example"
PATIENT_KEY = f"{OURS}/patient-key"  # a citizen as a keyed hash, scoped to the municipality
VKP_ID, CLIENT_ID, SENDER, READER = f"{OURS}/vkp-id", f"{OURS}/client-id", f"{OURS}/sender", f"{OURS}/reader"
PERSON = f"{OURS}/person"  # who has logged in: their role and a keyed hash, with a colon between
ACT = f"{OURS}/act"  # what an operator did
SERVICE_CODES, RECEIPT, POSITION = f"{OURS}/service-codes", f"{OURS}/receipt", f"{OURS}/audit-position"

_EVENT = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_SOURCE = "http://terminology.hl7.org/CodeSystem/security-source-type"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"

_REST = {"system": _EVENT, "code": "rest", "display": "RESTful Operation"}
_LOG_USED = {"system": _DICOM, "code": "110101", "display": "Audit Log Used"}
_BY_HAND = {"system": _DICOM, "code": "110100", "display": "Application Activity"}  # an operator's act on messages
_ADMINISTERED = ("messages", "people")
_VERBS: Mapping[str, tuple[str, Json]] = {  # the action's last word -> AuditEvent.action, subtype
    "read": ("R", {"system": _INTERACTION, "code": "search-type", "display": "search-type"}),
    "write": ("C", {"system": _INTERACTION, "code": "create", "display": "create"}),
    "fetch": ("R", {"system": _INTERACTION, "code": "search-type", "display": "search-type"}),
    "status": ("R", {"system": _INTERACTION, "code": "operation", "display": "operation"}),
    "acknowledge": ("E", {"system": _INTERACTION, "code": "operation", "display": "operation"}),
}

_FROM = {"system": _DICOM, "code": "110153", "display": "Source Role ID"}
_TO = {"system": _DICOM, "code": "110152", "display": "Destination Role ID"}
_PERSON = {"system": _ENTITY, "code": "1", "display": "Person"}
_THING = {"system": _ENTITY, "code": "2", "display": "System Object"}
_OTHER = {"system": _ENTITY, "code": "4", "display": "Other"}
_PATIENT = {"system": _ROLE, "code": "1", "display": "Patient"}
_RESOURCE = {"system": _ROLE, "code": "4", "display": "Domain Resource"}
_QUERY = {"system": _ROLE, "code": "24", "display": "Query"}
_LOG = {"system": _ROLE, "code": "13", "display": "Security Resource"}


def audit_events(entry: Entry, sequence: int, place: int) -> list[Json]:
    """One for each patient, one if there is none. The entry's place in its chain (row, and place in the row) names them: the same ids on
    every export."""
    return [_event(entry, f"{sequence}.{place}.{number}", patient) for number, patient in enumerate(entry.patients or ("",))]


def _event(entry: Entry, position: str, patient: str) -> Json:
    action, interaction = _VERBS.get(_word(entry), ("E", {"system": ACT, "code": _word(entry)}))
    kind = _LOG_USED if entry.action == "audit.read" else _BY_HAND if _thing(entry) in _ADMINISTERED else _REST
    return {
        "resourceType": "AuditEvent",
        "id": str(uuid5(NAMESPACE_URL, f"{POSITION}/{entry.tenant}/{position}")),
        "extension": [{"url": POSITION, "valueString": position}],
        "type": kind,
        **said(subtype=[interaction] if kind != _LOG_USED else []),
        "action": action,
        "recorded": clock.written(datetime.fromtimestamp(entry.at, UTC)),
        "outcome": _outcome(entry.status),
        **said(outcomeDesc=_reason(entry)),
        **said(purposeOfEvent=[{"coding": [{"system": SERVICE_CODES, "code": code}]} for code in entry.service_codes]),
        "agent": [_caller(entry), _municipality(entry)],
        "source": {"observer": {"identifier": {"system": URI, "value": OURS}, "display": "Knutepunkt"}, "type": [_server()]},
        "entity": [*([_patient(patient)] if patient else []), _subject(entry), _correlation(entry)],
    }


def _thing(entry: Entry) -> str:
    return entry.action.partition(".")[0]


def _word(entry: Entry) -> str:
    return entry.action.rpartition(".")[2]


def _outcome(status: int) -> str:
    """0 done, 4 refused (the caller's to mend), 8 failed (ours or the journal's)."""
    return "0" if status < 400 else "4" if status < 500 else "8"


def _reason(entry: Entry) -> str:
    if entry.status < 400:
        return ""
    return " ".join(part for part in (entry.code, terminology.display(terminology.OUTCOME, entry.code), f"(HTTP {entry.status})") if part)


def _caller(entry: Entry) -> Json:
    """Who asked or sent. Without a token the register's name says who; a reader of this log is who he says he is."""
    known = ((PERSON if ":" in entry.who else READER, entry.who), (VKP_ID, entry.vkp_id), (SENDER, entry.sender), (CLIENT_ID, entry.client))
    identifier = next(({"system": system, "value": value} for system, value in known if value), None)
    return {
        "type": {"coding": [_FROM]},
        **said(who={"identifier": identifier} if identifier else {"display": "ukjent"}, altId=entry.client, name=entry.sender),
        "requestor": True,
    }


def _municipality(entry: Entry) -> Json:
    who = {"identifier": {"system": organisation.SYSTEM, "value": entry.tenant}}
    return {"type": {"coding": [_TO]}, "who": who, "requestor": False}


def _server() -> Json:
    return {"system": _SOURCE, "code": "4", "display": "Application Server"}


def _patient(patient: str) -> Json:
    return {"what": {"identifier": {"system": PATIENT_KEY, "value": patient}}, "type": _PERSON, "role": _PATIENT}


def _subject(entry: Entry) -> Json:
    """What was asked for or sent, how much of it, and never what stood in it."""
    counted = [{"type": "count", "valueString": str(entry.count)}]
    named = {"type": _THING, "name": _thing(entry), "detail": counted}
    if entry.action == "audit.read":
        return {**named, "role": _LOG, **said(description=entry.message)}
    if _thing(entry) in _ADMINISTERED:
        return {**named, "role": _RESOURCE, **said(description=entry.message)}
    if _word(entry) == "write":
        what = {"identifier": {"system": RECEIPT, "value": entry.message}} if entry.message else None
        return {**said(what=what), **named, "role": _RESOURCE}
    return {**named, "role": _QUERY}


def _correlation(entry: Entry) -> Json:
    what = {"identifier": {"system": URI, "value": f"urn:uuid:{entry.correlation}"}}
    return {"what": what, "type": _OTHER, "description": "correlation id"}
