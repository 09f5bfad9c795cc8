"""A journal that is a FHIR server: what it is sent, what its answers mean, and what stands in it whatever it does."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from adapters.epj.transaction import adapter
from adapters.epj.transaction.adapter import ADAPTER, ask, has, request, verdict
from adapters.epj.transaction.parts import PEOPLE, parts
from local.journal import SandboxJournal
from local.journal.behaviour import MODES
from shared.domain.journal import Call, Sending
from shared.domain.message import Lane
from shared.door import adapters
from shared.errors import Refused, Unavailable
from shared.fhir.told.codes import national
from tests.test_transform import Town, note, town

ROOT = Path(__file__).parent.parent
FOLDER = Path(adapter.__file__).parent
README = (FOLDER / "README.md").read_text()
EXAMPLES = FOLDER / "examples"
BASE = "https://epj.example.no/fhir"
FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
STILLE = {"identifier": {"system": FNR, "value": "14834812097"}, "display": "Stille Fjellbekk"}
CODES = national()
HOUR = 3600.0


def documents() -> list[tuple[str, str, dict[str, Any]]]:
    """(name, resource, document) of every document that our examples of senders give."""
    return [
        (f"{file.parent.parent.name}/{file.stem}/{place}", each["resource"], each["document"])
        for file in sorted((ROOT / "adapters" / "devices").glob("*/examples/*.expected.json"))
        for place, each in enumerate(json.loads(file.read_text()).get("documents", []))
    ]


DOCUMENTS = documents()


def example(name: str) -> dict[str, Any]:
    return next(document for called, _, document in DOCUMENTS if called == f"vkp/{name}.expected/0")


READINGS, FALL = example("readings-followed-up"), example("fall-unanswered")


def sending(document: Any, lane: Lane = Lane.ROUTINE, key: str = "k1", base: str = BASE) -> Sending:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return Sending(base, "bundle", key, body, lane)


def sent(document: Any, lane: Lane = Lane.ROUTINE, key: str = "k1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(request(sending(document, lane, key)).body)["entry"]
    return found


def bundle(*resources: Any, **more: Any) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": resource} for number, resource in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "document", "entry": entries, **more}


def composition(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Composition", "status": "final", "subject": STILLE, "title": "Notat", **more}


def issue(**more: Any) -> dict[str, Any]:
    return {"resourceType": "DetectedIssue", "status": "final", "patient": STILLE, **more}


def device(value: str = "RS-0098", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Device", "identifier": [{"system": "https://tilsyn.example/serial", "value": value}], **more}


def references(value: Any) -> list[dict[str, Any]]:
    """Every Reference that leads somewhere by address or name."""
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    if not isinstance(value, dict):
        return []
    return [*([value] if isinstance(value.get("reference"), str) else []), *references(list(value.values()))]


# ---------------------------------------------------------------- what is sent


@pytest.mark.parametrize(("lane", "kind"), [(Lane.ROUTINE, "transaction"), (Lane.ALARM, "batch")])
def test_a_document_is_one_bundle_at_the_servers_base(lane: Lane, kind: str) -> None:
    call = request(sending(READINGS, lane, base=f"{BASE}/"))
    assert (call.method, call.url, json.loads(call.body)["type"]) == ("POST", BASE, kind)
    assert call.headers["Content-Type"] == "application/fhir+json"


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize(("name", "resource", "document"), DOCUMENTS, ids=[name for name, _, _ in DOCUMENTS])
def test_every_document_of_ours_becomes_a_bundle_that_r4_takes(lane: Lane, name: str, resource: str, document: dict[str, Any]) -> None:
    entries = sent(document, lane)
    Bundle.model_validate(json.loads(request(sending(document, lane)).body))
    whole = [each["resource"] for each in document["entry"]] if resource == "bundle" else [document]
    assert Counter(each["resource"]["resourceType"] for each in entries) == Counter(each["resourceType"] for each in whole)
    names = {each["fullUrl"] for each in entries} | {each["request"]["url"] for each in entries}
    assert {each["reference"] for each in references(entries)} <= names


@pytest.mark.parametrize("lane", list(Lane))
def test_nothing_of_a_document_is_lost_and_nothing_but_ids_and_numbers_of_its_own_is_added(lane: Lane) -> None:
    for _, resource, document in DOCUMENTS:
        whole = [each["resource"] for each in document["entry"]] if resource == "bundle" else [document]
        was, goes = leaves(whole), leaves([each["resource"] for each in sent(document, lane)])
        assert not was - goes
        added = set(goes - was) - leaves(document).keys() - {each["resourceType"] for each in whole}
        assert [each for each in added if not re.fullmatch(r"([A-Za-z]+/)?[0-9a-f-]{36}-\d+of\d+", str(each))] == []


def leaves(value: Any) -> Counter[Any]:
    """All texts and numbers, but for where references lead."""
    if isinstance(value, dict):
        return sum((leaves(each) for key, each in value.items() if key not in ("reference", "fullUrl")), Counter())
    return sum(map(leaves, value), Counter()) if isinstance(value, list) else Counter([value])


def test_the_same_document_has_the_same_bytes_on_every_attempt_and_another_key_has_other_ids() -> None:
    assert request(sending(READINGS)) == request(sending(READINGS))
    first, other = ({each["request"]["url"] for each in sent(READINGS, key=key)} for key in ("k1", "k2"))
    assert not first & other


def test_the_ids_do_not_depend_on_the_lane() -> None:
    routine, alarm = ({each["resource"].get("id") for each in sent(READINGS, lane)} for lane in Lane)
    assert routine == alarm


def test_every_resource_is_put_under_an_id_that_says_which_of_how_many_it_is() -> None:
    entries = sent(READINGS)
    assert [each["request"]["method"] for each in entries] == ["PUT"] * 4
    for place, each in enumerate(entries, 1):
        kind, name = each["request"]["url"].split("/")
        assert (kind, name) == (each["resource"]["resourceType"], each["resource"]["id"])
        assert (
            re.fullmatch(rf"[0-9a-f]{{8}}-[0-9a-f]{{4}}-5[0-9a-f]{{3}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}-{place}of4", name) and len(name) <= 64
        )


def test_a_single_resource_is_a_bundle_of_one() -> None:
    [only] = sent(example("dispense"))
    assert only["request"]["url"].startswith("MedicationDispense/") and only["request"]["url"].endswith("-1of1")


@pytest.mark.parametrize("lane", list(Lane))
def test_a_device_with_an_identifier_is_created_unless_the_journal_has_it(lane: Lane) -> None:
    [created] = [each for each in sent(FALL, lane) if each["resource"]["resourceType"] == "Device"]
    assert created["request"] == {
        "method": "POST",
        "url": "Device",
        "ifNoneExist": "identifier=https%3A%2F%2Ftilsyn.example%2Fserial%7CRS-0098",
    }
    assert "id" not in created["resource"]


def test_commas_and_bars_in_a_devices_number_stay_one_number() -> None:
    [_, thing] = sent(bundle(composition(), device("a,b|c")))
    assert thing["request"]["ifNoneExist"].endswith("%7Ca%5C%2Cb%5C%7Cc")


def test_a_device_without_an_identifier_or_named_twice_is_put() -> None:
    entries = sent(bundle(composition(), {"resourceType": "Device"}, device(), device()))
    assert [each["request"]["method"] for each in entries] == ["PUT", "PUT", "POST", "PUT"]


def test_in_a_transaction_references_are_names_of_the_call() -> None:
    [note_, alert, thing] = sent(FALL)
    assert references(note_) == [{"reference": alert["fullUrl"]}]
    assert references(alert) == [{"reference": thing["fullUrl"]}]


def test_in_a_batch_the_note_comes_first_and_depends_on_nothing() -> None:
    [note_, alert, _] = sent(FALL, Lane.ALARM)
    assert references(note_) == []
    [entry] = note_["resource"]["section"][0]["entry"]
    assert entry == {"type": "DetectedIssue", "identifier": {"value": alert["request"]["url"]}}
    assert alert["resource"]["author"] == {"type": "Device", "identifier": {"system": "https://tilsyn.example/serial", "value": "RS-0098"}}


def test_in_a_batch_what_others_refer_to_comes_before_them() -> None:
    entries = sent(READINGS, Lane.ALARM)
    assert [each["resource"]["resourceType"] for each in entries] == ["Composition", "Observation", "Observation", "DetectedIssue"]
    before: set[str] = set()
    for each in entries:
        assert {one["reference"] for one in references(each)} <= before
        before.add(each["request"]["url"])


def test_parts_that_refer_to_each_other_in_a_circle_are_sent_all_the_same() -> None:
    circle = bundle(
        composition(),
        issue(evidence=[{"detail": [{"reference": "urn:uuid:2"}]}]),
        issue(evidence=[{"detail": [{"reference": "urn:uuid:1"}]}]),
    )
    assert len(sent(circle, Lane.ALARM)) == 3


def test_the_note_comes_first_wherever_it_stood() -> None:
    assert [each["resource"]["resourceType"] for each in sent(bundle(issue(), composition()))] == ["Composition", "DetectedIssue"]


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize(
    ("given", "goes"),
    [
        ({"reference": "Patient/5"}, {"identifier": {"value": "Patient/5"}}),
        ({"reference": "Patient/5", **STILLE}, STILLE),
        ({"reference": "Patient?identifier=7", "display": "S"}, {"identifier": {"value": "Patient?identifier=7"}, "display": "S"}),
        (
            {"reference": "https://sky.example/fhir/Patient/5"},
            {"identifier": {"system": "urn:ietf:rfc:3986", "value": "https://sky.example/fhir/Patient/5"}},
        ),
        ({"reference": "#p"}, {"reference": "#p"}),
        (STILLE, STILLE),
    ],
)
def test_a_reference_out_of_the_document_leads_to_nobody_in_the_journal(lane: Lane, given: Any, goes: Any) -> None:
    [only] = sent(composition(subject=given), lane)
    assert only["resource"]["subject"] == goes


@pytest.mark.parametrize("kind", sorted(PEOPLE))
def test_people_are_not_sent_and_those_who_name_them_do_so_by_number(kind: str) -> None:
    person = {"resourceType": kind, "id": "7", "identifier": [STILLE["identifier"]], "name": [{"text": "Stille Fjellbekk"}]}
    for target in ("urn:uuid:0", f"{kind}/7"):
        [only] = sent(bundle(person, composition(author=[{"reference": target, "display": "Stille Fjellbekk"}])))
        assert only["resource"]["author"] == [{"type": kind, **STILLE}]


def test_an_address_of_the_document_itself_is_led_too() -> None:
    [note_, alert] = sent(bundle(composition(section=[{"entry": [{"reference": "DetectedIssue/a"}]}]), issue(id="a")))
    assert references(note_) == [{"reference": alert["fullUrl"]}]


def test_the_note_keeps_the_name_of_its_document() -> None:
    name = {"system": "https://tilsyn.example/hendelse", "value": "e1"}
    assert sent(bundle(composition(), issue(), identifier=name))[0]["resource"]["identifier"] == name
    own = {"system": "https://tilsyn.example/notat", "value": "n1"}
    assert sent(bundle(composition(identifier=own), issue(), identifier=name))[0]["resource"]["identifier"] == own


@pytest.mark.parametrize("digits", ["82.50", "0.10", "1E+2", "7", "-0.0", "123456789012345678901234567890.10", "12345678901234567890123"])
def test_numbers_keep_their_digits(digits: str) -> None:
    body = f'{{"resourceType":"Observation","component":[{{"valueQuantity":{{"value":{digits},"unit":"kg"}}}}]}}'.encode()
    assert f'"value":{digits},' in request(sending(body)).body.decode()


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b"<Bundle/>", b"[]", b"{}", b'{"resourceType":"../x"}', b'{"resourceType":"Observation","v":NaN}', b"[" * 900),
        *(bundle(), bundle(None), bundle({"resourceType": "Patient"}), {"resourceType": "Bundle", "entry": 5}),
    ],
)
def test_what_cannot_be_taken_apart_is_refused_and_nothing_of_it_is_told(document: Any) -> None:
    with pytest.raises(Refused) as refused:
        request(sending(document))
    assert "x" not in refused.value.reason.split()


# ---------------------------------------------------------------- what its answers mean: README, row by row

NO = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}, {"severity": "error", "diagnostics": "Hemmelig Havbris"}]}
FATAL = {"resourceType": "OperationOutcome", "issue": {"severity": "fatal"}}
WARNS = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
DELIVERED, REFUSED, AGAIN, UNSURE = "delivered", "Refused", "Unavailable", "Unavailable, unsure"
ID = "0d5cf803-d56a-56ad-a830-3dff70ee5a34"


def entry(status: Any = "201 Created", location: Any = "", **more: Any) -> dict[str, Any]:
    return {"response": {"status": status, **({"location": location} if location else {}), **more}}


def own(place: int, count: int, kind: str = "Observation") -> str:
    return f"{BASE}/{kind}/{ID}-{place}of{count}/_history/1"


def answer(*entries: Any, kind: str = "transaction-response", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


NOTE = entry(location=own(1, 2, "Composition"))
GOOD = answer(NOTE, entry(location=own(2, 2)))
LATER_STATUSES = (408, 409, 425, 429, 500, 502, 503, 504, 599)
EMPTY: tuple[Any, ...] = ([], None, {}, [None], "x", [[]])
NO_STATUSES = (400, 402, 404, 405, 410, 412, 413, 422, 499)
OURS = (300, 302, 304, 307, 401, 403, 407)

ROWS: Mapping[str, tuple[str, list[tuple[int, Any]]]] = {
    "3xx, 401, 403, 407: about the address or about us, and nothing about the document": (AGAIN, [(each, b"") for each in OURS]),
    "425, 429": (AGAIN, [(425, b""), (429, b"")]),
    "408, 409, every 5xx, no answer in time, cut connection": (UNSURE, [(each, b"") for each in (408, 409, 500, 502, 503, 504, 599)]),
    "412: several records meet a condition": (REFUSED, [(412, b"")]),
    "any other 4xx": (REFUSED, [(each, b"") for each in (*NO_STATUSES, 415, 451) if each != 412]),
    "2xx with an OperationOutcome of severity error or fatal": (REFUSED, [(200, NO), (201, NO), (202, FATAL)]),
    "2xx with anything else than a transaction-response or batch-response: nothing, HTML, another resource, more than 1 MiB": (
        UNSURE,
        [
            *((each, b"") for each in (200, 201, 202, 204)),
            (200, b"<!doctype html><title>Velkommen"),
            (200, b"\xff"),
            (200, b"[1]"),
            (200, b"null"),
            (200, orjson.dumps(GOOD)[:-9]),
            (200, WARNS),
            (200, composition()),
            (200, {**GOOD, "type": "searchset"}),
            (200, {**GOOD, "type": ["transaction-response"]}),
            (200, {**GOOD, "resourceType": "Parameters"}),
        ],
    ),
    "no entry, or an entry without a status": (
        UNSURE,
        [
            *((200, {**GOOD, "entry": odd}) for odd in EMPTY),
            *((200, answer(NOTE, entry(odd))) for odd in ("", "Created", 201, None, "2010", "999", "٢٠١")),
            (200, answer(NOTE, {"response": ["201"]})),
        ],
    ),
    "an entry with 408, 409, 425, 429 or 5xx": (
        UNSURE,
        [
            *((200, answer(NOTE, entry(f"{each} no", outcome=NO))) for each in LATER_STATUSES),
            (200, answer(entry("422"), entry("503"))),
            (200, answer(entry("503"), entry("422"), kind="batch-response")),
        ],
    ),
    "an entry with any other status than 2xx or 304, or with an OperationOutcome of severity error or fatal": (
        REFUSED,
        [
            *((200, answer(NOTE, entry(f"{each} no"))) for each in NO_STATUSES),
            *((200, answer(entry(f"{each}"), entry(location=own(2, 2)), kind="batch-response")) for each in NO_STATUSES),
            (200, answer(NOTE, entry("200 OK", own(2, 2), outcome=NO))),
            (200, answer(NOTE, {**entry("200 OK", own(2, 2)), "resource": FATAL})),
        ],
    ),
    "the note under another id than ours": (
        REFUSED,
        [(200, answer(entry(location=f"{BASE}/Composition/17"), entry())), (200, answer(entry(location="Composition/17/_history/1")))],
    ),
    "the note without location or resource": (
        UNSURE,
        [(200, answer(entry(), entry(location=own(2, 2)))), (200, answer(entry(location="x")))],
    ),
    "fewer or more entries than were sent": (
        UNSURE,
        [(200, answer(NOTE)), (200, answer(NOTE, entry(), entry())), (200, answer(entry(location=own(2, 2)), NOTE))],
    ),
    "every entry with 2xx or 304": (
        DELIVERED,
        [
            (200, GOOD),
            (201, GOOD),
            (200, {**GOOD, "type": "batch-response"}),
            (200, answer(entry("304", own(1, 2, "Composition")), entry("200"))),
            (200, answer(entry("200", f"Composition/{ID}-1of2"), entry("204", outcome=WARNS))),
            (200, answer({**entry(), "resource": {"resourceType": "Composition", "id": f"{ID}-1of1"}})),
        ],
    ),
}
CASES = [(status, body, says) for says, answers in ROWS.values() for status, body in answers]


def raw(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def word(status: int, body: Any) -> str:
    try:
        verdict(status, {}, raw(body))
    except Refused as error:
        assert "Hemmelig" not in f"{error}{error.answer}"
        return REFUSED
    except Unavailable as error:
        return UNSURE if error.unsure else AGAIN
    return DELIVERED


@pytest.mark.parametrize(("status", "body", "says"), CASES)
def test_the_verdict_is_the_one_that_the_readme_names(status: int, body: Any, says: str) -> None:
    assert word(status, body) == says


def test_every_row_of_the_readme_is_tried() -> None:
    table = README.partition("The first row that fits counts:")[2].partition("| answer when asked")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines() if row.startswith("|")][2:]
    assert [row[0] for row in rows] == list(ROWS)
    assert all(row[1].startswith(says) for row, (says, _) in zip(rows, ROWS.values(), strict=True))


def test_the_name_is_type_and_id_and_nothing_of_the_servers_address() -> None:
    assert verdict(200, {}, raw(GOOD)) == f"Composition/{ID}-1of2"


def test_a_wish_for_later_is_told() -> None:
    with pytest.raises(Unavailable) as raised:
        verdict(503, {"retry-after": "30"}, b"")
    assert raised.value.retry_after == 30.0


@given(st.recursive(st.none() | st.booleans() | st.integers(0, 999) | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3)))
def test_whatever_stands_in_an_answer_there_is_a_verdict(odd: Any) -> None:
    for body in (
        odd,
        {**GOOD, "type": odd},
        {**GOOD, "entry": odd},
        answer(odd),
        answer(entry(odd, odd, outcome=odd)),
        answer({**NOTE, "resource": odd}, NOTE),
    ):
        assert word(200, body) in (DELIVERED, REFUSED, UNSURE)


# ---------------------------------------------------------------- asking


def counts(*totals: Any) -> dict[str, Any]:
    found = [{"resource": {"resourceType": "Bundle", "type": "searchset", "total": each}, **entry("200")} for each in totals]
    return answer(*found, kind="batch-response")


@pytest.mark.parametrize("lane", list(Lane))
def test_the_journal_is_asked_for_every_part_by_the_id_that_it_was_given(lane: Lane) -> None:
    call, entries = ask(sending(FALL, lane)), sent(FALL, lane)
    asked = [each["request"] for each in json.loads(call.body)["entry"]]
    assert (call.method, call.url) == ("POST", BASE) and {each["method"] for each in asked} == {"GET"}
    ids = [f"{each['resource']['resourceType']}?_id={each['resource'].get('id')}&_summary=count" for each in entries]
    ids[-1] = "Device?identifier=https%3A%2F%2Ftilsyn.example%2Fserial%7CRS-0098&_summary=count"
    assert [each["url"] for each in asked] == ids


def asked(status: int, body: Any) -> str | None:
    try:
        return has(sending(FALL), status, {}, raw(body))
    except Refused:
        return REFUSED
    except Unavailable as error:
        assert error.unsure or status in (*OURS, 425, 429)
        return AGAIN


@pytest.mark.parametrize("totals", [(1, 1, 1), (1, 1, 2), (1, 1, 4711)])
def test_a_journal_that_finds_every_part_has_the_document(totals: tuple[int, ...]) -> None:
    assert asked(200, counts(*totals)) == sent(FALL)[0]["request"]["url"]


@pytest.mark.parametrize("totals", [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 1, 0)])
def test_a_journal_that_lacks_a_part_does_not_have_it(totals: tuple[int, ...]) -> None:
    assert asked(200, counts(*totals)) is None


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", WARNS, counts(), counts(1, 1), counts(1, 1, 1, 1)),
        *(counts(1, 1, each) for each in (None, "1", True)),
        answer(*([entry("200")] * 3), kind="batch-response"),
        {**counts(1, 1, 1), "type": "transaction-response"},
        answer(*counts(1, 1)["entry"], {**entry("200"), "resource": composition(total=1)}, kind="batch-response"),
        answer(*counts(1, 1)["entry"], entry("503"), kind="batch-response"),
    ],
)
def test_an_answer_that_is_no_searchset_is_not_an_answer(body: Any) -> None:
    assert asked(200, body) == AGAIN


@pytest.mark.parametrize("totals", [(2, 1, 1), (1, 4711, 1), (-1, 1, 1), (1, 1, -1), (0, 2, 1)])
def test_a_number_that_cannot_be_is_not_an_answer(totals: tuple[int, ...]) -> None:
    assert asked(200, counts(*totals)) == AGAIN


@pytest.mark.parametrize("said", [400, 403, 422])
def test_a_journal_that_will_not_be_asked_does_not_say(said: int) -> None:
    assert asked(200, answer(*counts(1, 1)["entry"], entry(str(said)), kind="batch-response")) == REFUSED
    assert asked(400, b"") == asked(422, b"") == asked(200, NO) == REFUSED


@pytest.mark.parametrize("said", [404, 405, 501])
def test_one_that_is_not_to_be_asked_is_sent_the_document_again(said: int) -> None:
    assert asked(said, b"") is None
    assert asked(200, answer(*counts(1, 1)["entry"], entry(str(said)), kind="batch-response")) is None


@pytest.mark.parametrize("status", [302, 401, 403, 408, 429, 500, 503])
def test_a_journal_that_cannot_answer_now_is_asked_again(status: int) -> None:
    assert asked(status, b"") == AGAIN


# ---------------------------------------------------------------- the folder


@pytest.mark.parametrize("lane", list(Lane))
def test_the_examples_are_what_is_sent_and_asked(lane: Lane) -> None:
    document = FALL if lane is Lane.ALARM else READINGS
    assert json.loads(request(sending(document, lane)).body) == json.loads((EXAMPLES / f"{lane}.json").read_text())
    assert json.loads(ask(sending(document, lane)).body) == json.loads((EXAMPLES / f"{lane}-ask.json").read_text())
    assert word(200, (EXAMPLES / f"{lane}-delivered.json").read_bytes()) == DELIVERED


def test_the_example_of_a_refused_part_is_refused() -> None:
    assert word(200, (EXAMPLES / "alarm-refused.json").read_bytes()) == REFUSED


def test_the_register_finds_it_by_the_name_of_its_folder() -> None:
    assert adapters.journal("transaction") is ADAPTER and adapters.lookup("transaction") is None


# ---------------------------------------------------------------- at the sandbox journal, over HTTP


@dataclass(slots=True)
class Play:
    """A running journal, and who calls it as the hub does."""

    journal: SandboxJournal
    http: aiohttp.ClientSession

    def to(self, document: Any, lane: Lane = Lane.ROUTINE, key: str = "k1") -> Sending:
        return sending(document, lane, key, f"{self.journal.url}/gerica/fhir-store")

    async def call(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        async with self.http.request(call.method, call.url, data=call.body, headers=call.headers) as got:
            return got.status, {name.lower(): value for name, value in got.headers.items()}, await got.read()

    async def put(self, to: Sending) -> str:
        """The verdict's name, or what it was instead."""
        try:
            return verdict(*await self.call(request(to)))
        except (Refused, Unavailable) as error:
            return type(error).__name__
        except aiohttp.ClientError:
            return "cut"

    async def has(self, to: Sending) -> str | None:
        return has(to, *await self.call(ask(to)))

    async def bundle(self, kind: str, *entries: Any) -> tuple[int, Any]:
        body = orjson.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)})
        async with self.http.post(f"{self.journal.url}/gerica/fhir-store", data=body) as got:
            return got.status, await got.json(content_type=None)

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(f"{self.journal.url}/gerica/fhir-store/{path}") as got:
            return got.status, json.loads(await got.read(), parse_float=Decimal)

    async def notes(self) -> list[dict[str, Any]]:
        async with self.http.get(f"{self.journal.url}/_sandbox/gerica/notes") as got:
            found: list[dict[str, Any]] = await got.json()
            return found

    async def tell(self, **command: Any) -> None:
        async with self.http.put(f"{self.journal.url}/_sandbox/gerica/behaviour", json=command) as got:
            assert got.status == 200, await got.text()


