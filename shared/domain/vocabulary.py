"""The quantities the hub knows: a closed list, one unit each, so that what is measured cannot drift (`domain/devices.md` 5.3)."""

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
