"""The national profiles and how else they are called: three families of canonical URLs are in use for the same ones (vkp.md 3.5)."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.domain.adapter import Finding
from shared.fhir.reach import located, reach

EHELSE, HL7 = "http://ehelse.no/fhir/StructureDefinition/", "http://hl7.no/fhir/StructureDefinition/"
GUIDE = "http://hl7.no/fhir/vkpobservation/StructureDefinition/VkpObservation"  # home follow-up, newer than 0.9.0 and stricter
BASE = "http://hl7.org/fhir/StructureDefinition/"
DIGITAL = "digital-Encounter"  # the older sibling of vkp-Encounter
VITAL = {  # profile of a vital sign -> what it measures, as in codes/measurements.json
    "Observation-Bloodpressure": "blood_pressure",
    "Observation-Bodytemp": "body_temperature",
    "Observation-Bodyweight": "body_weight",
    "Observation-Heartrate": "heart_rate",
    "Observation-Oxygensat": "oxygen_saturation",
}
_NAMES = (
    *("MedicationDispense", "DetectedIssue", "Composition", "Encounter", DIGITAL, "CarePlan", "Patient", "MessageHeader"),
    *("Observation", "Observation-Bloodpressure"),
)
PUBLISHED = {  # name -> canonical URL as published
    **{name: f"{EHELSE}vkp-{name}-v090" for name in _NAMES},
    **{name: f"{HL7}vkp-{name}-v090" for name in VITAL if name != "Observation-Bloodpressure"},
    "QuestionnaireResponse": f"{EHELSE}vkp-QuestionnaireReponse-v090",  # sic
}
SPELT = {  # another spelling -> as published
    **{f"{family}vkp-{name}-v090": url for name, url in PUBLISHED.items() for family in (EHELSE, HL7) if name != "QuestionnaireResponse"},
    f"{EHELSE}vkp-QuestionnaireResponse-v090": PUBLISHED["QuestionnaireResponse"],
    f"{HL7}vkp-QuestionnaireResponse-v090": PUBLISHED["QuestionnaireResponse"],
    f"{HL7}vkp-QuestionnaireReponse-v090": PUBLISHED["QuestionnaireResponse"],
}
SPELT = {alias: url for alias, url in SPELT.items() if alias != url}
_KNOWN = {
    **{url: name for name, url in PUBLISHED.items()},
    **{alias: name for alias, url in SPELT.items() for name, published in PUBLISHED.items() if published == url},
    **{f"{GUIDE}{name.removeprefix('Observation-')}": name for name in VITAL},
    GUIDE: "Observation",
}


def claimed(resource: Any) -> set[str]:
    """Names of the national profiles that a resource says it follows, whichever way it writes them, with or without a version."""
    said = reach(resource, ("meta", "profile"))
    return {_KNOWN[url] for profile in said if type(profile) is str and (url := profile.partition("|")[0]) in _KNOWN}


def claims(resource: Mapping[str, Any], where: str) -> Iterator[Finding]:
    """Profiles that nobody here can judge by, and those of another type of resource."""
    said = reach(resource, ("meta", "profile"))
    if len(said) == 1 and type(said[0]) is str and said[0] in _KNOWN and _type(_KNOWN[said[0]]) == resource["resourceType"]:
        return  # as nearly all of them do
    for path, profile in located(resource, ("meta", "profile"), where):
        url = profile.partition("|")[0] if type(profile) is str else ""
        if url not in _KNOWN:
            if not url.startswith(BASE):
                yield Finding("warning", path, "not-supported", "is no national profile: it is not checked")
        elif _type(_KNOWN[url]) != resource["resourceType"]:
            yield Finding("error", path, "structure", "is the profile of another type of resource")


def _type(name: str) -> str:
    return "Encounter" if name == DIGITAL else name.partition("-")[0]
