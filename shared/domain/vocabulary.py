"""The quantities the hub knows: a closed list, one unit each, so that what is measured cannot drift (`domain/devices.md` 5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Quantity(StrEnum):
    """A measured quantity; the value is its name in our own files and logs."""

    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    HEART_RATE = "heart_rate"
    OXYGEN_SATURATION = "oxygen_saturation"
    BODY_TEMPERATURE = "body_temperature"
    BODY_WEIGHT = "body_weight"
    GLUCOSE = "glucose"


@dataclass(frozen=True, slots=True)
class Range:
    """Both ends belong to it."""

    low: Decimal
    high: Decimal

    def __contains__(self, value: Decimal) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Row:
    """What the hub holds to be true of a quantity. Outside `usual` someone looks; outside `possible` it is an error, and parked."""

    name: str  # bokmål, as it begins a sentence
    ucum: str
    unit: str  # as a nurse reads it
    usual: Range | None
    possible: Range
    hint: str = ""  # for a sender that chooses its unit: what a value outside `possible` most often comes from


def _range(low: str, high: str) -> Range:
    return Range(Decimal(low), Decimal(high))


QUANTITIES: Mapping[Quantity, Row] = {
    Quantity.SYSTOLIC: Row("Systolisk blodtrykk", "mm[Hg]", "mmHg", _range("70", "220"), _range("30", "300")),
    Quantity.DIASTOLIC: Row("Diastolisk blodtrykk", "mm[Hg]", "mmHg", _range("40", "130"), _range("15", "200")),
    Quantity.HEART_RATE: Row("Puls", "/min", "slag/min", _range("35", "180"), _range("20", "300")),
    Quantity.OXYGEN_SATURATION: Row(
        "Oksygenmetning", "%", "%", _range("85", "100"), _range("40", "100"), "Send per cent, not a fraction of 1."
    ),
    Quantity.BODY_TEMPERATURE: Row(
        "Kroppstemperatur", "Cel", "°C", _range("35", "39.5"), _range("28", "43"), "Send degrees Celsius, not Fahrenheit."
    ),
    Quantity.BODY_WEIGHT: Row("Vekt", "kg", "kg", None, _range("1", "400"), "Send kilograms, not grams or pounds."),
    Quantity.GLUCOSE: Row("Blodsukker", "mmol/L", "mmol/L", _range("3.0", "20"), _range("0.5", "40"), "Send mmol/L, not mg/dL."),
}


def parked(quantity: Quantity, value: Decimal) -> str | None:
    """Why a value cannot be one of a living person; never the value itself."""
    row = QUANTITIES[quantity]
    if value in row.possible:
        return None
    return f"{quantity} is outside {row.possible} {row.ucum}"


def unlikely(values: Mapping[Quantity, Decimal]) -> str | None:
    """Why a reading as a whole must wait for a human: a value that cannot be, or pressures the wrong way round."""
    for quantity, value in values.items():
        if reason := parked(quantity, value):
            return reason
    systolic, diastolic = values.get(Quantity.SYSTOLIC), values.get(Quantity.DIASTOLIC)
    if systolic is not None and diastolic is not None and diastolic >= systolic:
        return "diastolic is not below systolic"
    return None


def hint(values: Mapping[Quantity, Decimal]) -> str:
    """What a sender of `unlikely` values in our units may have to change; empty if nothing comes to mind."""
    return next((QUANTITIES[quantity].hint for quantity, value in values.items() if parked(quantity, value)), "")
