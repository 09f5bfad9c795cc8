"""What a municipality's file says of how the hub proves itself to a journal: read, kept, compared, and told when it is wrong."""

import json
from dataclasses import replace

import pytest

from shared.access.register import Tenant, from_json, to_json
from shared.access.register_difference import difference
from shared.access.register_toml import read
from shared.access.rows import Auth, Client, settings
from shared.access.toml_table import Finding

FILE = """
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"

[[endpoint]]
name = "epj"
title = "Journal"
adapter = "bundle"
url = "https://epj.example/knutepunkt"

[endpoint.auth]
{auth}

[[route]]
endpoint = "epj"

[lookup]
adapter = "fhir"
url = "https://epj.example/fhir"
auth = {{ scheme = "certificate", certificates = ["EPJ_CERT"] }}
"""
HELSEID = """\
scheme = "oauth"
method = "private_key_jwt"
token_url = "https://helseid-sts.nhn.no/connect/token"
issuer = "https://helseid-sts.nhn.no"
client_id = "7f1c0a52-0000-4000-8000-000000000001"
secrets = ["JFT_KEY_2026", "JFT_KEY_2027"]
scopes = ["nhn:jft/api"]
dpop = true
algorithm = "PS256"
parent = "310123455"
child = "310999903"
certificates = ["EPJ_CERT", "EPJ_CERT_NEXT"]
authority = "EPJ_CA"
"""
SECRET = """\
scheme = "oauth"
method = "client_secret_basic"
token_url = "https://sts.example/token"
client_id = "hub"
secrets = ["EPJ_SECRET"]
"""
BASIC = 'scheme = "basic"\nuser = "hub"\nsecrets = ["EPJ_PASSWORD"]\n'
CERTIFICATE = 'scheme = "certificate"\ncertificates = ["EPJ_CERT"]\n'
TLS_CLIENT = """\
scheme = "oauth"
method = "tls_client_auth"
token_url = "https://sts.example/token"
client_id = "hub"
certificates = ["EPJ_CERT"]
"""


def tenant(auth: str) -> Tenant:
    found, findings = read(FILE.format(auth=auth), "file")
    assert found is not None, [str(one) for one in findings]
    return found


def shown(auth: str) -> Auth:
    found = tenant(auth).endpoints[0].auth
    assert found is not None
    return found


def only(auth: str) -> Finding:
    found, findings = read(FILE.format(auth=auth), "file")
    assert len(findings) == 1, [str(one) for one in findings]
    assert (found is None) == (not findings[0].warning)
    return findings[0]


def test_a_client_of_helseid_is_read_whole() -> None:
    assert shown(HELSEID) == Auth(
        "oauth",
        "",
        "7f1c0a52-0000-4000-8000-000000000001",
        ("JFT_KEY_2026", "JFT_KEY_2027"),
        "https://helseid-sts.nhn.no",
        Client(
            "https://helseid-sts.nhn.no/connect/token",
            "private_key_jwt",
            dpop=True,
            scopes=("nhn:jft/api",),
            algorithm="PS256",
            parent="310123455",
            child="310999903",
        ),
        ("EPJ_CERT", "EPJ_CERT_NEXT"),
        "EPJ_CA",
    )


def test_a_client_with_a_secret_needs_no_more_than_that() -> None:
    assert shown(SECRET) == Auth("oauth", "", "hub", ("EPJ_SECRET",), client=Client("https://sts.example/token", "client_secret_basic"))


def test_a_client_that_is_known_by_its_certificate_has_no_secret() -> None:
    assert shown(TLS_CLIENT).secrets == ()


def test_a_lookup_is_shown_to_in_the_same_words() -> None:
    lookup = tenant(BASIC).lookup
    assert lookup and lookup.auth == Auth("certificate", "", "", (), certificates=("EPJ_CERT",))


@pytest.mark.parametrize("auth", [HELSEID, SECRET, BASIC, CERTIFICATE, TLS_CLIENT])
def test_every_way_survives_the_table(auth: str) -> None:
    assert from_json(to_json(tenant(auth))) == tenant(auth)


def test_rows_written_before_there_were_tokens_are_still_read() -> None:
    row = json.loads(to_json(tenant(BASIC)))
    for auth in (row["endpoints"][0]["auth"], row["lookup"]["auth"]):
        for key in ("client", "certificates", "authority", "issuer"):
            del auth[key]
    old = from_json(json.dumps(row).encode())
    assert old.endpoints == tenant(BASIC).endpoints
    assert old.lookup and old.lookup.auth == Auth("certificate", "", "", ())


def test_all_settings_that_a_journal_needs_are_known() -> None:
    assert settings(shown(HELSEID)) == ("JFT_KEY_2026", "JFT_KEY_2027", "EPJ_CERT", "EPJ_CERT_NEXT", "EPJ_CA")
    assert settings(shown(BASIC)) == ("EPJ_PASSWORD",)


