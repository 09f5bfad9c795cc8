"""The code tables: as published, each with its source; what stands above a code; the old dispenser list; how measurements are coded."""

from typing import Any

import pytest

from shared.domain.vocabulary import QUANTITIES, Quantity
from shared.fhir import terminology
from shared.fhir.terminology import ALERT, DISPENSE, legacy, measurements, parent, tables

NATIONAL = {  # how many codes each has (vkp.md 4)
    "alert-code": 65,
    "careplan-category": 4,
    "composition-category": 2,
    "composition-event": 10,
    "composition-section": 5,
    "encounter-class": 5,
    "encounter-mode": 5,
    "encounter-reason": 2,
    "medicationdispense-events": 8,
    "message-event": 4,
    "operation-outcome": 13,
    "severity-level": 5,
    "triage": 7,
}
LISTED = {name: table for name, table in tables().items() if "concepts" in table}
LOINC, SNOMED, NLK = "http://loinc.org", "http://snomed.info/sct", "urn:oid:2.16.578.1.12.4.1.1.7280"


def codes(name: str) -> list[str]:
    return [concept["code"] for concept in LISTED[name]["concepts"]]


@pytest.mark.parametrize("name", sorted(tables()))
def test_every_table_says_where_it_is_from_and_which_version_it_is(name: str) -> None:
    table = tables()[name]
    assert [key for key in ("source", "version") if not (isinstance(table[key], str) and table[key])] == []


@pytest.mark.parametrize("name", sorted(LISTED))
def test_every_code_is_text_stands_once_and_has_words(name: str) -> None:
    listed = codes(name)
    assert all(isinstance(code, str) and code for code in listed) and len(listed) == len(set(listed))
    assert all(concept["display"] for concept in LISTED[name]["concepts"])


def test_no_two_tables_say_different_things_of_one_code() -> None:
    systems = [table["system"] for table in LISTED.values()]
    shared = {system for system in systems if systems.count(system) > 1}
    said = [(table["system"], concept["code"]) for table in LISTED.values() for concept in table["concepts"] if table["system"] in shared]
    assert len(said) == len(set(said))


@pytest.mark.parametrize(("name", "count"), NATIONAL.items())
def test_the_national_tables_are_whole_and_under_their_own_system(name: str, count: int) -> None:
    table = LISTED[name]
    assert (len(table["concepts"]), table["system"], table["version"]) == (count, terminology.system(name), "0.9.0")
    assert "content" not in table


def test_what_is_a_part_of_another_s_system_says_so() -> None:
    foreign = {name for name, table in LISTED.items() if table["system"] in (LOINC, SNOMED)}
    assert foreign and {LISTED[name].get("content") for name in foreign} == {"fragment"}


@pytest.mark.parametrize(
    ("table", "code", "above"),
    [
        (ALERT, "5.2.1", "5.2"),
        (ALERT, "5.2", "5"),
        (ALERT, "1.10", "1"),
        (ALERT, "1", None),
        (ALERT, "1.99", "1"),
        (ALERT, "5.9.9", "5"),
        (ALERT, "9.1", None),
        (ALERT, "", None),
        (ALERT, ".1", None),
        (ALERT, "1.", "1"),
        (DISPENSE, "2.1", "2"),
        ("operation-outcome", "2.4", "2"),
        ("triage", "BL", None),
    ],
)
def test_a_code_stands_under_what_its_dots_say(table: str, code: str, above: str | None) -> None:
    assert parent(table, code) == above


@pytest.mark.parametrize("name", sorted(NATIONAL))
def test_every_dotted_code_has_the_one_before_its_last_dot(name: str) -> None:
    assert [code for code in codes(name) if "." in code and parent(name, code) != code.rpartition(".")[0]] == []


# ---- The old dispenser list


def test_the_old_list_goes_from_0_to_27() -> None:
    assert codes(terminology.LEGACY) == [str(number) for number in range(28)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1", (DISPENSE, "1")),
        ("2", (ALERT, "1.1")),
        ("4", (ALERT, "1.5")),
        ("6", (ALERT, "1.13")),
        ("7", (ALERT, "1.2")),
        ("10", (ALERT, "1.20")),
        ("17", (ALERT, "1.18")),
        ("18", (DISPENSE, "1.2")),
        ("19", (DISPENSE, "3")),
        ("20", (DISPENSE, "2")),
        ("23", (ALERT, "1.4")),
        ("24", (ALERT, "1.10")),
        ("27", (ALERT, "1.17")),
        ("0", None),
        ("28", None),
        ("01", None),
        ("1.1", None),
        ("", None),
    ],
)
def test_an_old_code_means_what_it_meant(old: str, new: tuple[str, str] | None) -> None:
    assert legacy(old) == new