@asynccontextmanager
async def playing() -> AsyncIterator[Play]:
    journal = SandboxJournal(CODES)
    await journal.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            yield Play(journal, http)
    finally:
        await journal.stop()


@pytest.mark.parametrize("lane", list(Lane))
def test_every_document_of_ours_stands_once_however_often_it_comes(lane: Lane) -> None:
    async def story() -> None:
        async with playing() as play:
            for number, (_, _, document) in enumerate(DOCUMENTS):
                to = play.to(document, lane, f"k{number}")
                before = await play.has(to)
                first, again = await play.put(to), await play.put(to)
                assert (before, again, await play.has(to)) == (None, first, first)
            assert [each["copies"] for each in await play.notes()] == [2] * len(DOCUMENTS)

    asyncio.run(story())


@pytest.mark.parametrize("lane", list(Lane))
def test_what_stands_is_what_was_sent_with_its_references_led(lane: Lane) -> None:
    async def story() -> None:
        async with playing() as play:
            await play.put(play.to(READINGS, lane))
            for each in sent(READINGS, lane):
                status, stored = await play.get(each["request"]["url"])
                assert status == 200 and leaves(stored) == leaves(each["resource"])
                for one in references(stored):
                    assert (await play.get(one["reference"]))[0] == 200
            [shown] = await play.notes()
            assert shown["patient"] == READINGS["entry"][0]["resource"]["subject"]["identifier"]["value"]
            assert "Målt rett etter trappegang." in shown["text"]

    asyncio.run(story())


