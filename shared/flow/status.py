"""What became of a receipt, for the sender that sent it and for nobody else."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any

import orjson
from azure.core.exceptions import AzureError

from shared.access.permission import RECEIPT
from shared.domain.clock import bounds
from shared.door import adapters
from shared.door.answers import JSON, Fault, Reply, refused
from shared.door.prove import Caller, by_token, known_register, prove, scheme
from shared.door.visit import PATIENCE
from shared.flow.names import owner_of, parcel_name, receipt_at, receipt_name, sender_of
from shared.flow.second import second_routes
from shared.hub import Hub
from shared.storage.lines import place_of, position
from shared.storage.packs import Pack
from shared.storage.shelf_rows import shelf_of

ACKNOWLEDGED = "3"  # of a step: hendelse kvittert
_TIMED = 50  # parcels of a receipt, the first ones, about which a shelf is asked
_UNKNOWN = Fault(404, "there is no such receipt of yours", "use the id that the answer 202 gave you, with the same credentials")


async def status(hub: Hub, receipt: str, headers: Mapping[str, str], path: str) -> Reply:
    """`path`: the request's path, which is what a signature covers where there is no body."""
    try:
        async with asyncio.timeout(PATIENCE):
            return Reply(200, JSON, orjson.dumps(await _status(hub, receipt, headers, path)))
    except Fault as fault:
        return refused(fault, None)
    except (AzureError, TimeoutError):
        return refused(Fault(503, "the hub cannot look that up now", "ask again in a few seconds", headers={"Retry-After": "5"}), None)


async def _status(hub: Hub, receipt: str, headers: Mapping[str, str], path: str) -> dict[str, Any]:
    found = receipt_at(receipt)
    caller = await _caller(hub, owner_of(found[0])[0], headers, path) if found else Caller(None)
    if found is None or caller.sender is None or caller.sender.name != owner_of(found[0])[1]:
        raise _UNKNOWN
    line, (sequence, place) = found[0], place_of(found[1])
    pack = await hub.receipts.lines.read(line, sequence)
    if pack is None or place >= len(pack.states):
        raise _UNKNOWN
    return await _told(hub, line, receipt, pack, place)


async def _caller(hub: Hub, tenant: str, headers: Mapping[str, str], path: str) -> Caller:
    """By the same means as the payload was sent with; a token needs no scope beyond being the sender's."""
    register = await known_register(hub)
    if scheme(headers):
        return await by_token(hub, register, tenant, headers, RECEIPT, ("GET", path))
    return prove(hub, register, tenant, headers, path.encode(), RECEIPT)


async def _told(hub: Hub, line: str, receipt: str, pack: Pack, place: int) -> dict[str, Any]:
    state = pack.states[place] or {}
    told: dict[str, Any] = {"receipt": receipt, "received_at": written(pack.since), "status": "received"}
    if state.get("end") == "deleted":
        return told | {"status": "deleted"}
    if state.get("end") == "duplicate":
        return told | {"status": "duplicate", "first": receipt_name(line, state["first"])}
    if "corrects" in state:
        told["corrects"] = receipt_name(line, state["corrects"])
    if "end" not in state:
        return told
    deliveries = await _deliveries(hub, state.get("parcels", {}))
    deliveries[:_TIMED] = await asyncio.gather(*(_with_times(hub, line, each) for each in deliveries[:_TIMED]))
    told["set_aside"] = [{"item": item, "reason": reason, "remedy": remedy} for item, reason, remedy in state["problems"]]
    told["parcels"] = deliveries
    told |= {name: state[name] for name in ("repairs", "warnings") if state.get(name)}
    told |= about(state, position(pack.sequence, place))
    told["counts"] = {"items": state["items"], "documents": state["documents"], "set_aside": state["set_aside"], **_counts(deliveries)}
    return told | {"status": word(state, deliveries)}


def about(state: Mapping[str, Any], at: int) -> dict[str, list[str]]:
    """Of the document at that position, if it follows up an alert: the alert's parcels, none while it is not known. Nothing of one that
    was corrected, and of any other."""
    noted = state.get("noted", {"by": at, "parcels": []})
    related = state.get("follows", {}).get("related")
    return {"follows": noted["parcels"]} if noted["by"] == at and (related or noted["parcels"]) else {}


