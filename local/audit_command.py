"""`./hub audit verify|export|show|anchor`: whether the log is whole, and what stands in it. Reading it is itself written in it.

Exit codes: 0 all is well; 1 a chain is not whole, or the hub does not answer; 2 wrong usage.
"""

import argparse
import getpass
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import uuid4

import orjson

from local.audit_words import table
from local.frame import MOST, OK, WRONG, Frame, QuietParser, Slip, checked, ended, numbered, somebody, timed
from shared import fhir
from shared.access.chain import Head, Inspection, Row
from shared.access.entry import Entry
from shared.access.patient import patient_key
from shared.domain import organisation, person
from shared.domain.clock import OSLO
from shared.domain.event import Person
from shared.errors import Refused
from shared.fhir.audit_event import audit_events
from shared.storage.audit_log import AuditLog

LogFactory = Callable[[], AbstractAsyncContextManager[AuditLog]]
Anchors = Sequence[tuple[str, Head]]  # heads that somebody kept, and how to name them

FRAME = Frame(
    "hub audit",
    late="nothing was read: that it was read could not be written down; try again",
    broken=("not all was read or written", "try again"),
)
EPILOG = """\
export and show write down who read, as --who says: nobody proves it, so give those who need to read an account of their own.
docs/audit.md says what stands in the log, what the chain proves and what it does not.
"""
SHORTEST_KEY = 32  # as settings ask for


def main(argv: Sequence[str], factory: LogFactory, key: bytes = b"") -> int:
    """The exit code. `key`: what citizens' hashes are keyed with; empty where it is not known."""
    return ended(FRAME, lambda: _parser().parse_args(argv), lambda options: _run(options, factory, key))


def _parser() -> argparse.ArgumentParser:
    parser = QuietParser("./hub audit", description="The audit log of each municipality.", epilog=EPILOG, allow_abbrev=False)
    commands = parser.add_subparsers(dest="what", required=True, metavar="verify|export|show|anchor")
    made = {
        name: commands.add_parser(name, help=words, description=f"{name}: {words}.", epilog=EPILOG, allow_abbrev=False)
        for name, words in (
            ("verify", "say whether the chains are whole, and where they are not"),
            ("export", "write a municipality's entries as FHIR AuditEvents, one a line"),
            ("show", "show the latest entries as a table"),
            ("anchor", "print where each chain ends, to be kept where nobody of the hub can write"),
        )
    }
    made["verify"].add_argument("tenants", nargs="*", type=_orgnr, metavar="ORGNR", help="municipalities (all of them)")
    made["verify"].add_argument(
        "--anchor", metavar="FILE", help="what `anchor` printed earlier: finds chains that were cut or written anew"
    )
    for name in ("export", "show"):
        made[name].add_argument("tenant", type=_orgnr, metavar="ORGNR", help="the municipality")
        made[name].add_argument("--who", type=_who, required=True, metavar="NAME", help="who is reading: stands in the log afterwards")
        made[name].add_argument("--patient-from-stdin", action="store_true", help="one citizen's entries; the number is read from stdin")
    made["show"].add_argument("--last", type=_count, default=20, metavar="N", help="how many entries (20)")
    made["export"].add_argument(
        "--from", dest="since", type=_time, metavar="TIME", help="from then on: 2026-11-18, or with time and offset"
    )
    made["export"].add_argument("--to", dest="until", type=_time, metavar="TIME", help="before then; a day is its first moment in Norway")
    made["export"].add_argument("--out", metavar="FILE", help="a new file, for its owner only (standard output)")
    return parser


_orgnr = checked(organisation.is_orgnr, "give an organisation number: nine digits")
_who = checked(somebody, "give a user name or an e-mail address, without spaces")
_count = numbered(f"give a number from 1 to {MOST}")
_time = timed("give a day, 2026-11-18, or a moment with its offset, 2026-11-18T08:00:00+01:00")


async def _run(options: argparse.Namespace, factory: LogFactory, key: bytes) -> int:
    anchors = _anchors(options.anchor) if options.what == "verify" and options.anchor else []
    wanted = _citizen(options.tenant, key) if getattr(options, "patient_from_stdin", False) else ()
    async with factory() as log:
        match options.what:
            case "verify":
                return await _verify(log, options.tenants, anchors)
            case "anchor":
                return await _anchor(log)
            case "show":
                return await _show(log, options, wanted)
        return await _export(log, options, wanted)


async def _verify(log: AuditLog, tenants: Sequence[str], anchors: Anchors) -> int:
    listed = await log.tenants()
    wanted = tenants or sorted({*listed, *await log.chains(), *(head.tenant for _, head in anchors)})
    if not wanted:
        print("there are no entries yet")
    found = [await _verified(log, tenant, [known for known in anchors if known[1].tenant == tenant]) for tenant in wanted]
    if lost := [tenant for tenant in wanted if tenant not in listed and await log.head(tenant)]:
        print(f"{', '.join(lost)}: not in the list of chains: somebody took it out, and nightly anchors pass it over")
    return max([*found, WRONG if lost else OK])


async def _verified(log: AuditLog, tenant: str, anchors: Anchors) -> int:
    walk = Walk(log, tenant, anchors)
    async for _ in walk.rows():
        pass
    if not walk.problems and not walk.head.rows:
        print(f"{tenant}: there is no log of this municipality")
        return WRONG
    length = f"{_number(walk.entries, 'entry', 'entries')} in {_number(walk.head.rows, 'row', 'rows')}"
    print(f"{tenant}: {_told(walk.problems)}; {length}, head {walk.head.hash}")
    for problem in walk.problems:
        print(f"  {problem}")
    return WRONG if walk.problems else OK


