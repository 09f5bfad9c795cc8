"""The main job, shown: real payloads go in by HTTP as their senders would post them, and each is followed to its end."""

import json
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import requests

from local.cases import CASES, DELIVERED, DUPLICATE, REFUSED, SET_ASIDE, Case
from local.running import Credential, Running
from local.terminal import Halt, Step

LONGEST = 60.0  # seconds that a message may take to its end; a sweep may have to bring it back


@dataclass(slots=True)
class Message:
    """A case on its way. `told` is the last that its receipt said."""

    case: Case
    credential: Credential
    posted_at: float = 0.0
    answered_ms: float = 0.0
    status: int = 0
    receipt: str = ""
    reason: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    ended_at: float = 0.0

    @property
    def end(self) -> str:
        return str(self.told.get("status", "")) if self.receipt else REFUSED

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        return list(self.told.get("parcels", ()))

    @property
    def over(self) -> bool:
        return not self.receipt or self.end not in ("", "received", "transformed")

    @property
    def milliseconds(self) -> float:
        """From the post until the last journal answered; where no journal is asked, until the answer or the receipt said so."""
        if not self.receipt:
            return self.answered_ms
        answered = [datetime.fromisoformat(one["at"]).timestamp() for one in self.deliveries if "at" in one]
        return (max(answered, default=self.ended_at) - self.posted_at) * 1000

    @property
    def right(self) -> bool:
        case = self.case
        delivered = [one for one in self.deliveries if one["status"] == "delivered"]
        return (self.end, self.status, len(delivered)) == (case.end, case.status, case.stands) and case.why in self.why

    @property
    def why(self) -> str:
        """Why it did not go the usual way."""
        if self.end == DUPLICATE:
            return f"the first is {self.told['first'].partition('.')[2]}"
        problems = self.told.get("set_aside") or [{"reason": self.reason}]
        return "; ".join(dict.fromkeys(problem["reason"] for problem in problems))

    @property
    def group(self) -> str:
        return "What must not get through as it is" if self.case.why else f"{self.credential.tenant_name}, {self.case.tenant}"


def show(running: Running, check: Callable[[], None]) -> bool:
    """Posts, follows and prints; True if every message reached its right end and the journals hold each note once.

    `check` raises Halt if a part of the running hub has ended.
    """
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without our signs still gets the words
    try:
        with requests.Session() as http:
            http.trust_env = False
            return _show(http, running, check)
    except requests.RequestException as error:
        check()
        raise Halt(f"the hub or the journal stopped answering ({type(error).__name__})") from None


def _show(http: requests.Session, running: Running, check: Callable[[], None]) -> bool:
    messages = [_post(http, running, case) for case in CASES]
    table = Table(sys.stdout.isatty(), shutil.get_terminal_size((120, 24)).columns)
    table.head()
    for group, members in groupby(messages, key=lambda message: message.group):
        table.group(group)
        for message in members:
            _follow(http, running, message, check)
            table.row(message)
    return _sum_up(http, running, messages)


def _post(http: requests.Session, running: Running, case: Case) -> Message:
    credential = _credential(running, case)
    message, body = Message(case, credential), case.body
    path, media = _address(case, body)
    message.posted_at = time.time()
    answer = http.post(running.hub + path, data=body, headers={"Content-Type": media, **credential.headers(body)}, timeout=30)
    message.answered_ms = (time.time() - message.posted_at) * 1000
    message.status = answer.status_code
    message.receipt = answer.headers.get("Location", "").rpartition("/")[2]
    message.reason = _reason(answer)
    return message


def _address(case: Case, body: bytes) -> tuple[str, str]:
    """Path and media type: the national route names the resource, the others the format."""
    if case.adapter == "vkp":
        return f"/epj/r4/{case.tenant}/{json.loads(body)['resourceType'].lower()}", "application/fhir+json"
    return f"/api/v1/{case.tenant}/{case.adapter}", "application/xml" if case.example.endswith(".xml") else "application/json"


def _credential(running: Running, case: Case) -> Credential:
    fits = (one for one in running.senders if one.tenant == case.tenant and case.adapter in one.sender.adapters)
    found = next((one for one in fits if case.sender in ("", one.sender.name)), None)
    if found is None:
        raise Halt(f"the demo register has no sender of {case.adapter} for {case.tenant}: see local/demo")
    return replace(found, secret=found.secret[::-1]) if case.forged else found


def _reason(answer: requests.Response) -> str:
    """The cause, as a problem, an OperationOutcome or a sender's own protocol tells it."""
    if answer.status_code == 202 or "json" not in answer.headers.get("Content-Type", ""):
        return ""
    told = answer.json()
    issue = (told.get("issue") or [{}])[0]
    return str(told.get("detail") or issue.get("details", {}).get("text", ""))


