"""A sandbox token issuer with HelseID's ways (vkp.md 1.6, security.md 3), and the client's side of them.

    python -m local.helseid --clients FILE [--port P]       or, in a test:

    private, row = new_client("dispensers", "Eksempel_Dispenser_Kommune", ["nhn:vkp/api/user/bundle.write"])
    with serving([row]) as issuer:                          # or await issuer.start() and .stop() where there is a loop
        token(requests.Session(), issuer.url, "dispensers", private, row["scopes"])
        issuer.mint({"aud": "another"})                     # whatever token a test needs, right or wrong

It plays an outsider: nothing of the hub is imported. Loopback only, everything in memory, keys made anew at every start.
FILE is a JSON list of clients; clients.py says what a row holds.

    GET  /.well-known/openid-configuration
    GET  /.well-known/openid-configuration/jwks     public keys, RSA and EC
    POST /connect/token                             client_credentials with private_key_jwt; DPoP with a nonce where a proof is sent
    POST /_sandbox/person                           {"client_id", "pid", "jkt", "level": "4"}: a person's token, though nobody logs in here
    POST /_sandbox/rotate                           {"keep": true}: new keys sign; the old ones stay published, or not
    PUT  /_sandbox/behaviour                        {"mode": "down" | "slow" | "garbage" | "honest", "delay": 5}
    GET  /_sandbox/stats                            how often each page was asked for
"""

from local.helseid.asking import Discovery, NoToken, Token, ask, client_assertion, discover, dpop_proof, token
from local.helseid.clients import BadClient, new_client
from local.helseid.server import SandboxIssuer, serving

__all__ = [
    "BadClient",
    "Discovery",
    "NoToken",
    "SandboxIssuer",
    "Token",
    "ask",
    "client_assertion",
    "discover",
    "dpop_proof",
    "new_client",
    "serving",
    "token",
]
