"""The admin API's routes and shapes: rows of a table like routes.py, in a document of their own."""

from typing import Any

from shared.contract.route import JSON, Answer, Route

Json = dict[str, Any]

_V1 = "/api/admin/v1/{orgnr}"
_USUAL = (400, 401, 403, 404, 413, 415, 429, 503)
_FILTERS = ("sender", "endpoint", "lane", "event", "state", "from", "to")

TAGS = {
    "messages": "Found, looked at, acted on. Every role may look; `administer` acts.",
    "jobs": "An act on many messages, group by group, by timer.",
    "stops": "Traffic that is held back by hand: it waits, nothing is refused at the door.",
    "days": "What became of each day's receipts.",
    "users": "Who may do what. Roles `administer_users` and `administer`.",
    "about": "This document.",
}
_FIND = """
The newest that the filter lets through. One that names neither a time nor a state that can be looked up goes back 24 hours. A sender or
endpoint that the municipality does not have is refused with those that it has.
"""
_ACT = """
`resend` (parked parcels; delivered ones if a parcel is named or `state` says so), `park`, `delete`, `restore` or `transform`, of a receipt
with its parcels or of one parcel. Said again it does what is left, and nothing twice. `park` and `delete` need a reason.
"""
_BEGIN = """
The same acts on all messages of a filter, as they are now: what comes later is not meant. They are counted up to 10,000 or eight seconds
(`more`: nobody counted further), and done by timer, oldest first. A job sends nothing again twice. `dry_run` counts only. With a `key`, a
wish whose answer was lost can be said again: it is the same job.
"""
_SHOWN = "Every step, attempt, answer class and repair. That it was looked at stands in the audit log."
_PUT = """
To somebody new by `number`, in the body and nowhere else; to somebody listed by `user`. For at most six months, and closed after three
without use. Nobody changes their own access.
"""

ADMIN: tuple[Route, ...] = (
    Route(
        "GET",
        f"{_V1}/messages",
        "find",
        "messages",
        "Find messages",
        _FIND,
        {200: Answer(JSON, "Messages", "Those that were found.")},
        _USUAL,
        headers=(*_FILTERS, "most"),
    ),
    Route(
        "POST",
        f"{_V1}/messages/_search",
        "search",
        "messages",
        "Find a message by a sender's own id",
        "In the body, since it may be somebody's.",
        {200: Answer(JSON, "Messages", "Those that were found.")},
        _USUAL,
        body="OwnId",
    ),
    Route(
        "GET",
        f"{_V1}/messages/{{message}}",
        "show",
        "messages",
        "One message's whole history",
        _SHOWN,
        {200: Answer(JSON, "History", "All that is remembered.")},
        _USUAL,
    ),
    Route(
        "POST",
        f"{_V1}/messages/{{message}}/{{act}}",
        "act",
        "messages",
        "Act on one message",
        _ACT,
        {200: Answer(JSON, "Changed", "How many receipts and parcels were changed; with `dry_run`: would be.")},
        (409, *_USUAL),
        body="Act",
    ),
    Route(
        "GET",
        f"{_V1}/jobs",
        "jobs",
        "jobs",
        "All jobs",
        "The newest first; for 90 days after their end.",
        {200: Answer(JSON, "Jobs", "They are.")},
        _USUAL,
    ),
    Route(
        "POST",
        f"{_V1}/jobs",
        "begin",
        "jobs",
        "Act on many messages",
        _BEGIN,
        {202: Answer(JSON, "Job", "It begins within 15 seconds."), 200: Answer(JSON, "Counted", "With `dry_run`.")},
        (409, *_USUAL),
        body="Begin",
    ),
    Route(
        "GET",
        f"{_V1}/jobs/{{job}}",
        "job",
        "jobs",
        "How far a job has come",
        "Messages done, receipts and parcels changed.",
        {200: Answer(JSON, "Job", "So far.")},
        _USUAL,
    ),
    Route(
        "POST",
        f"{_V1}/jobs/{{job}}/{{act}}",
        "change",
        "jobs",
        "Pause, resume or cancel a job",
        "`pause`, `resume` or `cancel`: heeded between two groups of 20 messages.",
        {200: Answer(JSON, "Job", "As it is now.")},
        (409, *_USUAL),
    ),
    Route(
        "GET",
        f"{_V1}/stops",
        "stops",
        "stops",
        "What is stopped",
        "By hand; what the register stops is not among it.",
        {200: Answer(JSON, "Stops", "They are.")},
        _USUAL,
    ),
    Route(
        "POST",
        f"{_V1}/stops/{{act}}",
        "traffic",
        "stops",
        "Stop or start traffic",
        "`stop` or `start`: of a sender, of an endpoint, or of the whole municipality if none is named. Known everywhere in ten seconds.",
        {200: Answer(JSON, "Stops", "As it is now.")},
        (409, *_USUAL),
        body="Traffic",
    ),
    Route(
        "GET",
        f"{_V1}/days",
        "days",
        "days",
        "What became of each day's receipts",
        "As the nightly reconciliation found it, for forty days.",
        {200: Answer(JSON, "Days", "One for each sender and day.")},
        _USUAL,
    ),
    Route(
        "GET",
        f"{_V1}/users",
        "users",
        "users",
        "Who may do what",
        "Those whose access has ended too.",
        {200: Answer(JSON, "Users", "They are.")},
        _USUAL,
    ),
    Route(
        "PUT",
        f"{_V1}/users",
        "put",
        "users",
        "Give access, or give it anew",
        _PUT,
        {200: Answer(JSON, "User", "As it is now.")},
        (409, *_USUAL),
        body="Access",
    ),
    Route(
        "GET",
        f"{_V1}/users/me",
        "me",
        "users",
        "Your own access",
        "Any role.",
        {200: Answer(JSON, "User", "Yours.")},
        _USUAL,
    ),
    Route(
        "DELETE",
        f"{_V1}/users/{{user}}",
        "remove",
        "users",
        "Take access away",
        "Nobody's own.",
        {200: Answer(JSON, "Removed", "It is taken.")},
        _USUAL,
    ),
    Route(
        "GET",
        "/api/admin/openapi.json",
        "openapi",
        "about",
        "This contract, for machines",
        "OpenAPI 3.1.",
        {200: Answer(JSON, "OpenAPI", "The document.")},
    ),
)