def _told(problems: Sequence[str]) -> str:
    return f"NOT whole ({len(problems)} found)" if problems else "whole"


def _number(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


class Walk:
    """Along one chain from its start, looking whether it is whole."""

    def __init__(self, log: AuditLog, tenant: str, anchors: Anchors = ()) -> None:
        self._log, self._tenant, self._anchors = log, tenant, anchors
        self._inspection = Inspection(tenant)
        self.problems: list[str] = []

    @property
    def head(self) -> Head:
        return self._inspection.head

    @property
    def entries(self) -> int:
        return self._inspection.entries

    async def rows(self) -> AsyncIterator[Row]:
        """Each row as it stands; `problems` are known after the last. What is written meanwhile may be among them, and must fit too."""
        before = await self._log.head(self._tenant)
        self._inspection = Inspection(self._tenant, [*self._anchors, *([("the tail", before)] if before else [])])
        async for row in self._log.read(self._tenant):
            self._inspection.take(row)
            yield row
        after = await self._log.head(self._tenant)
        self.problems = self._inspection.close()
        if self.head.rows > (after.rows if after else 0):
            self.problems.append(f"the tail knows {after.rows if after else 0} rows: it was changed or removed, or rows were put behind it")


async def _anchor(log: AuditLog) -> int:
    now = datetime.now(OSLO).isoformat(timespec="seconds")
    for head in await log.heads():
        print(orjson.dumps({"tenant": head.tenant, "rows": head.rows, "hash": head.hash, "at": now}).decode())
    return OK


def _anchors(name: str) -> Anchors:
    try:
        lines = Path(name).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Slip(f"{name}: {getattr(error, 'strerror', '') or 'holds bytes that are not UTF-8'}") from None
    return [_known(name, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _known(name: str, number: int, line: str) -> tuple[str, Head]:
    try:
        found = orjson.loads(line)
        return f"the anchor of {found['at']}", Head(str(found["tenant"]), int(found["rows"]), str(found["hash"]))
    except (ValueError, TypeError, KeyError):
        raise Slip(f"{name}:{number}: is no line that ./hub audit anchor printed") from None


async def _show(log: AuditLog, options: argparse.Namespace, wanted: Sequence[str]) -> int:
    end = await _reading(log, options, f"show, last {options.last}", wanted)
    found: list[Entry] = []
    first = 0 if wanted else max(0, end.rows - options.last)  # a row holds one entry at least
    async for row in log.read(options.tenant, first):
        entries = _readable(row) if row.sequence < end.rows else []
        found += [entry for entry in entries if not wanted or set(wanted) & set(entry.patients)]
    print(table(found[-options.last :]))
    return OK


async def _export(log: AuditLog, options: argparse.Namespace, wanted: Sequence[str]) -> int:
    span = [f"{word} {moment.isoformat()}" for word, moment in (("from", options.since), ("to", options.until)) if moment]
    await _reading(log, options, ", ".join(["export", *span]), wanted)
    walk = Walk(log, options.tenant)
    with _opened(options.out) as out:
        async for row in walk.rows():
            for place, entry in enumerate(_readable(row)):
                if _within(entry, options.since, options.until):
                    _write(entry, row.sequence, place, wanted, out)
    if walk.problems:
        return FRAME.said("what was exported is not to be trusted: the chain is not whole (./hub audit verify)", WRONG)
    return OK


def _within(entry: Entry, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or since.timestamp() <= entry.at) and (until is None or entry.at < until.timestamp())


def _write(entry: Entry, sequence: int, place: int, wanted: Collection[str], out: IO[bytes]) -> None:
    for patient, event in zip(entry.patients or ("",), audit_events(entry, sequence, place), strict=True):
        if not wanted or patient in wanted:
            out.write(fhir.serialise(event) + b"\n")


def _readable(row: Row) -> list[Entry]:
    try:
        return row.entries
    except (ValueError, TypeError, KeyError):
        return []  # a damaged row: the walk along the chain tells


async def _reading(log: AuditLog, options: argparse.Namespace, what: str, patients: Sequence[str] = ()) -> Head:
    """Writes down who reads what, before anything is shown. Gives where the log ended before that."""
    end = await log.head(options.tenant)
    if end is None:
        raise Refused("there is no log of this municipality", remedy="./hub audit verify lists those that have one")
    await log.write(
        Entry(
            at=time.time(),
            correlation=str(uuid4()),
            tenant=options.tenant,
            sender="",
            vkp_id="",
            client="",
            action="audit.read",
            patients=tuple(patients[:1]),
            service_codes=(),
            status=200,
            code="",
            message=what,
            who=options.who,
        )
    )
    return end


def _citizen(tenant: str, key: bytes) -> Sequence[str]:
    """The keyed hash that a citizen stands under."""
    if len(key) < SHORTEST_KEY:
        raise Slip("the hub's patient key is needed to find a citizen: set HUB_PATIENT_KEY")
    asked = getpass.getpass("number: ") if sys.stdin.isatty() else sys.stdin.readline()
    system, bar, value = asked.strip().rpartition("|")
    if not bar and person.kind(value) is None:
        raise Slip("what stands on stdin is no valid person number (a journal's own: system|value)")
    return [patient_key(key, tenant, Person(system, value))]


def _opened(name: str | None) -> AbstractContextManager[IO[bytes]]:
    if name is None:
        return nullcontext(sys.stdout.buffer)
    try:
        return open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise Slip(f"{name}: {error.strerror}") from None
