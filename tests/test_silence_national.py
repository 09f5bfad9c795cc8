"""200 fødselsnummer through the national contract, in every place where one could stand: none in logs, rows, URLs and error texts.

A payload's own columns hold payloads, compressed (test_silence); the audit log's columns are opened and searched.
"""

import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import pytest
import requests

from shared.hub import TABLES
from shared.storage.packs import joined
from tests.running import PATIENCE, Running, Town, receipt_of, wire
from tests.test_silence import PAYLOAD, Seeds, Traffic, dispense, fall, found, numbers, rows, watched, written

pytestmark = pytest.mark.usefixtures("faultless")
FNR = "urn:oid:2.16.578.1.12.4.1.4.1"


@dataclass(slots=True)
class National(Traffic):
    """And what was asked of the journal."""

    asked: list[str] = field(default_factory=list)


Way = Callable[[Town, Mapping[str, str], str], requests.Response]


def _search(resource: str, form: Callable[[str], Any], **more: str) -> Way:
    """`more`: headers; {} in one stands for the number."""

    def ask(town: Town, token: Mapping[str, str], number: str) -> requests.Response:
        headers = {"ServiceCodes": "rt", **token, **{name.replace("_", "-"): value.replace("{}", number) for name, value in more.items()}}
        return town.search(resource, form(number), None, headers)

    return ask


def _write(resource: str, body: Callable[[str], bytes]) -> Way:
    return lambda town, token, number: town.write(body(number), resource, token)


def _at(path: str) -> Way:
    return lambda town, token, number: wire().post(
        f"{town.hub.url}{path.format(orgnr=town.orgnr, number=number)}", headers=dict(token), data=b"{}", timeout=PATIENCE
    )


WAYS: tuple[Way, ...] = (
    _search("patient", lambda number: {"identifier": number}),
    _search("condition", lambda number: {"identifier": f"{FNR}|{number}"}),
    _search("patient", lambda number: {"identifier": number}, ServiceCodes="{}"),
    _search("patient", lambda number: {"identifier": number}, ServiceCodes="ta,a{}"),
    _search("patient", lambda number: {"identifier": number}, X_Correlation_Id="{}"),
    _search("patient", lambda _number: None, X_Correlation_Id="{}"),
    _search("patient", lambda number: {"identifier": number}, nhn_event_id="00000000-0000-4000-8000-0{}"),
    _search("patient", lambda number: {"identifier": number}, Authorization="Bearer {}"),
    _search("patient", lambda number: {number: number}),
    _search("patient", lambda number: [("identifier", number), ("patient", f"https://epj.example/no|{number}")]),
    _search("patient", lambda number: {"identifier": f"{number[:-1]}{(int(number[-1]) + 1) % 10}", "name": number}),
    _search("patient", lambda number: {"identifier": f"https://epj.example/no|{number}"}),
    _search("careplan", lambda number: {"identifier": number, "date": f"ge{number}"}),
    _search("patient", lambda number: f'{{"identifier": "{number}"}}'.encode()),
    _write("medicationdispense", lambda number: dispense(number, "Stille Fjellbekk", f"fritekst {number}")),
    _write("bundle", lambda number: fall(number, "Stille Fjellbekk", f"fritekst {number}")),
    _write("bundle", lambda number: fall(number, "Stille Fjellbekk", number, other="14834812097")),
    _write("bundle", lambda number: fall(number, "Stille Fjellbekk", number)[:-9]),
    _write("bundle", lambda number: f'{{"resourceType": "{number}", "{number}": "{number}"}}'.encode()),
    _write("communication", lambda number: f'{{"resourceType": "Communication", "status": "{number}"}}'.encode()),
    _at("/epj/r4/{number}/bundle"),
    _at("/epj/r4/{orgnr}/{number}"),
    _at("/epj/r4/{orgnr}/{number}/_search"),
    _at("/epj/r4/{orgnr}/patient/_search?identifier={number}"),
    _at("/api/v1/receipts/{number}"),
)


