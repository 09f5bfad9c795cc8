"""One entry of the audit log: who asked for or sent what about whom, under which ServiceCodes, and what came of it. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """No person's number or name: `patients` are keyed hashes (the same as a parcel's), and so is nobody else named.

    Written before the answer is given: an answer without its entry does not leave the hub.
    """

    at: float  # seconds since 1970
    correlation: str  # a UUID; the same as in the answer's header X-Correlation-Id
    tenant: str  # orgnr of the municipality
    sender: str  # its name in the municipality's register; "" if it has none there
    vkp_id: str  # as the token has it; "" where the sender proved itself without one
    client: str  # the token's client_id; "" likewise
    action: (
        str  # "patient.read", "bundle.write"; "audit.read" where this log itself was read; an operator's "messages.resend", "people.put"
    )
    patients: tuple[str, ...]
    service_codes: tuple[str, ...]  # as claimed, lower case
    status: int  # HTTP status of the answer
    code: str  # vkp-operation-outcome of a refusal, "" if none
    count: int = 0  # resources that were handed out, or receipts that were taken
    message: str = ""  # writes: the message's id (a hash, the same for every repeat); audit.read, messages: what was meant, and why
    who: str = ""  # audit.read, messages, people: who did it: "role:keyed hash" of who has logged in; else a name that nobody proved
