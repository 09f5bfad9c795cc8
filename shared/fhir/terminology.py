"""The code tables (`codes/*.json`), the national ones and what stands beside them in the traffic (vkp.md 4, 6.2). Read once, on first use.

Codes are text: "1.10" is not 1.1.
"""

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
PLAN = "careplan-category"
OUTCOME = "operation-outcome"
LEGACY = "legacy-dispenser"
SITE = "blood-pressure-site"
METHOD = "blood-pressure-method"


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


def parent(table: str, code: str) -> str | None:
    """What a code stands under, by its dots: "5.2" of "5.2.1", "1" of "1.10"; None at the top. Of an unknown code too: "1.99" is a 1."""
    above = code.rpartition(".")[0]
    return above if known(table, above) else parent(table, above) if above else None


@cache
def measurements() -> dict[str, dict[str, Any]]:
    """Quantity, and whatever else home follow-up measures (vkp.md 6.2) -> its display and codings.

    Where there are such: `ucum`, its units, the usual one first; `of`, the whole that it is a part of; `profile` and `category`, of VKP-R4;
    `guide`, its profile in the newer guide for home follow-up.
    """
    rows: dict[str, dict[str, Any]] = _read("measurements")["measurements"]
    return rows


@cache
def legacy(code: str) -> tuple[str, str] | None:
    """Table and code that say what a code of the old dispenser list (STU3, 0-27) said; None for a test, and for what is not in the list."""
    to = next((concept["to"] for concept in _read(LEGACY)["concepts"] if concept["code"] == code), None)
    return (to["table"], to["code"]) if to else None


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Every table by name, as it lies in codes/: `version`, `source`, and `system` with `concepts`, or `measurements`.

    `content` "fragment": not all of its system. `note`: our own words. To be read only.
    """
    return {file.stem: _read(file.stem) for file in sorted(CODES.glob("*.json"))}


@cache
def _read(name: str) -> dict[str, Any]:
    table: dict[str, Any] = orjson.loads((CODES / f"{name}.json").read_bytes())
    return table