def test_every_old_code_but_the_test_leads_to_a_published_one_and_no_two_to_the_same() -> None:
    found = [legacy(code) for code in codes(terminology.LEGACY) if code != "0"]
    assert all(to and terminology.known(*to) for to in found) and len(set(found)) == 27


def test_old_codes_of_what_went_wrong_are_alerts_of_dispensers() -> None:
    alerts = {to[1] for code in codes(terminology.LEGACY) if (to := legacy(code)) and to[0] == ALERT}
    assert alerts == {code for code in codes(ALERT) if parent(ALERT, code) == "1"}


# ---- What is measured (vkp.md 6.2)

MEASURED: dict[str, tuple[list[str], list[str], list[str]]] = {  # LOINC, SNOMED CT, units
    "blood_pressure": (["85354-9"], ["75367002"], []),
    "systolic": (["8480-6"], ["271649006"], ["mm[Hg]"]),
    "diastolic": (["8462-4"], ["271650006"], ["mm[Hg]"]),
    "mean_pressure": (["8478-0"], [], ["mm[Hg]"]),
    "pulse_pressure": ([], ["87179004"], ["mm[Hg]"]),
    "heart_rate": (["8867-4"], ["364075005"], ["/min"]),
    "oxygen_saturation": (["2708-6", "59408-5"], ["431314004"], ["%"]),
    "glucose": (["15074-8"], ["434912009"], ["mmol/L"]),
    "body_temperature": (["8310-5"], ["276885007"], ["Cel"]),
    "body_weight": (["29463-7"], ["27113001"], ["kg", "g"]),
    "respiratory_rate": (["9279-1"], ["86290005"], ["/min"]),
    "consciousness": ([], ["1104441000000107"], []),
    "news2": ([], ["1104051000000101"], []),
    "news2_respiration": ([], ["1104301000000104"], []),
    "news2_oxygen_saturation_2": ([], ["1104321000000108"], []),
    "news2_air_or_oxygen": ([], ["1104331000000105"], []),
    "news2_pulse": ([], ["1104351000000103"], []),
    "news2_systolic": ([], ["1104341000000101"], []),
    "news2_consciousness": ([], ["1104361000000100"], []),
    "news2_temperature": ([], ["1104371000000107"], []),
    "clinical_frailty": ([], ["763264000"], []),
    "questionnaire_score": (["74465-6"], [], []),
    "body_height": (["8302-2"], [], []),
    "bmi": (["39156-5"], [], []),
    "fev1": (["20150-9"], [], ["L"]),
    "fvc": (["19868-9"], [], ["L"]),
    "pef": (["19935-6"], [], ["L/min"]),
}


def coded(row: dict[str, Any], system: str) -> list[str]:
    return [coding["code"] for coding in row["coding"] if coding["system"] == system]


def test_every_measurement_has_the_published_codes_and_units() -> None:
    found = {name: (coded(row, LOINC), coded(row, SNOMED), row.get("ucum", [])) for name, row in measurements().items()}
    assert found == MEASURED


def test_only_glucose_has_a_laboratory_s_code_too() -> None:
    assert {name: coded(row, NLK) for name, row in measurements().items() if coded(row, NLK)} == {"glucose": ["NPU02187"]}


@pytest.mark.parametrize("quantity", Quantity)
def test_a_quantity_is_measured_in_its_usual_unit(quantity: Quantity) -> None:
    row = measurements()[quantity]
    assert row["ucum"][0] == QUANTITIES[quantity].ucum and row["display"] == QUANTITIES[quantity].name


def test_a_part_is_a_part_of_something_measured() -> None:
    wholes = {row["of"] for row in measurements().values() if "of" in row}
    assert wholes == {"blood_pressure", "news2"} and wholes < measurements().keys()


def test_what_is_no_part_of_another_and_is_in_the_guide_has_its_profile_there() -> None:
    profiled = {name for name, row in measurements().items() if "guide" in row}
    assert profiled == {
        *("blood_pressure", "heart_rate", "oxygen_saturation", "glucose", "body_temperature", "body_weight"),
        *("respiratory_rate", "consciousness", "news2", "clinical_frailty", "questionnaire_score"),
    }


def test_a_blood_pressure_is_taken_at_twelve_sites_and_in_two_ways() -> None:
    assert len(codes(terminology.SITE)) == 12 and terminology.display(terminology.SITE, "368209003") == "overarm høyre"
    assert codes(terminology.METHOD) == ["37931006", "113011001"]
