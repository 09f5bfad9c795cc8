"""CapabilityStatement: what a municipality's FHIR address can do, as FHIR R4 says it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from shared.domain import clock
from shared.fhir.elements import Json, profile, said

PROFILED = ("MedicationDispense", "Composition", "Encounter", "CarePlan", "Patient")  # those of vkp.md 3.2 that an address takes or gives
_OAUTH = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_WHO = (
    "Access tokens of an OpenID Connect issuer that the hub trusts, with a scope for each resource (with HelseID"
    " nhn:vkp/api/user/[resource].read, .write or .*) and the sender's vkp-id, which the municipality has registered. An address takes"
    " Bearer or DPoP tokens, never both. For writes the municipality may register a secret or a signature instead."
)
_REASON = (
    "The header ServiceCodes says what a look-up is for. Whom it is about must have an active service behind one of the codes, as the"
    " municipality maps them; else the answer is 403 with code 1.3."
)
_CREATED = (
    "POST [base]/{word}, word in any case. Answered with 202 once the bytes are safe; Location is a receipt that says what becomes of"
    " them. The type must be the path's, an identifier makes a repeat harmless, and nothing can be read back by it."
)
_SEARCHED = "POST [base]/{word}/_search with a form, never GET: nobody's number stands in an address. {reason}"
_SPELLED = "The citizen's number, bare or as system|value, also where the spelling would mean something else in FHIR: known clients differ."
_RANGE = "With a prefix (eq, ge, le, gt, lt); twice for a range, both must hold."


def capability(name: str, url: str, at: datetime, version: str, writes: Iterable[str], lookups: Mapping[str, Sequence[str]]) -> Json:
    """`name`: the municipality's; `url`: its FHIR address, without a slash at its end; `at`: since when this is so, aware.

    `version`: of the hub; `writes`: the types that can be sent; `lookups`: those that can be looked up, each with its parameters.
    """
    writes = list(writes)
    types = dict.fromkeys([*writes, *lookups])
    return {
        "resourceType": "CapabilityStatement",
        "name": "Knutepunkt",
        "title": f"Knutepunkt, {name}",
        "status": "active",
        "date": clock.written(at),
        "kind": "instance",
        "software": {"name": "Knutepunkt", "version": version},
        "implementation": {"description": f"The hub between welfare technology and the journal of {name}.", "url": url},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "The national contract of Velferdsteknologisk knutepunkt (VKP): documents in, look-ups by form.",
                "security": {"cors": False, "service": [{"coding": [{"system": _OAUTH, "code": "OAuth"}]}], "description": _WHO},
                "resource": [_resource(kind, kind in writes, lookups.get(kind)) for kind in types],
            }
        ],
    }


def _resource(kind: str, taken: bool, parameters: Sequence[str] | None) -> Json:
    word = kind.lower()
    created = [{"code": "create", "documentation": _CREATED.format(word=word)}] if taken else []
    searched = [] if parameters is None else [{"code": "search-type", "documentation": _SEARCHED.format(word=word, reason=_REASON)}]
    return {
        "type": kind,
        **said(supportedProfile=profile(kind)["profile"] if kind in PROFILED else []),
        **said(documentation="Of type document, its Composition first." if kind == "Bundle" else ""),
        "interaction": [*created, *searched],
        "versioning": "no-version",
        **said(referencePolicy=["logical", "local"] if taken else []),
        **said(searchParam=[_parameter(name) for name in parameters or ()]),
    }


def _parameter(name: str) -> Json:
    kinds = {"date": ("date", _RANGE), "patient": ("reference", _SPELLED), "subject": ("reference", _SPELLED)}
    kind, told = kinds.get(name, ("token", _SPELLED))
    return {"name": name, "type": kind, "documentation": told}
