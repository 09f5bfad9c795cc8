"""Who may what: the truth table of the access rules, each row as a second statement of the rules has it."""

import re
from collections import Counter
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.permission import No, codes_of, covered, matches, refused
from shared.access.rows import Auth, Sender, Service, Tenant
from shared.errors import PayloadError

# ---- The truth table: sender x municipality x resource x scope x service code x active


class Case(NamedTuple):
    """A row, in words. `register` and `scope`: what each grants of the action."""

    action: str
    sender: str
    municipality: str
    register: str
    scope: str
    claimed: tuple[str, ...]
    active: tuple[str, ...]


ACTIONS = ("patient.read", "careplan.read", "composition.read", "composition.write", "bundle.write", "medicationdispense.write")
GRANTS = ("this", "all of it", "the other way", "another", "nothing")
CLAIMS = ((), ("ta",), ("TA",), ("gps", "ta"), ("gps",), ("md",), ("ta", "md"), ("dho",), ("ta", "dho"), ("md", "dho"), ("rt",))
ACTIVE = ((), ("6",), ("16",), ("2.2.3",), ("9", "6.1"))
TABLE = [Case(*row) for row in product(ACTIONS, ("unknown", "stopped", "open"), ("stopped", "open"), GRANTS, GRANTS, CLAIMS, ACTIVE)]


def tenant(active: bool = True) -> Tenant:
    """Trygghetsalarm and localisation have services in the journal; the sender may claim md too, which has none, and not dho, nor rt."""
    services = (Service("ta", ("6", "6.%")), Service("gps", ("26", "%.2.3")), Service("dho", ("9",)))
    return Tenant("310123455", "Eksempel kommune", active, 72, (), (), (), (), services=services)


def sender(resources: tuple[str, ...] = (), active: bool = True) -> Sender:
    auth = Auth("token", "", "Skyen_Respons_Eksempel", ())
    return Sender("response-centre", "310123455", "Responssenter", ("fhir",), auth, active, resources, ("ta", "gps", "md"))


def granted(action: str, how: str) -> tuple[str, ...]:
    resource, verb = action.split(".")
    return {
        "this": ("encounter.write", action),
        "all of it": (f"{resource}.*",),
        "the other way": (f"{resource}.{'write' if verb == 'read' else 'read'}",),
        "another": (f"condition.{verb}", "encounter.*", "*", f"*.{verb}", resource),
        "nothing": (),
    }[how]


def refusal(case: Case) -> No | None:
    who = None if case.sender == "unknown" else sender(granted(case.action, case.register), case.sender == "open")
    return refused(tenant(case.municipality == "open"), who, case.action, granted(case.action, case.scope), case.claimed)


def decided(case: Case) -> str:
    """The code that the hub refuses with; "" if it answers."""
    if no := refusal(case):
        return no.code
    return "1.3" if case.action.endswith(".read") and not covered(tenant(), case.claimed, case.active) else ""


NAMED = {"ta": "TA", "TA": "TA", "gps": "GPS", "md": "MD", "dho": "DHO", "rt": "RT"}
OURS = {"TA", "GPS", "MD"}  # what the municipality lets the sender claim
JOURNAL = {("TA", "6"), ("TA", "6.1"), ("GPS", "2.2.3"), ("DHO", "9")}  # which need lets one see whom; MD stands for nothing here


def ruled(case: Case) -> str:
    """The same, told anew from vkp.md 1.6-1.8: sets of what is wrong, of which the first in the order of the gates is said."""
    looks_up, claims = case.action in ("patient.read", "careplan.read", "composition.read"), {NAMED[word] for word in case.claimed}
    met = JOURNAL & set(product(claims, case.active))
    wrong = {
        1: ("1.2", case.sender == "unknown"),
        2: ("1.1", {case.sender, case.municipality} != {"open"}),
        3: ("1.2", case.register in {"the other way", "another", "nothing"}),
        4: ("1.4", case.scope in {"the other way", "another", "nothing"}),
        5: ("1.3", looks_up and claims == set()),
        6: ("1.2", looks_up and bool(claims - OURS)),
        7: ("1.3", looks_up and "MD" in claims),
        8: ("1.3", looks_up and met == set()),
    }
    return next((code for _, (code, holds) in sorted(wrong.items()) if holds), "")


@pytest.mark.parametrize("action", ACTIONS)
def test_every_row_of_the_truth_table_is_as_the_rules_say(action: str) -> None:
    assert [(case, decided(case), ruled(case)) for case in TABLE if case.action == action and decided(case) != ruled(case)] == []


def test_the_truth_table_has_every_verdict_many_times() -> None:
    counts = Counter(map(decided, TABLE))
    assert set(counts) == {"", "1.1", "1.2", "1.3", "1.4"} and min(counts.values()) > 100 and len(TABLE) > 40_000


# ---- What is refused


def test_writes_are_not_asked_for_service_codes() -> None:
    assert refused(tenant(), sender(("bundle.write",)), "bundle.write", ["bundle.write"], ["dho"]) is None


