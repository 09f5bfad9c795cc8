"""Who a sender is: every scheme, every way of signing, and every way of getting it wrong."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.rows import Auth, Sender
from shared.access.signature import PROFILES, authenticate
from shared.errors import Unauthenticated

NOW = 1_764_150_000
BODY = b'{"value": 82.50, "raw": "\xff"}'  # not even UTF-8: bytes are bytes
MESSAGE = "msg_2b9tY1"
WHSEC = "whsec_" + base64.b64encode(b"twenty-four bytes, surely").decode()
SECRETS = {"OLD_SECRET": "old secret of the vendor", "NEW_SECRET": "new secret of the vendor", "WHSEC": WHSEC, "EMPTY": ""}

Headers = dict[str, str]


def mac(key: bytes, signed: bytes) -> bytes:
    """HMAC-SHA256 as RFC 2104 writes it, not as the product calls it."""
    key = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + signed).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).digest()


def base64_of(value: bytes) -> str:
    return base64.b64encode(value).decode()


def standard(name: str) -> Callable[[bytes, bytes, float], Headers]:
    def sign(key: bytes, body: bytes, now: float) -> Headers:
        signature = base64_of(mac(key, f"{MESSAGE}.{int(now)}.".encode() + body))
        return {f"{name}-id": MESSAGE, f"{name}-timestamp": str(int(now)), f"{name}-signature": f"v1,{signature}"}

    return sign


def paired(name: str) -> Callable[[bytes, bytes, float], Headers]:
    return lambda key, body, now: {f"{name}-signature": f"t={int(now)},v1={mac(key, f'{int(now)}.'.encode() + body).hex()}"}


def oura(key: bytes, body: bytes, now: float) -> Headers:
    return {"x-oura-timestamp": str(int(now)), "x-oura-signature": mac(key, str(int(now)).encode() + body).hex().upper()}


def whoop(key: bytes, body: bytes, now: float) -> Headers:
    time = str(int(now * 1000))
    return {"x-whoop-signature-timestamp": time, "x-whoop-signature": base64_of(mac(key, time.encode() + body))}


SIGNERS: Mapping[str, Callable[[bytes, bytes, float], Headers]] = {  # as the vendors' manuals say, independent of the product
    "standard-webhooks": standard("webhook"),
    "svix": standard("svix"),
    "terra": paired("terra"),
    "stripe": paired("stripe"),
    "oura": oura,
    "whoop": whoop,
    "nuki": lambda key, body, now: {"x-nuki-signature-sha256": mac(key, body).hex()},
    "suunto": lambda key, body, now: {"x-hmac-sha256-signature": mac(key, body).hex()},
    "polar": lambda key, body, now: {"polar-webhook-signature": mac(key, body).hex()},
    "github": lambda key, body, now: {"x-hub-signature-256": "sha256=" + mac(key, body).hex()},
    "shopify": lambda key, body, now: {"x-shopify-hmac-sha256": base64_of(mac(key, body))},
}
TIMED = ("standard-webhooks", "svix", "terra", "stripe", "oura", "whoop")
UNTIMED = tuple(sorted(PROFILES.keys() - set(TIMED)))
OLD, NEW = SECRETS["OLD_SECRET"].encode(), SECRETS["NEW_SECRET"].encode()


def sender(scheme: str, profile: str = "", *secrets: str, name: str = "one", user: str = "") -> Sender:
    return Sender(name, "310123455", "One", ("tenovi",), Auth(scheme, profile, user, secrets or ("OLD_SECRET",)), active=True)


def check(one: Sender, headers: Mapping[str, str], body: bytes = BODY, now: float = NOW) -> Sender:
    return authenticate([one], SECRETS.get, headers, body, now)


def refused(one: Sender, headers: Mapping[str, str], body: bytes = BODY, now: float = NOW) -> str:
    with pytest.raises(Unauthenticated) as caught:
        check(one, headers, body, now)
    assert caught.value.remedy
    return caught.value.reason


def test_every_profile_has_a_signer_here() -> None:
    assert SIGNERS.keys() == PROFILES.keys()


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_vendor_signs_is_recognised(profile: str) -> None:
    one = sender("hmac", profile)
    assert check(one, SIGNERS[profile](OLD, BODY, NOW)) is one


@pytest.mark.parametrize("profile", PROFILES)
def test_a_changed_body_is_refused(profile: str) -> None:
    assert refused(sender("hmac", profile), SIGNERS[profile](OLD, BODY, NOW), BODY + b" ") == "the credentials do not match"


@pytest.mark.parametrize("profile", PROFILES)
def test_another_secret_is_refused(profile: str) -> None:
    refused(sender("hmac", profile), SIGNERS[profile](b"guess", BODY, NOW))


@pytest.mark.parametrize("profile", PROFILES)
def test_while_a_secret_is_changed_both_are_taken(profile: str) -> None:
    one = sender("hmac", profile, "OLD_SECRET", "NEW_SECRET")
    assert check(one, SIGNERS[profile](OLD, BODY, NOW)) is one
    assert check(one, SIGNERS[profile](NEW, BODY, NOW)) is one


@pytest.mark.parametrize("profile", PROFILES)
def test_after_the_change_the_old_secret_is_refused(profile: str) -> None:
    refused(sender("hmac", profile, "NEW_SECRET"), SIGNERS[profile](OLD, BODY, NOW))


@pytest.mark.parametrize("profile", TIMED)
@pytest.mark.parametrize("drift", [-300, 0, 300])
def test_a_clock_may_be_five_minutes_off(profile: str, drift: int) -> None:
    one = sender("hmac", profile)
    assert check(one, SIGNERS[profile](OLD, BODY, NOW + drift)) is one


@pytest.mark.parametrize("profile", TIMED)
@pytest.mark.parametrize("drift", [-301, 301, -86400, 86400])
def test_a_replay_outside_the_tolerance_is_refused(profile: str, drift: int) -> None:
    assert "300 s" in refused(sender("hmac", profile), SIGNERS[profile](OLD, BODY, NOW + drift))


@pytest.mark.parametrize("profile", UNTIMED)
def test_a_profile_without_a_time_leaves_replays_to_the_message_id(profile: str) -> None:
    one = sender("hmac", profile)
    assert check(one, SIGNERS[profile](OLD, BODY, NOW), now=NOW + 1e9) is one


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("change", [str.swapcase, lambda text: text + "=AAAA", lambda text: f"!!{text}", lambda text: f"{text},{text}"])
def test_a_signature_is_taken_as_it_stands_or_not_at_all(profile: str, change: Callable[[str], str]) -> None:
    name = PROFILES[profile].signature
    good = SIGNERS[profile](OLD, BODY, NOW)
    refused(sender("hmac", profile), good | {name: change(good[name])})


@pytest.mark.parametrize("profile", PROFILES)
def test_each_header_that_is_left_out_is_named(profile: str) -> None:
    good = SIGNERS[profile](OLD, BODY, NOW)
    for name in good:
        rest = {other: value for other, value in good.items() if other != name}
        assert name in refused(sender("hmac", profile), rest)


TIMES = [
    "",
    " ",
    "nan",
    "1e400",
    "-1",
    "+1764150000",
    "1_764150000",
    "1764150000.9",
    "١٧٦٤١٥٠٠٠٠",
    "0x69",
    "9" * 400,
    "1764150000, 1764150000",
]


@pytest.mark.parametrize("time", TIMES)
def test_a_time_is_ascii_digits_or_refused_even_if_it_was_signed(time: str) -> None:
    headers = signed_over(f"{MESSAGE}.{time}.", {"webhook-id": MESSAGE, "webhook-timestamp": time})
    assert refused(sender("hmac", "standard-webhooks"), headers) == "webhook-timestamp is missing or no whole number"


def test_milliseconds_where_seconds_are_due_are_refused() -> None:
    time = f"{NOW}000"
    headers = signed_over(f"{MESSAGE}.{time}.", {"webhook-id": MESSAGE, "webhook-timestamp": time})
    refused(sender("hmac", "standard-webhooks"), headers)


@pytest.mark.parametrize("message", ["", "a.b", "a b", "å", "x" * 257, "a\n"])
def test_an_id_with_a_dot_or_worse_is_refused_even_if_it_was_signed(message: str) -> None:
    headers = signed_over(f"{message}.{NOW}.", {"webhook-id": message, "webhook-timestamp": str(NOW)})
    assert refused(sender("hmac", "standard-webhooks"), headers) == "webhook-id is missing or malformed"


def signed_over(start: str, headers: Headers) -> Headers:
    return headers | {"webhook-signature": "v1," + base64_of(mac(OLD, start.encode() + BODY))}


GOOD = SIGNERS["standard-webhooks"](OLD, BODY, NOW)["webhook-signature"]
BAD = "v1," + base64_of(bytes(32))


@pytest.mark.parametrize(
    "signatures",
    [
        f"{BAD} {GOOD}",
        f"{GOOD} {BAD}",
        f"v2,AAAA {GOOD}",
        f"v1a,AAAA {GOOD}",
        f"garbage {GOOD}",
        f"v1,å {GOOD}",
        f"v1,a,b {GOOD}",
        f"v1,abc {GOOD}",
    ],
)
def test_a_good_signature_counts_whatever_stands_beside_it(signatures: str) -> None:
    one = sender("hmac", "standard-webhooks")
    assert check(one, SIGNERS["standard-webhooks"](OLD, BODY, NOW) | {"webhook-signature": signatures}) is one


@pytest.mark.parametrize(
    "signatures", ["garbage", "v1a,AAAA", "v1", ",", " ", "v1,", "v1,å", "v1,a,b", "v1,abc", GOOD[3:], GOOD.replace("v1,", "v2,")]
)
def test_no_known_signature_is_no_signature(signatures: str) -> None:
    refused(sender("hmac", "standard-webhooks"), SIGNERS["standard-webhooks"](OLD, BODY, NOW) | {"webhook-signature": signatures})


@pytest.mark.parametrize("count", [8, 1000])
def test_more_than_eight_signatures_are_refused_before_any_is_tried(count: int) -> None:
    many = " ".join([GOOD] + [BAD] * count)
    headers = SIGNERS["standard-webhooks"](OLD, BODY, NOW) | {"webhook-signature": many}
    assert "more than 8 signatures" in refused(sender("hmac", "standard-webhooks"), headers)


def test_base64_with_stray_last_bits_is_another_text() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = GOOD[:-2] + alphabet[alphabet.index(GOOD[-2]) ^ 1] + "="
    assert base64.b64decode(twin[3:]) == base64.b64decode(GOOD[3:])
    refused(sender("hmac", "standard-webhooks"), SIGNERS["standard-webhooks"](OLD, BODY, NOW) | {"webhook-signature": twin})


@pytest.mark.parametrize(
    "header", ["t={now},t={now},v1={good}", "v1={good}", "t=,v1={good}", "t= {now},v1={good}", "t={now},v0={good}", "t={now};v1={good}"]
)
def test_a_paired_header_has_its_time_once_and_its_signature_as_v1(header: str) -> None:
    good = SIGNERS["terra"](OLD, BODY, NOW)["terra-signature"].partition("v1=")[2]
    refused(sender("hmac", "terra"), {"terra-signature": header.format(now=NOW, good=good)})


def test_a_paired_header_may_hold_older_schemes_beside_v1() -> None:
    one = sender("hmac", "terra")
    assert check(one, {"terra-signature": SIGNERS["terra"](OLD, BODY, NOW)["terra-signature"] + ",v0=abc"}) is one


def test_a_whsec_secret_is_base64_for_standard_webhooks() -> None:
    key = base64.b64decode(WHSEC.removeprefix("whsec_"))
    one = sender("hmac", "standard-webhooks", "WHSEC")
    assert check(one, SIGNERS["standard-webhooks"](key, BODY, NOW)) is one


def test_a_whsec_secret_is_the_key_as_it_stands_for_stripe() -> None:
    one = sender("hmac", "stripe", "WHSEC")
    assert check(one, SIGNERS["stripe"](WHSEC.encode(), BODY, NOW)) is one


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!", "whsec_abc", "whsec_å", ""])
def test_a_secret_that_cannot_be_one_opens_nothing(secret: str) -> None:
    headers = SIGNERS["standard-webhooks"](b"", BODY, NOW)
    with pytest.raises(Unauthenticated):
        authenticate([sender("hmac", "standard-webhooks")], lambda name: secret, headers, BODY, NOW)


def test_a_static_secret_is_recognised() -> None:
    one = sender("header", "x-api-key")
    assert check(one, {"x-api-key": SECRETS["OLD_SECRET"]}) is one


@pytest.mark.parametrize(
    "value", ["", "wrong", "OLD_SECRET", "old secret of the vendor ", "old secret of the vendo", "old secret of the vendor,x", "\udc80"]
)
def test_anything_but_the_static_secret_is_refused(value: str) -> None:
    refused(sender("header", "x-api-key"), {"x-api-key": value})


def test_a_missing_header_is_named() -> None:
    assert refused(sender("header", "x-api-key"), {}) == "the header x-api-key is missing"


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_basic_credentials_are_recognised(scheme: str) -> None:
    one = sender("basic", user="bridge")
    assert check(one, {"authorization": f"{scheme} {base64_of(b'bridge:' + OLD)}"}) is one


@pytest.mark.parametrize(
    "value", [b"bridge:", b"bridge", b"other:" + OLD, b"bridge:" + OLD + b" ", b":" + OLD, b"bridge:" + NEW, b"\xff\xfe"]
)
def test_other_basic_credentials_are_refused(value: bytes) -> None:
    refused(sender("basic", user="bridge"), {"authorization": f"Basic {base64_of(value)}"})


@pytest.mark.parametrize("value", ["Basic", "Basic ", "Basic !!", "Bearer x", "å", "Basic " + base64_of(b"bridge:" + OLD) + "=AAAA"])
def test_malformed_basic_credentials_are_refused(value: str) -> None:
    refused(sender("basic", user="bridge"), {"authorization": value})


@pytest.mark.parametrize(
    "one", [sender("header", "x-api-key", "EMPTY"), sender("header", "x-api-key", "NOT_SET"), sender("basic", "", "EMPTY", user="u")]
)
def test_a_secret_that_is_not_set_matches_nothing(one: Sender) -> None:
    for guess in ("", " ", "None", f"Basic {base64_of(b'u:')}", f"Basic {base64_of(b'u:None')}"):
        refused(one, {"x-api-key": guess, "authorization": guess})


def test_the_sender_whose_secret_it_is_is_found_among_many() -> None:
    senders = [
        sender("header", "x-api-key", name="old"),
        sender("header", "x-api-key", "NEW_SECRET", name="new"),
        sender("basic", user="u"),
    ]
    assert authenticate(senders, SECRETS.get, {"x-api-key": SECRETS["NEW_SECRET"]}, BODY, NOW).name == "new"


def test_no_senders_is_nobody() -> None:
    with pytest.raises(Unauthenticated):
        authenticate([], SECRETS.get, {}, BODY, NOW)


@pytest.mark.parametrize("one", [sender("", ""), sender("none", ""), sender("hmac", "unheard-of")])
def test_a_scheme_that_is_not_known_is_closed(one: Sender) -> None:
    refused(one, {"x-api-key": SECRETS["OLD_SECRET"], "": ""})


def test_every_secret_of_every_sender_is_compared_after_a_match_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest

    def count(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", count)
    senders = [sender("header", "x-api-key", "OLD_SECRET", "NEW_SECRET", name=str(n)) for n in range(4)]
    authenticate(senders, SECRETS.get, {"x-api-key": SECRETS["OLD_SECRET"]}, BODY, NOW)
    assert len(compared) == 8


def test_of_several_senders_reasons_the_nearest_is_told() -> None:
    senders = [sender("header", "x-api-key"), sender("hmac", "terra"), sender("hmac", "nuki")]
    with pytest.raises(Unauthenticated, match="300 s"):
        authenticate(senders, SECRETS.get, SIGNERS["terra"](OLD, BODY, NOW - 400), BODY, NOW)


TOWN = [sender("header", "x-api-key"), sender("basic", user="u"), sender("hmac", "standard-webhooks"), sender("hmac", "nuki")]


def refusal(senders: Sequence[Sender], headers: Mapping[str, str]) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        authenticate(senders, SECRETS.get, headers, BODY, NOW)
    return caught.value


def test_without_any_credentials_every_header_that_would_do_is_named_whoever_is_registered_first() -> None:
    told = "no credentials: none of the headers authorization, webhook-signature, x-api-key, x-nuki-signature-sha256 is there"
    assert {refusal(senders, {"accept": "*/*"}).reason for senders in (TOWN, TOWN[::-1])} == {told}


def test_a_signature_that_was_forgotten_is_told_by_its_own_name() -> None:
    assert refusal(TOWN, {"webhook-id": MESSAGE, "webhook-timestamp": str(NOW)}).reason == "the header webhook-signature is missing"


def test_whether_basic_would_do_is_told_to_who_answers() -> None:
    assert refusal(TOWN, {}).basic
    assert not refusal([sender("header", "x-api-key")], {}).basic


def test_a_secret_that_is_not_set_is_answered_like_a_wrong_one_and_the_remedy_fits_both() -> None:
    unset, wrong = (refusal([sender("header", "x-api-key", name)], {"x-api-key": "mine"}) for name in ("NOT_SET", "OLD_SECRET"))
    assert (unset.reason, unset.remedy) == (wrong.reason, wrong.remedy)
    assert "ask the municipality whether your secret is set" in unset.remedy


def test_the_example_that_senders_check_their_code_by_is_right() -> None:
    page = (Path(__file__).parent.parent / "docs" / "senders.md").read_text()
    secret = re.search(r"invented secret\s+`(whsec_[^`]+)`", page)
    request = re.search(r"^    POST .*\n((?:    [a-z-]+: .*\n)+)\n    (.+)$", page, re.MULTILINE)
    assert secret and request
    headers = dict(line.strip().split(": ", 1) for line in request[1].splitlines())
    one = sender("hmac", "standard-webhooks")
    assert authenticate([one], lambda _name: secret[1], headers, request[2].encode(), 1_767_225_600) is one
    assert len(request[2]) == 25


def test_every_header_of_every_profile_stands_in_the_senders_contract() -> None:
    page = (Path(__file__).parent.parent / "docs" / "senders.md").read_text()
    rows = {name: next(line for line in page.splitlines() if line.startswith(f"| `{name}`")) for name in PROFILES}
    named = {name: [header for header in (row.signature, row.timestamp, row.id) if header] for name, row in PROFILES.items()}
    assert [(name, header) for name, headers in named.items() for header in headers if header not in rows[name]] == []


def test_a_request_without_a_body_is_signed_over_its_path() -> None:
    one, path = sender("hmac", "standard-webhooks"), b"/api/v1/receipts/abc"
    assert check(one, SIGNERS["standard-webhooks"](OLD, path, NOW), path) is one


EVERY_SENDER = [
    *(sender("hmac", profile, "OLD_SECRET", "WHSEC") for profile in PROFILES),
    sender("header", "x-api-key"),
    sender("basic", user="u"),
]
EVERY_HEADER = sorted({"x-api-key", "authorization", *(name for signer in SIGNERS.values() for name in signer(OLD, BODY, NOW))})
ANY_TEXT = st.text(st.characters(), max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1"))
NEARLY = st.sampled_from([str(NOW), f"{NOW}000", MESSAGE, f"t={NOW},v1=" + "0" * 64, BAD, "sha256=" + "0" * 64, "Basic dTpw", "v1,", "t="])


@given(st.dictionaries(st.sampled_from(EVERY_HEADER), ANY_TEXT | NEARLY), st.binary(max_size=100))
def test_nothing_in_any_header_raises_anything_else_or_is_accepted(headers: Headers, body: bytes) -> None:
    with pytest.raises(Unauthenticated) as caught:
        authenticate(EVERY_SENDER, SECRETS.get, headers, body, NOW)
    told = caught.value.reason + caught.value.remedy
    assert not [value for value in headers.values() if len(value) > 12 and value in told]


@given(st.sampled_from(sorted(PROFILES)), st.data())
def test_no_one_character_of_a_signed_request_can_be_another(profile: str, data: st.DataObject) -> None:
    good = SIGNERS[profile](OLD, BODY, NOW)
    name = data.draw(st.sampled_from(sorted(good)))
    at = data.draw(st.integers(0, len(good[name]) - 1))
    other = data.draw(st.characters().filter(lambda character: character != good[name][at]))
    refused(sender("hmac", profile), good | {name: good[name][:at] + other + good[name][at + 1 :]})
