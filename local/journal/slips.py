"""What a journal does wrong by how it is built, as any vendor could. What fails for a while is in behaviour.py."""

import asyncio
import json
from dataclasses import replace

import orjson
from aiohttp import web

from local.journal.answers import outcome
from local.journal.population import of
from local.journal.push import Push
from local.journal.store import Unreadable, identifier_of, read, subject_of

MOMENT = 0.05  # seconds: long enough for a second call to come
SHORT = 32  # signs of a key in a column that is too narrow
LARGEST = 512 * 1024  # bytes of a body, where a default was never changed


# what becomes of keys and documents


async def lose(push: Push) -> web.Response:
    return web.Response(status=201, headers={"Location": f"/{push.journal.name}/notes/{push.journal.counts['received']}"})


async def race(push: Push) -> web.Response:
    """Looks the key up, and stores a moment later."""
    if push.arrived.key in push.journal.by_key:
        return push.answer()
    await asyncio.sleep(MOMENT)
    return push.answer(deduplicate=False)


async def remember(push: Push) -> web.Response:
    """A key counts from its arrival, whatever became of its document."""
    key, seen = push.arrived.key, push.journal.seen
    if key in seen and key not in push.journal.by_key:
        return outcome(409, "duplicate", "The journal was told to remember every key.")
    seen.add(key)
    return push.answer()


async def short_key(push: Push) -> web.Response:
    return push.store(replace(push.arrived, key=push.arrived.key[:SHORT]), True)


async def any_case(push: Push) -> web.Response:
    return push.store(replace(push.arrived, key=push.arrived.key.lower()), True)


async def new_note(push: Push) -> web.Response:
    return push.store(replace(push.arrived, named=False), True)


async def conflict(push: Push) -> web.Response:
    identifier = _readable(push) and identifier_of(read(push.arrived.resource, push.arrived.body))
    if identifier in push.journal.by_identifier and push.arrived.key not in push.journal.by_key:
        return outcome(409, "duplicate", "The journal was told to have every identifier once.")
    return push.answer()


async def disorder(push: Push) -> web.Response:
    """Every second new note stands before the one that came first."""
    before = len(push.journal.notes)
    answer = push.answer()
    if len(push.journal.notes) > before and before % 2:
        push.journal.swap()
    return answer


async def one_at_a_time(push: Push) -> web.Response:
    if push.journal.in_flight > 1:
        return outcome(503, "transient", "The journal was told to take one call at a time.")
    if push.arrived.key not in push.journal.by_key:
        await asyncio.sleep(MOMENT)
    return push.answer()


async def small(push: Push) -> web.Response:
    return outcome(413, "too-long", "The journal was told to be small.") if len(push.arrived.body) > LARGEST else push.answer()


async def rounded(push: Push) -> web.Response:
    return push.store(
        replace(push.arrived, body=json.dumps(json.loads(push.arrived.body)).encode()) if _readable(push) else push.arrived, True
    )


async def raw(push: Push) -> web.Response:
    answer = push.answer()
    if kept := push.journal.by_key.get(push.arrived.key):
        kept.cleaned = False
    return answer


# what it says


async def broken(push: Push) -> web.Response:
    if _readable(push):
        return push.answer()
    return outcome(int(push.settings["status"]), "exception", "The journal was told to stumble over what it cannot read.")


async def lenient(push: Push) -> web.Response:
    return push.answer() if _readable(push) else await lose(push)


async def unknown(push: Push) -> web.Response:
    known = {citizen.value for citizen in of(push.journal.name)}
    if _readable(push) and _whom(push) not in known:
        return outcome(int(push.settings["status"]), "not-found", "The journal was told not to know everybody.")
    return push.answer()


async def echo(push: Push) -> web.Response:
    answer = push.answer()
    return (
        answer if answer.status < 400 else outcome(answer.status, "structure", f"Not taken: {push.arrived.body.decode(errors='replace')}")
    )


async def wordless(push: Push) -> web.Response:
    answer = push.answer()
    return answer if answer.status < 400 else web.Response(status=answer.status)


async def no_location(push: Push) -> web.Response:
    answer = push.answer()
    answer.headers.popall("Location", None)
    return answer


async def telling_location(push: Push) -> web.Response:
    answer = push.answer()
    if "Location" in answer.headers and _readable(push):
        answer.headers["Location"] = f"/{push.journal.name}/patients/{_whom(push)}/{answer.headers['Location'].rpartition('/')[2]}"
    return answer


async def redirect(push: Push) -> web.Response:
    return web.Response(status=int(push.settings["status"]), headers={"Location": f"{push.request.path}/"})


async def nobody(push: Push) -> web.Response:
    """Of look-ups: 404 where an empty list is due."""
    answer = push.answer()
    found = orjson.loads(answer.body) if isinstance(answer.body, bytes) else {}
    return answer if found.get("entry") else outcome(404, "not-found", "The journal was told not to know nobody.")


def _readable(push: Push) -> bool:
    try:
        return bool(read(push.arrived.resource, push.arrived.body))
    except Unreadable:
        return False


def _whom(push: Push) -> str:
    return subject_of(read(push.arrived.resource, push.arrived.body))[1]
