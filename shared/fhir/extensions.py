"""The extensions of the national profiles: what each carries (vkp.md 3.3)."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.fhir import terminology
from shared.fhir.holding import there
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
    f"{HL7}no-basis-middlename": "valueString",
    f"{HL7}no-basis-address-official": "valueBoolean",
    ADDRESS_HINT: "valueString",
}
_DEVICE = {  # part -> how many of it, at least and at most, and the key of its value where the profile says which
    "identifier": (1, 1, "valueString"),
    "displayName": (1, 1, "valueString"),
    "type": (1, 1, ""),
    "typeName": (0, 1, ""),
    "location": (0, 1, "valueString"),
}
PARTS: Mapping[str, Mapping[str, tuple[int, int, str]]] = {  # url of those that are made of others
    f"{EHELSE}vkp-encounterDevice-v090": _DEVICE,
    f"{EHELSE}VkpMedicationDispenseDevice-v090": _DEVICE,
}
_LEVEL = "severity-level"
SEVERITY = f"{EHELSE}vkp-severity-level-v090"


def carried(extension: Mapping[str, Any]) -> list[str]:
    """What an extension lacks of what the national profiles, or HL7 Norway's, say of its URL; nothing if it is none of theirs."""
    url = extension.get("url")
    if type(url) is not str:
        return []
    if url in VALUES and not there(extension, VALUES[url]):
        return [f"this extension carries {VALUES[url]}"]
    if url == SEVERITY and not _is_severity(extension.get("valueCodeableConcept")):
        return ["this extension carries a code of vkp-severity-level"]
    return list(_parted(extension, PARTS[url])) if url in PARTS else []


def _is_severity(concept: Any) -> bool:
    """The profile fixes the system to the URL of the ValueSet (vkp.md 3.5 no. 5): either is taken."""
    system = terminology.system(_LEVEL)
    systems = (system, system.replace("/CodeSystem/", "/ValueSet/"))
    codings = [each for each in reach(concept, ("coding",)) if type(each) is dict and each.get("system") in systems]
    return any(type(code := each.get("code")) is str and terminology.known(_LEVEL, code) for each in codings)


def _parted(extension: Mapping[str, Any], parts: Mapping[str, tuple[int, int, str]]) -> Iterator[str]:
    sent = [each for each in reach(extension, ("extension",)) if type(each) is dict]
    urls = [each.get("url") for each in sent]
    for name, (least, most, key) in parts.items():
        if not least <= urls.count(name) <= most:
            yield f"this extension has {name}, once" if least else f"this extension has {name} once at most"
        if key and not all(there(each, key) for each in sent if each.get("url") == name):
            yield f"{name} of this extension carries {key}"
    if any(url not in list(parts) for url in urls):
        yield f"this extension is made of {', '.join(parts)} and nothing else"
