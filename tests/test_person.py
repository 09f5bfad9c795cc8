"""Person and organisation numbers."""

import pytest

from shared.domain import organisation, person
from shared.domain.person import Kind

FNR, DNR, FHN = person.SYSTEMS.values()
HNR = "HNR"
ALIASES = {name: f"http://hl7.no/fhir/NamingSystem/{name}" for name in ("FNR", "DNR", "FHNR", "HPR")}


@pytest.mark.parametrize(
    "number",
    ["14834812097", "01815050130", "29826050002", "31929950081", "13717404089", "01415050077", "28670050078"],
)
def test_invented_numbers_are_valid_and_known_as_invented(number: str) -> None:
    assert (person.kind(number), person.synthetic(number)) == (Kind.FNR, True)


@pytest.mark.parametrize("number", ["30108299920", "30108299939", "02013299997", "14834812003", "14834812011"])
def test_the_first_check_digit_of_2032_is_accepted_beside_today_s(number: str) -> None:
    assert person.kind(number) is Kind.FNR


PUBLISHED = {  # vkp.md 5.2: what the first check of the same person's numbers leaves
    0: ("30108299920", "02013299997", "70108299914", "14834812097"),
    1: ("30108299939", "70108299922"),
    2: ("14834812003", "30108299947"),
    3: ("14834812011", "30108299955"),
}


@pytest.mark.parametrize(("rest", "number"), [(rest, number) for rest, numbers in PUBLISHED.items() for number in numbers])
def test_the_first_check_may_leave_nought_to_three(rest: int, number: str) -> None:
    weighed = sum(int(digit) * weight for digit, weight in zip(number, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1), strict=False))
    assert weighed % 11 == rest and person.kind(number) is not None


@pytest.mark.parametrize("day", ["143480120", "140380120", "146880120", "548348120"])
def test_no_other_rest_of_the_first_check_and_none_of_the_second_will_do(day: str) -> None:
    valid = [number for number in (f"{day}{check:02}" for check in range(100)) if person.kind(number)]
    assert len(valid) <= 4 and len({number[9] for number in valid}) == len(valid)


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


@pytest.mark.parametrize("alias", ["FNR", "DNR", "FHNR"])
def test_a_naming_system_means_the_same_as_its_oid(alias: str) -> None:
    oid = {"FNR": FNR, "DNR": DNR, "FHNR": FHN}[alias]
    for number in ("14834812097", "41815050043", help_number(), "1"):
        assert person.mistake(ALIASES[alias], number) == person.mistake(oid, number)


@pytest.mark.parametrize("number", ["01415050077", "28420050021", "81234567890", "90000000000"])
def test_a_hospital_s_number_has_forty_in_its_month_or_the_older_first_digit(number: str) -> None:
    assert person.mistake(HNR, number) is None


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("01415050078", "is no valid H-nummer"),
        ("8123456789", "is no valid H-nummer"),
        ("8123456789٠", "is no valid H-nummer"),
        ("", "is no valid H-nummer"),
        ("14834812097", "is under the system of a H-nummer, but is a fødselsnummer"),
        ("41815050043", "is under the system of a H-nummer, but is a D-nummer"),
    ],
)
def test_what_is_no_hospital_s_number_is_told_under_its_system(number: str, words: str) -> None:
    assert person.mistake(HNR, number) == words


def test_a_journal_s_own_number_is_not_judged() -> None:
    assert person.mistake("https://journal.example/lopenummer", "1302") is None


def test_a_person_has_the_system_of_the_number() -> None:
    found = person.person("14834812097", "Stille Fjellbekk")
    assert found and (found.system, found.display) == (FNR, "Stille Fjellbekk")


INVENTED = {  # as they come from Tenor (+80), NHN (+65) and Dolly (+40), D-numbers too
    FNR: ("14834812097", "14834812011", "11845599620", "13717404089", "01665050013", "01415050077", "14684812085"),
    DNR: ("41815050043", "69826050187", "54674812054", "54674812089"),
}
REAL = {FNR: ("30108299920", "30108299939", "02013299997", "13116900216"), DNR: ("70108299914", "70108299949")}  # vkp.md 5.2: published


@pytest.mark.parametrize(("system", "number"), [(system, number) for system, numbers in INVENTED.items() for number in numbers])
def test_production_does_not_take_an_invented_person(system: str, number: str) -> None:
    refused = [bool(person.guard(environment, system, number)) for environment in person.GUARDS]
    assert (person.mistake(system, number), refused) == (None, [True, False, False])


@pytest.mark.parametrize(("system", "number"), [(system, number) for system, numbers in REAL.items() for number in numbers])
def test_test_does_not_take_a_real_person(system: str, number: str) -> None:
    refused = [bool(person.guard(environment, system, number)) for environment in person.GUARDS]
    assert (person.mistake(system, number), refused) == (None, [False, True, False])


