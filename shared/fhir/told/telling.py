"""Each FHIR resource in a nurse's words: what happened, when, who and which device. Never raises, whatever the document is."""

from collections.abc import Callable

from shared.fhir.terminology import ALERT, DISPENSE
from shared.fhir.told.bokmal import read_time, sentence, told, within
from shared.fhir.told.codes import Codes, Concept, undoubted
from shared.fhir.told.loose import Node, node, nodes, prose, resources, text
from shared.fhir.told.measured import name_of, quantity, value_of
from shared.fhir.told.note import Note, Reading, Section, Step, together
from shared.fhir.told.people import called, seen
from shared.fhir.told.prose import Block, blocks

DEEPEST = 16  # sections within sections, questions within questions
ALERT_GROUPS = {"1": "Medisindispenser", "4": "Digitalt tilsyn", "5": "Hjemmeoppfølging", "7": "Sykesignal"}  # by the part before the dot
SEVERITIES = {"high": "Høy alvorlighet", "moderate": "Moderat alvorlighet", "low": "Lav alvorlighet"}
PRIORITIES = {"urgent": "Haster", "asap": "Haster", "stat": "Haster"}
STATUSES = {  # of any resource: that it is not, or not yet, what it seems; the usual ones, as final and completed, say nothing
    "entered-in-error": "Feilført",
    "preliminary": "Foreløpig",
    "amended": "Rettet",
    "corrected": "Rettet",
    "cancelled": "Avbrutt",
    "stopped": "Stoppet",
    "declined": "Avslått",
    "not-done": "Ikke gjort",
    "on-hold": "På vent",
    "planned": "Planlagt",
    "preparation": "Forberedes",
    "in-progress": "Pågår",
    "unknown": "Ukjent status",
}
OUR_TITLES = ("Journalnotat for respons på hendelse", "Journalnotat for digitalt tilsyn")  # the guide's own; the alert says more
UNSEEN = "beskjeden har også noe som ikke kan vises her, som et vedlegg"
NO_MEDICINE = "Ukjent medisin"  # what stands for a medicine where a dispenser knows doses only


def _alert(issue: Node, codes: Codes) -> Note:
    code, said = codes.concept(node(issue, "code")), text(issue, "code", "text")
    heading, doubt = undoubted(_alert_heading(code), node(issue, "code"), ALERT)
    made = Note(
        kind="Varsel",
        heading=heading,
        minor=text(issue, "code", "coding", "code") in ("5.2.1", "5.2.2"),  # that something was measured or answered; here it stands itself
        lead="" if doubt else said if said and within(said) != within(code.display) else _explanation(code),
        badge=SEVERITIES.get(text(issue, "severity"), ""),
        happened=text(issue, "identifiedDateTime") or text(issue, "identifiedPeriod", "start"),
        rows=[("Merk", doubt), ("Vurdering", sentence(text(issue, "detail"))), *(("Gjelder", about) for about in _implicated(issue))],
    )
    return seen(made, [node(issue, "author")], "devices")


def _implicated(issue: Node) -> list[str]:
    """What did not arrive: FHIR has a LOINC code, or the name of a form, as its identifier."""
    found = (node(about, "identifier") for about in nodes(issue, "implicated"))
    codings = ({"system": text(each, "system"), "code": text(each, "value"), "display": text(each, "value")} for each in found)
    return [sentence(name_of({"coding": coding})) for coding in codings if coding["code"]]


def _alert_heading(code: Concept) -> str:
    group, dot, _ = code.code.partition(".")
    if dot and group in ALERT_GROUPS and code.display:
        return f"{ALERT_GROUPS[group]}: {within(code.display)}"
    return sentence(code.display) or f"Varsel med ukjent kode {code.code}".strip()


def _explanation(code: Concept) -> str:
    """The table's own explanation of a precise code: "Medisin ikke utlevert: Medisinen ble ..." without what the heading says."""
    words = code.definition.rpartition(": ")[2]
    return words if "." in code.code and words.lower() != code.display.lower() else ""


