"""A narrative's words in paragraphs and list items. It comes from suppliers and is never trusted: nothing of its markup is kept."""

from dataclasses import dataclass

from shared.fhir import narrative
from shared.fhir.markup import SILENT, Close, Open, Words, tokens
from shared.fhir.told.loose import line
from shared.fhir.xhtml import FLOWS, VOID

_CELLS = ("td", "th")
_STRUCK = "line-through"  # how `narrative.clean` writes what is struck out: it must not be read as if it held


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph or a list item. A line break in the text is one on the page."""

    text: str
    item: bool = False


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._words: list[str] = []
        self._item = False
        self._open: list[str] = []  # what is written where each open element ends

    def begin(self, element: Open) -> None:
        if element.name == "br":
            self._words.append("\n")
        elif element.name == "img":
            self._words.append(f" [{element.attributes.get('alt') or 'bilde'}] ")
        elif element.name in _CELLS:
            self._words.append(" ")
        elif element.name not in FLOWS:
            self.flush(item=element.name == "li")
        if element.name not in VOID and not element.empty:
            struck = _STRUCK in element.attributes.get("style", "")
            self._words.append("[strøket: " if struck else "")
            self._open.append("]" if struck else "")

    def end(self, element: Close) -> None:
        self._words.append(self._open.pop() if self._open else "")
        if element.name not in FLOWS and element.name not in _CELLS:
            self.flush(item=False)

    def say(self, words: str) -> None:
        self._words.append(words.replace("\n", " "))

    def flush(self, item: bool) -> None:
        words = "\n".join(map(line, "".join(self._words).split("\n"))).strip()
        if words:
            self.blocks.append(Block(words, self._item))
        self._words, self._item = [], item


def blocks(div: str) -> list[Block]:
    reader = _Reader()
    for token in tokens(narrative.clean(div)[0], SILENT):
        match token:
            case Words():
                reader.say(token.text)
            case Open():
                reader.begin(token)
            case Close():
                reader.end(token)
    reader.flush(item=False)
    return reader.blocks
