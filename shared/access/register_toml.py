"""One municipality's TOML file: read strictly, everything that is wrong told at once. Pure: text in, `Tenant` or findings out.

The format is explained, in the words of its readers, in `local/demo/310123455.toml`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from shared.access import register_check as check
from shared.access import register_delivery as delivery
from shared.access import register_national as national
from shared.access import register_note as notes
from shared.access import register_notices as notices
from shared.access import register_outgoing as ways
from shared.access import register_reach as reach
from shared.access.register import KINDS
from shared.access.rows import Binding, Endpoint, Route, Sender, Tenant
from shared.access.toml_table import ANYTHING, Finding, Form, Table, load
from shared.domain import organisation
from shared.domain import person as persons
from shared.domain.event import Person
from shared.domain.message import Lane

SECTIONS = ("sender", "endpoint", "route", "service", "lookup", "device", "notify", "secret", "watch")
LANES = tuple(lane.value for lane in Lane)

NAME = Form(re.compile(r"[a-z0-9-]{1,40}"), "is not a name", "use 1 to 40 of a-z, 0-9 and -")
ADAPTER = Form(re.compile(r"[a-z][a-z0-9_]{0,39}"), "is not the name of an adapter", "use the name of its folder")
TITLE = Form(re.compile(r"[^\x00-\x1f\x7f]{1,80}"), "is not a title", "write 1 to 80 characters on one line")
ORGNR = Form(re.compile(r"[0-9]{9}"), "is not an organisation number", "write the municipality's nine digits")
SYSTEM = Form(re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,200}"), "is not a URI", "copy it from the README of the sender's adapter")
DEVICE = Form(re.compile(r"[!-~]{1,100}"), "is not a device's number", "write it as the sender does: visible ASCII without spaces")


class RegisterError(ValueError):
    """The file cannot be used; `findings` says all that is wrong with it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Known:
    """The adapters that there are: the folders under adapters/devices, and those under adapters/epj that put into a journal.

    `systems`: whose devices' numbers look how; a number that does not is never met in a message. `nationals`: those of the devices that
    carry the national contract. `lookups`: those that can ask a journal. `shelves`: those by which a journal fetches. Empty: nothing is
    known of them.
    """

    devices: Collection[str]
    journals: Collection[str]
    systems: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    nationals: Collection[str] = ()
    lookups: Collection[str] = ()
    shelves: Collection[str] = ()


def parse(text: str, name: str, known_adapters: Known | None = None, variables: Mapping[str, str] | None = None) -> Tenant:
    """The municipality that the text describes, for whoever wants no warnings. Raises RegisterError; for the rest see `read`."""
    tenant, findings = read(text, name, known_adapters, variables)
    if tenant is None:
        raise RegisterError(findings)
    return tenant


def read(
    text: str, name: str, known_adapters: Known | None = None, variables: Mapping[str, str] | None = None
) -> tuple[Tenant | None, Sequence[Finding]]:
    """The municipality, None if there is an error, and all findings by line, warnings among them. `name` is what they call the file.

    `known_adapters` None: adapters' names are taken as they are. `variables` replace `${NAME}` in the addresses of journals;
    None: such placeholders stay, for looking at a file where no hub runs.
    """
    root, findings = load(text, name)
    if root is None:
        return None, findings.all
    tenant = _tenant(root, known_adapters, variables)
    ordered = sorted(findings.all, key=lambda finding: finding.line)
    return (tenant if all(finding.warning for finding in ordered) else None), ordered


def _tenant(root: Table, known: Known | None, variables: Mapping[str, str] | None) -> Tenant | None:
    head = root.table("tenant", required=True)
    if head is None:
        for section in SECTIONS:
            root.has(section)
        root.close()  # says so if it is there under a name that is nearly right
        return None
    orgnr = _orgnr(head)
    senders = [(table, _sender(table, orgnr, known)) for table in root.tables("sender")]
    endpoints = [(table, _endpoint(table, orgnr, known, variables)) for table in root.tables("endpoint")]
    routes = [(table, _route(table, known)) for table in root.tables("route")]
    bindings = [(table, _binding(table)) for table in root.tables("device")]
    services = [(table, national.service(table)) for table in root.tables("service")]
    asked = root.table("lookup", required=False)
    tenant = Tenant(
        orgnr=orgnr,
        name=head.text("name", TITLE),
        active=head.flag("active", True),
        retention_hours=head.whole("retention_hours", 0, 24 * 90, 72),
        senders=tuple(row for _, row in senders),
        endpoints=tuple(row for _, row in endpoints),
        routes=tuple(row for _, row in routes),
        bindings=tuple(row for _, row in bindings),
        validation=head.choice("validation", national.STRENGTHS) if head.has("validation") else national.STRENGTHS[0],
        services=tuple(row for _, row in services),
        lookup=national.lookup(asked, known.lookups if known else (), variables) if asked else None,
    )
    tenant = notices.told(root, tenant, variables)
    for table in (root, head, asked, *(table for table, _ in (*senders, *endpoints, *routes, *bindings, *services))):
        if table:
            table.close()
    check.senders(senders)
    check.endpoints(endpoints)
    delivery.check(endpoints)
    check.routes(routes, senders, endpoints)
    check.bindings(bindings)
    check.devices(bindings, known.systems if known else {})
    national.check(senders, services, lookup=asked is not None)
    return tenant


