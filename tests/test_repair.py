"""What is put right on the way in, what is left alone, and what is said of it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from shared.errors import PayloadError
from shared.fhir.repair import mend, repair
from tests.examples_plugin import replaced, values
from tests.test_strict import EVERYTHING, document

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
UUID = "5e0c1a52-7d1f-4f5b-8a10-00000000abcd"
FNR = "urn:oid:2.16.578.1.12.4.1.4.1"


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        ({"resourceType": "Composition", "category": {"text": "x"}}, {"resourceType": "Composition", "category": [{"text": "x"}]}),
        (
            {"resourceType": "Composition", "event": {"code": {"text": "x"}}},
            {"resourceType": "Composition", "event": [{"code": [{"text": "x"}]}]},
        ),
        ({"code": {"coding": {"code": "1"}}}, {"code": {"coding": [{"code": "1"}]}}),
        (
            {"resourceType": "Encounter", "participant": {"type": {"text": "x"}}},
            {"resourceType": "Encounter", "participant": [{"type": [{"text": "x"}]}]},
        ),
        ({"a": 1, "severity": ""}, {"a": 1}),
        ({"a": 1, "identifier": [{"value": ""}]}, {"a": 1}),
        ({"a": 1, "b": ["", "x"]}, {"a": 1, "b": ["x"]}),
        ({"a": 1, "b": None}, {"a": 1}),
        ({"a": 1, "b": []}, {"a": 1}),
        ({"a": 1, "b": {}}, {"a": 1}),
        ({"a": 1, "b": [None, "x", {}, []]}, {"a": 1, "b": ["x"]}),
        ({"a": 1, "b": {"c": [{"d": None}]}}, {"a": 1}),
        ({"given": ["", "Mild"], "_given": [{"id": "a"}, None]}, {"given": [None, "Mild"], "_given": [{"id": "a"}, None]}),
        ({"a": 1, "_given": [None, None]}, {"a": 1}),
        ({"given": ["A", None], "_given": [None, None]}, {"given": ["A"]}),
        ({"given": [None, "A"], "_given": [{"extension": []}]}, {"given": ["A"]}),
        ({"resourceType": "Patient", "name": {"given": "Mild"}}, {"resourceType": "Patient", "name": [{"given": ["Mild"]}]}),
        (
            {"resourceType": "Communication", "payload": {"contentString": "x"}},
            {"resourceType": "Communication", "payload": [{"contentString": "x"}]},
        ),
        ({"resourceType": "Flag", "code": {"coding": {"code": "x"}}}, {"resourceType": "Flag", "code": {"coding": [{"code": "x"}]}}),
        (
            {"resourceType": "CarePlan", "activity": {"detail": {"reasonCode": {"text": "x"}, "scheduledTiming": {"event": ["2026"]}}}},
            {"resourceType": "CarePlan", "activity": [{"detail": {"reasonCode": [{"text": "x"}], "scheduledTiming": {"event": ["2026"]}}}]},
        ),
        (
            {"resourceType": "Composition", "section": [{"section": {"text": {"status": "additional", "div": "Sov <p>godt"}}}]},
            {
                "resourceType": "Composition",
                "section": [{"section": [{"text": {"status": "additional", "div": f"{DIV}Sov <p>godt</p></div>"}}]}],
            },
        ),
        (
            {"resourceType": "Device", "lotNumber": "1", "text": {"status": "generated", "div": "<div> </div>"}},
            {"resourceType": "Device", "lotNumber": "1"},
        ),
        ({"fullUrl": f"urn:uuid:{UUID.upper()}"}, {"fullUrl": f"urn:uuid:{UUID}"}),
        ({"author": {"reference": UUID}}, {"author": {"reference": f"urn:uuid:{UUID}"}}),
        ({"system": "urn:oid:2.16.840.1.113883.6.1"}, {"system": "http://loinc.org"}),
        (
            {"system": "http://ehelse.no/fhir/ValueSet/vkp-alert-code-v090"},
            {"system": "http://ehelse.no/fhir/CodeSystem/vkp-alert-code-v090"},
        ),
        (
            {"profile": ["http://ehelse.no/fhir/StructureDefinition/vkp-QuestionnaireResponse-v090"]},
            {"profile": ["http://ehelse.no/fhir/StructureDefinition/vkp-QuestionnaireReponse-v090"]},
        ),
        ({"start": "2024-07-03T08:36:37.1678092+00:00"}, {"start": "2024-07-03T08:36:37.167809+00:00"}),
        ({"system": "urn:ietf:rfc:3986", "value": UUID.upper()}, {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{UUID}"}),
        ({"system": "urn:ietf:rfc:3986", "value": f"URN:UUID:{UUID}"}, {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{UUID}"}),
        ({"system": "https://loinc.org"}, {"system": "http://loinc.org"}),
        ({"system": "http://hl7.no/fhir/NamingSystem/FNR"}, {"system": "urn:oid:2.16.578.1.12.4.1.4.1"}),
        (
            {"profile": ["http://hl7.no/fhir/StructureDefinition/vkp-Observation-Bloodpressure-v090"]},
            {"profile": ["http://ehelse.no/fhir/StructureDefinition/vkp-Observation-Bloodpressure-v090"]},
        ),
        (
            {"profile": ["http://hl7.no/fhir/StructureDefinition/vkp-Composition-v090|0.9.0"]},
            {"profile": ["http://ehelse.no/fhir/StructureDefinition/vkp-Composition-v090|0.9.0"]},
        ),
        (
            {"identifier": [{"system": "oid:2.16.578.1.12.4.1.4.1/", "value": "148348 12097"}]},
            {"identifier": [{"system": FNR, "value": "14834812097"}]},
        ),
        ({"system": FNR, "value": "148348-12097"}, {"system": FNR, "value": "14834812097"}),
    ],
)
def test_a_known_mistake_is_put_right_and_told(came: Any, goes: Any) -> None:
    mended, repairs = mend(came)
    assert mended == goes and repairs


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Composition", "identifier": {"value": "1"}, "type": {"text": "x"}, "event": [{"code": [{"text": "x"}]}]},
        {"resourceType": "Bundle", "identifier": {"value": "1"}},
        {"resourceType": "MedicationDispense", "category": {"text": "x"}},
        {"resourceType": "Observation", "component": [{"code": {"text": "x"}}]},
        {"resourceType": "Device", "type": {"text": "x"}},
        {"timestamp": "2024-07-03T08:36:37.167809+00:00", "title": "2024-07-03T08:36:37.1678092+00:00"},
        {"resourceType": "Composition", "text": {"status": "generated", "div": f"{DIV}a</div>"}},
        {"given": [None, "Mild"], "_given": [{"id": "a"}, None]},
        {"resourceType": "Person", "photo": {"title": "x"}},  # single there, a list in Patient: the table knows no Person
        {"resourceType": "AppointmentResponse", "appointment": {"display": "x"}},
        {"reference": "Patient/1", "fullUrl": "https://e.example/Patient/1"},
        {"system": "urn:ietf:rfc:3986", "value": "https://vft.example/1"},
        {"system": "https://vft.example", "value": UUID.upper()},
        {"system": "https://vft.example", "value": "148348 12097"},
        {"system": FNR, "value": "148348 12098"},  # no number: whoever reads it sees what came
        {"text": " "},
        {"system": " ", "value": "abc"},
        {},
        [],
        1,
    ],
)
def test_what_is_right_or_unknown_is_left_alone(resource: Any) -> None:
    assert mend(resource) == (resource, ())


def test_a_body_without_mistakes_is_the_very_same_bytes() -> None:
    body = b'{ "resourceType":"Composition",\n "value": 82.50 }'
    assert repair(body)[0] is body


def test_repair_keeps_the_digits_of_numbers() -> None:
    assert repair(b'{"value":82.50,"severity":""}')[0] == b'{"value":82.50}'


def test_repair_twice_finds_nothing_more() -> None:
    once, _ = repair(json.dumps({"resourceType": "Composition", "category": {"coding": {"code": "1", "display": ""}}}).encode())
    assert repair(once) == (once, ())


def test_a_repair_names_the_place_and_not_the_value() -> None:
    said = repair(f'{{"entry":[{{"system":"urn:ietf:rfc:3986","value":"{UUID.upper()}"}}]}}'.encode())[1]
    assert said == ("$.entry[0].value: a UUID was written as urn:uuid in lower case",)


MOVED = "$.note: the rest of the list moved up, and warnings count its places anew"


@pytest.mark.parametrize(
    ("notes", "moved"), [(["", "x"], True), ([None, "x", ""], True), (["x", ""], False), (["", ""], False), (["x", [{}], "y"], True)]
)
def test_that_places_are_others_now_is_told_where_they_are(notes: Any, moved: bool) -> None:
    assert (MOVED in mend({"note": notes, "a": 1})[1]) is moved


def test_what_goes_with_a_narrative_without_words_is_told() -> None:
    text = {"id": "a", "status": "generated", "div": "<div> </div>"}
    assert mend({"resourceType": "Device", "lotNumber": "1", "text": text})[1] == (
        "$.text.div: a narrative without words was left out",
        "$.text.id: was left out with the narrative that has no words",
        "$.text.status: was left out with the narrative that has no words",
    )


@pytest.mark.parametrize(("div", "left"), [("<div>a<br>b</div>", False), ("<div><script>1</script>a</div>", True)])
def test_a_narrative_is_said_to_have_lost_something_only_if_it_has(div: str, left: bool) -> None:
    repairs = mend({"resourceType": "Device", "text": {"status": "generated", "div": div}})[1]
    assert len(repairs) == 1 and ("left out" in repairs[0]) is left


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_list_of_one_is_found_again_wherever_r4_has_a_list(name: str) -> None:
    """Every list of one in a good document is sent as its one member, one at a time: what is mended is the document."""
    came = document(name)
    for path, value in values(came):
        if path and isinstance(value, list) and len(value) == 1:
            mended, repairs = mend(replaced(came, path, value[0]))
            assert mended == came and len(repairs) == 1, path


def test_a_key_that_is_no_element_is_not_repeated() -> None:
    assert repair(b'{"14834812097":""}')[1] == ("$.?: an empty text was left out",)


def test_the_parsed_resource_is_left_as_it_is() -> None:
    came = {"coding": {"code": "", "value": Decimal("1.0")}}
    mend(came)
    assert came == {"coding": {"code": "", "value": Decimal("1.0")}}


def test_what_is_no_strict_json_is_not_repaired() -> None:
    with pytest.raises(PayloadError):
        repair(b'{"a":1,"a":2}')
