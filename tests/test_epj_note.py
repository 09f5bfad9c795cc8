"""The way `note` to a journal: what becomes of documents in a nurse's words, what no sender can write into them, and what answers mean.

`pytest tests/test_epj_note.py --accept` writes the notes of the examples; then read the diff as the nurse who will.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import pytest

from adapters.epj.note.adapter import ADAPTER, ask, has, request, verdict
from adapters.epj.note.writing import CUT, LONGEST
from local.journal import SandboxJournal
from local.prepare import ROOT
from shared.access.register import from_json, to_json
from shared.access.register_difference import difference
from shared.access.register_toml import read
from shared.domain import wording
from shared.domain.journal import Call, Sending
from shared.domain.message import Lane
from shared.errors import Refused, Unavailable
from tests.examples_plugin import Example, everything, replaced, translation, values
from tests.test_transform import note as composition
from tests.test_transform import town

CONTRACT = (ROOT / "docs/notes.md").read_text()
SCHEMA = json.loads(CONTRACT.partition("```json\n")[2].partition("```")[0])
VALID = jsonschema_rs.validator_for(SCHEMA)
FOLDER = ROOT / "adapters/epj/note/examples"
EXAMPLES = sorted(file for file in FOLDER.glob("*.json") if not file.name.endswith(".expected.json"))


def sending(body: bytes, lane: Lane = Lane.ROUTINE, words: Mapping[str, str] | None = None) -> Sending:
    return Sending("https://epj.example.no/notat", "bundle", "k1", body, lane, words or {})


def note(body: bytes, words: Mapping[str, str] | None = None, lane: Lane = Lane.ROUTINE) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(request(sending(body, lane, words)).body)
    return made


def outcome(file: Path) -> dict[str, Any]:
    lane = Lane.ALARM if file.stem.startswith("alarm-") else Lane.ROUTINE
    try:
        made = note(file.read_bytes(), lane=lane)
    except Refused as error:
        return {"refused": {"reason": error.reason, "remedy": error.remedy}}
    return made | {"text": made["text"].splitlines()}


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_reads_as_expected(file: Path, request: pytest.FixtureRequest) -> None:
    made = json.dumps(outcome(file), ensure_ascii=False, indent=2) + "\n"
    expected = file.with_name(f"{file.stem}.expected.json")
    if request.config.getoption("--accept", default=False):
        expected.write_text(made)
    assert expected.is_file(), "run pytest tests/test_epj_note.py --accept, then read what it wrote"
    assert made == expected.read_text()


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_note_is_what_the_contracts_schema_says(file: Path) -> None:
    if not file.stem.startswith("refused-"):
        VALID.validate(note(file.read_bytes()))


def test_every_kind_of_the_contract_has_an_example() -> None:
    told = {json.loads(file.read_text()).get("kind") for file in FOLDER.glob("*.expected.json")}
    assert told - {None} == set(SCHEMA["properties"]["kind"]["enum"]) == set(wording.KINDS)


def test_a_note_goes_to_the_address_as_it_stands_with_its_key_twice() -> None:
    call = request(sending(example("note"), Lane.ALARM))
    assert (call.method, call.url) == ("POST", "https://epj.example.no/notat")
    assert (call.headers["Idempotency-Key"], call.headers["Content-Type"]) == ("k1", "application/json")
    assert [json.loads(call.body)[name] for name in ("key", "priority")] == ["k1", "alarm"]


# what no sender can do

TAG = re.compile(r"<[A-Za-z/!?]")
HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u2028\u2029]")
NASTY = '<script>alert(1)</script>\u202e\u0007\u200b</div><b onmouseover="x">fet</b><!-- x --> {tid} &lt;img src=x&gt;\u2028Av: Falsk Lege'
WRONGS: list[Any] = [
    None,
    [],
    {},
    True,
    17,
    "",
    "x",
    NASTY,
    "y" * 30_000,
    [None, {}, ["x"]],
    {"value": NASTY, "text": NASTY, "coding": [NASTY]},
]


def example(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes()


def held(body: bytes) -> dict[str, Any] | None:
    """The note, held to the contract; None if the document was refused. Anything else that is raised is a fault."""
    try:
        made = note(body)
    except Refused as error:
        assert not TAG.search(error.reason)
        return None
    VALID.validate(made)
    words = json.dumps(made, ensure_ascii=False).replace("\\n", "\n")
    assert not TAG.search(words)
    assert not HIDDEN.search(words)
    return made


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_document_with_anything_else_at_any_place_becomes_a_sound_note_or_is_refused(file: Path) -> None:
    tree = json.loads(file.read_bytes())
    for number, (path, value) in enumerate(values(tree)):
        for wrong in (WRONGS[number % len(WRONGS)], *([NASTY] if isinstance(value, str) else [])):
            held(json.dumps(replaced(tree, path, wrong)).encode())


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_document_that_is_cut_anywhere_is_refused(file: Path) -> None:
    body = file.read_bytes().rstrip()
    assert [held(body[:end]) for end in range(0, len(body), 3)] == [None] * len(range(0, len(body), 3))


@pytest.mark.parametrize("other", everything(), ids=str)
def test_every_document_of_every_senders_examples_becomes_a_note(other: Example) -> None:
    assert None not in [held(document.body) for document in translation(other.adapter, other.file.read_bytes()).documents]


@pytest.mark.parametrize("kind", ["Device", "DetectedIssue", "Observation", "Composition", "Flag", "Encounter"])
def test_a_document_of_very_many_parts_is_told(kind: str) -> None:
    tree = json.loads(example("alarm-fall"))
    parts = ({"resourceType": kind, "identifier": [{"value": "1" * (n % 300)}], "title": f"x{n}"} for n in range(4000))
    tree["entry"] += [{"resource": part} for part in parts]
    assert held(json.dumps(tree).encode())


def test_words_that_a_sender_wrote_everywhere_never_become_markup_or_placeholders() -> None:
    for file in EXAMPLES:
        tree = json.loads(file.read_bytes())
        for path, value in list(values(tree)):
            if isinstance(value, str) and path[-1] in ("title", "text", "display", "div", "detail", "contentString", "valueString", "name"):
                tree = replaced(tree, path, NASTY)
        made = held(json.dumps(tree).encode())
        assert made is None or "{tid}" in json.dumps(made)


@pytest.mark.parametrize("value", ["9" * 40, "1e999999", "-0.0", "1E+2", "82.50"])
def test_a_number_of_any_size_harms_nobody(value: str) -> None:
    held(example("measurement-weight").replace(b"82.5", value.encode()))


def test_a_long_note_is_cut_and_says_so() -> None:
    tree = json.loads(example("note-alone"))
    tree["section"][0]["text"]["div"] = f"<div>{'<p>Sov godt.</p>' * 4000}</div>"
    made = held(json.dumps(tree).encode())
    assert made is not None
    assert (len(made["text"]) <= LONGEST, made["text"].endswith(f"Sov godt.\n{CUT}")) == (True, True)


def test_a_hostile_narrative_of_any_length_harms_nobody() -> None:
    tree = json.loads(example("note-alone"))
    for div in ("<" * 60_000, "<p " * 20_000, "<!--" * 15_000, "<ul><li>" * 8_000, "&" * 60_000):
        held(json.dumps(replaced(tree, ("section", 0, "text", "div"), div)).encode())


# what a nurse must be able to trust


def changed(name: str, **parts: Any) -> dict[str, Any]:
    return note(json.dumps(json.loads(example(name)) | parts).encode())


@pytest.mark.parametrize(
    ("status", "title"),
    [
        ("entered-in-error", "Feilført: medisin utlevert uassistert"),
        ("declined", "Avslått: medisin utlevert uassistert"),
        ("completed", "Medisin utlevert uassistert"),
    ],
)
def test_what_does_not_hold_as_it_stands_says_so_first(status: str, title: str) -> None:
    made = changed("dispensed", status=status)
    assert (made["title"], made["text"].splitlines()[0]) == (title, title)


def test_what_stands_beside_says_itself_when_it_was_and_whether_it_holds() -> None:
    tree = json.loads(example("alarm-fall"))
    other = {**json.loads(example("dispensed-in-error")), "subject": tree["entry"][0]["resource"]["subject"]}
    tree["entry"].append({"resource": other})
    made = note(json.dumps(tree).encode())
    assert made["title"] == "Digitalt tilsyn: fall"
    assert "Medisin: Feilført: medisin utlevert uassistert. 14. september 2026 kl. 08.03" in made["text"].splitlines()


def test_of_several_alerts_the_gravest_is_the_heading_and_none_loses_its_words() -> None:
    tree = json.loads(example("alert-not-dispensed-followed-up"))
    issue = tree["entry"][1]["resource"]
    code = {"coding": [{**issue["code"]["coding"][0], "code": "1.13"}]}
    tree["entry"].append({"resource": {**issue, "code": code, "severity": "high", "detail": "rød"}})
    made = note(json.dumps(tree).encode())
    assert made["title"] == "Medisindispenser: tomt for medisin"
    beside = "Varsel: Medisindispenser: ikke utlevert. Medisinen ble ikke utlevert til planlagt tid. Moderat alvorlighet"
    assert beside in made["text"].splitlines()


def test_two_reports_of_measurements_keep_a_gravity_each() -> None:
    tree = json.loads(example("measurement-followed-up"))
    tree["entry"].append({"resource": {**tree["entry"][1]["resource"], "severity": "low", "detail": "grønn"}})
    lines = note(json.dumps(tree).encode())["text"].splitlines()
    assert (lines[1], "Varsel: Hjemmeoppfølging: måledata rapportert. Lav alvorlighet" in lines) == ("Høy alvorlighet", True)


def test_a_measurement_of_a_note_in_error_says_so_in_its_text_too() -> None:
    tree = replaced(json.loads(example("measurement-weight")), ("entry", 0, "resource", "status"), "entered-in-error")
    assert note(json.dumps(tree).encode())["text"].splitlines()[0] == "Feilført"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("82.50", "82,50 kg"),
        ("82", "82 kg"),
        ("0.10", "0,10 kg"),
        ("8250e-2", "82,50 kg"),
        ('"82.5"', "82,5 kg"),
        ("true", "verdi som ikke kan vises her"),
    ],
)
def test_every_digit_of_a_value_stands_as_it_was_sent(sent: str, told: str) -> None:
    assert f"\nVekt: {told}\n" in note(example("measurement-weight").replace(b"82.5", sent.encode()))["text"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"valueString": "klar"}, "klar"),
        ({"valueBoolean": True}, "Ja"),
        ({"valueInteger": 3}, "3"),
        ({"valueCodeableConcept": {"coding": [{"display": "Våken"}]}}, "Våken"),
        ({"valueRange": {"low": {"value": 3}, "high": {"value": 5}}}, "3 til 5"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1/128"),
        ({"valueSampledData": {"data": "1 2 3"}}, "verdi som ikke kan vises her"),
        ({"valueQuantity": {"comparator": ">", "value": 90, "code": "%", "unit": "%"}}, "> 90 %"),
        ({"dataAbsentReason": {"text": "ville ikke"}}, "uten verdi (ville ikke)"),
        ({}, "uten verdi"),
    ],
)
def test_a_value_of_any_kind_is_told_or_said_to_be_missing(value: Mapping[str, Any], told: str) -> None:
    tree = json.loads(example("measurement-weight"))
    place = next(n for n, entry in enumerate(tree["entry"]) if entry["resource"]["resourceType"] == "Observation")
    observation = {key: part for key, part in tree["entry"][place]["resource"].items() if key != "valueQuantity"}
    assert f"\nVekt: {told}\n" in note(json.dumps(replaced(tree, ("entry", place, "resource"), {**observation, **value})).encode())["text"]


def test_pressures_in_other_units_are_not_called_mmhg() -> None:
    body = example("measurement").replace(b"mmHg", b"kPa").replace(b"mm[Hg]", b"kPa")
    assert "Blodtrykk: systolisk blodtrykk 172 kPa; diastolisk blodtrykk 96 kPa" in note(body)["text"]


def test_a_dispense_that_its_sender_calls_something_else_stands_in_the_senders_words() -> None:
    coding = {
        "system": "http://ehelse.no/fhir/CodeSystem/vkp-medicationdispense-events-v090",
        "code": "1",
        "display": "medisin ikke utlevert",
    }
    made = changed("dispensed", category={"coding": [coding]})
    assert (made["title"], "Merk: koden betyr «medisin utlevert» i den nasjonale tabellen" in made["text"]) == (
        "Medisin ikke utlevert",
        True,
    )


def test_a_message_with_something_that_is_no_text_says_so() -> None:
    made = changed("message", payload=[{"contentString": "Se bildet."}, {"contentAttachment": {"url": "https://x.example"}}])
    assert made["text"].splitlines()[3:5] == ["Merk: beskjeden har også noe som ikke kan vises her, som et vedlegg", "Se bildet."]


def test_a_colleagues_national_number_never_stands_in_a_note() -> None:
    for file in EXAMPLES:
        assert "03918521002" not in json.dumps(outcome(file))


def test_a_reader_is_told_that_there_is_more_than_can_be_shown() -> None:
    tree = json.loads(example("measurement-weight"))
    tree["entry"].append({"resource": {"resourceType": "Flag", "status": "active"}})
    assert "Merk: meldingen har også noe som ikke kan vises her (Flag)" in note(json.dumps(tree).encode())["text"]


@pytest.mark.parametrize(
    ("at", "time", "words"),
    [
        ("2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z", "29. mars 2026 kl. 03.30"),
        ("2026-10-25T02:40:00+01:00", "2026-10-25T02:40:00+01:00", "25. oktober 2026 kl. 02.40 (vintertid)"),
        ("2026-03-02", "2026-03-02", "2. mars 2026"),
        ("2026-03-02T08:03:11", "2026-03-02T08:03:11+01:00", "2. mars 2026 kl. 08.03"),
    ],
)
def test_the_time_is_the_documents_and_the_words_are_norways(at: str, time: str, words: str) -> None:
    made = changed("dispensed", whenHandedOver=at)
    assert (made["time"], f"Tidspunkt: {words}\n" in made["text"]) == (time, True)


def test_a_document_without_a_time_is_a_note_without_one() -> None:
    made = changed("dispensed", whenHandedOver="i går")
    assert ("time" in made, "Tidspunkt" in made["text"]) == (False, False)


# the municipality's words


def test_a_municipalitys_words_stand_instead_of_ours_and_those_of_a_kind_first() -> None:
    words = {
        "title": "VFT: {hendelse}",
        "measurement.text": "{verdier}\nMålt {tid} ({klokke}, {dato}) med {enhet}\nLagt merke til: {forløp}",
    }
    assert note(example("dispensed"), words)["title"] == "VFT: Medisin utlevert uassistert"
    made = note(example("measurement-weight"), words)
    when = "14. september 2026 kl. 07.10 (07.10, 14. september 2026)"
    assert (made["title"], made["text"]) == ("VFT: Måling: vekt 82,5 kg", f"Vekt: 82,5 kg\nMålt {when} med Vekt V, nr. VB-00044")


def test_a_municipalitys_words_for_all_kinds_are_for_measurements_too() -> None:
    assert note(example("measurement-weight"), {"text": "{hendelse}"})["text"] == "Måling: vekt 82,5 kg"


def test_words_that_come_to_nothing_leave_ours() -> None:
    made = note(example("dispensed"), {"title": "{verdier}", "text": "{verdier}"})
    assert (made["title"], made["text"]) == ("Medisin utlevert uassistert", note(example("dispensed"))["text"])


def test_the_whole_of_our_words_can_stand_within_theirs() -> None:
    ours = note(example("alarm-fall"))["text"]
    assert note(example("alarm-fall"), {"text": "Fra knutepunktet.\n{alt}\nSlutt."})["text"] == f"Fra knutepunktet.\n{ours}\nSlutt."


def test_the_contract_names_every_placeholder() -> None:
    table = CONTRACT.partition("| placeholder |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| (.*?) \|", table, re.MULTILINE)) and set(re.findall(r"`\{(\w+)\}`", table)) == set(wording.PLACEHOLDERS)


REGISTER = """[tenant]
orgnr = "310123455"
name = "Eksempel kommune"

