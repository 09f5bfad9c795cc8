"""The national code tables (`codes/*.json`), read once and on first use. Codes are text: "1.10" is not 1.1."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson

CODES = Path(__file__).parent / "codes"

ALERT = "alert-code"
DISPENSE = "medicationdispense-events"
MODE = "encounter-mode"
REASON = "encounter-reason"
CATEGORY = "composition-category"
STEP = "composition-event"
SECTION = "composition-section"
OUTCOME = "operation-outcome"


def system(table: str) -> str:
    """The canonical URL of a national code system."""
    return f"http://ehelse.no/fhir/CodeSystem/vkp-{table}-v090"


@cache
def displays(table: str) -> dict[str, str]:
    """code -> display, as published."""
    return {concept["code"]: concept["display"] for concept in _read(table)["concepts"]}


def known(table: str, code: str) -> bool:
    return code in displays(table)


def display(table: str, code: str) -> str:
    """The published display; empty for a code that the table does not have."""
    return displays(table).get(code, "")


def coding(table: str, code: str) -> dict[str, str]:
    """A Coding. A code that is not published goes without display: an alarm is not lost for a code."""
    made = {"system": system(table), "code": code, "display": display(table, code)}
    return {key: value for key, value in made.items() if value}


@cache
def measurements() -> dict[str, dict[str, Any]]:
    """Quantity (and `blood_pressure`, the panel) -> its codings, profile and category."""
    return _read("measurements")


def _read(name: str) -> dict[str, Any]:
    table: dict[str, Any] = orjson.loads((CODES / f"{name}.json").read_bytes())
    return table
