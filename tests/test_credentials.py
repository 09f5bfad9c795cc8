"""What the hub shows a journal: tokens of all kinds, certificates, and what becomes of a call when something about them is wrong.

Token endpoints, journals and certificates are real ones on this machine: the sandbox issuer with HelseID's ways, and the sandbox journal
with a guard at its door. Clients with a secret are in test_token_endpoint.py.
"""

import asyncio
import base64
import json
import textwrap
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from local.helseid import SandboxIssuer, new_client
from local.journal import SandboxJournal
from local.journal.guard import Guard
from local.reaching import Outside, opened
from shared.access import assertion, dpop, jose
from shared.access.issuer import ALGORITHMS
from shared.access.rows import Auth, Client
from shared.domain.journal import Call
from shared.door import tokens
from shared.door.exchange import Heard, exchange
from shared.errors import Unavailable
from shared.fhir.told.codes import national
from tests.certificates import Issued, authority, issued, server
from tests.tokens import ec_key, key_for, private, public, rsa_key, thumbprint

NOW = 1_764_150_000.0
CODES = national()
SCOPE = "nhn:jft/api"
LARGEST = 64 * 1024
HIDDEN = "s3cret-that-nobody-may-read"
DOCUMENT = orjson.dumps(
    {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "subject": {
            "identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.1", "value": "14834812097"},
            "display": "Stille Fjellbekk",
        },
    }
)


def sending(base: str, key: str = "a") -> Call:
    return Call("POST", f"{base}/gerica/medicationdispense", {"Content-Type": "application/fhir+json", "Idempotency-Key": key}, DOCUMENT)


def oauth(token_url: str, method: str = "private_key_jwt", **changes: Any) -> Auth:
    """A client of a token endpoint, whose key or secret is the setting CLOUD_KEY."""
    client = {name: changes.pop(name) for name in list(changes) if name in Client.__slots__}
    auth = Auth("oauth", "", "hub", ("CLOUD_KEY",), client=Client(token_url, method, **{"scopes": (SCOPE,), **client}))
    return replace(auth, **changes)


@asynccontextmanager
async def hub(**env: str) -> AsyncIterator[Outside]:
    outside = opened(env)
    async with outside.http:
        yield outside


# what is signed


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_assertion_is_signed_as_the_register_says_and_names_its_key(algorithm: str) -> None:
    key = key_for(algorithm, "client")
    by = assertion.signer(json.dumps(private(key) | {"kid": "first"}).encode(), algorithm)
    signed = jose.read(assertion.client_assertion(by, "hub", "https://sts.example", NOW, "one", {}), [algorithm], "assertion")
    jose.verify(signed, public(key))
    assert signed.header == {"alg": algorithm, "kid": "first", "typ": "client-authentication+jwt"}
    assert signed.claims["exp"] - NOW <= 60
    assert signed.claims == {
        "iss": "hub",
        "sub": "hub",
        "aud": "https://sts.example",
        "jti": "one",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 30,
    }


@pytest.mark.parametrize(
    ("jwk", "algorithm"),
    [
        (private(rsa_key("client")), "PS256"),
        (private(rsa_key("client")) | {"alg": "RS512"}, "RS512"),
        (private(ec_key("client", "P-384")), "ES384"),
        (private(ec_key("client", "P-521")) | {"alg": "ES512"}, "ES512"),
    ],
)
def test_a_key_says_itself_how_it_signs_unless_the_register_does(jwk: Mapping[str, Any], algorithm: str) -> None:
    assert assertion.signer(json.dumps(jwk).encode()).algorithm == algorithm


@pytest.mark.parametrize("key", [rsa_key("client"), ec_key("client")], ids=["RSA", "EC"])
def test_a_key_as_pem_is_named_by_its_thumbprint(key: Any) -> None:
    from cryptography.hazmat.primitives import serialization as form

    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    assert assertion.signer(pem).kid == thumbprint(public(key))


