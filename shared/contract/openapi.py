"""The contract as OpenAPI 3.1, made from the tables beside it and from the formats that this hub has."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.access.signature import PROFILES
from shared.contract import examples
from shared.contract.headers import ANSWERED, ASKED
from shared.contract.route import FHIR, PROBLEM, TEXT, Answer, Route
from shared.contract.routes import ROUTES, TAGS, VERSION
from shared.contract.schemas import RECEIPT, components
from shared.contract.statuses import REFUSALS, Status
from shared.domain.adapter import Adapter
from shared.domain.national import LOOKUPS, WRITES

Json = dict[str, Any]

_DOCS = "https://github.com/knutepunkt/knutepunkt/blob/main"
_ABOUT = """
Knutepunkt is the hub between welfare technology and the journals of Norwegian municipalities. A municipality is named by its organisation
number. Nobody's number or name ever stands in an address.

Whoever sends or asks is registered by the municipality, with an access token of an issuer that the hub trusts (HelseID), or, for sending,
with a secret or a signature. A route takes Bearer or DPoP tokens, never both; its `401` says which in `WWW-Authenticate`.

FHIR addresses refuse with an OperationOutcome, all others with a problem (RFC 9457): both say the cause and the remedy and quote nothing. A
hub may be set to answer every FHIR refusal with a code 1.x or 2.x by `400`, as older clients of the national contract expect. Send again
only after `429` and `5xx`, the same bytes with the same id: what came twice is recognised.
"""
_SIGNED = """
A signature over the body's bytes as sent, or over the path of a request without body, by HMAC-SHA256 in one of the profiles {profiles}. The
header's name hangs on the profile; this is that of `standard-webhooks`.
"""


def document(server: str, adapters: Sequence[Adapter]) -> Json:
    """`server`: the hub's address as callers know it, "" if the hub was not told; `adapters`: the senders' formats that it has."""
    formats = sorted((each for each in adapters if each.resource is None), key=lambda each: each.name)
    paths: dict[str, Json] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, formats)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Knutepunkt",
            "version": VERSION,
            "summary": "Welfare technology to journals, and back.",
            "description": prose(_ABOUT),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "externalDocs": {"description": "The contract for senders, in words", "url": f"{_DOCS}/docs/senders.md"},
        "servers": [{"url": server or "/"}],
        "tags": [{"name": name, "description": means} for name, means in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components(),
            "responses": {f"{_named(media)}{status}": _refusal(status, media) for media in (FHIR, PROBLEM) for status in REFUSALS},
            "headers": ANSWERED,
            "parameters": ASKED,
            "securitySchemes": _proofs(),
        },
    }


def prose(text: str) -> str:
    """Paragraphs, each on one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def _operation(route: Route, formats: Sequence[Adapter]) -> Json:
    made: Json = {"operationId": route.name, "tags": [route.tag], "summary": route.summary, "description": prose(route.means)}
    if parameters := [*_in_path(route, formats), *({"$ref": f"#/components/parameters/{name}"} for name in route.headers)]:
        made["parameters"] = parameters
    if route.body:
        made["requestBody"] = _body(route, formats)
    answers = {str(status): _answer(answer) for status, answer in route.answers.items()}
    answers |= {str(status): {"$ref": f"#/components/responses/{_named(route.refused_in)}{status}"} for status in route.refusals}
    if route.own:
        answers = {status: _in_own_words(int(status), answer, formats) for status, answer in answers.items()}
    return {**made, "responses": answers, "security": [{name: []} for name in route.proof]}


def _in_path(route: Route, formats: Sequence[Adapter]) -> list[Json]:
    return [_path_parameter(name, route, formats) for name in re.findall(r"{(\w+)}", route.path)]


