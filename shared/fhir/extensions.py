"""The extensions of the national profiles: what each carries (vkp.md 3.3)."""

from collections.abc import Mapping
from typing import Any

from shared.fhir.profiles import EHELSE, HL7
from shared.fhir.reach import reach

ADDRESS_HINT = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-additionalLocator"
ELOCK, ZONE, HEADER = f"{EHELSE}vkp-elock-v090", f"{EHELSE}vkp-sone-v090", f"{EHELSE}vkp-detailheader-v090"
VALUES: Mapping[str, str] = {  # url -> the key of its value
    ZONE: "valueString",
    f"{EHELSE}vkp-household-v090": "valueString",
    ELOCK: "valueString",
    HEADER: "valueString",
    f"{EHELSE}vkp-annotation-v090": "valueAnnotation",
    f"{EHELSE}vkp-displayURL-v090": "valueUri",
    f"{EHELSE}vkp-severity-level-v090": "valueCodeableConcept",
    f"{EHELSE}vkp-deviceReference-v090": "valueReference",
    f"{HL7}no-vft-elock": "valueString",
    f"{HL7}no-vft-household": "valueString",
    f"{HL7}no-vft-secret-address": "valueBoolean",
    f"{HL7}no-basis-municipalitycode": "valueCoding",
    ADDRESS_HINT: "valueString",
}
PARTS: Mapping[str, frozenset[str]] = {  # url of those that are made of others -> the ones it must have, once
    f"{EHELSE}vkp-encounterDevice-v090": frozenset({"identifier", "displayName", "type"}),
    f"{EHELSE}VkpMedicationDispenseDevice-v090": frozenset({"identifier", "displayName", "type"}),
}


def carried(extension: Mapping[str, Any]) -> list[str]:
    """What an extension lacks of what the national profiles, or HL7 Norway's, say of its URL; nothing if it is none of theirs."""
    url = extension.get("url")
    if type(url) is not str:
        return []
    if url in VALUES:
        return [] if VALUES[url] in extension else [f"this extension carries {VALUES[url]}"]
    urls = reach(extension, ("extension", "url"))
    return [f"this extension has {name}, once" for name in sorted(PARTS.get(url, ())) if urls.count(name) != 1]
