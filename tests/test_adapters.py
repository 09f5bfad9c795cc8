"""What every adapter under adapters/devices must be, whoever wrote it. A new folder is found, and held to this, by itself."""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

from shared.domain.adapter import Adapter
from shared.domain.event import Document
from shared.domain.message import Lane
from shared.errors import PayloadError
from shared.fhir.check import check
from tests.examples_plugin import EXPECTED, Example, adapter, examples, folders, outcome, render, replaced, translation, values

FOLDERS = pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
HEADINGS = ["What it is", "How it signs", "What we accept", "What we refuse", "Codes", "Time and units", "Known quirks", "Source"]
PREFIXES = {"refused": "refused-", "set aside": "set-aside-"}  # a name says what its example shows

SECRET = "Hemmelig Havbris 31929950081"  # where this is put, nobody may read it again in a reason or a remedy
ODD: tuple[Any, ...] = (
    SECRET,
    "",
    None,
    True,
    -1,
    0,
    10**15,
    1.5,
    [],
    {},
    [SECRET],
    {SECRET: SECRET},
    "x" * 5000,
    "\x07",
    "1970-01-01T00:00:00Z",
)
Change = Callable[[], bytes]  # makes a spoilt payload when its turn comes


# ---------------------------------------------------------------- the folder


@FOLDERS
def test_the_readme_has_its_headings_in_order(folder: Path) -> None:
    assert re.findall(r"^## (.+)$", (folder / "README.md").read_text(), re.MULTILINE) == HEADINGS


@FOLDERS
def test_the_adapter_is_named_for_its_folder_and_fits_a_few_screens(folder: Path) -> None:
    assert adapter(folder).name == folder.name
    assert len((folder / "adapter.py").read_text().splitlines()) <= 150


@FOLDERS
def test_every_example_has_its_expected_file_and_none_stands_alone(folder: Path) -> None:
    wanted = {example.expected.name for example in examples(folder)}
    assert {file.name for file in (folder / "examples").glob(f"*{EXPECTED}")} == wanted


@FOLDERS
def test_there_are_at_least_eight_examples_accepted_refused_and_set_aside_and_their_names_say_which(folder: Path) -> None:
    said = {example.file.name: _fate(outcome(example)) for example in examples(folder)}
    assert len(said) >= 8
    assert set(said.values()) == {"accepted", "refused", "set aside"}
    assert {name: fate for name, fate in said.items() if not name.startswith(PREFIXES.get(fate, ""))} == {}
    assert [name for name, fate in said.items() if fate == "accepted" and name.startswith(tuple(PREFIXES.values()))] == []


