"""What the senders send: every device format and national document. Each message has a mark by which its note is known in a journal."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from adapters.devices.scaip.adapter import CONTROLLER
from adapters.devices.tenovi.adapter import HWI_DEVICE
from adapters.devices.ttn.adapter import DEV_EUI
from local.bench.payloads import citizens
from shared.access.rows import Binding
from shared.domain.event import Person

PATIENTS = tuple(islice(citizens(), 40))
SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.1"
VKP = "http://ehelse.no/fhir/CodeSystem/vkp-"
MARK = re.compile(r"merke-[0-9]{5}|Avlest som [0-9,]+ lb|nr\. [0-9A-F]{16}")
ALARM, ROUTINE = "alarm", "routine"
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
SENSORS = 40  # of each patient, one for each message that it sends: a sensor's note has no other mark
USUAL = datetime(2026, 3, 2, 9, 4, 10, tzinfo=UTC)
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """`resource`: of the national path, "" for a device format. `after`: the mark of what it corrects."""

    adapter: str
    body: bytes
    mark: str
    patient: str
    lane: str
    resource: str = ""
    after: str = ""


def alarm(number: int, patient: str, at: datetime = USUAL) -> Message:
    """A Bundle about an alert that nobody has acknowledged."""
    section = {"title": "Hendelse", "entry": [{"reference": f"urn:uuid:5e0c1a52-7d1f-4f5b-8a10-{number:011}2"}]}
    composition = {**_composition(number, patient, at), "section": [section]}
    issue = {
        "resourceType": "DetectedIssue",
        "status": "final",
        "code": {"coding": [{"system": f"{VKP}alert-code-v090", "code": "3", "display": "Trygghetsalarm"}]},
        "patient": _subject(patient),
        "identifiedDateTime": at.isoformat(),
    }
    return _national(_bundle(number, number, at, composition, issue), number, patient, ALARM)


def word(number: int, patient: str, about: int, own: int | None = None, at: datetime = USUAL) -> Message:
    """What a response centre did about the alarm of that number. `own`: the number of the word that it corrects."""
    coded = [{"coding": [{"system": f"{VKP}composition-event-v090", "code": code}]} for code in ("1", "3")]
    steps = [{"code": [code], "period": {"start": at.isoformat()}} for code in coded]
    related = [{"code": "appends", "targetIdentifier": _own(about)}]
    composition = {**_composition(number, patient, at), "relatesTo": related, "event": steps}
    return _national(_bundle(number, number if own is None else own, at, composition), number, patient)


def note(number: int, patient: str, own: int | None = None) -> Message:
    """`own`: the number of the note that it corrects, whose id it carries."""
    document = {
        "resourceType": "Composition",
        "identifier": _own(number if own is None else own),
        "status": "final",
        "subject": _subject(patient),
        "title": _mark(number),
    }
    return replace(_national(document, number, patient), after="" if own is None else _mark(own))


def dispense(number: int, patient: str, at: datetime = USUAL) -> Message:
    document = {
        "resourceType": "MedicationDispense",
        "identifier": [_own(number)],
        "status": "completed",
        "category": {"coding": [{"system": f"{VKP}medicationdispense-events-v090", "code": "1.1"}]},
        "medicationCodeableConcept": {"text": "Multidose, kl. 08"},
        "subject": _subject(patient),
        "whenHandedOver": at.isoformat(),
        "dosageInstruction": [{"text": f"Dose hentet ut, {_mark(number)}."}],
    }
    return _national(document, number, patient)


def encounter(number: int, patient: str, at: datetime = USUAL) -> Message:
    document = {
        "resourceType": "Encounter",
        "identifier": [_own(number)],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR", "display": "virtual"},
        "subject": _subject(patient),
        "period": {"start": at.isoformat(), "end": at.isoformat()},
        "location": [{"location": {"display": f"rom {_mark(number)}"}}],
    }
    return _national(document, number, patient)


def communication(number: int, patient: str, at: datetime = USUAL) -> Message:
    document = {
        "resourceType": "Communication",
        "identifier": [_own(number)],
        "status": "completed",
        "subject": _subject(patient),
        "sent": at.isoformat(),
        "payload": [{"contentString": f"Beskjed, {_mark(number)}."}],
    }
    return _national(document, number, patient)


def weight(number: int, patient: str, at: datetime = USUAL, device: str = "") -> Message:
    """`device`: another scale than the patient's own."""
    pounds = f"{100 + number / 100:.2f}"
    reading = {
        "metric": "weight",
        "device_name": "Tenovi Scale",
        "hwi_device_id": device or scale(patient),
        "value_1": pounds,
        "value_2": None,
        "timestamp": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+0000",
        "timezone_offset": 60,
        "estimated_timestamp": False,
    }
    mark = f"Avlest som {pounds.rstrip('0').rstrip('.').replace('.', ',')} lb"
    return Message("tenovi", json.dumps(reading).encode(), mark, patient, ROUTINE)


