"""What the journal says over HTTP, well or badly."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from aiohttp import web

STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
# notes come from outside: no script runs, nothing is fetched, and only our own style sheet counts
_POLICY = f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; img-src data:"
PAGE_HEADERS = {
    "Content-Security-Policy": f"{_POLICY}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def html(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8", headers=PAGE_HEADERS)


def json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE), status=status, content_type="application/json")


def outcome(status: int, code: str, words: str, headers: Mapping[str, str] | None = None) -> web.Response:
    issue = {"severity": "error", "code": code, "details": {"text": words}}
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    return web.Response(body=body, status=status, content_type="application/fhir+json", headers=headers)


def capability(title: str, types: Mapping[str, Sequence[str]], whole: Sequence[str] = ()) -> web.Response:
    """What a FHIR base says of itself: what can be done to each type, and at the base itself."""
    able = [{"type": kind, "interaction": [{"code": code} for code in codes]} for kind, codes in types.items()]
    server = {"mode": "server", "resource": able, **({"interaction": [{"code": code} for code in whole]} if whole else {})}
    usual = {"status": "active", "date": "2026-11-01", "kind": "instance", "fhirVersion": "4.0.1", "format": ["json"]}
    told = {"implementation": {"description": f"The sandbox journal: {title}"}, "rest": [server]}
    body = orjson.dumps({"resourceType": "CapabilityStatement", **usual, **told})
    return web.Response(body=body, content_type="application/fhir+json")


def hang_up(request: web.Request) -> web.Response:
    """Nothing more goes to the caller: what is returned finds the connection gone."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def half(request: web.Request, answer: web.Response) -> web.Response:
    """What is returned finds the connection gone, in the middle of the answer; before it where the answer has no body."""
    whole, body = _raw(answer)
    if body and request.transport is not None:
        request.transport.write(whole[: -len(body) // 2])
        request.transport.close()
        return web.Response()
    return hang_up(request)


def _raw(answer: web.Response) -> tuple[bytes, bytes]:
    """As it goes over the wire, and the body of it."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    said = {name: answer.headers[name] for name in ("Location", "Content-Type") if name in answer.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in (said | {"Content-Length": str(len(body))}).items())
    return f"HTTP/1.1 {answer.status} {answer.reason}\r\n{head}\r\n".encode() + body, body


async def trickle(request: web.Request, answer: web.Response, pause: float) -> web.Response:
    """The answer one byte at a time, status line included: for time-outs that begin anew with every byte."""
    for byte in _raw(answer)[0]:
        if request.transport is None or request.transport.is_closing():
            break
        request.transport.write(bytes([byte]))
        await asyncio.sleep(pause)
    if request.transport is not None:
        request.transport.close()
    return web.Response()