def test_what_is_no_write_needs_a_service_code() -> None:
    no = refused(tenant(), sender(("patient.*",)), "patient.history", ["patient.*"], [])
    assert no and no.code == "1.3" and "ServiceCodes" in no.remedy


@pytest.mark.parametrize("granted", ["*", "*.read", "patient", "patient.", "Patient.read", "patient.readwrite", "pat.*", "", ".read"])
def test_what_only_looks_like_a_grant_grants_nothing(granted: str) -> None:
    no = refused(tenant(), sender(("patient.read",)), "patient.read", [granted], ["ta"])
    assert no and no.code == "1.4"


def test_every_refusal_says_why_and_what_to_do() -> None:
    assert [no for no in set(map(refusal, TABLE)) if no and not (no.reason and no.remedy)] == []


def test_a_claim_that_is_refused_is_not_repeated() -> None:
    no = refused(tenant(), sender(("patient.read",)), "patient.read", ["patient.read"], ["14834812097"])
    assert no and no.code == "1.2" and "14834812097" not in f"{no}"


def test_a_code_without_a_service_here_is_named() -> None:
    no = refused(tenant(), sender(("patient.read",)), "patient.read", ["patient.read"], ["ta", "MD"])
    assert no and no.code == "1.3" and "md" in no.reason


# ---- Which services count


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("6", "6"),
        ("6.%", "6."),
        ("6.%", "6.1"),
        ("%.2.3", ".2.3"),
        ("%.2.3", "A.2.3"),
        ("%", ""),
        ("%", "anything at all\nand more"),
        ("%%", "x"),
        ("a%b%c", "abbc"),
        ("a%b%c", "abc"),
        ("%ab%ab%", "abab"),
        ("gps", "GPS"),
        ("Hjemmesykepleie", "HJEMMESYKEPLEIE"),
        ("ØV%", "øvrig"),
        ("a.c", "a.c"),
        ("[a-z]*", "[A-Z]*"),
    ],
)
def test_a_pattern_takes_the_whole_code_in_any_case(pattern: str, code: str) -> None:
    assert matches(pattern, code)


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("6", "66"),
        ("6", "16"),
        ("6", "6 "),
        ("6", ""),
        ("", "6"),
        ("6.%", "6"),
        ("%.2.3", "2.3"),
        ("%.2.3", "1.2.3.4"),
        ("a%a", "a"),
        ("ab%ba", "aba"),
        ("a%b%b", "ab"),
        ("a.c", "abc"),
        ("a_c", "abc"),
        ("a*", "abc"),
        ("%ab%ab%", "aba"),
    ],
)
def test_all_but_the_percent_sign_is_meant_as_it_stands(pattern: str, code: str) -> None:
    assert not matches(pattern, code)


@given(st.text("aAb.%", max_size=8), st.text("aAb.", max_size=10))
def test_a_pattern_means_the_same_as_a_regular_expression_would(pattern: str, code: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("%")))
    assert matches(pattern, code) == bool(re.fullmatch(expression, code, re.IGNORECASE | re.DOTALL))


@pytest.mark.parametrize(("end", "met"), [("a", True), ("b", False)])
def test_a_hundred_percent_signs_take_no_time(end: str, met: bool) -> None:
    assert matches("%a" * 100, "a" * 20_000 + end) is met


def test_a_service_of_a_code_that_is_not_claimed_does_not_count() -> None:
    assert not covered(tenant(), ["gps"], ["6"])


def test_a_code_without_services_covers_nobody() -> None:
    assert not covered(tenant(), ["md"], ["6", "26", "27"])


def test_one_active_service_is_enough() -> None:
    assert covered(tenant(), ["GPS", "ta"], ["1", "2", "6.1"])


# ---- The header


@pytest.mark.parametrize(
    ("header", "codes"),
    [
        (None, ()),
        ("", ()),
        (" , ,", ()),
        ("ta", ("ta",)),
        ("ta,gps", ("ta", "gps")),
        (" TA ,\tGps ", ("ta", "gps")),
        ("ta, TA,ta", ("ta",)),
        ("ta,,gps,", ("ta", "gps")),
        ("a_b-1", ("a_b-1",)),
        ("x" * 20, ("x" * 20,)),
        (",".join(f"c{number}" for number in range(20)), tuple(f"c{number}" for number in range(20))),
        (",".join(["ta"] * 500), ("ta",)),
    ],
)
def test_claimed_codes_are_read_as_clients_write_them(header: str | None, codes: tuple[str, ...]) -> None:
    assert codes_of(header) == codes


MALFORMED = ["ta gps", "ta;gps", "tå", "ta\n", "ta\x00", "ta\xa0", "\u212ata", "x" * 21, "%", "*", "ta,<b>", '"ta"', "٦", "ta\r\nX: 1"]


@pytest.mark.parametrize("header", [*MALFORMED, ",".join(f"c{number}" for number in range(21))])
def test_a_malformed_header_is_told_by_its_name_and_not_repeated(header: str) -> None:
    with pytest.raises(PayloadError) as error:
        codes_of(header)
    assert (error.value.field, bool(error.value.remedy)) == ("ServiceCodes", True)
    assert header not in f"{error.value} {error.value.remedy}"
