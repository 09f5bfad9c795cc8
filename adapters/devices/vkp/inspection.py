"""What a sender is told of its document at the door, in the strength that the municipality asks for (vkp.md 1.12, 9).

repair   what was put right is told, what is wrong otherwise is warned of, and the document goes on
strict   the document as it came keeps base R4 and the national profiles, or it is refused
In both, a person's number that this environment does not take is refused (VKP 2.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

from adapters.devices.vkp.reading import numbers as numbers_in
from shared.domain import organisation, person
from shared.domain.adapter import Finding
from shared.fhir.check import check
from shared.fhir.reach import step
from shared.fhir.structure import findings

WARNINGS = 20  # enough to see what is the matter with a sender
ERRORS = 100  # enough to mend a document by
REPAIRS = 100
_GRAVEST = ("error", "warning", "information")


def judged(tree: Any) -> list[Finding]:
    """What base R4 and then the national profiles have against a document; of what both say the first word stands."""
    return _together(findings(tree), check(tree) if type(tree) is dict else ())


def lenient(tree: Any, repairs: Sequence[str], numbers: str, unreadable: Sequence[Finding]) -> list[Finding]:
    """`tree`: as it goes on. `unreadable`: why it will not go on after all, but wait for a human."""
    aside = [replace(each, severity="warning", text=f"{each.text}; the document is set aside for a human") for each in unreadable]
    mended = [Finding("information", path, "informational", text) for path, _, text in (each.partition(": ") for each in repairs[:REPAIRS])]
    if len(repairs) > REPAIRS:
        mended.append(_more(len(repairs) - REPAIRS, "information"))
    return [*islice(_guarded(tree, "$", numbers, False), ERRORS), *mended, *_together(aside, warnings(tree))]


def strict(tree: Any, numbers: str, unreadable: Sequence[Finding]) -> list[Finding]:
    """`tree`: as it came. `unreadable`: what would be set aside later."""
    return _cut(_together(_guarded(tree, "$", numbers, True), unreadable, judged(tree)), ERRORS)


def warnings(tree: Any) -> list[Finding]:
    return _cut([replace(finding, severity="warning") for finding in judged(tree)], WARNINGS)


def _together(*judges: Iterable[Finding]) -> list[Finding]:
    """Of what several say of the same place, the words of the first."""
    told: list[Finding] = []
    for judge in judges:
        known = {finding.path for finding in told}
        told += [finding for finding in judge if finding.path not in known]
    return told


def _cut(found: list[Finding], most: int) -> list[Finding]:
    """The gravest first, and how many are not told."""
    ordered = sorted(found, key=lambda finding: _GRAVEST.index(finding.severity))
    return [*ordered[:most], *([_more(len(ordered) - most, "warning")] if len(ordered) > most else [])]


def _more(number: int, severity: Literal["warning", "information"]) -> Finding:
    return Finding(severity, "$", "informational", f"{number} more are not told")


def _guarded(node: Any, path: str, numbers: str, valid: bool) -> Iterator[Finding]:
    """Every identifier of a person or an organisation, wherever it stands. `valid`: it must be a number that can exist, too."""
    if type(node) is dict:
        yield from _number(node, path, numbers, valid)
        for key, part in node.items():
            if type(part) is dict or type(part) is list:
                yield from _guarded(part, path + step(key), numbers, valid)
    elif type(node) is list:
        for place, part in enumerate(node):
            yield from _guarded(part, f"{path}[{place}]", numbers, valid)


def _number(identifier: Any, path: str, numbers: str, valid: bool) -> Iterator[Finding]:
    target = identifier.get("reference")
    for number in numbers_in(target) if type(target) is str else ():
        if wrong := person.guard(numbers, "", number):
            yield Finding("error", f"{path}.reference", "value", wrong, "2.1")
    system, value = identifier.get("system", ""), identifier.get("value")  # without a system it may be a person's number all the same
    if type(system) is not str or type(value) is not str:
        return
    if wrong := person.guard(numbers, system, value) or (person.mistake(system, value) if valid else None):
        yield Finding("error", f"{path}.value", "value", wrong, "2.1")
    elif wrong := organisation.mistake(system, value):
        yield Finding("error" if valid else "warning", f"{path}.value", "value", wrong)
