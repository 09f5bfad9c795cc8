"""The five vital-sign profiles and the general Observation profile: which codes and units they ask for (vkp.md 3.2)."""

from functools import cache
from typing import Any

from shared.domain.vocabulary import QUANTITIES, Quantity
from shared.fhir.reach import reach
from shared.fhir.rules import Verdict
from shared.fhir.terminology import measurements

FAMILIES = ("http://ehelse.no/fhir/StructureDefinition/", "http://hl7.no/fhir/StructureDefinition/")  # both are used for all five
ALSO = {Quantity.BODY_WEIGHT: ("g",)}  # units the profile allows besides ours


@cache
def _profiles() -> dict[str, str]:
    """Canonical, of either family -> the quantity (or `blood_pressure`) that it profiles."""
    vital = {row["profile"].rpartition("/")[2]: name for name, row in measurements().items() if row.get("category") == "vital-signs"}
    return {family + tail: name for family in FAMILIES for tail, name in vital.items()}


def vital_sign(observation: Any) -> Verdict:
    """What an Observation lacks of the vital-sign profile that it claims."""
    claimed = reach(observation, ("meta", "profile"))
    name = next((_profiles()[profile] for profile in claimed if type(profile) is str and profile in _profiles()), None)
    if name is None:
        return None
    if "vital-signs" not in reach(observation, ("category", "coding", "code")):
        return "error", "required", "a vital sign has the category vital-signs"
    if not observation.get("effectiveDateTime") and not observation.get("effectivePeriod"):
        return "error", "required", "a vital sign has effectiveDateTime or effectivePeriod"
    if not _has_codes(observation, name):
        return "error", "code-invalid", "the LOINC and SNOMED CT codes are not those of the profile"
    return _units(observation, name)


def _units(observation: Any, name: str) -> Verdict:
    """A value has its unit in UCUM; the parts of a blood pressure are the two that there are."""
    if name != "blood_pressure":
        return _unit(observation, Quantity(name))
    for part in reach(observation, ("component",)):
        quantity = next((pressure for pressure in (Quantity.SYSTOLIC, Quantity.DIASTOLIC) if _has_codes(part, pressure)), None)
        if quantity and (verdict := _unit(part, quantity)):
            return verdict
    return None


def _unit(holder: Any, quantity: Quantity) -> Verdict:
    value = holder.get("valueQuantity")
    if type(value) is not dict:
        return None if holder.get("dataAbsentReason") else ("error", "required", "has neither valueQuantity nor dataAbsentReason")
    ucum = (QUANTITIES[quantity].ucum, *ALSO.get(quantity, ()))
    if value.get("code") not in ucum or value.get("system") != "http://unitsofmeasure.org":
        return "error", "code-invalid", f"the unit is not {' or '.join(ucum)} in UCUM"
    return None


def _has_codes(holder: Any, name: str) -> bool:
    """Whether the LOINC and the SNOMED CT code are there; more codes may be."""
    wanted = {coding["system"]: coding["code"] for coding in reversed(measurements()[name]["coding"])}
    sent = [(coding.get("system"), coding.get("code")) for coding in reach(holder, ("code", "coding")) if type(coding) is dict]
    return all((system, wanted[system]) in sent for system in ("http://loinc.org", "http://snomed.info/sct"))
