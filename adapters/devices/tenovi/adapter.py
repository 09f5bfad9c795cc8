"""Tenovi gateway: home measurements and pill boxes, one reading an object, alone or several in an array ("Post as Array")."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from shared.domain.adapter import Adapter
from shared.domain.event import Alert, Device, Dispensed, Event, Measurement, Note, What
from shared.domain.message import Lane
from shared.domain.vocabulary import Quantity, hint, unlikely
from shared.domain.wild import Wild, parse
from shared.errors import PayloadError

HWI_DEVICE = "https://knutepunkt.example/tenovi/hwi-device-id"
DEVICES = ((HWI_DEVICE, r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),)  # what a register may bind

CAP = "Lokket på medisinglasset ble åpnet eller lukket."
LOOK = "Ask who used the device; enter by hand what is right."  # when a value cannot be
KG_PER_LB, MG_DL_PER_MMOL_L = Decimal("0.45359237"), Decimal("18.0156")


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric with one value: what it measures and how Tenovi's unit becomes ours. Without `unit` it is ours already."""

    quantity: Quantity
    unit: str = ""
    convert: Callable[[Decimal], Decimal] = Decimal
    step: Decimal = Decimal(1)  # as fine as the devices of this kind show it


READINGS: Mapping[str, Reading] = {
    "pulse": Reading(Quantity.HEART_RATE),  # beats per minute, from cuff or oximeter
    "pulse_ox": Reading(Quantity.OXYGEN_SATURATION),  # per cent
    "weight": Reading(Quantity.BODY_WEIGHT, "lb", lambda lb: lb * KG_PER_LB, Decimal("0.01")),  # pounds
    "glucose": Reading(Quantity.GLUCOSE, "mg/dL", lambda mg_dl: mg_dl / MG_DL_PER_MMOL_L, Decimal("0.1")),  # mg/dL
    "temperature": Reading(Quantity.BODY_TEMPERATURE, "°F", lambda f: (f - 32) * 5 / 9, Decimal("0.1")),  # degrees Fahrenheit
}

# value_1 of a pill box: the day, from Sunday
DAYS: Mapping[int, str] = {1: "søndag", 2: "mandag", 3: "tirsdag", 4: "onsdag", 5: "torsdag", 6: "fredag", 7: "lørdag"}

TIMES: Mapping[int, str] = {1: "morgen", 2: "kveld"}  # value_2 of a pill box: AM, PM

DISPENSERS: Mapping[str, str] = {"Tenovi Pillbox": "1.17", "PatchRx": "1.17"}  # whose low battery is a dispenser's alert


def split(body: bytes) -> Sequence[Wild]:
    payload = parse(body)
    readings = payload.list() if payload.is_list() else [payload]
    if not readings:
        raise PayloadError("$", "has no reading", "Send at least one, and nothing when there is none.")
    return readings


def decode(reading: Wild) -> Sequence[Event]:
    if _said(reading, "dummy_data"):
        raise PayloadError(f"{reading.path}.dummy_data", "marks a test reading", "Send readings of real devices only.")
    device = Device(HWI_DEVICE, reading["hwi_device_id"].text(64), reading["device_name"].text(64))
    return [Event(reading["timestamp"].time(), _what(reading), device)]


def lane(_readings: Sequence[Wild]) -> Lane:
    """Readings are looked at in working hours; nothing that Tenovi sends calls for someone at once."""
    return Lane.ROUTINE


def message_id(_readings: Sequence[Wild]) -> None:
    """Tenovi gives its posts no id: the body is the id."""


def _what(reading: Wild) -> What:
    metric = reading["metric"].text(64)
    if metric in READINGS:
        return _measured(reading, READINGS[metric])
    if metric in EVENTS:
        return EVENTS[metric](reading)
    raise PayloadError(
        f"{reading.path}.metric", f"is not one of the {len(READINGS) + len(EVENTS)} known metrics", "Leave it out of the webhook."
    )


def _measured(reading: Wild, row: Reading) -> Measurement:
    sent = _plain(reading["value_1"])
    if not row.unit:
        return _likely(reading, {row.quantity: sent})
    values = {row.quantity: row.convert(sent).quantize(row.step, ROUND_HALF_UP)}
    return _likely(reading, values, row.unit, f"Avlest som {str(sent).replace('.', ',')} {row.unit}.")


def _pressure(reading: Wild) -> Measurement:
    return _likely(reading, {Quantity.SYSTOLIC: _plain(reading["value_1"]), Quantity.DIASTOLIC: _plain(reading["value_2"])})


def _opened(reading: Wild) -> Dispensed:
    return Dispensed("1", _told(reading, f"Rommet for {_compartment(reading)} ble åpnet. Pilleboksen ser ikke om medisinen ble tatt."))


def _battery(reading: Wild) -> Alert | Note:
    name, told = reading["device_name"].text(64), _told(reading, "Lavt batteri i utstyret.")
    return Alert(DISPENSERS[name], told) if name in DISPENSERS else Note("Lavt batteri", told, category="2")


EVENTS: Mapping[str, Callable[[Wild], What]] = {
    "blood_pressure": _pressure,  # value_1 systolic, value_2 diastolic, mmHg
    "pillbox_opened": _opened,  # value_1 day, value_2 AM or PM
    "pillbox_refilled": lambda reading: Note("Pilleboks fylt", _told(reading, f"Rommet for {_compartment(reading)} ble fylt.")),  # the same
    "patchcap_open_close_event": lambda reading: Note("Medisinglass", _told(reading, CAP)),  # a bottle's: which dose nobody knows
    "low_battery_event": _battery,
}


def _likely(reading: Wild, values: Mapping[Quantity, Decimal], unit: str = "", told: str = "") -> Measurement:
    if reason := unlikely(values):  # it and the hint speak of our unit: not to a sender of another
        cause = (f"is no value in {unit} that a living person can have", LOOK) if unit else (reason, hint(values) or LOOK)
        raise PayloadError(f"{reading.path}.value_1", *cause)
    return Measurement(values, _told(reading, told))


def _told(reading: Wild, told: str) -> str:
    return f"{told} Tidspunktet er anslått av utstyret.".lstrip() if _said(reading, "estimated_timestamp") else told


def _said(reading: Wild, field: str) -> bool:
    value = reading.get(field)
    return value is not None and value.flag()


def _plain(value: Wild) -> Decimal:
    """Tenovi writes every number with two decimals; zeros that no device showed are left out."""
    number = value.number()
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def _compartment(reading: Wild) -> str:
    return f"{_pick(reading['value_1'], DAYS)} {_pick(reading['value_2'], TIMES)}"


def _pick(value: Wild, table: Mapping[int, str]) -> str:
    """`one_of` for a code that comes as "3.00"."""
    number = value.number()
    if number not in table:
        raise PayloadError(value.path, f"is not one of the {len(table)} known codes", "Ask Tenovi what it stands for.")
    return table[int(number)]


ADAPTER = Adapter("tenovi", split, decode, lane, message_id)
