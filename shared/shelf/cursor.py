"""Where a reader is on a shelf: a time, sealed together with the shelf and the filters it is good for. Pure; nobody's number is in it."""

import base64
import hmac

from shared.shelf.question import NO_CURSOR, Question

_TIME, _SEAL = 8, 16  # bytes


def sealed(key: bytes, shelf: str, question: Question, at: int) -> str:
    """A cursor behind the document of that time. `key`: the hub's secret."""
    time = at.to_bytes(_TIME)
    return base64.urlsafe_b64encode(time + _seal(key, shelf, question, time)).decode()


def opened(key: bytes, shelf: str, question: Question) -> int | None:
    """The time that the question's cursor is behind; None if it has none. A Fault for one that was made elsewhere or for another search."""
    if not question.cursor:
        return None
    try:
        raw = base64.b64decode(question.cursor, altchars=b"-_", validate=True)
    except ValueError:
        raise NO_CURSOR from None
    time, seal = raw[:_TIME], raw[_TIME:]
    if len(raw) != _TIME + _SEAL or not hmac.compare_digest(seal, _seal(key, shelf, question, time)):
        raise NO_CURSOR
    return int.from_bytes(time)


def _seal(key: bytes, shelf: str, question: Question, time: bytes) -> bytes:
    about = repr((shelf, question.wanted.type, question.filters, question.newest)).encode()
    own = hmac.digest(key, b"shelf cursor", "sha256")  # so that no other use of the hub's key can be played against this one
    return hmac.digest(own, time + about, "sha256")[:_SEAL]
