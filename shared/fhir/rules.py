"""What a rule of a profile table can say. A rule looks at every value at its path and has a verdict on each."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.domain import person
from shared.domain.adapter import Finding
from shared.fhir import terminology
from shared.fhir.naming import misnamed
from shared.fhir.reach import located, reach

Severity = Literal["error", "warning"]
Verdict = tuple[Severity, str, str] | None  # severity, FHIR issue type, words that name no value

_MOMENT = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII)
_ABSOLUTE = re.compile(r"urn:.|https?://.", re.IGNORECASE)
_INSTANT_LENGTH = len("2026-03-02T08:03:11Z")


@dataclass(frozen=True, slots=True)
class Rule:
    steps: Sequence[str]
    verdict: Callable[[Any], Verdict]
    tail: str = ""  # the child that the verdict is about, where it may be absent

    def findings(self, resource: Any, where: str) -> Iterator[Finding]:
        for node in reach(resource, self.steps):
            if self.verdict(node):
                return self._locate(resource, where)
        return iter(())

    def _locate(self, resource: Any, where: str) -> Iterator[Finding]:
        for path, node in located(resource, self.steps, where):
            if verdict := self.verdict(node):
                severity, code, text = verdict
                yield Finding(severity, path + self.tail, code, text)


@dataclass(frozen=True, slots=True)
class Judge:
    """A rule that is more than one look at one place. `findings`: (resource, where) -> what is wrong."""

    findings: Callable[[Any, str], Iterator[Finding]]


def need(path: str, least: int = 1, most: int | None = None) -> Rule:
    """`least`..`most` of the last element in every one of its parents; most=None is `*`."""
    *steps, name = path.split(".")

    def verdict(parent: Any) -> Verdict:
        count = _count(parent, name) if type(parent) is dict else 0
        if count < least:
            return "error", "required", "is missing"
        return ("error", "structure", f"may stand {most} times at most") if most is not None and count > most else None

    return Rule(steps, verdict, f".{name}")


def _count(parent: Mapping[str, Any], name: str) -> int:
    """How many of an element there are. Blanks are none; one that only an extension speaks of is there."""
    value, beside = parent.get(name), parent.get(f"_{name}")
    if type(value) is list:
        return len(value)
    if value is None or (type(value) is str and not value.strip()):
        return int(type(beside) is dict and bool(beside.get("extension")))
    return 1


def need_any(*names: str) -> Rule:
    """One of the spellings of a choice element."""

    def verdict(resource: Any) -> Verdict:
        return None if any(resource.get(name) for name in names) else ("error", "required", f"one of {', '.join(names)} is missing")

    return Rule((), verdict)


def at_most_one(path: str, holds: Callable[[Any], bool], words: str) -> Rule:
    """The last element of `path` may be anything, but only one of it is such that `holds`."""
    *steps, name = path.split(".")

    def verdict(parent: Any) -> Verdict:
        return ("error", "structure", words) if sum(map(holds, reach(parent, (name,)))) > 1 else None

    return Rule(steps, verdict, f".{name}")


def absent(path: str) -> Rule:
    return Rule(path.split("."), lambda value: ("error", "structure", "must not be sent"))


def one_of(path: str, *values: str, severity: Severity = "error") -> Rule:
    allowed, words = frozenset(values), f"expected one of: {', '.join(values)}"

    def verdict(value: Any) -> Verdict:
        return None if type(value) is str and value in allowed else (severity, "code-invalid", words)

    return Rule(path.split("."), verdict)


def moment(path: str, instant: bool = False) -> Rule:
    """A FHIR dateTime, which may stop at the day, or an instant, which may not."""

    def verdict(value: Any) -> Verdict:
        if type(value) is str and _MOMENT.fullmatch(value) and not (instant and len(value) < _INSTANT_LENGTH):
            return None
        return "error", "value", "is no FHIR time, which with a time of day has seconds and an offset"

    return Rule(path.split("."), verdict)


def absolute(path: str) -> Rule:
    """A URL that means the same wherever it is read."""

    def verdict(value: Any) -> Verdict:
        fits = type(value) is str and _ABSOLUTE.match(value)
        return None if fits else ("error", "value", "expected an absolute URL: urn:uuid, urn:oid, http or https")

    return Rule(path.split("."), verdict)


def number(path: str) -> Rule:
    """An identifier: where its system is national, the number must be one that can exist."""

    def verdict(identifier: Any) -> Verdict:
        system, value = (identifier.get("system"), identifier.get("value")) if type(identifier) is dict else (None, None)
        if type(system) is str and type(value) is str and (mistake := person.mistake(system, value)):
            return "error", "value", mistake
        return None

    return Rule(path.split("."), verdict, ".value")


def bound(path: str, table: str, required: bool = True, closed: bool = False) -> Rule:
    """CodeableConcepts bound to a national table; `closed`: no other system beside it. A display that is not the code's own is a
    warning: codes have changed meaning."""
    system = terminology.system(table)
    unknown: Verdict = ("error" if required else "warning", "code-invalid", f"has a code that {system} does not have")
    others = f"has a code of another system than {system}" if closed else f"has no code of {system}"
    foreign: Verdict = ("error", "code-invalid", others) if required else None

    def verdict(concept: Any) -> Verdict:
        sent = reach(concept, ("coding",)) if type(concept) is dict else []  # what is no object has no code
        codings = [coding for coding in sent if type(coding) is dict and coding.get("system") == system]
        if not codings or (closed and len(codings) < len(sent)):
            return foreign
        displays = terminology.displays(table)
        if any(type(coding.get("code")) is not str or coding["code"] not in displays for coding in codings):
            return unknown
        other = misnamed(concept, table)
        return ("warning", "code-invalid", other) if other else None

    return Rule(path.split("."), verdict)
