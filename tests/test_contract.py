"""What the hub says of itself, apart from the running hub: its tables agree with each other, its examples keep its own rules, its pages
can be read by anybody."""

import base64
import hashlib
import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from shared.contract import examples, routes, statuses
from shared.contract.codes import codes_page
from shared.contract.markup import HEADERS
from shared.contract.openapi import document
from shared.contract.page import docs_page
from shared.contract.style import STYLE
from shared.domain import national, person
from shared.door import adapters
from shared.fhir import terminology
from shared.fhir.capability import capability
from shared.fhir.check import check
from shared.fhir.code_system import code_system

ROOT = Path(__file__).parent.parent
FORMATS = [found for name in sorted(adapters.names("devices")) if (found := adapters.device(name))]
DOCUMENT = document("https://hub.example", FORMATS)
LISTED = {name: table for name, table in terminology.tables().items() if "concepts" in table}
PAGES = {"docs": docs_page(DOCUMENT), "codes": codes_page()}
STATEMENT = capability(
    "Eksempel kommune",
    "https://hub.example/epj/r4/310123455",
    datetime(2026, 3, 2, tzinfo=UTC),
    routes.VERSION,
    national.WRITES.values(),
    national.searches(),
)
VOID = ("meta", "link")
AA = 4.5  # WCAG 2.1, 1.4.3


