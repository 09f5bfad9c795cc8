"""Journalføringstjenesten as the sandbox plays it (vkp.md 1.12): takes documents, and says what has become of them. It wants no token.

What its journal does is told by hand: `$journaling-acknowledged` as a journal calls it, and `PUT /_sandbox/{endpoint}/jft/{n}`.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import orjson
from aiohttp import web

from local.journal.answers import capability, json, outcome
from local.journal.store import RESOURCES, Journal

STEPS = ("registered", "read", "journalingAcknowledged", "failed")
Push = Callable[[web.Request, Journal, str], Awaitable[web.Response]]


class Jft:
    """`push`: how any journal here takes a document; `journal`: an endpoint's."""

    def __init__(self, push: Push, journal: Callable[[str], Journal | None]) -> None:
        self._push, self._journal = push, journal
        self._times: dict[tuple[str, str], dict[str, str]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/{endpoint}/v1/metadata", self._metadata),
            web.post("/{endpoint}/v1/{type}", self._take),
            web.get("/{endpoint}/v1/{type}/{number}/$status", self._status),
            web.post("/{endpoint}/v1/{type}/{number}/$journaling-acknowledged", self._acknowledge),
            web.put("/_sandbox/{endpoint}/jft/{number}", self._tell),
        ]

    async def _metadata(self, _request: web.Request) -> web.Response:
        return capability("Journalføringstjenesten", dict.fromkeys(RESOURCES.values(), ("create",)))

    async def _take(self, request: web.Request) -> web.StreamResponse:
        journal, kind = self._journal(request.match_info["endpoint"]), request.match_info["type"]
        if journal is None or kind not in RESOURCES.values():
            return outcome(404, "not-found", f"Journalføringstjenesten takes one of: {', '.join(RESOURCES.values())}.")
        with journal.handling():
            answer = await self._push(request, journal, kind.lower())
        if answer.status not in (200, 201) or "Location" not in answer.headers:
            return answer
        number = answer.headers["Location"].rpartition("/")[2]
        self._times.setdefault((journal.name, number), {"registered": _now()})
        return web.Response(status=202, headers={"Location": f"/{journal.name}/v1/{kind}/{number}/$status"})

    async def _status(self, request: web.Request) -> web.Response:
        times = self._of(request)
        return json({step: times.get(step) for step in STEPS}) if times else outcome(404, "not-found", "There is no such document.")

    async def _acknowledge(self, request: web.Request) -> web.Response:
        times = self._of(request)
        if not times:
            return outcome(404, "not-found", "There is no such document.")
        times |= {"read": times.get("read", _now()), "journalingAcknowledged": _now()}
        return web.Response(status=202, headers={"Location": request.path.rpartition("/")[0] + "/$status"})

    async def _tell(self, request: web.Request) -> web.Response:
        """The body: words of STEPS, as ["read"]; they happen now."""
        times = self._of(request)
        steps = orjson.loads(await request.read())
        if not times or not set(steps) <= set(STEPS):
            return json({"error": f"Name a document that was taken, and some of {', '.join(STEPS)}."}, 400)
        times |= dict.fromkeys(steps, _now())
        return web.Response(status=204)

    def _of(self, request: web.Request) -> dict[str, str]:
        return self._times.get((request.match_info["endpoint"], request.match_info["number"]), {})


def _now() -> str:
    return datetime.now(UTC).isoformat()
