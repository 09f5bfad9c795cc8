"""The journal as a FHIR server: resources by type and id with all their versions, and what a transaction or a batch does to them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from local.journal.search import BadSearch, identified
from shared.fhir.told.loose import Node, node, nodes, text

Address = tuple[str, str]  # type and id
Held = dict[Address, list[Node]]  # versions, oldest first


class Fault(Exception):
    """Why something is not done; nothing of what was sent is quoted."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Wrong:
    """What the server does wrong. `many`: has two of every thing that is searched for before it is created; `nowhere`: does not tell
    where it stored; `partial`: refuses the last resource with this status, of a transaction too."""

    many: bool = False
    nowhere: bool = False
    partial: int = 0


@dataclass(slots=True)
class Work:
    """One call. `held` is a copy, kept if the call ends well; `stood`: what stands by it, and whether it is new, by the entry's place."""

    held: Held
    base: str
    wrong: Wrong = Wrong()
    names: dict[str, Address] = field(default_factory=dict)
    coming: set[Address] = field(default_factory=set)
    refused: int = -1
    created: int = 0
    stood: dict[int, tuple[Address, bool]] = field(default_factory=dict)

    def transaction(self, entries: Sequence[Node]) -> list[Node]:
        """All or nothing: raises Fault."""
        addresses = [self._address(entry) for entry in entries]
        self.names = {text(entry, "fullUrl"): address for entry, address in zip(entries, addresses, strict=True)}
        self.coming, self.refused = set(addresses), self._last(entries)
        return [self._entry(place, entry, addresses[place]) for place, entry in enumerate(entries)]

    def batch(self, entries: Sequence[Node]) -> list[Node]:
        """Each by itself: names of the call are not resolved."""
        self.refused = self._last(entries)
        return [self._alone(place, entry) for place, entry in enumerate(entries)]

    def _alone(self, place: int, entry: Node) -> Node:
        try:
            return self._entry(place, entry, self._address(entry))
        except Fault as fault:
            return _response(fault.status, outcome=outcome(fault))

    def _last(self, entries: Sequence[Node]) -> int:
        """The one that a journal which was told so refuses; -1 for none."""
        written = [place for place, entry in enumerate(entries) if text(entry, "request", "method") != "GET"]
        return written[-1] if written and self.wrong.partial else -1

    def _address(self, entry: Node) -> Address:
        """Where it stands or will stand; for a search: nowhere."""
        method, kind = text(entry, "request", "method"), text(entry, "resource", "resourceType")
        place, _, name = text(entry, "request", "url").partition("/")
        if method == "GET":
            return "", ""
        if method == "PUT" and kind == place and name and name == text(entry, "resource", "id"):
            return kind, name
        if method == "POST" and kind == place and not name:
            return self._created(kind, text(entry, "request", "ifNoneExist"))
        raise Fault(400, "An entry is PUT Type/id with that id in its resource, POST Type, or GET.")

    def _created(self, kind: str, condition: str) -> Address:
        """Conditional create: the one that is there, or a new one."""
        there = found(self.held, kind, condition) if condition else []
        if (self.wrong.many and condition) or len(there) > 1:
            raise Fault(412, "Several resources meet the condition.")
        self.created += not there
        return there[0] if there else (kind, f"{len(self.held)}.{self.created}")

    def _entry(self, place: int, entry: Node, address: Address) -> Node:
        request = node(entry, "request")
        if place == self.refused:
            return _response(
                self.wrong.partial, outcome=outcome(Fault(self.wrong.partial, "The journal was told to refuse the last part."))
            )
        if not address[0]:
            return {"resource": looked_up(self.held, text(request, "url"), self.base), "response": {"status": "200"}}
        versions = self.held.get(address, [])
        _check_condition(request, versions)
        resource = {**self._led(node(entry, "resource")), "id": address[1]}
        unchanged = bool(versions) and (request["method"] == "POST" or orjson.dumps(versions[-1]) == orjson.dumps(resource))
        if not unchanged:
            self.held[address] = [*versions, resource]
        self.stood[place] = address, not unchanged
        where = {} if self.wrong.nowhere else {"location": f"{self.base}/{'/'.join(address)}/_history/{len(self.held[address])}"}
        return _response(200 if versions else 201, **where, etag=f'W/"{len(self.held[address])}"')

    def _led(self, value: Any) -> Any:
        """With references that lead to resources of this server."""
        if isinstance(value, list):
            return [self._led(each) for each in value]
        if not isinstance(value, dict):
            return value
        made = {key: self._led(each) for key, each in value.items()}
        target = made.get("reference")
        if isinstance(target, str) and not target.startswith("#"):
            address = self.names.get(target) or tuple(target.split("/"))
            if address not in self.held and address not in self.coming:
                raise Fault(400, "A reference leads to nothing that this server has.")
            made["reference"] = "/".join(address)
        return made


