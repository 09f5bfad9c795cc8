"""The extensions of the national profiles: what each carries (vkp.md 3.3)."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain.adapter import Finding
from shared.fhir.profiles import EHELSE, HL7
from shared.fhir.reach import step

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


def extensions(node: Any, where: str) -> Iterator[Finding]:
    """What is wrong with the national extensions anywhere in a resource."""
    if type(node) is list:
        for place, each in enumerate(node):
            if type(each) is dict or type(each) is list:
                yield from extensions(each, f"{where}[{place}]")
    elif type(node) is dict:
        if type(url := node.get("url")) is str and (url in VALUES or url in PARTS):
            yield from _carried(node, url, where)
        for key, part in node.items():
            if type(part) is dict or type(part) is list:
                yield from extensions(part, where + step(key))


def _carried(extension: Mapping[str, Any], url: str, where: str) -> Iterator[Finding]:
    if url in VALUES:
        if VALUES[url] not in extension:
            yield Finding("error", where, "extension", f"this extension carries {VALUES[url]}")
        return
    inside = extension.get("extension")
    urls = [each.get("url") for each in inside if type(each) is dict] if type(inside) is list else []
    for name in sorted(PARTS[url]):
        if urls.count(name) != 1:
            yield Finding("error", where, "extension", f"this extension has {name}, once")
