"""What a journal must say no to, and how: credentials (1.2), conflicts, broken documents, unknown patients (2.6, 2.7), its words (2.9)."""

from collections.abc import Callable, Iterator

from local.kit.documents import Document
from local.kit.endpoint import Endpoint, Spoil
from local.kit.keys import cut_in_half
from local.kit.mending import is_page, outcome_words, words_of
from local.kit.proof import forged
from local.kit.seen import Seen, bad, ok, untried, warn
from local.kit.wire import Answer
from shared.domain.journal import Call


def locked(endpoint: Endpoint) -> Iterator[Seen]:
    for words, how, answer in attempts(endpoint, lambda how: endpoint.pushing(_unlocked(endpoint, how))):
        yield kept_out(words, answer)
        yield endpoint.stands(_unlocked(endpoint, how), "Look at the credential before the document is stored.", 0)
    if endpoint.proof.auth is None:
        yield anybody("documents are taken")


def _unlocked(endpoint: Endpoint, how: str) -> Document:
    return endpoint.desk.note(f"skal avvises, {how} hemmelighet")


def attempts(endpoint: Endpoint, call: Callable[[str], Call]) -> Iterator[tuple[str, str, Answer]]:
    """Calls by those who are not to be let in: who they are, in English and for a title, and what they were answered."""
    if endpoint.proof.auth is None:
        return
    wrong = call("feil")
    shown = endpoint.proof.shown(wrong, endpoint.limit)
    if shown.headers:
        yield "a wrong credential", "feil", endpoint.send_as(wrong, forged(shown))
    yield "no credential", "uten", endpoint.send_as(call("uten"), endpoint.proof.nothing())


def anybody(what: str) -> Seen:
    return bad(
        f"{what} without any credential: whoever finds the address gets in",
        "Agree on one (1.8), answer 401 to who does not show it, and name it to the kit: --basic or --header with --secret, or --file.",
    )


def kept_out(words: str, answer: Answer) -> Seen:
    """TLS may say no before there is anything to answer."""
    if answer.status in (401, 403) or (answer.trouble and not answer.late):
        return ok(f"{words}: {answer.status or 'no connection'}")
    mend = "Answer 401 or 403 to everybody who does not show the agreed credential."
    return bad(f"{words} is answered {answer.status or answer.trouble}", mend)


def broken(endpoint: Endpoint) -> Iterator[Seen]:
    whole = endpoint.desk.note("et halvt dokument")
    wrong = [one for words, spoil in spoilt(endpoint) if (one := _refused(words, endpoint.push(whole, spoil=spoil)))]
    for mend, section in dict.fromkeys((one.mend, one.section) for one in wrong):
        yield bad("; ".join(one.saw for one in wrong if one.mend == mend), mend, section)
    if not wrong:
        yield ok("none was taken")
    yield endpoint.stands(whole, "Store nothing of what you refuse.", 0)


def spoilt(endpoint: Endpoint) -> tuple[tuple[str, Spoil], ...]:
    """What came of it on the way, and how; the last has all words of the whole."""
    notes = endpoint.way.name == "note"
    last: tuple[str, Spoil] = ("a note without a text", _textless) if notes else ("another type than the address takes", _another_type)
    return (
        ("half a document", cut_in_half),
        ("no JSON", lambda _body: b"Dette er ikke FHIR."),
        (f"JSON that is no {'note' if notes else 'FHIR'}", lambda _body: b'{"hei": "kit"}'),
        last,
    )


def _textless(body: bytes) -> bytes:
    return body.replace(b'"text":', b'"tekst":', 1)


def _another_type(body: bytes) -> bytes:
    return body.replace(b'"resourceType":"Bundle"', b'"resourceType":"Basket"', 1)


NEVER = "Answer 400 or 422 to a document that you will never take: the hub parks it, and an operator hears of it."


def _refused(words: str, answer: Answer) -> Seen | None:
    """What is wrong with the answer to a document that nobody can take."""
    if 400 <= answer.status < 500 and answer.status not in (408, 409, 425, 429):
        return None
    if answer.status == 409:
        return bad(
            f"{words} is answered 409, which says that it is stored", "Answer 422 for any conflict but a document that you have.", "2.6"
        )
    if answer.trouble:
        return bad(f"{words}: {answer.trouble}", NEVER)
    return bad(f"{words} is answered {answer.status}", NEVER)


def unknown(endpoint: Endpoint) -> Iterator[Seen]:
    document = endpoint.desk.of(endpoint.absent).note("om en ukjent person")
    answer = endpoint.push(document)
    if 200 <= answer.status < 300 and endpoint.no_delivery(answer) is None:
        yield ok(f"taken with {answer.status}")
        yield endpoint.stands(document, "A document that you take must stand where somebody sees it.")
        return
    yield _refused("a document about somebody unknown", answer) or ok(f"refused with {answer.status}")


def reasons(endpoint: Endpoint) -> Iterator[Seen]:
    """A body that names the patient, and cannot be read."""
    whole = endpoint.desk.note("skal avvises med ord")
    answer = endpoint.push(whole, spoil=spoilt(endpoint)[-1][1])
    number = endpoint.desk.patient.value
    if not 400 <= answer.status < 500:
        yield untried("nothing was refused")
    elif number.encode() in answer.body:
        yield bad("the refusal repeats the patient's number", "Say what is wrong and where, and quote nothing of the document.")
    elif is_page(answer):
        yield warn("the refusal is a web page", WORDS)
    elif not outcome_words(answer):
        yield warn("the refusal has no OperationOutcome with issue.details.text", WORDS)
    else:
        yield ok(f"it says{words_of(answer)}")


WORDS = "Answer with an OperationOutcome whose issue.details.text says what is wrong and what to do."
