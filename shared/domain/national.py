"""What the national contract has: its resources by the word in the path, and what a look-up may ask (vkp.md 1.5).

Permissions, the register, the look-up flow, the OpenAPI document and the CapabilityStatement read these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Lookup:
    """What may be asked about one resource. `dated`: by `date`; `everybody`: without an identifier, which means whoever has the service."""

    resource_type: str
    dated: bool = False
    everybody: bool = False


# the word in the path, lower case -> resourceType
WRITES: Mapping[str, str] = MappingProxyType(
    {
        "bundle": "Bundle",
        "medicationdispense": "MedicationDispense",
        "composition": "Composition",
        "encounter": "Encounter",
        "communication": "Communication",  # its profile is not published: base R4
    }
)
LOOKUPS: Mapping[str, Lookup] = MappingProxyType(
    {
        "patient": Lookup("Patient", everybody=True),
        "episodeofcare": Lookup("EpisodeOfCare", everybody=True),
        "careplan": Lookup("CarePlan", dated=True),
        "composition": Lookup("Composition", dated=True),
        "condition": Lookup("Condition"),
        "medicationstatement": Lookup("MedicationStatement"),
        "allergyintolerance": Lookup("AllergyIntolerance"),
    }
)

# how known clients spell whom it is about: every one is understood for every resource
IDENTIFIERS = ("identifier", "patient.identifier", "patient", "subject.identifier", "subject")
DATE = "date"  # may come twice, for a range: all must hold
PREFIXES = ("eq", "ge", "le", "gt", "lt")  # before a date; none means eq


def searches() -> dict[str, tuple[str, ...]]:
    """resourceType -> the parameters of its look-up."""
    return {row.resource_type: (*IDENTIFIERS, *((DATE,) if row.dated else ())) for row in LOOKUPS.values()}


SERVICE_CODES: Mapping[str, str] = MappingProxyType(  # ServiceCodes, lower case as clients send them (vkp.md 1.8)
    {
        "rt": "Responstjeneste",
        "ta": "Trygghetsalarm",
        "gps": "GPS-lokalisering",
        "md": "Medisindispenser",
        "dt": "Digitalt tilsyn",
        "dho": "Digital hjemmeoppfølging",
    }
)