@pytest.mark.parametrize("number", ["14834812097", "13116900216"])
def test_the_guard_goes_by_the_number_whichever_way_its_system_is_spelled(number: str) -> None:
    for environment in person.GUARDS:
        told = {bool(person.guard(environment, system, number)) for system in (FNR, DNR, FHN, ALIASES["FNR"], ALIASES["DNR"])}
        assert len(told) == 1


@pytest.mark.parametrize("environment", person.GUARDS)
@pytest.mark.parametrize(
    ("system", "number"),
    [
        (HNR, "01415050077"),
        (HNR, "14834812097"),
        (FHN, "80000000098"),
        (FNR, "80000000098"),
        (FNR, "14834812098"),
        (FNR, ""),
        (FNR, "13116900217"),
        ("http://cosdoc.dips.no/lopenummer", "14834812097"),
        ("http://cosdoc.dips.no/lopenummer", "13116900216"),
        ("", "1302"),
    ],
)
def test_what_cannot_be_told_or_is_no_national_number_is_taken_everywhere(environment: str, system: str, number: str) -> None:
    assert person.guard(environment, system, number) is None


@pytest.mark.parametrize(
    "system", ["", " ", "2.16.578.1.12.4.1.4.1", "URN:OID:2.16.578.1.12.4.1.4.1", "https://hl7.no/fhir/NamingSystem/FNR", f" {FNR} "]
)
@pytest.mark.parametrize(
    "number", ["13116900216", "131169\u2013 00216", "131169\u200b00216", "131169 00216", " 13116900216", "131169-00216"]
)
def test_a_number_is_known_however_it_and_its_system_are_spelt(system: str, number: str) -> None:
    assert person.guard("test", system, number) and person.guard("production", system, number) is None


def test_the_published_system_stands_for_every_spelling_and_no_other_is_touched() -> None:
    assert person.canonical(" URN:OID:2.16.578.1.12.4.1.4.2 ") == person.SYSTEMS[Kind.DNR]
    assert person.canonical("", "14834812097") == FNR and person.canonical("", "1302") == ""
    assert person.canonical("http://cosdoc.dips.no/lopenummer", "14834812097") == "http://cosdoc.dips.no/lopenummer"


def test_a_guard_that_there_is_not_lets_nobody_in() -> None:
    with pytest.raises(ValueError, match="GUARDS"):
        person.guard("prod", FNR, "14834812097")


def test_the_guard_names_no_number() -> None:
    told = f"{person.guard('production', FNR, '14834812097')} {person.guard('test', FNR, '13116900216')}"
    assert not any(sign.isdigit() for sign in told) and "None" not in told


ORGNR, HELSEID = "urn:oid:2.16.578.1.12.4.1.4.101", "urn:oid:2.16.578.1.12.4.1.2.101"
RESH, HER, HPR = "urn:oid:2.16.578.1.12.4.1.4.102", "urn:oid:2.16.578.1.12.4.1.2", "urn:oid:2.16.578.1.12.4.1.4.4"


@pytest.mark.parametrize(
    ("system", "value"),
    [
        *((system, value) for system in (ORGNR, HELSEID) for value in ("310123455", "314159265", "888134574")),
        *((system, value) for system in (HPR, ALIASES["HPR"]) for value in ("1234567", "12345678", "123456789")),
        (HER, "1"),
        (HER, "8142025"),
        (RESH, "4208723"),
        ("https://journal.example/avdeling", "Sone øst"),
    ],
)
def test_an_organisation_s_or_its_people_s_number_is_looked_at_for_its_shape_alone(system: str, value: str) -> None:
    assert organisation.mistake(system, value) is None


@pytest.mark.parametrize(
    ("system", "value"),
    [
        *(
            (system, value)
            for system in (ORGNR, HELSEID)
            for value in ("31012345", "3101234555", "٣١٠١٢٣٤٥٥", "310123455\n", "310 123 455", "")
        ),
        *((system, value) for system in (HPR, ALIASES["HPR"]) for value in ("123456", "1234567890", "١٢٣٤٥٦٧", "HPR1234567", "")),
        *((system, value) for system in (HER, RESH) for value in ("", "her", "1 2", "-1", "12345678901", "١")),
    ],
)
def test_what_does_not_have_the_shape_is_told_by_its_kind_and_not_repeated(system: str, value: str) -> None:
    told = organisation.mistake(system, value)
    assert told and "expected" in told and (not value or value not in told)


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


@pytest.mark.parametrize(
    "text",
    [
        "14834812097",
        "gjelder 14834-81209-7",
        "gjelder 148348 12097",
        "ring 148 348 120 97 om dette",
        "født 14.03.48",
        "1483\u20114812\u2013097",
        "\uff11\uff14\uff18\uff13\uff14\uff18",
        "\u0661\u0664\u0668\u0663\u0664\u0668",
    ],
)
def test_six_digits_in_a_row_are_found_however_they_are_written(text: str) -> None:
    assert person.numbered(text)


@pytest.mark.parametrize("text", ["journalen svarer igjen", "5 av 12345 meldinger", "kl. 10:30, 14 meldinger", "uke 48-49, 12 porter"])
def test_fewer_digits_are_nobodys(text: str) -> None:
    assert not person.numbered(text)
