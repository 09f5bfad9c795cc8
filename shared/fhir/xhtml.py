"""What a narrative may be made of: FHIR's subset of HTML (R4, 2.4.0: txt-1), and what of it this hub does not pass on.

FHIR takes the elements of HTML 4.0 chapters 7-11 (without 9.4) and 15, anchors and images; nothing that runs, frames, posts or fetches.
"""

import re


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NAMESPACE = "http://www.w3.org/1999/xhtml"
ELEMENTS = words(
    "p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address bdo kbd sub sup"
    " ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp img map area"
)
VOID = words("br hr img col area")
FLOWS = words("a span b em i strong small big tt dfn q var abbr acronym cite bdo kbd sub sup code samp img map area")  # within a line
ATTRIBUTES = words(  # those of txt-1's own XPath, and those that HL7's validator takes besides
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class colspan"
    " compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope shape span"
    " src start style summary tabindex title type valign value vspace width xml:lang xml:space nohref usemap ismap"
)
DEEPEST = 100  # elements within elements; what is deeper keeps its words
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML

_ADDRESSES = words("href cite longdesc src usemap")
_BLANK = re.compile(r"[\x00-\x20]+")
_RUNS = re.compile(r"(?:java|vb)script:|data:(?!image/)", re.IGNORECASE)
_STYLE_RUNS = re.compile(r"expression\(|(?:java|vb)script:|behaviou?r:|binding:", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://|mailto:|tel:|#)[^\s<>\"\x00-\x1f]*", re.ASCII | re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|gif|jpeg);base64,[A-Za-z0-9+/=\s]*|#[\w.-]*", re.ASCII)
_MAP = re.compile(r"#[\w.-]*", re.ASCII)
_STYLE = re.compile(  # what fetches, hides what it does, or lays itself over the page
    r"[<>\\]|/\*|@import|(?:^|;)\s*+position\s*+:|(?<![\w-])(?!(?:rgba?|hsla?|calc)\()[\w-]++\s*+\(", re.IGNORECASE
)
_LINKS = (_LINK, "an address that is none of http, https, mailto, tel and #")
_RISKS = {
    **dict.fromkeys(("href", "cite", "longdesc"), _LINKS),
    "src": (_PICTURE, "a picture that is not in the document itself"),
    "usemap": (_MAP, _LINKS[1]),
}


def allowed(key: str, value: str) -> bool:
    """Whether FHIR has this attribute, and it runs nothing."""
    bare = _BLANK.sub("", value)
    runs = _RUNS.match(bare) if key in _ADDRESSES else _STYLE_RUNS.search(bare) if key == "style" else None
    return key in ATTRIBUTES and not runs


def risk(key: str, value: str) -> str | None:
    """What FHIR allows in an attribute, and this hub takes out before a journal shows it to somebody."""
    if key == "style":
        return "a style that fetches something or lays itself over the page" if _STYLE.search(value) else None
    shape, told = _RISKS.get(key, (None, ""))
    return told if shape and not shape.fullmatch(value) else None
