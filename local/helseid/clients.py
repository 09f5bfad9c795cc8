"""Who may ask for tokens: the rows of the clients file, and rows made for one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import Key, generate_key

from local.helseid.jose import public_key

DPOP = ("required", "allowed", "forbidden")
_FIELDS = {"client_id": str, "vkp_id": str, "scopes": list, "jwks": dict, "dpop": str, "orgnr_parent": str}


class BadClient(Exception):
    """The text says which row and field is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Client:
    client_id: str
    vkp_id: str  # "": its tokens have no vkp-id
    scopes: tuple[str, ...]
    keys: Mapping[str, Key]  # public ones, by kid
    dpop: str  # one of DPOP
    orgnr_parent: str  # of a single-tenant client; a multi-tenant one ("") names its organisation in each assertion


def parse(rows: object) -> dict[str, Client]:
    """The clients by their ids. BadClient says where a row is wrong."""
    if not isinstance(rows, list) or not rows:
        raise BadClient("clients: expected a list of at least one object")
    clients = [_client(row, f"clients[{number}]") for number, row in enumerate(rows)]
    if len({client.client_id for client in clients}) < len(clients):
        raise BadClient("clients: two have the same client_id; each needs its own")
    return {client.client_id: client for client in clients}


def _client(row: Any, where: str) -> Client:
    if not isinstance(row, dict) or row.keys() - _FIELDS.keys():
        raise BadClient(f"{where}: expected an object with no other fields than {', '.join(_FIELDS)}")
    row = {"vkp_id": "", "dpop": "allowed", "orgnr_parent": "", **row}
    for name, kind in _FIELDS.items():
        if not isinstance(row.get(name), kind):
            raise BadClient(f"{where}.{name}: expected a {kind.__name__}")
    if not row["client_id"]:
        raise BadClient(f"{where}.client_id: expected a text that is not empty")
    if row["dpop"] not in DPOP:
        raise BadClient(f"{where}.dpop: expected one of {', '.join(DPOP)}")
    if not row["scopes"] or not all(isinstance(scope, str) and scope.isascii() and scope.split() == [scope] for scope in row["scopes"]):
        raise BadClient(f"{where}.scopes: expected at least one scope, each without spaces")
    keys = _keys(row["jwks"].get("keys"), f"{where}.jwks.keys")
    return Client(row["client_id"], row["vkp_id"], tuple(row["scopes"]), keys, row["dpop"], row["orgnr_parent"])


def _keys(jwks: object, where: str) -> dict[str, Key]:
    if not isinstance(jwks, list) or not jwks:
        raise BadClient(f"{where}: expected a list of at least one public key")
    return dict(_key(jwk, f"{where}[{number}]") for number, jwk in enumerate(jwks))


def _key(jwk: Any, where: str) -> tuple[str, Key]:
    key = public_key(jwk)
    if key is None:
        raise BadClient(f"{where}: expected a public JWK, RSA (at least 2048 bits) or EC; a private or secret key stays with its client")
    if not key.kid:
        raise BadClient(f"{where}.kid: is missing; assertions name their key by it")
    return key.kid, key


def new_client(
    client_id: str, vkp_id: str, scopes: Sequence[str], *, dpop: str = "allowed", orgnr_parent: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A private JWK for the client to keep, and its row in the clients file. EC P-384 with ES384, as in HelseID's samples."""
    key = generate_key("EC", "P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    row = {
        "client_id": client_id,
        "vkp_id": vkp_id,
        "scopes": list(scopes),
        "jwks": {"keys": [key.as_dict(private=False)]},
        "dpop": dpop,
        "orgnr_parent": orgnr_parent,
    }
    return dict(key.as_dict(private=True)), row