@FOLDERS
def test_every_row_of_every_table_is_used_by_an_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are replaced by ones that remember which of their rows were read."""
    module = import_module(f"adapters.devices.{folder.name}.adapter")
    tables = {name: Watched(getattr(module, name)) for name in _tables(module)}
    for name, table in tables.items():
        monkeypatch.setattr(module, name, table)
    for example in examples(folder):
        outcome(example)
    assert {name: unread for name, table in tables.items() if (unread := table.unread())} == {}


# ---------------------------------------------------------------- what it does


@FOLDERS
def test_the_same_payload_gives_the_same_events(folder: Path) -> None:
    for example in examples(folder):
        assert render(outcome(example)) == render(outcome(example)), example


@FOLDERS
def test_every_refusal_names_a_field(folder: Path) -> None:
    for example in examples(folder):
        told = outcome(example)
        reasons = [told["refused"]["reason"]] if "refused" in told else [problem["reason"] for problem in told["problems"]]
        assert all(re.match(r"\$[\w.\[\]-]*: \S", reason) for reason in reasons), example


@FOLDERS
def test_no_refusal_quotes_a_value(folder: Path) -> None:
    for example in examples(folder):
        told = outcome(example)
        said = str(told.get("refused", told.get("problems")))
        assert [value for value in _personal(example.file.read_bytes()) if value in said] == [], example


@FOLDERS
def test_an_id_does_not_hang_on_white_space(folder: Path) -> None:
    for example in examples(folder):
        before, body = _id(example.adapter, example.file.read_bytes()), example.file.read_bytes()
        assert before is None or _id(example.adapter, _spaced(body)) == before, example


@FOLDERS
def test_documents_pass_the_national_profiles(folder: Path) -> None:
    for example in examples(folder):
        _hold(example.adapter, example.file.read_bytes())


# ---------------------------------------------------------------- what it survives


@FOLDERS
def test_a_payload_cut_off_anywhere_is_refused_or_read(folder: Path) -> None:
    _try(folder, (partial(_cut, body, place) for body in _bodies(folder) for place in range(len(body))), budget=30_000)


@FOLDERS
def test_a_flipped_bit_is_refused_or_read(folder: Path) -> None:
    _try(folder, (partial(_flipped, body, place) for body in _bodies(folder) for place in range(len(body))))


@FOLDERS
def test_a_value_of_another_kind_is_refused_or_read_and_never_repeated(folder: Path) -> None:
    _try(folder, (change for body in _bodies(folder) for change in (*_other_values(body), *_other_texts(body))))


@FOLDERS
def test_a_missing_a_foreign_or_a_doubled_key_is_refused_or_read_and_never_repeated(folder: Path) -> None:
    _try(folder, (change for body in _bodies(folder) for change in (*_other_keys(body), *_other_tags(body))))


@FOLDERS
def test_bytes_of_another_format_are_refused(folder: Path) -> None:
    strangers = (b"", b"\x00", b"null", b"[]", b"7", b'"x"', b"{}", b"[" * 9000, b"<a>" * 900, b"\xff\xfe<\x00", b"MSH|^~\\&|", b"a=1&b=2")
    for body in strangers:
        _hold(adapter(folder), body)


# ---------------------------------------------------------------- how that is looked at


class Watched(dict[Any, Any]):
    """A table that remembers which rows were read; a table within it does the same."""

    def __init__(self, table: Mapping[Any, Any]) -> None:
        super().__init__({key: Watched(value) if isinstance(value, dict) else value for key, value in table.items()})
        self.read: set[Any] = set()

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        self.read.add(key)
        return found

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401 -- dict's own get would not be remembered

    def unread(self) -> list[Any]:
        nested = [row for key, table in self.items() if isinstance(table, Watched) for row in ((key, row) for row in table.unread())]
        return [key for key in self if key not in self.read] + nested


def _tables(module: ModuleType) -> list[str]:
    """The dicts in capitals that the adapter itself defines; what it imports is tried where it is defined."""
    assert module.__file__
    top = ast.parse(Path(module.__file__).read_text()).body
    targets: list[ast.expr] = [node.target for node in top if isinstance(node, ast.AnnAssign)]
    targets += [target for node in top if isinstance(node, ast.Assign) for target in node.targets]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if name.isupper() and isinstance(getattr(module, name), dict)]


def _fate(told: dict[str, Any]) -> str:
    if "refused" in told:
        return "refused"
    return "set aside" if told["problems"] else "accepted"


def _id(adapter: Adapter, body: bytes) -> str | None:
    try:
        return adapter.message_id(adapter.split(body))
    except PayloadError:
        return None


def _spaced(body: bytes) -> bytes:
    if body.lstrip()[:1] == b"<":
        return re.sub(rb"(?<=>)(?=<[a-z])", b"\n  ", body)
    return orjson.dumps(json.loads(body), option=orjson.OPT_INDENT_2)


def _personal(body: bytes) -> list[str]:
    """What may say who, where or when: anything with a digit or a space in it. The format's own words may be named."""
    inside = [value for _path, value in values(_json(body)) if isinstance(value, str)]
    inside += [text.decode("iso-8859-1") for text in re.findall(rb">([^<>]+)</", body)]
    return [text for text in inside if len(text) > 5 and re.search(r"[\d ]", text)]


