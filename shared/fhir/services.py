"""Which services of a citizen are active: the reason why somebody may read (vkp.md 1.8)."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from shared.fhir.reach import reach

_DAY = re.compile(r"\d{4}(-\d\d(-\d\d(T.{1,40})?)?)?", re.ASCII)


def active_services(resource: Mapping[str, Any], today: date) -> list[str]:
    """The journal's own codes of an EpisodeOfCare, if it is active on that day (Norwegian date); else none."""
    if resource.get("resourceType") != "EpisodeOfCare" or resource.get("status") != "active":
        return []
    starts, ends = _day(resource, "start", "0000-00-00"), _day(resource, "end", "9999-99-99")
    if starts is None or ends is None or not starts <= today.isoformat() <= ends:
        return []
    return [code for code in reach(resource, ("type", "coding", "code")) if type(code) is str]


def _day(resource: Mapping[str, Any], name: str, absent: str) -> str | None:
    """The day of a period's border; a month or a year reaches as far as it may. None for what is no date: such a service never counts."""
    told = reach(resource, ("period", name))
    if not told:
        return absent
    if len(told) > 1 or type(told[0]) is not str or not _DAY.fullmatch(told[0]):
        return None
    text = told[0][:10]
    return text + ("-01-01" if name == "start" else "-12-31")[len(text) - 4 :] if len(text) < 10 else text