def _known_by_number(town: Town, number: str) -> requests.Response:
    """Somebody's issuer lets a person's number into a token."""
    token = town.hub.issuer.mint({"nhn:vkp/client/claims/vkp-id": f"Respons {number}", "client_id": number})
    return town.search("patient", {"identifier": number}, "rt", {"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def traffic(running: Running) -> Iterator[National]:
    chance = random.Random(20261125)  # noqa: S311 -- the same on every run
    seeds = Seeds(list(islice(numbers(chance), 200)), [], [], [])
    traffic = National(seeds, running)
    towns = [running.town(), running.town(validation="strict")]
    lying = running.town()
    lying.tell_journal("wrong-patient")
    token = towns[0].bearer()
    jobs = list(zip(cycle((*towns, lying)), cycle(WAYS), [number for number in seeds.numbers for _ in range(3)], strict=False))
    with watched(traffic), ThreadPoolExecutor(8) as pool:
        traffic.answers += pool.map(lambda job: job[1](job[0], token, job[2]), jobs)
        traffic.answers += pool.map(lambda number: _known_by_number(towns[0], number), seeds.numbers[:20])
        taken = [receipt_of(answer) for answer in traffic.answers if answer.status_code == 202]
        for town in (*towns, lying):
            mine = [receipt for receipt in taken if receipt.startswith(town.orgnr)]
            traffic.receipts += (_settled(town, receipt, token) for receipt in mine)
    for town in (*towns, lying):
        traffic.asked.append(wire().get(f"{running.journal}/_sandbox/{town.orgnr}-journal/asked", timeout=PATIENCE).text)
    yield traffic


def _settled(town: Town, receipt: str, token: Mapping[str, str]) -> str:
    path = f"/api/v1/receipts/{receipt}"
    while (answer := town.hub.get(path, token)).json()["status"] in ("received", "transformed"):
        pass
    return answer.text


def test_every_way_was_gone_with_good_ends_and_bad(traffic: National) -> None:
    assert {200, 202, 400, 401, 403, 404, 502} <= {answer.status_code for answer in traffic.answers}
    assert not [answer.status_code for answer in traffic.answers if answer.status_code in (500, 501)]


def test_no_number_stands_in_the_log(traffic: National) -> None:
    assert found(traffic.seeds, [traffic.hub.log()]) == []


def test_no_answer_repeats_a_number_but_the_searchset_about_its_bearer(traffic: National) -> None:
    others = (f"{answer.headers} {answer.text if answer.status_code != 200 else ''}" for answer in traffic.answers)
    assert found(traffic.seeds, others) == []


def test_no_receipt_and_no_queue_tells_a_number(traffic: National) -> None:
    assert traffic.receipts and found(traffic.seeds, traffic.receipts) == [] == found(traffic.seeds, traffic.queued)


def test_no_number_went_to_the_journal_in_an_address_or_a_parameter_s_name(traffic: National) -> None:
    assert found(traffic.seeds, traffic.asked) == []


@pytest.mark.parametrize("table", [table for table in TABLES if table != "register"])
def test_no_key_and_no_column_beside_the_payload_holds_a_number(traffic: National, table: str) -> None:
    stored = rows(traffic, table)
    beside = (f"{name}={written(value)}" for row in stored for name, value in row.items() if not PAYLOAD.fullmatch(name))
    assert found(traffic.seeds, beside) == []


def test_the_audit_log_holds_entries_and_no_number(traffic: National) -> None:
    blobs = [zlib.decompress(joined(row)).decode() for row in rows(traffic, "audit") if "b00" in row]
    assert sum(blob.count("\n") for blob in blobs) > 300
    assert found(traffic.seeds, blobs) == []


def test_a_number_is_found_where_it_does_stand(traffic: National) -> None:
    """The search itself works: what a sender asked for is in the form that it sent."""
    assert found(traffic.seeds, [f"identifier={traffic.seeds.numbers[7]}"]) == [traffic.seeds.numbers[7]]
