"""What the kit sends: documents as the hub builds them, about invented people. A title says that it comes from the kit, and why."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from shared import fhir
from shared.domain.clock import OSLO
from shared.domain.event import Alert, Device, Dispensed, Event, Measurement, Note, Person, Supervision, What
from shared.domain.message import Lane
from shared.domain.vocabulary import Quantity
from shared.fhir.elements import subject

DEVICE = Device("https://knutepunkt.example/kit", "KIT-1", "Knutepunkts kit")
OWNER, SOURCE = "Eksempel kommune", "Knutepunkts kit"
TEXT = "Dette er en prøve. Ingen virkelig person og ingen virkelig hendelse."
SCRIPT = "<script>document.title='kit'</script>"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


@dataclass(frozen=True, slots=True)
class Document:
    """`path`: where it is posted. `title`: what a reader sees of it; `words`: what of it is its own."""

    path: str
    words: str
    title: str
    body: bytes = field(repr=False)
    lane: Lane = Lane.ROUTINE


@dataclass(frozen=True, slots=True)
class Desk:
    """Writes documents about one patient. `run` stands in every title, so that one run is told from the next. `alerts`: a note is one."""

    patient: Person
    run: str
    now: datetime
    alerts: bool = False

    def of(self, patient: Person) -> "Desk":
        return replace(self, patient=patient)

    def note(self, words: str, text: str = TEXT, name: str = "") -> Document:
        """A Bundle with a note. The same `name` gives the same identifier: a correction."""
        if self.alerts:
            return self.alarm(words)
        return self._bundle(words, self._made(Note(self._title(words), text), name))

    def alarm(self, words: str) -> Document:
        made = self._made(Alert("3", TEXT, "high"))
        return replace(self._bundle(words, _titled(made, self._title(words))), lane=Lane.ALARM)

    def reading(self, words: str) -> Document:
        """A weight of 82.50 kg."""
        made = self._made(Measurement({Quantity.BODY_WEIGHT: Decimal("82.50")}, TEXT))
        return self._bundle(words, _titled(made, self._title(words)))

    def script(self, words: str) -> Document:
        made = self._made(Note(self._title(words), TEXT))
        _composition(made)["section"][0]["text"]["div"] = DIV.format(f"{TEXT}{SCRIPT}")
        return self._bundle(words, made)

    def long(self, words: str, size: int) -> Document:
        """Of so many bytes exactly: a log that somebody pasted in."""
        made = self._made(Note(self._title(words), TEXT))
        text = _composition(made)["section"][0]["text"]
        text["div"] = DIV.format("<p>Linje i en lang logg.</p>" * ((size - len(fhir.serialise(made)) - 200) // 28))
        text["div"] = text["div"].replace("</div>", f"<p>{'.' * (size - len(fhir.serialise(made)) - 7)}</p></div>")
        return self._bundle(words, made)

    def single(self, path: str, words: str) -> Document:
        """One resource, without a Bundle around it."""
        title = self._title(words)
        return Document(path, words, title, fhir.serialise(SINGLE[path](self, title)))

    def dispense(self, title: str) -> Any:
        return self._made(Dispensed("1.1", title))

    def composition(self, title: str) -> Any:
        made = self._made(Note(title, TEXT))
        return {**_composition(made), "identifier": made["identifier"]}

    def encounter(self, title: str) -> Any:
        made = self._made(Supervision("0", "1", self.now, title))
        return made["entry"][1]["resource"]

    def communication(self, title: str) -> Any:
        return {
            "resourceType": "Communication",
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{_uuid()}"}],
            "status": "completed",
            "subject": subject(self.patient),
            "sent": (self.now - timedelta(minutes=5)).isoformat(timespec="seconds"),
            "sender": {"display": SOURCE},
            "payload": [{"contentString": f"{title}. {TEXT}"}],
        }

    @property
    def prefix(self) -> str:
        """What every title begins with."""
        return f"Fra Knutepunkts kit {self.run}:"

    def _title(self, words: str) -> str:
        return f"{self.prefix} {words}"

    def _made(self, what: What, name: str = "") -> Any:
        when = (self.now - timedelta(minutes=5)).astimezone(OSLO)
        event = Event(when, what, DEVICE, self.patient, f"kit/{self.run}/{name or secrets.token_hex(8)}")
        return fhir.document(event, OWNER, SOURCE)[1]

    def _bundle(self, words: str, made: Any) -> Document:
        return Document("bundle", words, self._title(words), fhir.serialise(made))


SINGLE: Mapping[str, Any] = {
    "medicationdispense": Desk.dispense,
    "composition": Desk.composition,
    "encounter": Desk.encounter,
    "communication": Desk.communication,
}


def _composition(made: Any) -> Any:
    return made["entry"][0]["resource"]


def _titled(made: Any, title: str) -> Any:
    _composition(made)["title"] = title
    return made


def _uuid() -> str:
    text = secrets.token_hex(16)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"