@pytest.mark.parametrize(
    ("held", "algorithm"),
    [
        (json.dumps(public(ec_key("client"))), ""),
        (json.dumps({"kty": "oct", "k": "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g"}), ""),
        (json.dumps(private(ec_key("client"))), "PS256"),
        (json.dumps(private(ec_key("client"))), "ES384"),
        (json.dumps(private(rsa_key("client"))), "ES256"),
        (json.dumps(private(ec_key("client", "secp256k1"))), ""),
        (json.dumps(private(rsa_key("client")) | {"alg": "none"}), ""),
        (json.dumps(private(rsa_key("client")) | {"alg": "HS256"}), ""),
        ("{", ""),
        ("[]", ""),
        ("", ""),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n", ""),
        (HIDDEN, ""),
    ],
)
def test_what_cannot_sign_is_no_key(held: str, algorithm: str) -> None:
    with pytest.raises(ValueError, match=r"^(no|a) private key") as caught:
        assertion.signer(held.encode(), algorithm)
    assert HIDDEN not in str(caught.value)


def test_a_proof_is_for_one_call_and_its_token() -> None:
    by = assertion.signer(json.dumps(private(ec_key("client"))).encode())
    call = Call("GET", "https://EPJ.example:443/fhir/../fhir/Patient?_getpages=1#x", {}, b"")
    made = assertion.proof(by, call, NOW, "one", token="token", nonce="n")
    held = dpop.verify(made, "token", "GET", "https://epj.example/fhir/Patient", NOW, thumbprint(public(ec_key("client"))))
    signed = jose.read(made, ["ES256"], "proof", embedded=True)
    assert held.issued_at == NOW and signed.claims["nonce"] == "n"
    assert signed.claims["htu"] == "https://epj.example/fhir/Patient"
    assert "d" not in signed.header["jwk"]


def test_a_proof_for_the_token_endpoint_has_no_token_and_no_nonce_yet() -> None:
    by = assertion.signer(json.dumps(private(ec_key("client"))).encode())
    signed = jose.read(assertion.proof(by, Call("POST", "https://sts.example/token", {}, b""), NOW, "one"), ["ES256"], "p", embedded=True)
    assert signed.claims == {"jti": "one", "htm": "POST", "htu": "https://sts.example/token", "iat": NOW}


# HelseID's ways


@asynccontextmanager
async def town(*, dpop: bool = False, lifetime: int = 600, parent: str = "310123455", **env: str) -> AsyncIterator["Town"]:
    """A token issuer, a journal that takes its tokens only, and a hub with a client at the issuer."""
    key, row = new_client("hub", "", [SCOPE], dpop="required" if dpop else "forbidden", orgnr_parent=parent)
    issuer = SandboxIssuer([row], lifetime=lifetime)
    await issuer.start()
    guard = Guard(issuer.jwks, dpop=dpop)
    journal = SandboxJournal(CODES, guard=guard)
    await journal.start()
    try:
        async with hub(**{"CLOUD_KEY": json.dumps(key), **env}) as outside:
            yield Town(outside, issuer, journal, guard, oauth(f"{issuer.url}/connect/token", dpop=dpop, issuer=issuer.url))
    finally:
        await journal.stop()
        await issuer.stop()


class Town:
    def __init__(self, outside: Outside, issuer: SandboxIssuer, journal: SandboxJournal, guard: Guard, auth: Auth) -> None:
        self.hub, self.issuer, self.journal, self.guard, self.auth = outside, issuer, journal, guard, auth

    async def send(self, key: str = "a") -> int:
        return (await exchange(self.hub, sending(self.journal.url, key), self.auth, LARGEST)).status

    @property
    def fetches(self) -> int:
        return self.issuer.counts["/connect/token"]

    async def notes(self) -> int:
        async with self.hub.http.get(f"{self.journal.url}/_sandbox/gerica/notes") as answer:
            return len(await answer.json())


def test_a_bearer_token_is_got_once_and_shown_with_every_call() -> None:
    async def run() -> tuple[list[int], int, list[str]]:
        async with town() as here:
            return [await here.send(str(n)) for n in range(5)], here.fetches, here.guard.refused

    assert asyncio.run(run()) == ([201] * 5, 1, [])


