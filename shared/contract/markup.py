"""HTML for the contract's pages: escaping is the rule, whatever is not Html is text. No script, nothing fetched, one style sheet."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from shared.contract.style import STYLE


class Html(str):
    """Markup of our own making."""


Child = str | None  # None leaves no trace
_VOID = {"meta", "link"}
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = MappingProxyType(  # to be sent with every page
    {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


def tag(name: str, /, *children: Child, **attributes: str) -> Html:
    """`class_` loses its underscore, others become hyphens: aria_label."""
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{said}>" if name in _VOID else f"<{name}{said}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    return Html("".join(each if isinstance(each, Html) else escape(each, quote=False) for each in children if each is not None))


def page(language: str, title: str, skip: str, top: Html, contents: Html, *main: Html) -> bytes:
    """`skip`: the words of the link past the contents; `top`: heading and lead; `contents`: the list of links."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(STYLE)),
    )
    body = tag(
        "body",
        tag("a", skip, href="#main", class_="skip"),
        tag("header", top),
        contents,
        tag("main", *main, id="main", tabindex="-1"),
    )
    return join(Html("<!doctype html>\n"), tag("html", head, body, lang=language)).encode()