def found(held: Mapping[Address, Sequence[Node]], kind: str, query: str) -> list[Address]:
    """By one identifier or by _id. Fault: by anything else."""
    parameters = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in ("_summary", "_count")]
    match parameters:
        case [("_id", name)]:
            return [(kind, name)] if (kind, name) in held else []
        case [("identifier", value)]:
            return [place for place, versions in held.items() if place[0] == kind and _identified(versions[-1], value)]
    raise Fault(400, "A search is by identifier or by _id.")


def _identified(resource: Node, value: str) -> bool:
    try:
        return identified(resource, (), value)
    except BadSearch as error:
        raise Fault(400, str(error)) from None


def looked_up(held: Mapping[Address, Sequence[Node]], url: str, base: str) -> Node:
    """What GET of Type/id, Type/id/_history/version or Type?search gives."""
    path, _, query = url.partition("?")
    kind, *rest = path.split("/")
    if not rest:
        places = found(held, kind, query)
        entries = [{"fullUrl": f"{base}/{'/'.join(place)}", "resource": held[place][-1], "search": {"mode": "match"}} for place in places]
        listed = {} if "_summary=count" in query else {"entry": entries}
        return {"resourceType": "Bundle", "type": "searchset", "total": len(places), **listed}
    versions = held.get((kind, rest[0]), [])
    number = rest[2] if len(rest) == 3 and rest[1] == "_history" else str(len(versions))
    if len(rest) not in (1, 3) or not number.isdecimal() or not 0 < int(number) <= len(versions):
        raise Fault(404, "There is no such resource.")
    return versions[int(number) - 1]


def _check_condition(request: Node, versions: Sequence[Node]) -> None:
    if (wanted := text(request, "ifMatch")) and wanted != f'W/"{len(versions)}"':
        raise Fault(412, "The resource has another version than ifMatch says.")
    if text(request, "ifNoneMatch") == "*" and versions:
        raise Fault(412, "The resource is there already.")


def outcome(fault: Fault) -> Node:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing", "details": {"text": str(fault)}}]}


def _response(status: int, **more: Any) -> Node:
    return {"response": {"status": str(status), **more}}


def loads(body: bytes) -> Node:
    """Numbers stay the digits that they are. ValueError if it is no object of strict JSON."""
    orjson.loads(body)
    try:
        read = json.loads(body, parse_float=orjson.Fragment, parse_int=orjson.Fragment)
    except RecursionError:
        raise ValueError from None
    if not isinstance(read, dict):
        raise ValueError
    return read


def document(work: Work, entries: Sequence[Node]) -> tuple[str, Address, bool, Node] | None:
    """What of the call is a note, for the pages: the path's word for it, its address, whether it is new, and all that stands with it.

    None: the first entry is no note, or does not stand."""
    if 0 not in work.stood:
        return None
    address, new = work.stood[0]
    whole = list(_stands(work))
    if address[0] != "Composition" or len(entries) == 1:
        return address[0].lower(), address, new, whole[0]
    named = {"identifier": whole[0]["identifier"]} if nodes(whole[0], "identifier") else {}
    return "bundle", address, new, {"resourceType": "Bundle", **named, "entry": [{"resource": each} for each in whole]}


def _stands(work: Work) -> Iterator[Node]:
    yield from (work.held[address][-1] for _, (address, _) in sorted(work.stood.items()))
