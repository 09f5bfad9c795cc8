"""What a municipality's file says of those who are told when something needs a human: where, about what, and when secrets expire."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from shared.access import register_reach as reach
from shared.access.address import unsafe
from shared.access.rows import Auth, Expiry, Recipient, Relay, Tenant, Watch, settings
from shared.access.toml_table import Form, Table

SEVERITIES = ("warning", "error", "page")  # page: somebody must look now, at night too
KINDS: Mapping[str, str] = {  # what is told, and how severe it is
    "alarm-late": "page",
    "alarm-set-aside": "page",
    "alarm-parked": "page",
    "endpoint-failing": "error",
    "parked": "error",
    "poison": "error",
    "unknown-device": "error",
    "unaccounted": "error",
    "set-aside": "warning",
    "waiting": "warning",
    "sender-silent": "warning",
    "expires": "warning",
}

NAME = Form(re.compile(r"[a-z0-9-]{1,40}"), "is not a name", "use 1 to 40 of a-z, 0-9 and -")
MAIL = Form(
    re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,180}"), "is not a mail address", "write it as drift@kommune.example, without a name"
)
HOST = Form(re.compile(r"[A-Za-z0-9.:-]{1,200}"), "is not a mail server", "write its host name, as smtp.kommune.example")
_NEVER = date.max


def told(root: Table, tenant: Tenant, variables: Mapping[str, str] | None) -> Tenant:
    """The municipality, with those who are told, when its secrets expire, and from when on what waits is told of."""
    recipients = [(table, _recipient(table, variables)) for table in root.tables("notify")]
    expiries = [(table, _expiry(table)) for table in root.tables("secret")]
    watched = root.table("watch", required=False)
    rows, days = tuple(row for _, row in recipients), tuple(row for _, row in expiries)
    found = replace(tenant, recipients=rows, expiries=days, watch=_watch(watched))
    for table in (*(table for table, _ in (*recipients, *expiries)), *filter(None, [watched])):
        table.close()
    _check(found, recipients, expiries)
    return found


def _recipient(table: Table, variables: Mapping[str, str] | None) -> Recipient:
    """By webhook where there is a `url`, else by mail."""
    hook = table.has("url")
    relay = None if hook else _relay(table)
    keyed = hook or table.has("user") or table.has("secrets")
    return Recipient(
        name=_name(table),
        url=reach.url(table, variables) if hook else "",
        relay=relay,
        secrets=table.texts("secrets", reach.SECRET, most=2 if hook else 1) if keyed else (),
        kinds=table.choices("kinds", KINDS) if table.has("kinds") else (),
        severities=table.choices("severities", SEVERITIES) if table.has("severities") else (),
        active=table.flag("active", True),
    )


def _name(table: Table) -> str:
    """It stands in logs, where no person may stand."""
    name = table.text("name", NAME)
    if not reach.PERSON.search(name):
        return name
    table.wrong("name", "looks like a person's number", "name the role, as on-call")
    return ""


def _relay(table: Table) -> Relay:
    host, keyed = table.text("host", HOST), table.has("user") or table.has("secrets")
    if host and (wrong := unsafe(f"https://{f'[{host}]' if ':' in host else host}")):
        table.wrong("host", *wrong)
    return Relay(
        host=host,
        port=table.whole("port", 1, 65535, 587),
        sender=table.text("from", MAIL),
        to=table.texts("to", MAIL, most=20),
        user=table.text("user", reach.USER) if keyed else "",
    )


def _expiry(table: Table) -> Expiry:
    return Expiry(table.text("name", reach.SECRET), table.day("expires") or _NEVER)


def _watch(table: Table | None) -> Watch:
    usual = Watch()
    if table is None:
        return usual
    return Watch(table.whole("alarm_minutes", 1, 60, usual.alarm), table.whole("routine_minutes", 1, 7 * 24 * 60, usual.routine))


def _check(tenant: Tenant, told: Sequence[tuple[Table, Recipient]], expiring: Sequence[tuple[Table, Expiry]]) -> None:
    """What must hold between these rows and the rest of the file."""
    _unique([(table, "name", row.name) for table, row in told])
    _unique([(table, "name", row.secret) for table, row in expiring])
    if told and not any(row.active and _takes(row, "alarm-late") for _, row in told):
        remedy = 'let somebody who is awake at night have severities = ["page"]'
        told[0][0].wrong("", "nobody here is told of an alarm that does not arrive", remedy, warning=True)
    for table, row in told:
        if not any(_takes(row, kind) for kind in KINDS) and row.kinds and row.severities:
            table.wrong("kinds", "holds none of these severities: nothing is ever told", "compare them in docs/operators.md", warning=True)
    used = set(_secrets(tenant))
    for table, expires in expiring:
        if expires.secret and expires.secret not in used:
            table.wrong("name", "is a secret that nothing in this file uses", "correct it, or remove it", warning=True)


def takes(row: Recipient, kind: str) -> bool:
    """Whether they are told of this."""
    return row.active and _takes(row, kind)


def _takes(row: Recipient, kind: str) -> bool:
    return (not row.kinds or kind in row.kinds) and (not row.severities or KINDS[kind] in row.severities)


def _secrets(tenant: Tenant) -> Iterator[str]:
    auths: list[Auth | None] = [*(row.auth for row in tenant.senders), *(row.auth for row in tenant.endpoints)]
    auths.append(tenant.lookup.auth if tenant.lookup else None)
    for auth in filter(None, auths):
        yield from settings(auth)
    for row in tenant.recipients:
        yield from row.secrets


def _unique(rows: Sequence[tuple[Table, str, str]]) -> None:
    first: dict[str, Table] = {}
    for table, key, name in rows:
        if name and first.setdefault(name, table) is not table:
            table.wrong(key, f"stands in line {first[name].line} already", "choose another, or remove one of them")
