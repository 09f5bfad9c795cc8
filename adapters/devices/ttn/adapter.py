"""The Things Stack v3 (TTN): LoRaWAN sensors for doors, motion, buttons and presence, decoded by the formatter at the network server."""

import re
from collections.abc import Mapping, Sequence

from shared.domain.adapter import Adapter
from shared.domain.event import Alert, Device, Event
from shared.domain.message import Lane
from shared.domain.wild import Wild, parse
from shared.errors import PayloadError

DEV_EUI = "https://knutepunkt.example/ttn/dev-eui"
URGENT = {"4.1", "4.13"}  # someone lies on the floor, or asks for help

SENSORS: Mapping[str, Mapping[str, Alert | None]] = {  # field of decoded_payload -> its words; None: nothing happened
    "door": {
        "open": Alert("4.15", "Dørsensoren melder at døren er åpen."),
        "close": Alert("4.16", "Dørsensoren melder at døren er lukket."),
        "closed": Alert("4.16", "Dørsensoren melder at døren er lukket."),
    },
    "pir": {
        "trigger": Alert("4.18", "Bevegelsessensoren melder bevegelse."),
        "normal": None,  # no movement for a while
    },
    "button": {
        "short": Alert("4.13", "Knappen ble trykket: kort trykk."),
        "long": Alert("4.13", "Knappen ble trykket: langt trykk."),
        "double": Alert("4.13", "Knappen ble trykket: dobbelt trykk."),
    },
    "occupancy": {
        "occupied": Alert("4.8", "Sensoren melder at noen er i rommet."),
        "vacant": Alert("4.6", "Sensoren melder at rommet er forlatt."),
    },
    "detection_status": {  # fall radar; all but a fall are states that it repeats every few minutes
        "fall": Alert("4.1", "Fallradaren melder fall."),
        "normal": None,
        "vacant": None,
        "in_bed": None,
        "out_of_bed": None,
    },
}

MODELS: Mapping[str, str] = {
    "door": "Dørsensor",
    "pir": "Bevegelsessensor",
    "button": "Knapp",
    "occupancy": "Tilstedeværelsessensor",
    "detection_status": "Fallradar",
}

# about the sensor or its surroundings: nothing for a journal
QUIET = {"battery", "power", "install", "tamper_status", "light", "daylight", "illuminance", "temperature", "humidity"}
QUIET |= {"ipso_version", "hardware_version", "firmware_version", "tsl_version", "sn", "device_status", "lorawan_class"}
QUIET |= {"target_status", "use_time_now", "use_time_today"}
QUIET |= {f"region_{place}_{what}" for place in range(1, 7) for what in ("occupancy", "out_of_bed_time", "type")}

# other messages to the same URL
TRAFFIC = {"join_accept", "location_solved", "service_data"}
TRAFFIC |= {f"downlink_{what}" for what in ("ack", "nack", "sent", "failed", "queued", "queue_invalidated")}

_EUI = re.compile(r"[0-9A-F]{16}")
DEVICES = ((DEV_EUI, _EUI.pattern),)  # what a register may bind


def split(body: bytes) -> Sequence[Wild]:
    message = parse(body)
    if not message.is_object():
        raise PayloadError("$", "expected an object", "Send one message of The Things Stack v3 per call.")
    return [message]


def decode(message: Wild) -> Sequence[Event]:
    if "uplink_message" not in message.raw and any(kind in message.raw for kind in TRAFFIC):
        return []
    device, uplink = _eui(message), message["uplink_message"]
    if (simulated := message.get("simulated")) and simulated.flag():
        raise PayloadError("$.simulated", "marks a simulated uplink", "Send uplinks of real devices only.")
    at = (uplink.get("received_at") or message["received_at"]).time()
    said = [(field, _alert(field, word)) for field, word in _fields(uplink)]
    return [Event(at, alert, Device(DEV_EUI, device, MODELS[field])) for field, alert in said if alert]


def lane(messages: Sequence[Wild]) -> Lane:
    """What cannot be read may have been a button."""
    try:
        urgent = any(event.what.code in URGENT for message in messages for event in decode(message) if isinstance(event.what, Alert))
    except PayloadError:
        return Lane.ALARM
    return Lane.ALARM if urgent else Lane.ROUTINE


def message_id(messages: Sequence[Wild]) -> str | None:
    """Device, session and frame counter; the counter's zero is left out by The Things Stack."""
    try:
        uplink = messages[0]["uplink_message"]
        counter = uplink.get("f_cnt")
        return f"{_eui(messages[0])}|{uplink['session_key_id'].text(64)}|{counter.integer() if counter else 0}"
    except PayloadError:
        return None


def _fields(uplink: Wild) -> list[tuple[str, Wild]]:
    """The fields that say what happened; none if the sensor only talks of itself."""
    decoded = uplink.get("decoded_payload")
    if decoded is None or not decoded.raw:
        path = f"{uplink.path}.decoded_payload"
        raise PayloadError(path, "is missing", "Give the device a payload formatter in The Things Stack.")
    found = [(field, decoded[field]) for field in SENSORS if decoded.get(field)]
    if not found and not QUIET.issuperset(decoded.raw):
        raise PayloadError(
            decoded.path, f"has none of the {len(SENSORS)} known fields", "Use a formatter whose fields the adapter's README lists."
        )
    return found


def _alert(field: str, word: Wild) -> Alert | None:
    words = SENSORS[field]
    if not isinstance(word.raw, str) or word.raw not in words:
        raise PayloadError(
            word.path, f"is not one of the {len(words)} known words", "Use a formatter whose words the adapter's README lists."
        )
    return words[word.raw]


def _eui(message: Wild) -> str:
    eui = message["end_device_ids"]["dev_eui"]
    if not _EUI.fullmatch(text := eui.text(16).upper()):
        raise PayloadError(eui.path, "is not 16 hexadecimal digits", "Send the device's EUI as The Things Stack shows it.")
    return text


ADAPTER = Adapter("ttn", split, decode, lane, message_id)