def _dispense(dispense: Node, codes: Codes) -> Note:
    medicine, category = node(dispense, "medicationCodeableConcept"), node(dispense, "category")
    name = text(medicine, "text") or codes.words(medicine) or text(dispense, "medicationReference", "display")
    heading, doubt = undoubted(sentence(codes.words(category)), category, DISPENSE)
    made = Note(
        kind="Medisin",
        heading=heading or "Medisin fra medisindispenser, ukjent kode",
        happened=text(dispense, "whenHandedOver") or text(dispense, "whenPrepared"),
        rows=[
            ("Merk", doubt),
            ("Medisin", name if name != NO_MEDICINE else ""),
            ("Mengde", quantity(dispense, "quantity")),
            *(("Beskjed", text(dosage, "text")) for dosage in nodes(dispense, "dosageInstruction")),
            *_remarks(dispense),
        ],
    )
    return seen(made, [node(performer, "actor") for performer in nodes(dispense, "performer")], "devices")


def _supervision(encounter: Node, codes: Codes) -> Note:
    digital = text(encounter, "class", "code") == "VR"
    reason = codes.words(node(encounter, "reasonCode")) or "tilsyn"
    taking_part = nodes(encounter, "participant")
    made = Note(
        kind="Tilsyn",
        heading=sentence(reason.replace("tilsyn", "digitalt tilsyn") if digital and "digitalt" not in reason else reason),
        happened=text(encounter, "period", "start") or text(encounter, "period", "end"),
        rows=[
            *(("Tilsynsform", sentence(codes.words(node(each, "type")))) for each in taking_part),
            *(("Sted", text(each, "location", "display")) for each in nodes(encounter, "location")),
            ("Avsluttet", told(text(encounter, "period", "end"))),
        ],
    )
    return seen(made, [node(each, "individual") for each in taking_part], "staff")


def _answers(form: Node, codes: Codes) -> Note:
    title = next((text(each, "valueString") for each in nodes(node(form, "_questionnaire"), "extension")), "")
    made = Note(
        kind="Skjema",
        heading=f"Skjema besvart: {title}" if title else "Skjema besvart",
        happened=text(form, "authored"),
        rows=_questions(form, "", DEEPEST),
    )
    return seen(made, [node(form, "author")], "staff")


def _questions(form: Node, group: str, depth: int) -> list[tuple[str, str]]:
    """`group`: what the questions are asked under."""
    rows: list[tuple[str, str]] = []
    for item in nodes(form, "item"):
        answers = nodes(item, "answer")
        question = ", ".join(filter(None, (group, text(item, "text") or "Spørsmål")))
        rows.append((question, ", ".join(filter(None, map(value_of, answers)))))
        for inner in (item, *answers) if depth else ():
            rows += _questions(inner, "" if answers else question, depth - 1)
    return rows


def _measurement(observation: Node, codes: Codes) -> Note:
    at = text(observation, "effectiveDateTime") or text(observation, "effectivePeriod", "start")
    name = sentence(name_of(node(observation, "code")))
    reading = Reading(name, value_of(observation), at, STATUSES.get(text(observation, "status"), ""))
    made = Note(
        kind="Måling",
        heading=f"Måling: {within(name)} {reading.told}",
        happened=at,
        readings=[reading],
        rows=_remarks(observation),
    )
    return seen(seen(made, [node(observation, "device")], "devices"), nodes(observation, "performer"), "staff")


def _composition(composition: Node, codes: Codes) -> Note:
    title = text(composition, "title")
    made = Note(
        kind="Notat",
        heading=title or "Notat",
        minor=title in ("", *OUR_TITLES) or title.startswith("Måling: "),
        happened=text(composition, "date"),
        areas=[codes.words(each) for each in nodes(composition, "category")],
        steps=[_step(event, codes) for event in nodes(composition, "event")],
        sections=_sections(nodes(composition, "section"), codes, DEEPEST),
    )
    return seen(made, nodes(composition, "author"), "staff")


