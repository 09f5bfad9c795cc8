"""Names of lines and of receipts. They say where things stand, and never who."""

import hashlib
import re

from shared.domain.message import Lane
from shared.storage.lines import place_of, position

_RECEIPT = re.compile(r"([0-9]{9})\.([a-z0-9-]{1,40})\.(alarm|routine)\.([0-9]{1,12})\.([0-9]{1,3})")
_PARCEL = re.compile(r"([0-9]{9}~[a-z0-9-]{1,40}~(?:alarm|routine)~[0-9]{2}(?:\.[0-9]{1,6})?)\.([0-9]{1,15})")


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


def receipt_at(name: str) -> tuple[str, int] | None:
    """The line and the position that a receipt's public id says; None: it is none."""
    found = _RECEIPT.fullmatch(name)
    return (f"{found[1]}~{found[2]}~{found[3]}", position(int(found[4]), int(found[5]))) if found else None


def sender_of(receipt: str) -> str:
    """The sender's name in the register, from a receipt's public id; "" of ""."""
    return receipt.split(".")[1] if receipt else ""


def parcel_name(line: str, at: int) -> str:
    """The public id of a parcel: likewise."""
    return f"{line}.{at}"


def parcel_at(name: str) -> tuple[str, int] | None:
    """The line and the position that a parcel's public id says; None: it is none."""
    found = _PARCEL.fullmatch(name)
    return (found[1], int(found[2])) if found else None


def message_of(receipt: str, event: str) -> str:
    """Names one event of a receipt, for all endpoints that it goes to."""
    return hashlib.sha256(f"{receipt}|{event}".encode()).hexdigest()


def parcel_id(message: str, endpoint: str) -> str:
    """The Idempotency-Key: the same for the same document to the same endpoint, on every attempt, after every crash and by every route."""
    return hashlib.sha256(f"{message}|{endpoint}".encode()).hexdigest()


def message_id(line: str, own: str) -> str:
    """The same for the same message: from the sender's own id, or the body's hash where it has none. Only a line knows what was taken in
    it: what comes under an id of the other lane is another message, or a journal would take it for one that it has."""
    return hashlib.sha256(f"{line}|{own}".encode()).hexdigest()[:40]
