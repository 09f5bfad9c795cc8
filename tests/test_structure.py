"""Base R4: what is found beyond the national profiles, that nothing makes it fall, and that another's models refuse no more than we do."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.devices.vkp.adapter import ADAPTER
from shared import fhir
from shared.domain.adapter import Demands
from shared.errors import PayloadError
from shared.fhir.check import check
from shared.fhir.repair import mend
from shared.fhir.structure import findings
from tests.examples_plugin import replaced, values
from tests.test_strict import EVERYTHING, GONE, SHAPES, document, put

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
SAID: Any = {"extension": [{"url": "a", "valueCode": "b"}]}
SECRET = "Hemmelig Havbris 31929950081"
ODD: list[Any] = [None, True, -1, 1.5, "", "X y", "2026-02-30", "2026-03-02T08:03:11", "12", [], {}, ["x"], {"x": "y"}, [None], [{}]]


def wrong(resource: Any) -> list[tuple[str, str]]:
    return [(finding.path, finding.text.partition(":")[0]) for finding in findings(resource) if finding.severity == "error"]


def mutations(name: str, every: int) -> Iterator[Any]:
    """A document with one place changed or taken away: one of `every`, spread over all."""
    tree = json.loads(fhir.serialise(document(name)))
    places = [(path, odd) for path, _value in values(tree) if path and path != ("resourceType",) for odd in (*ODD, GONE)]
    for path, odd in places[len(name) % every :: every]:
        if odd is GONE:
            changed = json.loads(json.dumps(tree))
            put(changed, ".".join(map(str, path)), GONE)
            yield changed
        else:
            yield replaced(tree, path, odd)


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_the_models_of_r4b_refuse_we_refuse_too(name: str) -> None:
    model = get_fhir_model_class(document(name)["resourceType"])
    refused, missed = 0, []
    for changed in mutations(name, 11):
        try:
            model.model_validate_json(json.dumps(changed))
        except (ValueError, LookupError, TypeError):  # it stumbles over some of them
            refused += 1
            if not wrong(changed):
                missed.append(changed)
    assert refused > 5 and missed == []


# ---------------------------------------------------------------- elements and primitives


def observation(**more: Any) -> Any:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}


@pytest.mark.parametrize(
    ("more", "path", "key"),
    [
        ({"dings": 1}, "$.dings", "is no element of Observation"),
        ({"status": ["final"]}, "$.status", "stands once"),
        ({"category": {"text": "x"}}, "$.category", "expected a list"),
        ({"category": []}, "$.category", "ele-1"),
        ({"identifier": [{"value": "\t "}]}, "$.identifier[0]", "ele-1"),
        ({"_valueString": SAID, "dataAbsentReason": {"text": "x"}}, "$", "obs-6"),
        ({"extension": [{"url": "b", "_valueString": SAID, "extension": SAID["extension"]}]}, "$.extension[0]", "ext-1"),
        ({"code": {}}, "$.code", "ele-1"),
        ({"code": {"id": "a"}}, "$.code", "ele-1"),
        ({"method": "x"}, "$.method", "expected an object"),
        ({"valueString": "a", "valueInteger": 1}, "$", "value[x] stands in more than one spelling"),
        ({"valueString": "a", "_valueInteger": {"id": "a"}}, "$", "value[x] stands in more than one spelling"),
        ({"valueInteger": 1.0}, "$.valueInteger", "expected a whole number, without quotation marks"),
        ({"valueInteger": 2**31}, "$.valueInteger", "expected a whole number from -2147483648 to 2147483647"),
        ({"valueBoolean": "true"}, "$.valueBoolean", "expected true or false, without quotation marks"),
        ({"valueQuantity": {"value": "121"}}, "$.valueQuantity.value", "expected a number, without quotation marks"),
        ({"valueQuantity": {"value": True}}, "$.valueQuantity.value", "expected a number, without quotation marks"),
        ({"valueQuantity": {"value": 1, "code": "mg"}}, "$.valueQuantity", "qty-3"),
        ({"valueTime": "8:00"}, "$.valueTime", "expected a time of day such as 08"),
        ({"valueString": 7}, "$.valueString", "expected a text"),
        ({"id": "a b"}, "$.id", "expected an id"),
        ({"id": "a" * 65}, "$.id", "expected an id"),
        ({"language": " nb"}, "$.language", "expected a code, without spaces around it"),
        ({"implicitRules": "a b"}, "$.implicitRules", "expected a URI, without spaces"),
        ({"implicitRules": "urn:oid:02.16"}, "$.implicitRules", "expected a URI, without spaces"),
        ({"meta": {"lastUpdated": "2026-03-02"}}, "$.meta.lastUpdated", "expected an instant such as 2026-03-02T08"),
        ({"issued": "2026-02-29T08:00:00Z"}, "$.issued", "expected an instant such as 2026-03-02T08"),
        ({"effectiveDateTime": "2026-13"}, "$.effectiveDateTime", "expected a time such as 2026-03-02T08"),
        ({"effectiveDateTime": "2026-03-02T08:00:00+15:00"}, "$.effectiveDateTime", "expected a time such as 2026-03-02T08"),
        ({"effectivePeriod": {"start": "2026-03-02", "end": "2026-03-01"}}, "$.effectivePeriod", "per-1"),
        ({"note": [{"time": "2026"}]}, "$.note[0].text", "is missing"),
        ({"extension": [{"url": "https://e.example"}]}, "$.extension[0]", "ext-1"),
        ({"extension": [{"valueString": "a"}]}, "$.extension[0].url", "is missing"),
        (
            {"extension": [{"url": "https://e.example", "valueString": "a", "extension": [{"url": "a", "valueCode": "b"}]}]},
            "$.extension[0]",
            "ext-1",
        ),
        ({"component": [{"code": {"text": "x"}, "referenceRange": [{"id": "a"}]}]}, "$.component[0].referenceRange[0]", "ele-1"),
        ({"referenceRange": [{"appliesTo": [{"text": "a"}]}]}, "$.referenceRange[0]", "obs-3"),
        ({"valueRange": {"low": {"value": 2}, "high": {"value": 1}}}, "$.valueRange", "rng-2"),
        ({"valueRatio": {"numerator": {"value": 1}}}, "$.valueRatio", "rat-1"),
        ({"performer": [{"reference": "Device/1"}]}, "$.performer[0]", "leads to Device"),
        ({"performer": [{"type": "Device"}]}, "$.performer[0]", "leads to Device"),
        ({"_status": "final"}, "$._status", "expected an object"),
        ({"_code": {"id": "a"}}, "$._code", "is no element of Observation"),
        ({"text": {"status": "generated"}}, "$.text.div", "is missing"),
        ({"text": {"status": "generated", "div": f"{DIV} </div>"}}, "$.text.div", "has no words (txt-2)"),
        ({"text": {"status": "generated", "div": "<div>a</div>"}}, "$.text.div", "is not in the namespace of XHTML (txt-1)"),
        ({"contained": [{"resourceType": "Device", "id": "a"}]}, "$.contained[0]", "dom-3"),
        ({"contained": ["x"]}, "$.contained[0]", "expected a resource, an object"),
        ({"contained": [{"resourceType": "Period"}]}, "$.contained[0].resourceType", "names no resource type of R4"),
        ({"device": {"reference": "#a"}}, "$.device.reference", "ref-1"),
        ({"device": {"reference": "#"}}, "$.device.reference", "ref-1"),
    ],
)  # fmt: skip
def test_base_r4_is_kept_to_the_letter(more: dict[str, Any], path: str, key: str) -> None:
    assert (path, key) in wrong(observation(**more))


@pytest.mark.parametrize(
    "more",
    [
        {"valueQuantity": {"value": 82.50, "unit": "kg"}},
        {"effectiveDateTime": "2026-03-02T08:00:00.1234567+01:00"},
        {"effectiveDateTime": "2026"},
        {"effectiveDateTime": "2016-12-31T23:59:60Z"},
        {"extension": [{"url": "https://e.example", "_valueString": SAID}]},
        {"referenceRange": [{"_text": SAID}]},
        {"_status": {"extension": [{"url": "https://e.example", "valueString": "a"}]}},
        {"valueString": "a\nb "},
        {"meta": {"profile": ["https://e.example/p|1"], "_profile": [{"id": "a"}]}},
        {"meta": {"profile": [None, "https://e.example/p"], "_profile": [{"extension": [{"url": "a", "valueCode": "b"}]}, None]}},
        {"device": {"reference": "#d"}, "contained": [{"resourceType": "Device", "id": "d"}]},
        {
            "contained": [
                {"resourceType": "Observation", "id": "d", "status": "final", "code": {"text": "x"}, "hasMember": [{"reference": "#"}]}
            ]
        },
        {"text": {"status": "generated", "div": f"{DIV}a<br/>b <!-- x --> &#248;</div>"}},
        {"subject": {"reference": "https://journal.example/fhir/Patient/1/_history/2"}},
        {"extension": [{"url": "https://e.example", "valueMeta": {"tag": [{"code": "a"}]}}, {"url": "b", "valueExpression": {"x": 1}}]},
    ],
)
def test_what_base_r4_allows_is_not_complained_of(more: dict[str, Any]) -> None:
    assert findings(observation(**more)) == []


def test_a_status_that_only_an_extension_speaks_of_is_there() -> None:
    resource = observation(_status={"extension": [{"url": "https://e.example", "valueCode": "x"}]})
    del resource["status"]
    assert findings(resource) == []


def test_a_contained_resource_contains_no_other_and_has_no_version() -> None:
    inner: dict[str, Any] = {"resourceType": "Device", "id": "a", "meta": {"versionId": "1", "security": [{"code": "R"}]}}
    inner["contained"] = [{"resourceType": "Device", "id": "b"}]
    assert {key for _, key in wrong(observation(contained=[inner], device={"reference": "#a"}))} == {"dom-2", "dom-4", "dom-5"}


# ---------------------------------------------------------------- references that go in circles, and much of everything


def test_references_in_a_circle_are_legal_and_followed_by_nobody() -> None:
    bundle = document("fall")
    note, issue = bundle["entry"][0]["fullUrl"], bundle["entry"][1]["fullUrl"]
    bundle["entry"][1]["resource"]["implicated"] = [{"reference": note}, {"reference": issue}]
    bundle["entry"][0]["resource"]["section"][0]["entry"] += [{"reference": note}]
    assert findings(bundle) == []


def test_contained_resources_that_refer_to_each_other_are_legal() -> None:
    part = {"resourceType": "Device", "parent": {"reference": "#b"}, "owner": {"reference": "#"}}
    ring = [
        {**part, "id": "a"},
        {**part, "id": "b", "parent": {"reference": "#a"}},
        {"resourceType": "Device", "id": "c", "parent": {"reference": "#c"}},
    ]
    assert findings(observation(contained=ring)) == []


def test_sections_thirty_deep_are_looked_at_to_the_end() -> None:
    section: Any = {"title": "innerst", "dings": 1}
    for _ in range(14):
        section = {"section": [section]}
    resource = document("note") | {"section": [section]}
    assert [path for path, _ in wrong(resource)] == ["$" + ".section[0]" * 15 + ".dings", "$" + ".section[0]" * 15]


def test_five_hundred_entries_are_the_most() -> None:
    bundle = document("fall")
    bundle["entry"] += [{"resource": {"resourceType": "Device", "lotNumber": "1"}}] * 497
    assert findings(bundle) == []
    bundle["entry"] += bundle["entry"][-1:]
    assert [(finding.path, finding.code) for finding in findings(bundle)] == [("$.entry", "too-costly")]


def test_a_megabyte_is_judged_in_well_under_a_second() -> None:
    bundle = document("e")
    part = json.dumps(bundle["entry"][2]["resource"], default=str)
    while len(bundle["entry"]) < 400:
        more = {
            "fullUrl": f"urn:uuid:60973d46-7d1f-4f5b-8a10-{len(bundle['entry']):012x}",
            "resource": {**json.loads(part), "note": [{"text": "x" * 1000}]},
        }
        bundle["entry"].append(more)
    body = fhir.serialise(bundle)
    assert 800_000 < len(body) < 1_000_000
    started = time.process_time()
    assert ADAPTER.inspect and [each for each in ADAPTER.inspect(ADAPTER.split(body), Demands(True)) if each.severity == "error"]
    assert time.process_time() - started < 1


def test_findings_are_no_more_than_a_thousand() -> None:
    assert len(findings({"resourceType": "Device", "note": [{"x": 1}] * 5000})) == 1000


# ---------------------------------------------------------------- anything at all

NAMES = sorted(
    {"resourceType", "entry", "resource", "section", "text", "div", "subject", "identifier", "system", "value", "contained", "id"}
)
WORDS = st.sampled_from(
    ["Bundle", "Composition", "Patient", "document", "#", "#a", "a", "http://www.w3.org/1999/xhtml", "2026-03-02", SECRET]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, SECRET]) | st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(tree=JSON)
def test_anything_is_judged_and_mended_and_repeated_by_nobody(tree: Any) -> None:
    told = [finding.text + finding.path for finding in findings(tree)]
    mended, repairs = mend(tree)
    told += [*repairs, *(finding.text + finding.path for finding in findings(mended))]
    if isinstance(tree, dict):
        told += [finding.text + finding.path for finding in check(tree)]
    assert not any(word in text for text in told for word in SECRET.split())


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from(list(SHAPES)), number=st.integers(0), tree=JSON, strict=st.booleans())
def test_anything_anywhere_in_a_document_is_judged_or_refused(name: str, number: int, tree: Any, strict: bool) -> None:
    resource = document(name)
    places = [path for path, _value in values(resource) if path]
    body = fhir.serialise(replaced(resource, places[number % len(places)], tree))
    try:
        items = ADAPTER.split(body)
    except PayloadError as error:
        return silent(f"{error.reason} {error.remedy} {error.field}")
    assert ADAPTER.inspect
    first, again = (list(ADAPTER.inspect(items, Demands(strict, "test"))) for _ in range(2))
    assert first == again
    for finding in first:
        assert re.fullmatch(r"\$[\w.\[\]?]*", finding.path) and finding.text
        silent(finding.text + finding.path)


def silent(text: str) -> None:
    assert not any(word in text for word in SECRET.split())
