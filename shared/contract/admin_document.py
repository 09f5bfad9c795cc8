"""The admin API as OpenAPI 3.1: a document of its own, for it has other callers and other proofs than the hub's."""

import re
from typing import Any

from shared.contract import admin_shapes
from shared.contract.administering import ADMIN, TAGS
from shared.contract.examples import ORGNR, problem
from shared.contract.headers import ANSWERED, ASKED
from shared.contract.openapi import prose, refusal
from shared.contract.route import JSON, PROBLEM, Answer, Route
from shared.contract.routes import VERSION
from shared.contract.schemas import components
from shared.contract.statuses import OF_PEOPLE

Json = dict[str, Any]

_ABOUT = """
What an operator can do with a municipality's messages, for a page of their own. Whoever calls is a person, logged in at level 4 with the
issuer that the hub was told (HUB_ADMIN), with a DPoP token; the municipality's own roll says what they may do. docs/admin.md says the rest.

Nobody's number ever stands in an address. What belongs to another municipality is unknown here. Acts, histories and refusals stand in the
municipality's audit log before they are answered.
"""
_PARTS: dict[str, tuple[str, Json, str]] = {
    "orgnr": ("The municipality's organisation number.", {"type": "string", "pattern": "^[0-9]{9}$"}, ORGNR),
    "message": ("The id of a receipt, or of a parcel.", {"type": "string"}, admin_shapes.ID),
    "job": ("The job's id.", {"type": "string"}, admin_shapes.JOB),
    "user": ("The user's id, as it is listed.", {"type": "string"}, admin_shapes.USER),
}
_ACTS = {"act": admin_shapes.VERBS, "change": ("pause", "resume", "cancel"), "traffic": ("stop", "start")}
_MOST: Json = {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}


def document(server: str) -> Json:
    """`server`: as openapi.document."""
    paths: dict[str, Json] = {}
    for route in ADMIN:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Knutepunkt, for operators", "version": VERSION, "description": prose(_ABOUT)},
        "servers": [{"url": server or "/"}],
        "tags": [{"name": name, "description": means} for name, means in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {**admin_shapes.components(), "Problem": components()["Problem"]},
            "responses": {f"Problem{status}": refusal(row, PROBLEM, problem(status, person=True)) for status, row in OF_PEOPLE.items()},
            "headers": ANSWERED,
            "parameters": {"DPoP": ASKED["DPoP"]},
            "securitySchemes": {
                "dpop": {"type": "http", "scheme": "DPoP", "description": "A person's token, bound to a key, with a proof (RFC 9449)."}
            },
        },
    }


def _operation(route: Route) -> Json:
    made: Json = {"operationId": route.name, "tags": [route.tag], "summary": route.summary, "description": prose(route.means)}
    proven = "{orgnr}" in route.path
    parameters = [*(_part(name, route) for name in re.findall(r"{(\w+)}", route.path)), *(_filter(name) for name in route.headers)]
    if proven:
        made["parameters"] = [*parameters, {"$ref": "#/components/parameters/DPoP"}]
        made["security"] = [{"dpop": []}]
    if route.body:
        made["requestBody"] = {"content": {JSON: _content(route.body)}}
    answers = {str(status): _answer(answer) for status, answer in route.answers.items()}
    return {**made, "responses": answers | {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in route.refusals}}


def _part(name: str, route: Route) -> Json:
    acts = _ACTS.get(route.name, ())
    means, schema, example = ("The act.", {"enum": list(acts)}, acts[0]) if name == "act" else _PARTS[name]
    return {"name": name, "in": "path", "required": True, "description": means, "schema": schema, "example": example}


def _filter(name: str) -> Json:
    return {"name": name, "in": "query", "schema": _MOST if name == "most" else admin_shapes.FILTERS[name]}


def _answer(answer: Answer) -> Json:
    return {"description": answer.means, "content": {answer.media: _content(answer.schema)}}


def _content(schema: str) -> Json:
    example = admin_shapes.examples().get(schema)
    return {"schema": {"$ref": f"#/components/schemas/{schema}"}, **({"example": example} if example else {})}
