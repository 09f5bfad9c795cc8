"""What a municipality's file says about how deliveries to an endpoint are tried again, and what is done about alarms that do not arrive."""

from collections.abc import Sequence

from shared.access.rows import Alarms, Endpoint, Retry
from shared.access.toml_table import Form, Table, hint

_DAY = 24 * 3600  # seconds
USUAL, USUALLY = Retry(), Alarms()


def retry(endpoint: Table) -> Retry:
    """`[endpoint.retry]`: the usual schedule for what it leaves out."""
    table = endpoint.table("retry", required=False)
    if table is None:
        return USUAL
    found = Retry(
        routine=table.wholes("routine", 1, _DAY, USUAL.routine),
        alarm=table.wholes("alarm", 1, _DAY, USUAL.alarm),
        days=table.whole("days", 1, 90, USUAL.days),
        attempts=table.whole("attempts", 0, 100_000, USUAL.attempts),
    )
    table.close()
    return found


def alarms(endpoint: Table, name: Form) -> Alarms:
    """`[endpoint.alarms]`. `name`: what an endpoint's name looks like."""
    table = endpoint.table("alarms", required=False)
    if table is None:
        return USUALLY
    found = Alarms(
        second=table.text("second", name) if table.has("second") else "",
        second_after=table.whole("second_after", 5, _DAY, USUALLY.second_after),
        page_after=table.whole("page_after", 30, _DAY, USUALLY.page_after),
    )
    table.close()
    return found


def check(rows: Sequence[tuple[Table, Endpoint]]) -> None:
    """A second route leads to another endpoint of the file."""
    names = {endpoint.name for _, endpoint in rows}
    stopped = {endpoint.name for _, endpoint in rows if not endpoint.active}
    for table, endpoint in rows:
        second = endpoint.alarms.second
        if second and second == endpoint.name:
            table.wrong("alarms", "has this very endpoint as its second route", "name another, as a response centre's, or leave second out")
        elif second and second not in names and "" not in names:
            table.wrong("alarms", "has a second route that is no endpoint of this file", hint(second, names))
        elif second in stopped:
            table.wrong("alarms", "has a second route that is stopped", "set active = true there, or name another", warning=True)
