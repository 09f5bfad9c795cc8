"""No patient data, no free text and no secret in logs, queues, keys, columns, refusals or receipts: 200 seeded, then everything searched.

The payload columns b00, b01 ... hold the payloads, compressed; that is what they are for.
"""

import asyncio
import base64
import json
import random
import re
import threading
import time
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueClient

from shared.domain.person import kind
from shared.hub import TABLES, open_hub
from shared.notice.listen import listen
from shared.notice.reconcile import reconcile
from shared.notice.watch import watch
from shared.settings import Settings
from shared.storage.packs import unsqueeze
from shared.storage.queues import NAMES, PARCELS, RECEIPTS, read
from tests.running import (
    ALARM_BUTTON,
    CONTROLLER,
    EPJ,
    HWI_DEVICE,
    PATIENCE,
    PREFIX,
    SCALE,
    SHELF,
    Running,
    Town,
    example,
    receipt_of,
    until,
    wire,
    witness,
)

pytestmark = pytest.mark.usefixtures("faultless")

PAYLOAD = re.compile(r"b\d\d")
FIRST = ("Stille", "Rund", "Blid", "Lun", "Spak", "Klar", "Rask", "Myk", "Varm", "Kvikk")
LAST = ("Fjellbekk", "Myrstein", "Skogstjern", "Havbris", "Lyngmo", "Nattugle", "Granskog", "Bjørkeløv", "Sjøsprøyt", "Åskam")


@dataclass(frozen=True, slots=True)
class Seeds:
    """Invented, and each said nowhere else in the world: 80 numbers, 50 names, 50 texts, 20 secrets."""

    numbers: Sequence[str]
    names: Sequence[str]
    texts: Sequence[str]
    secrets: Sequence[str]

    @property
    def all(self) -> list[str]:
        return [*self.numbers, *self.names, *self.texts, *self.secrets]


@dataclass(slots=True)
class Traffic:
    """What was said while the seeds went through."""

    seeds: Seeds
    hub: Running
    answers: list[requests.Response] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)  # as told in the end, in full
    delivered: list[str] = field(default_factory=list)  # what journals got
    queued: list[str] = field(default_factory=list)


def numbers(chance: random.Random) -> Iterator[str]:
    """Synthetic fødselsnumre: 80 added to the month, both check digits right."""
    while True:
        base = f"{chance.randint(1, 28):02}{chance.randint(81, 92)}{chance.randint(0, 99):02}{chance.randint(0, 999):03}"
        yield from [number for ending in range(100) if kind(number := f"{base}{ending:02}")][:1]


def planted(hub: Running) -> Seeds:
    chance = random.Random(20260302)  # noqa: S311 -- the same on every run
    found = numbers(chance)
    wrong = [f"feil-hemmelighet-{chance.getrandbits(64):016x}" for _ in range(20 - len(hub.secret))]
    return Seeds(
        numbers=[next(found) for _ in range(80)],
        names=[f"{first} {last}-{chance.getrandbits(24):06x}" for first in FIRST for last in LAST[:5]],
        texts=[f"fritekst {chance.getrandbits(40):010x} {last.lower()}" for last in LAST for _ in range(5)],
        secrets=[*hub.secret.values(), *wrong],
    )


# Payloads that carry them


def changed(adapter: str, name: str, change: Callable[[Any], object]) -> bytes:
    tree = json.loads(example(adapter, name))
    change(tree)
    return json.dumps(tree, ensure_ascii=False).encode()


def dispense(number: str, name: str, text: str) -> bytes:
    def change(tree: Any) -> None:
        tree["identifier"][0]["value"] = f"{number}/{text}"
        tree["subject"]["identifier"]["value"], tree["subject"]["display"] = number, name
        tree["dosageInstruction"][0]["text"] = text

    return changed("vkp", "dispense.json", change)


def fall(number: str, name: str, text: str, other: str = "") -> bytes:
    def change(tree: Any) -> None:
        note, issue = tree["entry"][0]["resource"], tree["entry"][1]["resource"]
        tree["identifier"]["value"] = text
        note["subject"] = {"identifier": note["subject"]["identifier"] | {"value": number}, "display": name}
        note["title"] = note["section"][0]["title"] = text
        issue["patient"] = {"identifier": note["subject"]["identifier"] | {"value": other or number}, "display": name}
        issue["code"]["coding"][0]["display"] = issue["code"]["text"] = text

    return changed("vkp", "fall-unanswered.json", change)


def reading(**changes: Any) -> bytes:
    return changed("tenovi", "weight-in-pounds.json", lambda tree: tree.update(changes))


