"""The routes of journals that fetch (vkp.md 1.12): rows of the table in routes.py."""

from shared.contract.route import CORRELATED, FHIR, FORM, JSON, TOKEN, Answer, Route

_FETCHED = (401, 403, 404, 503)
_FILTERS = ("_lastUpdated", "_tag", "_tag-not", "_count", "_sort", "cursor")
_FETCH = """
What lies on the shelf of the journal whose token this is, of one type, as a searchset. Each document has an id and a `meta.lastUpdated`
of ours; along the order of `lastUpdated` nothing ever appears behind a document that was handed out. Follow `next` until an answer is
empty, and go on from there later.

A token needs the scope `nhn:vkp/api/user/{type}.read`, and the municipality's register says which vkp-id opens which shelf. What is handed
out stands in the municipality's audit log before it is answered.
"""
_ACKNOWLEDGE = """
Says that the document is journaled. It stays on the shelf for the municipality's retention, and then it is removed; a second time changes
nothing. The body is not read.
"""

FETCHING: tuple[Route, ...] = (
    Route(
        "GET",
        "/jft/{orgnr}/v1/{type}",
        "fetch",
        "fetch",
        "Fetch documents",
        _FETCH,
        {200: Answer(FHIR, "Fetched", "Some of them; none if there are no more.", CORRELATED)},
        (400, 413, *_FETCHED),
        FHIR,
        TOKEN,
        (*_FILTERS, "DPoP", "X-Correlation-Id"),
    ),
    Route(
        "POST",
        "/jft/{orgnr}/v1/{type}/_search",
        "fetchByForm",
        "fetch",
        "Fetch documents, asked by form",
        _FETCH,
        {200: Answer(FHIR, "Fetched", "Some of them; none if there are no more.", CORRELATED)},
        (400, 413, 415, *_FETCHED),
        FHIR,
        TOKEN,
        ("DPoP", "X-Correlation-Id"),
        "Filters",
        (FORM,),
    ),
    Route(
        "POST",
        "/jft/{orgnr}/v1/{type}/{id}/$journaling-acknowledged",
        "acknowledge",
        "fetch",
        "Acknowledge a document",
        _ACKNOWLEDGE,
        {202: Answer(FHIR, "OperationOutcome", "It is. `Location` says where its times are.", ("Location", *CORRELATED))},
        _FETCHED,
        FHIR,
        TOKEN,
        ("DPoP", "X-Correlation-Id"),
    ),
    Route(
        "GET",
        "/jft/{orgnr}/v1/{type}/{id}/$status",
        "status",
        "fetch",
        "Ask for a document's times",
        "When it was put on the shelf, first handed out and acknowledged.",
        {200: Answer(JSON, "Times", "They are; null for what has not happened.", CORRELATED)},
        _FETCHED,
        FHIR,
        TOKEN,
        ("DPoP", "X-Correlation-Id"),
    ),
)
