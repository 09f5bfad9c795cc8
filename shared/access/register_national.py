"""What a municipality's file says of the national contract: what a sender with a token may do, ServiceCodes, look-ups (vkp.md 1.6-1.8)."""

import re
from collections.abc import Collection, Mapping, Sequence

from shared.access import register_reach as reach
from shared.access.permission import RESOURCES, grants
from shared.access.register_outgoing import outgoing
from shared.access.rows import Lookup, Sender, Service
from shared.access.toml_table import Form, Table, hint
from shared.domain.national import LOOKUPS, SERVICE_CODES, WRITES

STRENGTHS = ("repair", "strict")
SERVICE_CODE = Form(
    re.compile(r"[a-z][a-z0-9_-]{0,19}"), "is not a service code", "use 1 to 20 of a-z, 0-9, _ and -, beginning with a letter"
)
PATTERN = Form(
    re.compile(r"(?! )[^\x00-\x1f\x7f]{1,80}(?<! )"),
    "is not one of the journal's service codes",
    "write it as the journal has it, 1 to 80 characters, with % for any text",
)
LOOKUP_ADAPTER = Form(re.compile(r"[a-z][a-z0-9_]{0,39}"), "is not the name of an adapter", "use the name of its folder")


def rights(table: Table, scheme: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a sender may do and under which ServiceCodes it may look up: said of senders with a token, and of them only."""
    if scheme != "token":
        for key in ("resources", "service_codes"):
            if table.has(key) and scheme:
                table.wrong(key, "is for a sender with a token only", 'remove it, or let auth be { scheme = "token", ... }')
        return (), ()
    resources = table.choices("resources", RESOURCES)
    return resources, table.texts("service_codes", SERVICE_CODE) if table.has("service_codes") or reads(resources) else ()


def reads(resources: Collection[str]) -> bool:
    return any(grants(resources, f"{name}.read") for name in LOOKUPS)


def writes(resources: Collection[str]) -> bool:
    return any(grants(resources, f"{name}.write") for name in WRITES)


def service(table: Table) -> Service:
    return Service(table.text("code", SERVICE_CODE), table.texts("codes", PATTERN))


def lookup(table: Table, adapters: Collection[str], variables: Mapping[str, str] | None) -> Lookup:
    """`adapters`: those that can ask a journal; empty: any name is taken."""
    return Lookup(
        adapter=table.choice("adapter", adapters) if adapters else table.text("adapter", LOOKUP_ADAPTER),
        url=reach.url(table, variables),
        auth=outgoing(table),
        active=table.flag("active", True),
    )


def check(sending: Sequence[tuple[Table, Sender]], services: Sequence[tuple[Table, Service]], *, lookup: bool) -> None:
    """What must hold between these rows. Nothing but a code that stands twice is an error: the rest refuses look-ups, and harms nobody."""
    _unique(services)
    mapped = {row.code for _, row in services}
    for table, sender in sending:
        _published(table, "service_codes", sender.service_codes)
        if reads(sender.resources) and not lookup:
            table.wrong("resources", "lets the sender look up, and there is no journal to ask", "add [lookup]", warning=True)
        if lost := [code for code in sender.service_codes if code not in mapped]:
            table.wrong("service_codes", f"holds what no [[service]] is for: {', '.join(lost)}", "add a [[service]]", warning=True)
    allowed = {code for _, sender in sending for code in sender.service_codes}
    for table, row in services:
        _published(table, "code", (row.code,))
        if row.code and row.code not in allowed:
            table.wrong("code", "no sender may look up under it", "add it to a sender's service_codes, or remove it", warning=True)
        _reach(table, row.patterns)


def _reach(table: Table, patterns: Collection[str]) -> None:
    """What opens more, or less, than it looks."""
    if any(pattern.strip("%") == "" for pattern in patterns):
        table.wrong("codes", "stands for every service, and so for every citizen who has one", "name the journal's codes", warning=True)
    if any("*" in pattern for pattern in patterns):
        table.wrong("codes", "holds a *, which is a sign like any other here", "write % for any text", warning=True)


def _published(table: Table, key: str, codes: Collection[str]) -> None:
    for code in codes:
        if code and code not in SERVICE_CODES:
            table.wrong(key, "holds a ServiceCode that is not a published one", hint(code, SERVICE_CODES), warning=True)


def _unique(services: Sequence[tuple[Table, Service]]) -> None:
    first: dict[str, Table] = {}
    for table, row in services:
        if row.code and first.setdefault(row.code, table) is not table:
            table.wrong("code", f"stands in line {first[row.code].line} already", "write all its codes there")
