"""Settings are read once, here; a bad one stops the start. Secrets stay in the environment and are asked for by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

Value = TypeVar("Value")
Secret = Callable[[str], str | None]


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
        )
        if settings.hold_seconds < settings.call_timeout + 2:
            raise BadSetting("HUB_HOLD_SECONDS: give at least 2 seconds more than HUB_CALL_TIMEOUT_SECONDS, or no call would fit in a hold")
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