def door(number: int, patient: str, at: datetime = USUAL) -> Message:
    return _sensor(number, patient, {"door": "open"}, ROUTINE, at)


def button(number: int, patient: str, at: datetime = USUAL) -> Message:
    return _sensor(number, patient, {"button": "short"}, ALARM, at)


def safety_alarm(number: int, patient: str) -> Message:
    return _scaip(number, patient, "ME", "0010", ALARM)


def reset(number: int, patient: str) -> Message:
    return _scaip(number, patient, "RE", "0092", ROUTINE)


Kind = Callable[[int, str], Message]
ALARMS: tuple[Kind, ...] = (alarm, button, safety_alarm)
ROUTINES: tuple[Kind, ...] = (note, dispense, encounter, communication, weight, door, reset)


def bindings(patients: tuple[str, ...], sensors: int = SENSORS) -> tuple[Binding, ...]:
    """Each patient's own devices."""
    return tuple(
        Binding(system, value, Person(SYSTEM, patient, "Stille Fjellbekk"), BEGINNING, None)
        for patient in patients
        for system, value in (
            (HWI_DEVICE, scale(patient)),
            (CONTROLLER, _controller(patient)),
            *((DEV_EUI, _eui(number, patient)) for number in range(sensors)),
        )
    )


def handed_over(device: str, first: str, second: str, at: datetime) -> tuple[Binding, ...]:
    """A scale that two people had, one after the other."""
    one, other = (Person(SYSTEM, patient, "Rund Myrstein") for patient in (first, second))
    return (Binding(HWI_DEVICE, device, one, BEGINNING, at), Binding(HWI_DEVICE, device, other, at, None))


def scale(patient: str) -> str:
    return f"0f4c2a10-0000-4000-8000-0{patient}"


def _mark(number: int) -> str:
    return f"merke-{number:05}"


def _composition(number: int, patient: str, at: datetime) -> Resource:
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9"}]},
        "category": [{"coding": [{"system": f"{VKP}composition-category-v090", "code": "1"}]}],
        "subject": _subject(patient),
        "date": at.isoformat(),
        "author": [{"display": "Prøvesky"}],
        "title": _mark(number),
    }


def _bundle(number: int, own: int, at: datetime, *resources: Resource) -> Resource:
    entries = [{"fullUrl": f"urn:uuid:5e0c1a52-7d1f-4f5b-8a10-{number:011}{n}", "resource": r} for n, r in enumerate(resources, 1)]
    return {"resourceType": "Bundle", "identifier": _own(own), "type": "document", "timestamp": at.isoformat(), "entry": entries}


def _own(number: int) -> Mapping[str, str]:
    return {"system": "https://vft.example.no/hendelse", "value": f"hendelse-{number}"}


def _subject(patient: str) -> Resource:
    return {"identifier": {"system": SYSTEM, "value": patient}, "display": "Stille Fjellbekk"}


def _national(document: Resource, number: int, patient: str, lane: str = ROUTINE) -> Message:
    return Message("vkp", json.dumps(document).encode(), _mark(number), patient, lane, document["resourceType"].lower())


def _sensor(number: int, patient: str, said: Mapping[str, str], lane: str, at: datetime) -> Message:
    eui, when = _eui(number % SENSORS, patient), at.astimezone(UTC).isoformat()
    uplink = {"session_key_id": "AYoppdiktetNokkel", "f_cnt": number, "received_at": when, "decoded_payload": said}
    body = {"end_device_ids": {"dev_eui": eui}, "received_at": when, "uplink_message": uplink}
    return Message("ttn", json.dumps(body).encode(), f"nr. {eui}", patient, lane)


def _scaip(number: int, patient: str, kind: str, status: str, lane: str) -> Message:
    tags = {"ref": f"E{number:07}", "mty": kind, "cid": _controller(patient), "dty": "0003", "stc": status, "ite": _mark(number)}
    body = f"<mrq>{''.join(f'<{tag}>{text}</{tag}>' for tag, text in tags.items())}</mrq>"
    return Message("scaip", body.encode(), _mark(number), patient, lane)


def _controller(patient: str) -> str:
    return f"47{PATIENTS.index(patient):08}"


def _eui(number: int, patient: str) -> str:
    return f"FEEDFACE{PATIENTS.index(patient):04X}{number:04X}"
