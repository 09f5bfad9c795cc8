"""Compact JWS, read strictly: what is signed well is read, and nothing else, whoever signed it and however."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access import jose
from shared.access.issuer import ALGORITHMS
from shared.errors import Unauthenticated
from tests.tokens import b64, ec_key, jws, key_for, number, private, public, rsa_key, thumbprint, unb64

CLAIMS = {"iss": "https://issuer.example", "secret": "Stille Fjellbekk", "n": 82.5}
Key = Mapping[str, Any]


def read(text: str, jwk: Key) -> Mapping[str, Any]:
    signed = jose.read(text, ALGORITHMS, "token")
    jose.verify(signed, jwk)
    return signed.claims


def refused(text: str, jwk: Key) -> str:
    """The reason, which tells nothing of what was sent."""
    with pytest.raises(Unauthenticated) as caught:
        read(text, jwk)
    told = caught.value.reason + caught.value.remedy
    assert caught.value.remedy
    assert not any(len(part) > 8 and part in told for part in [*text.split("."), "Fjellbekk"])
    return caught.value.reason


def token(algorithm: str = "ES256", **header: Any) -> str:
    return jws({"alg": algorithm, "kid": "1", **header}, CLAIMS, key_for(algorithm), algorithm)


GOOD, GOOD_KEY = token(), public(key_for("ES256"))
HEAD, BODY, SIGNATURE = GOOD.split(".")
RSA = public(rsa_key("issuer"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_that_is_accepted_is_read_as_pyjwt_reads_it(algorithm: str) -> None:
    jwk = public(key_for(algorithm), use="sig", alg=algorithm, key_ops=["verify"])
    text = token(algorithm)
    theirs = jwt.decode(text, jwt.PyJWK({**jwk, "kid": "1"}).key, algorithms=[algorithm])
    ours = read(text, jwk)
    assert {name: float(value) if name == "n" else value for name, value in ours.items()} == theirs == CLAIMS


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key_of_the_same_kind_verifies_nothing(algorithm: str) -> None:
    assert "signature" in refused(token(algorithm), public(key_for(algorithm, "another")))


SHAPES: Mapping[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "dots": lambda text: "..",
    "one part": lambda text: HEAD,
    "two parts": lambda text: f"{HEAD}.{BODY}",
    "four parts": lambda text: f"{text}.{SIGNATURE}",
    "five parts, as encrypted": lambda text: f"{text}.{BODY}.{BODY}",
    "no signature": lambda text: f"{HEAD}.{BODY}.",
    "no payload": lambda text: f"{HEAD}..{SIGNATURE}",
    "no header": lambda text: f".{BODY}.{SIGNATURE}",
    "a dot after": lambda text: f"{text}.",
    "a dot before": lambda text: f".{text}",
    "an odd part within": lambda text: f"{HEAD}.{BODY}.=.{SIGNATURE}",
    "padded header": lambda text: f"{HEAD}=.{BODY}.{SIGNATURE}",
    "padded signature": lambda text: f"{text}==",
    "newline after": lambda text: f"{text}\n",
    "newline within": lambda text: f"{HEAD}.{BODY}\n.{SIGNATURE}",
    "blank before": lambda text: f" {text}",
    "tab after": lambda text: f"{text}\t",
    "zero byte": lambda text: f"{text}\0",
    "twice with a comma": lambda text: f"{text}, {text}",
    "twice with a blank": lambda text: f"{text} {text}",
    "plain base64": lambda text: text.replace("-", "+").replace("_", "/") + "+",
    "full-width dots": lambda text: text.replace(".", "\uff0e"),
    "full-width letter": lambda text: "\uff45" + text[1:],
    "Arabic digit": lambda text: f"{HEAD}.{BODY}.\u0661{SIGNATURE}",
    "half a surrogate pair": lambda text: f"{text}\ud800",
    "cut in the signature": lambda text: text[:-1],
    "signature too long": lambda text: f"{HEAD}.{BODY}.{b64(unb64(SIGNATURE) + bytes(2))}",
    "signature of zeros": lambda text: f"{HEAD}.{BODY}.{b64(bytes(64))}",
    "signature as DER": lambda text: f"{HEAD}.{BODY}.{b64(ec_key('issuer').sign(f'{HEAD}.{BODY}'.encode(), ECDSA(SHA256())))}",
    "JSON serialisation": lambda text: json.dumps({"protected": HEAD, "payload": BODY, "signature": SIGNATURE}),
    "huge": lambda text: f"{HEAD}.{BODY}.{'A' * 8192}",
    "a megabyte of dots": lambda text: "." * 1_000_000,
}


OTHERWISE = {"empty": "missing", "huge": "longer", "a megabyte of dots": "longer"}  # what is told, where it is not that this is no JWS
OTHERWISE |= dict.fromkeys(("signature too long", "signature of zeros", "signature as DER"), "signature")


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_not_three_parts_of_base64url_is_refused(shape: str) -> None:
    assert OTHERWISE.get(shape, "not a compact JWS") in refused(SHAPES[shape](GOOD), GOOD_KEY)


@pytest.mark.parametrize(("size", "good"), [(8192, True), (8193, False)])
def test_a_token_has_at_most_8192_characters(size: int, good: bool) -> None:
    for more in range(3):  # base64 does not have every length, but two parts of it together do
        room = (size - len(token(x="y" * more))) * 3 // 4
        for filler in range(room - 20, room):
            text = jws({"alg": "ES256", "kid": "1", "x": "y" * more}, {**CLAIMS, "z": "y" * filler}, ec_key("issuer"), "ES256")
            if len(text) == size:
                assert read(text, GOOD_KEY)["iss"] == CLAIMS["iss"] if good else "longer" in refused(text, GOOD_KEY)
                return
    raise AssertionError("no token of that size was made")


def test_stray_last_bits_make_another_text_that_is_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = GOOD[:-1] + alphabet[alphabet.index(GOOD[-1]) ^ 1]
    assert unb64(twin.rpartition(".")[2]) == unb64(SIGNATURE)
    refused(twin, GOOD_KEY)


OBJECTS = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"82",
    b"{",
    b"{}{}",
    b"\xef\xbb\xbf{}",
    '{"alg": "ES256"}'.encode("utf-16"),
    b'{"alg": "ES256", "alg": "ES256"}',
    b'{"alg": "ES256", "a": {"b": 1, "b": 2}}',
    b'{"alg": "ES256", "a": NaN}',
    b'{"alg": "ES256", "a": -Infinity}',
    b'{"alg": "ES256", "a": "\xff"}',
    b'{"alg": "ES256", "a": "\\ud800"}',
    b'{"alg": "ES256", "a": 1,}',
    b"{'alg': 'ES256'}",
    b'{"alg": "ES256", "a": "\n"}',
    b'{"alg": "ES256", "a": ' + b"[" * 40 + b"]" * 40 + b"}",
    b"[" * 3000,
]


@pytest.mark.parametrize("body", OBJECTS, ids=range(len(OBJECTS)))
@pytest.mark.parametrize("part", ["header", "payload"])
def test_a_part_that_is_not_one_strict_json_object_is_refused_even_if_signed(part: str, body: bytes) -> None:
    header, claims = (body, CLAIMS) if part == "header" else ({"alg": "ES256"}, body)
    reason = refused(jws(header, claims, ec_key("issuer"), "ES256"), GOOD_KEY)
    assert not body or part in reason


ALGS = ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "EdDSA", "Ed25519", "ES256K", "es256", "ES256 ", "RS1", "RSA-OAEP", "dir"]


@pytest.mark.parametrize("algorithm", [*ALGS, None, 256, True, ["ES256"], {"ES256": 1}])
def test_an_algorithm_outside_the_list_is_refused_before_any_key_is_used(algorithm: object) -> None:
    text = jws({"alg": algorithm}, CLAIMS, ec_key("issuer"), "ES256")
    assert "alg" in refused(text, GOOD_KEY)
    assert refused(f"{text.rpartition('.')[0]}.AA", GOOD_KEY) == refused(text, GOOD_KEY)


def test_a_header_without_an_algorithm_is_refused() -> None:
    assert "alg" in refused(jws({"typ": "JWT"}, CLAIMS, ec_key("issuer"), "ES256"), GOOD_KEY)


def test_an_algorithm_that_this_reader_does_not_take_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        jose.read(GOOD, ("PS256",), "token")


@pytest.mark.parametrize("jwk", [RSA, {"kty": "oct", "k": RSA["n"]}], ids=["public key", "the same as a secret"])
def test_a_public_key_is_never_a_shared_secret(jwk: Key) -> None:
    key = rsa_key("issuer").public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), unb64(RSA["n"]), RSA["n"].encode(), json.dumps(RSA).encode()):
        start = f"{b64(json.dumps({'alg': 'HS256'}).encode())}.{BODY}"
        refused(f"{start}.{b64(hmac.digest(secret, start.encode(), 'sha256'))}", jwk)


FOREIGN: Mapping[str, Any] = {
    "crit": ["exp"],
    "jku": "https://issuer.example/keys",
    "x5u": "https://issuer.example/chain",
    "x5c": ["MIIB"],
    "jwk": GOOD_KEY,
    "b64": False,
    "zip": "DEF",
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("value", ["as meant", None, [], True])
def test_a_header_that_names_keys_or_changes_the_reading_is_refused(name: str, value: object) -> None:
    text = jws({"alg": "ES256", name: FOREIGN[name] if value == "as meant" else value}, CLAIMS, ec_key("issuer"), "ES256")
    assert name in refused(text, GOOD_KEY)


def test_a_header_may_say_what_changes_nothing() -> None:
    assert read(token(x5t="abc", typ="at+jwt", cty="", nonce=1, ppt={}), GOOD_KEY)["iss"] == CLAIMS["iss"]


def test_only_who_asks_for_it_gets_the_key_out_of_the_header() -> None:
    signed = jose.read(token(jwk=GOOD_KEY), ALGORITHMS, "proof", embedded=True)
    assert signed.header["jwk"] == GOOD_KEY
    with pytest.raises(Unauthenticated, match="x5c"):
        jose.read(token(jwk=GOOD_KEY, x5c=[]), ALGORITHMS, "proof", embedded=True)


def unfit() -> Mapping[str, tuple[str, Key]]:
    """An algorithm, and a key that must not verify it, although it did make the signature or says that it could."""
    small, k1 = rsa_key("small", 1024), ec_key("issuer", "secp256k1")
    point = public(ec_key("issuer"))
    return {
        "another use": ("ES256", {**GOOD_KEY, "use": "enc"}),
        "a use that is no text": ("ES256", {**GOOD_KEY, "use": ["sig"]}),
        "a use of null": ("ES256", {**GOOD_KEY, "use": None}),
        "for signing": ("ES256", {**GOOD_KEY, "key_ops": ["sign"]}),
        "for nothing": ("ES256", {**GOOD_KEY, "key_ops": []}),
        "operations as text": ("ES256", {**GOOD_KEY, "key_ops": "verify"}),
        "operations of null": ("ES256", {**GOOD_KEY, "key_ops": None}),
        "another algorithm": ("PS256", {**RSA, "alg": "RS256"}),
        "another algorithm, the other way": ("RS256", {**RSA, "alg": "PS256"}),
        "another length of the same": ("RS256", {**RSA, "alg": "RS512"}),
        "an algorithm of null": ("RS256", {**RSA, "alg": None}),
        "another curve": ("ES256", public(ec_key("issuer", "P-384"))),
        "a curve with another name": ("ES256", {**GOOD_KEY, "crv": "P-384"}),
        "a curve that is not accepted": ("ES256", public(k1)),
        "that curve, called P-256": ("ES256", {**public(k1), "crv": "P-256"}),
        "an RSA key with a curve": ("RS256", {**RSA, "crv": "P-256"}),
        "RSA for EC": ("ES256", RSA),
        "EC for RSA": ("RS256", GOOD_KEY),
        "EC called RSA": ("RS256", {**GOOD_KEY, "kty": "RSA"}),
        "RSA called EC": ("ES256", {**RSA, "kty": "EC"}),
        "a kind in small letters": ("RS256", {**RSA, "kty": "rsa"}),
        "a kind that is a list": ("RS256", {**RSA, "kty": ["RSA"]}),
        "no kind": ("RS256", {"n": RSA["n"], "e": RSA["e"]}),
        "OKP": ("ES256", {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(32))}),
        "nothing": ("RS256", {}),
        "the private key": ("ES256", private(ec_key("issuer"))),
        "the private RSA key": ("RS256", private(rsa_key("issuer"))),
        "a private member of null": ("RS256", {**RSA, "d": None}),
        "other primes": ("RS256", {**RSA, "oth": []}),
        "too short": ("RS256", public(small)),
        "too long": ("RS256", {**RSA, "n": b64(b"\1" + b"\xff" * 1024)}),
        "even modulus": ("RS256", {**RSA, "n": b64(b"\xff" * 255 + b"\xfe")}),
        "exponent of one": ("RS256", {**RSA, "e": "AQ"}),
        "even exponent": ("RS256", {**RSA, "e": "AQAC"}),
        "huge exponent": ("RS256", {**RSA, "e": b64(b"\xff" * 200)}),
        "no exponent": ("RS256", {"kty": "RSA", "n": RSA["n"]}),
        "exponent as number": ("RS256", {**RSA, "e": 65537}),
        "padded modulus": ("RS256", {**RSA, "n": RSA["n"] + "=="}),
        "modulus with junk": ("RS256", {**RSA, "n": RSA["n"] + "!"}),
        "a point beside the curve": ("ES256", {**point, "y": point["x"]}),
        "the point of zeros": ("ES256", {**point, "x": b64(bytes(32)), "y": b64(bytes(32))}),
        "a coordinate too short": ("ES256", {**point, "x": b64(unb64(point["x"])[1:])}),
        "a coordinate too long": ("ES256", {**point, "x": b64(b"\0" + unb64(point["x"]))}),
        "no coordinate": ("ES256", {"kty": "EC", "crv": "P-256", "x": point["x"]}),
        "a coordinate of null": ("ES256", {**point, "y": None}),
    }


@pytest.mark.parametrize("name", unfit())
def test_a_key_that_is_not_for_this_verifies_nothing(name: str) -> None:
    algorithm, jwk = unfit()[name]
    if name == "too short":
        text = jws({"alg": "RS256"}, CLAIMS, rsa_key("small", 1024), "RS256")
    elif "that" in name:
        text = jws({"alg": "ES256"}, CLAIMS, ec_key("issuer", "secp256k1"), "ES256")
    else:
        text = token(algorithm)
    assert "does not fit the key" in refused(text, jwk)


ELSEWHERE = (
    "another algorithm",
    "another algorithm, the other way",
    "another length of the same",
    "another curve",
    "RSA for EC",
    "EC for RSA",
)


@pytest.mark.parametrize("name", unfit())
def test_a_key_set_leaves_out_what_can_verify_nothing(name: str) -> None:
    assert jose.usable(unfit()[name][1]) is (name in ELSEWHERE)


@pytest.mark.parametrize("value", [None, [], "RSA", 1, {"keys": []}])
def test_what_is_no_key_is_not_usable(value: object) -> None:
    assert not jose.usable(value)


@pytest.mark.parametrize("more", [{}, {"use": "sig"}, {"key_ops": ["sign", "verify"]}, {"alg": "RS256"}, {"kid": 1}, {"x5c": ["MIIB"]}])
def test_a_key_that_is_for_this_verifies_it(more: dict[str, Any]) -> None:
    jwk = {**RSA, **more}
    assert jose.usable(jwk)
    assert read(token("RS256"), jwk)["iss"] == CLAIMS["iss"]


def test_a_modulus_with_a_leading_zero_is_the_same_number() -> None:
    assert read(token("RS256"), {**RSA, "n": b64(b"\0" + unb64(RSA["n"]))})["iss"] == CLAIMS["iss"]


RFC7638 = {  # the example of RFC 7638 3.1, with members that do not count
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-"
    "5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrd"
    "kt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


def test_the_thumbprint_is_the_one_of_rfc_7638() -> None:
    assert jose.thumbprint(RFC7638) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_thumbprint_is_of_the_key_and_of_nothing_else_that_it_says(algorithm: str) -> None:
    jwk = public(key_for(algorithm))
    assert jose.thumbprint({"use": "sig", **dict(reversed(jwk.items())), "alg": algorithm}) == thumbprint(jwk)


@pytest.mark.parametrize("name", ["the private key", "OKP", "nothing", "no coordinate", "exponent as number", "a kind that is a list"])
def test_what_is_no_public_key_has_no_thumbprint(name: str) -> None:
    assert jose.thumbprint(unfit()[name][1]) is None


def mutations(text: str) -> list[str]:
    """Flip, cut, insert and swap at every place."""
    found = []
    for at, letter in enumerate(text):
        before, after = text[:at], text[at + 1 :]
        found += [
            before + other + after for other in ("A" if letter != "A" else "B", chr(ord(letter) ^ 1), letter.swapcase(), ".", "=", "\n")
        ]
        found += [
            before + after,
            before,
            text[at:],
            f"{before}A{letter}{after}",
            f"{before}{letter}{letter}{after}",
            f"{before} {letter}{after}",
        ]
        found.append(before + after[:1] + letter + after[1:])
    return [other for other in dict.fromkeys(found) if other != text]


def test_no_mutation_of_a_good_token_is_accepted() -> None:
    accepted = [text for text in mutations(GOOD) if _accepted(text)]
    assert len(accepted) == 0 and len(mutations(GOOD)) > 2500


def _accepted(text: str) -> bool:
    try:
        return bool(read(text, GOOD_KEY))
    except Unauthenticated:
        return False


def test_no_bit_of_an_rsa_signature_can_be_flipped() -> None:
    text = token("RS256")
    start, _, made = text.rpartition(".")
    raw = unb64(made)
    flipped = [bytes([*raw[:at], raw[at] ^ 1 << bit, *raw[at + 1 :]]) for at in range(0, len(raw), 5) for bit in range(8)]
    assert {refused(f"{start}.{b64(one)}", RSA) for one in flipped} == {"the token has a signature that does not hold"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["RSA", "EC", "P-256", "AQAB", "sig"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "use", "key_ops", "alg", "kid"])


@settings(max_examples=300, deadline=None)
@given(st.text() | st.from_regex(r"[A-Za-z0-9_=-]*\.[A-Za-z0-9_=-]*\.[A-Za-z0-9_=-]*"))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    with pytest.raises(Unauthenticated):
        read(text, GOOD_KEY)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(MEMBERS, JSON), st.sampled_from(ALGORITHMS))
def test_no_key_raises_anything_but_a_refusal(jwk: dict[str, Any], algorithm: str) -> None:
    jose.usable(jwk)
    jose.thumbprint(jwk)
    for key in (jwk, {**GOOD_KEY, **jwk}, {**RSA, **jwk}):
        signed = jose.Signed("token", algorithm, {}, {}, b"signed", bytes(64))
        with pytest.raises(Unauthenticated):
            jose.verify(signed, key)


def test_nothing_that_was_sent_shows_where_a_token_is_printed() -> None:
    assert not re.search("Fjellbekk|issuer.example", repr(jose.read(GOOD, ALGORITHMS, "token")))


def test_coordinates_and_moduli_are_told_apart_by_kind_not_by_count() -> None:
    digest = number(int.from_bytes(hashlib.sha256(b"x").digest()))
    assert not jose.usable({"kty": "EC", "crv": "RSA", "x": digest, "y": "AQAB"})