async def _with_times(hub: Hub, line: str, delivery: dict[str, Any]) -> dict[str, Any]:
    """And when the journal fetched it and said that it is journaled, if it lies on a shelf."""
    endpoint = (await hub.registers.current()).endpoint(owner_of(line)[0], delivery["endpoint"])
    journal = adapters.journal(endpoint.adapter) if endpoint and delivery.get("journal") else None
    if endpoint is None or journal is None or not journal.shelved:
        return delivery
    kind, _, name = delivery["journal"].partition("/")
    one = await hub.shelf.find(shelf_of(endpoint.tenant, endpoint.name), kind, name)
    times = {"read": one.read, "acknowledged": one.acknowledged} if one else {}
    return delivery | {word: written(at) for word, at in times.items() if at}


def word(state: Mapping[str, Any], deliveries: Sequence[Mapping[str, Any]]) -> str:
    """One word for the whole: the worst of what still needs somebody, else the furthest step."""
    words = {delivery["status"] for delivery in deliveries}
    if "parked" in words:
        return "parked"
    if "waiting" in words:
        return "transformed"
    if state["end"] == "set aside" or state["problems"]:
        return "set aside"
    return "deleted" if "deleted" in words else "delivered"


def _counts(deliveries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counted = Counter(delivery["status"] for delivery in deliveries)
    return {word: counted[word] for word in ("delivered", "waiting", "parked")}


async def _deliveries(hub: Hub, parcels: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """And of what went by a second route as well."""
    seconds = await second_routes(hub.overdue, ((line, at) for line, positions in parcels.items() for at in positions))
    own = await deliveries_of(hub, parcels)
    there = [await deliveries_of(hub, {line: [at]}) for line, at in seconds.values()]
    also = [told | {"second_route_of": parcel_name(*first)} for first, [told] in zip(seconds, there, strict=True)]
    return own + also


async def deliveries_of(hub: Hub, parcels: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """What became of each parcel (line -> positions): a read for each pack that they stand in."""
    each = [(line, at) for line, positions in parcels.items() for at in positions]
    wanted = {(line, place_of(at)[0]) for line, at in each}
    packs = dict(zip(wanted, await asyncio.gather(*(hub.parcels.lines.read(*one) for one in wanted)), strict=True))
    return [_delivery(line, at, packs[line, place_of(at)[0]]) for line, at in each]


def _delivery(line: str, at: int, pack: Pack | None) -> dict[str, Any]:
    place = place_of(at)[1]
    state = (pack.states[place] if pack and place < len(pack.states) else None) or {}
    told = {
        "endpoint": line.split("~")[1],
        "parcel": parcel_name(line, at),
        "status": state.get("end", "waiting"),
        "attempts": state.get("attempt", 0),
    }
    if "at" in state:
        told["at"] = written(state["at"])
    if "answer" in state:
        told["answer"], told["journal"] = state["answer"], state["name"]
    told |= {word: written(state[word]) for word in ("read", "acknowledged") if word in state}
    if "reason" in state:
        told["reason"] = state["reason"]
    if "not_before" in state:
        told["not_before"] = written(state["not_before"])
    if steps := followed(state):
        told["followed"] = [dated(step) for step in steps]
    return told


def followed(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a response centre did about an alert: each step's code, when (fhir.follow_up.When), and who says so; the earliest first."""
    words = [(sender_of(word["by"]), code, at) for word in state.get("followed", {}).values() for code, at in word["steps"]]
    return [{"code": code, "at": at, "by": sender} for sender, code, at in sorted(words, key=lambda one: within(one[2])[0])]


def within(at: float | str) -> tuple[float, float]:
    """The moments between which a step was."""
    if at == "":
        return inf, inf  # nothing says that it was long ago
    return bounds(at) if isinstance(at, str) else (at, at)


def dated(step: Mapping[str, Any]) -> dict[str, Any]:
    """As it is told: a moment, a date where no more was said, nothing where nothing was."""
    at = step["at"]
    return {name: value for name, value in step.items() if value != ""} | ({} if isinstance(at, str) else {"at": written(at)})


def written(seconds: float) -> str:
    """A moment as senders read it: UTC, milliseconds; later moments sort after earlier ones."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
