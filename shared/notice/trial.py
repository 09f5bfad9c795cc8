"""A notice that is none: it says of itself that it is a trial, so that whoever gets it can lean back."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.access.rows import Recipient, Tenant
from shared.notice.words import Words

_TITLE = "PRØVE fra Knutepunkt, ingenting er galt"
_TEXT = """Noen prøver om beskjeder fra knutepunktet når fram til {name} (./hub register test). Ingenting har skjedd, og
du skal ikke gjøre noe.

Slik kommer beskjeden når noe trenger et menneske."""


def trial(tenant: Tenant, recipient: Recipient) -> Words:
    """Another id each time: it must not be taken for one that came before."""
    name = f"trial-{secrets.token_hex(8)}"
    text = f"{tenant.name}: {_TITLE}\n\n{_TEXT.format(name=recipient.name)}\n"
    return Words(f"[Knutepunkt] {tenant.name}: {_TITLE}", text, name, name, urgent=False)


def data(tenant: Tenant, recipient: Recipient, said: Words, now: float) -> Mapping[str, Any]:
    """The body of a webhook: the fields of any notice, of a type and a kind that no other has."""
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    whose = {"notice": said.message, "municipality": tenant.orgnr, "kind": "trial", "subject": recipient.name}
    nothing = {"severity": "warning", "count": 0, "level": 0, "facts": {}, "since": at, "last": at}
    return {"type": "notice.trial", "timestamp": at, "data": {**whose, **nothing, "title": said.subject, "text": said.body}}
