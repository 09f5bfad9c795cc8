"""The examples beside the adapters: finds them, runs them, writes them down. conftest.py loads this for its option `--accept`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.domain.adapter import Adapter
from shared.domain.event import Document, Person
from shared.errors import PayloadError
from shared.flow.translate import Context, Outgoing, Translation, translate

DEVICES = Path(__file__).parent.parent / "adapters" / "devices"
EXPECTED = ".expected.json"
CITIZEN = Person("urn:oid:2.16.578.1.12.4.1.4.1", "14834812097", "Stille Fjellbekk")
CONTEXT = Context(
    receipt="example",
    received_at=datetime(2026, 11, 20, 7, 15, tzinfo=UTC),
    tenant_name="Eksempel kommune",
    source="Eksempelsystem",
    person_at=lambda _device, _at: CITIZEN,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write what the adapters make of their examples as what is expected of them")


@dataclass(frozen=True, slots=True)
class Example:
    """A payload beside its adapter."""

    adapter: Adapter
    file: Path

    @property
    def expected(self) -> Path:
        return self.file.with_name(self.file.stem + EXPECTED)

    def __str__(self) -> str:
        return f"{self.adapter.name}/{self.file.stem}"


def folders() -> list[Path]:
    return sorted(file.parent for file in DEVICES.glob("*/adapter.py"))


def adapter(folder: Path) -> Adapter:
    found = import_module(f"adapters.devices.{folder.name}.adapter").ADAPTER
    assert isinstance(found, Adapter)
    return found


def examples(folder: Path) -> list[Example]:
    found = adapter(folder)
    return [Example(found, file) for file in sorted((folder / "examples").glob("*")) if not file.name.endswith(EXPECTED)]


def everything() -> list[Example]:
    return [example for folder in folders() for example in examples(folder)]


def outcome(example: Example) -> dict[str, Any]:
    """What becomes of a payload, as it is written into its expected file."""
    body = example.file.read_bytes()
    try:
        items = example.adapter.split(body)
    except PayloadError as error:
        return {"refused": {"field": error.field, "reason": error.reason, "remedy": error.remedy}}
    done = translation(example.adapter, body)
    return {
        "lane": example.adapter.lane(items).value,
        "message_id": example.adapter.message_id(items),
        "problems": [{"item": problem.item, "reason": problem.reason, "remedy": problem.remedy} for problem in done.problems],
        "documents": [_written(document) for document in done.documents],
    }


def translation(adapter: Adapter, body: bytes) -> Translation:
    return translate(adapter, body, CONTEXT)


def render(outcome: dict[str, Any]) -> bytes:
    """Readable, and with every digit that a decimal has."""
    return orjson.dumps(outcome, default=_digits, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def values(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value of a JSON tree with its path, the root last."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inside:
        yield from values(value, (*path, key))
    yield path, tree


def replaced(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The tree with another value at one place."""
    if not path:
        return value
    copy: Any = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = replaced(tree[path[0]], path[1:], value)
    return copy


def _written(document: Outgoing) -> dict[str, Any]:
    written = {"resource": document.resource, "document": json.loads(document.body, parse_float=Decimal)}
    if isinstance(what := document.event.what, Document):
        written |= {"repairs": list(what.repairs), "warnings": list(what.warnings)}
    return written


def _digits(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)
