"""What travels: receipts on the sender's side, parcels on the journal's. No person in either: safe on a queue, safe in a log."""

from enum import StrEnum
from typing import NotRequired, TypedDict


class Lane(StrEnum):
    """How urgent a message is. The two never share a queue."""

    ALARM = "alarm"
    ROUTINE = "routine"


class Receipt(TypedDict):
    """We hold these bytes: what a sender's line keeps beside them. Tenant, sender and lane are the line's name."""

    id: str  # the same for the same message: from the sender's own id, or the body's hash where it has none
    content: str  # the body's hash: the same id with other content is a correction, never a duplicate
    adapter: str
    received_at: float  # seconds since 1970


class Parcel(TypedDict):
    """A stored document and where it goes: what an endpoint's line keeps beside it. Tenant, endpoint and lane are the line's name."""

    id: str  # sent to the journal as Idempotency-Key; the same on every attempt
    patient: str  # a keyed hash: parcels with the same one keep their order
    resource: str  # lower-case resource type, as in the path of the national contract: bundle, medicationdispense ...
    of: NotRequired[str]  # the public id of the receipt that it came of
    source: NotRequired[str]  # of one that lay on a shelf: the sender's name in the register
    message: NotRequired[str]  # of an alarm: by which its key for another endpoint is made, should it not arrive here
    second: NotRequired[bool]  # an alarm that came here since it did not arrive elsewhere: it may have a route of its own here too
    known: NotRequired[list[str]]  # of an alert for a response centre: hashes of the names by which its follow-up may speak of it
    after: NotRequired[dict[str, list[int]]]  # line -> positions of parcels, of other patients, that this one corrects
