"""Each FHIR resource in a nurse's words: what happened, when, who and which device. Never raises, whatever the document is."""

from collections.abc import Callable

from local.journal.bokmal import PERSON_NUMBERS, sentence, told
from local.journal.codes import Codes, Concept
from local.journal.loose import Node, node, nodes, parse, resources, text
from local.journal.measured import name_of, value_of
from local.journal.narrative import Block, blocks
from local.journal.notes import Note, Section, Step, together

DEEPEST = 4  # sections within sections, questions within questions
ALERT_GROUPS = {"1": "Medisindispenser", "4": "Digitalt tilsyn", "5": "Hjemmeoppfølging", "7": "Sykesignal"}  # by the part before the dot
SEVERITIES = {"high": "Høy alvorlighet", "moderate": "Moderat alvorlighet", "low": "Lav alvorlighet"}


def _alert(issue: Node, codes: Codes) -> Note:
    code, said = codes.concept(node(issue, "code")), text(issue, "code", "text")
    return Note(
        kind="Varsel",
        heading=_alert_heading(code),
        lead=said if said and said.lower() != code.display.lower() else _explanation(code),
        badge=SEVERITIES.get(text(issue, "severity"), ""),
        happened=text(issue, "identifiedDateTime") or text(issue, "identifiedPeriod", "start"),
        rows=[("Vurdering", sentence(text(issue, "detail"))), *(("Gjelder", about) for about in _implicated(issue))],
        devices=[_reference(node(issue, "author"))],
    )


def _implicated(issue: Node) -> list[str]:
    """What did not arrive: FHIR has a LOINC code, or the name of a form, as its identifier."""
    values = (text(about, "identifier", "value") for about in nodes(issue, "implicated"))
    return [sentence(name_of({"coding": {"code": value, "display": value}})) for value in values if value]


def _alert_heading(code: Concept) -> str:
    group, dot, _ = code.code.partition(".")
    if dot and group in ALERT_GROUPS:
        return f"{ALERT_GROUPS[group]}: {code.display[:1].lower()}{code.display[1:]}"
    return sentence(code.display) or "Varsel med ukjent kode"


def _explanation(code: Concept) -> str:
    """The table's own explanation of a precise code: "Medisin ikke utlevert: Medisinen ble ..." without what the heading says."""
    words = code.definition.rpartition(": ")[2]
    return words if "." in code.code and words.lower() != code.display.lower() else ""


def _dispense(dispense: Node, codes: Codes) -> Note:
    actors = [node(performer, "actor") for performer in nodes(dispense, "performer")]
    medicine = node(dispense, "medicationCodeableConcept")
    return Note(
        kind="Medisin",
        heading=sentence(codes.words(node(dispense, "category"))) or "Medisin utlevert",
        badge={"entered-in-error": "Feilført", "in-progress": "Pågår"}.get(text(dispense, "status"), ""),
        happened=text(dispense, "whenHandedOver"),
        rows=[
            ("Medisin", text(medicine, "text") or codes.words(medicine)),
            *(("Beskjed", text(dosage, "text")) for dosage in nodes(dispense, "dosageInstruction")),
        ],
        devices=[_reference(actor) for actor in actors if not _is_person(actor)],
        staff=[_who(actor) for actor in actors if _is_person(actor)],
    )


def _supervision(encounter: Node, codes: Codes) -> Note:
    digital = text(encounter, "class", "code") == "VR"
    reason = codes.words(node(encounter, "reasonCode")) or "tilsyn"
    taking_part = nodes(encounter, "participant")
    people = [node(each, "individual") for each in taking_part]
    return Note(
        kind="Tilsyn",
        heading=sentence(reason.replace("tilsyn", "digitalt tilsyn") if digital and "digitalt" not in reason else reason),
        happened=text(encounter, "period", "start") or text(encounter, "period", "end"),
        rows=[
            *(("Tilsynsform", sentence(codes.words(node(each, "type")))) for each in taking_part),
            ("Sted", text(encounter, "location", "location", "display")),
            ("Avsluttet", told(text(encounter, "period", "end"))),
        ],
        devices=[_reference(each) for each in people if _is_device(each)],
        staff=[_who(each) for each in people if not _is_device(each)],
    )


def _answers(form: Node, codes: Codes) -> Note:
    title = next((text(each, "valueString") for each in nodes(node(form, "_questionnaire"), "extension")), "")
    return Note(
        kind="Skjema",
        heading=f"Skjema besvart: {title}" if title else "Skjema besvart",
        happened=text(form, "authored"),
        rows=_questions(form, DEEPEST),
    )


def _questions(form: Node, depth: int) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for item in nodes(form, "item"):
        rows.append((text(item, "text") or "Spørsmål", ", ".join(filter(None, map(_answer, nodes(item, "answer"))))))
        rows += _questions(item, depth - 1) if depth else []
    return rows


def _answer(answer: Node) -> str:
    said = next((value for key, value in answer.items() if key.startswith("value") and isinstance(value, str | bool)), "")
    if isinstance(said, bool):
        return "Ja" if said else "Nei"
    return said or text(answer, "valueCoding", "display") or value_of(answer)