def request(name: str, text: str, cid: str = ALARM_BUTTON, more: str = "") -> bytes:
    """`ref` is the sender's own reference, which every answer must repeat: no place for a person."""
    tags = f"<ref>S{zlib.crc32(f'{name}{text}{cid}{more}'.encode())}</ref><cid>{cid}</cid><dty>0003</dty><stc>0010</stc>"
    return f"<mrq>{tags}<dte>{text}</dte><stt>{name}</stt>{more}</mrq>".encode()


def good(seeds: Seeds) -> Iterator[tuple[str, bytes, str]]:
    """Adapter, body, resource."""
    for number, name, text in zip(seeds.numbers[:20], seeds.names, seeds.texts, strict=False):
        yield "vkp", dispense(number, name, text), "medicationdispense"
        yield "vkp", fall(number, name, text), "bundle"
        yield "tenovi", reading(patient_id=number, device_name=name, hardware_uuid=text), ""
        yield "scaip", request(name, text), ""


def bad(seeds: Seeds) -> Iterator[tuple[str, bytes, str]]:
    """Mangled in every way that an error message could quote from; each person in some of them."""
    for turn, number in enumerate(seeds.numbers[20:]):
        ways = mangled(number, seeds.names[turn % 50], seeds.texts[-1 - turn % 50])
        yield from (ways[(turn + step) % len(ways)] for step in range(0, len(ways), 3))


def mangled(number: str, name: str, text: str) -> list[tuple[str, bytes, str]]:
    other = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"  # a wrong check digit
    return [
        ("vkp", dispense(other, name, f"{text} {number}"), "medicationdispense"),
        ("vkp", fall(number, name, text, other="14834812097"), "bundle"),
        ("vkp", fall(number, name, text)[:-20], "bundle"),
        ("vkp", f'{{"resourceType": "{number}", "{name}": "{text}"}}'.encode(), "bundle"),
        ("vkp", f'{{"{number}": 1, "{number}": "{name} {text}"}}'.encode(), "bundle"),
        ("tenovi", reading(hwi_device_id=number, device_name=name), ""),
        ("tenovi", reading(metric=number, value_1=name), ""),
        ("tenovi", reading(value_1=text, value_2=number), ""),
        ("tenovi", reading(timestamp=f"{number} {name}"), ""),
        ("tenovi", reading(device_name={number: [name, text]}), ""),
        ("tenovi", f'{{"metric": "{number}", "{name}": {text}}}'.encode(), ""),
        ("ttn", changed("ttn", "door-open.json", lambda tree: tree["end_device_ids"].update(dev_eui=number, device_id=name)), ""),
        ("ttn", changed("ttn", "door-open.json", lambda tree: tree["uplink_message"].update(decoded_payload={number: name})), ""),
        ("ttn", changed("ttn", "door-open.json", lambda tree: tree["uplink_message"].update(decoded_payload={"door": text})), ""),
        ("scaip", request(name, text, cid=number), ""),
        ("scaip", request(name, f"{text} {number} {name} {text}"), ""),
        ("scaip", request(name, text, more=f"<x{number}>{name}</x{number}>"), ""),
        ("scaip", request(name, text, more=f"<stt>{number}</stt><dco>{number}</dco>"), ""),
        ("scaip", request(name, text)[:-9], ""),
    ]


def at_wrong_doors(town: Town, seeds: Seeds) -> Iterator[requests.Response]:
    """In addresses, where they must not be, and as credentials that are not right."""
    url = town.hub.url
    for number, name, secret in zip(seeds.numbers, seeds.names, seeds.secrets[-6:], strict=False):
        yield wire().post(f"{url}/api/v1/{number}/tenovi", data=b"{}", timeout=PATIENCE)
        yield wire().post(f"{url}/api/v1/{town.orgnr}/{name}", data=b"{}", headers={"X-Scales-Secret": secret}, timeout=PATIENCE)
        yield wire().get(f"{url}/api/v1/receipts/{number}?pid={number}", timeout=PATIENCE)
        yield wire().get(f"{url}/api/v1/receipts/{town.orgnr}.{number}.routine.0.0", timeout=PATIENCE)
        yield wire().get(f"{url}/{urllib.parse.quote(name)}", timeout=PATIENCE)
        yield from at_the_shelf(town, number, name)
        yield town.post("tenovi", reading(patient_id=number), x_scales_secret=secret)
        yield town.post("vkp", fall(number, name, secret), webhook_signature=f"v1,{secret}")
        yield town.post("scaip", request(name, number), authorization=f"Basic {secret}")


