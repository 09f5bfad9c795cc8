"""Codes that are called by another code's name: the same numbers have meant other things under the same version (vkp.md 3.5 no. 10)."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from unicodedata import normalize

from shared.fhir import terminology
from shared.fhir.reach import reach

FORMER: Mapping[str, frozenset[str]] = {  # table -> what its codes were called once, and may be still by senders who have the old one
    terminology.ALERT: frozenset(
        {
            "teknisk feil",  # 1.4
            "feil rull",  # 1.5
            "ingen kontakt",  # 1.10
            "batteri tomt",  # 1.17
            "medisindispenserhendelse",  # 3
        }
    )
}
_AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")  # "300 - Trygghetsalarm."


def misnamed(concept: Any, table: str) -> str | None:
    """How a CodeableConcept calls one of its codes of a national table by a name that is not the code's own; None if it does not."""
    displays, system = terminology.displays(table), terminology.system(table)
    codings = [each for each in reach(concept, ("coding",)) if type(each) is dict and each.get("system") == system]
    named = [(displays[code], each.get("display")) for each in codings if type(code := each.get("code")) is str and code in displays]
    if any(shown is not None and (type(shown) is not str or _plain(shown) != _plain(own)) for own, shown in named):
        return "the display is not that of the code: check which one is meant"
    text = concept.get("text") if type(concept) is dict else None
    words = _name(text) if type(text) is str else ""
    if words in _names(table) and named and words not in {_plain(own) for own, _ in named}:
        return "the text is the name of another code: check which one is meant"
    return None


@cache
def _names(table: str) -> frozenset[str]:
    return FORMER.get(table, frozenset()) | {_plain(display) for display in terminology.displays(table).values()}


def _plain(text: str) -> str:
    return " ".join(normalize("NFKC", text).casefold().split())


def _name(text: str) -> str:
    """Without the number before it and the full stop behind it."""
    return _AROUND.sub("", _plain(text))
