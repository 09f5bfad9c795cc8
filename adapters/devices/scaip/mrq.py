"""The SCAIP protocol: reads a request (`mrq`) without trusting it, and writes the answer (`mrs`) that its sender waits for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError  # names only: the parser is defusedxml's
from xml.sax.saxutils import escape  # writes, never parses

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from shared.domain.adapter import Answer
from shared.errors import PayloadError

LIMIT = 8192
MEDIA = "application/scaip+xml"

# snu, the status number of an answer
OK, TOO_LONG, INVALID_FORMAT, WRONG_CONTENT, NOT_TREATED, TAG_MISSING = 0, 1, 2, 3, 5, 7


@dataclass(frozen=True, slots=True)
class Rule:
    """What may stand in a tag: at most so many characters, of this pattern. In the field more occurs than the standard has."""

    most: int
    pattern: str = r"[^\x00-\x1f\x7f-\x9f]+"
    pad: int = 0  # codes come without their leading zeros


TAGS: Mapping[str, Rule] = {
    "ref": Rule(16, r"[0-9a-zA-Z]+"),  # message reference
    "ver": Rule(5, r"[0-9]{2}\.[0-9]{2}"),  # version
    "cid": Rule(17, r"\+?[0-9]{1,16}"),  # controller id; the field writes +47...
    "dty": Rule(4, r"[0-9]+", pad=4),  # device type
    "did": Rule(12),  # device id; the standard says 8
    "dco": Rule(3, r"[0-9]+", pad=3),  # device component
    "dte": Rule(32),  # device text
    "crd": Rule(256),  # caller id
    "sco": Rule(1, r"[0-3]"),  # system configuration
    "stc": Rule(4, r"[0-9]+", pad=4),  # status code
    "stt": Rule(32),  # status text
    "pri": Rule(1, r"[0-9]"),  # priority
    "lco": Rule(3, r"[0-9]+", pad=3),  # location code
    "lva": Rule(2),  # location value
    "lte": Rule(32),  # location text
    "ico": Rule(3, r"[0-9]+", pad=3),  # info code
    "ite": Rule(128),  # info text
    "ame": Rule(1, r"[01]"),  # additional message follows
    "mty": Rule(2, r"ME|RE|IN|PI"),  # message, reset, information, heartbeat
    "hbo": Rule(3, r"[0-9]+"),  # heartbeat option
    "cha": Rule(1, r"[0-9]"),  # call handling
}
REQUIRED = ("ref", "cid", "dty")
POSITION, POSITION_TAGS = "lge", {"geo", "tim", "gga"}  # allowed, never kept: an alarm goes on, a trail does not

_DECLARED = re.compile(r"\ufeff?<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_ENCODINGS = {"utf-8", "us-ascii", "ascii", "iso-8859-1", "latin1"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose XML could be read. `tags` holds only values that keep their rule; `fault` is the first that did not."""

    tags: Mapping[str, str]
    fault: PayloadError | None = None
    snu: int = OK

    def text(self, tag: str) -> str:
        return self.tags.get(tag, "")

    @property
    def controller(self) -> str:
        return self.text("cid").removeprefix("+")

    @property
    def kind(self) -> str:
        return self.text("mty") or "ME"

    @property
    def status(self) -> str:
        return self.text("stc") or "0000"


def read(body: bytes) -> Request:
    """PayloadError for what is no SCAIP request at all; a request with a bad tag is kept, so that a human hears of the alarm."""
    if len(body) > LIMIT:
        raise PayloadError("$", f"is longer than {LIMIT} bytes", "Send one request per call.")
    root = _root(_text(body))
    if root.tag == "mrs":
        raise PayloadError("$.mrs", "is an answer, not a request", "Send mrq; answers stay with the bridge.")
    if root.tag not in {"mrq", "scaip"}:  # one vendor's root is scaip
        raise PayloadError("$", "has another root than mrq", "Send a SCAIP request without namespace.")
    if any(len(leaf) for child in root for leaf in child):
        raise PayloadError("$.mrq", "is nested deeper than 3 levels", "Send tags side by side.")
    return _request(root)