def _bodies(folder: Path) -> list[bytes]:
    return [example.file.read_bytes() for example in examples(folder) if example.file.stat().st_size < 20_000]


def _try(folder: Path, changes: Iterable[Change], budget: int = 4000) -> None:
    """As many of them as the budget allows, spread evenly over all: a second or two on one adapter."""
    found = list(changes)
    for change in found[:: 1 + len(found) // budget]:
        _hold(adapter(folder), change())


def _hold(adapter: Adapter, body: bytes) -> None:
    """Whatever comes in: one of four things, and no secret in what is told about it."""
    try:
        items = adapter.split(body)
    except PayloadError as error:
        return _silent(str(error), error.remedy, error.field)
    assert adapter.lane(items) in Lane
    assert isinstance(adapter.message_id(items), str | None)
    done = translation(adapter, body)
    assert done.items == len(items)
    for problem in done.problems:
        _silent(problem.reason, problem.remedy)
    for document in done.documents:
        if not isinstance(document.event.what, Document):  # a sender's own document goes on with its warnings
            assert [finding for finding in check(orjson.loads(document.body)) if finding.severity == "error"] == []


def _silent(*told: str) -> None:
    assert not any(word in text for text in told for word in SECRET.split())


def _cut(body: bytes, place: int) -> bytes:
    return body[:place]


def _flipped(body: bytes, place: int) -> bytes:
    return body[:place] + bytes([body[place] ^ 1 << place % 8]) + body[place + 1 :]


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _put(tree: Any, path: tuple[str | int, ...], value: Any) -> bytes:
    return orjson.dumps(replaced(tree, path, value))


def _splice(body: bytes, start: int, end: int, change: bytes) -> bytes:
    return body[:start] + change + body[end:]


def _other_values(body: bytes) -> Iterator[Change]:
    if (tree := _json(body)) is not None:
        yield from (partial(_put, tree, path, odd) for path, _value in values(tree) for odd in ODD)


def _other_texts(body: bytes) -> Iterator[Change]:
    odd = [str(value).encode() for value in ODD if isinstance(value, str | int | float)]
    for found in re.finditer(rb">([^<>]+)</", body):
        yield from (partial(_splice, body, *found.span(1), text) for text in odd)


def _other_keys(body: bytes) -> Iterator[Change]:
    tree = _json(body)
    for path, value in values(tree):
        if isinstance(value, dict):
            yield partial(_put, tree, path, {**value, SECRET: SECRET})
            yield from (partial(_put, tree, path, {other: kept for other, kept in value.items() if other != key}) for key in value)
    for found in re.finditer(rb'"\w+":', body):  # the same key twice, the first time with another value
        yield partial(_splice, body, found.start(), found.start(), found.group() + b'"' + SECRET.encode() + b'",')


def _other_tags(body: bytes) -> Iterator[Change]:
    for found in re.finditer(rb"<(\w+)>[^<>]*</\1>", body):
        whole, tag = found.group(), found.group(1)
        for change in (b"", whole * 2, whole.replace(tag, b"Hemmelig"), b"<a>" + whole + b"</a>"):
            yield partial(_splice, body, *found.span(), change)


def test_the_suite_itself_finds_an_adapter_that_repeats_what_it_read() -> None:
    with pytest.raises(AssertionError):
        _silent(f"$.name: {SECRET} is unknown")


def test_the_suite_itself_finds_a_row_that_no_example_uses() -> None:
    table = Watched({"a": {"b": 1, "c": 2}, "d": 3})
    assert table["a"]["b"] == 1
    assert table.unread() == ["d", ("a", "c")]


def test_an_example_knows_its_expected_file() -> None:
    folder = folders()[0]
    assert Example(adapter(folder), folder / "examples" / "fall.xml").expected == folder / "examples" / "fall.expected.json"
