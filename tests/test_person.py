"""Person and organisation numbers."""

import pytest

from shared.domain import organisation, person
from shared.domain.person import Kind

FNR, DNR, FHN = person.SYSTEMS.values()


@pytest.mark.parametrize(
    "number",
    ["14834812097", "01815050130", "29826050002", "31929950081", "13717404089", "01415050077", "28670050078"],
)
def test_invented_numbers_are_valid_and_known_as_invented(number: str) -> None:
    assert (person.kind(number), person.synthetic(number)) == (Kind.FNR, True)


@pytest.mark.parametrize("number", ["30108299920", "30108299939", "02013299997", "14834812003", "14834812011"])
def test_the_first_check_digit_of_2032_is_accepted_beside_today_s(number: str) -> None:
    assert person.kind(number) is Kind.FNR


@pytest.mark.parametrize("number", ["41815050043", "69826050187", "55861050008", "70108299914"])
def test_a_d_number_is_known_by_its_day(number: str) -> None:
    assert person.system_of(number) == DNR


def test_a_common_help_number_has_no_date() -> None:
    assert person.kind(help_number()) is Kind.FHN


@pytest.mark.parametrize(
    "number",
    [
        "",
        "1483481209",
        "148348120970",
        "14834812098",
        "14834812197",
        "29098300000",
        "00000000000",
        "31929950082",
        "148348 12097",
        "14834812097\n",
        "١٢٣٤٥٦٧٨٩٠١",
        "99999999999",
    ],
)
def test_what_cannot_be_a_person_s_number_is_none(number: str) -> None:
    assert person.system_of(number) is None


def test_a_day_that_exists_in_no_century_is_no_person_s_number() -> None:
    assert not any(person.kind(f"30020{rest:06}") for rest in range(0, 1_000_000, 7))


def test_a_wrong_number_is_told_by_its_kind_alone() -> None:
    assert person.mistake(FNR, "14834812098") == "is no valid fødselsnummer"


def test_a_number_under_another_kind_s_system_is_a_mistake() -> None:
    assert person.mistake(DNR, "14834812097") == "is under the system of a D-nummer, but is a fødselsnummer"


def test_the_other_spelling_of_a_system_is_checked_too() -> None:
    assert person.mistake("http://hl7.no/fhir/NamingSystem/FNR", "1") is not None


def test_a_journal_s_own_number_is_not_judged() -> None:
    assert person.mistake("https://journal.example/lopenummer", "1302") is None


def test_a_person_has_the_system_of_the_number() -> None:
    found = person.person("14834812097", "Stille Fjellbekk")
    assert found and (found.system, found.display) == (FNR, "Stille Fjellbekk")


@pytest.mark.parametrize("orgnr", ["314159265", "888134574"])
def test_an_organisation_with_a_wrong_check_digit_is_warned_of_and_not_refused(orgnr: str) -> None:
    assert organisation.is_orgnr(orgnr) and organisation.warning(orgnr)


@pytest.mark.parametrize("orgnr", ["312229544", "994598759", "310123455"])
def test_an_organisation_with_a_right_check_digit_is_not_warned_of(orgnr: str) -> None:
    assert organisation.warning(orgnr) is None


@pytest.mark.parametrize("text", ["", "31012345", "3101234555", "٣١٠١٢٣٤٥٥", "310123455\n"])
def test_what_is_not_nine_digits_is_no_organisation(text: str) -> None:
    assert not organisation.is_orgnr(text)


def help_number() -> str:
    """The first number from 80000000000 that passes both checks."""
    return next(number for number in map(str, range(80_000_000_000, 80_000_001_000)) if person.kind(number))
