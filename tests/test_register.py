"""The register: a file that is wrong says all of it, a file that is right answers who is who."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.register import Register, from_json, to_json
from shared.access.register_difference import difference
from shared.access.register_toml import Known, RegisterError, parse, read
from shared.access.rows import Endpoint, Tenant
from shared.access.toml_table import Finding
from shared.domain.event import Alert, Device, Event, Note, What
from shared.domain.message import Lane

DEMO = Path(__file__).parent.parent / "local" / "demo"
KNOWN = Known(devices={"tenovi", "scaip", "ttn", "vkp"}, journals={"bundle"})
STILLE, RUND, BLID = "14834812097", "01815050130", "29826050002"
MIDSUMMER = datetime(2026, 6, 15, 10, tzinfo=UTC)

GOOD = """\
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"

[[sender]]
name = "scales"
title = "Vekter"
adapters = ["tenovi"]
auth = { scheme = "header", header = "X-Api-Key", secrets = ["SCALES_SECRET"] }

[[sender]]
name = "alarms"
title = "Alarmer"
adapters = ["scaip", "ttn"]
auth = { scheme = "basic", user = "bridge", secrets = ["ALARMS_OLD", "ALARMS_NEW"] }

[[endpoint]]
name = "gerica"
title = "Gerica"
adapter = "bundle"
url = "https://journal.example/gerica"

[[endpoint]]
name = "cosdoc"
title = "CosDoc"
adapter = "bundle"
url = "https://journal.example/cosdoc"
lines = 8
auth = { scheme = "header", header = "X-Hub", secrets = ["COSDOC_SECRET"] }

[[route]]
endpoint = "gerica"

[[route]]
endpoint = "cosdoc"
adapters = ["tenovi"]
kinds = ["measurement", "alert"]
lanes = ["routine"]

[[device]]
system = "https://knutepunkt.example/tenovi/hwi-device-id"
value = "scale-1"
citizen = "14834812097"
name = "Stille Fjellbekk"
since = 2026-01-12T10:00:00+01:00
until = 2026-06-15T12:00:00+02:00

