"""DPoP proofs: one request, one key, one token, now; everything else is refused, whoever signed it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access.dpop import Proof, normal, verify
from shared.access.issuer import ALGORITHMS
from shared.errors import Unauthenticated
from tests.tokens import Json, Private, b64, ec_key, jws, key_for, private, public, rsa_key, thumbprint, unb64

NOW = 1_764_150_000.0
KEY, OTHER = ec_key("client"), ec_key("thief")
JWK = public(KEY)
MARK = thumbprint(JWK)
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJub2JvZHkifQ.c2lnbmF0dXJl"  # what it says does not matter here
ATH = b64(hashlib.sha256(TOKEN.encode()).digest())
URL = "https://hub.example/epj/r4/310123455/patient/_search"
GOOD: Mapping[str, Any] = {"jti": "3f9c", "htm": "POST", "htu": URL, "iat": NOW, "ath": ATH}


def made(claims: Json | None = None, header: Mapping[str, Any] | None = None, key: Private = KEY, algorithm: str = "ES256") -> str:
    """A proof, well signed. What is ... is left out."""
    body = claims if isinstance(claims, bytes) else _filled({**GOOD, **(claims or {})})
    return jws(_filled({"typ": "dpop+jwt", "alg": algorithm, "jwk": public(key), **(header or {})}), body, key, algorithm)


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ...}


def check(proof: str, token: str = TOKEN, method: str = "POST", url: str = URL, now: float = NOW, mark: str = MARK) -> Proof:
    return verify(proof, token, method, url, now, mark)


def refused(proof: str, **changes: Any) -> str:
    """The reason, which tells nothing of what was sent."""
    with pytest.raises(Unauthenticated) as caught:
        check(proof, **changes)
    told = caught.value.reason + caught.value.remedy
    assert caught.value.remedy
    assert not any(secret in told for secret in (MARK, ATH, TOKEN, URL, *(part for part in proof.split(".") if len(part) > 8)))
    return caught.value.reason


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_good_proof_holds_and_says_when_it_was_made(algorithm: str) -> None:
    key = key_for(algorithm, "client")
    assert check(made(key=key, algorithm=algorithm), mark=thumbprint(public(key))).issued_at == NOW


def test_a_big_key_fits_in_a_proof() -> None:
    key = rsa_key("client", 4096)
    assert check(made(key=key, algorithm="PS512"), mark=thumbprint(public(key))).issued_at == NOW


FAULTS: Mapping[str, tuple[str, Callable[[], str]]] = {  # the first thirteen: HelseID's own test tool (security.md 3)
    "wrong htm": ("htm", lambda: made({"htm": "GET"})),
    "wrong htu": ("htu", lambda: made({"htu": "https://hub.example/epj/r4/310123455/patient"})),
    "wrong ath": ("ath", lambda: made({"ath": b64(hashlib.sha256(b"another token").digest())})),
    "wrong typ": ("typ", lambda: made(header={"typ": "JWT"})),
    "wrong alg": ("alg", lambda: made(header={"alg": "HS256"})),
    "wrong jwk": ("jwk", lambda: made(header={"jwk": public(OTHER)})),
    "old iat": ("iat", lambda: made({"iat": NOW - 16})),
    "no jti": ("jti", lambda: made({"jti": ...})),
    "nothing": ("missing", lambda: ""),
    "wrong signature": ("signature", lambda: made(header={"jwk": JWK}, key=OTHER)),
    "private key in the header": ("jwk", lambda: made(header={"jwk": private(KEY)})),
    "another key": ("jwk", lambda: made(key=OTHER)),
    "htu twice": ("payload", lambda: made((json.dumps(GOOD)[:-1] + ', "htu": "https://evil.example/"}').encode())),
    "htu twice, the same": ("payload", lambda: made((json.dumps(GOOD)[:-1] + f', "htu": "{URL}"}}').encode())),
    "no htm": ("htm", lambda: made({"htm": ...})),
    "htm in small letters": ("htm", lambda: made({"htm": "post"})),
    "several htm": ("htm", lambda: made({"htm": ["POST"]})),
    "no htu": ("htu", lambda: made({"htu": ...})),
    "several htu": ("htu", lambda: made({"htu": [URL]})),
    "no ath": ("ath", lambda: made({"ath": ...})),
    "ath with padding": ("ath", lambda: made({"ath": ATH + "="})),
    "ath in hex": ("ath", lambda: made({"ath": hashlib.sha256(TOKEN.encode()).hexdigest()})),
    "ath of nothing": ("ath", lambda: made({"ath": b64(hashlib.sha256(b"").digest())})),
    "ath as list": ("ath", lambda: made({"ath": [ATH]})),
    "no typ": ("typ", lambda: made(header={"typ": ...})),
    "typ of an access token": ("typ", lambda: made(header={"typ": "at+jwt"})),
    "typ in capitals": ("typ", lambda: made(header={"typ": "DPOP+JWT"})),
    "typ as list": ("typ", lambda: made(header={"typ": ["dpop+jwt"]})),
    "alg none": ("alg", lambda: made(header={"alg": "none"})),
    "no alg": ("alg", lambda: made(header={"alg": ...})),
    "alg of another kind": ("key", lambda: made(header={"alg": "RS256"})),
    "alg of another curve": ("key", lambda: made(header={"alg": "ES384"})),
    "no jwk": ("jwk", lambda: made(header={"jwk": ...})),
    "jwk of null": ("jwk", lambda: made(header={"jwk": None})),
    "jwk as text": ("jwk", lambda: made(header={"jwk": json.dumps(JWK)})),
    "jwk as list": ("jwk", lambda: made(header={"jwk": [JWK]})),
    "jwk of nothing": ("jwk", lambda: made(header={"jwk": {}})),
    "jwk without y": ("jwk", lambda: made(header={"jwk": {name: value for name, value in JWK.items() if name != "y"}})),
    "jwk with a private member of null": ("jwk", lambda: made(header={"jwk": {**JWK, "d": None}})),
    "jwk with a secret": ("jwk", lambda: made(header={"jwk": {**JWK, "k": "c2VjcmV0"}})),
    "jwk for encryption": ("key", lambda: made(header={"jwk": {**JWK, "use": "enc"}})),
    "jwk for signing": ("key", lambda: made(header={"jwk": {**JWK, "key_ops": ["sign"]}})),
    "jwk for another alg": ("key", lambda: made(header={"jwk": {**JWK, "alg": "ES384"}})),
    "jwk twice": ("header", lambda: _twice("jwk", json.dumps(JWK))),
    "alg twice": ("header", lambda: _twice("alg", '"ES256"')),
    "jku beside the jwk": ("jku", lambda: made(header={"jku": "https://evil.example/keys"})),
    "x5c beside the jwk": ("x5c", lambda: made(header={"x5c": ["MIIB"]})),
    "crit": ("crit", lambda: made(header={"crit": ["nonce"], "nonce": "1"})),
    "b64": ("b64", lambda: made(header={"b64": False})),
    "no iat": ("iat", lambda: made({"iat": ...})),
    "iat ahead": ("iat", lambda: made({"iat": NOW + 6})),
    "iat in milliseconds": ("iat", lambda: made({"iat": NOW * 1000})),
    "iat as text": ("iat", lambda: made({"iat": str(NOW)})),
    "iat as truth": ("iat", lambda: made({"iat": True})),
    "iat as list": ("iat", lambda: made({"iat": [NOW]})),
    "iat without end": ("iat", lambda: made(json.dumps(GOOD).replace(str(NOW), "1e999").encode())),
    "iat that is no number": ("payload", lambda: made(json.dumps(GOOD).replace(str(NOW), "NaN").encode())),
    "empty jti": ("jti", lambda: made({"jti": ""})),
    "long jti": ("jti", lambda: made({"jti": "x" * 129})),
    "jti as number": ("jti", lambda: made({"jti": 1})),
    "jti as list": ("jti", lambda: made({"jti": ["3f9c"]})),
    "jti with a newline": ("jti", lambda: made({"jti": "3f\n9c"})),
    "jti with a zero byte": ("jti", lambda: made({"jti": "3f9c\0"})),
    "jti with half a surrogate pair": ("payload", lambda: made({"jti": "\ud800"})),
    "no signature": ("JWS", lambda: made().rpartition(".")[0] + "."),
    "two proofs with a comma": ("JWS", lambda: f"{made()}, {made()}"),
    "two proofs without a blank": ("JWS", lambda: f"{made()},{made()}"),
    "two proofs with a blank": ("JWS", lambda: f"{made()} {made()}"),
    "the access token itself": ("typ", lambda: TOKEN),
    "claims as list": ("payload", lambda: made(b"[]")),
    "huge": ("longer", lambda: made({"filler": "x" * 9000})),
    "newline after": ("JWS", lambda: made() + "\n"),
    "padded": ("JWS", lambda: made() + "=="),
    "an RSA key that is too short": ("jwk", lambda: made(key=rsa_key("small", 1024), algorithm="RS256")),
}


def _twice(name: str, value: str) -> str:
    header = json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": JWK})[:-1] + f', "{name}": {value}}}'
    return jws(header.encode(), GOOD, KEY, "ES256")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_proof_with_one_fault_is_refused_and_the_fault_is_named(fault: str) -> None:
    word, proof = FAULTS[fault]
    assert word in refused(proof())


def test_a_key_that_is_too_short_proves_nothing_even_if_a_token_is_bound_to_it() -> None:
    key = rsa_key("small", 1024)
    assert "key" in refused(made(key=key, algorithm="RS256"), mark=thumbprint(public(key)))


def test_a_proof_for_another_token_is_refused() -> None:
    assert "ath" in refused(made(), token=TOKEN + "A")


@pytest.mark.parametrize("mark", ["", thumbprint(public(OTHER)), MARK.lower(), MARK + "=", MARK[:-1]])
def test_a_proof_for_a_token_that_is_bound_to_another_key_or_none_is_refused(mark: str) -> None:
    assert ("cnf" if not mark else "jwk") in refused(made(), mark=mark)


@pytest.mark.parametrize("method", ["GET", "post", "Post", "POST ", ""])
def test_a_proof_is_for_one_method(method: str) -> None:
    assert "htm" in refused(made(), method=method)
    assert check(made({"htm": method}), method=method).issued_at == NOW


@pytest.mark.parametrize(
    ("age", "good"), [(-6, False), (-5.1, False), (-5, True), (0, True), (10, True), (15, True), (15.1, False), (16, False)]
)
def test_a_proof_is_good_for_ten_seconds_and_clocks_may_be_five_apart(age: float, good: bool) -> None:
    if good:
        assert check(made({"iat": NOW - age})).issued_at == NOW - age
    else:
        assert "iat" in refused(made({"iat": NOW - age}))


def test_what_a_proof_says_beyond_its_duty_changes_nothing() -> None:
    assert check(made({"nonce": "n", "exp": 1, "sub": "s"}, {"kid": "1"})).issued_at == NOW


@pytest.mark.parametrize("name", ["x", "x" * 128, "0c8a6c0e-6f0e-4b55-b2a6-0d0f6f0b3f5e", "å b/c?d"])
def test_an_id_is_any_short_text(name: str) -> None:
    assert check(made({"jti": name})).issued_at == NOW


def test_each_proof_has_its_own_key_for_the_replay_store_and_the_same_proof_the_same() -> None:
    other = thumbprint(public(OTHER))
    keys = [check(made(claims)).key for claims in ({}, {"jti": "3f9d"}, {"jti": "3f9c "}, {"jti": "å"})]
    keys.append(check(made(key=OTHER), mark=other).key)
    assert len(set(keys)) == 5
    assert check(made({"iat": NOW - 3})).key == check(made(), now=NOW + 9).key == keys[0]
    assert all(len(key) == 64 and key.isalnum() for key in keys)  # any jti is a good row key, and none can be read out of it


SAME = [
    "https://hub.example/a/b",
    "HTTPS://HUB.Example/a/b",
    "https://hub.example:443/a/b",
    "https://hub.example:0443/a/b",
    "https://hub.example:/a/b",
    "https://hub.example/a/b?x=1",
    "https://hub.example/a/b?",
    "https://hub.example/a/b#part",
    "https://hub.example/a/b?x=/../y#z?",
    "https://hub.example/a/./b",
    "https://hub.example/./a/b",
    "https://hub.example/a/c/../b",
    "https://hub.example/../a/b",
    "https://hub.example/%61/b",
    "https://hub.example/a/%2e/b",
    "https://hub.example/a/c/%2E%2e/b",
]
DIFFERENT = [
    "http://hub.example/a/b",
    "https://hub.example/a/b/",
    "https://hub.example/A/b",
    "https://hub.example/a//b",
    "https://hub.example//a/b",
    "https://hub.example/a%2Fb",
    "https://hub.example/a/b%20",
    "https://hub.example/a/b;x",
    "https://hub.example/a/b/.",
    "https://hub.example/a/b/..",
    "https://hub.example/a",
    "https://hub.example",
    "https://hub.example:8443/a/b",
    "https://hub.example:80/a/b",
    "https://hub.example./a/b",
    "https://evil.example/a/b",
    "https://hub.example.evil.example/a/b",
    "https://hub.example@evil.example/a/b",
    "https://evil.example#@hub.example/a/b",
]
NO_ADDRESS = [
    "",
    "/a/b",
    "hub.example/a/b",
    "//hub.example/a/b",
    "https:/hub.example/a/b",
    "https:///a/b",
    "ftp://hub.example/a/b",
    "https://user@hub.example/a/b",
    "https://user:word@hub.example/a/b",
    "https://hub.example:port/a/b",
    "https://hub.example:999999/a/b",
    "https://hub.example:443:443/a/b",
    "https://hub.example\\a\\b",
    "https://hub.example/a b",
    "https://hub.example/a/b\n",
    "\nhttps://hub.example/a/b",
    " https://hub.example/a/b",
    "https://hub.example/a/b\0",
    "https://hub.example/a\tb",
    "https://hub.example/å/b",
    "https://hub.\u0435xample/a/b",
    "http\u017f://hub.example/a/b",
    "https://hub.example/%6/b",
    "https://hub.example/%zz/b",
    "https://hub.example/%/b",
    "https://hub.example/<a>/b",
    "https://hub.example/a/b https://evil.example",
    "https://hub.example,https://evil.example/a/b",
    "https://[::1/a/b",
    "https://[hub]/a/b",
    "https://" + "a" * 9000,
]


@pytest.mark.parametrize("url", SAME)
def test_an_address_may_be_written_in_other_ways(url: str) -> None:
    assert normal(url) == SAME[0]
    assert check(made({"htu": url}), url=SAME[0]) == check(made({"htu": SAME[0]}), url=url)


@pytest.mark.parametrize("url", [*DIFFERENT, *NO_ADDRESS], ids=range(len(DIFFERENT) + len(NO_ADDRESS)))
def test_another_address_is_another_address(url: str) -> None:
    assert refused(made({"htu": url}), url=SAME[0])
    assert "htu" in refused(made({"htu": SAME[0]}), url=url)


@pytest.mark.parametrize("url", NO_ADDRESS[:-1], ids=range(len(NO_ADDRESS) - 1))
def test_what_is_no_address_equals_nothing_not_even_itself(url: str) -> None:
    assert normal(url) is None
    assert "htu" in refused(made({"htu": url}), url=url)


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("https://hub.example", "https://hub.example/"),
        ("https://hub.example?x", "https://hub.example/"),
        ("https://hub.example/a/..", "https://hub.example/"),
        ("https://hub.example/a/b/..", "https://hub.example/a/"),
        ("https://hub.example/a//../b", "https://hub.example/a/b"),
        ("https://hub.example/.../..a/.b", "https://hub.example/.../..a/.b"),
        ("https://hub.example/%7e", "https://hub.example/~"),
        ("https://hub.example/%c3%a5%2f", "https://hub.example/%C3%A5%2F"),
        ("http://127.0.0.1:7071/x", "http://127.0.0.1:7071/x"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("https://hub.example:80/x", "https://hub.example:80/x"),
    ],
)
def test_an_address_is_written_as_rfc_3986_writes_it(url: str, meant: str) -> None:
    assert normal(url) == meant
    assert normal(meant) == meant


def test_no_proof_with_one_character_changed_is_accepted() -> None:
    proof, accepted, tried = made(), 0, 0
    for at, letter in enumerate(proof):
        before, after = proof[:at], proof[at + 1 :]
        for other in (
            "A" if letter != "A" else "B",
            chr(ord(letter) ^ 1),
            "",
            letter + letter,
            letter + ".",
            "=" + letter,
            letter + "\n",
            "," + letter,
        ):
            tried += 1
            try:
                check(before + other + after)
                accepted += 1
            except Unauthenticated:
                continue
    assert accepted == 0 and tried > 3000


def test_no_bit_of_what_a_proof_says_can_be_flipped() -> None:
    parts, accepted = made().split("."), 0
    for which, part in enumerate(parts):
        raw = unb64(part)
        for bit in range(len(raw) * 8):
            other = raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :]
            try:
                check(".".join([*parts[:which], b64(other), *parts[which + 1 :]]))
                accepted += 1
            except Unauthenticated:
                continue
    assert accepted == 0


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([URL, ATH, MARK]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*JWK, "d", "n", "e", "use"]), inner, max_size=4),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*GOOD, "nonce"]), VALUE, max_size=3),
    st.dictionaries(st.sampled_from(["typ", "jwk", "kid"]), VALUE, max_size=2),
)
def test_whatever_a_proof_says_it_is_a_yes_or_a_refusal(claims: dict[str, Any], header: dict[str, Any]) -> None:
    try:
        proof = check(made(claims, header))
    except Unauthenticated:
        return
    assert {**GOOD, **claims, "jti": 0, "iat": 0} | {"nonce": 0} == {
        **GOOD,
        "jti": 0,
        "iat": 0,
        "nonce": 0,
    } and -5 <= NOW - proof.issued_at <= 15


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"https?://[a-z.\[\]:@0-9]{1,12}(/[a-zA-Z.%0-9~;]{0,4}){0,5}[?#]?", fullmatch=True))
def test_no_address_raises_and_a_normal_one_stays_so(url: str) -> None:
    found = normal(url)
    assert found is None or normal(found) == found
