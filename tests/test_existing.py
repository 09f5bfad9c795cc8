"""What a filter of the admin API may name: what the municipality has or had, and what can be there at all."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from shared.admin import messages, stops
from shared.admin.door import Asked
from shared.messages.asked import event
from tests.administering import let_in as let_in
from tests.test_forward import journalled
from tests.test_transform import Town, note

pytestmark = pytest.mark.usefixtures("let_in")


async def found(here: Town, query: str) -> Any:
    reply = await messages.find(here.hub, Asked(here.tenant.orgnr, {}, "GET", "/", query, b"", {}))
    told = orjson.loads(reply.body)
    return told if reply.status == 400 else [one["receipt"] for one in told["messages"]]


def test_what_has_left_the_register_is_found_as_long_as_it_has_messages_and_named_among_those_there_are(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("n0"))
            await here.run()
            [sender], [endpoint] = here.tenant.senders, here.tenant.endpoints
            new = (replace(sender, name="newcomer"),), (replace(endpoint, name="newcomer"),)
            here.book.change(replace(here.tenant, senders=new[0], endpoints=new[1], routes=()))
            assert await found(here, "sender=cloud&endpoint=journal") == [receipt]
            assert await found(here, "sender=newcomer") == []
            assert (await found(here, "sender=clowd"))["remedy"] == "send one of cloud, newcomer"
            assert (await found(here, "endpoint=jurnal"))["remedy"] == "send one of journal, newcomer"
            held = Asked(here.tenant.orgnr, {}, "POST", "/", "", b'{"sender": "cloud", "reason": "x"}', {"act": "stop"})
            assert (await stops.change(here.hub, held)).status == 404, "what the register does not have, it does not stop"

    asyncio.run(run())


def test_a_time_may_have_its_plus_as_people_write_it_though_an_address_reads_it_as_a_blank(storage: str) -> None:
    async def run() -> None:
        async with journalled(storage) as (here, _):
            receipt = await here.post(note("n0"))
            at = datetime.fromtimestamp(here.clock(), timezone(timedelta(hours=1)))
            before, after = ((at + timedelta(minutes=minutes)).isoformat() for minutes in (-1, 1))
            assert "+01:00" in before
            for plus in ("+", "%2B", "%20"):
                asked = [
                    query.replace("+", plus) for query in (f"from={before}&to={after}", f"from={after}", f"to={before}&from=2020-01-01")
                ]
                assert [await found(here, query) for query in asked] == [[receipt], [], []]
            assert (await found(here, "sender=a+b"))["field"] == "$.sender"

    asyncio.run(run())


def test_an_event_is_a_kind_a_code_or_both_and_a_number_may_be_one_that_no_table_has() -> None:
    right = "alert 4.1 alert:4.1 note:1 99.7 29463-7 measurement:body_weight body_weight document:bundle bundle"
    assert [text for text in right.split() if not event(text)] == []
    wrong = "fall alerts alerts:4.1 :4.1 alert: alert:fall 4.1:alert alert:alert measurement:weight 4.1. x:4"
    assert [text for text in ("", *wrong.split()) if event(text)] == []
