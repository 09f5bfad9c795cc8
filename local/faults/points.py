"""The named steps of the flow at which a process may die: functions of the product by module and name, wrapped before it starts.

Nothing in the product knows of this. A new step is a new row; a test holds every row to a function that there is.
"""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.message import Lane
from shared.storage.lines import Hold

BEFORE, AFTER, UNREAD = "before", "after", "unread"  # UNREAD: whoever is asked has done it, and the answer is not looked at
_DONE = 0.1  # seconds in which the journal has surely done it


@dataclass(frozen=True, slots=True)
class Point:
    """`step`: module:function or module:Class.function. `where`: words that the call must be about, of tables, queues, lanes, addresses.
    `nth`: the first call at which it happens. `needs`: words for what must be so for the step to be reached: a journal that `fails`, is
    `down` for many calls, `refuses`, whose documents are `fetched`, `unread` or `followed`; a `second` route; queue messages that stay
    `hidden`, a message that is sent `twice`, `age`, a number of lines that is `resized`, an operator who `acted`, a response centre that
    `answered`."""

    step: str
    side: str
    where: str = ""
    nth: int = 1
    needs: str = ""


_RECEIVE, _TRANSFORM, _FORWARD = "shared.flow.receive", "shared.flow.transform", "shared.flow.forward"
_ATTEMPT, _BREAKER = "shared.flow.attempt", "shared.flow.breaker"
_BREAKERS, _SHAPES = "shared.storage.breakers:Breakers", "shared.storage.shapes:Shapes"
_APPENDER, _LINES, _QUEUES = "shared.storage.append:Appender", "shared.storage.lines:Lines", "shared.storage.queues:Queues"
_REGISTERS, _SWEEP, _ATTEND = "shared.storage.register_rows:Registers", "shared.flow.sweep", "shared.flow.attend"
_SHELF, _FOLLOWUPS, _OVERDUE = "shared.storage.shelf:Shelf", "shared.storage.followups:Followups", "shared.storage.overdue:Overdue"
_ESCALATE, _FOLLOW, _ACTS = "shared.flow.escalate", "shared.flow.follow", "shared.messages.acts"
_SHELVES, _ACKNOWLEDGE = "shared.flow.shelves", "shared.flow.acknowledge"

