"""Sections 1, 2 and 6 of docs/journals.md: documents that ought to be taken, and what is answered to them."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from local.kit.checks import Check
from local.kit.documents import SCRIPT, SINGLE, Document
from local.kit.endpoint import Endpoint, Sight
from local.kit.proof import trusted
from local.kit.refusals import broken, locked, reasons, unknown
from local.kit.seen import Seen, bad, look, ok, warn
from local.kit.wire import greet
from local.reaching import NO_TOKEN
from shared.domain.journal import Call
from shared.errors import Unavailable

MEBIBYTE = 1024 * 1024
LOUD = 1024 * 1024  # bytes of an answer that the hub reads (2.8)
LONG_NAME = 200  # characters of a Location that it keeps (2.2)
SOON = 1.0  # seconds


def reached(endpoint: Endpoint) -> Iterator[Seen]:
    for url in filter(None, (endpoint.base, endpoint.lookups)):
        place = urlsplit(url)
        if place.scheme == "https":
            yield _greeted(endpoint, url)
        elif on_this_machine(place.hostname or ""):
            yield ok("http, on this machine")
        else:
            yield bad("http, across a network", "Serve https: http is for test set-ups on one machine.")


def _greeted(endpoint: Endpoint, url: str) -> Seen:
    """With what was agreed: a certificate of ours, an authority of theirs."""
    try:
        shown = endpoint.proof.shown(Call("GET", url, {}, b""), endpoint.limit)
    except Unavailable:
        shown = endpoint.proof.nothing()
    version, trouble = greet(url, trusted(shown), endpoint.limit)
    mend = "Serve https with TLS 1.2 or newer and a certificate that browsers accept, or that of an agreed authority."
    return bad(trouble, mend) if trouble else ok(version)


def proved(endpoint: Endpoint) -> Iterator[Seen]:
    """What the kit shows has to be had first: secrets, a certificate, a token."""
    try:
        shown = endpoint.proof.shown(Call("GET", endpoint.base or endpoint.lookups, {}, b""), endpoint.limit)
    except Unavailable as error:
        remedy = next((one for word, one in NO_TOKEN.items() if word in error.reason), MEND_PROOF)
        yield bad(error.reason, f"{remedy[0].upper()}{remedy[1:]}.")
        return
    auth = endpoint.proof.auth
    yield ok(f"{auth.scheme}{', with a token' if shown.token else ''}") if auth else ok("nothing: no credential was given")


MEND_PROOF = "Compare auth in the file with docs/journals.md 1.8; ./hub register test says more"


def on_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def taken(endpoint: Endpoint) -> Iterator[Seen]:
    """The first document of a run: what its answer lacks need not be said of every other."""
    document = endpoint.desk.alarm("et varsel")
    answer = endpoint.push(document)
    if wrong := endpoint.no_delivery(answer):
        yield wrong
        if not answer.late:
            yield _stored_all_the_same(endpoint, document)
        return
    yield ok(f"answered {answer.status} in {answer.seconds * 1000:.0f} ms")
    yield replace(endpoint.stands(document, "Answer 2xx only when the document is stored."), section="2.1")
    if len(answer.body) > LOUD:
        yield warn(f"the answer has {len(answer.body)} bytes", "Keep answers short: the hub reads 1 MiB.", "2.8")
    if answer.headers.get("content-encoding", "identity") != "identity":
        yield warn("the answer is compressed, though identity was asked for", "Do not compress it: it is judged by its status alone.")


def _stored_all_the_same(endpoint: Endpoint, document: Document) -> Seen:
    """Whether what fails comes after storing."""
    words = f'that no note is titled "{document.words}": if there is one, what fails comes after storing'
    mend = "Find what fails between storing and answering: the hub sends it again."
    seen = endpoint.looked(words, lambda sight: "it is stored all the same" if sight.notes(document.title) else "", mend)
    return replace(seen, section="5.3")


def singles(endpoint: Endpoint) -> Iterator[Seen]:
    documents = [endpoint.desk.single(path, f"et dokument til /{path}") for path in SINGLE]
    taken = []
    for document in documents:
        if wrong := endpoint.no_delivery(endpoint.push(document)):
            yield replace(wrong, saw=f"{document.path} {wrong.saw}")
        else:
            taken.append(document)
    if taken:
        yield ok(", ".join(document.path for document in taken))
        yield endpoint.all_stand(taken, "Store a document before you answer 2xx.")


def named(endpoint: Endpoint) -> Iterator[Seen]:
    location = endpoint.place(endpoint.push(endpoint.desk.note("har den en adresse?")))
    if not location and endpoint.way.acknowledges:
        yield ok("it has none, and need not")
    elif not location:
        yield warn("the answer has no Location", "Give your own name for what you stored: an operator and you find it by that.")
    elif endpoint.desk.patient.value in re.sub(r"[^0-9A-Za-z/]", "", unquote(location)):
        yield bad("Location holds the patient's number", "Name the note by a number of its own: Location is kept, shown and logged.")
    elif len(location) > LONG_NAME:
        yield warn(f"Location has {len(location)} characters", f"The hub keeps the first {LONG_NAME}.")
    else:
        yield ok("Location is there and names nobody")


def mebibyte(endpoint: Endpoint) -> Iterator[Seen]:
    document = endpoint.desk.long("et dokument på 1 MiB", MEBIBYTE)
    if wrong := endpoint.no_delivery(endpoint.push(document)):
        yield replace(wrong, section="1.4")
        return
    yield ok("taken")
    yield endpoint.stands(document, "Keep it whole.")


def crowd(endpoint: Endpoint) -> Iterator[Seen]:
    """One document of each patient and lane is what the hub sends at once: with one patient, two."""
    patients = (endpoint.desk.patient, *endpoint.others)[: endpoint.lines]
    documents = [endpoint.desk.of(patient).note(f"samtidig {number}-{lane}") for number, patient in enumerate(patients) for lane in (1, 2)]
    answers = endpoint.push_at_once([(document, "") for document in documents])
    wrong = next(filter(None, map(endpoint.no_delivery, answers)), None)
    if wrong:
        yield bad(f"{len(documents)} calls at once: {wrong.saw}", "Take as many calls at once as the endpoint has lines, in each lane.")
        return
    places = [place for answer in answers if (place := endpoint.place(answer))]
    if len(set(places)) < len(places):
        yield bad("two documents have the same Location", "Keep calls apart that come at once.")
    yield ok(f"{len(documents)} calls at once")
    yield endpoint.all_stand(documents, "Keep calls apart that come at once.")


def ordered(endpoint: Endpoint) -> Iterator[Seen]:
    documents = [endpoint.desk.note(f"rekkefølge {number} av 5") for number in range(1, 6)]
    wrong = next(filter(None, (endpoint.no_delivery(endpoint.push(document)) for document in documents)), None)
    if wrong:
        yield wrong
        return

    def disorder(sight: Sight) -> str:
        listed = [note["text"] for note in sight.notes(f"{endpoint.desk.prefix} rekkefølge")]
        right = len(listed) == len(documents) and all(document.title in text for document, text in zip(documents, listed, strict=True))
        return "" if right else "they stand in another order than they came"

    mend = "Store each document before you answer, in the order in which they come; no queue of several workers behind the endpoint."
    yield endpoint.looked(
        f'that the five notes titled "{documents[0].words}" to "{documents[-1].words}" stand in that order', disorder, mend
    )


def decimals(endpoint: Endpoint) -> Iterator[Seen]:
    document = endpoint.desk.reading("vekt 82,50 kg")
    if wrong := endpoint.no_delivery(endpoint.push(document)):
        yield wrong
        return

    def rounded(sight: Sight) -> str:
        return "82.50 became 82.5" if any("82,5 kg" in note["text"] for note in sight.notes(document.title)) else ""

    yield endpoint.looked(
        f'that the note titled "{document.words}" says 82,50, not 82,5', rounded, "Read numbers as decimals, not as floating point."
    )


def cleaned(endpoint: Endpoint) -> Iterator[Seen]:
    document = endpoint.desk.script("teksten har et script")
    if wrong := endpoint.no_delivery(endpoint.push(document)):
        yield wrong
        return

    def runs(sight: Sight) -> str:
        pages = [sight.page(note["number"]) for note in sight.notes(document.title)]
        return "its page has the supplier's <script>" if any(SCRIPT in page for page in pages) else ""

    yield endpoint.looked(
        f'that the note titled "{document.words}" shows a script as words or not at all, and that the page is not called "kit"',
        runs,
        "Clean narrative before you show it: keep words, paragraphs and lists.",
    )


def survives(_endpoint: Endpoint) -> Iterator[Seen]:
    yield look("that a document answered with 2xx is there after you killed the journal at once thereafter")


def in_time(endpoint: Endpoint) -> Iterator[Seen]:
    slowest, first = endpoint.slowest, "store first, do the rest afterwards."
    if slowest.seconds >= endpoint.limit:
        yield bad(f'an answer had not come after {endpoint.limit:g} s ("{slowest.check}")', f"Answer in time: {first}")
    elif slowest.seconds > SOON:
        yield warn(f'{slowest} ("{slowest.check}")', f"Answer within one second: {first}")
    else:
        yield ok(str(slowest))


REACHED = (
    Check("1.5", "https, or this machine", reached, gate=True),
    Check("1.8", "what the hub shows the journal is at hand", proved, gate=True),
)
SERVED = (  # of all ways
    Check("1.2", "nobody gets in without the credential", locked),
    Check("2.2", "Location names the note, and nobody else", named),
    Check("1.6", "several patients' documents at once", crowd),
    Check("1.7", "documents of one patient keep their order", ordered),
    Check("2.7", "a body that cannot be read is refused", broken),
    Check("2.7", "somebody unknown is no failure", unknown),
    Check("2.9", "a refusal says why, and names nobody", reasons),
)
CONTENT = (
    Check("6.3", "decimals keep their digits", decimals),
    Check("6.4", "narrative is cleaned", cleaned),
)
LARGE = (Check("1.4", "a body of 1 MiB is taken", mebibyte),)
LAST = (
    Check("2.1", "what was answered 2xx survives a crash", survives),
    Check("2.3", "answers come in time", in_time),
)
