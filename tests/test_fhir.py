"""Events as national documents: what stands in them, that others can read them, and that a second run makes the same bytes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from shared import fhir
from shared.domain.adapter import Finding
from shared.domain.event import Alert, Device, Dispensed, Document, Event, Measurement, Note, Person, Supervision, What
from shared.domain.vocabulary import Quantity
from shared.fhir import outcome, terminology
from shared.fhir.check import check

AT = datetime(2026, 3, 2, 7, 3, 11, tzinfo=UTC)
SCALE = Device("https://scale.example/serial", "S-17", "Vekt V")
CITIZEN = Person("urn:oid:2.16.578.1.12.4.1.4.1", "14834812097", "Stille Fjellbekk")
PRESSURE = {Quantity.SYSTOLIC: Decimal("172"), Quantity.DIASTOLIC: Decimal("96")}
EVERYTHING: list[What] = [
    Dispensed("1.1", "Dose kl. 08.00 hentet ut."),
    Dispensed("2"),
    Alert("4.1", "Falt på badet", "high", "Bad"),
    Alert("1.10"),
    Alert("5.3.2", "Ingen måling i dag"),
    Supervision("0", "1", AT, "rom 24 @ Eksempelheimen"),
    Supervision("2", "2"),
    Measurement(PRESSURE),
    Measurement({Quantity.BODY_WEIGHT: Decimal("82.50")}, "Tidspunktet er anslått av utstyret."),
    Measurement({quantity: Decimal("90") for quantity in Quantity}),
    Note("Dosett fylt", "Fylt av hjemmetjenesten.\nNeste gang mandag."),
]


def event(what: What, device: Device | None = SCALE) -> Event:
    return Event(AT, what, device, CITIZEN, "receipt/0.0")


def built(what: What, device: Device | None = SCALE) -> Any:
    return fhir.document(event(what, device), "Eksempel kommune", "Måleskyen")[1]


def part(document: Any, kind: str) -> Any:
    return next(entry["resource"] for entry in document["entry"] if entry["resource"]["resourceType"] == kind)


def words(document: Any) -> str:
    return " ".join(section["text"]["div"].partition(">")[2].removesuffix("</div>") for section in part(document, "Composition")["section"])


@pytest.mark.parametrize("what", EVERYTHING, ids=lambda what: type(what).__name__)
def test_every_document_parses_with_someone_else_s_model(what: What) -> None:
    document = built(what)
    get_fhir_model_class(document["resourceType"]).model_validate_json(fhir.serialise(document))


@pytest.mark.parametrize("what", EVERYTHING, ids=lambda what: type(what).__name__)
def test_every_document_keeps_the_national_profiles(what: What) -> None:
    assert check(built(what)) == []


@pytest.mark.parametrize("what", [what for what in EVERYTHING if not isinstance(what, Dispensed)], ids=lambda what: type(what).__name__)
def test_a_note_without_a_device_keeps_the_profiles_too(what: What) -> None:
    assert check(built(what, None)) == []


@pytest.mark.parametrize("what", EVERYTHING, ids=lambda what: type(what).__name__)
def test_a_second_run_makes_the_same_bytes(what: What) -> None:
    assert fhir.serialise(built(what)) == fhir.serialise(built(what))


def test_another_event_has_other_names() -> None:
    other = fhir.document(replace(event(EVERYTHING[2]), id="receipt/0.1"), "", "")[1]
    mine = built(EVERYTHING[2])
    assert not {entry["fullUrl"] for entry in mine["entry"]} & {entry["fullUrl"] for entry in other["entry"]}
    assert mine["identifier"] != other["identifier"]


def test_a_dispense_is_a_single_resource() -> None:
    assert fhir.document(event(Dispensed("1.1")), "", "")[0] == "medicationdispense"


def test_everything_else_is_a_bundle() -> None:
    assert {fhir.document(event(what), "", "")[0] for what in EVERYTHING[2:]} == {"bundle"}


def test_a_document_that_came_in_is_not_built_again() -> None:
    with pytest.raises(TypeError):
        built(Document("bundle", b"{}"))


@pytest.mark.parametrize("lacking", [replace(event(EVERYTHING[2]), person=None), replace(event(EVERYTHING[2]), occurred_at=None)])
def test_an_event_without_person_or_time_is_a_fault_of_ours(lacking: Event) -> None:
    with pytest.raises(ValueError, match="before documents are made"):
        fhir.document(lacking, "", "")


def test_a_dispense_without_a_device_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="device"):
        built(Dispensed("1"), None)


def test_decimals_keep_their_digits() -> None:
    assert b'"value":82.50,' in fhir.serialise(built(EVERYTHING[8]))


@pytest.mark.parametrize("number", [Decimal("1E+3"), Decimal("-0.000"), Decimal("1E-7")])
def test_any_finite_decimal_is_json(number: Decimal) -> None:
    assert json.loads(fhir.serialise([number]), parse_float=Decimal, parse_int=Decimal) == [number]


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), object()])
def test_what_is_no_json_is_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        fhir.serialise([value])


def test_a_blood_pressure_is_said_as_nurses_say_it() -> None:
    assert words(built(Measurement(PRESSURE))) == "Blodtrykk målt til 172/96 mmHg."


def test_a_weight_is_said_with_a_decimal_comma() -> None:
    assert words(built(EVERYTHING[8])) == "Vekt målt til 82,50 kg. Tidspunktet er anslått av utstyret."


def test_an_alert_says_what_and_where() -> None:
    assert words(built(EVERYTHING[2])) == "Fall. Falt på badet. Sted: Bad."


def test_an_alert_does_not_say_its_name_twice() -> None:
    assert words(built(Alert("4.1", "Fall ved sengen"))) == "Fall ved sengen."


def test_a_supervision_says_how_and_why() -> None:
    assert words(built(EVERYTHING[5])) == "Planlagt tilsyn: bildetilsyn anonymisert. Sted: rom 24 @ Eksempelheimen."


def test_words_from_outside_cannot_be_markup() -> None:
    assert words(built(Note("x", "<script>1 & 2</script>\nto"))) == "&lt;script&gt;1 &amp; 2&lt;/script&gt;<br/>to"


def test_an_alert_of_an_unknown_code_is_still_a_note() -> None:
    document = built(Alert("4.99", "Ny type varsel"))
    assert part(document, "DetectedIssue")["code"]["coding"][0]["code"] == "4.99"
    assert words(document) == "Ny type varsel."


@pytest.mark.parametrize(("code", "category"), [("1.1", "1"), ("4.1", "1"), ("5", "2"), ("5.3.2", "2")])
def test_an_alert_stands_under_its_category(code: str, category: str) -> None:
    assert part(built(Alert(code)), "Composition")["category"][0]["coding"][0]["code"] == category


def test_an_unknown_severity_is_left_out() -> None:
    assert "severity" not in part(built(Alert("4.1")), "DetectedIssue")


def test_the_alert_names_the_device_that_is_sent_along() -> None:
    document = built(Alert("4.1"))
    urls = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in document["entry"]}
    assert urls[part(document, "DetectedIssue")["author"]["reference"]] == "Device"


def test_without_a_device_the_solution_is_the_author() -> None:
    assert part(built(Alert("4.1"), None), "DetectedIssue")["author"] == {"display": "Måleskyen"}


def test_pressures_stand_in_one_observation_and_the_rest_in_their_own() -> None:
    document = built(Measurement({**PRESSURE, Quantity.HEART_RATE: Decimal("70")}))
    assert [len(entry["resource"].get("component", [])) for entry in document["entry"][2:4]] == [2, 0]


def test_oxygen_saturation_has_both_codes() -> None:
    codes = part(built(Measurement({Quantity.OXYGEN_SATURATION: Decimal("94")})), "Observation")["code"]["coding"]
    assert [coding["code"] for coding in codes] == ["2708-6", "59408-5", "431314004"]


def test_glucose_has_its_national_laboratory_code() -> None:
    codes = part(built(Measurement({Quantity.GLUCOSE: Decimal("5.4")})), "Observation")["code"]["coding"]
    assert codes[-1] == {"system": "urn:oid:2.16.578.1.12.4.1.1.7280", "code": "NPU02187"}


def test_the_readings_are_what_the_issue_is_about() -> None:
    document = built(Measurement(PRESSURE))
    assert part(document, "DetectedIssue")["implicated"] == [{"reference": document["entry"][2]["fullUrl"]}]


def test_times_show_the_clock_on_a_norwegian_wall() -> None:
    assert built(Alert("4.1"))["timestamp"] == "2026-03-02T08:03:11+01:00"


def test_a_national_number_goes_out_under_its_oid() -> None:
    aliased = replace(event(Dispensed("1")), person=Person("http://hl7.no/fhir/NamingSystem/FNR", "14834812097"))
    assert fhir.document(aliased, "", "")[1]["subject"]["identifier"]["system"] == CITIZEN.system


def test_a_journal_s_own_number_goes_out_as_it_is() -> None:
    own = replace(event(Alert("3")), person=Person("https://journal.example/lopenummer", "1302"))
    assert part(fhir.document(own, "", "")[1], "DetectedIssue")["patient"] == {
        "identifier": {"system": "https://journal.example/lopenummer", "value": "1302"}
    }


def test_codes_are_text_and_1_10_is_not_1_1() -> None:
    assert terminology.display(terminology.ALERT, "1.10") == "Medisin venter"
    assert terminology.display(terminology.ALERT, "1.1") == "Ikke utlevert"


def test_a_refusal_says_it_where_both_sorts_of_clients_look() -> None:
    said = outcome.refusal(400, "$.type: is not document", "Send a document.", "$.type")["issue"][0]
    assert said["details"]["text"] == "$.type: is not document"
    assert said["diagnostics"] == "$.type: is not document. Send a document."
    assert said["expression"] == ["type"]


@pytest.mark.parametrize("remedy", ["use the path of the resource", "Use the path of the resource."])
def test_cause_and_remedy_are_sentences_of_their_own(remedy: str) -> None:
    said = outcome.refusal(404, "no such resource", remedy)["issue"][0]
    assert said["details"]["text"] == "no such resource"
    assert said["diagnostics"] == "No such resource. Use the path of the resource."


def test_a_refusal_without_a_remedy_is_one_sentence() -> None:
    assert outcome.refusal(500, "the hub fell")["issue"][0]["diagnostics"] == "The hub fell."


@pytest.mark.parametrize("status", [*outcome.STATUSES, 418, 599])
def test_every_refusal_parses_with_someone_else_s_model(status: int) -> None:
    get_fhir_model_class("OperationOutcome").model_validate_json(fhir.serialise(outcome.refusal(status, "x")))


def test_findings_are_told_with_their_place() -> None:
    said = outcome.findings([Finding("error", "$.entry[0].resource.title", "required", "is missing")])["issue"][0]
    assert (said["code"], said["expression"]) == ("required", ["entry[0].resource.title"])
    assert said["details"]["text"] == "$.entry[0].resource.title: is missing"


@pytest.mark.parametrize(
    ("field", "expression"),
    [
        ("$.entry[1].resource.effectiveDateTime", ["entry[1].resource.effective"]),
        ("$.component[0].valueQuantity.code", ["component[0].value.code"]),
        ("$.medicationCodeableConcept", ["medication"]),
        ("$.item[0].answer[1].valueBoolean", ["item[0].answer[1].value"]),
        ("$.property[0].valueQuantity[0].value", ["property[0].valueQuantity[0].value"]),
        ("$.valueSet", ["valueSet"]),
        ("$.?.title", None),
        ("$.address[0]._line[0].extension[0]", None),
        ("$", None),
    ],
)
def test_an_expression_is_fhirpath_or_is_not_told_and_the_text_names_the_place_in_json(field: str, expression: Any) -> None:
    said = outcome.findings([Finding("error", field, "value", "is missing")])["issue"][0]
    assert said.get("expression") == expression
    assert said["details"]["text"].startswith(f"{field}: " if field != "$" else "is missing")
