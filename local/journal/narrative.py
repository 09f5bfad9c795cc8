"""Narrative XHTML comes from suppliers and is never trusted: only its words are kept, in paragraphs and list items."""

from dataclasses import dataclass
from html.parser import HTMLParser

PARAGRAPHS = {"div", "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "dt", "dd", "table", "tr", "pre", "blockquote", "hr"}
CELLS = {"td", "th"}
SILENT = {"script", "style", "head", "title", "iframe", "object", "svg", "template"}  # their content is not for reading


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph or a list item. A line break in the text is one on the page."""

    text: str
    item: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._words = ""
        self._item = False
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in SILENT:
            self._silent += 1
        elif tag == "br":
            self._words += "\n"
        elif tag in CELLS:
            self._words += " "
        elif tag in PARAGRAPHS or tag == "li":
            self.flush(item=tag == "li")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in PARAGRAPHS or tag == "li":
            self.flush(item=False)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._words += data.replace("\n", " ")

    def flush(self, item: bool) -> None:
        lines = (" ".join(line.split()) for line in self._words.split("\n"))
        words = "\n".join(lines).strip()
        if words:
            self.blocks.append(Block(words, self._item))
        self._words, self._item = "", item


def blocks(div: str) -> list[Block]:
    reader = _Reader()
    try:
        reader.feed(div)
        reader.close()
    except AssertionError:  # html.parser gives up in this way on some broken declarations
        return [Block("Teksten kan ikke vises. Se FHIR-dokumentet.")]
    reader.flush(item=False)
    return reader.blocks
