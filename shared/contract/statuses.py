"""The statuses that the hub refuses with: what each means to a caller, and what to do then. docs/senders.md 3 and docs/admin.md 2 have more
words for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_DOCS = "https://github.com/knutepunkt/knutepunkt/blob/main/docs"


@dataclass(frozen=True, slots=True)
class Status:
    """A refusal. `title`: of the problem, the same wherever it occurs; `cause` as a sentence without its point; `headers` that may come."""

    title: str
    cause: str
    remedy: str
    headers: tuple[str, ...] = ()


REFUSALS: Mapping[int, Status] = MappingProxyType(
    {
        400: Status("The payload cannot be read", "the request cannot be read, or breaks the rules of this municipality", "mend it first"),
        401: Status(
            "The sender could not prove who it is",
            "the credentials are missing, wrong, malformed or out of their time",
            "check secret or token, clock, and what you sign",
            ("WWW-Authenticate",),
        ),
        403: Status("The sender may not do this", "you are known, but stopped, or not registered for this", "ask the municipality"),
        404: Status("There is no such thing here", "an unknown municipality, format, resource, receipt or table", "check the path"),
        409: Status("It cannot be so now", "what is asked for does not fit what is so by now", "look how things are, then decide"),
        411: Status("The payload's length is missing", "a chunked body arrived empty", "send Content-Length"),
        413: Status("The payload is too large", "the body has more bytes or items than this route takes", "send less at a time"),
        415: Status("The payload is encoded in a way that is not accepted", "Content-Encoding is there", "send the body uncompressed"),
        429: Status("Too much at once", "more of yours waits than is taken at once", "send it again after Retry-After", ("Retry-After",)),
        502: Status("The journal's answer cannot be used", "the journal refused, or said what is no answer", "tell the municipality"),
        503: Status(
            "The hub cannot take messages now",
            "storage, the keys of tokens or the journal cannot be reached",
            "send it again after Retry-After",
            ("Retry-After",),
        ),
        504: Status("The journal did not answer in time", "the journal did not answer in time", "ask again"),
    }
)
OF_PEOPLE: Mapping[int, Status] = MappingProxyType(  # who administer: they send no payloads
    {
        400: Status("This cannot be understood", "a field is missing, wrong, or not one of this call's", "mend it: field says where"),
        401: Status(
            "You could not prove who you are",
            "the access token or its proof is missing, wrong or out of its time",
            "log in again, and make a proof for each call",
            ("WWW-Authenticate",),
        ),
        403: Status(
            "You may not do this",
            "the municipality's roll does not have you, your access has ended, or your role does not allow it",
            "ask the municipality's user administrator",
        ),
        404: Status(REFUSALS[404].title, "an unknown municipality, message, job, user or act", "check the address"),
        409: REFUSALS[409],
        413: Status("The body is too large", "the body has more than 16 KiB", "send less"),
        415: Status("The body is encoded in a way that is not accepted", REFUSALS[415].cause, REFUSALS[415].remedy),
        429: Status(
            "Too much at once",
            "you call more often than is taken, or another search of yours goes on",
            "go on after Retry-After",
            ("Retry-After",),
        ),
        503: Status(
            "It is not done, or not wholly",
            "storage or the issuer of tokens cannot be reached, or others have searched for too long",
            "say it again after Retry-After: what was done is found done",
            ("Retry-After",),
        ),
    }
)


def problem(status: int, detail: str, remedy: str, *, person: bool = False) -> dict[str, Any]:
    """RFC 9457. `person`: it is told to somebody who administers."""
    page, rows = ("admin.md", OF_PEOPLE) if person else ("senders.md", REFUSALS)
    title = rows[status].title if status in rows else "Refused"
    return {"type": f"{_DOCS}/{page}#{status}", "title": title, "status": status, "detail": detail, "remedy": remedy}
