"""By which words an operator finds what national documents tell: those that a format of ours has for the same."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.devices.vkp.adapter import ADAPTER as VKP
from local.messages_options import read
from shared.flow.events import events
from shared.flow.translate import Context, translate
from shared.messages.words import events as told
from tests.test_forward import journalled
from tests.test_messages import found

EXAMPLES = Path(__file__).parent.parent / "adapters/devices/vkp/examples"
ANYWHERE = Context("r", datetime(2026, 11, 26, tzinfo=UTC), "Eksempel kommune", "Prøvesky", lambda _device, _at: None)


@pytest.mark.parametrize(
    ("example", "words"),
    [
        ("fall-unanswered", ["document:bundle", "alert:4.1"]),
        ("dispense", ["document:medicationdispense", "dispensed:1.1"]),
        ("supervision", ["document:bundle", "supervision:1"]),
        ("supervision-without-note", ["document:encounter", "supervision:1"]),
        ("readings-followed-up", ["document:bundle", "measurement:5.2.1", "measurement:85354-9", "measurement:29463-7"]),
        ("unknown-alert-code", ["document:bundle", "alert:4.99"]),
        ("note", ["document:composition"]),
    ],
)
def test_a_national_document_tells_what_happened_and_not_only_that_it_is_one(example: str, words: list[str]) -> None:
    assert events(translate(VKP, (EXAMPLES / f"{example}.json").read_bytes(), ANYWHERE).documents) == words


def test_an_alert_without_a_national_code_is_an_alert_all_the_same() -> None:
    body = (EXAMPLES / "fall-unanswered.json").read_bytes().replace(b'"4.1"', b'"FALL"')
    assert events(translate(VKP, body, ANYWHERE).documents) == ["document:bundle", "alert"]


def test_an_alert_that_came_as_a_national_document_is_found_as_an_alert(storage: str) -> None:
    async def run() -> list[int]:
        async with journalled(storage) as (here, _):
            await here.post((EXAMPLES / "fall-unanswered.json").read_bytes())
            await here.run()
            return [
                len(await found(here, event=word))
                for word in ("alert", "alert:4.1", "4.1", "document", "bundle", "alert:4.2", "measurement")
            ]

    assert asyncio.run(run()) == [1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    "word", ["alert:4.1", "dispensed:1.1", "supervision:5", "measurement:body_weight", "note:2", "document:bundle", "alert"]
)
def test_what_the_table_prints_of_an_event_is_taken_as_a_filter(word: str) -> None:
    printed = told({"events": [word]})
    assert printed != word
    for typed in (word, printed, printed.replace(" ", ":")):
        assert read(["find", "310123455", "--event", typed]).event == word


def test_what_happened_is_printed_before_the_kind_of_document_that_told_it() -> None:
    assert told({"events": ["document:bundle", "alert:4.1", "measurement:8867-4"]}) == "varsel 4.1, måling 8867-4, dokument bundle"


@pytest.mark.parametrize(("printed", "state"), [("levert", "delivered"), ("lagt til side", "set aside"), ("parked", "parked")])
def test_what_the_table_prints_of_a_state_is_taken_as_a_filter(printed: str, state: str) -> None:
    assert read(["find", "310123455", "--state", printed]).state == state
