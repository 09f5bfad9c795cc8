"""Times and words as a nurse in Norway writes them."""

from datetime import date, datetime

from shared.domain.clock import OSLO

MONTHS = ["januar", "februar", "mars", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "desember"]


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


def sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def within(words: str) -> str:
    """As it stands within a sentence: "Vekt" as "vekt", "NEWS2" as it is."""
    return words[:1].lower() + words[1:] if words[1:2].islower() else words
