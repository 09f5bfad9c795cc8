"""What stands for a patient wherever the number itself may not."""

import hmac

from shared.domain import person
from shared.domain.event import Person


def patient_key(key: bytes, tenant: str, citizen: Person) -> str:
    """A keyed hash, worthless without the key: the same for the same citizen of a municipality, in parcels and in the audit log, however
    their number's system was spelt."""
    system, value = person.identified(citizen.system, citizen.value)
    system = (system in person.KINDS and person.system_of(value)) or system  # a D-nummer under another kind's system is the same citizen's
    return hmac.digest(key, f"{tenant}|{system}|{value}".encode(), "sha256").hex()[:32]
