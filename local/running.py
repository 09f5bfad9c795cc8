"""What a running hub is to those who talk to it, and how it is written down for them in .hub/run.json."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import signing
from shared.access.rows import Auth, Sender, Tenant


@dataclass(frozen=True, slots=True)
class Credential:
    """A demo sender with its secret, made for this run."""

    tenant: str
    tenant_name: str
    sender: Sender
    secret: str

    def headers(self, body: bytes) -> Mapping[str, str]:
        return signing.headers(self.sender.auth, self.secret, body)


@dataclass(frozen=True, slots=True)
class Running:
    """Base URLs without a slash at the end."""

    hub: str
    journal: str
    connection_string: str
    senders: Sequence[Credential]
    settings: Sequence[str] = ()  # names of all that the hub has a value for, secrets among them

    def sender(self, tenant: str, adapter: str) -> Credential | None:
        """The first active sender of this format."""
        mine = (one for one in self.senders if one.tenant == tenant and adapter in one.sender.adapters and one.sender.active)
        return next(mine, None)


def credentials(tenants: Sequence[Tenant], values: Mapping[str, str]) -> list[Credential]:
    return [Credential(t.orgnr, t.name, sender, values[sender.auth.secrets[0]]) for t in tenants for sender in t.senders]


def record(file: Path, running: Running, pids: Mapping[str, int]) -> None:
    """Whole or not at all, and for its owner only: it holds this run's secrets."""
    text = json.dumps(_plain(running, pids), indent=2, ensure_ascii=False)
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text + "\n")
    new.replace(file)


def _plain(running: Running, pids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "hub": {"url": running.hub, "pid": pids["hub"]},
        "journal": {"url": running.journal, "pid": pids["journal"]},
        "storage": {"connection_string": running.connection_string, "pid": pids["storage"]},
        "pid": os.getpid(),
        "senders": [_sender(one) for one in running.senders],
        "settings": list(running.settings),
    }


def _sender(one: Credential) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "tenant_name": one.tenant_name,
        "name": one.sender.name,
        "title": one.sender.title,
        "adapters": list(one.sender.adapters),
        "active": one.sender.active,
        "auth": _auth(one.sender.auth) | {"secret": one.secret},
    }


def _auth(auth: Auth) -> dict[str, Any]:
    profile = "header" if auth.scheme == "header" else "profile"
    return {name: value for name, value in (("scheme", auth.scheme), (profile, auth.profile), ("user", auth.user)) if value}