def _message(communication: Node, codes: Codes) -> Note:
    topic, kind = node(communication, "topic"), node(communication, "category")
    said = [prose(each, "contentString") for each in nodes(communication, "payload")]
    made = Note(
        kind="Beskjed",
        heading=sentence(codes.words(topic) or text(topic, "text") or codes.words(kind)) or "Beskjed",
        badge=PRIORITIES.get(text(communication, "priority"), ""),
        happened=text(communication, "sent") or text(communication, "received"),
        sections=[Section("Beskjed", [Block(words) for words in said if words])] if any(said) else [],
        rows=[*_remarks(communication), ("Merk", UNSEEN if "" in said else "")],
    )
    return seen(made, nodes(communication, "sender"), "staff")


def _remarks(resource: Node) -> list[tuple[str, str]]:
    return [("Merknad", text(each, "text")) for each in nodes(resource, "note")]


def _step(event: Node, codes: Codes) -> Step:
    code = node(event, "code")
    what = codes.words(code)
    remark = text(code, "text")
    return Step(text(event, "period", "start"), sentence(what) or "Hendelse", "" if remark == what else remark)


def _sections(found: list[Node], codes: Codes, depth: int) -> list[Section]:
    made: list[Section] = []
    # a supplier's misuse that carries the order: orderedBy = its own timestamp (domain/vkp.md 2.2)
    for each in sorted(found, key=lambda section: text(section, "orderedBy", "coding", "code")):
        title = text(each, "title") or sentence(codes.words(node(each, "code"))) or "Notat"
        div = node(each, "text").get("div")
        words = blocks(div) if isinstance(div, str) else []
        inner = _sections(nodes(each, "section"), codes, depth - 1) if depth else []
        made += [*([Section(title, words)] if words or inner else []), *inner]
    return made


def _device(device: Node, codes: Codes) -> Note:
    model = text(device, "deviceName", "name") or text(device, "type", "text") or codes.words(node(device, "type"))
    numbers = (text(each, "value") for each in nodes(device, "identifier"))
    return Note(devices=[called(model, text(device, "serialNumber") or next(filter(None, numbers), ""))])


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

AROUND = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Organization", "Location")  # whom and where: told by name


def note(document: Node, codes: Codes) -> Note:
    """What a resource, or all the resources of a Bundle, tell. Numbers in it are Decimal, or the text that stood there."""
    found = [(text(each, "resourceType"), each) for each in resources(document)]
    known = sorted((each for kind, each in found if kind in TELLERS), key=_weight)
    untold = sorted({kind for kind, _ in found if kind not in (*TELLERS, *AROUND)})
    more = Note(rows=[("Merk", f"meldingen har også noe som ikke kan vises her ({', '.join(untold)[:100]})")] if untold else [])
    return together([*(_told(each, codes) for each in known), more])


def _told(resource: Node, codes: Codes) -> Note:
    made = TELLERS[text(resource, "resourceType")](resource, codes)
    made.happened = made.happened if read_time(made.happened) else ""
    if not made.readings:  # a reading says it itself, among others that do hold
        made.status = STATUSES.get(text(resource, "status"), "")
    return made


def _weight(resource: Node) -> tuple[int, bool, int]:
    """That something was measured or answered (5.2.1, 5.2.2) weighs less than the value or the answer itself. Of alerts the gravest."""
    kind = text(resource, "resourceType")
    reported = kind == "DetectedIssue" and text(resource, "code", "coding", "code").startswith("5.2")
    return list(TELLERS).index("Observation" if reported else kind), reported, _gravity(resource)


def _gravity(resource: Node) -> int:
    severity = text(resource, "severity")
    return list(SEVERITIES).index(severity) if severity in SEVERITIES else len(SEVERITIES)
