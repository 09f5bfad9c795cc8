"""What a municipality's file says of how the hub proves itself to a journal: `auth` of an endpoint, and of [lookup].

Secrets, keys and certificates are names of settings. docs/journals.md 1.8 says what a journal sees of each scheme.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from shared.access import register_reach as reach
from shared.access.address import unsafe
from shared.access.issuer import ALGORITHMS
from shared.access.rows import Auth, Client
from shared.access.toml_table import Form, Table
from shared.domain import organisation

SCHEMES = ("header", "basic", "webhook", "oauth", "certificate")
ASSERTION, CERTIFICATE = "private_key_jwt", "tls_client_auth"
METHODS = ("client_secret_basic", "client_secret_post", ASSERTION, CERTIFICATE)

CLIENT = Form(re.compile(r"[!-~]{1,200}"), "is not a client's id", "copy it from the issuer: visible ASCII without spaces")
SCOPE = Form(re.compile(r"[!#-\[\]-~]{1,200}"), "is not a scope", "write each scope as a text of its own, as nhn:jft/api")
ORGNR = Form(re.compile(r"[0-9]{9}"), "is not an organisation number", "write its nine digits")


def journal(table: Table, variables: Mapping[str, str] | None, *, fetches: bool) -> tuple[str, Auth | None]:
    """Where an endpoint is and what we show it; or, if it fetches, what it shows us."""
    if not fetches:
        return reach.url(table, variables), outgoing(table)
    if table.has("url"):
        table.wrong("url", "is not for a journal that fetches", "remove it; its auth says whose token opens the shelf")
    return "", reach.incoming(table, ("token",))


def outgoing(table: Table) -> Auth | None:
    """What we show a journal, if anything."""
    inner = table.table("auth", required=False)
    if inner is None:
        return None
    scheme = inner.choice("scheme", SCHEMES)
    auth = _secured(inner, _shown(inner, scheme))
    if scheme:
        inner.close()
    return auth


def _shown(table: Table, scheme: str) -> Auth:
    if scheme == "certificate":
        return Auth(scheme, "", "", ())
    return _oauth(table) if scheme == "oauth" else reach.secret(table, scheme)


def _oauth(table: Table) -> Auth:
    client = _client(table)
    return Auth(
        "oauth",
        profile="",
        user=table.text("client_id", CLIENT),
        secrets=() if client.method == CERTIFICATE else table.texts("secrets", reach.SECRET, most=2),
        issuer=_address(table, "issuer", "tokens have it in iss") if _asserts(table, "issuer", client.method) else "",
        client=client,
    )


def _client(table: Table) -> Client:
    method = table.choice("method", METHODS)
    return Client(
        token_url=_address(table, "token_url", "the issuer's discovery document has it (token_endpoint)"),
        method=method,
        dpop=table.flag("dpop", False),
        scopes=table.texts("scopes", SCOPE) if table.has("scopes") else (),
        algorithm=table.choice("algorithm", ALGORITHMS) if _asserts(table, "algorithm", method) else "",
        parent=_organisation(table, "parent") if _asserts(table, "parent", method) else "",
        child=_organisation(table, "child") if _asserts(table, "child", method) else "",
    )


def _asserts(table: Table, key: str, method: str) -> bool:
    """Whether there is something to read there that goes into an assertion."""
    if table.has(key) and method not in ("", ASSERTION):
        table.wrong(key, f"is for {ASSERTION} only", f'remove it, or write method = "{ASSERTION}"')
    return table.has(key) and method in ("", ASSERTION)


def _secured(table: Table, auth: Auth) -> Auth:
    """With what TLS is told to show and to believe: any scheme may have that."""
    required = auth.scheme == "certificate" or (auth.client and auth.client.method == CERTIFICATE)
    return replace(
        auth,
        certificates=table.texts("certificates", reach.SECRET, most=2) if required or table.has("certificates") else (),
        authority=table.text("authority", reach.SECRET) if table.has("authority") else "",
    )


def _address(table: Table, key: str, where: str) -> str:
    found = table.text(key, reach.ADDRESS)
    if found and unsafe(found):
        table.wrong(key, "is not an address that tokens may come from", f"write it as {where}: https://host/path")
    return found


def _organisation(table: Table, key: str) -> str:
    orgnr = table.text(key, ORGNR)
    if orgnr and (doubt := organisation.warning(orgnr)):
        table.wrong(key, f"looks wrong: {doubt}", "compare it with Enhetsregisteret", warning=True)
    return orgnr
