"""202 means it will not be lost, and once in the journal: `./hub faults --quick` as it stands, and an alarm after a kill in production."""

import json
import subprocess
import sys
from typing import Any

import pytest

from local.faults.__main__ import SCENARIOS
from local.faults.ground import ground
from local.faults.judge import COUNTS, FAULTS, Row
from local.faults.kill import alarm_after_kill
from local.prepare import ROOT

Told = dict[str, Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Row, float]:
    """What the command says, and its exit code; and meanwhile an alarm after a kill with the settings of production."""
    logs = tmp_path_factory.mktemp("faults")
    said = logs / "said.json"
    command = [sys.executable, "-m", "local.faults", "--quick", "--json", "--logs", str(logs)]
    with (
        said.open("wb") as out,
        (logs / "stderr").open("wb") as err,
        subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err) as process,
    ):
        with ground(tmp_path_factory.mktemp("kill")) as where:
            row, first_after = alarm_after_kill(where, "forward: alarm's line taken, nothing sent")
        code = process.wait()
    assert said.stat().st_size, (logs / "stderr").read_text()
    return {**json.loads(said.read_text()), "code": code}, row, first_after


@pytest.fixture
def told(runs: tuple[Told, Row, float]) -> Told:
    return runs[0]


def row_of(told: Told, scenario: str) -> Told:
    [row] = [row for row in told["rows"] if row["scenario"] == scenario]
    return dict(row)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_is_lost_doubled_mixed_up_or_stuck(told: Told, scenario: str) -> None:
    row = row_of(told, scenario)
    assert {name: row[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0), row["figures"]
    assert row["sent"] == row["delivered"] > 0


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_step_was_reached_and_every_fault_struck(told: Told, scenario: str) -> None:
    assert row_of(told, scenario)["unreached"] == []


def test_the_command_ends_well_and_its_total_has_the_agreed_counts(told: Told) -> None:
    assert (told["code"], tuple(told["total"])) == (0, COUNTS)


@pytest.mark.parametrize("figure", ["calls", "messages"])
def test_an_outage_costs_the_same_however_many_wait(told: Told, figure: str) -> None:
    few, many = row_of(told, "outage")["figures"][figure].values()
    assert many <= 1.2 * few


def test_no_message_of_an_outage_is_poison(told: Told) -> None:
    assert set(row_of(told, "outage")["figures"]["poison"].values()) == {0}


def test_what_a_journal_refuses_stands_parked_before_its_sender(told: Told) -> None:
    figures = row_of(told, "journals")["figures"]
    assert figures["refused_and_parked"] == 3 * figures["refusing"] > 0


def test_an_alarm_is_on_its_way_again_within_a_minute_of_a_kill(runs: tuple[Told, Row, float]) -> None:
    """After the step at which a queue message stays hidden for ten minutes."""
    _, row, first_after = runs
    assert row.clean and row.delivered == row.sent > 0
    assert first_after < 60
