"""`./hub faults --only journals` plays every row of the contract's table of answers, and a fault that did not strike is told."""

from collections.abc import Iterable

import pytest

from local.faults import journals
from local.faults.doors import ANSWERS
from local.faults.journals import FAILING, LATER, NEVER
from local.faults.judge import Row
from tests.test_forward import rows_after

OTHERS = ("slow", "forgets its keys")  # no answer of the table: how they come to it
PLAYED = {  # what stands in the first cell of a row -> the journals that answer so
    "`2xx` with a web page: a body that begins with `<html` or `<!doctype`": {"a web page"},
    "`2xx` with a body that is an `OperationOutcome` with an issue of severity `error` or `fatal`": {"200 that means no"},
    "any other `2xx`, whatever the body, or none": {*ANSWERS},
    "`3xx`, `401`, `403`, `407`": {f"about us or the address: {status}" for status in (301, 302, 303, 307, 308, 401, 403, 407)},
    "`408`, `425`, `429`": {"fail 408", "fail 425", "fail 429", "store, then 408", "store, then 429"},
    "`409`": {"store, then 409"},
    "any other `4xx`: `400`, `404`, `405`, `410`, `413`, `415`, `422` ...": {
        f"refuse {status}" for status in (400, 404, 405, 410, 413, 415, 422)
    }
    | {"refuse 412", "refuse 451"},
    "any `5xx`: `500`, `502`, `503`, `504` ...": {f"fail {status}" for status in (500, 501, 502, 503, 504, 507, 599)}
    | {"store, then 500", "store, then 503", "503, come back in 1 s", "a huge answer"},
    "no complete answer: name not found, connection refused, cut or reset, TLS failure, not HTTP, 10 seconds over": {
        *("name not found", "connection refused", "cut", "store, then cut", "reset", "half an answer", "TLS failure", "not HTTP"),
        *("half open", "dripping", "stall, then store", "store, then stall", "store, then drip"),
    },
}


def table() -> Iterable[tuple[str, str]]:
    return [(answer, verdict) for answer, verdict in rows_after("2.5 The verdict")]


def test_every_row_of_the_contracts_table_is_played_and_nothing_else() -> None:
    assert [answer for answer, _ in table()] == [*PLAYED]
    assert set().union(*PLAYED.values()) == {*FAILING, *NEVER} - {*OTHERS}


@pytest.mark.parametrize(("answer", "verdict"), table())
def test_a_journal_that_answers_so_is_expected_to_do_what_the_row_says(answer: str, verdict: str) -> None:
    assert PLAYED[answer] <= {*(NEVER if verdict.startswith("Refused") else FAILING)}


def test_a_scenario_whose_fault_did_not_strike_is_no_proof() -> None:
    row = Row("journals", sent=1, delivered=1)
    row.expect("struck", True)
    assert row.clean
    row.expect("not struck", 0)
    assert not row.clean and row.unreached == ["not struck"]


def test_all_that_is_to_strike_differs() -> None:
    assert len(FAILING) == len({*FAILING}) == len(LATER) + len(journals.BEHIND_DOORS) + len(journals.CUT_OFF)
