"""The register's rows for the national contract: senders with a token, what they may do, service codes, the journal that is asked."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from local.register_command import known_adapters
from shared.access.permission import ACTIONS, covered, refused
from shared.access.register import from_json, to_json
from shared.access.register_difference import difference
from shared.access.register_toml import Known, parse, read
from shared.access.rows import Auth, Lookup, Service, Tenant
from shared.access.toml_table import Finding
from shared.domain.national import SERVICE_CODES

DEMO = Path(__file__).parent.parent / "local" / "demo"
KNOWN = Known(devices={"tenovi", "vkp"}, journals={"bundle"}, nationals={"vkp"}, lookups={"fhir"})
GOOD = """\
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"
validation = "strict"

[[sender]]
name = "response-centre"
title = "Responssenter"
adapters = ["vkp"]
auth = { scheme = "token", vkp_id = "Skyen Respons_Østby", issuer = "https://sts.example", header = "X-Key", secrets = ["RESPONS_KEY"] }
resources = ["bundle.write", "composition.*", "patient.read"]
service_codes = ["ta", "gps"]

[[sender]]
name = "alarm-app"
title = "App"
auth = { scheme = "token", vkp_id = "Skyen_App" }
resources = ["patient.read"]
service_codes = ["ta"]

[[sender]]
name = "scales"
title = "Vekter"
adapters = ["tenovi"]
auth = { scheme = "header", header = "X-Api-Key", secrets = ["SCALES_SECRET"] }

[[endpoint]]
name = "gerica"
title = "Gerica"
adapter = "bundle"
url = "https://journal.example/gerica"

[[route]]
endpoint = "gerica"

[[service]]
code = "ta"
codes = ["6", "6.%"]

[[service]]
code = "gps"
codes = ["%.2.3"]