def test_ten_copies_at_once_are_one_note() -> None:
    async def story() -> None:
        async with playing() as play:
            assert len(set(await asyncio.gather(*(play.put(play.to(FALL)) for _ in range(10))))) == 1
            assert len(await play.notes()) == 1

    asyncio.run(story())


@pytest.mark.parametrize("lane", list(Lane))
def test_a_correction_is_the_newest_and_a_late_repeat_of_the_original_does_not_touch_it(lane: Lane) -> None:
    def told(words: str) -> dict[str, Any]:
        return bundle(composition(title=words), issue(detail=words), identifier={"system": "https://d.example", "value": "e1"})

    async def story() -> None:
        async with playing() as play:
            original, correction = play.to(told("feil"), lane, "k1"), play.to(told("rett"), lane, "k2")
            await play.put(original)
            first = sent(told("feil"), key="k1")[0]["request"]["url"]
            newest = await play.put(correction)
            await play.put(original)
            _, found = await play.get("Composition?identifier=https%3A%2F%2Fd.example%7Ce1")
            assert [each["resource"]["title"] for each in found["entry"]] == ["feil", "rett"]
            assert (await play.get(newest))[1]["title"] == "rett"
            assert (await play.get(f"{first}/_history/2"))[0] == 404, "the original has one version: it was not written again"
            assert [(each["identifier"], each["copies"]) for each in await play.notes()] == [
                ("https://d.example|e1", 2),
                ("https://d.example|e1", 1),
            ]
            async with play.http.get(f"{play.journal.url}/gerica/notes/1") as page:
                assert "Rettet: gjelder ikke lenger" in await page.text()

    asyncio.run(story())


