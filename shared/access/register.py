"""Who is who: municipalities, senders, endpoints, routes, and who had which device when. Pure: built from rows, asked by the flow.

Truth is one TOML file per municipality (`register_toml`); the running hub reads the same rows from its table, as JSON.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from itertools import product
from typing import Any

import orjson

from shared.access.rows import (
    Alarms,
    Auth,
    Binding,
    Client,
    Endpoint,
    Expiry,
    Lookup,
    Recipient,
    Relay,
    Retry,
    Route,
    Sender,
    Service,
    Stop,
    Tenant,
    Watch,
)
from shared.domain.event import Device, Event, Person
from shared.domain.message import Lane

__all__ = [  # its rows are its vocabulary
    "Alarms",
    "Auth",
    "Binding",
    "Client",
    "Endpoint",
    "Expiry",
    "Lookup",
    "Recipient",
    "Register",
    "Relay",
    "Retry",
    "Route",
    "Sender",
    "Service",
    "Stop",
    "Tenant",
    "Watch",
    "from_json",
    "to_json",
]

KINDS = ("dispensed", "alert", "supervision", "measurement", "note", "document")  # the class names of event.What
_ANY = ""  # an adapter that no row names: only routes for all adapters take it


class Register:
    """All municipalities, indexed once: every question is one look into a dict."""

    def __init__(self, tenants: Mapping[str, Tenant], stops: Iterable[Stop] = ()) -> None:
        self.tenants = tenants
        self.stops = tuple(stops)
        self._stopped = {(stop.tenant, stop.sender, stop.endpoint) for stop in self.stops}
        self._senders = {key: row for tenant in tenants.values() for key, row in _by_adapter(tenant)}
        self._named = {(tenant.orgnr, row.name): row for tenant in tenants.values() for row in tenant.endpoints}
        self._ways = {key: row for tenant in tenants.values() for key, row in _by_way(tenant)}
        self._bindings = _by_device(tenants.values())

    def tenant(self, orgnr: str) -> Tenant | None:
        return self.tenants.get(orgnr)

    def stopped(self, orgnr: str, sender: str = "", endpoint: str = "") -> bool:
        """Whether an operator holds back what comes from this sender, or goes to this endpoint."""
        return not self._stopped.isdisjoint({(orgnr, "", ""), (orgnr, sender, endpoint)})

    def senders(self, orgnr: str, adapter: str) -> tuple[Sender, ...]:
        """Those who send in this format, stopped ones too: they are told so once they have proved who they are."""
        return self._senders.get((orgnr, adapter), ())

    def endpoint(self, orgnr: str, name: str) -> Endpoint | None:
        return self._named.get((orgnr, name))

    def endpoints(self, orgnr: str, adapter: str, event: Event, lane: Lane) -> tuple[Endpoint, ...]:
        """Where the routes lead, each once, stopped ones too: their parcels wait in line until traffic is let go again."""
        kind = type(event.what).__name__.lower()
        ways = self._ways.get((orgnr, adapter, kind, lane))
        return self._ways.get((orgnr, _ANY, kind, lane), ()) if ways is None else ways

    def person_at(self, orgnr: str, device: Device, at: datetime) -> Person | None:
        """Who had the device at that (aware) time; never a guess."""
        for binding in self._bindings.get((orgnr, device.system, device.value), ()):
            if binding.since <= at and (binding.until is None or at < binding.until):
                return binding.person
        return None


def to_json(tenant: Tenant) -> bytes:
    return orjson.dumps(asdict(tenant))


def from_json(body: bytes) -> Tenant:
    """What `to_json` wrote; anything else is our bug, and raises."""
    data = orjson.loads(body)
    return Tenant(
        orgnr=data["orgnr"],
        name=data["name"],
        active=data["active"],
        retention_hours=data["retention_hours"],
        senders=tuple(_sender(row) for row in data["senders"]),
        endpoints=tuple(_endpoint(row) for row in data["endpoints"]),
        routes=tuple(_route(row) for row in data["routes"]),
        bindings=tuple(_binding(row) for row in data["bindings"]),
        validation=data.get("validation", "repair"),  # rows written before there was a national contract lack these
        services=tuple(Service(row["code"], tuple(row["patterns"])) for row in data.get("services", ())),
        lookup=_lookup(data.get("lookup")),
        recipients=tuple(_recipient(row) for row in data.get("recipients", ())),  # ... and those written before there were notices, these
        expiries=tuple(Expiry(row["secret"], date.fromisoformat(row["day"])) for row in data.get("expiries", ())),
        watch=Watch(**data.get("watch", {})),
    )


def _sender(row: dict[str, Any]) -> Sender:
    listed = {key: tuple(row.get(key, ())) for key in ("adapters", "resources", "service_codes")}
    return Sender(**row | listed | {"auth": _auth(row["auth"])})


def _endpoint(row: dict[str, Any]) -> Endpoint:
    """A row that was written before an endpoint had a schedule of its own, or words for notes, has the usual ones."""
    made: dict[str, Any] = {"auth": row["auth"] and _auth(row["auth"]), "note": tuple((name, words) for name, words in row.get("note", ()))}
    if "retry" in row:
        steps = {lane.value: tuple(row["retry"][lane]) for lane in Lane}
        made["retry"] = Retry(**row["retry"] | steps)
    if "alarms" in row:
        made["alarms"] = Alarms(**row["alarms"])
    return Endpoint(**row | made)


def _lookup(row: dict[str, Any] | None) -> Lookup | None:
    return Lookup(**row | {"auth": row["auth"] and _auth(row["auth"])}) if row else None


def _recipient(row: dict[str, Any]) -> Recipient:
    listed = {key: tuple(row[key]) for key in ("secrets", "kinds", "severities")}
    return Recipient(**row | listed | {"relay": row["relay"] and Relay(**row["relay"] | {"to": tuple(row["relay"]["to"])})})


def _auth(row: dict[str, Any]) -> Auth:
    client = row.get("client")
    listed = {key: tuple(row.get(key, ())) for key in ("secrets", "certificates")}
    return Auth(**row | listed | {"client": client and Client(**client | {"scopes": tuple(client["scopes"])})})


def _route(row: dict[str, Any]) -> Route:
    return Route(row["endpoint"], tuple(row["adapters"]), tuple(row["kinds"]), tuple(Lane(lane) for lane in row["lanes"]))


def _binding(row: dict[str, Any]) -> Binding:
    until = row["until"] and datetime.fromisoformat(row["until"])
    return Binding(row["system"], row["value"], Person(**row["person"]), datetime.fromisoformat(row["since"]), until)


def _by_adapter(tenant: Tenant) -> Iterable[tuple[tuple[str, str], tuple[Sender, ...]]]:
    found: dict[str, list[Sender]] = defaultdict(list)
    for sender in tenant.senders:
        for adapter in sender.adapters:
            found[adapter].append(sender)
    return [((tenant.orgnr, adapter), tuple(rows)) for adapter, rows in found.items()]


def _by_way(tenant: Tenant) -> Iterable[tuple[tuple[str, str, str, Lane], tuple[Endpoint, ...]]]:
    """Every adapter, kind and lane with the endpoints that its routes lead to."""
    endpoints = {endpoint.name: endpoint for endpoint in tenant.endpoints}
    rows: tuple[Sender | Route, ...] = (*tenant.senders, *tenant.routes)
    adapters = {_ANY, *(name for row in rows for name in row.adapters)}
    for adapter, kind, lane in product(adapters, KINDS, Lane):
        names = dict.fromkeys(route.endpoint for route in tenant.routes if _takes(route, adapter, kind, lane))
        yield (tenant.orgnr, adapter, kind, lane), tuple(endpoints[name] for name in names)


def _takes(route: Route, adapter: str, kind: str, lane: Lane) -> bool:
    wanted = ((route.adapters, adapter), (route.kinds, kind), (route.lanes, lane))
    return all(not some or one in some for some, one in wanted)


def _by_device(tenants: Iterable[Tenant]) -> Mapping[tuple[str, str, str], tuple[Binding, ...]]:
    found: dict[tuple[str, str, str], list[Binding]] = defaultdict(list)
    for tenant in tenants:
        for row in tenant.bindings:
            found[tenant.orgnr, row.system, row.value].append(row)
    return {key: tuple(sorted(rows, key=lambda row: row.since, reverse=True)) for key, rows in found.items()}
