"""The national adapter beyond its examples: which lane, which id, which moment, whom."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.devices.vkp import urgency
from adapters.devices.vkp.adapter import ADAPTER, DOCUMENTS
from shared.domain.event import Document, Event
from shared.domain.message import Lane
from shared.errors import PayloadError
from shared.fhir.terminology import ALERT, displays

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
    bundle["entry"][1]["resource"]["code"]["coding"][0]["code"] = code
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


def test_what_needs_no_repair_goes_on_byte_for_byte() -> None:
    body = b" " + sent(FALL)
    what = event_of(body).what
    assert isinstance(what, Document) and what.body is body


def test_it_happened_when_the_alert_was_detected() -> None:
    assert event_of(sent(FALL)).occurred_at == datetime(2026, 3, 4, 2, 12, 5, tzinfo=UTC)


def test_a_time_that_is_no_instant_is_passed_over() -> None:
    bundle = copy.deepcopy(FALL)
    bundle["entry"][1]["resource"]["identifiedDateTime"] = "2026-03-04"
    bundle["entry"][0]["resource"]["event"] = []
    assert event_of(sent(bundle)).occurred_at == datetime(2026, 3, 4, 2, 12, 8, tzinfo=UTC)


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


def spoilt(tree: Any, value: Any) -> list[Any]:
    """Every copy of a tree in which one place holds `value`."""
    made = [value]
    places = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    for key, part in places:
        for changed in spoilt(part, value):
            made.append(tree | {key: changed} if isinstance(tree, dict) else [*tree[:key], changed, *tree[key + 1 :]])
    return made
