"""Events as notes: document Bundles of what a journal needs to write and a nurse to read (vkp.md 2.1)."""

from shared.domain.event import Alert, Event, Measurement, Note, Supervision
from shared.fhir.bundle import bundle
from shared.fhir.composition import FOLLOW_UP, SAFETY, composition, section
from shared.fhir.detected_issue import detected_issue
from shared.fhir.device import device_resource
from shared.fhir.elements import Json, urn
from shared.fhir.encounter import encounter
from shared.fhir.observation import headline, observations, sentence
from shared.fhir.terminology import ALERT, MODE, REASON, display

READING = "5.2.1"  # vkp-alert-code: Måledata rapportert


def alert(event: Event, what: Alert, tenant_name: str, source: str) -> Json:
    home = what.code.partition(".")[0] == "5"
    title = display(ALERT, what.code) if home else "Journalnotat for respons på hendelse"  # the guide's own title for safety and coping
    words = section("1.2", "Hendelse", alert_text(what), [urn(event, "issue")])
    note = composition(event, FOLLOW_UP if home else SAFETY, title or "Varsel", [words], source, reported=True)
    issue = detected_issue(event, what.code, _author(event, source), what.severity)
    return bundle(event, [("composition", note), ("issue", issue), *_device(event, tenant_name)])


def supervision(event: Event, what: Supervision, tenant_name: str, source: str) -> Json:
    text = f"{display(REASON, what.reason).capitalize()}: {display(MODE, what.mode)}.{_place(what.place)}"
    words = section("2", "Tilsyn", text, [urn(event, "encounter")])
    note = composition(event, SAFETY, "Journalnotat for digitalt tilsyn", [words], source)
    return bundle(event, [("composition", note), ("encounter", encounter(event, what)), *_device(event, tenant_name)])


def measurement(event: Event, what: Measurement, tenant_name: str, source: str) -> Json:
    found = observations(event, what.values, urn(event, "device") if event.device else "")
    urls = [urn(event, role) for role, _ in found]
    sections = [section("2", "Måling", sentence(what.values), [urn(event, "issue")])]
    if what.text:
        sections.append(section("1.3", "Kommentar", what.text, urls))
    note = composition(event, FOLLOW_UP, headline(what.values), sections, source, reported=True)
    issue = detected_issue(event, READING, _author(event, source), implicated=urls)
    return bundle(event, [("composition", note), ("issue", issue), *found, *_device(event, tenant_name)])


def note(event: Event, what: Note, tenant_name: str, source: str) -> Json:
    written = composition(event, what.category, what.title, [section("1", "Notat", what.text)], source)
    return bundle(event, [("composition", written), *_device(event, tenant_name)])


def alert_text(what: Alert) -> str:
    """The national name of the alert, then what the sender said of it, then where."""
    name = display(ALERT, what.code)
    repeated = what.text.casefold().startswith(name.casefold())
    sentences = [part if part.endswith((".", "!", "?")) else f"{part}." for part in ("" if repeated else name, what.text) if part]
    return " ".join(sentences) + _place(what.place)


def _place(place: str) -> str:
    return f" Sted: {place}." if place else ""


def _author(event: Event, source: str) -> Json:
    return {"reference": urn(event, "device")} if event.device else {"display": source}


def _device(event: Event, tenant_name: str) -> list[tuple[str, Json]]:
    return [("device", device_resource(event.device, tenant_name))] if event.device else []
