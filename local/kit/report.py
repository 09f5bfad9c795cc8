"""What the kit says: a line for each finding as it comes, then what to mend, then what to look for in the journal."""

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from local.kit.seen import Finding, Mark

INDENT = " " * 8
MARKS = {Mark.PASSED: "✓", Mark.FAILED: "✗", Mark.WARNED: "!", Mark.UNTRIED: "–", Mark.LOOK: "–"}
TITLES = 50


def line(finding: Finding) -> str:
    """Whole, however long: of what could not be tried nothing more is said below."""
    saw = "look in the journal: below" if finding.mark is Mark.LOOK else finding.saw
    return f"{MARKS[finding.mark]} {finding.section:<6}{finding.check:<{TITLES}}{saw}".rstrip()


def folded(text: str, width: int) -> str:
    """For people, in the width of their terminal; 0: as it is."""
    return "\n".join(_folded(row, width) for row in text.splitlines()) if width else text


def _folded(row: str, width: int) -> str:
    begins = INDENT if row.startswith(INDENT) else ""
    return textwrap.fill(row.strip(), max(width, 40), initial_indent=begins, subsequent_indent=INDENT, break_long_words=False)


def summary(prefix: str, findings: Sequence[Finding], page: str = "") -> str:
    """`prefix`: what the titles of the kit's documents begin with. `page`: where sections with a letter are, as "N: docs/notes.md"."""
    mend = [one for one in findings if one.mark in (Mark.FAILED, Mark.WARNED)]
    looks = [one for one in findings if one.mark is Mark.LOOK]
    return "\n".join([*_mending(mend, page), *_looking(prefix, looks), "", _counts(findings)])


def as_json(url: str, prefix: str, findings: Sequence[Finding]) -> str:
    told = {"endpoint": url, "passed": passed(findings), "titles_begin_with": prefix, "checks": [asdict(one) for one in findings]}
    return json.dumps(told, ensure_ascii=False, indent=1)


def passed(findings: Iterable[Finding]) -> bool:
    return not any(one.mark in (Mark.FAILED, Mark.WARNED) for one in findings)


def _mending(mend: Sequence[Finding], page: str) -> list[str]:
    if not mend:
        return []
    told = [f"{MARKS[one.mark]} {one.section:<6}{one.check}: {one.saw}\n{INDENT}{one.mend}" for one in mend]
    return ["", f"What to mend (sections of docs/journals.md{f'; {page}' if page else ''}):", *told]


def _looking(prefix: str, looks: Sequence[Finding]) -> list[str]:
    if not looks:
        return []
    head = f'What cannot be seen from outside. Look in the journal (every title begins with "{prefix}"):'
    return ["", head, *(f"– {one.section:<6}{one.saw}" for one in looks)]


def _counts(findings: Sequence[Finding]) -> str:
    count = Counter(one.mark for one in findings)
    words = {Mark.PASSED: "passed", Mark.FAILED: "failed", Mark.WARNED: "warnings", Mark.UNTRIED: "not tried", Mark.LOOK: "to look for"}
    return ", ".join(f"{count[mark]} {word}" for mark, word in words.items() if count[mark])