{endpoint}

[[route]]
endpoint = "journal"
"""
TOML = CONTRACT.partition("```toml\n")[2].partition("```")[0]


def found(old: str, new: str) -> list[str]:
    return [str(one) for one in read(REGISTER.format(endpoint=TOML.replace(old, new)), "a.toml")[1]]


def test_the_contracts_own_example_can_be_applied_and_outlives_the_registers_table() -> None:
    tenant, findings = read(REGISTER.format(endpoint=TOML), "a.toml")
    assert tenant is not None
    assert (findings, from_json(to_json(tenant))) == ([], tenant)
    assert dict(tenant.endpoints[0].note)["measurement.title"] == "Egenmåling {dato}"


def test_rows_from_before_there_were_notes_are_read() -> None:
    tenant, _ = read(REGISTER.format(endpoint=TOML), "a.toml")
    assert tenant is not None
    row = json.loads(to_json(tenant))
    del row["endpoints"][0]["note"]
    assert from_json(json.dumps(row).encode()).endpoints == (replace(tenant.endpoints[0], note=()),)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (("{dato}", "{dat}"), "a.toml:19: endpoint[0].note.measurement.title: has unknown placeholders: dat; known are: alt,"),
        (("{dato}", "{dato"), "a.toml:19: endpoint[0].note.measurement.title: has a brace without its other half"),
        (("{dato}", "{dato!r}"), "a.toml:19: endpoint[0].note.measurement.title: has a brace"),
        (("{alt}", "alt}"), "a.toml:13: endpoint[0].note.text: has a brace"),
        (("{alt}", "{tid}"), "a.toml:13: endpoint[0].note.text: warning: leaves out {verdier} and {beskrivelse}"),
        (("{verdier}\n", ""), "a.toml:20: endpoint[0].note.measurement.text: warning: leaves out {verdier}"),
        (("Egenmåling {dato}", "Egenmåling\\n{dato}"), "a.toml:19: endpoint[0].note.measurement.title: is not one line"),
        (("Egenmåling {dato}", ""), "a.toml:19: endpoint[0].note.measurement.title: is no text for a note"),
        (("note.measurement", "note.measurment"), "endpoint[0].note.measurment: is not a known key; did you mean"),
        (("{dato}", '{dato}" \ntitel = "x'), "endpoint[0].note.measurement.titel: is not a known key; did you mean"),
    ],
)
def test_what_is_wrong_with_the_words_is_told_with_its_place_and_remedy(change: tuple[str, str], finding: str) -> None:
    [one] = found(*change)
    assert finding in one


def test_a_change_of_words_is_a_difference_that_can_be_read() -> None:
    old, new = (read(REGISTER.format(endpoint=text), "a.toml")[0] for text in (TOML, TOML.replace("Egenmåling", "Måling")))
    assert new is not None
    [line] = difference(old, new)
    assert line.startswith("~ endpoint journal: note ") and 'measurement.title "Måling {dato}"' in line


# what the journal answers

NO = json.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}).encode()
AGAIN = [(301, False), (401, False), (403, False), (408, True), (425, False), (429, False), (500, True), (503, True), (599, True)]
PAGE = b"<!doctype html><title>Logg inn</title>"


@pytest.mark.parametrize(
    ("status", "body", "location", "name"),
    [
        (201, b'{"id": "88213"}', "/notes/1", "88213"),
        (200, b'{"id": 88213}', "", "88213"),
        (201, b"", "/notes/1", "/notes/1"),
        (204, b"", "", ""),
        (409, NO, "", ""),
        (200, b'{"id": true}', "", ""),
        (200, b'{"id": "a\\nb\\u0000' + b"x" * 500 + b'"}', "", "ab" + "x" * 198),
        (200, b"[" * 100_000, "", ""),
    ],
)
def test_a_yes_gives_the_journals_own_name(status: int, body: bytes, location: str, name: str) -> None:
    assert verdict(status, {"location": location}, body) == name


@pytest.mark.parametrize(("status", "body"), [(200, NO), *((status, b"") for status in (400, 402, 404, 410, 412, 422))])
def test_a_no_is_refused(status: int, body: bytes) -> None:
    with pytest.raises(Refused):
        verdict(status, {}, body)


@pytest.mark.parametrize(("status", "unsure"), AGAIN)
def test_a_later_says_whether_the_note_may_stand_there_already(status: int, unsure: bool) -> None:
    with pytest.raises(Unavailable) as raised:
        verdict(status, {"retry-after": "7"}, b"")
    assert (raised.value.unsure, raised.value.retry_after) == (unsure, 7.0)


def test_a_web_page_is_no_yes() -> None:
    with pytest.raises(Unavailable) as raised:
        verdict(200, {}, PAGE)
    assert raised.value.unsure


def test_the_question_names_the_key_and_nothing_else() -> None:
    call = ask(replace(sending(b""), key="a/b?c%"))
    assert (call.method, call.url, call.body) == ("GET", "https://epj.example.no/notat/a%2Fb%3Fc%25", b"")


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, b'{"key": "k1", "id": 7}', "7"),
        (200, b'{"key": "k1"}', ""),
        (404, b"", None),
        (410, PAGE, None),
        (405, b"", None),
        (501, b"", None),
    ],
)
def test_only_the_key_says_that_a_note_stands_there(status: int, body: bytes, answer: str | None) -> None:
    assert has(sending(b""), status, {}, body) == answer


@pytest.mark.parametrize(("status", "body"), [(200, PAGE), (200, b""), (200, b'{"key": "k2"}'), (200, b'["k1"]'), (402, b""), (422, b"")])
def test_any_other_answer_to_the_question_says_nothing(status: int, body: bytes) -> None:
    with pytest.raises(Refused):
        has(sending(b""), status, {}, body)


@pytest.mark.parametrize("status", [302, 401, 403, 408, 429, 500, 503])
def test_a_journal_that_cannot_tell_now_is_asked_again(status: int) -> None:
    with pytest.raises(Unavailable):
        has(sending(b""), status, {}, b"")


# the sandbox journal, and the hub


class Play:
    """A sandbox journal and somebody who makes calls to it."""

    def __init__(self, journal: SandboxJournal, http: aiohttp.ClientSession) -> None:
        self.journal, self.http = journal, http

    def sending(self, name: str, key: str = "k1") -> Sending:
        return Sending(f"{self.journal.url}/gerica/note", "bundle", key, example(name), Lane.ROUTINE)

    async def call(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        async with self.http.request(call.method, call.url, data=call.body, headers=call.headers) as got:
            return got.status, {name.lower(): value for name, value in got.headers.items()}, await got.read()

    async def page(self, path: str) -> str:
        return (await self.call(Call("GET", f"{self.journal.url}{path}", {}, b"")))[2].decode()

    async def misbehave(self, **command: Any) -> None:
        await self.call(Call("PUT", f"{self.journal.url}/_sandbox/gerica/behaviour", {}, json.dumps(command).encode()))


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def play(loop: asyncio.Runner) -> Iterator[Play]:
    journal = SandboxJournal()
    loop.run(journal.start())
    http = loop.run(_session())
    yield Play(journal, http)
    loop.run(http.close())
    loop.run(journal.stop())


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))


def test_every_example_stands_once_in_the_sandbox_however_often_it_comes(loop: asyncio.Runner, play: Play) -> None:
    names = [file.stem for file in EXAMPLES if not file.stem.startswith("refused-")]
    for number, name in enumerate(names, 1):
        answers = [loop.run(play.call(request(play.sending(name, name)))) for _ in range(2)]
        assert ([status for status, _, _ in answers], {verdict(*one) for one in answers}) == ([201, 200], {str(number)})
    assert len(json.loads(loop.run(play.page("/_sandbox/gerica/arrivals")))) == len(names)


def test_a_note_shows_on_the_sandboxs_pages_like_any_other(loop: asyncio.Runner, play: Play) -> None:
    loop.run(play.call(request(play.sending("measurement-followed-up"))))
    for path in ("/gerica/", "/gerica/patients/1", "/gerica/notes/1"):
        page = loop.run(play.page(path))
        assert all(words in page for words in ("Blodtrykk: 172/96 mmHg", "Spak Lyngmo", ">Måling<", "15. september 2026 kl. 07.55"))
    [told] = json.loads(loop.run(play.page("/_sandbox/gerica/notes")))
    assert (told["patient"], told["resource"], "Oppfølging: Høyt blodtrykk" in told["text"]) == ("15861050014", "note", True)


def test_the_same_document_under_another_key_is_a_correction_in_the_sandbox(loop: asyncio.Runner, play: Play) -> None:
    for key in ("k1", "k2"):
        loop.run(play.call(request(play.sending("dispensed", key))))
    pages = [loop.run(play.page(f"/gerica/notes/{number}")) for number in (1, 2)]
    assert ["Rettet: gjelder ikke lenger" in pages[0], "Rettelse: erstatter et tidligere notat." in pages[1]] == [True, True]


def test_the_sandbox_can_be_asked_and_forgets_what_it_never_had(loop: asyncio.Runner, play: Play) -> None:
    one = play.sending("note")
    assert has(one, *loop.run(play.call(ask(one)))) is None
    loop.run(play.call(request(one)))
    assert has(one, *loop.run(play.call(ask(one)))) == "1"


def test_a_note_whose_answer_was_lost_is_found_by_its_key(loop: asyncio.Runner, play: Play) -> None:
    one = play.sending("alarm-fall")
    loop.run(play.misbehave(mode="cut-after", calls=1))
    with pytest.raises(aiohttp.ClientError):
        loop.run(play.call(request(one)))
    assert has(one, *loop.run(play.call(ask(one)))) == "1"


def test_a_journal_that_lies_is_not_believed(loop: asyncio.Runner, play: Play) -> None:
    one = play.sending("note")
    loop.run(play.misbehave(mode="garbage"))
    with pytest.raises(Refused):
        has(one, *loop.run(play.call(ask(one))))
    loop.run(play.misbehave(mode="outcome"))
    with pytest.raises(Refused):
        verdict(*loop.run(play.call(request(one))))


@pytest.mark.parametrize(
    "change", [{"key": "k2"}, {"title": ""}, {"text": None}, {"kind": "diktat"}, {"patient": {}}, {"patient": "Stille Fjellbekk"}]
)
def test_the_sandbox_takes_no_note_that_the_contract_does_not_know(loop: asyncio.Runner, play: Play, change: Mapping[str, Any]) -> None:
    call = request(play.sending("note"))
    status, _, body = loop.run(play.call(replace(call, body=json.dumps(json.loads(call.body) | change).encode())))
    assert (status, b"Fjellbekk" in body) == (400, False)


def test_a_national_note_reaches_a_journal_without_fhir_in_the_municipalitys_words(storage: str) -> None:
    async def run() -> tuple[dict[str, Any], list[Any]]:
        journal = SandboxJournal()
        await journal.start()
        try:
            async with town(storage, journal.url, active=True) as here:
                words = (("title", "VFT: {hendelse}"),)
                endpoint = replace(here.tenant.endpoints[0], adapter="note", url=f"{journal.url}/gerica/note", note=words)
                here.change(endpoints=(endpoint,))
                receipt = await here.post(composition("Samtale"))
                await here.run()
                async with _closing() as http, http.get(f"{journal.url}/_sandbox/gerica/notes") as got:
                    return await here.told(receipt), await got.json()
        finally:
            await journal.stop()

    told, [note] = asyncio.run(run())
    assert ([parcel["status"] for parcel in told["parcels"]], note["text"].splitlines()[0]) == (["delivered"], "VFT: Samtale")


def _closing() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))


def test_the_adapter_can_be_asked() -> None:
    assert (ADAPTER.name, ADAPTER.ask, ADAPTER.has) == ("note", ask, has)
