"""The issuer's keys, and the access tokens that it signs with them."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc.jwk import ECKey, Key, RSAKey

from local.helseid import jose
from local.helseid.endpoint import Grant

_CLIENT = "helseid://claims/client"


class Mint:
    """`lifetime` is in seconds. `scope_as_text` writes scope with spaces (RFC 9068) instead of as a list (HelseID)."""

    def __init__(self, lifetime: int, scope_as_text: bool) -> None:
        self.lifetime = lifetime
        self._scope_as_text = scope_as_text
        self._keys = _new_keys()  # those that sign come first

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def rotate(self, keep: bool) -> str:
        """The kid of the new RSA key."""
        self._keys = [*_new_keys(), *(self._keys if keep else [])]
        return str(self._keys[0].kid)

    def signed(self, claims: Mapping[str, Any], header: Mapping[str, Any], key: Key | None = None) -> str:
        """`alg` chooses among our keys, unless `key` is given. Claims and headers that are None are left out."""
        alg = str(header.get("alg", "RS256"))
        own = next(one for one in self._keys if one.key_type == ("EC" if alg.startswith("ES") else "RSA"))
        full = {"alg": alg, "kid": own.kid, "typ": "at+jwt", **header}
        return jose.sign(_without_none(full), _without_none(claims), key or own)

    def claims(self, grant: Grant, issuer: str, now: float) -> dict[str, Any]:
        client, tenancy = grant.client, "single-tenant" if grant.client.orgnr_parent else "multi-tenant"
        return {
            "iss": issuer,
            "nbf": int(now),
            "iat": int(now),
            "exp": int(now) + self.lifetime,
            "aud": _audience(grant.scopes),
            "cnf": {"jkt": grant.jkt} if grant.jkt else None,
            "scope": " ".join(grant.scopes) if self._scope_as_text else list(grant.scopes),
            "client_id": client.client_id,
            "client_amr": "private_key_jwt",
            "nhn:vkp/client/claims/vkp-id": client.vkp_id or None,
            f"{_CLIENT}/claims/orgnr_parent": grant.parent or None,
            f"{_CLIENT}/claims/orgnr_child": grant.child or None,
            f"{_CLIENT}/claims/client_tenancy": tenancy,
            f"{_CLIENT}/client_name": client.client_id,
            f"{_CLIENT}/amr": "private_key_jwt",
            "jti": secrets.token_hex(16),
        }


def _new_keys() -> list[Key]:
    return [
        RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True),
        ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True),
    ]


def _audience(scopes: Sequence[str]) -> str | list[str]:
    """The APIs that the scopes belong to: what stands before the first slash."""
    apis = sorted({scope.partition("/")[0] for scope in scopes})
    return apis[0] if len(apis) == 1 else apis


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
