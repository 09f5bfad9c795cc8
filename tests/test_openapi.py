"""The contract against the code: every route of the app stands in it, and the running hub answers nothing that it does not say.

Schemathesis plays the caller, in a process of its own: with what the document allows and with what it does not, with credentials and
without. Its five minutes of fame are bounded: a fixed seed, and no more than TIME seconds.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from shared.contract import national, routes
from shared.contract.openapi import document
from shared.door import adapters
from tests.running import Running, Town

Json = dict[str, Any]

ROOT = Path(__file__).parent.parent
FORMATS = [found for name in sorted(adapters.names("devices")) if (found := adapters.device(name))]
DOCUMENT = document("", FORMATS)
TIME = 50  # seconds
LISTING = """
import function_app, json
made = [one.get_dict_repr()["bindings"] for one in function_app.app.get_functions()]
print(json.dumps(made, default=lambda one: one.name))  # directions and methods are enumerations
"""
NOT_ASKED = {  # checks of schemathesis that this contract does not promise, and why
    "positive_data_acceptance": "FHIR's rules and a vendor's are no JSON Schema: what the schema lets through may still be refused",
    "negative_data_rejection": "any media type is read, and an unknown header or query parameter is left alone",
    "unsupported_method": "the Functions host answers 404 to a method that no function has",
    "missing_required_header": "a look-up without ServiceCodes has no reason: 403, after who it is",
}


@pytest.fixture(scope="module")
def triggers() -> set[tuple[str, str]]:
    """(method, path) of every HTTP trigger that function_app.py registers, read in a process of its own: its import reads settings."""
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    done = subprocess.run(
        [sys.executable, "-c", LISTING], cwd=ROOT, env=os.environ | sample, capture_output=True, text=True, timeout=60, check=True
    )
    bindings = (binding for one in json.loads(done.stdout) for binding in one if binding["type"] == "httpTrigger")
    return {(method, f"/{binding['route']}") for binding in bindings for method in binding["methods"]}


def test_what_is_registered_is_in_the_contract_and_the_other_way_round(triggers: set[tuple[str, str]]) -> None:
    assert {(route.method, route.path) for route in routes.ROUTES} == triggers


def test_the_document_is_openapi() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_a_shape_is_json_schema(name: str) -> None:
    assert jsonschema_rs.meta.is_valid(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **DOCUMENT["components"]["schemas"][name]}
    )


def _shown(part: Any) -> Iterator[tuple[Json, Any]]:
    """Every example of the document, with the schema that it is an example of."""
    if isinstance(part, dict):
        if "schema" in part:
            yield from ((part["schema"], each["value"]) for each in part.get("examples", {}).values())
            yield from ((part["schema"], part[key]) for key in ("example",) if key in part)
        for each in part.values():
            yield from _shown(each)
    elif isinstance(part, list):
        for each in part:
            yield from _shown(each)


def test_every_example_has_the_shape_that_it_is_an_example_of() -> None:
    examples = list(_shown(DOCUMENT))
    whole = {"components": DOCUMENT["components"]}
    assert len(examples) > 40
    assert [schema for schema, value in examples if not jsonschema_rs.is_valid({**whole, **schema}, value)] == []


@pytest.fixture(scope="module")
def place(running: Running) -> Town:
    """A municipality that nobody else looks at."""
    return running.town()


def test_the_hub_serves_this_very_document(place: Town) -> None:
    served = place.hub.get("/api/openapi.json").json()
    assert served["paths"] == DOCUMENT["paths"]
    assert served["components"] == DOCUMENT["components"]


def test_the_hub_answers_nothing_that_the_contract_does_not_say(place: Town, tmp_path: Path) -> None:
    receipt = place.sent("tenovi", b'{"metric": "weight"}', "centre")
    (tmp_path / "openapi.json").write_text(json.dumps(_narrowed(place.hub.get("/api/openapi.json").json(), place, receipt)))
    (tmp_path / "schemathesis.toml").write_text(_config(_credentials(place)))
    done = _schemathesis(tmp_path, place.hub.url)
    assert done.returncode == 0, done.stdout[-20_000:]


def _narrowed(whole: Json, place: Town, receipt: str) -> Json:
    """The document, of one municipality and one receipt, and with a path for each format: what is known to exist is what gets tried."""
    paths: Json = {}
    for path, item in whole["paths"].items():
        for name in _formats(path, item):
            paths[path.replace("{adapter}", name or "")] = {method: _of(operation, name) for method, operation in item.items()}
    known = {"orgnr": place.orgnr, "receipt": receipt, "table": "alert-code"}
    for parameter in (each for item in paths.values() for operation in item.values() for each in operation.get("parameters", ())):
        if parameter.get("name") in known:
            parameter["schema"] = {"enum": [known[parameter["name"]]]}
    return {**whole, "paths": paths}


def _formats(path: str, item: Json) -> list[str | None]:
    if "{adapter}" not in path:
        return [None]
    return next(each["schema"]["enum"] for each in item["post"]["parameters"] if each.get("name") == "adapter")


def _of(operation: Json, adapter: str | None) -> Json:
    made: Json = json.loads(json.dumps(operation))
    if adapter:
        made["operationId"] = adapter
        made["parameters"] = [each for each in made["parameters"] if each.get("name") != "adapter"]
    return made


def _credentials(place: Town) -> Iterator[tuple[str, Mapping[str, str]]]:
    """operationId -> the headers of a sender that may do it."""
    token = place.bearer()
    yield from (("write", token), ("search", token))
    yield "scaip", place.proof("bridge", b"")
    yield from ((name, place.proof("centre", b"")) for name in ("tenovi", "ttn", "receipt"))


def _config(credentials: Iterator[tuple[str, Mapping[str, str]]]) -> str:
    lines = [f"[checks.{name}]\nenabled = false  # {why}" for name, why in NOT_ASKED.items()]
    for name, headers in credentials:
        told = ", ".join(f"{json.dumps(header)} = {json.dumps(value)}" for header, value in headers.items())
        lines.append(f'[[operations]]\ninclude-operation-id = "{name}"\nheaders = {{ {told} }}')
    return "\n\n".join(lines)


def _schemathesis(folder: Path, url: str) -> "subprocess.CompletedProcess[str]":
    how = ["--phases", "examples,coverage,fuzzing", "--max-examples", "12", "--seed", "1", "--no-shrink", "--max-time", str(TIME)]
    still = ["--generation-database", "none", "--no-color", "--request-timeout", "30", "--continue-on-failure"]
    return subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url, *how, *still],
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=TIME * 3,
        check=False,
    )


def test_a_municipality_can_do_what_its_statement_says(place: Town, triggers: set[tuple[str, str]]) -> None:
    """Derived from the app's routes: one that is not registered may not be claimed, one that is must be."""
    statement = place.hub.get(f"/epj/r4/{place.orgnr}/metadata").json()
    claimed = {(row["type"], told["code"]) for row in statement["rest"][0]["resource"] for told in row["interaction"]}
    base = "/epj/r4/{orgnr}/{resource}"
    creates = {(kind, "create") for kind in national.WRITES.values() if ("POST", base) in triggers}
    searches = {(row.resource_type, "search-type") for row in national.LOOKUPS.values() if ("POST", f"{base}/_search") in triggers}
    assert claimed == creates | searches


@pytest.mark.parametrize("kind", ["Bundle", "Patient", "Composition", "Observation", "Task"])
def test_the_door_knows_exactly_what_the_statement_says(place: Town, kind: str) -> None:
    statement = place.hub.get(f"/epj/r4/{place.orgnr}/metadata").json()
    claimed = {(row["type"], told["code"]) for row in statement["rest"][0]["resource"] for told in row["interaction"]}
    answers = {"create": place.write(b"{}", kind.lower()), "search-type": place.search(kind.lower(), {"identifier": "x"})}
    assert {code for code, answer in answers.items() if answer.status_code != 404} == {code for known, code in claimed if known == kind}
