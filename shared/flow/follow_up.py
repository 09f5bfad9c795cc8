"""What transform does for the follow-up of alerts: by which names an alert is known at a response centre, and that a document which follows
one up is to be noted with it (flow.acknowledge). Nothing is asked of storage for any other document."""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from shared.access.patient import patient_key
from shared.access.register import Endpoint, Tenant
from shared.domain.event import Document
from shared.domain.message import Parcel
from shared.door import adapters
from shared.flow.job import Job
from shared.flow.names import owner_of, receipt_name
from shared.flow.schedule import DAY
from shared.flow.translate import Outgoing
from shared.hub import Hub
from shared.storage.followups import Followup

ANSWERS = "_answers"  # where follow-ups wait to be noted: no endpoint's name, which have no such sign
SOUGHT = DAY  # seconds for which an alert is looked for
BACK = 14 * DAY  # before its follow-up came: it may have waited for a week


def acknowledges(endpoint: Endpoint) -> bool:
    """Whether those who get alerts there say what they did about them."""
    journal = adapters.journal(endpoint.adapter)
    return journal is not None and journal.acknowledges


def known(endpoint: Endpoint, parcel: Parcel, document: bytes) -> Parcel:
    """The parcel; of an alert for a response centre with what it will be known by there: its document's identifiers, and its key."""
    if acknowledges(endpoint):
        from shared.fhir.follow_up import alert_names  # as in translate

        if names := alert_names(orjson.loads(document)):
            parcel["known"] = [_hashed(parcel["patient"], name) for name in (*names, f"|{parcel['id']}")]
    return parcel


def follows(hub: Hub, tenant: Tenant, documents: Sequence[Outgoing]) -> dict[str, Any]:
    """What a receipt's state says of the alert that its document follows up: its names, each hashed with the citizen, and the steps."""
    if not any(acknowledges(endpoint) for endpoint in tenant.endpoints):
        return {}
    from shared.fhir.follow_up import follow_up

    for document in documents:
        found = follow_up(orjson.loads(document.body)) if isinstance(document.event.what, Document) else None
        if found and document.event.person:
            patient = patient_key(hub.settings.patient_key, tenant.orgnr, document.event.person)
            names = [_hashed(patient, name) for name in found.names]
            return {"follows": {"patient": patient, "names": names, "related": found.related, "steps": found.steps}}
    return {}


async def remember(hub: Hub, line: str, jobs: Sequence[Job]) -> None:
    """Before the line says that they are transformed: whoever is lost in between says it again, and forgets none."""
    place = f"{owner_of(line)[0]}~{ANSWERS}"
    for job in jobs:
        if "follows" in job.state:
            now = hub.clock()
            await hub.followups.add(Followup(receipt_name(line, job.at), place, job.at, "", now, now))


def _hashed(patient: str, name: str) -> str:
    """Of another citizen the same name is another."""
    return hashlib.sha256(f"{patient}|{name}".encode()).hexdigest()[:16]
