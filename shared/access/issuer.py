"""Whose access tokens this hub believes, and how they say who their bearer is. Values only: `settings` reads them, `token` asks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# RFC 7518: asymmetric only. `none` and HMAC are in no list: a public key must never serve as a shared secret
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")

LONGEST_NAME = 200  # characters of a vkp-id, a client or a key's id


@dataclass(frozen=True, slots=True)
class Issuer:
    """An OpenID Connect issuer. The defaults are HelseID's ways (vkp.md 1.6); another issuer says its own in HUB_ISSUERS."""

    issuer: str  # exactly as tokens have it in `iss`; keys are found by {issuer}/.well-known/openid-configuration
    audience: str = "nhn:vkp"  # must be the token's only audience
    sender_claim: str = "nhn:vkp/client/claims/vkp-id"
    client_claim: str = "client_id"
    method_claim: str = "client_amr"  # how the client proved itself; "" = not asked
    method: str = "private_key_jwt"
    scope_claim: str = "scope"  # a text with spaces, or a list of texts
    scope_prefix: str = "nhn:vkp/api/user/"
    algorithms: tuple[str, ...] = ALGORITHMS
    leeway: float = 10.0  # seconds, for exp and nbf
    level_claim: str = ""  # how surely a person proved who they are; "" = not asked
    level: str = "4"


# what differs where a person is at the door: `sender_claim` names the person then (security.md 3)
OF_PEOPLE: Mapping[str, str] = MappingProxyType(
    {
        "audience": "knutepunkt:admin",
        "sender_claim": "helseid://claims/identity/pid",
        "scope_prefix": "knutepunkt:admin/",
        "level_claim": "helseid://claims/identity/security_level",
    }
)
