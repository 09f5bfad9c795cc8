"""What must hold between the rows of one municipality's file: names, secrets, routes and devices that fit together."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from shared.access.rows import Binding, Endpoint, Route, Sender
from shared.access.toml_table import Table, hint

BEGINNING = datetime.min.replace(tzinfo=UTC)  # of a binding whose own time could not be read
END = datetime.max.replace(tzinfo=UTC)


def senders(rows: Sequence[tuple[Table, Sender]]) -> None:
    _unique(rows)
    owner: dict[str, Table] = {}
    for table, sender in rows:
        for secret in sender.auth.secrets:
            if owner.setdefault(secret, table) is not table:
                table.wrong("auth", f"names a secret that the sender in line {owner[secret].line} has too", "give each sender its own")
    _bearers([(table, sender) for table, sender in rows if sender.auth.scheme == "token" and sender.auth.user])


def _bearers(rows: Sequence[tuple[Table, Sender]] | Sequence[tuple[Table, Endpoint]]) -> None:
    """A token names one sender, and one journal that fetches."""
    first: dict[tuple[str, str], Table] = {}
    for table, row in rows:
        what = "sender" if isinstance(row, Sender) else "endpoint"
        if row.auth and first.setdefault(key := (row.auth.issuer, row.auth.user), table) is not table:
            table.wrong("auth", f"has the vkp_id of the {what} in line {first[key].line}", f"make them one {what}, or correct one of them")


def endpoints(rows: Sequence[tuple[Table, Endpoint]]) -> None:
    _unique(rows)
    _bearers([(table, endpoint) for table, endpoint in rows if endpoint.auth and endpoint.auth.scheme == "token" and endpoint.auth.user])


def routes(
    rows: Sequence[tuple[Table, Route]], sending: Sequence[tuple[Table, Sender]], receiving: Sequence[tuple[Table, Endpoint]]
) -> None:
    known = {endpoint.name for _, endpoint in receiving}
    used = {route.endpoint for _, route in rows} | {endpoint.alarms.second for _, endpoint in receiving}
    for table, route in rows:
        if route.endpoint and route.endpoint not in known and "" not in known:  # a name that could not be read may be the one
            table.wrong("endpoint", "names no endpoint of this file", hint(route.endpoint, known))
    for table, endpoint in receiving:
        if endpoint.name and endpoint.name not in used:
            table.wrong("name", "no route leads here", "add a [[route]], or remove the endpoint", warning=True)
    _reachable(sending, [route for _, route in rows])


def _reachable(sending: Sequence[tuple[Table, Sender]], ways: Sequence[Route]) -> None:
    everything = any(not route.adapters for route in ways)
    routed = {adapter for route in ways for adapter in route.adapters}
    for table, sender in sending:
        if not everything and (lost := [adapter for adapter in sender.adapters if adapter not in routed]):
            table.wrong("adapters", f"no route takes what comes as {', '.join(lost)}", "add a [[route]]", warning=True)


def bindings(rows: Sequence[tuple[Table, Binding]]) -> None:
    """A device may go from one citizen to the next, but never have two at once."""
    devices: dict[tuple[str, str], list[tuple[Table, Binding]]] = defaultdict(list)
    for table, row in rows:
        if row.system and row.value and row.since > BEGINNING:
            devices[row.system, row.value].append((table, row))
    for held in devices.values():
        _one_at_a_time(sorted(held, key=lambda pair: pair[1].since))


def devices(rows: Sequence[tuple[Table, Binding]], systems: Mapping[str, re.Pattern[str]]) -> None:
    """A number that no message can hold would leave its citizen without notes, and nobody the wiser."""
    for table, row in rows:
        shape = systems.get(row.system)
        if systems and row.system and shape is None:
            table.wrong("system", "is not one that the adapters read devices from", hint(row.system, systems), warning=True)
        elif shape and row.value and not shape.fullmatch(row.value):
            remedy = "compare it with the README of the adapter and with a message of the device"
            table.wrong("value", "is no number that devices of this system send", remedy, warning=True)


def _one_at_a_time(held: Sequence[tuple[Table, Binding]]) -> None:
    latest, end = None, BEGINNING
    for table, row in held:
        if latest and row.since < end:
            table.wrong("since", f"the device is still bound in line {latest.line} then", "end that one first: until there = since here")
        if (row.until or END) > end:
            latest, end = table, row.until or END


def _unique(rows: Iterable[tuple[Table, Sender | Endpoint]]) -> None:
    first: dict[str, Table] = {}
    for table, row in rows:
        if row.name and first.setdefault(row.name, table) is not table:
            table.wrong("name", f"stands in line {first[row.name].line} already", "choose another name")
