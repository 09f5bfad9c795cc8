"""Device: plain R4, no national profile."""

from shared.domain.event import Device
from shared.fhir.elements import Json, said


def device_resource(device: Device, owner: str) -> Json:
    return {
        "resourceType": "Device",
        "identifier": [{"system": device.system, "value": device.value}],
        **said(deviceName=[{"name": device.model, "type": "model-name"}] if device.model else []),
        "owner": {"display": owner},
    }
