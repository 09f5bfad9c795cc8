"""What an answer that is no delivery, or no answer to a look-up, tells a vendor: the section, what was seen, and what to do."""

import re
from collections.abc import Mapping

import orjson

from adapters.epj.fhir.adapter import LARGEST
from local.kit.seen import Seen, bad
from local.kit.wire import Answer
from shared.errors import PayloadError, Refused, Unavailable

LATER = frozenset({408, 425, 429})
PAGE = (
    "A page of a proxy, a login or maintenance is no journal's yes. Let the path lead to the journal itself, and answer 503 in maintenance."
)
Row = tuple[range | frozenset[int], str, str]
MENDING: tuple[Row, ...] = (  # the first that fits
    (range(200, 300), "2.5", "Answer 4xx when you mean no: a 2xx says that the document is stored."),
    (
        range(300, 400),
        "2.5",
        "Answer at the registered address, or have the one that it leads to registered: the hub follows no redirects.",
    ),
    (frozenset({401, 403}), "1.2", "Show the kit the credential that was agreed: --basic or --header with --secret, or --file."),
    (frozenset({404, 405}), "1.1", "Take POST at the agreed address; for documents, followed by the resource's name in lower case."),
    (frozenset({413}), "1.4", "Raise the limit for bodies, at proxies too: 1 MiB must be taken."),
    (LATER, "2.5", "The hub would wait and send again. Try the kit when the endpoint takes documents."),
    (
        range(500, 600),
        "2.5",
        "The hub would send it again and again. Find the failure in the journal's own log; answer 4xx if it will never take it.",
    ),
)
OF_WAYS: Mapping[str, tuple[Row, ...]] = {  # by way, these come first
    "transaction": (
        (frozenset({412}), "T", "Have one record of each identifier: merge those that are two, and heed ifNoneExist under parallel calls."),
        (range(200, 300), "T", "Take every part, and say of each its status, and where it stands (location, or the resource)."),
    ),
    "jft": (
        (frozenset({404, 405}), "J", "Take POST at {base}/v1/{type}, as in /v1/Bundle."),
        (range(200, 300), "J", "Answer 202 with Location, the address of the document's $status."),
    ),
    "response_centre": (
        (
            frozenset({401, 403}),
            "1.2",
            "Verify by Standard Webhooks, with the secret that the kit signs with: --secret, or auth in --file.",
        ),
        (frozenset({404, 405}), "W", "Take POST at the agreed address itself."),
    ),
}
UNKNOWN = "2.5", "Name a test patient whom the journal knows (--patient); else take the document: it is as the hub builds it."


def of_status(status: int) -> tuple[str, str]:
    """The section, and what to do."""
    return _first(MENDING, {status})


def of_verdict(status: int, error: Refused | Unavailable, way: str) -> tuple[str, str]:
    """The same for a document; a FHIR server may say no to a part with a status of its own."""
    told = {status, int(error.answer)} if isinstance(error, Refused) and error.answer.isdecimal() else {status}
    return _first((*OF_WAYS.get(way, ()), *MENDING), told)


def _first(rows: tuple[Row, ...], told: set[int]) -> tuple[str, str]:
    return next(((section, mend) for statuses, section, mend in rows if told & set(statuses)), UNKNOWN)


def cut(answer: Answer, section: str) -> Seen:
    late = "Store first, do the rest afterwards: the answer must be whole in 10 s."
    mend = late if answer.late else "Answer each call, and send the whole answer before you close the connection."
    return bad(answer.trouble, mend, section)


class TooLong(Exception):
    """A part of an answer to a look-up, or all of them."""


def no_answer(answer: Answer, error: Exception) -> Seen:
    """To a look-up."""
    if answer.trouble:
        return cut(answer, "8.10" if answer.late else "8.11")
    if isinstance(error, TooLong):
        return bad(
            f"a part is larger than {LARGEST // 2**20} MB, or all parts than 8 MB", "Give a long answer in parts, with next links.", "8.10"
        )
    if isinstance(error, Refused) and "next link" in error.reason:
        return bad(error.reason.replace("the journal's", "its"), error.remedy, "8.9")
    if isinstance(error, PayloadError):
        return bad(f"no answer that can be read: {error.reason}", error.remedy or "Answer with a Bundle of type searchset, in JSON.", "8.6")
    section, mend = of_status(answer.status)
    return bad(f"answered {answer.status}{words_of(answer)}", mend, section if section == "1.2" else "8.11")


def is_page(answer: Answer) -> bool:
    beginning = answer.body.lstrip()[:9].lower()
    return "text/html" in answer.headers.get("content-type", "").lower() or beginning.startswith((b"<html", b"<!doctype"))


def words_of(answer: Answer) -> str:
    """What an OperationOutcome says, as much as fits on a line, without anybody's number."""
    said = outcome_words(answer)
    plain = "".join(sign if sign.isprintable() else " " for sign in re.sub(r"\d{11}", "...", said))
    return f': "{plain[:160]}"' if plain else ""


def outcome_words(answer: Answer) -> str:
    """`issue.details.text` of an OperationOutcome; "" if the body is none, or says nothing."""
    try:
        issues = orjson.loads(answer.body)["issue"]
        return " ".join(str(issue["details"]["text"]) for issue in issues)
    except (ValueError, KeyError, TypeError):
        return ""