[[device]]
system = "https://knutepunkt.example/tenovi/hwi-device-id"
value = "scale-1"
citizen = "01815050130"
name = "Rund Myrstein"
since = 2026-06-15T12:00:00+02:00
"""
SCALE = Device("https://knutepunkt.example/tenovi/hwi-device-id", "scale-1")


def findings(text: str) -> Sequence[Finding]:
    return read(text, "a.toml", KNOWN)[1]


def changed(old: str, new: str, count: int = 1) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, count)


def only(text: str) -> Finding:
    tenant, found = read(text, "a.toml", KNOWN)
    assert len(found) == 1, [str(one) for one in found]
    assert found[0].warning is (tenant is not None)
    assert found[0].remedy
    return found[0]


def line_of(words: str, text: str = GOOD) -> int:
    return text[: text.index(words)].count("\n") + 1


def good() -> Tenant:
    return parse(GOOD, "a.toml", KNOWN)


def test_a_good_file_has_no_findings() -> None:
    assert findings(GOOD) == []


@pytest.mark.parametrize("file", sorted(DEMO.glob("*.toml")), ids=lambda file: file.name)
def test_the_demo_files_can_be_applied(file: Path) -> None:
    assert parse(file.read_text(), file.name, KNOWN, {"JOURNAL_URL": "http://127.0.0.1:4000"}).orgnr == file.stem


def test_no_two_demo_senders_share_a_secret() -> None:
    tenants = [parse(file.read_text(), file.name, KNOWN) for file in DEMO.glob("*.toml")]
    names = [name for tenant in tenants for sender in tenant.senders for name in sender.auth.secrets]
    assert len(names) == len(set(names))


def test_what_is_left_out_has_its_usual_value() -> None:
    tenant = good()
    assert (tenant.active, tenant.retention_hours, tenant.senders[0].active, tenant.endpoints[0].lines) == (True, 72, True, 4)


WRONG = [  # the change, the words that stand in the finding, the text in whose line it is found
    ('name = "Eksempel kommune"', "", "tenant.name: is missing", "[tenant]"),
    ("[tenant]", "[tenants]", "tenant: is missing", None),
    ("[tenant]", "[tenants]", 'tenants: is not a known key; did you mean "tenant"?', None),
    ('orgnr = "310123455"', 'orgnr = "31012345"', "tenant.orgnr: is not an organisation number", "orgnr ="),
    ('orgnr = "310123455"', 'orgnr = "٣١٠١٢٣٤٥٥"', "tenant.orgnr: is not an organisation number", "orgnr ="),
    ('orgnr = "310123455"', "orgnr = 310123455", "tenant.orgnr: is of the wrong type; write a text in quotes", "orgnr ="),
    ('name = "Eksempel kommune"', 'name = "a\\nb"', "tenant.name: is not a title", 'name = "Eksempel'),
    ('name = "Eksempel kommune"', 'name = "x"\nactive = "yes"', "tenant.active: is of the wrong type; write true or false", None),
    ('name = "Eksempel kommune"', 'name = "x"\nretention_hours = -1', "tenant.retention_hours: must be between 0 and", None),
    ('name = "Eksempel kommune"', 'name = "x"\nretention_hours = true', "tenant.retention_hours: is of the wrong type", None),
    ('name = "Eksempel kommune"', 'nme = "x"', "", None),
    ('name = "scales"', 'name = "Scales"', "sender[0].name: is not a name", 'name = "scales"'),
    ('name = "scales"', f'name = "{"a" * 41}"', "sender[0].name: is not a name", 'name = "scales"'),
    ('name = "alarms"', 'name = "scales"', "sender[1].name: stands in line 5 already", 'name = "alarms"'),
    ('name = "cosdoc"', 'name = "gerica"', "a.toml:24: endpoint[1].name: stands in line 17 already", None),
    (
        'adapters = ["tenovi"]\nauth',
        'adapters = ["tenvoi"]\nauth',
        'sender[0].adapters: is not one of those known; did you mean "tenovi"?',
        "adapters",
    ),
    ('adapters = ["scaip", "ttn"]', 'adapters = ["ttn", "ttn"]', "sender[1].adapters: holds the same text twice", 'adapters = ["scaip"'),
    ('adapters = ["scaip", "ttn"]', "adapters = []", "sender[1].adapters: must be a list of 1 to 100 texts", 'adapters = ["scaip"'),
    ('adapters = ["scaip", "ttn"]', "adapters = [1]", "sender[1].adapters: must be a list", 'adapters = ["scaip"'),
    ('adapters = ["scaip", "ttn"]', 'adapters = "ttn"', "sender[1].adapters: is of the wrong type", 'adapters = ["scaip"'),
    ('scheme = "header"', 'scheme = "heder"', 'sender[0].auth.scheme: is not one of those known; did you mean "header"?', "auth ="),
    (
        'scheme = "header", header = "X-Api-Key"',
        'scheme = "hmac", profile = "svixx"',
        'auth.profile: is not one of those known; did you mean "svix"?',
        "auth =",
    ),
    ('header = "X-Api-Key"', 'header = "X Api Key"', "auth.header: is not the name of a header", "auth ="),
    ('header = "X-Api-Key"', 'header = "X-Api-Key", user = "u"', "auth.user: is not a known key", "auth ="),
    ('user = "bridge"', 'user = "bri:dge"', "auth.user: is not a user name", 'auth = { scheme = "basic"'),
    ('user = "bridge", ', "", "auth.user: is missing", 'auth = { scheme = "basic"'),
    (
        '["ALARMS_OLD", "ALARMS_NEW"]',
        '["ALARMS_A", "ALARMS_B", "ALARMS_C"]',
        "auth.secrets: must be a list of 1 to 2 texts",
        'auth = { scheme = "basic"',
    ),
    ('"ALARMS_NEW"', '"SCALES_SECRET"', "sender[1].auth: names a secret that the sender in line 5 has too", 'auth = { scheme = "basic"'),
    ('auth = { scheme = "header", header = "X-Api-Key", secrets = ["SCALES_SECRET"] }', "", "sender[0].auth: is missing", "[[sender]]"),
    (
        'adapter = "bundle"',
        'adapter = "bundel"',
        'endpoint[0].adapter: is not one of those known; did you mean "bundle"?',
        'adapter = "bundle"',
    ),
    ("lines = 8", "lines = 65", "endpoint[1].lines: must be between 1 and 64", "lines ="),
    ("lines = 8", "lines = 0", "endpoint[1].lines: must be between 1 and 64", "lines ="),
    (
        'auth = { scheme = "header", header = "X-Hub"',
        'auth = { scheme = "hmac", header = "X-Hub"',
        "endpoint[1].auth.scheme: is not one of those known",
        'auth = { scheme = "header", header = "X-Hub"',
    ),
    ('endpoint = "cosdoc"', 'endpoint = "cosdok"', "route[1].endpoint: names no endpoint of this file", 'endpoint = "cosdoc"'),
    (
        'kinds = ["measurement", "alert"]',
        'kinds = ["measurment"]',
        'route[1].kinds: is not one of those known; did you mean "measurement"?',
        "kinds =",
    ),
    ('lanes = ["routine"]', 'lanes = ["fast"]', "route[1].lanes: is not one of those known; known are: alarm, routine", "lanes ="),
    ('system = "https', 'system = "', "device[0].system: is not a URI", "system ="),
    ('value = "scale-1"\ncitizen = "0', 'value = "scale 1"\ncitizen = "0', "device[1].value: is not a device's number", None),
    (
        "since = 2026-01-12T10:00:00+01:00",
        "since = 2026-01-12T10:00:00",
        "device[0].since: is a time without its offset",
        "since = 2026-01",
    ),
    (
        "since = 2026-01-12T10:00:00+01:00",
        "since = 2026-01-12",
        "device[0].since: is of the wrong type; write a time, as 2026-",
        "since = 2026-01",
    ),
    (
        "since = 2026-01-12T10:00:00+01:00",
        'since = "2026-01-12T10:00:00+01:00"',
        "device[0].since: is of the wrong type",
        "since = 2026-01",
    ),
    ("since = 2026-01-12T10:00:00+01:00", "since = 2026-07-12T10:00:00+02:00", "device[0].until: is not after since", "until ="),
    ("until = 2026-06-15T12:00:00+02:00", "until = 2026-06-15T12:00:00", "device[0].until: is a time without its offset", "until ="),
    ("until = 2026-06-15T12:00:00+02:00", "", "device[1].since: the device is still bound in line", "since = 2026-06-15"),
    (
        "until = 2026-06-15T12:00:00+02:00",
        "until = 2026-06-15T12:00:01+02:00",
        "device[1].since: the device is still bound in line 40 then",
        "since = 2026-06-15",
    ),
    ('name = "Rund Myrstein"', "", "device[1].name: is missing", None),
]


@pytest.mark.parametrize(("old", "new", "words", "place"), WRONG)
def test_what_is_wrong_is_said_with_its_line_and_remedy(old: str, new: str, words: str, place: str | None) -> None:
    found = findings(changed(old, new))
    assert all(one.remedy and one.file == "a.toml" for one in found)
    assert any(words in str(one) and (place is None or one.line == line_of(place)) for one in found), [str(one) for one in found]


@pytest.mark.parametrize(("old", "new", "words", "place"), [row for row in WRONG if row[3]])
def test_one_slip_makes_one_error(old: str, new: str, words: str, place: str) -> None:
    assert len([one for one in findings(changed(old, new)) if not one.warning]) == 1


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = changed('name = "scales"', 'name = "Scales"').replace("lines = 8", "lines = 99").replace('citizen = "0', 'citizen = "1')
    assert [one.line for one in findings(text)] == [6, 28, 51]


def test_an_unknown_key_comes_with_what_may_have_been_meant() -> None:
    found = only(changed('name = "Eksempel kommune"', 'name = "x"\nretention_hour = 3'))
    assert str(found) == 'a.toml:4: tenant.retention_hour: is not a known key; did you mean "retention_hours"?'


@pytest.mark.parametrize("section", ["senders", "Device"])
def test_an_unknown_section_comes_with_what_may_have_been_meant(section: str) -> None:
    assert "did you mean" in only(f"{GOOD}\n[[{section}]]\nname = 1\n").remedy


def test_a_section_written_as_one_table_is_told_how_to_be_a_list() -> None:
    assert any(
        "[[route]]" in one.remedy for one in findings(GOOD.replace('[[route]]\nendpoint = "gerica"\n', "").replace("[[route]]", "[route]"))
    )


@pytest.mark.parametrize("secret", ["hunter2", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "A", "A B", "Å_SECRET", "9A_SECRET", "A" * 65])
def test_a_secret_where_its_name_belongs_is_refused_and_not_repeated(secret: str) -> None:
    found = only(changed("SCALES_SECRET", secret))
    assert found.key == "sender[0].auth.secrets"
    assert len(secret) < 7 or secret not in str(found)


@pytest.mark.parametrize("number", ["14834812098", "14834812197", "24834812097", "1483481209", "148348120970", "", "١٤٨٣٤٨١٢٠٩٧"])
def test_a_person_number_that_cannot_be_one_is_refused_by_line_and_not_repeated(number: str) -> None:
    text = changed(STILLE, number)
    found = only(text)
    assert (found.key, found.line) == ("device[0].citizen", line_of("citizen =", text))
    assert not number or number not in str(found)


def test_a_person_number_used_as_a_key_is_not_repeated() -> None:
    assert not [one for one in findings(f"{GOOD}{STILLE} = 1\n") if STILLE in str(one)]


@pytest.mark.parametrize(
    "url",
    [
        "http://journal.example/x",
        "http://127.0.0.1.example/x",
        "http://10.0.0.4/x",
        "ftp://journal.example",
        "journal.example",
        "https://",
        "https://[x",
        "https://a:b@c/x",
        "https://journal.example/x?key=1",
        "https://journal.example/#x",
        "https://169.254.169.254/x",
        "https://168.63.129.16/x",
        "https://0.0.0.0/x",
        "https://a:99999/x",
        "https://a b/",
        "file:///x",
    ],
)
def test_an_address_that_patients_data_must_not_go_to_is_refused(url: str) -> None:
    assert only(changed("https://journal.example/gerica", url)).key == "endpoint[0].url"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/x", "https://journal.example:8443/a/b", "https://10.0.0.4/x"]
)
def test_an_address_is_https_or_this_machine(url: str) -> None:
    assert parse(changed("https://journal.example/gerica", url), "a.toml", KNOWN).endpoints[0].url == url


def test_a_placeholder_is_filled_in() -> None:
    text = changed("https://journal.example/gerica", "${JOURNAL_URL}/gerica")
    assert parse(text, "a.toml", KNOWN, {"JOURNAL_URL": "http://127.0.0.1:1"}).endpoints[0].url == "http://127.0.0.1:1/gerica"


def test_a_placeholder_stays_where_no_hub_runs() -> None:
    assert (
        parse(changed("https://journal.example/gerica", "${JOURNAL_URL}/gerica"), "a.toml", KNOWN).endpoints[0].url
        == "${JOURNAL_URL}/gerica"
    )


def test_a_placeholder_without_a_value_is_refused() -> None:
    with pytest.raises(RegisterError, match="without a value: JOURNAL_URL"):
        parse(changed("https://journal.example/gerica", "${JOURNAL_URL}/gerica"), "a.toml", KNOWN, {})


def test_what_a_placeholder_brings_is_checked_like_the_rest() -> None:
    with pytest.raises(RegisterError, match="unencrypted"):
        parse(changed("https://journal.example/gerica", "${JOURNAL_URL}/x"), "a.toml", KNOWN, {"JOURNAL_URL": "http://journal.example"})


WARNED = [
    ('orgnr = "310123455"', 'orgnr = "310123456"', "tenant.orgnr"),
    ('[[route]]\nendpoint = "gerica"\n', '[[route]]\nendpoint = "gerica"\nadapters = ["scaip"]\n', "sender[1].adapters"),
    (
        '[[route]]\nendpoint = "cosdoc"\nadapters = ["tenovi"]\nkinds = ["measurement", "alert"]\nlanes = ["routine"]\n',
        "",
        "endpoint[1].name",
    ),
]


@pytest.mark.parametrize(("old", "new", "key"), WARNED)
def test_what_looks_wrong_but_may_be_meant_is_a_warning(old: str, new: str, key: str) -> None:
    found = only(changed(old, new))
    assert (found.key, found.warning) == (key, True)


SHAPED = Known(KNOWN.devices, KNOWN.journals, {SCALE.system: re.compile(r"scale-[0-9]")})


def test_a_device_number_that_no_device_of_its_kind_has_is_a_warning() -> None:
    found = read(changed('value = "scale-1"', 'value = "skale-1"'), "a.toml", SHAPED)[1]
    assert [(one.key, one.warning, one.line) for one in found] == [("device[0].value", True, line_of('value = "scale-1"'))]
    assert "skale-1" not in str(found[0])


def test_a_system_that_no_adapter_reads_devices_from_is_a_warning_with_the_one_that_was_meant() -> None:
    found = read(changed("tenovi/hwi-device-id", "tenovi/device-id"), "a.toml", SHAPED)[1]
    assert [(one.key, one.warning, one.remedy) for one in found] == [("device[0].system", True, f'did you mean "{SCALE.system}"?')]


def test_where_nothing_is_known_of_devices_any_number_will_do() -> None:
    assert findings(changed('value = "scale-1"', 'value = "skale-1"')) == []


@pytest.mark.parametrize("name", [STILLE, f"citizen-{STILLE}", "148348-12097"])
@pytest.mark.parametrize(("old", "key"), [('name = "alarms"', "sender[1].name"), ('name = "cosdoc"', "endpoint[1].name")])
def test_a_name_that_looks_like_a_persons_number_is_refused_and_not_repeated(old: str, key: str, name: str) -> None:
    found = only(changed(old, f'name = "{name}"'))
    assert (found.key, found.warning) == (key, False)
    assert name not in str(found)


def test_a_name_may_hold_other_numbers() -> None:
    assert findings(changed('name = "alarms"', 'name = "alarms-123456789012"')) == []


BROKEN = [
    "[tenant",
    'a = "',
    "a = 1\na = 2",
    "a",
    "= 1",
    "\x00",
    "[[a]]\n[a]",
    "a = 01815050130",
    "a = " + "[" * 5000,
    "[a]\n[a]",
    "\ufeff[tenant]",
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_toml_is_one_finding(text: str) -> None:
    assert "TOML" in only(text).what or "deeply" in only(text).what


def test_what_is_no_toml_names_its_line() -> None:
    assert only(changed("lines = 8", "lines 8")).line == line_of("lines = 8")


def test_an_empty_file_says_what_is_missing() -> None:
    assert only("").key == "tenant"


@pytest.mark.parametrize(
    "text",
    ["tenant = 1", "[[tenant]]", "sender = 1\n[tenant]", "sender = [1]\n[tenant]", "[tenant]\n[sender.x]", "device = [[]]\n[tenant]"],
)
def test_what_is_of_another_shape_is_told_and_not_fallen_over(text: str) -> None:
    assert findings(text)


def test_quoted_keys_dotted_keys_and_long_texts_do_not_confuse_the_lines() -> None:
    text = GOOD.replace('title = "Vekter"', '\'title\' = """Vekter"""').replace("auth = {", "auth.scheme = 1 # {", 1)
    assert {one.line for one in findings(text) if one.key == "sender[0].auth.scheme"} == {9}


@given(st.data())
def test_whatever_is_cut_out_or_put_in_is_told_or_read_but_never_falls_over(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 40)))
    tenant, found = read(GOOD[:start] + data.draw(st.text(max_size=10)) + GOOD[end:], "a.toml", KNOWN)
    assert (tenant is None) == any(not one.warning for one in found)


# ---- Who is who


def register() -> Register:
    return Register({"310123455": good()})


def event(what: What) -> Event:
    return Event(MIDSUMMER, what)


def names(rows: Sequence[Endpoint]) -> list[str]:
    return [row.name for row in rows]


def test_a_device_belongs_to_who_had_it_then() -> None:
    before, after = MIDSUMMER - timedelta(microseconds=1), MIDSUMMER
    found = [register().person_at("310123455", SCALE, at) for at in (before, after)]
    assert [person and person.value for person in found] == [STILLE, RUND]


def test_before_it_was_bound_a_device_is_nobodys() -> None:
    assert register().person_at("310123455", SCALE, datetime(2026, 1, 12, 8, 59, 59, tzinfo=UTC)) is None


def test_after_it_was_handed_in_a_device_is_nobodys() -> None:
    tenant = replace(good(), bindings=good().bindings[:1])
    assert Register({tenant.orgnr: tenant}).person_at(tenant.orgnr, SCALE, MIDSUMMER) is None


@pytest.mark.parametrize("device", [Device(SCALE.system, "scale-2"), Device("urn:other", "scale-1")])
def test_an_unknown_device_is_nobodys(device: Device) -> None:
    assert register().person_at("310123455", device, MIDSUMMER) is None


def test_a_device_of_one_municipality_is_unknown_in_another() -> None:
    both = Register({"310123455": good(), "310999991": replace(good(), orgnr="310999991", bindings=())})
    assert both.person_at("310999991", SCALE, MIDSUMMER) is None


def test_a_gap_between_two_citizens_is_nobodys() -> None:
    first, second = good().bindings
    tenant = replace(good(), bindings=(second, replace(first, until=MIDSUMMER - timedelta(hours=1))))
    assert Register({tenant.orgnr: tenant}).person_at(tenant.orgnr, SCALE, MIDSUMMER - timedelta(minutes=1)) is None


def test_senders_are_found_by_municipality_and_format() -> None:
    assert [[row.name for row in register().senders("310123455", name)] for name in ("tenovi", "ttn", "vkp")] == [
        ["scales"],
        ["alarms"],
        [],
    ]


def test_an_unknown_municipality_has_nothing() -> None:
    empty = register()
    assert (empty.tenant("310999991"), empty.senders("310999991", "tenovi"), empty.endpoint("310999991", "gerica")) == (None, (), None)


@pytest.mark.parametrize(
    ("adapter", "what", "lane", "expected"),
    [
        ("tenovi", Alert("1.17"), Lane.ROUTINE, ["gerica", "cosdoc"]),
        ("tenovi", Alert("1.17"), Lane.ALARM, ["gerica"]),
        ("tenovi", Note("Påfylt", ""), Lane.ROUTINE, ["gerica"]),
        ("scaip", Alert("3"), Lane.ROUTINE, ["gerica"]),
        ("no-longer-sent", Alert("3"), Lane.ALARM, ["gerica"]),
    ],
)
def test_routes_choose_by_format_kind_and_lane(adapter: str, what: What, lane: Lane, expected: list[str]) -> None:
    assert names(register().endpoints("310123455", adapter, event(what), lane)) == expected


def test_two_routes_to_one_journal_lead_there_once() -> None:
    tenant = parse(GOOD + '\n[[route]]\nendpoint = "gerica"\nadapters = ["tenovi"]\n', "a.toml", KNOWN)
    assert names(Register({tenant.orgnr: tenant}).endpoints(tenant.orgnr, "tenovi", event(Note("", "")), Lane.ALARM)) == ["gerica"]


def test_without_routes_nothing_leads_anywhere() -> None:
    tenant = replace(good(), routes=())
    assert Register({tenant.orgnr: tenant}).endpoints(tenant.orgnr, "tenovi", event(Note("", "")), Lane.ALARM) == ()


def test_a_municipality_survives_the_table() -> None:
    assert from_json(to_json(good())) == good()


@pytest.mark.parametrize("file", sorted(DEMO.glob("*.toml")), ids=lambda file: file.name)
def test_the_demo_municipalities_survive_the_table(file: Path) -> None:
    tenant = parse(file.read_text(), file.name, KNOWN)
    assert from_json(to_json(tenant)) == tenant


# ---- What would change


def test_the_same_file_changes_nothing() -> None:
    assert difference(good(), good()) == []


def test_a_new_municipality_is_new_in_every_row() -> None:
    lines = difference(None, good())
    assert lines[0] == "+ municipality 310123455 Eksempel kommune"
    assert all(line.startswith("+ ") for line in lines)
    assert len(lines) == 1 + 2 + 2 + 2 + 2


CHANGES = [
    ('name = "Eksempel kommune"', 'name = "Ny kommune"', ["~ municipality 310123455: name Eksempel kommune -> Ny kommune"]),
    ('name = "Eksempel kommune"', 'name = "Eksempel kommune"\nactive = false', ["~ municipality 310123455: active yes -> no"]),
    ('title = "Vekter"', 'title = "Målinger"', ["~ sender scales: title Vekter -> Målinger"]),
    ('name = "scales"', 'name = "weights"', ["- sender scales", "+ sender weights: Vekter"]),
    (
        '["ALARMS_OLD", "ALARMS_NEW"]',
        '["ALARMS_NEW"]',
        ["~ sender alarms: auth basic bridge (ALARMS_OLD, ALARMS_NEW) -> basic bridge (ALARMS_NEW)"],
    ),
    ("lines = 8", "lines = 2", ["~ endpoint cosdoc: lines 8 -> 2"]),
    (
        'lanes = ["routine"]',
        "",
        [
            "- route to cosdoc: adapters tenovi, kinds measurement, alert, lanes routine",
            "+ route to cosdoc: adapters tenovi, kinds measurement, alert, lanes all",
        ],
    ),
    (
        ', secrets = ["COSDOC_SECRET"] }',
        ', secrets = ["COSDOC_NEW"] }',
        ["~ endpoint cosdoc: auth header x-hub (COSDOC_SECRET) -> header x-hub (COSDOC_NEW)"],
    ),
]


@pytest.mark.parametrize(("old", "new", "lines"), CHANGES)
def test_a_change_is_told_in_words(old: str, new: str, lines: list[str]) -> None:
    assert difference(good(), parse(changed(old, new), "a.toml", KNOWN)) == lines


def test_what_an_endpoint_that_is_removed_leaves_waiting_is_told() -> None:
    lines = difference(good(), replace(good(), endpoints=good().endpoints[:1]))
    assert lines == ["- endpoint cosdoc: what waits for it will stay waiting until it is registered again"]


def test_a_device_that_changes_hands_is_told_without_the_citizens_number() -> None:
    text = changed(RUND, BLID)
    lines = difference(good(), parse(text, "a.toml", KNOWN))
    first, second = (hashlib.sha256(number.encode()).hexdigest()[:6] for number in (RUND, BLID))
    where = f"device {SCALE.system} scale-1 with citizen"
    assert lines == [
        f"- {where} #{first} from 2026-06-15T10:00Z until further notice",
        f"+ {where} #{second} from 2026-06-15T10:00Z until further notice",
    ]


def test_a_device_handed_in_is_told_as_a_change_of_its_end() -> None:
    lines = difference(good(), parse(GOOD + "until = 2026-09-01T00:00:00+02:00\n", "a.toml", KNOWN))
    assert [line.partition(": until ")[2] for line in lines] == ["further notice -> 2026-08-31T22:00Z"]


def test_no_difference_names_a_citizen() -> None:
    told = "\n".join(difference(None, good()) + difference(good(), replace(good(), bindings=())))
    assert not [word for word in (STILLE, RUND, "Stille", "Fjellbekk", "Rund", "Myrstein") if word in told]


# who is told when something needs a human

TOLD = (
    GOOD
    + """
