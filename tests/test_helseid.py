"""The sandbox token issuer, from outside: what a client must send to get a token, what is in it, and how it misbehaves when told to."""

import json
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from joserfc.jwk import ECKey, Key, RSAKey, generate_key, import_key

from local.helseid import BadClient, NoToken, SandboxIssuer, client_assertion, dpop_proof, jose, new_client, serving, token
from local.helseid.clients import parse
from tests.test_architecture import imports, within

ROOT = Path(__file__).parents[1]
READ, WRITE = "nhn:vkp/api/user/patient.read", "nhn:vkp/api/user/bundle.write"
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MARK = "ekko"  # stands in whatever is wrong, and must come back in no answer
ORGANISATION = "helseid://claims/client/claims/orgnr_"
ENH, MANY = "urn:oid:2.16.578.1.12.4.1.2.101", "urn:oid:1.0.6523"
Claims = Mapping[str, Any]


@dataclass(frozen=True)
class Vendor:
    """A client as it is registered, with the key that only it has. `answer` sends what it would send, with changes; None takes away."""

    issuer: SandboxIssuer
    id: str
    private: Claims

    def assertion(self, claims: Claims, header: Claims, key: Key | None = None) -> str:
        now = int(time.time())
        own = {"iss": self.id, "sub": self.id, "aud": self.issuer.url, "jti": secrets.token_hex(8), "iat": now, "nbf": now, "exp": now + 30}
        head = {"alg": "ES384", "kid": self.private["kid"], "typ": "client-authentication+jwt"}
        return jose.sign(present({**head, **header}), present({**own, **claims}), key or import_key(dict(self.private)))

    def answer(self, claims: Claims | None = None, form: Claims | None = None, proofs: Sequence[str] = ()) -> requests.Response:
        own = {
            "grant_type": "client_credentials",
            "client_id": self.id,
            "client_assertion_type": BEARER,
            "client_assertion": self.assertion(claims or {}, {}),
            "scope": READ,
        }
        with requests.Session() as session:
            request = session.prepare_request(requests.Request("POST", self.endpoint, data=present({**own, **(form or {})})))
            if proofs:
                request.headers["DPoP"] = proofs[0]
            return session.send(request, timeout=10)

    @property
    def endpoint(self) -> str:
        return f"{self.issuer.url}/connect/token"


def present(members: Claims) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


VENDORS = {
    "single": {"orgnr_parent": "310123455"},
    "multi": {},
    "bound": {"dpop": "required"},
    "plain": {"dpop": "forbidden"},
}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Mapping[str, Vendor]]:
    made = {name: new_client(name, f"Eksempel_{name}", [READ, WRITE], **more) for name, more in VENDORS.items()}
    with serving([row for _, row in made.values()]) as issuer:
        yield {name: Vendor(issuer, name, private) for name, (private, _) in made.items()}


@pytest.fixture
def single(vendors: Mapping[str, Vendor]) -> Vendor:
    return vendors["single"]


def believed(issuer: SandboxIssuer, access_token: str) -> jose.Signed:
    """The token, if one of the published keys made its signature."""
    signed = jose.read(access_token)
    assert signed.by(named(signed, requests.get(f"{issuer.url}/.well-known/openid-configuration/jwks", timeout=5).json()))
    return signed


def named(signed: jose.Signed, jwks: Claims) -> Key:
    return next(import_key(key) for key in jwks["keys"] if key["kid"] == signed.header["kid"])


