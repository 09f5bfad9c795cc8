"""What travels: receipts on the sender's side, parcels on the journal's. No person in either: safe on a queue, safe in a log."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Lane(StrEnum):
    """How urgent a message is. The two never share a queue."""

    ALARM = "alarm"
    ROUTINE = "routine"


@dataclass(frozen=True, slots=True)
class Receipt:
    """We hold these bytes.

    `id` is the same for the same message: hash of sender, tenant and the sender's own message id, or of the body where it has none.
    `content` is the hash of the body: same id with other content is a correction, never a duplicate.
    """

    id: str
    content: str
    lane: Lane
    tenant: str
    sender: str
    adapter: str
    received_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class Parcel:
    """A stored document and where it goes. `patient_key` is a keyed hash: parcels with the same one keep their order."""

    id: str  # sent to the journal as Idempotency-Key; the same on every attempt
    lane: Lane
    tenant: str
    endpoint: str
    patient_key: str
    resource: str  # lower-case resource type, as in the path of the national contract: bundle, medicationdispense ...
    attempt: int = 0
    not_before: float = 0.0  # seconds since 1970
