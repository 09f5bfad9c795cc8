"""What comes and goes through the admin API, as JSON Schema, and an example of each."""

from typing import Any

from shared.access.people import Role
from shared.contract.schemas import COUNT, RECEIPT, TEXT, closed

Json = dict[str, Any]

STATES = ("received", "transformed", "delivered", "parked", "set aside", "duplicate", "waiting", "deleted", "unacknowledged")
VERBS = ("resend", "park", "delete", "restore", "transform")
ID, PARCEL = "310123455.scales.routine.42.0", "310123455~gerica~routine~02.1000"
JOB, USER = "abnogpjkbma-fkcdoabp", "kpdmfoaebhlnjicgkpdmfoaebhlnjicg"
_AT = "2026-11-26T07:03:12.480Z"
_TIME: Json = {"type": "string", "format": "date-time"}
_WHEN: Json = {"type": "string", "description": "A time; empty if it never was."}
_FLAG: Json = {"type": "boolean"}
_STATE: Json = {"enum": list(STATES)}
_ROLE: Json = {"enum": list(Role)}
_REASON: Json = {**TEXT, "minLength": 1, "maxLength": 200, "description": "Why: stands in the audit log. Nobody's name or number."}
_KEY: Json = {**TEXT, "minLength": 1, "maxLength": 200, "description": "Yours, another for each job. Said again by it, the job is found."}
_NAME: Json = {**TEXT, "pattern": "^[a-z0-9-]{1,40}$"}
FILTERS: dict[str, Json] = {
    "sender": _NAME,
    "endpoint": _NAME,
    "lane": {"enum": ["alarm", "routine"]},
    "event": {**TEXT, "description": "A kind (`alert`), a code (`4.1`) or both (`alert:4.1`)."},
    "state": _STATE,
    "from": {**TEXT, "description": "Received from then on: a day in Norway, or a moment with its offset."},
    "to": {**TEXT, "description": "Received before then."},
}