POINTS: Mapping[str, Point] = {
    "register: about to be read": Point(f"{_REGISTERS}.refresh", BEFORE),
    "register: read, nothing done": Point(f"{_REGISTERS}.refresh", AFTER),
    "receive: audit entry made, nothing stored": Point(f"{_RECEIVE}:enter", AFTER),
    "receive: bytes read, nothing stored": Point(f"{_APPENDER}.append", BEFORE, "receipts"),
    "receive: alarm read, nothing stored": Point(f"{_APPENDER}.append", BEFORE, "receipts alarm"),
    "receive: end of the line read": Point("shared.storage.append:read_tail", AFTER, "receipts"),
    "receive: line known, pack not written": Point(f"{_APPENDER}._append", BEFORE, "receipts"),
    "receive: pack written, nobody told": Point(f"{_APPENDER}._append", AFTER, "receipts routine"),
    "receive: alarm's pack written, nobody told": Point(f"{_APPENDER}._append", AFTER, "receipts alarm"),
    "receive: stored, line not rung": Point(f"{_RECEIVE}:ring", BEFORE),
    "receive: about to queue the line": Point(f"{_QUEUES}._send", BEFORE, "receipts routine"),
    "receive: about to queue the alarm's line": Point(f"{_QUEUES}._send", BEFORE, "receipts alarm"),
    "receive: line queued, sender not answered": Point(f"{_QUEUES}._send", AFTER, "receipts"),
    "receive: line rung, sender not answered": Point(f"{_RECEIVE}:ring", AFTER),
    "transform: message taken from the queue": Point(f"{_ATTEND}:_attend", BEFORE, "receipts"),
    "transform: line looked at": Point(f"{_LINES}.look", AFTER, "receipts"),
    "transform: about to take line and ids": Point(f"{_LINES}.take", BEFORE, "receipts"),
    "transform: line and ids taken": Point(f"{_LINES}.take", AFTER, "receipts routine"),
    "transform: alarm line and ids taken": Point(f"{_LINES}.take", AFTER, "receipts alarm"),
    "transform: an id is taken, owner not known": Point(f"{_LINES}.owners", BEFORE, "receipts", needs="twice"),
    "transform: owner of an id known": Point(f"{_LINES}.owners", AFTER, "receipts", needs="twice"),
    "transform: parcels made, none stored": Point(f"{_TRANSFORM}:put_in_line", BEFORE),
    "transform: about to store parcels of a line": Point(f"{_APPENDER}._append", BEFORE, "parcels"),
    "transform: some parcels stored": Point(f"{_APPENDER}._append", AFTER, "parcels routine"),
    "transform: alarm's parcels stored": Point(f"{_APPENDER}._append", AFTER, "parcels alarm"),
    "transform: parcels stored, lines not rung": Point(f"{_TRANSFORM}:ring", BEFORE),
    "transform: lines queued, nothing committed": Point(f"{_QUEUES}._send", AFTER, "parcels"),
    "transform: lines rung, nothing committed": Point(f"{_TRANSFORM}:ring", AFTER),
    "transform: alarm stored, about to be sent on": Point(f"{_TRANSFORM}:_sent_on", BEFORE),
    "transform: about to commit": Point(f"{_LINES}.commit", BEFORE, "receipts"),
    "transform: committed, message not deleted": Point(f"{_LINES}.commit", AFTER, "receipts routine"),
    "transform: alarm committed, message not deleted": Point(f"{_LINES}.commit", AFTER, "receipts alarm"),
    "forward: message taken from the queue": Point(f"{_ATTEND}:_attend", BEFORE, "parcels"),
    "forward: line looked at": Point(f"{_LINES}.look", AFTER, "parcels"),
    "forward: about to take the line": Point(f"{_LINES}.take", BEFORE, "parcels"),
    "forward: line taken, nothing sent": Point(f"{_LINES}.take", AFTER, "parcels routine"),
    "forward: alarm's line taken, nothing sent": Point(f"{_LINES}.take", AFTER, "parcels alarm"),
    "forward: about to send the first parcel": Point(f"{_ATTEMPT}:deliver", BEFORE),
    "forward: about to send a later parcel": Point(f"{_ATTEMPT}:deliver", BEFORE, nth=3),
    "forward: journal has stored, answer not read": Point("aiohttp:ClientResponse.start", UNREAD, "/journal-"),
    "forward: later parcel stored, answer not read": Point("aiohttp:ClientResponse.start", UNREAD, "/journal-", nth=3),
    "forward: sent, outcome not written": Point(f"{_ATTEMPT}:deliver", AFTER, "routine"),
    "forward: alarm sent, outcome not written": Point(f"{_ATTEMPT}:deliver", AFTER, "alarm"),
    "forward: about to commit": Point(f"{_LINES}.commit", BEFORE, "parcels routine"),
    "forward: about to commit an alarm": Point(f"{_LINES}.commit", BEFORE, "parcels alarm"),
    "forward: committed, message not deleted": Point(f"{_LINES}.commit", AFTER, "parcels routine"),
    "forward: alarm committed, message not deleted": Point(f"{_LINES}.commit", AFTER, "parcels alarm"),
    "forward: no answer, line not queued again": Point(f"{_FORWARD}:come_back", BEFORE, needs="fails"),
    "forward: no answer, line queued again": Point(f"{_FORWARD}:come_back", AFTER, needs="fails"),
    "forward: endpoint found down, not said": Point(f"{_BREAKERS}.set", BEFORE, needs="down"),
    "forward: endpoint said to be down, line not let go": Point(f"{_BREAKERS}.set", AFTER, needs="down"),
    "forward: endpoint up again, lines not rung": Point(f"{_BREAKER}:ring", BEFORE, needs="down"),
    "forward: endpoint up again, lines rung": Point(f"{_BREAKER}:ring", AFTER, needs="down"),
    "lines: one of the old ones closed": Point("shared.storage.append:close", AFTER, needs="resized"),
    "lines: old ones closed, new ones not begun": Point(f"{_SHAPES}._write", BEFORE, nth=2, needs="resized"),
    "lines: new ones begun, nothing in them": Point(f"{_SHAPES}._write", AFTER, nth=2, needs="resized"),
    "lines: about to look who waits in the old ones": Point("shared.flow.ahead:_read", BEFORE, needs="resized"),
    "forward: correction looks for another patient's original": Point(f"{_ATTEMPT}:_originals_ended", BEFORE, needs="down"),
    "forward: correction waits for another patient's original": Point(f"{_ATTEMPT}:_originals_ended", AFTER, needs="down"),
    "transform: about to look for what a correction corrects": Point(f"{_TRANSFORM}:originals", BEFORE, needs="twice"),
    "transform: what a correction corrects is known": Point(f"{_TRANSFORM}:originals", AFTER, needs="twice"),
    "shelf: document not put there": Point(f"{_SHELF}.put", BEFORE, needs="fetched"),
    "shelf: document put there, line not told": Point(f"{_SHELF}.put", AFTER, needs="fetched"),
    "shelf: fetched, not marked as read": Point(f"{_SHELF}.mark_read", BEFORE, needs="fetched"),
    "shelf: marked as read, journal not answered": Point(f"{_SHELF}.mark_read", AFTER, needs="fetched"),
    "shelf: about to be acknowledged": Point(f"{_SHELF}.acknowledge", BEFORE, needs="fetched"),
    "shelf: acknowledged, journal not answered": Point(f"{_SHELF}.acknowledge", AFTER, nth=2, needs="fetched"),
    "shelf: about to be cleared": Point(f"{_SHELF}.purge", BEFORE, needs="fetched age"),
    "shelf: cleared": Point(f"{_SHELF}.purge", AFTER, needs="fetched age"),
    "follow: sent, not said that it is to be followed": Point(f"{_FOLLOWUPS}.add", BEFORE, needs="followed"),
    "follow: to be followed, line not told": Point(f"{_FOLLOWUPS}.add", AFTER, needs="followed"),
    "follow: due, journal not asked": Point(f"{_FOLLOW}:_ask", BEFORE, needs="followed"),
    "follow: asked, nothing new, not put off": Point(f"{_FOLLOWUPS}.later", BEFORE, needs="followed"),
    "follow: asked, nothing new, put off": Point(f"{_FOLLOWUPS}.later", AFTER, needs="followed"),
    "follow: acknowledged, not written": Point(f"{_FOLLOW}:add", BEFORE, needs="followed"),
    "follow: acknowledged, written, still to be followed": Point(f"{_FOLLOW}:add", AFTER, needs="followed"),
    "follow: acknowledged, no longer to be followed": Point(f"{_FOLLOWUPS}.end", AFTER, nth=2, needs="followed"),
    "escalate: overdue, not sent by the second route": Point(f"{_ESCALATE}:hand_over", BEFORE, needs="second"),
    "escalate: sent by the second route, not said": Point(f"{_OVERDUE}.write", BEFORE, needs="second"),
    "escalate: sent by the second route, said": Point(f"{_OVERDUE}.write", AFTER, needs="second"),
    "escalate: refused, not sent by the second route": Point(f"{_ESCALATE}:hand_over", BEFORE, needs="second refuses"),
    "escalate: refused and sent by the second route, not parked": Point(f"{_ESCALATE}:hand_over", AFTER, needs="second refuses"),
    "remind: alarms unread, not sent by the second route": Point(f"{_SHELVES}:hand_over", BEFORE, needs="unread second"),
    "remind: sent by the second route, none noted beside its parcel": Point(f"{_SHELVES}:_note", BEFORE, needs="unread second"),
    "remind: one noted beside its parcel": Point(f"{_SHELVES}:_note", AFTER, needs="unread second"),
    "remind: all noted, not said": Point(f"{_OVERDUE}.write", BEFORE, needs="unread second"),
    "remind: all noted, said": Point(f"{_OVERDUE}.write", AFTER, needs="unread second"),
    "acknowledge: a centre's word known, not kept": Point(f"{_FOLLOWUPS}.add", BEFORE, needs="answered"),
    "acknowledge: a centre's word kept, nothing committed": Point(f"{_FOLLOWUPS}.add", AFTER, needs="answered"),
    "acknowledge: due, alert not looked for": Point(f"{_ACKNOWLEDGE}:_noted", BEFORE, needs="answered"),
    "acknowledge: alert found, nothing written": Point(f"{_ACKNOWLEDGE}:_write", BEFORE, needs="answered"),
    "acknowledge: written with the alert, not with the receipt": Point(f"{_ACKNOWLEDGE}:_say", BEFORE, needs="answered"),
    "acknowledge: written with the receipt, still due": Point(f"{_ACKNOWLEDGE}:_say", AFTER, needs="answered"),
    "acknowledge: written, no longer due": Point(f"{_FOLLOWUPS}.end", AFTER, needs="answered"),
    "acknowledge: one alert's word changed": Point(f"{_ACKNOWLEDGE}:_change", AFTER, needs="answered"),
    "acknowledge: alert not found, not put off": Point(f"{_FOLLOWUPS}.later", BEFORE, needs="answered"),
    "acknowledge: alert not found, put off": Point(f"{_FOLLOWUPS}.later", AFTER, needs="answered"),
    "act: wanted, not noted": Point(f"{_ACTS}:note", BEFORE, needs="acted"),
    "act: noted, nothing changed": Point(f"{_ACTS}:note", AFTER, needs="acted"),
    "act: some packs changed": Point(f"{_ACTS}:amend", AFTER, nth=2, needs="acted"),
    "act: packs changed, lines not rung": Point(f"{_ACTS}:_ring", BEFORE, nth=2, needs="acted"),
    "act: lines rung, operator not told": Point(f"{_ACTS}:_ring", AFTER, nth=2, needs="acted"),
    "sweep: begun": Point(f"{_SWEEP}:_each", BEFORE, needs="hidden"),
    "sweep: a line stands still, none rung": Point(f"{_SWEEP}:_looked_after", AFTER, needs="hidden"),
    "sweep: lines found, none rung": Point(f"{_SWEEP}:_each", AFTER, needs="hidden"),
    "sweep: receipts' lines rung, parcels' not": Point(f"{_SWEEP}:_each", BEFORE, nth=2, needs="hidden"),
    "purge: pack's end known, not emptied": Point(f"{_LINES}.empty", BEFORE, "receipts", needs="age"),
    "purge: pack emptied": Point(f"{_LINES}.empty", AFTER, "receipts", needs="age"),
    "purge: parcels' pack not emptied": Point(f"{_LINES}.empty", BEFORE, "parcels", needs="age"),
    "purge: parcels' pack emptied": Point(f"{_LINES}.empty", AFTER, "parcels", needs="age"),
    "forget: ids not dropped": Point(f"{_LINES}.forget", BEFORE, "receipts", needs="age"),
    "forget: ids of a line dropped": Point(f"{_LINES}.forget", AFTER, "receipts", needs="age"),
}