class Seen(HTMLParser):
    """Every tag of a page, in order, with its attributes; and that they are closed as they were opened."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def named(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> bytes:
    return PAGES[request.param]


@pytest.mark.parametrize("word", national.WRITES)
def test_an_example_is_a_document_that_its_own_path_takes(word: str) -> None:
    example = examples.writes()[word]
    assert example["resourceType"] == national.WRITES[word]
    get_fhir_model_class(example["resourceType"]).model_validate(example)
    assert [finding.path for finding in check(example) if finding.severity == "error"] == []


def test_nobody_in_the_document_could_be_a_real_person() -> None:
    numbers = set(re.findall(r"(?<![\d-])\d{11}(?!\d)", json.dumps(DOCUMENT)))
    assert numbers
    assert [number for number in numbers if not person.synthetic(number)] == []


@pytest.mark.parametrize("status", statuses.REFUSALS)
def test_a_refusal_of_a_fhir_address_says_a_code_that_is_published(status: int) -> None:
    told = examples.refused(status)
    get_fhir_model_class("OperationOutcome").model_validate(told)
    (coding,) = told["issue"][0]["details"]["coding"]
    assert terminology.known(terminology.OUTCOME, coding["code"])


def test_the_version_is_the_projects() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == routes.VERSION


def test_the_page_for_senders_has_a_row_for_every_status_that_sending_brings() -> None:
    told = set(re.findall(r'<a id="(\d{3})">', (ROOT / "docs/senders.md").read_text()))
    brought = {str(status) for route in routes.ROUTES if route.tag == "send" for status in (*route.answers, *route.refusals)} - {"200"}
    assert brought - told == set()


def test_every_format_but_the_national_one_can_be_posted() -> None:
    (parameter,) = (each for each in DOCUMENT["paths"]["/api/v1/{orgnr}/{adapter}"]["post"]["parameters"] if each.get("name") == "adapter")
    assert parameter["schema"]["enum"] == [each.name for each in FORMATS if each.resource is None]


def test_a_format_with_answers_of_its_own_gives_them_to_whoever_is_let_in() -> None:
    own = {found.answer(None, 400, "").media for found in FORMATS if found.answer}
    answers = DOCUMENT["paths"]["/api/v1/{orgnr}/{adapter}"]["post"]["responses"]
    assert {status for status, answer in answers.items() if own <= set(answer.get("content", ()))} == {
        *("202", "400", "411", "413", "415", "429", "503")
    }


def test_the_statement_is_fhir() -> None:
    get_fhir_model_class("CapabilityStatement").model_validate(STATEMENT)


@pytest.mark.parametrize("name", LISTED)
def test_a_code_table_is_fhir_and_a_code_stands_under_its_prefix(name: str) -> None:
    made = code_system(name)
    assert made
    get_fhir_model_class("CodeSystem").model_validate(made)
    above = {one["code"]: one["property"][0]["valueCode"] for one in made["concept"] if "property" in one}
    codes = {one["code"] for one in LISTED[name]["concepts"]}
    assert above == {code: parent for code in codes if (parent := code.rpartition(".")[0]) in codes}


def test_the_page_names_every_route_status_and_header() -> None:
    text = "".join(Seen(PAGES["docs"]).text)
    headers = (*DOCUMENT["components"]["headers"], *(each["name"] for each in DOCUMENT["components"]["parameters"].values()))
    statuses_of = {str(status) for route in routes.ROUTES for status in (*route.answers, *route.refusals)}
    assert [word for word in (*DOCUMENT["paths"], *headers, *statuses_of) if word not in text] == []


def test_what_is_no_list_of_codes_is_no_code_system() -> None:
    assert [code_system(name) for name in ("measurements", "nothing")] == [None, None]


@pytest.mark.parametrize("name", LISTED)
def test_the_page_of_codes_has_every_code_where_a_link_can_find_it(name: str) -> None:
    anchors = set(Seen(PAGES["codes"]).named("id"))
    assert {f"{name}-{concept['code']}" for concept in LISTED[name]["concepts"]} <= anchors


def test_the_page_of_codes_sets_a_code_under_the_one_above_it() -> None:
    rows = re.findall(r'<th scope="row" class="d(\d)"><a href="#alert-code-([^"]+)">', PAGES["codes"].decode())
    depth = {code: depth for depth, code in rows}
    assert (depth["1"], depth["1.10"], depth["5.2.1"]) == ("0", "1", "2")


def test_nothing_on_a_page_runs_or_is_fetched(page: bytes) -> None:
    seen = Seen(page)
    assert {tag for tag, _ in seen.tags} & {"script", "img", "iframe", "object", "embed", "form", "base", "svg"} == set()
    assert [name for _, attrs in seen.tags for name in attrs if name == "style" or name.startswith("on") or name == "src"] == []
    assert [attrs["href"] for tag, attrs in seen.tags if tag == "link"] == ["data:,"]
    assert "@import" not in STYLE and "url(" not in STYLE


def test_the_policy_lets_only_the_pages_own_style_through(page: bytes) -> None:
    inside = page.decode().partition("<style>")[2].partition("</style>")[0]
    known = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert f"style-src 'sha256-{known}';" in policy


def test_a_page_is_whole_and_its_links_lead_somewhere(page: bytes) -> None:
    seen = Seen(page)
    anchors = seen.named("id")
    assert seen.open == []
    assert len(anchors) == len(set(anchors))
    assert [href for href in seen.named("href") if href.startswith("#") and href[1:] not in anchors] == []


def test_a_page_can_be_read_by_ear(page: bytes) -> None:
    seen = Seen(page)
    assert dict(seen.tags)["html"]["lang"] in ("en", "nb")
    assert [sum(tag == name for tag, _ in seen.tags) for name in ("h1", "main", "header", "nav")] == [1, 1, 1, 1]
    assert next(attrs for tag, attrs in seen.tags if tag == "a") == {"href": "#main", "class": "skip"}
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch("h[1-6]", tag)]
    assert [deeper - level for level, deeper in itertools.pairwise(levels) if deeper - level > 1] == []
    assert all(attrs.get("scope") in ("row", "col") for tag, attrs in seen.tags if tag == "th")


def test_what_a_document_says_is_text_and_never_markup() -> None:
    loud = "<b onclick='x'>&"
    told = {**DOCUMENT, "info": {**DOCUMENT["info"], "title": loud, "description": f'`{loud}` <https://a.example/"onclick=">'}}
    seen = Seen(docs_page(told))
    assert "b" not in {tag for tag, _ in seen.tags}
    assert [name for _, attrs in seen.tags for name in attrs if name.startswith("on")] == []
    assert loud in "".join(seen.text)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrasts() -> Iterator[tuple[str, str, float]]:
    colour: Mapping[str, Any] = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", STYLE))
    (marked,) = re.findall(r":target[^{]*{ background: (#[0-9a-f]{6})", STYLE)
    for ground in ("#ffffff", colour["ground"], marked):
        for ink in (colour["ink"], colour["faint"], colour["link"]):
            light, dark = sorted((_luminance(ground), _luminance(ink)), reverse=True)
            yield ink, ground, (light + 0.05) / (dark + 0.05)


def test_every_text_stands_out_from_its_ground() -> None:
    contrasts = list(_contrasts())
    assert len(contrasts) == 9
    assert [row for row in contrasts if row[2] < AA] == []
