"""Senders that do as docs/senders.md says: repeat until 202, and keep their own account of it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from local.faults.app import App
from local.faults.judge import Note, Told
from local.faults.messages import MARK, Message
from local.faults.town import HEADERS, ORGNR
from shared.flow.receive import Payload, receive
from shared.flow.status import status

WAITING = ("received", "transformed", "waiting", "None")  # a receipt's or a parcel's words for: not yet
AGAIN = 0.05  # seconds until a payload that was not taken is sent again
Proof = Callable[[bytes], Mapping[str, str]]


class NotTaken(Exception):
    """A good payload was refused."""


@dataclass(slots=True)
class Senders:
    """`heard`: called with each message's number before it is sent ("") and when it was taken (the receipt's name)."""

    orgnr: str = ORGNR
    proof: Proof = lambda _body: HEADERS
    told: dict[int, Told] = field(default_factory=dict)
    heard: Callable[[int, str], None] = lambda _number, _receipt: None
    ended: set[str] = field(default_factory=set)
    tries: int = 0

    @property
    def taken(self) -> list[int]:
        """Numbers of the messages that were."""
        return [number for number, told in self.told.items() if told.answered]

    async def send(self, one: App, number: int, message: Message) -> None:
        """Until it is taken."""
        told = self.told.setdefault(number, Told(message, time.monotonic()))
        self.heard(number, "")
        while not (receipt := await self._post(one, message)):  # noqa: ASYNC110 -- nobody tells a sender when to try again
            await asyncio.sleep(AGAIN)
        told.answered = told.answered or time.monotonic()
        told.receipts.append(receipt)
        self.heard(number, receipt)

    async def _post(self, one: App, message: Message) -> str:
        """The receipt, or nothing if it has to be sent again."""
        self.tries += 1
        path = f"/epj/r4/{self.orgnr}/{message.resource}" if message.resource else ""
        headers = {"content-type": "application/fhir+json", **self.proof(message.body)}
        reply = await receive(one.hub, Payload(self.orgnr, message.adapter, headers, message.body, message.resource, path))
        if reply.status in (429, 503):
            return ""
        if "Location" not in reply.headers or reply.status >= 300:
            raise NotTaken(f"{message.adapter} {message.resource}: {reply.status}")
        return reply.headers["Location"].rpartition("/")[2]

    async def send_all(self, apps: Sequence[App], messages: Sequence[Message], known: Iterable[int] = ()) -> None:
        """All but `known` (numbers). Each patient's messages of a lane one after the other, the patients side by side."""
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number in sorted(set(range(len(messages))) - set(known)):
            groups[messages[number].patient, messages[number].lane].append(number)

        async def each(numbers: list[int]) -> None:
            for number in numbers:
                await self.send(apps[number % len(apps)], number, messages[number])

        await asyncio.gather(*map(each, groups.values()))

    async def unended(self, one: App) -> list[str]:
        """Receipts that have no end yet."""
        asked = [receipt for told in self.told.values() for receipt in told.receipts if receipt not in self.ended]
        for first in range(0, len(asked), 16):
            some = asked[first : first + 16]
            found = await asyncio.gather(*(self._last(one, receipt) for receipt in some))
            self.ended |= {receipt for receipt, told in zip(some, found, strict=True) if ended(told)}
        return [receipt for receipt in asked if receipt not in self.ended]

    async def _last(self, one: App, receipt: str) -> dict[str, Any]:
        """What is told of it; of a duplicate, what is told of the first, which its sender may never have heard of."""
        told = await self.ask(one, receipt)
        return await self.ask(one, told["first"]) if "first" in told else told

    async def ask(self, one: App, receipt: str) -> dict[str, Any]:
        """What the hub tells about a receipt."""
        path = f"/api/v1/receipts/{receipt}"
        return dict(orjson.loads((await status(one.hub, receipt, self.proof(path.encode()), path)).body))

    async def all_ended(self, one: App) -> bool:
        """Asks no further than the first one that has no end."""
        for told in self.told.values():
            for receipt in told.receipts:
                if receipt not in self.ended and not ended(await self._last(one, receipt)):
                    return False
                self.ended.add(receipt)
        return True

    async def missing(self, one: App, notes: Sequence[Note]) -> list[dict[str, Any]]:
        """What the hub says of messages that were taken and do not stand in the journal."""
        there = {mark for note in notes for mark in MARK.findall(note.text)}
        owed = [told for told in self.merged() if told.answered is not None and told.message.mark not in there]
        return [await self._last(one, receipt) for told in owed for receipt in told.receipts]

    def merged(self) -> list[Told]:
        """One for each mark: a message that was sent again is the same."""
        found: dict[str, Told] = {}
        for number in sorted(self.told):
            one = self.told[number]
            before = found.get(one.message.mark)
            if before is None:
                found[one.message.mark] = one
            elif before.answered is None:
                before.answered = one.answered
        return list(found.values())


def ended(told: Mapping[str, Any]) -> bool:
    """The receipt, and each of its parcels: one that is parked does not speak for the others."""
    return not any(str(each.get("status")) in WAITING for each in (told, *told.get("parcels", ())))
