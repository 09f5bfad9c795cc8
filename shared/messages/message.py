"""A message as an operator sees it: one receipt, and each parcel that came of it. And which ones are wanted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.domain.message import Lane
from shared.flow.names import owner_of, parcel_name, receipt_name
from shared.flow.schedule import DAY
from shared.flow.status import ACKNOWLEDGED, followed, within, word
from shared.storage.index import Span
from shared.storage.queues import lane_of

State = Mapping[str, Any]

STATES = ("received", "transformed", "delivered", "parked", "set aside", "duplicate", "waiting", "deleted", "unacknowledged")
_OF_PARCELS = ("delivered", "parked", "waiting", "deleted")


@dataclass(frozen=True, slots=True)
class Sent:
    """A parcel: where it stands, and what became of it. `since`: when it was put in line, seconds since 1970; `second_of`: the name of the
    parcel that did not arrive in time, of one that went by the second route."""

    line: str
    at: int
    state: State
    since: float = 0.0
    second_of: str = ""

    @property
    def name(self) -> str:
        return parcel_name(self.line, self.at)

    @property
    def endpoint(self) -> str:
        return owner_of(self.line)[1]

    @property
    def unacknowledged(self) -> bool:
        """An alert that a response centre got, and nobody has said that it was acknowledged. A step that can only be from
        long before it is another's."""
        codes = {step["code"] for step in followed(self.state) if within(step["at"])[1] >= self.since - DAY}
        return self.status == "delivered" and "known" in self.state and ACKNOWLEDGED not in codes

    @property
    def status(self) -> str:
        return str(self.state.get("end", "waiting"))

    @property
    def delivered(self) -> bool:
        """Whether the journal has it, though it may have been sent again since."""
        return self.status == "delivered" or bool(self.state.get("had"))

    @property
    def doubtful(self) -> bool:
        """Whether it may have arrived, though nothing says that it was delivered."""
        return not self.delivered and bool(self.state.get("was", self.state).get("unsure"))


@dataclass(frozen=True, slots=True)
class Message:
    """`since`: when it was received, seconds since 1970; `state`: what transform wrote."""

    line: str
    at: int
    since: float
    state: State
    parcels: tuple[Sent, ...]

    @property
    def receipt(self) -> str:
        return receipt_name(self.line, self.at)

    @property
    def tenant(self) -> str:
        return owner_of(self.line)[0]

    @property
    def sender(self) -> str:
        return owner_of(self.line)[1]

    @property
    def lane(self) -> Lane:
        return lane_of(self.line)

    @property
    def word(self) -> str:
        """One for the whole, as its sender is told."""
        if self.state.get("end") in ("duplicate", "deleted"):
            return str(self.state["end"])
        return word(self.state, [{"status": sent.status} for sent in self.parcels]) if "end" in self.state else "received"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages. Empty: all. `event`: a kind, a code, or both, as `alert:4.1`; `state`: one of STATES, and then of the endpoint's
    parcels, if one is named."""

    tenant: str
    sender: str = ""
    endpoint: str = ""
    lane: Lane | None = None
    event: str = ""
    state: str = ""
    span: Span = field(default_factory=Span)

    def may_match(self, line: str, since: float, state: State) -> bool:
        """What can be said without the parcels: not where an alarm went by a second route."""
        endpoints = {owner_of(where)[1] for where in state.get("parcels", {})}
        lane, there = self.lane in (None, lane_of(line)), self.endpoint in ("", *endpoints) or (endpoints and lane_of(line) is Lane.ALARM)
        return bool(self.span.holds(since) and lane and self._tells(state) and there)

    def matches(self, message: Message) -> bool:
        """What `may_match` could not say."""
        there = self.endpoint in ("", *(sent.endpoint for sent in message.parcels))
        return there and (not self.state or self.state in (message.word, *self._states(message)))

    def of_parcels(self, message: Message) -> list[Sent]:
        """The message's parcels that are meant."""
        sent = [one for one in message.parcels if self.endpoint in ("", one.endpoint)]
        return [one for one in sent if one.status == self.state] if self.state in _OF_PARCELS else sent

    def _states(self, message: Message) -> set[str]:
        """Every state that it has somewhere."""
        ends = {sent.status for sent in message.parcels if self.endpoint in ("", sent.endpoint)}
        own = {"waiting"} if "end" not in message.state else set()
        aside = {"set aside"} if message.state.get("problems") else set()
        gone = {"deleted"} if "was" in message.state else set()
        open_ = (
            {"unacknowledged"} if any(sent.unacknowledged and self.endpoint in ("", sent.endpoint) for sent in message.parcels) else set()
        )
        return ends | own | aside | gone | open_

    def _tells(self, state: State) -> bool:
        kinds = [(event, *event.split(":")) for event in state.get("events", ())]
        return not self.event or any(self.event in words for words in kinds)