def _follow(http: requests.Session, running: Running, message: Message, check: Callable[[], None]) -> None:
    """Asks the receipt, as its sender would, until it has its end or the time is up."""
    step = Step(f"Waiting for {message.case.example}") if sys.stderr.isatty() else None
    path = f"/api/v1/receipts/{message.receipt}"
    while not message.over and time.time() < message.posted_at + LONGEST:
        check()
        answer = http.get(running.hub + path, headers=message.credential.headers(path.encode()), timeout=30)
        message.told = answer.json() if answer.status_code == 200 else {}
        message.ended_at = time.time()
        if not message.over:
            time.sleep(0.05)
            step.turn() if step else None
    step.clear() if step else None


WIDTHS = {"mark": 2, "payload": 33, "adapter": 8, "lane": 8, "receipt": 31, "parcel": 21, "journal": 9, "ms": 5}
DROPPED = ("parcel", "adapter", "lane", "receipt")  # in this order, where the terminal is too narrow for all


def columns(width: int) -> list[str]:
    """The columns that fit."""
    left = list(WIDTHS)
    for name in DROPPED:
        if sum(WIDTHS[column] for column in left) > width:
            left.remove(name)
    return left


@dataclass(frozen=True, slots=True)
class Table:
    """Fits the terminal; in colour on one."""

    colour: bool
    width: int = 120

    def head(self) -> None:
        print()
        self._print(self._line({name: name.upper() for name in WIDTHS if name != "mark"}), "2")

    def group(self, title: str) -> None:
        print()
        self._print(title, "1")

    def row(self, message: Message) -> None:
        case = message.case
        first, *more = list(_parcels(message)) or [("", "")]
        if "parcel" not in columns(self.width):
            first, more = ("", " ".join(dict.fromkeys(answer for _, answer in (first, *more)))), []
        receipt = message.receipt.partition(".")[2]
        lane = message.receipt.split(".")[2] if receipt else ""
        mark, colour = ("✓", "") if message.right else ("✗", "31")
        cells = {"mark": mark, "payload": case.name, "adapter": case.adapter, "lane": lane, "receipt": receipt}
        self._print(self._line(cells | {"parcel": first[0], "journal": first[1], "ms": f"{message.milliseconds:.0f}"}), colour)
        for parcel, answer in more:
            self._print(self._line({"parcel": parcel, "journal": answer}), colour)
        if case.why or not message.right:
            indent = "    "
            told = textwrap.fill(_end(message), self.width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
            self._print(told, colour or "2")

    def _line(self, cells: Mapping[str, str]) -> str:
        """A text too long for its column takes from the next."""
        line, start = "", 0
        for name in columns(self.width):
            text = cells.get(name, "")
            at = start if name != "ms" else start + WIDTHS[name] - len(text)
            line = line.ljust(at) if len(line) < max(at, 1) or not text else f"{line} "
            line, start = line + text, start + WIDTHS[name]
        return line.rstrip()

    def _print(self, text: str, colour: str) -> None:
        print(f"\033[{colour}m{text}\033[0m" if self.colour and colour else text, flush=True)


def _parcels(message: Message) -> Iterator[tuple[str, str]]:
    """A line for each journal: where its first parcel stands, how many more there are, and what the journal answered."""
    journals: dict[str, list[dict[str, Any]]] = {}
    for one in message.deliveries:
        journals.setdefault(one["endpoint"], []).append(one)
    for mine in journals.values():
        _, endpoint, _, place = mine[0]["parcel"].split("~")
        more = f" +{len(mine) - 1}" if len(mine) > 1 else ""
        yield f"{endpoint}~{place}{more}", " ".join(sorted({str(one.get("answer", one["status"])) for one in mine}))


def _end(message: Message) -> str:
    case, end = message.case, message.end or "no end"
    said = f"{end} {message.status}" if end == REFUSED else end
    said = f"{said}: {message.why}" if message.why else said
    return said if message.right else f"{said} (should be {case.end} {case.status}, {case.stands} in the journals)"


def _sum_up(http: requests.Session, running: Running, messages: Sequence[Message]) -> bool:
    wrong = [message for message in messages if not message.right]
    expected = sum(one["status"] == "delivered" for message in messages for one in message.deliveries)
    keys = _arrivals(http, running)
    once = len(keys) == len(set(keys)) == expected
    counts = {end: sum(message.end == end for message in messages) for end in (DELIVERED, DUPLICATE, SET_ASIDE, REFUSED)}
    ends = ", ".join(f"{count} {end}" for end, count in counts.items())
    print()
    if wrong:
        print(f"{len(wrong)} of {len(messages)} messages did not reach their right end ({ends}).")
    else:
        print(f"All {len(messages)} messages reached their right end: {ends}.")
    print(
        f"{len(set(keys))} notes stand in the journals"
        + (", each once." if once else f": {expected} were delivered and {len(keys)} took effect.")
    )
    return once and not wrong


def _arrivals(http: requests.Session, running: Running) -> list[str]:
    """Every effect in every journal, by its own account."""
    journals = http.get(f"{running.journal}/_sandbox/stats", timeout=10).json()
    arrivals = [http.get(f"{running.journal}/_sandbox/{name}/arrivals", timeout=10).json() for name in journals]
    return [arrival["key"] for journal in arrivals for arrival in journal]
