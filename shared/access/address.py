"""Where patients' data may be sent: https to a named host, or this machine itself. Pure: looks at the text of an address only."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


def unsafe(url: str) -> tuple[str, str] | None:
    """What is wrong with an address that patients' data would be sent to; None if nothing is."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not an address", "write https://host/path"
    if parts.scheme not in ("http", "https") or not host:
        return "is not an address", "write https://host/path"
    if parts.scheme == "http" and not _loopback(host):
        return "would send patients' data unencrypted", "use https; http is for this machine itself only"
    if _decorated(parts):
        return "holds more than host and path", "leave out user, password, ? and #; credentials go into auth"
    if _metadata(host):
        return "is an address of the platform, never of a journal", "write the journal's own host name"
    return None


def _decorated(parts: SplitResult) -> bool:
    return bool(parts.username is not None or parts.password is not None or parts.query or parts.fragment)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _metadata(host: str) -> bool:
    """Where cloud machines ask for their own keys (domain/security.md 5, SSRF), and what is nobody's address."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_link_local or address.is_multicast or address.is_unspecified or host == "168.63.129.16"
