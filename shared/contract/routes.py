"""The public routes, in one table: what OpenAPI, the readable page and the tests are made from.

A path is exactly the route template of its trigger in function_app.py; tests/test_openapi.py holds the two to each other.
"""

from collections.abc import Mapping
from types import MappingProxyType

from shared.contract.fetching import FETCHING
from shared.contract.route import CORRELATED, FHIR, FORM, HTML, JSON, SHARED, TEXT, TOKEN, Answer, Route

VERSION = "0.1.0"  # of the hub; a test holds it to pyproject.toml
_DOOR = (400, 401, 403, 404, 411, 413, 415, 429, 503)

TAGS: Mapping[str, str] = MappingProxyType(
    {
        "send": "Payloads to the hub, and what became of them.",
        "look up": "The municipality's journal, asked on a sender's behalf.",
        "fetch": "Documents that a journal fetches from its shelf, in the shape of NHN's Journalføringstjenesten.",
        "about": "What this hub is, has and speaks. No credentials, no people.",
    }
)

_WRITE = """
A resource of the national contract (VKP, FHIR R4), of the type that the path names. `202` means that it will not be lost: the bytes are
stored and their turn is announced. What was mended, or is odd by the profiles, stands as further issues in the answer.

A token needs the scope `nhn:vkp/api/user/{resource}.write`, and the municipality's register must allow the same. The body is read as JSON
whatever `Content-Type` says, and where there is none.
"""
_POST = """
A device cloud's own format: one object, or a list of at most 500. `202` means that it will not be lost: the bytes are stored and their turn
is announced. What can be read but not understood is taken too, and set aside for a human.

`Content-Type` is not looked at. A format whose protocol has answers of its own gets those, with the cause of a refusal in `X-Problem`.
"""
_SEARCH = """
A look-up by form, relayed to the journal and back as a searchset. It is a `POST` so that nobody's number stands in an address.

A token needs the scope `nhn:vkp/api/user/{resource}.read`, and the municipality's register must allow the same. `ServiceCodes` says what
the look-up is for: the citizen must have an active service behind one of them, or the answer is `403` with code 1.3. Without an identifier,
`patient` and `episodeofcare` answer with those who have such a service. A protected address is never shown.

Every look-up stands in the municipality's audit log before it is answered.
"""

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/epj/r4/{orgnr}/{resource}",
        "write",
        "send",
        "Send a national FHIR document",
        _WRITE,
        {202: Answer(FHIR, "OperationOutcome", "It is taken. `Location` says where to ask what became of it.", ("Location", *CORRELATED))},
        _DOOR,
        FHIR,
        (*TOKEN, *SHARED),
        ("DPoP", "X-Correlation-Id"),
        "Write",
        (FHIR, JSON, TEXT),
    ),
    Route(
        "POST",
        "/api/v1/{orgnr}/{adapter}",
        "post",
        "send",
        "Send a payload in your own format",
        _POST,
        {202: Answer(JSON, "Accepted", "It is taken. `Location` says where to ask what became of it.", ("Location",))},
        _DOOR,
        proof=SHARED,
        body="Payload",
        media=(JSON,),
        own=True,
    ),
    Route(
        "GET",
        "/api/v1/receipts/{receipt}",
        "receipt",
        "send",
        "Ask what became of a payload",
        "With the credentials that sent it; anybody else gets `404` or `401`. There is no body to sign: sign the path.",
        {200: Answer(JSON, "Receipt", "What became of it so far.")},
        (401, 404, 503),
        proof=(*TOKEN, *SHARED),
        headers=("DPoP",),
    ),
    Route(
        "POST",
        "/epj/r4/{orgnr}/{resource}/_search",
        "search",
        "look up",
        "Ask the municipality's journal",
        _SEARCH,
        {200: Answer(FHIR, "Searchset", "What the journal has; empty if it has nothing.", (*CORRELATED, "Server-Timing"))},
        (400, 401, 403, 404, 413, 415, 502, 503, 504),
        FHIR,
        TOKEN,
        ("ServiceCodes", "DPoP", "X-Correlation-Id"),
        "Question",
        (FORM,),
    ),
    *FETCHING,
    Route(
        "GET",
        "/epj/r4/{orgnr}/metadata",
        "metadata",
        "about",
        "What a municipality's FHIR address can do",
        "The CapabilityStatement of one municipality.",
        {200: Answer(FHIR, "CapabilityStatement", "The statement.", CORRELATED)},
        (400, 404, 503),
        FHIR,
    ),
    Route(
        "GET",
        "/api/health",
        "alive",
        "about",
        "Is the hub alive?",
        "Says only that it runs.",
        {200: Answer(JSON, "Alive", "It is.")},
    ),
    Route(
        "GET",
        "/api/health/ready",
        "ready",
        "about",
        "Can the hub take messages?",
        "Whether a payload could be stored and queued now.",
        {200: Answer(JSON, "Ready", "It can.")},
        (503,),
    ),
    Route(
        "GET",
        "/api/openapi.json",
        "openapi",
        "about",
        "This contract, for machines",
        "OpenAPI 3.1.",
        {200: Answer(JSON, "OpenAPI", "The document.")},
    ),
    Route(
        "GET",
        "/api/docs",
        "docs",
        "about",
        "This contract, for people",
        "A page without scripts.",
        {200: Answer(HTML, "Page", "The page.")},
    ),
    Route(
        "GET",
        "/api/codes",
        "codes",
        "about",
        "All code tables, for people",
        "A page in Norwegian (bokmål), without scripts.",
        {200: Answer(HTML, "Page", "The page.")},
    ),
    Route(
        "GET",
        "/api/codes/{table}",
        "table",
        "about",
        "One code table",
        "As a FHIR CodeSystem.",
        {200: Answer(FHIR, "CodeSystem", "The table.")},
        (404,),
    ),
)
