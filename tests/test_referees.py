"""The list of what the referees say and a person has judged. The referees themselves are asked by hand: python -m local.referees."""

import pytest

from local.referees.__main__ import REFEREES
from local.referees.known import Known, rows, unknown

PLAIN = [  # sayings that nobody has judged, and no row may swallow
    "Patient.birthDate: datatype.invalid: Patient.birthDate must be date",
    "Observation.status: Missing required property",
    "Observation.category: Incorrect number of values provided for slice 'VSCat': expected 1..1, but found 0",
    "Observation.component: Incorrect number of values provided for slice 'SystolicBP': expected 1..1, but found 2",
    "Encounter.period: profile.cardinality.max: Profile allows at most 1 value(s) for Encounter.period",
    "$.entry[0].resource.section[0].text: a required element is missing: status",
    "$.status: expected one of the codes of R4",
]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.referee}-{row.matches[:24]}")
def test_a_row_names_who_says_it_matches_its_saying_and_gives_a_reason(row: Known) -> None:
    assert row.referee in (*REFEREES, "ours")
    assert row.is_of(row.referee, row.says)
    assert len(row.reason) > 40 and row.reason.endswith(".")
    assert [other for other in rows() if other.is_of(row.referee, row.says)] == [row]
    assert unknown(rows(), row.referee, PLAIN) == PLAIN
