"""Names of lines and of receipts. They say where things stand, and never who."""

import hashlib

from shared.domain.message import Lane
from shared.storage.lines import place_of


def receipts_line(tenant: str, sender: str, lane: Lane) -> str:
    return f"{tenant}~{sender}~{lane}"


def owner_of(line: str) -> tuple[str, str]:
    """The municipality and the sender or endpoint that a line belongs to."""
    tenant, name, *_ = line.split("~")
    return tenant, name


def receipt_name(line: str, position: int) -> str:
    """The public id of a receipt: where it stands, so that asking for it is one read."""
    tenant, sender, lane = line.split("~")
    sequence, place = place_of(position)
    return f"{tenant}.{sender}.{lane}.{sequence}.{place}"


def message_of(receipt: str, event: str) -> str:
    """Names one event of a receipt, for all endpoints that it goes to."""
    return hashlib.sha256(f"{receipt}|{event}".encode()).hexdigest()


def parcel_id(message: str, endpoint: str) -> str:
    """The Idempotency-Key: the same for the same document to the same endpoint, on every attempt, after every crash and by every route."""
    return hashlib.sha256(f"{message}|{endpoint}".encode()).hexdigest()


def message_id(tenant: str, sender: str, own: str) -> str:
    """The same for the same message: from the sender's own id, or the body's hash where it has none."""
    return hashlib.sha256(f"{tenant}|{sender}|{own}".encode()).hexdigest()[:40]
