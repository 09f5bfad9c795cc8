"""What a sender asks, read out of a form as leniently as known clients need and as strictly as a citizen deserves (vkp.md 1.5)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qsl

from shared.domain import person
from shared.domain.event import Person
from shared.domain.journal import Question
from shared.domain.national import DATE, IDENTIFIERS, LOOKUPS, PREFIXES
from shared.door.answers import Fault

LARGEST = 8 * 1024  # bytes of a form
_FIELDS = 32
_IGNORED = frozenset({"_format", "_pretty", "_count", "_include", "_summary", "_total"})  # how, not what; the hub has its own ways
_DATED = re.compile(r"([a-z]{2})?(.{4,40})", re.ASCII)
_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII)
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z.:_-]{0,39}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{11}")
_NO_DIGITS = re.compile(r"[^0-9]+")
_OWN = re.compile(r"[^\x00-\x20|\x7f]{1,200}")


def read(resource: str, headers: Mapping[str, str], body: bytes, numbers: str) -> Question:
    """The question, or a Fault that names the parameter. `numbers`: whose person numbers are let in (domain.person.GUARDS)."""
    fields = _fields(headers, body)
    row = LOOKUPS[resource]
    given: dict[str, list[str]] = {}
    for name, value in fields:
        given.setdefault(_known(name, row.dated), []).append(value)
    citizen = _citizen(given.get(_WHOM, ()), numbers)
    if citizen is None and not row.everybody:
        raise _no("2.3", "the parameter patient.identifier is missing", "Send patient.identifier: this resource is asked for one citizen.")
    return Question(resource, citizen, tuple(_date(value) for value in given.get(DATE, ())))


def named(body: bytes) -> list[Person]:
    """Whom a form names that is refused, as well as can be told: for the audit log."""
    text = body[:LARGEST].decode(errors="replace").strip()
    whole = text if len(body) <= LARGEST else text.rpartition("&")[0]  # half a number may be another's
    values = [value.strip() for name, value in parse_qsl(whole) if name.lower() in IDENTIFIERS]
    return list(dict.fromkeys(whom for value in values[:_FIELDS] for whom in _meant(value)))


def _meant(value: str) -> Iterator[Person]:
    system, _, number = value.rpartition("|")
    _, plain = person.identified("", number)
    valid = [person.person(each) for each in (plain, *_NO_DIGITS.split(value))]
    yield from filter(None, valid)
    if system and not any(valid) and _OWN.fullmatch(number) and _OWN.fullmatch(system):
        yield Person(person.canonical(system), number)


_WHOM, _HOW = "identifier", ""


def _fields(headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
    if len(body) > LARGEST:
        raise Fault(413, f"the form is larger than {LARGEST} bytes", "send an identifier and dates, and nothing else")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Fault(415, "the body is compressed", "send it uncompressed, without Content-Encoding")
    try:
        text = body.decode().strip()
        if text[:1] in ("{", "[", "<"):
            raise ValueError
        found = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_FIELDS)
    except ValueError:
        raise _no("2.4", "the body is no form", "Send application/x-www-form-urlencoded: identifier=...&date=ge..., or no body.") from None
    return [(name, value.strip()) for name, value in found]


def _known(name: str, dated: bool) -> str:
    """What a parameter is about. One that is not understood is refused: without it the answer would be about more than was asked."""
    if name in IDENTIFIERS:
        return _WHOM
    if name == DATE and dated:
        return DATE
    if name in _IGNORED:
        return _HOW
    shown = f"the parameter {name}" if _NAME.fullmatch(name) else "a parameter"
    takes = f"{', '.join(IDENTIFIERS)}{' and date' if dated else ''}"
    raise _no("2.3", f"{shown} is not known for this resource", f"Leave it out. This resource takes {takes}.")


def _citizen(values: Sequence[str], numbers: str) -> Person | None:
    """Whom it is about. The same one may be said twice, in two spellings. An empty one is a mistake: it must not mean everybody."""
    whom = dict.fromkeys(_person(value, numbers) for value in values)
    if len(whom) > 1:
        raise _no("2.3", "the identifier stands more than once", "Ask for one citizen at a time.")
    return next(iter(whom), None)


def _person(value: str, numbers: str) -> Person:
    system, _, number = value.rpartition("|")
    system, number = person.identified(system, number)
    if not system:
        raise _no(
            "2.1",
            "the identifier is no valid fødselsnummer, D-nummer or felles hjelpenummer",
            "Check the number. A journal's own number is sent as system|value.",
        )
    if not _OWN.fullmatch(number) or not _OWN.fullmatch(system):
        raise _no("2.1", "the identifier has no value that could be one", "Send it as 11 digits, or as system|value.")
    mistake = person.mistake(system, number) or person.guard(numbers, system, number)
    if mistake:
        raise _no("2.1", f"the identifier {mistake}", "Check the number, and that it belongs to this environment.")
    return Person(system, number)


def _date(value: str) -> tuple[str, str]:
    found = _DATED.fullmatch(value.replace(" ", "+"))  # a + that was not escaped is a space in a form
    prefix, time = (found[1] or "eq", found[2]) if found else ("", "")
    if prefix not in PREFIXES or not _is_time(time):
        remedy = f"Send a prefix ({', '.join(PREFIXES)}) and a FHIR date or time with offset, as ge2026-03-01T00:00:00Z."
        raise _no("2.4", "the parameter date is no FHIR date", remedy)
    return prefix, time


def _is_time(text: str) -> bool:
    """A FHIR date, or a time with its offset; of any year, since a search may reach as far back as it likes."""
    if not _TIME.fullmatch(text):
        return False
    try:
        return bool(datetime.fromisoformat(f"{text}{'-01-01'[len(text) - 4 :] if len(text) < 10 else ''}"))
    except ValueError:
        return False


def _no(code: str, reason: str, remedy: str) -> Fault:
    return Fault(400, reason, remedy, code=code)