def at_the_shelf(town: Town, number: str, name: str) -> Iterator[requests.Response]:
    """By a journal that may fetch; what it asks for says too much."""
    claims = {"nhn:vkp/client/claims/vkp-id": EPJ, "scope": [f"{PREFIX}bundle.read"], "aud": "nhn:vkp"}
    proof, shelf = {"Authorization": f"Bearer {town.hub.issuer.mint(claims)}"}, f"{town.hub.url}/jft/{town.orgnr}/v1"
    for path in (f"{number}", f"Bundle?patient={number}", f"Bundle?{number}={name}", f"Bundle?cursor={number}", f"Bundle/{number}/$status"):
        yield wire().get(f"{shelf}/{path}", headers=proof, timeout=PATIENCE)
    yield wire().post(f"{shelf}/Bundle/_search", data={"identifier": number, "name": name}, headers=proof, timeout=PATIENCE)
    yield wire().post(f"{shelf}/Bundle/{number}/$journaling-acknowledged", headers=proof, timeout=PATIENCE)


# The run


@pytest.fixture(scope="module")
def traffic(running: Running) -> Iterator[Traffic]:
    """All of it, through one municipality whose journal keeps what it gets and one whose journal refuses everything, quoting it; and a
    third, whose journal fails now and then."""
    traffic = Traffic(planted(running), running)
    holders = zip((CONTROLLER, HWI_DEVICE), (ALARM_BUTTON, SCALE), traffic.seeds.numbers, traffic.seeds.names, strict=False)
    devices = "".join(DEVICE.format(system=system, value=value, number=number, name=name) for system, value, number, name in holders)
    with witness() as (keeper, kept), witness(422) as (refuser, _):
        devices += SHELF.format(vkp_id=EPJ)
        town, strict, faint = running.town(devices, journal=keeper), running.town(devices, journal=refuser), running.town(devices)
        with watched(traffic):
            follow(traffic, town, [*good(traffic.seeds), *bad(traffic.seeds)])
            follow(traffic, strict, list(good(traffic.seeds)))
            traffic.answers += at_wrong_doors(town, traffic.seeds)
            until_queues_seen(traffic, faint)
        traffic.delivered = [call.body.decode() for call in kept]
    asyncio.run(looked_at(traffic))
    yield traffic


async def looked_at(traffic: Traffic) -> None:
    """By the timers that come only now and then: who was heard, what needs a human, what became of each receipt of the day."""
    settings = Settings.from_env({"AzureWebJobsStorage": traffic.hub.storage, "HUB_PATIENT_KEY": "k" * 32})
    tomorrow = await open_hub(settings, lambda: time.time() + 24 * 3600)
    for look in (listen, watch, reconcile):
        await look(tomorrow)
    await tomorrow.close()


DEVICE = """
[[device]]
system = "{system}"
value = "{value}"
citizen = "{number}"
name = "{name}"
since = 2026-01-01T00:00:00+01:00
"""


def follow(traffic: Traffic, town: Town, payloads: Sequence[tuple[str, bytes, str]]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: town.post(one[0], one[1], resource=one[2] or "bundle"), payloads))
        taken = [receipt_of(answer) for answer in answers if answer.status_code == 202]
        traffic.receipts += map(json.dumps, pool.map(town.until_settled, taken))
    traffic.answers += answers


@contextmanager
def watched(traffic: Traffic) -> Iterator[None]:
    """Peeks into the queues all the time: the hub is quick to empty them."""
    stop = threading.Event()

    def watch() -> None:
        queues = [QueueClient.from_connection_string(traffic.hub.storage, name) for name in NAMES]
        while not stop.wait(0.02):
            for queue in queues:
                traffic.queued += [
                    f"{queue.queue_name} {read_message(message.content)}" for message in queue.peek_messages(max_messages=32)
                ]

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def read_message(content: str) -> str:
    """As it stands, and as the hub reads it."""
    return f"{content} {read(base64.b64decode(content))}"


def until_queues_seen(traffic: Traffic, town: Town) -> None:
    """More of the same until something was seen in every queue. Parcels of alarms go through theirs only to be tried again."""
    number, name, text = traffic.seeds.numbers[0], traffic.seeds.names[0], traffic.seeds.texts[0]
    tries = iter(range(1000))

    def seen() -> bool:
        more = f"{text} {next(tries)}"
        town.settled("vkp", dispense(number, name, more), resource="medicationdispense")
        town.tell_journal("fail", status=503, calls=1)
        town.settled("scaip", request(name, more[:32].replace(" ", "-")))
        return {message.split(" ")[0] for message in traffic.queued} == set(NAMES)

    until(seen, "a message in every queue")


