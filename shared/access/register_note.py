"""What an endpoint says of how notes read there: `[endpoint.note]` for all kinds, `[endpoint.note.alert]` and so on for one."""

import re

from shared.access.toml_table import Form, Table
from shared.domain import wording

TEMPLATE = Form(
    re.compile(rf"[^\x00-\x09\x0b-\x1f\x7f]{{1,{wording.LONGEST}}}"),
    "is no text for a note",
    f"write 1 to {wording.LONGEST} characters without tabs",
)


def words(endpoint: Table) -> tuple[tuple[str, str], ...]:
    """(name, template) as (`title`, ...), (`alert.text`, ...)."""
    table = endpoint.table("note", required=False)
    if table is None:
        return ()
    found = _templates(table, "")
    for kind in wording.KINDS:
        if inner := table.table(kind, required=False):
            found += _templates(inner, f"{kind}.")
            inner.close()
    table.close()
    return tuple(found)


def _templates(table: Table, prefix: str) -> list[tuple[str, str]]:
    found = []
    for part in wording.PARTS:
        if table.has(part) and (template := table.text(part, TEMPLATE)):
            if wrong := wording.fault(part, template):
                table.wrong(part, *wrong)
            elif part == "text" and (missing := wording.leaves_out(template)):
                named = " and ".join(f"{{{name}}}" for name in missing)
                table.wrong(part, f"leaves out {named}", "add it, or use {alt}: a nurse would not see it", warning=True)
            found.append((prefix + part, template))
    return found
