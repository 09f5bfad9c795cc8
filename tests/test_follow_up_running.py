"""A whole exchange with a response centre, on a running hub: a button is pressed, the centre is told, and says what it did about it."""

import json
from typing import Any

import pytest

from local.messages import opened
from local.messages_command import main
from tests.running import ALARM_BUTTON, CONTROLLER, STILLE, Running, bound, example, until, witness
from tests.test_follow_up import answer

ENDPOINT = """
[[endpoint]]
name = "centre"
title = "Responssenter"
adapter = "response_centre"
url = "{url}"
auth = {{ scheme = "webhook", secrets = ["TEST_DISPENSERS"] }}

[[route]]
endpoint = "centre"
lanes = ["alarm"]
"""


def test_a_pressed_button_is_told_to_the_centre_and_its_word_is_told_to_all_who_ask(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    with witness(202) as (url, seen):
        town = running.town(bound(CONTROLLER, ALARM_BUTTON, STILLE) + ENDPOINT.format(url=url))
        alarm = town.sent("scaip", example("scaip", "alarm-fall.xml"))
        town.until_settled(alarm)
        [call] = seen
        pushed = json.loads(call.body)
        assert pushed["type"] == "alert.bundle"
        reply = town.write(json.dumps(answer(pushed["data"]["identifier"])).encode(), "Bundle")
        assert reply.status_code == 202, reply.text

        def followed() -> list[Any]:
            return [parcel for parcel in town.told(alarm)["parcels"] if "followed" in parcel]

        [parcel] = until(followed, "the follow-up is noted")
    assert [(step["code"], step["by"]) for step in parcel["followed"]] == [("1", "national"), ("3", "national")]
    notes = until(lambda: len(town.notes()) == 2 and town.notes(), "both are journaled")
    assert "Hendelse kvittert" in json.dumps(notes, ensure_ascii=False)
    capsys.readouterr()
    assert main(["show", alarm], lambda: opened({"AzureWebJobsStorage": running.storage})) == 0
    shown = capsys.readouterr().out
    assert f"Levering    {parcel['parcel']}" in shown and "22.11.2026 13:10:00  hendelse kvittert, sier national" in shown
