"""TOML read strictly: whatever is wrong becomes a finding with its line, and reading goes on, so that all of it is told at once.

No finding quotes a value: what stands in the wrong place may be a secret or a person's number.
"""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, TypeVar

Path = tuple[str | int, ...]
Lines = Mapping[Path, int]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. `line` is 0 where none can be told; a warning does not keep the file from being applied."""

    file: str
    line: int
    key: str  # as `sender[0].auth.secrets`, counted from 0
    what: str
    remedy: str
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        return f"{where}:{key} {'warning: ' if self.warning else ''}{self.what}; {self.remedy}"


class Form(NamedTuple):
    """What a text must look like, and what to say when it does not."""

    shape: re.Pattern[str]
    what: str
    remedy: str


ANYTHING = Form(re.compile(r"(?s).+"), "is empty", "fill it in, or remove the key if it may be left out")


class Findings:
    """What was found wrong in one file so far."""

    def __init__(self, file: str, lines: Lines) -> None:
        self._file, self._lines = file, lines
        self.all: list[Finding] = []

    def add(self, path: Path, what: str, remedy: str, *, warning: bool = False, shown: str | None = None) -> None:
        """`shown` stands for a path whose last key is not to be shown."""
        key = _dotted(path) if shown is None else shown
        self.all.append(Finding(self._file, self.line(path), key, what, remedy, warning))

    def line(self, path: Path) -> int:
        """The line of the key, or of the nearest table around it."""
        return next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), 0)


class Table:
    """One table. Each getter tells what is wrong and then returns something harmless of the right type; `close` tells of unknown keys."""

    def __init__(self, data: Mapping[str, Any], path: Path, findings: Findings) -> None:
        self.path = path
        self._data, self._findings = data, findings
        self._asked: set[str] = set()

    def wrong(self, key: str, what: str, remedy: str, *, warning: bool = False) -> None:
        self._findings.add((*self.path, key) if key else self.path, what, remedy, warning=warning)

    def text(self, key: str, form: Form) -> str:
        value = self._get(key, str, "a text in quotes", None)
        return "" if value is None else self._formed(key, value, form)

    def texts(self, key: str, form: Form, most: int = 100) -> tuple[str, ...]:
        """At least one text, none twice; () if something was wrong."""
        values = self._get(key, list, "a list of texts in [ ]", None)
        if values is None:
            return ()
        if not 1 <= len(values) <= most or any(type(value) is not str for value in values):
            self.wrong(key, f"must be a list of 1 to {most} texts", "write them in quotes, between [ and ]")
            return ()
        if len(set(values)) < len(values):
            self.wrong(key, "holds the same text twice", "remove one of them")
        return tuple(found for value in values if (found := self._formed(key, value, form)))

    def choice(self, key: str, allowed: Collection[str]) -> str:
        return self._chosen(key, self.text(key, ANYTHING), allowed)

    def choices(self, key: str, allowed: Collection[str]) -> tuple[str, ...]:
        """At least one of the allowed texts; () if something was wrong."""
        return tuple(found for value in self.texts(key, ANYTHING) if (found := self._chosen(key, value, allowed)))

    def has(self, key: str) -> bool:
        """For what may be left out."""
        self._asked.add(key)
        return key in self._data

    def flag(self, key: str, default: bool) -> bool:
        return bool(self._get(key, bool, "true or false, without quotes", default))

    def whole(self, key: str, least: int, most: int, default: int) -> int:
        value = self._get(key, int, "a whole number, without quotes", default)
        if value is None or least <= value <= most:
            return default if value is None else value
        self.wrong(key, f"must be between {least} and {most}", "choose a number in that range")
        return default

    def wholes(self, key: str, least: int, most: int, default: tuple[int, ...]) -> tuple[int, ...]:
        """One to twenty whole numbers, none smaller than the one before it."""
        values = self._get(key, list, "a list of whole numbers in [ ]", list(default))
        if values is None:
            return default
        sound = 1 <= len(values) <= 20 and all(type(value) is int and least <= value <= most for value in values)
        if sound and values == sorted(values):
            return tuple(values)
        self.wrong(key, f"must be 1 to 20 rising whole numbers between {least} and {most}", "write them in [ ], the smallest first")
        return default

    def time(self, key: str, *, required: bool) -> datetime | None:
        """An instant in UTC; None if absent or wrong."""
        if not required and not self.has(key):
            return None
        value = self._get(key, datetime, "a time, as 2026-01-15T09:00:00+01:00 without quotes", None)
        if value is None:
            return None
        if value.utcoffset() is None:
            self.wrong(key, "is a time without its offset from UTC", "add it: +01:00 in winter, +02:00 in summer, or Z")
            return None
        return value.astimezone(UTC)

    def day(self, key: str) -> date | None:
        """None if missing or wrong."""
        return self._get(key, date, "a day, as 2027-01-31 without quotes", None)

    def table(self, key: str, *, required: bool) -> "Table | None":
        if not required and not self.has(key):
            return None
        value = self._get(key, dict, "a table, as { key = ... }", None)
        return None if value is None else Table(value, (*self.path, key), self._findings)

    def tables(self, key: str) -> list["Table"]:
        """The `[[key]]` tables, in order; [] if there is none."""
        values = self._get(key, list, f"[[{key}]]", []) or []
        if any(type(value) is not dict for value in values):
            self.wrong(key, "must be tables", f"write each as [[{key}]] with its keys below")
            return []
        return [Table(value, (*self.path, key, n), self._findings) for n, value in enumerate(values)]

    @property
    def line(self) -> int:
        return self._findings.line(self.path)

    def close(self) -> None:
        """Call last: every key that nobody asked for is unknown."""
        for key in self._data.keys() - self._asked:
            shown = key if re.fullmatch(r"[A-Za-z_-]{1,30}", key) else "(a key that is not shown)"
            path = (*self.path, key)
            self._findings.add(path, "is not a known key", hint(key, self._asked), shown=_dotted((*self.path, shown)))

    def _get(self, key: str, kind: type[Value], wanted: str, default: Value | None) -> Value | None:
        self._asked.add(key)
        if key not in self._data:
            if default is None:
                self.wrong(key, "is missing", f"add it: {wanted}")
            return default
        value = self._data[key]
        if type(value) is kind:
            return value
        self.wrong(key, "is of the wrong type", f"write {wanted}")
        return None

    def _formed(self, key: str, value: str, form: Form) -> str:
        if form.shape.fullmatch(value):
            return value
        self.wrong(key, form.what, form.remedy)
        return ""

    def _chosen(self, key: str, value: str, allowed: Collection[str]) -> str:
        if value and value not in allowed:
            self.wrong(key, "is not one of those known", hint(value, allowed))
            return ""
        return value


def load(text: str, file: str) -> tuple[Table | None, Findings]:
    """The whole file as a table; None, with the one finding, if it is no TOML."""
    findings = Findings(file, dict(_lines(text)))
    try:
        return Table(tomllib.loads(text), (), findings), findings
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = place.groups() if place else (str(text.count("\n") + 1), "1")
        what = f"is not TOML from column {column} on" if place else "is not TOML: it ends too early"
    except RecursionError:
        line, what = "0", "is nested too deeply"
    findings.all.append(Finding(file, int(line), "", what, "look for a missing quote, bracket or =, or a key written twice"))
    return None, findings


def hint(given: str, known: Collection[str]) -> str:
    """What may have been meant; never shows what was given."""
    import difflib  # only when something is wrong

    close = difflib.get_close_matches(given, known, 1, 0.6)
    return f'did you mean "{close[0]}"?' if close else f"known are: {', '.join(sorted(known))}"


def _dotted(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


_KEY = r"[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'"
_HEADER = re.compile(rf"\s*(\[\[?)\s*((?:{_KEY})(?:\s*\.\s*(?:{_KEY}))*)\s*\]")
_ASSIGNMENT = re.compile(rf"\s*((?:{_KEY})(?:\s*\.\s*(?:{_KEY}))*)\s*=")


def _lines(text: str) -> Iterator[tuple[Path, int]]:
    """Where each key and table stands. tomllib does not tell; this looks at how lines begin, which is how our files are written."""
    counts: dict[Path, int] = {}
    here: Path = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(line):
            here = _indexed(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[here] = counts.get(here, -1) + 1
                here = (*here, counts[here])
            yield here, number
        elif assignment := _ASSIGNMENT.match(line):
            yield (*here, *_parts(assignment[1])), number


def _indexed(parts: Path, counts: Mapping[Path, int]) -> Path:
    """The path of a header, with the current index of each list of tables it goes through."""
    path: Path = ()
    for part in parts:
        path = (*path, counts[path], part) if path in counts else (*path, part)
    return path


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, dotted))
