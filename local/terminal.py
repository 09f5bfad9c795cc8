"""What `./hub` says while it works, on stderr so that stdout stays for results. Standard library only."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import NoReturn

TURNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
CLEAR = "\r\033[2K"


class Halt(Exception):
    """Something that the person at the keyboard can mend, said in one sentence. Ends the command with `status`."""

    def __init__(self, sentence: str, status: int = 1) -> None:
        super().__init__(sentence)
        self.status = status


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and ends the program with status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"hub: {message} ({self.prog} --help says what there is)\n")


def heard(work: Callable[[], int]) -> int:
    """The exit code. Whoever read the output may have gone, as `head` does: what is left in the buffer goes nowhere then."""
    try:
        return work()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def say(text: str = "") -> None:
    print(text, file=sys.stderr, flush=True)


class Step:
    """One thing that takes a while: on a terminal it turns and counts the seconds, elsewhere it is said when it begins."""

    alone = True  # nothing else speaks on this terminal

    def __init__(self, text: str) -> None:
        self.text, self.began, self.turning = text, time.monotonic(), Step.alone and sys.stderr.isatty()
        if not self.turning:
            say(f"{text} ...")

    def turn(self) -> None:
        """Call it now and then while waiting."""
        if self.turning:
            seconds = time.monotonic() - self.began
            print(f"{CLEAR}{TURNS[int(seconds * 10) % len(TURNS)]} {self.text} {seconds:.0f} s", end="", file=sys.stderr, flush=True)

    def done(self, note: str = "") -> None:
        """`note`: what to say instead of how long it took."""
        if self.turning:
            say(f"{CLEAR}✓ {note or f'{self.text} {time.monotonic() - self.began:.1f} s'}")

    def clear(self) -> None:
        if self.turning:
            print(CLEAR, end="", file=sys.stderr, flush=True)

    def failed(self) -> None:
        if self.turning:
            say(f"{CLEAR}✗ {self.text}")