def answer(requests: Sequence[Request] | None, http_status: int, _receipt: str) -> Answer:
    """The `mrs`: 0 only if the hub holds the request and every tag kept its rule."""
    request = requests[0] if requests else None
    status = _status(request, http_status)
    parts = {"ref": request.text("ref") if request else "", "snu": str(status)}
    if request and request.fault:
        parts["ste"] = request.fault.field.rpartition(".")[2]
    if status == OK:
        parts |= {"cve": "01.00", "mre": "0", "cre": "61"}  # no voice call from here; the predefined receiver keeps the call
    inside = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in parts.items() if text)
    return Answer(http_status, MEDIA, f'<?xml version="1.0" encoding="UTF-8"?>\n<mrs>{inside}</mrs>\n'.encode())


def _status(request: Request | None, http_status: int) -> int:
    if http_status < 300:
        return request.snu if request else OK
    return {413: TOO_LONG, 400: INVALID_FORMAT, 415: INVALID_FORMAT}.get(http_status, NOT_TREATED)


def _text(body: bytes) -> str:
    """The body in characters. What declares UTF-8 or nothing, but is not UTF-8, is ISO-8859-1 in the field."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("iso-8859-1")
    declared = _DECLARED.match(text)
    encoding = declared.group(1).lower() if declared else "utf-8"
    if encoding not in _ENCODINGS:
        raise PayloadError("$", "is in another encoding than UTF-8 or ISO-8859-1", "Send UTF-8.")
    return body.decode("iso-8859-1") if encoding in {"iso-8859-1", "latin1"} else text.removeprefix("\ufeff")


def _root(text: str) -> Element:
    try:
        return fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise PayloadError("$", "has a document type or an entity", "Send plain XML without DOCTYPE.") from None
    except (ParseError, ValueError, LookupError):
        raise PayloadError("$", "is not XML" if text.strip() else "is empty", "Send one SCAIP request, complete.") from None


def _request(root: Element) -> Request:
    tags: dict[str, str] = {}
    fault: tuple[int, PayloadError] | None = None
    for child in root:
        text = "" if child.tag == POSITION else " ".join((child.text or "").split())
        found = _fault(child, text, tags)
        fault = fault or found
        if text and not found:
            tags[child.tag] = text.zfill(TAGS[child.tag].pad)
    missing = next((tag for tag in REQUIRED if tag not in tags), None)
    if missing and not fault:
        fault = TAG_MISSING, PayloadError(f"$.mrq.{missing}", "is missing", "Send it in every request.")
    return Request(tags, fault[1], fault[0]) if fault else Request(tags)


def _fault(child: Element, text: str, seen: Mapping[str, str]) -> tuple[int, PayloadError] | None:
    if child.tag == POSITION:
        known = {leaf.tag for leaf in child} <= POSITION_TAGS
        return None if known else (WRONG_CONTENT, PayloadError("$.mrq.lge", "has a tag that SCAIP does not know", "Send geo, tim or gga."))
    rule = TAGS.get(child.tag)
    if rule is None:
        return WRONG_CONTENT, PayloadError("$.mrq", "has a tag that SCAIP does not know", "Send the tags of SS 91100 only.")
    path = f"$.mrq.{child.tag}"
    if len(child):
        return INVALID_FORMAT, PayloadError(path, "has tags where text is due", "Send text only.")
    if child.tag in seen:
        return INVALID_FORMAT, PayloadError(path, "stands there twice", "Send every tag once.")
    if len(text) > rule.most:
        return TOO_LONG, PayloadError(path, f"is longer than {rule.most} characters", "Shorten it.")
    if text and not re.fullmatch(rule.pattern, text):
        return INVALID_FORMAT, PayloadError(path, "is not of the form that SCAIP gives it", "Send it as SS 91100 has it.")
    return None
