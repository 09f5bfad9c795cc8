"""HTML of any quality as tokens: words, opened and closed elements, and that a comment or a declaration stood there.

Our own, since the standard library's takes time with the square of a hostile text: this one never goes back over what it has read.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from html import unescape

SILENT = frozenset({"script", "style"})  # what stands in these is no text
_NAME = re.compile(r"[A-Za-z][^\s/>]*+")
_SKIP = re.compile(r"[\s/]*+")
_KEY = re.compile(r"[^\s/>=]++")
_EQUALS = re.compile(r"\s*+=\s*+")
_PLAIN = re.compile(r"[^\s>]*+")


@dataclass(frozen=True, slots=True)
class Words:
    text: str


@dataclass(frozen=True, slots=True)
class Open:
    """`empty`: it closed itself, as <b/>; `source`: as it was written."""

    name: str
    attributes: Mapping[str, str]
    empty: bool
    source: str


@dataclass(frozen=True, slots=True)
class Close:
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Aside:
    """A comment or a declaration."""


Token = Words | Open | Close | Aside


class _Source:
    """A text and what is known not to come any more, so that nothing is looked for twice in vain."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = text.lower() if text.isascii() else "".join(letter.lower() if letter.isascii() else letter for letter in text)
        self.gone: set[str] = set()

    def find(self, wanted: str, place: int) -> int:
        """Where `wanted`, in small letters, stands next; -1 if nowhere."""
        if wanted in self.gone:
            return -1
        found = self.lower.find(wanted, place)
        if found < 0:
            self.gone.add(wanted)
        return found


def tokens(text: str, silent: Collection[str]) -> Iterator[Token]:
    """`silent`: elements whose content is left out with them."""
    source, place = _Source(text), 0
    while place < len(text):
        upto = text.find("<", place)
        if upto != place:
            yield Words(unescape(text[place : upto if upto >= 0 else len(text)]))
            if upto < 0:
                return
        token, place = _markup(source, upto)
        yield token
        if isinstance(token, Open) and token.name in silent and not token.empty:
            place = _past(source, f"</{token.name}", place)


def _markup(source: _Source, place: int) -> tuple[Token, int]:
    """What begins at a `<`, and where it ends. A `<` that begins nothing is a word."""
    text = source.text
    if text.startswith("<!--", place) and (end := source.find("-->", place + 4)) >= 0:
        return Aside(), end + 3
    if text.startswith("<![CDATA[", place) and (end := source.find("]]>", place)) >= 0:
        return Words(text[place + 9 : end]), end + 3
    if text.startswith(("<!", "<?"), place) and (end := source.find(">", place)) >= 0:
        return Aside(), end + 1
    closing = text.startswith("</", place)
    name = _NAME.match(text, place + 1 + closing)
    if not name or source.find(">", place) < 0:
        return Words("<"), place + 1
    if closing:
        end = source.find(">", name.end()) + 1
        return Close(name[0].lower(), text[place:end]), end
    return _opening(source, name)


def _opening(source: _Source, name: re.Match[str]) -> tuple[Open | Words, int]:
    text, place = source.text, name.end()
    attributes: dict[str, str] = {}
    while place < len(text):
        start = place
        place = _skipped(text, place)
        if text.startswith(">", place):
            empty = text[place - 1] == "/" and place > start
            return Open(name[0].lower(), attributes, empty, text[name.start() - 1 : place + 1]), place + 1
        key = _KEY.match(text, place)
        if not key:  # an equals sign that nothing stands before
            place += 1
            continue
        value, place = _value(source, key.end())
        attributes.setdefault(key[0].lower(), unescape(value))
    return Words(text[name.start() - 1 :]), len(text)  # the last element never ended: what it held may be words


def _skipped(text: str, place: int) -> int:
    found = _SKIP.match(text, place)
    return found.end() if found else place


def _value(source: _Source, place: int) -> tuple[str, int]:
    equals = _EQUALS.match(source.text, place)
    if not equals:
        return "", place
    start = equals.end()
    quote = source.text[start : start + 1]
    if quote in ("'", '"') and (end := source.find(quote, start + 1)) >= 0:
        return source.text[start + 1 : end], end + 1
    plain = _PLAIN.match(source.text, start)
    return (plain[0], plain.end()) if plain else ("", start)


def _past(source: _Source, closing: str, place: int) -> int:
    end = source.find(closing, place)
    if end < 0:
        return len(source.text)
    close = source.find(">", end)
    return close + 1 if close >= 0 else len(source.text)
