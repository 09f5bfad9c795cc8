"""Rules of the national profiles that are more than one look at one place: what the rows of `check.py` cannot say."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from shared.domain import person
from shared.domain.adapter import Finding
from shared.fhir.extensions import ADDRESS_HINT, ELOCK
from shared.fhir.profiles import DIGITAL, claimed
from shared.fhir.reach import located, reach
from shared.fhir.rules import bound
from shared.fhir.terminology import MODE

VIRTUAL = ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "VR")
HNR = ("urn:oid:2.16.578.1.12.4.1.1.8327", "HNR")
MODES = bound("participant.type", MODE)


def old_encounter(encounter: Any, where: str) -> Iterator[Finding]:
    """vkp-digital-Encounter, for those who still say they follow it: virtual, now and before."""
    if type(encounter) is dict and DIGITAL in claimed(encounter):
        for steps in (("class",), ("classHistory", "class")):
            for path, coding in located(encounter, steps, where):
                if type(coding) is not dict or (coding.get("system"), coding.get("code")) != VIRTUAL:
                    yield Finding("error", path, "code-invalid", "expected VR of v3-ActCode, as the profile fixes it")


def modes(encounter: Any, where: str) -> Iterator[Finding]:
    """How someone looked in. The older profile names a value set that has been deleted: what follows it is told and not refused."""
    old = type(encounter) is dict and DIGITAL in claimed(encounter)
    for found in MODES.findings(encounter, where):
        yield replace(found, severity="warning") if old else found


def general(observation: Any, where: str) -> Iterator[Finding]:
    systems = reach(observation, ("code", "coding", "system"))
    if "http://loinc.org" not in systems and "http://snomed.info/sct" not in systems:
        yield Finding("warning", f"{where}.code", "code-invalid", "has no code of LOINC or SNOMED CT that says what was measured")


def address(patient: Any, where: str) -> Iterator[Finding]:
    """vkp-Address: closed extensions. Those of no-basis are in use, and it is open whether they are meant to be closed out."""
    for path, extension in located(patient, ("address", "extension"), where):
        if type(extension) is dict and extension.get("url") != ELOCK:
            yield Finding("warning", path, "extension", "is none that the national profile has on an address")
    for path, extension in located(patient, ("address", "_line", "extension"), where):
        if type(extension) is dict and extension.get("url") != ADDRESS_HINT:
            yield Finding("error", path, "extension", "is none that the national profile has on the line of an address")


def hospital_number(patient: Any, where: str) -> Iterator[Finding]:
    """The slice HNR of no-basis-Patient (vkp.md 3.4): every hospital's numbers have the same system, so it says whose it is."""
    for path, identifier in located(patient, ("identifier",), where):
        if type(identifier) is not dict or identifier.get("system") != person.HOSPITAL:
            continue
        codings = [each for each in reach(identifier, ("type", "coding")) if type(each) is dict]
        if HNR not in [(each.get("system"), each.get("code")) for each in codings]:
            yield Finding("error", f"{path}.type", "required", "an H-nummer has the type HNR of Volven 8327")
        if not identifier.get("assigner"):
            yield Finding("error", f"{path}.assigner", "required", "an H-nummer says which hospital gave it")
