"""Where patients' data may be sent: https to a named host, or this machine itself. Pure: looks at texts only, of addresses and of what
names resolved to."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Network = IPv4Network | IPv6Network

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_NOWHERE = tuple(  # numbers of IPv6 that hold one of IPv4, or mean a site
    ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "fec0::/10")
)
_PLATFORM = ip_network("168.63.129.16/32")  # Azure's own, though its number is a public one


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
    return address.is_link_local or address.is_multicast or address.is_unspecified or address in _PLATFORM


def reachable(host: str, networks: Iterable[Network]) -> bool:
    """Whether a journal may be at this number (IPv4 or IPv6, its scope left out): a public one, or one of these networks, and never one of
    the platform's (domain/security.md 5, SSRF). False for what is no number."""
    try:
        address = _plain(ip_address(host.partition("%")[0]))
    except ValueError:
        return False
    if any(address in network for network in networks):
        return not _metadata(str(address))
    return address.is_global and not address.is_multicast and not any(address in one for one in (_PLATFORM, *_NOWHERE))


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Of an IPv4 number written as IPv6 (::ffff:10.0.0.1) the number itself."""
    return getattr(address, "ipv4_mapped", None) or address
