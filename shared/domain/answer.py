"""What a journal's answer says before anybody reads what is in it: the part of a verdict that all ways to reach a journal share.

A journal refuses a document by what it says about the document. A status that says something about the hub (401, 403), about the address
(3xx) or about the moment (408, 429, 5xx) refuses nothing: parking what would go tomorrow, a thousand times over, helps nobody.
"""

from collections.abc import Mapping

from shared.errors import Unavailable

HAVE_IT = 409  # "I have this document already": delivered
NOT_TO_BE_ASKED = frozenset({404, 405, 501})  # to whether it has a document: there is nobody here who could say
ASKED, UNASKED = "asked whether it has the document: ", "may not be asked whether it has the document: "  # before why it did not say
_ABOUT_US = frozenset({401, 403, 407})
_LATER = frozenset({408, 425, 429})
_MAYBE = frozenset({408})  # and every 5xx: it may stand in the journal all the same
_LONGEST = 8  # digits of Retry-After


def about_us(status: int) -> bool:
    """Whether it says something about the address or about the hub, and nothing about the document."""
    return 300 <= status < 400 or status in _ABOUT_US


def is_unasked(reason: str) -> bool:
    """Whether a parcel waits because its journal may not be asked: by itself that may last until it is given up."""
    return reason.startswith(UNASKED)


def heed(status: int, headers: Mapping[str, str]) -> None:
    """Raises Unavailable where the status says nothing about the document. `headers`: names in lower case."""
    if about_us(status) or status in _LATER or status >= 500:
        raise Unavailable(f"the journal answered {status}", wish(headers), unsure=status in _MAYBE or status >= 500)


def is_page(body: bytes) -> bool:
    """Whether it is a web page. (Some journals call everything text/html, so it is the body that tells.)"""
    return body.lstrip()[:9].lower().startswith((b"<html", b"<!doctype"))


def heed_page(body: bytes) -> None:
    """Raises Unavailable for what a proxy, a log-in or a maintenance page says with a 200: no journal's yes."""
    if is_page(body):
        raise Unavailable("the journal answered with a web page", unsure=True)


def wish(headers: Mapping[str, str]) -> float | None:
    """Retry-After in whole seconds; a date is no wish."""
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST else None


def own_name(text: str) -> str:
    """A journal's own name for what it stored, as far as it is kept: 200 visible ASCII characters."""
    return "".join(sign for sign in text if " " < sign <= "~")[:200]
