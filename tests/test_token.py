"""Access tokens: who is let in by whom, and everything that looks like a token and is none."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access.issuer import ALGORITHMS, Issuer
from shared.access.jose import LONGEST
from shared.access.permission import grants
from shared.access.token import Claims, look, verify
from shared.errors import Unauthenticated
from tests.tokens import Json, b64, ec_key, jws, key_for, private, public, rsa_key, thumbprint

NOW = 1_764_150_000.0
A = Issuer("https://helseid-sts.test.nhn.no")
B = Issuer("https://issuer.example/b", audience="hub-b", sender_claim="system", client_claim="azp", method_claim="", scope_prefix="")
KEY, OTHER = ec_key("issuer"), ec_key("another")
JWK = public(KEY, kid="1", use="sig", alg="ES256")
VKP_ID, CLIENT = "Dispenservakten_Skyen_310123455", "0b6fa9a4-1d2a-4d7f-9d5f-2f2f0a1f8e11"
SECRETS = (VKP_ID, CLIENT)
GOOD: Mapping[str, Any] = {
    "iss": A.issuer,
    "aud": "nhn:vkp",
    "exp": NOW + 600,
    "nbf": NOW,
    "iat": NOW,
    "jti": "B1C2D3",
    "client_id": CLIENT,
    "client_amr": "private_key_jwt",
    "nhn:vkp/client/claims/vkp-id": VKP_ID,
    "helseid://claims/client/claims/orgnr_parent": "310123455",
    "scope": ["nhn:vkp/api/user/bundle.write", "nhn:vkp/api/user/patient.read"],
}
FOR_B: Mapping[str, Any] = {"iss": B.issuer, "aud": "hub-b", "exp": NOW + 600, "system": VKP_ID, "azp": CLIENT, "scope": "patient.read"}


def mint(claims: Json = GOOD, header: Json | None = None, **changes: Any) -> str:
    """A token of issuer A, well signed. A claim of ... is left out."""
    if not isinstance(claims, bytes):
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
    return jws(header or {"alg": "ES256", "kid": "1", "typ": "at+jwt"}, claims, KEY, "ES256")


def headed(**changes: Any) -> str:
    header = {"alg": "ES256", "kid": "1", "typ": "at+jwt", **changes}
    return mint(header={name: value for name, value in header.items() if value is not ...})


def check(token: str, *issuers: Issuer, jwk: Mapping[str, Any] = JWK, now: float = NOW) -> Claims:
    return verify(look(token, issuers or (A, B)), jwk, now)


def refused(token: str, *issuers: Issuer, jwk: Mapping[str, Any] = JWK, now: float = NOW) -> str:
    """The reason, which tells nothing of what was sent."""
    with pytest.raises(Unauthenticated) as caught:
        check(token, *issuers, jwk=jwk, now=now)
    told = caught.value.reason + caught.value.remedy
    assert caught.value.remedy
    assert not any(secret in told for secret in (*SECRETS, *(part for part in token.split(".") if len(part) > 8)))
    return caught.value.reason


def test_a_good_token_says_who_it_is_and_what_it_may_do() -> None:
    claims = check(mint())
    assert claims == Claims(A.issuer, VKP_ID, CLIENT, frozenset({"bundle.write", "patient.read"}), "", NOW + 600)


def test_another_issuer_says_it_in_its_own_claims() -> None:
    assert check(mint(FOR_B)) == Claims(B.issuer, VKP_ID, CLIENT, frozenset({"patient.read"}), "", NOW + 600)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("audience", ["nhn:vkp", ["nhn:vkp"]], ids=["text", "list of one"])
def test_what_is_accepted_pyjwt_accepts_too(algorithm: str, audience: object) -> None:
    jwk = public(key_for(algorithm), kid="1")
    token = jws({"alg": algorithm, "kid": "1", "typ": "JWT"}, {**GOOD, "aud": audience}, key_for(algorithm), algorithm)
    must = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "iss", "aud"]}  # its clock cannot be set
    theirs = jwt.decode(token, jwt.PyJWK(jwk).key, algorithms=[algorithm], audience="nhn:vkp", issuer=A.issuer, options=must)  # type: ignore[arg-type]
    ours = check(token, jwk=jwk)
    assert (ours.issuer, ours.client, ours.expires) == (theirs["iss"], theirs["client_id"], theirs["exp"])


def test_a_look_says_whose_key_is_needed_and_believes_nothing_else() -> None:
    seen = look(jws({"alg": "ES256", "kid": "7", "typ": "at+jwt"}, GOOD, OTHER, "ES256"), [B, A])
    assert (seen.issuer, seen.kid) == (A, "7")
    assert not any(secret in repr(seen) for secret in SECRETS)


@pytest.mark.parametrize("kid", [..., ""])
def test_a_token_may_name_no_key(kid: object) -> None:
    assert look(headed(kid=kid), [A]).kid == ""


@pytest.mark.parametrize("kid", [1, None, True, ["1"], {"1": 1}, "x" * 201, "a\nb", "a\0", "\u2028", "\u202e1"])
def test_a_key_id_is_a_short_printable_text(kid: object) -> None:
    assert "kid" in refused(headed(kid=kid))


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "JWT", "jwt", "application/at+jwt", "Application/AT+JWT"])
def test_the_types_of_access_tokens_are_taken_in_any_letters(kind: str) -> None:
    assert check(headed(typ=kind)).sender == VKP_ID


KINDS = ["dpop+jwt", "client-authentication+jwt", "logout+jwt", "secevent+jwt", "id_token+jwt", "JWS", "JOSE", "", "at+jwt ", "at"]


@pytest.mark.parametrize("kind", [..., None, 1, ["at+jwt"], *KINDS, "application/jwt", "at+\u212awt"])
def test_another_type_is_refused_although_it_is_well_signed(kind: object) -> None:
    assert "typ" in refused(headed(typ=kind))


def test_an_id_token_is_no_access_token() -> None:
    claims = {"iss": A.issuer, "aud": CLIENT, "exp": NOW + 600, "iat": NOW, "nonce": "n", "at_hash": "h", "sub": "s"}
    assert "aud" in refused(mint(claims, {"alg": "ES256", "kid": "1", "typ": "JWT"}))
    assert "client_amr" in refused(mint(claims, {"alg": "ES256", "kid": "1", "typ": "JWT"}, aud="nhn:vkp"))


def test_a_clients_assertion_is_no_access_token() -> None:
    claims = {"iss": CLIENT, "sub": CLIENT, "aud": A.issuer, "exp": NOW + 60, "iat": NOW, "nbf": NOW, "jti": "j"}
    assert "typ" in refused(mint(claims, {"alg": "ES256", "kid": "1", "typ": "client-authentication+jwt"}))
    assert "iss" in refused(mint(claims, {"alg": "ES256", "kid": "1", "typ": "JWT"}))


NEAR = ["/", "#", "?", " ", "\n"]
ISSUERS = [
    *(A.issuer + end for end in NEAR),
    A.issuer.upper(),
    A.issuer.replace("https", "http"),
    A.issuer[:-1],
    "",
    "helseid-sts.test.nhn.no",
    f"{A.issuer}:443",
    f"{A.issuer}, {B.issuer}",
    "https://evil.example",
    [A.issuer],
    [A.issuer, B.issuer],
    {A.issuer: 1},
    None,
    1,
    True,
    ...,
]


@pytest.mark.parametrize("issuer", ISSUERS, ids=range(len(ISSUERS)))
def test_an_issuer_is_known_letter_by_letter_or_not_at_all(issuer: object) -> None:
    assert "iss" in refused(mint(iss=issuer))


def test_a_hub_without_issuers_believes_no_token() -> None:
    with pytest.raises(Unauthenticated):
        look(mint(), [])


def test_a_key_of_one_issuer_signs_nothing_for_another() -> None:
    of_b = public(OTHER, kid="1")
    signed_by_b = jws({"alg": "ES256", "kid": "1", "typ": "at+jwt"}, GOOD, OTHER, "ES256")
    assert look(signed_by_b, [A, B]).issuer is A  # so A's key is fetched, whatever B has under the same id
    assert "signature" in refused(signed_by_b, jwk=JWK)
    assert "aud" in refused(mint(GOOD, iss=B.issuer))
    assert "signature" in refused(mint(FOR_B), jwk=of_b)


def test_a_token_for_one_issuers_audience_is_not_good_from_the_other() -> None:
    assert "aud" in refused(mint(FOR_B, aud="nhn:vkp"))
    assert "aud" in refused(mint(aud="hub-b"))


def test_each_issuer_has_its_own_algorithms() -> None:
    assert "alg" in refused(mint(), replace(A, algorithms=("PS256",)), replace(B, algorithms=("ES256",)))
    assert check(mint(), replace(A, algorithms=("PS256", "ES256"))).sender == VKP_ID


AUDIENCES = [
    ["nhn:vkp", "nhn:other"],
    ["nhn:other", "nhn:vkp"],
    ["nhn:vkp", "nhn:vkp"],
    ["nhn:other"],
    [],
    [["nhn:vkp"]],
    "nhn:other",
    "nhn:vkp ",
    "NHN:VKP",
    "nhn:vkp nhn:other",
    "nhn:vkp/",
    "nhn",
    "",
    {"nhn:vkp": 1},
    None,
    True,
    0,
    ...,
]


@pytest.mark.parametrize("audience", AUDIENCES, ids=range(len(AUDIENCES)))
def test_our_audience_is_the_only_one(audience: object) -> None:
    assert "aud" in refused(mint(aud=audience))


@pytest.mark.parametrize(("late", "good"), [(-600, True), (0, True), (9, True), (9.9, True), (10, False), (11, False), (1e9, False)])
def test_a_token_ends_when_it_says_and_ten_seconds_later_at_the_latest(late: float, good: bool) -> None:
    token = mint(exp=NOW - late)
    if good:
        assert check(token).expires == NOW - late
    else:
        assert "expired" in refused(token)


def test_the_leeway_is_the_issuers() -> None:
    assert "expired" in refused(mint(exp=NOW), replace(A, leeway=0.0))
    assert check(mint(exp=NOW - 59), replace(A, leeway=60.0)).sender == VKP_ID


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize(("early", "good"), [(-1e9, True), (0, True), (10, True), (11, False), (3600, False)])
def test_a_token_from_the_future_is_refused(claim: str, early: float, good: bool) -> None:
    token = mint({**GOOD, claim: NOW + early})
    if good:
        assert check(token).sender == VKP_ID
    else:
        assert claim in refused(token)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_only_the_end_must_be_said(claim: str) -> None:
    assert check(mint({**GOOD, claim: ...})).expires == NOW + 600
    assert "exp" in refused(mint(exp=...))


TIMES = [
    "true",
    "false",
    "null",
    '"1764150600"',
    "[1764150600]",
    "{}",
    "1e400",
    "-1e400",
    "1764150600000",
    "9" * 400,
    "1e99999",
    '""',
    '"NaN"',
]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_a_time_is_a_number_of_seconds(claim: str, time: str) -> None:
    body = json.dumps({**GOOD, claim: "here"}).replace('"here"', time).encode()
    assert "time" in refused(mint(body))


@pytest.mark.parametrize("time", ["NaN", "Infinity", "-Infinity"])
def test_a_time_that_json_does_not_have_is_refused(time: str) -> None:
    assert "payload" in refused(mint(json.dumps({**GOOD, "exp": "here"}).replace('"here"', time).encode()))


@pytest.mark.parametrize("time", ["1764150600", "1764150600.5", "1.7641506e9", "1764150600.000"])
def test_a_time_may_be_written_as_json_writes_numbers(time: str) -> None:
    body = json.dumps({**GOOD, "exp": "here"}).replace('"here"', time).encode()
    assert check(mint(body)).expires == float(time)


@pytest.mark.parametrize("claim", [*GOOD, "other"])
def test_a_claim_that_stands_twice_is_refused(claim: str) -> None:
    body = json.dumps(GOOD)[:-1] + f', "{claim}": 1, "{claim}": 1}}'
    assert "payload" in refused(mint(body.encode()))


@pytest.mark.parametrize("claim", ["exp", "aud", "iss", "client_id", "client_amr", "nhn:vkp/client/claims/vkp-id"])
@pytest.mark.parametrize("value", [..., None, True, 1, [], {}, "", ["a", "b"]])
def test_a_claim_that_must_be_there_cannot_be_missing_or_of_another_type(claim: str, value: object) -> None:
    refused(mint({**GOOD, claim: value}))


@pytest.mark.parametrize("claim", ["client_id", "nhn:vkp/client/claims/vkp-id"])
@pytest.mark.parametrize("value", ["x" * 201, "a\nb", "a\tb", "a\0b", "\x7f", "a\u2028b", "\u202eb", "\ue000", "\ufeffa"])
def test_a_name_is_a_short_printable_text(claim: str, value: str) -> None:
    assert claim in refused(mint({**GOOD, claim: value}))


@pytest.mark.parametrize("name", ["x", "x" * 200, "Leverandør_System_Kommune", "leverandør as-kommune", "310 123 455"])
def test_a_vkp_id_is_opaque(name: str) -> None:
    assert check(mint({**GOOD, "nhn:vkp/client/claims/vkp-id": name})).sender == name


@pytest.mark.parametrize(
    "method", ["client_secret", "PRIVATE_KEY_JWT", "private_key_jwt client_secret", ["private_key_jwt", "client_secret"], "none"]
)
def test_a_client_that_proved_itself_otherwise_is_refused(method: object) -> None:
    assert "client_amr" in refused(mint(client_amr=method))


@pytest.mark.parametrize("level", [..., "3", "", 4, ["4", "3"], None, {"4": True}])
def test_a_person_who_proved_less_than_is_asked_is_refused(level: object) -> None:
    people = replace(A, level_claim="level")
    assert check(mint(level="4"), people).sender == VKP_ID
    assert "level 4" in refused(mint(level=level), people)


def test_an_issuer_need_not_say_how_its_clients_prove_themselves() -> None:
    assert check(mint(client_amr=...), replace(A, method_claim="")).client == CLIENT
    assert check(mint(client_amr=["private_key_jwt"])).client == CLIENT


P = "nhn:vkp/api/user/"
SCOPES: list[tuple[object, set[str]]] = [
    (f"{P}patient.read", {"patient.read"}),
    (f"{P}patient.read {P}bundle.*", {"patient.read", "bundle.*"}),
    (f"  {P}patient.read   {P}patient.read ", {"patient.read"}),
    ([f"{P}patient.read", f"{P}bundle.*"], {"patient.read", "bundle.*"}),
    (f"openid {P}patient.read nhn:other/api/user/bundle.write patient.read", {"patient.read"}),
    (["NHN:VKP/api/user/patient.read", f"x{P}patient.read", "bundle.write"], set()),
    ([f"{P}patient.read {P}bundle.write"], {f"patient.read {P}bundle.write"}),  # one odd scope, not two
    (f"{P}patient.read\n{P}bundle.write", {f"patient.read\n{P}bundle.write"}),  # RFC 6749: only a blank separates
    (f"{P}{P}patient.read", {f"{P}patient.read"}),
    (P, set()),
    ("", set()),
    ([], set()),
    (..., set()),
]


@pytest.mark.parametrize(("scope", "meant"), SCOPES, ids=range(len(SCOPES)))
def test_scopes_are_those_with_our_prefix(scope: object, meant: set[str]) -> None:
    assert check(mint(scope=scope)).scopes == meant


@pytest.mark.parametrize("scope", [None, 1, True, {}, {f"{P}patient.read": 1}, [1], [None], [[f"{P}patient.read"]]])
def test_scopes_are_texts(scope: object) -> None:
    assert "scope" in refused(mint(scope=scope))


def test_an_issuer_may_have_its_scopes_elsewhere() -> None:
    assert check(mint(scp="hub:patient.read"), replace(A, scope_claim="scp", scope_prefix="hub:")).scopes == {"patient.read"}


@pytest.mark.parametrize(
    ("scopes", "action", "allowed"),
    [
        ({"patient.read"}, "patient.read", True),
        ({"patient.*"}, "patient.read", True),
        ({"patient.*"}, "patient.write", True),
        ({"patient.write"}, "patient.read", False),
        ({"patient"}, "patient.read", False),
        ({"*"}, "patient.read", False),
        ({"*.*", "*.read"}, "patient.read", False),
        ({"Patient.read", "PATIENT.*"}, "patient.read", False),
        ({"patient.read.x", "patient.*.x", "xpatient.*"}, "patient.read", False),
        (set(), "patient.read", False),
    ],
)
def test_a_scope_allows_what_it_names_or_all_of_its_resource(scopes: set[str], action: str, allowed: bool) -> None:
    assert grants(scopes, action) is allowed


def test_a_token_that_is_bound_to_a_key_says_to_which() -> None:
    mark = thumbprint(public(rsa_key("client")))
    assert check(mint(cnf={"jkt": mark})).thumbprint == mark
    assert mark not in repr(check(mint(cnf={"jkt": mark})))


MARK = thumbprint(public(OTHER))
BOUND = [
    None,
    {},
    [],
    MARK,
    json.dumps({"jkt": MARK}),
    [{"jkt": MARK}],
    {"jkt": None},
    {"jkt": ""},
    {"jkt": 1},
    {"jkt": [MARK]},
    {"jkt": MARK[:-1]},
    {"jkt": MARK + "="},
    {"jkt": MARK + "AAAA"},
    {"jkt": "!" * 43},
    {"JKT": MARK},
    {"x5t#S256": MARK},
    {"jkt": MARK, "x5t#S256": MARK},
    {"jwk": public(OTHER)},
]


@pytest.mark.parametrize("bound", BOUND, ids=range(len(BOUND)))
def test_a_binding_that_cannot_be_checked_is_not_taken_for_none(bound: object) -> None:
    assert "cnf" in refused(mint(cnf=bound))


def test_the_issuers_key_must_be_one_for_signatures() -> None:
    for jwk in ({**JWK, "use": "enc"}, {**JWK, "key_ops": ["sign"]}, {**JWK, "alg": "ES384"}, private(KEY), {}):
        assert "key" in refused(mint(), jwk=jwk)


def test_a_key_for_one_padding_is_not_one_for_another() -> None:
    key = rsa_key("issuer")
    token = jws({"alg": "PS256", "kid": "1", "typ": "at+jwt"}, GOOD, key, "PS256")
    assert check(token, jwk=public(key)).sender == VKP_ID
    assert "key" in refused(token, jwk=public(key, alg="RS256"))
    relabelled = jws({"alg": "RS256", "kid": "1", "typ": "at+jwt"}, GOOD, key, "PS256")
    assert "signature" in refused(relabelled, jwk=public(key))


@pytest.mark.parametrize(
    "header", [{"jwk": public(OTHER)}, {"jku": "https://evil.example"}, {"x5c": ["MIIB"]}, {"crit": ["exp"]}, {"b64": False}]
)
def test_a_token_brings_no_key_and_no_conditions_of_its_own(header: dict[str, Any]) -> None:
    token = jws({"alg": "ES256", "kid": "1", "typ": "at+jwt", **header}, GOOD, OTHER, "ES256")
    assert next(iter(header)) in refused(token, jwk=public(OTHER))


def test_a_token_without_signature_is_refused_whatever_it_calls_that() -> None:
    body = b64(json.dumps(GOOD).encode())
    for algorithm in ("none", "None", "nOnE", ""):
        for signature in ("", "AA", b64(b"none")):
            refused(f"{b64(json.dumps({'alg': algorithm, 'typ': 'at+jwt'}).encode())}.{body}.{signature}")


def test_a_long_token_is_read_and_a_huge_one_is_not() -> None:
    def padded(size: int) -> str:
        return mint(filler="x" * size)

    room = (LONGEST - len(padded(0))) * 3 // 4 - 4
    assert check(padded(room)).sender == VKP_ID
    assert "longer" in refused(padded(room + 20))
    assert "longer" in refused(padded(1_000_000))


@pytest.mark.parametrize("claims", [b"[]", b"null", b"1", b'"x"', b"", b"{", b'{"iss": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}"])
def test_claims_are_one_object(claims: bytes) -> None:
    refused(mint(claims))


def test_no_token_with_one_character_changed_is_accepted() -> None:
    token = mint()
    accepted = 0
    for at, letter in enumerate(token):
        for other in (
            "A" if letter != "A" else "B",
            "",
            letter + letter,
            letter + ".",
            letter.swapcase() if letter.isalpha() else "-_"[letter == "-"],
        ):
            try:
                check(token[:at] + other + token[at + 1 :])
                accepted += 1
            except Unauthenticated:
                continue
    assert accepted == 0 and len(token) > 500


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*GOOD, "cnf", "sub", "act"]), VALUE, min_size=1, max_size=4),
    st.dictionaries(st.text(max_size=5), VALUE, max_size=2),
)
def test_whatever_the_claims_are_it_is_a_yes_or_a_refusal(changes: dict[str, Any], header: dict[str, Any]) -> None:
    try:
        claims = check(mint({**GOOD, **changes}, {"typ": "JWT", **header, "alg": "ES256"}))
    except Unauthenticated:
        return
    assert claims.issuer == A.issuer and claims.expires > NOW - 10
