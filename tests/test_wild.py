"""JSON from outside: what is read, what is refused, and that no answer repeats what was sent."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from shared.domain import wild
from shared.domain.clock import OSLO, ClockError, partial
from shared.errors import PayloadError

SECRET = "14834812097"


def refusal(ask: object) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        ask()  # type: ignore[operator]
    assert SECRET not in f"{caught.value.reason} {caught.value.remedy}"
    assert caught.value.remedy.endswith(".")
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":1}x',
        b"[1,]",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":1,"a":1}',
        b'{"a":"\x01"}',
        b'{"a":"\n"}',
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"[" * 100_000,
    ],
)
def test_what_is_no_strict_json_is_refused(body: bytes) -> None:
    assert refusal(lambda: wild.parse(body)).field == "$"


@pytest.mark.parametrize("body", [b"{}", b"[]", b"1", b'"x"', b'{"a":{"a":1}}', b"[" * 32 + b"]" * 32, '{"a":"æ\\n\\\\u0000"}'.encode()])
def test_strict_json_is_read(body: bytes) -> None:
    assert wild.parse(body).path == "$"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b" ", "is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a":1}'.encode("utf-16-le"), "zero bytes"),
        (b'{"a":"bl\xe5"}', "is not UTF-8 at byte 9"),
        (b'{"a":\n 1,}', "is not JSON, at line 2"),
        (b'{"a":"\x07"}', "control character or a line break in a text, at line 1, column 7"),
        (b"{} {}", "something after the JSON value"),
        (b'{"a":NaN}', "NaN or an infinity"),
        (b'{"a":[-Infinity]}', "NaN or an infinity"),
        (b'{"a":1,"a":1}', "same key twice"),
        (b"[" * 33 + b"]" * 33, "deeper than 32 levels"),
        (b"[" * 9000, "deeper than 32 levels"),
    ],
)
def test_what_cannot_be_read_is_told_its_own_cause(body: bytes, why: str) -> None:
    assert why in refusal(lambda: wild.parse(body)).reason


@pytest.mark.parametrize("half", ["\\ud800", "\\uDC00x", "\\ud800\\u0041"])
def test_half_a_surrogate_pair_is_refused_where_it_stands(half: str) -> None:
    assert refusal(lambda: wild.parse(f'[{{"a":"{half}"}}]'.encode())).field == "$[0].a"


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert wild.parse(b'{"a":"\\ud83d\\ude00"}')["a"].text() == "\U0001f600"


ODD_TEXTS = ['"\\u0000"', '"\x7f"', f'"{"x" * 4097}"']
ODD_NUMBERS = ["1e400", "-1e400", "9" * 5000, "99999999999999999999", "1e-300", "0." + "1" * 5000, "1e99999999999999999999"]


@pytest.mark.parametrize("odd", [*ODD_TEXTS, *ODD_NUMBERS])
def test_an_odd_field_that_nobody_reads_refuses_nothing(odd: str) -> None:
    assert wild.parse(f'{{"a":{odd},"b":82.50}}'.encode())["b"].number() == Decimal("82.50")


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_an_odd_text_is_refused_where_it_is_read(odd: str) -> None:
    assert refusal(lambda: wild.parse(f'[{{"a":{odd}}}]'.encode())[0]["a"].text()).field == "$[0].a"


@pytest.mark.parametrize("odd", ODD_NUMBERS)
@pytest.mark.parametrize("read", [wild.Wild.number, wild.Wild.integer])
def test_an_odd_number_is_refused_where_it_is_read(odd: str, read: Callable[[wild.Wild], object]) -> None:
    told = refusal(lambda: read(wild.parse(f'[{{"a":{odd}}}]'.encode())[0]["a"]))
    assert told.field == "$[0].a" and "number" in told.reason


@pytest.mark.parametrize("odd", ODD_NUMBERS)
def test_an_odd_number_is_no_text_no_flag_no_time_no_code_and_nothing_long_to_print(odd: str) -> None:
    field = wild.parse(f'{{"a":{odd}}}'.encode())["a"]
    for ask in (
        field.text,
        field.flag,
        field.time,
        field.list,
        lambda: field["b"],
        lambda: field.one_of({1: 2}),
        lambda: field.local_time(OSLO),
    ):
        assert refusal(ask).field == "$.a"
    assert len(repr(field)) < 200


@pytest.mark.parametrize("odd", [*ODD_TEXTS, *ODD_NUMBERS])
def test_a_body_that_goes_on_as_it_came_is_refused_for_an_odd_field_anywhere(odd: str) -> None:
    assert refusal(lambda: wild.parse(f'{{"a":[{{"b":{odd}}}]}}'.encode(), 4096)).field == "$.a[0].b"


@pytest.mark.parametrize("key", ["\\u0001", "x" * 4097])
def test_an_odd_key_counts_too_where_the_body_goes_on(key: str) -> None:
    assert "has a key that" in refusal(lambda: wild.parse(f'{{"a":{{"{key}":1}}}}'.encode(), 4096)).reason


def test_a_path_names_no_key_that_may_be_somebody() -> None:
    assert refusal(lambda: wild.parse(f'{{"{SECRET}":{{"Stille":"\\u0007"}}}}'.encode(), 4096)).field == "$.?.?"


def test_a_longer_text_is_read_where_it_was_asked_for() -> None:
    assert len(wild.parse(b'{"a":"' + b"x" * 5000 + b'"}', 5000)["a"].text(5000)) == 5000


def test_decimals_keep_their_digits() -> None:
    assert str(wild.parse(b'{"a":82.50}')["a"].number()) == "82.50"


def test_a_number_may_be_written_as_a_text() -> None:
    assert wild.parse(b'{"a":"120.00"}')["a"].number() == Decimal("120.00")


@pytest.mark.parametrize(
    "value", ['"12e3"', '"+1"', '" 1"', '"1_0"', '"٣"', '"01"', '""', "true", "null", "[]", "1000000000", "1.2345678901234", '"NaN"']
)
def test_what_is_no_plain_number_is_refused(value: str) -> None:
    refusal(lambda: wild.parse(f'{{"a":{value}}}'.encode())["a"].number())


def test_a_missing_field_is_named() -> None:
    assert refusal(lambda: wild.parse(b'{"a":[{"b":1}]}')["a"][0]["c"]).field == "$.a[0].c"


def test_null_is_missing() -> None:
    assert wild.parse(b'{"a":null}').get("a") is None


def test_a_field_of_something_else_than_an_object_is_refused() -> None:
    assert refusal(lambda: wild.parse(f'["{SECRET}"]'.encode())[0]["a"]).reason == "$[0]: expected an object"


def test_a_place_beyond_the_end_of_a_list_is_missing() -> None:
    assert refusal(lambda: wild.parse(b"[1]")[1]).field == "$[1]"


def test_a_place_before_the_start_of_a_list_is_missing() -> None:
    assert wild.parse(b"[1]").get(-1) is None


def test_an_object_where_a_list_is_due_is_refused() -> None:
    refusal(lambda: wild.parse(b"{}").list())


def test_parts_of_a_list_know_their_place() -> None:
    assert [part.path for part in wild.parse(b'{"a":[1,2]}')["a"].list()] == ["$.a[0]", "$.a[1]"]


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "a\tb", "x" * 11])
def test_a_text_that_is_empty_long_or_broken_is_refused(value: str) -> None:
    refusal(lambda: wild.Wild(value, "$").text(10))


def test_prose_may_have_line_breaks() -> None:
    assert wild.Wild("a\nb", "$").text(lines=True) == "a\nb"


@pytest.mark.parametrize("value", [1, 0, "true", None])
def test_only_true_and_false_are_flags(value: object) -> None:
    refusal(wild.Wild(value, "$").flag)


@pytest.mark.parametrize("value", [True, Decimal("1.0"), "1"])
def test_only_whole_numbers_are_whole_numbers(value: object) -> None:
    refusal(wild.Wild(value, "$").integer)


@pytest.mark.parametrize("value", [SECRET, True, None, ["FD"], {"FD": 1}])
def test_an_unknown_code_is_refused_without_naming_it(value: object) -> None:
    assert refusal(lambda: wild.Wild(value, "$.c").one_of({"FD": 1, 1: 2})).reason == "$.c: is not one of the 2 known codes"


def test_a_known_code_gives_what_the_table_has() -> None:
    assert wild.Wild("FD", "$").one_of({"FD": "fall"}) == "fall"


@pytest.mark.parametrize("value", [SECRET, "2026-03-02T08:03:11", 1772434991, "1970-01-01T00:00:00Z"])
def test_a_time_that_is_no_instant_is_refused(value: object) -> None:
    refusal(wild.Wild(value, "$").time)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1772434991, "expected a text with date and time"),
        ("1772434991", "it counts seconds"),
        ("1772434991123", "it counts milliseconds"),
        ("2026-03-02", "the time of day is missing"),
        ("2026-03-02T08:03+01:00", "the seconds are missing"),
        ("2026-03-02T08:03:11+99:00", "no place has this offset"),
        ("2026-03-02 08:03:11Z", "a T stands between"),
        ("2026-03-02T08:03:11", "has no offset"),
        ("2026-02-30T08:03:11Z", "a day that does not exist"),
        ("", "is no time of the form"),
    ],
)
def test_a_time_is_told_what_is_the_matter_with_it_and_what_to_send(value: object, why: str) -> None:
    told = refusal(wild.Wild(value, "$").time)
    assert why in told.reason and "2026-03-02T08:03:11+01:00" in told.remedy


@pytest.mark.parametrize("text", ["2026", "2026-03", "2026-03-02"])
def test_a_date_may_stop_at_the_day(text: str) -> None:
    assert partial(text)


@pytest.mark.parametrize("text", ["2026-03-02T08:03:11Z", "i natt", "", "20260302"])
def test_what_is_no_date_alone_is_said_to_be_none(text: str) -> None:
    assert not partial(text)


@pytest.mark.parametrize("text", ["1999", "2026-13", "2026-02-30", "0000-01-01"])
def test_a_date_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ClockError):
        partial(text)


def test_a_wall_time_is_read_in_its_zone() -> None:
    assert wild.Wild("2026-07-01T08:00:00", "$").local_time(OSLO).isoformat() == "2026-07-01T06:00:00+00:00"


def test_a_wall_time_that_happened_twice_is_refused() -> None:
    assert "Europe/Oslo" in refusal(lambda: wild.Wild("2026-10-25T02:30:00", "$").local_time(OSLO)).remedy
