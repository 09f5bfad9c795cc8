"""What is tried of a journal, by the way that documents reach it; and what only some ways have to be tried of."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from adapters.epj.bundle.adapter import ADAPTER as BUNDLE
from adapters.epj.jft.adapter import ADAPTER as JFT
from adapters.epj.jft.adapter import follow, followed
from adapters.epj.note.adapter import ADAPTER as NOTE
from adapters.epj.response_centre.adapter import ADAPTER as CENTRE
from adapters.epj.transaction.adapter import ADAPTER as TRANSACTION
from local.kit.checks import Check
from local.kit.documents import SCRIPT
from local.kit.endpoint import Endpoint, Sight, new_key
from local.kit.hooks import as_it_came, rotated, stale
from local.kit.keys import IDS, KEYS, cut_off, hundred, refused_key, ten_at_once
from local.kit.pushes import CONTENT, LARGE, LAST, SERVED, crowd, named, singles, taken
from local.kit.refusals import broken, locked, unknown
from local.kit.seen import Seen, bad, ok
from local.reaching import kind
from shared.domain.journal import Call, JournalAdapter, Sending
from shared.errors import Refused, Unavailable


@dataclass(frozen=True, slots=True)
class Way:
    """`path`: behind the sandbox's address. `page`: what sections with a letter are of."""

    adapter: JournalAdapter
    checks: tuple[Check, ...]
    path: str = ""
    page: str = ""


def asked(endpoint: Endpoint) -> Iterator[Seen]:
    """Whether it has a document, of one that it has not and then has."""
    document, key = endpoint.desk.note("finnes det?"), new_key()
    for due in (False, True):
        if due and (wrong := endpoint.no_delivery(endpoint.push(document, key))):
            yield wrong
            return
        said = _has(endpoint, endpoint.sending(document, key))
        if said != ("yes" if due else "no"):
            yield bad(f"of a document that it has{'' if due else ' not'} it says: {said}", ASKED[endpoint.way.name])
    yield ok("it says no before, and yes after")


ASKED = {
    "note": "Answer GET {base}/{key} with 200 and the key for a note that you have, and 404 for one that you have not.",
    "transaction": "Answer a batch of GET {type}?_id={id}&_summary=count with a searchset and its total for each.",
}


def _has(endpoint: Endpoint, sending: Sending) -> str:
    ask, has = endpoint.way.ask, endpoint.way.has
    if ask is None or has is None:
        return "nothing"
    answer = endpoint.send(ask(sending))
    if answer.trouble:
        return answer.trouble
    try:
        return "no" if has(sending, answer.status, answer.headers, answer.body) is None else "yes"
    except (Refused, Unavailable) as error:
        return error.reason


def described(endpoint: Endpoint) -> Iterator[Seen]:
    answer = endpoint.send(Call("GET", f"{endpoint.base}/metadata", {"Accept": "application/fhir+json"}, b""))
    if answer.status == 200 and kind(answer.body) == "CapabilityStatement":
        yield ok("a CapabilityStatement")
    else:
        yield bad(f"metadata is answered {answer.status or answer.trouble}", "Answer GET {base}/metadata with a CapabilityStatement.")


def batched(endpoint: Endpoint) -> Iterator[Seen]:
    """A document that is routine goes as one transaction; what came before was an alarm's batch."""
    document = endpoint.desk.reading("som transaksjon")
    yield endpoint.no_delivery(endpoint.push(document)) or ok("with an Observation and a device")
    yield endpoint.stands(document, "Carry out all entries of a transaction, or none.")


def tracked(endpoint: Endpoint) -> Iterator[Seen]:
    answer = endpoint.push(endpoint.desk.note("hvor langt er det kommet?"))
    if wrong := endpoint.no_delivery(answer):
        yield wrong
        return
    try:
        told = endpoint.send(follow(endpoint.base, endpoint.place(answer)))
        if told.trouble:
            raise Unavailable(told.trouble)
        fate = followed(told.status, told.headers, told.body)
    except (Refused, Unavailable) as error:
        yield bad(error.reason, "Answer GET of the Location with registered, read, journalingAcknowledged and failed: a time, or null.")
    else:
        yield ok("failed" if fate.failed else "journaled" if fate.journaled else "read" if fate.read else "not read yet")