def test_a_dpop_token_is_got_and_shown_with_the_nonces_that_both_ask_for() -> None:
    async def run() -> tuple[list[int], int, list[str], int]:
        async with town(dpop=True) as here:
            return [await here.send(str(n)) for n in range(5)], here.fetches, here.guard.refused, await here.notes()

    assert asyncio.run(run()) == ([201] * 5, 2, ["use_dpop_nonce"], 5)  # each nonce cost one repeat, once


def test_another_nonce_costs_one_repeat_and_no_token() -> None:
    async def run() -> tuple[int, int, list[str], int]:
        async with town(dpop=True) as here:
            await here.send("a")
            here.guard.renew()
            return await here.send("b"), here.fetches, here.guard.refused, await here.notes()

    assert asyncio.run(run()) == (201, 2, ["use_dpop_nonce"] * 2, 2)


@pytest.mark.parametrize("dpop", [False, True])
def test_a_token_that_the_journal_no_longer_takes_is_changed_and_the_call_made_again(dpop: bool) -> None:
    async def run() -> tuple[int, str, int]:
        async with town(dpop=dpop) as here:
            await here.send("a")
            before = here.fetches
            here.guard.revoke()
            status = await here.send("b")
            return status, here.guard.refused[-1], here.fetches - before

    assert asyncio.run(run()) == (201, "invalid_token", 1)


def test_many_calls_that_meet_a_spent_token_get_one_new_one_together() -> None:
    async def run() -> tuple[set[int], int]:
        async with town() as here:
            await here.send("a")
            here.guard.revoke()
            return set(await asyncio.gather(*(here.send(str(n)) for n in range(40)))), here.fetches

    statuses, fetches = asyncio.run(run())
    assert statuses == {201} and fetches == 2


def test_a_late_no_to_an_old_token_spoils_not_the_new_one() -> None:
    async def run() -> bool:
        async with town() as here:
            old = await tokens.token(here.hub, here.auth, 5)
            tokens.drop(here.hub, here.auth, old)
            new = await tokens.token(here.hub, here.auth, 5)
            tokens.drop(here.hub, here.auth, old)
            return await tokens.token(here.hub, here.auth, 5) is new

    assert asyncio.run(run())


def test_token_and_call_have_one_time_out_together() -> None:
    async def run() -> float:
        async with town(HUB_CALL_TIMEOUT_SECONDS="2") as here:
            here.issuer.behave("slow", 1.5)
            async with here.hub.http.put(f"{here.journal.url}/_sandbox/gerica/behaviour", json={"mode": "stall"}):
                pass
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                await here.send()
            return time.monotonic() - began

    assert asyncio.run(run()) < 3  # 3.5 if each had its own


def test_a_journal_that_takes_no_token_at_all_is_called_twice_and_its_no_stands() -> None:
    async def run() -> tuple[int, list[str]]:
        async with town() as here:
            here.guard._dpop = True  # it has changed its ways, and nobody told us
            return await here.send(), here.guard.refused

    assert asyncio.run(run()) == (401, ["invalid_token"] * 2)


def test_calls_that_come_together_wait_for_one_token() -> None:
    async def run() -> tuple[set[int], int]:
        async with town() as here:
            here.issuer.behave("slow", 0.2)
            return set(await asyncio.gather(*(here.send(str(n)) for n in range(60)))), here.fetches

    assert asyncio.run(run()) == ({201}, 1)


def test_a_caller_that_goes_away_takes_the_token_from_nobody() -> None:
    async def run() -> tuple[int, int]:
        async with town() as here:
            here.issuer.behave("slow", 0.3)
            first = asyncio.create_task(here.send("a"))
            await asyncio.sleep(0.1)
            second = asyncio.create_task(here.send("b"))
            await asyncio.sleep(0.05)
            first.cancel()
            return await second, here.fetches

    assert asyncio.run(run()) == (201, 1)


