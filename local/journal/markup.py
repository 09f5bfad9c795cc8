"""HTML where escaping is the rule: whatever is not Html is text."""

from html import escape


class Html(str):
    """Markup of our own making."""


Child = str | None  # None leaves no trace
VOID = {"meta", "link"}


def tag(name: str, /, *children: Child, **attributes: str) -> Html:
    """`class_` and `for_` lose their underscore, others become hyphens: aria_label."""
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{said}>" if name in VOID else f"<{name}{said}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    return Html("".join(each if isinstance(each, Html) else escape(each, quote=False) for each in children if each is not None))
