"""What the pages write besides the notes: numbers of people and of things, and the moments when something came."""

from datetime import UTC, date, datetime

from shared.domain.clock import OSLO

# identifier systems of people, as a journal labels the number
PERSON_NUMBERS = {
    "urn:oid:2.16.578.1.12.4.1.4.1": "Fødselsnummer",
    "urn:oid:2.16.578.1.12.4.1.4.2": "D-nummer",
    "urn:oid:2.16.578.1.12.4.1.4.3": "Felles hjelpenummer",
    "urn:oid:2.16.578.1.12.4.1.4.4": "HPR-nummer",
}


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(OSLO)


def machine(at: datetime | date) -> str:
    """For the datetime attribute of a <time>."""
    return at.isoformat(timespec="seconds") if isinstance(at, datetime) else at.isoformat()


def person_number(value: str) -> str:
    """14834812097 as 148348 12097, the way it is read aloud."""
    return f"{value[:6]} {value[6:]}" if len(value) == 11 and value.isdecimal() else value


def count(many: int, one: str, more: str) -> str:
    return f"{many} {one if many == 1 else more}"
