"""`./hub reconcile [--day D]`: a table of what each sender sent that day and what became of it, and what does not add up.

Nothing is written. Exit codes: 0 it adds up; 1 it does not, or the hub does not answer; 2 wrong usage.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta

from local.frame import OK, WRONG, Frame, ended
from local.terminal import Parser
from shared.domain.clock import OSLO
from shared.flow.names import owner_of
from shared.notice.account import ENDS, Account, Books, account
from shared.notice.reconcile import known

FRAME = Frame("hub reconcile", late="the hub's storage does not answer in time; try again", broken=("not all was read", "try again"))
BooksFactory = Callable[[], AbstractAsyncContextManager[Books]]

HEADINGS = (
    "Kommune",
    "Avsender",
    "Mottatt",
    "Levert",
    "Parkert",
    "Lagt til side",
    "Venter",
    "Duplikat",
    "Slettet",
    "Uten innhold",
    "Går opp",
)


def main(argv: Sequence[str], factory: BooksFactory) -> int:
    """The exit code."""
    return ended(FRAME, lambda: _parser().parse_args(argv), lambda options: _run(options.day, factory))


def _parser() -> argparse.ArgumentParser:
    parser = Parser("./hub reconcile", description="What became of every receipt of a day, sender by sender.", allow_abbrev=False)
    yesterday = _today() - timedelta(days=1)
    parser.add_argument("--day", type=_day, default=yesterday, metavar="D", help="a day in Norway, as 2026-11-25 (yesterday)")
    return parser


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("give a day as 2026-11-25") from None
    if day > _today():
        raise argparse.ArgumentTypeError("that day has not begun; give today or an earlier one")
    return day


def _today() -> date:
    return datetime.now(OSLO).date()


async def _run(day: date, factory: BooksFactory) -> int:
    async with factory() as books:
        tenants = sorted({owner_of(line)[0] for line in await books.appender.lines()})
        found = [mine for tenant in tenants for mine in await _accounts(books, tenant, day)]
    print(table(found) if found else "there are no receipts yet")
    for mine in found:
        for finding in mine.findings:
            print(f"{mine.tenant} {mine.sender}: {finding}")
    return OK if all(mine.sound for mine in found) else WRONG


async def _accounts(books: Books, tenant: str, day: date) -> list[Account]:
    kept = await known(books, tenant, day)
    return await account(books, tenant, day, kept.starts(tenant, day))


def table(found: Sequence[Account]) -> str:
    """One line for each sender, under its heading."""
    rows = [HEADINGS, *(_row(mine) for mine in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _row(mine: Account) -> tuple[str, ...]:
    counts = (str(number) for number in (mine.received, *(mine.ends[end] for end in ENDS)))
    return (mine.tenant, mine.sender, *counts, "ja" if mine.sound else f"NEI, {len(mine.findings)} funn")


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Numbers to the right."""
    cells = (cell.rjust(width) if 1 < place < len(row) - 1 else cell.ljust(width) for place, (cell, width) in _placed(row, widths))
    return "  ".join(cells).rstrip()


def _placed(row: Sequence[str], widths: Sequence[int]) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(row, widths, strict=True))