def _measurement(observation: Node, codes: Codes) -> Note:
    people = [each for each in nodes(observation, "performer") if _is_person(each)]
    name, value = name_of(node(observation, "code")), value_of(observation)
    return Note(
        kind="Måling",
        heading=f"Måling: {name} {value}".strip(),
        brief=(sentence(name), value or "uten verdi"),
        happened=text(observation, "effectiveDateTime") or text(observation, "effectivePeriod", "start"),
        rows=[("Merknad", text(each, "text")) for each in nodes(observation, "note")],
        devices=[_reference(node(observation, "device"))],
        staff=[_who(each) for each in people],
    )


def _composition(composition: Node, codes: Codes) -> Note:
    return Note(
        kind="Notat",
        heading=text(composition, "title") or "Notat",
        happened=text(composition, "date"),
        rows=[("Område", codes.words(each)) for each in nodes(composition, "category")],
        steps=[_step(event, codes) for event in nodes(composition, "event")],
        sections=_sections(nodes(composition, "section"), codes, DEEPEST),
        devices=[_reference(author) for author in nodes(composition, "author") if _is_device(author)],
        staff=[_who(author) for author in nodes(composition, "author") if not _is_device(author)],
    )


def _message(communication: Node, codes: Codes) -> Note:
    topic, kind = node(communication, "topic"), node(communication, "category")
    said = [text(each, "contentString") for each in nodes(communication, "payload")]
    return Note(
        kind="Beskjed",
        heading=sentence(codes.words(topic) or text(topic, "text") or codes.words(kind)) or "Beskjed",
        badge={"entered-in-error": "Feilført"}.get(text(communication, "status"), ""),
        happened=text(communication, "sent") or text(communication, "received"),
        sections=[Section("Beskjed", [Block(words) for words in said if words])] if any(said) else [],
        rows=[("Merknad", text(each, "text")) for each in nodes(communication, "note")],
        devices=[_reference(each) for each in nodes(communication, "sender") if _is_device(each)],
        staff=[_who(each) for each in nodes(communication, "sender") if not _is_device(each)],
    )


def _step(event: Node, codes: Codes) -> Step:
    code = node(event, "code")
    what = codes.words(code)
    remark = text(code, "text")
    return Step(text(event, "period", "start"), sentence(what) or "Hendelse", "" if remark == what else remark)


def _sections(found: list[Node], codes: Codes, depth: int) -> list[Section]:
    told: list[Section] = []
    # a supplier's misuse that carries the order: orderedBy = its own timestamp (domain/vkp.md 2.2)
    for each in sorted(found, key=lambda section: text(section, "orderedBy", "coding", "code")):
        title = text(each, "title") or sentence(codes.words(node(each, "code"))) or "Notat"
        words = blocks(text(each, "text", "div"))
        inner = _sections(nodes(each, "section"), codes, depth - 1) if depth else []
        told += [*([Section(title, words)] if words or inner else []), *inner]
    return told


def _device(device: Node, codes: Codes) -> Note:
    model = text(device, "deviceName", "name") or text(device, "type", "text") or codes.words(node(device, "type"))
    numbers = (text(each, "value") for each in nodes(device, "identifier"))
    return Note(devices=[_called(model, text(device, "serialNumber") or next(filter(None, numbers), ""))])


def _called(name: str, serial: str) -> str:
    return ", nr. ".join(filter(None, (name or (serial and "Enhet"), serial)))


def _reference(thing: Node) -> str:
    """A device that is named on the spot; "" for one that stands in the document as a resource of its own."""
    return _called(text(thing, "display"), text(thing, "identifier", "value"))


def _is_person(someone: Node) -> bool:
    by_type = text(someone, "type") in {"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"}
    return by_type or text(someone, "identifier", "system") in PERSON_NUMBERS


def _is_device(someone: Node) -> bool:
    return text(someone, "type") == "Device" or (bool(text(someone, "reference")) and not _is_person(someone))


def _who(someone: Node) -> str:
    return text(someone, "display") or text(someone, "identifier", "value")


Teller = Callable[[Node, Codes], Note]
TELLERS: dict[str, Teller] = {  # the weightiest first
    "DetectedIssue": _alert,
    "MedicationDispense": _dispense,
    "Encounter": _supervision,
    "QuestionnaireResponse": _answers,
    "Observation": _measurement,
    "Composition": _composition,
    "Communication": _message,
    "Device": _device,
}


def note(body: bytes, codes: Codes) -> Note:
    known = sorted((each for each in resources(parse(body)) if text(each, "resourceType") in TELLERS), key=_weight)
    return together(TELLERS[text(each, "resourceType")](each, codes) for each in known)


def _weight(resource: Node) -> int:
    """That something was measured or answered (5.2.1, 5.2.2) weighs less than the value or the answer itself."""
    kind = text(resource, "resourceType")
    reported = kind == "DetectedIssue" and text(resource, "code", "coding", "code").startswith("5.2")
    return list(TELLERS).index("Observation" if reported else kind) + reported
