"""What would change if a municipality's file were applied, in words: `+` new, `-` gone, `~` changed. Citizens stay unnamed."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from shared.access.rows import (
    Alarms,
    Auth,
    Binding,
    Client,
    Endpoint,
    Expiry,
    Lookup,
    Recipient,
    Retry,
    Route,
    Sender,
    Service,
    Tenant,
)
from shared.domain.event import Person

Row = Sender | Endpoint | Service | Lookup | Recipient | Expiry
Rows = Mapping[str, Row]

_GONE = {"endpoint": ": what waits for it will stay waiting until it is registered again"}
_HEAD = ("name", "active", "retention_hours", "validation", "watch")


def difference(old: Tenant | None, new: Tenant) -> list[str]:
    """One line per row that is new, gone or changed; [] if nothing is."""
    if old is None:
        return [f"+ municipality {new.orgnr} {new.name}", *_rows(None, new)]
    head = _changed(f"municipality {new.orgnr}", old, new, _HEAD)
    return [*head, *_rows(old, new)]


def citizen(person: Person) -> str:
    """The same name for the same citizen, and not their number."""
    return f"citizen #{hashlib.sha256(person.value.encode()).hexdigest()[:6]}"


def _rows(old: Tenant | None, new: Tenant) -> list[str]:
    return [
        *_compared("sender", _named(old.senders if old else ()), _named(new.senders)),
        *_compared("endpoint", _named(old.endpoints if old else ()), _named(new.endpoints)),
        *_compared("service", _coded(old.services if old else ()), _coded(new.services)),
        *_compared("look-up by", _asked(old.lookup if old else None), _asked(new.lookup)),
        *_compared("notices to", _named(old.recipients if old else ()), _named(new.recipients)),
        *_compared("secret", _secrets(old.expiries if old else ()), _secrets(new.expiries)),
        *_set("route", map(_route, old.routes if old else ()), map(_route, new.routes)),
        *_bindings(old.bindings if old else (), new.bindings),
    ]


def _named(rows: Sequence[Sender] | Sequence[Endpoint] | Sequence[Recipient]) -> Rows:
    return {row.name: row for row in rows}


def _coded(rows: Sequence[Service]) -> Rows:
    return {row.code: row for row in rows}


def _secrets(rows: Sequence[Expiry]) -> Rows:
    return {row.secret: row for row in rows}


def _asked(row: Lookup | None) -> Rows:
    return {row.adapter: row} if row else {}


def _compared(word: str, before: Rows, after: Rows) -> list[str]:
    lines = [f"- {word} {name}{_GONE.get(word, '')}" for name in before if name not in after]
    for name, row in after.items():
        if name in before:
            lines += _changed(f"{word} {name}", before[name], row, [field.name for field in fields(row)])
        else:
            lines.append(f"+ {word} {name}: {_summary(row)}")
    return lines


def _summary(row: Row) -> str:
    match row:
        case Service():
            return _told(row.patterns)
        case Lookup():
            return f"{row.url}, auth {_told(row.auth)}"
        case Recipient():
            return f"{row.url or _told(row.relay)}; kinds {_some(row.kinds)}, severities {_some(row.severities)}"
        case Expiry():
            return f"good until {row.day}"
        case Sender(resources=(_, *_)):  # what is let in is what a reviewer looks for
            return f"{row.title}; auth {_told(row.auth)}; resources {_told(row.resources)}; service codes {_told(row.service_codes)}"
        case Endpoint(auth=Auth(scheme="token")):
            return f"{row.title}; fetched with {_told(row.auth)}"
    return row.title


def _changed(what: str, old: object, new: object, names: Iterable[str]) -> list[str]:
    changes = [
        f"{name.replace('_', ' ')} {_told(before)} -> {_told(after)}"
        for name in names
        if (before := getattr(old, name)) != (after := getattr(new, name))
    ]
    return [f"~ {what}: {'; '.join(changes)}"] if changes else []


def _told(value: Any) -> str:
    match value:
        case None | "" | ():
            return "none"
        case bool():
            return "yes" if value else "no"
        case Auth():
            return _auth(value)
        case Retry() | Alarms():
            return " ".join(f"{field.name} {_told(getattr(value, field.name))}" for field in fields(value))
        case ((_, _), *_):  # how notes read
            return ", ".join(f"{name} {json.dumps(words, ensure_ascii=False)}" for name, words in value)
        case tuple():
            return ", ".join(map(str, value))
    return str(value)


def _auth(auth: Auth) -> str:
    named = (("", auth.secrets), ("certificate ", auth.certificates), ("authority ", (auth.authority,) if auth.authority else ()))
    settings = [f"({word}{', '.join(names)})" for word, names in named if names]
    parts = (auth.scheme, auth.profile, auth.user, auth.issuer, *_client(auth.client), *settings)
    return " ".join(part for part in parts if part)


def _client(client: Client | None) -> Iterable[str]:
    if client is None:
        return ()
    organisations = (f"{word} {number}" for word, number in (("parent", client.parent), ("child", client.child)) if number)
    scopes = (f"scopes {' '.join(client.scopes)}",) if client.scopes else ()
    return (
        f"by {client.method}",
        client.algorithm,
        f"{'DPoP' if client.dpop else 'Bearer'} token of {client.token_url}",
        *scopes,
        *organisations,
    )


def _route(route: Route) -> str:
    return f"to {route.endpoint}: adapters {_some(route.adapters)}, kinds {_some(route.kinds)}, lanes {_some(route.lanes)}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) or "all"


def _set(word: str, old: Iterable[str], new: Iterable[str]) -> list[str]:
    before, after = list(old), list(new)
    return [f"- {word} {row}" for row in before if row not in after] + [f"+ {word} {row}" for row in after if row not in before]


def _bindings(old: Iterable[Binding], new: Iterable[Binding]) -> list[str]:
    before, after = _by_start(old), _by_start(new)
    lines = [f"- {_binding(row)}" for key, row in before.items() if key not in after]
    for key, row in after.items():
        if key not in before:
            lines.append(f"+ {_binding(row)}")
        elif before[key].until != row.until:
            lines.append(f"~ {_device(row)} with {citizen(row.person)}: until {_time(before[key].until)} -> {_time(row.until)}")
        elif before[key].person.display != row.person.display:
            lines.append(f"~ {_device(row)} with {citizen(row.person)}: the citizen's name")
    return lines


def _by_start(rows: Iterable[Binding]) -> Mapping[tuple[str, str, datetime, Person], Binding]:
    return {(row.system, row.value, row.since, Person(row.person.system, row.person.value)): row for row in rows}


def _binding(row: Binding) -> str:
    return f"{_device(row)} with {citizen(row.person)} from {_time(row.since)} until {_time(row.until)}"


def _device(row: Binding) -> str:
    return f"device {row.system} {row.value}"


def _time(at: datetime | None) -> str:
    return at.isoformat(timespec="minutes").replace("+00:00", "Z") if at else "further notice"
