"""Narrative: what suppliers write as XHTML, held to what FHIR allows (R4, 2.4.0: txt-1, txt-2) and to what is safe to show (`xhtml.py`).

Text that is so already stays as it is, byte for byte. Anything else is read as a browser would read it and written anew (`writer.py`).
Every step takes time in proportion to the text, whatever is in it.
"""

import re
from dataclasses import dataclass
from html import unescape

from shared.fhir.markup import SILENT, tokens
from shared.fhir.writer import Writer
from shared.fhir.xhtml import DEEPEST, ELEMENTS, ILLEGAL, NAMESPACE, allowed, risk

_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[a-z][a-z0-9]*+)(?P<attributes>(?:\s++[a-z:]++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'))*+)\s*+(?P<empty>/?)>",
    re.ASCII,
)
_COMMENT = re.compile(r"<!--((?:[^-]|-(?!-))*+)-->")
_ATTRIBUTE = re.compile(r"([a-z:]+)\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')", re.ASCII)
_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)", re.ASCII)  # an ampersand that begins no entity of XML
_NUMBERED = re.compile(r"&#(?:x([0-9a-fA-F]+)|(\d+));", re.ASCII)
_BLANKS = " \t\r\n"
_BROKEN = "is not well-formed XHTML"
_MANY = "is not one div and nothing else (txt-1)"
_FORMED = "was written as well-formed XHTML in one div"
_REPLACED = "elements that FHIR's narrative does not have were written in others that say the same"
_LEFT = "what FHIR does not allow, or is not safe to show, was left out"
_ASIDE = "what a browser reads otherwise than XML: CDATA, or a comment with < or > in it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a `div`; None of each if nothing is.

    form   it is no well-formed XHTML in one div
    fault  it has what FHIR allows no narrative to have, or no words
    risk   FHIR allows what it has, and this hub does not pass it on
    """

    form: str | None
    fault: str | None
    risk: str | None


def judged(div: str) -> Verdict:
    read = _Reading(div)
    try:
        read.through()
    except _Malformed as found:
        return Verdict(str(found), None, None)
    return Verdict(None, read.fault or (None if "".join(read.words).strip() else "has no words (txt-2)"), read.risk)


def clean(div: str) -> tuple[str, str]:
    """The same words in what FHIR allows and is safe, and what was done to them; empty if there are no words.

    The very same text, and nothing done, if nothing is wrong. Well-formed XML with one outer div, whatever came in.
    """
    found = judged(div)
    if found == Verdict(None, None, None):
        return div, ""
    made = Writer()
    for token in tokens(div, SILENT):
        made.take(token)
    done = [words for holds, words in ((made.replaced, _REPLACED), (made.left, _LEFT)) if holds]
    return made.done(), "; ".join([_FORMED, *done] if found.form or not done else done)


class _Malformed(Exception):
    """Why a narrative is no XHTML."""


def _entities(text: str) -> str:
    """The text that is meant; _Malformed if XML does not have its entities."""
    if _BARE.search(text) or any(map(_impossible, _NUMBERED.finditer(text))):
        raise _Malformed(_BROKEN)
    return unescape(text)


def _impossible(numbered: re.Match[str]) -> bool:
    """Whether a numeric entity is of a character that XML does not have."""
    point = int(numbered[1], 16) if numbered[1] else int(numbered[2])
    return point > 0x10FFFF or ILLEGAL.match(chr(point)) is not None


class _Reading:
    """One pass over a `div`: its words, with a full stop for each picture, and the first fault and risk. _Malformed if it is no XHTML."""

    def __init__(self, div: str) -> None:
        self.div = div
        self.open_tags: list[str] = []
        self.roots = 0
        self.words: list[str] = []
        self.fault: str | None = None
        self.risk: str | None = None

    def through(self) -> None:
        if ILLEGAL.search(self.div):
            raise _Malformed(_BROKEN)
        place = 0
        while place < len(self.div):
            place = self._next(place)
        if self.open_tags or not self.roots:
            raise _Malformed(_BROKEN if self.open_tags else _MANY)

    def _next(self, place: int) -> int:
        if comment := _COMMENT.match(self.div, place):
            if "<" in comment[1] or ">" in comment[1]:
                self.risk = self.risk or _ASIDE
            return comment.end()
        if self.open_tags and self.div.startswith("<![CDATA[", place):
            return self._data(place + len("<![CDATA["))
        if tag := _TAG.match(self.div, place):
            self._enter(tag)
            return tag.end()
        upto = self.div.find("<", place)
        return self._say(place, upto if upto >= 0 else len(self.div))

    def _data(self, place: int) -> int:
        end = self.div.find("]]>", place)
        if end < 0:
            raise _Malformed(_BROKEN)
        self.words.append(self.div[place:end])
        self.risk = self.risk or _ASIDE
        return end + 3

    def _say(self, place: int, upto: int) -> int:
        text = self.div[place:upto]
        if not self.open_tags and text.strip(_BLANKS):
            raise _Malformed(_MANY)
        if not text or "]]>" in text:
            raise _Malformed(_BROKEN)
        self.words.append(_entities(text))
        return upto

    def _enter(self, tag: re.Match[str]) -> None:
        name = tag["name"]
        if tag["close"]:
            if not self.open_tags or self.open_tags.pop() != name or tag["attributes"] or tag["empty"]:
                raise _Malformed(_BROKEN)
            return
        outer = not self.open_tags
        self.roots += outer
        if self.roots > 1 or (outer and name != "div"):
            raise _Malformed(_MANY)
        if name not in ELEMENTS or len(self.open_tags) >= DEEPEST + bool(tag["empty"]):
            self.fault = self.fault or "has an element that FHIR's narrative does not have (txt-1)"
        given = self._look(_ATTRIBUTE.findall(tag["attributes"]), outer)
        self.words.append("." * (name == "img" and "src" in given))
        if not tag["empty"]:
            self.open_tags.append(name)

    def _look(self, attributes: list[tuple[str, str, str]], outer: bool) -> dict[str, str]:
        given = {key: _entities(double or single) for key, double, single in attributes}
        if len(given) != len(attributes):
            raise _Malformed(_BROKEN)
        if given.pop("xmlns", "" if outer else NAMESPACE) != NAMESPACE:
            raise _Malformed("is not in the namespace of XHTML (txt-1)")
        for key, value in given.items():
            if not allowed(key, value):
                self.fault = self.fault or "has an attribute that FHIR's narrative does not have (txt-1)"
            self.risk = self.risk or risk(key, value)
        return given
