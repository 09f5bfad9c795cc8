"""What the commands on a hub's register, log and messages share: exit codes, readers of what is typed, and how they end."""

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from local.terminal import Parser
from shared.domain import clock, person
from shared.errors import HubError
from shared.flow.names import parcel_at, receipt_at

OK, WRONG, USAGE = 0, 1, 2
NO_HUB = "start the hub with ./hub run, or name its storage in AzureWebJobsStorage"
MOST = 100_000

_WORD = re.compile(r"[\w.~-]+")
_DIGITS = re.compile(
    r"(?<![0-9])(?![0-9]{9}[.~][a-z])[0-9]{6,}"
)  # but a municipality's at the beginning of an id, though the rest is wrong
_WHO = re.compile(r"[A-Za-zÆØÅæøå][A-Za-zÆØÅæøå0-9._@-]{1,63}")


class QuietParser(Parser):
    """Does not repeat a person's number that was typed where none belongs. Ids of our own, which are nobody's, it repeats."""

    def error(self, message: str) -> NoReturn:
        super().error(_WORD.sub(lambda word: _quiet(word[0]), message))


def _quiet(word: str) -> str:
    return word if receipt_at(word) or parcel_at(word) else _DIGITS.sub("***", word)


class Slip(Exception):
    """Wrong usage that can only be seen once the command is at work."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A command's name, and what it says when it could not go on: `late`, because somebody else was at it all the time; `broken`, before
    the reason and behind it."""

    name: str
    late: str
    broken: tuple[str, str]
    no_hub: str = NO_HUB

    def said(self, sentence: str, code: int) -> int:
        print(f"{self.name}: {sentence}", file=sys.stderr)
        return code


def ended(frame: Frame, read: Callable[[], argparse.Namespace], work: Callable[[argparse.Namespace], Coroutine[Any, Any, int]]) -> int:
    """The exit code of what was asked for."""
    try:
        return asyncio.run(work(read()))
    except SystemExit as stop:  # argparse has said why
        return stop.code if isinstance(stop.code, int) else USAGE
    except Slip as slip:
        return frame.said(str(slip), USAGE)
    except HubError as error:
        return frame.said(f"{error.reason}; {error.remedy or frame.no_hub}", WRONG)
    except TimeoutError:
        return frame.said(frame.late, WRONG)
    except BrokenPipeError:
        raise
    except OSError as error:
        before, after = frame.broken
        return frame.said(f"{before} ({error.strerror or type(error).__name__}); {after}", WRONG)


def checked(right: Callable[[str], object], words: str) -> Callable[[str], str]:
    """A reader for argparse: takes what is right, else says `words`."""

    def read(text: str) -> str:
        if not right(text):
            raise argparse.ArgumentTypeError(words)
        return text

    return read


def numbered(words: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (re.fullmatch("[0-9]{1,6}", text) and 0 < int(text) <= MOST):
            raise argparse.ArgumentTypeError(words)
        return int(text)

    return read


def timed(words: str) -> Callable[[str], datetime]:
    """A day is its first moment in Norway; any other moment has its offset."""

    def read(text: str) -> datetime:
        try:
            return clock.first_of(text)
        except ValueError:
            raise argparse.ArgumentTypeError(words) from None

    return read


def somebody(text: str) -> bool:
    """Who is at the keyboard, by user name or e-mail address: no person's number."""
    return bool(_WHO.fullmatch(text)) and not person.numbered(text)
