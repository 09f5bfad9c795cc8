"""What must not get through as it is: each gets its documented answer, which names cause and remedy and quotes nothing.

Refused at the door (4xx) is what nobody could read later either; what can be read but not understood is taken with 202 and set aside.
"""

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from local import signing
from shared.access.rows import Auth
from tests.running import SENDER, Running, Town, example, receipt_of, wire

pytestmark = pytest.mark.usefixtures("faultless")

GOOD = {
    "tenovi": example("tenovi", "weight-in-pounds.json"),
    "ttn": example("ttn", "door-open.json"),
    "scaip": example("scaip", "alarm-button-pressed.xml"),
    "vkp": example("vkp", "fall-unanswered.json"),
}
LIMIT = {"tenovi": 262_144, "ttn": 262_144, "scaip": 8_192, "vkp": 1_000_000}
MARK = "Quidditas"  # stands in every hostile payload, and must stand nowhere else
ROUTES = pytest.mark.parametrize("adapter", list(GOOD))
JSON_ROUTES = pytest.mark.parametrize("adapter", ["tenovi", "ttn", "vkp"])


def refusal(answer: requests.Response, status: int, adapter: str) -> str:
    """Checks the shape of a refusal and gives its words. SCAIP's own answer is for those who may send at all."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert MARK not in answer.text + str(answer.headers)
    if adapter == "vkp":
        return outcome(answer)
    if adapter == "scaip" and status not in (401, 403, 404):
        return mrs(answer)
    return problem(answer)


def outcome(answer: requests.Response) -> str:
    assert answer.headers["Content-Type"] == "application/fhir+json"
    told = answer.json()
    [issue] = told["issue"]
    assert told["resourceType"] == "OperationOutcome" and issue["severity"] == "error" and issue["code"]
    assert issue["details"]["text"] and issue["details"]["coding"][0]["code"]
    said, _, correlation = issue["diagnostics"].rpartition(" correlation-id: ")
    assert correlation == answer.headers["X-Correlation-Id"]
    _, cause, remedy = said.casefold().partition(issue["details"]["text"].casefold())
    assert cause and remedy.startswith(". ") and remedy.endswith("."), "no remedy, or no sentence"
    return str(issue["diagnostics"])


def problem(answer: requests.Response) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told.keys() - {"field"} == {"type", "title", "status", "detail", "remedy"}
    assert told["type"].endswith(f"docs/senders.md#{answer.status_code}") and told["status"] == answer.status_code
    assert told["title"] and told["detail"] and told["remedy"]
    return f"{told['detail']} {told['remedy']}"


def mrs(answer: requests.Response) -> str:
    assert answer.headers["Content-Type"].startswith("application/scaip+xml")
    assert answer.text.startswith("<?xml") and "<snu>0</snu>" not in answer.text
    return answer.text


# Bodies that nobody can read

HOSTILE_JSON: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "no JSON": f"Kjære {MARK}".encode(),
    "XML": f"<a>{MARK}</a>".encode(),
    "truncated": f'{{"metric": "weight", "patient_id": "{MARK}'.encode(),
    "truncated within a character": f'{{"a": "{MARK} bl'.encode() + b"\xc3",
    "more than one value": f'{{"a": "{MARK}"}} {{"a": 1}}'.encode(),
    "Latin-1": f'{{"a": "{MARK} blåbær"}}'.encode("latin-1"),
    "overlong UTF-8": f'{{"a": "{MARK}'.encode() + b'\xc0\xaf"}',
    "UTF-16": f'{{"a": "{MARK}"}}'.encode("utf-16"),
    "UTF-16 without mark": f'{{"a": "{MARK}"}}'.encode("utf-16-le"),
    "UTF-32": f'{{"a": "{MARK}"}}'.encode("utf-32"),
    "byte order mark": b"\xef\xbb\xbf" + f'{{"a": "{MARK}"}}'.encode(),
    "lone surrogate": f'{{"a": "{MARK}\\ud800"}}'.encode(),
    "surrogate as UTF-8": f'{{"a": "{MARK}'.encode() + b'\xed\xa0\x80"}',
    "raw control character": f'{{"a": "{MARK}\x01"}}'.encode(),
    "NaN": f'{{"{MARK}": NaN}}'.encode(),
    "Infinity": f'{{"{MARK}": -Infinity}}'.encode(),
    "leading zero": f'{{"{MARK}": 007}}'.encode(),
    "key twice": f'{{"{MARK}": 1, "{MARK}": 2}}'.encode(),
    "key twice far down": f'[{{"a": [{{"{MARK}": 1, "{MARK}": 1}}]}}]'.encode(),
    "33 lists deep": b"[" * 33 + b"]" * 33,
    "33 objects deep": b'{"a":' * 33 + b"1" + b"}" * 33,
    "a hundred thousand deep": b"[" * 100_000,
    "trailing comma": f'{{"a": "{MARK}",}}'.encode(),
    "comment": f'{{"a": 1}} // {MARK}'.encode(),
    "single quotes": f"{{'a': '{MARK}'}}".encode(),
}


@JSON_ROUTES
@pytest.mark.parametrize("body", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_json_that_nobody_can_read_is_refused_at_once(home: Town, adapter: str, body: bytes) -> None:
    refusal(home.post(adapter, body), 400, adapter)


ODD_VALUES: Mapping[str, str] = {  # strict JSON, but nothing that a field can be
    "1e400": "1e400",
    "1e-400": "1e-400",
    "a number of five thousand digits": "9" * 5000,
    "five thousand decimals": f"0.{'1' * 5000}",
    "a null character": f'"{MARK}\\u0000"',
    "a delete character": f'"{MARK}\x7f"',
}


@pytest.mark.parametrize("odd", ODD_VALUES.values(), ids=ODD_VALUES)
def test_national_fhir_that_could_not_go_on_as_it_came_is_refused_and_the_place_named(home: Town, odd: str) -> None:
    body = GOOD["vkp"].replace(b'"identifiedDateTime"', f'"{MARK}": [{odd}], "identifiedDateTime"'.encode())
    assert refusal(home.post("vkp", body), 400, "vkp").startswith("$.entry[1].resource.?[0]: ")


HOSTILE_XML: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b" \n ",
    "no XML": MARK.encode(),
    "JSON": f'{{"a": "{MARK}"}}'.encode(),
    "truncated": f"<mrq><ref>{MARK}</ref><cid>47".encode(),
    "two roots": f"<mrq><ref>{MARK}</ref></mrq><mrq/>".encode(),
    "DOCTYPE": f"<!DOCTYPE mrq><mrq><ref>{MARK}</ref></mrq>".encode(),
    "external DTD": f'<!DOCTYPE mrq SYSTEM "http://127.0.0.1:9/{MARK}"><mrq/>'.encode(),
    "entity from a file": b'<!DOCTYPE mrq [<!ENTITY x SYSTEM "file:///etc/hostname">]><mrq><ref>&x;</ref></mrq>',
    "parameter entity": b'<!DOCTYPE mrq [<!ENTITY % x SYSTEM "http://127.0.0.1:9/">%x;]><mrq/>',
    "entity of entities": b'<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]><mrq><ref>&c;</ref></mrq>',
    "unknown entity": f"<mrq><ref>{MARK}&nbsp;</ref></mrq>".encode(),
    "two thousand deep": b"<a>" * 1000 + b"</a>" * 1000,
    "four levels": f"<mrq><lge><geo><x>{MARK}</x></geo></lge></mrq>".encode(),
    "another root": f"<{MARK}/>".encode(),
    "a namespace": f'<mrq xmlns="urn:{MARK}"><ref>A1</ref></mrq>'.encode(),
    "UTF-16": f"<mrq><ref>{MARK}</ref></mrq>".encode("utf-16"),
    "another encoding": f'<?xml version="1.0" encoding="utf-7"?><mrq><ref>{MARK}</ref></mrq>'.encode(),
    "null character": f"<mrq><ref>{MARK}\0</ref></mrq>".encode(),
    "attribute twice": f'<mrq a="{MARK}" a="2"/>'.encode(),
    "an answer": f"<mrs><ref>{MARK}</ref><snu>0</snu></mrs>".encode(),
}


@pytest.mark.parametrize("body", HOSTILE_XML.values(), ids=HOSTILE_XML)
def test_xml_that_is_hostile_or_no_request_is_refused_as_an_invalid_format(home: Town, body: bytes) -> None:
    assert "<snu>2</snu>" in refusal(home.post("scaip", body), 400, "scaip")


# Bodies that are something else


WRONG_KIND: Mapping[str, tuple[str, bytes, str]] = {  # adapter, body, the field that is to blame
    "tenovi: no reading": ("tenovi", b"[]", "$"),
    "ttn: a list": ("ttn", b"[" + GOOD["ttn"] + b"]", "$"),
    "ttn: a text": ("ttn", f'"{MARK}"'.encode(), "$"),
    "vkp: a list": ("vkp", b"[" + GOOD["vkp"] + b"]", "$"),
    "vkp: null": ("vkp", b"null", "$"),
    "vkp: no type": ("vkp", b"{}", "$.resourceType"),
    "vkp: unknown type": ("vkp", f'{{"resourceType": "{MARK}"}}'.encode(), "$.resourceType"),
    "vkp: type is a number": ("vkp", b'{"resourceType": 5}', "$.resourceType"),
    "vkp: type of another path": ("vkp", example("vkp", "dispense.json"), "$.resourceType"),
    "vkp: no document": ("vkp", GOOD["vkp"].replace(b'"document"', b'"collection"'), "$.type"),
    "vkp: no entry": ("vkp", b'{"resourceType": "Bundle", "type": "document"}', "$.entry"),
    "vkp: nobody": ("vkp", GOOD["vkp"].replace(b'"subject"', b'"object"'), "$.entry[0].resource.subject"),
}


@pytest.mark.parametrize("name", WRONG_KIND)
def test_a_payload_of_another_kind_is_refused_and_the_field_named(home: Town, name: str) -> None:
    adapter, body, field = WRONG_KIND[name]
    answer = home.post(adapter, body)
    words = refusal(answer, 400, adapter)
    assert words.startswith(field)
    if adapter != "vkp":
        assert answer.json()["field"] == field
    elif field != "$":
        assert answer.json()["issue"][0]["expression"] == [field.removeprefix("$.")]


def test_a_list_of_more_than_500_is_refused_as_too_large(home: Town) -> None:
    body = b"[" + b",".join([GOOD["tenovi"]] * 501).replace(b"  ", b"") + b"]"
    assert "500" in refusal(home.post("tenovi", body), 413, "tenovi")


def test_a_resource_that_the_contract_does_not_have_is_refused(home: Town) -> None:
    refusal(home.post("vkp", GOOD["vkp"], resource="observation"), 404, "vkp")


@ROUTES
def test_a_body_that_is_larger_than_the_format_allows_is_refused(home: Town, adapter: str) -> None:
    words = refusal(home.post(adapter, GOOD[adapter].ljust(LIMIT[adapter] + 1)), 413, adapter)
    assert "<snu>1</snu>" in words if adapter == "scaip" else str(LIMIT[adapter]) in words


@ROUTES
def test_a_body_of_exactly_the_size_allowed_is_taken(home: Town, adapter: str) -> None:
    assert home.post(adapter, GOOD[adapter].ljust(LIMIT[adapter])).status_code == 202


@ROUTES
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "GZIP, identity", MARK])
def test_a_compressed_body_is_refused(home: Town, adapter: str, coding: str) -> None:
    refusal(home.post(adapter, gzip.compress(GOOD[adapter]), content_encoding=coding), 415, adapter)


@ROUTES
def test_content_encoding_identity_is_no_compression(home: Town, adapter: str) -> None:
    assert home.post(adapter, GOOD[adapter], content_encoding="Identity").status_code == 202


@ROUTES
def test_an_empty_chunked_body_is_told_to_come_with_its_length(home: Town, adapter: str) -> None:
    connection = HTTPConnection(home.hub.url.removeprefix("http://"), timeout=30)
    connection.request("POST", home.path(adapter), iter(()), dict(home.proof(SENDER[adapter], b"")), encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, b"Content-Length" in answer.read() or adapter == "scaip") == (411, True)
    connection.close()


# Who may not send


@ROUTES
def test_an_unknown_municipality_is_not_found(home: Town, adapter: str) -> None:
    path = home.path(adapter).replace(home.orgnr, "999999999")
    answer = wire().post(home.hub.url + path, data=MARK.encode(), headers=home.proof(SENDER[adapter], b""), timeout=30)
    refusal(answer, 404, adapter)


@pytest.mark.parametrize("orgnr", ["1", "abc", "99999999999", "..", "%2e%2e", "310%20100", "%00", "æøå", "*"])
def test_what_is_no_organisation_number_is_not_found(home: Town, orgnr: str) -> None:
    assert wire().post(f"{home.hub.url}/api/v1/{orgnr}/tenovi", data=b"{}", timeout=30).status_code == 404


@pytest.mark.parametrize("adapter", ["nonsense", "TENOVI2", "__init__", "tenovi.adapter", "..%2fepj%2fbundle", "bundle", "x" * 3000])
def test_an_unknown_format_is_not_found_even_with_good_credentials(home: Town, adapter: str) -> None:
    path = f"/api/v1/{home.orgnr}/{adapter}"
    refusal(wire().post(home.hub.url + path, data=b"{}", headers=home.proof("scales", b"{}"), timeout=30), 404, adapter)


@ROUTES
def test_a_sender_without_credentials_is_not_let_in(home: Town, adapter: str) -> None:
    answer = wire().post(home.hub.url + home.path(adapter), data=GOOD[adapter], timeout=30)
    refusal(answer, 401, adapter)
    assert "WWW-Authenticate" in answer.headers  # one of the municipality's senders proves itself by Basic


@ROUTES
def test_a_sender_of_another_municipality_is_not_let_in(home: Town, neighbour: Town, adapter: str) -> None:
    proof = neighbour.proof(SENDER[adapter], GOOD[adapter])
    refusal(wire().post(home.hub.url + home.path(adapter), data=GOOD[adapter], headers=proof, timeout=30), 401, adapter)


@pytest.mark.parametrize("adapter", ["tenovi", "vkp"])
def test_a_sender_whose_agreement_has_ended_is_forbidden(home: Town, adapter: str) -> None:
    refusal(home.post(adapter, GOOD[adapter], "former"), 403, adapter)


@pytest.mark.parametrize(("sender", "adapter"), [("scales", "ttn"), ("bridge", "tenovi"), ("sensors", "vkp"), ("centre", "scaip")])
def test_a_sender_may_not_post_a_format_that_it_is_not_registered_for(home: Town, sender: str, adapter: str) -> None:
    refusal(home.post(adapter, GOOD[adapter], sender), 403, adapter)


BASIC = ["", "Basic", "Basic ", "Basic !!!!", "Basic YnJpZGdl", "Basic YnJpZGdlOg==", f"Bearer {MARK}", "Digest x", "Basic " + "A" * 8000]


@pytest.mark.parametrize("value", BASIC)
def test_malformed_basic_credentials_are_not_let_in(home: Town, value: str) -> None:
    refusal(home.post("scaip", GOOD["scaip"], authorization=value), 401, "scaip")


def signed(town: Town, body: bytes, **changes: str) -> dict[str, str]:
    """Standard Webhooks headers, signed; then changed."""
    headers = {name.removeprefix("webhook-"): value for name, value in town.proof("dispensers", body).items()}
    return {f"webhook_{name}": value for name, value in (headers | changes).items()}


def at(town: Town, offset: float, message: str = "msg-1") -> dict[str, str]:
    """Properly signed at another time."""
    auth = Auth("hmac", "standard-webhooks", "", ())
    secret = town.hub.secret["TEST_DISPENSERS"]
    named = signing.headers(auth, secret, GOOD["vkp"], message, time.time() + offset)
    return {name.replace("-", "_"): value for name, value in named.items()}


SIGNATURES: Mapping[str, Callable[[Town], Mapping[str, Any]]] = {
    "no signature": lambda town: signed(town, GOOD["vkp"]) | {"webhook_signature": None},
    "no time": lambda town: signed(town, GOOD["vkp"]) | {"webhook_timestamp": None},
    "no id": lambda town: signed(town, GOOD["vkp"]) | {"webhook_id": None},
    "of another body": lambda town: signed(town, GOOD["vkp"] + b" "),
    "of another id": lambda town: signed(town, GOOD["vkp"], id="other"),
    "of another time": lambda town: signed(town, GOOD["vkp"], timestamp=str(int(time.time()) + 1)),
    "empty": lambda town: signed(town, GOOD["vkp"], signature=""),
    "only the version": lambda town: signed(town, GOOD["vkp"], signature="v1,"),
    "no base64": lambda town: signed(town, GOOD["vkp"], signature=f"v1,{MARK}!!"),
    "of another version": lambda town: signed(town, GOOD["vkp"], signature="v1a,AAAA"),
    "nine": lambda town: signed(town, GOOD["vkp"], signature=" ".join(["v1,AAAA"] * 9)),
    "with letters of Latin-1": lambda town: signed(town, GOOD["vkp"], signature="v1,æøå"),
    "4,000 long": lambda town: signed(town, GOOD["vkp"], signature="v1," + "A" * 4000),
    "time in words": lambda town: signed(town, GOOD["vkp"], timestamp=MARK),
    "time with a sign": lambda town: signed(town, GOOD["vkp"], timestamp=f"+{int(time.time())}"),
    "time in milliseconds": lambda town: at(town, time.time() * 999),
    "time with a fraction": lambda town: signed(town, GOOD["vkp"], timestamp="1.5e9"),
    "id with a dot": lambda town: at(town, 0, "a.b"),
    "replayed after the window": lambda town: at(town, -310),
    "from a clock that runs ahead": lambda town: at(town, 310),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_that_is_wrong_missing_malformed_or_old_is_not_let_in(home: Town, name: str) -> None:
    refusal(home.post("vkp", GOOD["vkp"], **SIGNATURES[name](home)), 401, "vkp")


def test_a_request_replayed_within_the_window_leaves_one_note(town: Town) -> None:
    proof = at(town, -290)
    answers = [town.post("vkp", GOOD["vkp"], **proof) for _ in range(3)]
    ends = [town.until_settled(receipt_of(answer))["status"] for answer in answers]
    assert ends == ["delivered", "duplicate", "duplicate"] and len(town.notes()) == 1


def test_credentials_are_asked_for_before_the_payload_is_read(home: Town) -> None:
    assert home.post("tenovi", b"{", x_scales_secret="guessed").status_code == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@ROUTES
def test_another_method_is_not_found(home: Town, adapter: str, method: str) -> None:
    assert wire().request(method, home.hub.url + home.path(adapter), timeout=30).status_code == 404


# What can be read but not understood


def reading(**changes: Any) -> bytes:
    tree = json.loads(GOOD["tenovi"]) | changes
    return json.dumps({name: value for name, value in tree.items() if value is not Ellipsis}).encode()


def odd_reading(field: str, odd: str) -> bytes:
    return reading(**{field: "ODD"}).replace(b'"ODD"', odd.encode())


def fall(number: int, time: str) -> bytes:
    """A fall of its own, detected at `time`."""
    return GOOD["vkp"].replace(b"000913", b"%06d" % number).replace(b"2026-03-04T03:12:05+01:00", time.encode())


def uplink(counter: int, **changes: Any) -> bytes:
    """An uplink of its own: another frame counter."""
    tree = json.loads(GOOD["ttn"])
    tree["uplink_message"] |= {"f_cnt": 1000 + counter, **changes}
    return json.dumps(tree).encode()


def request(number: int, old: str, new: str) -> bytes:
    return GOOD["scaip"].replace(b"E0000001", b"B%07d" % number).replace(old.encode(), new.encode())


@dataclass(frozen=True, slots=True)
class Odd:
    """Taken with 202, and set aside: the receipt says where and why."""

    adapter: str
    body: bytes
    field: str
    why: str


DETECTED = "$.entry[1].resource.identifiedDateTime"
ODD: Mapping[str, Odd] = {
    "tenovi: unknown metric": Odd("tenovi", reading(metric=MARK), "$.metric", "not one of"),
    "tenovi: metric is a list": Odd("tenovi", reading(metric=[MARK]), "$.metric", "expected a text"),
    "tenovi: unknown device": Odd("tenovi", reading(hwi_device_id=MARK), "$", "no citizen"),
    "tenovi: no device": Odd("tenovi", reading(hwi_device_id=...), "$.hwi_device_id", "missing"),
    "tenovi: device is null": Odd("tenovi", reading(hwi_device_id=None), "$.hwi_device_id", "missing"),
    "tenovi: value is a text": Odd("tenovi", reading(value_1=MARK), "$.value_1", "expected a number"),
    "tenovi: value with a unit": Odd("tenovi", reading(value_1="176 lb"), "$.value_1", "expected a number"),
    "tenovi: value is true": Odd("tenovi", reading(value_1=True), "$.value_1", "expected a number"),
    "tenovi: value with a comma": Odd("tenovi", reading(value_1="176,4"), "$.value_1", "expected a number"),
    "tenovi: value in other digits": Odd("tenovi", reading(value_1="١٧٦"), "$.value_1", "expected a number"),
    "tenovi: value beyond a billion": Odd("tenovi", reading(value_1=10**12), "$.value_1", "beyond"),
    **{f"tenovi: value is {name}": Odd("tenovi", odd_reading("value_1", odd), "$.value_1", "number") for name, odd in ODD_VALUES.items()},
    **{
        f"tenovi: device is {name}": Odd("tenovi", odd_reading("hwi_device_id", odd), "$.hwi_device_id", "")
        for name, odd in ODD_VALUES.items()
    },
    "tenovi: device of 5,000 characters": Odd("tenovi", reading(device_name=MARK * 700), "$.device_name", "is longer than 64"),
    "tenovi: value that nobody has": Odd("tenovi", reading(value_1="99999"), "$.value_1", ""),
    "tenovi: negative": Odd("tenovi", reading(value_1="-80.0"), "$.value_1", ""),
    "tenovi: no time": Odd("tenovi", reading(timestamp=...), "$.timestamp", "missing"),
    "tenovi: no zone": Odd("tenovi", reading(timestamp="2026-11-20T06:31:15"), "$.timestamp", "no offset"),
    "tenovi: year 1": Odd("tenovi", reading(timestamp="0001-01-01T00:00:00+0000"), "$.timestamp", "outside the years"),
    "tenovi: year 1970": Odd("tenovi", reading(timestamp="1970-01-01T00:00:00Z"), "$.timestamp", "outside the years"),
    "tenovi: year 9999": Odd("tenovi", reading(timestamp="9999-12-31T23:59:59Z"), "$.timestamp", "outside the years"),
    "tenovi: 31 February": Odd("tenovi", reading(timestamp="2026-02-31T06:31:15Z"), "$.timestamp", "a day that does not exist"),
    "tenovi: 24 o'clock": Odd("tenovi", reading(timestamp="2026-02-01T24:00:00Z"), "$.timestamp", "no time"),
    "tenovi: in the hour that spring takes": Odd("tenovi", reading(timestamp="2026-03-29T02:30:00"), "$.timestamp", "no offset"),
    "tenovi: zone in words": Odd("tenovi", reading(timestamp="2026-11-20T06:31:15 Europe/Oslo"), "$.timestamp", "no time"),
    "tenovi: time in milliseconds": Odd("tenovi", reading(timestamp="1795000000123"), "$.timestamp", "milliseconds"),
    "tenovi: no seconds": Odd("tenovi", reading(timestamp="2026-11-20T06:31+01:00"), "$.timestamp", "seconds are missing"),
    "tenovi: time is a number": Odd("tenovi", reading(timestamp=1795000000), "$.timestamp", "expected a text"),
    "tenovi: a number where a reading is due": Odd("tenovi", b"5", "$", "expected an object"),
    "tenovi: null where a reading is due": Odd("tenovi", b"[null]", "$[0]", "expected an object"),
    "ttn: unknown word": Odd("ttn", uplink(1, decoded_payload={"door": MARK}), "$.uplink_message.decoded_payload.door", "not one of"),
    "ttn: unknown field": Odd("ttn", uplink(2, decoded_payload={MARK: 1}), "$.uplink_message.decoded_payload", "none of"),
    "ttn: a list of words": Odd("ttn", uplink(3, decoded_payload=["door"]), "$.uplink_message.decoded_payload", "expected an object"),
    "ttn: nothing decoded": Odd("ttn", uplink(4, decoded_payload=None), "$.uplink_message.decoded_payload", "missing"),
    "ttn: year 1": Odd("ttn", uplink(5, received_at="0001-01-01T00:00:00Z"), "$.uplink_message.received_at", "outside the years"),
    "ttn: no zone": Odd("ttn", uplink(6, received_at="2026-11-20T07:14:03"), "$.uplink_message.received_at", "no offset"),
    "ttn: unknown message": Odd("ttn", f'{{"a": "{MARK}"}}'.encode(), "$.end_device_ids", "missing"),
    "scaip: unknown device": Odd("scaip", request(1, "4700000101", "4700009999"), "$", "no citizen"),
    "scaip: unknown tag": Odd("scaip", request(2, "</mrq>", f"<{MARK}>1</{MARK}></mrq>"), "$.mrq", "does not know"),
    "scaip: letters in a code": Odd("scaip", request(3, "<stc>0010", "<stc>00x0"), "$.mrq.stc", "form"),
    "scaip: no device type": Odd("scaip", request(4, "<dty>0003</dty>", ""), "$.mrq.dty", "missing"),
    "vkp: a number that nobody can have": Odd(
        "vkp", GOOD["vkp"].replace(b"28820050004", b"28820050005"), "$.entry[0].resource.subject.identifier.value", "no valid"
    ),
    "vkp: no zone": Odd("vkp", fall(1, "2026-03-04T03:12:05"), DETECTED, "no offset"),
    "vkp: year 1": Odd("vkp", fall(2, "0001-03-04T03:12:05+01:00"), DETECTED, "outside the years"),
    "vkp: 30 February": Odd("vkp", fall(3, "2026-02-30T03:12:05+01:00"), DETECTED, "a day that does not exist"),
    "vkp: 30 February without a time": Odd("vkp", fall(4, "2026-02-30"), DETECTED, "a day that does not exist"),
    "vkp: offset of 99 hours": Odd("vkp", fall(5, "2026-03-04T03:12:05+99:00"), DETECTED, "no place has this offset"),
    "vkp: time in words": Odd("vkp", fall(6, MARK), DETECTED, "no time"),
}


@pytest.fixture(scope="module")
def odd(running: Running) -> Iterator[tuple[Town, Mapping[str, requests.Response], Mapping[str, dict[str, Any]]]]:
    """All of them on their way at once: the town, what the senders heard, and what the receipts say in the end."""
    town = running.town()
    answers = {name: town.post(one.adapter, one.body) for name, one in ODD.items()}
    yield town, answers, {name: town.until_settled(receipt_of(answer)) for name, answer in answers.items() if answer.status_code == 202}


Odds = tuple[Town, Mapping[str, requests.Response], Mapping[str, dict[str, Any]]]


@pytest.mark.parametrize("name", ODD)
def test_what_is_read_but_not_understood_is_taken_and_set_aside(odd: Odds, name: str) -> None:
    _, answers, told = odd
    assert answers[name].status_code == 202, answers[name].text
    assert told[name]["status"] == "set aside"
    [problem] = told[name]["set_aside"]
    assert problem["reason"].startswith(f"{ODD[name].field}: ") and ODD[name].why in problem["reason"]
    assert MARK not in str(told[name])


@pytest.mark.parametrize("name", ODD)
def test_what_is_set_aside_is_told_with_a_remedy(odd: Odds, name: str) -> None:
    [problem] = odd[2][name]["set_aside"]
    assert problem["remedy"]


@pytest.mark.parametrize("name", [name for name, one in ODD.items() if one.adapter == "scaip" and one.why != "no citizen"])
def test_a_scaip_request_with_a_bad_tag_is_held_and_its_sender_told(odd: Odds, name: str) -> None:
    assert "<snu>0</snu>" not in odd[1][name].text


def test_nothing_that_was_set_aside_stands_in_a_journal(odd: Odds) -> None:
    assert odd[0].notes() == []


def test_what_may_have_been_an_alarm_is_raised_to_a_human(odd: Odds) -> None:
    urgent = [told["receipt"] for told in odd[2].values() if told["receipt"].split(".")[2] == "alarm"]
    raised = [line for line in odd[0].hub.log().splitlines() if '"set aside on the alarm lane"' in line]
    assert urgent and all(any(receipt in line for line in raised) for receipt in urgent)


# Odd, but good enough


@pytest.mark.parametrize(
    ("adapter", "body"),
    [
        ("scaip", request(11, "<stc>0010", "<stc>9999")),  # an unknown status is an alarm with its numbers in the text
        ("vkp", GOOD["vkp"].replace(b'"code": "4.1"', b'"code": "99.9"').replace(b"000913", b"000914")),
        ("vkp", fall(915, "2026-03-29T02:30:00+01:00")),  # an instant, whatever the clock on the wall said
        ("vkp", fall(916, "2026-03-04")),
        ("tenovi", odd_reading("patient_id", f'"{MARK}\\u0007"')),
        ("tenovi", odd_reading("sensor_code", "1e400")),
        ("tenovi", reading(timestamp="2026-03-29T02:30:00+0100")),  # an instant, whatever the clock on the wall said
        ("tenovi", b"\n\t " + GOOD["tenovi"] + b"\r\n"),
    ],
    ids=[
        "unknown alarm code",
        "unknown national code",
        "national, spring's hour",
        "national, a day",
        "control character unread",
        "1e400 unread",
        "spring's hour with its offset",
        "white space around",
    ],
)
def test_what_can_be_told_truthfully_is_delivered(town: Town, adapter: str, body: bytes) -> None:
    assert town.settled(adapter, body)["status"] == "delivered"


def test_no_hostile_text_stands_in_the_log(home: Town, odd: Odds) -> None:
    assert MARK not in home.hub.log()