[[notify]]
name = "drift"
host = "smtp.kommune.example"
from = "knutepunkt@kommune.example"
to = ["drift@kommune.example", "ikt@kommune.example"]
user = "knutepunkt"
secrets = ["SMTP_PASSWORD"]

[[notify]]
name = "on-call"
url = "https://vakt.kommune.example/hook"
secrets = ["HOOK_OLD", "HOOK_NEW"]
severities = ["page"]

[[secret]]
name = "SCALES_SECRET"
expires = 2027-01-31

[watch]
routine_minutes = 30
"""
)


def test_those_who_are_told_survive_the_registers_table() -> None:
    tenant = parse(TOLD, "a.toml", KNOWN)
    assert from_json(to_json(tenant)) == tenant
    drift, watch = tenant.recipients
    assert drift.relay and (drift.relay.host, drift.relay.port, drift.relay.to[1]) == ("smtp.kommune.example", 587, "ikt@kommune.example")
    assert (watch.url, watch.severities, watch.kinds) == ("https://vakt.kommune.example/hook", ("page",), ())
    assert (tenant.watch.alarm, tenant.watch.routine) == (2, 30)


def test_a_row_that_was_written_before_there_were_notices_can_be_read() -> None:
    old = {name: value for name, value in orjson.loads(to_json(good())).items() if name not in ("recipients", "expiries", "watch")}
    assert from_json(orjson.dumps(old)) == good()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('host = "smtp.kommune.example"', 'host = "169.254.169.254"', "notify[0].host: is an address of the platform"),
        ('host = "smtp.kommune.example"', 'host = "smtp kommune"', "notify[0].host: is not a mail server"),
        ('from = "knutepunkt@kommune.example"', 'from = "Knutepunkt <a@b.example>"', "notify[0].from: is not a mail address"),
        ('"drift@kommune.example", ', '"drift", ', "notify[0].to: is not a mail address"),
        ('user = "knutepunkt"\n', "", "notify[0].user: is missing"),
        ('["SMTP_PASSWORD"]', '["hunter2"]', "notify[0].secrets: is not the name of a setting"),
        ("https://vakt", "http://vakt", "notify[1].url: would send"),
        ('secrets = ["HOOK_OLD", "HOOK_NEW"]\n', "", "notify[1].secrets: is missing"),
        ('severities = ["page"]', 'severities = ["pages"]', 'notify[1].severities: is not one of those known; did you mean "page"?'),
        ('severities = ["page"]', 'kinds = ["alarm-lat"]', 'notify[1].kinds: is not one of those known; did you mean "alarm-late"?'),
        ('severities = ["page"]', 'severities = ["page"]\nkinds = ["parked"]', "notify[1].kinds: warning: holds none of these severities"),
        ('name = "on-call"', 'name = "drift"', "notify[1].name: stands in line"),
        ('name = "on-call"', 'name = "14834812097"', "notify[1].name: looks like a person's number"),
        ("expires = 2027-01-31", 'expires = "2027-01-31"', "secret[0].expires: is of the wrong type; write a day"),
        ('name = "SCALES_SECRET"\nexpires', 'name = "SCALE_SECRET"\nexpires', "secret[0].name: warning: is a secret that nothing"),
        ("routine_minutes = 30", "routine_minutes = 0", "watch.routine_minutes: must be between 1 and"),
        ("routine_minutes = 30", "minutes = 30", "watch.minutes: is not a known key"),
    ],
)
def test_what_is_wrong_with_those_who_are_told_is_found(old: str, new: str, words: str) -> None:
    assert old in TOLD
    [found] = findings(TOLD.replace(old, new, 1))
    assert words in str(found)


def test_a_file_in_which_nobody_is_paged_is_warned_of() -> None:
    [found] = findings(TOLD.replace('name = "drift"', 'name = "drift"\nseverities = ["error"]', 1).replace('["page"]', '["warning"]', 1))
    assert found.warning and "nobody here is told of an alarm that does not arrive" in str(found)


def test_a_change_of_those_who_are_told_is_shown() -> None:
    tenant = parse(TOLD, "a.toml", KNOWN)
    assert difference(good(), tenant) == [
        "~ municipality 310123455: watch alarm 2 min, routine 60 min -> alarm 2 min, routine 30 min",
        "+ notices to drift: mail to drift@kommune.example, ikt@kommune.example by smtp.kommune.example:587; kinds all, severities all",
        "+ notices to on-call: https://vakt.kommune.example/hook; kinds all, severities page",
        "+ secret SCALES_SECRET: good until 2027-01-31",
    ]
