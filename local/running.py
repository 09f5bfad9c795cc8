"""What a running hub is to those who talk to it, and how it is written down for them in .hub/run.json."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import signing
from local.helseid import new_client
from shared.access.issuer import OF_PEOPLE
from shared.access.people import SCOPE
from shared.access.rows import Auth, Sender, Tenant
from shared.domain.national import WRITES

PAGE = "operators"  # the client id
FETCHED = tuple(f"{resource}.read" for resource in WRITES)
TOKEN = "token"  # the scheme of those who show one  # noqa: S105


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
class Client:
    """A demo sender that shows tokens, or a journal that fetches: what its system needs to get them from the sandbox issuer. `private`: a
    JWK, made for this run."""

    tenant: str
    name: str
    vkp_id: str
    client_id: str
    scopes: Sequence[str]
    private: Mapping[str, Any] = field(repr=False)
    row: Mapping[str, Any] = field(repr=False)  # what the issuer knows of it


@dataclass(frozen=True, slots=True)
class Running:
    """Base URLs without a slash at the end."""

    hub: str
    journal: str
    issuer: str
    connection_string: str
    senders: Sequence[Credential]
    clients: Sequence[Client] = ()
    settings: Sequence[str] = ()  # names of all that the hub has a value for, secrets among them

    def sender(self, tenant: str, adapter: str) -> Credential | None:
        """The first active sender of this format."""
        mine = (one for one in self.senders if one.tenant == tenant and adapter in one.sender.adapters and one.sender.active)
        return next(mine, None)


def credentials(tenants: Sequence[Tenant], values: Mapping[str, str]) -> list[Credential]:
    """Of those who show a secret or sign."""
    rows = ((tenant, sender) for tenant in tenants for sender in tenant.senders if sender.auth.scheme != TOKEN)
    return [Credential(tenant.orgnr, tenant.name, sender, values[sender.auth.secrets[0]]) for tenant, sender in rows]


def clients(tenants: Sequence[Tenant], prefix: str) -> list[Client]:
    """Of those who show tokens: a client each at the issuer, as with HelseID, with the scopes that their rows allow; of journals that
    fetch, to read all that can lie on a shelf."""
    senders = [(tenant, one.name, one.auth, one.resources) for tenant in tenants for one in tenant.senders]
    shelves = [(tenant, one.name, one.auth, FETCHED) for tenant in tenants for one in tenant.endpoints if one.auth]
    return [
        _client(tenant, name, auth.user, [f"{prefix}{one}" for one in _granted(resources)])
        for tenant, name, auth, resources in (*senders, *shelves)
        if auth.scheme == TOKEN
    ]


def _client(tenant: Tenant, name: str, vkp_id: str, scopes: Sequence[str]) -> Client:
    client_id = f"{tenant.orgnr}-{name}"
    private, row = new_client(client_id, vkp_id, scopes, orgnr_parent=tenant.orgnr)
    return Client(tenant.orgnr, name, vkp_id, client_id, scopes, private, row)


def _granted(resources: Sequence[str]) -> list[str]:
    return [one for resource in resources for one in (resource, *_both(resource))]


def page() -> Mapping[str, Any]:
    """What the issuer knows of an operators' page: people log in to the hub through it."""
    return new_client(PAGE, "", [f"{OF_PEOPLE['scope_prefix']}{SCOPE}"], dpop="required")[1]


def _both(resource: str) -> list[str]:
    """What `composition.*` stands for: a client may ask for either by its own name."""
    word, _, verb = resource.rpartition(".")
    return [f"{word}.read", f"{word}.write"] if verb == "*" else []


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
        "issuer": {"url": running.issuer, "pid": pids["issuer"]},
        "storage": {"connection_string": running.connection_string, "pid": pids["storage"]},
        "pid": os.getpid(),
        "senders": [_sender(one) for one in running.senders],
        "clients": [_told(one) for one in running.clients],
        "settings": list(running.settings),
    }


def _told(one: Client) -> dict[str, Any]:
    told = {"tenant": one.tenant, "name": one.name, "client_id": one.client_id, "vkp_id": one.vkp_id}
    return {**told, "scopes": list(one.scopes), "private_jwk": dict(one.private)}


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