def test_a_device_is_there_once_however_many_notes_name_it_and_stays_as_the_journal_has_it() -> None:
    async def story() -> None:
        async with playing() as play:
            await play.bundle("batch", {"resource": device(status="active"), "request": {"method": "POST", "url": "Device"}})
            for number, lane in enumerate(Lane):
                await play.put(play.to(FALL, lane, f"k{number}"))
            status, found = await play.get("Device?identifier=RS-0098")
            assert (status, found["total"], found["entry"][0]["resource"]["status"]) == (200, 1, "active")

    asyncio.run(story())


@pytest.mark.parametrize("document", [FALL, READINGS], ids=["fall", "readings"])
def test_a_part_that_is_refused_keeps_no_alarm_out(document: dict[str, Any]) -> None:
    async def story() -> None:
        async with playing() as play:
            to = play.to(document, Lane.ALARM)
            await play.tell(mode="partial", calls=1)
            assert await play.put(to) == "Refused"
            assert (await play.get(sent(document, Lane.ALARM)[0]["request"]["url"]))[0] == 200
            assert (len(await play.notes()), await play.has(to)) == (1, None), "the note stands; the document is not whole"
            assert await play.put(to) == await play.has(to)
            assert len(await play.notes()) == 1

    asyncio.run(story())


def test_a_journal_with_two_of_a_device_takes_the_alarm_without_it_and_no_transaction() -> None:
    async def story() -> None:
        async with playing() as play:
            await play.tell(mode="many")
            assert [await play.put(play.to(FALL, lane, lane)) for lane in (Lane.ROUTINE, Lane.ALARM)] == ["Refused", "Refused"]
            assert [each["key"] for each in await play.notes()] == [sent(FALL, Lane.ALARM, Lane.ALARM)[0]["request"]["url"]]

    asyncio.run(story())