def _path_parameter(name: str, route: Route, formats: Sequence[Adapter]) -> Json:
    words = list(LOOKUPS if route.path.endswith("_search") else WRITES)
    names = [each.name for each in formats]
    limits = ", ".join(f"`{each.name}` {each.limit:,}" for each in formats)
    means, schema, example = {
        "orgnr": ("The municipality's organisation number.", {"type": "string", "pattern": "^[0-9]{9}$"}, examples.ORGNR),
        "resource": ("The resource's type, in any case.", {"type": "string", "enum": words}, words[0]),
        "adapter": (f"The format. The most bytes of a body: {limits}.", {"type": "string", "enum": names}, names[0] if names else ""),
        "receipt": ("The receipt, as the answer `202` named it.", {"type": "string", "pattern": RECEIPT}, examples.RECEIPT),
        "type": ("The resource's type, in any case.", {"type": "string", "enum": list(WRITES.values())}, "Bundle"),
        "id": ("The document's id, as it was fetched.", {"type": "string", "format": "uuid"}, examples.DOCUMENT),
        "table": ("The table's name.", {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"}, "alert-code"),
    }[name]
    return {"name": name, "in": "path", "required": True, "description": means, "schema": schema, "example": example}


def _body(route: Route, formats: Sequence[Adapter]) -> Json:
    schema = {"$ref": f"#/components/schemas/{route.body}"}
    if route.own:
        others: Json = {media: {"schema": {"type": "string"}} for media in _own_media(formats)}
        told = "What the format's own page says: " + ", ".join(f"<{_DOCS}/adapters/devices/{each.name}/README.md>" for each in formats)
        return {"required": True, "description": told, "content": {media: {"schema": schema} for media in route.media} | others}
    if route.body == "Filters":
        return {"content": {media: {"schema": schema} for media in route.media}}
    if route.body == "Question":
        asked = {"one citizen": {"identifier": "14834812097"}, "a week": {"patient.identifier": "14834812097", "date": list(_WEEK)}}
        shown = {name: {"summary": name, "value": value} for name, value in asked.items()}
        return {"content": {media: {"schema": schema, "examples": shown} for media in route.media}}
    shown = {name: {"summary": WRITES[name], "value": value} for name, value in examples.writes().items()}
    text = {"schema": {"type": "string", "description": "The same JSON under another name."}}
    content: Json = {media: text if media == TEXT else {"schema": schema} for media in route.media}
    return {"required": True, "content": {**content, route.media[0]: {"schema": schema, "examples": shown}}}


_WEEK = ("ge2026-03-02T00:00:00+01:00", "lt2026-03-09T00:00:00+01:00")


def _answer(answer: Answer) -> Json:
    content: Json = {"schema": {"$ref": f"#/components/schemas/{answer.schema}"}}
    if example := examples.answers().get(answer.schema):
        content["example"] = example
    return {**_told(answer.means, answer.headers), "content": {answer.media: content}}


def _refusal(status: int, media: str) -> Json:
    return refusal(REFUSALS[status], media, examples.refused(status) if media == FHIR else examples.problem(status))


def refusal(row: Status, media: str, example: Json) -> Json:
    """An answer that refuses, as both documents tell it."""
    headers = (*row.headers, *(("X-Correlation-Id",) if media == FHIR else ()))
    content = {"schema": {"$ref": f"#/components/schemas/{_named(media)}"}, "example": example}
    return {**_told(f"{row.cause[0].upper()}{row.cause[1:]}. To do: {row.remedy}.", headers), "content": {media: content}}


def _told(means: str, headers: Sequence[str]) -> Json:
    shown = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": means, **({"headers": shown} if shown else {})}


def _named(media: str) -> str:
    return "OperationOutcome" if media == FHIR else "Problem"


def _own_media(formats: Sequence[Adapter]) -> list[str]:
    """The media types of formats whose protocol has answers of its own."""
    return sorted({each.answer(None, 400, "").media for each in formats if each.answer})


def _in_own_words(status: int, answer: Json, formats: Sequence[Adapter]) -> Json:
    """As flow.receive: who is not let in hears it in the hub's words, whoever is may hear it in the protocol's."""
    others = {media: {"schema": {"type": "string"}} for media in _own_media(formats)}
    if status in (401, 403, 404) or not others:
        return answer
    whole: Mapping[str, Any] = _refusal(status, PROBLEM) if "$ref" in answer else answer
    headers = {**whole.get("headers", {}), **({"X-Problem": {"$ref": "#/components/headers/X-Problem"}} if status >= 300 else {})}
    return {**whole, "headers": headers, "content": {**whole["content"], **others}}


def _proofs() -> dict[str, Json]:
    signed = prose(_SIGNED.format(profiles=", ".join(f"`{name}`" for name in PROFILES)))
    key = "Beside it, where the municipality asks for one, an API key in a header by agreement."
    return {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": f"An access token of a trusted issuer. {key}"},
        "dpop": {
            "type": "http",
            "scheme": "DPoP",
            "description": f"An access token bound to a key, and a proof in `DPoP` (RFC 9449). {key}",
        },
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "RFC 7617, with the user and password that the municipality registered.",
        },
        "secret": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Agreed-Secret",
            "description": "A fixed secret; the header's name is agreed.",
        },
        "signature": {"type": "apiKey", "in": "header", "name": "webhook-signature", "description": signed},
    }
