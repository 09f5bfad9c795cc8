"""Times and numbers as a nurse in Norway writes them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")
MONTHS = ["januar", "februar", "mars", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "desember"]
# identifier systems of people, as a journal labels the number
PERSON_NUMBERS = {
    "urn:oid:2.16.578.1.12.4.1.4.1": "Fødselsnummer",
    "urn:oid:2.16.578.1.12.4.1.4.2": "D-nummer",
    "urn:oid:2.16.578.1.12.4.1.4.3": "Felles hjelpenummer",
    "urn:oid:2.16.578.1.12.4.1.4.4": "HPR-nummer",
}


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(OSLO)


def read_time(fhir: str) -> datetime | date | None:
    """A FHIR date or dateTime in Norwegian time; None where it is no such thing."""
    try:
        if len(fhir) == len("2026-03-02"):
            return date.fromisoformat(fhir)
        at = datetime.fromisoformat(fhir)
        return at.astimezone(OSLO) if at.tzinfo else at.replace(tzinfo=OSLO)
    except (ValueError, OverflowError):
        return None


def day(at: date) -> str:
    return f"{at.day}. {MONTHS[at.month - 1]} {at.year}"


def clock(at: datetime) -> str:
    """An hour that comes twice, in the night when the clock is set back, says which of the two it is."""
    return f"{at:%H.%M}{_which(at)}"


def _which(at: datetime) -> str:
    first, second = at.replace(fold=0).utcoffset(), at.replace(fold=1).utcoffset()
    if not first or not second or first <= second:
        return ""
    return " (vintertid)" if at.fold else " (sommertid)"


def when(at: datetime | date) -> str:
    return f"{day(at)} kl. {clock(at)}" if isinstance(at, datetime) else day(at)


def told(fhir: str) -> str:
    """A FHIR time in words; what is no time stands as it came."""
    at = read_time(fhir)
    return when(at) if at else fhir


def machine(at: datetime | date) -> str:
    """For the datetime attribute of a <time>."""
    return at.isoformat(timespec="seconds") if isinstance(at, datetime) else at.isoformat()


def number(text: str) -> str:
    return text.replace(".", ",")


def person_number(value: str) -> str:
    """14834812097 as 148348 12097, the way it is read aloud."""
    return f"{value[:6]} {value[6:]}" if len(value) == 11 and value.isdecimal() else value


def sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def count(many: int, one: str, more: str) -> str:
    return f"{many} {one if many == 1 else more}"