# ---------------------------------------------------------------- the sandbox as a FHIR server


def put(kind: str, name: str, resource: Any = None, **how: Any) -> dict[str, Any]:
    held = {"resourceType": kind, "id": name, **(resource or {})}
    return {"fullUrl": f"urn:uuid:{name}", "resource": held, "request": {"method": "PUT", "url": f"{kind}/{name}", **how}}


BASIC = put("Basic", "a")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (put("Basic", "b", {"subject": {"reference": "Patient/9"}}), 400),
        (put("Basic", "b", {"subject": {"reference": "urn:uuid:zz"}}), 400),
        ({**BASIC, "request": {"method": "PUT", "url": "Basic/other"}}, 400),
        ({**BASIC, "request": {"method": "DELETE", "url": "Basic/a"}}, 400),
        ({"request": {"method": "GET", "url": "Basic?name=x"}}, 400),
        (put("Basic", "there", {"code": {}}, ifNoneMatch="*"), 412),
        (put("Basic", "there", {"code": {}}, ifMatch='W/"2"'), 412),
    ],
)
def test_a_transaction_is_all_or_nothing_and_a_batch_each_by_itself(wrong: Any, status: int) -> None:
    async def story() -> None:
        async with playing() as play:
            await play.bundle("batch", put("Basic", "there"))
            code, outcome = await play.bundle("transaction", BASIC, wrong)
            assert (code, outcome["resourceType"], (await play.get("Basic/a"))[0]) == (status, "OperationOutcome", 404)
            code, said = await play.bundle("batch", BASIC, wrong)
            assert (code, [each["response"]["status"] for each in said["entry"]]) == (200, ["201", str(status)])
            assert (await play.get("Basic/a"))[0] == 200

    asyncio.run(story())


