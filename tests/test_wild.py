"""JSON from outside: what is read, what is refused, and that no answer repeats what was sent."""

from decimal import Decimal

import pytest

from shared.domain import wild
from shared.domain.clock import OSLO
from shared.errors import PayloadError

SECRET = "14834812097"


def refusal(ask: object) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        ask()  # type: ignore[operator]
    assert SECRET not in f"{caught.value.reason} {caught.value.remedy}"
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
        b'{"a":1e400}',
        b'{"a":01}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":1,"a":1}',
        b'{"a":"\\u0000"}',
        b'{"a":"\x7f"}',
        b'{"\\u0001":1}',
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":99999999999999999999}',
        b'{"a":1e-300}',
        b'{"a":"' + b"x" * 4097 + b'"}',
    ],
)
def test_what_is_no_strict_json_is_refused(body: bytes) -> None:
    assert refusal(lambda: wild.parse(body)).field == "$"


@pytest.mark.parametrize("body", [b"{}", b"[]", b"1", b'"x"', b'{"a":{"a":1}}', b"[" * 32 + b"]" * 32, '{"a":"æ\\n\\\\u0000"}'.encode()])
def test_strict_json_is_read(body: bytes) -> None:
    assert wild.parse(body).path == "$"


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


def test_a_wall_time_is_read_in_its_zone() -> None:
    assert wild.Wild("2026-07-01T08:00:00", "$").local_time(OSLO).isoformat() == "2026-07-01T06:00:00+00:00"


def test_a_wall_time_that_happened_twice_is_refused() -> None:
    assert "Europe/Oslo" in refusal(lambda: wild.Wild("2026-10-25T02:30:00", "$").local_time(OSLO)).remedy
