"""What a journal must say no to, and how: credentials (1.2), conflicts, broken documents, unknown patients (2.6, 2.7), its words (2.9)."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace

from local.kit.documents import Document
from local.kit.endpoint import Endpoint, is_page, no_delivery, outcome_words, words_of
from local.kit.seen import Seen, bad, ok, untried, warn
from local.kit.wire import Answer, Credential


def locked(endpoint: Endpoint) -> Iterator[Seen]:
    if endpoint.credential is None:
        yield untried("neither --basic nor --header was given; a journal must not take documents from just anybody")
        return
    attempts = (("a wrong credential", forged(endpoint.credential), "feil"), ("no credential", None, "uten"))
    for words, credential, how in attempts:
        document = endpoint.desk.note(f"skal avvises, {how} hemmelighet")
        yield _kept_out(words, endpoint.push_as(document, credential))
        yield endpoint.stands(document, "Look at the credential before the document is stored.", 0)


def forged(credential: Credential) -> Credential:
    """The last sign of the secret is another: what compares only the beginning is found out."""
    header, value = credential
    scheme, _, text = value.partition(" ")
    if scheme != "Basic":
        return header, _amiss(value)
    return header, f"Basic {b64encode(_amiss(b64decode(text).decode()).encode()).decode()}"


def _amiss(secret: str) -> str:
    return secret[:-1] + ("B" if secret.endswith("A") else "A")


def _kept_out(words: str, answer: Answer) -> Seen:
    if answer.status in (401, 403):
        return ok(f"{words}: {answer.status}")
    return bad(
        f"{words} is answered {answer.status or answer.trouble}", "Answer 401 or 403 to everybody who does not show the agreed credential."
    )


def broken(endpoint: Endpoint) -> Iterator[Seen]:
    whole = endpoint.desk.note("et halvt dokument")
    wrong = [one for words, body in spoilt(whole) if (one := _refused(words, endpoint.push(replace(whole, body=body))))]
    for mend, section in dict.fromkeys((one.mend, one.section) for one in wrong):
        yield bad("; ".join(one.saw for one in wrong if one.mend == mend), mend, section)
    if not wrong:
        yield ok("none was taken")
    yield endpoint.stands(whole, "Store nothing of what you refuse.", 0)


def spoilt(whole: Document) -> tuple[tuple[str, bytes], ...]:
    """What came of it on the way, and the bytes."""
    return (
        ("half a document", whole.body[: len(whole.body) // 2]),
        ("no JSON", b"Dette er ikke FHIR."),
        ("JSON that is no FHIR", b'{"hei": "kit"}'),
        ("another type than the path says", whole.body.replace(b'"resourceType":"Bundle"', b'"resourceType":"Basket"', 1)),
    )


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
    if 200 <= answer.status < 300 and no_delivery(answer) is None:
        yield ok(f"taken with {answer.status}")
        yield endpoint.stands(document, "A document that you take must stand where somebody sees it.")
        return
    yield _refused("a document about somebody unknown", answer) or ok(f"refused with {answer.status}")


def reasons(endpoint: Endpoint) -> Iterator[Seen]:
    """A body that names the patient, and cannot be read."""
    whole = endpoint.desk.note("skal avvises med ord")
    answer = endpoint.push(replace(whole, body=spoilt(whole)[-1][1]))
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