WRONG = [
    (HELSEID, 'method = "private_key_jwt"\n', "", "method: is missing"),
    (HELSEID, '"private_key_jwt"', '"private_key"', 'method: is not one of those known; did you mean "private_key_jwt"?'),
    (HELSEID, "https://helseid-sts.nhn.no/connect/token", "http://helseid-sts.nhn.no/connect/token", "token_url: is not an address"),
    (HELSEID, "https://helseid-sts.nhn.no/connect/token", "https://169.254.169.254/token", "token_url: is not an address"),
    (SECRET, "https://sts.example/token", "https://user:word@sts.example/token", "token_url: is not an address"),
    (SECRET, "https://sts.example/token", "sts.example", "token_url: is not an address"),
    (SECRET, 'token_url = "https://sts.example/token"\n', "", "token_url: is missing"),
    (HELSEID, 'issuer = "https://helseid-sts.nhn.no"', 'issuer = "helseid"', "issuer: is not an address"),
    (SECRET, 'client_id = "hub"\n', "", "client_id: is missing"),
    (SECRET, 'client_id = "hub"', 'client_id = "the hub"', "client_id: is not a client's id; copy it from the issuer"),
    (SECRET, 'secrets = ["EPJ_SECRET"]\n', "", "secrets: is missing"),
    (SECRET, '["EPJ_SECRET"]', '["A_ONE", "A_TWO", "A_THREE"]', "secrets: must be a list of 1 to 2 texts"),
    (HELSEID, '"EPJ_CERT_NEXT"', '"/etc/ssl/hub.pem"', "certificates: is not the name of a setting"),
    (HELSEID, '"EPJ_CA"', '"-----BEGIN CERTIFICATE-----"', "authority: is not the name of a setting"),
    (HELSEID, '["nhn:jft/api"]', '["nhn:jft/api nhn:pmd"]', "scopes: is not a scope; write each scope as a text of its own"),
    (HELSEID, '["nhn:jft/api"]', '"nhn:jft/api"', "scopes: is of the wrong type"),
    (HELSEID, "dpop = true", 'dpop = "yes"', "dpop: is of the wrong type; write true or false"),
    (HELSEID, '"PS256"', '"HS256"', "algorithm: is not one of those known"),
    (HELSEID, '"PS256"', '"none"', "algorithm: is not one of those known"),
    (HELSEID, 'parent = "310123455"', 'parent = "31012345"', "parent: is not an organisation number; write its nine digits"),
    (HELSEID, 'child = "310999903"', 'child = "310999904"', "child: warning: looks wrong"),
    (SECRET, "scheme", 'issuer = "https://sts.example"\nscheme', "issuer: is for private_key_jwt only; remove it"),
    (SECRET, "scheme", 'parent = "310123455"\nscheme', "parent: is for private_key_jwt only"),
    (TLS_CLIENT, 'certificates = ["EPJ_CERT"]\n', "", "certificates: is missing"),
    (TLS_CLIENT, "scheme", 'secrets = ["EPJ_SECRET"]\nscheme', "secrets: is not a known key"),
    (CERTIFICATE, 'certificates = ["EPJ_CERT"]\n', "", "certificates: is missing"),
    (CERTIFICATE, "scheme", 'user = "hub"\nscheme', "user: is not a known key"),
    (BASIC, 'scheme = "basic"', 'scheme = "oauht"', 'scheme: is not one of those known; did you mean "oauth"?'),
    (BASIC, 'scheme = "basic"', 'scheme = "token"', "scheme: is not one of those known"),
    (BASIC, "scheme", "dpop = true\nscheme", "dpop: is not a known key"),
]


@pytest.mark.parametrize(("auth", "old", "new", "words"), WRONG, ids=[f"{row[3]} {n}" for n, row in enumerate(WRONG)])
def test_what_is_wrong_is_one_finding_that_names_field_and_remedy(auth: str, old: str, new: str, words: str) -> None:
    assert old in auth
    found = str(only(auth.replace(old, new, 1)))
    assert f"endpoint[0].auth.{words}" in found
    assert "-----BEGIN" not in found and "/etc/ssl" not in found and "word@" not in found


def test_a_change_of_how_the_hub_proves_itself_is_told_in_words() -> None:
    assert difference(tenant(SECRET), tenant(HELSEID)) == [
        "~ endpoint epj: auth oauth hub by client_secret_basic Bearer token of https://sts.example/token (EPJ_SECRET)"
        " -> oauth 7f1c0a52-0000-4000-8000-000000000001 https://helseid-sts.nhn.no by private_key_jwt PS256"
        " DPoP token of https://helseid-sts.nhn.no/connect/token scopes nhn:jft/api parent 310123455 child 310999903"
        " (JFT_KEY_2026, JFT_KEY_2027) (certificate EPJ_CERT, EPJ_CERT_NEXT) (authority EPJ_CA)"
    ]


@pytest.mark.parametrize("field", ["certificates", "authority", "issuer", "user", "secrets"])
def test_whatever_changes_in_it_is_told(field: str) -> None:
    old = tenant(HELSEID)
    auth = shown(HELSEID)
    new = replace(old, endpoints=(replace(old.endpoints[0], auth=replace(auth, **{field: type(getattr(auth, field))()})),))
    assert len(difference(old, new)) == 1
    assert len(difference(new, old)) == 1


@pytest.mark.parametrize("field", ["dpop", "scopes", "algorithm", "parent", "child", "method", "token_url"])
def test_whatever_changes_in_its_client_is_told(field: str) -> None:
    old, auth = tenant(HELSEID), shown(HELSEID)
    assert auth.client
    client = replace(auth.client, **{field: type(getattr(auth.client, field))()})
    (line,) = difference(old, replace(old, endpoints=(replace(old.endpoints[0], auth=replace(auth, client=client)),)))
    before, _, after = line.partition(" -> ")
    assert before.removeprefix("~ endpoint epj: auth ") != after