def more(endpoint: Endpoint) -> Iterator[Seen]:
    """A field that no journal knows."""
    document = endpoint.desk.note("har et ukjent felt")
    mend = "Overlook fields that you do not know: others may come."
    wrong = endpoint.no_delivery(endpoint.push(document, spoil=lambda body: body[:-1] + b',"kit":{"nytt":[1]}}'))
    yield replace(wrong, mend=mend) if wrong else ok("overlooked")
    yield endpoint.stands(document, mend)


def escaped(endpoint: Endpoint) -> Iterator[Seen]:
    """The hub sends no markup; a page must be safe from what looks like it all the same."""
    document = endpoint.desk.note("teksten har et script")

    def marked(body: bytes) -> bytes:
        note = json.loads(body)
        return json.dumps({**note, "text": f"{note['text']}\n{SCRIPT}"}).encode()

    if wrong := endpoint.no_delivery(endpoint.push(document, spoil=marked)):
        yield wrong
        return

    def runs(sight: Sight) -> str:
        pages = [sight.page(note["number"]) for note in sight.notes(document.title)]
        return "its page has the text's <script>" if any(SCRIPT in page for page in pages) else ""

    words = f'that the note titled "{document.words}" shows <script> as words, and that the page is not called "kit"'
    yield endpoint.looked(words, runs, "Escape a note's texts where you show them on a page.")


OF_NOTES = (
    Check("N1.2", "unknown fields are overlooked", more),
    Check("N1.3", "texts are escaped", escaped),
    Check("N2.2", "asked for a note", asked),
)
OF_SERVERS = (
    Check("T", "it says what it can", described),
    Check("T", "a document is taken as one transaction", batched),
)
OF_CENTRES = (
    Check("1.2", "nobody gets in without the signature", locked),
    Check("W", "a signature is of the bytes as they came", as_it_came),
    Check("W", "one signature of two is enough", rotated),
    Check("W", "what was signed long ago is refused", stale),
    Check("2.2", "Location, if there is one, names nobody", named),
    Check("1.6", "several patients' alerts at once", crowd),
    Check("2.7", "a body that cannot be read is refused", broken),
    Check("2.7", "somebody unknown is no failure", unknown),
    Check("W", "the same webhook-id a hundred times", hundred),
    Check("W", "the same webhook-id ten at once", ten_at_once),
    Check("W", "a webhook-id is forgotten with what was refused", refused_key),
    Check("5.4", "cut off after sending, then sent again", cut_off),
)
WAYS: Mapping[str, Way] = {
    "bundle": Way(
        BUNDLE,
        (
            Check("1.1", "a document is taken at /bundle", taken, gate=True),
            Check("1.1", "documents are taken at the other paths", singles),
            *(*SERVED, *CONTENT, *KEYS, *LARGE, *LAST),
        ),
    ),
    "note": Way(
        NOTE,
        (
            Check("N1.1", "a note is taken", taken, gate=True),
            Check("N1.1", "notes of every kind are taken", singles),
            *(*SERVED, *OF_NOTES, *KEYS, *LAST),
        ),
        "/note",
        "N: docs/notes.md",
    ),
    "transaction": Way(
        TRANSACTION,
        (
            Check("T", "an alarm is taken as a batch", taken, gate=True),
            *OF_SERVERS,
            Check("T", "single resources are taken", singles),
            *(*SERVED, *CONTENT, *IDS),
            Check("T", "asked for a document", asked),
            *(*LARGE, *LAST),
        ),
        "/fhir-store",
        "T: adapters/epj/transaction/README.md",
    ),
    "jft": Way(
        JFT,
        (
            Check("J", "a document is taken", taken, gate=True),
            Check("J", "documents of every type are taken", singles),
            Check("J", "it says what has become of a document", tracked),
            *(*SERVED, *LAST),
        ),
        "",
        "J: adapters/epj/jft/README.md",
    ),
    "response_centre": Way(
        CENTRE,
        (Check("W", "an alert is taken", taken, gate=True), *OF_CENTRES, *LAST),
        "/webhook",
        "W: adapters/epj/response_centre/README.md",
    ),
}