# What was said


def found(seeds: Seeds, texts: Iterable[str]) -> list[str]:
    """Seeds that stand in one of the texts: as they are, in JSON's escapes, or percent-encoded."""
    everything = "\n".join(texts)
    return [seed for seed in seeds.all if any(form in everything for form in {seed, json.dumps(seed)[1:-1], urllib.parse.quote(seed)})]


def rows(traffic: Traffic, table: str) -> list[Mapping[str, Any]]:
    with TableServiceClient.from_connection_string(traffic.hub.storage) as service, service.get_table_client(table) as client:
        return list(client.list_entities())


def written(value: Any) -> str:
    """A column's value in characters; long states are compressed."""
    return zlib.decompress(value).decode() if isinstance(value, bytes) else str(value)


def test_two_hundred_seeds_were_planted(traffic: Traffic) -> None:
    assert len(set(traffic.seeds.all)) == 200


def test_the_seeds_reached_the_journal_that_they_were_meant_for(traffic: Traffic) -> None:
    seeds = traffic.seeds
    assert {*seeds.numbers[:20], *seeds.names[:20], *seeds.texts[:20]} <= set(found(seeds, traffic.delivered))


def test_payloads_of_all_adapters_were_taken_refused_and_set_aside(traffic: Traffic) -> None:
    assert {202, 400, 401, 404} <= {answer.status_code for answer in traffic.answers}
    ends = {(receipt["receipt"].split(".")[1], receipt["status"]) for receipt in map(json.loads, traffic.receipts)}
    assert {(sender, "set aside") for sender in ("dispensers", "scales", "sensors", "bridge")} <= ends
    assert {("dispensers", "delivered"), ("dispensers", "parked")} <= ends


def test_nothing_of_them_stands_in_the_log(traffic: Traffic) -> None:
    assert found(traffic.seeds, [traffic.hub.log()]) == []


def test_no_answer_of_the_hub_repeats_them(traffic: Traffic) -> None:
    assert found(traffic.seeds, (f"{answer.headers} {answer.text}" for answer in traffic.answers)) == []


def test_no_receipt_tells_them(traffic: Traffic) -> None:
    assert found(traffic.seeds, traffic.receipts) == []


def test_no_queue_holds_them(traffic: Traffic) -> None:
    assert {message.split(" ")[0] for message in traffic.queued} == set(NAMES)
    assert found(traffic.seeds, traffic.queued) == []


# no DPoP here, and nobody who administers
@pytest.mark.parametrize("table", [table for table in TABLES if table not in ("register", "replays", "admin")])
def test_no_key_and_no_column_beside_the_payload_holds_them(traffic: Traffic, table: str) -> None:
    stored = rows(traffic, table)
    beside = (f"{name}={written(value)}" for row in stored for name, value in row.items() if not PAYLOAD.fullmatch(name))
    assert stored and found(traffic.seeds, beside) == []


def test_no_key_of_the_register_holds_them(traffic: Traffic) -> None:
    keys = (f"{name}={value}" for row in rows(traffic, "register") for name, value in row.items() if not PAYLOAD.fullmatch(name))
    assert found(traffic.seeds, keys) == []


def test_no_payload_stands_in_its_column_uncompressed(traffic: Traffic) -> None:
    stored = [value for table in TABLES for row in rows(traffic, table) for name, value in row.items() if PAYLOAD.fullmatch(name)]
    assert stored and found(traffic.seeds, (value.decode("latin-1") for value in stored)) == []


def test_what_is_kept_about_each_message_beside_its_body_does_not_name_them(traffic: Traffic) -> None:
    """A parcel knows its patient by a keyed hash."""
    blobs = (
        b"".join(row[name] for name in sorted(row) if PAYLOAD.fullmatch(name))
        for half in (RECEIPTS, PARCELS)
        for row in rows(traffic, half)
    )
    entries = [str(entry) for blob in blobs if blob for entry in unsqueeze(blob)[0]]
    assert entries and found(traffic.seeds, entries) == []


def test_only_secrets_of_the_register_are_known_by_name(traffic: Traffic) -> None:
    """The register names secrets; their values stand in the settings alone."""
    blobs = (zlib.decompress(row["b00"]).decode() for row in rows(traffic, "register"))
    assert not set(found(traffic.seeds, blobs)) & set(traffic.seeds.secrets)
