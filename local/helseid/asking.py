"""The client's side: what a vendor's system does to get a token, and to show that a token is its own. Synchronous, with `requests`."""

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from joserfc.jwk import Key, import_key

from local.helseid import jose

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SOON = 30  # seconds that an assertion or a proof is good for; HelseID allows an assertion 60
PATIENCE = 10  # seconds for each call to the issuer


class NoToken(Exception):
    """The text is what the issuer said, or what it should have said."""


@dataclass(frozen=True, slots=True)
class Token:
    access_token: str = field(repr=False)
    token_type: str  # Bearer or DPoP
    expires_in: int  # seconds from now


@dataclass(frozen=True, slots=True)
class Discovery:
    issuer: str
    token_endpoint: str


def token(
    session: requests.Session,
    issuer_url: str,
    client_id: str,
    private_jwk: Mapping[str, Any],
    scopes: Sequence[str],
    dpop_key: Key | None = None,
) -> Token:
    """Discovery and all. NoToken if the issuer says no or makes no sense, requests.RequestException if it cannot be reached."""
    return ask(session, discover(session, issuer_url), client_id, private_jwk, scopes, dpop_key)


def discover(session: requests.Session, issuer_url: str) -> Discovery:
    """Raises as `token` does."""
    document = _object(session.get(f"{issuer_url}/.well-known/openid-configuration", timeout=PATIENCE))
    if document.get("issuer") != issuer_url or not isinstance(document.get("token_endpoint"), str):
        raise NoToken("the discovery document is not this issuer's, or names no token_endpoint")
    return Discovery(issuer_url, document["token_endpoint"])


def ask(
    session: requests.Session,
    found: Discovery,
    client_id: str,
    private_jwk: Mapping[str, Any],
    scopes: Sequence[str],
    dpop_key: Key | None = None,
) -> Token:
    """Raises as `token` does. With a DPoP key it asks twice: the nonce comes with the first no, and an assertion is good for one call."""

    def post(nonce: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": client_assertion(client_id, private_jwk, found.issuer),
            "scope": " ".join(scopes),
        }
        headers = {"DPoP": dpop_proof(dpop_key, "POST", found.token_endpoint, nonce=nonce)} if dpop_key else {}
        return session.post(found.token_endpoint, data=form, headers=headers, timeout=PATIENCE)

    answer = post("")
    if dpop_key and answer.status_code == 400 and "DPoP-Nonce" in answer.headers:
        answer = post(answer.headers["DPoP-Nonce"])
    return _token(_object(answer))


def _token(said: Mapping[str, Any]) -> Token:
    try:
        return Token(str(said["access_token"]), str(said["token_type"]), int(said["expires_in"]))
    except (KeyError, TypeError, ValueError):
        raise NoToken("the token endpoint answered without access_token, token_type or expires_in") from None


def _object(answer: requests.Response) -> Mapping[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise NoToken(f"the issuer answered {answer.status_code}, not with a JSON object")
    if answer.status_code != 200:
        raise NoToken(f"the issuer answered {answer.status_code} {said.get('error')}: {said.get('error_description')}")
    return said


def client_assertion(client_id: str, private_jwk: Mapping[str, Any], audience: str, claims: Mapping[str, Any] | None = None) -> str:
    """Proof of the client for one call. `claims` come on top, as `assertion_details` with an organisation number (vkp.md 1.6)."""
    key, now = import_key(dict(private_jwk)), int(time.time())
    header = {"alg": jose.usual_algorithm(key), "kid": key.kid, "typ": "client-authentication+jwt"}
    own = {"iss": client_id, "sub": client_id, "aud": audience, "jti": secrets.token_hex(16), "iat": now, "nbf": now, "exp": now + SOON}
    return jose.sign(header, {**own, **(claims or {})}, key)


def dpop_proof(key: Key, method: str, url: str, token: str = "", nonce: str = "") -> str:
    """Proof of the key for one call (RFC 9449). `token` is the access token that goes along; the token endpoint has none yet."""
    header = {"alg": jose.usual_algorithm(key), "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    claims = {"jti": secrets.token_hex(16), "htm": method, "htu": urlunsplit((*urlsplit(url)[:3], "", "")), "iat": int(time.time())}
    if token:
        claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
    return jose.sign(header, {**claims, "nonce": nonce} if nonce else claims, key)
