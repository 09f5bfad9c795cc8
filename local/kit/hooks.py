"""What a response centre has to do with webhooks, beside what all journals have to: adapters/epj/response_centre/README.md."""

from collections.abc import Iterator
from dataclasses import replace

from local.kit.endpoint import Endpoint
from local.kit.proof import forged
from local.kit.refusals import kept_out
from local.kit.seen import Seen, ok, untried
from shared.domain.message import Lane

LONG_AGO = 3600.0  # seconds
SIGNATURE = "webhook-signature"
UNSIGNED = "calls are not signed: name the secret with --secret, or an auth with scheme webhook in --file"


def as_it_came(endpoint: Endpoint) -> Iterator[Seen]:
    """Who reads JSON and writes it again has 82.5 for 82.50."""
    if not _signs(endpoint):
        yield untried(UNSIGNED)
        return
    document = replace(endpoint.desk.reading("vekt 82,50 kg"), lane=Lane.ALARM)
    mend = "Verify the signature over the bytes as they came, before anything reads them."
    wrong = endpoint.no_delivery(endpoint.push(document))
    yield replace(wrong, mend=mend, section="") if wrong else ok("with 82.50 in it")
    yield endpoint.stands(document, mend)


def rotated(endpoint: Endpoint) -> Iterator[Seen]:
    """While the secret is changed, the hub signs with both."""
    if not _signs(endpoint):
        yield untried(UNSIGNED)
        return
    document = endpoint.desk.alarm("to signaturer, en som stemmer")
    call = endpoint.pushing(document)
    shown = endpoint.proof.shown(call, endpoint.limit)
    two = f"{forged(shown).headers[SIGNATURE]} {shown.headers[SIGNATURE]}"
    mend = "Take a call of which any signature holds: there are two, with a space between, while a secret is changed."
    wrong = endpoint.no_delivery(endpoint.send_as(call, replace(shown, headers={**shown.headers, SIGNATURE: two})))
    yield replace(wrong, mend=mend, section="") if wrong else ok("the second held")
    yield endpoint.stands(document, mend)


def stale(endpoint: Endpoint) -> Iterator[Seen]:
    """As by who has kept a call and sends it again."""
    if not _signs(endpoint):
        yield untried(UNSIGNED)
        return
    document = endpoint.desk.alarm("skal avvises, signert for en time siden")
    call = endpoint.pushing(document)
    mend = "Compare webhook-timestamp with your clock, and answer 401 where they are more than five minutes apart."
    answer = endpoint.send_as(call, endpoint.proof.shown(call, endpoint.limit, ago=LONG_AGO))
    yield replace(kept_out("signed an hour ago", answer), mend=mend)
    yield endpoint.stands(document, mend, 0)


def _signs(endpoint: Endpoint) -> bool:
    return endpoint.proof.auth is not None and endpoint.proof.auth.scheme == "webhook"