def said(answer: requests.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.json()
    body: dict[str, Any] = answer.json()
    return body


def refused(answer: requests.Response, status: int, error: str, words: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error)
    assert words in body["error_description"]
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", body["error_description"])  # RFC 6749 5.2
    assert MARK not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


# what a good client gets


def test_discovery_says_where_keys_and_tokens_are(single: Vendor) -> None:
    found = requests.get(f"{single.issuer.url}/.well-known/openid-configuration", timeout=5).json()
    assert found["issuer"] == single.issuer.url
    assert (found["token_endpoint"], found["jwks_uri"].startswith(single.issuer.url)) == (single.endpoint, True)
    assert (found["grant_types_supported"], found["token_endpoint_auth_methods_supported"]) == (["client_credentials"], ["private_key_jwt"])
    assert {"RS256", "PS256", "ES256"} <= set(found["dpop_signing_alg_values_supported"])
    assert not {"none", "HS256"} & set(found["token_endpoint_auth_signing_alg_values_supported"])


def test_only_public_keys_are_published_one_rsa_and_one_ec(single: Vendor) -> None:
    keys = requests.get(f"{single.issuer.url}/.well-known/openid-configuration/jwks", timeout=5).json()["keys"]
    assert sorted((key["kty"], key["alg"], key["use"]) for key in keys) == [("EC", "ES256", "sig"), ("RSA", "RS256", "sig")]
    assert all(key["kid"] and not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"} for key in keys)


def test_a_token_says_what_helseid_says(single: Vendor) -> None:
    body = said(single.answer())
    signed = believed(single.issuer, body["access_token"])
    assert (body["token_type"], body["expires_in"], signed.header["typ"], signed.header["alg"]) == ("Bearer", 600, "at+jwt", "RS256")
    claims = dict(signed.claims)
    assert abs(claims["iat"] - time.time()) < 5
    assert (claims["nbf"], claims["exp"]) == (claims["iat"], claims["iat"] + 600)
    assert len({claims.pop("jti"), believed(single.issuer, said(single.answer())["access_token"]).claims["jti"]}) == 2
    assert {name: value for name, value in claims.items() if name not in ("iat", "nbf", "exp")} == {
        "iss": single.issuer.url,
        "aud": "nhn:vkp",
        "client_id": "single",
        "client_amr": "private_key_jwt",
        "scope": [READ],
        "nhn:vkp/client/claims/vkp-id": "Eksempel_single",
        f"{ORGANISATION}parent": "310123455",
        "helseid://claims/client/claims/client_tenancy": "single-tenant",
        "helseid://claims/client/client_name": "single",
        "helseid://claims/client/amr": "private_key_jwt",
    }


GOOD: Mapping[str, tuple[Callable[[Vendor], Claims], Claims]] = {
    "audience is the token endpoint": (lambda vendor: {"aud": vendor.endpoint}, {}),
    "audience is a list of the token endpoint": (lambda vendor: {"aud": [vendor.endpoint]}, {}),
    "audience is a list of one": (lambda vendor: {"aud": [vendor.issuer.url]}, {}),
    "good for sixty seconds": (lambda vendor: {"exp": int(time.time()) + 60}, {}),
    "no client_id in the form": (lambda vendor: {}, {"client_id": None}),
    "a clock two seconds ahead": (lambda vendor: {"iat": time.time() + 2, "nbf": time.time() + 2}, {}),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_real_clients_vary_is_accepted(single: Vendor, name: str) -> None:
    claims, form = GOOD[name]
    assert said(single.answer(claims(single), form))["token_type"] == "Bearer"


def test_the_older_type_of_an_assertion_is_accepted(single: Vendor) -> None:
    assert said(single.answer(form={"client_assertion": single.assertion({}, {"typ": "JWT"})}))["token_type"] == "Bearer"


def test_an_rsa_key_with_pss_serves_as_well() -> None:
    key = generate_key("RSA", 2048, {"alg": "PS512"}, auto_kid=True)
    _, row = new_client("rsa", "Eksempel", [READ])
    with serving([{**row, "jwks": {"keys": [key.as_dict(private=False)]}}]) as issuer, requests.Session() as session:
        assert token(session, issuer.url, "rsa", key.as_dict(private=True), [READ]).token_type == "Bearer"


def test_a_client_that_asks_for_no_scope_gets_all_it_has(single: Vendor) -> None:
    assert believed(single.issuer, said(single.answer(form={"scope": None}))["access_token"]).claims["scope"] == [READ, WRITE]


def test_scope_is_a_text_where_the_issuer_is_told_so_and_tokens_live_as_long_as_it_is_told() -> None:
    private, row = new_client("text", "Eksempel", [READ, WRITE])
    with serving([row], lifetime=42, scope_as_text=True) as issuer, requests.Session() as session:
        got = token(session, issuer.url, "text", private, [READ, WRITE])
        claims = believed(issuer, got.access_token).claims
    assert (claims["scope"], got.expires_in, claims["exp"] - claims["iat"]) == (f"{READ} {WRITE}", 42, 42)


def test_scopes_of_two_apis_make_a_token_for_two_audiences() -> None:
    private, row = new_client("two", "Eksempel", [READ, "nhn:jft/api"])
    with serving([row]) as issuer, requests.Session() as session:
        both = believed(issuer, token(session, issuer.url, "two", private, [READ, "nhn:jft/api"]).access_token)
        other = believed(issuer, token(session, issuer.url, "two", private, ["nhn:jft/api"]).access_token)
    assert (both.claims["aud"], other.claims["aud"]) == (["nhn:jft", "nhn:vkp"], "nhn:jft")


def test_a_client_without_a_vkp_id_gets_no_such_claim() -> None:
    private, row = new_client("jft", "", ["nhn:jft/api"])
    with serving([row]) as issuer, requests.Session() as session:
        claims = believed(issuer, token(session, issuer.url, "jft", private, ["nhn:jft/api"]).access_token).claims
    assert "nhn:vkp/client/claims/vkp-id" not in claims


# assertions that are refused


BAD_CLAIMS: Mapping[str, tuple[Callable[[float], Claims], str]] = {
    "unknown issuer": (lambda now: {"iss": MARK, "sub": MARK}, "iss"),
    "issuer that is no text": (lambda now: {"iss": [MARK]}, "iss"),
    "another subject": (lambda now: {"sub": MARK}, "sub"),
    "no subject": (lambda now: {"sub": None}, "sub"),
    "another audience": (lambda now: {"aud": f"https://{MARK}.example"}, "aud"),
    "no audience": (lambda now: {"aud": None}, "aud"),
    "expired": (lambda now: {"exp": now - 1}, "exp"),
    "good for longer than a minute": (lambda now: {"exp": now + 65}, "exp"),
    "no expiry": (lambda now: {"exp": None}, "exp"),
    "expiry that is a text": (lambda now: {"exp": str(int(now) + 30)}, "exp"),
    "expiry that is true": (lambda now: {"exp": True}, "exp"),
    "expiry that is not a number": (lambda now: {"exp": float("nan")}, "exp"),
    "expiry beyond all time": (lambda now: {"exp": 10**400}, "exp"),
    "not yet valid": (lambda now: {"nbf": now + 20}, "nbf"),
    "issued in the future": (lambda now: {"iat": now + 20}, "iat"),
    "issued an hour ago": (lambda now: {"iat": now - 3600}, "iat"),
    "no time of issue": (lambda now: {"iat": None}, "iat"),
    "no start": (lambda now: {"nbf": None}, "nbf"),
    "no jti": (lambda now: {"jti": None}, "jti"),
    "empty jti": (lambda now: {"jti": ""}, "jti"),
    "jti that is a number": (lambda now: {"jti": 7}, "jti"),
    "endless jti": (lambda now: {"jti": MARK * 100}, "jti"),
}


@pytest.mark.parametrize("name", BAD_CLAIMS)
def test_an_assertion_with_wrong_claims_is_no_authentication(single: Vendor, name: str) -> None:
    claims, field = BAD_CLAIMS[name]
    refused(single.answer(claims(time.time())), 401, "invalid_client", field)


def test_two_audiences_are_one_too_many(single: Vendor) -> None:
    refused(single.answer({"aud": [single.issuer.url, f"https://{MARK}.example"]}), 401, "invalid_client", "aud")


BAD_HEADERS: Mapping[str, tuple[Claims, str]] = {
    "unsigned": ({"alg": "none"}, "RS256"),
    "symmetric": ({"alg": "HS256"}, "RS256"),
    "unknown algorithm": ({"alg": MARK}, "RS256"),
    "no algorithm": ({"alg": None}, ""),
    "another algorithm than the key is for": ({"alg": "ES256"}, "signature"),
    "unknown key": ({"kid": MARK}, "kid"),
    "no key": ({"kid": None}, "kid"),
    "type of an access token": ({"typ": "at+jwt"}, "typ"),
    "no type": ({"typ": None}, "typ"),
    "critical extension": ({"crit": [MARK], MARK: 1}, "crit"),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_an_assertion_with_a_wrong_header_is_no_authentication(single: Vendor, name: str) -> None:
    header, words = BAD_HEADERS[name]
    key = generate_key("EC", "P-256") if header.get("alg") == "ES256" else None
    refused(single.answer(form={"client_assertion": single.assertion({}, header, key)}), 401, "invalid_client", words)


def test_an_assertion_signed_by_someone_else_is_no_authentication(single: Vendor) -> None:
    forged = single.assertion({}, {}, generate_key("EC", "P-384"))
    refused(single.answer(form={"client_assertion": forged}), 401, "invalid_client", "signature")


def test_an_assertion_of_one_client_does_not_serve_another(vendors: Mapping[str, Vendor]) -> None:
    answer = vendors["single"].answer(form={"client_id": "multi"})
    refused(answer, 401, "invalid_client", "client_id")


def test_a_client_cannot_sign_for_another(vendors: Mapping[str, Vendor]) -> None:
    answer = vendors["single"].answer({"iss": "multi", "sub": "multi"}, {"client_id": "multi"})
    refused(answer, 401, "invalid_client", "kid")


def test_an_assertion_is_good_for_one_call(single: Vendor) -> None:
    form = {"client_assertion": single.assertion({}, {})}
    said(single.answer(form=form))
    refused(single.answer(form=form), 401, "invalid_client", "jti")


def test_two_clients_may_come_upon_the_same_jti(vendors: Mapping[str, Vendor]) -> None:
    jti = secrets.token_hex(8)
    assert [said(vendors[name].answer({"jti": jti}))["token_type"] for name in ("single", "multi")] == ["Bearer", "Bearer"]


UNREADABLE = {
    "empty": ("", "three parts"),
    "not three parts": (f"{MARK}.{MARK}", "three parts"),
    "padded": ("e30=.e30.e30", "three parts"),
    "another alphabet": (f"{MARK}+/.e30.e30", "three parts"),
    "not JSON": (f"{MARK}.{MARK}.{MARK}", "JSON objects"),
    "lists": ("W10.W10.W10", "JSON objects"),
    "too long": (f"eyJhbGciOiJSUzI1NiJ9.{'A' * 9000}.e30", "at most 8192"),
    "deep": ("eyJhbGciOiJSUzI1NiJ9." + "W1tb" * 1500 + ".e30", "JSON objects"),
    "doubled claim": ("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxLCJhIjoyfQ.e30", "doubled names"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_assertion_at_all_is_no_authentication(single: Vendor, name: str) -> None:
    assertion, words = UNREADABLE[name]
    refused(single.answer(form={"client_assertion": assertion}), 401, "invalid_client", words)


# forms that are refused


BAD_FORMS: Mapping[str, tuple[Claims, int, str, str]] = {
    "another grant": ({"grant_type": MARK}, 400, "unsupported_grant_type", "client_credentials"),
    "no grant": ({"grant_type": None}, 400, "unsupported_grant_type", "client_credentials"),
    "another kind of assertion": ({"client_assertion_type": MARK}, 401, "invalid_client", "client_assertion_type"),
    "no assertion": ({"client_assertion": None}, 401, "invalid_client", "client_assertion"),
    "a secret instead of an assertion": (
        {"client_assertion": None, "client_assertion_type": None, "client_secret": MARK},
        401,
        "invalid_client",
        "client_assertion_type",
    ),
    "another client's id": ({"client_id": MARK}, 401, "invalid_client", "client_id"),
    "a scope that the client has not": ({"scope": f"{READ} nhn:vkp/api/user/{MARK}.read"}, 400, "invalid_scope", "scope"),
    "a wildcard that the client has not": ({"scope": "nhn:vkp/api/user/patient.*"}, 400, "invalid_scope", "scope"),
}


@pytest.mark.parametrize("name", BAD_FORMS)
def test_a_wrong_form_gets_no_token(single: Vendor, name: str) -> None:
    form, status, error, words = BAD_FORMS[name]
    refused(single.answer(form=form), status, error, words)


RAW = {
    "json": ("application/json", b'{"grant_type": "client_credentials"}', "Content-Type"),
    "bytes that are no text": ("application/x-www-form-urlencoded", b"grant_type=\xff\xfe", "body"),
    "a doubled field": ("application/x-www-form-urlencoded", b"scope=a&scope=b", "once"),
    "very many fields": ("application/x-www-form-urlencoded", b"a=b&" * 50, "20 fields"),
}


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_form_gets_no_token(single: Vendor, name: str) -> None:
    media, body, words = RAW[name]
    refused(requests.post(single.endpoint, data=body, headers={"Content-Type": media}, timeout=5), 400, "invalid_request", words)


def test_a_form_of_more_than_64_kib_is_not_read(single: Vendor) -> None:
    assert single.answer(form={"padding": "x" * 65_536}).status_code == 413


# organisation numbers


def organisation(system: str, value: Any, kind: str = "ENH") -> dict[str, Any]:
    identifier = {"system": system, "type": kind, "value": value}
    return {"type": "helseid_authorization", "practitioner_role": {"organization": {"identifier": identifier}}}


NUMBERS: Mapping[str, tuple[str, Claims, tuple[str | None, str | None]]] = {
    "none, single-tenant": ("single", {}, ("310123455", None)),
    "none, multi-tenant": ("multi", {}, (None, None)),
    "child": ("single", {"assertion_details": organisation(ENH, "974760673")}, ("310123455", "974760673")),
    "child in a list": ("single", {"assertion_details": [organisation(ENH, "974760673")]}, ("310123455", "974760673")),
    "older name": ("single", {"authorization_details": organisation(ENH, "974760673")}, ("310123455", "974760673")),
    "Enhetsregisteret's OID": (
        "single",
        {"assertion_details": organisation("urn:oid:2.16.578.1.12.4.1.4.101", "974760673")},
        ("310123455", "974760673"),
    ),
    "parent and child": ("multi", {"assertion_details": organisation(MANY, "NO:ORGNR:310123455:974760673")}, ("310123455", "974760673")),
    "parent alone": ("multi", {"assertion_details": organisation(MANY, "NO:ORGNR:310123455")}, ("310123455", None)),
    "own parent, said again": (
        "single",
        {"assertion_details": organisation(MANY, "NO:ORGNR:310123455:974760673")},
        ("310123455", "974760673"),
    ),
    "beside another type": (
        "single",
        {"authorization_details": [{"type": "nhn:sfm:journal-id", "value": {}}, organisation(ENH, "974760673")]},
        ("310123455", "974760673"),
    ),
    "another type alone": ("single", {"assertion_details": [{"type": "nhn:sfm:journal-id", "value": {}}]}, ("310123455", None)),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_organisation_numbers_become_claims(vendors: Mapping[str, Vendor], name: str) -> None:
    client, claims, expected = NUMBERS[name]
    got = believed(vendors[client].issuer, said(vendors[client].answer(claims))["access_token"]).claims
    assert (got.get(f"{ORGANISATION}parent"), got.get(f"{ORGANISATION}child")) == expected


BAD_NUMBERS: Mapping[str, tuple[str, Claims]] = {
    "both names": ("single", {name: organisation(ENH, "974760673") for name in ("assertion_details", "authorization_details")}),
    "a text": ("single", {"assertion_details": MARK}),
    "null": ("single", {"assertion_details": [None]}),
    "an empty list": ("single", {"assertion_details": []}),
    "no type": ("single", {"assertion_details": {"practitioner_role": MARK}}),
    "two of our type": ("single", {"assertion_details": [organisation(ENH, "974760673"), organisation(ENH, "310123455")]}),
    "no organisation": ("single", {"assertion_details": {"type": "helseid_authorization", "practitioner_role": {"organization": MARK}}}),
    "not ENH": ("single", {"assertion_details": organisation(ENH, "974760673", MARK)}),
    "eight digits": ("single", {"assertion_details": organisation(ENH, "97476067")}),
    "digits of another script": ("single", {"assertion_details": organisation(ENH, "٩٧٤٧٦٠٦٧٣")}),
    "a number": ("single", {"assertion_details": organisation(ENH, 974760673)}),
    "another system": ("single", {"assertion_details": organisation(MARK, "974760673")}),
    "another municipality's parent": ("single", {"assertion_details": organisation(MANY, "NO:ORGNR:974760673:310123455")}),
    "a child without a parent": ("multi", {"assertion_details": organisation(ENH, "974760673")}),
    "a pair of another shape": ("multi", {"assertion_details": organisation(MANY, f"NO:ORGNR:310123455:{MARK}")}),
}


@pytest.mark.parametrize("name", BAD_NUMBERS)
def test_wrong_organisation_details_get_no_token(vendors: Mapping[str, Vendor], name: str) -> None:
    client, claims = BAD_NUMBERS[name]
    refused(vendors[client].answer(claims), 400, "invalid_request", "_details")


# DPoP


KEY = generate_key("EC", "P-256")


def nonce(vendor: Vendor) -> str:
    """What the issuer gives to a proof that has none."""
    return vendor.answer(proofs=[dpop_proof(KEY, "POST", vendor.endpoint)]).headers["DPoP-Nonce"]


def proof(vendor: Vendor, claims: Claims | None = None, header: Claims | None = None, key: Key = KEY) -> str:
    own = {"jti": secrets.token_hex(8), "htm": "POST", "htu": vendor.endpoint, "iat": time.time(), "nonce": nonce(vendor)}
    head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)}
    return jose.sign(present({**head, **(header or {})}), present({**own, **(claims or {})}), key)


def test_a_first_proof_is_answered_with_a_nonce(single: Vendor) -> None:
    answer = single.answer(proofs=[dpop_proof(KEY, "POST", single.endpoint)])
    refused(answer, 400, "use_dpop_nonce", "DPoP-Nonce")
    assert len(answer.headers["DPoP-Nonce"]) >= 16


def test_a_proof_with_the_nonce_binds_the_token_to_its_key(single: Vendor) -> None:
    body = said(single.answer(proofs=[proof(single)]))
    assert body["token_type"] == "DPoP"
    assert believed(single.issuer, body["access_token"]).claims["cnf"] == {"jkt": KEY.thumbprint()}


@pytest.mark.parametrize("kind", ["EC", "RSA 4096"])
def test_the_helper_gets_a_bound_token(single: Vendor, kind: str) -> None:
    key: Key = generate_key("RSA", 4096) if kind == "RSA 4096" else KEY
    with requests.Session() as session:
        got = token(session, single.issuer.url, single.id, single.private, [READ], key)
    assert got.token_type == "DPoP"
    assert believed(single.issuer, got.access_token).claims["cnf"] == {"jkt": key.thumbprint()}


def test_a_client_that_must_prove_its_key_gets_no_bearer_token(vendors: Mapping[str, Vendor]) -> None:
    refused(vendors["bound"].answer(), 400, "invalid_request", "DPoP")


def test_a_client_that_may_not_prove_its_key_gets_no_bound_token(vendors: Mapping[str, Vendor]) -> None:
    refused(vendors["plain"].answer(proofs=[dpop_proof(KEY, "POST", vendors["plain"].endpoint)]), 400, "invalid_request", "DPoP")


def test_a_nonce_that_the_issuer_did_not_give_is_answered_with_one(single: Vendor) -> None:
    answer = single.answer(proofs=[proof(single, {"nonce": MARK})])
    refused(answer, 400, "use_dpop_nonce", "DPoP-Nonce")
    assert answer.headers["DPoP-Nonce"]


def test_a_proof_is_good_for_one_call(single: Vendor) -> None:
    once = proof(single)
    said(single.answer(proofs=[once]))
    refused(single.answer(proofs=[once]), 400, "invalid_dpop_proof", "jti")


def test_the_query_of_htu_does_not_count(single: Vendor) -> None:
    assert said(single.answer(proofs=[proof(single, {"htu": f"{single.endpoint}?x=1#y"})]))["token_type"] == "DPoP"


BAD_PROOFS: Mapping[str, tuple[Claims, Claims, str]] = {
    "another method": ({"htm": "GET"}, {}, "htm"),
    "another place": ({"htu": f"https://{MARK}.example/connect/token"}, {}, "htu"),
    "place that is no address": ({"htu": f"http://[{MARK}"}, {}, "htu"),
    "no place": ({"htu": None}, {}, "htu"),
    "old": ({"iat": 1_700_000_000}, {}, "iat"),
    "from the future": ({"iat": 4_000_000_000}, {}, "iat"),
    "beyond all time": ({"iat": 10**400}, {}, "iat"),
    "no time": ({"iat": None}, {}, "iat"),
    "no jti": ({"jti": None}, {}, "jti"),
    "type of an assertion": ({}, {"typ": "JWT"}, "typ"),
    "no key": ({}, {"jwk": None}, "jwk"),
    "key that is a text": ({}, {"jwk": MARK}, "jwk"),
    "key that has no numbers": ({}, {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}}, "jwk"),
    "key off its curve": ({}, {"jwk": {**KEY.as_dict(private=False), "x": "AAAA"}}, "jwk"),
    "RSA of 1024 bits": ({}, {"jwk": {"kty": "RSA", "e": "AQAB", "n": "x" * 170 + "E"}}, "jwk"),
    "private key": ({}, {"jwk": KEY.as_dict(private=True)}, "jwk"),
    "secret key": ({}, {"jwk": {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}}, "jwk"),
    "unknown kind of key": ({}, {"jwk": {"kty": MARK}}, "jwk"),
    "someone else's key": ({}, {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}, "signature"),
    "unsigned": ({}, {"alg": "none"}, "RS256"),
    "symmetric": ({}, {"alg": "HS256"}, "RS256"),
}


@pytest.mark.parametrize("name", BAD_PROOFS)
def test_a_wrong_proof_gets_no_token(single: Vendor, name: str) -> None:
    claims, header, words = BAD_PROOFS[name]
    refused(single.answer(proofs=[proof(single, claims, header)]), 400, "invalid_dpop_proof", words)


def test_two_proofs_are_one_too_many(single: Vendor) -> None:
    form = {"grant_type": "client_credentials", "client_assertion_type": BEARER, "client_assertion": single.assertion({}, {})}
    connection = HTTPConnection("127.0.0.1", int(single.issuer.url.rpartition(":")[2]), timeout=5)
    with closing(connection):
        body = urlencode(form).encode()
        connection.putrequest("POST", "/connect/token")
        for name, value in [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        for _ in range(2):
            connection.putheader("DPoP", proof(single))
        connection.endheaders(body)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]) == (400, "invalid_dpop_proof")


def test_a_proof_names_the_token_that_it_goes_along_with() -> None:
    claims = jose.read(
        dpop_proof(KEY, "POST", "https://hub.example/epj/r4/310123455/bundle?x=1", token="Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
    ).claims
    assert (claims["htu"], claims["htm"]) == ("https://hub.example/epj/r4/310123455/bundle", "POST")
    assert claims["ath"] == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"  # RFC 9449 7.1


# the sandbox's own commands


@pytest.fixture
def own() -> Iterator[Vendor]:
    """An issuer that a test may change as it likes."""
    private, row = new_client("own", "Eksempel", [READ])
    with serving([row]) as issuer:
        yield Vendor(issuer, "own", private)


def kids(issuer: SandboxIssuer) -> set[str]:
    return {key["kid"] for key in requests.get(f"{issuer.url}/.well-known/openid-configuration/jwks", timeout=5).json()["keys"]}


@pytest.mark.parametrize(("keep", "left"), [({}, 4), ({"keep": True}, 4), ({"keep": False}, 2)])
def test_after_a_rotation_new_keys_sign_and_the_old_ones_stay_if_told_so(own: Vendor, keep: Claims, left: int) -> None:
    before = kids(own.issuer)
    kid = requests.post(f"{own.issuer.url}/_sandbox/rotate", json=keep, timeout=5).json()["kid"]
    assert (kid in before, len(kids(own.issuer)), before <= kids(own.issuer)) == (False, left, left == 4)
    assert believed(own.issuer, said(own.answer())["access_token"]).header["kid"] == kid


def test_an_issuer_that_is_down_says_so_on_every_page_until_it_is_told_to_be_honest(own: Vendor) -> None:
    behave(own.issuer, mode="down")
    pages = ["/.well-known/openid-configuration", "/.well-known/openid-configuration/jwks"]
    assert [requests.get(own.issuer.url + page, timeout=5).status_code for page in pages] == [503, 503]
    assert own.answer().status_code == 503
    behave(own.issuer, mode="honest")
    assert said(own.answer())["token_type"] == "Bearer"


def test_a_slow_issuer_answers_late(own: Vendor) -> None:
    behave(own.issuer, mode="slow", delay=0.3)
    start = time.monotonic()
    said(own.answer())
    assert 0.3 <= time.monotonic() - start < 5


def test_garbage_is_a_page_that_says_ok(own: Vendor) -> None:
    behave(own.issuer, mode="garbage")
    answer = requests.get(f"{own.issuer.url}/.well-known/openid-configuration", timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/html")


@pytest.mark.parametrize(
    "command", [{"mode": MARK}, {}, {"mode": "slow", "delay": "5"}, {"mode": "slow", "delay": True}, {"mode": "down", "a": 1}, []]
)
def test_a_command_that_makes_no_sense_changes_nothing(own: Vendor, command: Any) -> None:
    assert requests.put(f"{own.issuer.url}/_sandbox/behaviour", json=command, timeout=5).status_code == 400
    assert said(own.answer())["token_type"] == "Bearer"


def behave(issuer: SandboxIssuer, **command: Any) -> None:
    assert requests.put(f"{issuer.url}/_sandbox/behaviour", json=command, timeout=5).status_code == 200


def test_the_issuer_counts_who_asks_for_its_keys_also_while_it_is_down(own: Vendor) -> None:
    kids(own.issuer)
    behave(own.issuer, mode="down")
    requests.get(f"{own.issuer.url}/.well-known/openid-configuration/jwks", timeout=5)
    assert requests.get(f"{own.issuer.url}/_sandbox/stats", timeout=5).json() == {"discovery": 0, "jwks": 2, "token": 0}


# minting, for tests of whoever reads tokens


def test_a_minted_token_is_as_good_as_one_that_was_asked_for(single: Vendor) -> None:
    asked = believed(single.issuer, said(single.answer(form={"scope": None}))["access_token"])
    minted = believed(single.issuer, single.issuer.mint(client_id="single"))
    differ = {"iat", "nbf", "exp", "jti"}
    assert minted.header == asked.header
    assert minted.claims.keys() == asked.claims.keys()
    assert {name: value for name, value in minted.claims.items() if name not in differ} == {
        name: value for name, value in asked.claims.items() if name not in differ
    }


def test_minting_changes_and_takes_away_what_it_is_told_to(single: Vendor) -> None:
    signed = believed(single.issuer, single.issuer.mint({"aud": ["a", "b"], "client_amr": None}, {"typ": None, "alg": "ES256"}))
    assert (signed.claims["aud"], "client_amr" in signed.claims, "typ" in signed.header) == (["a", "b"], False, False)


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_minting_makes_tokens_that_nobody_may_believe(single: Vendor, alg: str) -> None:
    minted = single.issuer.mint(header={"alg": alg})
    assert (minted.count("."), minted.endswith(".")) == (2, alg == "none")
    with pytest.raises(jose.Unreadable, match="is not signed with"):
        jose.read(minted)


def test_minting_with_a_stranger_s_key_makes_a_token_that_the_published_keys_disown(single: Vendor) -> None:
    signed = jose.read(single.issuer.mint(key=RSAKey.generate_key(2048)))
    assert not signed.by(named(signed, single.issuer.jwks()))


# clients that are registered wrongly


def wrong_row(**changes: Any) -> dict[str, Any]:
    return {**new_client("a", "b", [READ])[1], **changes}


BAD_ROWS: Mapping[str, tuple[Any, str]] = {
    "no list": ({}, "a list"),
    "no object": (["a"], r"clients\[0\]"),
    "unknown field": ([wrong_row(secret=MARK)], r"clients\[0\]"),
    "no id": ([wrong_row(client_id="")], "client_id"),
    "the same id twice": ([wrong_row(), wrong_row()], "client_id"),
    "no scopes": ([wrong_row(scopes=[])], "scopes"),
    "scopes with a space": ([wrong_row(scopes=[f"{READ} {WRITE}"])], "scopes"),
    "unknown word for DPoP": ([wrong_row(dpop=MARK)], "dpop"),
    "no keys": ([wrong_row(jwks={"keys": []})], "keys"),
    "key that is no key": ([wrong_row(jwks={"keys": [{"kty": MARK}]})], r"keys\[0\]"),
    "key that is a text": ([wrong_row(jwks={"keys": [MARK]})], r"keys\[0\]"),
    "private key": ([wrong_row(jwks={"keys": [new_client("a", "b", [READ])[0]]})], "private"),
    "shared secret": ([wrong_row(jwks={"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ", "kid": "1"}]})], "secret"),
    "key without a kid": ([wrong_row(jwks={"keys": [ECKey.generate_key("P-256").as_dict(private=False)]})], "kid"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_wrong_row_is_named_and_its_values_are_not(name: str) -> None:
    rows, words = BAD_ROWS[name]
    with pytest.raises(BadClient, match=words) as caught:
        parse(rows)
    assert MARK not in str(caught.value)


# the client's helper, and the program


def test_a_refused_client_hears_why_and_not_what_it_sent(single: Vendor) -> None:
    with requests.Session() as session, pytest.raises(NoToken, match="400 invalid_scope: scope:") as caught:
        token(session, single.issuer.url, single.id, single.private, [MARK])
    assert MARK not in str(caught.value)


@pytest.mark.parametrize("mode", ["down", "garbage"])
def test_an_issuer_that_makes_no_sense_gives_no_token(own: Vendor, mode: str) -> None:
    behave(own.issuer, mode=mode)
    with requests.Session() as session, pytest.raises(NoToken, match="not with a JSON object"):
        token(session, own.issuer.url, own.id, own.private, [READ])


def test_discovery_of_another_issuer_is_not_believed(single: Vendor) -> None:
    with requests.Session() as session, pytest.raises(NoToken, match="not this issuer's"):
        token(session, single.issuer.url.replace("127.0.0.1", "localhost"), single.id, single.private, [READ])


def test_a_token_does_not_show_itself(single: Vendor) -> None:
    with requests.Session() as session:
        got = token(session, single.issuer.url, single.id, single.private, [READ])
    assert got.access_token not in repr(got)


def test_organisation_details_go_into_an_assertion() -> None:
    private, _ = new_client("a", "b", [READ])
    details = organisation(ENH, "974760673")
    assert (
        jose.read(client_assertion("a", private, "https://issuer.example", {"assertion_details": details})).claims["assertion_details"]
        == details
    )


@pytest.fixture
def clients_file(tmp_path: Path) -> tuple[Path, Claims]:
    private, row = new_client("program", "Eksempel", [READ])
    file = tmp_path / "clients.json"
    file.write_text(json.dumps([row]))
    return file, private


PROGRAM = [sys.executable, "-m", "local.helseid", "--clients"]


def test_the_program_says_where_it_is_serves_and_ends_when_told(clients_file: tuple[Path, Claims]) -> None:
    file, private = clients_file
    with subprocess.Popen([*PROGRAM, str(file), "--lifetime", "90"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().removeprefix("Sandbox token issuer at ").strip()
            with requests.Session() as session:
                assert token(session, url, "program", private, [READ]).expires_in == 90
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0
        finally:
            child.kill()


@pytest.mark.parametrize(("text", "words"), [("{", "is not JSON"), ("{}", "expected a list"), (None, "No such file")])
def test_the_program_says_what_is_wrong_with_its_clients(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "clients.json"
    if text is not None:
        file.write_text(text)
    ended = subprocess.run([*PROGRAM, str(file)], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, words in ended.stderr, "Traceback" in ended.stderr) == (1, True, False)


def test_the_issuer_is_an_outsider() -> None:
    files = [*(ROOT / "local" / "helseid").glob("*.py")]
    assert len(files) > 5
    assert [name for file in files for name in imports(file) if within(name, ("shared", "adapters", "function_app"))] == []
