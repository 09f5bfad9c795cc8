"""What a journal does wrong by how it is built, as any vendor could. What fails for a while is in behaviour.py."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import wraps

import orjson
from aiohttp import web

from local.journal.answers import outcome
from local.journal.plain import RESOURCE
from local.journal.population import of
from local.journal.push import Arrived, Push
from local.journal.store import Unreadable, identifier_of, subject_of, understood
from shared.fhir.told.loose import Node

MOMENT = 0.05  # seconds: long enough for a second call to come
SHORT = 32  # signs of a key in a column that is too narrow
LARGEST = 512 * 1024  # bytes of a body, where a default was never changed


def of_documents(slip: Callable[[Push, Arrived], Awaitable[web.Response]]) -> Callable[[Push], Awaitable[web.Response]]:
    """Where no document came, all is as it should be."""

    @wraps(slip)
    async def act(push: Push) -> web.Response:
        return push.store(True) if push.arrived is None else await slip(push, push.arrived)

    return act


# what becomes of keys and documents


@of_documents
async def lose(push: Push, came: Arrived) -> web.Response:
    return web.Response(status=201, headers={"Location": f"/{came.journal.name}/notes/{came.journal.counts['received']}"})


@of_documents
async def race(push: Push, came: Arrived) -> web.Response:
    """Looks the key up, and stores a moment later."""
    if came.key in came.journal.by_key:
        return push.store(True)
    await asyncio.sleep(MOMENT)
    return push.store(False)


@of_documents
async def remember(push: Push, came: Arrived) -> web.Response:
    """A key counts from its arrival, whatever became of its document."""
    key, seen = came.key, came.journal.seen
    if key in seen and key not in came.journal.by_key:
        return outcome(409, "duplicate", "The journal was told to remember every key.")
    seen.add(key)
    return push.store(True)


@of_documents
async def short_key(push: Push, came: Arrived) -> web.Response:
    return _known_by(came, came.key[:SHORT])


def _known_by(came: Arrived, key: str) -> web.Response:
    """A note has its key within."""
    within = came.resource == RESOURCE and _readable(came)
    return came.kept(key=key, body=orjson.dumps({**_read(came), "key": key}) if within else came.body)


@of_documents
async def any_case(push: Push, came: Arrived) -> web.Response:
    return _known_by(came, came.key.lower())


@of_documents
async def new_note(push: Push, came: Arrived) -> web.Response:
    return came.kept(named=False)


@of_documents
async def conflict(push: Push, came: Arrived) -> web.Response:
    identifier = _readable(came) and identifier_of(_read(came))
    if identifier in came.journal.by_identifier and came.key not in came.journal.by_key:
        return outcome(409, "duplicate", "The journal was told to have every identifier once.")
    return push.store(True)


@of_documents
async def disorder(push: Push, came: Arrived) -> web.Response:
    """Every second new note stands before the one that came first."""
    before = len(came.journal.notes)
    answer = push.store(True)
    if len(came.journal.notes) > before and before % 2:
        came.journal.swap()
    return answer


@of_documents
async def one_at_a_time(push: Push, came: Arrived) -> web.Response:
    if came.journal.in_flight > 1:
        return outcome(503, "transient", "The journal was told to take one call at a time.")
    if came.key not in came.journal.by_key:
        await asyncio.sleep(MOMENT)
    return push.store(True)


@of_documents
async def small(push: Push, came: Arrived) -> web.Response:
    return outcome(413, "too-long", "The journal was told to be small.") if len(came.body) > LARGEST else push.store(True)


@of_documents
async def rounded(push: Push, came: Arrived) -> web.Response:
    return came.kept(body=json.dumps(json.loads(came.body)).encode()) if _readable(came) else push.store(True)


@of_documents
async def raw(push: Push, came: Arrived) -> web.Response:
    answer = push.store(True)
    if kept := came.journal.by_key.get(came.key):
        kept.cleaned = False
    return answer


# what it says


@of_documents
async def broken(push: Push, came: Arrived) -> web.Response:
    if _readable(came):
        return push.store(True)
    return outcome(int(push.settings["status"]), "exception", "The journal was told to stumble over what it cannot read.")


@of_documents
async def lenient(push: Push, came: Arrived) -> web.Response:
    return push.store(True) if _readable(came) else await lose(push)


@of_documents
async def unknown(push: Push, came: Arrived) -> web.Response:
    known = {citizen.value for citizen in of(came.journal.name)}
    if _readable(came) and _whom(came) not in known:
        return outcome(int(push.settings["status"]), "not-found", "The journal was told not to know everybody.")
    return push.store(True)


@of_documents
async def echo(push: Push, came: Arrived) -> web.Response:
    answer = push.store(True)
    return answer if answer.status < 400 else outcome(answer.status, "structure", f"Not taken: {came.body.decode(errors='replace')}")


@of_documents
async def wordless(push: Push, came: Arrived) -> web.Response:
    answer = push.store(True)
    return answer if answer.status < 400 else web.Response(status=answer.status)


@of_documents
async def nowhere(push: Push, came: Arrived) -> web.Response:
    answer = push.store(True)
    answer.headers.popall("Location", None)
    if answer.status < 400:
        answer.body = b""  # of a note: it names it too
    return answer


@of_documents
async def telling_location(push: Push, came: Arrived) -> web.Response:
    answer = push.store(True)
    if "Location" in answer.headers and _readable(came):
        answer.headers["Location"] = f"/{came.journal.name}/patients/{_whom(came)}/{answer.headers['Location'].rpartition('/')[2]}"
    return answer


async def redirect(push: Push) -> web.Response:
    return web.Response(status=int(push.settings["status"]), headers={"Location": f"{push.request.path}/"})


async def nobody(push: Push) -> web.Response:
    """Of look-ups: 404 where an empty list is due."""
    answer = push.store(True)
    found = orjson.loads(answer.body) if isinstance(answer.body, bytes) else {}
    return answer if found.get("entry") else outcome(404, "not-found", "The journal was told not to know nobody.")


def _readable(came: Arrived) -> bool:
    try:
        return bool(_read(came))
    except Unreadable:
        return False


def _whom(came: Arrived) -> str:
    return subject_of(_read(came))[1]


def _read(came: Arrived) -> Node:
    return understood(came.key, came.resource, came.body)