[lookup]
adapter = "fhir"
url = "https://journal.example/gerica/fhir"
auth = { scheme = "basic", user = "hub", secrets = ["GERICA_PASSWORD"] }
"""


def findings(text: str) -> Sequence[Finding]:
    return read(text, "a.toml", KNOWN)[1]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def good() -> Tenant:
    return parse(GOOD, "a.toml", KNOWN)


def test_a_good_file_has_no_findings() -> None:
    assert findings(GOOD) == []


def test_a_sender_with_a_token_has_its_vkp_id_issuer_and_api_key() -> None:
    assert [sender.auth for sender in good().senders[:2]] == [
        Auth("token", "x-key", "Skyen Respons_Østby", ("RESPONS_KEY",), "https://sts.example"),
        Auth("token", "", "Skyen_App", (), ""),
    ]


def test_what_a_sender_may_do_is_as_the_file_says() -> None:
    assert [(sender.adapters, sender.resources, sender.service_codes) for sender in good().senders] == [
        (("vkp",), ("bundle.write", "composition.*", "patient.read"), ("ta", "gps")),
        ((), ("patient.read",), ("ta",)),
        (("tenovi",), (), ()),
    ]


def test_services_look_up_and_validation_are_as_the_file_says() -> None:
    auth = Auth("basic", "", "hub", ("GERICA_PASSWORD",))
    assert good().services == (Service("ta", ("6", "6.%")), Service("gps", ("%.2.3",)))
    assert good().lookup == Lookup("fhir", "https://journal.example/gerica/fhir", auth, active=True)
    assert good().validation == "strict"


def test_what_is_left_out_has_its_usual_value() -> None:
    text = changed('validation = "strict"\n', "").partition("[[service]]")[0]
    tenant = parse(text, "a.toml", KNOWN)
    assert (tenant.validation, tenant.services, tenant.lookup) == ("repair", (), None)


WRONG = [  # the change, and what the one error says
    ('validation = "strict"', 'validation = "lenient"', "tenant.validation: is not one of those known"),
    ('scheme = "token", vkp_id = "Skyen_App"', 'scheme = "tokn", vkp_id = "Skyen_App"', "sender[1].auth.scheme: is not one of those known"),
    (', vkp_id = "Skyen_App"', "", "sender[1].auth.vkp_id: is missing"),
    ('vkp_id = "Skyen_App"', 'vkp_id = ""', "sender[1].auth.vkp_id: is empty"),
    ('vkp_id = "Skyen_App"', 'vkp_id = " Skyen_App"', "sender[1].auth.vkp_id: is not a vkp-id"),
    ('vkp_id = "Skyen_App"', 'vkp_id = "Skyen\\u200bApp"', "sender[1].auth.vkp_id: is not a vkp-id"),
    ('vkp_id = "Skyen_App"', 'vkp_id = "Skyen\\nApp"', "sender[1].auth.vkp_id: is not a vkp-id"),
    ('vkp_id = "Skyen_App"', f'vkp_id = "{"a" * 101}"', "sender[1].auth.vkp_id: is not a vkp-id"),
    ('vkp_id = "Skyen_App"', 'vkp_id = "14834812097"', "sender[1].auth.vkp_id: looks like a person's number"),
    ('issuer = "https://sts.example"', 'issuer = "sts.example"', "sender[0].auth.issuer: is not the address of an issuer"),
    ('issuer = "https://sts.example"', 'issuer = "http://sts.example"', "sender[0].auth.issuer: is not the address of an issuer"),
    ('issuer = "https://sts.example"', 'issuer = "https://sts.example/?a=b"', "sender[0].auth.issuer: is not the address of an issuer"),
    ('issuer = "https://sts.example"', 'issuer = ""', "sender[0].auth.issuer: is not an address"),
    (', header = "X-Key"', "", "sender[0].auth.header: is missing"),
    (', secrets = ["RESPONS_KEY"]', "", "sender[0].auth.secrets: is missing"),
    ('header = "X-Key"', 'header = "Authorization"', "sender[0].auth.header: is not the name of a header for an API key"),
    ('"RESPONS_KEY"', '"sesam-sesam"', "sender[0].auth.secrets: is not the name of a setting"),
    ('"RESPONS_KEY"', '"SCALES_SECRET"', "sender[2].auth: names a secret that the sender in line 6 has too"),
    ('vkp_id = "Skyen_App"', 'vkp_id = "Skyen_App", user = "x"', "sender[1].auth.user: is not a known key"),
    ('vkp_id = "Skyen_App"', 'vkp_id = "Skyen_App", profile = "x"', "sender[1].auth.profile: is not a known key"),
    (
        'vkp_id = "Skyen_App"',
        'vkp_id = "Skyen Respons_Østby", issuer = "https://sts.example"',
        "sender[1].auth: has the vkp_id of the sender in line 6",
    ),
    ('resources = ["patient.read"]', "", "sender[1].resources: is missing"),
    ('resources = ["patient.read"]', "resources = []", "sender[1].resources: must be a list"),
    (
        'resources = ["patient.read"]',
        'resources = ["patients.read"]',
        'sender[1].resources: is not one of those known; did you mean "patient.read"?',
    ),
    ('resources = ["patient.read"]', 'resources = ["patient.write"]', "sender[1].resources: is not one of those known"),
    ('resources = ["patient.read"]', 'resources = ["*"]', "sender[1].resources: is not one of those known"),
    ('resources = ["patient.read"]', 'resources = ["Patient.read"]', "sender[1].resources: is not one of those known"),
    ('service_codes = ["ta"]', "", "sender[1].service_codes: is missing"),
    ('service_codes = ["ta"]', "service_codes = []", "sender[1].service_codes: must be a list"),
    ('service_codes = ["ta"]', 'service_codes = ["TA"]', "sender[1].service_codes: is not a service code"),
    ('service_codes = ["ta"]', 'service_codes = ["ta", "ta"]', "sender[1].service_codes: holds the same text twice"),
    ('adapters = ["vkp"]\n', "", "sender[0].adapters: is missing"),
    (
        'adapters = ["vkp"]',
        'adapters = ["tenovi"]',
        "sender[0].adapters: holds one that cannot carry the national contract; known are: vkp",
    ),
    ('adapters = ["vkp"]', 'adapters = ["vpk"]', 'sender[0].adapters: is not one of those known; did you mean "vkp"?'),
    (
        'adapters = ["tenovi"]',
        'adapters = ["tenovi"]\nresources = ["bundle.write"]',
        "sender[2].resources: is for a sender with a token only",
    ),
    (
        'adapters = ["tenovi"]',
        'adapters = ["tenovi"]\nservice_codes = ["ta"]',
        "sender[2].service_codes: is for a sender with a token only",
    ),
    ('code = "gps"', 'code = "ta"', "service[1].code: stands in line 36 already"),
    ('code = "gps"', 'code = "GPS"', "service[1].code: is not a service code"),
    ('code = "gps"', 'code = "14834812097"', "service[1].code: is not a service code"),
    ('code = "gps"\n', "", "service[1].code: is missing"),
    ('codes = ["%.2.3"]', "", "service[1].codes: is missing"),
    ('codes = ["%.2.3"]', "codes = []", "service[1].codes: must be a list of 1 to"),
    ('codes = ["%.2.3"]', 'codes = [" 2"]', "service[1].codes: is not one of the journal's service codes"),
    ('codes = ["%.2.3"]', 'codes = [""]', "service[1].codes: is not one of the journal's service codes"),
    ('codes = ["%.2.3"]', 'codes = ["%.2.3"]\nname = "GPS"', "service[1].name: is not a known key"),
    ('adapter = "fhir"', 'adapter = "bundle"', "lookup.adapter: is not one of those known; known are: fhir"),
    ('adapter = "fhir"\n', "", "lookup.adapter: is missing"),
    ('url = "https://journal.example/gerica/fhir"\n', "", "lookup.url: is missing"),
    ("https://journal.example/gerica/fhir", "http://journal.example/gerica/fhir", "lookup.url: would send patients' data unencrypted"),
    ('scheme = "basic", user = "hub"', 'scheme = "token", vkp_id = "hub"', "lookup.auth.scheme: is not one of those known"),
    ("[lookup]", "[lookup]\nactive = 1", "lookup.active: is of the wrong type; write true or false"),
    ("[lookup]", "[lookup]\nlines = 4", "lookup.lines: is not a known key"),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG)
def test_one_slip_makes_one_error_that_says_what_to_do(old: str, new: str, words: str) -> None:
    errors = [one for one in findings(changed(old, new)) if not one.warning]
    assert len(errors) == 1 and errors[0].remedy and errors[0].line and words in str(errors[0]), [str(one) for one in errors]


def test_a_look_up_written_as_a_list_is_told_how_to_be_a_table() -> None:
    assert any(one.key == "lookup" for one in findings(changed("[lookup]", "[[lookup]]")) if not one.warning)


WARNED = [
    (
        'resources = ["patient.read"]\nservice_codes = ["ta"]',
        'resources = ["patient.read"]\nservice_codes = ["ta", "md"]',
        "no [[service]] is for: md",
    ),
    ('service_codes = ["ta", "gps"]', 'service_codes = ["ta"]', "service[1].code: warning: no sender may look up under it"),
    (GOOD[GOOD.index("[lookup]") :], "", "sender[0].resources: warning: lets the sender look up, and there is no journal to ask"),
    ('service_codes = ["ta"]', 'service_codes = ["ta", "gsp"]', 'that is not a published one; did you mean "gps"?'),
    ('code = "gps"', 'code = "gbs"', 'service[1].code: warning: holds a ServiceCode that is not a published one; did you mean "gps"?'),
]


@pytest.mark.parametrize(("old", "new", "words"), WARNED)
def test_what_harms_nobody_is_a_warning(old: str, new: str, words: str) -> None:
    tenant, found = read(changed(old, new), "a.toml", KNOWN)
    assert tenant and any(words in str(one) for one in found), [str(one) for one in found]


def test_a_sender_that_only_writes_needs_no_service_codes_and_no_look_up() -> None:
    text = changed(
        'resources = ["bundle.write", "composition.*", "patient.read"]\nservice_codes = ["ta", "gps"]', 'resources = ["bundle.write"]'
    )
    one = text.replace(text[text.index('[[sender]]\nname = "alarm-app"') : text.index('[[sender]]\nname = "scales"')], "")
    assert findings(one.partition("[[service]]")[0]) == []


def test_the_same_vkp_id_of_another_issuer_is_another_sender() -> None:
    assert findings(changed('vkp_id = "Skyen_App"', 'vkp_id = "Skyen Respons_Østby", issuer = "https://other.example"')) == []


@pytest.mark.parametrize("vkp_id", ["a", "a" * 100, "Leverandør_System_Kommune", "leverandørnavn-kommunenavn", "Æ Ø Å", "a/b:c+d@e, (1)"])
def test_a_vkp_id_is_any_text_that_can_be_seen(vkp_id: str) -> None:
    assert parse(changed("Skyen_App", vkp_id), "a.toml", KNOWN).senders[1].auth.user == vkp_id


def test_an_issuer_may_run_on_this_machine() -> None:
    assert findings(changed("https://sts.example", "http://127.0.0.1:8099")) == []


@pytest.mark.parametrize("action", ACTIONS)
def test_everything_that_can_be_done_can_be_granted(action: str) -> None:
    text = changed('resources = ["bundle.write", "composition.*", "patient.read"]', f'resources = ["{action}"]')
    tenant = parse(text, "a.toml", KNOWN)
    assert refused(tenant, tenant.senders[0], action, [action], ["ta"]) is None


def test_a_placeholder_of_the_look_up_is_filled_in() -> None:
    text = changed("https://journal.example/gerica/fhir", "${JOURNAL_URL}/fhir")
    found = parse(text, "a.toml", KNOWN, {"JOURNAL_URL": "http://127.0.0.1:1"}).lookup
    assert found and found.url == "http://127.0.0.1:1/fhir"


def test_where_nothing_is_known_of_adapters_any_name_is_taken() -> None:
    assert read(GOOD, "a.toml")[1] == []


def test_known_adapters_are_told_apart_by_what_they_can() -> None:
    known = known_adapters()
    assert {"vkp"} <= set(known.nationals) < set(known.devices)
    assert not set(known.nationals) & {"tenovi", "scaip", "ttn"}
    assert "bundle" in known.journals and "bundle" not in known.lookups


# ---- The demo


@pytest.mark.parametrize("file", sorted(DEMO.glob("*.toml")), ids=lambda file: file.name)
def test_the_demo_municipalities_have_all_that_the_contract_asks_for(file: Path) -> None:
    tenant, found = read(file.read_text(), file.name, known_adapters())
    assert tenant and [str(one) for one in found if one.key != "tenant.orgnr"] == []
    everything = next(sender for sender in tenant.senders if sender.name == "response-centre-vkp")
    assert [action for action in ACTIONS if refused(tenant, everything, action, [action], list(SERVICE_CODES))] == []


@pytest.mark.parametrize(
    ("code", "services"),
    [("ta", {"6"}), ("gps", {"26"}), ("md", {"2.2.3", "27"}), ("dt", {"28"}), ("rt", {"6", "26", "27", "28", "2.2.3"}), ("dho", set())],
)
def test_in_the_demo_each_service_code_stands_for_its_own_services(code: str, services: set[str]) -> None:
    for file in DEMO.glob("*.toml"):
        tenant = parse(file.read_text(), file.name)
        assert {one for one in ("6", "26", "27", "28", "2.2.3", "16", "2", "") if covered(tenant, [code], [one])} == services


# ---- In the table, and on the way there


def test_a_municipality_survives_the_table() -> None:
    assert from_json(to_json(good())) == good()


def test_a_row_from_before_there_was_a_national_contract_is_read_as_without_it() -> None:
    old = json.loads(to_json(replace(good(), senders=good().senders[2:])))
    for row in (old, *old["senders"]):
        for name in ("validation", "services", "lookup", "resources", "service_codes"):
            row.pop(name, None)
    for row in (*old["senders"], *old["endpoints"]):
        if row["auth"]:
            del row["auth"]["issuer"]
    tenant = from_json(json.dumps(old).encode())
    assert tenant == replace(good(), senders=good().senders[2:], services=(), lookup=None, validation="repair")


CHANGES = [
    ('validation = "strict"', "", ["~ municipality 310123455: validation strict -> repair"]),
    (
        '"bundle.write", ',
        "",
        ["~ sender response-centre: resources bundle.write, composition.*, patient.read -> composition.*, patient.read"],
    ),
    ('service_codes = ["ta", "gps"]', 'service_codes = ["gps"]', ["~ sender response-centre: service codes ta, gps -> gps"]),
    (
        ', issuer = "https://sts.example"',
        "",
        [
            "~ sender response-centre: auth token x-key Skyen Respons_Østby https://sts.example (RESPONS_KEY)"
            " -> token x-key Skyen Respons_Østby (RESPONS_KEY)"
        ],
    ),
    ("Skyen_App", "Skyen_App_2", ["~ sender alarm-app: auth token Skyen_App -> token Skyen_App_2"]),
    ('codes = ["6", "6.%"]', 'codes = ["6.%"]', ["~ service ta: patterns 6, 6.% -> 6.%"]),
    ('code = "gps"', 'code = "dt"', ["- service gps", "+ service dt: %.2.3"]),
    ("gerica/fhir", "gerica/r4", ["~ look-up by fhir: url https://journal.example/gerica/fhir -> https://journal.example/gerica/r4"]),
    (GOOD[GOOD.index("[lookup]") :], "", ["- look-up by fhir"]),
    ("[lookup]", "[lookup]\nactive = false", ["~ look-up by fhir: active yes -> no"]),
]


@pytest.mark.parametrize(("old", "new", "lines"), CHANGES)
def test_a_change_is_told_in_words(old: str, new: str, lines: list[str]) -> None:
    assert difference(good(), parse(changed(old, new), "a.toml", KNOWN)) == lines


def test_a_new_municipality_says_whom_it_lets_do_what() -> None:
    told = difference(None, good())
    auth = "auth token x-key Skyen Respons_Østby https://sts.example (RESPONS_KEY)"
    rights = "resources bundle.write, composition.*, patient.read; service codes ta, gps"
    assert f"+ sender response-centre: Responssenter; {auth}; {rights}" in told
    assert "+ service gps: %.2.3" in told
    assert "+ look-up by fhir: https://journal.example/gerica/fhir, auth basic hub (GERICA_PASSWORD)" in told


@pytest.mark.parametrize(("pattern", "word"), [("%", "every service"), ("%%", "every service"), ("6.*", "a *")])
def test_a_pattern_that_opens_more_or_less_than_it_looks_is_warned_of(pattern: str, word: str) -> None:
    told = findings(GOOD.replace('"%.2.3"', f'"{pattern}"'))
    assert [(finding.warning, word in finding.what) for finding in told] == [(True, True)]


def test_every_field_of_a_municipality_that_differs_is_told() -> None:
    bare = replace(good(), senders=(), endpoints=(), routes=(), services=(), lookup=None, validation="repair")
    for name in asdict(good()):
        if getattr(bare, name) != getattr(good(), name):
            assert difference(bare, replace(bare, **{name: getattr(good(), name)})), name
