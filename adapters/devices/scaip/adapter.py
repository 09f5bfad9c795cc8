"""SCAIP (SS 91100, CLC/TS 50134-9): safety alarms as XML, handed over by a bridge that speaks SIP with the alarm controllers."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters.devices.scaip import codes, mrq
from adapters.devices.scaip.mrq import Request
from shared.domain.adapter import Adapter
from shared.domain.event import Alert, Device, Dispensed, Event, Note
from shared.domain.message import Lane

CONTROLLER = "https://knutepunkt.example/scaip/controller"
DEVICES = ((CONTROLLER, r"[0-9]{1,16}"),)  # what a register may bind: cid without its plus
DISPENSER = "0011"
SAFETY_ALARM = "3"

DOSES: Mapping[str, str] = {
    "0083": "1.1",  # pill taken: delivered, unassisted
}

EVENTS: Mapping[tuple[str, str], str] = {
    ("0003", "0010"): "3",  # personal trigger, manual alarm
    ("0010", "0050"): "4.9",  # activity detector, inactive
    ("0010", "0119"): "4.18",  # activity detector, movement
    ("0011", "0076"): "1.21",  # pill dispenser, open
    ("0011", "0081"): "1.1",  # pill dispenser, pill not taken
    ("0012", "0003"): "4.2",  # bed monitor, absent
    ("0012", "0117"): "4.20",  # bed monitor, lying in bed
    ("0014", "0021"): "4.16",  # door sensor, closed
    ("0014", "0076"): "4.15",  # door sensor, open
    ("0014", "0077"): "4.15",  # door sensor, open too long
    ("0018", "0003"): "4.6",  # occupancy detector, absent
    ("0018", "0120"): "4.5",  # occupancy detector, occupancy
    ("0044", "0003"): "4.4",  # chair monitor, absent
}

TECHNICAL: Mapping[str, str] = {  # what it is called on a dispenser; on anything else it is a safety alarm's technical message
    "0014": "1.18",  # battery failure
    "0016": "1.17",  # battery low
    "0023": "1.20",  # IP connection failure
    "0024": "1.20",  # mobile network connection failure
    "0042": "1.5",  # failure
    "0065": "1",  # maintenance needed
    "0066": "1",  # urgent maintenance needed
    "0073": "1.20",  # offline
    "0085": "1.19",  # power failure
    "0122": "1",  # radio interference
    "0125": "1.22",  # tamper alarm
}

NEWS: Mapping[str, str] = {  # nothing to act on: a note
    "0005": "Alarm kvittert",  # acknowledge
    "0015": "Batteri i orden",  # battery ok
    "0019": "Alarm avbrutt",  # cancel
    "0070": "Normal tilstand",  # normal state
    "0075": "Kontakt gjenopprettet",  # online
    "0082": "Påminnelse om medisin",  # pill reminder
    "0086": "Strøm tilbake",  # power restored
    "0088": "Til stede etter alarm",  # presence after alarm
    "0092": "Tilbakestilt",  # automatic reset
    "0093": "Tilbakestilt",  # manual reset
    "0111": "Tiltak utført",  # intervention complete
    "0112": "Kontakt gjenopprettet",  # IP connection reestablished
    "0113": "Kontakt gjenopprettet",  # mobile network connection reestablished
}

ALARMS: Mapping[str, str] = {  # any other status of this device; what is not here is a safety alarm
    "0004": "4.14",  # fixed trigger: the pull cord
    "0005": "4.1",  # fall detector
    "0010": "4",  # activity detector
    "0011": "1",  # pill dispenser
    "0012": "4",  # bed monitor
    "0013": "4",  # mat sensor
    "0014": "4",  # door sensor
    "0015": "4",  # wandering sensor
    "0016": "7.1",  # enuresis detector
    "0017": "4.24",  # epilepsy detector
    "0018": "4",  # occupancy detector
    "0023": "4.11",  # smoke detector
    "0025": "4.11",  # heat detector
    "0033": "4.17",  # flood detector
    "0034": "4.23",  # bath sensor
    "0035": "6",  # latch key
    "0044": "4",  # chair monitor
    "0047": "4.11",  # fire alarm system
    "0051": "2",  # tracking device
}

LOG_ONLY = {("0035", "0118"), ("0035", "0127")}  # latch key locked, unlocked: the lock's own log has them; faults are journalled


def split(body: bytes) -> Sequence[Request]:
    return [mrq.read(body)]


def decode(request: Request) -> Sequence[Event]:
    if request.fault:
        raise request.fault
    what = _what(request)
    device = Device(CONTROLLER, request.controller, codes.TYPES.get(request.text("dty"), "Trygghetsalarm"))
    return [Event(None, what, device)] if what else []


def lane(requests: Sequence[Request]) -> Lane:
    """A fault may hide an alarm. What is technical, said for information or a reset can wait its turn."""
    urgent = any(request.fault or _urgent(request) for request in requests)
    return Lane.ALARM if urgent else Lane.ROUTINE


def message_id(requests: Sequence[Request]) -> str | None:
    request = requests[0]
    return f"{request.controller}|{request.text('ref')}" if request.controller and request.text("ref") else None


def _urgent(request: Request) -> bool:
    return request.kind == "ME" and request.status not in TECHNICAL and isinstance(_what(request), Alert)


def _what(request: Request) -> Alert | Dispensed | Note | None:
    kind, device, status = request.kind, request.text("dty"), request.status
    if kind == "PI" or (device, status) in LOG_ONLY:
        return None
    text = codes.words(request)
    if kind == "RE":
        return Note("Tilbakestilling", text)
    if device == DISPENSER and status in DOSES:
        return Dispensed(DOSES[status], text)
    if status in NEWS:
        return Note(NEWS[status], text)
    code = EVENTS.get((device, status)) or _technical(device, status)
    if kind == "IN" and not code:
        return Note("Informasjon", text)
    return Alert(code or ALARMS.get(device, SAFETY_ALARM), text, place=codes.place(request))


def _technical(device: str, status: str) -> str | None:
    if status not in TECHNICAL:
        return None
    return TECHNICAL[status] if device == DISPENSER else SAFETY_ALARM


ADAPTER = Adapter("scaip", split, decode, lane, message_id, answer=mrq.answer, limit=mrq.LIMIT, window=timedelta(hours=24))
