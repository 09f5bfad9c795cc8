"""Scenarios side by side: each says what it found, and no process of one goes on after the others broke off."""

import subprocess
import sys
import time

import pytest

from local.prepare import ROOT

STORY = """
import os, time
from local.faults.beside import beside
from local.faults.judge import Row

def play(name):
    if name == "dies":
        os._exit(3)
    if name == "breaks off":
        raise KeyboardInterrupt
    time.sleep({"slow": 60}.get(name, 0))
    return Row(name, sent=os.getpid())

rows = beside(%r, play)
print([(name, row.scenario, row.sent == os.getpid()) for name, row in rows.items()])
"""


def told(*lots: list[str]) -> subprocess.CompletedProcess[str]:
    """In a process of its own, which may fork: that of the tests has threads."""
    return subprocess.run([sys.executable, "-c", STORY % (lots,)], cwd=ROOT, capture_output=True, text=True, check=False)


def test_each_lot_is_played_in_its_process_and_the_last_in_ours() -> None:
    rows = [("c", "c", True), ("a", "a", False), ("b", "b", False)]
    assert told(["a"], ["b"], ["c"]).stdout.strip() == str(rows)


def test_a_process_that_died_is_told_with_what_it_played() -> None:
    assert "the process that played a, dies died" in told(["a", "dies"], ["c"]).stderr


@pytest.mark.parametrize("ours", ["breaks off", "dies"])
def test_who_breaks_off_leaves_nobody_behind(ours: str) -> None:
    """The other one holds our end of the pipe until it ends."""
    began = time.monotonic()
    assert told(["slow"], [ours]).returncode != 0
    assert time.monotonic() - began < 30