def owner_of(step: str) -> tuple[Any, str]:
    """What has the function as an attribute, and the function's name."""
    module, _, path = step.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    return owner, name


def lay(point: Point, nth: int, die: Callable[[], None]) -> None:
    """Wraps the step: at its n-th call (from 1) that is about `where`, `die` is called."""
    owner, name = owner_of(point.step)
    step, left, words = getattr(owner, name), [nth], point.where.split()

    def now(args: tuple[Any, ...]) -> bool:
        told = _about(args) if words else ""
        if all(word in told for word in words):
            left[0] -= 1
            return left[0] == 0
        return False

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if point.side != AFTER and now(args):
            await asyncio.sleep(_DONE if point.side == UNREAD else 0)
            die()
        result = await step(*args, **kwargs)
        if point.side == AFTER and now(args):
            die()
        return result

    setattr(owner, name, wrapped)


def _about(args: tuple[Any, ...]) -> str:
    """What a call is about, in words: its table, its line, its lane, its address."""
    return " ".join(word for each in args for word in _words(each))


def _words(value: Any) -> list[str]:
    if isinstance(value, str | Lane):
        return [str(value)]
    if isinstance(value, list | tuple):
        return [each for each in value if isinstance(each, str)]
    if isinstance(value, Hold):
        return [value.line]
    table = getattr(value, "table", None) or getattr(value, "_table", None)
    names = (getattr(table or value, "table_name", ""), getattr(value, "name", ""), str(getattr(value, "url", "")))
    return [name for name in names if isinstance(name, str)]
