"""A document taken apart: each of its resources with an id of our own, the same on every attempt, and every reference led to those."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

import orjson

from shared.domain.journal import Sending
from shared.domain.message import Lane
from shared.errors import Refused

Json = Mapping[str, Any]

OURS = UUID("b7c1f0de-52f4-5d0e-9a35-3d1c6f0b8e24")  # namespace of the ids made here; changing it doubles what is under way
THINGS = frozenset({"Device"})  # with a business identifier: one in the journal, however many notes name it
PEOPLE = frozenset({"Patient", "Practitioner", "PractitionerRole", "RelatedPerson"})  # the journal has its own; we never write them
URI = "urn:ietf:rfc:3986"

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}", re.ASCII)
_SPECIAL = re.compile(r"[\\,$|]")  # separators in a search value


@dataclass(frozen=True, slots=True)
class Part:
    """One resource on its way. `search` finds it, and nothing else, in the journal; `id`: where it is put, "" for a thing that the
    journal may have already."""

    type: str
    id: str
    urn: str
    search: str
    resource: Json

    @property
    def entry(self) -> Json:
        """As an entry of a transaction or batch."""
        if self.id:
            how = {"method": "PUT", "url": f"{self.type}/{self.id}"}
        else:
            how = {"method": "POST", "url": self.type, "ifNoneExist": self.search.partition("?")[2]}
        return {"fullUrl": self.urn, "resource": self.resource, "request": how}


def parts(sending: Sending) -> Sequence[Part]:
    """In the order in which they are sent, the note first. Refused: it is no document that could be taken apart."""
    document = _read(sending.document)
    found = sorted(_resources(document), key=lambda each: each[1]["resourceType"] != "Composition")
    kept = [(url, resource) for url, resource in found if resource["resourceType"] not in PEOPLE]
    if not kept:
        raise Refused("the document has nothing in it that a journal could store")
    made = _named(sending.key, [resource for _, resource in kept])
    people = {name: _logical(resource) for url, resource in found if resource["resourceType"] in PEOPLE for name in _names(url, resource)}
    called = [(name, part) for part, (url, resource) in zip(made, kept, strict=True) for name in _names(url, resource)]
    point = _of_transaction if sending.lane is Lane.ROUTINE else _of_batch
    settled = [_settled(part, people | {name: point(part, other) for name, other in called}, document) for part in made]
    return settled if sending.lane is Lane.ROUTINE else [settled[0], *_needed_first(settled[1:])]


def _read(document: bytes) -> Any:
    """Numbers stay the digits that they are: 82.50 is never a number here."""
    try:
        orjson.loads(document)  # what it takes is strict JSON, which can be written again
        return json.loads(document, parse_float=orjson.Fragment, parse_int=orjson.Fragment)
    except (ValueError, RecursionError):
        raise Refused("the document cannot be taken apart: it is not JSON") from None


def _resources(document: Any) -> Iterator[tuple[str, Json]]:
    """(fullUrl, resource) of each."""
    if not isinstance(document, dict) or document.get("resourceType") != "Bundle":
        yield "", _resource(document)
        return
    entries = document.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        held = entry if isinstance(entry, dict) else {}
        url = held.get("fullUrl")
        yield url if isinstance(url, str) else "", _resource(held.get("resource"))


def _resource(found: Any) -> Json:
    kind = found.get("resourceType") if isinstance(found, dict) else None
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise Refused("the document has an entry without a resource")
    held: Json = found
    return held


def _names(url: str, resource: Json) -> Iterator[str]:
    """By what other resources of the document may call it."""
    if url:
        yield url
    if isinstance(resource.get("id"), str):
        yield f"{resource['resourceType']}/{resource['id']}"


def _named(key: str, resources: Sequence[Json]) -> Sequence[Part]:
    """An id says which of how many parts it is: so that an answer, which names ids, tells by itself whether it is about all of them."""
    made: list[Part] = []
    for place, resource in enumerate(resources, 1):
        kind = resource["resourceType"]
        own = uuid5(OURS, f"{key}/{place}/{kind}")
        name, thing = f"{own}-{place}of{len(resources)}", _thing(resource) if made else ""
        if thing and thing not in {part.search for part in made}:
            made.append(Part(kind, "", f"urn:uuid:{own}", thing, resource))
        else:
            made.append(Part(kind, name, f"urn:uuid:{own}", f"{kind}?_id={name}", resource))
    return made


def _thing(resource: Json) -> str:
    """The search that finds what the journal may have already; "" for what is of this document only."""
    kind, business = resource["resourceType"], _business(resource)
    if kind not in THINGS or not business:
        return ""
    token = "|".join(_SPECIAL.sub(r"\\\g<0>", word) for word in business)
    return f"{kind}?identifier={quote(token, safe='')}"


def _business(resource: Json) -> tuple[str, str] | None:
    """System and value of its first identifier that has both."""
    held = resource.get("identifier")
    for each in held if isinstance(held, list) else [held]:
        system, value = (each.get("system"), each.get("value")) if isinstance(each, dict) else (None, None)
        if isinstance(system, str) and isinstance(value, str) and system and value:
            return system, value
    return None


def _of_transaction(_part: Part, other: Part) -> Json:
    """How a part refers to another: by its name in the call, which the server makes an address."""
    return {"reference": other.urn}


def _of_batch(part: Part, other: Part) -> Json:
    """In a batch no names are resolved. The note depends on nothing: a part that the journal refuses must not keep it out."""
    if not other.id:
        return _logical(other.resource)
    address = f"{other.type}/{other.id}"
    return {"type": other.type, "identifier": {"value": address}} if part.type == "Composition" else {"reference": address}


def _needed_first(waiting: Sequence[Part]) -> Sequence[Part]:
    """Servers that look whether a reference leads somewhere do so entry by entry."""
    ordered: list[Part] = []
    left = list(waiting)
    while left:
        addresses = {f"{part.type}/{part.id}" for part in left}
        free = [part for part in left if not addresses & set(_targets(part.resource))]
        ordered += free or left
        left = [part for part in left if part not in free] if free else []
    return ordered


def _targets(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _targets(each)
    elif isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        yield from _targets(list(value.values()))


def _logical(resource: Json) -> Json:
    business = _business(resource)
    return {"type": resource["resourceType"], **({"identifier": dict(zip(("system", "value"), business, strict=True))} if business else {})}


def _settled(part: Part, names: Mapping[str, Json], document: Any) -> Part:
    """As it is stored: with its id, its references led; the note keeps its document's name, which is how a correction is known."""
    resource = {key: value for key, value in _led(part.resource, names).items() if key != "id"}
    if part.id:
        resource["id"] = part.id
    if part.type == "Composition" and document["resourceType"] == "Bundle" and "identifier" in document:
        resource.setdefault("identifier", document["identifier"])
    return Part(part.type, part.id, part.urn, part.search, resource)


def _led(value: Any, names: Mapping[str, Json]) -> Any:
    if isinstance(value, list):
        return [_led(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: _led(each, names) for key, each in value.items()}
    target = made.get("reference")
    return made if not isinstance(target, str) or target.startswith("#") else _reference(made, target, names)


def _reference(made: dict[str, Any], target: str, names: Mapping[str, Json]) -> Json:
    """One that leads out of the document would mean somebody else in the journal: Patient/5 is another patient there. It becomes words."""
    rest = {key: value for key, value in made.items() if key != "reference"}
    if target in names:
        return {**names[target], **rest}
    return {"identifier": {**({"system": URI} if ":" in target else {}), "value": target}, **rest}
