"""What a journal asks of its shelf, read strictly: a parameter that is not understood is refused, or documents would be missed unseen."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from shared.domain.fetching import ASCENDING, DESCENDING, MOST, PARAMETERS, TAG, USUAL
from shared.domain.national import WRITES
from shared.door.answers import Fault
from shared.storage.shelf_rows import FOREVER, Wanted

LARGEST = 8 * 1024  # bytes of a form, or of an address's parameters
_FIELDS = 32
_ONCE = ("_count", "_sort", "cursor")
_IGNORED = frozenset({"_format", "_pretty"})
_MOMENT = re.compile(r"(ge|gt|le|lt)(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}")
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,100}")
_DAY = 86_400_000  # milliseconds


@dataclass(frozen=True, slots=True)
class Question:
    """`filters`: as they were given, in a fixed order; a cursor is good for them alone. `cursor`: "" at the beginning."""

    wanted: Wanted
    filters: tuple[tuple[str, str], ...] = ()
    count: int = USUAL
    newest: bool = False
    cursor: str = ""

    def address(self, cursor: str) -> str:
        """The parameters by which the same is asked from there on."""
        sort = [("_sort", DESCENDING)] if self.newest else []
        place = [("cursor", cursor)] if cursor else []
        return urlencode([*self.filters, *sort, ("_count", str(self.count)), *place])


def kind(resource: str) -> str:
    """The FHIR type that the path names, in any case."""
    found = WRITES.get(resource.lower())
    if found is None:
        raise Fault(404, "no such resource is fetched here", f"fetch one of {', '.join(WRITES.values())}", code="2")
    return found


def read(resource: str, headers: Mapping[str, str], query: str, body: bytes = b"") -> Question:
    """The question, or a Fault that names the parameter."""
    given: dict[str, list[str]] = {name: [] for name in PARAMETERS}
    for name, value in [*_fields(query.encode()), *_form(headers, body)]:
        if name in given:
            given[name].append(value)
        elif name not in _IGNORED:
            raise _no("2.3", "a parameter is not known here", f"Leave it out. This address takes {', '.join(PARAMETERS)}.")
    for name in _ONCE:
        if len(set(given[name])) > 1:
            raise _no("2.3", f"the parameter {name} stands more than once", "Send it once.")
    first, last = _between(given["_lastUpdated"])
    filters = tuple(sorted({(name, value) for name in ("_lastUpdated", "_tag", "_tag:not") for value in given[name]}))
    wanted = Wanted(kind(resource), first, last, _acknowledged(given["_tag"], given["_tag:not"]))
    return Question(wanted, filters, _count(given["_count"]), _newest(given["_sort"]), _cursor(given["cursor"]))


def _form(headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Fault(415, "the body is compressed", "send it uncompressed, without Content-Encoding")
    return _fields(body)


def _fields(text: bytes) -> list[tuple[str, str]]:
    if len(text) > LARGEST:
        raise Fault(413, f"the parameters are more than {LARGEST} bytes", "send those that are known here, and nothing else")
    try:
        found = parse_qsl(text.decode().strip(), keep_blank_values=True, strict_parsing=bool(text.strip()), max_num_fields=_FIELDS)
    except ValueError:
        raise _no("2.4", "the parameters are no form", "Send application/x-www-form-urlencoded: _tag:not=...&_count=...") from None
    return [(name, value.strip()) for name, value in found]


def _between(values: Sequence[str]) -> tuple[int, int]:
    """The first and the last millisecond that all of them allow."""
    first, last = 0, FOREVER
    for prefix, start, end in map(_moment, values):
        if prefix in ("ge", "gt"):
            first = max(first, start if prefix == "ge" else end)
        else:
            last = min(last, end - 1 if prefix == "le" else start - 1)
    return first, last


def _moment(value: str) -> tuple[str, int, int]:
    """Prefix, and when it begins and ends (not included): a time is one millisecond, cut off and not rounded; a date is a day in UTC."""
    found = _MOMENT.fullmatch(value.replace(" ", "+"))  # a + that was not escaped is a space in a form
    try:
        if not found:
            raise ValueError
        if not found[3]:
            start = _milliseconds(datetime.fromisoformat(found[2]).replace(tzinfo=UTC))
            return found[1], start, start + _DAY
        start = _milliseconds(datetime.fromisoformat(found[2] + found[3]))
        return found[1], start, start + 1
    except (ValueError, OverflowError):
        remedy = "Send ge, gt, le or lt and a date, or a time with its offset, as ge2026-03-01T00:00:00.000Z."
        raise _no("2.4", "the parameter _lastUpdated is no prefix and FHIR time", remedy) from None


def _milliseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _acknowledged(is_so: Sequence[str], is_not: Sequence[str]) -> bool | None:
    if any(value not in (TAG, TAG.partition("|")[2]) for value in (*is_so, *is_not)):
        raise _no("2.3", "the parameter _tag has a tag that is not asked for here", f"Send _tag or _tag:not with {TAG}.")
    if is_so and is_not:
        raise _no("2.3", "the parameters _tag and _tag:not contradict each other", "Send one of them.")
    return None if not is_so and not is_not else bool(is_so)


def _count(values: Sequence[str]) -> int:
    if not values:
        return USUAL
    if not _COUNT.fullmatch(values[0]) or not int(values[0]):
        raise _no("2.4", "the parameter _count is no number above 0", f"Send 1 to {MOST}, or leave it out.")
    return min(int(values[0]), MOST)


def _newest(values: Sequence[str]) -> bool:
    if values and values[0] not in (ASCENDING, DESCENDING):
        raise _no("2.4", "the parameter _sort has an order that there is not", f"Send {ASCENDING} or {DESCENDING}, or leave it out.")
    return bool(values) and values[0] == DESCENDING


def _cursor(values: Sequence[str]) -> str:
    if values and not _CURSOR.fullmatch(values[0]):
        raise NO_CURSOR
    return values[0] if values else ""


def _no(code: str, reason: str, remedy: str) -> Fault:
    return Fault(400, reason, remedy, code=code)


NO_CURSOR = _no(
    "2.4",
    "the cursor was not given out by this hub for these parameters",
    "Follow the link next as it stands, or begin again with _lastUpdated=gt and the last time that you have.",
)
