"""Writes what was read as HTML of any quality in the elements that FHIR's narrative has, with everybody's words and what they mean."""

from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape, unescape

from shared.fhir.markup import Aside, Close, Open, Token, Words
from shared.fhir.xhtml import DEEPEST, ELEMENTS, FLOWS, ILLEGAL, NAMESPACE, VOID, allowed, risk, words

_STRUCK, _UNDERLINED = (f' style="text-decoration: {line}"' for line in ("line-through", "underline"))
_BLOCKS = words(
    "article aside center details dialog fieldset figcaption figure footer form frameset header hgroup legend main marquee nav noframes"
    " search section summary title"
)
_REPLACED: Mapping[str, tuple[str, str]] = {  # name -> the element that says the same, and the attribute that it is given
    **dict.fromkeys(("s", "strike", "del"), ("span", _STRUCK)),
    **dict.fromkeys(("u", "ins"), ("span", _UNDERLINED)),
    **dict.fromkeys(_BLOCKS, ("div", "")),
    **dict.fromkeys(("dir", "menu"), ("ul", "")),
    **dict.fromkeys(("listing", "plaintext", "xmp"), ("pre", "")),
}
# Elements of HTML that are left out around their words: within a word, and between words.
_IN_WORDS = words("basefont bdi blink data font mark nobr rb rtc ruby script style time wbr")
_BETWEEN = words(
    "applet audio base bgsound body button canvas datalist embed frame head html iframe image input isindex keygen label link math meta"
    " meter noembed noscript object optgroup option output param picture progress rp rt select slot source spacer svg template textarea"
    " track video"
)
_FOREIGN = ("svg", "math")  # within these, other names are elements too
_TICKS = ("checkbox", "radio")
_UNSEEN = ("hidden", "password", "file", "image")
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


class Writer:
    """Writes allowed elements, closed in order. `replaced`: something stands as another element; `left`: something was left out."""

    def __init__(self) -> None:
        self.replaced = self.left = False
        self._parts: list[str] = []
        self._open: list[tuple[str, str]] = []  # as they came, as they are written
        self._standing: Counter[str] = Counter()
        self._roots = 0  # what stands at the top: elements, and words outside them
        self._root = ""  # the first of them, if it is an element: how it begins
        self._words = False
        self._foreign = 0
        self._in_word = False  # on this line, and the last thing on it is no blank
        self._gap = False  # what stood here kept words apart

    def take(self, token: Token) -> None:
        match token:
            case Words():
                self._say(token.text)
            case Open():
                self._begin(token)
            case Close():
                self._finish(token)
            case Aside():
                self.left = True

    def done(self) -> str:
        while self._open:
            self._end()
        if not self._words:
            return ""
        body = "".join(self._parts)
        if self._roots == 1 and self._root.startswith("<div"):
            return f'<div xmlns="{NAMESPACE}"{body.removeprefix("<div")}'
        return f'<div xmlns="{NAMESPACE}">{body}</div>'

    def _say(self, text: str) -> None:
        legal = ILLEGAL.sub("", text)
        self.left |= legal != text
        if not legal.strip() and not self._open:
            self._gap |= bool(legal)
        elif legal:
            self._words |= bool(legal.strip())
            self._roots += not self._open
            apart = self._gap and self._in_word and not legal[0].isspace()
            self._parts.append(" " * apart + escape(legal, quote=False))
            self._gap, self._in_word = False, not legal[-1].isspace()

    def _begin(self, token: Open) -> None:
        self._foreign += token.name in _FOREIGN and not token.empty
        if token.name in ELEMENTS:
            self._element(token, token.name, "")
        elif token.name in _REPLACED:
            self.replaced = True
            self._element(token, *_REPLACED[token.name])
        elif token.name in ("input", "option"):
            self._control(token)
        else:
            self._other(token)

    def _other(self, token: Open | Close) -> None:
        """An element that is left out; what HTML has no element of is words: Ring <datter>."""
        if token.name in _IN_WORDS:
            self.left = True
        elif token.name in _BETWEEN or ":" in token.name or self._foreign:
            self.left = self._gap = True
        else:
            self._say(unescape(token.source))

    def _control(self, token: Open) -> None:
        """What a form shows: a tick, or what was written into it."""
        given = token.attributes
        kind = given.get("type", "").lower() if token.name == "input" else _TICKS[0]
        shown = "" if kind in _UNSEEN else given.get("value", "")
        if kind in _TICKS:
            shown = "[x]" if "checked" in given or "selected" in given else "[ ]"
        self.replaced |= bool(shown)
        self.left |= not shown
        self._gap = True
        self._say(shown)
        self._gap = True

    def _element(self, token: Open, written: str, fixed: str) -> None:
        while self._open and self._open[-1][0] in _CLOSES.get(token.name, ()):
            self._end()
        if len(self._open) >= DEEPEST - 1 and written not in VOID:
            self.left = self._gap = True
            return
        attributes = fixed + "".join(self._attributes(token, fixed))
        if written == "img" and " src=" not in attributes:
            self.left = True
            alt = token.attributes.get("alt", "")
            return self._say(f"[{alt}]" if alt.strip() else "")
        self._write(token, written, attributes)

    def _write(self, token: Open, written: str, attributes: str) -> None:
        if not self._open:
            self._roots += 1
            self._root = f"<{written}"
        self._words |= written == "img"
        self._line(written)
        if written in VOID:
            self._parts.append(f"<{written}{attributes}/>")
            return
        self._parts.append(f"<{written}{attributes}>")
        self._open.append((token.name, written))
        self._standing[token.name] += 1
        if token.empty:
            self._end()

    def _finish(self, token: Close) -> None:
        self._foreign -= token.name in _FOREIGN and self._foreign > 0
        if token.name == "br":
            self._element(Open("br", {}, True, ""), "br", "")
        elif token.name not in ELEMENTS and token.name not in _REPLACED:
            self._other(token)
        elif self._standing[token.name]:
            while self._end() != token.name:
                pass

    def _end(self) -> str:
        name, written = self._open.pop()
        self._standing[name] -= 1
        self._parts.append(f"</{written}>")
        self._line(written)
        return name

    def _line(self, written: str) -> None:
        """Where a block begins or ends, words stand apart already."""
        if written not in FLOWS:
            self._gap = self._in_word = False

    def _attributes(self, token: Open, fixed: str) -> Iterator[str]:
        for key, value in token.attributes.items():
            legal = ILLEGAL.sub("", value)
            if key == "xmlns":
                continue
            if allowed(key, legal) and not risk(key, legal) and not (fixed and key == "style"):
                yield f' {key}="{escape(legal)}"'
            else:
                self.left = True