def components() -> dict[str, Json]:
    """By the names that the routes use."""
    users: Json = {"type": "array", "items": _ref("User")}
    return {
        "OwnId": _asked({"id": {**TEXT, "minLength": 1, "maxLength": 200}, "sender": _NAME}, "id"),
        "Act": _asked({"reason": _REASON, "state": _STATE, "endpoint": _NAME, "dry_run": _FLAG}),
        "Begin": _asked({"verb": {"enum": list(VERBS)}, **FILTERS, "reason": _REASON, "key": _KEY, "dry_run": _FLAG}, "verb"),
        "Traffic": _asked({"sender": _NAME, "endpoint": _NAME, "reason": _REASON}),
        "Access": _asked({"number": TEXT, "user": TEXT, "name": {**TEXT, "maxLength": 60}, "role": _ROLE, "until": TEXT}, "name", "role"),
        "Message": _message(),
        "Messages": closed("What a search found.", {"messages": {"type": "array", "items": _ref("Message")}, "more": _FLAG}),
        "History": _history(),
        "Changed": closed("What came of an act.", {"changed": COUNT, "text": TEXT}),
        "Counted": closed("How many messages it would be.", {"count": COUNT, "more": _FLAG}),
        "Job": _job(),
        "Jobs": closed("Jobs.", {"jobs": {"type": "array", "items": _ref("Job")}}),
        "Stops": closed("What is stopped.", {"stops": {"type": "array", "items": _stop()}}),
        "Days": closed("Accounts.", {"days": {"type": "array", "items": _day()}}),
        "User": _user(),
        "Users": closed("Everybody with access, or whose access has ended.", {"users": users}),
        "Removed": closed("Whose access was taken.", {"removed": TEXT}),
        "OpenAPI": {"description": "An OpenAPI document.", "type": "object", "required": ["openapi", "info", "paths"]},
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _asked(fields: Json, *required: str) -> Json:
    return closed("", fields, [name for name in fields if name not in required])


def _parcel(**more: Json) -> Json:
    fields = {"parcel": TEXT, "endpoint": TEXT, "state": _STATE, "state_text": TEXT, **more}
    return closed("A document on its way to a journal.", fields, [name for name in more if name not in ("attempts", "acts")])


def _fields() -> Json:
    return {
        "receipt": {**TEXT, "pattern": RECEIPT},
        "received_at": _TIME,
        "sender": TEXT,
        "lane": FILTERS["lane"],
        "state": _STATE,
        "state_text": {**TEXT, "description": "The same in bokmål."},
        "events": {"type": "array", "items": TEXT},
    }


def _message() -> Json:
    return closed("A receipt and what came of it.", {**_fields(), "parcels": {"type": "array", "items": _parcel()}})


def _history() -> Json:
    words: Json = {"type": "array", "items": TEXT}
    aside = closed("-1 is the whole payload.", {"item": {"type": "integer"}, "reason": TEXT, "remedy": TEXT})
    tries: Json = {"type": "array", "items": closed("", {"at": _TIME, "answer": TEXT})}
    tries["description"] = "The last one too. Of many, the first ones and the last ones."
    deed = closed("", {"at": _TIME, "verb": {"enum": list(VERBS)}, "why": TEXT, "job": TEXT})
    acts: Json = {"type": "array", "items": deed, "description": "What was done by hand. `job`: of which, empty if alone."}
    texts: Json = {name: TEXT for name in ("answer", "name", "reason", "why", "batch")}
    texts["second_route_of"] = {**TEXT, "description": "The parcel that this one came of: an alarm that did not reach its journal in time."}
    when = {**TEXT, "description": "A moment; a FHIR date where no time of day was said; left out where nothing was."}
    step = closed("What a response centre did about an alert.", {"code": TEXT, "text": TEXT, "at": when, "by": TEXT}, ("at",))
    texts["followed"] = {"type": "array", "items": step}
    whole = _parcel(attempts=tries, acts=acts, at=_TIME, not_before=_TIME, again=_TIME, **texts)
    fields: Json = {**_fields(), "parcels": {"type": "array", "items": whole}, "format": TEXT, "first": TEXT}
    fields |= {"acts": acts, "set_aside": {"type": "array", "items": aside}, "repairs": words, "warnings": words}
    fields |= {"follows": {**words, "description": "Of a follow-up: the alert's parcels; none: it is not known."}}
    fields |= {"text": {**TEXT, "description": "All of it, in bokmål."}}
    return closed("All that is remembered of a message.", fields, ["follows"])


def _job() -> Json:
    fields: Json = {
        "job": {**TEXT, "pattern": "^[a-p]{11}-[a-p]{8}$"},
        "verb": {"enum": list(VERBS)},
        "state": {"enum": ["running", "paused", "done", "cancelled"]},
        "filter": {"type": "object", "additionalProperties": TEXT},
        "reason": TEXT,
        "by": TEXT,
        "created_at": _TIME,
        "updated_at": _TIME,
        "count": {**COUNT, "description": "Messages that there were when it began."},
        "more": {**_FLAG, "description": "There were more, which nobody counted."},
        "messages": {**COUNT, "description": "Messages done so far."},
        "changed": {**COUNT, "description": "Receipts and parcels that were changed."},
        "error": {**TEXT, "description": "Why its latest turn broke off; it goes on by itself."},
        "text": TEXT,
    }
    return closed("An act on many messages.", fields)


def _stop() -> Json:
    return closed(
        "`what`: all, `sender NAME` or `endpoint NAME`.", {"what": TEXT, "since": _TIME, "by": TEXT, "reason": TEXT, "text": TEXT}
    )


def _day() -> Json:
    ends: Json = {"type": "object", "additionalProperties": COUNT}
    fields = {"day": TEXT, "sender": TEXT, "received": COUNT, "ends": ends, "found": COUNT, "findings": {"type": "array", "items": TEXT}}
    return closed("`found`: how much does not add up.", fields)


def _user() -> Json:
    fields: Json = {
        "user": {**TEXT, "description": "A keyed hash: nobody's number."},
        "name": TEXT,
        "role": _ROLE,
        "role_text": TEXT,
        "since": _TIME,
        "until": _TIME,
        "used": _WHEN,
        "open": {**_FLAG, "description": "Neither run out nor unused for three months."},
        "you": _FLAG,
    }
    return closed("Somebody's access.", fields)


def examples() -> dict[str, Json]:
    """By the schema that they are of."""
    parcel = {"parcel": PARCEL, "endpoint": "gerica", "state": "parked", "state_text": "parkert"}
    message: Json = {"receipt": ID, "received_at": _AT, "sender": "scales", "lane": "routine", "state": "parked", "state_text": "parkert"}
    message |= {"events": ["measurement:body_weight"], "parcels": [parcel]}
    user: Json = {"user": USER, "name": "Lun Havbris", "role": "administer", "role_text": "administrere", "since": _AT}
    user |= {"until": "2027-05-01T00:00:00.000Z", "used": _AT, "open": True, "you": True}
    stop = {"what": "endpoint gerica", "since": _AT, "by": f"administer:{USER}", "reason": "vedlikehold", "text": "det som skal til gerica"}
    refused = "the journal answered 422"
    whole = {**parcel, "attempts": [{"at": _AT, "answer": refused}], "acts": [], "at": _AT, "reason": refused}
    ends = {"delivered": 398, "parked": 1, "set_aside": 2, "waiting": 3, "duplicate": 8, "deleted": 0, "empty": 0}
    return {
        "OwnId": {"id": "https://dispenser.example/message|4711"},
        "Act": {"reason": "journalen tar imot igjen"},
        "Begin": {"verb": "resend", "endpoint": "gerica", "from": "2026-11-25", "reason": "journalen tar imot igjen", "key": "b1"},
        "Traffic": {"endpoint": "gerica", "reason": "vedlikehold"},
        "Access": {"number": "31929950081", "name": "Lun Havbris", "role": "follow", "until": "2027-05-01"},
        "Messages": {"messages": [message], "more": False},
        "History": {
            **{**message, "parcels": [whole]},
            **{"format": "scales", "first": "", "acts": [], "set_aside": [], "repairs": [], "warnings": [], "text": f"Kvittering  {ID}"},
        },
        "Changed": {"changed": 1, "text": "1 levering sendes på nytt"},
        "Counted": {"count": 57, "more": False},
        "Job": _running(),
        "Jobs": {"jobs": [_running()]},
        "Stops": {"stops": [stop]},
        "Days": {"days": [{"day": "2026-11-25", "sender": "scales", "received": 412, "ends": ends, "found": 0, "findings": []}]},
        "User": user,
        "Users": {"users": [user]},
        "Removed": {"removed": USER},
    }


def _running() -> Json:
    told = {"job": JOB, "verb": "resend", "state": "running", "filter": {"endpoint": "gerica", "state": "parked", "to": _AT}, "reason": ""}
    counts = {"count": 57, "more": False, "messages": 20, "changed": 20, "error": ""}
    text = "20 av 57 meldinger, pågår; 20 leveringer sendes på nytt"
    return {**told, "by": f"administer:{USER}", "created_at": _AT, "updated_at": _AT, **counts, "text": text}
