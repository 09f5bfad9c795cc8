"""What the referees are asked about: documents that our own check takes, and documents with one fault each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.devices.vkp.adapter import ADAPTER
from local.journal import records
from local.journal.search import PARAMETERS
from shared.contract.routes import VERSION
from shared.domain import national
from shared.domain.adapter import Demands, Finding
from shared.errors import PayloadError
from shared.fhir import outcome
from shared.fhir.audit_event import audit_events
from shared.fhir.capability import capability
from shared.fhir.found import Patients
from shared.fhir.searchset import searchset
from shared.fhir.structure import findings
from tests import test_audit_event, test_strict

ADDRESS = "https://hub.example/epj/r4/310123455"
SINCE = datetime(2026, 3, 2, tzinfo=UTC)
CORE = "http://hl7.org/fhir/StructureDefinition"
VITAL = {  # LOINC code -> R4's own profile, which such an Observation must keep (vital signs of HL7, R4)
    "8867-4": f"{CORE}/heartrate",
    "2708-6": f"{CORE}/oxygensat",
    "8310-5": f"{CORE}/bodytemp",
    "29463-7": f"{CORE}/bodyweight",
    "85354-9": f"{CORE}/bp",
}


@dataclass(frozen=True, slots=True)
class Document:
    """`valid`: our own check takes it. `ours`: what that has against it on base R4; nothing if a national profile alone is broken."""

    name: str
    resource: Any
    valid: bool = True
    ours: tuple[str, ...] = ()


def valid() -> Iterator[Document]:
    yield from _examples()
    yield from (Document(f"made: {name}", test_strict.document(name)) for name in test_strict.EVERYTHING if name not in test_strict.SHAPES)
    yield from (Document(f"answer: {kind}", _found(kind)) for kind in PARAMETERS)
    yield from _said()


def faulty() -> Iterator[Document]:
    """Each rule of vkp.md 3.2 and of base R4 broken once: the violations of tests/test_strict.py."""
    for name, row in zip(test_strict.IDS, test_strict.VIOLATIONS, strict=True):
        resource, _where = test_strict.broken(row)
        yield Document(f"fault {name}", resource, False, _of_base(resource))


def from_file(path: Path) -> Document:
    resource = json.loads(path.read_bytes(), parse_float=Decimal)
    return Document(path.name, resource, not _of_base(resource), _of_base(resource))


def _of_base(resource: Any) -> tuple[str, ...]:
    return tuple(f"{each.path}: {each.text}" for each in findings(resource) if _grave(each))


def strict_takes(body: bytes) -> bool:
    try:
        return not any(map(_grave, ADAPTER.inspect(ADAPTER.split(body), Demands(True, "any")))) if ADAPTER.inspect else False
    except PayloadError:
        return False


def plain(value: Any) -> Any:
    """As a referee gets it: no national profile, which none of them has; vital signs with R4's own instead."""
    if type(value) is list:
        return [plain(each) for each in value]
    if type(value) is not dict:
        return value
    made = {name: plain(each) for name, each in value.items()}
    if "resourceType" not in made:
        return made
    meta = made.pop("meta", {})
    if type(meta) is dict:
        meta = {name: each for name, each in meta.items() if name != "profile"} | _core(made)
    return {**made, **({} if meta == {} else {"meta": meta})}


def _core(resource: Any) -> Any:
    told = json.dumps(resource.get("code"), default=str) if resource["resourceType"] == "Observation" else ""
    profiles = [profile for code, profile in VITAL.items() if f'"{code}"' in told]
    return {"profile": profiles} if profiles else {}


def _grave(finding: Finding) -> bool:
    return finding.severity == "error"


def _examples() -> Iterator[Document]:
    for path in sorted(test_strict.EXAMPLES.glob("*.json")):
        if not path.name.endswith(".expected.json") and strict_takes(path.read_bytes()):
            yield from_file(path)


def _found(kind: str) -> Any:
    """What a look-up of everybody is answered with."""
    held = [(f"https://epj.example/fhir/{each['resourceType']}/{each['id']}", each) for each in records.journal("any", date(2026, 3, 2))]
    matches = [(url, each) for url, each in held if each["resourceType"] == kind]
    included = [(url, each) for url, each in held if each["resourceType"] == "Patient"] if kind == "CarePlan" else []
    return searchset(matches, included, Patients(held), "The journal has more.")


def _said() -> Iterator[Document]:
    """What the hub says of itself and of what it did."""
    at = (national.WRITES.values(), national.searches())
    yield Document("CapabilityStatement", capability("Eksempel kommune", ADDRESS, SINCE, VERSION, *at))
    for status in outcome.STATUSES:
        yield Document(
            f"OperationOutcome {status}", outcome.refusal(status, "a cause", "a remedy", "$.entry[0].resource.subject", "", "c0ffee")
        )
    found = [Finding("error", "$.entry[0]", "structure", "is wrong"), Finding("information", "$", "informational", "was mended")]
    yield Document("OperationOutcome of findings", outcome.findings(found, "c0ffee"))
    yield Document("OperationOutcome of a receipt", outcome.outcome(outcome.received("310123455.dispensers.alarm.4.0", "c0ffee")))
    for number, entry in enumerate(test_audit_event.ALL):
        yield from (Document(f"AuditEvent {number} {entry.action}", each) for each in audit_events(entry, number, 0))
