"""Asking a journal by FHIR search: what is asked, what its answers mean, and what a hostile one achieves."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.epj.fhir import adapter
from adapters.epj.fhir.adapter import LARGEST, LOOKUP, SEARCHES
from shared.domain.event import Person
from shared.domain.journal import Page, Question
from shared.errors import PayloadError, Refused, Unavailable

BASE = "https://epj.example.no/knutepunkt/fhir"
FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
STILLE = Person(FNR, "14834812097", "Stille Fjellbekk")
SECRET = "Hemmelig Havbris 31929950081"
VISITS = "http://ehelse.no/fhir/CodeSystem/vkp-careplan-category-v090|3"
MARCH = (("ge", "2026-03-01T00:00:00+01:00"), ("le", "2026-03-31"))
DATED = ("careplan", "composition")
PATIENT = {"resourceType": "Patient", "identifier": [{"system": FNR, "value": "14834812097"}]}
WARNS = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}, {"severity": "information"}]}
SAYS_NO = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}, {"severity": "error", "diagnostics": SECRET}]}


def form(question: Question) -> list[tuple[str, str]]:
    return parse_qsl(LOOKUP.request(BASE, question).body.decode(), strict_parsing=True)


def searchset(*entries: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries), **more}


def answered(body: Any, status: int = 200, **headers: str) -> Page:
    return LOOKUP.answer(status, headers, body if isinstance(body, bytes) else orjson.dumps(body))


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("resource", "path", "asked"),
    [
        ("patient", "Patient", [("identifier", f"{FNR}|14834812097")]),
        ("episodeofcare", "EpisodeOfCare", [("patient.identifier", f"{FNR}|14834812097")]),
        ("careplan", "CarePlan", [("patient.identifier", f"{FNR}|14834812097"), ("category", VISITS)]),
        ("composition", "Composition", [("patient.identifier", f"{FNR}|14834812097"), ("type", "3")]),
        ("condition", "Condition", [("patient.identifier", f"{FNR}|14834812097")]),
        ("medicationstatement", "MedicationStatement", [("patient.identifier", f"{FNR}|14834812097")]),
        ("allergyintolerance", "AllergyIntolerance", [("patient.identifier", f"{FNR}|14834812097")]),
    ],
)
def test_a_person_is_asked_for_by_what_the_type_calls_it(resource: str, path: str, asked: list[tuple[str, str]]) -> None:
    call = LOOKUP.request(BASE, Question(resource, STILLE))
    assert (call.method, call.url) == ("POST", f"{BASE}/{path}/_search")
    assert call.headers == {"Accept": "application/fhir+json", "Content-Type": "application/x-www-form-urlencoded"}
    assert form(Question(resource, STILLE)) == [*asked, ("_count", "200")]


@pytest.mark.parametrize("resource", DATED)
def test_each_date_is_a_parameter_of_its_own(resource: str) -> None:
    asked = form(Question(resource, STILLE, MARCH))
    assert [pair for pair in asked if pair[0] == "date"] == [("date", "ge2026-03-01T00:00:00+01:00"), ("date", "le2026-03-31")]


@pytest.mark.parametrize("resource", sorted(SEARCHES.keys() - set(DATED)))
def test_nothing_but_plans_is_asked_for_by_date(resource: str) -> None:
    with pytest.raises(Refused):
        LOOKUP.request(BASE, Question(resource, STILLE, MARCH))


@pytest.mark.parametrize("resource", sorted(SEARCHES.keys() - {"patient"}))
def test_patients_come_beside_only_where_they_are_wanted(resource: str) -> None:
    include = ("_include", f"{SEARCHES[resource].type}:patient")
    assert include in form(Question(resource, STILLE, patients=True))
    assert include not in form(Question(resource, STILLE))


def test_patients_are_not_included_in_themselves() -> None:
    assert "_include" not in dict(form(Question("patient", STILLE, patients=True)))


def test_everybody_is_asked_for_without_a_number() -> None:
    assert form(Question("patient")) == [("_count", "200")]


def test_of_everybody_only_active_services_are_asked_for() -> None:
    assert form(Question("episodeofcare")) == [("status", "active"), ("_count", "200")]
    assert "status" not in dict(form(Question("episodeofcare", STILLE)))


@pytest.mark.parametrize("resource", ["careplan", "composition", "condition", "medicationstatement", "allergyintolerance"])
def test_nobodys_plans_and_health_are_asked_for_without_saying_whose(resource: str) -> None:
    with pytest.raises(Refused):
        LOOKUP.request(BASE, Question(resource))


def test_a_journals_own_number_goes_as_it_is() -> None:
    assert form(Question("patient", Person("http://cosdoc.dips.no/lopenummer", "1302")))[0][1] == "http://cosdoc.dips.no/lopenummer|1302"


def test_a_number_without_a_system_stands_alone() -> None:
    assert form(Question("patient", Person("", "14834812097")))[0] == ("identifier", "14834812097")


def test_one_number_cannot_become_two() -> None:
    asked = form(Question("patient", Person("a|b", "1302,1303&_count=1\\|$")))
    assert asked == [("identifier", r"a\|b|1302\,1303&_count=1\\\|\$"), ("_count", "200")]


@given(st.sampled_from(sorted(SEARCHES)), st.text(st.characters(codec="utf-8")), st.sampled_from(["", FNR]))
def test_no_number_whatever_reaches_the_address(resource: str, value: str, system: str) -> None:
    call = LOOKUP.request(BASE, Question(resource, Person(system, value)))
    assert call.url == f"{BASE}/{SEARCHES[resource].type}/_search"
    assert [name for name, _ in parse_qsl(call.body.decode(), keep_blank_values=True)].count("_count") == 1


def test_a_slash_at_the_end_of_the_base_changes_nothing() -> None:
    assert LOOKUP.request(f"{BASE}/", Question("patient")) == LOOKUP.request(BASE, Question("patient"))


# ---------------------------------------------------------------- the next part


@pytest.mark.parametrize(
    "link",
    [
        f"{BASE}?_getpages=8f0c&_offset=200",
        f"{BASE}/Patient/_search?page=2",
        f"{BASE}/_page/AbC-9_~",
        "https://epj.example.no:443/knutepunkt/fhir?p=1",
        "HTTPS://EPJ.example.no/knutepunkt/fhir?p=%2F..%2Fx",
        f"{BASE}?p=12345678901",  # eleven digits, but nobody's
    ],
)
def test_a_next_part_at_the_journal_itself_is_fetched(link: str) -> None:
    call = LOOKUP.more(BASE, link)
    assert (call.method, call.url, call.body) == ("GET", link, b"")


@pytest.mark.parametrize(
    "link",
    [
        "",
        "?page=2",
        "/knutepunkt/fhir?page=2",
        "//epj.example.no/knutepunkt/fhir",
        "http://epj.example.no/knutepunkt/fhir",
        "https://epj.example.no:8443/knutepunkt/fhir",
        "https://epj.example.no.evil.example/knutepunkt/fhir",
        "https://evil.example/knutepunkt/fhir",
        "https://epj.example.no@evil.example/knutepunkt/fhir",
        "https://evil.example\\@epj.example.no/knutepunkt/fhir",
        "https://user:word@epj.example.no/knutepunkt/fhir",
        "https://@epj.example.no/knutepunkt/fhir",
        "https://epj.example.no/knutepunkt",
        "https://epj.example.no/knutepunkt/fhirs",
        "https://epj.example.no/",
        f"{BASE}/../admin",
        f"{BASE}/./../admin",
        f"{BASE}/%2e%2e/admin",
        f"{BASE}/..%2fadmin",
        f"{BASE}/x%5c..",
        f"{BASE}#there",
        f" {BASE}",
        f"{BASE}\n?x",
        f"{BASE}?x\r\nHost: evil.example",
        f"{BASE}?\tx",
        f"{BASE}?ø",
        f"{BASE}?{'x' * 2000}",
        "https://epj.example.no:999999/knutepunkt/fhir",
        "https://[::1/knutepunkt/fhir",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_a_next_part_anywhere_else_is_not(link: str) -> None:
    with pytest.raises(Refused, match="leads away"):
        LOOKUP.more(BASE, link)


@pytest.mark.parametrize(
    "query", ["patient.identifier=14834812097", "identifier=urn%3Aoid%7C14834812097", "p=1%34834812097", "14834812097"]
)
def test_a_next_part_that_names_a_person_is_not_fetched(query: str) -> None:
    with pytest.raises(Refused, match="person's number") as caught:
        LOOKUP.more(BASE, f"{BASE}?{query}")
    assert "14834812097" not in str(caught.value) + caught.value.remedy


def test_a_base_at_the_root_holds_all_of_its_host_and_no_other() -> None:
    assert LOOKUP.more("http://127.0.0.1:8080", "http://127.0.0.1:8080/x?y=1").url == "http://127.0.0.1:8080/x?y=1"
    with pytest.raises(Refused):
        LOOKUP.more("http://127.0.0.1:8080", "http://127.0.0.1:80801/x")


@given(st.text() | st.text().map(lambda text: f"{BASE}{text}"))
def test_no_link_is_so_strange_that_it_is_not_judged(link: str) -> None:
    with suppress(Refused):
        assert LOOKUP.more(BASE, link).url.lower().startswith(BASE)


# ---------------------------------------------------------------- what an answer means


def test_a_searchset_gives_its_resources_with_every_digit() -> None:
    body = b'{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"urn:x","resource":{"resourceType":"Condition","n":82.50}}]}'
    (url, resource), *others = answered(body).resources
    assert (url, str(resource["n"]), others) == ("urn:x", "82.50", [])
    assert isinstance(resource["n"], Decimal)


def test_an_entry_without_an_address_has_none() -> None:
    assert answered(searchset({"resource": PATIENT})).resources == [("", PATIENT)]


@pytest.mark.parametrize("body", [searchset(), {"resourceType": "Bundle", "type": "searchset"}, searchset(entry=None)])
def test_nobody_is_an_answer(body: dict[str, Any]) -> None:
    assert answered(body) == Page([])


def test_the_next_part_is_named() -> None:
    links = [{"relation": "self", "url": f"{BASE}/Patient"}, {"relation": "next", "url": f"{BASE}?p=2"}]
    assert answered(searchset(link=links)).next == f"{BASE}?p=2"
    assert answered(searchset(link=links[:1])).next == ""


def test_other_types_and_remarks_are_left_out() -> None:
    beside = [{"resource": {"resourceType": "Practitioner"}}, {"resource": WARNS, "search": {"mode": "outcome"}}]
    marked = {"resource": PATIENT, "search": {"mode": "outcome"}}
    assert answered(searchset({"resource": PATIENT, "search": {"mode": "match"}}, *beside, marked)).resources == [("", PATIENT)]


@pytest.mark.parametrize(
    "body",
    [
        SAYS_NO,
        searchset({"resource": PATIENT}, {"resource": SAYS_NO, "search": {"mode": "outcome"}}),
        searchset({"resource": SAYS_NO}),
        {"resourceType": "OperationOutcome", "issue": {"severity": "fatal"}},
    ],
)
def test_a_200_that_means_no_is_a_refusal(body: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        answered(body)
    assert caught.value.answer == "200"
    assert not any(word in str(caught.value) for word in SECRET.split())


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 405, 410, 422])
def test_redirects_and_refusals_are_refused(status: int) -> None:
    with pytest.raises(Refused) as caught:
        answered(searchset(), status)
    assert caught.value.answer == str(status)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_unavailable_for_as_long_as_the_journal_says(status: int) -> None:
    with pytest.raises(Unavailable) as caught:
        answered(b"", status, **{"retry-after": "30"})
    assert caught.value.retry_after == 30


@pytest.mark.parametrize("wish", ["", "soon", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999", "²"])
def test_a_wish_that_is_no_number_of_seconds_is_none(wish: str) -> None:
    with pytest.raises(Unavailable) as caught:
        answered(b"", 503, **{"retry-after": wish})
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "$"),
        (b"   ", "$"),
        (b"<!doctype html><title>Velkommen</title>", "$"),
        (b'<Bundle xmlns="http://hl7.org/fhir"/>', "$"),
        (b"\xef\xbb\xbf{}", "$"),
        (b"\x1f\x8b\x08\x00", "$"),
        (b"null", "$"),
        (b"[]", "$"),
        (b'"Bundle"', "$"),
        (b'{"resourceType":"Bundle","resourceType":"Patient"}', "$"),
        (b'{"resourceType":"Bundle","type":"searchset","entry":[', "$"),
        (b'{"resourceType":"Bundle","type":"searchset","total":NaN}', "$"),
        (b"[" * 100_000, "$"),
        ({}, "$.resourceType"),
        (PATIENT, "$.resourceType"),
        (WARNS, "$.resourceType"),
        ({"resourceType": "Bundle"}, "$.type"),
        ({"resourceType": "Bundle", "type": "document"}, "$.type"),
        ({"resourceType": "Bundle", "type": ["searchset"]}, "$.type"),
        (searchset(entry={}), "$.entry"),
        (searchset("x"), "$.entry[0]"),
        (searchset({}), "$.entry[0].resource"),
        (searchset({"resource": PATIENT}, {"resource": []}), "$.entry[1].resource"),
        (searchset({"resource": {}}), "$.entry[0].resource.resourceType"),
        (searchset({"resource": {"resourceType": 1}}), "$.entry[0].resource.resourceType"),
        (searchset({"resource": PATIENT, "fullUrl": {}}), "$.entry[0].fullUrl"),
        (searchset({"resource": PATIENT, "search": "match"}), "$.entry[0].search"),
        (searchset({"resource": {**PATIENT, "n": "\x07"}}), "$.entry[0].resource.n"),
        (searchset({"resource": {**PATIENT, "n": 10**30}}).__repr__().replace("'", '"').encode(), "$.entry[0].resource.n"),
        (searchset({"resource": {**PATIENT, "n": "x" * (1024 * 1024 + 1)}}), "$.entry[0].resource.n"),
        (searchset(link={}), "$.link"),
        (searchset(link=[{"relation": "next"}]), "$.link[0].url"),
        (searchset(link=[{"url": "x"}]), "$.link[0].relation"),
        (b" " * (LARGEST + 1), "$"),
    ],
)
def test_what_is_no_answer_names_the_field(body: Any, field: str) -> None:
    with pytest.raises(PayloadError) as caught:
        answered(body)
    assert caught.value.field == field


def test_an_answer_of_just_4_mb_is_read() -> None:
    body = orjson.dumps(searchset({"resource": PATIENT}))
    assert len(answered(body + b" " * (LARGEST - len(body))).resources) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["Bundle", "searchset", "Patient", "next"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PATIENT, "type", "entry", "link", "issue"]), inner),
    max_leaves=12,
)
BUNDLES = st.fixed_dictionaries(
    {"resourceType": st.just("Bundle"), "type": st.just("searchset")},
    optional={
        "entry": st.lists(st.fixed_dictionaries({"resource": JSON}, optional={"search": JSON, "fullUrl": JSON}), max_size=3) | JSON,
        "link": st.lists(st.dictionaries(st.sampled_from(["relation", "url"]), JSON), max_size=2) | JSON,
    },
)


@given(st.integers(100, 599), st.binary() | BUNDLES.map(str).map(str.encode) | (BUNDLES | JSON).map(lambda tree: _dumped(tree)), st.text())
def test_whatever_comes_is_an_answer_or_one_of_three_errors(status: int, body: bytes, wish: str) -> None:
    try:
        page = LOOKUP.answer(status, {"retry-after": wish}, body)
    except (PayloadError, Refused, Unavailable):
        return
    assert all(isinstance(url, str) and resource["resourceType"] in adapter.PASSED for url, resource in page.resources)


def _dumped(tree: Any) -> bytes:
    try:
        return orjson.dumps(tree)
    except (TypeError, orjson.JSONEncodeError):
        return repr(tree).encode(errors="surrogatepass")


def _odd(tree: Any) -> list[Any]:
    """Copies of an answer, each with something else at one place."""
    if not isinstance(tree, dict | list):
        return [SECRET, None, [], {}, [SECRET], {SECRET: SECRET}, 1]
    found: list[Any] = [SECRET, {}, []]
    for key, inner in list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)):
        for odd in _odd(inner):
            found.append({**tree, key: odd} if isinstance(tree, dict) else [*tree[:key], odd, *tree[key + 1 :]])
    return found


def test_no_error_repeats_what_stood_there() -> None:
    whole = searchset({"fullUrl": "urn:x", "resource": PATIENT, "search": {"mode": "match"}}, link=[{"relation": "next", "url": "x"}])
    told = []
    for strange in _odd(whole):
        try:
            answered(strange)
        except (PayloadError, Refused) as error:
            told.append(f"{error} {error.remedy}")
    assert len(told) > 20
    assert [line for line in told if any(word in line for word in SECRET.split())] == []


# ---------------------------------------------------------------- the folder


def test_the_page_names_every_parameter_that_is_asked_by() -> None:
    page = (Path(adapter.__file__).parent / "README.md").read_text()
    names = {name for search in SEARCHES.values() for name in (search.type, search.whom, search.when) if name}
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_contract_names_every_parameter_that_is_asked_by() -> None:
    page = (Path(__file__).parent.parent / "docs" / "journals.md").read_text()
    rows = page.partition("8.2 ")[2].partition("8.3 ")[0]
    for search in SEARCHES.values():
        row = next(line for line in rows.splitlines() if f"| `{search.type}` | `" in line)
        assert all(f"`{name}`" in row for name in (search.whom, search.when) if name)
        assert all(f"`{name}={value}`" in row.replace("\\|", "|") for name, value in search.always)


@pytest.mark.parametrize("file", sorted((Path(adapter.__file__).parent / "examples").glob("*.json")), ids=lambda file: file.name)
def test_an_example_is_read_as_its_name_says(file: Path) -> None:
    kind = file.stem.partition("-")[0]
    if kind == "refused":
        with pytest.raises(Refused):
            answered(file.read_bytes())
    else:
        assert {resource["resourceType"].lower() for _, resource in answered(file.read_bytes()).resources} <= {kind, "patient"}
