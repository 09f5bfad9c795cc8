"""Settings are read once, here; a bad one stops the start. Secrets stay in the environment and are asked for by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any, TypeVar

import orjson

from shared.access.address import LOOPBACK, Network, unsafe
from shared.access.issuer import ALGORITHMS, OF_PEOPLE, Issuer
from shared.access.permission import RECEIPT, RESOURCES

Value = TypeVar("Value")
Secret = Callable[[str], str | None]


# Seconds. One function for an alarm works two lines, the receipt's and then the parcel's: 60 s at each (flow.attend), at whose end a turn
# may begin that lasts as long as a hold. 2 x (60 + 75) = 270, of the 300 that a function may run for (host.json).
LONGEST_HOLD = 75


class BadSetting(Exception):
    """Names the setting and the remedy, never its value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`storage`: a connection string, or "" where an identity opens `account` (the storage account's name)."""

    storage: str = field(repr=False)
    account: str
    patient_key: bytes = field(repr=False)
    retry_scale: float  # 1 = the schedule of docs/journals.md; less only in tests and demonstrations
    call_timeout: float  # seconds for one call to a journal, all in all
    hold_seconds: float  # how long a worker may hold a line without letting go
    secret: Secret = field(repr=False)
    numbers: str = "production"  # whose person numbers national FHIR may carry: production, test, any (domain.person.GUARDS)
    compatible: bool = False  # national refusals with a code 1.x or 2.x are 400, which is all that clients of VKP read
    issuers: tuple[Issuer, ...] = ()  # of access tokens; none: no token opens anything
    admins: tuple[Issuer, ...] = ()  # of people's access tokens; none: there is no admin API
    public_url: str = ""  # as senders know the hub, without a slash at its end; what a DPoP proof is for
    networks: tuple[Network, ...] = ()  # where journals may be besides the public internet
    dpop: frozenset[str] = frozenset()  # actions ("patient.read", "*.write", "*") that take a DPoP token; all others take Bearer

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Raises BadSetting. Storage: AzureWebJobsStorage, or AzureWebJobsStorage__accountName with a managed identity."""
        storage, account = env.get("AzureWebJobsStorage", ""), env.get("AzureWebJobsStorage__accountName", "")
        if not storage and not account:
            raise BadSetting("AzureWebJobsStorage is missing: set a connection string, or AzureWebJobsStorage__accountName for an identity")
        settings = cls(
            storage=storage,
            account=account,
            patient_key=_read(env, "HUB_PATIENT_KEY", None, _key),
            retry_scale=_read(env, "HUB_RETRY_SCALE", 1.0, _positive),
            call_timeout=_read(env, "HUB_CALL_TIMEOUT_SECONDS", 10.0, _positive),
            hold_seconds=_read(env, "HUB_HOLD_SECONDS", 20.0, _positive),
            secret=dict(env).get,
            numbers=_read(env, "HUB_ENVIRONMENT", "production", _one_of("production", "test", "any")),
            compatible=_read(env, "HUB_VKP_STATUS", "exact", _one_of("exact", "compatible")) == "compatible",
            issuers=_read(env, "HUB_ISSUERS", (), _issuers),
            admins=_read(env, "HUB_ADMIN", (), _issuers_of_people),
            public_url=_read(env, "HUB_PUBLIC_URL", "", _address).rstrip("/"),
            networks=_read(env, "HUB_NETWORKS", () if env.get("HUB_ENVIRONMENT", "production") == "production" else LOOPBACK, _networks),
            dpop=_read(env, "HUB_DPOP", frozenset(), _actions),
        )
        if settings.dpop and not settings.public_url:
            raise BadSetting("HUB_PUBLIC_URL is missing: DPoP proofs (HUB_DPOP) are for an address, give the one that senders call")
        if settings.admins and not settings.public_url:
            raise BadSetting("HUB_PUBLIC_URL is missing: the admin API (HUB_ADMIN) takes DPoP proofs, which are for an address")
        if {one.audience for one in settings.admins} & {one.audience for one in settings.issuers}:
            raise BadSetting("HUB_ADMIN: give an audience of its own, or a token for senders would do for people")
        if settings.hold_seconds < 1.5 * settings.call_timeout + 2:  # a journal may be asked before it is called (flow.deliver)
            raise BadSetting(
                "HUB_HOLD_SECONDS: give at least 1.5 times HUB_CALL_TIMEOUT_SECONDS and 2 more, or no call would fit in a hold"
            )
        if settings.hold_seconds > LONGEST_HOLD:
            raise BadSetting(
                f"HUB_HOLD_SECONDS: give at most {LONGEST_HOLD}: a function may run for 5 minutes (host.json), and an alarm must not wait"
            )
        return settings


def _read(env: Mapping[str, str], name: str, default: Value | None, read: Callable[[str], Value]) -> Value:
    text = env.get(name)
    if text is None and default is not None:
        return default
    try:
        return read(text or "")
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None


def _key(text: str) -> bytes:
    if len(text) < 32:
        raise ValueError("give at least 32 random characters; it keys the hashes that stand for patients")
    return text.encode()


def _positive(text: str) -> float:
    number = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
    if number <= 0:
        raise ValueError("give a number above 0")
    return number


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"give one of {', '.join(words)}")
        return text

    return read


def _address(text: str) -> str:
    if text and (wrong := unsafe(text)):
        raise ValueError(f"{wrong[0]}: {wrong[1]}")
    return text


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("give networks as 10.4.0.0/16, fd12:3456::/48, without bits set behind the slash's length") from None


def _actions(text: str) -> frozenset[str]:
    actions = frozenset(part.strip() for part in text.split(",") if part.strip())
    if strange := actions - {"*", "*.read", "*.write", RECEIPT, *RESOURCES}:
        known = ", ".join(("*", "*.read", "*.write", RECEIPT, *RESOURCES))
        raise ValueError(f"holds {len(strange)} actions that there are not; known are {known}")
    return actions


def _issuers_of_people(text: str) -> tuple[Issuer, ...]:
    """The same list, with people's defaults (issuer.OF_PEOPLE)."""
    issuers = _issuers(text, OF_PEOPLE)
    if not all(one.level_claim and one.level for one in issuers):
        raise ValueError("an issuer of people's tokens needs a level_claim and a level")
    return issuers


def _issuers(text: str, usual: Mapping[str, str] = MappingProxyType({})) -> tuple[Issuer, ...]:
    """A JSON list of objects with the fields of `Issuer`; only `issuer` must be given. `usual`: other defaults."""
    try:
        rows = orjson.loads(text)
    except ValueError:
        raise ValueError('give a JSON list such as [{"issuer": "https://helseid-sts.nhn.no", "audience": "nhn:vkp"}]') from None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("give a JSON list of objects")
    issuers = tuple(_issuer({**usual, **row}) for row in rows)
    if len({one.issuer for one in issuers}) < len(issuers):
        raise ValueError("names the same issuer twice")
    return issuers


def _issuer(row: dict[str, Any]) -> Issuer:
    known = {field.name for field in fields(Issuer)}
    if strange := row.keys() - known:
        raise ValueError(f"has {len(strange)} unknown fields; known are {', '.join(sorted(known))}")
    listed = {"algorithms": tuple(row["algorithms"])} if isinstance(row.get("algorithms"), list) else {}
    leeway = {"leeway": float(row["leeway"])} if type(row.get("leeway")) is int else {}
    made = {**row, **listed, **leeway}
    default = Issuer("")
    if "issuer" not in made or any(type(value) is not type(getattr(default, name)) for name, value in made.items()):
        raise ValueError("an issuer has `issuer`, and each field of its own type: texts, `algorithms` a list, `leeway` a number of seconds")
    issuer = Issuer(**made)
    if wrong := unsafe(issuer.issuer):
        raise ValueError(f"issuer {wrong[0]}: {wrong[1]}")
    if (
        not issuer.audience
        or not issuer.sender_claim
        or not issuer.client_claim
        or not issuer.algorithms
        or any(one not in ALGORITHMS for one in issuer.algorithms)
    ):
        raise ValueError(f"an issuer needs an audience, a sender_claim, a client_claim and algorithms out of {', '.join(ALGORITHMS)}")
    if not 0 <= issuer.leeway <= 60:
        raise ValueError("leeway is from 0 to 60 seconds")
    return issuer