@pytest.mark.parametrize(
    ("parent", "client", "told"),
    [
        ("", {"parent": "310123455", "child": "310999991"}, ("310123455", "310999991")),
        ("", {"parent": "310123455"}, ("310123455", None)),
        ("310123455", {"child": "310999991"}, ("310123455", "310999991")),
        ("310123455", {}, ("310123455", None)),
    ],
)
def test_the_organisation_goes_along_as_the_register_has_it(parent: str, client: Mapping[str, Any], told: tuple[str, str | None]) -> None:
    async def run() -> str:
        async with town(parent=parent) as here:
            assert here.auth.client
            auth = replace(here.auth, client=replace(here.auth.client, **client))
            return (await tokens.token(here.hub, auth, 5)).value

    claims = json.loads(jose.decoded(asyncio.run(run()).split(".")[1]) or b"")
    assert tuple(claims.get(f"helseid://claims/client/claims/orgnr_{one}") for one in ("parent", "child")) == told


def test_an_assertion_for_another_issuer_is_refused_and_an_operator_hears_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> str:
        async with town() as here:
            return await reason(here.hub, replace(here.auth, issuer="https://sts.example"), here.journal.url)

    assert asyncio.run(run()) == "the token endpoint says invalid_client"
    (alarm,) = [json.loads(row.getMessage()) for row in caplog.records if row.levelname == "ERROR"]
    assert (alarm["alarm"], alarm["client"], alarm["error"]) == ("token not fetched", "hub", "the token endpoint says invalid_client")


async def reason(outside: Outside, auth: Auth, base: str = "http://127.0.0.1:1") -> str:
    """Why a call could not be made; nothing was sent, so nothing is unsure."""
    with pytest.raises(Unavailable) as caught:
        await exchange(outside, sending(base), auth, LARGEST)
    assert not caught.value.unsure
    assert HIDDEN not in str(caught.value)
    return caught.value.reason


# certificates


OURS, THEIRS = authority("ours"), authority("theirs")
CLIENT = issued("hub", OURS, host="")


@asynccontextmanager
async def guarded(own: Issued, clients_of: Issued | None = None) -> AsyncIterator[SandboxJournal]:
    """A journal by https, that may ask for a client certificate."""
    journal = SandboxJournal(CODES)
    await journal.start(tls=server(own, clients_of))
    try:
        yield journal
    finally:
        await journal.stop()


def shown(auth: Auth, own: Issued | None = None, clients_of: Issued | None = OURS, **env: str) -> Heard | Unavailable:
    async def run() -> Heard | Unavailable:
        async with guarded(own or issued("journal", THEIRS), clients_of) as journal, hub(EPJ_CA=THEIRS.public, **env) as outside:
            try:
                return await exchange(outside, sending(journal.url), auth, LARGEST)
            except Unavailable as error:
                return error

    return asyncio.run(run())


CERTIFIED = Auth("certificate", "", "", (), certificates=("HUB_CERT",), authority="EPJ_CA")


@pytest.mark.parametrize(
    "value",
    [
        CLIENT.pem,
        CLIENT.private + CLIENT.public,
        "Bag Attributes\n    friendlyName: hub\n" + CLIENT.pem,
        CLIENT.pkcs12,
        "\n".join(textwrap.wrap(CLIENT.pkcs12, 64)),
    ],
    ids=["pem", "key first", "pem as openssl writes it", "pkcs12", "pkcs12 on many lines"],
)
def test_a_client_certificate_is_shown_whatever_its_form(value: str) -> None:
    heard = shown(CERTIFIED, HUB_CERT=value)
    assert isinstance(heard, Heard) and heard.status == 201


