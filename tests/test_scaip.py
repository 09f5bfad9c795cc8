"""SCAIP: the answers that a bridge waits for, and the numbers of the standard."""

import pytest

from adapters.devices.scaip import codes, mrq
from adapters.devices.scaip.adapter import ADAPTER
from shared.domain.message import Lane
from shared.errors import PayloadError

PRESSED = {"ref": "E0000001", "cid": "4700000101", "dty": "0003", "stc": "0010"}


def request(**tags: str) -> bytes:
    return f"<mrq>{''.join(f'<{tag}>{text}</{tag}>' for tag, text in tags.items() if text)}</mrq>".encode()


def answer(body: bytes | None, status: int = 202) -> str:
    said = mrq.answer([mrq.read(body)] if body else None, status, "a-receipt")
    assert (said.status, said.media) == (status, "application/scaip+xml")
    return said.body.decode().partition("?>\n")[2].rstrip()


def test_a_request_that_we_hold_is_answered_ok_with_its_reference() -> None:
    assert answer(request(**PRESSED)) == "<mrs><ref>E0000001</ref><snu>0</snu><cve>01.00</cve><mre>0</mre><cre>61</cre></mrs>"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dty": ""}, "<snu>7</snu><ste>dty</ste>"),
        ({"stt": "x" * 33}, "<snu>1</snu><ste>stt</ste>"),
        ({"pri": "høy"}, "<snu>1</snu><ste>pri</ste>"),
        ({"stc": "AB"}, "<snu>2</snu><ste>stc</ste>"),
        ({"xyz": "1"}, "<snu>3</snu><ste>mrq</ste>"),
    ],
)
def test_a_fault_is_answered_with_its_number_and_its_tag(change: dict[str, str], said: str) -> None:
    assert answer(request(**PRESSED | change)) == f"<mrs><ref>E0000001</ref>{said}</mrs>"


def test_a_reference_that_breaks_its_pattern_is_not_echoed() -> None:
    assert answer(request(**PRESSED | {"ref": "E-1"})) == "<mrs><snu>2</snu><ste>ref</ste></mrs>"


@pytest.mark.parametrize(("status", "number"), [(400, 2), (413, 1), (415, 2), (401, 5), (404, 5), (429, 5), (503, 5)])
def test_what_we_do_not_hold_is_never_answered_ok(status: int, number: int) -> None:
    assert answer(None, status) == f"<mrs><snu>{number}</snu></mrs>"


def test_the_hub_that_cannot_store_a_good_request_asks_for_it_again() -> None:
    assert answer(request(**PRESSED), 503) == "<mrs><ref>E0000001</ref><snu>5</snu></mrs>"


@pytest.mark.parametrize("dty", [*codes.TYPES, "0000", "9999"])
def test_every_device_that_raises_an_alarm_is_heard(dty: str) -> None:
    items = ADAPTER.split(request(**PRESSED | {"dty": dty, "stc": "0009"}))
    assert ADAPTER.lane(items) is Lane.ALARM
    assert dty in ADAPTER.decode(items[0])[0].what.text  # type: ignore[union-attr]


@pytest.mark.parametrize("stc", [*codes.STATUSES, "0999"])
def test_every_status_is_written_in_words_and_number(stc: str) -> None:
    (event,) = ADAPTER.decode(ADAPTER.split(request(**PRESSED | {"stc": stc}))[0])
    assert f"{codes.STATUSES.get(stc, 'ukjent status')} ({stc})" in event.what.text  # type: ignore[union-attr]


@pytest.mark.parametrize("lco", [*codes.PLACES, "777"])
def test_every_place_is_said_in_words(lco: str) -> None:
    (event,) = ADAPTER.decode(ADAPTER.split(request(**PRESSED | {"lco": lco}))[0])
    assert event.what.place == codes.PLACES.get(lco, f"kode {lco}")  # type: ignore[union-attr]


def test_a_fault_that_may_hide_an_alarm_takes_the_alarm_lane() -> None:
    assert ADAPTER.lane(ADAPTER.split(request(**PRESSED | {"mty": "PI", "dty": ""}))) is Lane.ALARM


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "iso-8859-1", "ISO-8859-1", "US-ASCII"])
def test_the_two_encodings_of_the_field_are_read(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + request(**PRESSED)
    assert mrq.read(body).text("ref") == "E0000001"


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-7", "cp037", "no-such", "idna", "zlib"])
def test_any_other_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(PayloadError, match="encoding"):
        mrq.read(f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + request(**PRESSED))


def test_a_thousand_nested_tags_within_the_limit_are_refused() -> None:
    with pytest.raises(PayloadError, match="deeper"):
        mrq.read(b"<mrq>" + b"<a>" * 1100 + b"</a>" * 1100 + b"</mrq>")