def _orgnr(table: Table) -> str:
    orgnr = table.text("orgnr", ORGNR)
    if orgnr and (doubt := organisation.warning(orgnr)):
        table.wrong("orgnr", f"looks wrong: {doubt}", "compare it with Enhetsregisteret", warning=True)
    return orgnr


def _name(table: Table) -> str:
    """Of a sender or an endpoint: it stands in receipts, addresses and logs, where no person may stand."""
    name = table.text("name", NAME)
    if not reach.PERSON.search(name):
        return name
    table.wrong("name", "looks like a person's number", "name the system, as home-measurements")
    return ""


def _sender(table: Table, orgnr: str, known: Known | None) -> Sender:
    auth = reach.incoming(table)
    resources, service_codes = national.rights(table, auth.scheme)
    bearer = auth.scheme == "token" or (not auth.scheme and table.has("resources"))  # one slip, one finding
    return Sender(
        name=_name(table),
        tenant=orgnr,
        title=table.text("title", TITLE),
        adapters=_national(table, known, resources) if bearer else _adapters(table, known),
        auth=auth,
        active=table.flag("active", True),
        resources=resources,
        service_codes=service_codes,
    )


def _endpoint(table: Table, orgnr: str, known: Known | None, variables: Mapping[str, str] | None) -> Endpoint:
    adapter = table.choice("adapter", known.journals) if known else table.text("adapter", ADAPTER)
    url, auth = ways.journal(table, variables, fetches=adapter in known.shelves if known else not table.has("url"))
    return Endpoint(
        name=_name(table),
        tenant=orgnr,
        title=table.text("title", TITLE),
        adapter=adapter,
        url=url,
        lines=table.whole("lines", 1, 64, 4),
        active=table.flag("active", True),
        auth=auth,
        rate=table.whole("rate", 0, 10_000, 0),
        retry=delivery.retry(table),
        alarms=delivery.alarms(table, NAME),
        note=notes.words(table),
        asks=table.flag("asks", True),
    )


def _route(table: Table, known: Known | None) -> Route:
    return Route(
        endpoint=table.text("endpoint", NAME),
        adapters=_adapters(table, known) if table.has("adapters") else (),
        kinds=table.choices("kinds", KINDS) if table.has("kinds") else (),
        lanes=tuple(Lane(lane) for lane in table.choices("lanes", LANES)) if table.has("lanes") else (),
    )


def _binding(table: Table) -> Binding:
    since, until = table.time("since", required=True), table.time("until", required=False)
    if since and until and until <= since:
        table.wrong("until", "is not after since", "swap them, or leave until out while the citizen still has the device")
        since = None
    if table.has("until") and not until:
        since = None  # a time that could not be read overlaps nothing
    return Binding(
        system=table.text("system", SYSTEM),
        value=table.text("value", DEVICE),
        person=_person(table),
        since=since or check.BEGINNING,
        until=until,
    )


def _person(table: Table) -> Person:
    number, name = table.text("citizen", ANYTHING), table.text("name", TITLE)
    found = persons.person(number, name)
    if number and found is None:
        table.wrong("citizen", "is no valid fødselsnummer, D-nummer or felles hjelpenummer", "compare it with Folkeregisteret")
    return found or Person("", "")


def _adapters(table: Table, known: Known | None) -> tuple[str, ...]:
    return table.choices("adapters", known.devices) if known else table.texts("adapters", ADAPTER)


def _national(table: Table, known: Known | None, resources: Collection[str]) -> tuple[str, ...]:
    """The formats of a sender with a token: who only looks up needs none."""
    if not table.has("adapters") and not national.writes(resources):
        return ()
    adapters = _adapters(table, known)
    if known and known.nationals and not all(adapter in known.nationals for adapter in adapters):
        table.wrong("adapters", "holds one that cannot carry the national contract", f"known are: {', '.join(sorted(known.nationals))}")
    return adapters
