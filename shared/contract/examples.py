"""Examples of the contract. The documents are what the hub itself would write, the people are invented."""

from datetime import datetime
from typing import Any

from shared import fhir
from shared.contract import statuses
from shared.contract.statuses import OF_PEOPLE, REFUSALS
from shared.domain.event import Alert, Device, Dispensed, Event, Note, Person, Supervision, What
from shared.domain.person import SYSTEMS, Kind
from shared.fhir import outcome

Json = dict[str, Any]

ORGNR, RECEIPT = "310123455", "310123455.scales.routine.42.0"
CORRELATION = "0b8f7f3a-5c1e-4e0e-9d7a-3f6f0a3c9d21"
DOCUMENT = "6f1c8a52-7d1f-5f5b-8a10-2b7f4e1d9c03"
WHERE = f"/api/v1/receipts/{RECEIPT}"
_CITIZEN = Person(SYSTEMS[Kind.FNR], "14834812097", "Stille Fjellbekk")
_DISPENSER = Device("https://dispenser.example/serialnumber", "DX-000117", "Model X")
_FIRST = "2026-03-02T07:03:12.480Z"
_AT = datetime.fromisoformat("2026-03-02T08:03:11+01:00")


def writes() -> dict[str, Json]:
    """By the word in the path."""
    alert = _written(Alert("1.1", "Dosen kl. 08.00 er ikke hentet", "moderate"))
    note = _written(Note("Tilsyn på dagtid", "Sitter i stua og har det bra."))
    visit = _written(Supervision("1", "1", _AT.replace(minute=9)))
    return {
        "bundle": alert,
        "medicationdispense": _written(Dispensed("1.1", "Dose kl. 08.00 hentet ut.")),
        "composition": _of(note, "Composition"),
        "encounter": _of(visit, "Encounter"),
        "communication": {
            "resourceType": "Communication",
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:5e0c1a52-7d1f-4f5b-8a10-00000000c001"}],
            "status": "completed",
            "subject": {"identifier": {"system": _CITIZEN.system, "value": _CITIZEN.value}, "display": _CITIZEN.display},
            "sent": "2026-03-02T08:03:11+01:00",
            "payload": [{"contentString": "Pårørende er ringt opp."}],
        },
    }


def _written(what: What) -> Json:
    return fhir.document(Event(_AT, what, _DISPENSER, _CITIZEN, f"example-{type(what).__name__}"), "Eksempel kommune", "Responssenter")[1]


def _of(bundle: Json, kind: str) -> Json:
    found: Json = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind)
    return found


def answers() -> dict[str, Json]:
    """By the schema that they are of."""
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": _CITIZEN.system, "value": _CITIZEN.value}],
        "name": [{"family": "Fjellbekk", "given": ["Stille"]}],
    }
    return {
        "OperationOutcome": outcome.outcome(outcome.received(RECEIPT, CORRELATION)),
        "Accepted": {"receipt": RECEIPT, "status": "received", "location": WHERE},
        "Receipt": _receipt(),
        "Searchset": {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": 1,
            "entry": [{"fullUrl": "https://journal.example/fhir/Patient/p1", "resource": patient, "search": {"mode": "match"}}],
        },
        "Fetched": _fetched(),
        "Times": {"registered": _FIRST, "read": "2026-03-02T07:03:20.114Z", "journalingAcknowledged": None, "failed": None},
        "Alive": {"status": "alive"},
        "Ready": {"status": "ready", "municipalities": 3},
    }


def _fetched() -> Json:
    tags = [{"system": "https://fhir.jft.nhn.no/parent-organization-number", "code": ORGNR}]
    resource = {**writes()["medicationdispense"], "id": DOCUMENT, "meta": {"lastUpdated": _FIRST, "tag": tags}}
    where = f"https://hub.example/jft/{ORGNR}/v1/MedicationDispense?_count=1"
    links = [{"relation": "self", "url": where}, {"relation": "next", "url": f"{where}&cursor=AAABnKDqVgjVn7vY3oXv1oOQ2m9H6p0c"}]
    entry = {"fullUrl": f"urn:uuid:{DOCUMENT}", "resource": resource, "search": {"mode": "match"}}
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": [entry]}


def _receipt() -> Json:
    parcel = {
        "endpoint": "journal",
        "parcel": f"journal~{ORGNR}~routine~02.17.0",
        "status": "delivered",
        "attempts": 1,
        "at": _FIRST,
        "answer": 201,
        "journal": "note-7",
    }
    return {
        "receipt": RECEIPT,
        "received_at": "2026-03-02T07:03:12.115Z",
        "status": "delivered",
        "set_aside": [],
        "parcels": [parcel],
        "counts": {"items": 1, "documents": 1, "set_aside": 0, "delivered": 1, "waiting": 0, "parked": 0},
    }


def refused(status: int) -> Json:
    """A refusal as a FHIR address tells it."""
    return outcome.refusal(status, REFUSALS[status].cause, REFUSALS[status].remedy, correlation=CORRELATION)


def problem(status: int, *, person: bool = False) -> Json:
    """A refusal as every other address tells it. `person`: as the admin API does."""
    row = (OF_PEOPLE if person else REFUSALS)[status]
    return statuses.problem(status, row.cause, row.remedy, person=person)