def test_a_put_of_something_new_is_a_version_and_of_the_same_is_none() -> None:
    async def story() -> None:
        async with playing() as play:
            for resource in ({"code": {"text": "1"}}, {"code": {"text": "1"}}, {"code": {"text": "2"}}):
                _, said = await play.bundle("transaction", put("Basic", "a", resource))
            assert said["entry"][0]["response"]["etag"] == 'W/"2"'
            assert (await play.bundle("transaction", put("Basic", "a", {}, ifMatch='W/"2"')))[0] == 200
            assert [(await play.get(f"Basic/a/_history/{number}"))[0] for number in (1, 2, 3, 4)] == [200, 200, 200, 404]
            assert (await play.get("Basic/a/_history/1"))[1]["code"] == {"text": "1"}

    asyncio.run(story())


def test_decimals_come_back_as_they_came() -> None:
    async def story() -> None:
        async with playing() as play:
            await play.put(play.to(b'{"resourceType":"Observation","valueQuantity":{"value":82.50}}'))
            _, found = await play.get(sent({"resourceType": "Observation"})[0]["request"]["url"])
            assert str(found["valueQuantity"]["value"]) == "82.50"

    asyncio.run(story())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b'{"resourceType":"Bundle"}', b'{"resourceType":"Bundle","type":"document"}', b"[" * 5000]
)
def test_what_is_no_transaction_is_refused(body: bytes) -> None:
    async def story() -> None:
        async with playing() as play:
            async with play.http.post(f"{play.journal.url}/gerica/fhir-store", data=body) as got:
                assert (got.status, (await got.json(content_type=None))["resourceType"]) == (400, "OperationOutcome")
            assert (await play.get("Basic?identifier=1"))[1]["total"] == 0

    asyncio.run(story())


