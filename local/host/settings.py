"""host.json, local.settings.json and the settings that bindings name."""

import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

# Where Azurite listens by default, and the key that everybody knows: what "UseDevelopmentStorage=true" means.
DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)
_TIME_SPAN = re.compile(r"(?:(\d{1,7})\.)?([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d(?:\.\d{1,7})?))?")


class StartError(Exception):
    """The app cannot be served. The text is one sentence for the person at the terminal."""


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise StartError(f"{path} is missing") from None
    except OSError as error:
        raise StartError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise StartError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise StartError(f"{path} must hold a JSON object")
    return content


def host_json(directory: Path) -> dict[str, Any]:
    content = read_json(directory / "host.json")
    if content.get("version") != "2.0":
        raise StartError(f'{directory / "host.json"} must say "version": "2.0"')
    return content


def local_settings(directory: Path) -> tuple[dict[str, str], int | None]:
    """The Values, and the port that Host.LocalHttpPort names. No file is no settings: they may be in the environment."""
    path = directory / "local.settings.json"
    if not path.exists():
        return {}, None
    content = read_json(path)
    if content.get("IsEncrypted"):
        raise StartError(f"{path} is encrypted, which only Core Tools can read: run `func settings decrypt`")
    values = section(content, "Values")
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        raise StartError(f"{path}: Values.{wrong[0]} must be a string")
    port = section(content, "Host").get("LocalHttpPort")
    if port is not None and type(port) is not int:
        raise StartError(f"{path}: Host.LocalHttpPort must be a whole number")
    return dict(values), port


def apply(values: Mapping[str, str], environment: MutableMapping[str, str]) -> None:
    """What the environment says already stands: it is nearer to the person at the terminal."""
    for name, value in values.items():
        environment.setdefault(name, value)


def section(content: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        content = content.get(name, {})
        if not isinstance(content, Mapping):
            raise StartError(f"{'.'.join(names)} must be a JSON object")
    return content


def expand(text: str, settings: Mapping[str, str], where: str) -> str:
    """%NAME% in a binding is the setting NAME."""

    def value(match: re.Match[str]) -> str:
        found = settings.get(match[1])
        if found is None:
            raise StartError(f"{where} names the setting {match[1]}, which is missing: add it to Values in local.settings.json")
        return found

    return re.sub(r"%([^%\s]+)%", value, text)


def connection(name: str, settings: Mapping[str, str]) -> str:
    """The connection string that a binding's `connection` names; the real host looks for AzureWebJobs<name> first."""
    text = settings.get(f"AzureWebJobs{name}") or settings.get(name)
    if not text and settings.get(f"{name}__queueServiceUri"):
        raise StartError(
            f"{name}__queueServiceUri is an identity-based connection, which local.host cannot use: set {name} to a connection string"
        )
    if not text:
        raise StartError(f"the setting {name} is missing: it must hold the connection string of a storage account")
    return DEVELOPMENT_STORAGE if text.strip().lower() == "usedevelopmentstorage=true" else text


def time_span(text: object, where: str) -> float:
    """Seconds of a .NET TimeSpan, [d.]hh:mm[:ss[.fff]]. "24:00:00" is refused: .NET reads it as 24 days."""
    match = _TIME_SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise StartError(f'{where} must be a time span such as "00:00:05"')
    days, hours, minutes, seconds = match.groups(default="0")
    return int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def whole(content: Mapping[str, Any], name: str, default: int, least: int, most: int = 2**31 - 1) -> int:
    value = content.get(name, default)
    if type(value) is not int or not least <= value <= most:
        limits = f"from {least} to {most}" if most < 2**31 - 1 else f"of at least {least}"
        raise StartError(f"host.json: extensions.queues.{name} must be a whole number {limits}")
    return value
