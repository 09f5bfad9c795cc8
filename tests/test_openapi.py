"""The contract against the code: every route of the app stands in it, and the running hub answers nothing that it does not say.

Schemathesis plays the caller, in a process of its own: with what the document allows and with what it does not, with credentials and
without, from a fixed seed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import requests
import schemathesis
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.access.permission import ACTIONS
from shared.contract import examples, routes
from shared.contract.administering import ADMIN
from shared.contract.openapi import document
from shared.domain import national
from shared.door import adapters
from tests.running import DEVICES, PATIENCE, PREFIX, SHELF, STILLE, VKP_ID, Running, Town, example, receipt_of, until, wire, witness

Json = dict[str, Any]

ROOT = Path(__file__).parent.parent
FORMATS = [found for name in sorted(adapters.names("devices")) if (found := adapters.device(name))]
DOCUMENT = document("", FORMATS)
EXAMPLES = 30  # of fuzzing, for each operation
TIME = 120  # seconds, for a run that takes 20 on an idle machine
POST, RECEIPT = "/api/v1/{orgnr}/{adapter}", "/api/v1/receipts/{receipt}"
WRITE = "/epj/r4/{orgnr}/{resource}"
SEARCH = f"{WRITE}/_search"
CONTRACT = schemathesis.openapi.from_dict(DOCUMENT)
PARTS = ("orgnr", "resource", "adapter", "receipt", "type", "id")  # of paths
CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
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


HOLLOW = ["missing_auth", "missing_test_data"]  # a run that was never let in, or never found what it asked for, has shown nothing


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
    assert {(route.method, route.path) for route in (*routes.ROUTES, *ADMIN)} == triggers


def test_the_document_is_openapi() -> None:
    CONTRACT.validate()


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
def place(running: Running, faultless: None) -> Town:
    """A municipality that nobody else looks at. Whatever is tried there, nothing may go wrong inside the hub."""
    return running.town(DEVICES + SHELF.format(vkp_id=VKP_ID))


def test_the_hub_serves_this_very_document(place: Town) -> None:
    served = place.hub.get("/api/openapi.json").json()
    assert served["paths"] == DOCUMENT["paths"]
    assert served["components"] == DOCUMENT["components"]


CALLERS = {"centre": ("tenovi", "ttn"), "bridge": ("scaip",)}  # who posts which formats; the first one's run tries all other routes too


def test_every_format_has_a_caller() -> None:
    (parameter,) = (each for each in DOCUMENT["paths"][POST]["post"]["parameters"] if each.get("name") == "adapter")
    assert {name for names in CALLERS.values() for name in names} == set(parameter["schema"]["enum"])


@pytest.mark.parametrize("caller", CALLERS)
def test_the_hub_answers_nothing_that_the_contract_does_not_say(place: Town, lying: tuple[str, str], tmp_path: Path, caller: str) -> None:
    token, proof, (receipt, name) = everything(place), place.proof(caller, b""), lying
    known = {"orgnr": place.orgnr, "receipt": receipt, "table": "alert-code", "type": "Bundle", "id": name}
    whole = place.hub.get("/api/openapi.json").json()
    others = {path: item for path, item in whole["paths"].items() if path != POST and caller == "centre"}
    formats = {POST.replace("{adapter}", name): whole["paths"][POST] for name in CALLERS[caller]}
    whole["paths"] = {path: {method: _of(each, path, known) for method, each in item.items()} for path, item in (others | formats).items()}
    whole["components"]["securitySchemes"]["secret"]["name"] = next(iter(proof))
    done = _schemathesis(tmp_path, place.hub.url, whole, {**token, **proof})
    assert done.returncode == 0, done.stdout[-20_000:]


def everything(place: Town) -> dict[str, str]:
    """A token of who may send, look up and fetch."""
    scopes = [f"{PREFIX}{action}" for action in (*ACTIONS, *(f"{name}.read" for name in national.WRITES))]
    return {"Authorization": f"Bearer {place.hub.issuer.mint({'scope': scopes, 'aud': 'nhn:vkp'})}"}


@pytest.fixture(scope="module")
def lying(place: Town) -> tuple[str, str]:
    """The receipt of a document that was sent, and the id under which it lies on the shelf."""
    token = everything(place)
    receipt = receipt_of(place.write(orjson.dumps(examples.writes()["bundle"]), headers=token))

    def parcels() -> list[Json]:
        told = place.hub.get(f"/api/v1/receipts/{receipt}", token).json()
        return [one for one in told.get("parcels", ()) if one["endpoint"] == "epj" and "journal" in one]

    [parcel] = until(parcels, "on the shelf")
    return receipt, parcel["journal"].partition("/")[2]


def _of(operation: Json, path: str, known: Mapping[str, str]) -> Json:
    """Of a path whose parameters are known to exist: what is tried is what stands behind them."""
    parameters = [each for each in operation.get("parameters", ()) if each.get("name") != "adapter"]
    told = [{**each, **_fixed(known[each["name"]])} if each.get("name") in known else each for each in parameters]
    return {**operation, "operationId": path, "parameters": told}


def _fixed(value: str) -> Json:
    return {"schema": {"enum": [value]}, "example": value}


def _schemathesis(folder: Path, url: str, whole: Json, headers: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    told = ", ".join(f"{json.dumps(header)} = {json.dumps(value)}" for header, value in headers.items())
    rules = [f"[checks.{name}]\nenabled = false  # {why}" for name, why in NOT_ASKED.items()]
    (folder / "schemathesis.toml").write_text(
        "\n\n".join([f"headers = {{ {told} }}", f"[warnings]\nfail-on = {json.dumps(HOLLOW)}", *rules])
    )
    (folder / "openapi.json").write_text(json.dumps(whole))
    how = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-shrink"]
    still = ["--generation-database", "none", "--no-color", "--request-timeout", "30", "--continue-on-failure"]
    return subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url, *how, *still],
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=TIME,
        check=False,
    )


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (400, {"data": b"{"}),
        (401, {"headers": {}}),
        (403, {"headers": "former"}),
        (404, {"orgnr": "999999999"}),
        (411, {"data": iter(())}),
        (413, {"data": b" " * 1_000_001}),
        (415, {"content_encoding": "gzip"}),
    ],
)
@pytest.mark.parametrize("path", [WRITE, POST])
def test_a_refused_payload_hears_what_the_contract_says(place: Town, path: str, status: int, how: Json) -> None:
    sender = how.get("headers", "centre")
    headers = {**(place.proof(sender, b"") if sender else {}), "Content-Encoding": how.get("content_encoding", "identity")}
    there = path.format(orgnr=how.get("orgnr", place.orgnr), resource="bundle", adapter="tenovi")
    answer = wire().post(place.hub.url + there, data=how.get("data", b"[]"), headers=headers, timeout=PATIENCE)
    assert answer.status_code == status
    as_told(path, answer)


@pytest.mark.parametrize(
    ("status", "resource", "form", "codes"),
    [
        (200, "patient", {"identifier": STILLE}, "ta"),
        (400, "patient", {"identifier": "1"}, "ta"),
        (403, "patient", {"identifier": STILLE}, None),
        (404, "observation", {"identifier": STILLE}, "ta"),
        (413, "patient", {"identifier": "1" * 10_000}, "ta"),
    ],
)
def test_a_look_up_hears_what_the_contract_says(place: Town, status: int, resource: str, form: Json, codes: str | None) -> None:
    answer = place.search(resource, form, codes)
    assert answer.status_code == status
    as_told(SEARCH, answer)


@pytest.mark.parametrize(("status", "journal"), [(502, 200), (503, 500)])
def test_a_look_up_whose_journal_fails_hears_what_the_contract_says(running: Running, status: int, journal: int) -> None:
    with witness(journal) as (address, _):
        answer = running.town(lookup=address).search("patient", {"identifier": STILLE})
    assert answer.status_code == status
    as_told(SEARCH, answer)


def test_a_receipt_in_every_state_is_as_the_contract_says(place: Town) -> None:
    body = example("tenovi", "set-aside-time-of-a-lost-clock.json")
    first, again = place.sent("tenovi", body, "centre"), place.sent("tenovi", body, "centre")
    mended = place.sent("vkp", example("vkp", "repaired.json"), "centre")
    for receipt in (first, again, mended):
        place.until_settled(receipt)
        as_told(RECEIPT, place.ask(receipt, "centre"))
    answers = {401: place.ask(first), 404: place.ask(f"{first}9", "centre")}
    assert {status: answer.status_code for status, answer in answers.items()} == {401: 401, 404: 404}
    for answer in answers.values():
        as_told(RECEIPT, answer)


@pytest.mark.parametrize(
    ("status", "path", "how"),
    [
        (200, "/jft/{orgnr}/v1/{type}", {}),
        (202, "/jft/{orgnr}/v1/{type}/{id}/$journaling-acknowledged", {}),
        (200, "/jft/{orgnr}/v1/{type}/{id}/$status", {}),
        (200, "/jft/{orgnr}/v1/{type}/_search", {"data": {"_count": "1"}}),
        (400, "/jft/{orgnr}/v1/{type}", {"params": {"_count": "0"}}),
        (401, "/jft/{orgnr}/v1/{type}", {"headers": {}}),
        (404, "/jft/{orgnr}/v1/{type}/{id}/$status", {"id": "00000000-0000-4000-8000-000000000000"}),
        (413, "/jft/{orgnr}/v1/{type}/_search", {"data": b"_count=" + b"1" * 9000}),
        (415, "/jft/{orgnr}/v1/{type}/_search", {"headers": {"Content-Encoding": "gzip"}, "data": b"1"}),
    ],
)
def test_a_journal_that_fetches_hears_what_the_contract_says(
    place: Town, lying: tuple[str, str], path: str, status: int, how: Json
) -> None:
    token = everything(place)
    name = how.get("id") or lying[1]
    [method] = CONTRACT.raw_schema["paths"][path]
    headers = {**token, **how["headers"]} if how.get("headers") else how.get("headers", token)
    there = place.hub.url + path.format(orgnr=place.orgnr, type="Bundle", id=name)
    given = {key: how[key] for key in ("data", "params") if key in how}
    answer = wire().request(method, there, headers=headers, timeout=PATIENCE, **given)
    assert answer.status_code == status, answer.text
    as_told(path, answer)


def as_told(path: str, answer: requests.Response) -> None:
    """Status, media type, headers and body are what the document says for this route."""
    asked = CONTRACT[path][str(answer.request.method)].Case(path_parameters=dict.fromkeys(PARTS, "-"))
    asked.validate_response(answer, checks=CHECKS)


def test_a_municipality_can_do_what_its_statement_says(place: Town, triggers: set[tuple[str, str]]) -> None:
    """Derived from the app's routes: one that is not registered may not be claimed, one that is must be."""
    statement = place.hub.get(f"/epj/r4/{place.orgnr}/metadata").json()
    claimed = {(row["type"], told["code"]) for row in statement["rest"][0]["resource"] for told in row["interaction"]}
    creates = {(kind, "create") for kind in national.WRITES.values() if ("POST", WRITE) in triggers}
    searches = {(row.resource_type, "search-type") for row in national.LOOKUPS.values() if ("POST", SEARCH) in triggers}
    assert claimed == creates | searches


@pytest.mark.parametrize("kind", ["Bundle", "Patient", "Composition", "Observation", "Task"])
def test_the_door_knows_exactly_what_the_statement_says(place: Town, kind: str) -> None:
    statement = place.hub.get(f"/epj/r4/{place.orgnr}/metadata").json()
    claimed = {(row["type"], told["code"]) for row in statement["rest"][0]["resource"] for told in row["interaction"]}
    answers = {"create": place.write(b"{}", kind.lower()), "search-type": place.search(kind.lower(), {"identifier": "x"})}
    assert {code for code, answer in answers.items() if answer.status_code != 404} == {code for known, code in claimed if known == kind}
