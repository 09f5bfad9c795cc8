"""A third opinion on base R4: what pyrofile, Medplum and fhirkit say of our documents, and where they and our own check differ.

    python -m local.referees [FILE ...]       all documents, or these; status 1 if there is a difference that known.toml has not

The profiles of VKP are not to be had offline, so the referees judge base R4 and R4's own profiles of vital signs only; of the national
profiles our own check is the judge. A claim of a national profile is taken away before they are asked: pyrofile accepts an unknown profile
in silence, and which profiles Medplum looks at is the caller's choice (runtime.md 4). Installs what it needs under .hub/referees; no other
command needs it, and CI never runs it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from local import prepare
from local.referees import documents, parts
from local.referees.documents import Document
from local.referees.known import rows, unknown
from local.terminal import Halt, say
from shared import fhir

JUDGE = [str(parts.PYTHON), str(parts.HERE / "judge.py")]
REFEREES = {
    "pyrofile": [*JUDGE, "pyrofile", str(parts.CORE)],
    "Medplum": ["node", str(parts.HERE / "medplum.mjs"), str(parts.NODE), str(parts.CORE)],
    "fhirkit": [*JUDGE, "fhirkit"],
}
Sayings = dict[str, list[list[str]]]  # referee -> what it says of each document
HEAD = ("", "valid:", "accepted", "known", "UNKNOWN", "faulty:", "base R4", "national")
NOTE = "The referees judge base R4 and its vital signs. The profiles of VKP are not to be had offline: of them our own check is the judge."


def ask(asked: Sequence[Document]) -> Sayings:
    body = fhir.serialise([documents.plain(each.resource) for each in asked])
    told: Sayings = {}
    for name, argv in REFEREES.items():
        say(f"Asking {name} about {len(asked)} documents ...")
        done = subprocess.run(argv, input=body, stdout=subprocess.PIPE, env=prepare.environment(), check=False)
        if done.returncode != 0:
            raise Halt(f"{name} broke down: its words stand above")
        told[name] = json.loads(done.stdout)
    return told


def table(asked: Sequence[Document], told: Sayings) -> Iterator[str]:
    yield "  ".join(f"{cell:>12}" for cell in HEAD)
    for name in REFEREES:
        judged = [(each, bool(said), bool(unknown(rows(), name, said))) for each, said in zip(asked, told[name], strict=True)]
        valid = [(refused, new) for each, refused, new in judged if each.valid]
        base = [new for each, _, new in judged if not each.valid and each.ours]
        national = [new for each, _, new in judged if not each.valid and not each.ours]
        refused, new = sum(refused for refused, _ in valid), sum(new for _, new in valid)
        counts = ("", f"{len(valid) - refused}", f"{refused - new}", f"{new}", "", _of(base), _of(national))
        yield "  ".join(f"{cell:>12}" for cell in (name, *counts))


def _of(caught: Sequence[bool]) -> str:
    return f"{sum(caught)} of {len(caught)}"


def disagreements(asked: Sequence[Document], told: Sayings) -> Iterator[str]:
    """A valid document that a referee refuses, and a fault of base R4 that none of them sees; but for what known.toml has."""
    known = rows()
    for number, each in enumerate(asked):
        new = [f"{name} on {each.name}: {saying}" for name in REFEREES for saying in unknown(known, name, told[name][number])]
        if each.valid:
            yield from new
        elif not new:
            yield from (f"ours alone on {each.name}: {saying}" for saying in unknown(known, "ours", each.ours))


def idle(asked: Sequence[Document], told: Sayings) -> list[str]:
    """Rows that nothing met: a referee, a document or our own check has changed."""
    said = {name: {saying for sayings in told[name] for saying in sayings} for name in REFEREES}
    said["ours"] = {saying for each in asked for saying in each.ours}
    return [f"{row.referee}: {row.matches}" for row in rows() if not any(row.is_of(row.referee, each) for each in said[row.referee])]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.referees", description="A third opinion on base R4.")
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="documents to ask about, instead of all of ours")
    files = parser.parse_args(argv).files
    try:
        parts.ready()
        asked = [documents.from_file(file) for file in files] or [*documents.valid(), *documents.faulty()]
        told = ask(asked)
    except (Halt, OSError, ValueError) as error:
        say(f"referees: {error}")
        return 2
    found = list(disagreements(asked, told))
    print("\n".join([NOTE, "", *table(asked, told), "", f"{len(found)} disagreements that known.toml has not", *found]))
    if not files:
        print("\n".join(f"a row of known.toml that nothing met: {row}" for row in idle(asked, told)), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