# ---------------------------------------------------------------- through a hub, whatever the server does

PARKED = "parked"
LIES: Mapping[str, tuple[str, int, Mapping[str, Any]]] = {  # mode -> how it ends, notes, settings
    "fail": ("delivered", 1, {}),
    "cut": ("delivered", 1, {}),
    "refuse": (PARKED, 0, {}),
    "outcome": (PARKED, 0, {}),
    "stall": ("delivered", 1, {"delay": 0.6}),
    "late": ("delivered", 1, {"delay": 0.6}),
    "cut-after": ("delivered", 1, {}),
    "fail-after": ("delivered", 1, {}),
    "drip": ("delivered", 1, {"delay": 0.05}),
    "garbage": ("delivered", 1, {}),
    "twice": ("delivered", 1, {}),
    "no-location": ("delivered", 1, {}),
    "many": (PARKED, 0, {}),
    "partial": (PARKED, 1, {}),
}


@asynccontextmanager
async def served(storage: str) -> AsyncIterator[tuple[Town, Play]]:
    """A municipality whose journal is a FHIR server."""
    async with playing() as play, town(storage, play.journal.url, active=True) as here:
        [endpoint] = here.tenant.endpoints
        here.change(endpoints=(replace(endpoint, adapter="transaction", url=f"{play.journal.url}/gerica/fhir-store"),))
        yield here, play


