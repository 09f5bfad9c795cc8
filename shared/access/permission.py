"""Who may do what: the four gates of the national contract after the token itself (vkp.md 1.6-1.8). Pure.

token holds the scope -> register lets the sender do it here -> it may claim these ServiceCodes -> the citizen has such a service
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from shared.access.rows import Endpoint, Sender, Tenant
from shared.domain.national import LOOKUPS, WRITES
from shared.errors import PayloadError

ACTIONS = (*(f"{name}.write" for name in WRITES), *(f"{name}.read" for name in LOOKUPS))
RESOURCES = (*ACTIONS, *dict.fromkeys(f"{name}.*" for name in (*WRITES, *LOOKUPS)))  # what a register or a scope can grant

# of journals that fetch
FETCHES = tuple(f"{name}.{verb}" for name in WRITES for verb in ("fetch", "acknowledge", "status"))

RECEIPT = "receipt.read"  # asking what became of a payload; no scope, but HUB_DPOP may name it

HEADER = "ServiceCodes"
MOST_CODES = 20
CODE = re.compile(r"[A-Za-z0-9_-]{1,20}")  # matched before lower(): some letters of other alphabets become ASCII by it


@dataclass(frozen=True, slots=True)
class No:
    """Why not. `code`: of vkp-operation-outcome (vkp.md 4.12); nothing that the caller sent is repeated."""

    code: str
    reason: str
    remedy: str


def refused(tenant: Tenant, sender: Sender | None, action: str, scopes: Collection[str], codes: Sequence[str]) -> No | None:
    """Why the bearer of a valid token may not do this; None if it may, and then a read still needs `covered`.

    `sender`: whom this municipality's register knows by that vkp-id. `action`: "patient.read", "bundle.write". `scopes`: the token's,
    without the issuer's prefix. `codes`: the ServiceCodes claimed; writes need none and are not asked for them.
    """
    if sender is None:
        return No("1.2", "the sender is not in this municipality's register", "ask the municipality to register your vkp-id")
    return _stopped(tenant, sender) or _ungranted(sender, action, scopes) or _needless(tenant, sender, action, codes)


def unfetched(tenant: Tenant, endpoint: Endpoint | None, action: str, scopes: Collection[str]) -> No | None:
    """Why the bearer of a valid token may not fetch. `endpoint`: the one that this municipality's register lets it fetch from."""
    if endpoint is None:
        return No("1.2", "no journal of this municipality fetches by this vkp-id", "ask the municipality to register it with your endpoint")
    if not tenant.active or not endpoint.active:
        return No("1.1", "traffic to this journal is stopped", "ask again later: nothing is lost meanwhile")
    wanted = reading(action)
    if not grants(scopes, wanted):
        return No("1.4", f"the access token has no scope for {wanted}", f"ask for the scope that ends in {wanted} when you fetch the token")
    return None


def reading(action: str) -> str:
    """The scope that a journal needs to fetch, acknowledge and ask for the status of documents, as bundle.read."""
    return f"{action.partition('.')[0]}.read"


def grants(granted: Iterable[str], action: str) -> bool:
    """Whether one of the grants is the action itself, or all of its resource: "composition.*"."""
    resource = action.rpartition(".")[0]
    return any(grant in (action, f"{resource}.*") for grant in granted)


def codes_of(header: str | None) -> tuple[str, ...]:
    """The ServiceCodes claimed, lower case, in order and each once; () if none. A repeated header comes joined by commas. PayloadError."""
    claimed = [part for part in (part.strip(" \t") for part in (header or "").split(",")) if part]
    if not all(CODE.fullmatch(part) for part in claimed):
        raise PayloadError(HEADER, "expected codes with commas between them", f"Send {HEADER}: ta,gps: letters, digits, _ and - only.")
    codes = tuple(dict.fromkeys(part.lower() for part in claimed))
    if len(codes) > MOST_CODES:
        raise PayloadError(HEADER, f"holds more than {MOST_CODES} codes", "Send those that this look-up is about.")
    return codes


def covered(tenant: Tenant, codes: Iterable[str], active: Iterable[str]) -> bool:
    """Whether one of a citizen's active services, by the journal's own codes, is one that the claimed ServiceCodes stand for here."""
    claimed = {code.lower() for code in codes}
    patterns = [pattern for service in tenant.services if service.code.lower() in claimed for pattern in service.patterns]
    return any(matches(pattern, code) for code in active for pattern in patterns)


def matches(pattern: str, code: str) -> bool:
    """Whether the whole code is the pattern, in any case, where % is any text or none. No regular expression: nothing to blow up."""
    *before, last = pattern.casefold().split("%")
    text = code.casefold()
    if not before:
        return text == last
    at = len(before[0]) if text.startswith(before[0]) else -1
    for piece in before[1:]:
        at = -1 if at < 0 or (found := text.find(piece, at)) < 0 else found + len(piece)
    return 0 <= at <= len(text) - len(last) and text.endswith(last)


def _stopped(tenant: Tenant, sender: Sender) -> No | None:
    if not tenant.active:
        return No("1.1", "the municipality's traffic is stopped", "ask the municipality when it opens again")
    if not sender.active:
        return No("1.1", "the sender is stopped in this municipality", "ask the municipality to open it again")
    return None


def _ungranted(sender: Sender, action: str, scopes: Collection[str]) -> No | None:
    if not grants(sender.resources, action):
        return No("1.2", "the municipality has not allowed the sender to do this", "ask the municipality to allow it in its register")
    if not grants(scopes, action):
        return No("1.4", f"the access token has no scope for {action}", f"ask for the scope that ends in {action} when you fetch the token")
    return None


def _needless(tenant: Tenant, sender: Sender, action: str, codes: Sequence[str]) -> No | None:
    """Whoever reads says why, in ServiceCodes."""
    if action.endswith(".write"):
        return None
    claimed = {code.lower() for code in codes}
    if not claimed:
        return No("1.3", "no ServiceCodes are claimed", f"send the header {HEADER} with the services that you look up for, as ta,gps")
    allowed = {code.lower() for code in sender.service_codes}
    if claimed - allowed:
        return No(
            "1.2",
            "a claimed ServiceCode is not allowed to the sender here",
            f"claim those that are allowed to you ({_listed(allowed)}), or ask the municipality for more",
        )
    if missing := claimed - {service.code.lower() for service in tenant.services}:
        reason = f"the municipality has no service behind {_listed(missing)}"
        return No("1.3", reason, f"leave {_listed(missing)} out, or ask the municipality to map it")
    return None


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes)) or "none"