@pytest.mark.parametrize("content", [CLIENT.pem.encode(), base64.b64decode(CLIENT.pkcs12)], ids=["pem", "pkcs12"])
def test_a_client_certificate_may_be_a_file(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "client"
    file.write_bytes(content)
    heard = shown(CERTIFIED, HUB_CERT=str(file))
    assert isinstance(heard, Heard) and heard.status == 201


def test_a_certificate_goes_with_any_scheme() -> None:
    basic = replace(CERTIFIED, scheme="basic", user="hub", secrets=("PASSWORD",))
    heard = shown(basic, HUB_CERT=CLIENT.pem, PASSWORD=HIDDEN)
    assert isinstance(heard, Heard) and heard.status == 201


def test_a_journal_that_asks_for_a_certificate_lets_nobody_in_without() -> None:
    assert isinstance(shown(Auth("basic", "", "hub", ("PASSWORD",), authority="EPJ_CA"), PASSWORD=HIDDEN), Unavailable)


def test_a_certificate_of_another_authority_is_not_taken() -> None:
    assert isinstance(shown(CERTIFIED, HUB_CERT=issued("hub", THEIRS, host="").pem), Unavailable)


@pytest.mark.parametrize(
    "own",
    [issued("journal", OURS), issued("journal", THEIRS, days=-1), issued("journal", THEIRS, host="epj.example"), authority("its own")],
    ids=["of an authority that is not known", "expired", "of another name", "signed by itself"],
)
def test_a_journal_whose_certificate_does_not_hold_is_not_sent_to(own: Issued) -> None:
    error = shown(CERTIFIED, own, HUB_CERT=CLIENT.pem)
    assert isinstance(error, Unavailable)
    assert not error.unsure


def test_of_two_certificates_the_one_that_is_valid_today_is_shown() -> None:
    two = replace(CERTIFIED, certificates=("HUB_OLD", "HUB_CERT"))
    heard = shown(two, HUB_OLD=issued("hub", OURS, days=-1, host="").pem, HUB_CERT=CLIENT.pem)
    assert isinstance(heard, Heard) and heard.status == 201


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (issued("hub", OURS, days=-1, host="").pem, "no client certificate that is valid now in HUB_CERT"),
        (CLIENT.public, "the setting HUB_CERT holds no client certificate together with its own key"),
        (CLIENT.public + issued("other", OURS).private, "the setting HUB_CERT holds no client certificate together with its own key"),
        (CLIENT.private, "the setting HUB_CERT holds no client certificate, as PEM or PKCS #12"),
        (base64.b64encode(b"0\x82nothing").decode(), "the setting HUB_CERT holds no client certificate, as PEM or PKCS #12"),
        ("MI%", "the setting HUB_CERT holds neither a key or certificate nor the path of a file that can be read"),
        ("/no/such/file", "the setting HUB_CERT holds neither a key or certificate nor the path of a file that can be read"),
        ("", "no client certificate that is valid now in HUB_CERT"),
    ],
)
def test_a_setting_that_holds_no_good_certificate_is_named(value: str, words: str) -> None:
    error = shown(CERTIFIED, HUB_CERT=value)
    assert isinstance(error, Unavailable)
    assert error.reason == words and not error.unsure


def test_a_locked_key_is_refused_and_nobody_asked_for_its_password() -> None:
    from cryptography.hazmat.primitives import serialization as form

    locked = CLIENT.key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"word")).decode()
    error = shown(CERTIFIED, HUB_CERT=CLIENT.public + locked)
    assert isinstance(error, Unavailable)
    assert error.reason == "the setting HUB_CERT holds no client certificate together with its own key"


@pytest.mark.parametrize("value", ["", "-----BEGIN CERTIFICATE-----", CLIENT.private, "/no/such/file"])
def test_a_setting_that_holds_no_authority_is_named(value: str) -> None:
    async def run() -> str:
        async with hub(BAD_CA=value, PASSWORD=HIDDEN) as outside:
            return await reason(outside, Auth("basic", "", "hub", ("PASSWORD",), authority="BAD_CA"))

    assert asyncio.run(run()).startswith("the setting BAD_CA h")


def test_a_renewed_certificate_is_shown_within_the_hour(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_text(issued("hub", THEIRS, host="").pem)

    async def run() -> list[bool]:
        async with guarded(issued("journal", THEIRS), OURS) as journal, hub(EPJ_CA=THEIRS.public, HUB_CERT=str(file)) as outside:
            began, taken = time.time(), []
            for passed in (0.0, 3500.0, 3700.0):
                outside.clock = partial(float, began + passed)
                try:
                    taken.append((await exchange(outside, sending(journal.url), CERTIFIED, LARGEST)).status == 201)
                except Unavailable:
                    taken.append(False)
                file.write_text(CLIENT.pem)
            return taken

    assert asyncio.run(run()) == [False, False, True]
