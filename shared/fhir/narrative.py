"""Narrative: what suppliers write as XHTML, and the subset of it that FHIR allows (R4, 2.4.0: txt-1, txt-2).

FHIR takes the elements of HTML 4.0 chapters 7-11 (without 9.4) and 15, anchors and images; nothing that runs, frames, posts or fetches.
Text that is so already stays as it is, byte for byte. Anything else is read as a browser would read it and written anew. Every step
takes time in proportion to the text, whatever is in it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from html import escape, unescape

from shared.fhir.markup import Close, Open, Words, tokens


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMESPACE = "http://www.w3.org/1999/xhtml"
ELEMENTS = _words(
    "p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address bdo kbd sub sup"
    " ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp img map area"
)
VOID = _words("br hr img col area")
SILENT = frozenset({"script", "style"})  # what stands in these is no text
GENERAL = _words(
    "title style class id lang xml:lang dir accesskey tabindex span width align valign char charoff abbr axis headers scope rowspan colspan"
)
OWN = {
    "a": "href name charset type hreflang rel rev shape coords",
    "area": "href nohref alt shape coords",
    "blockquote": "cite",
    "img": "src alt border height width longdesc usemap ismap",
    "map": "name",
    "pre": "xml:space",
    "q": "cite",
    "table": "summary border frame rules cellspacing cellpadding",
    "td": "nowrap",
}
_ALLOWED = {name: GENERAL | _words(OWN.get(name, "")) for name in ELEMENTS}
_LINK = re.compile(r"(?:https?://|mailto:|tel:|#)[^\s<>\"\x00-\x1f]*", re.ASCII | re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|gif|jpeg);base64,[A-Za-z0-9+/=\s]*|#[\w.-]*", re.ASCII)
_STYLE = re.compile(r"url\s*\(|expression|@import|\\|position|/\*|behaviou?r|binding|script|[<>]", re.IGNORECASE)
_SAFE: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("href", "cite", "longdesc"), _LINK.fullmatch),
    "src": _PICTURE.fullmatch,
    "usemap": re.compile(r"#[\w.-]*", re.ASCII).fullmatch,
    "style": lambda value: not _STYLE.search(value),
}
_CLOSES = {  # in HTML these end what still stands open
    "p": {"p"},
    "li": {"li", "p"},
    "dt": {"dt", "dd", "p"},
    "dd": {"dt", "dd", "p"},
    "td": {"td", "th", "p"},
    "th": {"td", "th", "p"},
    "tr": {"tr", "td", "th", "p"},
    **{group: {"thead", "tbody", "tfoot", "tr", "td", "th", "p"} for group in ("thead", "tbody", "tfoot")},
}
DEEPEST = 100  # elements within elements; what is deeper keeps its words
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML

_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[a-z][a-z0-9]*+)(?P<attributes>(?:\s++[a-z:]++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'))*+)\s*+(?P<empty>/?)>",
    re.ASCII,
)
_COMMENT = re.compile(r"<!--(?:[^<>-]|-(?!-))*+-->")  # without < and >: a browser may end a comment before XML does
_ATTRIBUTE = re.compile(r"([a-z:]+)\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')", re.ASCII)
_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)", re.ASCII)  # an ampersand that begins no entity of XML
_NUMBERED = re.compile(r"&#(?:x([0-9a-fA-F]+)|(\d+));", re.ASCII)


def fault(div: str) -> str | None:
    """Why a `div` is none that FHIR allows."""
    if _BARE.search(div) or _ILLEGAL.search(div) or "]]>" in div or any(map(_impossible, _NUMBERED.finditer(div))):
        return "is not well-formed XHTML"
    try:
        words = "".join(_read(div))
    except _Fault as found:
        return str(found)
    return None if words.strip() else "has no words (txt-2)"


def clean(div: str) -> str:
    """The same words in what FHIR allows; empty if there are none. Well-formed XML with one outer div, whatever came in."""
    found = fault(div)
    if found is None:
        return div
    made = _Writer()
    for token in tokens(div, SILENT):
        made.take(token)
    return made.done()


class _Fault(Exception):
    """What is wrong with a narrative."""


def _impossible(numbered: re.Match[str]) -> bool:
    """Whether a numeric entity is of a character that XML does not have."""
    point = int(numbered[1], 16) if numbered[1] else int(numbered[2])
    return point > 0x10FFFF or _ILLEGAL.match(chr(point)) is not None


def _read(div: str) -> Iterator[str]:
    """The words of a `div`, and a full stop for each picture; _Fault at the first thing that may not be in it."""
    open_tags: list[str] = []
    place = 0
    while place < len(div):
        if place and not open_tags:
            raise _Fault("is not one div and nothing else (txt-1)")
        if comment := _COMMENT.match(div, place):
            place = comment.end()
        elif tag := _TAG.match(div, place):
            _enter(tag, open_tags)
            place = tag.end()
            yield "." * (tag["name"] == "img")
        else:
            upto = div.find("<", place)
            if upto in (-1, place) or not open_tags:
                raise _Fault("is not well-formed XHTML")
            yield div[place:upto]
            place = upto
    if open_tags:
        raise _Fault("is not well-formed XHTML")


def _enter(tag: re.Match[str], open_tags: list[str]) -> None:
    name = tag["name"]
    if tag["close"]:
        if not open_tags or open_tags.pop() != name or tag["attributes"] or tag["empty"]:
            raise _Fault("is not well-formed XHTML")
        return
    if not open_tags and name != "div":
        raise _Fault("is not one div and nothing else (txt-1)")
    if name not in ELEMENTS or len(open_tags) >= DEEPEST + bool(tag["empty"]):
        raise _Fault("has an element that FHIR's narrative does not have (txt-1)")
    _look(name, _ATTRIBUTE.findall(tag["attributes"]), not open_tags)
    if not tag["empty"]:
        open_tags.append(name)


def _look(name: str, attributes: list[tuple[str, str, str]], outer: bool) -> None:
    given = {key: unescape(double or single) for key, double, single in attributes}
    if len(given) != len(attributes):
        raise _Fault("is not well-formed XHTML")
    if given.pop("xmlns", NAMESPACE if not outer else "") != NAMESPACE:
        raise _Fault("is not in the namespace of XHTML (txt-1)")
    if not all(_fits(name, key, value) for key, value in given.items()):
        raise _Fault("has an attribute that FHIR's narrative does not have (txt-1)")


def _fits(name: str, key: str, value: str) -> bool:
    return key in _ALLOWED[name] and (key not in _SAFE or bool(_SAFE[key](value)))


class _Writer:
    """Writes allowed elements, closed in order, and everybody's words."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.open_tags: list[str] = []
        self.standing: Counter[str] = Counter()
        self.roots = 0  # what stands at the top: elements, and words outside them
        self.root = ""  # the first of them, if it is an element: how it begins
        self.words = False

    def take(self, token: Open | Close | Words) -> None:
        if isinstance(token, Words):
            self._say(token.text)
        elif isinstance(token, Close):
            self._close(token.name)
        elif token.name in ELEMENTS:
            self._open(token)

    def done(self) -> str:
        while self.open_tags:
            self._end()
        if not self.words:
            return ""
        body = "".join(self.parts)
        if self.roots == 1 and self.root.startswith("<div"):
            return f'<div xmlns="{NAMESPACE}"{body.removeprefix("<div")}'
        return f'<div xmlns="{NAMESPACE}">{body}</div>'

    def _say(self, text: str) -> None:
        legal = _ILLEGAL.sub("", text)
        if legal.strip():
            self.words = True
            self.roots += not self.open_tags
        elif not self.open_tags:
            return
        self.parts.append(escape(legal, quote=False))

    def _open(self, token: Open) -> None:
        while self.open_tags and self.open_tags[-1] in _CLOSES.get(token.name, ()):
            self._end()
        if len(self.open_tags) >= DEEPEST - 1 and token.name not in VOID:
            return
        attributes = "".join(_attributes(token))
        if token.name == "img" and " src=" not in attributes:
            alt = token.attributes.get("alt", "")
            return self._say(f"[{alt}]" if alt.strip() else "")
        if not self.open_tags:
            self.roots += 1
            self.root = f"<{token.name}"
        self.words |= token.name == "img"
        if token.name in VOID:
            self.parts.append(f"<{token.name}{attributes}/>")
            return
        self.parts.append(f"<{token.name}{attributes}>")
        self.open_tags.append(token.name)
        self.standing[token.name] += 1
        if token.empty:
            self._end()

    def _close(self, name: str) -> None:
        if name == "br":
            return self._open(Open("br", {}, True))
        if not self.standing[name]:
            return
        while self._end() != name:
            pass

    def _end(self) -> str:
        name = self.open_tags.pop()
        self.standing[name] -= 1
        self.parts.append(f"</{name}>")
        return name


def _attributes(token: Open) -> Iterator[str]:
    for key, value in token.attributes.items():
        legal = _ILLEGAL.sub("", value)
        if key != "xmlns" and _fits(token.name, key, legal):
            yield f' {key}="{escape(legal)}"'
