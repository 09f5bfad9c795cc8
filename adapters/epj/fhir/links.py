"""Where the next part of an answer may be fetched: at the same place only, or a journal could send us, and what we show it, anywhere."""

import re
from urllib.parse import SplitResult, unquote_plus, urlsplit

from shared.domain.journal import Call
from shared.domain.person import kind
from shared.errors import Refused

_ADDRESS = re.compile(r"[A-Za-z0-9:/?\[\]@!$&'()*+,;=._~%-]{1,2000}")  # what our parser and any client read alike
_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{11}(?![0-9A-Za-z])")
_PORTS = {"http": 80, "https": 443}


def more(base: str, link: str) -> Call:
    """Refused for a link that leads away from the base, or that names a person."""
    try:
        inside = _ADDRESS.fullmatch(link) and _below(urlsplit(base), urlsplit(link))
    except ValueError:
        inside = False
    if not inside:
        raise Refused("the journal's next link leads away from its address", remedy="It must be absolute and begin with the base address.")
    if any(kind(number) for number in _NUMBER.findall(unquote_plus(link))):
        raise Refused("the journal's next link holds a person's number", remedy="It must be opaque.")
    return Call("GET", link, {"Accept": "application/fhir+json"}, b"")


def _below(base: SplitResult, link: SplitResult) -> bool:
    plain = "%" not in link.path and not {".", ".."} & {*link.path.split("/")}
    same = _origin(base) == _origin(link) and "@" not in link.netloc
    return plain and same and f"{link.path}/".startswith(f"{base.path.rstrip('/')}/")


def _origin(place: SplitResult) -> tuple[str, str | None, int | None]:
    return place.scheme, place.hostname, place.port or _PORTS.get(place.scheme)