def test_every_lie_that_such_a_server_can_tell_is_tried() -> None:
    assert LIES.keys() == {name for name, mode in MODES.items() if mode.only in ("", "transactions")}


@pytest.mark.parametrize("document", [FALL, READINGS], ids=["fall", "readings"])
@pytest.mark.parametrize("mode", list(LIES))
def test_whatever_the_server_does_the_note_is_there_once(storage: str, mode: str, document: dict[str, Any]) -> None:
    ends, count, settings = LIES[mode]
    if mode == "many" and document is READINGS:
        ends, count = "delivered", 1  # it names no device
    if mode == "many" and document is FALL:
        count = 1  # an alarm goes in without the device

    async def story() -> tuple[str, list[dict[str, Any]]]:
        async with served(storage) as (here, play):
            await play.tell(mode=mode, calls=1, **settings)
            receipt = await here.post(orjson.dumps(document))
            await here.run(HOUR)
            await asyncio.sleep(0.7 if mode == "stall" else 0)
            return (await here.told(receipt))["status"], await play.notes()

    status, notes = asyncio.run(story())
    assert (status, len(notes)) == (ends, count)


def test_the_operator_sees_the_journals_own_name(storage: str) -> None:
    async def story() -> tuple[Any, str]:
        async with served(storage) as (here, play):
            receipt = await here.post(note("a"))
            await here.run()
            return (await here.told(receipt))["parcels"][0], (await play.notes())[0]["key"]

    told, key = asyncio.run(story())
    assert told["status"] == "delivered" and re.fullmatch(r"Composition/[0-9a-f-]{36}-1of1", key)


def test_a_correction_through_the_hub_stands_after_its_original(storage: str) -> None:
    async def story() -> list[dict[str, Any]]:
        async with served(storage) as (here, play):
            for title in ("feil", "rett"):
                await here.post(note(title, name="n1"))
            await here.run(60)
            return await play.notes()

    notes = asyncio.run(story())
    assert [(each["text"].splitlines()[0], each["identifier"]) for each in notes] == [
        ("feil", "https://cloud.example/notes|n1"),
        ("rett", "https://cloud.example/notes|n1"),
    ]


def test_parts_are_read_from_the_document_alone() -> None:
    """The same parts for a repeat by another worker: neither base nor words of the municipality count."""
    first = [part.search for part in parts(sending(FALL))]
    assert first == [part.search for part in parts(replace(sending(FALL), base="http://other", words={"title": "x"}))]
