"""Every failure of the hub, drawn once.

    HubError
    |-- Unauthenticated   the sender could not prove who it is     -> 401, nothing stored
    |-- PayloadError      the sender's bytes cannot be read        -> 400 where seen at the door, else set aside; never retried
    |-- Refused           the journal says no and will say no again -> parked, shown, resent by hand
    `-- Unavailable       the journal may say yes later            -> scheduled again

Any other exception is our bug: raised, retried by the queue, ends in the poison queue, alarms.
No message carries a value from a payload: a reason names a field and what was expected there.
"""


class HubError(Exception):
    """`reason` says what is wrong, `remedy` what the reader can do about it."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class Unauthenticated(HubError):
    """The sender could not prove who it is. `basic`: it could have done so by HTTP Basic, which a 401 then says."""

    def __init__(self, reason: str, remedy: str = "", *, basic: bool = False) -> None:
        super().__init__(reason, remedy)
        self.basic = basic


class PayloadError(HubError):
    """The sender's bytes cannot be read. `field` is a path into the payload, as `$.reading[2].value`."""

    def __init__(self, field: str, reason: str, remedy: str = "") -> None:
        super().__init__(f"{field}: {reason}", remedy)
        self.field = field


class Refused(HubError):
    """The journal says no and will say no again. `answer` is its status, never its body."""

    def __init__(self, reason: str, answer: str = "", remedy: str = "") -> None:
        super().__init__(reason, remedy)
        self.answer = answer


class Unavailable(HubError):
    """The journal may say yes later. `retry_after` is its own wish in seconds, if it had one. `unsure`: it may have stored the document."""

    def __init__(self, reason: str, retry_after: float | None = None, *, unsure: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.unsure = unsure
