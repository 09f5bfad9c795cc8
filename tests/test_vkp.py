"""The national adapter beyond its examples: which lane, which id, which moment, whom."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.devices.vkp import urgency
from adapters.devices.vkp.adapter import ADAPTER, DOCUMENTS
from shared.domain.adapter import Demands
from shared.domain.event import Document, Event
from shared.domain.message import Lane
from shared.errors import PayloadError
from shared.fhir.terminology import ALERT, displays
from tests.examples_plugin import replaced, values

EXAMPLES = Path(__file__).parent.parent / "adapters/devices/vkp/examples"
FALL: Any = json.loads((EXAMPLES / "fall-unanswered.json").read_text())


def sent(resource: Any) -> bytes:
    return json.dumps(resource).encode()


def lane_of(resource: Any) -> Lane:
    return ADAPTER.lane(ADAPTER.split(sent(resource)))


def event_of(body: bytes) -> Event:
    return ADAPTER.decode(ADAPTER.split(body)[0])[0]


def alert(code: Any, steps: tuple[str, ...] = ("0",)) -> Any:
    bundle = copy.deepcopy(FALL)
    bundle["entry"][1]["resource"]["code"] = {"coding": [{"system": urgency.NATIONAL, "code": code}]}
    step = bundle["entry"][0]["resource"]["event"][0]
    bundle["entry"][0]["resource"]["event"] = [json.loads(json.dumps(step).replace('"code": "0"', f'"code": "{each}"')) for each in steps]
    return bundle


def test_every_code_that_can_wait_is_a_published_one() -> None:
    assert set(displays(ALERT)) >= urgency.ROUTINE


@pytest.mark.parametrize("code", sorted(urgency.ROUTINE))
def test_an_alert_that_can_wait_is_routine(code: str) -> None:
    assert lane_of(alert(code)) is Lane.ROUTINE


@pytest.mark.parametrize("code", [*sorted(set(displays(ALERT)) - urgency.ROUTINE), "4.99", 4, None, ["1.10"]])
def test_every_other_alert_is_an_alarm(code: Any) -> None:
    assert lane_of(alert(code)) is Lane.ALARM


def test_an_alarm_that_someone_has_acknowledged_can_wait() -> None:
    assert lane_of(alert("4.1", ("0", "1", "3"))) is Lane.ROUTINE


def test_an_alarm_that_someone_only_works_on_cannot_wait() -> None:
    assert lane_of(alert("4.1", ("0", "1"))) is Lane.ALARM


def test_the_sender_s_own_code_does_not_make_an_alarm_wait() -> None:
    bundle = alert("4.1")
    bundle["entry"][1]["resource"]["code"]["coding"].append({"system": "https://vft.example", "code": "5"})
    assert lane_of(bundle) is Lane.ALARM


def test_a_second_code_of_the_sender_s_own_does_not_make_it_an_alarm() -> None:
    bundle = alert("1.17")
    bundle["entry"][1]["resource"]["code"]["coding"].append({"system": "https://vft.example", "code": "BATT"})
    assert lane_of(bundle) is Lane.ROUTINE


OLD = {"1.4": "Teknisk feil", "1.5": "Feil rull", "1.10": "Ingen kontakt", "1.17": "Batteri tomt"}  # vkp.md 3.5 no. 10


def called(code: str, **names: Any) -> Any:
    """An alert whose code is called by a display or a text."""
    bundle = alert(code)
    concept = bundle["entry"][1]["resource"]["code"]
    concept["coding"][0] |= {key: value for key, value in names.items() if key == "display"}
    concept |= {key: value for key, value in names.items() if key == "text"}
    return bundle


@pytest.mark.parametrize("code", OLD)
@pytest.mark.parametrize("name", ["display", "text"])
def test_an_alert_by_the_old_table_is_an_alarm_whatever_its_number_means_today(code: str, name: str) -> None:
    assert lane_of(called(code, **{name: OLD[code]})) is Lane.ALARM


@pytest.mark.parametrize("code", sorted(urgency.ROUTINE))
def test_an_alert_that_can_wait_is_called_by_its_own_name_or_a_free_one(code: str) -> None:
    own = displays(ALERT)[code]
    assert lane_of(called(code, display=own.upper(), text=f"{code} - {own}.")) is Lane.ROUTINE
    assert lane_of(called(code, display=own, text="Varsel fra rom 7")) is Lane.ROUTINE


@pytest.mark.parametrize(
    "text", ["Fall", "4.1 Fall.", "[41] \u2013 FALL!", "Medisindispenserhendelse", "300 - Trygghetsalarm", "Ingen\u00a0kontakt"]
)
def test_an_alert_with_the_name_of_another_code_is_an_alarm(text: str) -> None:
    assert lane_of(called("1.17", text=text)) is Lane.ALARM


@pytest.mark.parametrize("display", ["Batteri", "Battery low", 7, ["Batteri lavt"]])
def test_a_display_that_is_not_the_table_s_is_a_doubt(display: Any) -> None:
    assert lane_of(called("1.17", display=display)) is Lane.ALARM


def test_the_second_national_code_is_looked_at_too() -> None:
    bundle = called("1.17")
    bundle["entry"][1]["resource"]["code"]["coding"].append({"system": urgency.NATIONAL, "code": "1.10", "display": "Ingen kontakt"})
    assert lane_of(bundle) is Lane.ALARM


def test_a_code_in_a_list_is_a_doubt() -> None:
    bundle = called("1.17", text="Fall")
    bundle["entry"][1]["resource"]["code"] = [bundle["entry"][1]["resource"]["code"]]
    assert lane_of(bundle) is Lane.ALARM


def test_a_step_of_the_sender_s_own_acknowledges_nothing() -> None:
    bundle = alert("4.1", ("3",))
    bundle["entry"][0]["resource"]["event"][0]["code"][0]["coding"][0]["system"] = "https://vft.example/steg"
    assert lane_of(bundle) is Lane.ALARM


def test_what_needs_no_repair_goes_on_byte_for_byte() -> None:
    body = b" " + sent(FALL)
    what = event_of(body).what
    assert isinstance(what, Document) and what.body is body


def test_it_happened_when_the_alert_was_detected() -> None:
    assert event_of(sent(FALL)).occurred_at == datetime(2026, 3, 4, 2, 12, 5, tzinfo=UTC)


def test_a_day_without_a_time_is_passed_over() -> None:
    bundle = copy.deepcopy(FALL)
    bundle["entry"][1]["resource"]["identifiedDateTime"] = "2026-03-04"
    bundle["entry"][0]["resource"]["event"] = []
    assert event_of(sent(bundle)).occurred_at == datetime(2026, 3, 4, 2, 12, 8, tzinfo=UTC)


NO_TIMES = [
    "2026-03-04T03:12:05",
    "1970-01-01T00:00:00Z",
    "0001-03-04T03:12:05+01:00",
    "2101-01-01T00:00:00Z",
    "2026-02-30",
    "1970",
    "2026-13",
    "2026-02-30T03:12:05+01:00",
    "2026-03-04T03:12:05+99:00",
    "2026-03-04T03:12+01:00",
    "i natt",
    1772593925,
    True,
    {"start": "2026-03-04T03:12:05+01:00"},
]


@pytest.mark.parametrize("time", NO_TIMES)
def test_a_time_that_cannot_be_waits_for_a_human_and_no_other_is_put_in_its_place(time: Any) -> None:
    bundle = copy.deepcopy(FALL)
    bundle["entry"][1]["resource"]["identifiedDateTime"] = time
    with pytest.raises(PayloadError, match="identifiedDateTime: ") as caught:
        event_of(sent(bundle))
    assert caught.value.field == "$.entry[1].resource.identifiedDateTime" and caught.value.remedy
    assert lane_of(bundle) is Lane.ALARM


def test_an_impossible_time_that_says_nothing_of_when_it_happened_is_a_warning() -> None:
    what = event_of(sent({**FALL, "timestamp": "0001-01-01T00:00:00"})).what
    assert isinstance(what, Document) and any(warning.startswith("$.timestamp: ") for warning in what.warnings)


def test_the_hour_that_spring_takes_is_an_instant_when_it_has_its_offset() -> None:
    bundle = copy.deepcopy(FALL)
    bundle["entry"][1]["resource"]["identifiedDateTime"] = "2026-03-29T02:30:00+01:00"
    assert event_of(sent(bundle)).occurred_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000, "0." + "1" * 5000, "1e-400", "1e99999999999999999999"])
def test_a_number_that_no_journal_can_take_is_refused_and_its_place_named(number: str) -> None:
    with pytest.raises(PayloadError, match=r"^\$\.entry\[1\]\.resource\.value: .*number") as caught:
        ADAPTER.split(sent(FALL).replace(b'"identifiedDateTime"', b'"value": %s, "identifiedDateTime"' % number.encode()))
    assert caught.value.remedy


def test_a_control_character_is_refused_and_its_place_named() -> None:
    with pytest.raises(PayloadError, match=r"^\$\.entry\[0\]\.resource\.title: has a control character"):
        ADAPTER.split(sent(FALL | {"entry": [{"resource": FALL["entry"][0]["resource"] | {"title": "Fall\x07"}}]}))


def test_a_place_is_not_named_by_a_key_that_may_be_somebody() -> None:
    with pytest.raises(PayloadError, match=r"^\$\.\?\.\?: "):
        ADAPTER.split(sent({**FALL, "Klar Nattugle": {"28820050004": "\x07"}}))


def test_without_any_instant_the_hub_knows_best() -> None:
    note = copy.deepcopy(FALL["entry"][0]["resource"])
    note.update(date="2026-03-04", event=[])
    assert event_of(sent(note)).occurred_at is None


def test_a_resource_without_identifier_is_known_by_its_bytes() -> None:
    assert ADAPTER.message_id(ADAPTER.split(sent({**FALL, "identifier": None}))) is None


def test_a_uuid_is_the_same_id_however_it_is_spelt() -> None:
    spelt = ("5E0C1A52-7D1F-4F5B-8A10-00000000ABCD", "urn:uuid:5e0c1a52-7d1f-4f5b-8a10-00000000abcd")
    ids = {
        ADAPTER.message_id(ADAPTER.split(sent({**FALL, "identifier": {"system": "urn:ietf:rfc:3986", "value": each}}))) for each in spelt
    }
    assert len(ids) == 1


def test_the_citizen_is_who_the_composition_is_about() -> None:
    person = event_of(sent(FALL)).person
    assert person and (person.value, person.display) == ("28820050004", "Klar Nattugle")


def test_a_journal_s_own_number_beside_a_national_one_is_no_contradiction() -> None:
    bundle = copy.deepcopy(FALL)
    bundle["entry"][0]["resource"]["subject"]["identifier"] = {"system": "https://journal.example/lopenummer", "value": "1302"}
    person = event_of(sent(bundle)).person
    assert person and person.value == "1302"


def test_an_unpublished_code_is_a_warning_and_no_refusal() -> None:
    what = event_of(sent(alert("4.99"))).what
    assert isinstance(what, Document) and what.warnings


@pytest.mark.parametrize(
    ("priority", "lane"), [("stat", Lane.ALARM), ("urgent", Lane.ALARM), ("routine", Lane.ROUTINE), (None, Lane.ROUTINE)]
)
def test_a_message_is_as_urgent_as_its_sender_says(priority: str | None, lane: Lane) -> None:
    message = json.loads((EXAMPLES / "message-to-the-journal.json").read_text())
    assert lane_of(message | {"priority": priority}) is lane


def test_whom_it_is_about_is_told_as_it_says_it() -> None:
    items = ADAPTER.split(sent(FALL))
    assert ADAPTER.subject and ADAPTER.subject(items) == event_of(sent(FALL)).person


def test_a_system_that_is_no_text_names_nobody() -> None:
    bundle = copy.deepcopy(FALL)
    bundle["entry"][0]["resource"]["subject"]["identifier"]["system"] = 7
    assert ADAPTER.subject and ADAPTER.subject(ADAPTER.split(sent(bundle))) is None


def test_what_is_told_at_the_door_stands_in_the_history_too() -> None:
    body = (EXAMPLES / "repaired.json").read_bytes()
    items = ADAPTER.split(body)
    assert ADAPTER.inspect
    told = [f"{each.path}: {each.text}" for each in ADAPTER.inspect(items, Demands())]
    what = event_of(body).what
    assert isinstance(what, Document) and told == [*what.repairs, *what.warnings] and what.repairs and what.warnings


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_each_resource_names_its_path(kind: str) -> None:
    subject = {"identifier": {"value": "1302"}}
    resource = {**FALL, "resourceType": kind, "subject": subject}
    assert ADAPTER.resource and ADAPTER.resource(ADAPTER.split(sent(resource))) == kind.lower()


@pytest.mark.parametrize("value", [None, True, 1, "x", "", [], {}, [[]], [None], {"resourceType": "Bundle"}])
@pytest.mark.parametrize("name", ["fall-unanswered", "readings-followed-up", "supervision", "dispense"])
def test_nonsense_in_any_place_is_refused_or_read_and_never_a_crash(name: str, value: Any) -> None:
    for bundle in spoilt(json.loads((EXAMPLES / f"{name}.json").read_text()), value):
        try:
            items = ADAPTER.split(sent(bundle))
            ADAPTER.lane(items), ADAPTER.message_id(items), ADAPTER.decode(items[0])
        except PayloadError as error:
            assert "28820050004" not in f"{error.reason} {error.remedy}"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["coding", "system", "code", "value", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)
NAMES = sorted(file.stem for file in EXAMPLES.glob("*.json") if not file.stem.endswith(".expected"))


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(NAMES), number=st.integers(0), tree=TREES, wrap=st.sampled_from(["list", "lists", "object", "tree"]))
def test_any_json_in_any_place_is_refused_or_read_and_never_a_crash(name: str, number: int, tree: Any, wrap: str) -> None:
    """The value that stood there, in a list, in a list of lists, in an object; or anything else."""
    came = json.loads((EXAMPLES / f"{name}.json").read_text(), strict=False)
    path, old = [row for row in values(came) if row[0]][number % (len(list(values(came))) - 1)]
    swallowed(replaced(came, path, {"list": [old], "lists": [[old, old]], "object": {"x": old, "coding": old}, "tree": tree}[wrap]))


def swallowed(bundle: Any) -> None:
    assert ADAPTER.inspect
    try:
        items = ADAPTER.split(sent(bundle))
        ADAPTER.lane(items), ADAPTER.message_id(items), ADAPTER.inspect(items, Demands(True)), ADAPTER.inspect(items, Demands())
        ADAPTER.decode(items[0])
    except PayloadError:
        pass


def spoilt(tree: Any, value: Any) -> list[Any]:
    """Every copy of a tree in which one place holds `value`."""
    made = [value]
    places = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    for key, part in places:
        for changed in spoilt(part, value):
            made.append(tree | {key: changed} if isinstance(tree, dict) else [*tree[:key], changed, *tree[key + 1 :]])
    return made
