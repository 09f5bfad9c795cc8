"""What several tables of a municipality's file have: how a sender proves who it is, and at which address a journal is reached."""

import re
from collections.abc import Collection, Mapping

from shared.access.address import unsafe
from shared.access.rows import Auth
from shared.access.signature import PROFILES
from shared.access.toml_table import ANYTHING, Form, Table

INCOMING = ("header", "basic", "hmac", "token")

SECRET = Form(
    re.compile(r"[A-Z][A-Z0-9_]{2,63}"),
    "is not the name of a setting",
    "name the setting that holds the secret, as TENOVI_SECRET; if the secret itself stands here, change it: others have read it",
)
HEADER = Form(re.compile(r"[A-Za-z][A-Za-z0-9-]{0,59}"), "is not the name of a header", "use letters, digits and -")
KEY_HEADER = Form(
    re.compile(r"(?!(?i:authorization|dpop|servicecodes)$)" + HEADER.shape.pattern),
    "is not the name of a header for an API key",
    "use letters, digits and -, as Ocp-Apim-Subscription-Key; not a header that has something else in it",
)
USER = Form(re.compile(r"[!-9;-~]{1,64}"), "is not a user name", "use visible ASCII without colon")
ADDRESS = Form(re.compile(r"[!-~]{1,300}"), "is not an address", "write https://host/path")
PERSON = re.compile(r"(?<![0-9])[0-9]{6}-?[0-9]{5}(?![0-9])")
PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
LONGEST_ID = 100


def incoming(table: Table, schemes: Collection[str] = INCOMING) -> Auth:
    """How a sender proves who it is; scheme "" if that could not be read."""
    inner = table.table("auth", required=True)
    if inner is None:
        return Auth("", "", "", ())
    scheme = inner.choice("scheme", schemes)
    auth = _token(inner) if scheme == "token" else secret(inner, scheme)
    if scheme:
        inner.close()
    return auth


def url(table: Table, variables: Mapping[str, str] | None) -> str:
    """A journal's address with its placeholders filled in; where there are no variables they stay."""
    raw = table.text("url", ADDRESS)
    if variables is None and PLACEHOLDER.search(raw):
        return raw
    found, wrong = filled(raw, variables or {})
    if wrong:
        table.wrong("url", *wrong)
    return found


def filled(raw: str, variables: Mapping[str, str]) -> tuple[str, tuple[str, str] | None]:
    """A journal's address with its placeholders filled in, "" if that cannot be; and what is wrong with it, with its remedy."""
    missing = {name for name in PLACEHOLDER.findall(raw) if name not in variables}
    if missing:
        return "", (f"names a variable without a value: {', '.join(sorted(missing))}", "start the hub, or give it with --set")
    found = PLACEHOLDER.sub(lambda name: variables[name[1]], raw)
    return found, unsafe(found) if found else None


def secret(table: Table, scheme: str) -> Auth:
    """What is shown or signed with a secret, whoever shows it; scheme "" if that could not be read."""
    profile, user = "", ""
    if scheme == "header":
        profile = table.text("header", HEADER).lower()
    elif scheme == "hmac":
        profile = table.choice("profile", PROFILES)
    elif scheme == "basic":
        user = table.text("user", USER)
    secrets = table.texts("secrets", SECRET, most=2) if scheme or table.has("secrets") else ()
    return Auth(scheme, profile, user, secrets)


def _token(table: Table) -> Auth:
    """The vkp-id, whose tokens, and the API key that must come too, if one must."""
    keyed = table.has("header") or table.has("secrets")
    return Auth(
        "token",
        profile=table.text("header", KEY_HEADER).lower() if keyed else "",
        user=_vkp_id(table),
        secrets=table.texts("secrets", SECRET, most=2) if keyed else (),
        issuer=_issuer(table) if table.has("issuer") else "",
    )


def _vkp_id(table: Table) -> str:
    """Whatever the token's claim holds: an opaque text (vkp.md 1.6). It stands in the audit log, where no person may stand."""
    found = table.text("vkp_id", ANYTHING)
    if len(found) > LONGEST_ID or not found.isprintable() or found != found.strip():
        table.wrong("vkp_id", "is not a vkp-id", f"write it as the token has it: 1 to {LONGEST_ID} characters that can be seen")
    elif PERSON.search(found):
        table.wrong("vkp_id", "looks like a person's number", "compare it with the order of the HelseID client")
    return found


def _issuer(table: Table) -> str:
    found = table.text("issuer", ADDRESS)
    if found and unsafe(found):
        table.wrong("issuer", "is not the address of an issuer", "write it exactly as tokens have it in iss: https://host/path")
    return found
